"""Whether several estimates of one effect differ by more than their noise, and what they share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from truelift.errors import Refusal
from truelift.stats.effects import Floats


class BadEffects(Refusal):
    """Effects and errors that cannot be put together."""

    code: ClassVar[str] = "stats.bad_effects"

    def __init__(self, *, reason: str) -> None:
        super().__init__(f"The effects cannot be put together: {reason}.", reason=reason)


@dataclass(frozen=True, slots=True, eq=False)
class Heterogeneity:
    """How far estimates of one effect disagree; the last axis of what came in is gone.

    Attributes:
        q: Cochran's Q: squared distances from the common value, by their variances.
        df: Estimates less one; where it is below 1 nothing can disagree.
        p: Chance of a Q at least as large, were there one effect; NaN where `df` < 1.
        i2: Share of the disagreement that is more than noise, 0 to 1; NaN where `df` < 1.
        tau2: Variance of the true effects (DerSimonian-Laird), at least 0; NaN where `df` < 1.
        common: Their mean, each by the inverse of its variance; NaN where there is none.
        common_se: Its standard error, were there one effect.
    """

    q: Floats
    df: NDArray[np.int64]
    p: Floats
    i2: Floats
    tau2: Floats
    common: Floats
    common_se: Floats


def heterogeneity(value: ArrayLike, se: ArrayLike) -> Heterogeneity:
    """Test whether independent estimates are of one effect; the last axis is them.

    Args:
        value: Estimates; NaN where there is none.
        se: Their standard errors, above 0; NaN where there is no estimate.

    Raises:
        BadEffects: An error is not above 0, a number is infinite, or one is missing.

    Assumes:
        Estimates are nearly normal, independent of each other, their errors known.

    Source:
        Cochran (1954), Biometrics 10, 101-129; DerSimonian & Laird (1986), Controlled Clinical
        Trials 7, 177-188; docs/methods/effect-heterogeneity.md.
    """
    from scipy.special import chdtrc

    value, se = paired(value, se)
    known = ~np.isnan(value)
    # Errors by the smallest of their row, and values from one of them: neither squares of
    # large numbers nor differences of nearly equal sums lose digits.
    unit, start, weight, shifted = _scaled(value, se, known)
    whole = weight.sum(axis=-1)
    df = known.sum(axis=-1) - 1
    several = df >= 1
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = (weight * shifted).sum(axis=-1) / whole
        q = (weight * (shifted - mean[..., None]) ** 2).sum(axis=-1)
        excess = np.maximum(0.0, q - df)
        tau2 = excess / ((weight * _others(weight)).sum(axis=-1) / whole) * unit**2
        i2 = np.where(q > 0, excess / np.where(q > 0, q, 1.0), 0.0)
        common = start + mean * unit
        common_se = unit / np.sqrt(whole)
    none = df < 0
    return Heterogeneity(
        q=np.where(several, q, 0.0),
        df=df,
        p=np.where(several, chdtrc(np.maximum(df, 1), np.where(several, q, 0.0)), np.nan),
        i2=np.where(several, i2, np.nan),
        tau2=np.where(several, tau2, np.nan),
        common=np.where(none, np.nan, common),
        common_se=np.where(none, np.nan, common_se),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Deviations:
    """How far each estimate is from all others together; of the estimates' shape.

    Attributes:
        value: Estimate less the common value of the others; NaN where there are none.
        se: Its standard error.
        p: Two-sided p of it being 0.
    """

    value: Floats
    se: Floats
    p: Floats


def deviations(value: ArrayLike, se: ArrayLike) -> Deviations:
    """Compare every estimate with the rest; the last axis is them.

    Raises:
        BadEffects: As `heterogeneity`.

    Source:
        docs/methods/effect-heterogeneity.md.
    """
    from scipy.special import ndtr

    value, se = paired(value, se)
    known = ~np.isnan(value)
    unit, _, weight, shifted = _scaled(value, se, known)
    rest = _others(weight)
    others = known & ((known.sum(axis=-1, keepdims=True) - known) > 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = _others(weight * shifted) / rest
        gap = np.where(others, shifted - mean, np.nan)
        error = np.where(others, np.sqrt(1 / weight + 1 / rest), np.nan)
        p = 2 * ndtr(-np.abs(gap / error))
    return Deviations(gap * unit[..., None], error * unit[..., None], np.asarray(p))


@dataclass(frozen=True, slots=True, eq=False)
class Shrunken:
    """Estimates drawn together by what they have in common; of the estimates' shape.

    Attributes:
        value: Between the estimate and the common mean; NaN where there is no estimate.
        se: Its standard error, as if the spread of true effects were known.
        weight: What the estimate itself counts in it, 0 to 1.
    """

    value: Floats
    se: Floats
    weight: Floats


def shrunken(value: ArrayLike, se: ArrayLike) -> Shrunken:
    """Draw estimates together, the noisy ones most; the last axis is them.

    For reading many at once: the largest of several noisy estimates is too large on average,
    its shrunken value is not. One alone stays as it is.

    Raises:
        BadEffects: As `heterogeneity`.

    Source:
        DerSimonian & Laird (1986); Morris (1983), JASA 78, 47-55;
        docs/methods/effect-heterogeneity.md.
    """
    value, se = paired(value, se)
    tau2 = heterogeneity(value, se).tau2[..., None]
    return drawn_together(value, se, tau2=np.where(np.isnan(tau2), np.inf, tau2))


def drawn_together(value: Floats, se: Floats, *, tau2: Floats) -> Shrunken:
    """Shrink estimates towards their mean, the spread of true effects given.

    Args:
        value: Estimates; NaN where there is none.
        se: Their standard errors.
        tau2: Variance of the true effects, broadcast; infinite to leave them as they are.
    """
    known = ~np.isnan(value)
    own = np.where(known, se, 1.0) ** 2
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        alone = np.isinf(tau2)
        spread = np.where(alone, 0.0, tau2)
        weight = np.where(known, 1 / (own + spread), 0.0)
        share = np.where(alone, 1.0, spread / (own + spread))
        whole = weight.sum(axis=-1, keepdims=True)
        start = np.where(known, value, np.nan)
        base = _first_known(start, known)[..., None]
        mean = base + (weight * np.where(known, value - base, 0.0)).sum(axis=-1, keepdims=True) / (
            whole
        )
        moved = share * value + (1 - share) * mean
        error = np.sqrt(share * own + (1 - share) ** 2 / whole)
    return Shrunken(
        np.where(known, moved, np.nan),
        np.where(known, error, np.nan),
        np.where(known, share, np.nan),
    )


def paired(value: ArrayLike, se: ArrayLike) -> tuple[Floats, Floats]:
    """Check estimates with their standard errors; both are NaN or neither.

    Raises:
        BadEffects: An error is not above 0, a number is infinite, or one is missing.
    """
    values, errors = np.broadcast_arrays(np.asarray(value, float), np.asarray(se, float))
    if not values.ndim or not values.shape[-1]:
        raise BadEffects(reason="there is none")
    missing = np.isnan(values)
    if (missing != np.isnan(errors)).any():
        raise BadEffects(reason="an effect stands without its standard error, or the reverse")
    if not np.isfinite(values[~missing]).all() or (np.abs(values[~missing]) > _LARGEST).any():
        raise BadEffects(reason=f"an effect is not a number below {_LARGEST:g}")
    if not ((errors[~missing] > _SMALLEST) & (errors[~missing] < _LARGEST)).all():
        raise BadEffects(
            reason=f"a standard error does not lie between {_SMALLEST:g} and {_LARGEST:g}"
        )
    finest = np.min(np.where(missing, np.inf, errors), axis=-1)
    most = np.max(np.where(missing, 0.0, np.maximum(np.abs(values), errors)), axis=-1)
    if (most > finest * _APART).any():
        raise BadEffects(reason="they are further apart than their errors can judge")
    return values, errors


_LARGEST = 1e150
_SMALLEST = 1e-150
_APART = 1e70
"""Beyond these the square of a number is none any more."""


def _scaled(value: Floats, se: Floats, known: NDArray[np.bool_]) -> tuple[Floats, ...]:
    """Give the unit of each row, its start, and weights and values in these."""
    unit = np.min(np.where(known, se, np.inf), axis=-1)
    unit = np.where(np.isinf(unit), 1.0, unit)
    start = np.where(known.any(axis=-1), _first_known(value, known), 0.0)
    weight = np.where(known, (unit[..., None] / np.where(known, se, 1.0)) ** 2, 0.0)
    shifted = np.where(known, (np.where(known, value, 0.0) - start[..., None]), 0.0)
    return unit, start, weight, shifted / unit[..., None]


def _others(values: Floats) -> Floats:
    """Give the sum of all others along the last axis.

    From both ends: the whole less one's own has no digits left where one outweighs all.
    """
    nothing = np.zeros((*values.shape[:-1], 1))
    before = np.concatenate([nothing, values[..., :-1]], axis=-1).cumsum(axis=-1)
    after = np.concatenate([values[..., 1:], nothing], axis=-1)
    return np.asarray(before + np.flip(np.flip(after, -1).cumsum(axis=-1), -1))


def _first_known(value: Floats, known: NDArray[np.bool_]) -> Floats:
    place = np.argmax(known, axis=-1)[..., None]
    return np.asarray(np.take_along_axis(value, place, axis=-1)[..., 0])
