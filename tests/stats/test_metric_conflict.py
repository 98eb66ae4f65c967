from __future__ import annotations

import numpy as np
import pytest

from truelift.stats.effects import Floats
from truelift.stats.metric_conflict import (
    BadMetricWeeks,
    ConflictKind,
    Weekly,
    look,
    mixing,
    moved,
)


PATTERN = np.array([1.02, 0.98, 1.01, 0.99, 1.03, 0.97, 1.005, 0.995]) / 8
OTHER = np.roll(PATTERN, 3)

# Brand, paid exact, paid broad, organic: program.md §5.4.
SESSIONS = ([30_000, 40_000, 10_000, 20_000], [30_000, 12_000, 95_000, 20_000])
ORDERS = ([1_500, 1_200, 100, 400], [1_500, 360, 754, 400])
PAID = (False, True, True, False)
SPEND, CLICKS = (86_000.0, 90_500.0), (50_000.0, 107_000.0)


def over_weeks(before: float, now: float, pattern: Floats = PATTERN) -> Floats:
    return np.concatenate([before * pattern, now * pattern])


def revenue_per_session() -> Weekly:
    orders = [sum(each) for each in ORDERS]
    sessions = [sum(each) for each in SESSIONS]
    return Weekly.of(
        over_weeks(60.0 * orders[0], 60.0 * orders[1], OTHER),
        over_weeks(float(sessions[0]), float(sessions[1])),
    )


def test_broad_match_is_a_conflict_of_clicks_that_are_cheaper_and_sessions_worth_less() -> None:
    mix = mixing(SESSIONS[0], ORDERS[0], SESSIONS[1], ORDERS[1], levers=PAID)
    cost = Weekly.of(over_weeks(*SPEND, OTHER), over_weeks(*CLICKS))
    traffic = Weekly.of(over_weeks(100_000, 157_000))

    clicks = look(cost, revenue_per_session(), good=-1, mixing=mix)
    visits = look(traffic, revenue_per_session(), good=1, mixing=mix)

    for found in (clicks, visits):
        assert found.kinds == (ConflictKind.DIRECT, ConflictKind.STRUCTURAL)
        assert found.shared is not None
        assert found.shared.change == pytest.approx(-0.400, abs=0.0005)
        assert found.at_stake == pytest.approx(120_600)
        assert found.mixing is not None
        assert found.mixing.share == pytest.approx(0.943, abs=0.0005)
    assert clicks.team is not None
    assert visits.team is not None
    assert clicks.team.change == pytest.approx(-0.508, abs=0.0005)
    assert visits.team.change == pytest.approx(0.57)


def test_mix_and_rate_add_up_and_the_whole_mix_belongs_to_who_has_every_source() -> None:
    paid = mixing(SESSIONS[0], ORDERS[0], SESSIONS[1], ORDERS[1], levers=PAID)
    whole = mixing(SESSIONS[0], ORDERS[0], SESSIONS[1], ORDERS[1], levers=(True,) * 4)
    free = mixing(
        SESSIONS[0], ORDERS[0], SESSIONS[1], ORDERS[1], levers=(True, False, False, False)
    )

    assert paid is not None
    assert whole is not None
    assert free is not None
    assert paid.mix + paid.rate == pytest.approx(paid.total)
    assert paid.total == pytest.approx(-0.012803, abs=1e-6)
    assert paid.mix == pytest.approx(-0.012075, abs=1e-6)
    assert sum(paid.parts) == pytest.approx(paid.mix)
    assert min(paid.parts) == paid.parts[2] == pytest.approx(-0.0084, abs=1e-5)
    # Free sources did not move: the mix is all of paid's making.
    assert paid.driven == pytest.approx(paid.mix)
    assert whole.driven == whole.mix
    assert abs(free.driven) < abs(paid.driven)


def test_what_was_bought_without_a_known_session_is_rate_and_the_parts_still_add_up() -> None:
    found = mixing([0, 100], [0, 10], [0, 100], [5, 10], levers=(False, True))

    assert found is not None
    assert found.mix == 0.0
    assert found.rate == found.total == pytest.approx(0.05)


def test_sources_that_all_grow_alike_drive_no_mix() -> None:
    twice = [2 * each for each in SESSIONS[0]]

    found = mixing(SESSIONS[0], ORDERS[0], twice, [2 * each for each in ORDERS[0]], levers=PAID)

    assert found is not None
    assert found.driven == pytest.approx(0, abs=1e-12)
    assert mixing(SESSIONS[0], ORDERS[0], twice, ORDERS[0], levers=(False,) * 4) is None
    assert mixing(SESSIONS[0], ORDERS[0], [0] * 4, [0] * 4, levers=PAID) is None


def test_weeks_that_stay_as_they_were_conflict_with_nothing() -> None:
    flat = Weekly.of(np.concatenate([1_000 * PATTERN] * 2))

    found = look(flat, Weekly.of(np.concatenate([500 * OTHER] * 2)), good=1)

    assert found.kinds == ()
    assert found.at_stake is None
    assert look(Weekly.of([7.0] * 16), Weekly.of([7.0] * 16), good=-1).kinds == ()


def test_steps_against_each_other_are_a_latent_conflict_whatever_the_windows_say() -> None:
    rng = np.random.default_rng(2)
    noise = rng.normal(scale=0.1, size=40)
    traffic = Weekly.of(1_000 * np.exp(noise))
    against = Weekly.of(5 * np.exp(-0.6 * noise + rng.normal(scale=0.05, size=40)))

    found = look(traffic, against, good=1)

    assert ConflictKind.LATENT in found.kinds
    assert found.paired is not None
    assert found.paired.r < -0.6
    assert look(traffic, against, good=-1).kinds == ()
    assert look(Weekly.of(traffic.above[:25]), Weekly.of(against.above[:25]), good=1).paired is None


def test_a_metric_without_a_number_in_a_window_is_not_compared() -> None:
    none_sold = Weekly.of([5.0] * 8 + [0.0] * 8)

    found = look(none_sold, revenue_per_session(), good=1)

    assert found.team is None
    assert found.better is None
    assert ConflictKind.DIRECT not in found.kinds
    assert look(Weekly.of([1.0] * 6), Weekly.of([1.0] * 6), good=1).shared is None


def test_sizes_of_money_and_traffic_change_no_finding() -> None:
    cost = Weekly.of(over_weeks(*SPEND, OTHER), over_weeks(*CLICKS))
    cents = Weekly.of(100 * cost.above, cost.below)

    one, other = moved(cost), moved(cents)

    assert one is not None
    assert other is not None
    assert other.z == pytest.approx(one.z)
    assert other.log == pytest.approx(one.log)


@pytest.mark.parametrize(
    ("above", "below"),
    [([1.0, 2.0], [1.0]), ([float("nan")], None), ([-1.0], None)],
)
def test_weeks_that_are_no_numbers_are_refused(above: list[float], below: list[float]) -> None:
    with pytest.raises(BadMetricWeeks):
        Weekly.of(above, below)


def test_a_metric_whose_good_direction_nobody_says_is_refused() -> None:
    with pytest.raises(BadMetricWeeks, match="direction"):
        look(revenue_per_session(), revenue_per_session(), good=0)
