"""A metric near its means: its value, how it moves with each, and the noise that this makes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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
class Foretelling:
    """How far a metric follows from what it was before the exposure (CUPED).

    Attributes:
        slope: Of the metric in what it was before; 0 where that did not vary.
        before: What it was before, of all units together.
    """

    slope: Floats
    before: Floats


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


def foretelling(form: Form, means: Floats, products: Floats) -> Foretelling:
    """Regress a metric on what it was before, over units that are taken together.

    Args:
        form: What it is made of.
        means: Of all of them: the metric's numbers, then the same before.
        products: Sums of products of their deviations.

    Source:
        Deng, Xu, Kohavi & Walker (2013), WSDM, 123-132; docs/methods/cuped.md.
    """
    width = form.width
    now, before = linear(form, means[..., :width]), linear(form, means[..., width:])
    spread = variance(before.slopes, products[..., width:, width:])
    shared = covariance(now.slopes, before.slopes, products[..., :width, width:])
    usable = np.isfinite(spread) & np.isfinite(shared) & (spread > 0)
    slope = np.divide(shared, spread, out=np.zeros(spread.shape), where=usable)
    return Foretelling(slope, before.value)


def adjusted(form: Form, means: Floats, by: Foretelling) -> Linear:
    """Linearise a metric without what was foretold of it.

    Args:
        form: What it is made of.
        means: Of the metric's numbers, then the same before.
        by: What foretells it.
    """
    width = form.width
    now, before = linear(form, means[..., :width]), linear(form, means[..., width:])
    # Where nothing was foretold, a past without a denominator must not spoil the present.
    none = by.slope == 0
    value = now.value - np.where(none, 0.0, by.slope * (before.value - by.before))
    past = tuple(np.where(none, 0.0, -by.slope * slope) for slope in before.slopes)
    return Linear(value, (*now.slopes, *past))


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
    total, rounding = sum(squares), sum(map(np.abs, crossed))
    found = total + sum(crossed)
    return np.where(found <= ROUNDING * (total + rounding), 0.0, found)


def covariance(one: Sequence[Floats], other: Sequence[Floats], products: Floats) -> Floats:
    """Give the covariance of two sums of numbers with slopes.

    Args:
        one: Slopes of the numbers that stand in the rows of `products`.
        other: Slopes of those that stand in its columns.
        products: As for `variance`.
    """
    terms = (a * products[..., i, j] * b for i, a in enumerate(one) for j, b in enumerate(other))
    return sum(terms, start=np.zeros(()))
