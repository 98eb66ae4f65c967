"""What is sampled of metrics that are against each other."""

from __future__ import annotations

from typing import Final

import numpy as np

from tests.simulation.calibrated import AS_IT_IS, Promise, Section, at_least, at_most, near, row
from tests.simulation.drawn import Generator
from truelift.stats.effects import Floats
from truelift.stats.metric_conflict import LEAST_Z, ConflictKind, Weekly, look, moved


SD: Final = 0.05
MOST_RUNS: Final = 6_000
"""A look is one comparison of a page, not an array of them."""


def metric_conflict(rng: Generator, runs: int) -> Section:
    """Look at half-years of weeks whose truth is known."""
    runs = min(runs, MOST_RUNS)
    rows = []
    for what, rho, promise in (
        ("no change of one metric, weeks on their own: taken for better", 0.0, near(0.05, 0.007)),
        ("the same, each week like the one before, ρ = 0.3", 0.3, AS_IT_IS),
    ):
        alone = [moved(Weekly.of(each)) for each in _weeks(rng, runs, rho=rho)]
        rows.append(
            row(what, "2 × 8 weeks", [m is not None and m.z >= LEAST_Z for m in alone], promise)
        )
    few = [moved(Weekly.of(each), weeks=3) for each in _weeks(rng, runs, rho=0.0, weeks=6)]
    short = [each is not None and each.z >= LEAST_Z for each in few]
    rows.append(
        row(
            "the same, on their own, while six weeks are known",
            "2 × 3 weeks",
            short,
            near(0.05, 0.01),
        )
    )
    directs: tuple[tuple[str, float, float, float, Promise], ...] = (
        ("nothing changes, ρ = 0", 0.0, 0.0, 0.0, at_most(0.01)),
        ("nothing changes, ρ = 0.3", 0.0, 0.0, 0.3, at_most(0.02)),
        ("the team's metric 20 % better, the shared one as it was", 0.2, 0.0, 0.0, at_most(0.06)),
        ("both 10 % better", 0.1, 0.1, 0.0, at_most(0.005)),
        ("10 % better, the shared one 10 % worse: found", 0.1, -0.1, 0.0, at_least(0.9)),
        ("50 % better, the shared one 40 % worse: found", 0.5, -0.4, 0.3, at_least(0.99)),
    )
    for what, team, shared, rho, promise in directs:
        found = _found(rng, runs, team=team, shared=shared, rho=rho)
        hits = [ConflictKind.DIRECT in each for each in found]
        rows.append(row(f"direct: {what}", "2 × 8 weeks", hits, promise))
    for what, against, rho, promise in (
        ("metrics on their own", 0.0, 0.0, at_most(0.06)),
        ("metrics on their own, ρ = 0.3", 0.0, 0.3, at_most(0.06)),
        ("correlation −0.6: found", 0.6, 0.0, at_least(0.85)),
    ):
        found = _found(rng, runs, weeks=40, against=against, rho=rho)
        hits = [ConflictKind.LATENT in each for each in found]
        rows.append(row(f"latent: {what}", "40 weeks", hits, promise))
    return Section(
        "Metrics against each other",
        "A team's metric and the shared one, whose weeks vary by 5 %: how often a conflict is "
        "found. Eight weeks are held against the eight before; t of few weeks is carried to the "
        "normal scale. Weeks that are like the week before are taken for surer than they are.",
        tuple(rows),
    )


def _found(
    rng: Generator,
    runs: int,
    *,
    team: float = 0.0,
    shared: float = 0.0,
    rho: float = 0.0,
    weeks: int = 16,
    against: float = 0.0,
) -> list[tuple[ConflictKind, ...]]:
    own = _weeks(rng, runs, rho=rho, weeks=weeks, change=team)
    noise = _weeks(rng, runs, rho=rho, weeks=weeks, change=shared)
    all_ = noise ** np.sqrt(1 - against**2) * own**-against
    return [look(Weekly.of(k), Weekly.of(m), good=1).kinds for k, m in zip(own, all_, strict=True)]


def _weeks(
    rng: Generator, runs: int, *, rho: float, weeks: int = 16, change: float = 0.0
) -> Floats:
    made = rng.normal(size=(runs, weeks))
    for week in range(1, weeks):
        made[:, week] = rho * made[:, week - 1] + np.sqrt(1 - rho**2) * made[:, week]
    logs = SD * made
    logs[:, -8:] += np.log1p(change)
    return np.asarray(np.exp(logs))
