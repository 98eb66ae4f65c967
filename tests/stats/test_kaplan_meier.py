"""Times with some that still wait: by hand, at the edges, and beside the curve over intervals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from truelift.stats.effects import BadAlpha
from truelift.stats.kaplan_meier import Percentile, waiting_times
from truelift.stats.survival import ImpossibleWaits, survival_curve


def test_what_still_waits_counts_for_as_long_as_it_has_waited() -> None:
    found = waiting_times([6, 6, 6, 6, 7, 9, 10, 10], [1, 1, 1, 0, 1, 0, 1, 0])

    assert list(found.times) == [6, 7, 10]
    assert list(found.at_risk) == [8, 4, 2]
    assert list(found.waiting) == pytest.approx([5 / 8, 5 / 8 * 3 / 4, 5 / 8 * 3 / 4 / 2])
    assert (found.n, found.done) == (8, 5)


def test_stuck_work_makes_the_median_longer_and_not_shorter() -> None:
    through = waiting_times([10, 12, 14], [True] * 3)
    stuck = waiting_times([10, 12, 14, 90, 90], [True] * 3 + [False] * 2)

    assert through.percentile(0.5).value == 12
    assert stuck.percentile(0.5).value == 14
    assert stuck.percentile(0.85).value is None


def test_an_exact_half_is_a_half() -> None:
    assert waiting_times(range(1, 11), [True] * 10).percentile(0.5).value == 5


def test_of_nothing_nothing_is_known() -> None:
    found = waiting_times([], [])

    assert found.percentile(0.5) == Percentile(None, None, None)
    assert found.waits_longer(3) is None


def test_what_was_done_at_once_took_no_time() -> None:
    found = waiting_times([0, 0, 5], [True, True, True])

    assert found.percentile(0.5).value == 0
    assert found.waits_longer(0) == pytest.approx(1 / 3)
    assert waiting_times([3], [True]).waits_longer(2) == 1


def test_beyond_what_anybody_watched_no_share_is_known() -> None:
    found = waiting_times([3, 5], [True, False])

    assert [found.waits_longer(time) for time in (4, 5, 6)] == [0.5, 0.5, None]
    assert waiting_times([3], [True]).waits_longer(9) == 0


@pytest.mark.parametrize(("took", "done"), [([1, 2], [True]), ([-1], [True]), ([np.nan], [False])])
def test_times_that_are_none_are_refused(took: list[float], done: list[bool]) -> None:
    with pytest.raises(ImpossibleWaits):
        waiting_times(took, done)


def test_a_percentile_is_a_share_and_an_error_level_too() -> None:
    found = waiting_times([1, 2], [True, True])

    with pytest.raises(ImpossibleWaits):
        found.percentile(1)
    with pytest.raises(BadAlpha):
        found.percentile(0.5, alpha=0)


@given(st.lists(st.tuples(st.integers(1, 12), st.booleans()), min_size=1, max_size=40))
def test_it_is_the_curve_over_intervals_where_all_times_are_whole(
    things: list[tuple[int, bool]],
) -> None:
    took, done = [each[0] for each in things], [each[1] for each in things]

    exact = waiting_times(took, done)

    length = max(took) + 1
    came = np.bincount([t for t, d in things if d], minlength=length)
    left = np.bincount([t for t, d in things if not d], minlength=length)
    curve = survival_curve(came.tolist(), left.tolist())
    for time, waiting in zip(exact.times, exact.waiting, strict=True):
        assert curve.points[int(time)].share == pytest.approx(1 - waiting)
    for share in (0.25, 0.5, 0.85):
        assert exact.percentile(share).value == curve.quantile(share)


@pytest.mark.oracle
@pytest.mark.parametrize("seed", range(6))
def test_curve_percentiles_and_their_intervals_are_those_of_statsmodels(seed: int) -> None:
    from statsmodels.duration.survfunc import SurvfuncRight

    generator = np.random.default_rng(seed)
    took = np.round(generator.exponential(30, 47), 2)
    done = generator.random(47) < 0.7

    found = waiting_times(took, done)

    told = SurvfuncRight(took, done.astype(int))
    assert found.times == pytest.approx(told.surv_times)
    assert found.waiting == pytest.approx(told.surv_prob)
    # It has no error of a share of nothing; nor do we use one.
    assert found.se[:-1] == pytest.approx(told.surv_prob_se[:-1])
    for share in (0.5, 0.85):
        mine = found.percentile(share)
        value = told.quantile(share)
        assert mine.value == (None if np.isnan(value) else pytest.approx(value))
        with np.errstate(all="ignore"):
            low, high = told.quantile_ci(share)
        assert mine.low == (None if np.isnan(low) else pytest.approx(low))
        assert mine.high == (None if not np.isfinite(high) else pytest.approx(high))
