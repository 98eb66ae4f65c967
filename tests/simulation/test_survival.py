"""A curve of waiting times is right on average, and its interval mostly holds the truth."""

from __future__ import annotations

import os

import numpy as np
import pytest

from truelift.stats.survival import SurvivalCurve, survival_curve


pytestmark = [pytest.mark.simulation, pytest.mark.timeout(600)]

RUNS = int(os.environ.get("TRUELIFT_SIMULATION_RUNS", "2000"))
PER_DAY = 0.1
"""Share of those who wait whose event comes on any one day."""


def curves(people: int) -> list[SurvivalCurve]:
    """Sample people who started on any of the last 30 days."""
    rng = np.random.default_rng(11)
    found = []
    for _ in range(RUNS):
        took, watched = rng.geometric(PER_DAY, people), rng.integers(0, 30, people)
        came, until = took <= watched, np.minimum(took, watched)
        found.append(
            survival_curve(
                came=np.bincount(until[came], minlength=31).tolist(),
                left=np.bincount(until[~came], minlength=31).tolist(),
            )
        )
    return found


@pytest.mark.parametrize("day", [3, 7, 14])
def test_the_share_by_a_day_is_right_although_many_were_watched_for_less(day: int) -> None:
    truth = 1 - (1 - PER_DAY) ** day

    points = [curve.points[day] for curve in curves(60)]

    shares = [point.share for point in points if point.share is not None]
    assert np.mean(shares) == pytest.approx(truth, abs=0.01)
    inside = [
        point.low <= truth <= point.high
        for point in points
        if point.low is not None and point.high is not None
    ]
    assert len(inside) > 0.99 * RUNS
    assert 0.935 <= np.mean(inside) <= 0.975


def test_who_got_there_of_all_who_started_would_be_too_few() -> None:
    truth = 1 - (1 - PER_DAY) ** 30

    naive = [curve.came / curve.units for curve in curves(60)]

    assert np.mean(naive) < truth - 0.2
