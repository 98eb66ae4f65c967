"""Builds a quarter's roadmap from nothing: every item is kept, changed or dropped by a person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import transaction
from django.db.models import Max, QuerySet

from truelift.apps.accounts.audit import record as audit
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import is_storable
from truelift.apps.roadmap.fields import BadRoadmapFields, ItemFields, priority_named
from truelift.apps.roadmap.models import (
    CandidateRecord,
    RebuildRecord,
    RoadmapVersionRecord,
    Verdict,
)
from truelift.apps.roadmap.priorities import register_of
from truelift.apps.roadmap.reads import items_of
from truelift.apps.roadmap.services import change_item, drop_item
from truelift.apps.roadmap.versions import as_text, one_of, snapshot_of
from truelift.apps.sites.models import Site
from truelift.errors import Refusal
from truelift.lifecycle.obstacle import MoveRefused, Obstacle
from truelift.lifecycle.roadmap_item import ItemKind, ItemStage, RoadmapItem


IGNORED: Final = frozenset({"stage", "priority"})
"""What of an item may differ and it is still the same as before."""


class NothingIsRebuilt(Refusal):
    """No roadmap is being built."""

    code = "roadmap.nothing_is_rebuilt"

    def __init__(self) -> None:
        super().__init__("No roadmap is being built from nothing. Begin with new priorities.")


class CannotBegin(Refusal):
    """A rebuild begins with priorities that nobody has built on yet."""

    code = "roadmap.cannot_begin"


class NoSuchCandidate(Refusal):
    """The list of candidates has no such item."""

    code = "roadmap.no_such_candidate"

    def __init__(self, *, number: int) -> None:
        super().__init__(f"The list has no candidate {number}.", number=str(number))


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a rebuild is.

    Attributes:
        rebuild: Which.
        open: Candidates that nobody has decided about.
        done: The others.
        gone: Those whose item is over meanwhile; they need no word.
    """

    rebuild: RebuildRecord
    open: tuple[CandidateRecord, ...]
    done: tuple[CandidateRecord, ...]
    gone: tuple[CandidateRecord, ...]


def rebuild_of(site: Site) -> RebuildRecord | None:
    """Give the rebuild that goes on; None where none does."""
    return (
        RebuildRecord.objects.filter(site=site, version=None, given_up_at=None)
        .select_related("register", "begun_by")
        .first()
    )


def progress_of(site: Site, rebuild: RebuildRecord) -> Progress:
    """Say which candidates somebody still has to go through."""
    standing = {each.key for each in items_of(site)}
    rows = list(rebuild.candidates.select_related("priority", "by"))
    return Progress(
        rebuild=rebuild,
        open=tuple(each for each in rows if not each.verdict and each.item in standing),
        done=tuple(each for each in rows if each.verdict),
        gone=tuple(each for each in rows if not each.verdict and each.item not in standing),
    )


@transaction.atomic
def begin_rebuild(site: Site, *, by: Actor, now: datetime) -> RebuildRecord:
    """Make a list of candidates of everything on the roadmap; nothing on it is taken for granted.

    Raises:
        CannotBegin: One goes on already, or nobody has agreed on new priorities.
    """
    Site.objects.select_for_update().get(pk=site.pk)
    if rebuild_of(site) is not None:
        raise CannotBegin("A rebuild goes on already. Finish it, or give it up.")
    register = register_of(site)
    if register is None:
        raise CannotBegin("Nobody has agreed on priorities yet. Write them down first.")
    if RoadmapVersionRecord.objects.filter(site=site, register=register).exists():
        raise CannotBegin(
            f"The roadmap was already built on the priorities of {register.quarter},"
            f" version {register.version}. Write down new ones first."
        )
    made = RebuildRecord.objects.create(
        site=site, quarter=register.quarter, register=register, begun_by=by.user, begun_at=now
    )
    CandidateRecord.objects.bulk_create(
        CandidateRecord(rebuild=made, item=each.key, before=one_of(each))
        for each in items_of(site)
        if each.kind is not ItemKind.FREEZE
    )
    _audit(site, "roadmap.rebuild_begun", made, by=by, now=now)
    return made


@transaction.atomic
def decide_candidate(
    site: Site,
    number: int,
    verdict: Verdict,
    *,
    reason: str = "",
    priority: str = "",
    by: Actor,
    now: datetime,
) -> CandidateRecord:
    """Say what becomes of a candidate; it is done when the version is published.

    Who keeps something, or has changed it, says which priority of the new quarter it serves.

    Raises:
        NothingIsRebuilt: No rebuild goes on.
        NoSuchCandidate: The list has none of this number.
        BadRoadmapFields: A reason or a priority is missing.
        MoveRefused: It was not changed, or has begun and cannot be dropped.
    """
    rebuild = _going_on(site)
    row = _candidates(rebuild).filter(pk=number).first() if 0 < number < 2**63 else None
    if row is None:
        raise NoSuchCandidate(number=number)
    wrong: dict[str, str] = {}
    why = reason.strip()
    if len(why) > 500 or not is_storable(why):
        wrong["reason"] = "It has at most 500 letters, and none that cannot be stored."
    found = None
    if verdict is Verdict.DROPPED:
        if not why:
            wrong["reason"] = "Say in a sentence why it is dropped."
    else:
        found = priority_named(site, priority, wrong)
        if found is None or found.register_id != rebuild.register_id:
            wrong["priority"] = f"Choose the priority of {rebuild.quarter} that it serves."
    if wrong:
        raise BadRoadmapFields(wrong)
    item = next((each for each in items_of(site) if each.key == row.item), None)
    obstacles = _verdict_obstacles(row, item, verdict)
    if obstacles:
        raise MoveRefused(subject=row.item, action=f"be {verdict.value}", obstacles=obstacles)
    row.verdict, row.reason, row.priority = verdict.value, why, found
    row.by, row.at = by.user, now
    row.save()
    return row


def _verdict_obstacles(
    row: CandidateRecord, item: RoadmapItem | None, verdict: Verdict
) -> tuple[Obstacle, ...]:
    if item is None:
        return ()
    if verdict is Verdict.CHANGED and not is_changed(row, item):
        return (
            Obstacle(
                "roadmap.not_changed",
                "It stands as it stood when the rebuild began.",
                "Change it first, or keep it as it is.",
            ),
        )
    if verdict is Verdict.DROPPED and item.stage is ItemStage.RUNNING:
        return (
            Obstacle(
                "roadmap.runs",
                "It runs; dropping it here would not stop it.",
                "Stop it on its own page, or keep it.",
            ),
        )
    return ()


def is_changed(row: CandidateRecord, item: RoadmapItem) -> bool:
    """Say whether an item stands otherwise than when the rebuild began."""
    return _compared(row.before) != _compared(one_of(item))


def _compared(one: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in one.items() if name not in IGNORED}


@transaction.atomic
def publish_rebuild(site: Site, *, by: Actor, now: datetime) -> RoadmapVersionRecord:
    """Publish the quarter's roadmap: drop what was dropped, link what was kept, keep it all.

    Raises:
        NothingIsRebuilt: No rebuild goes on.
        MoveRefused: Somebody has not gone through every candidate; each is named.
    """
    Site.objects.select_for_update().get(pk=site.pk)
    rebuild = _going_on(site)
    progress = progress_of(site, rebuild)
    if progress.open:
        raise MoveRefused(
            subject=f"The roadmap of {rebuild.quarter}",
            action="be published",
            obstacles=[
                Obstacle(
                    "roadmap.not_gone_through",
                    f"Nobody has decided about {each.item} “{each.before.get('what', '')}”.",
                    "Keep it, change it, or drop it with a reason.",
                )
                for each in progress.open
            ],
        )
    standing = {each.key: each for each in items_of(site)}
    unchanged = 0
    for row in progress.done:
        item = standing.get(row.item)
        if item is None:
            continue
        if row.verdict == Verdict.DROPPED.value:
            drop_item(site, row.item, reason=row.reason, by=by, now=now)
            continue
        unchanged += not is_changed(row, item)
        if row.priority is not None and item.priority != row.priority.key:
            given = ItemFields(priority=row.priority.key)
            change_item(site, row.item, given, by=by, now=now, reason=f"Rebuild {rebuild.quarter}")
    last = RoadmapVersionRecord.objects.filter(site=site).aggregate(Max("number"))["number__max"]
    version = RoadmapVersionRecord.objects.create(
        site=site,
        number=(last or 0) + 1,
        quarter=rebuild.quarter,
        register=rebuild.register,
        text=as_text(snapshot_of(items_of(site))),
        candidates=len(progress.done) + len(progress.gone),
        unchanged=unchanged,
        published_by=by.user,
        published_at=now,
    )
    rebuild.version = version
    rebuild.save(update_fields=["version"])
    _audit(site, "roadmap.published", rebuild, by=by, now=now)
    return version


@transaction.atomic
def give_up_rebuild(site: Site, *, by: Actor, now: datetime) -> None:
    """End a rebuild without a version; that it was given up stays in the audit.

    Raises:
        NothingIsRebuilt: No rebuild goes on.
    """
    rebuild = _going_on(site)
    rebuild.given_up_at = now
    rebuild.save(update_fields=["given_up_at"])
    _audit(site, "roadmap.rebuild_given_up", rebuild, by=by, now=now)


def _going_on(site: Site) -> RebuildRecord:
    found = rebuild_of(site)
    if found is None:
        raise NothingIsRebuilt
    return found


def _candidates(rebuild: RebuildRecord) -> QuerySet[CandidateRecord]:
    return CandidateRecord.objects.select_for_update(of=("self",)).filter(rebuild=rebuild)


def _audit(site: Site, action: str, rebuild: RebuildRecord, *, by: Actor, now: datetime) -> None:
    audit(
        action=action,
        target=f"rebuild:{rebuild.quarter}",
        after={
            "quarter": rebuild.quarter,
            "priorities": rebuild.register.version,
            "version": rebuild.version.number if rebuild.version else None,
        },
        now=now,
        site=site.name,
        **by.audited,
    )
