"""What may be asked about insights and hypotheses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from truelift.apps.programme.reads import policy_of
from truelift.apps.research.fields import HypothesisFields
from truelift.apps.research.models import (
    EvidenceRecord,
    HypothesisRecord,
    InsightRecord,
    SupportRecord,
)
from truelift.apps.research.services import number_in
from truelift.apps.sites.models import Site
from truelift.lifecycle.hypothesis import Direction, Hypothesis, HypothesisStage, is_shallow
from truelift.lifecycle.insight import EvidenceKind, Grade, InsightStage
from truelift.lifecycle.policy import Policy


@dataclass(frozen=True, slots=True)
class InsightRow:
    """A line of the list of insights.

    Attributes:
        explained: Whether something qualitative says why.
        grade: How much its evidence carries.
        machine: Whether a machine wrote it and nobody has accepted it yet.
        stale_at: When it goes stale; None while it is not accepted.
    """

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
    explained: bool = False
    grade: str = "E"
    machine: bool = False
    tags: tuple[str, ...] = ()
    stale_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class HypothesisRow:
    """A line of the list of hypotheses.

    Attributes:
        metric: Name of the metric that should move; its key where the site has none of it.
        pieces: Pieces of evidence behind the insights that it rests on.
        grade: How much they carry.
        machine: Whether a machine wrote it and nobody has accepted it yet.
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
    grade: str = "E"
    machine: bool = False


def insight_rows(site: Site, records: Sequence[InsightRecord]) -> tuple[InsightRow, ...]:
    """Lay out insights of a list, in its order, which has counted their hypotheses."""
    policy = policy_of(site)
    return tuple(
        InsightRow(
            key=record.key,
            problem=record.problem or "No problem stated yet",
            surface=record.surface,
            segment=record.segment,
            size=record.size,
            weekly_value_minor=record.weekly_value_minor,
            stage=record.stage,
            pieces=len(domain.evidence),
            hypotheses=getattr(record, "users", 0),
            made_at=record.made_at,
            explained=domain.explained,
            grade=domain.grade.value,
            machine=record.machine,
            tags=tuple(record.tags),
            stale_at=domain.stale_at(policy),
        )
        for record in records
        for domain in (record.as_domain(),)
    )


def hypothesis_rows(site: Site, records: Sequence[HypothesisRecord]) -> tuple[HypothesisRow, ...]:
    """Lay out hypotheses of a list, in its order, which has counted their experiments."""
    names = dict(metric_choices(site))
    return tuple(
        HypothesisRow(
            key=record.key,
            title=record.change or "No change stated yet",
            sentence=domain.sentence,
            metric=names.get(record.metric, record.metric),
            direction=record.direction,
            expected_lift=record.expected_lift,
            stage=record.stage,
            finding=record.finding,
            pieces=len(domain.pieces),
            experiments=getattr(record, "tests", 0),
            made_at=record.made_at,
            grade=domain.grade.value,
            machine=record.machine,
        )
        for record in records
        # A list says nothing of citations, so it does not ask for them.
        for domain in (record.as_domain(cited=()),)
    )


def untested(site: Site) -> QuerySet[HypothesisRecord]:
    """Give the hypotheses that no experiment tests yet, the accepted ones first."""
    return (
        HypothesisRecord.objects.filter(site=site, experiments=None)
        .exclude(stage=HypothesisStage.TESTED.value)
        .prefetch_related("insights__evidence")
        # “accepted” is before “draft” and “ready_for_review”.
        .order_by("stage", "-number")
    )


@dataclass(frozen=True, slots=True)
class InsightCounts:
    """How many insights a site has of each sort.

    Attributes:
        unused: Accepted ones that no hypothesis rests on.
        explained: Accepted or stale ones that something qualitative explains.
    """

    any: int
    drafts: int
    stale: int
    held: int
    unused: int
    explained: int


def insight_counts(site: Site) -> InsightCounts:
    """Count a site's insights in one query."""
    held = Q(stage__in=[InsightStage.ACCEPTED.value, InsightStage.STALE.value])
    used = Exists(SupportRecord.objects.filter(insight=OuterRef("pk")))
    says_why = [each.value for each in EvidenceKind if each.qualitative]
    heard = Exists(
        EvidenceRecord.objects.filter(insight=OuterRef("pk"), kind__in=says_why)
        .exclude(grade=Grade.E.value)
        .exclude(text="")
    )
    found = (
        InsightRecord.objects.filter(site=site)
        .annotate(used=used, heard=heard)
        .aggregate(
            any=Count("pk"),
            drafts=Count("pk", filter=Q(stage=InsightStage.DRAFT.value)),
            stale=Count("pk", filter=Q(stage=InsightStage.STALE.value)),
            held=Count("pk", filter=held),
            unused=Count("pk", filter=Q(stage=InsightStage.ACCEPTED.value, used=False)),
            explained=Count("pk", filter=held & Q(heard=True)),
        )
    )
    return InsightCounts(**found)


@dataclass(frozen=True, slots=True)
class HypothesisCounts:
    """How many hypotheses a site has of each sort; `waiting` are accepted and untested."""

    any: int
    drafts: int
    review: int
    waiting: int


def hypothesis_counts(site: Site) -> HypothesisCounts:
    """Count a site's hypotheses in one query."""
    from truelift.apps.experiments.models import ExperimentRecord

    tested = Exists(ExperimentRecord.objects.filter(hypothesis=OuterRef("pk")))
    found = (
        HypothesisRecord.objects.filter(site=site)
        .annotate(tested=tested)
        .aggregate(
            any=Count("pk"),
            drafts=Count("pk", filter=Q(stage=HypothesisStage.DRAFT.value)),
            review=Count("pk", filter=Q(stage=HypothesisStage.READY_FOR_REVIEW.value)),
            waiting=Count("pk", filter=Q(stage=HypothesisStage.ACCEPTED.value, tested=False)),
        )
    )
    return HypothesisCounts(**found)


def insight_of(site: Site, key: str) -> InsightRecord | None:
    """Find an insight of the site by its key."""
    return (
        InsightRecord.objects.filter(site=site, number=number_in(key, letter="I"))
        .select_related("made_by", "accepted_by", "site")
        .prefetch_related("evidence")
        .first()
    )


def hypothesis_of(site: Site, key: str) -> HypothesisRecord | None:
    """Find a hypothesis of the site by its key."""
    return (
        HypothesisRecord.objects.filter(site=site, number=number_in(key, letter="H"))
        .select_related("made_by", "accepted_by", "site")
        .prefetch_related("insights__evidence", "learnings", "experiments")
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
        .prefetch_related("insights__evidence", "learnings", "experiments")
        .order_by("-number")
    )


def accepted_insights(site: Site) -> QuerySet[InsightRecord]:
    """Give the insights that a hypothesis can rest on, the newest first; stale ones too."""
    return InsightRecord.objects.filter(
        site=site, stage__in=[InsightStage.ACCEPTED.value, InsightStage.STALE.value]
    ).order_by("-number")


def citable_learnings(site: Site) -> list[tuple[str, str]]:
    """Give the learnings that a hypothesis can cite, as choices of a form, the newest first."""
    from truelift.apps.experiments.models import LearningRecord

    found = LearningRecord.objects.filter(site=site).order_by("-number")
    return [(f"L-{number}", text) for number, text in found.values_list("number", "text")]


def measured(site: Site) -> frozenset[str] | None:
    """Give the keys of what the site measures; None while it measures nothing by name."""
    return frozenset(key for key, _ in metric_choices(site)) or None


def testable_hypotheses(site: Site) -> QuerySet[HypothesisRecord]:
    """Give the hypotheses that an experiment can be planned for, the newest first."""
    return HypothesisRecord.objects.filter(site=site).order_by("-number")


def metric_choices(site: Site) -> list[tuple[str, str]]:
    """Give the metrics that a hypothesis can name, as choices of a form."""
    # Experiments know hypotheses; the other way is only this question, asked late.
    from truelift.apps.experiments.metrics import current_metrics

    return [(metric.key, metric.name) for metric in current_metrics(site)]


def waiting(site: Site) -> Mapping[str, QuerySet[Any]]:
    """Give what waits for a person, for the rail: drafts to complete, and what went stale."""
    return {
        "insights": InsightRecord.objects.filter(
            site=site, stage__in=[InsightStage.DRAFT.value, InsightStage.STALE.value]
        ),
        "hypotheses": HypothesisRecord.objects.filter(
            site=site,
            stage__in=[HypothesisStage.DRAFT.value, HypothesisStage.READY_FOR_REVIEW.value],
        ),
    }


def as_if_written(site: Site, fields: HypothesisFields, *, key: str = "") -> Hypothesis:
    """Give a hypothesis as the rules would see it if these fields were stored.

    Args:
        site: The site.
        fields: What is written so far; insights that there are not are left out.
        key: The key of the one that is being rewritten; empty for a new one.
    """
    insights = (
        InsightRecord.objects.filter(
            site=site, number__in=[number_in(each, letter="I") for each in fields.insights]
        )
        .prefetch_related("evidence")
        .order_by("number")
    )
    return Hypothesis(
        key=key,
        change=fields.change,
        audience=fields.audience,
        outcome=fields.outcome,
        reason=fields.reason,
        metric=fields.metric,
        direction=Direction(fields.direction) if fields.direction in set(Direction) else None,
        expected_lift=fields.expected_lift,
        evidence=tuple(each.key for each in insights),
        pieces=tuple(piece for each in insights if not each.machine for piece in each.pieces()),
        surface=fields.surface,
        element=fields.element,
        learnings=fields.learnings,
        adds_pressure=fields.adds_pressure,
    )


def to_be_accepted(hypothesis: Hypothesis) -> Hypothesis:
    """Give a hypothesis as it stands when somebody accepts it: a draft is reviewed with it."""
    if hypothesis.stage is HypothesisStage.DRAFT:
        return replace(hypothesis, stage=HypothesisStage.READY_FOR_REVIEW)
    return hypothesis


@dataclass(frozen=True, slots=True)
class QuarterEvidence:
    """On what the tests of this quarter rest (R007).

    Attributes:
        tests: Tests that began in the quarter.
        shallow: How many of them have one kind of evidence at most.
        too_many: Whether that is more than the programme has agreed on.
    """

    tests: int
    shallow: int
    too_many: bool


def quarter_evidence(site: Site, *, now: datetime) -> QuarterEvidence:
    """Look at the evidence behind the tests that began in this quarter."""
    from truelift.apps.experiments.models import ExperimentRecord

    here = now.astimezone(ZoneInfo(site.time_zone))
    begins = here.replace(
        month=(here.month - 1) // 3 * 3 + 1, day=1, hour=0, minute=0, second=0, microsecond=0
    )
    kinds: dict[int, set[EvidenceKind]] = {}
    for pk, kind in ExperimentRecord.objects.filter(
        site=site, origin="truelift", started_at__gte=begins, started_at__lte=now
    ).values_list("pk", "hypothesis__insights__evidence__kind"):
        kinds.setdefault(pk, set())
        if kind:
            kinds[pk].add(EvidenceKind(kind))
    each = list(kinds.values())
    return QuarterEvidence(
        tests=len(each),
        shallow=sum(len(those) <= 1 for those in each),
        too_many=is_shallow(each, policy=policy_of(site)),
    )


@dataclass(frozen=True, slots=True)
class MachineHelp:
    """What became of what machines drafted (R053).

    Attributes:
        drafted: Drafts that a machine wrote.
        accepted: How many of them a person has accepted.
        edited: How many of those were rewritten first.
    """

    drafted: int
    accepted: int
    edited: int


def machine_help(site: Site) -> MachineHelp:
    """Count what became of machines' drafts of insights and hypotheses."""
    drafted = accepted = edited = 0
    for model in (InsightRecord, HypothesisRecord):
        rows = model.objects.filter(site=site).exclude(drafted_by="")
        taken = rows.exclude(accepted_at=None)
        drafted += rows.count()
        accepted += taken.count()
        edited += taken.exclude(edited_at=None).count()
    return MachineHelp(drafted=drafted, accepted=accepted, edited=edited)


def insight_document(insight: InsightRecord, *, policy: Policy | None = None) -> dict[str, object]:
    """Give an insight as the API shows it; with the policy also when it goes stale."""
    domain = insight.as_domain()
    return {
        "key": insight.key,
        "problem": insight.problem,
        "surface": insight.surface,
        "segment": insight.segment,
        "size": insight.size,
        "weekly_value_minor": insight.weekly_value_minor,
        "stage": insight.stage,
        "people_per_week": insight.people_per_week,
        "tags": list(insight.tags),
        "cause": insight.cause or None,
        "explained": domain.explained,
        "grade": domain.grade.value,
        "drafted_by": insight.drafted_by or None,
        "drafted_from": list(insight.drafted_from),
        "held_since": insight.held_since,
        "stale_at": domain.stale_at(policy) if policy else None,
        "because": insight.because,
        "evidence": [
            {
                "kind": piece.kind,
                "text": piece.text,
                "url": piece.url,
                "grade": piece.as_domain().grade.value,
            }
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
    domain = hypothesis.as_domain()
    return {
        "key": hypothesis.key,
        "sentence": domain.sentence,
        "change": hypothesis.change,
        "audience": hypothesis.audience,
        "outcome": hypothesis.outcome,
        "reason": hypothesis.reason,
        "metric": hypothesis.metric,
        "direction": hypothesis.direction,
        "expected_lift": hypothesis.expected_lift,
        "stage": hypothesis.stage,
        "finding": hypothesis.finding or None,
        "surface": hypothesis.surface,
        "element": hypothesis.element,
        "adds_pressure": hypothesis.adds_pressure,
        "grade": domain.grade.value,
        "again": hypothesis.again or None,
        "again_because": hypothesis.again_because,
        "answered": list(hypothesis.answered),
        "returned_because": hypothesis.returned_because,
        "drafted_by": hypothesis.drafted_by or None,
        "drafted_from": list(hypothesis.drafted_from),
        "insights": list(domain.evidence),
        "learnings": list(domain.learnings),
        "experiments": sorted(each.key for each in hypothesis.experiments.all()),
        "made_at": hypothesis.made_at,
        "accepted_at": hypothesis.accepted_at,
    }
