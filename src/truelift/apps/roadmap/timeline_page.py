"""The page of the timeline: the roadmap's rows, laid out, with what is asked in its address."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from django.db.models import Q

from truelift.apps.accounts.models import User
from truelift.apps.drawing.wording import day
from truelift.apps.experiments.domain import day_at
from truelift.apps.experiments.models import ExperimentRecord
from truelift.apps.explorers.reads import Kept, views_of
from truelift.apps.freezes.page import Answer, answers_now
from truelift.apps.roadmap.changes import freshness_of
from truelift.apps.roadmap.colliding import context_of, settings_of
from truelift.apps.roadmap.documents import versions_by_key
from truelift.apps.roadmap.liaison import touching_among
from truelift.apps.roadmap.models import ConflictRecord, ConflictState
from truelift.apps.roadmap.page import answer_of, grounds_of
from truelift.apps.roadmap.reads import items_of
from truelift.apps.roadmap.timeline import (
    Beside,
    Clash,
    Lanes,
    Timeline,
    Window,
    Zoom,
    quarter_of,
    timeline,
    window_of,
)
from truelift.apps.sites.models import Site
from truelift.apps.surfaces.reads import surfaces_of
from truelift.lifecycle.back_schedule import critical_path, predecessors, slips
from truelift.lifecycle.conflict_rules import Severity
from truelift.lifecycle.experiment import Stage
from truelift.lifecycle.liaison import Touching
from truelift.lifecycle.roadmap_item import OVER, ItemKind, RoadmapItem


MOST_CHAINS: Final = 12
"""Chains of which the critical path is worked out, those that end first."""
MOST_AHEAD: Final = 40
AHEAD: Final = timedelta(days=28)
MOST_CONFLICTS: Final = 10
MOST_UNDATED: Final = 50
MOST_SURFACES: Final = 12
ROADMAP: Final = "roadmap"
"""What saved views call this page."""


@dataclass(frozen=True, slots=True)
class Ahead:
    """Something that happens in the next weeks."""

    at: date
    kind: str
    what: str
    href: str


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several addresses of the page."""

    label: str
    href: str
    current: bool


@dataclass(frozen=True, slots=True)
class SavedHere:
    """Views of the roadmap that were saved, and what saving this one keeps.

    Attributes:
        name: What saved views call the roadmap.
        query: The address without its days: a view shows what is true when it is opened.
        views: Those that the reader may open.
        file: No file stands beside them here.
    """

    name: str
    query: str
    views: tuple[Kept, ...]
    file: str = ""


@dataclass(frozen=True, slots=True)
class TimelinePage:
    """The page.

    Attributes:
        answer: What it says.
        grounds: When somebody rethought the roadmap last.
        conflicts: Those that stand and stop something, the first to begin at the top.
        more_conflicts: How many of them are not listed.
        total: How many items the filters leave.
        ahead: What happens in the next four weeks.
        quarter: The calendar quarter in words.
        kept: What the filters' form carries on: name and value.
        any: Whether there is anything on the roadmap at all.
        deploys: Of each surface whether it may be deployed now, those that may not first.
        more_deploys: How many surfaces are not listed.
        releases: Releases that touch a test and that nobody has acknowledged.
        saved: What the menu of saved views shows.
    """

    answer: str
    grounds: str
    drawn: Timeline
    zoom: Zoom
    lanes: Lanes
    conflicts: tuple[ConflictRecord, ...]
    more_conflicts: int
    total: int
    ahead: tuple[Ahead, ...]
    zooms: tuple[Choice, ...]
    groupings: tuple[Choice, ...]
    before: str
    after: str
    here: str
    print: str
    quarter: str
    kept: tuple[tuple[str, str], ...]
    any: bool
    deploys: tuple[Answer, ...]
    more_deploys: int
    releases: tuple[Touching, ...]
    saved: SavedHere

    @property
    def undated(self) -> tuple[RoadmapItem, ...]:
        """Items without days, as far as they are listed."""
        return self.drawn.undated[:MOST_UNDATED]


def timeline_page(
    site: Site,
    given: Mapping[str, Any],
    *,
    reader: User,
    now: datetime,
    may_move: bool,
    on_paper: bool = False,
) -> TimelinePage:
    """Say who changes what, where and when, and what collides.

    The number of queries does not grow with the number of items.
    """
    today = day_at(site, now)
    zoom = Zoom(given.get("zoom") or Zoom.QUARTER)
    lanes = Lanes(given.get("lanes") or Lanes.SURFACE)
    # Two weeks of what has been are of use; on a day's zoom, one.
    usual = today - timedelta(days=7 if zoom is Zoom.DAY else 14)
    at = given.get("from") or usual
    window = quarter_of(given.get("from") or today) if on_paper else window_of(zoom, at)
    everything = items_of(site, since=min(window.since, today))
    standing = [each for each in everything if each.stage not in OVER]
    found = [each for each in everything if _is_wanted(each, given)]
    surfaces = surfaces_of(site)
    settings = settings_of(site)
    context = context_of(settings)
    open_ = list(
        ConflictRecord.objects.filter(site=site, state=ConflictState.OPEN.value).order_by(
            "starts_on", "pk"
        )
    )
    stopping = [row for row in open_ if Severity(row.severity).stops]
    shown = {each.key for each in found}
    listed = [row for row in stopping if row.first in shown or row.second in shown]
    drawn = timeline(
        found,
        window=window,
        zoom=zoom,
        lanes=lanes,
        today=today,
        beside=Beside(
            clashes=[clash_of(row) for row in open_],
            slips=slips(everything, today=today, free=context.free),
            path=_paths(standing, today=today, free=context.free),
            invalid=frozenset(
                ExperimentRecord.objects.filter(site=site)
                .filter(Q(stage=Stage.INVALID.value) | Q(invalid_at__isnull=False))
                .values_list("key", flat=True)
            ),
            versions=versions_by_key(site),
            seasons=[(each.name, each.start, each.end) for each in context.seasons],
            order={each.name: each.team for each in surfaces} if lanes is Lanes.SURFACE else None,
        ),
        may_move=may_move,
    )
    fresh = freshness_of(site, now=now, active=[each.key for each in standing])
    address = _Address(given)
    # On paper nothing is deployed and nothing saved.
    deploys = () if on_paper else answers_now(site, now=now, surfaces=surfaces)
    waiting = (
        ()
        if on_paper
        else tuple(each for each in touching_among(site, standing, today=today) if each.waits)
    )
    views = () if on_paper else views_of(site, reader)
    return TimelinePage(
        answer=answer_of(standing, stopping, today=today),
        grounds=grounds_of(fresh),
        drawn=drawn,
        zoom=zoom,
        lanes=lanes,
        conflicts=tuple(listed[:MOST_CONFLICTS]),
        more_conflicts=max(len(listed) - MOST_CONFLICTS, 0),
        total=len(found),
        ahead=_ahead(site, found, listed, today=today),
        zooms=tuple(
            Choice(each.capitalize(), address.of(zoom=each), each is zoom) for each in Zoom
        ),
        groupings=tuple(
            Choice(f"By {each}", address.of(lanes=each), each is lanes) for each in Lanes
        ),
        before=address.of(**{"from": _shifted(window, -zoom.step)}),
        after=address.of(**{"from": _shifted(window, zoom.step)}),
        here=address.of(**{"from": None}),
        print=address.of(**{"from": window.since + AHEAD}, zoom=Zoom.QUARTER, print="yes"),
        quarter=f"Q{(window.since.month + 2) // 3} {window.since.year}",
        kept=address.kept("lanes", "zoom", "from"),
        any=bool(everything),
        deploys=deploys[:MOST_SURFACES],
        more_deploys=max(len(deploys) - MOST_SURFACES, 0),
        releases=waiting[:MOST_CONFLICTS],
        saved=SavedHere(
            ROADMAP,
            address.of(**{"from": None}).removeprefix("?"),
            tuple(each for each in views if each.view.explorer == ROADMAP),
        ),
    )


def clash_of(row: ConflictRecord) -> Clash:
    """Give a conflict as it is drawn."""
    return Clash(
        key=row.key,
        severity=Severity(row.severity),
        first=row.first,
        second=row.second,
        starts=row.starts_on,
        days=row.days or 0,
    )


class _Address:
    """The page's address, with something changed."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self.said = {
            name: value.isoformat() if isinstance(value, date) else str(value)
            for name, value in given.items()
            if value
        }

    def of(self, **changed: object) -> str:
        said = dict(self.said)
        for name, value in changed.items():
            said.pop(name, None)
            if value:
                said[name] = value.isoformat() if isinstance(value, date) else str(value)
        return f"?{urlencode(said)}"

    def kept(self, *names: str) -> tuple[tuple[str, str], ...]:
        return tuple((name, self.said[name]) for name in names if name in self.said)


def _shifted(window: Window, days: int) -> date:
    return window.since + timedelta(days=days)


def _is_wanted(item: RoadmapItem, given: Mapping[str, Any]) -> bool:
    stage, kind = given.get("stage"), given.get("kind")
    surface, team, owner, text = (
        str(given.get(name) or "").strip().lower() for name in ("surface", "team", "owner", "text")
    )
    return (
        (not stage or item.stage.value == stage)
        and (not kind or item.kind.value == kind)
        and (not surface or any(surface in each.lower() for each in item.surfaces))
        and (not team or team in f"{item.team} {item.squad}".lower())
        and (not owner or owner in item.owner.lower())
        and (not text or text in f"{item.key} {item.what}".lower())
    )


def _paths(
    items: Sequence[RoadmapItem], *, today: date, free: frozenset[date] | set[date]
) -> list[tuple[str, ...]]:
    """Work out what decides when the ends of chains can start."""
    before = predecessors(items)
    needed = {key for keys in before.values() for key in keys}
    ends = [each for each in items if each.key in before and each.key not in needed]
    ends.sort(key=lambda each: (each.start is None, each.start or date.max, each.key))
    return [critical_path(each.key, items, today=today, free=free) for each in ends[:MOST_CHAINS]]


def _ahead(
    site: Site, items: Sequence[RoadmapItem], conflicts: Sequence[ConflictRecord], *, today: date
) -> tuple[Ahead, ...]:
    until = today + AHEAD
    found = []
    for each in items:
        if each.stage in OVER:
            continue
        href = f"/s/{site.name}/roadmap/items/{each.key}/"
        what = each.what or each.key
        kind = each.kind.value
        last = None if each.end is None else each.end - timedelta(days=1)
        if each.start is not None and today <= each.start < until:
            to = f", to {day(last, year=today.year)}" if last and last > each.start else ""
            verb = "" if each.kind in {ItemKind.FREEZE, ItemKind.RELEASE} else " starts"
            found.append(Ahead(each.start, kind, f"{what}{verb}{to}", href))
        elif last is not None and today <= last < until:
            found.append(Ahead(last, kind, f"{what} ends", href))
        for asset in each.assets:
            if not asset.done and asset.due is not None and asset.due < until:
                late = " was due" if asset.due < today else " is due"
                found.append(Ahead(asset.due, "due", f"{asset.what} for {what}{late}", href))
    for row in conflicts:
        if today <= row.starts_on < until:
            href = f"/s/{site.name}/roadmap/conflicts/{row.number}/"
            found.append(Ahead(row.starts_on, "conflict", row.sentence, href))
    found.sort(key=lambda each: (each.at, each.kind, each.what))
    return tuple(found[:MOST_AHEAD])
