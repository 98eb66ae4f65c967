"""Rows of an answer over time: which intervals are whole, what happened in which, what changed."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from truelift.apps.drawing.series import Band, Line, Note, Series
from truelift.apps.drawing.wording import Measure, lift, short_day
from truelift.apps.explorers.page import Happening
from truelift.apps.explorers.table import Row, Scalar


CLEAR: Final = 3.0
"""A difference smaller than this many standard errors is not called one."""

FEWEST: Final = 7
"""Pairs of intervals from which a change is judged; fewer say nothing about their spread."""

LENGTHS: Final[Mapping[str, timedelta]] = {
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(days=7),
    "month": timedelta(days=31),
}


@dataclass(frozen=True, slots=True)
class Timeline:
    """Intervals in order.

    Attributes:
        begins: Their first instants, in the site's zone.
        interval: How long one is: hour, day, week or month.
        now: The moment; the interval that holds it is not whole yet.
    """

    begins: tuple[datetime, ...]
    interval: str
    now: datetime

    @classmethod
    def of(
        cls, begins: Sequence[Scalar], *, interval: str, zone: ZoneInfo, now: datetime
    ) -> Timeline:
        """Read the beginnings as an answer writes them: instants, or days of the site."""
        return cls(tuple(_instant(str(each), zone) for each in begins), interval, now)

    @property
    def days(self) -> tuple[date, ...]:
        """The intervals as a drawing takes them."""
        if self.interval == "hour":
            return tuple(each.replace(tzinfo=None, fold=0) for each in self.begins)
        return tuple(each.date() for each in self.begins)

    @property
    def whole(self) -> int:
        """How many intervals, from the first, are over."""
        length = LENGTHS[self.interval]
        return sum(begins + length <= self.now for begins in self.begins)

    @property
    def written(self) -> Callable[[date], str]:
        """How an interval is written on the axis."""
        return hour_said if self.interval == "hour" else short_day

    def cut(self, values: Sequence[Scalar]) -> tuple[float | None, ...]:
        """Give a line's values, without the intervals that are not over."""
        return tuple(
            float(value) if isinstance(value, int | float) and at < self.whole else None
            for at, value in enumerate(values)
        )

    def notes(self, happened: Sequence[Happening]) -> tuple[Note, ...]:
        """Put what happened at the intervals in which it did; several at one share its line."""
        found: dict[int, list[str]] = {}
        for each in sorted(happened, key=lambda one: one.at):
            at = bisect_right(self.begins, each.at) - 1
            if at >= 0 and each.at < self.begins[at] + LENGTHS[self.interval]:
                found.setdefault(at, []).append(each.words)
        days = self.days
        return tuple(Note(days[at], "; ".join(words)) for at, words in found.items())


def series(
    timeline: Timeline,
    lines: Sequence[Line],
    *,
    measure: Measure,
    happened: Sequence[Happening] = (),
    band: Band | None = None,
    from_zero: bool = True,
) -> Series | None:
    """Draw lines over the intervals; None where fewer than two could be drawn."""
    days = timeline.days
    if len(set(days)) != len(days):  # the hour that comes twice in autumn
        keep = [at for at, day in enumerate(days) if at == 0 or day != days[at - 1]]
        days = tuple(days[at] for at in keep)
        lines = [_kept(line, keep) for line in lines]
        if band is not None:
            low, high = (tuple(each[at] for at in keep) for each in (band.low, band.high))
            band = replace(band, low=low, high=high)
    if len(days) < 2:
        return None
    return Series(
        days=days,
        lines=tuple(lines),
        measure=measure,
        band=band,
        notes=timeline.notes(happened),
        from_zero=from_zero,
        day=timeline.written,
    )


def change_said(now: Sequence[Scalar], before: Sequence[Scalar]) -> str:
    """Say how a sum changed against the period before, pair of intervals by pair.

    The spread of the differences says what is noise, so that one person with many
    events, or a weekend, does not make a change.
    """
    pairs = [
        (float(here), float(there))
        for here, there in zip(now, before, strict=False)
        if isinstance(here, int | float) and isinstance(there, int | float)
    ]
    here, there = sum(pair[0] for pair in pairs), sum(pair[1] for pair in pairs)
    if not pairs or not there:
        return "nothing to compare with"
    if not is_clear([one - other for one, other in pairs]):
        return "no clear change"
    return lift(here / there - 1)


def is_clear(differences: Sequence[float]) -> bool:
    """Say whether differences lie further from nothing than noise would put them."""
    n = len(differences)
    if n < FEWEST:
        return False
    mean = sum(differences) / n
    spread = math.sqrt(sum((each - mean) ** 2 for each in differences) / (n - 1) / n)
    return abs(mean) > CLEAR * spread if spread else mean != 0


def column(rows: Sequence[Row], key: str) -> tuple[Scalar, ...]:
    """Give one column of the rows."""
    return tuple(row.get(key) for row in rows)


def hour_said(at: date) -> str:
    """Write an hour for an axis: 24 Nov, 09:00."""
    return f"{short_day(at)}, {at:%H:%M}"


def _kept(line: Line, keep: Sequence[int]) -> Line:
    return Line(
        line.label,
        tuple(line.values[at] for at in keep),
        focus=line.focus,
        meaning=line.meaning,
        dashed=line.dashed,
        named=line.named,
    )


def _instant(text: str, zone: ZoneInfo) -> datetime:
    found = datetime.fromisoformat(text)
    return found.astimezone(zone) if found.tzinfo else found.replace(tzinfo=zone)
