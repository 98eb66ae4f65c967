"""Asks for the pages to which campaigns lead, and tells their owners what is missing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction

from truelift.apps.accounts.models import User
from truelift.apps.accounts.reads import people_of, people_with
from truelift.apps.drawing.wording import day
from truelift.apps.experiments.domain import day_at
from truelift.apps.inbox.services import notify, settle
from truelift.apps.intake.fields import Arrival, SignalFields
from truelift.apps.intake.models import SignalRecord, Way
from truelift.apps.intake.services import receive_signal
from truelift.apps.research.actor import Actor
from truelift.apps.roadmap.changes import log
from truelift.apps.roadmap.models import AssetRecord
from truelift.apps.roadmap.reads import items_of
from truelift.apps.sites.models import Site
from truelift.apps.surfaces.models import TrafficRecord
from truelift.apps.surfaces.reads import surfaces_of
from truelift.apps.watching.models import WatchedPageRecord
from truelift.lifecycle.functions import Function
from truelift.lifecycle.landing import (
    WARNED_BEFORE,
    LandingPage,
    is_asked_for,
    is_late,
    is_near,
    landing_obstacles,
    path_of,
)
from truelift.lifecycle.notice import Notice, Severity, Topic
from truelift.lifecycle.obstacle import Obstacle
from truelift.lifecycle.roadmap_change import Field
from truelift.lifecycle.roadmap_item import RoadmapItem
from truelift.lifecycle.surface import surfaces_at


QA: Final = "QA of the landing pages"
"""What is asked for beside the pages; another asset with QA in its name counts as well."""

_MACHINE: Final = Actor(None, machine=True)


def landing_pages_of(site: Site, urls: Sequence[str]) -> tuple[LandingPage, ...]:
    """Say what is known of addresses: whose they are, and whether anybody was there."""
    if not urls:
        return ()
    surfaces = surfaces_of(site)
    traffic = TrafficRecord.objects.filter(site=site).first()
    visited = {path_of(path) for path, _ in traffic.pages} if traffic else set()
    watched = {
        path_of(each.url): each
        for each in WatchedPageRecord.objects.filter(
            site=site, ended_at=None, looked_at__isnull=False
        )
    }
    found = []
    for url in urls:
        path = path_of(url)
        look = watched.get(path)
        problem = look.problem if look is not None else ""
        found.append(
            LandingPage(
                url,
                surfaces=surfaces_at(url, surfaces),
                seen=path in visited or (look is not None and not look.problem),
                problem=problem if path not in visited else "",
            )
        )
    return tuple(found)


def is_checked(assets: Iterable[AssetRecord]) -> bool:
    """Say whether somebody has said that the pages of a campaign were checked."""
    return any("qa" in each.what.casefold() and each.done_at is not None for each in assets)


def look_after_landing_pages(site: Site, *, now: datetime) -> int:
    """Ask once for the pages of every campaign that comes, and say what is missing near its start.

    Returns:
        For how many campaigns something was asked or said.
    """
    today = day_at(site, now)
    items = [each for each in items_of(site) if each.landing]
    done = 0
    for item in items:
        if is_asked_for(item, today=today):
            done += ask_for_landing_pages(site, item, now=now)
        done += _warn(site, item, now=now)
    return done


@transaction.atomic
def ask_for_landing_pages(site: Site, item: RoadmapItem, *, now: datetime) -> bool:
    """Pass the pages of a campaign on as a signal, with their QA as something it needs; once."""
    Site.objects.select_for_update().get(pk=site.pk)
    name = f"landing:{item.key}"
    asked = SignalRecord.objects.filter(site=site, way=Way.API.value, outside_id=name)
    if item.start is None or asked.exists():
        return False
    today = day_at(site, now)
    left = (item.start - today).days
    many = "a landing page" if len(item.landing) == 1 else f"{len(item.landing)} landing pages"
    late = " That is late: two weeks are the least." if is_late(item, today=today) else ""
    receive_signal(
        site,
        SignalFields(
            title=f"{item.what[:140]} needs {many} by {day(item.start, year=today.year)}",
            detail=f"{item.key} starts in {left} days and leads people to"
            f" {', '.join(item.landing)}.{late}",
            surface=", ".join(item.surfaces)[:120],
            url=f"/s/{site.name}/roadmap/items/{item.key}/",
            team=item.team,
        ),
        Arrival(way=Way.API, by=_MACHINE, outside_id=name),
        now=now,
    )
    if not AssetRecord.objects.filter(site=site, item=item.key, what__icontains="qa").exists():
        owner = next(iter(_owners(site, item)), None)
        AssetRecord.objects.create(
            site=site,
            item=item.key,
            what=QA,
            owner=owner,
            due=max(item.start - WARNED_BEFORE, today),
            made_at=now,
        )
        log(site, item.key, Field.ASSET, "", QA, by=_MACHINE, now=now)
    return True


def _warn(site: Site, item: RoadmapItem, *, now: datetime) -> bool:
    """Tell the owner what is missing, while it is; say nothing of what is there."""
    today = day_at(site, now)
    cause = f"landing:{item.key}"
    missing = landing_missing(site, item) if is_near(item, today=today) else ()
    if not missing or item.start is None:
        settle(site, cause, now=now)
        return False
    more = f" {len(missing) - 1} more on its page." if len(missing) > 1 else ""
    starts = "has begun" if item.start <= today else f"starts {day(item.start, year=today.year)}"
    notice = Notice(
        cause,
        Severity.URGENT if item.start - today <= timedelta(days=1) else Severity.WATCH,
        f"{item.what[:160]} {starts}. {missing[0].sentence}{more}",
        missing[0].remedy,
        f"/s/{site.name}/roadmap/items/{item.key}/",
        Topic.WORK,
    )
    notify(site, notice, to=_owners(site, item), now=now)
    return True


def landing_missing(site: Site, item: RoadmapItem) -> tuple[Obstacle, ...]:
    """Say what the pages of a campaign lack now."""
    assets = AssetRecord.objects.filter(site=site, item=item.key)
    pages = landing_pages_of(site, item.landing)
    return landing_obstacles(pages, checked=is_checked(assets))


def landing_documents(site: Site, item: RoadmapItem) -> list[dict[str, Any]]:
    """Write what is known of the addresses of a campaign."""
    return [
        {
            "url": each.url,
            "surfaces": list(each.surfaces),
            "seen": each.seen,
            "problem": each.problem or None,
        }
        for each in landing_pages_of(site, item.landing)
    ]


def _owners(site: Site, item: RoadmapItem) -> tuple[User, ...]:
    """Give who decides, or their deputy; where nobody is there, who leads and who markets."""
    people = {each.email: each for each in people_of(site)}
    named = [people[each] for each in (item.owner, item.deputy) if each in people]
    functions = frozenset({Function.MARKETING, Function.CRO_LEAD})
    return (named[0],) if named else people_with(site, functions)
