from __future__ import annotations

import math

import numpy as np
import pytest

from truelift.stats.anytime import powers_at_any_time
from truelift.stats.design import Design, SequentialPlan
from truelift.stats.effects import Side
from truelift.stats.power import powers
from truelift.stats.sequential import Sequential
from truelift.stats.spreads import BadDesign, Mean


LOOKS = 1_000
RUNS = 4_000


@pytest.mark.parametrize(("n", "tuning"), [(10_000, 5_000), (10_000, 20_000), (50_000, 5_000)])
def test_looking_all_the_time_finds_as_often_as_drawn(n: int, tuning: float) -> None:
    design = Design(Mean(2.0), method=SequentialPlan(tuning_n=tuning))
    drift = np.array([2.0, 3.5])
    se = 2.0 * math.sqrt(2 / n)
    rng = np.random.default_rng([n, int(tuning)])
    times = np.arange(1, LOOKS + 1) / LOOKS
    bars = Sequential(tuning_n=tuning).errors_reached(2 * n * times, alpha=0.05) * np.sqrt(times)
    noise = rng.standard_normal((RUNS, LOOKS)).cumsum(axis=1) / math.sqrt(LOOKS)
    found = [(noise + each * times > bars).any(axis=1).mean() for each in drift]

    said = powers_at_any_time(design, lift=drift * se, n_per_arm=n)

    # A path between two looks may cross where no look saw it: the drawn share is a little low.
    assert said == pytest.approx(found, abs=0.035)
    assert (said > powers(design, lift=drift * se, n_per_arm=n) + 0.03).all()


def test_a_small_lift_is_found_no_oftener_than_the_level_allows() -> None:
    design = Design(Mean(2.0), method=SequentialPlan())

    assert powers_at_any_time(design, lift=1e-9, n_per_arm=100_000) < 0.025
    one = Design(Mean(2.0), method=SequentialPlan(), side=Side.GREATER)
    assert powers_at_any_time(one, lift=1e-9, n_per_arm=100_000) < 0.05
    assert powers_at_any_time(one, lift=-0.1, n_per_arm=100_000) < 0.001


def test_only_a_sequential_test_is_looked_at_all_the_time() -> None:
    with pytest.raises(BadDesign):
        powers_at_any_time(Design(Mean(2.0)), lift=0.1, n_per_arm=1_000)
