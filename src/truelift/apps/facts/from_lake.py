"""Makes a site's daily traffic of its own events: closed days only, a month at a time."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Final

from truelift.apps.experiments.domain import day_at, midnight_at
from truelift.apps.facts.columns import FeedKind, FeedSource
from truelift.apps.facts.defining import kind_of
from truelift.apps.facts.models import ArrivalRecord, FeedRecord
from truelift.apps.facts.services import make_feed, take_in
from truelift.apps.measurement.reads import lake
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import event_names_of
from truelift.apps.surfaces.reads import surfaces_of
from truelift.events.money import exponent_of
from truelift.lake.lake import NoSuchSite
from truelift.lifecycle.shared_metric import MetricKind
from truelift.lifecycle.surface import Surface, surfaces_at
from truelift.questions.daily_traffic import DailyTraffic, TrafficCell
from truelift.questions.matching import Events
from truelift.questions.metric import Amount, AmountKind, Counted
from truelift.questions.metric_library import ACTIVATED, LEAD, PURCHASE
from truelift.questions.sessions import Part, Sessions


NAME: Final = "own-events"

GOAL: Final = "orders"
"""Under this name the feed keeps which event it counts as an order."""

AT_ONCE_DAYS: Final = 62
"""Days of one question; the work goes on with the next ones."""

AGAIN_DAYS: Final = 3
"""Closed days that are counted again: sessions go on past midnight, and events come late."""

AT_MOST_DAYS: Final = 3 * 366

_ROBOT: Final = Actor(None, machine=True)


def bring(site: Site, *, now: datetime) -> tuple[ArrivalRecord | None, bool]:
    """Bring the next closed days of a site's own events.

    Returns:
        What came, None where there is nothing; and whether there is more at once.
    """
    own = FeedRecord.objects.filter(site=site, source=FeedSource.LAKE.value)
    feed = own.filter(ended_at=None).first()
    if feed is None and own.exists():
        # Somebody has ended it, and means it.
        return None, False
    goal = goal_of(site)
    if feed is not None and feed.columns.get(GOAL) != goal:
        # Another goal is another number on every day: all of them are counted again.
        feed.columns, feed.through = {GOAL: goal}, None
        feed.save(update_fields=["columns", "through"])
    today = day_at(site, now)
    first = _first_day(site, feed, today)
    if first is None:
        return None, False
    until = min(today, first + timedelta(days=AT_ONCE_DAYS))
    cells = _cells(site, goal, since=first, until=until)
    if feed is None:
        if not cells and until == today:
            return None, False
        feed = make_feed(
            site,
            name=NAME,
            kind=FeedKind.TRAFFIC.value,
            source=FeedSource.LAKE.value,
            promise_hours=36,
            by=_ROBOT,
            now=now,
        )
        feed.columns = {GOAL: goal}
        feed.save(update_fields=["columns"])
    arrival = take_in(
        site,
        feed.name,
        _rows(site, cells),
        by=_ROBOT,
        now=now,
        door=FeedSource.LAKE,
        whole_days=True,
    )
    # A day without a visit is known as well: the next night does not ask for it again.
    FeedRecord.objects.filter(pk=feed.pk).update(through=until - timedelta(days=1))
    return arrival, until < today


def _first_day(site: Site, feed: FeedRecord | None, today: date) -> date | None:
    if feed is not None and feed.through is not None:
        return min(feed.through + timedelta(days=1), today - timedelta(days=AGAIN_DAYS))
    seen = _first_seen(site, today)
    return None if seen is None or seen >= today else seen


def _first_seen(site: Site, today: date) -> date | None:
    """Give the first day of the last years on which there was a session, by a plain question."""
    since = midnight_at(site, today - timedelta(days=AT_MOST_DAYS))
    question = Sessions(
        since=since, until=midnight_at(site, today), time_zone=site.time_zone, by=Part.DAY
    )
    try:
        found = lake().ask(site.name, question).answer
    except NoSuchSite:
        return None
    days = [row.values[0] for row in found.rows if row.values[0]]
    return date.fromisoformat(min(days)) if days else None


def goal_of(site: Site) -> str:
    """Give the event that counts as an order: by what the site’s shared metric is of."""
    return _GOALS[kind_of(site)]


_GOALS: Final = {
    MetricKind.REVENUE: PURCHASE,
    MetricKind.LEADS: LEAD,
    MetricKind.ACTIVATED: ACTIVATED,
}


def _cells(site: Site, goal: str, *, since: date, until: date) -> tuple[TrafficCell, ...]:
    called = event_names_of(site)
    reached = Events(called.get(goal, (goal,)))
    bought = Events(called.get(PURCHASE, (PURCHASE,)))
    amount = Amount(AmountKind.MONEY, currency=site.currency, trusted=site.server_orders_only)
    question = DailyTraffic(
        since=midnight_at(site, since),
        until=midnight_at(site, until),
        time_zone=site.time_zone,
        key_events=reached,
        revenue=Counted(bought, amount),
    )
    try:
        return lake().ask(site.name, question).answer.cells
    except NoSuchSite:
        return ()


def _rows(site: Site, cells: Iterable[TrafficCell]) -> list[dict[str, object]]:
    """Write cells as rows of the feed, pages by the surface that claims them."""
    surfaces = surfaces_of(site)
    landings: dict[str, str] = {}
    unit = 10 ** exponent_of(site.currency)
    found: dict[tuple[str, ...], list[int]] = {}
    for each in cells:
        page = each.page or ""
        if page not in landings:
            landings[page] = landing_of(page, surfaces)
        key = (
            each.day,
            source_of(each)[:120],
            (each.campaign or "")[:200],
            landings[page],
            (each.device or "")[:40],
        )
        sums = found.setdefault(key, [0] * 5)
        numbers = (each.sessions, each.people, each.bounces, each.conversions, each.revenue)
        for place, number in enumerate(numbers):
            sums[place] += number
    return [
        {
            **dict(zip(("day", "source", "campaign", "landing", "device"), key, strict=True)),
            "sessions": sums[0],
            "people": sums[1],
            "bounces": sums[2],
            "orders": sums[3],
            # As text of whole and part: a float has not room for every amount.
            "revenue": f"{sums[4] // unit}.{sums[4] % unit:0{len(str(unit)) - 1}d}"
            if unit > 1
            else str(sums[4]),
        }
        for key, sums in found.items()
    ]


def landing_of(page: str, surfaces: Iterable[Surface]) -> str:
    """Give the surface that claims a page, else its path; empty for no page."""
    if not page:
        return ""
    claimed = surfaces_at(page, surfaces)
    return (claimed[0] if claimed else page)[:300]


def source_of(cell: TrafficCell) -> str:
    """Say where sessions came from: source and medium where both are said, else the channel."""
    if cell.source:
        return f"{cell.source} / {cell.medium}" if cell.medium else cell.source
    return cell.channel or ""
