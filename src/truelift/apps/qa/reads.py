"""What is known of an experiment's quality before its start."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from truelift.apps.experiments.models import ExperimentRecord
from truelift.apps.experiments.reads import experiment_of
from truelift.apps.qa.hosts import verified_hosts
from truelift.apps.qa.models import (
    HostRecord,
    PictureRecord,
    QaPlanRecord,
    QaRunRecord,
    QaVerdictRecord,
    QaVisitRecord,
)
from truelift.apps.qa.plan import makers_of, required_events
from truelift.apps.sites.models import Site
from truelift.lifecycle.qa import RUN_HOLDS, MissingEvent, QaEvidence, qa_obstacles


NOTHING: Final = QaEvidence()

__all__ = ["qa_evidence", "verified_hosts"]


def qa_plan(site: Site, key: str) -> QaPlanRecord | None:
    """Give what is to be checked of an experiment; None while nobody has begun."""
    record = experiment_of(site, key)
    if record is None:
        return None
    return (
        QaPlanRecord.objects.filter(experiment=record)
        .select_related("experiment__site", "experiment__made_by")
        .first()
    )


def plan_of(record: ExperimentRecord) -> QaPlanRecord | None:
    """Give the same of an experiment at hand; what has been read of it is not read again."""
    plan = QaPlanRecord.objects.filter(experiment=record).first()
    if plan is not None:
        plan.experiment = record
    return plan


def qa_evidence(site: Site, experiment_key: str, now: datetime) -> QaEvidence:
    """Say what is known of an experiment's quality, for the guard of its move to ready."""
    plan = qa_plan(site, experiment_key)
    return NOTHING if plan is None else evidence_of(plan, now=now)


def evidence_of(plan: QaPlanRecord, *, now: datetime) -> QaEvidence:
    """Say the same of a plan that is there."""
    variants = [each.key for each in plan.experiment.variants.all()]
    verdicts = latest_verdicts(plan)
    cells = [each for each in plan.cells.all() if each.current]
    missing = tuple(
        (variant, str(cell))
        for cell in cells
        for variant in variants
        if (cell.pk, variant) not in verdicts
    )
    failed = tuple(
        f"{variant} in {cell}: {verdicts[cell.pk, variant].note}"
        for cell in cells
        for variant in variants
        if (cell.pk, variant) in verdicts
        and not verdicts[cell.pk, variant].passed
        and verdicts[cell.pk, variant].blocking
    )
    runs = list(plan.runs.order_by("-number")[:2])
    running = bool(runs) and runs[0].finished_at is None
    last = next((each for each in runs if each.finished_at is not None), None)
    visits = list(last.visits.all()) if last else []
    changed = plan.addresses_changed_at
    return QaEvidence(
        has_matrix=bool(cells),
        covered=plan.covered or 0.0,
        missing_cells=missing,
        blocking_failures=failed,
        run_at=last.finished_at if last else None,
        running=running,
        missing_events=tuple(
            MissingEvent(each.variant, each.size, lack["role"], lack["event"], lack["because"])
            for each in visits
            if not each.problem
            for lack in each.missing
        ),
        broken_visits=(
            *((f"The check ended early. {last.problem}",) if last and last.problem else ()),
            *(
                f"Variant {each.variant} could not be looked at ({each.size}). {each.problem}"
                for each in visits
                if each.problem
            ),
        ),
        stale=last is not None
        and last.finished_at is not None
        and (
            now - last.finished_at > RUN_HOLDS or (changed is not None and changed > last.asked_at)
        ),
    )


def latest_verdicts(plan: QaPlanRecord) -> dict[tuple[int, str], QaVerdictRecord]:
    """Give the verdict that counts of each cell and variant: the latest, never a maker's own."""
    rows = (
        QaVerdictRecord.objects.filter(cell__plan=plan, cell__current=True)
        # An operator's has no tester, which `exclude` keeps and `NOT IN` would drop.
        .exclude(tester_id__in=makers_of(plan.experiment))
        .select_related("tester", "picture")
        .order_by("pk")
    )
    return {(row.cell_id, row.variant): row for row in rows}


def run_of(plan: QaPlanRecord, number: int | None = None) -> QaRunRecord | None:
    """Give a check by its number, or the latest."""
    found = plan.runs.prefetch_related("visits__picture")
    return (found if number is None else found.filter(number=number)).first()


def picture_of(site: Site, digest: str) -> PictureRecord | None:
    """Give a picture of the site."""
    return PictureRecord.objects.filter(site=site, sha256=digest).first()


def qa_document(site: Site, key: str, *, now: datetime) -> dict[str, Any]:
    """Write all of it for programs; the experiment exists."""
    plan = qa_plan(site, key)
    evidence = qa_evidence(site, key, now)
    verdicts = latest_verdicts(plan) if plan else {}
    last = run_of(plan) if plan else None
    return {
        "experiment": key,
        "complete": evidence.complete,
        "reasons": [
            {"code": each.code, "sentence": each.sentence, "remedy": each.remedy}
            for each in qa_obstacles(evidence)
        ],
        "addresses": [
            {"variant": each.variant, "url": each.url, "steps": each.steps}
            for each in (plan.addresses.all() if plan else ())
        ],
        "left_out": list(plan.left_out) if plan else [],
        "left_out_because": plan.left_out_because if plan else "",
        "required": [
            {"role": role, "event": event}
            for role, event in (required_events(plan.experiment, plan.left_out) if plan else ())
        ],
        "matrix": {
            "covered": plan.covered if plan else None,
            "sessions": plan.sessions if plan else None,
            "built_at": plan.built_at if plan else None,
            "building": bool(plan and plan.building),
            "cells": [
                {
                    "cell": cell.pk,
                    "device": cell.device,
                    "browser": cell.browser,
                    "share": cell.share,
                    "verdicts": [
                        {
                            "variant": variant,
                            "passed": found.passed,
                            "blocking": found.blocking,
                            "note": found.note,
                            "tester": str(found.tester) if found.tester else "operator",
                            "tested_at": found.tested_at,
                            "picture": found.picture.sha256 if found.picture else None,
                        }
                        for (pk, variant), found in verdicts.items()
                        if pk == cell.pk
                    ],
                }
                for cell in (plan.cells.filter(current=True) if plan else ())
            ],
        },
        "run": run_document(last) if last else None,
    }


def run_document(run: QaRunRecord) -> dict[str, Any]:
    """Write a check for programs."""
    return {
        "number": run.number,
        "asked_at": run.asked_at,
        "finished_at": run.finished_at,
        "problem": run.problem,
        "visits": [_visit_document(each) for each in run.visits.all()],
    }


def _visit_document(visit: QaVisitRecord) -> dict[str, Any]:
    return {
        "variant": visit.variant,
        "size": visit.size,
        "url": visit.url,
        "final_url": visit.final_url,
        "status": visit.status,
        "visitor": visit.visitor,
        "visited_at": visit.visited_at,
        "problem": visit.problem,
        "errors": visit.errors,
        "refused": visit.refused,
        "seen": visit.seen,
        "missing": visit.missing,
        "picture": visit.picture.sha256 if visit.picture else None,
    }


def host_document(record: HostRecord) -> dict[str, Any]:
    """Write a host for programs."""
    return {
        "id": record.pk,
        "host": record.host,
        "token": record.token,
        "verified_at": record.verified_at,
        "how": record.how or None,
        "checking": record.checking,
        "checked_at": record.checked_at,
        "problem": record.problem,
    }
