"""What needs more than sums of a unit's events: the first one, steps in order, each number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from truelift.sequences.unit_sums import Acts


Numbers = NDArray[np.float64]
Whole = NDArray[np.int64]

HOUR_S: Final = 3600
DAY_S: Final = 86_400

_HOURS_UP_TO_S: Final = 31 * DAY_S
"""Longer windows are watched by the day: a curve of so many points is fine enough."""

NEVER: Final = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """The numbers of events, each with its unit.

    Attributes:
        unit: Of each, its unit.
        value: Each.
    """

    unit: Whole
    value: Numbers


@dataclass(frozen=True, slots=True, eq=False)
class Waits:
    """How long units of each variant waited for an event, in intervals of one length.

    Attributes:
        interval_s: How long one is.
        came: Per variant and interval, from 0 (which has none), units whose event came in it.
        left: Of the same shape, units watched to its end, no further, that had not had it.
    """

    interval_s: int
    came: Whole
    left: Whole

    @classmethod
    def of(
        cls,
        wait_us: Whole,
        watched_us: Whole,
        variant: Whole,
        *,
        variants: int,
        window_s: int,
    ) -> Waits:
        """Count units.

        Args:
            wait_us: How long each waited; `NEVER` for one whose event did not come in the window.
            watched_us: How long each has been watched, not below 0.
            variant: Of each.
            variants: How many there are.
            window_s: The horizon.
        """
        interval_s = HOUR_S if window_s <= _HOURS_UP_TO_S else DAY_S
        interval_us, horizon = interval_s * 1_000_000, -(-window_s // interval_s)
        watched = np.minimum(watched_us // interval_us, horizon)
        # What comes at once came in the first interval: interval 0 is the start.
        at = np.where(wait_us == NEVER, horizon + 1, np.maximum(-(-wait_us // interval_us), 1))
        has_come = at <= watched
        size = (variants, horizon + 1)
        counts = [
            np.bincount(variant[of] * size[1] + place[of], minlength=size[0] * size[1])
            for of, place in ((has_come, at), (~has_come, watched))
        ]
        came, left = (each.astype(np.int64).reshape(size) for each in counts)
        return cls(interval_s, came, left)

    @property
    def horizon(self) -> int:
        """How many intervals there are."""
        return int(self.came.shape[1]) - 1

    def __add__(self, other: Waits) -> Waits:
        """Count the units of both."""
        return Waits(self.interval_s, self.came + other.came, self.left + other.left)


def first_after(acts: Acts, bit: int, since: Whole) -> Whole:
    """Give the instant of each unit's first row of a set at or after an instant of its own.

    Args:
        acts: What units did.
        bit: Which rows count.
        since: Of each unit; `NEVER` for one that has none.

    Returns:
        `NEVER` where there is none.
    """
    found = np.full(len(acts.begun), NEVER)
    rows = _rows(acts, bit)
    unit, at = acts.unit[rows], acts.at[rows]
    late = at >= since[unit]
    np.minimum.at(found, unit[late], at[late])
    return found


def waits(acts: Acts, bits: Sequence[int], *, high: int) -> Whole:
    """Give how long each unit took to do several things, one after the other.

    Args:
        acts: What units did.
        bits: Which rows each thing is, in order.
        high: The longest that counts, that included.

    Returns:
        `NEVER` where it was not done within that.
    """
    at = acts.begun
    for bit in bits:
        at = first_after(acts, bit, at)
    wait = np.where(at == NEVER, NEVER, at - acts.begun)
    found: Whole = np.where(wait <= high, wait, NEVER)
    return found


def observed(acts: Acts, bit: int, amount: int, *, low: int, high: int) -> Observed:
    """Give the numbers of all rows of a set that have one, from so long after to so long after."""
    rows = _rows(acts, bit)
    after = acts.at[rows] - acts.begun[acts.unit[rows]]
    rows = rows[(after >= low) & (after <= high)]
    value = acts.amounts[amount][rows]
    there = ~np.isnan(value)
    return Observed(acts.unit[rows[there]].astype(np.int64), value[there])


def _rows(acts: Acts, bit: int) -> Whole:
    counting = np.array([mark >> bit & 1 for mark in acts.marks], bool)
    found: Whole = np.flatnonzero((acts.unit >= 0) & counting[acts.code])
    return found
