"""How often something happened, or what it was worth, hour by hour, day by day or week by week."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

import pyarrow as pa

from truelift.questions.dimensions import Placeholders
from truelift.questions.document import Json, epoch_ms, instant
from truelift.questions.forms import Context, Field, one_of, record
from truelift.questions.matching import BadQuestion, Events, candidates
from truelift.questions.members import AMOUNT, EVENT, SINCE, UNTIL, ZONE, Members
from truelift.questions.metric import Amount
from truelift.questions.period import AT_MS, between, period_obstacles
from truelift.questions.question import Scan
from truelift.questions.table import integers, numbers
from truelift.questions.zone import day_begins, hour_begins, is_zone, local_day


MOST_ROWS: Final = 10_000
"""A longer stretch without bounds (a clock that was wrong by centuries) is not filled."""


class Interval(StrEnum):
    """How long a row of the answer is; weeks begin on Monday, days at local midnight."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"


@dataclass(frozen=True, slots=True)
class Point:
    """What happened in one interval.

    Attributes:
        count: Events.
        people: Different people with such an event.
        total: Sum of the amounts; 0 when none were asked for.
        measured: Events that had an amount.
    """

    count: int = 0
    people: int = 0
    total: float = 0.0
    measured: int = 0

    def __add__(self, other: Point) -> Point:
        """Add the points of two buckets, whose people are different."""
        return Point(
            count=self.count + other.count,
            people=self.people + other.people,
            total=self.total + other.total,
            measured=self.measured + other.measured,
        )


Points = Mapping[int | None, Point]
"""By slot: local date as days since 1970, or the hour's first instant in milliseconds;
None holds everything together."""

_HOUR_MS: Final = 3_600_000


@dataclass(frozen=True, slots=True)
class TrendRow:
    """One interval of the answer."""

    begins: datetime
    point: Point


@dataclass(frozen=True, slots=True)
class TrendAnswer:
    """A trend, its intervals in order, empty ones included.

    Attributes:
        question: What was asked.
        rows: One an interval.
        whole: Everything together; its people are counted once.
        filled: Whether empty intervals are there; False only when the events lie
            further apart than any chart could show and no bounds were given.
    """

    question: Trend
    rows: tuple[TrendRow, ...]
    whole: Point
    filled: bool

    def document(self) -> dict[str, Json]:
        """Write it in the shape of `ask trend --json`."""
        question = self.question
        return {
            "question": question.name,
            "event": question.events.title,
            "interval": question.interval.value,
            "time_zone": question.time_zone,
            "rows": [
                {"begins": instant(row.begins), **self._numbers(row.point)} for row in self.rows
            ],
            "whole": self._numbers(self.whole),
            "filled": self.filled,
        }

    def _numbers(self, point: Point) -> dict[str, Json]:
        row: dict[str, Json] = {"count": point.count, "people": point.people}
        if self.question.amount is None:
            return row
        mean = point.total / point.measured if point.measured else None
        return {**row, "sum": point.total, "mean": mean, "measured": point.measured}


@dataclass(frozen=True, slots=True)
class Trend:
    """A count over time.

    Attributes:
        events: Which; all of them when it names none.
        interval: How long a row is.
        time_zone: Whose hours, days and weeks.
        amount: What to add up beside the count, or None.
        since: No event before this.
        until: No event at or after this.
    """

    events: Events
    interval: Interval = Interval.DAY
    time_zone: str = "UTC"
    amount: Amount | None = None
    since: datetime | None = None
    until: datetime | None = None

    def __post_init__(self) -> None:
        reasons = self._obstacles()
        if reasons:
            raise BadQuestion(question="trend", reasons=reasons)

    @property
    def name(self) -> str:
        """The word after `truelift ask`."""
        return "trend"

    def scan(self) -> Scan:
        """Read one row per interval, and one of everything together."""
        values = Placeholders()
        zone = values.add(self.time_zone)
        if self.interval is Interval.HOUR:
            # Milliseconds into the local hour, not the UTC one: some zones lie half an
            # hour off. Two hours that share a name in autumn stay apart.
            into = f"epoch_us(timezone({zone}, occurred_at)) // 1000 % {_HOUR_MS}"
            slot = f"at_ms - (({into}) + {_HOUR_MS}) % {_HOUR_MS}"
        else:
            day = f"date_trunc('{self.interval.value}', timezone({zone}, occurred_at))"
            slot = f"{day}::DATE - DATE '1970-01-01'"
        amount = self.amount.sql(values) if self.amount else "NULL::DOUBLE"
        return Scan(
            sql=f"""
            SELECT
                slot::BIGINT AS slot,
                count(*) AS count,
                count(DISTINCT person) AS people,
                coalesce(sum(amount), 0.0) AS total,
                count(amount) AS measured
            FROM (
                SELECT person, {slot} AS slot, {amount} AS amount
                FROM (SELECT *, {AT_MS} AS at_ms FROM events)
                WHERE {candidates([self.events], values)} AND {self.events.sql(values)}
                    AND {between(self.since, self.until, values)}
            )
            GROUP BY GROUPING SETS ((slot), ())
            ORDER BY slot
            """,
            parameters=values.values,
            since=self.since,
            until=self.until,
        )

    def partial(self, rows: pa.Table) -> Points:
        """Take one bucket's intervals."""
        columns = zip(
            rows["slot"].to_pylist(),
            integers(rows, "count").tolist(),
            integers(rows, "people").tolist(),
            numbers(rows, "total").tolist(),
            integers(rows, "measured").tolist(),
            strict=True,
        )
        return {slot: Point(*found) for slot, *found in columns}

    def merge(self, left: Points, right: Points) -> Points:
        """Add the intervals of two buckets."""
        slots = {**left, **right}
        return {slot: left.get(slot, Point()) + right.get(slot, Point()) for slot in slots}

    def answer(self, partial: Points) -> TrendAnswer:
        """Put the intervals in order, empty ones included."""
        seen = sorted(slot for slot in partial if slot is not None)
        slots, filled = self._filled(seen)
        return TrendAnswer(
            question=self,
            rows=tuple(
                TrendRow(begins=self._begins(slot), point=partial.get(slot, Point()))
                for slot in slots
            ),
            whole=partial.get(None, Point()),
            filled=filled,
        )

    def _filled(self, seen: list[int]) -> tuple[list[int], bool]:
        """Add the intervals in which nothing happened."""
        first = self._slot(self.since) if self.since else (seen[0] if seen else None)
        last = seen[-1] if seen else None
        if self.until:
            last = self._slot(self.until - timedelta(milliseconds=1))
        if first is None or last is None:
            return seen, True
        step = {Interval.HOUR: _HOUR_MS, Interval.DAY: 1, Interval.WEEK: 7}[self.interval]
        if (last - first) // step >= MOST_ROWS:
            return seen, False
        return sorted({*seen, *range(first, last + 1, step)}), True

    def _slot(self, moment: datetime) -> int:
        if self.interval is Interval.HOUR:
            return epoch_ms(hour_begins(moment, self.time_zone))
        day = local_day(moment, self.time_zone)
        # 1970 began on a Thursday.
        return day - (day + 3) % 7 if self.interval is Interval.WEEK else day

    def _begins(self, slot: int) -> datetime:
        if self.interval is Interval.HOUR:
            return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=slot)
        return day_begins(slot, self.time_zone)

    def _obstacles(self) -> list[str]:
        found = [*self.events.obstacles()]
        if self.amount is not None:
            found += self.amount.obstacles()
        if not is_zone(self.time_zone):
            found.append(f"{self.time_zone[:60]!r} is not a time zone")
        return found + period_obstacles(self.since, self.until)


def _trend(given: Mapping[str, object], context: Context) -> Trend:
    members = Members(given)
    return Trend(
        events=members.get("event", Events()),
        interval=members.get("interval", Interval.DAY),
        time_zone=members.get("time_zone", context.time_zone),
        amount=members.maybe("amount", Amount),
        since=members.maybe("since", datetime),
        until=members.maybe("until", datetime),
    )


FORM: Final = record(
    _trend,
    {
        "event": replace(EVENT, required=False),
        "interval": Field(one_of(Interval), "`day` when left out."),
        "amount": Field(AMOUNT, "What is added up beside the count."),
        "time_zone": ZONE,
        "since": SINCE,
        "until": UNTIL,
    },
)
"""How it stands in JSON."""
