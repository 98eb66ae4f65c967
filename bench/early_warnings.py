"""All detectors of warnings over five hundred surfaces and three years of daily facts.

Every day of the three years is replayed for every surface, as a night would have looked at it;
the nightly look itself is the last of these days.

.venv/bin/python bench/early_warnings.py
.venv/bin/python bench/early_warnings.py --surfaces 2000
"""

from __future__ import annotations

import argparse
import os
import time
from datetime import date, timedelta


os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np
from numpy.typing import NDArray

from truelift.lifecycle.ceiling import Outside, ceiling
from truelift.lifecycle.roadmap_change import Field, ItemChange, freshness
from truelift.lifecycle.rollout import RolloutStage, Winner, lateness
from truelift.stats.programme import inconclusive_share
from truelift.stats.traffic_gap import replay


BEGIN = date(2023, 1, 2)
DAYS = 3 * 365
TESTS = 150
WINNERS = 40
CHANGES = 2_000
LOOKED_BACK = 180

Floats = NDArray[np.float64]


def facts(surfaces: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Draw sessions and orders of every surface and day, with a week and a season."""
    day = np.arange(DAYS)
    wave = 1 + 0.2 * np.sin(2 * np.pi * day / 365) + 0.1 * np.cos(2 * np.pi * day / 7)
    size = rng.lognormal(7, 1, (surfaces, 1))
    sessions = rng.poisson(size * wave * np.exp(rng.normal(0, 0.05, (surfaces, DAYS))))
    return sessions.astype(float), rng.binomial(sessions, 0.03).astype(float)


def gaps_by_day(sessions: Floats, orders: Floats) -> int:
    """Look at every surface at the end of every day, by the thirteen weeks before it."""
    fired = 0
    for offset in range(7):
        whole = (DAYS - offset) // 7
        weeks = [
            each[:, offset : offset + 7 * whole].reshape(len(each), whole, 7).sum(axis=-1)
            for each in (sessions, orders)
        ]
        fired += int(replay(*weeks).fires.sum())
    return fired


def programme_by_day(rng: np.random.Generator) -> int:
    """Look at tests, winners, roadmap and ceiling at the end of every day."""
    decided = np.sort(rng.integers(0, DAYS, TESTS))
    se, unclear = rng.uniform(0.01, 0.04, TESTS), rng.random(TESTS) < 0.4
    winners = [
        (f"R-{n}", int(rng.integers(0, DAYS)), int(rng.integers(5, 120))) for n in range(WINNERS)
    ]
    changes = sorted(int(each) for each in rng.integers(0, DAYS, CHANGES))
    log = [
        ItemChange(f"RM-{n % 200}", Field.START, "", "x", BEGIN + timedelta(days=at), "ada")
        for n, at in enumerate(changes)
    ]
    outside = [Outside(f"Surface {n}", float(share)) for n, share in enumerate(rng.random(50) / 50)]
    fired = 0
    for day in range(DAYS):
        today = BEGIN + timedelta(days=day)
        those = (decided > day - LOOKED_BACK) & (decided <= day)
        if those.any():
            found = inconclusive_share(
                se[those], np.full(int(those.sum()), 0.05), observed=int(unclear[those].sum())
            )
            fired += found.excess or found.low_power
        late = lateness(
            [
                Winner(
                    key,
                    BEGIN + timedelta(days=at),
                    RolloutStage.VERIFIED if at + took <= day else RolloutStage.PLANNED,
                )
                for key, at, took in winners
                if at <= day
            ],
            today=today,
        )
        fired += late.severity is not None
        fired += freshness((each for each in log if each.on <= today), today=today).age is not None
        fired += ceiling(
            lift=0.01, lift_before=0.03, outside=outside, tests_inside=9, tests=10
        ).reached
    return fired


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--surfaces", type=int, default=500)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    sessions, orders = facts(options.surfaces, rng)
    began = time.process_time()
    gaps = gaps_by_day(sessions, orders)
    between = time.process_time()
    others = programme_by_day(rng)
    ended = time.process_time()
    print(
        f"{options.surfaces} surfaces, {DAYS} days, every day replayed: traffic gap "
        f"{between - began:.2f} s ({gaps} looks fire), the others {ended - between:.2f} s "
        f"({others}); {ended - began:.2f} s of processor time in all"
    )


if __name__ == "__main__":
    main()
