"""Differences between treatments and their controls, estimated with their noise, many at once."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Final

import numpy as np

from truelift.errors import Refusal
from truelift.stats.effects import Absence, Effects, Estimates, Floats, Reasons
from truelift.stats.linearising import (
    Adjusted,
    Past,
    adjusted,
    foretelling,
    linear,
    past,
    variance,
)
from truelift.stats.moments import Form, Moments
from truelift.stats.points import Points, beneath, between, first
from truelift.stats.scales import Scale


FEWEST_UNITS: Final = 2
"""With one unit there is no spread, so nothing can be compared."""


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
        base, other = _counted(control), _counted(treatment)
        if not control.has_covariate:
            return base, other
        pasts = _past(control), _past(treatment)
        without, rest = _adjusted((control, treatment), (base, other), pasts)
        shape = np.broadcast_shapes(control.shape, treatment.shape)
        return base.adjusted([(..., without)], shape), other.adjusted([(..., rest)], shape)


def arms_of_all(groups: Sequence[Moments], *, adjust: bool = True) -> tuple[Points, Points]:
    """Give the arms of comparisons of many forms, one form below the other.

    What follows (scales, methods, corrections) is then done once for all of them.

    Args:
        groups: Samples of one form each, of shape (metrics, arms, ...) with the control first;
            alike but for the number of metrics.
        adjust: Use covariates, where there are any.

    Returns:
        As of `arms`.
    """
    if not adjust:
        groups = [group.without_covariate() for group in groups]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore", under="ignore"):
        found = beneath([_counted(group) for group in groups])
        control, treatment = found[:, :1], found[:, 1:]
        ends = itertools.accumulate(len(group.n) for group in groups)
        controls, treatments = [], []
        for group, end in zip(groups, ends, strict=True):
            if group.has_covariate:
                rows = slice(end - len(group.n), end)
                before = _past(group)
                base, other = _adjusted(
                    (group[:, :1], group[:, 1:]),
                    (control[rows], treatment[rows]),
                    (before[:, :1], before[:, 1:]),
                )
                controls.append((rows, base))
                treatments.append((rows, other))
        if not controls:
            return control, treatment
        shape = treatment.value.shape
        return control.adjusted(controls, shape), treatment.adjusted(treatments, shape)


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
        found = linear(samples.form, samples.means[..., : samples.form.width]).value
    return np.where((samples.n > 0) & np.isfinite(found), found, np.nan)


def _counted(samples: Moments) -> Points:
    """Give metrics as they were counted."""
    n, metric = samples.n, linear(samples.form, samples.means[..., : samples.form.width])
    absent: Reasons = np.zeros(n.shape, dtype=np.uint8)
    if n.min(initial=FEWEST_UNITS) < FEWEST_UNITS:
        absent = first(absent, (n == 0, Absence.NO_ARM), (n == 1, Absence.TOO_FEW_UNITS))
    if samples.form is Form.RATIO:
        absent = first(absent, (samples.means[..., 1] == 0, Absence.NO_DENOMINATOR))
    noise = variance(metric.slopes, samples.spread)
    return Points(metric.value, noise, (n - 1).astype(np.float64), n, absent)


def _past(samples: Moments) -> Past:
    return past(samples.form, samples.means, samples.spread)


def _adjusted(
    samples: tuple[Moments, Moments],
    counted: tuple[Points, Points],
    before: tuple[Past, Past],
) -> tuple[Adjusted, Adjusted]:
    """Take from what was counted what was foretold of it, with one slope for both arms."""
    both = samples[0] + samples[1]
    by = foretelling(past(both.form, both.means, both.products))
    base, other = (
        adjusted(points.value, points.variance, each, by)
        for points, each in zip(counted, before, strict=True)
    )
    return base, other


def _described(samples: Moments) -> str:
    return f"{samples.form}{' with a covariate' if samples.has_covariate else ''}"
