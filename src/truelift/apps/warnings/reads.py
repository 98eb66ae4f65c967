"""What may be asked about warnings."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from django.db.models import QuerySet

from truelift.apps.sites.models import Site
from truelift.apps.warnings.models import ReadingRecord, WarningRecord
from truelift.apps.warnings.services import number_in
from truelift.lifecycle.warning import FOUR, STANDING, Kind, Severity, WarningStage


ORDER = {stage.value: place for place, stage in enumerate(WarningStage)}


def warnings_of(site: Site) -> tuple[WarningRecord, ...]:
    """List every warning that a site ever had: what stands first, the worst of it first."""
    rows = WarningRecord.objects.filter(site=site).select_related("owner")
    return tuple(
        sorted(
            rows,
            key=lambda each: (
                ORDER[each.stage],
                -Severity(each.severity).rank,
                -each.last_seen.toordinal(),
                each.number,
            ),
        )
    )


def warning_of(site: Site, key: str) -> WarningRecord | None:
    """Find a warning of the site by its key."""
    return (
        WarningRecord.objects.filter(site=site, number=number_in(key) or 0)
        .select_related("site", "owner")
        .first()
    )


def readings_of(site: Site) -> dict[Kind, ReadingRecord]:
    """Give what the last night said of each kind; one query."""
    rows = ReadingRecord.objects.filter(site=site).select_related("warning__owner")
    return {Kind(each.kind): each for each in rows}


def reading_of(site: Site, kind: Kind) -> ReadingRecord | None:
    """Give what the last night said of one kind."""
    return ReadingRecord.objects.filter(site=site, kind=kind.value).first()


def four_of(site: Site) -> dict[Kind, ReadingRecord]:
    """Give what the last night said of the four that are always shown; one query."""
    rows = ReadingRecord.objects.filter(
        site=site, kind__in=[each.value for each in FOUR]
    ).select_related("warning__owner")
    return {Kind(each.kind): each for each in rows}


def standing_of(site: Site, *, kind: Kind | None = None) -> tuple[WarningRecord, ...]:
    """List the warnings that wait for somebody, for agendas and reports."""
    rows = WarningRecord.objects.filter(
        site=site, stage__in=[each.value for each in STANDING]
    ).select_related("owner")
    if kind is not None:
        rows = rows.filter(kind=kind.value)
    return tuple(
        sorted(rows, key=lambda each: (-Severity(each.severity).rank, each.first_seen, each.number))
    )


def unanswered(record: WarningRecord, *, today: date) -> bool:
    """Say whether somebody has to answer: nobody has taken it on, or its day has passed."""
    if record.stage == WarningStage.OPEN:
        return True
    return (
        record.stage == WarningStage.ACKNOWLEDGED and record.due is not None and record.due < today
    )


def waiting(site: Site) -> Mapping[str, QuerySet[Any]]:
    """Give the warnings that nobody has taken on, for the rail."""
    return {"warnings": WarningRecord.objects.filter(site=site, stage=WarningStage.OPEN.value)}


def warning_document(record: WarningRecord) -> dict[str, Any]:
    """Write a line of the list for programs."""
    return {
        "key": record.key,
        "kind": record.kind,
        "cause": record.cause or None,
        "stage": record.stage,
        "severity": record.severity,
        "sentence": record.sentence,
        "advice": record.advice or None,
        "first_seen": record.first_seen,
        "last_seen": record.last_seen,
        "times": record.times,
        "owner": record.owner.email if record.owner else None,
        "due": record.due,
        "accepted_until": record.until,
        "version": record.version,
    }


def detail_document(record: WarningRecord) -> dict[str, Any]:
    """Write a warning for programs, with its history and the numbers of its last sighting."""
    sighting = record.sightings.order_by("-day").first()
    reading = reading_of(record.site, Kind(record.kind))
    return {
        **warning_document(record),
        "evidence": sighting.evidence if sighting else None,
        "seen_on": [each.isoformat() for each in record.sightings.values_list("day", flat=True)],
        "history": [
            {
                "action": each.action,
                "before": each.before or None,
                "after": each.after,
                "by": str(each.by) if each.by else "the detector",
                "owner": each.owner.email if each.owner else None,
                "day": each.day,
                "sentence": each.sentence,
                "note": each.note or None,
                "at": each.moved_at,
            }
            for each in record.moves.select_related("by", "owner")
        ],
        "back_test": (reading.replayed or None) if reading else None,
    }


def reading_document(kind: Kind, record: ReadingRecord | None) -> dict[str, Any]:
    """Write what the last night said of a kind for programs."""
    return {
        "kind": kind.value,
        "called": kind.called,
        "looked_at": record.looked_at if record else None,
        "judged": bool(record and record.told),
        "severity": (record.severity or None) if record else None,
        "sentence": record.sentence if record else "Nobody has looked yet.",
        "warning": record.warning.key if record and record.warning else None,
    }
