"""How often something happened, or what it was worth, hour by hour, day by day or week by week."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

import pyarrow as pa

from truelift.questions.dimensions import Placeholders
from truelift.questions.document import Json, epoch_ms, instant
from truelift.questions.forms import Context, Field, one_of, record, whole
from truelift.questions.matching import BadQuestion, Events, candidates
from truelift.questions.members import AMOUNT, EVENT, SINCE, UNTIL, ZONE, Members
from truelift.questions.metric import Amount
from truelift.questions.period import AT_MS, between, period_obstacles
from truelift.questions.question import Scan
from truelift.questions.table import integers, numbers
from truelift.questions.zone import day_begins, hour_begins, is_zone, local_day


MOST_ROWS: Final = 10_000
"""A longer stretch without bounds (a clock that was wrong by centuries) is not filled."""

MOST_AVERAGED: Final = 366
"""Intervals that a moving average goes over at most."""


class Interval(StrEnum):
    """How long a row of the answer is; weeks begin on Monday, days at local midnight."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"


class Against(StrEnum):
    """What a trend is compared with."""

    BEFORE = "before"
    """The period of equal length just before, in the site's days."""


class Part(StrEnum):
    """Which stretch of time a point belongs to."""

    ASKED = "asked"
    BEFORE = "before"
    """The period compared with."""

    LEAD = "lead"
    """The intervals before the first, which only the moving average needs."""


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


Points = Mapping[tuple[Part, int | None], Point]
"""By part and slot: local date as days since 1970, or the hour's first instant in
milliseconds; None holds everything of the part together."""

_HOUR_MS: Final = 3_600_000


@dataclass(frozen=True, slots=True)
class Average:
    """A mean per interval.

    Attributes:
        count: Events.
        people: Different people of an interval.
        total: Sum of the amounts.
    """

    count: float
    people: float
    total: float


@dataclass(frozen=True, slots=True)
class TrendRow:
    """One interval of the answer.

    Attributes:
        begins: Its first instant.
        point: What happened in it.
        average: Mean over the last intervals, this one included; None where there are
            not enough of them, or none were asked for.
        before: The interval at the same place in the period compared with.
    """

    begins: datetime
    point: Point
    average: Average | None = None
    before: TrendRow | None = None


@dataclass(frozen=True, slots=True)
class TrendAnswer:
    """A trend, its intervals in order, empty ones included.

    Attributes:
        question: What was asked.
        rows: One an interval.
        whole: Everything together; its people are counted once.
        filled: Whether empty intervals are there; False only when the events lie
            further apart than any chart could show and no bounds were given.
        whole_before: Everything of the period compared with; None without one.
    """

    question: Trend
    rows: tuple[TrendRow, ...]
    whole: Point
    filled: bool
    whole_before: Point | None = None

    def document(self) -> dict[str, Json]:
        """Write it in the shape of `ask trend --json`."""
        question = self.question
        return {
            "question": question.name,
            "event": question.events.title,
            "interval": question.interval.value,
            "time_zone": question.time_zone,
            "rows": [self._row(row) for row in self.rows],
            "whole": self._numbers(self.whole),
            "filled": self.filled,
            **self._compared(),
        }

    def _compared(self) -> dict[str, Json]:
        before = self.question.period_before
        if before is None or self.whole_before is None:
            return {}
        since, until = before
        return {
            "before": {
                "since": instant(since),
                "until": instant(until),
                "whole": self._numbers(self.whole_before),
            }
        }

    def _row(self, row: TrendRow) -> dict[str, Json]:
        written: dict[str, Json] = {"begins": instant(row.begins), **self._numbers(row.point)}
        if self.question.moving_average is not None:
            average = row.average
            mean: dict[str, Json] = {
                "count": None if average is None else average.count,
                "people": None if average is None else average.people,
            }
            if self.question.amount is not None:
                mean["sum"] = None if average is None else average.total
            written["average"] = mean
        if self.question.against is not None:
            before = row.before
            written["before"] = (
                None
                if before is None
                else {"begins": instant(before.begins), **self._numbers(before.point)}
            )
        return written

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
        moving_average: Beside every interval, the mean over this many, itself the last of
            them; the intervals before the first are read for it where there is a bound.
        against: What it is compared with; needs both bounds.
    """

    events: Events
    interval: Interval = Interval.DAY
    time_zone: str = "UTC"
    amount: Amount | None = None
    since: datetime | None = None
    until: datetime | None = None
    moving_average: int | None = None
    against: Against | None = None

    def __post_init__(self) -> None:
        reasons = self._obstacles()
        if reasons:
            raise BadQuestion(question="trend", reasons=reasons)

    @property
    def name(self) -> str:
        """The word after `truelift ask`."""
        return "trend"

    @property
    def period_before(self) -> tuple[datetime, datetime] | None:
        """Give the period compared with: as long by the site's clock, and just before."""
        if self.against is None or self.since is None or self.until is None:
            return None
        zone = ZoneInfo(self.time_zone)
        since, until = (
            moment.astimezone(zone).replace(tzinfo=None) for moment in (self.since, self.until)
        )
        try:
            begins = (since - (until - since)).replace(tzinfo=zone).astimezone(UTC)
        except OverflowError:
            return None
        return begins, self.since

    @property
    def lead(self) -> tuple[datetime, datetime] | None:
        """Give the stretch before the first interval that the moving average needs."""
        if self.since is None or self.moving_average is None or self.moving_average < 2:
            return None
        first = self._slot(self.since)
        try:
            begins = self._begins(first - (self.moving_average - 1) * self._step)
        except (OverflowError, ValueError):
            return None
        return begins, self._begins(first)

    def scan(self) -> Scan:
        """Read one row per interval of each part, and one of everything of the part."""
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
        which = f"{candidates([self.events], values)} AND {self.events.sql(values)}"
        parts = [(Part.ASKED, self.since, self.until)]
        parts += [(Part.BEFORE, *self.period_before)] if self.period_before else []
        parts += [(Part.LEAD, *self.lead)] if self.lead else []
        statements = [
            f"""
            SELECT
                '{part.value}' AS part,
                slot::BIGINT AS slot,
                count(*) AS count,
                count(DISTINCT person) AS people,
                coalesce(sum(amount), 0.0) AS total,
                count(amount) AS measured
            FROM (
                SELECT person, {slot} AS slot, {amount} AS amount
                FROM (SELECT *, {AT_MS} AS at_ms FROM events)
                WHERE {which} AND {between(since, until, values)}
            )
            GROUP BY GROUPING SETS ((slot), ())
            """
            for part, since, until in parts
        ]
        starts = [since for _, since, _ in parts]
        return Scan(
            sql=f"{' UNION ALL '.join(statements)} ORDER BY part, slot",
            parameters=values.values,
            since=None if None in starts else min(start for start in starts if start is not None),
            until=self.until,
        )

    def partial(self, rows: pa.Table) -> Points:
        """Take one bucket's intervals."""
        columns = zip(
            rows["part"].to_pylist(),
            rows["slot"].to_pylist(),
            integers(rows, "count").tolist(),
            integers(rows, "people").tolist(),
            numbers(rows, "total").tolist(),
            integers(rows, "measured").tolist(),
            strict=True,
        )
        return {(Part(part), slot): Point(*found) for part, slot, *found in columns}

    def merge(self, left: Points, right: Points) -> Points:
        """Add the intervals of two buckets."""
        slots = {**left, **right}
        return {slot: left.get(slot, Point()) + right.get(slot, Point()) for slot in slots}

    def answer(self, partial: Points) -> TrendAnswer:
        """Put the intervals in order, empty ones included, beside what they are compared with."""
        seen = {
            part: sorted(slot for each, slot in partial if each is part and slot is not None)
            for part in Part
        }
        slots, filled = self._filled(seen[Part.ASKED], since=self.since, until=self.until)
        points = [partial.get((Part.ASKED, slot), Point()) for slot in slots]
        averages = self._averages(slots, points, partial) if filled else [None] * len(slots)
        earlier: list[TrendRow] = []
        if self.period_before is not None:
            since, until = self.period_before
            before, _ = self._filled(seen[Part.BEFORE], since=since, until=until)
            earlier = [
                TrendRow(self._begins(slot), partial.get((Part.BEFORE, slot), Point()))
                for slot in before
            ]
        return TrendAnswer(
            question=self,
            rows=tuple(
                TrendRow(
                    begins=self._begins(slot),
                    point=point,
                    average=average,
                    before=earlier[at] if at < len(earlier) else None,
                )
                for at, (slot, point, average) in enumerate(
                    zip(slots, points, averages, strict=True)
                )
            ),
            whole=partial.get((Part.ASKED, None), Point()),
            filled=filled,
            whole_before=(
                None if self.period_before is None else partial.get((Part.BEFORE, None), Point())
            ),
        )

    def _averages(
        self, slots: list[int], points: list[Point], partial: Points
    ) -> list[Average | None]:
        """Give the mean over the last intervals of each, where there are enough of them."""
        over = self.moving_average
        if over is None or not slots:
            return [None] * len(slots)
        lead = (
            [
                partial.get((Part.LEAD, slots[0] - back * self._step), Point())
                for back in range(over - 1, 0, -1)
            ]
            if self.lead is not None
            else []
        )
        line = [*lead, *points]
        found: list[Average | None] = []
        for at in range(len(lead), len(line)):
            window = line[at + 1 - over : at + 1] if at + 1 >= over else []
            found.append(
                Average(
                    count=sum(point.count for point in window) / over,
                    people=sum(point.people for point in window) / over,
                    total=sum(point.total for point in window) / over,
                )
                if window
                else None
            )
        return found

    @property
    def _step(self) -> int:
        return {Interval.HOUR: _HOUR_MS, Interval.DAY: 1, Interval.WEEK: 7}[self.interval]

    def _filled(
        self, seen: list[int], *, since: datetime | None, until: datetime | None
    ) -> tuple[list[int], bool]:
        """Add the intervals in which nothing happened."""
        first = self._slot(since) if since else (seen[0] if seen else None)
        last = seen[-1] if seen else None
        if until:
            last = self._slot(until - timedelta(milliseconds=1))
        if first is None or last is None:
            return seen, True
        if (last - first) // self._step >= MOST_ROWS:
            return seen, False
        return sorted({*seen, *range(first, last + 1, self._step)}), True

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
        if self.moving_average is not None and not 2 <= self.moving_average <= MOST_AVERAGED:
            found.append(f"a moving average goes over 2 to {MOST_AVERAGED} intervals")
        if self.against is not None and (self.since is None or self.until is None):
            found.append("the period before needs `since` and `until`")
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
        moving_average=members.maybe("moving_average", int),
        against=members.maybe("against", Against),
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
        "moving_average": Field(
            whole(least=2, most=MOST_AVERAGED), "Intervals whose mean stands beside each."
        ),
        "against": Field(one_of(Against), "The period of equal length just before."),
    },
)
"""How it stands in JSON."""
