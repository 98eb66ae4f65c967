from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.stats.estimated import estimates_of
from tests.stats.looks import ever_alarmed
from truelift.stats.effects import Absence, BadAlpha, Effects, FixedHorizon, Side
from truelift.stats.group_sequential import SMALLEST_P, BadLooks, GroupSequential, Spending
from truelift.stats.spreads import BadDesign


OBF, POCOCK = Spending.OBRIEN_FLEMING, Spending.POCOCK


def looks_at(draw: list[float]) -> tuple[float, ...]:
    """Make shares that rise to 1 out of any steps."""
    return tuple((np.cumsum(draw) / sum(draw)).tolist())


LOOKS = st.lists(st.floats(0.05, 1.0), min_size=1, max_size=5).map(looks_at)


def low_and_high(found: Effects) -> list[tuple[float, float]]:
    return list(zip(found.low.tolist(), found.high.tolist(), strict=True))


@pytest.mark.parametrize(
    ("spending", "count", "bounds"),
    [
        (OBF, 2, [2.9626, 1.9686]),
        (OBF, 3, [3.7103, 2.5114, 1.9930]),
        (OBF, 4, [4.3326, 2.9631, 2.3590, 2.0141]),
        (OBF, 5, [4.8769, 3.3569, 2.6803, 2.2898, 2.0310]),
        (POCOCK, 5, [2.4380, 2.4268, 2.4101, 2.3966, 2.3859]),
    ],
)
def test_two_sided_bounds_are_those_published(
    spending: Spending, count: int, bounds: list[float]
) -> None:
    """R packages ldbounds and gsDesign (sfLDOF, sfLDPocock), their last digit less exact."""
    found = GroupSequential.evenly(count, spending=spending).boundaries()

    assert found.z == pytest.approx(bounds, abs=1.5e-4)
    assert found.spent[-1] == pytest.approx(0.05, rel=1e-12)


@given(looks=LOOKS, spending=st.sampled_from(Spending), side=st.sampled_from(Side))
@settings(max_examples=30, deadline=None)
def test_without_an_effect_all_looks_together_spend_the_level(
    looks: tuple[float, ...], spending: Spending, side: Side
) -> None:
    method = GroupSequential(looks, spending, side)

    there, back = method.stops(0.0, alpha=0.05)

    assert there.sum() + back.sum() == pytest.approx(0.05, rel=1e-9)


@given(level=st.floats(0.001, 0.2), side=st.sampled_from(Side))
@settings(deadline=None)
def test_one_look_at_the_end_is_the_fixed_test(level: float, side: Side) -> None:
    estimates = estimates_of([-3.0, 0.1, 2.0], df=[5.0, 50.0, math.inf])

    ours = GroupSequential((1.0,), side=side).judge(estimates, alpha=level)
    stopped = GroupSequential((1.0,), side=side).judge_stopped(estimates_of([-3.0, 0.1, 2.0]))

    fixed = FixedHorizon(side).judge(estimates, alpha=level)
    assert ours.low == pytest.approx(fixed.low, rel=1e-9)
    assert ours.high == pytest.approx(fixed.high, rel=1e-9)
    sure = FixedHorizon(side).judge(estimates_of([-3.0, 0.1, 2.0]))
    assert stopped.p == pytest.approx(sure.p, rel=1e-9)
    assert stopped.value == pytest.approx([-3.0, 0.1, 2.0], abs=1e-9)
    assert low_and_high(stopped) == [pytest.approx(pair) for pair in low_and_high(sure)]


def test_an_unplanned_look_changes_no_bound_before_it() -> None:
    planned = GroupSequential.evenly(4).boundaries()

    asked = GroupSequential((0.25, 0.5, 0.61, 0.75, 1.0)).boundaries()

    assert asked.z[:2] == pytest.approx(planned.z[:2], rel=1e-12)
    assert asked.spent[3:] == pytest.approx(planned.spent[2:], rel=1e-9)
    assert asked.z[4] > planned.z[3]


def test_a_test_that_ends_short_of_its_plan_spends_all_that_is_left() -> None:
    planned = GroupSequential.evenly(4)

    short = planned.reached(0.25, 0.5, 0.8, closing=True).boundaries()

    assert short.spent[-1] == pytest.approx(0.05, rel=1e-12)
    assert short.z[-1] < planned.reached(0.25, 0.5, 0.8).boundaries().z[-1]


def test_a_test_that_goes_beyond_its_plan_spends_no_more_than_all() -> None:
    found = GroupSequential((0.5, 1.3)).boundaries()

    assert found.spent[-1] == pytest.approx(0.05, rel=1e-12)


def test_a_look_so_early_that_nothing_is_spent_never_ends_the_test() -> None:
    method = GroupSequential((0.01,))

    found = method.judge(estimates_of([8.0, math.nan]))

    assert method.boundaries().z == (math.inf,)
    assert low_and_high(found)[0] == (-math.inf, math.inf)
    assert found.p[0] > 0.05


@given(
    z=st.floats(-8, 8),
    looks=LOOKS,
    spending=st.sampled_from(Spending),
    side=st.sampled_from(Side),
    level=st.sampled_from([0.01, 0.05, 0.1]),
)
@settings(max_examples=10, deadline=None)
def test_repeated_p_is_at_most_alpha_exactly_when_the_interval_leaves_out_zero(
    z: float, looks: tuple[float, ...], spending: Spending, side: Side, level: float
) -> None:
    found = GroupSequential(looks, spending, side).judge(estimates_of(z), alpha=level)

    assert bool(found.low >= 0 or found.high <= 0) == bool(found.p <= level)
    assert 0 < found.p <= 1


def test_repeated_p_is_the_level_whose_bound_was_just_met() -> None:
    method = GroupSequential((0.2, 0.5, 0.9))
    levels = [1e-10, 1e-6, 0.001, 0.02, 0.3, 0.8]
    met = [method.boundaries(alpha=level).z[-1] for level in levels]

    found = method.judge(estimates_of(met))

    assert found.p == pytest.approx(levels, rel=2e-5)


def test_a_p_beyond_what_is_tabulated_is_given_as_the_smallest() -> None:
    found = GroupSequential.evenly(3).judge(estimates_of([40.0, 1e6]))

    assert found.p == pytest.approx([SMALLEST_P] * 2)


@given(z=st.floats(-7, 7), spending=st.sampled_from(Spending))
@settings(max_examples=10, deadline=None)
def test_swapping_the_variants_mirrors_both_kinds_of_interval(z: float, spending: Spending) -> None:
    two = GroupSequential((0.3, 0.7), spending)
    greater, less = (
        GroupSequential((0.3, 0.7), spending, side) for side in (Side.GREATER, Side.LESS)
    )

    pairs = [
        (two.judge(estimates_of(z)), two.judge(estimates_of(-z))),
        (two.judge_stopped(estimates_of([z])), two.judge_stopped(estimates_of([-z]))),
        (greater.judge(estimates_of(z)), less.judge(estimates_of(-z))),
        (greater.judge_stopped(estimates_of([z])), less.judge_stopped(estimates_of([-z]))),
    ]

    for there, back in pairs:
        assert back.low == pytest.approx(-there.high, rel=1e-7, abs=1e-7)
        assert back.high == pytest.approx(-there.low, rel=1e-7, abs=1e-7)
        assert back.p == pytest.approx(there.p, rel=1e-7, abs=1e-9)


def test_the_adjusted_interval_leaves_out_zero_exactly_when_the_last_bound_was_crossed() -> None:
    method = GroupSequential.evenly(4, spending=POCOCK)
    bound = method.boundaries().z[-1]

    found = method.judge_stopped(estimates_of([bound - 1e-6, bound + 1e-6, -bound - 1e-6]))

    assert (found.low > 0).tolist() == [False, True, False]
    assert (found.high < 0).tolist() == [False, False, True]
    assert (found.p < 0.05).tolist() == [False, True, True]


def test_what_was_found_by_stopping_on_a_high_is_pulled_toward_zero() -> None:
    method = GroupSequential.evenly(5, spending=POCOCK)

    found = method.reached(0.2, 0.4).judge_stopped(estimates_of([2.6, 0.0, -2.6]))

    assert 0 < found.value[0] < 2.6
    assert found.value[1] == pytest.approx(0, abs=1e-9)
    assert found.value[2] == pytest.approx(-found.value[0])


def test_stopping_at_the_first_look_needs_no_adjustment() -> None:
    found = GroupSequential((0.4,)).judge_stopped(estimates_of([4.0]))

    assert found.value == pytest.approx([4.0])
    assert low_and_high(found) == [pytest.approx((4 - 1.959964, 4 + 1.959964), abs=1e-6)]


def test_a_plan_needs_somewhat_more_than_a_fixed_test_and_ends_sooner_with_an_effect() -> None:
    """Jennison & Turnbull (1999) have 1.026 and 1.207 for the classical bounds beside these."""
    obf, pocock = GroupSequential.evenly(5), GroupSequential.evenly(5, spending=POCOCK)

    assert obf.inflation(power=0.9) == pytest.approx(1.026, abs=0.005)
    assert pocock.inflation(power=0.9) == pytest.approx(1.207, abs=0.02)
    assert GroupSequential((1.0,)).inflation(power=0.8) == pytest.approx(1, abs=1e-6)
    for method in (obf, pocock):
        drift = method.drift(power=0.9)
        assert method.stops(drift)[0].sum() == pytest.approx(0.9, rel=1e-9)
        assert method.expected_share(drift) * method.inflation(power=0.9) < 0.8
        assert method.expected_share(0.0) > 0.97


def test_every_comparison_has_its_own_level_and_shape_does_not_matter() -> None:
    method = GroupSequential((0.5, 0.8))
    levels = np.array([[0.05], [0.01]])

    grid = method.judge(estimates_of(np.full((2, 3), 2.5)), alpha=levels)
    stopped = method.judge_stopped(estimates_of(np.full((2, 3), 2.5)), alpha=levels)

    one = method.judge(estimates_of([2.5]), alpha=0.01)
    assert grid.low[1].tolist() == [one.low[0]] * 3
    assert stopped.low[1] == pytest.approx(
        method.judge_stopped(estimates_of([2.5] * 3), alpha=0.01).low
    )


def test_what_is_absent_stays_absent_and_nothing_is_made_of_it() -> None:
    method = GroupSequential((0.5, 0.8))

    for found in (
        method.judge(estimates_of([1.0, math.nan])),
        method.judge_stopped(estimates_of([1.0, math.nan])),
    ):
        assert found.absent.tolist() == [Absence.NONE, Absence.NO_ARM]
        assert np.isnan([found.value[1], found.low[1], found.high[1], found.p[1]]).all()
        assert np.isfinite([found.value[0], found.low[0], found.high[0], found.p[0]]).all()


@pytest.mark.parametrize(
    "looks",
    [(), (0.0, 1.0), (0.5, 0.5), (0.5, 0.50001), (0.7, 0.3), (0.5, math.nan), (0.5, 1.0, 1.2)],
)
def test_looks_that_are_in_no_order_are_refused(looks: tuple[float, ...]) -> None:
    with pytest.raises(BadLooks):
        GroupSequential(looks)


def test_more_looks_than_can_be_calculated_with_are_refused() -> None:
    with pytest.raises(BadLooks, match="sequential"):
        GroupSequential.evenly(101)


@pytest.mark.parametrize("alpha", [0.0, 1.0, math.nan])
def test_a_level_that_is_no_share_is_refused(alpha: float) -> None:
    with pytest.raises(BadAlpha):
        GroupSequential.evenly(2).boundaries(alpha=alpha)


def test_a_power_below_the_level_is_refused() -> None:
    with pytest.raises(BadDesign):
        GroupSequential.evenly(2).drift(power=0.01)


@pytest.mark.parametrize("spending", Spending)
def test_five_looks_alarm_in_five_percent_of_null_tests(spending: Spending) -> None:
    rng = np.random.default_rng(20_260_504)
    method = GroupSequential.evenly(5, spending=spending)

    share = ever_alarmed(rng, method, tests=4000, looks=5, units=100).mean()

    assert share == pytest.approx(0.05, abs=4 * math.sqrt(0.05 * 0.95 / 4000))
