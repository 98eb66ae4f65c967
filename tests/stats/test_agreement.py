"""Cohen's kappa and saturation, against known tables, statsmodels and counting."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from truelift.stats.agreement import BadTable, cohens_kappa, saturation, table_of


def test_kappa_of_a_known_table() -> None:
    found = cohens_kappa([[20, 5], [10, 15]])

    assert (found.n, found.agreed, found.expected) == (50, 0.7, 0.5)
    assert found.kappa == pytest.approx(0.4)
    assert found.enough is False


@pytest.mark.oracle
@pytest.mark.parametrize("seed", range(4))
def test_kappa_and_its_interval_are_those_of_statsmodels(seed: int) -> None:
    inter_rater = pytest.importorskip("statsmodels.stats.inter_rater")
    rng = np.random.default_rng(seed)
    table = rng.integers(0, 9, (4, 4)) + np.diag(rng.integers(5, 20, 4))

    ours, theirs = cohens_kappa(table), inter_rater.cohens_kappa(table)

    assert ours.kappa == pytest.approx(theirs.kappa)
    assert (ours.low, ours.high) == pytest.approx((theirs.kappa_low, theirs.kappa_upp), abs=1e-9)


def test_agreement_that_cannot_be_told_from_habit_is_undefined_and_not_one() -> None:
    found = cohens_kappa([[30, 0], [0, 0]])

    assert found.agreed == 1
    assert (found.kappa, found.low, found.enough) == (None, None, None)


def test_full_agreement_on_few_notes_is_not_sure() -> None:
    few, many = cohens_kappa([[3, 0], [0, 2]]), cohens_kappa([[60, 0], [0, 40]])

    assert few.kappa == many.kappa == 1
    assert few.enough is None
    assert many.enough is True
    assert few.low is not None
    assert many.low is not None
    assert few.low < 0.6 < 0.9 < many.low


def test_swapping_the_two_people_changes_nothing() -> None:
    one, other = ["a", "b", "b", "c", "a", "c"], ["a", "b", "c", "c", "b", "c"]

    assert cohens_kappa(table_of(one, other)) == cohens_kappa(table_of(other, one))


@pytest.mark.parametrize("table", [[], [[1, 2]], [[0, 0], [0, 0]], [[1.5, 0], [0, 1]], [[-1]]])
def test_what_is_no_table_of_counts_is_refused(table: list[list[float]]) -> None:
    with pytest.raises(BadTable):
        cohens_kappa(table)


def test_saturation_is_the_mean_over_every_order() -> None:
    notes = ["a", "a", "a", "b", "b", "c"]

    curve = saturation([3, 2, 1])

    for k in range(len(notes) + 1):
        drawn = [len(set(some)) for some in combinations(notes, k)]
        assert curve[k] == pytest.approx(sum(drawn) / len(drawn))
