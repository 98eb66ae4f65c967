"""Whether an effect fades as the change wears off, or grows as people learn."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from truelift.stats.effects import Floats
from truelift.stats.heterogeneity import BadEffects, Heterogeneity, heterogeneity, paired


FIRST_DAYS: Final = 7
"""Days that count as the first: one of each weekday."""


WARN_BELOW: Final = 0.05
"""Below this p the effect of the first week is another one than that of later days."""


class Drift(IntEnum):
    """Where an effect goes."""

    NONE = 0
    FADES = 1
    GROWS = 2
    UNKNOWN = 3


@dataclass(frozen=True, slots=True, eq=False)
class Novelty:
    """How the effect moves over the days of a test; the last axis of what came in is gone.

    Attributes:
        slope: Change of the daily effect per unit of ln(day); NaN with fewer than three days.
        slope_se: Its standard error, wider where days vary more than their noise.
        slope_p: Its p-value.
        early: Effect of the first week; NaN where it has none.
        later: Effect of later days; NaN where there are none.
        difference: Test of the two being one.
        drift: `Drift`: fades towards 0, grows, or neither; unknown before both weeks are there.
    """

    slope: Floats
    slope_se: Floats
    slope_p: Floats
    early: Floats
    later: Floats
    difference: Heterogeneity
    drift: NDArray[np.int64]


def novelty(
    value: ArrayLike, se: ArrayLike, *, first_days: int = FIRST_DAYS, alpha: float = WARN_BELOW
) -> Novelty:
    """Regress the daily effect on ln(day), and compare the first week with later days.

    Args:
        value: Effect of each day since the start (day 1 first), each of what units did on
            that day; shape S + (days,). NaN where a day has none.
        se: Their standard errors.
        first_days: How many days are early.
        alpha: Below this p of the difference the effect is said to drift.

    Raises:
        BadEffects: An error is none, or `first_days` is below 1.

    Assumes:
        Days are nearly independent. Units that come on many days make them less so: the
        errors of days that vary too much are widened, and a warning is a question.

    Source:
        Kohavi, Tang & Xu (2020), chapter 23; Birge (1932), Physical Review 40, 207-227;
        docs/methods/novelty.md.
    """
    from scipy.special import ndtr

    if first_days < 1:
        raise BadEffects(reason=f"the first {first_days} days are none")
    value, se = paired(value, se)
    known = ~np.isnan(value)
    day = np.log(np.arange(1, value.shape[-1] + 1, dtype=float))
    unit = np.min(np.where(known, se, np.inf), axis=-1, keepdims=True)
    unit = np.where(np.isinf(unit), 1.0, unit)
    weight = np.where(known, (unit / np.where(known, se, 1.0)) ** 2, 0.0)
    days = known.sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        whole = weight.sum(axis=-1, keepdims=True)
        x = day - (weight * day).sum(axis=-1, keepdims=True) / whole
        base = heterogeneity(value, se).common[..., None]
        y = np.where(known, value - base, 0.0) / unit
        spread = (weight * x**2).sum(axis=-1)
        slope = (weight * x * y).sum(axis=-1) / spread
        left = (weight * (y - slope[..., None] * x) ** 2).sum(axis=-1)
        wider = np.sqrt(np.maximum(1.0, left / (days - 2)))
        error = wider / np.sqrt(spread)
        enough = days >= 3
        slope = np.where(enough, slope * unit[..., 0], np.nan)
        error = np.where(enough, error * unit[..., 0], np.nan)
        p = 2 * ndtr(-np.abs(slope / error))
    first, rest = (
        _part(value, se, slice(None, first_days)),
        _part(value, se, slice(first_days, None)),
    )
    both = heterogeneity(np.stack([first[0], rest[0]], -1), np.stack([first[1], rest[1]], -1))
    with np.errstate(invalid="ignore"):
        drifts = both.p < alpha
        fades = np.abs(rest[0]) < np.abs(first[0])
    drift = np.where(drifts, np.where(fades, Drift.FADES, Drift.GROWS), Drift.NONE)
    return Novelty(
        slope=slope,
        slope_se=error,
        slope_p=np.asarray(p),
        early=first[0],
        later=rest[0],
        difference=both,
        drift=np.where(np.isnan(both.p), Drift.UNKNOWN, drift).astype(np.int64),
    )


def _part(value: Floats, se: Floats, days: slice) -> tuple[Floats, Floats]:
    if not value[..., days].shape[-1]:
        nothing = np.full(value.shape[:-1], np.nan)
        return nothing, nothing
    found = heterogeneity(value[..., days], se[..., days])
    return found.common, found.common_se
