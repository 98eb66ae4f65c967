from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.stats.estimated import estimates_of
from truelift.stats.bayesian import BadPrior, Bayesian, NormalPrior
from truelift.stats.effects import Absence, BadAlpha, FixedHorizon


LIFTS = st.floats(-0.9, 0.9)
ERRORS = st.floats(0.001, 2.0)
PRIORS = st.one_of(
    st.none(), st.builds(NormalPrior, mean=st.floats(-0.2, 0.2), sd=st.floats(0.01, 2))
)


@given(lift=LIFTS, se=ERRORS)
def test_without_a_prior_the_interval_is_the_fixed_tests_and_the_chance_its_p(
    lift: float, se: float
) -> None:
    estimates = estimates_of(lift, se=se)

    belief = Bayesian(prior=None).believe(estimates)

    fixed = FixedHorizon().judge(estimates)
    assert belief.low == pytest.approx(fixed.low, rel=1e-12, abs=1e-12)
    assert belief.high == pytest.approx(fixed.high, rel=1e-12, abs=1e-12)
    lesser = min(belief.chance_to_win, 1 - belief.chance_to_win)
    assert 2 * lesser == pytest.approx(fixed.p, rel=1e-6, abs=1e-12)


@given(lift=LIFTS, se=ERRORS, prior=PRIORS)
def test_the_belief_lies_between_prior_and_data_and_is_surer_than_either(
    lift: float, se: float, prior: NormalPrior | None
) -> None:
    belief = Bayesian(prior).believe(estimates_of(lift, se=se))

    if prior is None:
        assert (float(belief.value), float(belief.sd)) == (lift, se)
    else:
        assert min(lift, prior.mean) - 1e-12 <= belief.value <= max(lift, prior.mean) + 1e-12
        assert belief.sd < min(se, prior.sd) * (1 + 1e-12)


@given(lift=LIFTS, se=ERRORS, prior=PRIORS)
def test_what_one_choice_loses_the_other_gains(
    lift: float, se: float, prior: NormalPrior | None
) -> None:
    """E max(0, x) - E max(0, -x) is the mean of x."""
    belief = Bayesian(prior).believe(estimates_of(lift, se=se))

    assert belief.loss_if_control - belief.loss_if_treatment == pytest.approx(
        belief.value, abs=1e-12
    )
    assert min(belief.loss_if_control, belief.loss_if_treatment) >= 0


@given(lift=LIFTS, se=ERRORS, sd=st.floats(0.01, 2))
def test_swapping_the_variants_mirrors_the_belief(lift: float, se: float, sd: float) -> None:
    method = Bayesian(NormalPrior(sd=sd))

    there, back = (method.believe(estimates_of(sign * lift, se=se)) for sign in (1, -1))

    assert (back.low, back.high) == (-there.high, -there.low)
    assert back.chance_to_win == pytest.approx(1 - there.chance_to_win, abs=1e-12)
    assert back.loss_if_control == there.loss_if_treatment


@given(lift=LIFTS, se=ERRORS)
def test_where_less_is_better_only_the_words_change_sides(lift: float, se: float) -> None:
    more = Bayesian().believe(estimates_of(lift, se=se))
    less = Bayesian(less_is_better=True).believe(estimates_of(lift, se=se))

    assert (less.value, less.low, less.high) == (more.value, more.low, more.high)
    assert less.chance_to_win == pytest.approx(1 - more.chance_to_win, abs=1e-12)
    assert less.loss_if_treatment == more.loss_if_control
    assert less.loss_if_control == more.loss_if_treatment


def test_each_comparison_may_have_its_own_direction() -> None:
    belief = Bayesian(less_is_better=np.array([False, True])).believe(
        estimates_of([0.1, 0.1], se=0.1)
    )

    assert belief.chance_to_win[0] > 0.5 > belief.chance_to_win[1]


@given(lift=LIFTS, se=ERRORS, control=st.floats(-1e6, 1e6).filter(lambda value: abs(value) > 1e-6))
def test_the_absolute_belief_is_the_relative_one_times_the_controls_size(
    lift: float, se: float, control: float
) -> None:
    size = abs(control)
    method = Bayesian(NormalPrior(mean=0.05, sd=0.2))

    relative = method.believe(estimates_of(lift, se=se))
    absolute = method.on_absolute_scale(np.asarray(control)).believe(
        estimates_of(lift * size, se=se * size)
    )

    assert absolute.value == pytest.approx(relative.value * size, rel=1e-9, abs=1e-12 * size)
    assert absolute.low == pytest.approx(relative.low * size, rel=1e-9, abs=1e-12 * size)
    assert absolute.chance_to_win == pytest.approx(relative.chance_to_win, rel=1e-9)
    assert absolute.loss_if_control == pytest.approx(
        relative.loss_if_control * size, rel=1e-9, abs=1e-12 * size
    )


def test_a_prior_cannot_be_stretched_to_a_control_of_zero() -> None:
    method = Bayesian().on_absolute_scale(np.array([0.0, 2.0]))

    belief = method.believe(estimates_of([1.0, 1.0]))

    assert belief.absent.tolist() == [Absence.NO_CONTROL_VALUE, Absence.NONE]
    assert math.isnan(belief.value[0])
    assert math.isnan(belief.chance_to_win[0])


def test_losses_far_in_the_tail_keep_their_digits() -> None:
    """At 20 deviations the loss is phi(20) / 400 of one, to first order."""
    belief = Bayesian(prior=None).believe(estimates_of(20.0))

    assert belief.loss_if_treatment == pytest.approx(
        math.exp(-200) / math.sqrt(2 * math.pi) / 400, rel=0.01
    )


def test_a_tiny_metric_and_a_huge_one_are_believed_alike() -> None:
    method = Bayesian().on_absolute_scale(np.array([1e-150, 1e150]))

    belief = method.believe(estimates_of([1e-151, 1e149], se=[1e-151, 1e149]))

    assert belief.chance_to_win[0] == pytest.approx(belief.chance_to_win[1], rel=1e-12)


def test_effects_have_no_p_and_are_otherwise_the_belief() -> None:
    estimates = estimates_of([0.1, math.nan], se=0.05)

    effects, belief = Bayesian().judge(estimates), Bayesian().believe(estimates)

    assert np.isnan(effects.p).all()
    assert effects.low[0] == belief.low[0]
    assert effects.absent.tolist() == [Absence.NONE, Absence.NO_ARM]
    assert np.isnan([effects.value[1], effects.low[1], effects.high[1]]).all()


@pytest.mark.parametrize(
    ("mean", "sd"), [(math.nan, 1), (math.inf, 1), (0, 0), (0, -1), (0, math.inf), (0, math.nan)]
)
def test_a_prior_that_is_no_distribution_is_refused(mean: float, sd: float) -> None:
    with pytest.raises(BadPrior):
        NormalPrior(mean=mean, sd=sd)


@pytest.mark.parametrize("alpha", [0.0, 1.0, math.nan])
def test_a_level_that_is_no_share_is_refused(alpha: float) -> None:
    with pytest.raises(BadAlpha):
        Bayesian().judge(estimates_of(0.1), alpha=alpha)


def test_lifts_drawn_from_the_prior_lie_in_ninety_five_percent_of_intervals() -> None:
    rng = np.random.default_rng(11)
    prior, runs = NormalPrior(mean=0.02, sd=0.1), 40_000
    lifts = rng.normal(prior.mean, prior.sd, runs)
    errors = rng.uniform(0.01, 0.3, runs)
    seen = lifts + errors * rng.standard_normal(runs)

    belief = Bayesian(prior).believe(estimates_of(seen, se=errors))

    near = 4 * math.sqrt(0.05 * 0.95 / runs)
    assert ((belief.low < lifts) & (lifts < belief.high)).mean() == pytest.approx(0.95, abs=near)
    sure = belief.chance_to_win > 0.9
    assert (lifts[sure] > 0).mean() == pytest.approx(belief.chance_to_win[sure].mean(), abs=0.01)
    lost = np.maximum(-lifts, 0)
    assert lost.mean() == pytest.approx(belief.loss_if_treatment.mean(), abs=0.001)
