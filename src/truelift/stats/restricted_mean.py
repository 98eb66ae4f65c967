"""Time to an event where some were not watched to it: restricted means and shares that had it."""

from __future__ import annotations

import numpy as np

from truelift.stats.effects import Absence, Counts, Floats, Reasons
from truelift.stats.points import Points, first
from truelift.stats.survival import ImpossibleWaits


def restricted_mean_points(came: Counts, left: Counts, *, intervals: int) -> Points:
    """Estimate the mean number of intervals until the event, one that came later as so many.

    Args:
        came: Units whose event came in each interval; shape S + (T,), from interval 0, which
            has none.
        left: Of the same shape: units watched up to the end of the interval, no further, who
            had not had it.
        intervals: The horizon, the same for all samples, at least 1.

    Raises:
        ImpossibleWaits: The counts contradict each other.

    Assumes:
        How long a unit was watched has nothing to do with when its event comes.

    Source:
        Royston & Parmar (2013), BMC Medical Research Methodology 13, 152;
        docs/methods/restricted-mean.md.
    """
    waiting, noise, at_risk, absent = _curve(came, left, intervals)
    # What remains of the area from the end of each interval on: its steps pull at all of it.
    rest = np.flip(np.cumsum(np.flip(waiting[..., 1:-1], -1), -1), -1)
    rest = np.concatenate([rest, np.zeros((*rest.shape[:-1], 1))], axis=-1)
    value = waiting[..., :-1].sum(axis=-1)
    variance = (rest**2 * noise).sum(axis=-1)
    return _points(value, variance, at_risk, absent)


def reached_points(came: Counts, left: Counts, *, intervals: int) -> Points:
    """Estimate the share that has had the event by the end of the horizon.

    Arguments, errors and assumptions are those of `restricted_mean_points`.

    Source:
        Kaplan & Meier (1958), JASA 53, 457-481; docs/methods/restricted-mean.md.
    """
    waiting, noise, at_risk, absent = _curve(came, left, intervals)
    end = waiting[..., -1]
    return _points(1 - end, end**2 * noise.sum(axis=-1), at_risk, absent)


def _curve(came: Counts, left: Counts, intervals: int) -> tuple[Floats, Floats, Counts, Reasons]:
    """Give the share still waiting at 0 and after each interval, and Greenwood's terms."""
    if came.shape != left.shape:
        raise ImpossibleWaits(reason=f"shapes {came.shape} of events, {left.shape} of leaving")
    if came.size and (min(came.min(), left.min()) < 0 or came[..., 0].any()):
        raise ImpossibleWaits(reason="a count is negative, or an event came before the start")
    if intervals < 1:
        raise ImpossibleWaits(reason=f"a horizon of {intervals} intervals")
    beyond = max(intervals + 1 - came.shape[-1], 0)
    pad = [(0, 0)] * (came.ndim - 1) + [(0, beyond)]
    came, left = np.pad(came, pad), np.pad(left, pad)
    units = (came + left).sum(axis=-1)
    gone = np.cumsum(came + left, axis=-1)[..., :intervals]
    at_risk, events = units[..., None] - gone, came[..., 1 : intervals + 1]
    with np.errstate(divide="ignore", invalid="ignore"):
        steps = np.where(at_risk > 0, 1 - events / at_risk, 1.0)
        waiting = np.cumprod(steps, axis=-1)
        noise = events / (at_risk * (at_risk - events))
    # Where everybody has had it, nothing is left that could vary.
    noise = np.asarray(np.where(at_risk > events, noise, 0.0), dtype=np.float64)
    unwatched = (at_risk == 0) & (waiting > 0)
    absent = first(
        np.zeros(units.shape, dtype=np.uint8),
        (units == 0, Absence.NO_ARM),
        (unwatched.any(axis=-1), Absence.NOT_WATCHED),
    )
    begun = np.ones((*units.shape, 1))
    shares = np.asarray(np.concatenate([begun, waiting], axis=-1), dtype=np.float64)
    return shares, noise, np.asarray(units), absent


def _points(value: Floats, variance: Floats, n: Counts, absent: Reasons) -> Points:
    absent = first(absent, (variance <= 0, Absence.NO_SPREAD))
    known = absent == Absence.NONE
    return Points(
        value=np.where(known, value, np.nan),
        variance=np.where(known, variance, np.nan),
        df=np.where(known, np.inf, np.nan),
        n=np.asarray(n, dtype=np.int64),
        absent=absent,
    )
