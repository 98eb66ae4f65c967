"""Values that are known with an error, one per sample: what is neither a mean nor a ratio."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from truelift.stats.effects import Absence, Counts, Estimates, Floats, Reasons
from truelift.stats.estimating import Scale, assembled, first


@dataclass(frozen=True, slots=True)
class Points:
    """Estimates of one value per sample; all arrays of one shape.

    Attributes:
        value: In the metric's unit; NaN where `absent` says why there is none.
        variance: Of `value`; NaN where absent.
        df: Degrees of freedom of `variance`; infinite where it counts as known.
        n: Units, or observations where these are what was drawn.
        absent: `Absence` of each.
    """

    value: Floats
    variance: Floats
    df: Floats
    n: Counts
    absent: Reasons


def between(control: Points, treatment: Points, *, scale: Scale = Scale.ABSOLUTE) -> Estimates:
    """Estimate how far values of treatments are from those of their controls.

    Args:
        control: Broadcast against the treatments.
        treatment: Independent of the controls.
        scale: What the difference is told in.

    Source:
        Satterthwaite (1946), Biometrics Bulletin 2, 110-114, for the degrees of freedom;
        docs/methods/relative-delta.md.
    """
    with np.errstate(divide="ignore", invalid="ignore", over="ignore", under="ignore"):
        value, base = treatment.value, control.value
        noise, base_noise = treatment.variance, control.variance
        absent = first(
            np.zeros(np.broadcast_shapes(value.shape, base.shape), dtype=np.uint8),
            *((control.absent == reason, reason) for reason in Absence if reason),
            *((treatment.absent == reason, reason) for reason in Absence if reason),
            (noise + base_noise == 0, Absence.NO_SPREAD),
        )
        if scale is Scale.ABSOLUTE:
            found, se = value - base, np.sqrt(noise + base_noise)
        elif scale is Scale.RELATIVE:
            found = (value - base) / np.abs(base)
            se = np.sqrt(noise + (value / base) ** 2 * base_noise) / np.abs(base)
            absent = first(absent, (base == 0, Absence.NO_CONTROL_VALUE))
        else:
            found = np.log(value / base)
            se = np.sqrt(noise / value**2 + base_noise / base**2)
            absent = first(absent, ((value <= 0) | (base <= 0), Absence.NOT_POSITIVE))
        share = noise / (noise + base_noise)
        df = 1 / (share * share / treatment.df + (1 - share) ** 2 / control.df)
    return assembled(found, se, df, control.n + treatment.n, absent)
