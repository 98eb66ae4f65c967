"""Differences between treatments and their controls, estimated with their noise, many at once."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from truelift.errors import Refusal
from truelift.stats.effects import Absence, Counts, Effects, Estimates, Floats, Reasons
from truelift.stats.moments import ROUNDING, Form, Moments


class Scale(StrEnum):
    """What a difference is told in.

    `RELATIVE` is the lift with its delta-method error. `LOG` is the logarithm of the ratio of
    both values: its interval, told as a lift by `as_lifts`, is lopsided as a ratio's is.
    """

    ABSOLUTE = "absolute"
    RELATIVE = "relative"
    LOG = "log"


class FormsDiffer(Refusal):
    """Samples of two forms, or with and without a covariate, cannot be compared."""

    code = "stats.forms_differ"

    def __init__(self, *, control: str, treatment: str) -> None:
        super().__init__(
            f"The control is a {control}, the treatment a {treatment}; give both the same form.",
            control=control,
            treatment=treatment,
        )


@dataclass(frozen=True, slots=True)
class Arm:
    """One arm of each comparison, linearised: what every scale is made of.

    Attributes:
        value: The metric, adjusted where there is a covariate.
        counted: The metric as it was counted.
        slope: Gradient of `value` in the unit's numbers; shape S + (k,).
        slope_counted: Gradient of `counted`.
        spread: Covariance matrix of the mean numbers; shape S + (k, k).
        variance: Of `value`.
    """

    value: Floats
    counted: Floats
    slope: Floats
    slope_counted: Floats
    spread: Floats
    variance: Floats


def differences(
    control: Moments, treatment: Moments, *, scale: Scale = Scale.ABSOLUTE, adjust: bool = True
) -> Estimates:
    """Estimate how far each treatment is from its control.

    Every metric is a smooth function of unit means, so one rule gives every error: the gradient
    of the difference, times the covariance of the means (delta method). With a covariate the
    metric is adjusted by what units did before their exposure (CUPED), with one slope for both
    arms, which makes the noise smaller and moves nothing on average.

    Args:
        control: Samples of the controls, broadcast against the treatments.
        treatment: Samples of the treatments.
        scale: What the difference is told in.
        adjust: Use the covariate, where there is one.

    Returns:
        Estimates of the common shape. Degrees of freedom are Welch's: of the logarithms on
        that scale, of the absolute difference on the others.

    Raises:
        FormsDiffer: The samples are not of one form.

    Assumes:
        Units are independent and were randomised one by one; the covariate was settled before
        the exposure.

    Source:
        Deng, Knoblich & Lu (2018), KDD, 233-242; Deng, Xu, Kohavi & Walker (2013), WSDM,
        123-132; docs/methods/relative-delta.md, docs/methods/cuped.md.
    """
    if control.form is not treatment.form or control.has_covariate is not treatment.has_covariate:
        raise FormsDiffer(control=_described(control), treatment=_described(treatment))
    control, treatment = _broadcast(control, treatment)
    if not adjust:
        control, treatment = control.without_covariate(), treatment.without_covariate()
    with np.errstate(divide="ignore", invalid="ignore", over="ignore", under="ignore"):
        base, other = _arms(control, treatment)
        absent = _absences(control, treatment, base.variance + other.variance)
        df = _welch_df(other.variance, base.variance, treatment.n, control.n)
        gap = other.value - base.value
        if scale is Scale.ABSOLUTE:
            found, se = gap, np.sqrt(other.variance + base.variance)
        elif scale is Scale.RELATIVE:
            # Against the size of the control, so that a metric below zero keeps its signs.
            size = np.abs(base.counted)
            tilt = -base.slope - (gap / base.counted)[..., None] * base.slope_counted
            found = gap / size
            se = np.sqrt(other.variance + _quadratic(tilt, base.spread)) / size
            absent = first(absent, (base.counted == 0, Absence.NO_CONTROL_VALUE))
        else:
            found = np.log(other.value / base.value)
            noise, base_noise = other.variance / other.value**2, base.variance / base.value**2
            se = np.sqrt(noise + base_noise)
            df = _welch_df(noise, base_noise, treatment.n, control.n)
            negative = (other.value <= 0) | (base.value <= 0)
            absent = first(absent, (negative, Absence.NOT_POSITIVE))
    return assembled(found, se, df, control.n + treatment.n, absent)


def control_errors(control: Moments, treatment: Moments) -> Floats:
    """Give the standard error of each control's value, which all its treatments share."""
    control, treatment = _broadcast(control, treatment)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore", under="ignore"):
        return np.sqrt(_arms(control, treatment)[0].variance)


def assembled(value: Floats, se: Floats, df: Floats, n: Counts, absent: Reasons) -> Estimates:
    """Put estimates together: a number where there is one, the first reason where there is none."""
    absent = first(absent, (se == 0, Absence.NO_SPREAD))
    # Infinite degrees of freedom say that the error is known.
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        sane = (np.abs(value) < _LARGEST) & (se < _LARGEST) & (se > 1 / _LARGEST) & (df > 0)
        sane &= np.abs(value) / se < _FARTHEST
    absent = first(absent, (~sane, Absence.TOO_LARGE))
    known = absent == Absence.NONE
    return Estimates(
        value=np.where(known, value, np.nan),
        se=np.where(known, se, np.nan),
        df=np.where(known, df, np.nan),
        n=np.broadcast_to(n, absent.shape),
        absent=absent,
    )


_LARGEST: Final = 1e150
"""Beyond this the square of a number is none any more."""

_FARTHEST: Final = 1e100
"""So many standard errors from 0 are no measurement, and methods square them."""


def as_lifts(effects: Effects) -> Effects:
    """Tell effects that were judged on the scale of logarithms as lifts; p stays as it is.

    `se` is that of the lift at its value.
    """
    return Effects(
        value=np.expm1(effects.value),
        se=np.exp(effects.value) * effects.se,
        low=np.expm1(effects.low),
        high=np.expm1(effects.high),
        p=effects.p,
        absent=effects.absent,
    )


def variance_saved(control: Moments, treatment: Moments) -> Floats:
    """Give what share of the absolute difference's variance its covariate takes away.

    Returns:
        0 where there is no covariate; NaN where there is no difference.
    """
    raw = differences(control, treatment, adjust=False).se
    return np.asarray(1 - (differences(control, treatment).se / raw) ** 2)


def values(samples: Moments) -> Floats:
    """Give the metric of each sample; NaN where nobody is there, or no denominator."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore", under="ignore"):
        found = samples.means[..., 0]
        if samples.form is Form.RATIO:
            found = found / samples.means[..., 1]
    return np.where((samples.n > 0) & np.isfinite(found), found, np.nan)


def _arms(control: Moments, treatment: Moments) -> tuple[Arm, Arm]:
    if not control.has_covariate:
        return _arm(control), _arm(treatment)
    pooled = control + treatment
    theta = _theta(pooled)
    before = _value(pooled.form, pooled.means[..., pooled.form.width :])
    return _arm(control, theta, before), _arm(treatment, theta, before)


def _arm(sample: Moments, theta: Floats | None = None, before: Floats | None = None) -> Arm:
    """Linearise one arm; with a covariate, take what it foretold from what was counted."""
    width = sample.form.width
    spread = _spread(sample)
    counted = value = _value(sample.form, sample.means[..., :width])
    slope = tilt = _slope(sample.form, sample.means[..., :width])
    if theta is not None and before is not None:
        past = _value(sample.form, sample.means[..., width:])
        past_slope = _slope(sample.form, sample.means[..., width:])
        # Where nothing was foretold, a past without a denominator must not spoil the present.
        none = theta == 0
        value = counted - np.where(none, 0.0, theta * (past - before))
        foretold = np.where(none[..., None], 0.0, theta[..., None] * past_slope)
        slope = np.concatenate([tilt, -foretold], axis=-1)
        tilt = np.concatenate([tilt, np.zeros_like(tilt)], axis=-1)
    return Arm(value, counted, slope, tilt, spread, _quadratic(slope, spread))


def _value(form: Form, means: Floats) -> Floats:
    return np.asarray(means[..., 0] / means[..., 1] if form is Form.RATIO else means[..., 0])


def _slope(form: Form, means: Floats) -> Floats:
    if form is not Form.RATIO:
        return np.ones_like(means)
    below = means[..., 1]
    return np.stack([1 / below, -means[..., 0] / below / below], axis=-1)


def _spread(samples: Moments) -> Floats:
    """Covariance of the mean numbers. A share fixes its own variance: no Bessel's correction."""
    n = samples.n
    divisor = n * (n if samples.form is Form.SHARE and not samples.has_covariate else n - 1.0)
    return samples.products / divisor[..., None, None]


def _quadratic(slope: Floats, spread: Floats) -> Floats:
    """Variance of a sum of numbers with these slopes; what is only rounding is no spread."""
    terms = slope[..., :, None] * spread * slope[..., None, :]
    variance = terms.sum(axis=(-2, -1))
    rounding = ROUNDING * np.abs(terms).sum(axis=(-2, -1))
    return np.asarray(np.where(variance <= rounding, 0.0, variance))


def _theta(pooled: Moments) -> Floats:
    """Regress the metric on what it was before, over both arms; 0 where that did not vary."""
    width = pooled.form.width
    now = _slope(pooled.form, pooled.means[..., :width])
    before = _slope(pooled.form, pooled.means[..., width:])
    past = pooled.products[..., width:, width:]
    cross = pooled.products[..., :width, width:]
    variance = _quadratic(before, past)
    covariance = (now[..., :, None] * cross * before[..., None, :]).sum(axis=(-2, -1))
    usable = np.isfinite(variance) & np.isfinite(covariance) & (variance > 0)
    theta: Floats = np.zeros(variance.shape)
    np.divide(covariance, variance, out=theta, where=usable)
    return theta


def _absences(control: Moments, treatment: Moments, variance: Floats) -> Reasons:
    absent = np.zeros(control.shape, dtype=np.uint8)
    fewest = np.minimum(control.n, treatment.n)
    absent = first(absent, (fewest == 0, Absence.NO_ARM), (fewest == 1, Absence.TOO_FEW_UNITS))
    if control.form is Form.RATIO:
        empty = (control.means[..., 1] == 0) | (treatment.means[..., 1] == 0)
        absent = first(absent, (empty, Absence.NO_DENOMINATOR))
    return first(absent, (variance == 0, Absence.NO_SPREAD))


def first(absent: Reasons, *found: tuple[NDArray[np.bool_], Absence]) -> Reasons:
    """Name a reason where none has been named yet."""
    for where, reason in found:
        absent = np.where((absent == Absence.NONE) & where, np.uint8(reason), absent)
    return absent


def _welch_df(noise: Floats, base_noise: Floats, n: Counts, base_n: Counts) -> Floats:
    """Degrees of freedom that fit two samples of unequal spread.

    By shares instead of fourth powers: a metric near 1e-100 would vanish otherwise.
    """
    share = noise / (noise + base_noise)
    return np.asarray(1 / (share * share / (n - 1) + (1 - share) ** 2 / (base_n - 1)))


def _broadcast(control: Moments, treatment: Moments) -> tuple[Moments, Moments]:
    shape = np.broadcast_shapes(control.shape, treatment.shape)
    return control.broadcast(shape), treatment.broadcast(shape)


def _described(samples: Moments) -> str:
    return f"{samples.form}{' with a covariate' if samples.has_covariate else ''}"
