from __future__ import annotations

import numpy as np
import pytest

from truelift.stats.effects import Absence, Counts
from truelift.stats.points import between
from truelift.stats.restricted_mean import reached_points, restricted_mean_points
from truelift.stats.survival import ImpossibleWaits, survival_curve


def waits(
    generator: np.random.Generator, n: int, rate: float, horizon: int
) -> tuple[Counts, Counts]:
    """Count units by the interval of their event or of their leaving, whichever came first."""
    event = np.ceil(generator.exponential(1 / rate, n)).astype(int)
    watched = generator.integers(horizon, 2 * horizon, n)
    came = np.bincount(event[event <= watched], minlength=2 * horizon + 1)
    left = np.bincount(watched[event > watched], minlength=2 * horizon + 1)
    return came[: 2 * horizon + 1], left[: 2 * horizon + 1]


def test_value_and_share_are_those_of_the_curve() -> None:
    came, left = waits(np.random.default_rng(1), 400, 0.1, 12)
    curve = survival_curve(came.tolist(), left.tolist())

    mean = restricted_mean_points(came, left, intervals=14)
    share = reached_points(came, left, intervals=14)

    assert mean.value == pytest.approx(curve.restricted_mean(14))
    assert share.value == pytest.approx(curve.points[14].share)


def test_without_leaving_the_mean_is_that_of_the_capped_waits() -> None:
    waited = np.array([1, 2, 2, 5, 9, 9, 3, 7])
    came = np.bincount(waited, minlength=10)

    found = restricted_mean_points(came, came * 0, intervals=6)

    capped = np.minimum(waited, 6)
    assert found.value == pytest.approx(capped.mean())
    assert found.variance == pytest.approx(capped.var() / len(capped))


def test_the_errors_are_what_repeated_samples_vary_by() -> None:
    generator = np.random.default_rng(2)
    came, left = (
        np.array(each)
        for each in zip(*(waits(generator, 300, 0.08, 10) for _ in range(800)), strict=True)
    )

    for points in (
        restricted_mean_points(came, left, intervals=15),
        reached_points(came, left, intervals=15),
    ):
        assert np.sqrt(points.variance.mean()) == pytest.approx(points.value.std(), rel=0.07)


def test_a_faster_treatment_waits_less() -> None:
    generator = np.random.default_rng(3)
    slow, fast = waits(generator, 2_000, 0.05, 20), waits(generator, 2_000, 0.10, 20)

    gap = between(
        restricted_mean_points(*slow, intervals=20), restricted_mean_points(*fast, intervals=20)
    )

    assert gap.value / gap.se < -10
    assert np.isinf(gap.df)


def test_what_nobody_was_watched_for_is_not_known() -> None:
    came = np.array([[0, 0, 0], [0, 1, 0], [0, 2, 0], [0, 0, 0]])
    left = np.array([[0, 0, 0], [0, 2, 0], [0, 0, 3], [0, 0, 5]])

    found = restricted_mean_points(came, left, intervals=2)

    assert found.absent.tolist() == [
        Absence.NO_ARM,
        Absence.NOT_WATCHED,
        Absence.NONE,
        Absence.NO_SPREAD,
    ]


@pytest.mark.parametrize(
    ("came", "left", "intervals"),
    [([0, -1], [0, 0], 1), ([1, 0], [0, 0], 1), ([0, 1], [0], 1), ([0, 1], [0, 0], 0)],
)
def test_counts_of_no_sample_are_refused(came: list[int], left: list[int], intervals: int) -> None:
    with pytest.raises(ImpossibleWaits):
        restricted_mean_points(np.array(came), np.array(left), intervals=intervals)
