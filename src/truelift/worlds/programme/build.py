"""Builds the year in a home: what is true of it first, then everything that people did."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import transaction

from truelift.apps.commerce.services import explain
from truelift.apps.experiments.domain import day_at, midnight_at
from truelift.apps.progress.services import keep_figures
from truelift.apps.rollouts.jobs import refresh_money
from truelift.apps.sites.models import Site
from truelift.lake.durable import write_durably
from truelift.lake.home import Home
from truelift.worlds.programme.aligned import pull_apart
from truelift.worlds.programme.people import SITE, open_programme
from truelift.worlds.programme.plan import DAYS, TESTS, Planned, plain_sum, true_sum, year_of
from truelift.worlds.programme.warned import warn
from truelift.worlds.programme.year import Entry, live_through


MONTHS: int = 6
"""Of so many months before the end the figures are kept, so that there is something to compare."""


def build_programme(
    home: Home,
    *,
    seed: int,
    until: datetime,
    say: Callable[[str], None],
    tests: int = TESTS,
    also: str = "",
) -> str | None:
    """Build the year in a home whose database is up to date; all of it or nothing.

    Args:
        home: Where.
        seed: The same seed and end give the same year.
        until: When the year ends.
        say: Is told what happens.
        tests: How many.
        also: E-mail address of a person who is there already and owns the site as well.

    Returns:
        The lead's password; None when the year was there already.
    """
    until = until.replace(minute=0, second=0, microsecond=0)
    year = year_of(seed, until=until, tests=tests)
    folder = home.root / "worlds" / "programme"
    folder.mkdir(parents=True, exist_ok=True)
    truth = {"seed": seed, "until": until.isoformat(), **truth_of(year)}
    write_durably(folder / "truth.json", json.dumps(truth, indent=1).encode())
    if Site.objects.filter(name=SITE).exists():
        return None
    say(f"living through a year of {tests} tests")
    begins = until - timedelta(days=DAYS)
    with transaction.atomic():
        company = open_programme(now=begins, also=also)
        log = live_through(company, year, begins=begins, until=until)
        refresh_money(company.site, now=until)
        pull_apart(company, until=until, seed=seed)
        explain(company.site, now=until)
        for end in _month_ends(company.site, until):
            keep_figures(company.site, as_of=end, now=end)
        warn(company.site, lead=company.lead, until=until)
    write_durably(folder / "log.json", json.dumps(log_document(log), indent=0).encode())
    return company.password


def truth_of(year: tuple[Planned, ...]) -> dict[str, object]:
    """Write what is true of a year, which nobody in it knows."""
    return {
        "tests": [
            {
                "experiment": each.key,
                "truth": each.truth,
                "measured": each.measured,
                "se": each.se,
                "margin": each.margin,
                "outcome": each.outcome.value,
                "fate": each.fate.value,
            }
            for each in year
        ],
        "winners": {"plain": plain_sum(year), "true": true_sum(year)},
    }


def log_document(log: list[Entry]) -> list[dict[str, object]]:
    """Write the simulator's own log."""
    return [
        {"at": each.at.isoformat(), "what": each.what, "test": each.test, "said": each.said}
        for each in log
    ]


def _month_ends(site: Site, until: datetime) -> list[datetime]:
    """List the ends of the last months, and of the last day, in order."""
    day = day_at(site, until)
    ends, first = [midnight_at(site, day)], day.replace(day=1)
    for _ in range(MONTHS):
        ends.append(midnight_at(site, first))
        first = (first - timedelta(days=1)).replace(day=1)
    return sorted(set(ends))
