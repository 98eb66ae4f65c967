"""What may be asked about a brief: what it says, and what each gate misses of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from truelift.apps.briefs.measured import measured_of
from truelift.apps.briefs.models import (
    SIGNING,
    ApprovalRecord,
    BriefRecord,
    FollowUpRecord,
    MetricClassRecord,
)
from truelift.apps.experiments.models import SHARES, ExperimentRecord, MetricRecord, MetricRole
from truelift.apps.experiments.wording import is_money
from truelift.apps.programme.reads import policy_of
from truelift.apps.qa.models import PictureRecord
from truelift.apps.qa.reads import evidence_of, latest_verdicts, plan_of
from truelift.apps.research.models import HypothesisRecord
from truelift.apps.sites.models import Site
from truelift.lifecycle.brief import (
    Approval,
    Approved,
    Brief,
    Guards,
    MetricClass,
    Review,
    Risk,
    ShownVariant,
    Situation,
    gate_obstacles,
)
from truelift.lifecycle.experiment import (
    RANDOMISED,
    Choice,
    Origin,
    Person,
    Stage,
    plan_digest,
)
from truelift.lifecycle.functions import Function, Part, Parts, Signature
from truelift.lifecycle.gate import Gate
from truelift.lifecycle.obstacle import Obstacle
from truelift.lifecycle.qa import QaEvidence


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


def class_of_metric(metric: MetricRecord, known: Mapping[str, MetricClassRecord]) -> MetricClass:
    """Say what a metric is worth; without a word on it, what it counts suggests.

    Money and shares of people who do something are outcomes; how often something is done,
    and how long it takes, explains until somebody says that it decides. Views and clicks
    explain at best, also as a share of people.
    """
    row = known.get(metric.key)
    if row is not None:
        return MetricClass(row.worth)
    if metric.event in _VIEWS:
        return MetricClass.DIAGNOSTIC
    if metric.kind in SHARES or is_money(metric):
        return MetricClass.MACRO
    return MetricClass.DIAGNOSTIC


_VIEWS: Final = frozenset(
    {"page_view", "pageview", "$pageview", "page", "click", "$autocapture", "scroll", "view"}
)
"""Events that happen whenever somebody is there (R023)."""


EVERYTHING: Final = frozenset(Gate)


def brief_of(
    record: ExperimentRecord, *, plan: str, now: datetime, gates: frozenset[Gate] = EVERYTHING
) -> Brief:
    """Give the brief as the rules see it.

    Args:
        record: The experiment.
        plan: Digest of its plan as it stands.
        now: What was checked too long ago before this does not count.
        gates: Those that will be asked; what only others look at is not looked up.
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
    qa_wanted = gates & {Gate.VARIANTS_SHOWN, Gate.QA_MATRIX, Gate.INSTRUMENTATION}
    measured = measured_of(record, now=now) if Gate.MEASUREMENT in gates else None
    return Brief(
        plan=plan,
        decisions={
            Situation(each): Choice(choice)
            for each, choice in (row.decisions if row else {}).items()
        },
        primary=(
            primary.name,
            class_of_metric(primary, known),
        )
        if primary
        else None,
        primary_is_proxy=bool(primary and primary.key in known and known[primary.key].proxy_of),
        guarded=guarded,
        adds_pressure=bool(row and row.adds_pressure),
        variants=shown_variants(record) if qa_wanted else (),
        qa=_qa(record, now=now) if qa_wanted else QaEvidence(),
        measurement=measured.problems if measured else (),
        measured=measured is None or measured.known,
        implementer=_person(row.implementer) if row and row.implementer else None,
        acknowledged=bool(row and row.acknowledged_at),
        slot=row.slot if row else "",
        risks={Risk(risk): bool(is_there) for risk, is_there in (row.risks if row else {}).items()},
        review=Review(policy_of(record.site).required_review),
        approvals=tuple(
            Approval(
                _agreed_with(each.what),
                Person(str(each.by_id or "operator"), str(each.by or "the operator")),
                each.plan,
            )
            for each in approvals_of(record)
            if each.what not in SIGNING
        ),
        conflicts=_on_the_roadmap(record, now=now) if Gate.ROADMAP in gates else (),
        expectation=_expected(record, now=now) if Gate.EXPECTATION in gates else (),
        undocumented=undocumented(record, row) if Gate.DOCUMENTED in gates else (),
    )


def _on_the_roadmap(record: ExperimentRecord, *, now: datetime) -> tuple[Obstacle, ...]:
    # The roadmap knows experiments; loading it at once would close a circle.
    from truelift.apps.roadmap.gating import roadmap_obstacles

    return roadmap_obstacles(record, now=now)


def _expected(record: ExperimentRecord, *, now: datetime) -> tuple[Obstacle, ...]:
    # Reviews rest on measurement, which knows experiments; loading it would close a circle.
    from truelift.apps.commerce.reviews import missing_of

    return missing_of(record, now=now)


def shown_variants(record: ExperimentRecord) -> tuple[ShownVariant, ...]:
    """Say of each variant whether there is a screenshot and an address."""
    pictures = pictures_of(record)
    plan = plan_of(record)
    addresses = {each.variant for each in plan.addresses.all()} if plan else set()
    return tuple(
        ShownVariant(each.key, has_picture=each.key in pictures, has_address=each.key in addresses)
        for each in record.variants.all()
    )


def pictures_of(record: ExperimentRecord) -> Mapping[str, PictureRecord]:
    """Give the newest screenshot of each variant: of the latest check, else of a tester."""
    plan = plan_of(record)
    if plan is None:
        return {}
    found: dict[str, PictureRecord] = {}
    for (_, variant), verdict in latest_verdicts(plan).items():
        if verdict.picture is not None:
            found[variant] = verdict.picture
    last = plan.runs.filter(finished_at__isnull=False).order_by("-number").first()
    if last is not None:
        # Of two sizes the larger picture says more on a page: desktop comes last.
        for visit in last.visits.select_related("picture").order_by("-size"):
            if visit.picture is not None:
                found[visit.variant] = visit.picture
    return found


def _qa(record: ExperimentRecord, *, now: datetime) -> QaEvidence:
    plan = plan_of(record)
    return QaEvidence() if plan is None else evidence_of(plan, now=now)


def gates_of(
    record: ExperimentRecord, gates: frozenset[Gate], *, plan: str, now: datetime
) -> dict[Gate, tuple[Obstacle, ...]]:
    """Give what each gate in force still misses of an experiment; nothing without gates."""
    if not gates:
        return {}
    brief = brief_of(record, plan=plan, now=now, gates=gates)
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


def documentation(record: ExperimentRecord, row: BriefRecord | None) -> Mapping[str, bool]:
    """Say of each of the eight fields of the documentation whether it is filled (R081).

    A study that splits nobody has no variants to show and no segments to tell apart.
    """
    randomised = record.method in RANDOMISED
    latest = record.analyses.order_by("-number").first()
    document = latest.document if latest else {}
    shown = not randomised or all(each.has_picture for each in shown_variants(record))
    return {
        "the hypothesis": record.hypothesis_id is not None,
        "screenshots of the variants": shown,
        "the audience": bool(row and row.audience.strip()),
        "the dates": record.starts_on is not None and record.ends_on is not None,
        "the notes of QA": bool(row and row.qa_notes.strip()),
        "the results": latest is not None,
        "the segments": not randomised or bool(document.get("segments")),
        "the decision": hasattr(record, "decision") or record.is_invalid,
    }


def undocumented(record: ExperimentRecord, row: BriefRecord | None) -> tuple[str, ...]:
    """Name the fields of the documentation that are empty."""
    return tuple(name for name, filled in documentation(record, row).items() if not filled)


def brief_document(record: ExperimentRecord, *, now: datetime) -> dict[str, Any]:
    """Give a brief as JSON, with what every gate would miss of it, in force or not."""
    # The mistakes read this module, and the experiment's own rules read it as well.
    from truelift.apps.briefs.mistakes import mistake_document, mistakes_of
    from truelift.apps.experiments.domain import as_domain

    row = brief_record(record)
    plan = plan_digest(as_domain(record))
    brief = brief_of(record, plan=plan, now=now)
    policy = policy_of(record.site)
    return {
        "experiment": record.key,
        "plan": plan,
        "plan_frozen": record.plan_hash or None,
        "plan_changed": bool(record.plan_hash) and record.plan_hash != plan,
        "goal": row.goal if row else "",
        "audience": row.audience if row else "",
        "adds_pressure": bool(row and row.adds_pressure),
        "builder": row.builder.email if row and row.builder else None,
        "implementer": row.implementer.email if row and row.implementer else None,
        "effort_days": row.effort_days if row else None,
        "slot": row.slot if row else "",
        "acknowledged_at": row.acknowledged_at if row else None,
        "decisions": {
            each.value: row.decisions.get(each.value) if row else None for each in Situation
        },
        "risks": {each.value: row.risks.get(each.value) if row else None for each in Risk},
        "qa_notes": row.qa_notes if row else "",
        "required_review": policy.required_review,
        "approvals": [
            {
                "what": each.what,
                "by": each.by.email if each.by else None,
                "given_at": each.given_at,
                "note": each.note,
                "as_the_plan_stands": each.plan == plan,
            }
            for each in approvals_of(record)
        ],
        "variants": [
            {
                "variant": each.key,
                "has_picture": each.has_picture,
                "has_address": each.has_address,
            }
            for each in brief.variants
        ],
        "documentation": documentation(record, row),
        "follow_ups": list(follow_ups_of(record)),
        "mistakes": [mistake_document(each) for each in mistakes_of(record, now=now)],
        "gates": [
            {
                "gate": gate.value,
                "in_force": gate in policy.gates,
                "obstacles": [
                    {"code": each.code, "sentence": each.sentence, "remedy": each.remedy}
                    for each in gate_obstacles(brief, gate)
                ],
            }
            for gate in Gate
        ],
    }


def class_document(row: MetricClassRecord) -> dict[str, Any]:
    """Give what a metric is worth as JSON."""
    return {
        "metric": row.metric,
        "worth": row.worth,
        "guards": row.guards or None,
        "proxy_of": row.proxy_of or None,
        "because": row.because,
        "by": row.made_by.email if row.made_by else None,
        "made_at": row.made_at,
    }


def loop_closure(site: Site) -> dict[str, float | int | None]:
    """Say what share of the closed experiments led to something; imported ones apart (R002)."""
    closed = ExperimentRecord.objects.filter(site=site, stage=Stage.CLOSED).exclude(
        origin=Origin.IMPORTED
    )
    named = FollowUpRecord.objects.filter(experiment__in=closed).values_list("experiment_id")
    cited = HypothesisRecord.objects.filter(learnings__experiment__in=closed).values_list(
        "learnings__experiment_id"
    )
    total = closed.count()
    followed = len({pk for (pk,) in [*named, *cited]})
    return {
        "closed": total,
        "followed_up": followed,
        "share": followed / total if total else None,
    }


def follow_ups_of(record: ExperimentRecord) -> tuple[str, ...]:
    """List what an experiment led to: what was named, and hypotheses that cite its learnings."""
    named = FollowUpRecord.objects.filter(experiment=record).values_list("key", flat=True)
    citing = HypothesisRecord.objects.filter(learnings__experiment=record).distinct()
    return tuple(dict.fromkeys([*named, *(each.key for each in citing.order_by("number"))]))


def _agreed_with(what: str) -> Approved | Review | Risk:
    if what in set(Approved):
        return Approved(what)
    return Review(what) if what in set(Review) else Risk(what)


def _person(user: object) -> Person:
    return Person(str(getattr(user, "pk", "")), str(user))
