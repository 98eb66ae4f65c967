"""How a funnel does over time: by the day, week or month in which attempts began."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import reduce
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from truelift.questions.document import Json, instant
from truelift.questions.forms import Context, Field, one_of, record
from truelift.questions.funnel import MEMBERS, Funnel, StepCount, funnel_of, pieces
from truelift.questions.funnel_tally import Tally, largest
from truelift.questions.local_days import local_days
from truelift.questions.matching import BadQuestion
from truelift.questions.members import ZONE, Members
from truelift.questions.question import Scan
from truelift.questions.zone import day_begins, is_zone, local_day


MOST_ROWS: Final = 10_000
"""A longer stretch without bounds (a clock that was wrong by centuries) is not filled."""


Integers = NDArray[np.int64]


class Every(StrEnum):
    """How long a row of the answer is; weeks begin on Monday, days at local midnight."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class FunnelTrendRow:
    """The units whose attempt began in one interval.

    Attributes:
        begins: The interval's first instant.
        steps: As in a funnel.
    """

    begins: datetime
    steps: tuple[StepCount, ...]

    @property
    def conversion(self) -> float | None:
        """Share of the units that got to the last step; None of nobody."""
        return self.steps[-1].units / self.steps[0].units if self.steps[0].units else None

    @property
    def immature(self) -> int:
        """Units short of the last step whose window is still open."""
        return sum(step.immature for step in self.steps)

    def document(self) -> dict[str, Json]:
        """Write it as a row of the answer."""
        return {
            "begins": instant(self.begins),
            "conversion": self.conversion,
            "immature": self.immature,
            "steps": [step.document() for step in self.steps],
        }


@dataclass(frozen=True, slots=True)
class FunnelTrendGroup:
    """The intervals of one group, in order, empty ones included.

    Attributes:
        value: Of what was grouped by; None where there was none.
        rows: One an interval.
        others: How many more values this group holds together; 0 for one value.
    """

    value: str | None
    rows: tuple[FunnelTrendRow, ...]
    others: int = 0


@dataclass(frozen=True, slots=True)
class FunnelTrendAnswer:
    """A funnel over time, in groups when it was asked by something; the largest first.

    Attributes:
        question: What was asked.
        groups: All with the same intervals.
        filled: Whether empty intervals are there; False only when attempts lie further
            apart than any chart could show and no bounds were given.
    """

    question: FunnelTrend
    groups: tuple[FunnelTrendGroup, ...]
    filled: bool

    @property
    def immature(self) -> int:
        """Units whose window is still open and who are short of the last step."""
        return sum(row.immature for group in self.groups for row in group.rows)

    def document(self) -> dict[str, Json]:
        """Write it in the shape of `ask funnel --every`."""
        question = self.question
        groups: list[Json] = [
            {
                **question.funnel.group_document(group.value, group.others),
                "rows": [row.document() for row in group.rows],
            }
            for group in self.groups
        ]
        return {
            "question": question.name,
            "semantics": {**question.funnel.semantics(), "interval_of": "first_step"},
            "interval": question.every.value,
            "time_zone": question.time_zone,
            "groups": groups,
            "immature": self.immature,
            "filled": self.filled,
        }


@dataclass(frozen=True, slots=True)
class FunnelTrend:
    """A funnel by the interval in which the step-1 event of each unit's attempt lies.

    Every unit counts once, so that the intervals add up to the funnel.

    Attributes:
        funnel: Which.
        every: How long an interval is.
        time_zone: Whose days.
    """

    funnel: Funnel
    every: Every = Every.DAY
    time_zone: str = "UTC"

    def __post_init__(self) -> None:
        reasons = self.funnel.one_group_obstacles()
        if not is_zone(self.time_zone):
            reasons.append(f"{self.time_zone[:60]!r} is not a time zone")
        if reasons:
            raise BadQuestion(question="funnel", reasons=reasons)

    @property
    def name(self) -> str:
        """The word that its document is asked by."""
        return "funnel_trend"

    @property
    def since(self) -> datetime | None:
        """No attempt began before this."""
        return self.funnel.since

    @property
    def until(self) -> datetime | None:
        """No attempt began at or after this."""
        return self.funnel.until

    @property
    def as_of(self) -> datetime:
        """Windows that end at or after this instant are still open."""
        return self.funnel.as_of

    def scan(self) -> Scan:
        """Read what the funnel reads."""
        return self.funnel.scan()

    def partial(self, rows: pa.Table) -> Tally:
        """Count the units of one bucket by group and interval."""
        return reduce(self.merge, map(self._piece, pieces(rows)))

    def _piece(self, rows: pa.Table) -> Tally:
        walked = self.funnel.walk(rows)
        days = local_days(walked.at_ms[walked.attempts.start], self.time_zone)
        return self.funnel.tally(walked, slot=_interval(days, self.every))

    def merge(self, left: Tally, right: Tally) -> Tally:
        """Add the intervals of two buckets."""
        return left.plus(right, by=self.funnel.by)

    def answer(self, partial: Tally) -> FunnelTrendAnswer:
        """Put the intervals in order, the largest groups first."""
        groups = list(largest(partial, self.funnel.max_groups))
        seen = sorted({int(slot) for group in groups for slot in group.slots})
        slots, filled = self._filled(seen)
        nothing = np.zeros(self.funnel.width, dtype=np.int64)
        found = []
        for group in groups:
            counts = dict(zip(group.slots.tolist(), group.counts, strict=True))
            rows = tuple(
                FunnelTrendRow(
                    begins=day_begins(slot, self.time_zone),
                    steps=self.funnel.named(counts.get(slot, nothing)),
                )
                for slot in slots
            )
            found.append(FunnelTrendGroup(value=group.title, rows=rows, others=group.others))
        return FunnelTrendAnswer(question=self, groups=tuple(found), filled=filled)

    def _filled(self, seen: list[int]) -> tuple[list[int], bool]:
        """Add the intervals in which nobody began."""
        first, last = (seen[0], seen[-1]) if seen else (None, None)
        if self.since is not None:
            first = self._slot(self.since)
        if self.until is not None:
            last = self._slot(self.until - timedelta(milliseconds=1))
        if first is None or last is None or not seen:
            return seen, True
        # No interval of a question has more days than one of days.
        if (last - first) // {"day": 1, "week": 7, "month": 28}[self.every.value] >= MOST_ROWS:
            return seen, False
        days = np.arange(first, last + 1, dtype=np.int64)
        return sorted({*seen, *np.unique(_interval(days, self.every)).tolist()}), True

    def _slot(self, moment: datetime) -> int:
        day = np.array([local_day(moment, self.time_zone)], dtype=np.int64)
        return int(_interval(day, self.every)[0])


def _interval(days: Integers, every: Every) -> Integers:
    """Give the first day of the interval that each day is in."""
    match every:
        case Every.DAY:
            return days
        case Every.WEEK:
            # 1970 began on a Thursday.
            return days - (days + 3) % 7
        case Every.MONTH:
            months = days.astype("datetime64[D]").astype("datetime64[M]")
            return months.astype("datetime64[D]").astype(np.int64)


def _funnel_trend(given: Mapping[str, object], context: Context) -> FunnelTrend:
    members = Members(given)
    return FunnelTrend(
        funnel=funnel_of(given, context),
        every=members.get("every", Every.DAY),
        time_zone=members.get("time_zone", context.time_zone),
    )


FORM: Final = record(
    _funnel_trend,
    {**MEMBERS, "every": Field(one_of(Every), "`day` when left out."), "time_zone": ZONE},
)
"""How it stands in JSON."""
