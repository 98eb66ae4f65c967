"""How long people take from a first event to the one that is worth something to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

import numpy as np
import pyarrow as pa

from truelift.questions.dimensions import INDEXED, Placeholders, text_of
from truelift.questions.document import Json, epoch_ms, instant
from truelift.questions.forms import Context, Field, one_of, record, text, whole
from truelift.questions.matching import BadQuestion, Events, candidates, is_text
from truelift.questions.members import AS_OF, EVENTS, ROWS, SINCE, UNTIL, Members
from truelift.questions.period import AT_MS, between, period_obstacles
from truelift.questions.question import Scan, Sequence, Tie
from truelift.questions.table import codes, integers, small_integers
from truelift.questions.tallies import Ranked, Tallies
from truelift.sequences.cells import Cells
from truelift.sequences.waiting_times import START, START_AND_VALUE, VALUE, Waits, waiting_times
from truelift.stats.survival import Reached, SurvivalCurve, survival_curve


MOST_INTERVALS: Final = 20_000
"""Nobody is watched for longer: 54 years of days, 2 years of hours, 13 days of minutes."""

MOST_SHOWN: Final = 1000


class Interval(StrEnum):
    """To what a person's own time is measured; a day is 24 hours, a week seven of them."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"


LENGTH_MS: Final = {
    Interval.MINUTE: 60_000,
    Interval.HOUR: 3_600_000,
    Interval.DAY: 86_400_000,
    Interval.WEEK: 604_800_000,
}


@dataclass(frozen=True, slots=True)
class TimeToValueGroup:
    """How long the people of one group take.

    Attributes:
        value: Of the dimension.
        others: How many more values are here together; 0 for one.
        curve: Their curve, as far as anybody was watched.
    """

    value: str | None
    others: int
    curve: SurvivalCurve


@dataclass(frozen=True, slots=True)
class TimeToValueAnswer:
    """A curve for every group; the largest group first."""

    question: TimeToValue
    groups: tuple[TimeToValueGroup, ...]

    def document(self) -> dict[str, Json]:
        """Write it in the shape of `ask time-to-value --json`."""
        question = self.question
        semantics: dict[str, Json] = {
            "start": question.start.title,
            "value": question.value.title,
            "interval": question.interval.value,
            "interval_s": LENGTH_MS[question.interval] // 1000,
            "from": "first_start_ever",
            "estimate": "kaplan_meier",
            "exact_to": question.interval.value,
            "watched_at_most": MOST_INTERVALS,
            "confidence": 0.95,
            "as_of": instant(question.as_of),
        }
        return {
            "question": question.name,
            "semantics": semantics,
            "groups": [self._group(group) for group in self.groups],
        }

    def _group(self, group: TimeToValueGroup) -> dict[str, Json]:
        question, curve = self.question, group.curve
        entry: dict[str, Json] = {"by": {question.by: group.value} if question.by else {}}
        if group.others:
            entry["others"] = group.others
        shown = curve.points[: question.intervals + 1]
        rows = [_row(point) for point in shown]
        unseen = range(len(shown), question.intervals + 1)
        share = curve.points[-1].share if curve.points else None
        rows += [_row(_beyond(interval, share)) for interval in unseen]
        return {
            **entry,
            "people": curve.units,
            "reached": curve.came,
            "immature": curve.units - curve.came,
            "median": curve.quantile(0.5),
            "quartiles": [curve.quantile(share) for share in (0.25, 0.5, 0.75)],
            "restricted_mean": curve.restricted_mean(question.intervals),
            "rows": rows,
        }


def _beyond(interval: int, share: float | None) -> Reached:
    """Give a point after everybody was either through or watched no further."""
    certain = 1.0 if share == 1 else None
    return Reached(interval, at_risk=0, came=0, left=0, share=certain, low=None, high=None)


def _row(point: Reached) -> dict[str, Json]:
    return {
        "interval": point.interval,
        "at_risk": point.at_risk,
        "reached": point.came,
        "immature": point.left,
        "share": point.share,
        "low": point.low,
        "high": point.high,
    }


@dataclass(frozen=True, slots=True)
class TimeToValue:
    """The time from a person's first start to the value event that follows it.

    Attributes:
        start: From which time runs; a person's first one ever.
        value: What is waited for; another event than the start, at or after its instant.
        as_of: Nothing at or after this counts; who still waits then is immature.
        interval: To what time is measured.
        intervals: How many are shown, and bound the restricted mean.
        by: Dimension or property of the start event to group by.
        since: The start happened at or after this.
        until: And before this.
        max_groups: Smaller groups beyond this many are put together.

    Source:
        docs/methods/time-to-value.md.
    """

    start: Events
    value: Events
    as_of: datetime
    interval: Interval = Interval.DAY
    intervals: int = 30
    by: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    max_groups: int = 20

    def __post_init__(self) -> None:
        reasons = self._obstacles()
        if reasons:
            raise BadQuestion(question="question about time to value", reasons=reasons)

    @property
    def name(self) -> str:
        """The word of its document; `truelift ask time-to-value`."""
        return "time_to_value"

    def scan(self) -> Scan:
        """Read starts, the first ones ever included, and what may follow them."""
        values = Placeholders()
        starts, reaches = self.start.sql(values), self.value.sql(values)
        column, grouped = "", ""
        if self.by:
            column = ", grouped"
            grouped = f", CASE WHEN {starts} THEN {text_of(self.by, values)} END AS grouped"
        return Scan(
            sql=f"""
            SELECT person, at_ms, kind{column}
            FROM (
                SELECT
                    person,
                    {AT_MS} AS at_ms,
                    (CASE
                        WHEN {starts} AND {reaches} THEN {START_AND_VALUE}
                        WHEN {starts} THEN {START}
                        WHEN {reaches} THEN {VALUE}
                        ELSE 0
                    END)::TINYINT AS kind
                    {grouped}
                FROM events
                WHERE {candidates([self.start, self.value], values)}
                    AND {between(None, self.as_of, values)}
            )
            WHERE kind <> 0
            ORDER BY person, at_ms, kind{column}
            """,
            parameters=values.values,
            until=self.as_of,
            sequence=self._sequence(),
        )

    def _sequence(self) -> Sequence | None:
        """Say the same of names and indexed columns alone; anything else needs the events."""
        if any(events.where or not events.names for events in (self.start, self.value)):
            return None
        if self.by is not None and self.by not in INDEXED:
            return None
        marks = dict.fromkeys(self.value.names, VALUE)
        marks |= {name: START_AND_VALUE if name in marks else START for name in self.start.names}
        return Sequence(
            mark_as="kind",
            marks=marks,
            grouped=self.by,
            grouped_where=START,
            ties=(Tie.MARK, Tie.GROUPED) if self.by else (Tie.MARK,),
        )

    def partial(self, rows: pa.Table) -> Tallies:
        """Count the waits of one bucket."""
        person = integers(rows, "person")
        group, titles = codes(rows, "grouped") if self.by else (np.zeros_like(person), [None])
        rules = Waits(
            length_ms=LENGTH_MS[self.interval],
            as_of_ms=epoch_ms(self.as_of),
            intervals=MOST_INTERVALS,
            since_ms=None if self.since is None else epoch_ms(self.since),
            until_ms=None if self.until is None else epoch_ms(self.until),
        )
        if not len(person):
            return Tallies((), rules.columns, Cells.none())
        found = waiting_times(
            unit=person,
            at_ms=integers(rows, "at_ms"),
            kind=small_integers(rows, "kind"),
            group=group,
            groups=len(titles),
            rules=rules,
        )
        return Tallies(tuple(titles), rules.columns, found)

    def merge(self, left: Tallies, right: Tallies) -> Tallies:
        """Add the waits of two buckets."""
        return left + right

    def answer(self, partial: Tallies) -> TimeToValueAnswer:
        """Draw a curve for each of the largest groups."""
        ranked = partial.ranked(partial.totals(), self.max_groups)
        if not ranked and not self.by:
            ranked = (Ranked(None, Cells.none()),)
        groups = (TimeToValueGroup(g.value, g.others, _curve(g.cells)) for g in ranked)
        return TimeToValueAnswer(self, tuple(groups))

    def _obstacles(self) -> list[str]:
        found = []
        for called, events in (("start", self.start), ("value", self.value)):
            if not events.names and not events.where:
                found.append(f"its {called} event has no name")
            found += [f"{called}: {reason}" for reason in events.obstacles()]
        if not 1 <= self.intervals <= MOST_SHOWN:
            found.append(f"it shows {self.intervals} intervals, not 1 to {MOST_SHOWN}")
        if self.by is not None and not (self.by and is_text(self.by)):
            found.append("what it is grouped by is not a name")
        if self.max_groups < 1:
            found.append("it shows no group")
        if self.as_of.tzinfo is None:
            found.append("`as_of` has no time zone")
        return found + period_obstacles(self.since, self.until)


def _curve(cells: Cells) -> SurvivalCurve:
    counts = np.zeros(2 * (int(cells.keys.max(initial=0)) // 2 + 1), dtype=np.int64)
    counts[cells.keys] = cells.counts
    return survival_curve(came=counts[1::2].tolist(), left=counts[::2].tolist())


def _time_to_value(given: Mapping[str, object], context: Context) -> TimeToValue:
    members = Members(given)
    return TimeToValue(
        start=members.get("start", Events()),
        value=members.get("value", Events()),
        as_of=members.get("as_of", context.now),
        interval=members.get("interval", Interval.DAY),
        intervals=members.get("intervals", 30),
        by=members.maybe("by", str),
        since=members.maybe("since", datetime),
        until=members.maybe("until", datetime),
        max_groups=members.get("max_groups", 20),
    )


FORM: Final = record(
    _time_to_value,
    {
        "start": Field(EVENTS, "From which time runs: a person's first one ever.", required=True),
        "value": Field(EVENTS, "What is waited for.", required=True),
        "interval": Field(one_of(Interval), "To what time is measured; `day` when left out."),
        "intervals": Field(whole(least=1, most=MOST_SHOWN), "How many are shown; 30."),
        "by": Field(text(), "Dimension or property of the start event."),
        "since": SINCE,
        "until": UNTIL,
        "as_of": Field(AS_OF.form, "Nothing at or after this counts; now."),
        "max_groups": ROWS,
    },
)
"""How it stands in JSON."""
