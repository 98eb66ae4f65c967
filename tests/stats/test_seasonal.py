from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import nbinom, norm

from truelift.stats import seasonal
from truelift.stats.drift import drifts
from truelift.stats.seasonal import BadCounts, unusual


WEEK = 168


def hours(
    level: float, *, weeks: int = 11, seed: int = 3, last: float = 1.0, noise: float = 0.06
) -> NDArray[np.int64]:
    """Counts with days, nights and weekends, 6 % noise that is alike from hour to hour.

    Args:
        level: Of an hour, about.
        weeks: How many.
        seed: Of the noise.
        last: Times what the last week would have had.
        noise: Of an hour beside that of counts.
    """
    rng = np.random.default_rng(seed)
    at = np.arange(weeks * WEEK)
    usual = level * np.exp(0.8 * np.sin(2 * np.pi * at / 24) + 0.2 * np.sin(2 * np.pi * at / WEEK))
    drawn = rng.normal(0, noise * np.sqrt(1 - 0.3**2), len(at))
    off = np.zeros(len(at))
    for nth in range(1, len(at)):
        off[nth] = 0.3 * off[nth - 1] + drawn[nth]
    usual *= np.exp(off)
    usual[-WEEK:] *= last
    return rng.poisson(usual)


@pytest.mark.parametrize("level", [0.2, 5, 600])
def test_an_hour_that_breaks_down_is_found_at_once_however_busy_the_site(level: float) -> None:
    counts = hours(level * 20)
    counts[-1] = counts[-1] * 8 + 40

    found = unusual(counts)

    assert found.alarm[-1]
    assert found.z[-1] > seasonal.ALARM


def test_a_night_is_not_held_to_the_evenness_of_a_day() -> None:
    """Three orders where five are usual are nothing, though that is 40 % less."""
    counts = np.tile(np.r_[np.full(12, 5), np.full(12, 5000)], 7 * 11)
    counts[-24] = 3

    found = unusual(counts)

    assert abs(found.z[-24]) < 1.5


def test_a_quiet_hour_is_judged_by_the_tail_of_its_count() -> None:
    rng = np.random.default_rng(4)
    counts = rng.poisson(4.0, 11 * WEEK)
    counts[-1] = 15

    found = unusual(counts)

    before = counts[-1 - WEEK * np.arange(1, 7)]
    center = before.mean() + 0.5 / 6
    at_least = center * (1 + 1 / 6)
    poisson_like = norm.isf(nbinom.sf(14, center**2 / (at_least - center), center / at_least))
    assert 0.8 * poisson_like < found.z[-1] <= poisson_like


def test_two_hours_in_a_row_on_one_side_are_an_alarm_and_on_two_sides_are_none() -> None:
    counts = hours(5000, noise=0.0)
    usual = unusual(counts).expected[-2:]
    step = np.sqrt(seasonal._OF_MEDIAN / usual)
    one_side, two_sides = counts.copy(), counts.copy()
    one_side[-2:] = usual * np.exp(3.5 * step)
    two_sides[-2:] = usual * np.exp(3.5 * step * [1, -1])

    assert unusual(one_side).alarm[-2:].tolist() == [False, True]
    assert unusual(two_sides).alarm[-2:].tolist() == [False, False]


@pytest.mark.parametrize("times", [3, 40])
def test_more_of_everything_leaves_the_sign_of_what_is_unusual(times: int) -> None:
    counts = hours(60, last=0.7)

    there, more = unusual(counts), unusual(counts * times)

    odd = np.abs(there.z[-WEEK:]) > 2
    assert (np.sign(there.z[-WEEK:][odd]) == np.sign(more.z[-WEEK:][odd])).all()


def test_the_first_ten_weeks_are_not_judged() -> None:
    found = unusual(hours(100))

    assert np.isnan(found.z[: 10 * WEEK]).all()
    assert np.isfinite(found.z[10 * WEEK :]).all()


def test_weeks_out_of_order_hardly_move_what_is_usual() -> None:
    counts = hours(600)
    counts[-3 * WEEK : -2 * WEEK] = 0

    assert np.nanmedian(np.abs(unusual(counts).z[-WEEK:])) < 1.5


@pytest.mark.parametrize("counts", [[-1.0], [np.nan], [[1.0]]])
def test_counts_that_are_none_are_refused(counts: list[float]) -> None:
    with pytest.raises(BadCounts):
        unusual(counts)


def test_a_drift_of_one_deviation_is_found_after_ten_days_and_one_wild_day_is_none() -> None:
    assert int(np.argmax(drifts([1.0] * 12).alarm)) == 9
    assert int(np.argmax(drifts([-1.0] * 12).alarm)) == 9
    assert not drifts([0.0, 50.0, 0.0]).alarm.any()


@given(z=st.lists(st.floats(-4, 4), max_size=40))
def test_turning_every_day_round_swaps_the_two_sums(z: list[float]) -> None:
    there, back = drifts(z), drifts([-each for each in z])

    assert np.allclose(there.up, back.down)
    assert np.allclose(there.down, back.up)


def test_a_day_that_is_not_known_changes_no_sum() -> None:
    assert drifts([2.0, np.nan, 2.0]).up.tolist() == [1.5, 1.5, 3.0]


@pytest.mark.simulation
@pytest.mark.parametrize(("level", "most"), [(5, 0.05), (100, 0.12), (5000, 0.07)])
def test_a_week_in_which_nothing_happens_hardly_alarms(level: float, most: float) -> None:
    alarmed = [unusual(hours(level, seed=nth)).alarm[-WEEK:].any() for nth in range(100)]

    assert np.mean(alarmed) <= most


@pytest.mark.simulation
@pytest.mark.parametrize(
    ("level", "last", "median"), [(100_000, 0.85, 10), (600, 0.75, 3), (600, 0.5, 1)]
)
def test_what_is_missing_is_found_within_the_stated_hours(
    level: float, last: float, median: int
) -> None:
    first = []
    for nth in range(40):
        alarm = unusual(hours(level, seed=nth, last=last)).alarm[-WEEK:]
        first.append(int(np.argmax(alarm)) + 1 if alarm.any() else WEEK)

    assert np.median(first) <= median


@pytest.mark.simulation
def test_days_drift_falsely_in_a_seventh_of_eight_weeks_and_truly_within_three() -> None:
    false: list[int] = []
    true: list[int] = []
    for nth in range(100):
        rng = np.random.default_rng(nth)
        at = np.arange(22 * 7)
        usual = 5000 * np.exp(0.2 * np.sin(2 * np.pi * at / 7) + rng.normal(0, 0.06, len(at)))
        falling = np.where(at < 14 * 7, 1.0, np.exp(-0.06 / 7 * (at - 14 * 7)))
        for into, counts in ((false, usual), (true, usual * falling)):
            z = unusual(rng.poisson(counts), period=7, scale_weeks=8).z
            alarm = drifts(z[14 * 7 :]).alarm
            into.append(int(np.argmax(alarm)) + 1 if alarm.any() else 999)

    assert np.mean(np.array(false) < 999) <= 0.2
    assert np.median(true) <= 21
