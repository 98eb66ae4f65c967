"""Factorial effects against a regression on the cells with errors that allow unequal spreads."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from truelift.stats.factorial import Factor, Factorial, effects_of
from truelift.stats.moments import moments_of
from truelift.stats.summary import Summary


pytestmark = pytest.mark.oracle


@pytest.mark.parametrize("seed", range(5))
def test_effects_are_those_of_a_saturated_regression(seed: int) -> None:
    api = pytest.importorskip("statsmodels.api")
    rng = np.random.default_rng(seed)
    design = Factorial(tuple(Factor(name) for name in "abc"))
    groups = [
        rng.normal(rng.uniform(1, 5), rng.uniform(0.5, 3), size=rng.integers(20, 200))
        for _ in design.cells
    ]

    seen = effects_of(
        design,
        moments_of(
            [
                Summary(n=len(g), mean=float(g.mean()), m2=float(((g - g.mean()) ** 2).sum()))
                for g in groups
            ]
        ),
        order=3,
    )

    signs = np.repeat(2 * design.codes - 1, [len(g) for g in groups], axis=0)
    sets = [c for k in range(4) for c in itertools.combinations(range(3), k)]
    columns = np.column_stack([signs[:, list(c)].prod(axis=1) for c in sets])
    fit = api.OLS(np.concatenate(groups), columns).fit(cov_type="HC2")
    times = np.array([2.0 ** len(c) for c in sets])[1:]
    assert seen.absolute.value == pytest.approx(fit.params[1:] * times, rel=1e-9)
    assert seen.absolute.se == pytest.approx(fit.bse[1:] * times, rel=1e-9)
