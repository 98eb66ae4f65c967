"""Differences between treatments and their controls, estimated with their noise, many at once."""

from __future__ import annotations

import numpy as np

from truelift.errors import Refusal
from truelift.stats.effects import Absence, Effects, Estimates, Floats
from truelift.stats.linearising import (
    Foretelling,
    adjusted,
    covariance,
    foretelling,
    linear,
    variance,
)
from truelift.stats.moments import Form, Moments
from truelift.stats.points import Counted, Points, between, first
from truelift.stats.scales import Scale


class FormsDiffer(Refusal):
    """Samples of two forms, or with and without a covariate, cannot be compared."""

    code = "stats.forms_differ"

    def __init__(self, *, control: str, treatment: str) -> None:
        super().__init__(
            f"The control is a {control}, the treatment a {treatment}; give both the same form.",
            control=control,
            treatment=treatment,
        )


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
    return between(*arms(control, treatment, adjust=adjust), scale=scale)


def arms(control: Moments, treatment: Moments, *, adjust: bool = True) -> tuple[Points, Points]:
    """Give the value of each arm with its noise, of which differences on every scale are made.

    Args:
        control: As for `differences`.
        treatment: As for `differences`.
        adjust: Use the covariate, where there is one.

    Returns:
        The controls, broadcast against the treatments, and the treatments.

    Raises:
        FormsDiffer: The samples are not of one form.
    """
    if control.form is not treatment.form or control.has_covariate is not treatment.has_covariate:
        raise FormsDiffer(control=_described(control), treatment=_described(treatment))
    if not adjust:
        control, treatment = control.without_covariate(), treatment.without_covariate()
    with np.errstate(divide="ignore", invalid="ignore", over="ignore", under="ignore"):
        if not control.has_covariate:
            return _arm(control), _arm(treatment)
        both = control + treatment
        by = foretelling(both.form, both.means, both.products)
        return _arm(control, by), _arm(treatment, by)


def control_errors(control: Moments, treatment: Moments) -> Floats:
    """Give the standard error of each control's value, which all its treatments share."""
    base, _ = arms(control, treatment)
    shape = np.broadcast_shapes(control.shape, treatment.shape)
    return np.broadcast_to(np.sqrt(base.variance), shape)


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


def _arm(samples: Moments, by: Foretelling | None = None) -> Points:
    """Linearise one arm; with a covariate, take what it foretold from what was counted."""
    n, form, products = samples.n, samples.form, samples.products
    divisor = samples.divisor
    found = linear(form, samples.means[..., : form.width])
    noise = variance(found.slopes, products) / divisor
    counted = None
    if by is not None:
        plain, plain_noise = found, noise
        found = adjusted(form, samples.means, by)
        noise = variance(found.slopes, products) / divisor
        shared = covariance(found.slopes, plain.slopes, products) / divisor
        counted = Counted(plain.value, plain_noise, shared)
    absent = first(
        np.zeros(n.shape, dtype=np.uint8),
        (n == 0, Absence.NO_ARM),
        (n == 1, Absence.TOO_FEW_UNITS),
    )
    if form is Form.RATIO:
        absent = first(absent, (samples.means[..., 1] == 0, Absence.NO_DENOMINATOR))
    return Points(found.value, noise, (n - 1).astype(np.float64), n, absent, counted)


def _described(samples: Moments) -> str:
    return f"{samples.form}{' with a covariate' if samples.has_covariate else ''}"
