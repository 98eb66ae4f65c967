"""What a sequential test finds at any time up to its planned end, not only there."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from truelift.stats.design import Aim, Bar, Design, SequentialPlan, on_scale
from truelift.stats.effects import Floats, Side
from truelift.stats.power import check_lifts, check_units, errors_of
from truelift.stats.spreads import BadDesign


STEPS: Final = 160
"""Moments at which the first crossing is looked for; twice as many change the third digit."""


def powers_at_any_time(design: Design, *, lift: ArrayLike, n_per_arm: ArrayLike) -> Floats:
    """Give the chance that an interval leaves out 0 on the right side at some time.

    A test is planned for its end (`powers`); one that is looked at all the time has found
    the lift if the interval has cleared 0 ever. Estimates are a Brownian motion with drift,
    and the chance is that of its first passage of the interval's bound.

    Args:
        design: A test of superiority by a sequential method.
        lift: True relative changes.
        n_per_arm: Units per variant at the planned end; broadcast against the lifts.

    Raises:
        BadDesign: It is no such test, or a lift or a size cannot be planned with.

    Source:
        Buonocore, Nobile & Ricciardi (1987), Advances in Applied Probability 19(4), 784-800,
        for the integral equation of the first passage; docs/methods/sample-size.md.
    """
    if design.aim is not Aim.SUPERIORITY or not isinstance(design.method, SequentialPlan):
        raise BadDesign("only a sequential test of superiority is looked at all the time")
    lifts, units = np.broadcast_arrays(
        np.asarray(lift, dtype=float), np.asarray(n_per_arm, dtype=float)
    )
    check_lifts(design, lifts)
    check_units(units)
    sign = np.sign(lifts)
    se, _, pair = errors_of(design, lifts, units)
    drift = (np.abs(on_scale(design.scale, lifts)) / se)[..., None]
    if design.side is not Side.TWO:
        rises = design.side is Side.GREATER
        drift = np.where((sign > 0)[..., None] == rises, drift, -drift)

    def bound(times: Floats) -> Floats:
        bar = Bar(
            tail=design.tail,
            two_sided=design.side is Side.TWO,
            n=pair[..., None] * times,
            sign=sign[..., None],
            margin=np.zeros(()),
        )
        one = np.ones_like(bar.n)
        return np.asarray(np.sqrt(times) * design.method.reach(one, bar))

    times = np.arange(1, STEPS + 1) / STEPS
    bounds = bound(times)
    slopes = (bound(times * (1 + 1e-5)) - bound(times * (1 - 1e-5))) / (2e-5 * times)
    first: Floats = np.zeros(np.broadcast_shapes(bounds.shape, drift.shape))
    for at, time in enumerate(times):
        height, slope = bounds[..., at], slopes[..., at]
        off = (height - drift[..., 0] * time) / math.sqrt(time)
        arrived = (height / time - slope) * density(off) / math.sqrt(time)
        if at:
            ago = time - times[:at]
            gone = height[..., None] - bounds[..., :at]
            steepness = slope[..., None] - gone / ago
            kernel = steepness * density((gone - drift * ago) / np.sqrt(ago)) / np.sqrt(ago)
            arrived = arrived + (first[..., :at] * kernel).sum(axis=-1) / STEPS
        first[..., at] = arrived
    return np.asarray(np.clip(first.sum(axis=-1) / STEPS, 0.0, 1.0))


def density(z: Floats) -> Floats:
    """Give the density of a standard normal."""
    return np.asarray(np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi))
