from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from truelift.stats.srm import BadSplit, check_split
from truelift.stats.status import Status


def test_the_published_split_of_a_real_mismatch_fails() -> None:
    split = check_split([821_588, 815_482], [1, 1])

    assert split.p == pytest.approx(1.8217928726191858e-06, rel=1e-9)
    assert split.status is Status.FAIL


def test_cookie_cats_splits_with_a_warning() -> None:
    split = check_split([44_700, 45_489], [1, 1])

    assert split.p == pytest.approx(0.0086, abs=5e-5)
    assert split.status is Status.WARN


def test_a_p_of_0_0015_warns_and_does_not_fail() -> None:
    split = check_split([50_000, 49_000], [1, 1])

    assert split.p == pytest.approx(0.0015, abs=5e-5)
    assert split.status is Status.WARN


def test_an_ordinary_split_passes() -> None:
    assert check_split([5_050, 4_950], [1, 1]).status is Status.OK


@given(
    counts=st.lists(st.integers(1, 100_000), min_size=2, max_size=5),
    factor=st.floats(0.001, 1000),
)
def test_only_the_ratios_of_the_weights_matter(counts: list[int], factor: float) -> None:
    once = check_split(counts, [1.0] * len(counts))
    scaled = check_split(counts, [factor] * len(counts))

    assert scaled.p == pytest.approx(once.p, rel=1e-6, abs=1e-300)


@given(counts=st.lists(st.integers(1, 1000), min_size=2, max_size=5))
def test_units_split_exactly_by_the_weights_have_p_one(counts: list[int]) -> None:
    assert check_split(counts, counts).p == pytest.approx(1)


def test_the_order_of_the_variants_does_not_matter() -> None:
    assert check_split([70, 20, 40], [2, 1, 1]).p == pytest.approx(
        check_split([40, 70, 20], [1, 2, 1]).p
    )


@pytest.mark.parametrize(
    ("observed", "weights"),
    [
        ([1], [1]),
        ([1, 2], [1]),
        ([1, -2], [1, 1]),
        ([0, 0], [1, 1]),
        ([1, 2], [1, 0]),
        ([1, 2], [1, math.nan]),
        ([1, 2], [1, math.inf]),
    ],
)
def test_a_split_that_cannot_be_checked_is_refused(
    observed: list[int], weights: list[float]
) -> None:
    with pytest.raises(BadSplit):
        check_split(observed, weights)
