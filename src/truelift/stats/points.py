"""Values that are known with an error, one per sample, and how far they are from each other."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from truelift.stats.effects import Absence, Counts, Estimates, Floats, Reasons
from truelift.stats.moments import ROUNDING
from truelift.stats.scales import Scale, told


Number = TypeVar("Number", bound=np.generic)


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
    counted: Counted | None = None


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
        absent = first(
            _either(control.absent, treatment.absent),
            (noise + base_noise == 0, Absence.NO_SPREAD),
            *found.undefined,
        )
        # By shares instead of fourth powers: a metric near 1e-100 would vanish otherwise.
        moved = found.slope * noise * found.slope
        base_moved = found.base_slope * base_noise * found.base_slope
        parts = (moved, base_moved) if scale is Scale.LOG else (noise, base_noise)
        share = parts[0] / (parts[0] + parts[1])
        df = 1 / (share * share / treatment.df + (1 - share) ** 2 / control.df)
        variance = moved + base_moved
        if scale is Scale.RELATIVE and whole is not None:
            # The lift is a share of what was counted, which moves not quite as the adjusted does.
            rate = (treatment.value - control.value) / whole.value
            apart = 2 * (whole.covariance - base_noise) + rate * (whole.variance - base_noise)
            more = found.slope * rate * apart * found.slope
            sizes = ROUNDING * (variance + np.abs(more))
            variance = np.where(variance + more <= sizes, 0.0, variance + more)
        se = np.sqrt(variance)
    return assembled(found.value, se, df, control.n + treatment.n, absent)


def beneath(parts: Sequence[Points], shapes: Sequence[tuple[int, ...]]) -> Points:
    """Put values one below the other, along the first axis.

    Args:
        parts: What stands in each.
        shapes: What each is repeated to; alike but for the first axis.
    """
    ends = list(itertools.accumulate(shape[0] for shape in shapes))
    places = [slice(end - shape[0], end) for end, shape in zip(ends, shapes, strict=True)]

    def column(arrays: Sequence[NDArray[Number]]) -> NDArray[Number]:
        found = np.empty((ends[-1], *shapes[0][1:]), arrays[0].dtype)
        for place, array in zip(places, arrays, strict=True):
            found[place] = array
        return found

    counted = None
    if any(part.counted is not None for part in parts):
        each = [p.counted or Counted(p.value, p.variance, p.variance) for p in parts]
        counted = Counted(
            value=column([one.value for one in each]),
            variance=column([one.variance for one in each]),
            covariance=column([one.covariance for one in each]),
        )
    return Points(
        value=column([part.value for part in parts]),
        variance=column([part.variance for part in parts]),
        df=column([part.df for part in parts]),
        n=column([part.n for part in parts]),
        absent=column([part.absent for part in parts]),
        counted=counted,
    )


def assembled(value: Floats, se: Floats, df: Floats, n: Counts, absent: Reasons) -> Estimates:
    """Put estimates together: a number where there is one, the first reason where there is none."""
    # Infinite degrees of freedom say that the error is known.
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        sane = (np.abs(value) < _LARGEST) & (se < _LARGEST) & (se > 1 / _LARGEST) & (df > 0)
        sane &= np.abs(value) / se < _FARTHEST
    absent = first(absent, (se == 0, Absence.NO_SPREAD), (~sane, Absence.TOO_LARGE))
    known = absent == Absence.NONE
    if not known.all():
        value, se, df = (np.where(known, each, np.nan) for each in (value, se, df))
    return Estimates(value, se, df, np.broadcast_to(n, absent.shape), absent)


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
    both = (one > Absence.NONE) & (other > Absence.NONE)
    return np.where(both, np.minimum(one, other), np.maximum(one, other))
