"""Expected value of a test against the numbers of its specification, and its algebra."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from truelift.lifecycle.scoring_value import (
    FALLBACK,
    BadWorth,
    Concern,
    Prior,
    Quadrant,
    Reversal,
    RiskClass,
    Slot,
    Stake,
    approval_of,
    chance_to_ship,
    cv2_of,
    expected_harm,
    expected_lift,
    quadrant_of,
    risk_of,
    worth_of,
)


CV2 = cv2_of(0.03)
STAKE = Stake(revenue=200, sessions=10_000, implemented=0.7)


@pytest.mark.parametrize(
    ("weekly", "se", "mde", "lift"),
    [
        (2_000, "12.7%", "35.6%", "0.03%"),
        (10_000, "5.7%", "15.9%", "0.09%"),
        (50_000, "2.5%", "7.1%", "0.30%"),
        (250_000, "1.1%", "3.2%", "0.68%"),
    ],
)
def test_the_illustration_comes_out_as_printed(weekly: float, se: str, mde: str, lift: str) -> None:
    slot = Slot(weekly, CV2)

    assert f"{slot.se:.1%}" == se
    assert f"{slot.mde:.1%}" == mde
    assert f"{expected_lift(FALLBACK, slot):.2%}" == lift


def test_the_closed_forms_agree_with_draws() -> None:
    draws = np.random.default_rng(7)
    slot = Slot(50_000, CV2)
    true = draws.normal(FALLBACK.mean, FALLBACK.sd, 400_000)
    ships = draws.normal(true, slot.se) > slot.z * slot.se

    assert expected_lift(FALLBACK, slot) == pytest.approx((true * ships).mean(), abs=1e-4)
    assert chance_to_ship(FALLBACK, slot) == pytest.approx(ships.mean(), abs=3e-3)
    assert expected_harm(FALLBACK) == pytest.approx(np.maximum(0, -true).mean(), abs=1e-4)


def test_what_goes_live_less_often_lowers_every_score() -> None:
    slot = Slot(50_000, CV2)

    often = worth_of(FALLBACK, slot, STAKE)
    seldom = worth_of(FALLBACK, slot, replace(STAKE, implemented=0.35))

    assert seldom.year == pytest.approx(often.year / 2)
    assert seldom.per_slot_week < often.per_slot_week


def test_the_same_idea_on_a_hundred_times_the_traffic_ranks_higher() -> None:
    def at(times: float) -> float:
        slot = Slot(2_000 * times, CV2)
        return worth_of(FALLBACK, slot, replace(STAKE, sessions=2_500 * times)).per_slot_week

    assert at(100) > at(1)


def test_value_is_what_a_year_brings_less_work_and_harm_per_week_of_the_slot() -> None:
    slot = Slot(50_000, CV2, weeks=4)
    stake = replace(STAKE, build_cost=100_000)

    found = worth_of(FALLBACK, slot, stake)

    assert found.per_slot_week == pytest.approx((found.year - 100_000 - found.harm) / 4)
    assert found.year == pytest.approx(found.lift * 200 * 10_000 * 365.2425 / 7 * 0.7)
    assert found.harm == pytest.approx(expected_harm(FALLBACK) * 200 * 10_000 * 4 / 2)
    assert found.low < found.per_slot_week < found.high


def test_scorers_who_differ_about_the_work_widen_the_interval() -> None:
    slot = Slot(50_000, CV2)
    stake = replace(STAKE, build_cost=100_000)

    alone = worth_of(FALLBACK, slot, stake)
    apart = worth_of(FALLBACK, slot, stake, costs=(50_000, 300_000))

    assert apart.low < alone.low
    assert apart.high > alone.high
    assert apart.per_slot_week == alone.per_slot_week


def test_without_any_spread_nothing_is_left_to_chance() -> None:
    sure, exact = Prior(0.02, 0.0, 0.0), Slot(1_000, 0.0)

    assert expected_lift(sure, exact) == 0.02
    assert chance_to_ship(sure, exact) == 1
    assert expected_harm(Prior(-0.02, 0.0, 0.0)) == 0.02


def test_numbers_that_cannot_be_are_refused_with_every_reason() -> None:
    with pytest.raises(BadWorth, match=r"0 people.*0 weeks.*1 variants"):
        Slot(0, CV2, weeks=0, arms=1)
    with pytest.raises(BadWorth, match=r"share reached.*revenue"):
        Stake(revenue=-1, sessions=1, reached=2)
    with pytest.raises(BadWorth):
        cv2_of(1)
    with pytest.raises(BadWorth):
        Prior(math.nan, 0.03, 0.01)


def test_risk_counts_as_far_as_it_cannot_be_undone() -> None:
    def at(reversal: Reversal) -> float:
        return risk_of(chance=0.1, harm=1000, exposure=0.5, reversal=reversal)

    assert [at(each) for each in Reversal] == [10, 25, 50]


def test_the_worst_answer_decides_the_approval() -> None:
    calm = dict.fromkeys(Concern, RiskClass.LOW)

    found = approval_of({**calm, Concern.LEGAL: RiskClass.HIGH, Concern.BRAND: RiskClass.MEDIUM})

    assert found.level is RiskClass.HIGH
    assert found.sign_offs == (Concern.BRAND, Concern.LEGAL)
    assert approval_of(calm).sign_offs == ()


def test_a_question_that_nobody_answered_is_not_taken_for_no_risk() -> None:
    assert approval_of({}).level is None
    assert approval_of({}).open == tuple(Concern)
    assert approval_of({Concern.LEGAL: RiskClass.HIGH}).level is RiskClass.HIGH


@pytest.mark.parametrize(
    ("reward", "risk", "expected"),
    [
        (4, 2, Quadrant.DO),
        (3, 3, Quadrant.GUARD),
        (2, 2, Quadrant.FILL),
        (2, 4, Quadrant.LEAVE),
    ],
)
def test_risk_and_reward_make_four_fields(reward: int, risk: int, expected: Quadrant) -> None:
    assert quadrant_of(reward=reward, risk=risk) is expected
