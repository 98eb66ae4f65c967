"""Values that are known with an error, one per sample, and how far they are from each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import EllipsisType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from truelift.stats.effects import Absence, Counts, Estimates, Floats, Reasons
from truelift.stats.linearising import Adjusted
from truelift.stats.moments import ROUNDING
from truelift.stats.scales import Scale, told


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """What was counted, where a value has been adjusted: a lift is a share of it.

    Attributes:
        value: In the metric's unit.
        variance: Of `value`.
        covariance: Of `value` with the adjusted one.
    """

    value: Floats
    variance: Floats
    covariance: Floats


@dataclass(frozen=True, slots=True)
class Points:
    """Estimates of one value per sample; all arrays of one shape.

    Attributes:
        value: In the metric's unit; NaN where `absent` says why there is none.
        variance: Of `value`; NaN where absent.
        df: Degrees of freedom of `variance`; infinite where it counts as known.
        n: Units, or observations where these are what was drawn.
        absent: `Absence` of each.
        counted: What it was before an adjustment; None where there was none.
    """

    value: Floats
    variance: Floats
    df: Floats
    n: Counts
    absent: Reasons
    counted: Counted | None = field(default=None, kw_only=True)

    def __getitem__(self, where: object) -> Points:
        """Take a part of them as they are, as of an array."""
        return Points(*(np.asarray(getattr(self, name)[where]) for name in _OF_EACH))

    def adjusted(
        self, parts: Sequence[tuple[slice | EllipsisType, Adjusted]], shape: tuple[int, ...]
    ) -> Points:
        """Take adjusted values in some rows, and keep what was counted beside them.

        Args:
            parts: Rows, and the values that stand in them.
            shape: What all are broadcast to.
        """
        found = np.empty((3, *shape))
        for place, each in enumerate((self.value, self.variance, self.variance)):
            found[place] = each
        value, variance, covariance = (found[place, ...] for place in range(3))
        for rows, part in parts:
            value[rows], variance[rows] = part.value, part.variance
            covariance[rows] = part.covariance
        counted = Counted(self.value, self.variance, covariance)
        return Points(value, variance, self.df, self.n, self.absent, counted=counted)


_OF_EACH: Final = ("value", "variance", "df", "n", "absent")


def between(control: Points, treatment: Points, *, scale: Scale = Scale.ABSOLUTE) -> Estimates:
    """Estimate how far values of treatments are from those of their controls.

    Args:
        control: Broadcast against the treatments.
        treatment: Independent of the controls.
        scale: What the difference is told in.

    Returns:
        Estimates of the common shape. Degrees of freedom are Welch's: of the logarithms on
        that scale, of the absolute difference on the others.

    Source:
        Satterthwaite (1946), Biometrics Bulletin 2, 110-114, for the degrees of freedom;
        docs/methods/relative-delta.md.
    """
    whole = control.counted
    with np.errstate(divide="ignore", invalid="ignore", over="ignore", under="ignore"):
        found = told(
            control.value,
            treatment.value,
            scale=scale,
            counted=None if whole is None else whole.value,
        )
        noise, base_noise = treatment.variance, control.variance
        moved, base_moved = noise, base_noise
        if scale is not Scale.ABSOLUTE:
            moved = found.slope * noise * found.slope
            base_moved = found.base_slope * base_noise * found.base_slope
        variance, spread = moved + base_moved, noise + base_noise
        # By shares instead of fourth powers: a metric near 1e-100 would vanish otherwise.
        share = moved / variance if scale is Scale.LOG else noise / spread
        df = 1 / (share * share / treatment.df + (1 - share) ** 2 / control.df)
        absent = first(
            _either(control.absent, treatment.absent),
            (spread == 0, Absence.NO_SPREAD),
            *found.undefined,
        )
        if scale is Scale.RELATIVE and whole is not None:
            # The lift is a share of what was counted, which moves not quite as the adjusted does.
            rate = np.sign(whole.value) * found.value
            apart = 2 * (whole.covariance - base_noise) + rate * (whole.variance - base_noise)
            more = rate * found.slope * apart * found.slope
            rounding = ROUNDING * (variance + np.abs(more))
            variance = variance + more
            variance = np.where(variance <= rounding, 0.0, variance)
        se = np.sqrt(variance)
    return assembled(found.value, se, df, control.n + treatment.n, absent)


def beneath(parts: Sequence[Points]) -> Points:
    """Put values as they are one below the other, along the first axis."""
    return Points(*(np.concatenate([getattr(part, name) for part in parts]) for name in _OF_EACH))


def assembled(value: Floats, se: Floats, df: Floats, n: Counts, absent: Reasons) -> Estimates:
    """Put estimates together: a number where there is one, the first reason where there is none."""
    size = np.abs(value)
    with np.errstate(invalid="ignore", over="ignore"):
        # Infinite degrees of freedom say that the error is known.
        sane = (se > 1 / _LARGEST) & (se < _LARGEST) & (df > 0)
        sane &= (size < _LARGEST) & (size < _FARTHEST * se)
    if not sane.all():
        absent = first(absent, (se == 0, Absence.NO_SPREAD), (~sane, Absence.TOO_LARGE))
    if absent.any():
        known = absent == Absence.NONE
        value, se, df = (np.where(known, each, np.nan) for each in (value, se, df))
    if n.shape != absent.shape:
        n = np.broadcast_to(n, absent.shape)
    return Estimates(value, se, df, n, absent)


_LARGEST: Final = 1e150
"""Beyond this the square of a number is none any more."""

_FARTHEST: Final = 1e100
"""So many standard errors from 0 are no measurement, and methods square them."""


def first(absent: Reasons, *found: tuple[NDArray[np.bool_], Absence]) -> Reasons:
    """Name a reason where none has been named yet."""
    for where, reason in found:
        if where.any():
            absent = np.where((absent == Absence.NONE) & where, np.uint8(reason), absent)
    return absent


def _either(one: Reasons, other: Reasons) -> Reasons:
    """Give the reason of one of two; of both, the one that comes first in `Absence`."""
    if not other.any():
        one, other = other, one
    if not one.any():
        return np.asarray(one | other)
    both = (one > Absence.NONE) & (other > Absence.NONE)
    return np.where(both, np.minimum(one, other), np.maximum(one, other))
