"""The roadmap for programs: items, conflicts, previews, priorities, versions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

from truelift.apps.roadmap.colliding import Preview, Scene
from truelift.apps.roadmap.models import (
    AssetRecord,
    CandidateRecord,
    ConflictRecord,
    DependencyRecord,
    ItemChangeRecord,
    PriorityRegisterRecord,
    RoadmapItemRecord,
    RoadmapVersionRecord,
)
from truelift.apps.roadmap.rebuilding import Progress
from truelift.apps.roadmap.versions import Difference, carried_of, is_a_rebuild
from truelift.apps.sites.models import Site
from truelift.lifecycle.back_schedule import Need, Slip
from truelift.lifecycle.conflict import Conflict
from truelift.lifecycle.conflict_rules import Rule
from truelift.lifecycle.obstacle import Obstacle
from truelift.lifecycle.roadmap_item import RoadmapItem, Touch


def versions_by_key(site: Site) -> dict[str, int]:
    """Give what each item's row counts as its version; 0 for what has no row yet."""
    rows = RoadmapItemRecord.objects.filter(site=site)
    return {
        experiment or f"RM-{number}": version
        for experiment, number, version in rows.values_list("experiment__key", "number", "version")
    }


def item_document(item: RoadmapItem, *, version: int = 0) -> dict[str, Any]:
    """Write an item."""
    return {
        "key": item.key,
        "version": version,
        "kind": item.kind.value,
        "what": item.what,
        "stage": item.stage.value,
        "surfaces": list(item.surfaces),
        "elements": list(item.elements),
        "why": list(item.why),
        "start": item.start,
        "end": item.end,
        "metric": item.metric or None,
        "owner": item.owner or None,
        "deputy": item.deputy or None,
        "owner_active": item.owner_active,
        "team": item.team or None,
        "squad": item.squad or None,
        "priority": item.priority or None,
        "audience": {
            dimension: {"allow": sorted(sets.allow), "deny": sorted(sets.deny)}
            for dimension, sets in item.audience.items()
        },
        "allocation": item.allocation,
        "layer": item.layer or None,
        "low": item.low,
        "high": item.high,
        "shared_code": item.shared_code,
        "holdout": item.holdout,
        "changes_reach": item.changes_reach,
        "touches": [each.value for each in Touch if each in item.touches],
        "traffic_change": item.traffic_change,
        "features": list(item.features),
        "refers": list(item.references),
        "events": list(item.events),
        "landing": list(item.landing),
        "benign": sorted(item.benign),
        "effort": dict(item.effort),
        "dependencies": [{"on": each.on, "kind": each.kind.value} for each in item.dependencies],
    }


def conflict_document(conflict: Conflict) -> dict[str, Any]:
    """Write a conflict as the rules find it."""
    return {
        "rule": conflict.rule.value,
        "called": conflict.rule.called,
        "severity": conflict.severity.value,
        "first": conflict.first,
        "second": conflict.second or None,
        "surface": conflict.surface or None,
        "starts": conflict.starts,
        "days": conflict.days,
        "audience": conflict.audience,
        "exposure": conflict.exposure,
        "sentence": conflict.sentence,
        "owners": list(conflict.owners),
        "resolutions": [each.value for each in conflict.resolutions],
    }


def kept_conflict_document(row: ConflictRecord) -> dict[str, Any]:
    """Write a conflict as it is kept, with what people did about it."""
    rule = Rule(row.rule)
    return {
        "key": row.key,
        "number": row.number,
        "rule": row.rule,
        "called": rule.called,
        "severity": row.severity,
        "first": row.first,
        "second": row.second or None,
        "surface": row.surface or None,
        "starts": row.starts_on,
        "days": row.days,
        "audience": row.audience,
        "exposure": row.exposure,
        "sentence": row.sentence,
        "owners": list(row.owners),
        "resolutions": [each.value for each in rule.resolutions],
        "state": row.state,
        "detected_at": row.detected_at,
        "lead_days": (row.detected_start - row.detected_at.date()).days,
        "due": row.due,
        "gone_at": row.gone_at,
        "resolution": row.resolution or None,
        "plan": row.plan or None,
        "agreed": list(row.agreed),
        "resolved_by": row.resolved_by.email if row.resolved_by else None,
        "resolved_at": row.resolved_at,
    }


def preview_document(found: Preview) -> dict[str, Any]:
    """Write what a move would do."""
    return {
        "key": found.item.key,
        "start": found.item.start,
        "end": found.item.end,
        "made": [conflict_document(each) for each in found.made],
        "gone": [conflict_document(each) for each in found.gone],
        "left": [conflict_document(each) for each in found.left],
        "refused": obstacle_documents(found.refused),
        "slips": [slip_document(each) for each in found.slips],
    }


def obstacle_documents(obstacles: Iterable[Obstacle]) -> list[dict[str, str]]:
    """Write reasons."""
    return [
        {"code": each.code, "sentence": each.sentence, "remedy": each.remedy} for each in obstacles
    ]


def slip_document(slip: Slip) -> dict[str, Any]:
    """Write that an item cannot start when it is planned."""
    return {
        "item": slip.item,
        "start": slip.start,
        "proposed": slip.proposed,
        "end": slip.end,
        "days": slip.days,
        "because": list(slip.because),
    }


def need_document(need: Need) -> dict[str, Any]:
    """Write what has to be there before an item starts."""
    return {
        "what": need.what,
        "item": need.of or None,
        "owner": need.owner or None,
        "begin_by": need.begin_by,
        "finish_by": need.finish_by,
        "expected": need.expected,
        "late_days": need.late,
    }


def asset_document(row: AssetRecord) -> dict[str, Any]:
    """Write an asset."""
    return {
        "number": row.pk,
        "what": row.what,
        "owner": row.owner.email if row.owner else None,
        "due": row.due,
        "lead_days": row.lead_days,
        "done_at": row.done_at,
    }


def dependency_document(row: DependencyRecord) -> dict[str, Any]:
    """Write a dependency."""
    return {"number": row.pk, "item": row.item, "on": row.on, "kind": row.kind}


def change_document(row: ItemChangeRecord) -> dict[str, Any]:
    """Write a line of the log."""
    return {
        "item": row.item,
        "field": row.field,
        "before": row.before or None,
        "after": row.after or None,
        "reason": row.reason or None,
        "by": row.by.email if row.by else None,
        "human": row.human,
        "at": row.at,
    }


def register_document(register: PriorityRegisterRecord) -> dict[str, Any]:
    """Write a version of the priorities."""
    return {
        "version": register.version,
        "quarter": register.quarter,
        "because": register.because or None,
        "made_by": register.made_by.email if register.made_by else None,
        "made_at": register.made_at,
        "priorities": [
            {"key": each.key, "position": each.position, "name": each.name, "what": each.what}
            for each in register.priorities.all()
        ],
    }


def version_document(version: RoadmapVersionRecord) -> dict[str, Any]:
    """Write a published version, without its items."""
    return {
        "number": version.number,
        "quarter": version.quarter,
        "priorities": version.register.version,
        "candidates": version.candidates,
        "unchanged": version.unchanged,
        "carried": carried_of(version),
        "is_a_rebuild": is_a_rebuild(version),
        "published_by": version.published_by.email if version.published_by else None,
        "published_at": version.published_at,
    }


def difference_document(found: Difference) -> dict[str, Any]:
    """Write how one item differs between two versions."""
    return {
        "key": found.key,
        "what": found.what,
        "way": found.way,
        "changes": [
            {"field": field, "before": before, "after": after}
            for field, before, after in found.changes
        ],
        "by": list(found.by),
    }


def candidate_document(row: CandidateRecord) -> dict[str, Any]:
    """Write a candidate of a rebuild."""
    return {
        "number": row.pk,
        "item": row.item,
        "before": row.before,
        "verdict": row.verdict or None,
        "reason": row.reason or None,
        "priority": row.priority.key if row.priority else None,
        "by": row.by.email if row.by else None,
        "at": row.at,
    }


def progress_document(progress: Progress) -> dict[str, Any]:
    """Write how far a rebuild is."""
    return {
        "quarter": progress.rebuild.quarter,
        "priorities": progress.rebuild.register.version,
        "begun_at": progress.rebuild.begun_at,
        "open": [candidate_document(each) for each in progress.open],
        "done": [candidate_document(each) for each in progress.done],
        "gone": [candidate_document(each) for each in progress.gone],
    }


def schedule_documents(scene: Scene, key: str) -> list[dict[str, Any]]:
    """Write where an item's start would have to go; nothing where it holds."""
    return [slip_document(each) for each in scene.slips if each.item == key]


def row_of(item: RoadmapItem, *, conflicts: Sequence[str] = ()) -> dict[str, Any]:
    """Write an item as a line of a file."""
    return {
        "key": item.key,
        "kind": item.kind.value,
        "what": item.what,
        "stage": item.stage.value,
        "where": ", ".join(item.surfaces),
        "why": ", ".join(item.why),
        "start": _day(item.start),
        "end": _day(item.end),
        "metric": item.metric,
        "decision_owner": item.owner,
        "deputy": item.deputy,
        "team": item.team,
        "squad": item.squad,
        "priority": item.priority,
        "conflicts": ", ".join(conflicts),
    }


def conflict_row(row: ConflictRecord) -> dict[str, Any]:
    """Write a conflict as a line of a file."""
    return {
        "key": row.key,
        "rule": row.rule,
        "severity": row.severity,
        "state": row.state,
        "first": row.first,
        "second": row.second,
        "surface": row.surface,
        "starts": _day(row.starts_on),
        "days": row.days,
        "sentence": row.sentence,
        "owners": ", ".join(row.owners),
        "detected": _at(row.detected_at),
        "due": _day(row.due),
        "resolution": row.resolution,
        "plan": row.plan,
    }


def _day(day: date | None) -> str:
    return day.isoformat() if day else ""


def _at(at: datetime) -> str:
    return at.isoformat()
