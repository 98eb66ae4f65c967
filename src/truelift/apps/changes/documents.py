"""Changes, contaminations, incidents and senders as programs read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from truelift.apps.changes.models import (
    ChangeRecord,
    ContaminationRecord,
    IncidentRecord,
    SenderRecord,
)
from truelift.lifecycle.contamination import waits_for


def change_document(record: ChangeRecord) -> dict[str, Any]:
    """Write a change for programs."""
    return {
        "key": record.key,
        "source": str(record.sender) if record.sender else record.source,
        "external_id": record.external_id,
        "state": record.state,
        "trust": record.trust,
        "kind": record.kind,
        "what": record.what or None,
        "env": record.env or None,
        "repo": record.repo or None,
        "sha": record.sha or None,
        "paths": list(record.paths),
        "urls": list(record.urls),
        "surfaces": list(record.surfaces),
        "unmapped": list(record.unmapped),
        "elements": list(record.elements),
        "arms": list(record.arms),
        "planned_for": list(record.planned_for),
        "actor": record.actor or None,
        "url": record.url or None,
        "at": record.at,
        "started_at": record.started_at,
        "finished_at": record.finished_at,
        "told_at": record.told_at,
        "emergency": record.emergency,
        "signal": record.signal or None,
        "note": record.note or None,
        "contaminations": [each.pk for each in record.contaminations.all()],
    }


def contamination_document(record: ContaminationRecord, *, hidden: bool = False) -> dict[str, Any]:
    """Write a contamination for programs.

    Args:
        record: Which.
        hidden: Whether whoever asks may not know an effect yet.
    """
    counts = record.counts
    votes = record.votes()
    return {
        "id": record.pk,
        "experiment": record.experiment.key,
        "change": record.change.key,
        "at": record.at,
        "scope": record.scope,
        "arms": list(record.arms),
        "policy": record.policy,
        "reason": record.reason,
        "verdict": record.verdict,
        "share_after": counts.share_after if counts else None,
        "units_before": dict(counts.before) if counts else None,
        "units_after": dict(counts.after) if counts else None,
        "counted_at": record.counted_at,
        "support": _support(record.support, hidden=hidden),
        "due_at": record.due_at,
        "waits_for": [each.value for each in waits_for(votes)],
        "adjudications": [
            {
                "function": each.function,
                "verdict": each.verdict,
                "reason": each.reason,
                "by": str(each.by) if each.by else None,
                "operator": each.operator,
                "at": each.made_at,
            }
            for each in record.adjudications.all()
        ],
        "way_out": record.way_out or None,
        "way_note": record.way_note or None,
    }


def _support(support: Mapping[str, Any], *, hidden: bool) -> dict[str, Any] | None:
    return dict(support) if support and not hidden else None


def incident_document(record: IncidentRecord) -> dict[str, Any]:
    """Write an incident for programs, with what it means for each test."""
    return {
        "key": record.key,
        "kind": record.kind,
        "what": record.what,
        "since": record.since,
        "until": record.until,
        "surfaces": list(record.surfaces),
        "arms": list(record.arms),
        "targeted": record.targeted,
        "tests": [
            {
                "experiment": each.experiment.key,
                "share": each.share,
                "weight": each.weight,
                "sentence": each.sentence,
                "without": dict(each.without) or None,
            }
            for each in record.confounders.all()
        ],
    }


def sender_document(record: SenderRecord) -> dict[str, Any]:
    """Write a sender for programs, without its address and secret, which were said once."""
    return {
        "id": record.pk,
        "kind": record.kind,
        "name": record.name,
        "surfaces": list(record.surfaces),
        "change_kind": record.change_kind,
        "fields": dict(record.fields),
        "made_at": record.made_at,
        "heard_at": record.heard_at,
    }
