"""Power as planned: for each kind of metric and each method, by repeated sampling, fixed seeds."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest
from numpy.typing import NDArray

from truelift.stats.design import (
    Aim,
    BayesianPlan,
    Design,
    GroupSequentialPlan,
    SequentialPlan,
)
from truelift.stats.distributions import normal_quantile
from truelift.stats.effects import Side
from truelift.stats.group_sequential import GroupSequential
from truelift.stats.power import power_of, units_needed
from truelift.stats.scales import Scale
from truelift.stats.sequential import Sequential
from truelift.stats.spreads import (
    Count,
    Hazard,
    Mean,
    Share,
    Spread,
    log_normal_density,
    quantile_of,
    ratio_of_totals,
    restricted_mean_time,
    revenue_per_visitor,
)


pytestmark = [pytest.mark.simulation, pytest.mark.timeout(600)]

RUNS = int(os.environ.get("TRUELIFT_SIMULATION_RUNS", "2000"))
Generator = np.random.Generator
Values = NDArray[np.float64]
Z = normal_quantile(0.975)


def near(share: float) -> float:
    """Four standard errors of a share over all runs: chance alone stays inside."""
    return float(4 * math.sqrt(share * (1 - share) / RUNS))


@dataclass(frozen=True)
class Case:
    """A kind with how it is planned, drawn and read.

    Attributes:
        read: Gives estimate and variance of a sample of shape (runs, n).
    """

    name: str
    spread: Spread
    lift: float
    draw: Callable[[Generator, tuple[int, int], float], Values]
    read: Callable[[Values], tuple[Values, Values]]
    scale: Scale = Scale.ABSOLUTE


def mean_of(values: Values) -> tuple[Values, Values]:
    return values.mean(axis=1), values.var(axis=1, ddof=1) / values.shape[1]


def quantile_at(values: Values) -> tuple[Values, Values]:
    """The 75th percentile, its variance from the order statistics around it."""
    n = values.shape[1]
    values = np.sort(values, axis=1)
    reach = 1.96 * math.sqrt(0.75 * 0.25 * n)
    low, high = values[:, int(0.75 * n - reach)], values[:, int(0.75 * n + reach)]
    return values[:, int(0.75 * n)], ((high - low) / (2 * 1.96)) ** 2


def log_rate(values: Values) -> tuple[Values, Values]:
    """Logarithm of the rate of an exponential time cut at 1, with one over the events."""
    events = (values < 1).sum(axis=1)
    return np.log(events / values.sum(axis=1)), 1 / events


def revenue(rng: Generator, shape: tuple[int, int], lift: float) -> Values:
    return (rng.random(shape) < 0.2) * rng.gamma(2.0, 30, size=shape) * (1 + lift)


def times(rng: Generator, shape: tuple[int, int], lift: float) -> Values:
    return np.minimum(rng.exponential(1 / (-math.log(0.7) * (1 + lift)), size=shape), 1.0)


def longer(rng: Generator, shape: tuple[int, int], lift: float) -> Values:
    """Times whose mean up to 1 is longer by the lift: the rate is searched for."""

    def restricted(rate: float) -> float:
        return -math.expm1(-rate) / rate

    wanted = restricted(-math.log(0.5)) * (1 + lift)
    low, high = 1e-6, 5.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if restricted(middle) > wanted else (low, middle)
    return np.minimum(rng.exponential(1 / low, size=shape), 1.0)


CASES = [
    Case(
        "share",
        Share(0.1),
        0.2,
        lambda rng, shape, lift: (rng.random(shape) < 0.1 * (1 + lift)).astype(float),
        mean_of,
    ),
    Case(
        "revenue",
        revenue_per_visitor(buys=0.2, order_cv=math.sqrt(0.5), grows=2),
        0.15,
        revenue,
        mean_of,
    ),
    Case(
        "count",
        Count(2.0, dispersion=3.0),
        0.15,
        lambda rng, shape, lift: rng.negative_binomial(
            2.0 * (1 + lift) / 2, 1 / 3, size=shape
        ).astype(float),
        mean_of,
    ),
    Case(
        "quantile",
        quantile_of(level=0.75, relative_density=log_normal_density(level=0.75, log_sd=0.8)),
        0.12,
        lambda rng, shape, lift: (1 + lift) * np.exp(0.8 * rng.standard_normal(shape)),
        quantile_at,
    ),
    Case("restricted mean", restricted_mean_time(happened=0.5), 0.05, longer, mean_of),
    Case("rate", Hazard(0.3), 0.3, times, log_rate, Scale.LOG),
]


def estimates(
    case: Case, rng: Generator, *, n: int, treatment_n: int | None = None, lift: float
) -> tuple[Values, Values]:
    """Differences and their standard errors, one per run."""
    control, noise = case.read(case.draw(rng, (RUNS, n), 0.0))
    treatment, other = case.read(case.draw(rng, (RUNS, treatment_n or n), lift))
    return treatment - control, np.sqrt(noise + other)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_kind_has_the_power_it_was_planned_with(case: Case) -> None:
    n = units_needed(Design(case.spread, scale=case.scale), lift=case.lift)
    rng = np.random.default_rng([21, n])

    gap, se = estimates(case, rng, n=n, lift=case.lift)

    # Formulas are of the first order: two points beside what chance leaves.
    assert (gap > Z * se).mean() == pytest.approx(0.8, abs=near(0.8) + 0.02)


def test_a_ratio_of_totals_has_the_power_it_was_planned_with() -> None:
    rng = np.random.default_rng(22)
    visits = 1 + rng.poisson(rng.gamma(2, 1, size=400_000))
    spent = visits * rng.gamma(1.5, 2, size=400_000)
    n = units_needed(
        Design(
            ratio_of_totals(
                cv=float(spent.std() / spent.mean()),
                den_cv=float(visits.std() / visits.mean()),
                correlation=float(np.corrcoef(spent, visits)[0, 1]),
            )
        ),
        lift=0.1,
    )

    def arm(lift: float) -> tuple[Values, Values]:
        below = 1 + rng.poisson(rng.gamma(2, 1, size=(RUNS, n)))
        above = below * rng.gamma(1.5, 2, size=(RUNS, n)) * (1 + lift)
        ratio = above.sum(axis=1) / below.sum(axis=1)
        rest = above - ratio[:, None] * below
        return ratio, rest.var(axis=1, ddof=1) / n / below.mean(axis=1) ** 2

    (control, noise), (treatment, other) = arm(0.0), arm(0.1)

    found = treatment - control > Z * np.sqrt(noise + other)
    assert found.mean() == pytest.approx(0.8, abs=near(0.8) + 0.02)


def test_unequal_variants_have_the_power_they_were_planned_with() -> None:
    case = CASES[0]
    n = units_needed(Design(case.spread, weights=(3.0, 1.0)), lift=case.lift)
    rng = np.random.default_rng(23)

    gap, se = estimates(case, rng, n=round(1.5 * n), treatment_n=round(0.5 * n), lift=case.lift)

    assert (gap > Z * se).mean() == pytest.approx(0.8, abs=near(0.8) + 0.02)


def test_a_treatment_that_changes_nothing_is_shown_not_to_be_worse_as_often_as_planned() -> None:
    case = CASES[0]
    n = units_needed(Design(case.spread, aim=Aim.NON_INFERIORITY, margin=0.2))
    rng = np.random.default_rng(24)

    gap, se = estimates(case, rng, n=n, lift=0.0)

    assert (gap + 0.02 > Z * se).mean() == pytest.approx(0.8, abs=near(0.8) + 0.02)


def test_a_treatment_that_changes_nothing_is_shown_to_be_equal_as_often_as_planned() -> None:
    case = CASES[0]
    n = units_needed(Design(case.spread, aim=Aim.EQUIVALENCE, margin=0.2))
    rng = np.random.default_rng(25)

    gap, se = estimates(case, rng, n=n, lift=0.0)

    inside = np.abs(gap) + normal_quantile(0.95) * se < 0.02
    assert inside.mean() == pytest.approx(0.8, abs=near(0.8) + 0.02)


def walks(rng: Generator, *, drift: float, looks: int) -> Values:
    """Standardised estimates at even looks of a test whose last one has this drift."""
    steps = rng.standard_normal((RUNS, looks)) / math.sqrt(looks) + drift / looks
    walk: Values = steps.cumsum(axis=1) / np.sqrt(np.arange(1, looks + 1) / looks)
    return walk


def test_a_sequential_test_clears_the_bar_at_its_end_as_planned_and_at_any_time_oftener() -> None:
    design = Design(Mean(2.0), method=SequentialPlan(tuning_n=20_000))
    n = units_needed(design, lift=0.1, power=0.6)
    drift = 0.1 / (2.0 * math.sqrt(2 / n))
    rng = np.random.default_rng(26)

    z = walks(rng, drift=drift, looks=100)
    bars = Sequential(tuning_n=20_000).errors_reached(2 * n * np.arange(1, 101) / 100, alpha=0.05)

    at_the_end = (z[:, -1] > bars[-1]).mean()
    assert at_the_end == pytest.approx(0.6, abs=near(0.6))
    assert (z > bars).any(axis=1).mean() > at_the_end + 0.05


@pytest.mark.parametrize("looks", [3, 8])
def test_a_few_looks_have_the_power_they_were_planned_with(looks: int) -> None:
    method = GroupSequential.evenly(looks)
    plan = GroupSequentialPlan(factor=method.inflation(power=0.8, alpha=0.05))
    n = units_needed(Design(Mean(2.0), method=plan), lift=0.1)
    rng = np.random.default_rng(27)

    z = walks(rng, drift=0.1 / (2.0 * math.sqrt(2 / n)), looks=looks)

    found = (z > np.array(method.boundaries(alpha=0.05).z)).any(axis=1)
    assert found.mean() == pytest.approx(0.8, abs=near(0.8))
    # The factor is for this power; for another lift it is near enough.
    half = power_of(Design(Mean(2.0), method=plan), lift=0.06, n_per_arm=n)
    z = walks(rng, drift=0.06 / (2.0 * math.sqrt(2 / n)), looks=looks)
    found = (z > np.array(method.boundaries(alpha=0.05).z)).any(axis=1)
    assert found.mean() == pytest.approx(half, abs=near(half) + 0.01)


def test_a_bayesian_test_convinces_as_often_as_planned() -> None:
    plan = BayesianPlan(0.0, 0.1)
    design = Design(Mean(2.0), method=plan, scale=Scale.RELATIVE)
    n = units_needed(design, lift=0.1)
    rng = np.random.default_rng(28)

    control = 1 + 2.0 * rng.standard_normal(RUNS) / math.sqrt(n)
    treatment = 1.1 + 2.0 * rng.standard_normal(RUNS) / math.sqrt(n)
    lift = treatment / control - 1
    se2 = 4.0 / n * (1 + (treatment / control) ** 2) / control**2
    weight = 0.01 / (0.01 + se2)
    convinced = weight * lift > Z * np.sqrt(weight * se2)

    assert convinced.mean() == pytest.approx(0.8, abs=near(0.8) + 0.02)


def test_a_covariate_saves_what_was_planned() -> None:
    n = units_needed(Design(Mean(2.0), covariate=0.6), lift=0.15)
    rng = np.random.default_rng(29)

    def adjusted(lift: float) -> tuple[Values, Values]:
        before = rng.standard_normal((RUNS, n))
        after = 1 + lift + 2 * (0.6 * before + 0.8 * rng.standard_normal((RUNS, n)))
        return mean_of(after - 1.2 * before)

    (control, noise), (treatment, other) = adjusted(0.0), adjusted(0.15)

    found = treatment - control > Z * np.sqrt(noise + other)
    assert found.mean() == pytest.approx(0.8, abs=near(0.8))


def test_one_side_has_the_power_it_was_planned_with() -> None:
    case = replace(CASES[0])
    n = units_needed(Design(case.spread, side=Side.GREATER), lift=case.lift)
    rng = np.random.default_rng(30)

    gap, se = estimates(case, rng, n=n, lift=case.lift)

    assert (gap > normal_quantile(0.95) * se).mean() == pytest.approx(0.8, abs=near(0.8) + 0.02)
