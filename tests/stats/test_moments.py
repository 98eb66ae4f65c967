from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.stats.samples import moments_from, shop_units
from truelift.stats.moments import Form, Moments, moments_of, shares
from truelift.stats.summary import (
    CovariateRatioSummary,
    CovariateSummary,
    ImpossibleSummary,
    ProportionSummary,
    RatioSummary,
    Summary,
)


def test_pooled_moments_are_those_of_the_pooled_units() -> None:
    units = shop_units(np.random.default_rng(1), 500)
    parts = [[each[start::3] for each in units] for start in range(3)]

    pooled = moments_from(Form.RATIO, *parts).pooled()

    whole = moments_from(Form.RATIO, units)[0]
    assert pooled.n == whole.n
    np.testing.assert_allclose(pooled.means, whole.means, rtol=1e-12)
    np.testing.assert_allclose(pooled.products, whole.products, rtol=1e-9, atol=1e-6)


@given(far=st.floats(1e6, 1e12))
def test_a_mean_far_from_zero_loses_no_digits_of_the_spread(far: float) -> None:
    values = np.array([0.0, 1.0, 2.0, 3.0])
    near, away = moments_from(Form.MEAN, [values[:2]], [values[2:]]), values + far

    moved = Moments(Form.MEAN, near.n, near.means + far, near.products).pooled()

    assert moved.products[0, 0] == pytest.approx(near.pooled().products[0, 0], rel=1e-3)
    assert moved.means[0] == pytest.approx(away.mean())


def test_nobody_adds_nothing_whatever_their_mean_is_said_to_be() -> None:
    some = moments_of([Summary(3, 2.0, 5.0)])
    nobody = Moments(Form.MEAN, np.array([0]), np.array([[1e9]]), np.zeros((1, 1, 1)))

    for both in (some + nobody, nobody + some):
        assert (both.n[0], both.means[0, 0], both.products[0, 0, 0]) == (3, 2.0, 5.0)


def test_summaries_of_every_kind_add_up_as_their_moments_do() -> None:
    pairs = [
        (Summary(3, 1.0, 2.0), Summary(5, 2.0, 1.0)),
        (ProportionSummary(10, 3), ProportionSummary(30, 7)),
        (RatioSummary(3, 1.0, 2.0, 4.0, 5.0, 1.0), RatioSummary(9, 2.0, 3.0, 1.0, 5.0, -1.0)),
        (
            CovariateSummary(3, 1.0, 2.0, 4.0, 5.0, 1.0),
            CovariateSummary(4, 0.0, 2.0, 1.0, 1.0, 1.0),
        ),
    ]
    for one, other in pairs:
        here, there, both = moments_of([one]), moments_of([other]), moments_of([one + other])  # type: ignore[operator,list-item]

        added = here + there

        assert added.form is both.form
        np.testing.assert_allclose(added.means, both.means)
        np.testing.assert_allclose(added.products, both.products)


def test_a_ratio_with_a_covariate_has_four_numbers() -> None:
    four = ((1.0, 0, 0, 0), (0, 1.0, 0, 0), (0, 0, 1.0, 0), (0, 0, 0, 1.0))

    found = moments_of([CovariateRatioSummary(5, (1.0, 2.0, 3.0, 4.0), four)])

    assert (found.form, found.has_covariate, found.means.shape) == (Form.RATIO, True, (1, 4))


def test_parts_are_taken_as_of_an_array() -> None:
    grid = shares(np.array([[10, 20, 30], [40, 50, 60]]), np.array([[1, 2, 3], [4, 5, 6]]))

    assert grid.shape == (2, 3)
    assert grid[1].n.tolist() == [40, 50, 60]
    assert grid[:, 0].n.tolist() == [10, 40]
    assert grid[..., 1:].means.shape == (2, 2, 1)
    assert grid.pooled(axis=1).n.tolist() == [60, 150]


@pytest.mark.parametrize(
    ("n", "mean", "m2", "says"),
    [
        (-1, 0.0, 0.0, "-1 units"),
        (3, np.nan, 0.0, "not a finite"),
        (3, 0.0, np.inf, "not a finite"),
        (3, 0.0, -1.0, "negative"),
    ],
)
def test_numbers_of_no_sample_are_refused(n: int, mean: float, m2: float, says: str) -> None:
    with pytest.raises(ImpossibleSummary, match=says):
        Moments(Form.MEAN, np.array([n]), np.array([[mean]]), np.array([[[m2]]]))


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ImpossibleSummary, match="3 numbers per unit"):
        Moments(Form.MEAN, np.array([1]), np.zeros((1, 3)), np.zeros((1, 3, 3)))
    with pytest.raises(ImpossibleSummary, match="differ in shape"):
        Moments(Form.MEAN, np.array([1, 2]), np.zeros((1, 1)), np.zeros((1, 1, 1)))
    products = np.array([[[1.0, 2.0], [2.0, 1.0]]])
    with pytest.raises(ImpossibleSummary, match="spreads allow"):
        Moments(Form.RATIO, np.array([3]), np.ones((1, 2)), products)
    with pytest.raises(ImpossibleSummary, match="0 kinds"):
        moments_of([])
    with pytest.raises(ImpossibleSummary, match="2 kinds"):
        moments_of([Summary(3, 1.0, 2.0), ProportionSummary(3, 1)])
    with pytest.raises(ImpossibleSummary, match="more than the units"):
        shares(np.array([3]), np.array([4]))
