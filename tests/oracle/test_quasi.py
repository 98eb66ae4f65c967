"""Regressions on series agree with statsmodels, mixes with scipy's general solver."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from statsmodels.api import OLS

from truelift.stats.quasi import regress
from truelift.stats.synthetic_control import simplex_weights


pytestmark = pytest.mark.oracle


@pytest.mark.parametrize("seed", range(6))
def test_newey_west_errors_of_what_is_left_agree_with_statsmodels(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(30, 150))
    design = np.column_stack([np.ones(n), np.arange(n), np.arange(n) > n // 2]).astype(float)
    y = np.cumsum(rng.normal(size=n)) * 0.3 + rng.normal(size=n) + 100

    fit = regress(design, y)

    first = np.sqrt(1 - fit.alike**2)
    white = np.vstack([first * design[:1], design[1:] - fit.alike * design[:-1]])
    left = np.concatenate([first * y[:1], y[1:] - fit.alike * y[:-1]])
    lags = int(4 * (n / 100) ** (2 / 9))
    plain = OLS(left, white).fit()
    robust = OLS(left, white).fit(
        cov_type="HAC", cov_kwds={"maxlags": lags, "use_correction": True}
    )
    assert fit.coefficients == pytest.approx(plain.params, rel=1e-7)
    assert fit.covariances[0] == pytest.approx(plain.cov_params(), rel=1e-7)
    assert fit.covariances[1] == pytest.approx(robust.cov_params(), rel=1e-7)


def test_independent_intervals_are_ordinary_least_squares() -> None:
    rng = np.random.default_rng(1)
    design = np.column_stack([np.ones(40), rng.normal(size=40)])
    y = rng.normal(size=40)

    fit, theirs = regress(design, y, independent=True), OLS(y, design).fit()

    assert fit.coefficients == pytest.approx(theirs.params)
    assert fit.covariances[0] == pytest.approx(theirs.cov_params())
    assert fit.df == theirs.df_resid


@pytest.mark.parametrize("seed", range(8))
def test_mixes_are_as_near_as_a_general_solver_comes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    c = int(rng.integers(2, 15))
    columns = rng.normal(size=(40, c))
    target = columns @ rng.dirichlet(np.ones(c)) + rng.normal(0, 0.3, 40)

    ours = simplex_weights(target, columns)

    theirs = minimize(
        lambda w: float(((target - columns @ w) ** 2).sum()),
        np.full(c, 1 / c),
        bounds=[(0, 1)] * c,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1},
        tol=1e-14,
    )
    assert ((target - columns @ ours) ** 2).sum() <= theirs.fun + 1e-9
    assert ours == pytest.approx(theirs.x, abs=1e-4)
