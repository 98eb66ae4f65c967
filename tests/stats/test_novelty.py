from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.api import WLS

from truelift.stats.heterogeneity import BadEffects
from truelift.stats.novelty import Drift, novelty


DAYS = np.arange(1, 29)


def test_an_effect_that_fades_is_told_from_one_that_grows() -> None:
    fading = 0.2 - 0.05 * np.log(DAYS)

    assert novelty(fading, np.full(28, 0.01)).drift == Drift.FADES
    assert novelty(0.2 - fading, np.full(28, 0.01)).drift == Drift.GROWS
    assert novelty(-fading, np.full(28, 0.01)).drift == Drift.FADES
    assert novelty(np.full(28, 0.2), np.full(28, 0.01)).drift == Drift.NONE


def test_the_slope_is_that_of_the_daily_effect_in_the_logarithm_of_the_day() -> None:
    found = novelty(0.2 - 0.05 * np.log(DAYS), np.linspace(0.01, 0.02, 28))

    assert found.slope == pytest.approx(-0.05)


@pytest.mark.parametrize("seed", range(5))
def test_slope_and_error_are_those_of_weighted_least_squares(seed: int) -> None:
    rng = np.random.default_rng(seed)
    se = rng.uniform(0.5, 2, 28)
    value = rng.normal(0, 3 * se)

    found = novelty(value, se)

    fit = WLS(value, np.column_stack([np.ones(28), np.log(DAYS)]), weights=1 / se**2).fit()
    assert found.slope == pytest.approx(fit.params[1])
    assert found.slope_se == pytest.approx(fit.bse[1])


@given(
    shift=st.floats(-100, 100),
    factor=st.floats(0.01, 100),
    values=st.lists(st.floats(-5, 5), min_size=9, max_size=20),
)
def test_unit_and_origin_of_the_effect_do_not_matter(
    shift: float, factor: float, values: list[float]
) -> None:
    value, se = np.array(values), np.linspace(0.5, 1.5, len(values))

    once, moved = novelty(value, se), novelty((value + shift) * factor, se * factor)

    assert moved.slope == pytest.approx(once.slope * factor, rel=1e-6, abs=1e-9 * factor)
    assert moved.slope_p == pytest.approx(once.slope_p, rel=1e-4, abs=1e-9)
    assert moved.difference.q == pytest.approx(once.difference.q, rel=1e-6, abs=1e-8)


def test_the_first_week_alone_has_nothing_to_be_compared_with() -> None:
    found = novelty(np.ones((2, 7)), np.ones((2, 7)))

    assert found.drift.tolist() == [Drift.UNKNOWN] * 2
    assert np.isnan(found.later).all()
    assert np.isfinite(found.slope).all()


def test_two_days_have_no_slope_and_days_without_units_are_left_out() -> None:
    assert math.isnan(novelty([1.0, 2.0], [1.0, 1.0]).slope)
    gap = np.array([1.0, math.nan, 2.0, 3.0])
    found = novelty(gap, np.where(np.isnan(gap), np.nan, 1.0), first_days=2)

    assert (float(found.early), float(found.later)) == (1.0, 2.5)
    assert np.isfinite(found.slope)
    assert math.isnan(novelty([math.nan] * 4, [math.nan] * 4).slope)


def test_days_and_errors_that_are_none_are_refused() -> None:
    with pytest.raises(BadEffects):
        novelty([1.0], [1.0], first_days=0)
    with pytest.raises(BadEffects):
        novelty([1.0], [-1.0])
    with pytest.raises(BadEffects):
        novelty([], [])


def test_a_steady_effect_is_said_to_drift_as_rarely_as_promised() -> None:
    rng = np.random.default_rng(7)

    found = novelty(rng.normal(0.3, 1, (4000, 28)), np.ones((4000, 28)))

    error = 4 * math.sqrt(0.05 * 0.95 / 4000)
    assert abs((found.difference.p < 0.05).mean() - 0.05) < error
    assert (found.slope_p < 0.05).mean() < 0.05 + error
