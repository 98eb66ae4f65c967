"""Counts working days, by which a decision has its time and is then taken further."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final


SATURDAY: Final = 5
"""As `date.weekday` counts."""


def is_working_day(day: date, *, free: Collection[date] = ()) -> bool:
    """Say whether people work on a day: Monday to Friday, but for the free days given."""
    return day.weekday() < SATURDAY and day not in free


def working_days_after(start: date, count: int, *, free: Collection[date] = ()) -> date:
    """Give the working day that is so many after a day, which itself does not count.

    Args:
        start: Any day.
        count: At least 0; 0 gives the day itself.
        free: Days besides weekends on which nobody works.
    """
    day = start
    while count > 0:
        day += timedelta(days=1)
        count -= is_working_day(day, free=free)
    return day


def working_days_between(start: date, end: date, *, free: Collection[date] = ()) -> int:
    """Count the working days after a day, up to another, which counts; 0 where it is not later."""
    days = max((end - start).days, 0)
    weeks, rest = divmod(days, 7)
    left = (start + timedelta(days=each + 1) for each in range(7 * weeks, 7 * weeks + rest))
    worked = 5 * weeks + sum(day.weekday() < SATURDAY for day in left)
    return worked - sum(start < day <= end and day.weekday() < SATURDAY for day in set(free))


@dataclass(frozen=True, slots=True)
class DecisionClock:
    """How long a decision has waited (R101).

    Attributes:
        due: The last day that is in time.
        waited: Working days since the analysis.
        late: Whether its time is over.
        escalated: Whether the sponsor hears of it: from the working day after the last.
    """

    due: date
    waited: int
    late: bool
    escalated: bool


def decision_clock(
    analysed_on: date, *, today: date, within: int = 5, free: Collection[date] = ()
) -> DecisionClock:
    """Say where a decision stands in its time.

    Args:
        analysed_on: The day on which it could be made.
        today: The day that it is at the site.
        within: Working days that it has, `Policy.decision_days`.
        free: Days besides weekends on which nobody works.
    """
    due = working_days_after(analysed_on, within, free=free)
    waited = working_days_between(analysed_on, today, free=free)
    return DecisionClock(due=due, waited=waited, late=today > due, escalated=waited > within)
