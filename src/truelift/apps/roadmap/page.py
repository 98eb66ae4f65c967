"""The pages of the roadmap as values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from statistics import median
from typing import Any, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from truelift.apps.accounts.models import User
from truelift.apps.drawing.wording import count, day, number, percent
from truelift.apps.experiments.domain import day_at
from truelift.apps.roadmap.changes import changes_of, freshness_of
from truelift.apps.roadmap.colliding import Scene, scene_of
from truelift.apps.roadmap.documents import versions_by_key
from truelift.apps.roadmap.forms import HANGS
from truelift.apps.roadmap.landing import landing_missing, landing_pages_of
from truelift.apps.roadmap.liaison import unaccompanied_of
from truelift.apps.roadmap.models import (
    AssetRecord,
    ConflictRecord,
    ConflictState,
    DependencyRecord,
    ItemChangeRecord,
)
from truelift.apps.roadmap.presence import quiet_teams
from truelift.apps.roadmap.priorities import orphans_of
from truelift.apps.roadmap.reads import item_of, items_of
from truelift.apps.sites.models import Site
from truelift.lifecycle.back_schedule import Need, Slip, critical_path, needs_of
from truelift.lifecycle.conflict_rules import Resolution, Rule, Severity
from truelift.lifecycle.landing import LandingPage
from truelift.lifecycle.obstacle import Obstacle
from truelift.lifecycle.roadmap_change import Age, Field, Freshness, ItemChange
from truelift.lifecycle.roadmap_item import (
    OVER,
    DependencyKind,
    ItemKind,
    ItemStage,
    RoadmapItem,
    column_obstacles,
)
from truelift.lifecycle.roadmap_move import ITEM_TRANSITIONS, MOVABLE, stage_obstacles


ON_A_PAGE: Final = 100
MOST_CHANGES: Final = 30

STAGES: Final[Mapping[ItemStage, tuple[str, str]]] = {
    ItemStage.PROPOSED: ("missing", "Proposed"),
    ItemStage.PLANNED: ("missing", "Planned"),
    ItemStage.SCHEDULED: ("waiting", "Scheduled"),
    ItemStage.RUNNING: ("inconclusive", "Running"),
    ItemStage.DONE: ("passed", "Done"),
    ItemStage.CANCELLED: ("null", "Dropped"),
}
"""Stage → glyph and word."""

STEPS: Final[Mapping[ItemStage, str]] = {
    ItemStage.PROPOSED: "Put it back to proposed",
    ItemStage.PLANNED: "Plan it",
    ItemStage.SCHEDULED: "Schedule it",
    ItemStage.RUNNING: "Say that it runs",
    ItemStage.DONE: "Say that it is done",
}
"""Stage → what a button that leads there says."""


@dataclass(frozen=True, slots=True)
class ItemRow:
    """A line of the list.

    Attributes:
        when: Its days in words.
        conflicts: How many that stand and are not settled.
        href: Its page.
    """

    item: RoadmapItem
    glyph: str
    stage: str
    when: str
    conflicts: int
    href: str


@dataclass(frozen=True, slots=True)
class RoadmapPage:
    """The list.

    Attributes:
        answer: What the page says.
        grounds: When somebody rethought it last.
        warnings: What is wrong with it as a whole.
        conflicts: Those that stand and stop something, the first to begin at the top.
        total: How many items the filters leave.
        before: Address of the page before; empty on the first.
        after: Address of the page after; empty on the last.
    """

    answer: str
    grounds: str
    warnings: tuple[str, ...]
    conflicts: tuple[ConflictRecord, ...]
    rows: tuple[ItemRow, ...]
    total: int
    said: str
    before: str
    after: str
    any: bool


def roadmap_page(site: Site, given: Mapping[str, Any], *, now: datetime) -> RoadmapPage:
    """Say who changes what, when, and whether they collide."""
    today = day_at(site, now)
    standing = items_of(site)
    stage = given.get("stage") or ""
    # What is over is asked for only where somebody wants to see it.
    shown = (
        items_of(site, since=given.get("since") or date(2000, 1, 1), until=given.get("until"))
        if stage in {each.value for each in OVER} or given.get("since") or given.get("until")
        else standing
    )
    found = [each for each in shown if _is_wanted(each, given)]
    open_ = list(
        ConflictRecord.objects.filter(site=site, state=ConflictState.OPEN.value).order_by(
            "starts_on", "pk"
        )
    )
    colliding = Counter(key for row in open_ for key in {row.first, row.second} if key)
    stopping = tuple(row for row in open_ if Severity(row.severity).stops)
    page = given.get("page") or 1
    first = (page - 1) * ON_A_PAGE
    rows = tuple(
        item_row(site, each, conflicts=colliding[each.key], today=today)
        for each in found[first : first + ON_A_PAGE]
    )
    fresh = freshness_of(site, now=now, active=[each.key for each in standing])
    return RoadmapPage(
        answer=answer_of(standing, stopping, today=today),
        grounds=grounds_of(fresh),
        warnings=_warnings(site, standing, fresh.age, fresh.days, today=today),
        conflicts=stopping,
        rows=rows,
        total=len(found),
        said=f"{count(first + 1)} to {count(first + len(rows))} of {count(len(found))}"
        if rows
        else "none",
        before=_page(given, page - 1) if page > 1 else "",
        after=_page(given, page + 1) if first + ON_A_PAGE < len(found) else "",
        any=bool(standing) or bool(shown),
    )


def names_of(addresses: Sequence[str]) -> tuple[str, ...]:
    """Call people by their names; who has none, or is not there any more, by their address."""
    wanted = [each for each in addresses if "@" in each]
    known = (
        {each.email: str(each) for each in User.objects.filter(email__in=wanted)} if wanted else {}
    )
    return tuple(known.get(each, each) for each in addresses)


def _is_wanted(item: RoadmapItem, given: Mapping[str, Any]) -> bool:
    stage, kind = given.get("stage"), given.get("kind")
    if stage and item.stage.value != stage:
        return False
    if not stage and item.stage in OVER and not (given.get("since") or given.get("until")):
        return False
    if kind and item.kind.value != kind:
        return False
    surface = (given.get("surface") or "").strip().lower()
    team = (given.get("team") or "").strip().lower()
    text = (given.get("text") or "").strip().lower()
    return (
        (not surface or any(surface in each.lower() for each in item.surfaces))
        and (not team or team in f"{item.team} {item.squad}".lower())
        and (not text or text in f"{item.key} {item.what}".lower())
    )


def _page(given: Mapping[str, Any], page: int) -> str:
    said = {
        name: value.isoformat() if isinstance(value, date) else value
        for name, value in given.items()
        if value and name != "page"
    }
    return f"?{urlencode({**said, 'page': page})}"


def item_row(site: Site, item: RoadmapItem, *, conflicts: int, today: date) -> ItemRow:
    """Give an item as a line of a list."""
    glyph, word = STAGES[item.stage]
    return ItemRow(
        item=item,
        glyph=glyph,
        stage=word,
        when=when(item, today=today),
        conflicts=conflicts,
        href=f"/s/{site.name}/roadmap/items/{item.key}/",
    )


def when(item: RoadmapItem, *, today: date) -> str:
    """Say an item's days; its last day counts, the one after is what is kept."""
    if item.start is None:
        return "no days yet"
    first = day(item.start, year=today.year)
    if item.end is None:
        return f"from {first}"
    last = date.fromordinal(item.end.toordinal() - 1)
    return first if last <= item.start else f"{first} to {day(last, year=today.year)}"


def answer_of(
    items: Sequence[RoadmapItem], stopping: Sequence[ConflictRecord], *, today: date
) -> str:
    """Say how many conflicts have to be settled, and by when the first."""
    if not items:
        return "Nothing is on the roadmap yet."
    if not stopping:
        many = f"{count(len(items))} item{'' if len(items) == 1 else 's'}"
        return f"{many}, and none in another’s way."
    many = f"{count(len(stopping))} conflict{'' if len(stopping) == 1 else 's'}"
    first = min(row.due for row in stopping)
    if first < today:
        return f"{many} to settle; one was due on {day(first, year=today.year)}."
    return f"{many} to settle, the first by {day(first, year=today.year)}."


def grounds_of(fresh: Freshness) -> str:
    """Say when somebody rethought the roadmap last, and how old its items are."""
    days, last = fresh.days, fresh.last
    if days is None or last is None:
        return "Nobody has changed it yet."
    if fresh.median is not None:
        middle = number(fresh.median, digits=0 if fresh.median == int(fresh.median) else 1)
        of = f"{count(len(fresh.items))} active item{'' if len(fresh.items) == 1 else 's'}"
        unit = "day" if fresh.median == 1 else "days"
        return f"{_last_change(days, last)} Median of {of}: {middle} {unit} since a change."
    return _last_change(days, last)


def _last_change(days: int, last: ItemChange) -> str:
    ago = "today" if days == 0 else "yesterday" if days == 1 else f"{days} days ago"
    who = names_of([last.by])[0]
    if last.field is Field.ITEM:
        did = "was added" if last.after else "was dropped"
        return f"Rethought last {ago}: {last.item} {did}, by {who}."
    called = last.field.called.lower()
    return f"Rethought last {ago}: {called} of {last.item}, by {who}."


def _warnings(
    site: Site, items: Sequence[RoadmapItem], age: Age | None, days: int | None, *, today: date
) -> tuple[str, ...]:
    said = []
    if age is Age.WARN:
        said.append(
            f"Nobody has rethought the roadmap for {days} days: what does not change is decoration."
        )
    elif age is Age.INFO:
        said.append(f"Nobody has rethought the roadmap for {days} days.")
    orphans = orphans_of(site, items, today=today)
    if orphans.warns and orphans.share is not None:
        stale = f", {len(orphans.stale)} of them one that is not current" if orphans.stale else ""
        if orphans.expired:
            stale = f": those of {orphans.expired} ended with it"
        said.append(
            f"{percent(orphans.share)} of the items ({len(orphans.keys)} of {orphans.counted})"
            f" serve no current priority{stale}."
        )
    gone = [each.key for each in items if each.owner and not each.owner_active]
    if gone:
        said.append(f"The decision-owner of {', '.join(gone[:5])} has left; the deputy decides.")
    unaccompanied = unaccompanied_of(site)
    if unaccompanied:
        said.append(f"Engineers own {', '.join(unaccompanied[:3])}, and nobody is liaison.")
    quiet = quiet_teams(site, today=today)
    if quiet:
        said.append(f"Nobody of {_listed(quiet)} has opened the roadmap for 30 days.")
    return tuple(said)


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


@dataclass(frozen=True, slots=True)
class StepChoice:
    """A step that an item can take, with what stands in its way."""

    stage: str
    label: str
    reasons: tuple[Obstacle, ...]


@dataclass(frozen=True, slots=True)
class ItemPage:
    """One item.

    Attributes:
        version: What its forms were shown of.
        facts: Term and text.
        conflicts: Those that stand.
        steps: What can be done next, the main one first.
        missing: Which of the seven columns it lacks.
        needs: What must be there before, the latest first.
        path: What decides when it can start, first things first.
        slip: Where its start would have to go; None where it holds.
        hangs: Row and words of each dependency.
        changes: The log, the newest first: what, who, when.
        own: Whether its plan is kept here.
        movable: Whether its days can be moved here.
        landing: Address, shape and words of each page to which it leads.
        lacking: What those pages lack.
    """

    item: RoadmapItem
    version: int
    glyph: str
    stage: str
    when: str
    facts: tuple[tuple[str, str], ...]
    conflicts: tuple[ConflictRecord, ...]
    steps: tuple[StepChoice, ...]
    missing: tuple[Obstacle, ...]
    assets: tuple[AssetRecord, ...]
    needs: tuple[Need, ...]
    path: tuple[str, ...]
    slip: Slip | None
    hangs: tuple[tuple[DependencyRecord, str], ...]
    changes: tuple[tuple[str, str, str], ...]
    own: bool
    movable: bool
    landing: tuple[tuple[str, str, str], ...]
    lacking: tuple[Obstacle, ...]


def item_page(site: Site, key: str, *, now: datetime) -> ItemPage | None:
    """Say what an item is, what it needs, and what is in its way; None where there is none."""
    item = item_of(site, key)
    if item is None:
        return None
    scene = scene_of(site, now=now)
    today = scene.today
    glyph, word = STAGES[item.stage]
    own = item.kind in {ItemKind.RELEASE, ItemKind.CAMPAIGN, ItemKind.CONTENT}
    missing = () if item.stage in OVER else column_obstacles(item)
    free = scene.context.free
    return ItemPage(
        item=item,
        version=versions_by_key(site).get(key, 0),
        glyph=glyph,
        stage=word,
        when=when(item, today=today),
        facts=_facts(item, when(item, today=today)),
        conflicts=tuple(
            row
            for row in ConflictRecord.objects.filter(site=site).exclude(
                state=ConflictState.GONE.value
            )
            if key in {row.first, row.second}
        ),
        steps=_steps(item, scene) if own else (),
        missing=missing,
        assets=tuple(AssetRecord.objects.filter(site=site, item=key).select_related("owner")),
        needs=needs_of(key, scene.items, today=today, free=free),
        path=critical_path(key, scene.items, today=today, free=free),
        slip=next((each for each in scene.slips if each.item == key), None),
        hangs=tuple(
            (row, f"{HANGS[DependencyKind(row.kind)]} {row.on}")
            for row in DependencyRecord.objects.filter(site=site, item=key).order_by("pk")
        ),
        changes=tuple(
            change_line(row, site, today=today) for row in changes_of(site, item=key)[:MOST_CHANGES]
        ),
        own=own,
        movable=item.kind is not ItemKind.FREEZE and item.stage in MOVABLE,
        landing=tuple(_landing(each) for each in landing_pages_of(site, item.landing)),
        lacking=landing_missing(site, item) if item.landing and item.stage not in OVER else (),
    )


def _landing(page: LandingPage) -> tuple[str, str, str]:
    whose = f", on {' and '.join(page.surfaces)}" if page.surfaces else ", on no surface"
    if page.problem:
        return page.url, "failed", f"Not to be seen{whose}"
    return (
        page.url,
        "passed" if page.seen else "missing",
        f"{'Seen' if page.seen else 'Never seen'}{whose}",
    )


def _facts(item: RoadmapItem, days: str) -> tuple[tuple[str, str], ...]:
    said = [
        ("What", item.what),
        ("Where", ", ".join(item.surfaces) or "nobody has said"),
        ("Why", ", ".join(item.why) or "nobody has said"),
        ("When", days),
        ("Success", item.metric or "nobody has said"),
        ("Decides", names_of([item.owner])[0] or "nobody"),
    ]
    if item.deputy:
        said.append(("Deputy", names_of([item.deputy])[0]))
    optional = (
        ("Team", ", ".join(filter(None, [item.team, item.squad]))),
        ("Priority", item.priority),
        ("Parts", ", ".join(item.elements)),
        ("Changes", ", ".join(sorted(each.value for each in item.touches))),
        ("Features", ", ".join(item.features)),
        ("Speaks of", ", ".join(item.references)),
        ("Events", ", ".join(item.events)),
        ("Layer", f"{item.layer}, {item.low:.0%} to {item.high:.0%}" if item.layer else ""),
        ("Harmless to", ", ".join(sorted(item.benign))),
        ("Work", ", ".join(f"{role} {days:g} d" for role, days in item.effort.items())),
    )
    return (*said, *((term, text) for term, text in optional if text))


def _steps(item: RoadmapItem, scene: Scene) -> tuple[StepChoice, ...]:
    order = (ItemStage.SCHEDULED, ItemStage.RUNNING, ItemStage.DONE, ItemStage.PLANNED)
    found = []
    for to in (*order, ItemStage.PROPOSED):
        if to not in ITEM_TRANSITIONS[item.stage]:
            continue
        conflicts = scene.obstacles(item.key) if to is ItemStage.SCHEDULED else ()
        found.append(
            StepChoice(to.value, STEPS[to], stage_obstacles(item, to, conflicts=conflicts))
        )
    return tuple(found)


def change_line(row: ItemChangeRecord, site: Site, *, today: date) -> tuple[str, str, str]:
    """Say one change: what, by whom, when."""
    field = Field(row.field)
    at = day(row.at.astimezone(ZoneInfo(site.time_zone)), year=today.year)
    who = str(row.by) if row.by else "the operator" if row.human else "a job"
    if field is Field.ITEM:
        what = f"{row.item} was {'added' if row.after else 'dropped'}"
    elif not row.before:
        what = f"{row.item}: {field.called.lower()} is {row.after}"
    elif not row.after:
        what = f"{row.item}: {field.called.lower()} was {row.before}, and is none now"
    else:
        what = f"{row.item}: {field.called.lower()} was {row.before}, is {row.after}"
    return f"{what}{f' ({row.reason})' if row.reason else ''}", who, at


@dataclass(frozen=True, slots=True)
class ConflictsPage:
    """The list of conflicts.

    Attributes:
        lead: Median of the days from the detection to the start, of those that stop something.
        too_late: Share of them that were found after they had begun.
    """

    answer: str
    rows: tuple[ConflictRecord, ...]
    gone: tuple[ConflictRecord, ...]
    lead: float | None
    too_late: float | None


def conflicts_page(site: Site, *, now: datetime) -> ConflictsPage:
    """Say what collides, what was settled, and how early it was found."""
    rows = list(ConflictRecord.objects.filter(site=site).select_related("resolved_by"))
    standing = tuple(row for row in rows if row.state != ConflictState.GONE.value)
    gone = [row for row in rows if row.state == ConflictState.GONE.value]
    gone.sort(key=lambda row: row.gone_at or now, reverse=True)
    zone = ZoneInfo(site.time_zone)
    leads = [
        (row.detected_start - row.detected_at.astimezone(zone).date()).days
        for row in rows
        if Severity(row.severity).stops
    ]
    open_ = [row for row in standing if row.state == ConflictState.OPEN.value]
    if not standing:
        answer = "Nothing is in anybody’s way."
    elif not open_:
        answer = f"All {count(len(standing))} conflicts are settled."
    else:
        answer = f"{count(len(open_))} of {count(len(standing))} conflicts wait to be settled."
    return ConflictsPage(
        answer=answer,
        rows=standing,
        gone=tuple(gone[:MOST_CHANGES]),
        lead=float(median(leads)) if leads else None,
        too_late=sum(each < 0 for each in leads) / len(leads) if leads else None,
    )


@dataclass(frozen=True, slots=True)
class ConflictPage:
    """One conflict.

    Attributes:
        items: Key, what it is, and its page, of both.
        ways: Word, label and meaning of each way to settle it.
        resolution: What was chosen, in words; empty while nothing was.
        stops: Whether it has to be settled.
        owners: Who decides about the items.
        agree: Who agrees with what was chosen.
    """

    row: ConflictRecord
    rule: str
    severity: str
    items: tuple[tuple[str, str, str], ...]
    ways: tuple[tuple[str, str, str], ...]
    resolution: str
    stops: bool
    owners: tuple[str, ...]
    agree: tuple[str, ...]


def conflict_page(row: ConflictRecord) -> ConflictPage:
    """Say who collides with whom, and what can be done about it."""
    rule = Rule(row.rule)
    site = row.site
    named = []
    for key in filter(None, (row.first, row.second)):
        item = item_of(site, key)
        what = item.what if item else "is not there any more"
        named.append((key, what, f"/s/{site.name}/roadmap/items/{key}/"))
    return ConflictPage(
        row=row,
        rule=rule.called,
        severity=Severity(row.severity).called,
        items=tuple(named),
        ways=tuple((each.value, each.called, each.meaning) for each in rule.resolutions),
        resolution=Resolution(row.resolution).called if row.resolution else "",
        stops=Severity(row.severity).stops,
        owners=names_of(row.owners),
        agree=names_of([each["user"] for each in row.agreed]),
    )
