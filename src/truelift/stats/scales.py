"""What a difference between two values is told in, and how it moves with both of them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from truelift.stats.effects import Absence, Floats


class Scale(StrEnum):
    """What a difference is told in.

    `RELATIVE` is the lift with its delta-method error. `LOG` is the logarithm of the ratio of
    both values: its interval, told as a lift by `as_lifts`, is lopsided as a ratio's is.
    """

    ABSOLUTE = "absolute"
    RELATIVE = "relative"
    LOG = "log"


@dataclass(frozen=True, slots=True, eq=False)
class Difference:
    """How far a value is from its base on a scale, and how that moves with both.

    Attributes:
        value: The difference.
        slope: Its derivative in the value.
        base_slope: Its derivative in the base.
        undefined: Where there is none on this scale, and why.
    """

    value: Floats
    slope: Floats
    base_slope: Floats
    undefined: tuple[tuple[NDArray[np.bool_], Absence], ...] = ()


_ONE: Final = np.ones(())


def told(base: Floats, value: Floats, *, scale: Scale, counted: Floats | None = None) -> Difference:
    """Tell a difference on a scale.

    Args:
        base: The controls' values.
        value: Those of the treatments.
        scale: What it is told in.
        counted: What lifts are a share of, where it is not `base`. It moves as `base` does.

    Source:
        docs/methods/relative-delta.md.
    """
    if scale is Scale.ABSOLUTE:
        return Difference(value - base, _ONE, -_ONE)
    if scale is Scale.LOG:
        negative = (value <= 0) | (base <= 0)
        undefined = ((negative, Absence.NOT_POSITIVE),)
        return Difference(np.log(value / base), 1 / value, -1 / base, undefined)
    whole = base if counted is None else counted
    # Against the size of the control, so that a metric below zero keeps its signs.
    slope, gap = 1 / np.abs(whole), value - base
    undefined = ((whole == 0, Absence.NO_CONTROL_VALUE),)
    return Difference(gap * slope, slope, -(1 + gap / whole) * slope, undefined)
