"""Sums of shrunken effects, warnings of a programme and quasi-experiments, by repeated sampling."""

from __future__ import annotations

import math
import os

import numpy as np
import pytest
from scipy.special import ndtri

from truelift.stats.difference_in_differences import difference_in_differences
from truelift.stats.interrupted_series import interrupted_series
from truelift.stats.programme import chances, false_positive_risk, inconclusive_share
from truelift.stats.shrinkage import shrink
from truelift.stats.synthetic_control import synthetic_control


pytestmark = [pytest.mark.simulation, pytest.mark.timeout(600)]

# `make simulate` may set more; the default keeps the file under 60 seconds.
RUNS = int(os.environ.get("TRUELIFT_SIMULATION_RUNS", "2000"))
Generator = np.random.Generator


def near(share: float, *, runs: int = RUNS) -> float:
    """Four standard errors of a share over all runs: chance alone stays inside."""
    return 4 * math.sqrt(share * (1 - share) / runs)


def alike(rng: Generator, *shape: int, rho: float) -> np.ndarray:
    """Series whose neighbours correlate by rho."""
    made = rng.normal(size=(*shape[:-1], shape[-1] + 50))
    for t in range(1, made.shape[-1]):
        made[..., t] += rho * made[..., t - 1]
    return np.asarray(made[..., 50:])


def test_the_risk_of_a_false_win_is_the_share_of_false_wins() -> None:
    rng = np.random.default_rng(40)
    n = 200 * RUNS
    truly = rng.random(n) < 0.12
    z = rng.normal(truly * (ndtri(0.975) + ndtri(0.8)))

    wins = z > ndtri(0.975)

    assert (wins & ~truly).sum() / wins.sum() == pytest.approx(
        float(false_positive_risk(prior=0.12)), abs=near(0.2, runs=int(wins.sum()))
    )


def test_tests_end_as_their_noise_lets_expect() -> None:
    rng = np.random.default_rng(41)
    n, margin = 50 * RUNS, ndtri(0.975) + ndtri(0.8)
    z = rng.normal((rng.random(n) < 0.15) * margin)

    expected = chances(1.0, margin)

    clear = np.abs(z) > ndtri(0.975)
    null = ~clear & (np.abs(z) < margin - ndtri(0.95))
    assert clear.mean() == pytest.approx(float(expected.significant), abs=near(0.2, runs=n))
    assert null.mean() == pytest.approx(float(expected.null), abs=near(0.5, runs=n))


def test_a_programme_of_expected_results_is_warned_rarely() -> None:
    rng = np.random.default_rng(42)
    margin = (ndtri(0.975) + ndtri(rng.uniform(0.5, 0.9, 14))).astype(float)
    share = chances(np.ones(14), margin).inconclusive

    counts = (rng.random((RUNS, 14)) < share).sum(axis=1)
    warned = [
        inconclusive_share(np.ones(14), margin, observed=int(count)).excess for count in range(15)
    ]

    assert np.array(warned)[counts].mean() < 0.05 + near(0.05)


def test_shrunken_winners_add_up_to_the_truth_and_their_intervals_hold() -> None:
    rng = np.random.default_rng(43)
    runs = RUNS // 20
    plain = value = truth = 0.0
    inside, sums = [], []

    for _ in range(runs):
        true, se = rng.normal(0, 0.02, 60), rng.uniform(0.012, 0.03, 60)
        estimate = rng.normal(true, se)
        won = estimate > 1.96 * se
        found = shrink(estimate, se)
        total = found.total(won)
        plain, value, truth = plain + total.plain, value + total.value, truth + true[won].sum()
        inside += list(((found.low <= true) & (true <= found.high))[won])
        sums.append(total.low <= true[won].sum() <= total.high)

    assert plain / truth > 1.8
    assert value / truth == pytest.approx(1.0, abs=0.1)
    assert np.mean(inside) > 0.92
    assert np.mean(sums) > 0.92


@pytest.mark.parametrize("rho", [0.0, 0.3, 0.6])
def test_quasi_experiments_find_an_effect_of_nothing_in_at_most_one_of_ten(rho: float) -> None:
    rng = np.random.default_rng(44)
    runs = RUNS // 5
    treated, control = alike(rng, runs, 112, rho=rho), alike(rng, runs, 112, rho=rho)

    blocks = [difference_in_differences(treated[i], control[i], change=56).p for i in range(runs)]
    series = [interrupted_series(treated[i], change=56).effect.p for i in range(runs)]

    # Neighbours that are alike leave few independent pieces: that errs a little more often.
    for p in (blocks, series):
        assert (np.array(p) < 0.05).mean() < (0.05 if rho == 0 else 0.08) + near(0.05, runs=runs)


def test_the_interval_of_a_synthetic_control_covers_the_effect() -> None:
    rng = np.random.default_rng(45)
    runs = RUNS // 20
    inside = []

    for _ in range(runs):
        donors = alike(rng, 8, 60, rho=0.4) + alike(rng, 1, 60, rho=0.7)
        treated = donors.mean(axis=0) + alike(rng, 60, rho=0.3) / 2 + (np.arange(60) >= 45)
        effect = synthetic_control(treated, donors, change=45).effect
        inside.append(
            effect.low is not None and effect.high is not None and effect.low <= 1 <= effect.high
        )

    assert np.mean(inside) > 0.95 - near(0.05, runs=runs)
