"""Counts from the data who comes to a surface, what they are worth, and where else people go."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from truelift.apps.experiments.domain import day_at
from truelift.apps.facts.defining import worth_of_one
from truelift.apps.facts.from_lake import goal_of
from truelift.apps.measurement import reads
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import event_names_of
from truelift.apps.surfaces.models import SurfaceRecord, TrafficRecord
from truelift.lake.lake import NoSuchSite
from truelift.questions.funnel import Funnel, Step
from truelift.questions.matching import Comparison, Condition, Events
from truelift.questions.metric import Amount, AmountKind
from truelift.questions.metric_library import PURCHASE
from truelift.questions.page_engagement import PageEngagement


DAYS: Final = 28
WINDOW_S: Final = 7 * 86_400

MOST_PAGES: Final = 500
"""Addresses that are looked at; the others are counted together."""


def measure(surface: SurfaceRecord, *, now: datetime) -> None:
    """Count who comes to a surface, how many of them order (or what else counts), and its worth."""
    until = reads.this_minute(now)
    site = surface.site
    seen = (Condition("path", Comparison.CONTAINS, counted_paths(surface)),)
    goal = goal_of(site)
    orders = event_names_of(site).get(goal, (goal,))
    question = Funnel(
        steps=(Step(Events(where=seen)), Step(Events(names=orders))),
        window_s=WINDOW_S,
        as_of=until,
        since=until - timedelta(days=DAYS),
        until=until,
        amount=Amount(kind=AmountKind.MONEY, currency=site.currency),
    )
    try:
        groups = reads.ask(site.name, question).answer.groups
    except NoSuchSite:
        # It was made a moment ago, and the processes with the data have not heard of it.
        return
    came, ordered = groups[0].steps[:2] if groups else (None, None)
    people = came.units if came else 0
    money: float | None = ordered.amount_minor if ordered else None
    surface.weekly_units = people * 7 / DAYS
    surface.rate = ordered.units / people if ordered and people else None
    if goal != PURCHASE:
        worth = worth_of_one(site, until=day_at(site, now))
        money = None if worth is None or ordered is None else ordered.units * worth
    surface.revenue_minor = money / people if people and money is not None else None
    surface.measured_at = now
    surface.save(update_fields=["weekly_units", "rate", "revenue_minor", "measured_at"])


def counted_paths(surface: SurfaceRecord) -> tuple[str, ...]:
    """Give what the path of a counted page contains, any one of these.

    A surface that has only patterns is counted by what each begins with before its first star.
    Every page's path has a slash: without anything a surface is the whole site.
    """
    if surface.path:
        return (surface.path,)
    begins = [f"/{each.partition('/')[2]}".partition("*")[0] for each in surface.patterns]
    return tuple(dict.fromkeys(each for each in begins if each != "/")) or ("/",)


def count_pages(site: Site, *, now: datetime) -> None:
    """Count how often each address of the site was viewed in the last four weeks."""
    until = reads.this_minute(now)
    question = PageEngagement(
        by=("path",), since=until - timedelta(days=DAYS), until=until, max_rows=MOST_PAGES
    )
    try:
        rows = reads.ask(site.name, question).answer.rows
    except NoSuchSite:
        return
    pages = [
        [str(row.values[0]), row.views] for row in rows if row.values and row.values[0] is not None
    ]
    TrafficRecord.objects.update_or_create(
        site=site,
        defaults={"pages": pages, "views": sum(row.views for row in rows), "counted_at": now},
    )
