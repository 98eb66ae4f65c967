"""What may be asked about a brief: what it says, and what each gate misses of it."""

from __future__ import annotations

from collections.abc import Mapping

from truelift.apps.briefs.models import SIGNING, ApprovalRecord, BriefRecord, MetricClassRecord
from truelift.apps.experiments.models import ExperimentRecord, MetricKind, MetricRole
from truelift.apps.sites.models import Site
from truelift.lifecycle.brief import (
    Approval,
    Approved,
    Brief,
    Guards,
    MetricClass,
    Risk,
    Situation,
    gate_obstacles,
)
from truelift.lifecycle.experiment import Choice, Person
from truelift.lifecycle.functions import Function, Part, Parts, Signature
from truelift.lifecycle.gate import Gate
from truelift.lifecycle.obstacle import Obstacle


def brief_record(record: ExperimentRecord) -> BriefRecord | None:
    """Give what was settled around an experiment; nothing while nobody wrote any of it."""
    return (
        BriefRecord.objects.filter(experiment=record)
        .select_related("builder", "implementer", "changed_by")
        .first()
    )


def approvals_of(record: ExperimentRecord) -> tuple[ApprovalRecord, ...]:
    """List who agreed with what, the oldest first."""
    return tuple(ApprovalRecord.objects.filter(experiment=record).select_related("by"))


def metric_classes(site: Site) -> Mapping[str, MetricClassRecord]:
    """Give the newest word on each metric of a site, by the metric's key."""
    rows = MetricClassRecord.objects.filter(site=site).order_by("pk")
    return {row.metric: row for row in rows}


def class_of(
    key: str, kind: str, known: Mapping[str, MetricClassRecord], *, has_money: bool = False
) -> MetricClass:
    """Say what a metric is worth; without a word on it, what its kind suggests.

    Money and shares of people who order are outcomes; counts of things that people do
    on the way are not, until somebody says so.
    """
    row = known.get(key)
    if row is not None:
        return MetricClass(row.worth)
    if has_money or kind == MetricKind.PROPORTION:
        return MetricClass.MACRO
    return MetricClass.DIAGNOSTIC


def brief_of(record: ExperimentRecord, *, plan: str) -> Brief:
    """Give the brief as the rules see it.

    Args:
        record: The experiment.
        plan: Digest of its plan as it stands.
    """
    row = brief_record(record)
    known = metric_classes(record.site)
    planned = list(record.metrics.select_related("metric"))
    primary = next((each.metric for each in planned if each.role == MetricRole.PRIMARY), None)
    guarded = frozenset(
        Guards(known[each.metric.key].guards)
        for each in planned
        if each.role == MetricRole.GUARDRAIL
        and each.metric.key in known
        and known[each.metric.key].guards
    )
    return Brief(
        plan=plan,
        decisions={
            Situation(each): Choice(choice)
            for each, choice in (row.decisions if row else {}).items()
        },
        primary=(
            primary.name,
            class_of(
                primary.key,
                primary.kind,
                known,
                has_money=primary.kind == MetricKind.SUM and not primary.property,
            ),
        )
        if primary
        else None,
        primary_is_proxy=bool(primary and primary.key in known and known[primary.key].proxy_of),
        guarded=guarded,
        adds_pressure=bool(row and row.adds_pressure),
        implementer=_person(row.implementer) if row and row.implementer else None,
        acknowledged=bool(row and row.acknowledged_at),
        slot=row.slot if row else "",
        risks={Risk(risk): bool(is_there) for risk, is_there in (row.risks if row else {}).items()},
        approvals=tuple(
            Approval(
                Approved(each.what) if each.what in set(Approved) else Risk(each.what),
                Person(str(each.by_id or "operator"), str(each.by or "the operator")),
                each.plan,
            )
            for each in approvals_of(record)
            if each.what not in SIGNING
        ),
        undocumented=undocumented(record, row),
    )


def gates_of(
    record: ExperimentRecord, gates: frozenset[Gate], *, plan: str
) -> dict[Gate, tuple[Obstacle, ...]]:
    """Give what each gate in force still misses of an experiment; nothing without gates."""
    if not gates:
        return {}
    brief = brief_of(record, plan=plan)
    return {gate: gate_obstacles(brief, gate) for gate in Gate if gate in gates}


def parts_of(record: ExperimentRecord) -> Parts:
    """Say who has which part of an experiment."""
    row = brief_record(record)
    held = {
        Part.AUTHOR: record.made_by_id,
        Part.DECISION_OWNER: record.decision_owner_id,
        Part.DEPUTY: record.deputy_id,
        Part.BUILDER: row.builder_id if row else None,
        Part.IMPLEMENTER: row.implementer_id if row else None,
    }
    return {part: frozenset({str(key)}) for part, key in held.items() if key is not None}


def signatures_of(record: ExperimentRecord, *, plan: str) -> tuple[Signature, ...]:
    """List who has signed that the plan, as it stands, may go on."""
    return tuple(
        Signature(Function(each.what), str(each.by_id))
        for each in approvals_of(record)
        if each.what in SIGNING and each.plan == plan and each.by_id is not None
    )


def undocumented(record: ExperimentRecord, row: BriefRecord | None) -> tuple[str, ...]:
    """Name the fields of the documentation that are empty, of the eight that it has (R081).

    Screenshots count where the variants are shown; this room knows of none of its own.
    """
    filled = {
        "the hypothesis": record.hypothesis_id is not None,
        "the audience": bool(row and row.audience.strip()),
        "the dates": record.starts_on is not None and record.ends_on is not None,
        "the notes of QA": bool(row and row.qa_notes.strip()),
        "the results": record.analyses.exists(),
        "the decision": hasattr(record, "decision") or record.stage == "invalid",
    }
    return tuple(name for name, is_there in filled.items() if not is_there)


def _person(user: object) -> Person:
    return Person(str(getattr(user, "pk", "")), str(user))
