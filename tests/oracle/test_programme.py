"""What is said of a whole programme agrees with scipy and statsmodels."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import beta, poisson_binom
from statsmodels.stats.meta_analysis import combine_effects

from truelift.stats.programme import at_least, jeffreys
from truelift.stats.shrinkage import shrink


pytestmark = pytest.mark.oracle


@pytest.mark.parametrize("seed", range(6))
def test_the_tail_of_unequal_chances_agrees_with_scipy(seed: int) -> None:
    rng = np.random.default_rng(seed)
    each = rng.random(int(rng.integers(1, 80)))
    count = int(rng.integers(0, len(each) + 1))

    assert at_least(count, each) == pytest.approx(
        float(poisson_binom.sf(count - 1, each)), rel=1e-9, abs=1e-14
    )


def test_intervals_of_shares_are_quantiles_of_beta() -> None:
    assert jeffreys(3, 17) == pytest.approx(beta(3.5, 14.5).ppf([0.025, 0.975]), rel=1e-9)


@pytest.mark.parametrize("seed", range(6))
def test_the_mean_of_true_effects_agrees_with_statsmodels(seed: int) -> None:
    rng = np.random.default_rng(seed)
    k = int(rng.integers(4, 40))
    se = rng.uniform(0.2, 1, k)
    value = rng.normal(0, np.sqrt(se**2 + 4))

    ours = shrink(value, se)
    theirs = combine_effects(value, se**2, method_re="dl")

    assert ours.tau**2 == pytest.approx(theirs.tau2, rel=1e-9)
    assert ours.mean == pytest.approx(theirs.mean_effect_re, rel=1e-9)
    assert ours.mean_se == pytest.approx(theirs.sd_eff_w_re, rel=1e-9)
