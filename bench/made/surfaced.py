"""A company of five hundred surfaces with three years of daily facts, in a database of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from hashlib import sha256

import numpy as np
from django.db import connection, transaction

from truelift.apps.accounts.models import User
from truelift.apps.alignment.models import JourneyRecord, TeamMetricRecord
from truelift.apps.alignment.services import MetricFields, set_remit, write_metric
from truelift.apps.experiments.domain import day_at
from truelift.apps.experiments.models import ExperimentRecord
from truelift.apps.facts.adding_up import add_up
from truelift.apps.facts.columns import FeedKind
from truelift.apps.facts.models import CellRecord, FeedRecord
from truelift.apps.facts.services import make_feed
from truelift.apps.research.actor import Actor
from truelift.apps.rhythm.services import When, set_rhythm
from truelift.apps.roadmap.models import ItemChangeRecord, RoadmapItemRecord
from truelift.apps.rollouts.models import RolloutRecord
from truelift.apps.sites.models import Site
from truelift.apps.surfaces.models import SurfaceRecord
from truelift.apps.voice.codes import name_owner
from truelift.apps.voice.models import NoteRecord
from truelift.lifecycle.functions import Function
from truelift.lifecycle.rhythm import Meeting
from truelift.lifecycle.team_metric import Formula
from truelift.lifecycle.voice import LISTENING


DAYS = 3 * 365
SOURCES = (
    ("google", "brand", 0.9),
    ("google", "broad", 0.5),
    ("google", "shopping", 0.7),
    ("meta", "prospecting", 0.4),
    ("newsletter", "weekly", 0.0),
    ("organic", "", 0.0),
    ("partners", "coupons", 0.2),
    ("direct", "", 0.0),
)
"""Source, campaign and what a click costs."""

EACH = 2
"""Sources whose visitors land on a surface."""

FORMULAS = (
    (Function.MARKETING, Formula.TRAFFIC, 1),
    (Function.MARKETING, Formula.SPEND, -1),
    (Function.MARKETING, Formula.COST_PER_CLICK, -1),
    (Function.MARKETING, Formula.COST_PER_ACQUISITION, -1),
    (Function.PRODUCT_UX, Formula.CONVERSION_RATE, 1),
    (Function.PRODUCT_UX, Formula.ORDER_VALUE, 1),
    (Function.ENGINEERING, Formula.RELEASES, 1),
)

ABOUT = (
    "shipping cost", "delivery date", "returns", "sizes", "payment by invoice", "the coupon field",
    "the search box", "pictures", "stock", "guest checkout", "the phone line", "warranty",
)  # fmt: skip
SAID = (
    "I could not find anything on {about} before I paid",
    "Why is {about} only shown at the end?",
    "My colleague said that {about} is better elsewhere, {word}",
    "We nearly left because of {about}, and of {word}",
    "Nobody could tell me about {about} when I asked for {word}",
)
WORDS = ("the blue one", "two tents", "a gift", "our club", "the larger size", "a school", "spares")


ITEMS, CHANGES, STILL = 200, 2_000, 100
"""On the roadmap, what was changed about them in three years, and for how many days nothing was."""


@dataclass(frozen=True)
class Made:
    """What was put in."""

    surfaces: int
    facts: int
    notes: int
    metrics: int


def fill(site: Site, owner: User, *, surfaces: int, notes: int, now: datetime, seed: int) -> Made:
    """Put surfaces, facts, metrics and notes beside what the site has; the same for a seed."""
    rng = np.random.default_rng(seed)
    today = day_at(site, now)
    SurfaceRecord.objects.bulk_create(
        SurfaceRecord(
            site=site,
            name=f"Landing {each}",
            path=f"/landing-{each}/",
            team=("Search", "Checkout", "Brand", "")[each % 4],
            weekly_units=float(rng.integers(100, 5_000)),
            rate=0.03,
            revenue_minor=180.0,
            measured_at=now,
        )
        for each in range(surfaces)
    )
    facts = _facts(site, owner, surfaces=surfaces, today=today, now=now, rng=rng)
    for number, (team, formula, direction) in enumerate(FORMULAS):
        write_metric(
            site,
            MetricFields(
                name=f"Figure {number}",
                team=team.value,
                formula=formula.value,
                direction=direction,
                path="It helps.",
            ),
            by=Actor(owner),
            now=now,
        )
    _notes(site, owner, count=notes, today=today, now=now, rng=rng)
    _work_together(site, owner, now=now, rng=rng)
    add_up(site)
    return Made(surfaces, facts, notes, TeamMetricRecord.objects.filter(site=site).count())


def _work_together(site: Site, owner: User, *, now: datetime, rng: np.random.Generator) -> None:
    """Give every detector something to judge: a roadmap, meetings, a remit, lifts, listeners."""
    actor = Actor(owner)
    RoadmapItemRecord.objects.bulk_create(
        RoadmapItemRecord(
            site=site,
            number=1_000 + each,
            kind="release",
            what=f"Work {each}",
            stage="planned",
            made_at=now,
        )
        for each in range(ITEMS)
    )
    ItemChangeRecord.objects.bulk_create(
        ItemChangeRecord(
            site=site,
            item=f"RM-{1_000 + each % ITEMS}",
            field="item" if each < ITEMS else "owner",
            after=f"RM-{1_000 + each % ITEMS}",
            by=owner,
            at=now - timedelta(days=DAYS - (DAYS - STILL) * each / CHANGES),
        )
        for each in range(CHANGES)
    )
    for kind in Meeting:
        when = When(weekday=0, nth=1, at=time(9), owner=owner.email)
        set_rhythm(site, kind, when, seen=0, by=actor, now=now - timedelta(days=DAYS))
    for function in LISTENING:
        name_owner(site, function, owner, by=actor, now=now - timedelta(days=365))
    set_remit(site, ("Search",), by=actor, now=now)
    surfaces = list(SurfaceRecord.objects.filter(site=site, name__startswith="Landing"))
    losses = {str(each.pk): float(rng.integers(0, 90_000)) for each in surfaces}
    JourneyRecord.objects.update_or_create(
        site=site,
        defaults={
            "text": json.dumps({"losses": losses, "weeks": 4.0, "funnels": []}),
            "computed_at": now,
        },
    )
    ExperimentRecord.objects.filter(site=site).update(surface="Landing 0")
    for days, lift in ((300, 0.05), (40, 0.01)):
        row = RolloutRecord.objects.filter(site=site, lift_measured=None).first()
        row = row or RolloutRecord.objects.filter(site=site).order_by("number").last()
        if row is not None:
            row.verified_at, row.lift = now - timedelta(days=days), lift
            row.lift_measured = lift
            row.save()


@transaction.atomic
def _facts(
    site: Site, owner: User, *, surfaces: int, today: date, now: datetime, rng: np.random.Generator
) -> int:
    FeedRecord.objects.filter(site=site, ended_at=None).update(ended_at=now)
    feeds = {
        kind: make_feed(
            site, name=f"bench-{kind.value}", kind=kind.value, owner=owner, by=Actor(owner), now=now
        )
        for kind in (FeedKind.TRAFFIC, FeedKind.SPEND)
    }
    FeedRecord.objects.filter(pk__in=[each.pk for each in feeds.values()]).update(
        arrived_at=now, through=today - timedelta(days=1)
    )
    places = [
        (*SOURCES[(page + each * 3) % len(SOURCES)][:2], f"/landing-{page}/")
        for page in range(surfaces)
        for each in range(EACH)
    ]
    paid = [(source, campaign, "") for source, campaign, click in SOURCES if click]
    CellRecord.objects.bulk_create(
        CellRecord(
            site=site,
            digest=sha256("\0".join(each).encode()).hexdigest(),
            source=each[0],
            campaign=each[1],
            landing=each[2],
        )
        for each in (*places, *paid)
    )
    cells = {
        (each.source, each.campaign, each.landing): each.pk
        for each in CellRecord.objects.filter(site=site)
    }
    rows = _days(feeds[FeedKind.TRAFFIC].pk, [cells[each] for each in places], today, rng)
    spent = _spend(feeds[FeedKind.SPEND].pk, cells, today, rng)
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO fact_traffic (feed_id, day, cell_id, sessions, people, bounces, orders,"
            " revenue_minor) VALUES (%s, %s, %s, %s, NULL, %s, %s, %s)",
            list(rows),
        )
        cursor.executemany(
            "INSERT INTO fact_spend (feed_id, day, cell_id, clicks, spend_minor)"
            " VALUES (%s, %s, %s, %s, %s)",
            list(spent),
        )
    return DAYS * len(places)


def _days(
    feed: int, cells: list[int], today: date, rng: np.random.Generator
) -> Iterator[tuple[int | str, ...]]:
    size = rng.lognormal(4, 0.8, len(cells))
    rate = rng.uniform(0.01, 0.06, len(cells))
    for back in range(DAYS, 0, -1):
        day = today - timedelta(days=back)
        wave = 1 + 0.2 * np.sin(2 * np.pi * back / 365) + 0.1 * (day.weekday() > 4)
        # In the last quarter more and more come, and fewer and fewer of them buy.
        late = max(0.0, 1 - back / 91)
        sessions = rng.poisson(size * wave * (1 + 0.35 * late))
        orders = rng.binomial(sessions, rate * (1 - 0.3 * late))
        bounces = rng.binomial(sessions, 0.4)
        money = (orders * rng.normal(6_000, 300, len(cells))).astype(int)
        text = day.isoformat()
        for each in zip(
            cells, sessions.tolist(), bounces.tolist(), orders.tolist(), money.tolist(), strict=True
        ):
            yield feed, text, *each


def _spend(
    feed: int, cells: dict[tuple[str, str, str], int], today: date, rng: np.random.Generator
) -> Iterator[tuple[int | str, ...]]:
    for source, campaign, click in SOURCES:
        for back in range(DAYS, 0, -1) if click else ():
            clicks = int(rng.poisson(4_000))
            day = (today - timedelta(days=back)).isoformat()
            yield feed, day, cells[source, campaign, ""], clicks, int(clicks * click * 100)


def _notes(
    site: Site, owner: User, *, count: int, today: date, now: datetime, rng: np.random.Generator
) -> None:
    first = NoteRecord.objects.filter(site=site).count() + 1
    NoteRecord.objects.bulk_create(
        NoteRecord(
            site=site,
            number=first + each,
            text=SAID[int(rng.integers(len(SAID)))].format(
                about=ABOUT[int(rng.integers(len(ABOUT)))],
                word=WORDS[int(rng.integers(len(WORDS)))],
            ),
            source=("sales", "service")[each % 2],
            day=today - timedelta(days=int(rng.integers(1, 360))),
            way="member",
            digest=sha256(str(each).encode()).hexdigest(),
            owner=owner,
            made_at=now,
        )
        for each in range(count)
    )
