"""Tests of one idea are put together as statisticians do it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from truelift.stats.effects import BadAlpha
from truelift.stats.heterogeneity import BadEffects
from truelift.stats.pooling import pooled


EFFECTS = st.lists(st.tuples(st.floats(-0.5, 0.5), st.floats(0.005, 0.2)), min_size=1, max_size=12)


@pytest.mark.oracle
@pytest.mark.parametrize("seed", range(6))
def test_mean_error_and_i2_are_those_of_statsmodels(seed: int) -> None:
    from statsmodels.stats.meta_analysis import combine_effects

    # Where tests agree within their noise statsmodels lets the variance fall below zero.
    draw = np.random.default_rng(seed)
    se = draw.uniform(0.005, 0.03, 7)
    value = draw.normal(0.02, 0.05, 7) + draw.normal(0.0, se)
    theirs = combine_effects(value, se**2, method_re="chi2")

    ours = pooled(value, se)

    assert theirs.tau2 > 0
    assert ours.mean == pytest.approx(theirs.mean_effect_re, rel=1e-9)
    assert ours.se == pytest.approx(theirs.sd_eff_w_re, rel=1e-9)
    assert ours.tau**2 == pytest.approx(theirs.tau2, rel=1e-9)
    assert ours.i2 == pytest.approx(theirs.i2, rel=1e-9)


@given(EFFECTS)
def test_turning_every_sign_turns_the_whole(rows: list[tuple[float, float]]) -> None:
    value, se = np.array(rows).T

    one, other = pooled(value, se), pooled(-value, se)

    assert other.mean == pytest.approx(-one.mean, abs=1e-12)
    assert other.low == pytest.approx(-one.high, abs=1e-12)
    assert other.tau == pytest.approx(one.tau, abs=1e-9)


def test_one_test_is_its_own_mean_and_expects_nothing_of_others() -> None:
    found = pooled([0.05], [0.01])

    assert (found.mean, found.se, found.tau) == pytest.approx((0.05, 0.01, 0.0))
    assert (found.i2, found.expected_low, found.expected_high) == (None, None, None)


def test_what_to_expect_of_a_new_page_is_wider_than_the_mean_by_t_of_two_less() -> None:
    from scipy.stats import t

    found = pooled([0.075, 0.031, 0.018, 0.044, -0.029], [0.03, 0.013, 0.015, 0.017, 0.012])

    reach = t.ppf(0.975, 3) * np.hypot(found.tau, found.se)
    assert found.expected_low == pytest.approx(found.mean - reach)
    assert found.expected_high == pytest.approx(found.mean + reach)


def test_what_is_no_effect_is_refused() -> None:
    with pytest.raises(BadEffects):
        pooled([], [])
    with pytest.raises(BadEffects):
        pooled([0.1, float("nan")], [0.1, float("nan")])
    with pytest.raises(BadAlpha):
        pooled([0.1], [0.1], alpha=1.0)
