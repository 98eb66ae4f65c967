"""Many samples at once, each by the fewest numbers that add up: arrays of moments."""

from __future__ import annotations

import functools
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, cast

import numpy as np

from truelift.stats.effects import Counts, Floats
from truelift.stats.summary import (
    CovariateRatioSummary,
    CovariateSummary,
    ImpossibleSummary,
    ProportionSummary,
    RatioSummary,
    Sample,
    Summary,
)


class Form(StrEnum):
    """What a metric's value is made of."""

    MEAN = "mean"
    SHARE = "share"
    RATIO = "ratio"

    @property
    def width(self) -> int:
        """Numbers per unit: a ratio has two."""
        return 2 if self is Form.RATIO else 1


MOST_UNITS: Final = 10**15
"""Beyond this a count is no whole number any more once it is divided."""

ROUNDING: Final = 1e-12
"""Sums over millions of units are known to so many parts of their terms."""


@dataclass(frozen=True, slots=True)
class Moments:
    """Moments of many samples of one form; `S` is any shape.

    A unit has `k` numbers: its metric (numerator and denominator of a ratio), then, where there
    is a covariate, the same before its exposure: 1, 2 or 4 numbers. Second moments are kept about
    the means: sums of raw squares lose all their digits once means are large beside spreads.

    Attributes:
        form: What the metric's value is made of.
        n: Units; shape S.
        means: Means of the numbers; shape S + (k,). Where there are no units, anything finite.
        products: Sums of products of deviations of each with each; shape S + (k, k).

    Raises:
        ImpossibleSummary: A shape does not fit, a number is not finite, a count or a sum of
            squares is negative, or two spreads do not allow their cross product.

    Source:
        Chan, Golub & LeVeque (1983), The American Statistician 37(3), 242-247.
    """

    form: Form
    n: Counts
    means: Floats
    products: Floats

    def __post_init__(self) -> None:
        k = self.means.shape[-1] if self.means.ndim else 0
        if k not in (self.form.width, 2 * self.form.width):
            raise ImpossibleSummary(reason=f"a {self.form} of {k} numbers per unit")
        if self.means.shape != (*self.n.shape, k) or self.products.shape != (*self.n.shape, k, k):
            raise ImpossibleSummary(reason="its counts, means and products differ in shape")
        self._check_numbers()
        self._check_spreads()

    def _check_numbers(self) -> None:
        fewest, most = (self.n.min(), self.n.max()) if self.n.size else (0, 0)
        if fewest < 0:
            raise ImpossibleSummary(reason=f"it has {fewest} units")
        if most > MOST_UNITS:
            raise ImpossibleSummary(reason=f"it has more than {MOST_UNITS:,} units")
        if not (np.isfinite(self.means).all() and np.isfinite(self.products).all()):
            raise ImpossibleSummary(reason="one of its moments is not a finite number")

    def _check_spreads(self) -> None:
        squares = np.diagonal(self.products, axis1=-2, axis2=-1)
        if squares.size and squares.min() < 0:
            raise ImpossibleSummary(reason="a sum of squared deviations is negative")
        if squares.shape[-1] > 1:
            # Room for the rounding of sums over millions of units.
            roots = np.sqrt(squares) * (1 + 5e-7)
            most = roots[..., :, None] * roots[..., None, :] + ROUNDING
            if (np.abs(self.products) > most).any():
                raise ImpossibleSummary(reason="a cross product is larger than both spreads allow")

    @property
    def shape(self) -> tuple[int, ...]:
        """S."""
        return self.n.shape

    @property
    def has_covariate(self) -> bool:
        """Whether units have numbers from before their exposure."""
        return bool(self.means.shape[-1] > self.form.width)

    @property
    def spread(self) -> Floats:
        """Covariances of the means; shape S + (k, k).

        A share fixes its own variance: no Bessel's correction.
        """
        n = self.n.astype(np.float64)
        share = self.form is Form.SHARE and not self.has_covariate
        return self.products / (n * (n if share else n - 1))[..., None, None]

    def __getitem__(self, where: object) -> Moments:
        """Take a part of the samples, as of an array of shape S."""
        wheres = where if isinstance(where, tuple) else (where,)
        index = cast("tuple[slice, ...]", wheres if Ellipsis in wheres else (*wheres, Ellipsis))
        every = slice(None)
        return self._of(
            np.asarray(self.n[index]),
            self.means[(*index, every)],
            self.products[(*index, every, every)],
        )

    def broadcast(self, shape: tuple[int, ...]) -> Moments:
        """Repeat the samples along new axes, as an array is broadcast."""
        if shape == self.shape:
            return self
        k = self.means.shape[-1]
        return self._of(
            np.broadcast_to(self.n, shape),
            np.broadcast_to(self.means, (*shape, k)),
            np.broadcast_to(self.products, (*shape, k, k)),
        )

    def __add__(self, other: Moments) -> Moments:
        """Describe both samples of each pair as one, as if their units had been pooled."""
        n = self.n + other.n
        start, gap = self.means, other.means - self.means
        if not (self.n.all() and other.n.all()):
            # Nobody has no mean: theirs must not pull at the others', however far off it stands.
            gap = np.where(((self.n > 0) & (other.n > 0))[..., None], gap, 0.0)
            start = np.where((self.n > 0)[..., None], self.means, other.means)
        share = other.n / np.maximum(n, 1)
        moved = gap * share[..., None]
        both = self._of(
            n,
            start + moved,
            self.products
            + other.products
            + (self.n[..., None] * moved)[..., :, None] * gap[..., None, :],
        )
        # Spreads that are possible add up to possible ones; large numbers may to none.
        both._check_numbers()
        return both

    def pooled(self, axis: int = 0) -> Moments:
        """Pool the samples along one axis of S."""
        along = axis % self.n.ndim
        rows = (self[(slice(None),) * along + (i,)] for i in range(self.n.shape[along]))
        return functools.reduce(operator.add, rows)

    def without_covariate(self) -> Moments:
        """Leave out what was before the exposure."""
        k = self.form.width
        return self._of(self.n, self.means[..., :k], self.products[..., :k, :k])

    def _of(self, n: Counts, means: Floats, products: Floats) -> Moments:
        """Take arrays out of these. They were checked once; again would take a third of a look."""
        part = object.__new__(Moments)
        given = (self.form, n, means, products)
        for name, each in zip(("form", "n", "means", "products"), given, strict=True):
            object.__setattr__(part, name, each)
        return part


AnySummary = Sample | CovariateSummary | CovariateRatioSummary


def moments_of(samples: Sequence[AnySummary]) -> Moments:
    """Put summaries of one kind into one array of shape (len(samples),).

    Raises:
        ImpossibleSummary: They are of several kinds, or there are none.
    """
    kinds = {type(sample) for sample in samples}
    if len(kinds) != 1:
        raise ImpossibleSummary(reason=f"{len(kinds)} kinds of summaries stand together")
    form, rows = Form.MEAN, [_numbers(sample) for sample in samples]
    match samples[0]:
        case ProportionSummary():
            form = Form.SHARE
        case RatioSummary() | CovariateRatioSummary():
            form = Form.RATIO
        case _:
            pass
    return Moments(
        form,
        np.array([sample.n for sample in samples], dtype=np.int64),
        np.array([means for means, _ in rows], dtype=np.float64),
        np.array([products for _, products in rows], dtype=np.float64),
    )


def _numbers(sample: AnySummary) -> tuple[Sequence[float], Sequence[Sequence[float]]]:
    match sample:
        case Summary(mean=mean, m2=m2):
            return (mean,), ((m2,),)
        case ProportionSummary():
            return (sample.successes / sample.n if sample.n else 0.0,), ((sample.m2,),)
        case RatioSummary(mean=mean, m2=m2, den_mean=other, den_m2=other_m2, cross=cross):
            return (mean, other), ((m2, cross), (cross, other_m2))
        case CovariateSummary(mean=mean, m2=m2, pre_mean=other, pre_m2=other_m2, pre_cross=cross):
            return (mean, other), ((m2, cross), (cross, other_m2))
        case CovariateRatioSummary(means=means, products=products):
            return means, products
        case _:
            raise ImpossibleSummary(reason=f"{type(sample).__name__} has no moments")


def shares(n: Counts, successes: Counts) -> Moments:
    """Describe samples of which some units did the thing.

    Raises:
        ImpossibleSummary: More successes than units, or fewer than none.
    """
    if n.shape != successes.shape:
        n, successes = np.broadcast_arrays(n, successes)
    if successes.min(initial=0) < 0 or (successes > n).any():
        raise ImpossibleSummary(reason="successes are more than the units, or fewer than none")
    share = successes / np.maximum(n, 1)
    return Moments(
        Form.SHARE,
        n.astype(np.int64),
        share[..., None],
        (successes * (1 - share))[..., None, None],
    )
