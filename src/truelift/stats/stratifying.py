"""Post-stratification: every arm weighted to the same mixture of segments."""

from __future__ import annotations

import numpy as np

from truelift.stats.effects import Absence, Estimates, Floats
from truelift.stats.estimating import FormsDiffer
from truelift.stats.linearising import Linear, linear, variance
from truelift.stats.moments import Form, Moments
from truelift.stats.points import assembled, first
from truelift.stats.scales import Scale, told


def stratified_differences(
    control: Moments, treatment: Moments, *, scale: Scale = Scale.ABSOLUTE
) -> Estimates:
    """Estimate differences with each stratum weighted by its share of all units of both arms.

    What strata differ in no longer adds to the noise between arms. The weights are estimates
    themselves, which adds what the strata's effects differ in.

    Args:
        control: Samples of the controls; shape S + (K,), one a stratum.
        treatment: Samples of the treatments, of the same shape.
        scale: `ABSOLUTE` or `RELATIVE`; on the scale of logarithms as well.

    Returns:
        Estimates of shape S. A stratum in which an arm has fewer than two units cannot be
        weighted: then there is none; put small strata together beforehand.

    Raises:
        FormsDiffer: The samples are not of one form, or have a covariate.

    Assumes:
        The stratum was settled before the exposure; units are independent.

    Source:
        Miratrix, Sekhon & Yu (2013), JRSS B 75(2), 369-396; Xie & Aurisset (2016), KDD,
        645-654; docs/methods/post-stratification.md.
    """
    if control.form is not treatment.form or control.has_covariate or treatment.has_covariate:
        raise FormsDiffer(control=control.form, treatment=treatment.form)
    both = control.n + treatment.n
    total = both.sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore", under="ignore"):
        weights = both / total[..., None]
        base, base_noise = _mixed(control, weights)
        value, noise = _mixed(treatment, weights)
        found = told(base.value, value.value, scale=scale)
        pull = _pull(value, treatment, found.slope) + _pull(base, control, found.base_slope)
        mixture = (weights * pull**2).sum(axis=-1) - (weights * pull).sum(axis=-1) ** 2
        spread = found.slope**2 * noise + found.base_slope**2 * base_noise
        # What is below 0 by rounding is no spread.
        spread = np.maximum(spread + np.maximum(mixture, 0.0) / total, 0.0)
    fewest = np.where(both > 0, np.minimum(control.n, treatment.n), 2).min(axis=-1)
    absent = first(
        np.zeros(total.shape, dtype=np.uint8),
        (total == 0, Absence.NO_ARM),
        (fewest < 2, Absence.TOO_FEW_UNITS),
    )
    if control.form is Form.RATIO:
        empty = ~np.isfinite(value.value) | ~np.isfinite(base.value)
        absent = first(absent, (empty, Absence.NO_DENOMINATOR))
    absent = first(absent, *found.undefined)
    df = np.where(absent == Absence.NONE, total - 2.0 * control.shape[-1], np.nan)
    return assembled(found.value, np.sqrt(spread), df, total, absent)


def _mixed(arm: Moments, weights: Floats) -> tuple[Linear, Floats]:
    """Give an arm's metric over all strata with these weights, and its noise."""
    metric = linear(arm.form, (weights[..., None] * arm.means).sum(axis=-2))
    weight = (weights**2)[..., None, None]
    # A stratum without units in either arm weighs nothing.
    spread = np.where(weight > 0, weight * arm.spread, 0.0).sum(axis=-3)
    return metric, variance(metric.slopes, spread)


def _pull(metric: Linear, arm: Moments, along: Floats) -> Floats:
    """Give what the means of each stratum's units move the difference by."""
    slopes = [(along * slope)[..., None] for slope in metric.slopes]
    return np.asarray(sum(slope * arm.means[..., i] for i, slope in enumerate(slopes)))
