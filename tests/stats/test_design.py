from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from truelift.stats.design import (
    Aim,
    BayesianPlan,
    Design,
    GroupSequentialPlan,
    MethodPlan,
    Multiplicity,
    SequentialPlan,
    dunnett_alpha,
)
from truelift.stats.distributions import normal_quantile, normal_share_below
from truelift.stats.effects import Side
from truelift.stats.outcome import Direction
from truelift.stats.power import (
    detectable_lift,
    detectable_lifts,
    misreadings,
    power_of,
    powers,
    provable_margin,
    provable_margins,
    split_of,
    units_for,
    units_needed,
)
from truelift.stats.scales import Scale
from truelift.stats.spreads import BadDesign, Hazard, Mean, Share


MEAN = Design(Mean(2.0))
METHODS: list[MethodPlan] = [
    SequentialPlan(),
    SequentialPlan(tuning_n=100_000),
    GroupSequentialPlan(factor=1.05),
    BayesianPlan(0.0, 0.1),
    BayesianPlan(0.01, 0.2, loss=0.002),
]


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=15, deadline=None)
@given(lift=st.floats(0.02, 0.5), power=st.floats(0.3, 0.97))
def test_units_lift_and_power_agree_for_every_method(
    method: MethodPlan, lift: float, power: float
) -> None:
    design = Design(Mean(3.0), method=method, scale=Scale.RELATIVE)

    n = units_needed(design, lift=lift, power=power)

    assert power_of(design, lift=lift, n_per_arm=n) >= power
    assert n == 2 or power_of(design, lift=lift, n_per_arm=n - 1) < power
    assert detectable_lift(design, n_per_arm=n, power=power) <= lift * (1 + 1e-9)


def test_a_curve_says_at_every_place_what_a_single_answer_says() -> None:
    lifts, units = np.asarray([0.05, 0.1, 0.2]), np.asarray([[1_000], [20_000]])

    curve = powers(MEAN, lift=lifts, n_per_arm=units)
    sizes = units_for(MEAN, lift=lifts)
    seen = detectable_lifts(MEAN, n_per_arm=units[:, 0])

    assert curve.shape == (2, 3)
    for row, n in enumerate(units[:, 0]):
        assert seen[row] == detectable_lift(MEAN, n_per_arm=n)
        for column, lift in enumerate(lifts):
            assert curve[row, column] == power_of(MEAN, lift=lift, n_per_arm=n)
    assert sizes.tolist() == [units_needed(MEAN, lift=lift) for lift in lifts]


def test_a_curve_has_infinity_where_no_lift_would_be_found() -> None:
    seen = detectable_lifts(Design(Share(0.9)), n_per_arm=[20, 20_000])

    assert math.isinf(seen[0])
    assert 0 < seen[1] < 0.02


def test_what_is_known_of_units_saves_the_square_of_its_correlation() -> None:
    plain = units_needed(MEAN, lift=0.1)
    saved = units_needed(replace(MEAN, covariate=0.6), lift=0.1)

    assert saved / plain == pytest.approx(1 - 0.36, abs=0.001)


def test_unequal_variants_take_more_units_than_equal_ones() -> None:
    uneven = replace(MEAN, weights=(0.9, 0.1))

    # 1/0.9 + 1/0.1 against 1/0.5 + 1/0.5.
    assert units_needed(uneven, lift=0.1) / units_needed(MEAN, lift=0.1) == pytest.approx(
        (1 / 0.9 + 1 / 0.1) / 4, rel=0.001
    )
    assert split_of(uneven, n_per_arm=1_000) == (1_800, 200)


def test_a_split_that_leaves_parts_of_units_gives_whole_ones() -> None:
    assert split_of(replace(MEAN, weights=(2.0, 1.0)), n_per_arm=100) == (134, 67)
    assert split_of(replace(MEAN, arms=3), n_per_arm=100) == (100, 100, 100)


def test_of_several_treatments_the_smallest_is_planned_for() -> None:
    three = Design(Mean(2.0), arms=3, weights=(2.0, 2.0, 1.0), multiplicity=Multiplicity.NONE)
    alone = Design(Mean(2.0), weights=(2.0, 1.0))

    # A third variant of 2 beside: 5 parts for three variants, 3 parts for two.
    assert 3 * units_needed(three, lift=0.1) / 5 == pytest.approx(
        2 * units_needed(alone, lift=0.1) / 3, rel=0.001
    )


@pytest.mark.parametrize(("treatments", "bar"), [(1, 1.960), (2, 2.212), (3, 2.349), (4, 2.442)])
def test_dunnetts_level_has_the_published_bars(treatments: int, bar: float) -> None:
    shares = (1 / (treatments + 1),) * (treatments + 1)

    level = dunnett_alpha(0.05, shares=shares)

    assert normal_quantile(1 - level / 2) == pytest.approx(bar, abs=0.001)


def test_dunnett_asks_for_fewer_units_than_bonferroni_and_more_than_no_correction() -> None:
    needed = {
        rule: units_needed(Design(Mean(2.0), arms=4, multiplicity=rule), lift=0.1)
        for rule in Multiplicity
    }

    assert needed[Multiplicity.NONE] < needed[Multiplicity.DUNNETT]
    assert needed[Multiplicity.DUNNETT] < needed[Multiplicity.BONFERRONI]


def test_one_side_takes_fewer_units_and_finds_nothing_on_the_other() -> None:
    one = replace(MEAN, side=Side.GREATER)

    assert units_needed(one, lift=0.1) < units_needed(MEAN, lift=0.1)
    assert power_of(one, lift=-0.1, n_per_arm=6_000) < 0.001


def test_a_metric_that_should_fall_has_a_detectable_fall() -> None:
    fewer = Design(Share(0.2), direction=Direction.DECREASE)

    fall = detectable_lift(fewer, n_per_arm=5_000)

    assert -1 < fall < 0
    assert power_of(fewer, lift=fall, n_per_arm=5_000) == pytest.approx(0.8)


def test_non_inferiority_without_a_change_takes_what_a_lift_as_large_as_the_margin_takes() -> None:
    guarded = Design(Mean(2.0), aim=Aim.NON_INFERIORITY, margin=0.1)

    assert units_needed(guarded) == units_needed(MEAN, lift=0.1)
    assert provable_margin(guarded, n_per_arm=units_needed(guarded)) == pytest.approx(0.1, 0.001)


@pytest.mark.parametrize("scale", list(Scale))
def test_a_treatment_as_bad_as_the_margin_is_cleared_no_oftener_than_the_tail(
    scale: Scale,
) -> None:
    guarded = Design(Mean(2.0), aim=Aim.NON_INFERIORITY, margin=0.1, scale=scale)
    falling = replace(guarded, direction=Direction.DECREASE)

    assert power_of(guarded, lift=-0.1, n_per_arm=5_000) == pytest.approx(0.025)
    assert power_of(falling, lift=0.1, n_per_arm=5_000) == pytest.approx(0.025)


def test_equivalence_is_two_tests_that_must_both_hold() -> None:
    design = Design(Mean(2.0), aim=Aim.EQUIVALENCE, margin=0.1)
    n = 8_000
    se = 2.0 * math.sqrt(2 / n)
    one = normal_share_below(0.1 / se - normal_quantile(0.95))

    assert power_of(design, n_per_arm=n) == pytest.approx(2 * one - 1)
    assert power_of(design, n_per_arm=300) == 0


def test_a_margin_that_is_asked_for_need_not_be_given_but_one_to_plan_with_must() -> None:
    guarded = Design(Mean(2.0), aim=Aim.NON_INFERIORITY)

    assert provable_margins(guarded, n_per_arm=[1_000, 4_000]).tolist() == pytest.approx(
        [0.2506, 0.1253], abs=1e-4
    )
    with pytest.raises(BadDesign, match="needs a margin"):
        units_needed(guarded)


def test_a_bayesian_test_without_a_prior_is_the_fixed_one() -> None:
    flat = replace(MEAN, method=BayesianPlan())

    assert units_needed(flat, lift=0.1) == units_needed(MEAN, lift=0.1)


def test_a_sceptical_prior_takes_more_units_and_a_hopeful_one_fewer() -> None:
    plain = units_needed(MEAN, lift=0.1)

    assert units_needed(replace(MEAN, method=BayesianPlan(0.0, 0.05)), lift=0.1) > plain
    assert units_needed(replace(MEAN, method=BayesianPlan(0.08, 0.05)), lift=0.1) < plain


def test_a_bayesian_power_is_the_chance_that_the_posterior_convinces() -> None:
    n, se, prior = 4_000, 2.0 * math.sqrt(2 / 4_000), 0.1
    weight = prior**2 / (prior**2 + se**2)
    rng = np.random.default_rng(5)
    seen = rng.normal(0.1, se, size=200_000)
    convinced = (weight * seen / (math.sqrt(weight) * se) > normal_quantile(0.975)).mean()

    planned = power_of(replace(MEAN, method=BayesianPlan(0.0, prior)), lift=0.1, n_per_arm=n)

    assert planned == pytest.approx(convinced, abs=0.005)


def test_a_tolerated_loss_is_what_is_left_to_lose() -> None:
    design = replace(MEAN, method=BayesianPlan(0.0, 0.1, loss=0.001))
    n, se = 4_000, 2.0 * math.sqrt(2 / 4_000)
    weight = 0.1**2 / (0.1**2 + se**2)
    rng = np.random.default_rng(6)
    mean = weight * rng.normal(0.05, se, size=400)
    believed = mean[:, None] + math.sqrt(weight) * se * rng.standard_normal(4_000)
    lost = np.maximum(0.0, -believed).mean(axis=1)

    planned = power_of(design, lift=0.05, n_per_arm=n)

    assert planned == pytest.approx((lost < 0.001).mean(), abs=0.08)


def test_a_prior_that_decides_by_itself_is_refused() -> None:
    with pytest.raises(BadDesign, match="before any unit is seen"):
        replace(MEAN, method=BayesianPlan(0.5, 0.1))


def test_looking_all_the_time_costs_about_twice_the_units() -> None:
    design = Design(Mean(2.0), method=SequentialPlan(tuning_n=12_560 * 2), scale=Scale.ABSOLUTE)

    assert 1.8 < units_needed(design, lift=0.1) / units_needed(MEAN, lift=0.1) < 2.4


def test_a_few_looks_take_the_factor_more_units() -> None:
    looks = replace(MEAN, method=GroupSequentialPlan(factor=1.1))

    assert units_needed(looks, lift=0.1) == pytest.approx(1.1 * units_needed(MEAN, lift=0.1), abs=1)


def test_the_events_of_a_log_rank_test_are_schoenfelds() -> None:
    design = Design(Hazard(0.001), scale=Scale.LOG)

    n = units_needed(design, lift=0.5)

    events = n * (0.001 + 0.0015)
    z = normal_quantile(0.975) + normal_quantile(0.8)
    # Schoenfeld counts events under equal rates; apart they are 1/(d1 + d2) to 1/d1 + 1/d2.
    assert events == pytest.approx(z**2 / math.log(1.5) ** 2 * (1 + 1.5) * (1 + 1 / 1.5), rel=0.01)


def test_with_little_power_findings_are_too_large_and_some_the_wrong_way_round() -> None:
    rng = np.random.default_rng(8)
    n = 1_000
    se = 2.0 * math.sqrt(2 / n)
    seen = rng.normal(0.05, se, size=400_000)
    found = seen[np.abs(seen) > normal_quantile(0.975) * se]

    said = misreadings(MEAN, lift=0.05, n_per_arm=n)

    assert float(said.wrong_way) == pytest.approx((found < 0).mean(), abs=0.01)
    assert float(said.exaggeration) == pytest.approx(np.abs(found).mean() / 0.05, rel=0.01)


def test_with_enough_power_findings_are_right() -> None:
    said = misreadings(MEAN, lift=0.1, n_per_arm=50_000)

    assert float(said.wrong_way) < 1e-9
    assert float(said.exaggeration) == pytest.approx(1.0, abs=0.001)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"weights": (1.0,)}, "1 weights are given for 2 variants"),
        ({"weights": (1.0, 0.0)}, "weight is not above 0"),
        ({"margin": 0.1}, "a margin is for"),
        ({"aim": Aim.EQUIVALENCE, "margin": -0.1}, "the margin is -0.1"),
        ({"covariate": 1.0}, "the correlation is 1"),
        ({"spread": Hazard(0.2)}, "judged on the log scale"),
        ({"method": SequentialPlan(tuning_n=0)}, "tuned to 0 units"),
        ({"method": GroupSequentialPlan(factor=0.5)}, "0.5 times the units"),
        ({"method": BayesianPlan(0.0, 0.1, loss=-1.0)}, "the tolerated loss is -1"),
    ],
)
def test_a_design_that_cannot_be_says_why(wrong: dict[str, object], reason: str) -> None:
    with pytest.raises(BadDesign, match=reason):
        replace(MEAN, **wrong)  # type: ignore[arg-type]


def test_what_is_asked_of_the_wrong_aim_is_refused() -> None:
    guarded = Design(Mean(2.0), aim=Aim.NON_INFERIORITY, margin=0.1)

    with pytest.raises(BadDesign):
        detectable_lifts(guarded, n_per_arm=100)
    with pytest.raises(BadDesign):
        provable_margins(MEAN, n_per_arm=100)
    with pytest.raises(BadDesign):
        misreadings(guarded, lift=0.1, n_per_arm=100)
