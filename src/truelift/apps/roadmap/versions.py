"""What a roadmap looked like when it was published, and what is other now, by whom."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from truelift.apps.roadmap.changes import changes_of
from truelift.apps.roadmap.models import RoadmapVersionRecord
from truelift.apps.sites.models import Site
from truelift.lifecycle.roadmap_item import ItemKind, RoadmapItem


MOSTLY_CARRIED: Final = 0.7
"""Where more was carried over unchanged, nothing was rebuilt (R113)."""

COMPARED: Final[Mapping[str, str]] = {
    "what": "what",
    "start": "first day",
    "end": "end",
    "owner": "decision-owner",
    "surfaces": "surfaces",
    "metric": "metric",
    "priority": "priority",
    "team": "team",
}
"""What of an item is compared, and what it is called."""


@dataclass(frozen=True, slots=True)
class Difference:
    """How one item differs between two versions.

    Attributes:
        key: Its key.
        what: What it is.
        way: `added`, `dropped` or `changed`.
        changes: What it is called, before, after.
        by: Who did it, in the order in which they did.
    """

    key: str
    what: str
    way: str
    changes: tuple[tuple[str, str, str], ...]
    by: tuple[str, ...]


def snapshot_of(items: Iterable[RoadmapItem]) -> list[dict[str, Any]]:
    """Write items as a version keeps them; freezes follow from tests and are left out."""
    return [one_of(each) for each in items if each.kind is not ItemKind.FREEZE]


def one_of(item: RoadmapItem) -> dict[str, Any]:
    """Write one item as a version keeps it."""
    return {
        "key": item.key,
        "kind": item.kind.value,
        "what": item.what,
        "stage": item.stage.value,
        "surfaces": list(item.surfaces),
        "start": item.start.isoformat() if item.start else None,
        "end": item.end.isoformat() if item.end else None,
        "metric": item.metric,
        "owner": item.owner,
        "team": item.team,
        "priority": item.priority,
    }


def as_text(items: Sequence[Mapping[str, Any]]) -> str:
    """Write a snapshot as the text that is kept."""
    return json.dumps(items, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def versions_of(site: Site) -> tuple[RoadmapVersionRecord, ...]:
    """List what was published, the newest first."""
    return tuple(
        RoadmapVersionRecord.objects.filter(site=site)
        .select_related("published_by", "register")
        .order_by("-number")
    )


def differences(
    before: Sequence[Mapping[str, Any]],
    after: Sequence[Mapping[str, Any]],
    *,
    by: Mapping[str, tuple[str, ...]],
) -> tuple[Difference, ...]:
    """Say what is other between two snapshots.

    Args:
        before: The older.
        after: The newer.
        by: Key of an item → who changed it in between.
    """
    old = {each["key"]: each for each in before}
    new = {each["key"]: each for each in after}
    found = []
    for key in dict.fromkeys([*new, *old]):
        one, other = old.get(key), new.get(key)
        shown = other or one or {}
        if one is not None and other is not None:
            changes = tuple(
                (called, _said(one.get(name)), _said(other.get(name)))
                for name, called in COMPARED.items()
                if one.get(name) != other.get(name)
            )
            if not changes:
                continue
            way = "changed"
        else:
            changes, way = (), "added" if one is None else "dropped"
        found.append(
            Difference(key, str(shown.get("what", "")), way, changes, tuple(by.get(key, ())))
        )
    order = ("added", "changed", "dropped")
    return tuple(sorted(found, key=lambda each: (order.index(each.way), each.key)))


def who_changed(site: Site, *, since: datetime) -> dict[str, tuple[str, ...]]:
    """Say who changed which item since a moment."""
    found: dict[str, dict[str, None]] = {}
    for row in changes_of(site).filter(at__gte=since).order_by("pk"):
        who = str(row.by) if row.by else "the operator" if row.human else "a job"
        found.setdefault(row.item, {})[who] = None
    return {key: tuple(each) for key, each in found.items()}


def carried_of(version: RoadmapVersionRecord) -> float | None:
    """Give the share of candidates that a version carried over as they were."""
    return version.unchanged / version.candidates if version.candidates else None


def is_a_rebuild(version: RoadmapVersionRecord) -> bool:
    """Say whether a version was built rather than carried over."""
    carried = carried_of(version)
    return carried is None or carried <= MOSTLY_CARRIED


def _said(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return str(value) if value else "none"
