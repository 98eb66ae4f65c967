"""A metric near its means: its value, how it moves with each, and the noise that this makes."""

from __future__ import annotations

import functools
import operator
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from truelift.stats.effects import Floats
from truelift.stats.moments import ROUNDING, Form


@dataclass(frozen=True, slots=True, eq=False)
class Linear:
    """A metric of mean numbers per unit.

    Attributes:
        value: The metric.
        slopes: Its gradient: how it moves with each of these numbers.
    """

    value: Floats
    slopes: tuple[Floats, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Past:
    """What a metric was before the exposure, in the sample that it is a metric of.

    Attributes:
        value: The metric before.
        variance: Of its sum, as `variance` gives it.
        covariance: Of that with the metric's own.
    """

    value: Floats
    variance: Floats
    covariance: Floats

    def __getitem__(self, where: object) -> Past:
        """Take a part of the samples, as of an array."""
        return Past(*(np.asarray(getattr(self, each.name)[where]) for each in fields(self)))


@dataclass(frozen=True, slots=True, eq=False)
class Foretelling:
    """How far a metric follows from what it was before the exposure (CUPED).

    Attributes:
        slope: Of the metric in what it was before; 0 where that did not vary.
        before: What it was before, of all units together.
    """

    slope: Floats
    before: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Adjusted:
    """A metric without what was foretold of it.

    Attributes:
        value: The metric.
        variance: As the one it was made of.
        covariance: With the metric as it was counted.
    """

    value: Floats
    variance: Floats
    covariance: Floats


_ONE = np.ones(())


def linear(form: Form, means: Floats) -> Linear:
    """Linearise a metric as it was counted.

    Args:
        form: What it is made of.
        means: Of the unit's numbers, along the last axis.

    Source:
        Deng, Knoblich & Lu (2018), KDD, 233-242; docs/methods/ratio-delta.md.
    """
    if form is not Form.RATIO:
        return Linear(means[..., 0], (_ONE,))
    value, slope = means[..., 0] / means[..., 1], 1 / means[..., 1]
    return Linear(value, (slope, -value * slope))


def past(form: Form, means: Floats, products: Floats) -> Past:
    """Linearise what a metric was before the exposure.

    Args:
        form: What it is made of.
        means: The metric's numbers, then the same before, along the last axis.
        products: Covariances of all of them, or sums of their products.
    """
    width = form.width
    now, before = linear(form, means[..., :width]), linear(form, means[..., width:])
    return Past(
        before.value,
        variance(before.slopes, products[..., width:, width:]),
        covariance(now.slopes, before.slopes, products[..., :width, width:]),
    )


def foretelling(together: Past) -> Foretelling:
    """Regress a metric on what it was before, over units that are taken together.

    Source:
        Deng, Xu, Kohavi & Walker (2013), WSDM, 123-132; docs/methods/cuped.md.
    """
    slope = together.covariance / together.variance
    usable = np.isfinite(slope) & (together.variance > 0)
    return Foretelling(np.where(usable, slope, 0.0), together.value)


def adjusted(value: Floats, noise: Floats, before: Past, by: Foretelling) -> Adjusted:
    """Take from a metric what was foretold of it.

    Args:
        value: The metric as it was counted.
        noise: Its variance.
        before: What it was before, with variances of the same kind.
        by: What foretells it.
    """
    slope = by.slope
    gain = slope * (before.value - by.before)
    shared, spread = slope * before.covariance, slope * before.variance * slope
    none = slope == 0
    if none.any():
        # Where nothing was foretold, a past without a denominator must not spoil the present.
        gain, shared, spread = (np.where(none, 0.0, each) for each in (gain, shared, spread))
    total = noise + spread
    left = total - 2 * shared
    return Adjusted(value - gain, np.where(left <= 2 * ROUNDING * total, 0.0, left), noise - shared)


def variance(slopes: Sequence[Floats], products: Floats) -> Floats:
    """Give the variance of a sum of numbers with slopes; what is only rounding is no spread.

    Args:
        slopes: Of the first numbers; others do not count.
        products: Covariances of the numbers along the last two axes, which are symmetric; where
            they are sums of products, so is what is given.
    """
    squares = [slope * products[..., i, i] * slope for i, slope in enumerate(slopes)]
    if len(squares) == 1:
        return squares[0]
    crossed = [
        2 * (slopes[i] * products[..., i, j] * slopes[j])
        for j in range(len(slopes))
        for i in range(j)
    ]
    total, rounding = _sum(squares), _sum([np.abs(each) for each in crossed])
    found = total + _sum(crossed)
    return np.where(found <= ROUNDING * (total + rounding), 0.0, found)


def covariance(one: Sequence[Floats], other: Sequence[Floats], products: Floats) -> Floats:
    """Give the covariance of two sums of numbers with slopes.

    Args:
        one: Slopes of the numbers that stand in the rows of `products`.
        other: Slopes of those that stand in its columns.
        products: As for `variance`.
    """
    return _sum(
        [a * products[..., i, j] * b for i, a in enumerate(one) for j, b in enumerate(other)]
    )


def _sum(terms: Sequence[Floats]) -> Floats:
    return functools.reduce(operator.add, terms)
