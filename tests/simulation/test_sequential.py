"""False alarms of tests that are looked at all the time, by repeated sampling with fixed seeds."""

from __future__ import annotations

import math
import os

import numpy as np
import pytest

from tests.stats.looks import ever_alarmed
from truelift.stats.effects import Side
from truelift.stats.sequential import Sequential


pytestmark = [pytest.mark.simulation, pytest.mark.timeout(600)]

RUNS = int(os.environ.get("TRUELIFT_SIMULATION_RUNS", "2000"))
CHANCE = 3 * math.sqrt(0.05 * 0.95 / RUNS)


@pytest.mark.parametrize("side", [Side.TWO, Side.GREATER])
@pytest.mark.parametrize("skewed", [False, True])
@pytest.mark.parametrize("tuning_n", [500, 5000, 50_000])
def test_a_look_after_every_few_units_keeps_the_level(
    side: Side, skewed: bool, tuning_n: int
) -> None:
    rng = np.random.default_rng(7)
    method = Sequential(tuning_n, side)

    alarmed = ever_alarmed(rng, method, tests=RUNS, looks=400, units=25, skewed=skewed)

    assert alarmed.mean() <= 0.05 + CHANCE
