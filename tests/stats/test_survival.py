"""Kaplan-Meier by hand, its undefined ends, and against a product in fractions."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from truelift.stats.survival import ImpossibleWaits, survival_curve


def shares(came: list[int], left: list[int]) -> list[float | None]:
    return [point.share for point in survival_curve(came, left).points]


def test_somebody_who_is_watched_no_further_counts_until_then() -> None:
    curve = survival_curve(came=[0, 2, 1, 0, 1], left=[1, 2, 0, 1, 0])

    assert [point.at_risk for point in curve.points] == [8, 7, 3, 2, 1]
    expected = [0, 2 / 7, 1 - 5 / 7 * 2 / 3, 1 - 5 / 7 * 2 / 3, 1]
    assert [point.share for point in curve.points] == pytest.approx(expected)
    assert (curve.units, curve.came) == (8, 4)


def test_without_anybody_who_left_it_is_the_plain_share() -> None:
    assert shares([0, 1, 2, 1], [0, 0, 0, 6]) == pytest.approx([0, 0.1, 0.3, 0.4])


def test_nothing_is_known_beyond_the_last_who_was_watched() -> None:
    assert shares([0, 1, 0, 0], [0, 1, 0, 0]) == [0, 0.5, None, None]


def test_once_everybody_is_through_they_stay_so() -> None:
    assert shares([0, 2, 0, 0], [0, 0, 0, 0]) == [0, 1, 1, 1]


def test_of_nobody_there_is_no_share() -> None:
    curve = survival_curve([0, 0], [0, 0])

    assert [point.share for point in curve.points] == [None, None]
    assert curve.quantile(0.5) is None
    assert curve.restricted_mean(1) is None


def test_a_quantile_is_the_first_interval_that_has_so_many() -> None:
    curve = survival_curve([0, 1, 1, 1, 1], [0, 0, 0, 0, 0])

    assert [curve.quantile(share) for share in (0.25, 0.5, 0.75, 1)] == [1, 2, 3, 4]


def test_a_half_that_is_a_product_of_fractions_is_a_half() -> None:
    curve = survival_curve([0, *[1] * 10], [0, *[0] * 9, 10])

    assert curve.quantile(0.5) == 10


def test_a_quantile_that_nobody_was_watched_long_enough_to_see_is_not_reached() -> None:
    assert survival_curve([0, 1, 0], [0, 0, 3]).quantile(0.5) is None


def test_the_restricted_mean_counts_who_came_later_as_the_limit() -> None:
    curve = survival_curve([0, 1, 1], [0, 0, 2])

    assert curve.restricted_mean(1) == 1
    assert curve.restricted_mean(2) == pytest.approx((1 + 2 + 2 + 2) / 4)
    assert curve.restricted_mean(3) == pytest.approx((1 + 2 + 3 + 3) / 4)
    assert curve.restricted_mean(4) is None


def test_the_restricted_mean_goes_beyond_a_curve_that_ended() -> None:
    assert survival_curve([0, 2, 2], [0, 0, 0]).restricted_mean(10) == pytest.approx(1.5)


@pytest.mark.parametrize(
    ("came", "left", "reason"),
    [
        ([0], [0, 1], "1 counts"),
        ([0, -1], [0, 1], "negative"),
        ([1], [0], "before the first"),
    ],
)
def test_counts_that_contradict_each_other_are_refused(
    came: list[int], left: list[int], reason: str
) -> None:
    with pytest.raises(ImpossibleWaits, match=reason):
        survival_curve(came, left)


counts = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=12)


@given(counts)
def test_random_counts_agree_with_a_product_of_fractions(found: list[tuple[int, int]]) -> None:
    came, left = [0, *(n for n, _ in found)], [3, *(n for _, n in found)]

    points = survival_curve(came, left).points

    waiting, at_risk = Fraction(1), sum(came) + sum(left)
    for n, point in enumerate(points):
        if n and not at_risk and waiting:
            assert point.share is None
            break
        if at_risk:
            waiting *= Fraction(at_risk - came[n], at_risk)
        assert point.share == pytest.approx(float(1 - waiting), abs=1e-12)
        if point.low is not None and point.high is not None and point.share is not None:
            assert 0 <= point.low < point.share < point.high <= 1
        at_risk -= came[n] + left[n]
