from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from truelift.stats.effects import BadAlpha
from truelift.stats.interactions import (
    BadCells,
    Measured,
    Pair,
    Verdict,
    cell_values,
    conditional_effects,
    interactions_between,
    metric_interaction,
    traffic_interaction,
)
from truelift.stats.moments import Form, Moments, shares


CELLS = arrays(float, (3, 4), elements=st.floats(-10, 10))
NOISE = arrays(float, (3, 4), elements=st.floats(0.1, 5))


def test_independent_assignment_is_no_traffic_interaction() -> None:
    found = traffic_interaction(np.outer([3, 7], [200, 300]))

    assert found.chi2 == pytest.approx(0, abs=1e-9)
    assert found.p == 1
    assert not found.found


def test_a_cell_that_lacks_units_stands_out() -> None:
    found = traffic_interaction([[5000, 5000, 5000], [5000, 5000, 4400]])

    assert found.found
    assert np.abs(found.residuals).argmax() in (2, 5)
    assert found.residuals[1, 2] < -3


def test_counts_multiplied_multiply_the_statistic_however_large_they_are() -> None:
    table = np.array([[5.0, 6.0], [7.0, 5.0]])

    assert traffic_interaction(table * 1e12).chi2 == pytest.approx(
        traffic_interaction(table).chi2 * 1e12
    )


@pytest.mark.parametrize(
    "table",
    [
        [[1, 2]],
        [[1, 2], [0, 0]],
        [[0, 2], [0, 3]],
        [[1, -2], [3, 4]],
        [[1, math.nan], [3, 4]],
        [[1, math.inf], [3, 4]],
        [[1, 1e16], [3, 4]],
        [[1, 2.5], [3, 4]],
        [1, 2],
    ],
)
def test_tables_that_are_none_are_refused(table: list[list[float]]) -> None:
    with pytest.raises(BadCells):
        traffic_interaction(table)


def test_the_interaction_of_four_cells_is_a_difference_of_differences() -> None:
    found = metric_interaction([[10.0, 11.0], [12.0, 14.5]], [[0.1, 0.2], [0.3, 0.4]])

    assert found.value[0, 0] == pytest.approx(1.5)
    assert found.se[0, 0] == pytest.approx(1.0)
    assert found.wald == pytest.approx(2.25)
    assert found.p == pytest.approx(math.erfc(1.5 / math.sqrt(2)))
    assert found.df == 1


def test_an_interaction_needs_four_times_the_units_of_a_main_effect() -> None:
    # A main effect over both columns has the variance of one cell, the interaction of four.
    worth = 1.959964 + 1.644854

    found = metric_interaction(np.zeros((2, 2)), np.ones((2, 2)), worth=worth)
    larger = metric_interaction(np.zeros((2, 2)), np.ones((2, 2)) / 4, worth=worth)

    assert found.power == pytest.approx(0.44, abs=0.005)
    assert larger.power == pytest.approx(0.95, abs=0.001)


@given(cell=CELLS, noise=NOISE)
def test_turning_the_table_and_renaming_variants_changes_nothing(
    cell: np.ndarray, noise: np.ndarray
) -> None:
    once = metric_interaction(cell, noise, worth=1.0)

    turned = metric_interaction(cell.T, noise.T, worth=1.0)
    renamed = metric_interaction(cell[::-1, ::-1], noise[::-1, ::-1], worth=1.0)

    assert turned.value == pytest.approx(once.value.T)
    assert turned.wald == pytest.approx(once.wald, rel=1e-6, abs=1e-9)
    assert turned.power == pytest.approx(once.power, rel=1e-6)
    assert renamed.wald == pytest.approx(once.wald, rel=1e-6, abs=1e-9)


@given(cell=CELLS, noise=NOISE, rows=arrays(float, 3, elements=st.floats(-9, 9)))
def test_what_a_variant_does_everywhere_is_no_interaction(
    cell: np.ndarray, noise: np.ndarray, rows: np.ndarray
) -> None:
    moved = metric_interaction(cell + rows[:, None], noise)

    assert moved.value == pytest.approx(metric_interaction(cell, noise).value, abs=1e-9)


def test_effects_that_multiply_interact_as_differences_and_not_as_ratios() -> None:
    cell = np.array([[1.0, 2.0], [3.0, 6.0]])

    assert metric_interaction(cell, np.full((2, 2), 0.01)).value[0, 0] == pytest.approx(2.0)
    ratio = metric_interaction(cell, np.full((2, 2), 0.01), measured=Measured.RATIO)
    assert ratio.value[0, 0] == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("factor", [1e-120, 1e120])
def test_the_unit_of_the_metric_does_not_matter(factor: float) -> None:
    cell = np.array([[1.0, 2.0], [3.0, 5.0]])

    assert metric_interaction(cell * factor, np.full((2, 2), factor) * factor).wald == (
        pytest.approx(metric_interaction(cell, np.ones((2, 2))).wald)
    )


@pytest.mark.parametrize(
    ("value", "variance"),
    [
        ([[1.0, 2.0]], [[1.0, 1.0]]),
        ([[1.0, math.nan], [1.0, 1.0]], 1.0),
        ([[1.0, 2.0], [1.0, 1.0]], 0.0),
        ([[1.0, 2.0], [1.0, 1.0]], -1.0),
        ([[1.0, 2.0], [1.0, 1.0]], math.inf),
    ],
)
def test_cells_that_are_none_are_refused(value: list[list[float]], variance: object) -> None:
    with pytest.raises(BadCells):
        metric_interaction(value, np.asarray(variance, float))


def test_levels_and_sizes_that_are_none_are_refused() -> None:
    cell, noise = np.ones((2, 2)), np.ones((2, 2))

    with pytest.raises(BadAlpha):
        metric_interaction(cell, noise, alpha=1.0)
    with pytest.raises(BadCells):
        metric_interaction(cell, noise, worth=math.nan)
    with pytest.raises(BadCells):
        metric_interaction(-cell, noise, measured=Measured.RATIO)


def test_conditional_effects_are_those_within_each_variant_of_the_other() -> None:
    found = conditional_effects([[10.0, 11.0], [12.0, 14.5]], [[0.1, 0.2], [0.3, 0.4]])

    assert found.value.tolist() == [[2.0, 3.5]]
    assert found.se == pytest.approx(np.sqrt([[0.4, 0.6]]))
    assert found.together[1, 1] == 4.5
    assert found.together_se[1, 1] == pytest.approx(math.sqrt(0.5))
    assert found.together_se[0, 0] == 0


def table(rng: np.random.Generator, *, extra: float = 0.0, n: int = 400) -> Moments:
    gain = np.array([[0.0, 0.2], [0.3, 0.5 + extra]])
    return Moments(
        Form.MEAN,
        np.full((2, 2), n),
        (gain + rng.normal(0, 1 / math.sqrt(n), (2, 2)))[..., None],
        np.full((2, 2, 1, 1), n - 1.0),
    )


def test_every_kind_of_metric_gives_cells_with_their_variance() -> None:
    share, noise = cell_values(shares(np.full((2, 2), 100), np.array([[10, 20], [30, 40]])))

    assert share.tolist() == [[0.1, 0.2], [0.3, 0.4]]
    assert noise[0, 0] == pytest.approx(0.1 * 0.9 / 100)


def test_a_covariate_takes_its_part_of_the_noise_away() -> None:
    rng = np.random.default_rng(2)
    before = rng.normal(size=(2, 2, 500))
    after = before + rng.normal(0, 0.5, size=before.shape)
    numbers = np.stack([after, before], axis=-1)
    means = numbers.mean(axis=-2)
    gaps = numbers - means[..., None, :]
    cells = Moments(
        Form.MEAN, np.full((2, 2), 500), means, np.einsum("...ni,...nj->...ij", gaps, gaps)
    )

    raw = cell_values(cells, adjust=False)
    adjusted = cell_values(cells)

    assert adjusted[1].mean() / raw[1].mean() == pytest.approx(0.2, abs=0.04)
    assert np.ptp(adjusted[0]) < np.ptp(raw[0])


def test_ratios_need_a_denominator_and_cells_two_units() -> None:
    moments = np.ones((2, 2, 2)), np.zeros((2, 2, 2, 2))
    without = np.array([1.0, 0.0]) * moments[0]

    with pytest.raises(BadCells):
        cell_values(Moments(Form.RATIO, np.full((2, 2), 5), without, moments[1]))
    with pytest.raises(BadCells):
        cell_values(shares(np.array([[1, 5], [5, 5]]), np.ones((2, 2), dtype=int)))


def test_pairs_are_reported_with_what_they_could_have_shown() -> None:
    rng = np.random.default_rng(4)
    pairs = [
        Pair("a", "b", table(rng, extra=1.0), worth=0.5),
        Pair("a", "c", table(rng), worth=0.5),
        Pair("a", "d", table(rng), worth=0.01),
        Pair("b", "c", shares(np.array([[1, 1], [9, 9]]), np.zeros((2, 2), int)), worth=0.5),
    ]

    found = interactions_between(pairs)

    assert [pair.verdict for pair in found] == [
        Verdict.FOUND,
        Verdict.NONE_FOUND,
        Verdict.TOO_FEW,
        Verdict.TOO_FEW,
    ]
    assert "decide about the combination" in found[0].sentence
    assert "found with a chance of" in found[1].sentence
    assert "chance of only" in found[2].sentence
    assert found[3].metric is None
    assert "a cell has 1 units and needs two" in found[3].sentence


def test_a_pair_without_a_size_worth_knowing_is_refused() -> None:
    cells = table(np.random.default_rng(1))

    for worth in (0.0, math.nan, math.inf):
        with pytest.raises(BadCells):
            interactions_between([Pair("a", "b", cells, worth)])
    assert interactions_between([]) == ()


def test_without_an_interaction_it_is_found_as_rarely_as_promised() -> None:
    rng = np.random.default_rng(6)
    main = np.add.outer([0.0, 0.5, 1.0], [0.0, 0.7])

    found = metric_interaction(rng.normal(main, 1, (8000, 3, 2)), np.ones((3, 2)))

    assert abs((found.p < 0.05).mean() - 0.05) < 4 * math.sqrt(0.05 * 0.95 / 8000)


def test_ratios_are_adjusted_and_their_variance_is_what_repeated_samples_show() -> None:
    rng = np.random.default_rng(12)
    keen = rng.gamma(2, 1, (400, 2, 2, 200))
    sessions, before = (1 + rng.poisson(keen), 1 + rng.poisson(keen))
    spent, spent_before = (
        visits * keen * rng.gamma(2, 1, keen.shape) for visits in (sessions, before)
    )
    numbers = np.stack([spent, sessions, spent_before, before], axis=-1)
    means = numbers.mean(axis=-2)
    gaps = numbers - means[..., None, :]
    products = np.einsum("...ni,...nj->...ij", gaps, gaps)
    cells = Moments(Form.RATIO, np.full((400, 2, 2), 200), means, products)

    for adjust in (False, True):
        value, variance = cell_values(cells, adjust=adjust)
        assert variance.mean() == pytest.approx(value.var(axis=0).mean(), rel=0.12)
    assert cell_values(cells)[1].mean() < 0.9 * cell_values(cells, adjust=False)[1].mean()
