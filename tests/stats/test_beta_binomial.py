from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from truelift.stats.bayesian import BadPrior, Belief
from truelift.stats.beta_binomial import BadCounts, BetaPrior, believe_shares
from truelift.stats.effects import BadAlpha


ARMS = st.integers(0, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
Arm = tuple[int, int]


def believe(control: Arm, treatment: Arm, **options: Any) -> Belief:
    return believe_shares(
        control_successes=np.array([control[0]]),
        control_n=np.array([control[1]]),
        successes=np.array([treatment[0]]),
        n=np.array([treatment[1]]),
        **options,
    )


def counted_chance(control: Arm, treatment: Arm) -> Fraction:
    """Sum the closed form in whole numbers, for a prior of Beta(1, 1).

    With whole parameters P(T > C) is a sum of ratios of Beta functions (Miller 2015).
    """

    def beta(a: int, b: int) -> Fraction:
        return Fraction(math.factorial(a - 1) * math.factorial(b - 1), math.factorial(a + b - 1))

    a_c, b_c = control[0] + 1, control[1] - control[0] + 1
    a_t, b_t = treatment[0] + 1, treatment[1] - treatment[0] + 1
    return sum(
        (
            beta(a_c + i, b_t + b_c) / ((b_t + i) * beta(1 + i, b_t) * beta(a_c, b_c))
            for i in range(a_t)
        ),
        start=Fraction(0),
    )


@given(control=ARMS, treatment=ARMS)
@settings(deadline=None, max_examples=50)
def test_the_chance_to_win_is_the_sum_in_whole_numbers(control: Arm, treatment: Arm) -> None:
    belief = believe(control, treatment)

    assert belief.chance_to_win[0] == pytest.approx(
        float(counted_chance(control, treatment)), abs=1e-12
    )


@given(control=ARMS, treatment=ARMS)
@settings(deadline=None, max_examples=30)
def test_what_one_choice_loses_the_other_gains(control: Arm, treatment: Arm) -> None:
    belief = believe(control, treatment)

    gain = belief.loss_if_control - belief.loss_if_treatment
    assert gain == pytest.approx(belief.value, abs=1e-12)


@given(control=ARMS, treatment=ARMS)
@settings(deadline=None, max_examples=15)
def test_swapping_the_variants_mirrors_the_belief(control: Arm, treatment: Arm) -> None:
    there, back = believe(control, treatment), believe(treatment, control)

    assert back.low == pytest.approx(-there.high, abs=1e-9)
    assert back.chance_to_win == pytest.approx(1 - there.chance_to_win, abs=1e-11)
    assert back.loss_if_control == pytest.approx(there.loss_if_treatment, abs=1e-12)


def test_counting_failures_instead_is_the_same_with_less_being_better() -> None:
    successes = believe((3, 40), (9, 50))
    failures = believe((37, 40), (41, 50), less_is_better=True)

    assert failures.chance_to_win == pytest.approx(successes.chance_to_win, abs=1e-12)
    assert failures.loss_if_treatment == pytest.approx(successes.loss_if_treatment, abs=1e-12)
    assert failures.low == pytest.approx(-successes.high, abs=1e-9)


def test_nobody_counted_leaves_the_prior() -> None:
    """The difference of two uniforms is a triangle: 2.5 % lie below -(1 - sqrt(0.05))."""
    belief = believe((0, 0), (0, 0))

    assert belief.chance_to_win == pytest.approx(0.5)
    assert belief.low == pytest.approx(-(1 - math.sqrt(0.05)), abs=1e-9)
    assert belief.loss_if_treatment == pytest.approx(1 / 6)


def test_no_success_at_all_is_no_obstacle() -> None:
    belief = believe((0, 1000), (0, 1000), prior=BetaPrior(0.5, 0.5))

    assert belief.low < 0 < belief.high
    assert belief.high < 0.01


@pytest.mark.parametrize("prior", [BetaPrior(), BetaPrior(0.5, 0.5), BetaPrior(2, 50)])
@pytest.mark.parametrize(
    ("control", "treatment"),
    [
        ((0, 10), (0, 10)),
        ((3, 1000), (9, 900)),
        ((50, 100), (60, 110)),
        ((9, 10), (10, 10)),
        ((3, 100_000), (5, 100)),
        ((5, 6), (400_000, 1_000_000)),
    ],
)
def test_draws_from_both_posteriors_agree(prior: BetaPrior, control: Arm, treatment: Arm) -> None:
    rng = np.random.default_rng(1)
    drawn = [
        rng.beta(had + prior.successes, n - had + prior.failures, 200_000)
        for had, n in (control, treatment)
    ]
    gap, lift = drawn[1] - drawn[0], drawn[1] / drawn[0] - 1

    absolute = believe(control, treatment, prior=prior, alpha=0.1)
    relative = believe(control, treatment, prior=prior, alpha=0.1, relative=True)

    near = 5 * math.sqrt(0.25 / 200_000)
    assert (gap > 0).mean() == pytest.approx(absolute.chance_to_win, abs=near)
    assert gap.std() == pytest.approx(absolute.sd, rel=0.02)
    assert np.maximum(gap, 0).mean() == pytest.approx(absolute.loss_if_control, rel=0.1, abs=1e-6)
    for ends, drawn_at in ((absolute, gap), (relative, lift)):
        assert (drawn_at < ends.low).mean() == pytest.approx(0.05, abs=near)
        assert (drawn_at > ends.high).mean() == pytest.approx(0.05, abs=near)
    assert (lift < relative.value).mean() == pytest.approx(0.5, abs=near)


def test_many_successes_come_near_the_normal_belief() -> None:
    belief = believe((5000, 50_000), (5200, 50_000))

    se = math.sqrt(0.1 * 0.9 / 50_000 + 0.104 * 0.896 / 50_000)
    assert belief.value == pytest.approx(0.004, rel=1e-3)
    assert belief.low == pytest.approx(0.004 - 1.959964 * se, rel=2e-2)


def test_arrays_are_broadcast_and_keep_their_shape() -> None:
    belief = believe_shares(
        control_successes=np.array([[3], [4]]),
        control_n=np.array(100),
        successes=np.array([5, 6, 7]),
        n=np.array(100),
        alpha=np.array([0.05, 0.1, 0.2]),
    )

    alone = believe((4, 100), (7, 100), alpha=0.2)
    assert belief.low.shape == (2, 3)
    assert belief.low[1, 2] == pytest.approx(alone.low[0], abs=1e-11)


@pytest.mark.parametrize("control", [(-1, 10), (11, 10), (0, -1)])
def test_successes_that_units_cannot_have_had_are_refused(control: Arm) -> None:
    with pytest.raises(BadCounts):
        believe(control, (1, 10))


@pytest.mark.parametrize(("successes", "failures"), [(0, 1), (1, -1), (math.nan, 1), (1, math.inf)])
def test_a_prior_that_is_no_distribution_is_refused(successes: float, failures: float) -> None:
    with pytest.raises(BadPrior):
        BetaPrior(successes, failures)


def test_a_level_that_is_no_share_is_refused() -> None:
    with pytest.raises(BadAlpha):
        believe((1, 10), (1, 10), alpha=1.0)
