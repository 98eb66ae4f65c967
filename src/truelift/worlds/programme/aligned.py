"""How a marketing team got better and better at the cost of all: paid search on broad match."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

import numpy as np

from truelift.apps.alignment.nightly import compute
from truelift.apps.alignment.services import (
    MetricFields,
    acknowledge,
    leave_empty,
    load_template,
    write_brief,
    write_metric,
)
from truelift.apps.experiments.domain import day_at
from truelift.apps.facts.columns import FeedKind, FeedSource
from truelift.apps.facts.services import make_feed, take_in
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.lifecycle.functions import Function
from truelift.lifecycle.team_metric import Formula
from truelift.worlds.programme.people import Company


WEEKS: Final = 52
BROAD_WEEKS: Final = 8
"""So many whole weeks ago the match type was changed."""

ORDER: Final = 60.0


@dataclass(frozen=True, slots=True)
class Source:
    """A source in eight weeks before the change and in eight weeks since.

    Attributes:
        sessions: Before and since.
        rate: Orders by session, likewise.
        click: What a click costs, likewise; 0 for a source that costs nothing.
    """

    source: str
    campaign: str
    sessions: tuple[int, int]
    rate: tuple[float, float]
    click: tuple[float, float] = (0.0, 0.0)


SOURCES: Final = (
    Source("brand", "", (30_000, 30_000), (0.05, 0.05)),
    Source("google", "exact", (40_000, 12_000), (0.03, 0.03), (2.0, 2.0)),
    Source("google", "broad", (10_000, 95_000), (0.01, 754 / 95_000), (0.6, 0.7)),
    Source("organic", "", (20_000, 20_000), (0.02, 0.02)),
)
"""Traffic 57 % up, clicks half as dear, and two fifths less revenue from a session."""

METRICS: Final = (
    MetricFields(
        name="Cost per click",
        team=Function.MARKETING.value,
        formula=Formula.COST_PER_CLICK.value,
        direction=-1,
        path="Cheaper clicks leave more of the budget for people who buy.",
    ),
    MetricFields(
        name="Traffic",
        team=Function.MARKETING.value,
        formula=Formula.TRAFFIC.value,
        direction=1,
        path="More people who want it see it.",
    ),
)


def pull_apart(company: Company, *, until: datetime, seed: int) -> None:
    """Bring a year of traffic and spend, register what teams are judged by, and compare.

    Args:
        company: Whose.
        until: When the year ends.
        seed: The same seed and end give the same days.
    """
    site, analyst = company.site, company.analyst
    marketing = company.squads["search"].marketing
    traffic, spend = _days(day_at(site, until), np.random.default_rng((seed, 54)))
    for name, kind, rows, by in (
        ("analytics", FeedKind.TRAFFIC, traffic, analyst),
        ("advertising", FeedKind.SPEND, spend, marketing),
    ):
        make_feed(
            site,
            name=name,
            kind=kind.value,
            owner=by.user,
            promise_hours=48,
            by=analyst,
            now=until,
        )
        take_in(site, name, rows, by=by, now=until, door=FeedSource.CSV, file=f"{name}-year.csv")
    for fields in METRICS:
        write_metric(site, fields, by=marketing, now=until - timedelta(days=200))
    engineering = company.squads["checkout"].engineering
    load_template(site, Function.ENGINEERING, by=engineering, now=until - timedelta(days=180))
    _agree(site, company, now=until - timedelta(days=60))
    compute(site, now=until)


def _days(today: date, draw: np.random.Generator) -> tuple[list[dict[str, object]], ...]:
    """Draw whole weeks, and the days of this one that are over."""
    monday = today - timedelta(days=today.weekday())
    changed = monday - timedelta(weeks=BROAD_WEEKS)
    traffic: list[dict[str, object]] = []
    spend: list[dict[str, object]] = []
    day = monday - timedelta(weeks=WEEKS)
    while day < today:
        now = int(day >= changed)
        weekend = 0.8 if day.weekday() > 4 else 1.08
        for each in SOURCES:
            usual = each.sessions[now] / (7 * BROAD_WEEKS) * weekend
            sessions = int(draw.poisson(usual * draw.normal(1, 0.03)))
            orders = int(draw.binomial(sessions, each.rate[now]))
            told = {"day": day.isoformat(), "source": each.source, "campaign": each.campaign}
            revenue = f"{orders * ORDER:.2f}"
            traffic.append({**told, "sessions": sessions, "orders": orders, "revenue": revenue})
            if each.click[now]:
                cost = f"{sessions * each.click[now] * draw.normal(1, 0.02):.2f}"
                spend.append({**told, "clicks": sessions, "spend": cost})
        day += timedelta(days=1)
    return traffic, spend


def _agree(site: Site, company: Company, *, now: datetime) -> None:
    """Write the brief; sales has nobody, and nobody says why."""
    lead: Actor = company.lead
    write_brief(
        site,
        goal="Earn a tenth more from the people who come already.",
        metric="Revenue per session, net of refunds",
        priorities=("Checkout", "Search on the site", "Product pages"),
        by=lead,
        now=now,
    )
    for function in (Function.FINANCE, Function.CREATIVE):
        leave_empty(site, function, "The group does it for all its shops.", by=lead, now=now)
    squad = company.squads["search"]
    for function, by in (
        (Function.MARKETING, squad.marketing),
        (Function.PRODUCT_UX, squad.product),
        (Function.ENGINEERING, squad.engineering),
        (Function.ANALYTICS, company.analyst),
        (Function.SERVICE, company.service),
    ):
        acknowledge(site, function, version=1, by=by, now=now + timedelta(hours=3))
