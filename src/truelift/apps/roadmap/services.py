"""Everything that can be done to items of the roadmap, each atomic and written down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any, Final, TypeVar

from django.db import transaction
from django.db.models import Max, QuerySet

from truelift.apps.accounts.audit import record as audit
from truelift.apps.accounts.models import Json
from truelift.apps.experiments.domain import day_at
from truelift.apps.experiments.job_kinds import queue
from truelift.apps.experiments.models import ExperimentRecord
from truelift.apps.experiments.rescheduling import reschedule_experiment
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import is_storable
from truelift.apps.roadmap.changes import as_text, log
from truelift.apps.roadmap.colliding import Preview, moved, preview, recompute, scene_of
from truelift.apps.roadmap.fields import (
    LOGGED,
    BadRoadmapFields,
    ItemFields,
    day_in,
    fill,
    member,
)
from truelift.apps.roadmap.landing import ask_for_landing_pages
from truelift.apps.roadmap.models import (
    AssetRecord,
    CommercialPriorityRecord,
    DependencyRecord,
    RoadmapItemRecord,
)
from truelift.apps.roadmap.reads import item_of, number_in
from truelift.apps.sites.models import Site
from truelift.errors import Refusal
from truelift.lifecycle.back_schedule import circle_obstacle, cycle_through, predecessors
from truelift.lifecycle.experiment import PREPARING, Stage
from truelift.lifecycle.landing import is_asked_for
from truelift.lifecycle.obstacle import MoveRefused, Obstacle
from truelift.lifecycle.roadmap_change import Field
from truelift.lifecycle.roadmap_item import (
    Dependency,
    DependencyKind,
    ItemKind,
    ItemStage,
    RoadmapItem,
)
from truelift.lifecycle.roadmap_move import move_obstacles, stage_obstacles


NIGHTLY: Final = "roadmap.nightly"
MOST_ASSETS: Final = 100
MOST_DEPENDENCIES: Final = 100
MOST_LEAD: Final = 520
Row = TypeVar("Row", AssetRecord, DependencyRecord)

ADDABLE: Final = (ItemKind.RELEASE, ItemKind.CAMPAIGN, ItemKind.CONTENT)


class NoSuchRoadmapItem(Refusal):
    """The roadmap has no item with this key."""

    code = "roadmap.no_such_item"

    def __init__(self, *, key: str) -> None:
        super().__init__(f"The roadmap has no item {key[:80]!r}; its list has all.", key=key[:80])


class ItemChangedMeanwhile(Refusal):
    """Somebody else changed it while a person was looking."""

    code = "roadmap.changed_meanwhile"

    def __init__(self, *, key: str) -> None:
        super().__init__(f"{key} was changed meanwhile. Look at it again, then try.", key=key)


class NotOnTheRoadmap(Refusal):
    """Something is planned in a room of its own, and changed there."""

    code = "roadmap.planned_elsewhere"

    def __init__(self, *, key: str, where: str) -> None:
        super().__init__(f"{key} is {where}; change it there.", key=key)


@transaction.atomic
def add_item(
    site: Site, kind: ItemKind, given: ItemFields, *, by: Actor, now: datetime
) -> RoadmapItemRecord:
    """Put a release, a campaign or content on the roadmap; it may collide, and is then told.

    Raises:
        BadRoadmapFields: Something does not fit, or it does not say what it is.
    """
    Site.objects.select_for_update().get(pk=site.pk)
    if kind not in ADDABLE:
        raise BadRoadmapFields({"kind": f"It is one of {', '.join(ADDABLE)}."})
    if not (given.what or "").strip():
        raise BadRoadmapFields({"what": "Say what is done."})
    last = RoadmapItemRecord.objects.filter(site=site).aggregate(Max("number"))["number__max"]
    record = RoadmapItemRecord(
        site=site, kind=kind.value, number=(last or 0) + 1, made_by=by.user, made_at=now
    )
    fill(record, given)
    record.save()
    log(site, record.key, Field.ITEM, "", record.key, by=by, now=now)
    _audit(site, "roadmap.item_added", record.key, None, facts_of(record), by=by, now=now)
    _ask_for_pages(record, now=now)
    _afterwards(site, now=now)
    return record


@transaction.atomic
def change_item(
    site: Site,
    key: str,
    given: ItemFields,
    *,
    by: Actor,
    now: datetime,
    version: int | None = None,
    reason: str = "",
) -> RoadmapItemRecord:
    """Change what is said of an item; other days are refused where they make a block.

    Of an experiment, this changes what its plan does not say.

    Args:
        site: Where.
        key: Which.
        given: What is said.
        by: Who.
        now: When.
        version: What the person looked at; None when nobody looked at a page.
        reason: Why, for the log.

    Raises:
        NoSuchRoadmapItem: The site has none with this key.
        ItemChangedMeanwhile: Somebody else changed it.
        BadRoadmapFields: Something does not fit.
        MoveRefused: The new days are refused.
    """
    record = item_for_update(site, key, version=version, now=now, by=by)
    before_item = item_of(site, key)
    before, old = facts_of(record), _columns(record)
    fill(record, given)
    if not record.what and record.number is not None:
        raise BadRoadmapFields({"what": "Say what is done."})
    days = (record.starts_on, record.ends_on)
    if record.number is not None and days != (old["starts_on"], old["ends_on"]):
        _check_move(site, before_item, *days, now=now)
    _store(record, old, by=by, now=now, reason=reason)
    _audit(site, "roadmap.item_changed", key, before, facts_of(record), by=by, now=now)
    _ask_for_pages(record, now=now)
    _afterwards(site, now=now)
    return record


def preview_move(
    site: Site, key: str, start: date | None, end: date | None, *, now: datetime
) -> Preview:
    """Say what other days would do, by the rules that judge the move itself.

    Raises:
        NoSuchRoadmapItem: The site has none with this key.
        BadRoadmapFields: It would end before it starts.
    """
    item = _item(site, key)
    _check_days(start, end)
    found = preview(scene_of(site, now=now), moved(item, start, end))
    return replace(found, refused=(*move_obstacles(item), *found.refused))


@transaction.atomic
def move_item(
    site: Site,
    key: str,
    start: date | None,
    end: date | None,
    *,
    by: Actor,
    now: datetime,
    version: int | None = None,
    reason: str = "",
) -> Preview:
    """Give an item other days, and say what that did.

    Raises:
        NoSuchRoadmapItem: The site has none with this key.
        ItemChangedMeanwhile: Somebody else changed it.
        BadRoadmapFields: It would end before it starts.
        NotOnTheRoadmap: It is a freeze.
        MoveRefused: It has begun, or would block something; every reason at once.
    """
    Site.objects.select_for_update().get(pk=site.pk)
    item = _item(site, key)
    if item.kind is ItemKind.FREEZE:
        raise NotOnTheRoadmap(key=key, where="a freeze")
    _check_days(start, end)
    record = item_for_update(site, key, version=version, now=now, by=by)
    found = _check_move(site, item, start, end, now=now)
    old = _columns(record)
    if record.experiment is not None:
        reschedule_experiment(site, key, start=start, end=end, by=by, now=now, because=reason)
        record.version += 1
        record.save(update_fields=["version"])
    else:
        before = facts_of(record)
        record.starts_on, record.ends_on = start, end
        _store(record, old, by=by, now=now, reason=reason)
        _audit(site, "roadmap.item_moved", key, before, facts_of(record), by=by, now=now)
        _ask_for_pages(record, now=now)
    _afterwards(site, now=now)
    return found


@transaction.atomic
def set_stage(
    site: Site,
    key: str,
    to: ItemStage,
    *,
    by: Actor,
    now: datetime,
    version: int | None = None,
) -> RoadmapItemRecord:
    """Make an item firmer, or less so; *scheduled* needs its columns and no open block.

    Raises:
        NoSuchRoadmapItem: The site has none with this key.
        ItemChangedMeanwhile: Somebody else changed it.
        NotOnTheRoadmap: Its stages are those of an experiment or a freeze.
        MoveRefused: Something stands in the way; every reason at once.
    """
    Site.objects.select_for_update().get(pk=site.pk)
    record = _own(site, key, version=version, now=now, by=by)
    obstacles = obstacles_to(site, key, to, now=now)
    if obstacles:
        raise MoveRefused(subject=key, action=f"become {to}", obstacles=obstacles)
    before, old = facts_of(record), _columns(record)
    record.stage = to.value
    record.dropped_because = ""
    _store(record, old, by=by, now=now)
    if to is ItemStage.PROPOSED and old["stage"] == ItemStage.CANCELLED.value:
        log(site, key, Field.ITEM, "", key, by=by, now=now)
    _audit(site, "roadmap.item_stage_set", key, before, facts_of(record), by=by, now=now)
    _afterwards(site, now=now)
    return record


def obstacles_to(site: Site, key: str, to: ItemStage, *, now: datetime) -> tuple[Obstacle, ...]:
    """Say why an item cannot become so firm; the page asks this too.

    Raises:
        NoSuchRoadmapItem: The site has none with this key.
    """
    item = _item(site, key)
    scheduling = to is ItemStage.SCHEDULED
    conflicts = scene_of(site, now=now).obstacles(key) if scheduling else ()
    return stage_obstacles(item, to, conflicts=conflicts)


@transaction.atomic
def drop_item(
    site: Site,
    key: str,
    *,
    reason: str,
    by: Actor,
    now: datetime,
    version: int | None = None,
) -> None:
    """Take an item off the roadmap; it stays in the log. An experiment only loses its days.

    Raises:
        NoSuchRoadmapItem: The site has none with this key.
        ItemChangedMeanwhile: Somebody else changed it.
        BadRoadmapFields: Nobody says why.
        NotOnTheRoadmap: It is a freeze, or an experiment that has begun.
        MoveRefused: It is over.
    """
    Site.objects.select_for_update().get(pk=site.pk)
    why = reason.strip()
    if not why or len(why) > 500 or not is_storable(why):
        raise BadRoadmapFields({"reason": "Say in a sentence why it is dropped."})
    item = _item(site, key)
    if item.kind is ItemKind.FREEZE:
        raise NotOnTheRoadmap(key=key, where="a freeze")
    record = item_for_update(site, key, version=version, now=now, by=by)
    if record.experiment is not None:
        if Stage(record.experiment.stage) not in PREPARING:
            raise NotOnTheRoadmap(key=key, where="an experiment that has begun")
        reschedule_experiment(site, key, start=None, end=None, by=by, now=now, because=why)
        record.version += 1
        record.save(update_fields=["version"])
    else:
        obstacles = stage_obstacles(item, ItemStage.CANCELLED)
        if obstacles:
            raise MoveRefused(subject=key, action="be dropped", obstacles=obstacles)
        before = facts_of(record)
        record.stage, record.dropped_because = ItemStage.CANCELLED.value, why
        record.version += 1
        record.save()
        log(site, key, Field.ITEM, key, "", by=by, now=now, reason=why)
        _audit(site, "roadmap.item_dropped", key, before, facts_of(record), by=by, now=now)
    _afterwards(site, now=now)


@transaction.atomic
def add_dependency(
    site: Site, key: str, on: str, kind: DependencyKind, *, by: Actor, now: datetime
) -> DependencyRecord:
    """Say that an item hangs on another.

    Raises:
        NoSuchRoadmapItem: The site has one of them not.
        BadRoadmapFields: It would hang on itself, or on too many.
        MoveRefused: Each would wait for the other; the circle is named.
    """
    Site.objects.select_for_update().get(pk=site.pk)
    _item(site, key)
    _item(site, on)
    if key == on:
        raise BadRoadmapFields({"on": "An item does not hang on itself."})
    rows = DependencyRecord.objects.filter(site=site)
    found = rows.filter(item=key, on=on, kind=kind.value).first()
    if found is not None:
        return found
    if rows.filter(item=key).count() >= MOST_DEPENDENCIES:
        raise BadRoadmapFields({"on": f"An item hangs on at most {MOST_DEPENDENCIES} others."})
    links = [*rows.values_list("item", "on", "kind"), (key, on, kind.value)]
    hangs: dict[str, list[Dependency]] = {on: []}
    for item, other, each in links:
        hangs.setdefault(other, [])
        hangs.setdefault(item, []).append(Dependency(other, DependencyKind(each)))
    bare = [
        RoadmapItem(name, ItemKind.RELEASE, name, dependencies=tuple(needs))
        for name, needs in hangs.items()
    ]
    circle = cycle_through(key, predecessors(bare))
    if circle:
        raise MoveRefused(subject=key, action=f"hang on {on}", obstacles=(circle_obstacle(circle),))
    made = DependencyRecord.objects.create(
        site=site, item=key, on=on, kind=kind.value, made_by=by.user, made_at=now
    )
    said = f"{kind.replace('_', ' ')} {on}"
    log(site, key, Field.DEPENDENCY, "", said, by=by, now=now)
    _audit(
        site, "roadmap.dependency_added", key, None, {"on": on, "kind": kind.value}, by=by, now=now
    )
    _afterwards(site, now=now)
    return made


@transaction.atomic
def remove_dependency(site: Site, number: int, *, by: Actor, now: datetime) -> str:
    """Say that an item does not hang on another any more; give the item's key.

    Raises:
        NoSuchRoadmapItem: There is no such dependency.
    """
    found = _row(DependencyRecord, site, number)
    said = f"{found.kind.replace('_', ' ')} {found.on}"
    found.delete()
    log(site, found.item, Field.DEPENDENCY, said, "", by=by, now=now)
    before: dict[str, Json] = {"on": found.on, "kind": found.kind}
    _audit(site, "roadmap.dependency_removed", found.item, before, None, by=by, now=now)
    _afterwards(site, now=now)
    return found.item


@transaction.atomic
def write_asset(
    site: Site,
    key: str,
    *,
    what: str,
    owner: str = "",
    due: str = "",
    lead_days: int = 0,
    by: Actor,
    now: datetime,
) -> AssetRecord:
    """Say what must be there before an item starts, who brings it, and by when.

    Raises:
        NoSuchRoadmapItem: The site has none with this key.
        BadRoadmapFields: Something does not fit.
    """
    _item(site, key)
    wrong: dict[str, str] = {}
    if not what.strip() or len(what.strip()) > 200 or not is_storable(what):
        wrong["what"] = "Say in at most 200 letters what it is."
    if not 0 <= lead_days <= MOST_LEAD:
        wrong["lead_days"] = f"It is 0 to {MOST_LEAD} working days."
    person, day = member(site, owner, "owner", wrong), day_in(due, "due", wrong)
    if AssetRecord.objects.filter(site=site, item=key).count() >= MOST_ASSETS:
        wrong["what"] = f"An item needs at most {MOST_ASSETS} things."
    if wrong:
        raise BadRoadmapFields(wrong)
    made = AssetRecord.objects.create(
        site=site,
        item=key,
        what=what.strip(),
        owner=person,
        due=day,
        lead_days=lead_days,
        made_at=now,
    )
    log(site, key, Field.ASSET, "", made.what, by=by, now=now)
    _audit(site, "roadmap.asset_added", key, None, _asset(made), by=by, now=now)
    _afterwards(site, now=now)
    return made


@transaction.atomic
def change_asset(
    site: Site,
    number: int,
    *,
    done: bool | None = None,
    due: str | None = None,
    by: Actor,
    now: datetime,
) -> AssetRecord:
    """Say that an asset is there, or not any more, or promise another day.

    Raises:
        NoSuchRoadmapItem: There is no such asset.
        BadRoadmapFields: The day is none.
    """
    found = _row(AssetRecord, site, number)
    before = _asset(found)
    wrong: dict[str, str] = {}
    if due is not None:
        found.due = day_in(due, "due", wrong)
    if wrong:
        raise BadRoadmapFields(wrong)
    if done is not None:
        found.done_at = now if done else None
    found.save()
    after = _asset(found)
    for name in ("due", "done"):
        said = [f"{found.what}: {as_text(each[name]) or 'no day'}" for each in (before, after)]
        log(site, found.item, Field.ASSET, *said, by=by, now=now)
    _audit(site, "roadmap.asset_changed", found.item, before, after, by=by, now=now)
    _afterwards(site, now=now)
    return found


@transaction.atomic
def remove_asset(site: Site, number: int, *, by: Actor, now: datetime) -> str:
    """Say that an asset is not needed after all; give the item's key.

    Raises:
        NoSuchRoadmapItem: There is no such asset.
    """
    found = _row(AssetRecord, site, number)
    before = _asset(found)
    found.delete()
    log(site, found.item, Field.ASSET, found.what, "", by=by, now=now)
    _audit(site, "roadmap.asset_removed", found.item, before, None, by=by, now=now)
    _afterwards(site, now=now)
    return found.item


def row_of(site: Site, key: str) -> RoadmapItemRecord:
    """Give the row of an item for its form; one that is not stored where it has none yet.

    Raises:
        NoSuchRoadmapItem: The site has none with this key.
        NotOnTheRoadmap: It is a freeze.
    """
    rows = RoadmapItemRecord.objects.filter(site=site).select_related(
        "site", "owner", "deputy", "priority", "experiment"
    )
    number = number_in(key)
    found = rows.filter(number=number).first() if number is not None else None
    if found is not None:
        return found
    experiment = ExperimentRecord.objects.filter(site=site, key=key).first()
    if experiment is None:
        if item_of(site, key) is not None:
            raise NotOnTheRoadmap(key=key, where="a freeze")
        raise NoSuchRoadmapItem(key=key)
    return rows.filter(experiment=experiment).first() or RoadmapItemRecord(
        site=site, experiment=experiment, kind=ItemKind.EXPERIMENT.value, version=0
    )


def item_for_update(
    site: Site, key: str, *, version: int | None, now: datetime, by: Actor
) -> RoadmapItemRecord:
    """Take the row of an item for a change; an experiment gets one where it has none yet.

    Raises:
        NoSuchRoadmapItem: The site has none with this key.
        ItemChangedMeanwhile: The version is another.
        NotOnTheRoadmap: It is a freeze.
    """
    rows = RoadmapItemRecord.objects.select_for_update(of=("self",)).filter(site=site)
    rows = rows.select_related("site", "owner", "deputy", "priority", "experiment")
    number = number_in(key)
    record = rows.filter(number=number).first() if number is not None else None
    if record is None:
        record = _of_experiment(site, key, rows, now=now, by=by)
    if version is not None and version != record.version:
        raise ItemChangedMeanwhile(key=key)
    return record


def _of_experiment(
    site: Site, key: str, rows: QuerySet[RoadmapItemRecord], *, now: datetime, by: Actor
) -> RoadmapItemRecord:
    experiment = (
        ExperimentRecord.objects.filter(site=site, key=key).first() if "\x00" not in key else None
    )
    if experiment is None:
        item = item_of(site, key)
        if item is not None:
            raise NotOnTheRoadmap(key=key, where=f"a {item.kind}")
        raise NoSuchRoadmapItem(key=key)
    made, _ = RoadmapItemRecord.objects.get_or_create(
        experiment=experiment,
        defaults={
            "site": site,
            "kind": ItemKind.EXPERIMENT.value,
            "made_by": by.user,
            "made_at": now,
        },
    )
    return rows.get(pk=made.pk)


def _own(
    site: Site, key: str, *, version: int | None, now: datetime, by: Actor
) -> RoadmapItemRecord:
    item = _item(site, key)
    if item.kind not in ADDABLE:
        where = "an experiment" if item.kind is ItemKind.EXPERIMENT else "a freeze"
        raise NotOnTheRoadmap(key=key, where=where)
    return item_for_update(site, key, version=version, now=now, by=by)


def _item(site: Site, key: str) -> RoadmapItem:
    found = item_of(site, key)
    if found is None:
        raise NoSuchRoadmapItem(key=key)
    return found


def _check_days(start: date | None, end: date | None) -> None:
    if end is not None and start is None:
        raise BadRoadmapFields({"start": "It has an end; say when it starts."})
    if start is not None and end is not None and end <= start:
        raise BadRoadmapFields({"end": "It is over on a day after its first."})


def _check_move(
    site: Site, item: RoadmapItem | None, start: date | None, end: date | None, *, now: datetime
) -> Preview:
    assert item is not None  # noqa: S101 - its row was found
    found = preview(scene_of(site, now=now), moved(item, start, end))
    refused = (*move_obstacles(item), *found.refused)
    if refused:
        raise MoveRefused(subject=item.key, action="move", obstacles=refused)
    return found


def _columns(record: RoadmapItemRecord) -> dict[str, Any]:
    return {
        name: getattr(record, name)
        for name in (
            *LOGGED,
            "stage",
            "elements",
            "audience",
            "allocation",
            "layer",
            "low",
            "high",
            "shared_code",
            "holdout",
            "changes_reach",
            "touches",
            "traffic_change",
            "features",
            "refers",
            "events",
            "landing",
            "effort",
            "notes",
        )
    }


def _store(
    record: RoadmapItemRecord,
    old: Mapping[str, Any],
    *,
    by: Actor,
    now: datetime,
    reason: str = "",
) -> None:
    """Save a row, and write every changed column into the log."""
    for name, before in old.items():
        after = getattr(record, name)
        if after == before:
            continue
        field = Field.STAGE if name == "stage" else LOGGED.get(name, Field.DETAIL)
        said = [
            as_text(each.key if isinstance(each, CommercialPriorityRecord) else each)
            for each in (before, after)
        ]
        if field is Field.DETAIL:
            called = name.replace("_", " ")
            said = [f"{called}: {each}" if each else "" for each in said]
        log(record.site, record.key, field, *said, by=by, now=now, reason=reason)
    record.version += 1
    record.save()


def facts_of(record: RoadmapItemRecord) -> dict[str, Json]:
    """Give what the audit keeps of an item."""
    return {
        "kind": record.kind,
        "what": record.what,
        "stage": record.stage,
        "surfaces": list(record.surfaces),
        "start": record.starts_on.isoformat() if record.starts_on else None,
        "end": record.ends_on.isoformat() if record.ends_on else None,
        "owner": record.owner.email if record.owner else None,
        "deputy": record.deputy.email if record.deputy else None,
        "metric": record.metric,
        "team": record.team,
        "priority": record.priority.key if record.priority else None,
    }


def _asset(record: AssetRecord) -> dict[str, Json]:
    return {
        "what": record.what,
        "owner": record.owner.email if record.owner else None,
        "due": record.due.isoformat() if record.due else None,
        "lead_days": record.lead_days,
        "done": "there" if record.done_at else "not there yet",
    }


def _row(model: type[Row], site: Site, number: int) -> Row:
    found = (
        model._default_manager.select_for_update()  # noqa: SLF001 - Django’s public name for it
        .filter(site=site, pk=number)
        .first()
        if 0 < number < 2**63
        else None
    )
    if found is None:
        raise NoSuchRoadmapItem(key=str(number))
    return found


def _audit(
    site: Site,
    action: str,
    key: str,
    before: dict[str, Json] | None,
    after: dict[str, Json] | None,
    *,
    by: Actor,
    now: datetime,
) -> None:
    audit(
        action=action,
        target=f"roadmap:{key}",
        before=before,
        after=after,
        now=now,
        site=site.name,
        **by.audited,
    )


def _ask_for_pages(record: RoadmapItemRecord, *, now: datetime) -> None:
    """Ask for the pages of a campaign at once, where it comes so soon; else a night does."""
    if not record.landing:
        return
    item = _item(record.site, record.key)
    if is_asked_for(item, today=day_at(record.site, now)):
        ask_for_landing_pages(record.site, item, now=now)


def _afterwards(site: Site, *, now: datetime) -> None:
    """Look for conflicts anew, and see that somebody does so every night."""
    recompute(site, now=now)
    queue(NIGHTLY, f"site:{site.name}", by=None, now=now, run_after=_next_night(site, now))


def _next_night(site: Site, now: datetime) -> datetime:
    """Give two in the morning of the next day at the site."""
    from truelift.apps.experiments.domain import midnight_at

    return midnight_at(site, day_at(site, now) + timedelta(days=1)) + timedelta(hours=2)
