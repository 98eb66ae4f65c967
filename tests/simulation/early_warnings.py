"""What is sampled of the warnings that come before results do."""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy.special import ndtri

from tests.simulation.calibrated import Section, at_least, at_most, near, row
from tests.simulation.drawn import Generator
from truelift.stats.effects import Floats
from truelift.stats.programme import chances, inconclusive_share
from truelift.stats.traffic_gap import WEEKS, gaps


SESSIONS_SD: Final = 0.055
RATE_SD: Final = 0.04
RHO: Final = 0.5
"""How much weeks differ, and are like the week before: at this all five numbers hold together."""


def alike(rng: Generator, runs: int, sd: float) -> Floats:
    """Draw weeks of which each is like the one before."""
    made = rng.normal(size=(runs, WEEKS))
    for week in range(1, WEEKS):
        made[:, week] = RHO * made[:, week - 1] + np.sqrt(1 - RHO**2) * made[:, week]
    return np.asarray(made * sd)


def traffic_gap(rng: Generator, runs: int) -> Section:
    """Look at quarters whose trends are known."""
    rows = []
    quarter = np.arange(WEEKS) / (WEEKS - 1)
    for what, traffic, rate, promise in (
        ("no trend", 0.0, 0.0, near(0.01, 0.003)),
        ("both rise: traffic +20 %, rate +10 %", 0.2, 0.1, at_most(0.0015)),
        ("traffic +20 %, rate flat", 0.2, 0.0, near(0.10, 0.015)),
        ("traffic +20 %, rate −10 %: found", 0.2, -0.1, near(0.63, 0.02)),
        ("traffic +30 %, rate −20 %: found", 0.3, -0.2, near(0.97, 0.01)),
    ):
        sessions = 1e5 * np.exp(np.log1p(traffic) * quarter + alike(rng, runs, SESSIONS_SD))
        orders = 0.03 * sessions * np.exp(np.log1p(rate) * quarter + alike(rng, runs, RATE_SD))
        rows.append(row(what, "13 weeks", gaps(sessions, orders).fires, promise))
    return Section(
        "Warning: traffic grows, its rate falls",
        "Quarters of 13 weeks whose sessions vary by 5.5 % and whose rate by 4 % from week to "
        "week, each week like the one before with ρ = 0.5: how often the warning comes. Calmer "
        "weeks are found sooner and alarm as seldom; wilder ones are found later.",
        tuple(rows),
    )


def inconclusive(rng: Generator, runs: int) -> Section:
    """Count the inconclusive tests of programmes whose chances are known."""
    n = 14
    rows = []
    for what, low, high in (
        ("as expected, tests of 80 % power", 0.8, 0.8),
        ("as expected, powers between 50 and 90 %", 0.5, 0.9),
    ):
        reach = ndtri(0.975) + ndtri(np.linspace(low, high, n))
        share = chances(np.ones(n), reach).inconclusive
        warned = np.array(
            [inconclusive_share(np.ones(n), reach, observed=each).excess for each in range(n + 1)]
        )
        counts = (rng.random((runs, n)) < share).sum(axis=1)
        rows.append(row(what, "14 tests", warned[counts], at_most(0.05)))
        if low == high:
            counts = (rng.random((runs, n)) < share + 0.3).sum(axis=1)
            more = "30 points more than expected: found"
            rows.append(row(more, "14 tests", warned[counts], at_least(0.68)))
    return Section(
        "Warning: too many inconclusive tests",
        "Programmes of 14 tests: how often more of them are inconclusive than their noise lets "
        "expect, at 5 %. Counts are whole, so that the level is not reached.",
        tuple(rows),
    )
