from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from truelift.stats.heterogeneity import BadEffects, deviations, heterogeneity, shrunken


EFFECTS = st.lists(
    st.tuples(st.floats(-100, 100), st.floats(0.01, 10)), min_size=2, max_size=8
).map(lambda rows: tuple(np.array(column) for column in zip(*rows, strict=True)))


@given(effects=EFFECTS)
def test_two_estimates_disagree_by_the_square_of_their_difference(
    effects: tuple[np.ndarray, np.ndarray],
) -> None:
    value, se = effects[0][:2], effects[1][:2]

    found = heterogeneity(value, se)

    assert found.q == pytest.approx((value[0] - value[1]) ** 2 / (se**2).sum(), rel=1e-9, abs=1e-12)
    assert found.df == 1


@given(effects=EFFECTS, factor=st.floats(0.001, 1000), shift=st.floats(-1000, 1000))
def test_unit_and_origin_of_the_effects_do_not_matter(
    effects: tuple[np.ndarray, np.ndarray], factor: float, shift: float
) -> None:
    value, se = effects

    once = heterogeneity(value, se)
    moved = heterogeneity(value * factor + shift * factor, se * factor)

    assert moved.q == pytest.approx(once.q, rel=1e-6, abs=1e-6)
    assert moved.common == pytest.approx((once.common + shift) * factor, rel=1e-6, abs=1e-6)
    assert moved.tau2 == pytest.approx(once.tau2 * factor**2, rel=1e-5, abs=1e-5 * factor**2)


@given(effects=EFFECTS, seed=st.integers(0, 50))
def test_the_order_of_the_estimates_does_not_matter(
    effects: tuple[np.ndarray, np.ndarray], seed: int
) -> None:
    order = np.random.default_rng(seed).permutation(len(effects[0]))
    value, se = effects

    assert heterogeneity(value[order], se[order]).q == pytest.approx(
        heterogeneity(value, se).q, rel=1e-9, abs=1e-9
    )
    assert deviations(value[order], se[order]).value == pytest.approx(
        deviations(value, se).value[order], rel=1e-9, abs=1e-9
    )


def test_a_large_constant_costs_no_digits() -> None:
    value, se = np.array([1.0, 2.0, 4.0]), np.array([0.5, 1.0, 2.0])

    assert heterogeneity(value + 1e9, se).q == pytest.approx(heterogeneity(value, se).q, rel=1e-9)


def test_estimates_that_are_absent_count_for_nothing() -> None:
    value, se = np.array([1.0, math.nan, 4.0]), np.array([0.5, math.nan, 2.0])

    assert heterogeneity(value, se).q == heterogeneity([1.0, 4.0], [0.5, 2.0]).q
    assert math.isnan(deviations(value, se).value[1])
    assert math.isnan(shrunken(value, se).value[1])


def test_one_estimate_has_nothing_to_disagree_with() -> None:
    found = heterogeneity(
        [[3.0, math.nan], [math.nan, math.nan]], [[1.0, math.nan]] * 1 + [[math.nan] * 2]
    )

    assert found.df.tolist() == [0, -1]
    assert np.isnan(found.p).all()
    assert np.isnan(found.tau2).all()
    assert found.common[0] == 3.0
    assert math.isnan(found.common[1])
    assert math.isnan(deviations([3.0], [1.0]).p[0])
    assert shrunken([3.0], [1.0]).value[0] == 3.0


@given(effects=EFFECTS)
def test_shrinking_never_passes_the_common_mean_and_never_adds_noise(
    effects: tuple[np.ndarray, np.ndarray],
) -> None:
    value, se = effects

    drawn = shrunken(value, se)

    assert drawn.value.min() >= value.min() - 1e-9
    assert drawn.value.max() <= value.max() + 1e-9
    assert (drawn.se <= se * (1 + 1e-9)).all()


def test_estimates_that_agree_are_drawn_into_one() -> None:
    drawn = shrunken([1.0, 1.1, 0.9], [1.0, 1.0, 1.0])

    assert drawn.value == pytest.approx([1.0] * 3)
    assert drawn.se == pytest.approx([1 / math.sqrt(3)] * 3)


def test_rows_are_families_of_their_own() -> None:
    rng = np.random.default_rng(3)
    value, se = rng.normal(size=(2, 3, 4)), rng.uniform(0.5, 2, (2, 3, 4))

    assert heterogeneity(value, se).tau2[1, 2] == heterogeneity(value[1, 2], se[1, 2]).tau2
    assert shrunken(value, se).value[1, 2] == pytest.approx(shrunken(value[1, 2], se[1, 2]).value)


def test_one_estimate_that_outweighs_all_others_leaves_their_spread_known() -> None:
    found = heterogeneity([0.0, 1.0, -1.0], [1e-9, 0.1, 0.1])
    apart = deviations([0.0, 1.0, -1.0], [1e-9, 0.1, 0.1])

    assert found.tau2 == pytest.approx(198 / 400)
    assert apart.value[0] == pytest.approx(0.0, abs=1e-12)
    assert apart.se[0] == pytest.approx(0.1 / math.sqrt(2))


def test_numbers_near_the_limits_of_the_machine_keep_their_test() -> None:
    value, se = np.array([1.0, 2.0, 4.0]), np.array([0.5, 1.0, 2.0])

    for factor in (1e-140, 1e140):
        assert heterogeneity(value * factor, se * factor).q == pytest.approx(
            heterogeneity(value, se).q
        )


@pytest.mark.parametrize(
    ("value", "se"),
    [
        ([], []),
        ([1.0], [0.0]),
        ([1.0], [-1.0]),
        ([1.0], [math.inf]),
        ([math.inf], [1.0]),
        ([1.0], [math.nan]),
        ([math.nan], [1.0]),
        ([1e300], [1.0]),
        ([1.0], [1e-300]),
        ([1.0, 2.0], [1e-90, 1.0]),
    ],
)
def test_effects_that_are_none_are_refused(value: list[float], se: list[float]) -> None:
    for ask in (heterogeneity, deviations, shrunken):
        with pytest.raises(BadEffects):
            ask(value, se)


def test_one_effect_everywhere_is_told_from_several_as_often_as_promised() -> None:
    rng = np.random.default_rng(5)
    se = rng.uniform(0.5, 2, 6)

    p = heterogeneity(rng.normal(3, se, (8000, 6)), se).p

    assert abs((p < 0.05).mean() - 0.05) < 4 * math.sqrt(0.05 * 0.95 / 8000)
