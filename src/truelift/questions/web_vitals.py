"""Web vitals: how fast pages show, answer and stay still, at the 75th percentile.

Method:
    docs/methods/web-vitals.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from truelift.questions.dimensions import Placeholders, number_of, text_of
from truelift.questions.document import Json
from truelift.questions.forms import Context, Field, list_of, record, text, whole
from truelift.questions.matching import BadQuestion, Events, candidates, is_text
from truelift.questions.members import EVENTS, ROWS, SINCE, UNTIL, ZONE, Members
from truelift.questions.period import AT_MS, between, period_obstacles
from truelift.questions.question import Scan
from truelift.questions.readings import MOST_STEPS, Readings, Spread
from truelift.questions.session_tally import Coded
from truelift.questions.sessions import Part, days_of
from truelift.questions.table import integers, numbers
from truelift.questions.zone import is_zone


class Vital(StrEnum):
    """What is measured of a page view, in the words of web.dev/vitals."""

    LCP = "lcp"
    INP = "inp"
    CLS = "cls"
    FCP = "fcp"
    TTFB = "ttfb"


class Rating(StrEnum):
    """What a reading is by the published limits."""

    GOOD = "good"
    NEEDS_IMPROVEMENT = "needs_improvement"
    POOR = "poor"


@dataclass(frozen=True, slots=True)
class Limits:
    """When a reading is good, and from when on it is poor.

    Attributes:
        good: The largest that is good, in steps.
        fair: The largest that is not poor, in steps.
        steps: How many of them make one.
        unit: What one is.
    """

    good: int
    fair: int
    steps: int
    unit: str

    def rating(self, reading: float) -> Rating:
        """Say what a reading is; both limits still belong to the better side."""
        if reading <= self.good:
            return Rating.GOOD
        return Rating.NEEDS_IMPROVEMENT if reading <= self.fair else Rating.POOR


def _milliseconds(good: int, fair: int) -> Limits:
    return Limits(good * 10, fair * 10, steps=10, unit="ms")


LIMITS: Final[Mapping[Vital, Limits]] = {
    Vital.LCP: _milliseconds(2500, 4000),
    Vital.INP: _milliseconds(200, 500),
    Vital.CLS: Limits(1000, 2500, steps=10_000, unit="score"),
    Vital.FCP: _milliseconds(1800, 3000),
    Vital.TTFB: _milliseconds(800, 1800),
}
"""The published limits. Browsers give times in tenths of a millisecond, so those are the steps."""

RESOLUTIONS: Final = tuple(
    f"{steps}; rounded up" for steps in ("0.1 ms, CLS 0.0001", "1 ms, CLS 0.001", "10 ms, CLS 0.01")
)
"""What readings are multiples of, by how often they were made coarser; every limit is one, too."""

CORE: Final = (Vital.LCP, Vital.INP, Vital.CLS)
"""The core web vitals: a page passes when all three are good."""

PERCENT: Final = 75

VITALS: Final = Events(("web_vitals", "$web_vitals", *(vital.value.upper() for vital in Vital)))
"""Events that carry readings, as Snowplow, PostHog and the recipes of web-vitals send them."""

PAGE_VIEW_ID: Final = "page_view_id"
SMALLEST: Final = 20
"""Page views of a group, when a question does not say."""

MOST_KEYS: Final = 2

_LONGEST_MS: Final = 600_000
_MOST: Final = dict.fromkeys(Vital, _LONGEST_MS * 10) | {Vital.CLS: 100 * 10_000}
"""Readings beyond ten minutes, or a shift of a hundred pages, are no measurements."""

_VIEWS: Final = 0
_MEASURES: Final = {vital: nth for nth, vital in enumerate(Vital, start=1)}


@dataclass(frozen=True, slots=True)
class VitalsRow:
    """The readings of one group.

    Attributes:
        values: What the group is called, one per key; None for several together.
        others: How many groups this row holds together; 0 for one.
        page_views: Page views that have any reading.
        vitals: Their readings.
    """

    values: tuple[str | None, ...]
    others: int
    page_views: int
    vitals: Mapping[Vital, Spread]

    @property
    def passes(self) -> bool | None:
        """Whether all core web vitals are good; None where one has no reading."""
        found = [_rating(vital, self.vitals[vital]) for vital in CORE]
        return None if None in found else all(each is Rating.GOOD for each in found)

    def document(self) -> dict[str, Json]:
        """Write its numbers."""
        return {
            "page_views": self.page_views,
            "passes": self.passes,
            **{vital.value: _document(vital, spread) for vital, spread in self.vitals.items()},
        }


def _rating(vital: Vital, spread: Spread) -> Rating | None:
    reading = spread.quantile(PERCENT)
    return None if reading is None else LIMITS[vital].rating(reading)


def _document(vital: Vital, spread: Spread) -> dict[str, Json]:
    limits, n = LIMITS[vital], spread.n
    reading, between_ = spread.quantile(PERCENT), spread.quantile_between(PERCENT)
    good, fair = spread.at_most(limits.good), spread.at_most(limits.fair)
    rating = _rating(vital, spread)
    return {
        "n": n,
        "p75": None if reading is None else reading / limits.steps,
        "low": None if between_ is None else between_[0] / limits.steps,
        "high": None if between_ is None else between_[1] / limits.steps,
        "rating": None if rating is None else rating.value,
        "good": good / n if n else None,
        "needs_improvement": (fair - good) / n if n else None,
        "poor": (n - fair) / n if n else None,
    }


@dataclass(frozen=True, slots=True)
class WebVitalsAnswer:
    """Readings by group; every page view is in one row.

    Attributes:
        question: What was asked.
        rows: The groups with most page views first, small ones together at the end; days
            in their order.
        whole: Everything together.
        level: How often readings were made ten times coarser to be held.
    """

    question: WebVitals
    rows: tuple[VitalsRow, ...]
    whole: VitalsRow
    level: int = 0

    def document(self) -> dict[str, Json]:
        """Write it in the shape of `ask web-vitals --json`."""
        question = self.question
        rows: list[Json] = []
        for row in self.rows:
            entry: dict[str, Json] = {"by": dict(zip(question.by, row.values, strict=True))}
            if row.others:
                entry["others"] = row.others
            if row.page_views < question.smallest and row.others:
                entry["small"] = True
            rows.append({**entry, **row.document()})
        return {
            "question": question.name,
            "semantics": {
                "percentile": PERCENT / 100,
                "quantile": "interpolated between readings (Hyndman and Fan, definition 7)",
                "resolution": RESOLUTIONS[self.level],
                "events": question.carriers.title,
                "page_view": question.page_view,
                "smallest": question.smallest,
            },
            "limits": {
                vital.value: {
                    "unit": limits.unit,
                    "good": limits.good / limits.steps,
                    "poor_above": limits.fair / limits.steps,
                }
                for vital, limits in LIMITS.items()
            },
            "rows": rows,
            "whole": self.whole.document(),
        }


@dataclass(frozen=True, slots=True)
class WebVitals:
    """The readings of page views that were sent in a period.

    A page view has one reading of each vital: the last one that was sent of it, since
    INP and CLS grow while a page is open.

    Attributes:
        event: Events that carry readings; None for `VITALS`, of which few sites have all.
        by: Dimensions, properties or `day` that group page views, by the first of their
            readings that has one; two at most.
        page_view: Property with the id of a page view; an event without it is one by itself.
        since: Readings before this are left out.
        until: And those at or after this.
        time_zone: Of the site, for days.
        max_rows: Smaller groups beyond this many are put together.
        smallest: And so are groups of fewer page views than this, days alone excepted.
    """

    event: Events | None = None
    by: tuple[str, ...] = ("path",)
    page_view: str = PAGE_VIEW_ID
    since: datetime | None = None
    until: datetime | None = None
    time_zone: str = "UTC"
    max_rows: int = 100
    smallest: int = SMALLEST

    def __post_init__(self) -> None:
        reasons = self._obstacles()
        if reasons:
            raise BadQuestion(question="question about web vitals", reasons=reasons)

    @property
    def name(self) -> str:
        """The word after `truelift ask`, with an underscore."""
        return "web_vitals"

    @property
    def carriers(self) -> Events:
        """The events that carry readings."""
        return VITALS if self.event is None else self.event

    def scan(self) -> Scan:
        """Read one row per page view: its readings, and what groups it."""
        values = Placeholders()
        keys = {
            f"key{nth}": text_of(name, values)
            for nth, name in enumerate(self.by)
            if name != Part.DAY
        }
        readings = {vital.value: _reading(vital, values) for vital in Vital}
        inner = "".join(f", {sql} AS {name}" for name, sql in (keys | readings).items())
        # Which of a page view's events came first or last: never two at one place.
        place = "row(occurred_at, writer, position)"
        first = "".join(
            f", arg_min({name}, {place}) FILTER (WHERE {name} IS NOT NULL) AS {name}"
            for name in keys
        )
        last = "".join(
            f", arg_max({name}, {place}) FILTER (WHERE {name} IS NOT NULL) AS {name}"
            for name in readings
        )
        return Scan(
            sql=f"""
            SELECT * EXCLUDE (person, view, lone_writer, lone_position)
            FROM (
                SELECT person, view, lone_writer, lone_position, min({AT_MS}) AS at_ms{first}{last}
                FROM (
                    SELECT *,
                        CASE WHEN view IS NULL THEN writer END AS lone_writer,
                        CASE WHEN view IS NULL THEN position END AS lone_position
                    FROM (
                        SELECT person, occurred_at, writer, position,
                            {text_of(self.page_view, values)} AS view{inner}
                        FROM events
                        WHERE {candidates([self.carriers], values)}
                            AND {self.carriers.sql(values)}
                            AND {between(self.since, self.until, values)}
                    )
                )
                GROUP BY person, view, lone_writer, lone_position
            )
            WHERE {" OR ".join(f"{name} IS NOT NULL" for name in readings)}
            ORDER BY person, at_ms, view, lone_writer, lone_position
            """,
            parameters=values.values,
            since=self.since,
            until=self.until,
        )

    def partial(self, rows: pa.Table) -> Readings:
        """Count one bucket's readings by group."""
        keys = [
            days_of(integers(rows, "at_ms"), self.time_zone)
            if name == Part.DAY
            else Coded.column(rows, f"key{nth}")
            for nth, name in enumerate(self.by)
        ]
        measured = {_MEASURES[vital]: steps_of(rows, vital) for vital in Vital}
        # A page view counts when any of its readings is one.
        views = np.unique(np.concatenate([units for units, _ in measured.values()]))
        measured[_VIEWS] = (views, np.zeros(len(views), np.int64))
        return Readings.of(keys, measured, coarse=tuple(_MEASURES.values()))

    def merge(self, left: Readings, right: Readings) -> Readings:
        """Add the readings of two buckets."""
        return left + right

    def answer(self, partial: Readings) -> WebVitalsAnswer:
        """Put the groups with most page views first and the small ones together."""
        whole = _row((), 0, partial.together(), 0)
        if not self.by:
            return WebVitalsAnswer(self, (whole,), whole, partial.level)
        is_daily = self.by == (Part.DAY,)
        shown, rest = partial.split(
            _VIEWS,
            least=1 if is_daily else self.smallest,
            most=None if is_daily else self.max_rows,
        )
        rows = [_row(partial.named(group), 0, partial, group) for group in shown.tolist()]
        if self.by[0] == Part.DAY:
            rows.sort(key=lambda row: row.values[0] or "")
        if len(rest):
            rows.append(_row((None,) * len(self.by), len(rest), partial.together(rest), 0))
        return WebVitalsAnswer(self, tuple(rows), whole, partial.level)

    def _obstacles(self) -> list[str]:
        found = [*self.carriers.obstacles()]
        if not all(name and is_text(name) for name in (*self.by, self.page_view)):
            found.append("a dimension or property has no name")
        if len(self.by) > MOST_KEYS or len(set(self.by)) < len(self.by):
            found.append(f"it is grouped by more than {MOST_KEYS} different things")
        if not is_zone(self.time_zone):
            found.append(f"{self.time_zone[:60]!r} is not a time zone")
        if self.max_rows < 1 or self.smallest < 1:
            found.append("a group has at least one page view, and an answer one row")
        return found + period_obstacles(self.since, self.until)


def steps_of(rows: pa.Table, vital: Vital) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Give the rows that have a reading, and it in steps, rounded up.

    Rounded up, what lies above a limit stays above it. What is off a step by less than a
    millionth of it is that step: binary fractions are.
    """
    found = numbers(rows, vital.value) * LIMITS[vital].steps
    there = np.flatnonzero((found >= 0) & (found <= min(_MOST[vital], MOST_STEPS - 1)))
    return there, np.maximum(np.ceil(found[there] - 1e-6), 0).astype(np.int64)


def _reading(vital: Vital, values: Placeholders) -> str:
    """Give the SQL of an event's reading of a vital, in any of the shapes that senders have.

    All of an event's readings by their own names, PostHog's, or one reading an event
    with its name beside it or as the event's.
    """
    named = values.add(vital.value.upper())
    # GA4's recipe has the difference to the reading before in `value`.
    alone = f"coalesce({number_of('metric_value', values)}, {number_of('value', values)})"
    called = f"coalesce({text_of('metric_name', values)}, {text_of('name', values)}, event)"
    own = number_of(vital.value, values)
    posthog = number_of(f"$web_vitals_{vital.value.upper()}_value", values)
    return f"coalesce({own}, {posthog}, CASE WHEN upper({called}) = {named} THEN {alone} END)"


def _row(values: tuple[str | None, ...], others: int, readings: Readings, group: int) -> VitalsRow:
    return VitalsRow(
        values=values,
        others=others,
        page_views=readings.spread(_VIEWS, group).n,
        vitals={vital: readings.spread(nth, group) for vital, nth in _MEASURES.items()},
    )


def _web_vitals(given: Mapping[str, object], context: Context) -> WebVitals:
    members = Members(given)
    return WebVitals(
        event=members.maybe("event", Events),
        by=members.get("by", ("path",)),
        page_view=members.get("page_view", PAGE_VIEW_ID),
        since=members.maybe("since", datetime),
        until=members.maybe("until", datetime),
        time_zone=members.get("time_zone", context.time_zone),
        max_rows=members.get("max_rows", 100),
        smallest=members.get("smallest", SMALLEST),
    )


FORM: Final = record(
    _web_vitals,
    {
        "by": Field(
            list_of(text(), most=MOST_KEYS),
            "Dimensions, properties or day; `path` when left out.",
        ),
        "event": Field(EVENTS, "Events that carry readings; web_vitals and others."),
        "page_view": Field(text(), "Property with the id of a page view; page_view_id."),
        "time_zone": ZONE,
        "since": SINCE,
        "until": UNTIL,
        "max_rows": ROWS,
        "smallest": Field(
            whole(least=1, most=1_000_000), "Groups of fewer page views are put together; 20."
        ),
    },
)
"""How it stands in JSON."""
