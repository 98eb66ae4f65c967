"""All detectors of warnings over five hundred surfaces and three years of daily facts.

First the night itself, on one core and through the jobs that do it: a company with a year of
tests has five hundred surfaces, three years of daily traffic in SQLite, a roadmap, meetings that
nobody holds and a thousand notes of customers; what warnings rest on is computed, every detector
looks, what they see is kept, and the past is replayed. Then the rules alone: every day of the
three years for every surface, as a night would have looked at it.

.venv/bin/python bench/early_warnings.py
.venv/bin/python bench/early_warnings.py --surfaces 2000
.venv/bin/python bench/early_warnings.py --rules
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path


sys.path.insert(0, str(Path(__file__).parents[1]))
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np
from numpy.typing import NDArray

from truelift.lifecycle.ceiling import Outside, ceiling
from truelift.lifecycle.roadmap_change import Field, ItemChange, freshness
from truelift.lifecycle.rollout import RolloutStage, Winner, lateness
from truelift.lifecycle.warning import Look
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


def night(folder: Path, *, surfaces: int, notes: int, tests: int, seed: int) -> None:
    """Build the company, let the night's jobs work, and say how long each took."""
    os.environ["TRUELIFT_HOME"] = str(folder)
    from truelift.project.start import bring_up_to_date

    home = bring_up_to_date()
    from bench.made.surfaced import fill
    from truelift.apps.accounts.models import User
    from truelift.apps.alignment.computing import compute_journey, compute_metrics
    from truelift.apps.commerce.services import explain
    from truelift.apps.facts.tracking import keep_tracking
    from truelift.apps.sites.models import Site
    from truelift.apps.voice.jobs import listen
    from truelift.apps.warnings.detecting import detectors, replayers
    from truelift.apps.warnings.jobs import look
    from truelift.apps.warnings.replaying import keep_replays
    from truelift.worlds.programme.build import build_programme
    from truelift.worlds.programme.people import SITE

    now = datetime(2026, 11, 20, 6, tzinfo=UTC)
    build_programme(home, seed=seed, until=now, say=print, tests=tests)
    site, owner = Site.objects.get(name=SITE), User.objects.earliest("pk")
    made = fill(site, owner, surfaces=surfaces, notes=notes, now=now, seed=seed)
    print(
        f"{made.surfaces:,} surfaces, {made.facts:,} rows of daily facts in {DAYS:,} days, "
        f"{made.notes:,} notes, {made.metrics} team metrics, {tests} tests"
    )
    took = Took()
    took("facts to drivers, page or traffic", lambda: explain(site, now=now))
    took("team metrics and their conflicts", lambda: compute_metrics(site, now=now))
    took("losses of the journey", lambda: compute_journey(site, now=now))
    took("themes of notes and their spikes", lambda: listen(site, now=now))
    took("how much is tracked", lambda: keep_tracking(site, now=now))
    rested = took.sum
    for kind, detector in detectors().items():
        took(f"look: {kind.value}", partial(_all, detector, site, now))
    looked = took.sum - rested
    for kind, replayed in replayers().items():
        took(f"replay: {kind.value}", partial(_all, replayed, site, now))
    took("the whole look again, kept", lambda: look(site, now=now))
    took("the whole replay again, kept", lambda: keep_replays(site, now=now))
    print(
        f"{rested:.2f} s of processor time for what warnings rest on, {looked:.2f} s for "
        f"{len(detectors())} detectors, {took.sum:.2f} s in all"
    )


def _all(find: Callable[..., Iterable[object]], *given: object) -> list[object]:
    return list(find(*given))


class Took:
    """Says how much processor time each thing takes, and keeps the sum."""

    def __init__(self) -> None:
        self.sum = 0.0

    def __call__(self, what: str, does: Callable[[], object]) -> None:
        began = time.process_time()
        found = does()
        seconds = time.process_time() - began
        self.sum += seconds
        said = " ".join(f"[{each}]" for each in _said(found))
        print(f"  {seconds:6.2f} s  {what} {said}", flush=True)


def _said(found: object) -> Iterable[str]:
    """Say of looks what they came to, so that a fast detector is not one that had nothing."""
    for each in found if isinstance(found, list) else ():
        if isinstance(each, Look):
            yield f"{each.severity or ('quiet' if each.told else 'not judged')}: {each.short}"[:90]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--surfaces", type=int, default=500)
    parser.add_argument("--notes", type=int, default=1_000)
    parser.add_argument("--tests", type=int, default=36)
    parser.add_argument("--rules", action="store_true", help="Only the rules, without a database.")
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    if not options.rules:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        with tempfile.TemporaryDirectory() as folder:
            night(
                Path(folder),
                surfaces=options.surfaces,
                notes=options.notes,
                tests=options.tests,
                seed=options.seed,
            )
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
