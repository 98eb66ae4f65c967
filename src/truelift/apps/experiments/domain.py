"""Turns rows into the value that the rules judge; the one place where the two meet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from truelift.apps.accounts.models import User
from truelift.apps.accounts.reads import standing_of
from truelift.apps.experiments.models import (
    AnalysisRecord,
    ExperimentRecord,
    MetricRole,
    PlannedMetricRecord,
)
from truelift.apps.programme.reads import policy_of
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.lifecycle.experiment import (
    Advice,
    Asked,
    Choice,
    Evidence,
    Experiment,
    Method,
    Origin,
    Person,
    Stage,
    Variant,
    plan_digest,
)
from truelift.lifecycle.functions import MACHINE
from truelift.lifecycle.hypothesis import HypothesisStage
from truelift.lifecycle.judging import Inference, Judging
from truelift.stats.bayesian import NormalPrior
from truelift.stats.group_sequential import Spending
from truelift.stats.multiplicity import Correction
from truelift.stats.sequential import USUAL_TUNING_N


USUAL_LOOKS: Final = 4
"""Enough to end a clear test at half its plan, few enough to cost the last look little."""

_ACCEPTED: Final = frozenset({HypothesisStage.ACCEPTED, HypothesisStage.TESTED})
"""Stages of a hypothesis that somebody other than its author has agreed to test."""


def as_domain(record: ExperimentRecord, *, now: datetime | None = None) -> Experiment:
    """Give the experiment as the rules see it, its latest snapshot and learning included.

    Args:
        record: The experiment.
        now: When it is asked what the gates still miss, which depends on how old a check
            is; None when no move is considered: then no gate speaks.
    """
    planned = list(record.metrics.select_related("metric"))
    by_role = {
        role: tuple(str(each.metric) for each in planned if each.role == role)
        for role in MetricRole.values
    }
    latest = record.analyses.order_by("-number").first()
    experiment = Experiment(
        key=record.key,
        name=record.name,
        stage=Stage(record.stage),
        method=Method(record.method),
        origin=Origin(record.origin),
        inference=record.inference,
        judging=judging_of(record),
        hypothesis=record.hypothesis.key if record.hypothesis else "",
        hypothesis_accepted=bool(record.hypothesis and record.hypothesis.stage in _ACCEPTED),
        decision_owner=person_of(record.decision_owner),
        deputy=person_of(record.deputy),
        variants=tuple(
            Variant(key=each.key, weight=each.weight, control=each.is_control)
            for each in record.variants.all()
        ),
        primary="".join(by_role[MetricRole.PRIMARY]),
        secondary=by_role[MetricRole.SECONDARY],
        guardrails=by_role[MetricRole.GUARDRAIL],
        starts_on=record.starts_on,
        ends_on=record.ends_on,
        alpha=record.alpha,
        margins=tuple(
            (str(each.metric), each.margin) for each in planned if each.margin is not None
        ),
        baseline=record.baseline,
        minimum_effect=record.minimum_effect,
        power=record.power,
        n_per_variant=record.n_per_variant,
        weeks_needed=record.weeks_needed,
        waiver=record.waiver,
        plan_hash=record.plan_hash,
        started_at=record.started_at,
        stopped_at=record.stopped_at,
        evidence=_spoiled(record, _dated(record, planned, evidence_of(latest))),
        has_learning=record.learnings.exists(),
    )
    return _with_brief(experiment, record, now=now)


def _dated(
    record: ExperimentRecord, planned: Sequence[PlannedMetricRecord], evidence: Evidence | None
) -> Evidence | None:
    """Say when what decides and what may veto is known of everybody."""
    windows = [
        each.metric.window_days for each in planned if each.role != MetricRole.SECONDARY.value
    ]
    if evidence is None or not windows or record.ends_on is None:
        return evidence
    over = midnight_at(record.site, record.ends_on)
    if record.stopped_at is not None:
        over = min(over, record.stopped_at)
    return replace(evidence, complete_at=over + timedelta(days=max(windows)))


def _spoiled(record: ExperimentRecord, evidence: Evidence | None) -> Evidence | None:
    """Let nothing be decided on a result that a change has spoiled since it was computed."""
    if evidence is None or record.stage != Stage.ANALYSED:
        return evidence
    # The room of changes knows experiments; loading it at once would close a circle.
    from truelift.apps.changes.reads import spoiled_by

    said = [each for each in spoiled_by(record) if each not in evidence.broken]
    return replace(evidence, broken=(*evidence.broken, *said)) if said else evidence


def _with_brief(
    experiment: Experiment, record: ExperimentRecord, *, now: datetime | None
) -> Experiment:
    """Add what was settled around the plan, as far as the programme asks for it."""
    # The room of briefs knows experiments; loading it at once would close a circle.
    from truelift.apps.briefs.reads import follow_ups_of, gates_of, parts_of, signatures_of

    plan = plan_digest(experiment)
    return replace(
        experiment,
        gates={}
        if now is None
        else gates_of(record, policy_of(record.site).gates, plan=plan, now=now),
        follow_ups=follow_ups_of(record) if experiment.stage is Stage.LEARNED else (),
        parts=parts_of(record),
        signed=signatures_of(record, plan=plan),
    )


def judging_of(record: ExperimentRecord) -> Judging:
    """Give the settings of how it is judged, with what follows where nobody gave one."""
    inference = Inference(record.inference)
    tuning_n = looks = spending = prior_sd = None
    match inference:
        case Inference.SEQUENTIAL:
            planned = 2 * record.n_per_variant if record.n_per_variant else USUAL_TUNING_N
            tuning_n = record.tuning_n or planned
        case Inference.GROUP_SEQUENTIAL:
            looks = record.looks or USUAL_LOOKS
            spending = record.spending or Spending.OBRIEN_FLEMING.value
        case Inference.BAYESIAN:
            prior_sd = record.prior_sd or NormalPrior().sd
        case Inference.FIXED:
            pass
    # Beliefs have no p-values to correct.
    usual = Correction.NONE if inference is Inference.BAYESIAN else Correction.HOLM
    return Judging(
        tuning_n=tuning_n,
        looks=looks,
        spending=spending,
        prior_sd=prior_sd,
        correction=record.correction or usual.value,
        covariate_days=record.covariate_days,
        segments=tuple(record.segments),
    )


def evidence_of(analysis: AnalysisRecord | None) -> Evidence | None:
    """Give what a snapshot means for the next move; nothing without one."""
    if analysis is None:
        return None
    return Evidence(
        as_of=analysis.as_of,
        advice=Advice(analysis.advice) if analysis.advice else None,
        broken=broken_checks(analysis.document),
        conflict=str(analysis.document.get("macro_conflict") or ""),
    )


def broken_checks(document: Mapping[str, Any]) -> tuple[str, ...]:
    """Give the sentences of the integrity checks that failed in a snapshot."""
    return tuple(
        str(check["detail"]) for check in document.get("integrity", []) if check["status"] == "fail"
    )


def person_of(user: User | None) -> Person | None:
    """Give a user as the rules know people."""
    return Person(key=str(user.pk), name=str(user)) if user else None


def asked_by(
    actor: Actor,
    *,
    site: Site,
    now: datetime,
    choice: Choice | None = None,
    reason: str | None = None,
    reviewer: User | None = None,
    override: str = "",
    machine: bool = False,
) -> Asked:
    """Give the circumstances of a move, with the day as it is at the site."""
    return Asked(
        by=actor.person,
        at=now,
        today=day_at(site, now),
        choice=choice,
        reason=reason,
        reviewer=person_of(reviewer),
        override=override,
        standing=MACHINE if machine else standing_of(None if actor.operator else actor.user, site),
        policy=policy_of(site),
    )


def day_at(site: Site, now: datetime) -> date:
    """Give the day that it is at the site."""
    return now.astimezone(ZoneInfo(site.time_zone)).date()


def midnight_at(site: Site, day: date) -> datetime:
    """Give the instant at which a day begins at the site."""
    return datetime.combine(day, time(), tzinfo=ZoneInfo(site.time_zone))
