"""The roadmap over HTTP, through the same services."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any, Literal

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema, Status

from truelift.apps.accounts.models import User
from truelift.apps.accounts.roles import Role
from truelift.apps.experiments.domain import day_at
from truelift.apps.research.actor import Actor
from truelift.apps.roadmap import colliding, priorities, rebuilding, rules, services
from truelift.apps.roadmap.api_planning import router as api_planning
from truelift.apps.roadmap.changes import changes_of, freshness_of
from truelift.apps.roadmap.colliding import NoSuchConflict, scene_of
from truelift.apps.roadmap.documents import (
    asset_document,
    candidate_document,
    change_document,
    dependency_document,
    difference_document,
    item_document,
    kept_conflict_document,
    need_document,
    obstacle_documents,
    preview_document,
    progress_document,
    register_document,
    schedule_documents,
    version_document,
    versions_by_key,
)
from truelift.apps.roadmap.fields import ItemFields
from truelift.apps.roadmap.landing import landing_documents
from truelift.apps.roadmap.models import (
    AssetRecord,
    ConflictRecord,
    DependencyRecord,
    RoadmapVersionRecord,
    Verdict,
)
from truelift.apps.roadmap.presence import DAYS as PRESENCE_DAYS
from truelift.apps.roadmap.presence import presence_of
from truelift.apps.roadmap.priorities import orphans_of
from truelift.apps.roadmap.reads import item_of, items_of
from truelift.apps.roadmap.rules import RuleFields, rules_document
from truelift.apps.roadmap.services import NoSuchRoadmapItem
from truelift.apps.roadmap.versions import differences, snapshot_of, versions_of, who_changed
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import site_for
from truelift.lifecycle.back_schedule import critical_path, needs_of
from truelift.lifecycle.conflict_rules import Resolution
from truelift.lifecycle.roadmap_item import DependencyKind, ItemKind, ItemStage


router = Router(tags=["roadmap"])
router.add_router("", api_planning)

Document = dict[str, Any]
Names = list[str]

MOST_CHANGES = 500


class SetsIn(Schema):
    """Who of one dimension sees something."""

    allow: Names = Field(default=[], max_length=100)
    deny: Names = Field(default=[], max_length=100)


class ItemIn(Schema):
    """What is said of an item; what is left out stays as it is."""

    what: str | None = Field(default=None, max_length=200)
    surfaces: Names | None = Field(default=None, max_length=40)
    elements: Names | None = Field(default=None, max_length=40)
    why: Names | None = Field(default=None, max_length=40)
    start: str | None = Field(default=None, max_length=10)
    end: str | None = Field(default=None, max_length=10)
    metric: str | None = Field(default=None, max_length=120)
    owner: str | None = Field(default=None, max_length=254)
    deputy: str | None = Field(default=None, max_length=254)
    team: str | None = Field(default=None, max_length=80)
    squad: str | None = Field(default=None, max_length=80)
    priority: str | None = Field(default=None, max_length=20)
    position: int | None = Field(default=None, ge=-10_000, le=10_000)
    audience: dict[str, SetsIn] | None = None
    allocation: float | None = None
    layer: str | None = Field(default=None, max_length=80)
    low: float | None = None
    high: float | None = None
    shared_code: bool | None = None
    holdout: bool | None = None
    changes_reach: bool | None = None
    touches: Names | None = Field(default=None, max_length=10)
    traffic_change: float | None = None
    features: Names | None = Field(default=None, max_length=40)
    refers: Names | None = Field(default=None, max_length=40)
    events: Names | None = Field(default=None, max_length=40)
    landing: Names | None = Field(
        default=None, max_length=40, description="Addresses to which a campaign leads."
    )
    effort: dict[str, float] | None = None
    notes: str | None = Field(default=None, max_length=2000)


class NewItemIn(ItemIn):
    """A release, a campaign or content."""

    kind: ItemKind


class ItemChangeIn(ItemIn):
    """What is changed, and what the person looked at."""

    version: int | None = None
    reason: str = Field(default="", max_length=500)


class DaysIn(Schema):
    """Other days of an item; none for either takes it away."""

    start: date | None = None
    end: date | None = None
    version: int | None = None
    reason: str = Field(default="", max_length=500)


class ItemStageIn(Schema):
    """How firm an item becomes."""

    stage: ItemStage
    version: int | None = None


class DropIn(Schema):
    """Why an item is dropped."""

    reason: str = Field(max_length=500)
    version: int | None = None


class DependencyIn(Schema):
    """What an item hangs on."""

    on: str = Field(max_length=80)
    kind: DependencyKind


class AssetIn(Schema):
    """Something that must be there before an item starts."""

    what: str = Field(max_length=200)
    owner: str = Field(default="", max_length=254)
    due: str = Field(default="", max_length=10)
    lead_days: int = Field(default=0, ge=0, le=520)


class AssetChangeIn(Schema):
    """That an asset is there, or comes on another day."""

    done: bool | None = None
    due: str | None = Field(default=None, max_length=10)


class ResolutionIn(Schema):
    """What is done about a conflict."""

    resolution: Resolution
    plan: str = Field(default="", max_length=2000)


class PriorityIn(Schema):
    """One thing that the business goes for."""

    name: str = Field(max_length=120)
    what: str = Field(default="", max_length=500)


class PrioritiesIn(Schema):
    """What the business goes for in a quarter, the most important first."""

    quarter: str = Field(max_length=7)
    priorities: list[PriorityIn] = Field(max_length=50)
    because: str = Field(default="", max_length=500)


class RulesIn(Schema):
    """What the rules go by; what is left out stays as it is."""

    capacity: dict[str, float] | None = None
    washout_days: int | None = Field(default=None, ge=0, le=90)
    severities: dict[str, str] | None = None
    free: Names | None = Field(default=None, max_length=300)
    version: int | None = None


class CandidateVerdictIn(Schema):
    """What becomes of a candidate."""

    verdict: Literal["kept", "changed", "dropped"]
    reason: str = Field(default="", max_length=500)
    priority: str = Field(default="", max_length=20)


class RoadmapWanted(Schema):
    """Which items: those that have a part in the days from `since` to `until`."""

    since: date | None = None
    until: date | None = None
    kind: Literal["", "experiment", "release", "campaign", "content", "freeze"] = ""
    surface: str = Field(default="", max_length=120)
    team: str = Field(default="", max_length=80)


class ConflictsWanted(Schema):
    """Which conflicts: those of an item, or in a state."""

    item: str = Field(default="", max_length=80)
    state: Literal["", "open", "resolved", "gone"] = ""


@router.get("/roadmap/items")
def list_roadmap(request: HttpRequest, site: str, wanted: Query[RoadmapWanted]) -> Document:
    """List the items, by their first day; without days, everything that is not over."""
    place = _site(request, site)
    found = items_of(place, since=wanted.since, until=wanted.until)
    versions = versions_by_key(place)
    surface, team = wanted.surface.lower(), wanted.team.lower()
    items = [
        each
        for each in found
        if (not wanted.kind or each.kind.value == wanted.kind)
        and (not surface or surface in (name.lower() for name in each.surfaces))
        and (not team or each.team.lower() == team)
    ]
    fresh = freshness_of(place, now=_now(), active=[each.key for each in items])
    orphans = orphans_of(place, items_of(place), today=day_at(place, _now()))
    return {
        "items": [item_document(each, version=versions.get(each.key, 0)) for each in items],
        "age_days": fresh.days,
        "age": fresh.age.value if fresh.age else None,
        "median_item_age_days": fresh.median,
        "orphans": {
            "items": list(orphans.keys),
            "stale": list(orphans.stale),
            "share": orphans.share,
            "warns": orphans.warns,
            "expired": orphans.expired or None,
        },
    }


@router.get("/roadmap/teams")
def list_teams(request: HttpRequest, site: str) -> Document:
    """Say how each team used the roadmap in the last days; of small teams no counts are said."""
    place = _site(request, site)
    found = presence_of(place, today=day_at(place, _now()))
    return {
        "days": PRESENCE_DAYS,
        "teams": [
            {
                "team": each.team,
                "members": each.members,
                "viewers": each.viewers,
                "editors": each.editors,
                "opened": each.opened,
            }
            for each in found
        ],
    }


@router.post("/roadmap/items", response={201: Document})
def add_to_roadmap(request: HttpRequest, site: str, given: NewItemIn) -> Status[Document]:
    """Put a release, a campaign or content on the roadmap."""
    place = _site(request, site, needs=Role.EDITOR)
    made = services.add_item(place, given.kind, _fields(given), by=_actor(request), now=_now())
    return Status(201, _item(place, made.key))


@router.get("/roadmap/items/{key}")
def show_on_roadmap(request: HttpRequest, site: str, key: str) -> Document:
    """Show an item with what it needs, what collides with it, and what was changed."""
    return _item(_site(request, site), key)


@router.patch("/roadmap/items/{key}")
def change_on_roadmap(request: HttpRequest, site: str, key: str, given: ItemChangeIn) -> Document:
    """Change what is said of an item; of an experiment, what its plan does not say."""
    place = _site(request, site, needs=Role.EDITOR)
    services.change_item(
        place,
        key,
        _fields(given),
        by=_actor(request),
        now=_now(),
        version=given.version,
        reason=given.reason,
    )
    return _item(place, key)


@router.post("/roadmap/items/{key}/preview")
def preview_move(request: HttpRequest, site: str, key: str, given: DaysIn) -> Document:
    """Say what other days would do, and why they would be refused; nothing is changed."""
    place = _site(request, site)
    return preview_document(services.preview_move(place, key, given.start, given.end, now=_now()))


@router.post("/roadmap/items/{key}/move")
def move_on_roadmap(request: HttpRequest, site: str, key: str, given: DaysIn) -> Document:
    """Give an item other days, or say every reason why not."""
    place = _site(request, site, needs=Role.EDITOR)
    found = services.move_item(
        place,
        key,
        given.start,
        given.end,
        by=_actor(request),
        now=_now(),
        version=given.version,
        reason=given.reason,
    )
    return {**_item(place, key), "did": preview_document(found)}


@router.get("/roadmap/items/{key}/slot")
def free_slot(request: HttpRequest, site: str, key: str) -> Document:
    """Give the next days on which an item is in nobody's way; null where there are none."""
    place = _site(request, site)
    scene = scene_of(place, now=_now())
    item = scene.by_key.get(key)
    if item is None:
        raise NoSuchRoadmapItem(key=key)
    slot = scene.slot(item)
    return {"key": key, "start": slot.start if slot else None, "end": slot.end if slot else None}


@router.post("/roadmap/items/{key}/stage")
def set_item_stage(request: HttpRequest, site: str, key: str, given: ItemStageIn) -> Document:
    """Make an item firmer, or say every reason why not."""
    place = _site(request, site, needs=Role.EDITOR)
    services.set_stage(
        place, key, given.stage, by=_actor(request), now=_now(), version=given.version
    )
    return _item(place, key)


@router.post("/roadmap/items/{key}/drop")
def drop_from_roadmap(request: HttpRequest, site: str, key: str, given: DropIn) -> Document:
    """Take an item off the roadmap; an experiment only loses its days."""
    place = _site(request, site, needs=Role.EDITOR)
    services.drop_item(
        place, key, reason=given.reason, by=_actor(request), now=_now(), version=given.version
    )
    return _item(place, key)


@router.post("/roadmap/items/{key}/dependencies", response={201: Document})
def add_dependency(
    request: HttpRequest, site: str, key: str, given: DependencyIn
) -> Status[Document]:
    """Say that an item hangs on another; a circle is refused and named."""
    place = _site(request, site, needs=Role.EDITOR)
    made = services.add_dependency(place, key, given.on, given.kind, by=_actor(request), now=_now())
    return Status(201, dependency_document(made))


@router.delete("/roadmap/dependencies/{number}", response={204: None})
def remove_dependency(request: HttpRequest, site: str, number: int) -> Status[None]:
    """Say that an item does not hang on another any more."""
    place = _site(request, site, needs=Role.EDITOR)
    services.remove_dependency(place, number, by=_actor(request), now=_now())
    return Status(204, None)


@router.post("/roadmap/items/{key}/assets", response={201: Document})
def add_asset(request: HttpRequest, site: str, key: str, given: AssetIn) -> Status[Document]:
    """Say what must be there before an item starts."""
    place = _site(request, site, needs=Role.EDITOR)
    made = services.write_asset(place, key, **given.dict(), by=_actor(request), now=_now())
    return Status(201, asset_document(made))


@router.patch("/roadmap/assets/{number}")
def change_asset(request: HttpRequest, site: str, number: int, given: AssetChangeIn) -> Document:
    """Say that an asset is there, or comes on another day."""
    place = _site(request, site, needs=Role.ANALYST)
    changed = services.change_asset(
        place, number, done=given.done, due=given.due, by=_actor(request), now=_now()
    )
    return asset_document(changed)


@router.delete("/roadmap/assets/{number}", response={204: None})
def remove_asset(request: HttpRequest, site: str, number: int) -> Status[None]:
    """Say that an asset is not needed after all."""
    place = _site(request, site, needs=Role.EDITOR)
    services.remove_asset(place, number, by=_actor(request), now=_now())
    return Status(204, None)


@router.get("/roadmap/changes")
def list_changes(request: HttpRequest, site: str, item: str = "") -> Document:
    """List what was changed on the roadmap, the newest first."""
    place = _site(request, site)
    rows = changes_of(place, item=item.replace("\x00", "") or None)[:MOST_CHANGES]
    return {"changes": [change_document(each) for each in rows]}


@router.get("/conflicts")
def list_conflicts(request: HttpRequest, site: str, wanted: Query[ConflictsWanted]) -> Document:
    """List conflicts, those that begin first at the top; without a state, those that stand."""
    place = _site(request, site)
    rows = ConflictRecord.objects.filter(site=place).select_related("resolved_by")
    rows = rows.filter(state=wanted.state) if wanted.state else rows.exclude(state="gone")
    found = [
        kept_conflict_document(each)
        for each in rows
        if not wanted.item or wanted.item in {each.first, each.second}
    ]
    return {"conflicts": found}


@router.get("/conflicts/{number}")
def show_conflict(request: HttpRequest, site: str, number: int) -> Document:
    """Show a conflict with what people did about it."""
    place = _site(request, site)
    row = colliding.conflict_of(place, number)
    if row is None:
        raise NoSuchConflict(number=number)
    return kept_conflict_document(row)


@router.post("/conflicts/{number}/resolve")
def resolve_conflict(request: HttpRequest, site: str, number: int, given: ResolutionIn) -> Document:
    """Say what is done about a conflict; it is settled when the rules agree."""
    place = _site(request, site, needs=Role.ANALYST)
    row = colliding.resolve(
        place, number, given.resolution, by=_actor(request), now=_now(), plan=given.plan
    )
    return kept_conflict_document(row)


@router.get("/priorities")
def list_priorities(request: HttpRequest, site: str) -> Document:
    """List every version of the commercial priorities, the one that holds first."""
    place = _site(request, site)
    return {
        "registers": [register_document(each) for each in priorities.registers_of(place)],
    }


@router.post("/priorities", response={201: Document})
def write_priorities(request: HttpRequest, site: str, given: PrioritiesIn) -> Status[Document]:
    """Agree on what the business goes for; every item has to say anew which it serves."""
    place = _site(request, site, needs=Role.EDITOR)
    made = priorities.write_priorities(
        place,
        given.quarter,
        [(each.name, each.what) for each in given.priorities],
        by=_actor(request),
        now=_now(),
        because=given.because,
    )
    return Status(201, register_document(made))


@router.get("/roadmap/versions")
def list_versions(request: HttpRequest, site: str) -> Document:
    """List what was published, the newest first, and what is other now than in the newest."""
    place = _site(request, site)
    found = versions_of(place)
    return {
        "versions": [version_document(each) for each in found],
        "since_the_newest": _differences(place, found[0]) if found else None,
    }


@router.get("/roadmap/versions/{number}")
def show_version(request: HttpRequest, site: str, number: int) -> Document:
    """Show a published version with its items, and what is other now."""
    place = _site(request, site)
    found = (
        RoadmapVersionRecord.objects.filter(site=place, number=number).first()
        if 0 < number < 2**31
        else None
    )
    if found is None:
        raise NoSuchRoadmapItem(key=str(number))
    return {
        **version_document(found),
        "items": found.snapshot,
        "since": _differences(place, found),
    }


@router.get("/roadmap/rules")
def show_rules(request: HttpRequest, site: str) -> Document:
    """Say what the rules of the roadmap go by beside the items."""
    return rules_document(colliding.settings_of(_site(request, site)))


@router.put("/roadmap/rules")
def write_rules(request: HttpRequest, site: str, given: RulesIn) -> Document:
    """Agree on what the rules go by; conflicts are looked for anew."""
    place = _site(request, site, needs=Role.EDITOR)
    fields = RuleFields(
        capacity=given.capacity,
        washout_days=given.washout_days,
        severities=given.severities,
        free=None if given.free is None else tuple(given.free),
    )
    made = rules.write_rules(place, fields, by=_actor(request), now=_now(), version=given.version)
    return rules_document(made)


@router.get("/roadmap/rebuild")
def show_rebuild(request: HttpRequest, site: str) -> Document:
    """Say how far the rebuild of the quarter is; null where none goes on."""
    place = _site(request, site)
    going = rebuilding.rebuild_of(place)
    progress = None if going is None else rebuilding.progress_of(place, going)
    return {"rebuild": None if progress is None else progress_document(progress)}


@router.post("/roadmap/rebuild", response={201: Document})
def begin_rebuild(request: HttpRequest, site: str) -> Status[Document]:
    """Make a list of candidates of everything on the roadmap."""
    place = _site(request, site, needs=Role.EDITOR)
    begun = rebuilding.begin_rebuild(place, by=_actor(request), now=_now())
    return Status(201, progress_document(rebuilding.progress_of(place, begun)))


@router.post("/roadmap/rebuild/candidates/{number}")
def decide_candidate(
    request: HttpRequest, site: str, number: int, given: CandidateVerdictIn
) -> Document:
    """Say what becomes of a candidate."""
    place = _site(request, site, needs=Role.EDITOR)
    row = rebuilding.decide_candidate(
        place,
        number,
        Verdict(given.verdict),
        reason=given.reason,
        priority=given.priority,
        by=_actor(request),
        now=_now(),
    )
    return candidate_document(row)


@router.post("/roadmap/rebuild/publish", response={201: Document})
def publish_rebuild(request: HttpRequest, site: str) -> Status[Document]:
    """Publish the quarter's roadmap, or name every candidate that nobody has decided about."""
    place = _site(request, site, needs=Role.EDITOR)
    made = rebuilding.publish_rebuild(place, by=_actor(request), now=_now())
    return Status(201, version_document(made))


def _differences(site: Site, version: RoadmapVersionRecord) -> list[Document]:
    found = differences(
        version.snapshot,
        snapshot_of(items_of(site)),
        by=who_changed(site, since=version.published_at),
    )
    return [difference_document(each) for each in found]


def _item(site: Site, key: str) -> Document:
    item = item_of(site, key)
    if item is None:
        raise NoSuchRoadmapItem(key=key)
    now = _now()
    scene = scene_of(site, now=now)
    today = day_at(site, now)
    rows = ConflictRecord.objects.filter(site=site).exclude(state="gone")
    assets = AssetRecord.objects.filter(site=site, item=key).select_related("owner")
    return {
        **item_document(item, version=versions_by_key(site).get(key, 0)),
        "conflicts": [
            kept_conflict_document(each)
            for each in rows.select_related("resolved_by")
            if key in {each.first, each.second}
        ],
        "obstacles": obstacle_documents(scene.obstacles(key)),
        "assets": [asset_document(each) for each in assets],
        "landing_pages": landing_documents(site, item),
        "hangs_on": [
            dependency_document(each)
            for each in DependencyRecord.objects.filter(site=site, item=key).order_by("pk")
        ],
        "needs": [need_document(each) for each in needs_of(key, scene.items, today=today)],
        "critical_path": list(critical_path(key, scene.items, today=today)),
        "slips": schedule_documents(scene, key),
    }


def _fields(given: ItemIn) -> ItemFields:
    said = given.dict(exclude={"version", "reason", "kind", "audience"})
    lists = {name: tuple(each) for name, each in said.items() if isinstance(each, list)}
    audience = (
        None
        if given.audience is None
        else {
            dimension: {"allow": tuple(sets.allow), "deny": tuple(sets.deny)}
            for dimension, sets in given.audience.items()
        }
    )
    return ItemFields(**{**said, **lists}, audience=audience)


def _site(request: HttpRequest, name: str, *, needs: Role = Role.VIEWER) -> Site:
    return site_for(request.user, name, needs=needs)


def _actor(request: HttpRequest) -> Actor:
    assert isinstance(request.user, User)  # noqa: S101 - every endpoint signs in first
    return Actor(request.user)


def _now() -> datetime:
    return datetime.now(UTC)
