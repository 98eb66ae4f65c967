"""Interactions and heterogeneity agree with scipy and statsmodels."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy.stats import chi2_contingency
from statsmodels.api import OLS
from statsmodels.stats.meta_analysis import combine_effects

from truelift.stats.heterogeneity import heterogeneity
from truelift.stats.interactions import cell_values, metric_interaction, traffic_interaction
from truelift.stats.moments import Form, Moments


pytestmark = pytest.mark.oracle


@pytest.mark.parametrize("seed", range(10))
def test_traffic_interaction_is_pearsons_test(seed: int) -> None:
    rng = np.random.default_rng(seed)
    table = rng.integers(1, 500, (int(rng.integers(2, 5)), int(rng.integers(2, 5))))

    ours = traffic_interaction(table)
    theirs = chi2_contingency(table, correction=False)

    assert ours.chi2 == pytest.approx(theirs.statistic, rel=1e-12)
    assert ours.p == pytest.approx(theirs.pvalue, rel=1e-9)
    assert ours.smallest_expected == theirs.expected_freq.min()


@pytest.mark.parametrize("seed", range(6))
def test_metric_interaction_is_a_regression_with_unequal_variances(seed: int) -> None:
    rng = np.random.default_rng(seed)
    k, m = int(rng.integers(2, 4)), int(rng.integers(2, 4))
    n = rng.integers(5, 60, (k, m))
    rows = np.repeat(np.arange(k * m), n.ravel())
    y = rng.normal(rows * 0.1, 1 + rows * 0.3)
    means = np.array([y[rows == c].mean() for c in range(k * m)])
    squares = np.array([((y[rows == c] - y[rows == c].mean()) ** 2).sum() for c in range(k * m)])
    cells = Moments(Form.MEAN, n, means.reshape(k, m, 1), squares.reshape(k, m, 1, 1))

    ours = metric_interaction(*cell_values(cells))

    first, second = np.eye(k)[rows // m][:, 1:], np.eye(m)[rows % m][:, 1:]
    both = np.einsum("ni,nj->nij", first, second).reshape(len(y), -1)
    design = np.column_stack([np.ones(len(y)), first, second, both])
    # HC2 of a saturated model is the unbiased variance of every cell.
    fit = OLS(y, design).fit(cov_type="HC2")
    last = np.eye(design.shape[1])[-both.shape[1] :]
    theirs = fit.wald_test(last, use_f=False, scalar=True)
    assert ours.value.ravel() == pytest.approx(fit.params[-both.shape[1] :], rel=1e-8, abs=1e-10)
    assert ours.se.ravel() == pytest.approx(fit.bse[-both.shape[1] :], rel=1e-8)
    assert ours.wald == pytest.approx(float(theirs.statistic), rel=1e-7)
    assert ours.p == pytest.approx(float(theirs.pvalue), rel=1e-6)


@pytest.mark.parametrize("seed", range(10))
def test_heterogeneity_agrees_with_statsmodels(seed: int) -> None:
    rng = np.random.default_rng(seed)
    k = int(rng.integers(2, 20))
    se = rng.uniform(0.2, 3, k)
    value = rng.normal(0, np.sqrt(se**2 + rng.uniform(0, 4)))

    ours = heterogeneity(value, se)
    with warnings.catch_warnings():
        # Where effects agree, theirs takes the root of a negative variance.
        warnings.simplefilter("ignore", RuntimeWarning)
        theirs = combine_effects(value, se**2, method_re="chi2")

    assert ours.q == pytest.approx(theirs.q, rel=1e-10)
    assert ours.common == pytest.approx(theirs.mean_effect_fe, rel=1e-10)
    assert ours.common_se == pytest.approx(theirs.sd_eff_w_fe, rel=1e-10)
    assert ours.tau2 == pytest.approx(max(0.0, theirs.tau2), rel=1e-9, abs=1e-12)
    assert ours.i2 == pytest.approx(max(0.0, theirs.i2), rel=1e-9, abs=1e-12)
