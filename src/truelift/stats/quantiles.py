"""Quantiles of a metric: how far apart those of two variants are, also where units cluster."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from truelift.errors import Refusal
from truelift.stats.distributions import normal_quantile
from truelift.stats.effects import Absence, Floats
from truelift.stats.linearising import linear, variance
from truelift.stats.moments import Form, Moments
from truelift.stats.points import Points, first


class BadQuantile(Refusal):
    """A quantile is a share between 0 and 1."""

    code = "stats.bad_quantile"

    def __init__(self, *, share: float) -> None:
        super().__init__(f"A quantile is a share between 0 and 1, not {share:g}.", share=share)


REACH: Final = normal_quantile(0.975)
"""Ranks so many standard errors to both sides say how steep the distribution is there."""


def ranks_beside(n: ArrayLike, share: float) -> tuple[Floats, Floats]:
    """Give the ranks (as shares of the values) at which the quantile's interval ends.

    Raises:
        BadQuantile: The share is not between 0 and 1.
    """
    if not 0 < share < 1:
        raise BadQuantile(share=share)
    reach = REACH * np.sqrt(share * (1 - share) / np.maximum(np.asarray(n, dtype=float), 1))
    return np.maximum(share - reach, 0.0), np.minimum(share + reach, 1.0)


def quantile_points(
    n: ArrayLike,
    share: float,
    *,
    value: ArrayLike,
    low: ArrayLike,
    high: ArrayLike,
    below: Moments | None = None,
) -> Points:
    """Estimate quantiles with their errors.

    Args:
        n: Values of each sample.
        share: Which quantile, between 0 and 1.
        value: The quantile of each sample.
        low: Its value at the lower rank that `ranks_beside` gives.
        high: Its value at the upper one.
        below: Where a unit has several values: the ratio, over units, of its values at or below
            the quantile to its values. None where the unit is the value.

    Raises:
        BadQuantile: The share is not between 0 and 1.

    Assumes:
        Units are independent; the metric is nearly continuous about the quantile. Where many
        values tie there, the error is too small or none, and it is said that there is none.

    Source:
        Deng, Knoblich & Lu (2018), KDD, 233-242, section 4; docs/methods/quantile.md.
    """
    if not 0 < share < 1:
        raise BadQuantile(share=share)
    counts = np.asarray(n, dtype=np.int64)
    value, low, high = (np.asarray(each, dtype=float) for each in (value, low, high))
    fewest = REACH**2 * max(share / (1 - share), (1 - share) / share)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore", under="ignore"):
        variance = ((high - low) / (2 * REACH)) ** 2
        if below is not None:
            variance = variance * _inflation(below, counts, share)
        absent = first(
            np.zeros(counts.shape, dtype=np.uint8),
            (counts == 0, Absence.NO_ARM),
            (counts <= fewest, Absence.TOO_FEW_VALUES),
            (variance == 0, Absence.NO_SPREAD),
            (~np.isfinite(variance) | ~np.isfinite(value), Absence.TOO_LARGE),
        )
    known = absent == Absence.NONE
    return Points(
        value=np.where(known, value, np.nan),
        variance=np.where(known, variance, np.nan),
        df=np.where(known, counts - 1.0, np.nan),
        n=counts,
        absent=absent,
    )


def _inflation(below: Moments, values: np.ndarray, share: float) -> Floats:
    """Say how much more a share of clustered values varies than one of independent ones."""
    if below.form is not Form.RATIO:
        raise TypeError("values at or below the quantile per values is a ratio")
    metric = linear(below.form, below.means)
    clustered = variance(metric.slopes, below.spread)
    return np.asarray(clustered / (share * (1 - share) / values))
