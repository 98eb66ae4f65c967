from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from truelift.stats.design import Design, Multiplicity
from truelift.stats.power import (
    NothingDetectable,
    detectable_lift,
    duration_of,
    power_of,
    units_needed,
)
from truelift.stats.spreads import BadDesign, Mean, Share, Spread


@pytest.mark.parametrize(
    ("baseline", "lift", "n"),
    [
        (0.05, 0.10, 31_234),
        (0.02, 0.10, 80_682),
        (0.02, 0.20, 21_109),
        (0.03, 0.05, 207_938),
        (0.10, 0.05, 57_763),
    ],
)
def test_a_proportion_needs_the_published_number_of_units(
    baseline: float, lift: float, n: int
) -> None:
    # The reference rounds to the nearest unit; a part of a unit is a whole one here.
    assert units_needed(Design(Share(baseline)), lift=lift) - n in {0, 1}


def test_the_first_check_value_holds_to_the_unit() -> None:
    assert units_needed(Design(Share(0.05)), lift=0.10) == 31_234


def test_a_mean_needs_sixteen_squared_coefficients_of_variation() -> None:
    assert units_needed(Design(Mean(1.0)), lift=0.1) == pytest.approx(1570, abs=1)


@given(
    baseline=st.floats(0.001, 0.5),
    lift=st.floats(0.02, 0.9),
    power=st.floats(0.3, 0.99),
)
def test_units_lift_and_power_of_a_proportion_agree(
    baseline: float, lift: float, power: float
) -> None:
    design = Design(Share(baseline))
    n = units_needed(design, lift=lift, power=power)
    assume(n > 100)

    assert power_of(design, lift=lift, n_per_arm=n) >= power - 1e-12
    assert power_of(design, lift=lift, n_per_arm=n - 1) < power
    assert detectable_lift(design, n_per_arm=n, power=power) <= lift * (1 + 1e-9)
    assert detectable_lift(design, n_per_arm=n - 1, power=power) > lift * (1 - 1e-9)


@given(cv=st.floats(0.1, 20), lift=st.floats(0.01, 0.5), power=st.floats(0.3, 0.99))
def test_units_lift_and_power_of_a_mean_agree(cv: float, lift: float, power: float) -> None:
    design = Design(Mean(cv))
    n = units_needed(design, lift=lift, power=power)
    assume(n > 100)

    assert power_of(design, lift=lift, n_per_arm=n) >= power - 1e-12
    assert power_of(design, lift=lift, n_per_arm=n - 1) < power
    assert detectable_lift(design, n_per_arm=n, power=power) == pytest.approx(lift, rel=0.01)


def test_several_treatments_share_the_error_level_while_planning() -> None:
    two = units_needed(Design(Share(0.05), alpha=0.025), lift=0.1)
    three = Design(Share(0.05), alpha=0.05, arms=3)

    assert units_needed(three, lift=0.1) == two
    assert Design(Mean(1.0), arms=3, multiplicity=Multiplicity.NONE).alpha_per_comparison == 0.05


def test_a_fall_is_planned_like_a_rise_of_its_size_with_less_spread() -> None:
    design = Design(Share(0.05))

    assert units_needed(design, lift=-0.1) < units_needed(design, lift=0.1)


def test_weeks_are_whole_and_at_least_two() -> None:
    assert duration_of(1_000, units_per_week=1_000_000).weeks == 2
    assert duration_of(15_000, units_per_week=10_000).weeks == 3
    assert duration_of(15_001, units_per_week=10_000).weeks == 4
    assert duration_of(15_000, units_per_week=10_000, allocation=0.5).weeks == 6
    assert duration_of(10_000, arms=3, units_per_week=10_000).weeks == 3


def test_no_possible_lift_is_found_with_a_handful_of_units() -> None:
    with pytest.raises(NothingDetectable):
        detectable_lift(Design(Share(0.9)), n_per_arm=20)


@pytest.mark.parametrize("baseline", [0.0, 1.0, -0.1, 1.5])
def test_a_baseline_outside_0_to_1_is_refused(baseline: float) -> None:
    with pytest.raises(BadDesign):
        Share(baseline)


def test_a_bad_design_gives_every_reason_at_once() -> None:
    with pytest.raises(BadDesign) as refused:
        Design(Mean(1.0), alpha=2.0, arms=1)

    assert len(refused.value.reasons) == 2


@pytest.mark.parametrize("lift", [0.0, 20.0, -1.5])
def test_a_lift_that_cannot_be_is_refused(lift: float) -> None:
    with pytest.raises(BadDesign):
        units_needed(Design(Share(0.05)), lift=lift)


@pytest.mark.parametrize("power", [0.0, 0.01, 1.0])
def test_a_power_that_no_test_needs_or_has_is_refused(power: float) -> None:
    with pytest.raises(BadDesign):
        units_needed(Design(Share(0.05)), lift=0.1, power=power)


def test_traffic_that_cannot_be_is_refused() -> None:
    with pytest.raises(BadDesign):
        duration_of(100, units_per_week=0)
    with pytest.raises(BadDesign):
        duration_of(100, units_per_week=10, allocation=1.5)


@pytest.mark.parametrize(
    ("spread", "lift"),
    [(Share(1e-300), 1e-300), (Mean(1e308), 0.1), (Mean(1.0), 1e-200)],
)
def test_a_lift_too_small_to_be_counted_for_is_refused(spread: Spread, lift: float) -> None:
    with pytest.raises(BadDesign, match="more units than can be counted"):
        units_needed(Design(spread), lift=lift)
