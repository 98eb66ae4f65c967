from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtri

from truelift.stats.effects import BadAlpha
from truelift.stats.outcome import Outcome
from truelift.stats.programme import (
    BadProgramme,
    Bell,
    TwoKinds,
    at_least,
    chances,
    false_positive_risk,
    inconclusive_share,
    jeffreys,
    rates,
)


WIN, LOSS, NULL, UNCLEAR = Outcome.WIN, Outcome.LOSS, Outcome.NULL, Outcome.INCONCLUSIVE


def test_the_rarer_true_wins_are_the_more_wins_are_none() -> None:
    risk = false_positive_risk(prior=[0.08, 0.12, 0.15, 0.33])

    assert risk == pytest.approx([0.264, 0.186, 0.150, 0.060], abs=5e-4)


@pytest.mark.parametrize(
    "arguments",
    [
        {"prior": 0.0},
        {"prior": 1.0},
        {"prior": math.nan},
        {"prior": 0.1, "alpha": 0.0},
        {"prior": 0.1, "power": 0.0},
        {"prior": 0.1, "power": 1.1},
    ],
)
def test_shares_that_are_none_are_refused(arguments: dict[str, float]) -> None:
    with pytest.raises(BadProgramme):
        false_positive_risk(**arguments)


def test_rates_stand_with_their_number_and_interval() -> None:
    found = rates([WIN, WIN, LOSS, NULL, UNCLEAR, UNCLEAR, UNCLEAR, UNCLEAR, NULL, LOSS])

    assert (found.n, found.wins, found.losses, found.nulls, found.inconclusive) == (10, 2, 2, 2, 4)
    assert found.win_rate == 0.2
    assert found.win_low < 0.06 < 0.45 < found.win_high
    assert found.learning_rate == 0.6


def test_no_test_has_no_rate() -> None:
    with pytest.raises(BadProgramme):
        rates([])


def test_a_share_of_none_or_all_keeps_its_end() -> None:
    assert jeffreys(0, 10)[0] == 0
    assert jeffreys(10, 10)[1] == 1
    with pytest.raises(BadProgramme):
        jeffreys(3, 2)
    with pytest.raises(BadAlpha):
        jeffreys(1, 2, alpha=0)


@pytest.mark.parametrize(
    ("power", "significant", "null", "unclear", "bell"),
    [
        (0.90, 0.18, 0.76, 0.06, 0.10),
        (0.80, 0.16, 0.65, 0.19, 0.25),
        (0.51, 0.12, 0.24, 0.64, 0.64),
        (0.29, 0.09, 0.00, 0.91, 0.89),
    ],
)
def test_the_portfolio_table_comes_out(
    power: float, significant: float, null: float, unclear: float, bell: float
) -> None:
    margin = ndtri(0.975) + ndtri(power)

    two = chances(1.0, margin)
    one = chances(1.0, margin, effects=Bell(sd=0.5))

    assert two.significant == pytest.approx(significant, abs=0.007)
    assert two.null == pytest.approx(null, abs=0.012)
    assert two.inconclusive == pytest.approx(unclear, abs=0.012)
    assert one.inconclusive == pytest.approx(bell, abs=0.012)


@given(
    se=st.floats(1e-6, 1e6),
    margin=st.floats(1e-6, 1e6),
    effects=st.one_of(
        st.builds(TwoKinds, st.floats(0, 1)), st.builds(Bell, st.floats(-2, 2), st.floats(0, 3))
    ),
)
def test_a_test_ends_in_exactly_one_way(se: float, margin: float, effects: TwoKinds | Bell) -> None:
    found = chances(se, margin, effects=effects)

    parts = [found.significant, found.null, found.inconclusive]
    assert sum(float(part) for part in parts) == pytest.approx(1)
    assert all(-1e-12 <= float(part) <= 1 for part in parts)


@pytest.mark.parametrize(
    ("se", "margin"),
    [(0.0, 1.0), (-1.0, 1.0), (1.0, 0.0), (math.nan, 1.0), (1.0, math.inf)],
)
def test_errors_and_margins_that_are_none_are_refused(se: float, margin: float) -> None:
    with pytest.raises(BadProgramme):
        chances(se, margin)


def test_true_effects_that_are_none_are_refused() -> None:
    for effects in (TwoKinds(1.2), TwoKinds(math.nan), Bell(sd=-1), Bell(mean=math.nan)):
        with pytest.raises(BadProgramme):
            chances(1.0, 1.0, effects=effects)
    with pytest.raises(BadAlpha):
        chances(1.0, 1.0, alpha=1.0)


def test_the_tail_of_unequal_chances_is_exact() -> None:
    each = [0.1, 0.5, 0.7, 0.2]

    by_hand = sum(
        math.prod(p if took else 1 - p for p, took in zip(each, taken, strict=True))
        for taken in itertools.product([False, True], repeat=4)
        if sum(taken) >= 3
    )

    assert at_least(3, each) == pytest.approx(by_hand, rel=1e-14)
    assert at_least(0, each) == 1
    assert at_least(5, each) == 0
    assert at_least(0, []) == 1


def test_a_tiny_tail_keeps_its_digits() -> None:
    assert at_least(50, [0.01] * 50) == pytest.approx(1e-100, rel=1e-9)


def test_chances_that_are_none_are_refused() -> None:
    for each in ([1.1], [-0.1], [math.nan], [0.5] * 20_001):
        with pytest.raises(BadProgramme):
            at_least(1, each)


def test_more_inconclusive_tests_than_noise_explains_is_a_warning() -> None:
    # 80 % power at the margin: 19 in a hundred are expected.
    margin = [ndtri(0.975) + ndtri(0.8)] * 14

    many = inconclusive_share([1.0] * 14, margin, observed=8)
    some = inconclusive_share([1.0] * 14, margin, observed=3)

    assert many.expected == pytest.approx(14 * 0.19, abs=0.15)
    assert (many.excess, many.low_power) == (True, False)
    assert "look at where hypotheses come from" in many.sentence
    assert (some.excess, some.low_power) == (False, False)
    assert "what their noise explains" in some.sentence


def test_tests_that_could_not_tell_anything_are_another_warning() -> None:
    found = inconclusive_share([1.0] * 10, [1.5] * 10, observed=9)

    assert (found.excess, found.low_power) == (False, True)
    assert "could not have told anything" in found.sentence


def test_a_handful_of_tests_says_nothing_of_the_programme() -> None:
    found = inconclusive_share([1.0] * 7, [4.0] * 7, observed=7)

    assert not found.excess
    assert "say nothing" in found.sentence


@pytest.mark.parametrize(("n", "observed"), [(0, 0), (3, 4), (3, -1)])
def test_counts_that_no_programme_has_are_refused(n: int, observed: int) -> None:
    with pytest.raises(BadProgramme):
        inconclusive_share([1.0] * n, [1.0] * n, observed=observed)
