"""Which weeks are held against which: whole business weeks, before them or a year before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final


LENGTHS: Final = (8, 4, 2)
"""Whole weeks of a period; pages show the first that there are facts for, unless asked."""

A_YEAR: Final = timedelta(weeks=52)
"""The same weekdays a year before."""


class Against(StrEnum):
    """What the last weeks are held against."""

    BEFORE = "before"
    YEAR = "year"

    @property
    def called(self) -> str:
        """Name it on a page."""
        return "the weeks before" if self is Against.BEFORE else "the same weeks a year before"


@dataclass(frozen=True, slots=True)
class Pair:
    """Two periods of equal length; days are half-open."""

    before_since: date
    before_until: date
    since: date
    until: date


def pair(*, end: date, weeks: int, against: Against) -> Pair:
    """Lay out two periods, the later one ending with the last whole week before a day."""
    until = end - timedelta(days=end.weekday())
    since = until - timedelta(weeks=weeks)
    back = timedelta(weeks=weeks) if against is Against.BEFORE else A_YEAR
    return Pair(since - back, until - back, since, until)


def period_label(weeks: int, against: Against) -> str:
    """Name a pair of periods on a short link."""
    return f"{weeks} weeks" + (", year before" if against is Against.YEAR else "")
