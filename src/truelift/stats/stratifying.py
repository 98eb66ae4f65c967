"""Post-stratification: every arm weighted to the same mixture of segments."""

from __future__ import annotations

import numpy as np

from truelift.stats.effects import Absence, Estimates
from truelift.stats.estimating import FormsDiffer, Scale, assembled, first
from truelift.stats.moments import Form, Moments


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
        means, slopes, noises = [], [], []
        for arm in (control, treatment):
            divisor = arm.n * (arm.n if arm.form is Form.SHARE else arm.n - 1.0)
            # A stratum without units in either arm weighs nothing.
            spread = np.where(both[..., None, None] > 0, arm.products / divisor[..., None, None], 0)
            mean = (weights[..., None] * arm.means).sum(axis=-2)
            slope = _slope(arm.form, mean)
            terms = slope[..., :, None] * slope[..., None, :]
            noise = ((weights**2)[..., None, None] * spread).sum(axis=-3)
            means.append(mean[..., 0] / mean[..., 1] if arm.form is Form.RATIO else mean[..., 0])
            slopes.append(slope)
            noises.append((terms * noise).sum(axis=(-2, -1)))
        (base, value), (base_noise, noise) = means, noises
        if scale is Scale.ABSOLUTE:
            found, tilts = value - base, (np.ones_like(base), np.ones_like(base))
        elif scale is Scale.RELATIVE:
            found = (value - base) / np.abs(base)
            tilts = (value / base / np.abs(base), 1 / np.abs(base))
        else:
            found, tilts = np.log(value / base), (1 / base, 1 / value)
        moved = (tilts[1][..., None] * slopes[1])[..., None, :] * treatment.means - (
            tilts[0][..., None] * slopes[0]
        )[..., None, :] * control.means
        pull = moved.sum(axis=-1)
        mixture = (weights * pull**2).sum(axis=-1) - (weights * pull).sum(axis=-1) ** 2
        variance = tilts[0] ** 2 * base_noise + tilts[1] ** 2 * noise
        # What is below 0 by rounding is no spread.
        variance = np.maximum(variance + np.maximum(mixture, 0.0) / total, 0.0)
    fewest = np.where(both > 0, np.minimum(control.n, treatment.n), 2).min(axis=-1)
    absent = first(
        np.zeros(total.shape, dtype=np.uint8),
        (total == 0, Absence.NO_ARM),
        (fewest < 2, Absence.TOO_FEW_UNITS),
    )
    if control.form is Form.RATIO:
        empty = ~np.isfinite(value) | ~np.isfinite(base)
        absent = first(absent, (empty, Absence.NO_DENOMINATOR))
    if scale is Scale.RELATIVE:
        absent = first(absent, (base == 0, Absence.NO_CONTROL_VALUE))
    elif scale is Scale.LOG:
        absent = first(absent, ((value <= 0) | (base <= 0), Absence.NOT_POSITIVE))
    df = np.where(absent == Absence.NONE, total - 2.0 * control.shape[-1], np.nan)
    return assembled(found, np.sqrt(variance), df, total, absent)


def _slope(form: Form, mean: np.ndarray) -> np.ndarray:
    if form is not Form.RATIO:
        return np.ones_like(mean)
    return np.stack([1 / mean[..., 1], -mean[..., 0] / mean[..., 1] ** 2], axis=-1)
