"""Size, coverage and power of every comparison, by repeated sampling with fixed seeds."""

from __future__ import annotations

import math
import os
from collections.abc import Callable

import numpy as np
import pytest

from truelift.stats.comparison import Effect, compare
from truelift.stats.design import Design
from truelift.stats.outcome import Direction, Margin, Outcome, outcome_of
from truelift.stats.power import units_needed
from truelift.stats.spreads import Share
from truelift.stats.srm import check_split
from truelift.stats.summary import ProportionSummary, RatioSummary, Sample, Summary


pytestmark = [pytest.mark.simulation, pytest.mark.timeout(600)]

# `make simulate` may set more; the default keeps the file under 20 seconds.
RUNS = int(os.environ.get("TRUELIFT_SIMULATION_RUNS", "2000"))
Generator = np.random.Generator


def near(share: float) -> float:
    """Four standard errors of a share over all runs: chance alone stays inside."""
    return float(4 * math.sqrt(share * (1 - share) / RUNS))


def revenue(rng: Generator, n: int, *, lift: float = 0.0) -> Summary:
    """Most buy nothing, a few buy much: the shape of revenue per visitor."""
    sample = (rng.random(n) < 0.2) * rng.gamma(1.5, 40, size=n) * (1 + lift)
    mean = float(sample.mean())
    return Summary(n=n, mean=mean, m2=float(((sample - mean) ** 2).sum()))


def orders(rng: Generator, n: int, *, lift: float = 0.0) -> ProportionSummary:
    return ProportionSummary(n=n, successes=int(rng.binomial(n, 0.1 * (1 + lift))))


def per_session(rng: Generator, n: int, *, lift: float = 0.0) -> RatioSummary:
    """Revenue per session of visitors who differ in how often they come."""
    keen = rng.gamma(2, 1, size=n)
    sessions = 1 + rng.poisson(keen)
    spent = sessions * keen * rng.gamma(1.5, 2, size=n) * (1 + lift)
    top, bottom = spent - spent.mean(), sessions - sessions.mean()
    return RatioSummary(
        n=n,
        mean=float(spent.mean()),
        m2=float((top**2).sum()),
        den_mean=float(sessions.mean()),
        den_m2=float((bottom**2).sum()),
        cross=float((top * bottom).sum()),
    )


KINDS: list[tuple[str, Callable[..., Sample]]] = [
    ("revenue", revenue),
    ("orders", orders),
    ("per_session", per_session),
]


@pytest.mark.parametrize(("name", "draw"), KINDS)
def test_two_equal_variants_differ_no_oftener_than_alpha(
    name: str, draw: Callable[..., Sample]
) -> None:
    rng = np.random.default_rng([11, len(name)])

    found = sum(compare(draw(rng, 2_000), draw(rng, 1_500)).found for _ in range(RUNS))

    assert found / RUNS == pytest.approx(0.05, abs=near(0.05))


@pytest.mark.parametrize(("name", "draw"), KINDS)
def test_both_intervals_hold_the_truth_as_often_as_they_say(
    name: str, draw: Callable[..., Sample]
) -> None:
    rng = np.random.default_rng([13, len(name)])
    # What the control's value truly is, from a sample so large that it may stand in.
    base = draw(np.random.default_rng(17), 4_000_000).value
    absolute = relative = 0

    for _ in range(RUNS):
        compared = compare(draw(rng, 2_000), draw(rng, 2_000, lift=0.1))
        assert isinstance(compared.relative, Effect)
        absolute += compared.absolute.low <= 0.1 * base <= compared.absolute.high
        relative += compared.relative.low <= 0.1 <= compared.relative.high

    assert absolute / RUNS == pytest.approx(0.95, abs=near(0.05))
    assert relative / RUNS == pytest.approx(0.95, abs=near(0.05))


def test_the_exact_test_never_finds_more_than_alpha_and_its_interval_keeps_its_level() -> None:
    rng = np.random.default_rng(19)
    found = held = 0

    for _ in range(RUNS):
        effect = compare(
            ProportionSummary(300, int(rng.binomial(300, 0.01))),
            ProportionSummary(300, int(rng.binomial(300, 0.01))),
        ).absolute
        found += (effect.p or 0.0) < 0.05
        held += effect.low <= 0 <= effect.high

    assert found / RUNS < 0.05
    assert held / RUNS > 0.95 - near(0.05)


def test_planned_units_find_the_planned_lift_as_often_as_planned() -> None:
    rng = np.random.default_rng(23)
    n = units_needed(Design(Share(0.1)), lift=0.2, power=0.8)

    found = sum(compare(orders(rng, n), orders(rng, n, lift=0.2)).found for _ in range(RUNS))

    assert found / RUNS == pytest.approx(0.8, abs=near(0.8))


def test_a_difference_as_large_as_the_margin_is_called_null_no_oftener_than_alpha() -> None:
    rng = np.random.default_rng(29)
    margin = Margin(relative=0.1, absolute=0.01, planned=True)

    nulls = sum(
        outcome_of(
            compare(orders(rng, 30_000), orders(rng, 30_000, lift=0.1)),
            direction=Direction.INCREASE,
            margin=margin,
        )
        is Outcome.NULL
        for _ in range(RUNS)
    )

    assert nulls / RUNS < 0.05 + near(0.05)


def test_a_fair_split_warns_once_in_a_hundred() -> None:
    rng = np.random.default_rng(31)

    warned = sum(
        check_split([count := int(rng.binomial(10_000, 0.5)), 10_000 - count], [1, 1]).p < 0.01
        for _ in range(RUNS)
    )

    assert warned / RUNS == pytest.approx(0.01, abs=near(0.01))
