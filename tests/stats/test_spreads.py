from __future__ import annotations

import math

import numpy as np
import pytest

from truelift.stats.design import Design
from truelift.stats.planned import PlannedKind, PlannedMethod, method_of, spread_of
from truelift.stats.power import units_needed
from truelift.stats.spreads import (
    BadDesign,
    Count,
    Hazard,
    Mean,
    Share,
    log_normal_density,
    quantile_of,
    ratio_of_totals,
    restricted_mean_time,
    revenue_per_visitor,
)


@pytest.mark.parametrize(
    ("buys", "order_cv", "times"), [(0.02, 1.0, 1.9), (0.03, 0.8, 1.6), (0.05, 1.2, 2.4)]
)
def test_revenue_takes_the_published_multiple_of_the_order_rate(
    buys: float, order_cv: float, times: float
) -> None:
    revenue = units_needed(Design(revenue_per_visitor(buys=buys, order_cv=order_cv)), lift=0.1)
    rate = units_needed(Design(Share(buys)), lift=0.1)

    assert revenue / rate == pytest.approx(times, abs=0.06)


def test_revenue_of_visitors_who_all_buy_spreads_as_their_orders() -> None:
    assert revenue_per_visitor(buys=1.0, order_cv=0.7).cv == pytest.approx(0.7)


def test_a_spread_that_grows_with_the_mean_takes_more_units() -> None:
    stays = units_needed(Design(Mean(2.0)), lift=0.2)
    buyers = units_needed(Design(Mean(2.0, grows=1)), lift=0.2)
    alike = units_needed(Design(Mean(2.0, grows=2)), lift=0.2)

    assert buyers / stays == pytest.approx((1 + 1.2) / 2, rel=0.001)
    assert alike / stays == pytest.approx((1 + 1.44) / 2, rel=0.001)
    with pytest.raises(BadDesign):
        Mean(2.0, grows=-1)


def test_a_ratio_whose_parts_move_together_spreads_little() -> None:
    together = ratio_of_totals(cv=2.0, den_cv=1.9, correlation=0.95)
    apart = ratio_of_totals(cv=2.0, den_cv=1.9, correlation=0.0)

    assert together.cv < 0.7
    assert apart.cv == pytest.approx(math.hypot(2.0, 1.9))


def test_a_ratio_over_a_constant_spreads_as_its_numerator() -> None:
    assert ratio_of_totals(cv=3.0, den_cv=0.0, correlation=0.0).cv == pytest.approx(3.0)


def test_a_median_of_normal_values_needs_half_pi_times_the_units_of_their_mean() -> None:
    # Values of mean 10 and spread 1: density at the median 0.399, times 10.
    median = quantile_of(level=0.5, relative_density=10 / math.sqrt(2 * math.pi))

    assert median.cv**2 / 0.1**2 == pytest.approx(math.pi / 2)


def test_observations_that_are_all_alike_count_as_one() -> None:
    density = log_normal_density(level=0.75, log_sd=0.8)
    once = quantile_of(level=0.75, relative_density=density)

    many = quantile_of(level=0.75, relative_density=density, observations_per_unit=5, alike=1.0)
    free = quantile_of(level=0.75, relative_density=density, observations_per_unit=5)

    assert many.cv == pytest.approx(once.cv)
    assert free.cv == pytest.approx(once.cv / math.sqrt(5))


def test_a_time_cut_at_a_horizon_spreads_as_drawn() -> None:
    rng = np.random.default_rng(3)
    times = np.minimum(rng.exponential(1 / -math.log(0.7), size=400_000), 1.0)

    assert restricted_mean_time(happened=0.3).cv == pytest.approx(
        times.std() / times.mean(), rel=0.01
    )


def test_the_variance_of_a_count_grows_with_its_mean() -> None:
    control, treatment = Count(2.0, dispersion=3.0).variances(np.asarray([0.5]))

    assert control == pytest.approx([1.5])
    assert treatment == pytest.approx([2.25])


def test_a_rate_counts_only_units_to_whom_it_happens() -> None:
    control, treatment = Hazard(0.2).variances(np.asarray([1.0]))

    assert control == pytest.approx([5.0])
    # Twice the rate happens to 1 - 0.8², and the log scale divides by 2² again.
    assert treatment / 4 == pytest.approx([1 / 0.36])


@pytest.mark.parametrize("kind", list(PlannedKind))
def test_every_kind_says_which_number_it_lacks(kind: PlannedKind) -> None:
    with pytest.raises(BadDesign, match="needs its"):
        spread_of(kind, {})


def test_a_quantile_takes_its_density_or_the_spread_of_its_logarithm() -> None:
    given = {"level": 0.75, "log_sd": 0.8}
    density = {"level": 0.75, "relative_density": log_normal_density(level=0.75, log_sd=0.8)}

    assert spread_of(PlannedKind.QUANTILE, given) == spread_of(PlannedKind.QUANTILE, density)
    with pytest.raises(BadDesign, match="relative_density or its log_sd"):
        spread_of(PlannedKind.QUANTILE, {"level": 0.75})


def test_a_group_sequential_plan_needs_to_know_what_its_looks_take() -> None:
    with pytest.raises(BadDesign, match="factor"):
        method_of(PlannedMethod.GROUP_SEQUENTIAL)


def test_numbers_that_no_metric_has_are_refused() -> None:
    with pytest.raises(BadDesign):
        revenue_per_visitor(buys=0.0, order_cv=1.0)
    with pytest.raises(BadDesign):
        ratio_of_totals(cv=-1.0, den_cv=1.0, correlation=2.0)
    with pytest.raises(BadDesign):
        quantile_of(level=1.0, relative_density=0.0, observations_per_unit=0.0, alike=2.0)
    with pytest.raises(BadDesign):
        restricted_mean_time(happened=1.0)
    with pytest.raises(BadDesign):
        Count(0.0)
    with pytest.raises(BadDesign):
        Hazard(0.0)
