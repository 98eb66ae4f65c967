"""What may be asked about insights and hypotheses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, QuerySet

from truelift.apps.research.models import HypothesisRecord, InsightRecord
from truelift.apps.research.services import number_in
from truelift.apps.sites.models import Site
from truelift.lifecycle.hypothesis import (
    Acceptance,
    HypothesisAction,
    HypothesisStage,
    hypothesis_obstacles,
)
from truelift.lifecycle.insight import InsightAction, InsightStage, insight_obstacles
from truelift.lifecycle.obstacle import Obstacle


@dataclass(frozen=True, slots=True)
class InsightRow:
    """A line of the list of insights."""

    key: str
    problem: str
    surface: str
    segment: str
    size: str
    weekly_value_minor: int | None
    stage: str
    pieces: int
    hypotheses: int
    made_at: datetime


@dataclass(frozen=True, slots=True)
class HypothesisRow:
    """A line of the list of hypotheses.

    Attributes:
        metric: Name of the metric that should move; its key where the site has none of it.
        pieces: Pieces of evidence behind the insights that it rests on.
    """

    key: str
    title: str
    sentence: str
    metric: str
    direction: str
    expected_lift: float | None
    stage: str
    finding: str
    pieces: int
    experiments: int
    made_at: datetime


def insight_rows(site: Site) -> tuple[InsightRow, ...]:
    """List the insights of a site, drafts first, then the newest."""
    records = (
        InsightRecord.objects.filter(site=site)
        .annotate(pieces=Count("evidence", distinct=True), users=Count("hypotheses", distinct=True))
        .order_by("-number")
    )
    rows = [
        InsightRow(
            key=record.key,
            problem=record.problem or "No problem stated yet",
            surface=record.surface,
            segment=record.segment,
            size=record.size,
            weekly_value_minor=record.weekly_value_minor,
            stage=record.stage,
            pieces=record.pieces,
            hypotheses=record.users,
            made_at=record.made_at,
        )
        for record in records
    ]
    return tuple(sorted(rows, key=lambda row: row.stage != InsightStage.DRAFT))


def hypothesis_rows(site: Site) -> tuple[HypothesisRow, ...]:
    """List the hypotheses of a site: what waits for a test first, then drafts, then the tested."""
    order = {HypothesisStage.ACCEPTED: 0, HypothesisStage.DRAFT: 1, HypothesisStage.TESTED: 2}
    names = dict(metric_choices(site))
    records = (
        HypothesisRecord.objects.filter(site=site)
        .prefetch_related("insights")
        .annotate(
            pieces=Count("insights__evidence", distinct=True),
            tests=Count("experiments", distinct=True),
        )
        .order_by("-number")
    )
    rows = [
        HypothesisRow(
            key=record.key,
            title=record.change or "No change stated yet",
            sentence=record.as_domain().sentence,
            metric=names.get(record.metric, record.metric),
            direction=record.direction,
            expected_lift=record.expected_lift,
            stage=record.stage,
            finding=record.finding,
            pieces=record.pieces,
            experiments=record.tests,
            made_at=record.made_at,
        )
        for record in records
    ]
    return tuple(sorted(rows, key=lambda row: order[HypothesisStage(row.stage)]))


def insight_of(site: Site, key: str) -> InsightRecord | None:
    """Find an insight of the site by its key."""
    return (
        InsightRecord.objects.filter(site=site, number=number_in(key, letter="I"))
        .select_related("made_by")
        .prefetch_related("evidence")
        .first()
    )


def hypothesis_of(site: Site, key: str) -> HypothesisRecord | None:
    """Find a hypothesis of the site by its key."""
    return (
        HypothesisRecord.objects.filter(site=site, number=number_in(key, letter="H"))
        .select_related("made_by")
        .prefetch_related("insights")
        .first()
    )


def insights_of(site: Site) -> QuerySet[InsightRecord]:
    """Give the insights of a site with what their documents need, the newest first."""
    return (
        InsightRecord.objects.filter(site=site)
        .prefetch_related("evidence", "hypotheses")
        .order_by("-number")
    )


def hypotheses_of(site: Site) -> QuerySet[HypothesisRecord]:
    """Give the hypotheses of a site with what their documents need, the newest first."""
    return (
        HypothesisRecord.objects.filter(site=site)
        .prefetch_related("insights", "experiments")
        .order_by("-number")
    )


def accepted_insights(site: Site) -> QuerySet[InsightRecord]:
    """Give the insights that a hypothesis can rest on, the newest first."""
    return InsightRecord.objects.filter(site=site, stage=InsightStage.ACCEPTED.value).order_by(
        "-number"
    )


def testable_hypotheses(site: Site) -> QuerySet[HypothesisRecord]:
    """Give the hypotheses that an experiment can be planned for, the newest first."""
    return HypothesisRecord.objects.filter(site=site).order_by("-number")


def metric_choices(site: Site) -> list[tuple[str, str]]:
    """Give the metrics that a hypothesis can name, as choices of a form."""
    # Experiments know hypotheses; the other way is only this question, asked late.
    from truelift.apps.experiments.metrics import current_metrics

    return [(metric.key, metric.name) for metric in current_metrics(site)]


def waiting(site: Site) -> Mapping[str, int]:
    """Count what waits for a person: drafts to complete, for the rail."""
    return {
        "insights": InsightRecord.objects.filter(site=site, stage=InsightStage.DRAFT.value).count(),
        "hypotheses": HypothesisRecord.objects.filter(
            site=site, stage=HypothesisStage.DRAFT.value
        ).count(),
    }


def accept_insight_obstacles(insight: InsightRecord) -> tuple[Obstacle, ...]:
    """Say what stands in the way of accepting an insight."""
    return insight_obstacles(insight.as_domain(), InsightAction.ACCEPT)


def accept_hypothesis_obstacles(
    hypothesis: HypothesisRecord, acceptance: Acceptance
) -> tuple[Obstacle, ...]:
    """Say what stands in the way of accepting a hypothesis."""
    return hypothesis_obstacles(
        hypothesis.as_domain(), HypothesisAction.ACCEPT, acceptance=acceptance
    )


def insight_document(insight: InsightRecord) -> dict[str, object]:
    """Give an insight as the API shows it."""
    return {
        "key": insight.key,
        "problem": insight.problem,
        "surface": insight.surface,
        "segment": insight.segment,
        "size": insight.size,
        "weekly_value_minor": insight.weekly_value_minor,
        "stage": insight.stage,
        "evidence": [
            {"kind": piece.kind, "text": piece.text, "url": piece.url}
            for piece in insight.evidence.all()
        ],
        "hypotheses": [
            each.key for each in sorted(insight.hypotheses.all(), key=lambda each: each.number)
        ],
        "made_at": insight.made_at,
        "accepted_at": insight.accepted_at,
    }


def hypothesis_document(hypothesis: HypothesisRecord) -> dict[str, object]:
    """Give a hypothesis as the API shows it."""
    return {
        "key": hypothesis.key,
        "sentence": hypothesis.as_domain().sentence,
        "change": hypothesis.change,
        "audience": hypothesis.audience,
        "outcome": hypothesis.outcome,
        "reason": hypothesis.reason,
        "metric": hypothesis.metric,
        "direction": hypothesis.direction,
        "expected_lift": hypothesis.expected_lift,
        "stage": hypothesis.stage,
        "finding": hypothesis.finding or None,
        "insights": list(hypothesis.as_domain().evidence),
        "experiments": sorted(each.key for each in hypothesis.experiments.all()),
        "made_at": hypothesis.made_at,
        "accepted_at": hypothesis.accepted_at,
    }
