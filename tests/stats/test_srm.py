from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from truelift.stats.srm import (
    BadSplit,
    Phase,
    _log_evidence,
    check_phases,
    check_split,
    check_split_daily,
)
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


DAYS = [[1000, 1080], [990, 1100], [1010, 1095], [985, 1070]]


def test_the_daily_check_agrees_with_the_published_implementation(
    shared: Path,
) -> None:
    oracle = json.loads((shared / "cases/stats_oracles.json").read_text(encoding="utf-8"))
    (case,) = oracle["ssrm_dirichlet_multinomial"]

    found = check_split_daily(case["data"], case["p0"], concentration=case["concentration"])

    assert found.daily == pytest.approx(case["p"], rel=1e-9)


def test_the_daily_check_is_slower_than_one_look_and_pays_nothing_for_many() -> None:
    found = check_split_daily(DAYS, [1, 1])

    assert found.p == pytest.approx(0.0394539, rel=1e-5)
    assert check_split([3985, 4345], [1, 1]).p < 1e-4


@given(
    counts=st.lists(st.integers(0, 5000), min_size=2, max_size=4),
    weights=st.lists(st.floats(0.01, 100), min_size=4, max_size=4),
    concentration=st.floats(0.5, 1e5),
)
def test_the_daily_evidence_is_the_bayes_factor_of_a_dirichlet_multinomial(
    counts: list[int], weights: list[float], concentration: float
) -> None:
    planned = [w / sum(weights[: len(counts)]) for w in weights[: len(counts)]]
    total, start = sum(counts), [concentration * share for share in planned]

    ours = _log_evidence(counts, planned, concentration=concentration)

    theirs = math.lgamma(concentration) - math.lgamma(concentration + total)
    theirs += sum(
        math.lgamma(a + n) - math.lgamma(a) - n * math.log(share)
        for a, n, share in zip(start, counts, planned, strict=True)
    )
    assert ours == pytest.approx(theirs, rel=1e-8, abs=1e-7)


@given(st.permutations(DAYS))
def test_only_the_days_before_count_and_p_never_rises(days: list[list[int]]) -> None:
    found = check_split_daily(days, [1, 1])

    assert list(found.daily) == sorted(found.daily, reverse=True)
    assert check_split_daily(days[:2], [1, 1]).daily == found.daily[:2]


def test_a_hundred_billion_units_split_as_planned_pass() -> None:
    assert check_split_daily([[10**11, 10**11 + 10**5]], [1, 1]).p == 1
    assert check_split_daily([[10**11, 10**11 + 10**8]], [1, 1]).status is Status.FAIL


def test_a_variant_without_a_single_unit_is_soon_no_accident() -> None:
    assert check_split_daily([[0, 100]], [1, 1], concentration=1).status is Status.FAIL
    assert check_split_daily([[0, 100]], [1, 1], concentration=1e-150).daily[0] <= 1


def test_days_before_anybody_came_say_nothing() -> None:
    assert check_split_daily([[0, 0], [5, 5]], [1, 1]).daily == (1.0, 1.0)


@pytest.mark.parametrize(
    ("daily", "weights", "concentration"),
    [
        ([], [1, 1], 1e4),
        ([[0, 0]], [1, 1], 1e4),
        ([[1, -1]], [1, 1], 1e4),
        ([[1, 1, 1]], [1, 1], 1e4),
        ([[1, 1]], [1, 0], 1e4),
        ([[1, 1]], [1, 1], 0.0),
        ([[1, 1]], [1, 1], math.nan),
    ],
)
def test_days_that_cannot_be_checked_are_refused(
    daily: list[list[int]], weights: list[float], concentration: float
) -> None:
    with pytest.raises(BadSplit):
        check_split_daily(daily, weights, concentration=concentration)


def test_looking_every_day_raises_an_alarm_as_rarely_as_promised() -> None:
    rng = np.random.default_rng(3)
    runs = 400

    alarms = sum(
        check_split_daily(rng.multinomial(300, [0.5, 0.5], 40).tolist(), [1, 1]).p < 0.05
        for _ in range(runs)
    )

    assert alarms / runs < 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)


def test_a_ramp_from_nothing_to_half_is_in_order() -> None:
    found = check_phases([Phase((10_000, 0), (1, 0)), Phase((5_020, 4_980), (1, 1))])

    assert found.status is Status.OK
    assert found.phases[0] is None
    assert found.p == pytest.approx(check_split([5_020, 4_980], [1, 1]).p)
    assert check_split([15_020, 4_980], [1, 1]).status is Status.FAIL


def test_one_broken_phase_is_found_among_many() -> None:
    fine = Phase((5_000, 5_000), (1, 1))

    found = check_phases([fine] * 20 + [Phase((5_300, 4_700), (1, 1))])

    assert found.status is Status.FAIL
    last = found.phases[-1]
    assert last is not None
    assert last.status is Status.FAIL


def test_phases_that_lean_a_little_each_are_found_together() -> None:
    found = check_phases([Phase((5_090, 4_910), (1, 1))] * 12)

    assert found.status is Status.FAIL
    assert found.df == 12


def test_units_of_a_variant_that_should_take_none_are_seen() -> None:
    few = check_phases([Phase((9_999, 1), (1, 0))])
    many = check_phases([Phase((9_000, 1_000), (1, 0))])

    assert (few.unplanned, few.status) == (1, Status.WARN)
    assert (many.unplanned, many.status) == (1_000, Status.FAIL)


def test_a_phase_nobody_came_in_is_not_checked() -> None:
    found = check_phases([Phase((0, 0), (1, 1))])

    assert (found.phases, found.p, found.status) == ((None,), None, Status.OK)


@pytest.mark.parametrize(
    "phases",
    [[], [Phase((1, 2), (0, 0))], [Phase((1,), (1,))], [Phase((1, 2), (1, -1))]],
)
def test_phases_that_are_none_are_refused(phases: list[Phase]) -> None:
    with pytest.raises(BadSplit):
        check_phases(phases)


@pytest.mark.parametrize(
    ("observed", "weights"),
    [
        ([10**400, 1], [1, 1]),
        ([math.nan, 1], [1, 1]),
        ([1, 1], [1e-300, 1e300]),
        ([1, 1], [1e308, 1e308]),
    ],
)
def test_astronomical_counts_and_weights_are_refused(
    observed: list[int], weights: list[float]
) -> None:
    with pytest.raises(BadSplit):
        check_split(observed, weights)
