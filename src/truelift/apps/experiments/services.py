"""Everything that can be done to experiments, each atomic and written down."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from django.db import models, transaction
from django.db.models import ProtectedError

from truelift.apps.accounts.audit import record as audit
from truelift.apps.accounts.models import User
from truelift.apps.experiments.domain import as_domain, asked_by, judging_of
from truelift.apps.experiments.metrics import current_metrics, define_metric
from truelift.apps.experiments.models import (
    AnalysisRecord,
    DecisionRecord,
    ExperimentRecord,
    Job,
    JobKind,
    LearningRecord,
    MetricRecord,
    MetricRole,
    MoveRecord,
    PlannedMetricRecord,
    VariantRecord,
)
from truelift.apps.experiments.planned_spread import planned_spread
from truelift.apps.experiments.spec import KEY, BadSpec, ExperimentSpec, PlanSpec
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import storable
from truelift.apps.research.reads import hypothesis_of
from truelift.apps.research.services import record_finding
from truelift.apps.sites.models import Site
from truelift.errors import Refusal
from truelift.lifecycle.experiment import (
    PREPARING,
    Action,
    Choice,
    Move,
    Origin,
    Stage,
)
from truelift.lifecycle.hypothesis import Finding
from truelift.lifecycle.moving import INVALID_TEACHES_NOTHING, move
from truelift.lifecycle.obstacle import MoveRefused, Obstacle
from truelift.stats.design import Design
from truelift.stats.group_sequential import Spending
from truelift.stats.planned import PlannedKind, PlannedMethod, method_of, scale_of
from truelift.stats.power import duration_of, units_needed
from truelift.stats.sequential import USUAL_TUNING_N
from truelift.stats.spreads import BadDesign, Share, Spread


class NoSuchExperiment(Refusal):
    """The site has no experiment with this key."""

    code = "experiment.no_such_experiment"

    def __init__(self, *, key: str, site: str) -> None:
        super().__init__(
            f"{site} has no experiment {key!r}; `truelift experiments list --site {site}` lists"
            " all.",
            key=key,
            site=site,
        )


class PlanIsFrozen(Refusal):
    """The plan of an experiment that is no draft is not rewritten."""

    code = "experiment.plan_is_frozen"

    def __init__(self, *, key: str, stage: str) -> None:
        remedy = (
            "Return it to the brief first."
            if stage in PREPARING
            else "Plan a new experiment; what was promised before launch stays."
        )
        super().__init__(f"{key} is {stage}. {remedy}", key=key, stage=stage)


class NotStarted(Refusal):
    """An experiment that was not launched has nothing to analyse."""

    code = "experiment.not_started"

    def __init__(self, *, key: str, stage: str) -> None:
        super().__init__(
            f"{key} is {stage}: nothing can be analysed before it was launched. Launch it first.",
            key=key,
            stage=stage,
        )


class WrongWayToAnalyse(Refusal):
    """Findings are written for studies, and computed for experiments that split visitors."""

    code = "experiment.wrong_way_to_analyse"

    def __init__(self, *, key: str, randomised: bool) -> None:
        said = (
            "splits visitors, so its analysis is computed. Run the analysis."
            if randomised
            else "splits no visitors, so nothing can be computed. Write down the findings."
        )
        super().__init__(f"{key} {said}", key=key)


class SomethingHappened(Refusal):
    """An experiment that left its draft is part of the record."""

    code = "experiment.something_happened"

    def __init__(self, *, key: str) -> None:
        super().__init__(
            f"{key} cannot be deleted, because it is part of the record. Only a draft that was"
            " never moved, and that nothing leads to, can be.",
            key=key,
        )


class InvalidTeachesNothing(Refusal):
    """A result that cannot be used is no finding, and nothing is learned from it."""

    code = INVALID_TEACHES_NOTHING.code

    def __init__(self, *, key: str) -> None:
        said = INVALID_TEACHES_NOTHING
        super().__init__(f"{key} is invalid. {said.sentence} {said.remedy}", key=key)


class IncompleteLearning(Refusal):
    """A learning says what, where it holds and what follows.

    Attributes:
        wrong: Field and what is missing.
    """

    code = "experiment.bad_learning"

    def __init__(self, wrong: Mapping[str, str]) -> None:
        self.wrong = dict(wrong)
        super().__init__(" ".join(wrong.values()), fields=tuple(wrong))


@transaction.atomic
def plan_experiment(
    site: Site, spec: ExperimentSpec, *, by: Actor, now: datetime
) -> ExperimentRecord:
    """Store a new experiment: a draft, or as stopped when it ended elsewhere.

    Raises:
        BadSpec: The key is taken, or something it names does not exist.
    """
    Site.objects.select_for_update().get(pk=site.pk)
    if ExperimentRecord.objects.filter(site=site, key=spec.key).exists():
        raise BadSpec({"key": f"There is already an experiment {spec.key!r}."})
    record = ExperimentRecord(site=site, key=spec.key, made_by=by.user, made_at=now)
    if spec.origin is Origin.IMPORTED:
        record.stage = Stage.STOPPED.value
    _fill(record, spec, by=by, now=now)
    audit(
        action="experiment.planned",
        target=f"experiment:{record.key}",
        after=_facts(record),
        now=now,
        site=site.name,
        **by.audited,
    )
    return record


@transaction.atomic
def replan_experiment(
    site: Site, key: str, spec: ExperimentSpec, *, by: Actor, now: datetime
) -> ExperimentRecord:
    """Rewrite the plan of a draft.

    Raises:
        NoSuchExperiment: The site has none with this key.
        PlanIsFrozen: It is no draft.
        BadSpec: Something it names does not exist, or it changes key or origin.
    """
    record = experiment_for_update(site, key)
    if record.stage != Stage.BRIEFED:
        raise PlanIsFrozen(key=key, stage=record.stage)
    if spec.key != key:
        raise BadSpec({"key": "The key stays: exposure events carry it."})
    if spec.origin != record.origin:
        raise BadSpec({"origin": "It stays."})
    before = _facts(record)
    record.variants.all().delete()
    record.metrics.all().delete()
    _fill(record, spec, by=by, now=now)
    # Claims know experiments; loading them at once would close a circle.
    from truelift.apps.voice.promises import guard_claims

    guard_claims(record, by=by, now=now)
    audit(
        action="experiment.replanned",
        target=f"experiment:{record.key}",
        before=before,
        after=_facts(record),
        now=now,
        site=site.name,
        **by.audited,
    )
    return record


@transaction.atomic
def delete_experiment(site: Site, key: str, *, by: Actor, now: datetime) -> None:
    """Delete a draft to which nothing has happened.

    Raises:
        NoSuchExperiment: The site has none with this key.
        SomethingHappened: It was moved, analysed or decided, or something leads to it.
    """
    record = experiment_for_update(site, key)
    if record.stage != Stage.BRIEFED or record.moves.exists() or record.analyses.exists():
        raise SomethingHappened(key=key)
    before = _facts(record)
    try:
        record.delete()
    except ProtectedError as error:
        # Another part of the product leads to it: a principle names it as a test, for example.
        raise SomethingHappened(key=key) from error
    audit(
        action="experiment.deleted",
        target=f"experiment:{key}",
        before=before,
        now=now,
        site=site.name,
        **by.audited,
    )


@transaction.atomic
def move_experiment(
    site: Site,
    key: str,
    action: Action,
    *,
    by: Actor,
    now: datetime,
    choice: Choice | None = None,
    reason: str = "",
    seen: int | None = None,
    reviewer: str = "",
    override: str = "",
    machine: bool = False,
) -> Move:
    """Move an experiment, by every step on the way, and write down who did it.

    Args:
        site: Where.
        key: Which.
        action: The step.
        by: Who.
        now: When.
        choice: What is decided; for `decide` alone.
        reason: Why.
        seen: Number of the snapshot that the person looked at; a decision is refused
            when a newer one came meanwhile. None when nobody looked at a page.
        reviewer: E-mail address of the member who agrees with a decision against the
            recommendation; empty for nobody.
        override: Why the decision-owner ships it though a micro metric may have won at the
            cost of the business; empty otherwise.
        machine: Whether a job takes the step, not the person who asked for the job.

    Raises:
        NoSuchExperiment: The site has none with this key.
        MoveRefused: The experiment may not make this move; nothing was stored.
    """
    record = experiment_for_update(site, key)
    latest = record.analyses.order_by("-number").first()
    if action is Action.DECIDE and seen is not None and latest and latest.number != seen:
        raise MoveRefused(subject=key, action=action, obstacles=(_newer(latest.number),))
    if action is Action.DECIDE and choice is None and record.stage == Stage.ANALYSED:
        # What was imported meets no guard, but a decision without a choice is none.
        raise MoveRefused(subject=key, action=action, obstacles=(_NO_CHOICE,))
    agreeing = _member(site, reviewer.strip().lower(), "reviewer", {})
    overriding = storable(override).strip()[:1000]
    steps = move(
        as_domain(record, now=now),
        action,
        asked=asked_by(
            by,
            site=site,
            now=now,
            choice=choice,
            reason=storable(reason).strip()[:1000],
            reviewer=agreeing,
            override=overriding,
            machine=machine,
        ),
    )
    step = steps[-1]
    record.stage = step.after.stage.value
    record.started_at = step.after.started_at
    record.stopped_at = step.after.stopped_at
    record.plan_hash = step.after.plan_hash
    if action is Action.INVALIDATE:
        record.invalid_at = now
    record.save(update_fields=["stage", "started_at", "stopped_at", "plan_hash", "invalid_at"])
    MoveRecord.objects.bulk_create(
        MoveRecord(
            experiment=record,
            action=each.action.value,
            before=each.before.stage.value,
            after=each.after.stage.value,
            reason=each.asked.reason or "" if each is step else "",
            by=by.user,
            operator=by.operator,
            moved_at=now,
        )
        for each in steps
    )
    if action is Action.DECIDE and choice is not None:
        _store_decision(record, step, latest, choice=choice, reviewer=agreeing, by=by, now=now)
    facts: dict[str, str | bool] = {"stage": step.after.stage.value}
    if step.asked.reason:
        facts["reason"] = step.asked.reason
    if choice is not None:
        facts["choice"] = choice.value
        facts["against_advice"] = step.against_advice
        if step.asked.reviewer:
            facts["reviewer"] = reviewer.strip().lower()
        if step.asked.override:
            facts["override"] = step.asked.override
    audit(
        action=f"experiment.{action.value}",
        target=f"experiment:{record.key}",
        before={"stage": steps[0].before.stage.value},
        after=dict(facts),
        now=now,
        site=site.name,
        **by.audited,
    )
    # Its surface is kept as it is while visitors meet it.
    from truelift.apps.freezes.services import follow_experiment

    follow_experiment(record, now=now)
    return step


@transaction.atomic
def write_learning(
    site: Site,
    key: str,
    *,
    text: str,
    scope: str,
    follow_up: str,
    by: Actor,
    now: datetime,
) -> LearningRecord:
    """Write down what an experiment taught, and move it on when that was what it waited for.

    Raises:
        NoSuchExperiment: The site has none with this key.
        InvalidTeachesNothing: Its result cannot be used.
        IncompleteLearning: A part is missing or too long.
        MoveRefused: The experiment is not at the point where something is learned.
    """
    record = experiment_for_update(site, key)
    if record.is_invalid:
        raise InvalidTeachesNothing(key=key)
    written = {"text": text, "scope": scope, "follow_up": follow_up}
    parts = {name: storable(given).strip() for name, given in written.items()}
    wrong = {
        name: said
        for name, said in (
            ("text", "Say what was learned, in one or two sentences."),
            ("scope", "Say where it holds: which pages, which visitors."),
            ("follow_up", "Say what follows, or why nothing does."),
        )
        if not parts[name]
    }
    wrong |= {
        name: f"{name.replace('_', ' ').capitalize()} has at most {limit} characters."
        for name, limit in (("text", 1000), ("scope", 300), ("follow_up", 500))
        if len(parts[name]) > limit
    }
    if wrong:
        raise IncompleteLearning(wrong)
    Site.objects.select_for_update().get(pk=site.pk)
    highest = LearningRecord.objects.filter(site=site).aggregate(top=models.Max("number"))["top"]
    learning = LearningRecord.objects.create(
        site=site,
        number=(highest or 0) + 1,
        experiment=record,
        made_by=by.user,
        made_at=now,
        **parts,
    )
    if record.stage not in {Stage.LEARNED, Stage.CLOSED}:
        move_experiment(site, key, Action.LEARN, by=by, now=now)
    audit(
        action="learning.written",
        target=f"learning:{learning.key}",
        after={"experiment": key, **parts},
        now=now,
        site=site.name,
        **by.audited,
    )
    return learning


@transaction.atomic
def write_findings(site: Site, key: str, *, text: str, by: Actor, now: datetime) -> AnalysisRecord:
    """Store what a study without traffic found, as its snapshot, and move it on.

    Raises:
        NoSuchExperiment: The site has none with this key.
        NotStarted: It was not launched.
        WrongWayToAnalyse: It splits visitors, so that its analysis is computed.
        BadSpec: Nothing was written.
    """
    record = experiment_for_update(site, key)
    if as_domain(record).randomised:
        raise WrongWayToAnalyse(key=key, randomised=True)
    if record.stage in PREPARING:
        raise NotStarted(key=key, stage=record.stage)
    if not text.strip() or len(text) > 20_000:
        raise BadSpec({"findings": "Write what was found, in at most 20,000 characters."})
    document: dict[str, Any] = {
        "experiment": record.key,
        "as_of": now.isoformat(),
        "method": record.method,
        "findings": storable(text).strip(),
        "integrity": [],
        "metrics": [],
        "variants": [],
        "recommendation": None,
    }
    snapshot = store_snapshot(record, document, as_of=now, by=by, now=now)
    if record.stage == Stage.STOPPED:
        move_experiment(site, key, Action.ANALYSE, by=by, now=now)
    return snapshot


def store_snapshot(
    record: ExperimentRecord,
    document: Mapping[str, Any],
    *,
    as_of: datetime,
    by: Actor,
    now: datetime,
) -> AnalysisRecord:
    """Keep a document exactly as it is; call inside the transaction that holds the experiment."""
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    highest = record.analyses.aggregate(top=models.Max("number"))["top"]
    recommendation = document.get("recommendation") or {}
    snapshot = AnalysisRecord.objects.create(
        experiment=record,
        number=(highest or 0) + 1,
        as_of=as_of,
        advice=recommendation.get("action", ""),
        text=text,
        digest=hashlib.sha256(text.encode()).hexdigest(),
        plan_hash=record.plan_hash,
        made_by=by.user,
        made_at=now,
    )
    audit(
        action="experiment.snapshot_stored",
        target=f"experiment:{record.key}",
        after={"number": snapshot.number, "digest": snapshot.digest, "advice": snapshot.advice},
        now=now,
        site=record.site.name,
        **by.audited,
    )
    return snapshot


@transaction.atomic
def ask_for_analysis(site: Site, key: str, *, by: Actor, now: datetime) -> Job:
    """Queue an analysis; asking again while one waits gives the one that waits.

    Raises:
        NoSuchExperiment: The site has none with this key.
        NotStarted: It was not launched.
        WrongWayToAnalyse: It splits no visitors.
    """
    record = experiment_for_update(site, key)
    check_analysable(record)
    waiting = Job.objects.filter(
        experiment=record, kind=JobKind.ANALYSE, finished_at__isnull=True
    ).first()
    if waiting is not None:
        return waiting
    return Job.objects.create(
        kind=JobKind.ANALYSE, experiment=record, asked_by=by.user, asked_at=now, run_after=now
    )


def check_analysable(record: ExperimentRecord) -> None:
    """Let only what was launched and splits visitors be analysed from events.

    Raises:
        NotStarted: It was not launched.
        WrongWayToAnalyse: It splits no visitors.
    """
    if record.stage in PREPARING:
        raise NotStarted(key=record.key, stage=record.stage)
    if not as_domain(record).randomised:
        raise WrongWayToAnalyse(key=record.key, randomised=False)


def experiment_for_update(site: Site, key: str) -> ExperimentRecord:
    """Take an experiment of the site for a change, by its key.

    Raises:
        NoSuchExperiment: The site has none with this key.
    """
    found = (
        ExperimentRecord.objects.select_for_update().filter(site=site, key=key).first()
        if KEY.match(key)
        else None
    )
    if found is None:
        raise NoSuchExperiment(key=key[:80], site=site.name)
    return found


_NO_CHOICE: Final = Obstacle(
    "experiment.no_choice", "Nothing was chosen.", "Choose ship, iterate or stop."
)


def _newer(number: int) -> Obstacle:
    return Obstacle(
        "experiment.newer_analysis",
        f"Snapshot {number} came while you were reading an older one.",
        "Read what it says, then decide.",
    )


def _store_decision(
    record: ExperimentRecord,
    step: Move,
    analysis: AnalysisRecord | None,
    *,
    choice: Choice,
    reviewer: User | None,
    by: Actor,
    now: datetime,
) -> None:
    DecisionRecord.objects.create(
        experiment=record,
        analysis=analysis,
        choice=choice.value,
        advice=analysis.advice if analysis else "",
        against_advice=step.against_advice,
        reason=step.asked.reason or "",
        override_reason=step.asked.override if choice is Choice.SHIP else "",
        reviewer=reviewer if step.against_advice else None,
        by=by.user,
        operator=by.operator,
        decided_at=now,
    )
    if choice is Choice.SHIP:
        from truelift.apps.rollouts.services import open_rollout

        open_rollout(record, by=by, now=now)
    if record.hypothesis is not None and record.hypothesis.stage != "draft":
        finding = finding_of(
            analysis.document if analysis else {},
            choice=choice,
            expects_rise=record.hypothesis.direction != "decrease",
        )
        record_finding(record.site, record.hypothesis.key, finding, by=by, now=now)


def finding_of(document: Mapping[str, Any], *, choice: Choice, expects_rise: bool) -> Finding:
    """Say what a snapshot means for the hypothesis that was tested.

    With a computed result its primary metric says so; a study without one is read
    from what was decided on it.
    """
    primary = next((m for m in document.get("metrics", []) if m["role"] == "primary"), None)
    if primary is None:
        return {
            Choice.SHIP: Finding.SUPPORTED,
            Choice.STOP: Finding.CONTRADICTED,
            Choice.ITERATE: Finding.UNRESOLVED,
        }[choice]
    outcomes = {effect["outcome"] for effect in primary["effects"] if "withheld" not in effect}
    # "Win" follows the metric's direction, the hypothesis may expect the other one.
    rises_well = primary.get("direction", "increase") == "increase"
    good, bad = ("win", "loss") if rises_well is expects_rise else ("loss", "win")
    if good in outcomes:
        return Finding.SUPPORTED
    if outcomes and outcomes <= {bad, "null"}:
        return Finding.CONTRADICTED
    return Finding.UNRESOLVED


def _fill(record: ExperimentRecord, spec: ExperimentSpec, *, by: Actor, now: datetime) -> None:
    site = record.site
    wrong: dict[str, str] = {}
    for definition in spec.metrics:
        define_metric(site, definition, by=by, now=now)
    known = {metric.key: metric for metric in current_metrics(site)}
    roles = _roles(spec, known, wrong)
    record.name = spec.name or spec.key
    record.surface = spec.surface
    record.method = spec.method.value
    record.inference = spec.inference.value
    record.tuning_n = spec.judging.tuning_n
    record.looks = spec.judging.looks
    record.spending = spec.judging.spending
    record.prior_sd = spec.judging.prior_sd
    record.correction = spec.judging.correction
    record.covariate_days = spec.judging.covariate_days
    record.segments = list(spec.judging.segments)
    record.unit = spec.unit
    record.origin = spec.origin.value
    record.hypothesis = hypothesis_of(site, spec.hypothesis) if spec.hypothesis else None
    if spec.hypothesis and record.hypothesis is None:
        wrong["hypothesis"] = f"There is no hypothesis {spec.hypothesis}."
    record.decision_owner = _member(site, spec.decision_owner, "decision_owner", wrong)
    record.deputy = _member(site, spec.deputy, "deputy", wrong)
    record.starts_on = spec.start
    record.ends_on = spec.end
    record.alpha = spec.alpha
    record.waiver = spec.waiver
    primary = known.get(spec.primary)
    _fill_plan(
        record,
        spec.plan,
        wrong,
        primary=primary,
        arms=len(spec.variants),
    )
    if wrong:
        raise BadSpec(wrong)
    record.save()
    for variant in spec.variants:
        VariantRecord.objects.create(
            experiment=record,
            key=variant.key,
            name=variant.name,
            weight=variant.weight,
            is_control=variant.control,
        )
    for role, metric in roles:
        PlannedMetricRecord.objects.create(
            experiment=record,
            metric=metric,
            role=role,
            margin=spec.margins.get(metric.key, spec.margin),
        )


def _roles(
    spec: ExperimentSpec, known: Mapping[str, MetricRecord], wrong: dict[str, str]
) -> list[tuple[str, MetricRecord]]:
    roles: list[tuple[str, MetricRecord]] = []
    for role, keys in (
        (MetricRole.PRIMARY.value, (spec.primary,) if spec.primary else ()),
        (MetricRole.GUARDRAIL.value, spec.guardrails),
        (MetricRole.SECONDARY.value, spec.secondary),
    ):
        field = {"guardrail": "guardrails"}.get(role, role)
        unknown = [key for key in keys if key not in known]
        if unknown:
            wrong[field] = f"The site has no metric {', '.join(unknown)}."
        roles += [(role, known[key]) for key in keys if key in known]
    strange = [key for key in spec.margins if key not in {metric.key for _, metric in roles}]
    if strange:
        wrong["margins"] = f"The experiment has no metric {', '.join(strange)}."
    return roles


MOST_VISITORS: Final = 10**12
"""More than anybody has; numbers beyond are a slip of the pen."""

MOST_WEEKS: Final = 1_000


def _fill_plan(
    record: ExperimentRecord,
    plan: PlanSpec,
    wrong: dict[str, str],
    *,
    primary: MetricRecord | None,
    arms: int,
) -> None:
    record.baseline = plan.baseline
    record.cv = plan.cv
    record.minimum_effect = plan.minimum_effect
    record.power = plan.power
    record.visitors_per_week = plan.visitors_per_week
    record.allocation = plan.allocation
    record.n_given = plan.n_per_variant is not None
    record.n_per_variant = plan.n_per_variant
    record.weeks_needed = None
    if not record.n_given and plan.minimum_effect is not None:
        try:
            spread = planned_spread(primary, baseline=plan.baseline, cv=plan.cv)
            needed = (
                None
                if spread is None
                else _units_of(record, spread, lift=plan.minimum_effect, arms=max(arms, 2))
            )
        except (BadDesign, OverflowError) as error:
            wrong["plan.minimum_effect"] = str(error)
            return
        if needed is not None and needed > MOST_VISITORS:
            wrong["plan.minimum_effect"] = "So small a lift needs more visitors than there are."
            return
        record.n_per_variant = needed
    if record.n_per_variant is not None and plan.visitors_per_week is not None:
        weeks = duration_of(
            record.n_per_variant,
            arms=max(arms, 2),
            units_per_week=plan.visitors_per_week,
            allocation=plan.allocation,
        ).weeks
        if weeks > MOST_WEEKS:
            wrong["plan.visitors_per_week"] = f"With so few visitors it takes {weeks:,} weeks."
            return
        record.weeks_needed = weeks


def _units_of(record: ExperimentRecord, spread: Spread, *, lift: float, arms: int) -> int:
    """Work out the units per variant for the way in which the experiment is judged."""
    method = PlannedMethod(record.inference.replace("-", "_"))
    kind = PlannedKind.PROPORTION if isinstance(spread, Share) else PlannedKind.MEAN
    settings = judging_of(record)

    def needed(tuning_n: float) -> int:
        design = Design(
            spread,
            alpha=record.alpha,
            arms=arms,
            scale=scale_of(kind, method),
            method=method_of(
                method,
                tuning_n=tuning_n,
                looks=settings.looks,
                spending=settings.spending or Spending.OBRIEN_FLEMING,
                alpha=record.alpha,
                power=record.power,
                prior_sd=settings.prior_sd or math.inf,
            ),
        )
        return units_needed(design, lift=lift, power=record.power)

    found = needed(record.tuning_n or USUAL_TUNING_N)
    if method is PlannedMethod.SEQUENTIAL and record.tuning_n is None:
        # Tuned to what it needs, which depends on what it is tuned to: settled after a few.
        for _ in range(_ROUNDS):
            found = needed(2 * found)
    return found


_ROUNDS: Final = 4


def _member(site: Site, email: str, field: str, wrong: dict[str, str]) -> User | None:
    if not email:
        return None
    found = (
        User.objects.filter(email=email, is_active=True)
        .filter(models.Q(memberships__site=site) | models.Q(is_operator=True))
        .first()
    )
    if found is None:
        wrong[field] = f"Nobody with the address {email} has a role on this site."
    return found


def _facts(record: ExperimentRecord) -> dict[str, Any]:
    planned = list(record.metrics.select_related("metric"))
    return {
        "name": record.name,
        "method": record.method,
        "origin": record.origin,
        "hypothesis": record.hypothesis.key if record.hypothesis else None,
        "decision_owner": record.decision_owner.email if record.decision_owner else None,
        "deputy": record.deputy.email if record.deputy else None,
        "starts_on": record.starts_on.isoformat() if record.starts_on else None,
        "ends_on": record.ends_on.isoformat() if record.ends_on else None,
        "alpha": record.alpha,
        "inference": record.inference,
        "judging": judging_of(record).promised,
        "n_per_variant": record.n_per_variant,
        "waiver": record.waiver,
        "variants": [[each.key, each.weight, each.is_control] for each in record.variants.all()],
        "metrics": [[str(each.metric), each.role, each.margin] for each in planned],
    }
