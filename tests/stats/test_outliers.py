from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from truelift.stats.effects import FixedHorizon
from truelift.stats.estimating import differences
from truelift.stats.moments import Form, Moments, moments_of, shares
from truelift.stats.outliers import BadTop, compare_both_ways, outlier_influence, without_top
from truelift.stats.summary import Summary


def sample(values: np.ndarray) -> Moments:
    mean = values.mean(axis=-1)
    squares = ((values - mean[..., None]) ** 2).sum(axis=-1)
    return Moments(
        Form.MEAN,
        np.full(mean.shape, values.shape[-1]),
        mean[..., None],
        squares[..., None, None],
    )


@given(values=st.lists(st.floats(-1e6, 1e6), min_size=4, max_size=20), r=st.integers(0, 3))
def test_a_sample_without_its_largest_units_is_the_sample_of_the_others(
    values: list[float], r: int
) -> None:
    ordered = np.sort(values)[None]

    found = without_top(sample(ordered), ordered[:, len(values) - r :])

    rest = sample(ordered[:, : len(values) - r])
    spread = float(np.abs(ordered).max()) + 1
    assert found.n.tolist() == rest.n.tolist()
    assert found.means == pytest.approx(rest.means, rel=1e-9, abs=1e-9 * spread)
    assert found.products == pytest.approx(rest.products, rel=1e-6, abs=1e-6 * spread**2)


def test_samples_may_lose_different_numbers_of_units() -> None:
    values = np.array([[1.0, 2.0, 3.0, 9.0], [1.0, 2.0, 8.0, 9.0]])

    found = without_top(sample(values), [[9.0, math.nan], [9.0, 8.0]])

    assert found.n.tolist() == [3, 2]
    assert found.means[:, 0].tolist() == [2.0, 1.5]


def test_a_win_that_a_few_units_made_is_seen() -> None:
    rng = np.random.default_rng(1)
    control, treatment = rng.normal(10, 1, (1, 200)), rng.normal(10, 1, (1, 200))
    treatment[0, :10] = 20.0
    tops = [np.sort(values)[:, -10:] for values in (control, treatment)]

    found = outlier_influence(
        sample(control),
        sample(treatment),
        control_top=tops[0],
        treatment_top=tops[1],
        method=FixedHorizon(),
    )

    assert found.counted.low[0] > 0
    assert found.without.low[0] < 0
    assert found.changes.tolist() == [True]
    assert found.shift[0] < -1
    assert found.treatment_share[0] == pytest.approx(200 / treatment.sum())


def test_without_extremes_nothing_changes() -> None:
    rng = np.random.default_rng(2)
    values = rng.normal(10, 1, (2, 5, 2000))
    tops = np.sort(values)[..., -2:]

    found = outlier_influence(
        sample(values[0]),
        sample(values[1] + 0.5),
        control_top=tops[0],
        treatment_top=tops[1] + 0.5,
        method=FixedHorizon(),
    )

    assert not found.changes.any()
    assert (np.abs(found.shift) < 0.2).all()


def test_capped_and_counted_effects_are_compared_as_they_are() -> None:
    rng = np.random.default_rng(3)
    values = rng.normal(10, 1, (2, 3, 100))
    effects = [
        FixedHorizon().judge(each)
        for each in (
            differences(sample(values[0]), sample(values[1])),
            differences(sample(values[0]), sample(values[1] + 2)),
        )
    ]

    found = compare_both_ways(*effects)

    assert found.changes.all()
    assert np.isnan(found.control_share).all()


@pytest.mark.parametrize(
    "top", [[[1.0] * 5], [[100.0]], [[math.inf]], [1.0], [[1.0], [2.0]]], ids=str
)
def test_values_that_no_sample_lost_are_refused(top: list[list[float]]) -> None:
    with pytest.raises(BadTop):
        without_top(sample(np.array([[1.0, 2.0, 3.0, 4.0]])), top)


def test_shares_have_no_largest_units() -> None:
    with pytest.raises(BadTop):
        without_top(shares(np.array([5]), np.array([2])), [[1.0]])


def test_one_unit_that_is_larger_than_all_others_stands_out_though_nothing_is_found() -> None:
    control = moments_of([Summary(n=1000, mean=2.0, m2=25_000.0)])
    # The same, and one of 5,000 among them.
    mean = 2.0 + 4_998.0 / 1000
    treatment = moments_of([Summary(n=1000, mean=mean, m2=25_000.0 + 4_998.0**2 * 999 / 1000)])

    found = outlier_influence(
        control,
        treatment,
        control_top=[[np.nan]],
        treatment_top=[[5000.0]],
        method=FixedHorizon(),
    )

    assert not found.changes.item()
    assert abs(found.shift.item()) < 1
    assert found.stands_out.item()


@pytest.mark.parametrize(("sigma", "most"), [(0.6, 0.06), (1.0, 0.06), (2.0, 0.6)])
def test_ordinary_amounts_seldom_stand_out_where_nothing_differs(sigma: float, most: float) -> None:
    rng = np.random.default_rng(5)
    shape = (2, 200, 3000)
    amounts = np.where(rng.random(shape) < 0.04, np.exp(rng.normal(3, sigma, shape)), 0.0)
    cap = np.sort(np.concatenate([*amounts], axis=1), axis=1)[:, -7][:, None]
    capped = np.minimum(amounts, cap)
    method = FixedHorizon()

    found = compare_both_ways(
        method.judge(differences(sample(amounts[0]), sample(amounts[1]))),
        method.judge(differences(sample(capped[0]), sample(capped[1]))),
    )

    assert found.stands_out.mean() < most
