"""Tests of nothing, looked at every hour of 30 days by the clock: how many alarms are false."""

from __future__ import annotations

import math
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from truelift.apps.experiments.looks import look_at, method_of
from truelift.lifecycle.judging import Inference, Judging
from truelift.stats.analysis import (
    AnalysisData,
    AnalysisPlan,
    MetricKind,
    MetricRole,
    PlannedMetric,
    PlannedVariant,
    VariantRole,
    analyse,
)
from truelift.stats.outcome import Outcome
from truelift.stats.summary import ProportionSummary


RUNS = int(os.environ.get("TRUELIFT_SIMULATION_RUNS", "2000")) // 10
STARTS = datetime(2026, 3, 2, tzinfo=UTC)
HOURS = 30 * 24
PER_HOUR = 4
NEEDED = 2 * PER_HOUR * HOURS
FIRST_LOOK = 24
"""Before a day is over there are too few visitors for a mean to be nearly normal."""

PLAN = AnalysisPlan(
    experiment="nothing",
    variants=(
        PlannedVariant("a", VariantRole.CONTROL),
        PlannedVariant("b", VariantRole.TREATMENT),
    ),
    metrics=(PlannedMetric("orders", MetricRole.PRIMARY, MetricKind.PROPORTION),),
    planned_end=STARTS + timedelta(hours=HOURS),
    units_needed=NEEDED,
)
JUDGING = Judging(tuning_n=NEEDED, looks=5, spending="obrien-fleming", prior_sd=0.3)


def alarms(inference: Inference, *, seed: int, every: int = 1) -> tuple[bool, bool]:
    """Live through a test of nothing; say whether it alarmed while it ran, and whether ever."""
    rng = np.random.default_rng(seed)
    came = rng.poisson(PER_HOUR, size=(HOURS, 2)).cumsum(axis=0)
    did = rng.binomial(np.diff(came, axis=0, prepend=0), 0.3).cumsum(axis=0)
    before: tuple[float, ...] = ()
    for hour in [*range(FIRST_LOOK, HOURS, every), HOURS]:
        over = hour == HOURS
        n, orders = came[hour - 1].tolist(), did[hour - 1].tolist()
        look = None
        if inference is Inference.GROUP_SEQUENTIAL:
            look = look_at(JUDGING, counted=sum(n), needed=NEEDED, before=before, over=over)
            before = (*look.before, look.share) if look.counts else look.before
            if not look.counts:
                continue
        analysis = analyse(
            replace(PLAN, method=method_of(inference, JUDGING, alpha=PLAN.alpha, look=look)),
            AnalysisData(
                units={"a": n[0], "b": n[1]},
                samples={
                    "orders": {
                        "a": ProportionSummary(n=n[0], successes=orders[0]),
                        "b": ProportionSummary(n=n[1], successes=orders[1]),
                    }
                },
            ),
            as_of=STARTS + timedelta(hours=hour),
        )
        (reading,) = analysis.primary.readings
        if reading.outcome in {Outcome.WIN, Outcome.LOSS}:
            return not over, True
    return False, False


@pytest.mark.simulation
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("inference", [Inference.SEQUENTIAL, Inference.GROUP_SEQUENTIAL])
def test_looked_at_every_hour_for_thirty_days_few_tests_of_nothing_alarm(
    inference: Inference,
) -> None:
    ever = [alarms(inference, seed=seed)[1] for seed in range(RUNS)]

    # Three Monte-Carlo errors above what is promised.
    assert np.mean(ever) <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / RUNS)


@pytest.mark.simulation
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("inference", [Inference.FIXED, Inference.BAYESIAN])
def test_what_is_read_once_never_alarms_before_its_end(inference: Inference) -> None:
    found = [alarms(inference, seed=seed, every=24) for seed in range(RUNS)]

    early, ever = np.mean(found, axis=0)
    assert early == 0
    assert ever <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / RUNS)


@pytest.mark.parametrize("inference", list(Inference))
def test_a_month_by_the_clock_is_lived_through(inference: Inference) -> None:
    # A look of a group-sequential test integrates over all that came before it.
    seeds = 1 if inference is Inference.GROUP_SEQUENTIAL else 3

    found = [alarms(inference, seed=seed, every=120) for seed in range(seeds)]

    assert not any(ever for _, ever in found)
