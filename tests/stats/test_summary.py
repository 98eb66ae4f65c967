from __future__ import annotations

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from truelift.stats.summary import (
    ImpossibleSummary,
    NoDenominator,
    ProportionSummary,
    RatioSummary,
    Summary,
    TooFewUnits,
)


values = st.lists(st.floats(-1e6, 1e6), max_size=30)
pairs = st.lists(st.tuples(st.floats(-1e4, 1e4), st.floats(0.5, 1e4)), max_size=30)


def summary_of(sample: list[float]) -> Summary:
    if not sample:
        return Summary(n=0, mean=0.0, m2=0.0)
    mean = math.fsum(sample) / len(sample)
    return Summary(n=len(sample), mean=mean, m2=math.fsum((x - mean) ** 2 for x in sample))


def ratio_of(sample: list[tuple[float, float]]) -> RatioSummary:
    top = summary_of([x for x, _ in sample])
    bottom = summary_of([y for _, y in sample])
    return RatioSummary(
        n=top.n,
        mean=top.mean,
        m2=top.m2,
        den_mean=bottom.mean,
        den_m2=bottom.m2,
        cross=math.fsum((x - top.mean) * (y - bottom.mean) for x, y in sample),
    )


@given(left=values, right=values)
def test_adding_summaries_is_summarising_the_pooled_sample(
    left: list[float], right: list[float]
) -> None:
    pooled = summary_of(left + right)

    added = summary_of(left) + summary_of(right)

    assert added.n == pooled.n
    assert added.mean == pytest.approx(pooled.mean, rel=1e-9, abs=1e-6)
    assert added.m2 == pytest.approx(pooled.m2, rel=1e-9, abs=1e-3)


@given(left=pairs, right=pairs)
def test_adding_ratio_summaries_is_summarising_the_pooled_sample(
    left: list[tuple[float, float]], right: list[tuple[float, float]]
) -> None:
    pooled = ratio_of(left + right)

    added = ratio_of(left) + ratio_of(right)

    assert added.n == pooled.n
    assert added.mean == pytest.approx(pooled.mean, rel=1e-9, abs=1e-6)
    assert added.cross == pytest.approx(pooled.cross, rel=1e-9, abs=1e-2)
    assert added.den_m2 == pytest.approx(pooled.den_m2, rel=1e-9, abs=1e-2)


@given(
    left=st.tuples(st.integers(0, 9), st.integers(0, 9)),
    right=st.tuples(st.integers(0, 9), st.integers(0, 9)),
)
def test_adding_proportions_is_counting_both(left: tuple[int, int], right: tuple[int, int]) -> None:
    assume(left[1] <= left[0] and right[1] <= right[0])

    added = ProportionSummary(*left) + ProportionSummary(*right)

    assert added == ProportionSummary(n=left[0] + right[0], successes=left[1] + right[1])


def test_variance_survives_a_mean_that_dwarfs_the_spread() -> None:
    timestamps = [1_700_000_000.0, 1_700_000_001.0, 1_700_000_002.0]

    assert summary_of(timestamps).variance == pytest.approx(1.0)


@pytest.mark.parametrize("n", [0, 1])
def test_variance_of_too_few_units_is_refused_not_zero(n: int) -> None:
    with pytest.raises(TooFewUnits, match="needs 2 units"):
        _ = Summary(n=n, mean=0.0, m2=0.0).variance


def test_the_mean_of_nobody_is_refused_not_zero() -> None:
    for nobody in (
        Summary(n=0, mean=0.0, m2=0.0),
        ProportionSummary(n=0, successes=0),
        RatioSummary(n=0, mean=0.0, m2=0.0, den_mean=0.0, den_m2=0.0, cross=0.0),
    ):
        with pytest.raises(TooFewUnits):
            _ = nobody.value


def test_a_proportion_has_its_variance_without_bessel() -> None:
    assert ProportionSummary(n=10, successes=4).variance == pytest.approx(0.24)


def test_a_proportion_and_its_zeroes_and_ones_have_the_same_second_moment() -> None:
    assert ProportionSummary(n=4, successes=1).m2 == pytest.approx(summary_of([1, 0, 0, 0]).m2)


def test_a_ratio_with_a_constant_denominator_is_a_mean() -> None:
    sample = [3.0, 7.0, 8.0]

    ratio = ratio_of([(value, 2.0) for value in sample])

    assert ratio.value == pytest.approx(summary_of(sample).mean / 2)
    assert ratio.variance == pytest.approx(summary_of(sample).variance / 4)


def test_a_numerator_proportional_to_its_denominator_has_no_spread() -> None:
    ratio = ratio_of([(0.1 * y, y) for y in (1.0, 3.7, 11.1, 0.3)])

    assert ratio.variance == 0


def test_a_ratio_over_nothing_is_refused() -> None:
    empty = ratio_of([(0.0, 0.0), (0.0, 0.0)])

    with pytest.raises(NoDenominator):
        _ = empty.value


def test_numbers_that_no_sample_has_are_refused() -> None:
    with pytest.raises(ImpossibleSummary):
        Summary(n=-1, mean=0.0, m2=0.0)
    with pytest.raises(ImpossibleSummary):
        Summary(n=2, mean=0.0, m2=-1.0)
    with pytest.raises(ImpossibleSummary):
        Summary(n=2, mean=math.nan, m2=1.0)
    with pytest.raises(ImpossibleSummary):
        ProportionSummary(n=3, successes=4)
    with pytest.raises(ImpossibleSummary, match="cross"):
        RatioSummary(n=9, mean=1.0, m2=1.0, den_mean=1.0, den_m2=1.0, cross=2.0)
