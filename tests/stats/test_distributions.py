from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from truelift.stats.distributions import (
    chi_squared_share_above,
    fisher_two_sided,
    normal_quantile,
    normal_share_below,
    student_quantile,
    student_two_sided,
)


def counted(successes: int, n: int, other_successes: int, other_n: int) -> float:
    """Fisher's p by counting every table, in whole numbers."""
    took = successes + other_successes

    def ways(x: int) -> int:
        return math.comb(n, x) * math.comb(other_n, took - x)

    tables = [ways(x) for x in range(max(0, took - other_n), min(took, n) + 1)]
    seen = ways(successes)
    return float(Fraction(sum(w for w in tables if w <= seen), sum(tables)))


@given(n=st.integers(1, 40), other_n=st.integers(1, 40), data=st.data())
def test_fishers_p_is_the_share_of_tables_at_most_as_likely(
    n: int, other_n: int, data: st.DataObject
) -> None:
    successes = data.draw(st.integers(0, n))
    other_successes = data.draw(st.integers(0, other_n))

    p = fisher_two_sided(successes=successes, n=n, other_successes=other_successes, other_n=other_n)

    assert p == pytest.approx(counted(successes, n, other_successes, other_n), rel=1e-9)


def test_fishers_p_holds_for_millions_of_units() -> None:
    p = fisher_two_sided(successes=3, n=1_000_000, other_successes=15, other_n=1_000_000)

    # Given 18 successes in all, each falls to either variant like a coin.
    assert p == pytest.approx(2 * sum(math.comb(18, k) for k in range(4)) / 2**18, rel=1e-3)


@given(x=st.floats(0.001, 200))
def test_chi_squared_of_two_degrees_is_exponential(x: float) -> None:
    assert chi_squared_share_above(x, df=2) == pytest.approx(math.exp(-x / 2), rel=1e-12)


@given(z=st.floats(0.001, 30))
def test_chi_squared_of_one_degree_is_a_squared_normal(z: float) -> None:
    both_sides = 2 * normal_share_below(-z)

    assert chi_squared_share_above(z * z, df=1) == pytest.approx(both_sides, rel=1e-9)


def test_a_split_exactly_as_planned_has_p_one() -> None:
    assert [chi_squared_share_above(0.0, df=df) for df in (1, 2, 3)] == [1, 1, 1]


@given(p=st.floats(0.001, 0.999))
def test_quantiles_undo_shares(p: float) -> None:
    assert normal_share_below(normal_quantile(p)) == pytest.approx(p)


@given(p=st.floats(0.501, 0.999), df=st.floats(1.0, 1e6))
def test_students_quantile_undoes_its_tail(p: float, df: float) -> None:
    t = student_quantile(p, df=df)

    assert student_two_sided(t, df=df) == pytest.approx(2 * (1 - p), rel=1e-6)


def test_a_far_tail_keeps_its_digits() -> None:
    assert student_two_sided(12.0, df=1e9) == pytest.approx(2 * normal_share_below(-12.0), rel=1e-4)
