"""False alarms and coverage of tests with a few looks, by repeated sampling with fixed seeds."""

from __future__ import annotations

import math
import os

import numpy as np
import pytest

from tests.stats.estimated import estimates_of
from tests.stats.looks import ever_alarmed
from truelift.stats.effects import Side
from truelift.stats.group_sequential import GroupSequential, Spending


pytestmark = [pytest.mark.simulation, pytest.mark.timeout(600)]

RUNS = 4 * int(os.environ.get("TRUELIFT_SIMULATION_RUNS", "2000"))
CHANCE = 4 * math.sqrt(0.05 * 0.95 / RUNS)


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("spending", Spending)
def test_looks_together_alarm_in_five_percent_of_null_tests(spending: Spending, side: Side) -> None:
    rng = np.random.default_rng(3)
    method = GroupSequential.evenly(4, spending=spending, side=side)

    alarmed = ever_alarmed(rng, method, tests=RUNS, looks=4, units=200)

    assert alarmed.mean() == pytest.approx(0.05, abs=CHANCE)


@pytest.mark.parametrize("drift", [0.0, 1.5, 3.0])
@pytest.mark.parametrize("spending", Spending)
def test_the_adjusted_interval_covers_and_its_value_is_as_often_above_as_below(
    spending: Spending, drift: float
) -> None:
    rng = np.random.default_rng(4)
    looks = (0.3, 0.5, 1.0)
    method = GroupSequential(looks, spending)
    bounds = method.boundaries().z
    steps = np.diff(looks, prepend=0.0)
    walked = np.cumsum(rng.standard_normal((RUNS, 3)) * np.sqrt(steps) + drift * steps, axis=1)
    z = walked / np.sqrt(looks)
    running = np.ones(RUNS, dtype=bool)
    covered, above = 0, 0

    for place in range(len(looks)):
        last = place + 1 == len(looks)
        ended = running & (last | (np.abs(z[:, place]) >= bounds[place]))
        # An estimate of the drift itself: its error shrinks as information grows.
        error = 1 / math.sqrt(looks[place])
        found = method.reached(*looks[: place + 1]).judge_stopped(
            estimates_of(z[ended, place] * error, se=error)
        )
        covered += int(((found.low <= drift) & (drift <= found.high)).sum())
        above += int((found.value > drift).sum())
        running &= ~ended

    assert covered / RUNS == pytest.approx(0.95, abs=CHANCE)
    assert above / RUNS == pytest.approx(0.5, abs=4 * math.sqrt(0.25 / RUNS))
