"""What a metric was in a period, in all and day by day or week by week."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from truelift.questions.dimensions import Placeholders
from truelift.questions.document import Json, epoch_ms, instant
from truelift.questions.forms import Context, Field, Form, Mistakes, SavedMetric, one_of, record
from truelift.questions.matching import BadQuestion, candidates
from truelift.questions.members import AS_OF, METRIC, SINCE, UNTIL, ZONE, Members
from truelift.questions.metric import AmountKind, Counted, Metric, MetricKind
from truelift.questions.metric_library import (
    METRIC_LIBRARY,
    Definition,
    Passage,
    Quotient,
    Total,
    Unit,
    What,
    for_site,
)
from truelift.questions.period import (
    AT_MS,
    SESSION_MARGIN,
    between,
    earlier,
    later,
    period_obstacles,
)
from truelift.questions.question import Scan
from truelift.questions.table import integers, numbers
from truelift.questions.trend import MOST_ROWS, Interval
from truelift.questions.zone import day_begins, is_zone, local_day
from truelift.sequences.sessions import LONGEST_MS, session_starts


_STEP: Final = {Interval.DAY: 1, Interval.WEEK: 7}


@dataclass(frozen=True, slots=True)
class Part:
    """What one interval, or the whole period, holds.

    Attributes:
        above: The numerator.
        below: The denominator.
        n: How many people, sessions or events the denominator is made of.
        immature: People whose window is open, left out of both.
    """

    above: float = 0.0
    below: float = 0.0
    n: int = 0
    immature: int = 0

    def __add__(self, other: Part) -> Part:
        """Add the parts of two buckets, whose people are different."""
        return Part(
            self.above + other.above,
            self.below + other.below,
            self.n + other.n,
            self.immature + other.immature,
        )

    def document(self) -> dict[str, Json]:
        """Write it as JSON; a quotient by nothing is null, not 0."""
        return {
            "value": self.above / self.below if self.below else None,
            "numerator": self.above,
            "denominator": self.below,
            "n": self.n,
            "immature": self.immature,
        }


Parts = Mapping[int | None, Part]
"""By local date as days since 1970; None holds the whole period."""


@dataclass(frozen=True, slots=True)
class Break:
    """A change of a metric's definition within the period.

    Attributes:
        at: When.
        before: The version that held until then.
        after: The one that held from then on.
    """

    at: datetime
    before: int
    after: int

    def document(self) -> dict[str, Json]:
        """Write it as JSON."""
        return {"at": instant(self.at), "from_version": self.before, "to_version": self.after}


@dataclass(frozen=True, slots=True)
class Described:
    """What an answer says of its metric.

    Attributes:
        key: Its name.
        title: Its name on pages.
        formula: In words; empty for a site's own.
        unit: What it is counted in; empty for one that was stated in full.
        better: Which way it gets better; empty where nobody said.
        version: Of a site's own metric, the one that the whole answer uses.
        breaks: Where the site changed its definition within the period.
    """

    key: str
    title: str = ""
    formula: str = ""
    unit: str = ""
    better: str = ""
    version: int | None = None
    breaks: tuple[Break, ...] = ()


@dataclass(frozen=True, slots=True)
class MetricValueAnswer:
    """A metric's value, in all and over time; intervals without anything are rows, too."""

    question: MetricValue
    whole: Part
    rows: tuple[tuple[datetime, Part], ...]

    def document(self) -> dict[str, Json]:
        """Write it in the shape of `ask metric --json`."""
        of = self.question.of
        metric: dict[str, Json] = {
            "key": of.key,
            "title": of.title or of.key,
            "formula": of.formula or None,
            "unit": of.unit or None,
            "better": of.better or None,
            "version": of.version,
        }
        return {
            "question": self.question.name,
            "metric": metric,
            **self.whole.document(),
            "interval": self.question.interval.value,
            "time_zone": self.question.time_zone,
            "rows": [{"begins": instant(at), **part.document()} for at, part in self.rows],
            "breaks": [each.document() for each in of.breaks],
        }


@dataclass(frozen=True, slots=True)
class MetricValue:
    """A metric over a period.

    Attributes:
        definition: What it is made of.
        of: What the answer says of it.
        as_of: A window that ends at or after this instant is open.
        since: Begin of the period.
        until: Its end, excluded.
        interval: How long a row is; days and weeks only.
        time_zone: Whose days.
    """

    definition: Definition
    of: Described
    as_of: datetime
    since: datetime | None = None
    until: datetime | None = None
    interval: Interval = Interval.DAY
    time_zone: str = "UTC"

    def __post_init__(self) -> None:
        reasons = self._obstacles()
        if reasons:
            raise BadQuestion(question="question about a metric", reasons=reasons)

    @property
    def name(self) -> str:
        """The word in a question's document."""
        return "metric_value"

    def scan(self) -> Scan:
        """Read totals where a sum per interval is enough, else the events in order."""
        match self.definition:
            case Passage():
                return self._passage_scan(self.definition)
            case Quotient() if self._of_sessions:
                return self._session_scan(self.definition)
            case Quotient():
                return self._total_scan(self.definition)

    def partial(self, rows: pa.Table) -> Parts:
        """Count one bucket."""
        match self.definition:
            case Passage():
                return self._passages(rows, self.definition)
            case Quotient() if self._of_sessions:
                return self._sessions(rows)
            case Quotient():
                return self._totals(rows)

    def merge(self, left: Parts, right: Parts) -> Parts:
        """Add the intervals of two buckets."""
        nothing = Part()
        return {
            slot: left.get(slot, nothing) + right.get(slot, nothing) for slot in {**left, **right}
        }

    def answer(self, partial: Parts) -> MetricValueAnswer:
        """Put the intervals in order, empty ones included."""
        seen = sorted(slot for slot in partial if slot is not None)
        first = self._slot(self.since) if self.since else (seen[0] if seen else None)
        last = seen[-1] if seen else None
        if self.until is not None:
            last = self._slot(self.until - timedelta(milliseconds=1))
        slots = seen
        step = _STEP[self.interval]
        if first is not None and last is not None and (last - first) // step < MOST_ROWS:
            slots = sorted({*seen, *range(first, last + 1, step)})
        rows = ((day_begins(slot, self.time_zone), partial.get(slot, Part())) for slot in slots)
        return MetricValueAnswer(self, partial.get(None, Part()), tuple(rows))

    @property
    def _of_sessions(self) -> bool:
        return isinstance(self.definition, Quotient) and What.SESSIONS in {
            self.definition.above.what,
            self.definition.below.what,
        }

    def _slot_sql(self, values: Placeholders) -> str:
        local = f"timezone({values.add(self.time_zone)}, occurred_at)"
        return f"(date_trunc('{self.interval.value}', {local})::DATE - DATE '1970-01-01')::BIGINT"

    def _total_scan(self, definition: Quotient) -> Scan:
        values = Placeholders()
        slot = self._slot_sql(values)
        sets = [total.counted.events for total in _totals_of(definition) if total.counted]
        anybody = len(sets) < 2
        kept = "true" if anybody else candidates(sets, values)
        above, _ = _total_sql(definition.above, values)
        below, n = _total_sql(definition.below, values)
        return Scan(
            sql=f"""
            SELECT slot, {above} AS above, {below} AS below, {n} AS n
            FROM (
                SELECT *, {slot} AS slot FROM events
                WHERE {kept} AND {between(self.since, self.until, values)}
            )
            GROUP BY GROUPING SETS ((slot), ())
            ORDER BY slot
            """,
            parameters=values.values,
            since=self.since,
            until=self.until,
        )

    def _totals(self, rows: pa.Table) -> Parts:
        columns = zip(
            rows["slot"].to_pylist(),
            numbers(rows, "above").tolist(),
            numbers(rows, "below").tolist(),
            integers(rows, "n").tolist(),
            strict=True,
        )
        return {slot: Part(above, below, n) for slot, above, below, n in columns}

    def _session_scan(self, definition: Quotient) -> Scan:
        values = Placeholders()
        slot = self._slot_sql(values)
        counted = definition.above.counted
        above = "0.0::DOUBLE" if counted is None else _amount_sql(counted, values)
        since = earlier(self.since, SESSION_MARGIN)
        until = later(self.until, timedelta(milliseconds=LONGEST_MS + 1))
        return Scan(
            sql=f"""
            SELECT person, {AT_MS} AS at_ms, {slot} AS slot, coalesce({above}, 0.0) AS above
            FROM events
            WHERE {between(since, until, values)}
            ORDER BY person, at_ms
            """,
            parameters=values.values,
            since=since,
            until=until,
        )

    def _sessions(self, rows: pa.Table) -> Parts:
        at_ms, slot = integers(rows, "at_ms"), integers(rows, "slot")
        inside = self._inside(at_ms)
        starts = session_starts(unit=integers(rows, "person"), at_ms=at_ms)
        starts = starts[inside[starts]]
        above = numbers(rows, "above")
        slots, place = np.unique(slot, return_inverse=True)
        total = np.bincount(place[inside], weights=above[inside], minlength=len(slots))
        begun = np.bincount(place[starts], minlength=len(slots))
        parts: dict[int | None, Part] = {
            int(slot): Part(float(total[nth]), float(begun[nth]), int(begun[nth]))
            for nth, slot in enumerate(slots)
            if total[nth] or begun[nth]
        }
        parts[None] = sum(parts.values(), Part())
        return parts

    def _passage_scan(self, passage: Passage) -> Scan:
        values = Placeholders()
        slot = self._slot_sql(values)
        sets = [passage.goal] if passage.start is None else [passage.start, passage.goal]
        is_start = "false" if passage.start is None else passage.start.sql(values)
        is_goal = passage.goal.sql(values)
        # The very first event of a person may be any, and as old as the site.
        kept = "true" if passage.start is None else candidates(sets, values)
        since = None if passage.start is None else self.since
        until = later(self.until, timedelta(seconds=passage.window_s, milliseconds=1))
        return Scan(
            sql=f"""
            SELECT person, at_ms, slot, is_start, is_goal
            FROM (
                SELECT
                    person, {AT_MS} AS at_ms, {slot} AS slot, position,
                    {is_start} AS is_start, {is_goal} AS is_goal
                FROM events
                WHERE {kept} AND {between(since, until, values)}
            )
            ORDER BY person, at_ms, position
            """,
            parameters=values.values,
            since=since,
            until=until,
        )

    def _passages(self, rows: pa.Table, passage: Passage) -> Parts:
        person, at_ms = integers(rows, "person"), integers(rows, "at_ms")
        goal = rows["is_goal"].combine_chunks().to_numpy(zero_copy_only=False).astype(bool)
        if not len(person):
            return {None: Part()}
        is_first = np.append(True, person[1:] != person[:-1])
        start = is_first.copy()
        if passage.start is not None:
            start = rows["is_start"].combine_chunks().to_numpy(zero_copy_only=False).astype(bool)
        begun = np.flatnonzero(start & self._inside(at_ms))
        who = np.cumsum(is_first) - 1
        low = at_ms[begun] + passage.after_s * 1000
        high = at_ms[begun] + passage.window_s * 1000
        came = _between(who, at_ms, np.flatnonzero(goal), of=who[begun], low=low, high=high)
        if passage.after_s == 0:
            came -= goal[begun]  # no event gets to itself
        is_open = high >= epoch_ms(self.as_of)
        # Starts stand in order of people and time, so that the first of each is the earliest.
        people, first = np.unique(who[begun], return_index=True)
        through = np.zeros(len(people), dtype=bool)
        waiting = np.zeros(len(people), dtype=bool)
        nth = np.searchsorted(people, who[begun])
        np.logical_or.at(through, nth, came > 0)
        np.logical_or.at(waiting, nth, is_open)
        waiting &= ~through
        slot = integers(rows, "slot")[begun][first]
        parts: dict[int | None, Part] = {}
        for each in np.unique(slot).tolist():
            there = slot == each
            final = int(np.count_nonzero(there & ~waiting))
            parts[each] = Part(
                above=float(np.count_nonzero(there & through)),
                below=float(final),
                n=final,
                immature=int(np.count_nonzero(there & waiting)),
            )
        parts[None] = sum(parts.values(), Part())
        return parts

    def _inside(self, at_ms: NDArray[np.int64]) -> NDArray[np.bool_]:
        inside: NDArray[np.bool_] = np.ones(len(at_ms), dtype=bool)
        if self.since is not None:
            inside &= at_ms >= epoch_ms(self.since)
        if self.until is not None:
            inside &= at_ms < epoch_ms(self.until)
        return inside

    def _slot(self, moment: datetime) -> int:
        day = local_day(moment, self.time_zone)
        # 1970 began on a Thursday.
        return day - (day + 3) % 7 if self.interval is Interval.WEEK else day

    def _obstacles(self) -> list[str]:
        found: list[str] = []
        match self.definition:
            case Quotient():
                for total in _totals_of(self.definition):
                    found += total.counted.obstacles() if total.counted else ()
                if self.definition.above.what is What.SESSIONS:
                    found.append("sessions can only be what something is counted by")
            case Passage():
                found += self.definition.start.obstacles() if self.definition.start else ()
                found += self.definition.goal.obstacles()
        if self.interval not in _STEP:
            found.append("its rows are days or weeks")
        if not is_zone(self.time_zone):
            found.append(f"{self.time_zone[:60]!r} is not a time zone")
        return found + period_obstacles(self.since, self.until)


def _totals_of(definition: Quotient) -> Sequence[Total]:
    return definition.above, definition.below


def _amount_sql(counted: Counted, values: Placeholders) -> str:
    """Give the SQL of what an event adds, null where it is not one of them."""
    number = "1.0::DOUBLE" if counted.amount is None else counted.amount.sql(values)
    return f"CASE WHEN {counted.events.sql(values)} THEN {number} END"


def _total_sql(total: Total, values: Placeholders) -> tuple[str, str]:
    """Give the SQL of a total, and of how many things it is made of."""
    if total.what is What.PEOPLE:
        whose = "true" if total.counted is None else total.counted.events.sql(values)
        people = f"count(DISTINCT person) FILTER (WHERE {whose})"
        return f"{people}::DOUBLE", people
    amount = "1.0::DOUBLE" if total.counted is None else _amount_sql(total.counted, values)
    return f"coalesce(sum({amount}), 0.0)", f"count({amount})"


def _between(
    who: NDArray[np.int64],
    at_ms: NDArray[np.int64],
    goals: NDArray[np.intp],
    *,
    of: NDArray[np.int64],
    low: NDArray[np.int64],
    high: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Count, for each start, its person's goals from `low` to `high`, both included."""
    # Ranks in place of instants: person and instant then fit one number, whatever the clock.
    instants, rank = np.unique(at_ms[goals], return_inverse=True)
    size = len(instants) + 1
    keys = who[goals] * size + rank
    first = np.searchsorted(keys, of * size + np.searchsorted(instants, low, "left"), "left")
    last = np.searchsorted(keys, of * size + np.searchsorted(instants, high, "right"), "left")
    return (last - first).astype(np.int64)


def quotient_of(metric: Metric) -> Quotient:
    """See a metric of one person at a time as one total of a period by another.

    Its window belongs to experiments and is not used: every event of the period counts.
    """
    anybody = Total(What.PEOPLE)
    events = Total(What.EVENTS, metric.counted)
    match metric.kind:
        case MetricKind.PROPORTION:
            return Quotient(Total(What.PEOPLE, metric.counted), anybody)
        case MetricKind.COUNT:
            return Quotient(Total(What.EVENTS, Counted(metric.counted.events)), anybody)
        case MetricKind.SUM:
            return Quotient(events, anybody)
        case MetricKind.MEAN:
            amount = metric.counted.amount
            measured = None if amount is None else replace(amount, counts=True)
            return Quotient(events, Total(What.EVENTS, Counted(metric.counted.events, measured)))
        case MetricKind.RATIO:
            return Quotient(events, Total(What.EVENTS, metric.below))
        case _:
            raise BadQuestion(
                question="metric",
                reasons=(f"a {metric.kind.value} is told of experiments alone",),
            )


@dataclass(frozen=True, slots=True)
class _Named:
    """A metric as its document gave it."""

    key: str
    definition: Definition
    described: Described
    saved: SavedMetric | None = None


def _read_metric(value: object, place: str, context: Context, mistakes: Mistakes) -> _Named | None:
    """Take a built-in metric's key, a site's own one's `key` or `key@version`, or one in full."""
    if not isinstance(value, str):
        metric = METRIC.read(value, place, context, mistakes)
        if metric is None:
            return None
        for reason in metric.obstacles():
            mistakes.add(place, f"cannot be: {reason}")
        if metric.obstacles():
            return None
        return _Named(metric.key, quotient_of(metric), Described(metric.key))
    key, _, version = value.partition("@")
    own = context.metrics(key)
    if own is not None:
        return _own(own, version, place, context, mistakes)
    built_in = METRIC_LIBRARY.get(value)
    if built_in is None:
        known = ", ".join(METRIC_LIBRARY)
        mistakes.add(place, f"is no metric of the site, and none of {known}")
        return None
    if built_in.definition is None:
        mistakes.add(place, f"is not one number; ask the question {built_in.asks}")
        return None
    described = Described(
        key=built_in.key,
        title=built_in.title,
        formula=built_in.formula,
        unit=built_in.unit.value,
        better=built_in.direction.value,
    )
    return _Named(built_in.key, for_site(built_in.definition, context), described)


def _own(
    own: SavedMetric, version: str, place: str, context: Context, mistakes: Mistakes
) -> _Named | None:
    """Take a site's own metric in the version that was pinned, or its newest."""
    pinned = own.definition(version)
    if pinned is None:
        mistakes.add(place, own.wants(version))
        return None
    metric = METRIC.read(pinned.definition, place, context, mistakes)
    if metric is None:
        return None
    described = Described(
        own.key,
        title=own.title,
        unit=unit_of(metric).value,
        better=own.better,
        version=pinned.version,
    )
    return _Named(own.key, quotient_of(metric), described, saved=own)


def unit_of(metric: Metric) -> Unit:
    """Say what the value of a site's own metric is counted in."""
    if metric.kind is MetricKind.PROPORTION:
        return Unit.SHARE

    def is_money(counted: Counted | None) -> bool:
        amount = None if counted is None else counted.amount
        return amount is not None and amount.kind is AmountKind.MONEY

    is_rate_of_money = is_money(metric.counted) and is_money(metric.denominator)
    return Unit.MONEY if is_money(metric.counted) and not is_rate_of_money else Unit.NUMBER


def breaks_within(
    saved: SavedMetric, *, since: datetime | None, until: datetime
) -> tuple[Break, ...]:
    """Say where a metric's definition changed within a period."""
    pairs = zip(saved.versions, saved.versions[1:], strict=False)
    return tuple(
        Break(at=after.made_at, before=before.version, after=after.version)
        for before, after in pairs
        if (since is None or after.made_at >= since) and after.made_at < until
    )


def _metric_value(given: Mapping[str, object], context: Context) -> MetricValue:
    members = Members(given)
    named = members.maybe("metric", _Named)
    if named is None:
        raise BadQuestion(question="question about a metric", reasons=("it names none",))
    since, until = members.maybe("since", datetime), members.maybe("until", datetime)
    described = named.described
    if named.saved is not None:
        ends = until or context.now
        breaks = breaks_within(named.saved, since=since, until=ends)
        described = Described(
            described.key,
            title=described.title,
            unit=described.unit,
            better=described.better,
            version=described.version,
            breaks=breaks,
        )
    return MetricValue(
        definition=named.definition,
        of=described,
        as_of=members.get("as_of", context.now),
        since=since,
        until=until,
        interval=members.get("interval", Interval.DAY),
        time_zone=members.get("time_zone", context.time_zone),
    )


_METRIC: Final[Form[_Named]] = Form(
    {"anyOf": [{"type": "string", "minLength": 1}, METRIC.schema]}, _read_metric
)

FORM: Final = record(
    _metric_value,
    {
        "metric": Field(
            _METRIC,
            "A built-in metric's key, the site's own by `key` or `key@version`, or in full.",
            required=True,
        ),
        "interval": Field(one_of(Interval), "`day` when left out, or `week`."),
        "time_zone": ZONE,
        "since": SINCE,
        "until": UNTIL,
        "as_of": AS_OF,
    },
)
"""How it stands in JSON."""
