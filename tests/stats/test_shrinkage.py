from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from truelift.stats.effects import BadAlpha
from truelift.stats.heterogeneity import BadEffects
from truelift.stats.shrinkage import TooFewResults, shrink


def programme(
    rng: np.random.Generator, *, tests: int = 60
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    true, se = rng.normal(0, 0.02, tests), rng.uniform(0.012, 0.03, tests)
    return true, rng.normal(true, se), se


def test_a_value_is_drawn_to_the_mean_by_what_of_it_is_noise() -> None:
    found = shrink([0.10, 0.00, -0.10, 0.02], [0.05, 0.01, 0.05, 0.01])

    weight = found.tau**2 / (found.tau**2 + np.array([0.05, 0.01, 0.05, 0.01]) ** 2)
    assert found.weight == pytest.approx(weight)
    assert found.value == pytest.approx(found.mean + weight * (found.estimate - found.mean))
    assert ((found.low < found.value) & (found.value < found.high)).all()


def test_tests_that_differ_by_no_more_than_noise_are_worth_their_mean() -> None:
    found = shrink([0.01, 0.012, 0.008, 0.01], [0.02] * 4)

    assert found.tau == 0
    assert found.value == pytest.approx([0.01] * 4)
    # That tau is 0 is not known: the intervals say so.
    assert (found.high - found.low > 2 * 1.96 * found.mean_se).all()


@settings(max_examples=25)
@given(
    value=st.lists(st.floats(-1, 1), min_size=3, max_size=8),
    factor=st.floats(0.01, 100),
    seed=st.integers(0, 9),
)
def test_unit_and_order_of_the_effects_do_not_matter(
    value: list[float], factor: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    estimate, se = np.array(value), rng.uniform(0.1, 0.5, len(value))
    order = rng.permutation(len(value))

    once = shrink(estimate, se)
    moved = shrink(estimate[order] * factor, se[order] * factor)

    for name in ("value", "low", "high"):
        assert getattr(moved, name) == pytest.approx(
            getattr(once, name)[order] * factor, rel=1e-5, abs=1e-6 * factor
        )


def test_winners_added_up_are_twice_the_truth_and_shrunken_ones_are_not() -> None:
    rng = np.random.default_rng(8)
    plain = value = truth = 0.0
    inside = []

    for _ in range(40):
        true, estimate, se = programme(rng)
        won = estimate > 1.96 * se
        found = shrink(estimate, se)
        total = found.total(won)
        plain, value, truth = plain + total.plain, value + total.value, truth + true[won].sum()
        inside += list(((found.low <= true) & (true <= found.high))[won])

    assert plain / truth > 1.7
    assert value / truth == pytest.approx(1, abs=0.15)
    assert np.mean(inside) > 0.90


def test_nothing_chosen_adds_up_to_nothing_and_all_to_the_sum_of_values() -> None:
    found = shrink([0.05, 0.01, -0.02, 0.04], [0.02, 0.01, 0.02, 0.03])

    nothing = found.total(np.zeros(4, dtype=bool))
    everything = found.total(np.ones(4, dtype=bool))

    assert (nothing.plain, nothing.value, nothing.low, nothing.high) == (0, 0, 0, 0)
    assert everything.value == pytest.approx(found.value.sum())
    assert everything.low < everything.value < everything.high
    with pytest.raises(BadEffects):
        found.total(np.ones(3, dtype=bool))


def test_fewer_than_three_tests_say_nothing_of_how_effects_vary() -> None:
    for n in (0, 1, 2):
        with pytest.raises(TooFewResults):
            shrink([0.1] * n, [0.1] * n)


@pytest.mark.parametrize(
    ("value", "se"),
    [
        ([0.1, 0.2, math.nan], [0.1, 0.1, 0.1]),
        ([0.1, 0.2, math.nan], [0.1, 0.1, math.nan]),
        ([0.1, 0.2, 0.3], [0.1, 0.1, 0.0]),
        ([0.1, 0.2, 0.3], [0.1, 0.1]),
        ([0.1, 0.2, math.inf], [0.1, 0.1, 0.1]),
    ],
)
def test_effects_that_are_none_are_refused(value: list[float], se: list[float]) -> None:
    with pytest.raises(BadEffects):
        shrink(value, se)


def test_a_level_that_is_none_is_refused() -> None:
    with pytest.raises(BadAlpha):
        shrink([0.1, 0.2, 0.3], [0.1] * 3, alpha=0)
