from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.stats.estimated import estimates_of
from tests.stats.looks import ever_alarmed
from truelift.stats.effects import Absence, BadAlpha, Side
from truelift.stats.sequential import BadTuning, Sequential


LEVELS = st.floats(0.001, 0.4)
UNITS = st.integers(2, 10_000_000)
DISTANCES = st.floats(-12, 12)


@pytest.mark.parametrize(
    ("tuning_n", "n", "errors"), [(5000, 5000, 3.0352), (5000, 20_000, 3.1271), (5000, 500, 3.8551)]
)
def test_the_interval_reaches_the_published_number_of_standard_errors(
    tuning_n: float, n: int, errors: float
) -> None:
    assert Sequential(tuning_n).errors_reached(n) == pytest.approx(errors, abs=5e-5)


def test_the_interval_is_not_the_misprinted_one() -> None:
    """GrowthBook's page on sequential tests has rho + alpha² for rho·alpha²: about half as wide."""
    n, tuning_n, alpha = 6461, 5000, 0.05
    rho = tuning_n / (math.log(math.log(math.e / alpha**2)) - 2 * math.log(alpha))
    published = math.sqrt((n + rho) * math.log((n + rho) / (rho * alpha**2)) / n)
    misprinted = math.sqrt((n + rho) * math.log((n + rho) / (rho + alpha**2)) / n)

    reach = Sequential(tuning_n).errors_reached(n, alpha=alpha)

    assert reach == pytest.approx(published, rel=1e-12)
    assert reach > 1.8 * misprinted


@given(z=DISTANCES, n=UNITS, alpha=LEVELS, side=st.sampled_from(Side))
def test_p_is_at_most_alpha_exactly_when_the_interval_leaves_out_zero(
    z: float, n: int, alpha: float, side: Side
) -> None:
    found = Sequential(side=side).judge(estimates_of(z, n=n), alpha=alpha)

    left_out = bool(found.low > 0 or found.high < 0)
    assert left_out == bool(found.p <= alpha) or abs(float(found.p) - alpha) < 1e-9


@given(z=DISTANCES, n=UNITS, alpha=LEVELS)
def test_swapping_the_variants_mirrors_the_interval(z: float, n: int, alpha: float) -> None:
    there = Sequential().judge(estimates_of(z, n=n), alpha=alpha)
    back = Sequential().judge(estimates_of(-z, n=n), alpha=alpha)
    greater = Sequential(side=Side.GREATER).judge(estimates_of(z, n=n), alpha=alpha)
    less = Sequential(side=Side.LESS).judge(estimates_of(-z, n=n), alpha=alpha)

    assert (back.low, back.high, back.p) == (-there.high, -there.low, there.p)
    assert (less.low, less.high, less.p) == (-greater.high, -greater.low, greater.p)


@given(z=DISTANCES, n=UNITS, factor=st.floats(1e-6, 1e6))
def test_scaling_the_metric_scales_the_interval(z: float, n: int, factor: float) -> None:
    plain = Sequential().judge(estimates_of(z, n=n))
    scaled = Sequential().judge(estimates_of(z * factor, se=factor, n=n))

    assert scaled.low == pytest.approx(plain.low * factor, rel=1e-9, abs=1e-9 * factor)
    assert scaled.p == pytest.approx(plain.p, rel=1e-6)


@pytest.mark.parametrize("side", Side)
def test_the_tuned_size_is_where_the_interval_is_narrowest(side: Side) -> None:
    n = np.arange(100, 60_000, 100)

    reach = Sequential(5000, side=side).errors_reached(n)

    assert 4000 < n[np.argmin(reach)] < 6000


def test_a_one_sided_interval_is_open_on_the_other_side_and_reaches_less_far() -> None:
    two = Sequential().judge(estimates_of(3.0))
    greater = Sequential(side=Side.GREATER).judge(estimates_of(3.0))

    assert greater.high == math.inf
    assert greater.low > two.low


def test_a_one_sided_p_says_nothing_about_the_other_side() -> None:
    found = Sequential(side=Side.GREATER).judge(estimates_of([-30.0, 0.0]))

    assert found.p.tolist() == [1.0, 1.0]


def test_the_tuning_can_be_held_while_levels_are_corrected() -> None:
    """Else the p of a comparison would hang on how many others there are."""
    method = Sequential(tuning_alpha=0.05)

    plain = method.judge(estimates_of(4.0), alpha=0.05)
    corrected = method.judge(estimates_of(4.0), alpha=float(plain.p))

    assert corrected.p == plain.p
    assert corrected.low == pytest.approx(0, abs=1e-9)


def test_every_comparison_has_its_own_level() -> None:
    both = Sequential().judge(estimates_of([3.0, 3.0]), alpha=[0.05, 0.01])

    one = Sequential().judge(estimates_of(3.0), alpha=0.01)
    assert both.low[1] == one.low
    assert both.low[0] > both.low[1]


def test_what_is_absent_stays_absent_and_nothing_is_made_of_it() -> None:
    found = Sequential().judge(estimates_of([1.0, math.nan]))

    assert found.absent.tolist() == [Absence.NONE, Absence.NO_ARM]
    assert np.isnan([found.value[1], found.low[1], found.high[1], found.p[1]]).all()


def test_an_enormous_effect_has_a_p_of_zero_and_no_overflow() -> None:
    found = Sequential().judge(estimates_of(1e9))

    assert found.p == 0.0


@pytest.mark.parametrize("tuning_n", [0, -1, math.inf, math.nan])
def test_a_tuning_for_no_possible_sample_is_refused(tuning_n: float) -> None:
    with pytest.raises(BadTuning):
        Sequential(tuning_n)


@pytest.mark.parametrize("alpha", [0.0, 1.0, math.nan])
def test_a_level_that_is_no_share_is_refused(alpha: float) -> None:
    with pytest.raises(BadAlpha):
        Sequential().judge(estimates_of(1.0), alpha=[0.05, alpha])
    with pytest.raises(BadAlpha):
        Sequential(tuning_alpha=alpha)


@pytest.mark.parametrize("side", [Side.TWO, Side.GREATER])
def test_looking_a_hundred_times_alarms_in_fewer_than_five_percent_of_null_tests(
    side: Side,
) -> None:
    rng = np.random.default_rng(20_260_504)

    share = ever_alarmed(rng, Sequential(5000, side), tests=1000, looks=100, units=50).mean()

    assert share <= 0.05
