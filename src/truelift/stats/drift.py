"""Slow drifts that no single day shows: cumulative sums of how far days are off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from truelift.stats.effects import Floats


SLACK: Final = 0.5
"""Standard deviations a day may be off for nothing: drifts of twice this are found soonest."""

LIMIT: Final = 5.0
"""Where a sum is an alarm; with the slack above one in 465 days of nothing, on both sides."""

MOST: Final = 3.0
"""A day counts for at most this much, so that one wild day is no drift."""


@dataclass(frozen=True, slots=True)
class Drifts:
    """The two sums after each interval.

    Attributes:
        up: Of intervals above what is usual.
        down: Of those below it.
        alarm: Whether one of them is at its limit.
    """

    up: Floats
    down: Floats
    alarm: NDArray[np.bool_]


def drifts(z: ArrayLike, *, slack: float = SLACK, limit: float = LIMIT) -> Drifts:
    """Add up how far intervals are off, forgetting what slack explains.

    Args:
        z: How far each is off, in standard deviations; NaN for one that is not known.
        slack: What is subtracted from each.
        limit: Where a sum is an alarm.

    Assumes:
        Intervals are about independent when nothing drifts: days, not hours.

    Source:
        Page (1954), Biometrika 41(1/2), 100-115; Montgomery (2013), Introduction to Statistical
        Quality Control, table 9.3, for the run lengths; docs/methods/site-alarms.md.
    """
    given = np.clip(np.nan_to_num(np.asarray(z, dtype=float), nan=0.0), -MOST, MOST)
    known = np.isfinite(np.asarray(z, dtype=float))
    up, down = np.zeros(len(given)), np.zeros(len(given))
    high = low = 0.0
    for nth, each in enumerate(given):
        if known[nth]:
            high = max(0.0, high + each - slack)
            low = max(0.0, low - each - slack)
        up[nth], down[nth] = high, low
    return Drifts(up=up, down=down, alarm=np.maximum(up, down) >= limit)
