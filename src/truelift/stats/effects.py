"""Many effects at once, as arrays of one shape: estimated first, judged by a method then.

An experiment's comparisons (metrics x treatments x segments) are one array of estimates. What
made an estimate (a mean, a ratio, an adjustment, a relative scale) does not matter to the method
that judges it, and the method does not matter to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import ClassVar, Final, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from truelift.errors import Refusal


Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
Reasons = NDArray[np.uint8]


class Absence(IntEnum):
    """Why an effect is not defined; 0 where it is."""

    NONE = 0
    NO_ARM = 1
    TOO_FEW_UNITS = 2
    NO_SPREAD = 3
    NO_CONTROL_VALUE = 4
    NO_DENOMINATOR = 5
    NOT_POSITIVE = 6
    TOO_FEW_VALUES = 7
    NOT_WATCHED = 8
    TOO_LARGE = 9

    @property
    def reason(self) -> str:
        """Say it to the person who waits for the number."""
        return _REASONS[self]


_REASONS: Final[Mapping[Absence, str]] = MappingProxyType(
    {
        Absence.NONE: "",
        Absence.NO_ARM: "no unit of one of the variants has been counted",
        Absence.TOO_FEW_UNITS: "a variant has fewer than two units",
        Absence.NO_SPREAD: "no unit differs from another, so chance cannot be judged",
        Absence.NO_CONTROL_VALUE: "the control's value is 0, and no share of 0 can be given",
        Absence.NO_DENOMINATOR: "the denominator of the ratio adds up to 0",
        Absence.NOT_POSITIVE: "a value is not above 0, so there is no ratio of the two",
        Absence.TOO_FEW_VALUES: "there are too few values beside this quantile",
        Absence.NOT_WATCHED: "a variant was not watched for so long",
        Absence.TOO_LARGE: "the numbers are too large or too small to calculate with",
    }
)


class BadAlpha(Refusal):
    """An error level that is not a share between 0 and 1."""

    code: ClassVar[str] = "stats.bad_alpha"

    def __init__(self, *, alpha: float) -> None:
        super().__init__(f"alpha must lie between 0 and 1; it is {alpha:g}.", alpha=alpha)


class Side(StrEnum):
    """Which differences a test looks for."""

    TWO = "two"
    GREATER = "greater"
    LESS = "less"


@dataclass(frozen=True, slots=True)
class Estimates:
    """Differences between a treatment and its control, with their noise; all of one shape.

    Attributes:
        value: The differences; NaN exactly where `absent` says why there is none.
        se: Their standard errors, above 0; NaN where absent.
        df: Degrees of freedom of `se`; infinite where it counts as known.
        n: Units of both variants together.
        absent: `Absence` of each.
    """

    value: Floats
    se: Floats
    df: Floats
    n: Counts
    absent: Reasons

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of all its arrays."""
        return self.value.shape

    def __getitem__(self, where: object) -> Estimates:
        """Take a part of them, as of an array."""
        return Estimates(*(np.asarray(getattr(self, f.name)[where]) for f in fields(self)))

    def reshaped(self, shape: tuple[int, ...]) -> Estimates:
        """Lay them out in another shape of as many."""
        return Estimates(*(getattr(self, f.name).reshape(shape) for f in fields(self)))

    def swapped(self, one: int, other: int) -> Estimates:
        """Swap two axes."""
        return Estimates(*(np.swapaxes(getattr(self, f.name), one, other) for f in fields(self)))


def joined(parts: Sequence[Estimates]) -> Estimates:
    """Put estimates one below the other, along the first axis."""
    return Estimates(
        *(np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(Estimates))
    )


@dataclass(frozen=True, slots=True)
class Effects:
    """Estimates with intervals and p-values; all of one shape.

    Attributes:
        value: The differences; NaN where `absent` says why.
        se: Their standard errors.
        low: Lower ends of the intervals; -inf where a one-sided method leaves it open.
        high: Upper ends; inf where it leaves it open.
        p: Probability, were there no difference, of one at least as large; for a Bayesian
            method NaN.
        absent: `Absence` of each.
    """

    value: Floats
    se: Floats
    low: Floats
    high: Floats
    p: Floats
    absent: Reasons

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of all its arrays."""
        return self.value.shape

    def __getitem__(self, where: object) -> Effects:
        """Take a part of them, as of an array."""
        return Effects(*(np.asarray(getattr(self, f.name)[where]) for f in fields(self)))


class Method(Protocol):
    """How intervals and p-values are made of estimates; chosen before launch, and recorded."""

    @property
    def name(self) -> str:
        """Its page in docs/methods."""
        ...

    def judge(self, estimates: Estimates, *, alpha: ArrayLike) -> Effects:
        """Put intervals and p-values to estimates.

        Args:
            estimates: Of any shape.
            alpha: Error level of each interval, broadcast against the estimates: a
                correction for multiplicity gives each its own.
        """
        ...


@dataclass(frozen=True, slots=True)
class FixedHorizon:
    """One look, at an end fixed beforehand: Student's t with the estimate's degrees of freedom.

    Attributes:
        side: Which differences it looks for.

    Source:
        Welch (1947), Biometrika 34, 28-35; docs/methods/mean-welch.md.
    """

    side: Side = Side.TWO

    @property
    def name(self) -> str:
        """Its name in documents."""
        return "fixed"

    def judge(self, estimates: Estimates, *, alpha: ArrayLike = 0.05) -> Effects:
        """Put intervals and p-values to estimates."""
        from scipy.special import stdtr, stdtrit

        value, se, df = estimates.value, estimates.se, estimates.df
        t = value / se
        tail = np.asarray(alpha, dtype=float) / (2 if self.side is Side.TWO else 1)
        reach = -stdtrit(df, tail) * se
        if self.side is Side.TWO:
            # The lower tail is asked for: 1 - cdf(t) has no digits left beyond t = 8.
            p = np.minimum(1.0, 2 * stdtr(df, -np.abs(t)))
        else:
            p = stdtr(df, -t if self.side is Side.GREATER else t)
        low, high = ends(value, reach, side=self.side)
        return Effects(value, se, low, high, np.asarray(p), estimates.absent)


def ends(value: Floats, reach: Floats, *, side: Side) -> tuple[Floats, Floats]:
    """Give both ends of intervals that reach so far from their values; open on the other side."""
    if side is Side.TWO:
        return value - reach, value + reach
    open_end = np.where(np.isnan(reach), np.nan, np.inf)
    if side is Side.GREATER:
        return value - reach, value + open_end
    return value - open_end, value + reach
