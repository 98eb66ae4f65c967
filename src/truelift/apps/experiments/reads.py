"""What may be asked about experiments, snapshots, decisions and learnings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any, TypedDict

from django.db.models import Count, OuterRef, QuerySet, Subquery

from truelift.apps.experiments.advising import advice_of
from truelift.apps.experiments.domain import as_domain, asked_by
from truelift.apps.experiments.models import (
    AnalysisRecord,
    DecisionRecord,
    ExperimentRecord,
    LearningRecord,
    MetricRecord,
)
from truelift.apps.experiments.monitoring_hiding import hides_from
from truelift.apps.experiments.spec import KEY
from truelift.apps.research.actor import Actor
from truelift.apps.research.reads import insight_document
from truelift.apps.sites.models import Site
from truelift.lifecycle.experiment import Advice, Stage
from truelift.lifecycle.moving import actions_from, obstacles
from truelift.lifecycle.obstacle import Obstacle


class StepDocument(TypedDict):
    """An action that the stage has, and what stands in its way."""

    action: str
    obstacles: list[dict[str, str]]


class ExperimentDocument(TypedDict):
    """An experiment as the API and the command line show it."""

    key: str
    name: str
    origin: str
    method: str
    inference: str
    judging: dict[str, object]
    unit: str
    surface: str
    stage: str
    invalid: bool
    contaminated_after_the_fact: list[dict[str, object]]
    hypothesis: str | None
    decision_owner: str | None
    deputy: str | None
    start: str | None
    end: str | None
    alpha: float
    waiver: str
    plan: dict[str, float | int | None]
    plan_hash: str | None
    variants: list[dict[str, object]]
    metrics: list[dict[str, object]]
    started_at: datetime | None
    stopped_at: datetime | None
    advice: list[str]
    actions: list[StepDocument]
    analyses: list[dict[str, object]]
    decision: dict[str, object] | None
    learnings: list[dict[str, object]]


def experiment_of(site: Site, key: str) -> ExperimentRecord | None:
    """Find an experiment of the site by its key, with everything that its page shows."""
    if not KEY.match(key):
        return None
    return (
        ExperimentRecord.objects.filter(site=site, key=key)
        .select_related("site", "hypothesis", "decision_owner", "deputy", "made_by")
        .first()
    )


def experiments_of(site: Site) -> QuerySet[ExperimentRecord]:
    """Give the experiments of a site with their newest snapshot's text, the newest first."""
    newest = AnalysisRecord.objects.filter(experiment=OuterRef("pk")).order_by("-number")
    return (
        ExperimentRecord.objects.filter(site=site)
        .select_related("site", "decision_owner", "hypothesis", "decision")
        .annotate(newest_text=Subquery(newest.values("text")[:1]))
        .order_by("-made_at", "-pk")
    )


def experiment_summaries(site: Site) -> list[dict[str, object]]:
    """List the experiments of a site in a few words each."""
    return [experiment_summary(record) for record in experiments_of(site)]


def experiment_summary(record: ExperimentRecord) -> dict[str, object]:
    """Give an experiment in a few words."""
    return {
        "key": record.key,
        "name": record.name,
        "stage": record.stage,
        "invalid": record.is_invalid,
        "method": record.method,
        "origin": record.origin,
        "hypothesis": record.hypothesis.key if record.hypothesis else None,
        "start": record.starts_on,
        "end": record.ends_on,
    }


def _told_after(record: ExperimentRecord) -> list[dict[str, object]]:
    """Write what spoiled a test and was told of only when it was decided."""
    # It reaches over to changes, which read experiments.
    from truelift.apps.changes.reads import after_the_fact

    return [
        {
            "contamination": each.pk,
            "change": each.change,
            "reason": each.reason,
            "answer": each.way.value if each.way else None,
            "withheld": each.withheld,
        }
        for each in after_the_fact([record.pk]).get(record.pk, ())
    ]


def experiment_document(
    record: ExperimentRecord, *, by: Actor, now: datetime
) -> ExperimentDocument:
    """Give an experiment in full, with what stands in the way of each move for this person."""
    hides = hides_from(record, by.user, now=now)
    domain = as_domain(record, now=now)
    asked = asked_by(by, site=record.site, now=now)
    decision = (
        DecisionRecord.objects.filter(experiment=record).select_related("by", "reviewer").first()
    )
    return {
        "key": record.key,
        "name": record.name,
        "origin": record.origin,
        "method": record.method,
        "inference": record.inference,
        "judging": asdict(domain.judging) | {"segments": list(domain.judging.segments)},
        "unit": record.unit,
        "surface": record.surface,
        "stage": record.stage,
        "invalid": record.is_invalid,
        "contaminated_after_the_fact": _told_after(record),
        "hypothesis": record.hypothesis.key if record.hypothesis else None,
        "decision_owner": record.decision_owner.email if record.decision_owner else None,
        "deputy": record.deputy.email if record.deputy else None,
        "start": record.starts_on.isoformat() if record.starts_on else None,
        "end": record.ends_on.isoformat() if record.ends_on else None,
        "alpha": record.alpha,
        "waiver": record.waiver,
        "plan": {
            "baseline": record.baseline,
            "cv": record.cv,
            "minimum_effect": record.minimum_effect,
            "power": record.power,
            "visitors_per_week": record.visitors_per_week,
            "allocation": record.allocation,
            "n_per_variant": record.n_per_variant,
            "weeks_needed": record.weeks_needed,
        },
        "plan_hash": record.plan_hash or None,
        "variants": [
            {
                "key": each.key,
                "name": each.name,
                "weight": each.weight,
                "role": "control" if each.is_control else "treatment",
            }
            for each in record.variants.all()
        ],
        "metrics": [
            {
                "metric": each.metric.key,
                "version": each.metric.version,
                "role": each.role,
                "margin": each.margin,
            }
            for each in record.metrics.select_related("metric")
        ],
        "started_at": record.started_at,
        "stopped_at": record.stopped_at,
        "advice": list(advice_of(record)),
        "actions": [
            {
                "action": action.value,
                "obstacles": [
                    obstacle_document(each) for each in obstacles(domain, action, asked=asked)
                ],
            }
            for action in actions_from(Stage(record.stage))
        ],
        "analyses": [
            {
                "number": each.number,
                "as_of": each.as_of,
                "action": Advice.KEEP_RUNNING.value if hides else each.advice or None,
                "digest": each.digest,
            }
            for each in record.analyses.defer("text").order_by("number")
        ],
        "decision": decision_document(decision) if decision else None,
        "learnings": [
            learning_document(each)
            for each in record.learnings.select_related("experiment", "made_by").order_by("number")
        ],
    }


def obstacle_document(obstacle: Obstacle) -> dict[str, str]:
    """Give an obstacle as JSON."""
    return {"code": obstacle.code, "sentence": obstacle.sentence, "remedy": obstacle.remedy}


def decision_document(decision: DecisionRecord) -> dict[str, object]:
    """Give a decision as JSON."""
    return {
        "experiment": decision.experiment.key,
        "choice": decision.choice,
        "recommended": decision.advice or None,
        "against_recommendation": decision.against_advice,
        "reason": decision.reason,
        "reviewer": decision.reviewer.email if decision.reviewer else None,
        "override": decision.override_reason or None,
        "by": decision.by.email if decision.by else None,
        "on_behalf": decision.operator,
        "analysis": decision.analysis.number if decision.analysis else None,
        "decided_at": decision.decided_at,
    }


def learning_document(learning: LearningRecord) -> dict[str, object]:
    """Give a learning as JSON."""
    return {
        "key": learning.key,
        "experiment": learning.experiment.key,
        "text": learning.text,
        "scope": learning.scope,
        "follow_up": learning.follow_up,
        "by": learning.made_by.email if learning.made_by else None,
        "made_at": learning.made_at,
    }


def metric_document(metric: MetricRecord) -> dict[str, object]:
    """Give a version of a metric as JSON."""
    return {
        "key": metric.key,
        "version": metric.version,
        "name": metric.name,
        "kind": metric.kind,
        "event": metric.event,
        "property": metric.property,
        "denominator_event": metric.denominator_event,
        "denominator_property": metric.denominator_property,
        "window_days": metric.window_days,
        "better": metric.better,
        "unit_label": metric.unit_label,
        "from_days": metric.from_days,
        "steps": metric.steps,
        "level": metric.level,
        "per": metric.per,
        "cap": metric.cap,
        "denominator_cap": metric.denominator_cap,
        "cap_percentile": metric.cap_percentile,
        "made_at": metric.made_at,
    }


def decisions_of(site: Site) -> QuerySet[DecisionRecord]:
    """Give the decisions of a site, the newest first."""
    return (
        DecisionRecord.objects.filter(experiment__site=site)
        .select_related("experiment", "by", "reviewer", "analysis")
        .defer("analysis__text")
        .order_by("-decided_at", "-pk")
    )


def learnings_of(site: Site) -> QuerySet[LearningRecord]:
    """Give the learnings of a site, the newest first."""
    return (
        LearningRecord.objects.filter(site=site)
        .select_related("experiment", "experiment__decision", "made_by")
        .order_by("-number")
    )


def analyses_of(site: Site, *, experiment: str = "") -> QuerySet[AnalysisRecord]:
    """Give the snapshots of a site without their text, the newest first."""
    found = AnalysisRecord.objects.filter(experiment__site=site)
    if experiment:
        found = found.filter(experiment__key=experiment) if KEY.match(experiment) else found.none()
    return found.select_related("experiment").defer("text").order_by("-made_at", "-pk")


def learnable(site: Site) -> list[ExperimentRecord]:
    """Give the experiments that something can be learned from, those that wait for it first."""
    stages = [Stage.DECIDED, Stage.LEARNED, Stage.CLOSED]
    found = ExperimentRecord.objects.filter(
        site=site, stage__in=stages, invalid_at__isnull=True
    ).order_by("-made_at")
    return sorted(found, key=lambda each: each.stage != Stage.DECIDED)


def metrics_of(site: Site) -> QuerySet[MetricRecord]:
    """Give every version of every metric of a site."""
    return MetricRecord.objects.filter(site=site).order_by("key", "-version")


def snapshot_of(site: Site, key: str, number: int) -> AnalysisRecord | None:
    """Find a snapshot of an experiment of the site."""
    if not KEY.match(key) or not 0 < number < 2**31:
        return None
    return (
        AnalysisRecord.objects.filter(experiment__site=site, experiment__key=key, number=number)
        .select_related("experiment", "experiment__site", "made_by")
        .first()
    )


def trace_of(record: ExperimentRecord) -> dict[str, Any]:
    """Give every node of an experiment's chain, from its learnings back to its insights."""
    hypothesis = record.hypothesis
    insights = list(hypothesis.insights.order_by("number")) if hypothesis else []
    decision = DecisionRecord.objects.filter(experiment=record).first()
    analyses = list(record.analyses.order_by("number").values_list("number", flat=True))
    learnings = [each.key for each in record.learnings.order_by("number")]
    return {
        "experiment": record.key,
        "origin": record.origin,
        "insights": [insight_document(each) for each in insights],
        "hypothesis": hypothesis.key if hypothesis else None,
        "analyses": analyses,
        "decision": decision.choice if decision else None,
        "learnings": learnings,
        "unbroken": bool(hypothesis and insights),
    }


def trace_completeness(site: Site) -> dict[str, float | int | None]:
    """Say what share of the experiments has an unbroken chain back to an insight."""
    experiments = ExperimentRecord.objects.filter(site=site).annotate(
        found=Count("hypothesis__insights", distinct=True)
    )
    total = experiments.count()
    whole = experiments.filter(found__gt=0).count()
    return {"experiments": total, "unbroken": whole, "share": whole / total if total else None}


def waiting(site: Site) -> Mapping[str, QuerySet[Any]]:
    """Give what waits for a person, for the rail: launches, analyses, decisions, learnings."""
    here = ExperimentRecord.objects.filter(site=site)
    return {
        "experiments": here.filter(
            stage__in=[Stage.STOPPED, Stage.ANALYSED, Stage.READY, Stage.PAUSED]
        ),
        "learnings": here.filter(stage=Stage.DECIDED),
    }
