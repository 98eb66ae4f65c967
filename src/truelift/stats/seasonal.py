"""How unusual each interval of a site's count is, beside the same hour of the weeks before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc, betaincc, ndtri

from truelift.errors import Refusal
from truelift.stats.effects import Floats


WEEKS: Final = 6
"""Weeks of the same hour that say what is usual."""

SCALE_WEEKS: Final = 4
"""Weeks whose misses say how far the usual is missed."""

FEW: Final = 30.0
"""An interval that usually brings less is too coarse for a logarithm; its count is judged."""

ALARM: Final = 4.0
"""One interval so far out is an alarm."""

TWICE: Final = 3.0
"""Two in a row on one side are one too."""

_MAD: Final = 1.4826
"""A median absolute deviation times this is the standard deviation of a normal."""

_OF_MEDIAN: Final = 1 + np.pi / 2 / WEEKS
"""How many times a count's variance its distance from the median of six such counts has."""


class BadCounts(Refusal):
    """Counts per interval that nothing can be compared with."""

    code: ClassVar[str] = "stats.bad_interval_counts"

    def __init__(self, *, reason: str) -> None:
        super().__init__(f"The counts cannot be judged: {reason}.", reason=reason)


@dataclass(frozen=True, slots=True)
class Unusual:
    """How far each interval is from what is usual.

    Attributes:
        z: In standard deviations, above 0 for more than usual; NaN where there are not enough
            weeks before.
        expected: What was usual; NaN where that is not known.
        alarm: Whether it is an alarm: one at `ALARM`, or the second in a row at `TWICE`.
    """

    z: Floats
    expected: Floats
    alarm: NDArray[np.bool_]


def unusual(counts: ArrayLike, *, period: int = 168, scale_weeks: int = SCALE_WEEKS) -> Unusual:
    """Compare each interval with the median of the same place in the weeks before.

    Busy intervals are compared on the logarithmic scale, with the noise that the last weeks
    showed beyond what a count has by itself. Quiet ones (below 30) are too coarse for
    that and are judged by the tail of a negative binomial distribution, which is told as the z
    of a normal tail of the same size.

    Args:
        counts: Per interval, in order, without holes.
        period: Intervals of a week: 168 hours, or 7 days.
        scale_weeks: Weeks whose misses say how far the usual is missed; of days take more, they
            are few.

    Returns:
        Of the counts' length; the first `WEEKS + scale_weeks` are not judged.

    Raises:
        BadCounts: A count is negative or no number, or they are no single row.

    Assumes:
        The weeks before are mostly in order: a median and a median absolute deviation stand
        almost half of them being out of order.

    Source:
        docs/methods/site-alarms.md.
    """
    given = np.asarray(counts, dtype=float)
    if given.ndim != 1:
        raise BadCounts(reason="they are not one row of numbers")
    if not (np.isfinite(given).all() and (given >= 0).all()):
        raise BadCounts(reason="a count is negative or no number")
    weeks, length = _weeks_before(given, period), scale_weeks * period
    expected = np.median(weeks, axis=0)
    mean = weeks.mean(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        # Half a unit more, so that an hour without any is far out and not infinitely far.
        miss = np.log(given + 0.5) - np.log(expected + 0.5)
        miss[~(expected >= FEW)] = np.nan
        own = np.where(np.isfinite(miss), _OF_MEDIAN / expected, np.nan)
        z = miss / np.sqrt(_beyond(miss, own, length) + own)
        # The quiet ones are as uneven as they were in the weeks before.
        tail = _tail(given, mean, _unevenness(given, mean, length))
    z = np.where(expected >= FEW, z, tail)
    z[: min(len(z), WEEKS * period + length)] = np.nan
    return Unusual(z=z, expected=expected, alarm=_alarms(z))


def _weeks_before(counts: Floats, period: int) -> Floats:
    """Give for each interval the same place of the weeks before; NaN where there was none."""
    found = np.full((WEEKS, len(counts)), np.nan)
    for nth in range(WEEKS):
        back = (nth + 1) * period
        if back < len(counts):
            found[nth, back:] = counts[:-back]
    return found


def _beyond(miss: Floats, own: Floats, length: int) -> Floats:
    """Give the variance of the misses before each interval, beyond what counts have themselves.

    Robust, over the `length` intervals before it: its own miss is not among them.
    """
    found = np.zeros(len(miss))
    if len(miss) <= length:
        return found
    before = sliding_window_view(miss[:-1], length)
    told = np.isfinite(before).any(axis=1)
    middle = np.nanmedian(before[told], axis=1, keepdims=True)
    spread = _MAD * np.nanmedian(np.abs(before[told] - middle), axis=1)
    usual = np.nanmedian(sliding_window_view(own[:-1], length)[told], axis=1)
    found[length:][told] = np.maximum(0.0, spread**2 - usual)
    return found


def _unevenness(counts: Floats, mean: Floats, length: int) -> Floats:
    """Give how many times a Poisson count's variance the last weeks had; at least 1."""
    found = np.ones(len(counts))
    if len(counts) <= length:
        return found
    with np.errstate(invalid="ignore", divide="ignore"):
        # The mean of six counts has a sixth of their variance itself.
        share = (counts - mean) ** 2 / (mean * (1 + 1 / WEEKS))
    share[~(mean > 0)] = np.nan
    before = sliding_window_view(share[:-1], length)
    told = np.isfinite(before).any(axis=1)
    found[length:][told] = np.maximum(1.0, np.nanmean(before[told], axis=1))
    return found


def _tail(counts: Floats, mean: Floats, unevenness: Floats) -> Floats:
    """Give the z of a normal tail as large as that of a count among such counts."""
    # Half an event more than was seen: six weeks without any do not make one impossible.
    center = mean + 0.5 / WEEKS
    variance = center * (unevenness + 1 / WEEKS)
    size = center**2 / (variance - center)
    share = size / (size + center)
    below = betainc(size, counts + 1, share)
    above = np.where(counts > 0, betaincc(size, np.maximum(counts, 1), share), 1.0)
    tiny = np.finfo(float).tiny
    less = ndtri(np.clip(below, tiny, 1.0))
    more = -ndtri(np.clip(above, tiny, 1.0))
    # A discrete tail holds the count itself, so both can lie above one half: then nothing is odd.
    return np.asarray(np.where(above < 0.5, more, np.where(below < 0.5, less, 0.0)))


def _alarms(z: Floats) -> NDArray[np.bool_]:
    with np.errstate(invalid="ignore"):
        found = np.abs(z) >= ALARM
        high, low = z >= TWICE, z <= -TWICE
    found[1:] |= (high[1:] & high[:-1]) | (low[1:] & low[:-1])
    return np.asarray(found)
