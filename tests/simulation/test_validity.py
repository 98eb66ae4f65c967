"""False alarms of checks, corrections and interactions, by repeated sampling."""

from __future__ import annotations

import math
import os

import numpy as np
import pytest

from truelift.stats.contamination import Adjudication, split_by_change
from truelift.stats.effects import FixedHorizon
from truelift.stats.estimating import differences
from truelift.stats.heterogeneity import heterogeneity
from truelift.stats.interactions import cell_values, metric_interaction, traffic_interaction
from truelift.stats.moments import Form, Moments, shares
from truelift.stats.multiplicity import benjamini_hochberg, dunnett_p, dunnett_reach, holm
from truelift.stats.novelty import novelty
from truelift.stats.scales import Scale
from truelift.stats.srm import Phase, check_phases, check_split_daily
from truelift.stats.status import Status


pytestmark = [pytest.mark.simulation, pytest.mark.timeout(600)]

# `make simulate` may set more; the default keeps the file under 30 seconds.
RUNS = int(os.environ.get("TRUELIFT_SIMULATION_RUNS", "2000"))
Generator = np.random.Generator


def near(share: float, *, runs: int = RUNS) -> float:
    """Four standard errors of a share over all runs: chance alone stays inside."""
    return 4 * math.sqrt(share * (1 - share) / runs)


def revenue(rng: Generator, *shape: int, n: int) -> Moments:
    """Samples in which most buy nothing and a few buy much."""
    values = (rng.random((*shape, n)) < 0.2) * rng.gamma(1.5, 40, (*shape, n))
    means = values.mean(axis=-1)
    squares = ((values - means[..., None]) ** 2).sum(axis=-1)
    return Moments(Form.MEAN, np.full(shape, n), means[..., None], squares[..., None, None])


@pytest.mark.parametrize("arms", [2, 4, 10])
def test_dunnett_errs_in_the_family_as_often_as_it_says(arms: int) -> None:
    rng = np.random.default_rng(20)
    sizes = rng.integers(500, 3000, arms + 1)

    means = rng.normal(size=(4 * RUNS, arms + 1)) / np.sqrt(sizes)
    se = np.sqrt(1 / sizes[1:] + 1 / sizes[0])
    z = (means[:, 1:] - means[:, :1]) / se
    loadings = np.broadcast_to(np.sqrt(1 / sizes[0]) / se, z.shape)

    assert abs((dunnett_p(z, loadings) <= 0.05).any(axis=1).mean() - 0.05) < near(
        0.05, runs=4 * RUNS
    )
    inside = np.abs(z) <= dunnett_reach(loadings[0], alpha=0.05)
    assert abs(inside.all(axis=1).mean() - 0.95) < near(0.05, runs=4 * RUNS)


def test_holm_errs_in_the_family_no_more_often_than_it_says() -> None:
    rng = np.random.default_rng(21)
    z = rng.normal(size=(4 * RUNS, 12))
    z[:, :4] += 4.0

    p = holm(np.vectorize(math.erfc)(np.abs(z) / math.sqrt(2)))

    assert (p[:, 4:] <= 0.05).any(axis=1).mean() < 0.05 + near(0.05, runs=4 * RUNS)


@pytest.mark.parametrize("true_findings", [0, 3, 10])
def test_false_findings_and_their_intervals_stay_below_the_rate(true_findings: int) -> None:
    rng = np.random.default_rng(22)
    truth = np.zeros(20)
    truth[:true_findings] = 3.0
    z = truth + rng.normal(size=(2 * RUNS, 20))

    found = benjamini_hochberg(np.vectorize(math.erfc)(np.abs(z) / math.sqrt(2))) <= 0.10

    count = np.maximum(1, found.sum(axis=1))
    false = (found & (truth == 0)).sum(axis=1) / count
    assert false.mean() < 0.10 + near(0.1, runs=2 * RUNS)
    # Intervals of findings at the level of Benjamini and Yekutieli.
    from scipy.special import ndtri

    reach = -ndtri(0.10 * count / 20 / 2)
    missed = (found & (np.abs(z - truth) > reach[:, None])).sum(axis=1) / count
    assert missed.mean() < 0.10 + near(0.1, runs=2 * RUNS)


def test_cells_of_skewed_revenue_differ_by_chance_as_rarely_as_promised() -> None:
    rng = np.random.default_rng(23)
    runs = RUNS // 4
    control, treatment = revenue(rng, runs, 4, n=2000), revenue(rng, runs, 4, n=2000)

    effects = differences(control, treatment)
    p = heterogeneity(effects.value, effects.se).p

    assert abs((p < 0.05).mean() - 0.05) < near(0.05, runs=runs)


def test_experiments_that_add_up_interact_as_rarely_as_promised() -> None:
    rng = np.random.default_rng(24)
    runs = RUNS // 4

    p = metric_interaction(*cell_values(revenue(rng, runs, 2, 2, n=2000))).p

    assert abs((p < 0.05).mean() - 0.05) < near(0.05, runs=runs)


def test_an_interaction_is_found_as_often_as_its_power_says() -> None:
    rng = np.random.default_rng(25)
    cell = np.zeros((3, 2))
    cell[2, 1] = 0.12

    found = metric_interaction(
        rng.normal(cell, 0.03, (4 * RUNS, 3, 2)), np.full((3, 2), 0.03**2), worth=0.12
    )

    assert (found.p < 0.05).mean() == pytest.approx(
        float(found.power[0]), abs=near(0.5, runs=4 * RUNS)
    )


def test_independent_assignment_is_no_traffic_interaction() -> None:
    rng = np.random.default_rng(26)
    joint = rng.multinomial(20_000, np.outer([0.5, 0.5], [0.2, 0.3, 0.5]).ravel(), 4 * RUNS)

    p = traffic_interaction(joint.reshape(-1, 2, 3)).p

    assert abs((p < 0.05).mean() - 0.05) < near(0.05, runs=4 * RUNS)


def test_a_split_looked_at_every_hour_for_a_month_is_rarely_called_broken() -> None:
    rng = np.random.default_rng(27)
    runs = RUNS // 20
    hours = rng.multinomial(40, [0.5, 0.5], (runs, 720))

    p = np.array([check_split_daily(run.tolist(), [1, 1]).p for run in hours])

    assert (p < 0.05).mean() < 0.05 + near(0.05, runs=runs)


def test_a_ramp_in_phases_is_called_broken_as_rarely_as_promised() -> None:
    rng = np.random.default_rng(28)
    plans = [(1.0, 0.0), (0.9, 0.1), (0.5, 0.5)]

    statuses = [
        check_phases([Phase(tuple(rng.multinomial(3000, p).tolist()), p) for p in plans]).status
        for _ in range(RUNS)
    ]

    # Two ways to look (all together, the worst by itself) share a warning at 1 % each.
    assert sum(status is not Status.OK for status in statuses) / RUNS < 0.02 + near(0.02)


def test_a_change_of_level_alone_is_no_other_effect() -> None:
    rng = np.random.default_rng(29)
    n = np.full((4 * RUNS, 2), 15_000)
    rates = np.array([0.05, 0.035])

    effects = differences(
        shares(n, rng.binomial(n, rates)), shares(n, rng.binomial(n, rates * 1.1)), scale=Scale.LOG
    )
    p = split_by_change(effects, method=FixedHorizon(), verdict=Adjudication.SUSPECT).test.p

    assert abs((p < 0.05).mean() - 0.05) < near(0.05, runs=4 * RUNS)


def test_a_steady_effect_of_skewed_revenue_drifts_as_rarely_as_promised() -> None:
    rng = np.random.default_rng(30)
    runs = RUNS // 10

    effects = differences(revenue(rng, runs, 28, n=600), revenue(rng, runs, 28, n=600))
    p = novelty(effects.value, effects.se).difference.p

    assert abs((p < 0.05).mean() - 0.05) < near(0.05, runs=runs)
