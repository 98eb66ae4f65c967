from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from truelift.stats.traffic_gap import BadWeeks, gaps, replay, seasons, slopes


GROWING = np.geomspace(10_000, 12_000, 13)
SHRINKING = 0.03 * np.geomspace(1.0, 0.9, 13)


def test_a_line_says_by_how_much_it_changed_from_first_to_last() -> None:
    found = gaps(GROWING, GROWING * SHRINKING)

    assert float(found.sessions) == pytest.approx(math.log(1.2))
    assert float(found.rate) == pytest.approx(math.log(0.9))
    assert float(found.gap) == pytest.approx(math.log(1.2 / 0.9))
    assert (float(found.sessions_p), float(found.rate_p)) == (0.0, 0.0)
    assert bool(found.fires)


@pytest.mark.parametrize(
    ("growth", "fall", "fires"),
    [
        (1.051, 0.949, True),
        (1.049, 0.8, False),
        (1.5, 0.951, False),
        (0.8, 0.8, False),
        (1.2, 1.1, False),
        (1.0, 1.0, False),
    ],
)
def test_both_must_move_by_five_percent_and_apart(growth: float, fall: float, fires: bool) -> None:
    sessions = 10_000 * np.geomspace(1, growth, 13)

    found = gaps(sessions, sessions * 0.03 * np.geomspace(1, fall, 13))

    assert bool(found.fires) is fires


def test_a_slope_by_hand_knows_that_neighbours_are_alike() -> None:
    y = np.array([0, 0, 0, 0, 1, 1, 1, 1, 1, 0, 0, 0, 0], float)

    found = slopes(y)

    rest = y - 5 / 13
    rho = (rest[1:] * rest[:-1]).sum() / (rest**2).sum()
    assert float(found.change) == pytest.approx(0.0)
    assert float(found.rho) == pytest.approx(rho)
    plain = 12 * math.sqrt((rest**2).sum() / 11 / 182)
    assert float(found.se) == pytest.approx(plain * math.sqrt((1 + rho) / (1 - rho)))
    assert float(found.p(rises=True)) == pytest.approx(0.5)


def test_a_season_that_is_known_is_no_growth() -> None:
    season = np.geomspace(1, 1.3, 13)
    orders = 300 * np.ones(13)

    grown = gaps(10_000 * season, orders)
    usual = gaps(10_000 * season, orders, sessions_season=season, rate_season=1 / season)

    assert bool(grown.fires)
    assert not bool(usual.fires)
    assert float(usual.sessions) == pytest.approx(0.0)


def test_a_surface_with_few_orders_says_nothing_and_keeps_the_others() -> None:
    few = np.full(13, 20.0)
    few[4] = 4

    found = gaps([GROWING, GROWING], [GROWING * SHRINKING, few])

    assert found.told.tolist() == [True, False]
    assert found.fires.tolist() == [True, False]
    assert np.isnan(found.gap).tolist() == [False, True]


@pytest.mark.parametrize(
    ("sessions", "orders"),
    [
        (np.ones(12), np.ones(12)),
        (np.ones(13), np.ones(12)),
        (-np.ones(13), np.ones(13)),
        (np.full(13, np.nan), np.ones(13)),
        (5.0, 5.0),
    ],
)
def test_weeks_that_are_none_are_refused(sessions: object, orders: object) -> None:
    with pytest.raises(BadWeeks):
        gaps(sessions, orders)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.integers(2_000, 9_000), min_size=13, max_size=13),
    st.lists(st.integers(5, 400), min_size=13, max_size=13),
    st.floats(0.5, 50),
)
def test_the_unit_of_sessions_does_not_matter_and_time_turned_round_turns_the_signs(
    sessions: list[int], orders: list[int], times: float
) -> None:
    there = gaps(sessions, orders)

    scaled = gaps(np.array(sessions) * times, orders)
    back = gaps(sessions[::-1], orders[::-1])

    assert float(scaled.gap) == pytest.approx(float(there.gap), abs=1e-9)
    assert bool(scaled.fires) is bool(there.fires)
    assert float(back.gap) == pytest.approx(-float(there.gap), abs=1e-9)
    assert not (bool(there.fires) and bool(back.fires))


def test_a_replay_sees_at_each_week_what_was_known_then() -> None:
    rng = np.random.default_rng(7)
    weeks = np.arange(160)
    wave = np.exp(0.3 * np.sin(2 * np.pi * weeks / 52))
    sessions = 10_000 * wave * np.exp(rng.normal(0, 0.02, (2, 160)))
    orders = 0.03 * sessions

    whole = replay(sessions, orders)
    until = replay(sessions[:, :140], orders[:, :140])

    assert whole.sessions.shape == (2, 148)
    assert np.array_equal(whole.sessions[:, :128], until.sessions)
    # The third year knows the wave of the first; the first two do not.
    assert seasons(sessions)[:, :104] == pytest.approx(1.0)
    assert np.abs(whole.sessions[:, 104:]).max() < 0.2 < np.abs(whole.sessions[:, :80]).max()
    with pytest.raises(BadWeeks):
        replay(sessions[:, :12], orders[:, :12])
