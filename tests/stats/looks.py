"""Null tests that are looked at again and again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from tests.stats.estimated import estimates_of
from truelift.stats.effects import Estimates
from truelift.stats.group_sequential import GroupSequential
from truelift.stats.sequential import Sequential


def looks_at_nothing(
    rng: np.random.Generator, *, tests: int, looks: int, units: int, skewed: bool = False
) -> Iterator[Estimates]:
    """Yield what each look shows of tests whose variants do not differ.

    Args:
        rng: Makes the units' values.
        tests: How many at once.
        looks: Looks at each.
        units: New units of each variant between two looks.
        skewed: Revenue instead of a normal metric: one in ten buys, baskets have a long tail.
    """
    sums, squares = np.zeros((2, tests)), np.zeros((2, tests))
    for look in range(1, looks + 1):
        drawn = rng.standard_normal((2, tests, units))
        if skewed:
            drawn = np.exp(0.8 * drawn) * (rng.random(drawn.shape) < 0.1)
        sums += drawn.sum(axis=-1)
        squares += (drawn**2).sum(axis=-1)
        n = look * units
        noise = ((squares - sums**2 / n) / (n - 1) / n).sum(axis=0)
        # Where nobody has bought yet there is no effect to judge.
        gap = np.where(noise > 0, (sums[1] - sums[0]) / n, np.nan)
        yield estimates_of(gap, se=np.sqrt(noise), df=2 * n - 2, n=2 * n)


def ever_alarmed(
    rng: np.random.Generator,
    method: Sequential | GroupSequential,
    *,
    tests: int,
    looks: int,
    units: int,
    skewed: bool = False,
    alpha: float = 0.05,
) -> np.ndarray:
    """Say of each null test whether any look of it alarmed."""
    alarmed = np.zeros(tests, dtype=bool)
    shown = looks_at_nothing(rng, tests=tests, looks=looks, units=units, skewed=skewed)
    for look, estimates in enumerate(shown, start=1):
        now = method
        if isinstance(method, GroupSequential):
            now = replace(method, looks=method.looks[:look])
        alarmed |= now.judge(estimates, alpha=alpha).p <= alpha
    return alarmed
