"""Whether a treatment is not worse than agreed: the question that guardrails ask."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from truelift.stats.effects import BadAlpha, Estimates, Floats, Reasons
from truelift.stats.outcome import NoMargin


@dataclass(frozen=True, slots=True, eq=False)
class NonInferiority:
    """How far treatments may be worse than their controls; all of one shape.

    Attributes:
        harm: The effect against the metric's direction: above 0 is worse.
        high: The most harm at level 1 - alpha, one-sided.
        p: Chance of such data, were the harm as large as the margin.
        shown: The harm is below the margin.
        absent: `Absence` of each.
    """

    harm: Floats
    high: Floats
    p: Floats
    shown: NDArray[np.bool_]
    absent: Reasons


def non_inferiority(
    estimates: Estimates,
    *,
    margin: ArrayLike,
    increase: ArrayLike = True,
    alpha: ArrayLike = 0.05,
) -> NonInferiority:
    """Test whether treatments are worse by less than a margin, at an end fixed beforehand.

    Args:
        estimates: Of any shape.
        margin: The most harm that was agreed to, above 0, in the estimates' unit; broadcast.
        increase: Whether the metric gets better upwards; broadcast.
        alpha: One-sided error level; broadcast: a family of guardrails divides it.

    Raises:
        NoMargin: A margin is not a number above 0.
        BadAlpha: A level is not between 0 and 1.

    Source:
        Schumi & Wittes (2011), Trials 12, 106; docs/methods/non-inferiority.md.
    """
    from scipy.special import stdtr, stdtrit

    most, level = np.asarray(margin, float), np.asarray(alpha, float)
    if not (np.isfinite(most) & (most > 0)).all():
        raise NoMargin(reason="it must be a number above 0")
    if not ((level > 0) & (level < 1)).all():
        raise BadAlpha(alpha=float(level.flat[0]))
    harm = np.where(np.asarray(increase, bool), -estimates.value, estimates.value)
    high = harm - stdtrit(estimates.df, level) * estimates.se
    with np.errstate(invalid="ignore"):
        p = np.asarray(stdtr(estimates.df, (harm - most) / estimates.se))
        shown = high < most
    return NonInferiority(harm=harm, high=high, p=p, shown=shown, absent=estimates.absent)
