"""The pages of experiments as values: the list, and the card of one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from truelift.apps.experiments.broken_down import Details, details_of
from truelift.apps.experiments.domain import (
    as_domain,
    asked_by,
    judging_of,
)
from truelift.apps.experiments.models import (
    AnalysisRecord,
    DecisionRecord,
    ExperimentRecord,
    Job,
    JobKind,
    LearningRecord,
)
from truelift.apps.experiments.monitoring_hiding import WHY, hides_from, shown_to
from truelift.apps.experiments.monitoring_page import Wrong, wrong_of
from truelift.apps.experiments.panel import Panel, panel_of
from truelift.apps.experiments.result import (
    Result,
    result_of,
)
from truelift.apps.experiments.wording import (
    CORRECTIONS,
    INFERENCES,
    LEDES,
    METHODS,
    SEGMENTS,
    SPENDINGS,
    STAGES,
    counted,
    moment,
    period,
    short_hash,
    weeks_in,
)
from truelift.apps.research.actor import Actor
from truelift.lifecycle.experiment import PREPARING, RANDOMISED, Experiment, Origin, plan_digest
from truelift.lifecycle.obstacle import Obstacle


@dataclass(frozen=True, slots=True)
class Progress:
    """An analysis that waits or is computed, or how the last one ended.

    Attributes:
        running: Whether it waits or is computed.
        error: Why the last one gave nothing; empty when it did.
        code: The error's code.
    """

    running: bool
    error: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True)
class ExperimentCard:
    """Everything that the page of an experiment shows.

    Attributes:
        record: The row, for its names and links.
        glyph: Shape of its stage.
        stage: Its stage in words.
        lede: When, how, and under which plan.
        imported: Whether it ended elsewhere.
        randomised: Whether events analyse it.
        snapshot: The newest snapshot; None before one.
        taken: When that was, in words.
        asked: Of whom a study without traffic learned; empty for a test.
        result: The snapshot laid out; None before one.
        details: What it shows besides its effects; None before one.
        panel: What can be done.
        progress: An analysis under way.
        can_analyse: Whether asking for one makes sense.
        needs_findings: Whether somebody has to write down what was found.
        plan: Terms and descriptions of the plan.
        sentence: The hypothesis that it tests; empty without one.
        insights: Key and problem of the insights that it rests on.
        learnings: What was learned from it.
        snapshots: Numbers of all snapshots, the newest first.
        wrong: What monitoring says; None for what is not watched.
    """

    record: ExperimentRecord
    glyph: str
    stage: str
    lede: str
    imported: bool
    randomised: bool
    snapshot: AnalysisRecord | None
    taken: str
    asked: str
    result: Result | None
    details: Details | None
    panel: Panel
    progress: Progress
    can_analyse: bool
    needs_findings: bool
    plan: tuple[tuple[str, str], ...]
    sentence: str
    insights: tuple[tuple[str, str], ...]
    learnings: tuple[LearningRecord, ...]
    snapshots: tuple[int, ...]
    wrong: Wrong | None = None


def result_seen(record: ExperimentRecord, document: Mapping[str, Any], *, hides: bool) -> Result:
    """Lay out what a person may see of a snapshot, and say why where effects are hidden."""
    result = result_of(record, document)
    return replace(result, why_hidden=WHY, plain=()) if hides else result


def card_of(
    record: ExperimentRecord,
    *,
    by: Actor,
    now: datetime,
    may_edit: bool,
    refused: tuple[Obstacle, ...] = (),
) -> ExperimentCard:
    """Lay out the page of an experiment for the person who looks."""
    domain = as_domain(record, now=now)
    site = record.site
    snapshot = record.analyses.order_by("-number").first()
    decision = (
        DecisionRecord.objects.filter(experiment=record).select_related("by", "reviewer").first()
    )
    glyph, words = STAGES[record.stage]
    started = record.stage not in PREPARING
    hides = snapshot is not None and hides_from(record, by.user, now=now)
    document = shown_to(record, snapshot.document, by.user, now=now) if snapshot else None
    return ExperimentCard(
        record=record,
        glyph=glyph,
        stage=words,
        lede=_lede(record, domain),
        imported=record.origin == Origin.IMPORTED,
        randomised=domain.randomised,
        snapshot=snapshot,
        taken=moment(snapshot.made_at, site.time_zone) if snapshot else "",
        asked="" if domain.randomised else _asked(record),
        result=None if document is None else result_seen(record, document, hides=hides),
        details=None if document is None or hides else details_of(record, document),
        wrong=wrong_of(record, by=by, now=now),
        panel=panel_of(
            record,
            domain,
            decision,
            asked=asked_by(by, site=site, now=now),
            home=f"/s/{site.name}/",
            may_edit=may_edit,
            refused=refused,
        ),
        progress=progress_of(record),
        can_analyse=domain.randomised and started,
        needs_findings=not domain.randomised and started and snapshot is None,
        plan=tuple(_plan(record)),
        sentence=record.hypothesis.as_domain().sentence if record.hypothesis else "",
        insights=tuple(
            (each.key, each.problem) for each in record.hypothesis.insights.order_by("number")
        )
        if record.hypothesis
        else (),
        learnings=tuple(record.learnings.order_by("number")),
        snapshots=tuple(record.analyses.order_by("-number").values_list("number", flat=True)),
    )


def progress_of(record: ExperimentRecord) -> Progress:
    """Say whether an analysis is under way, or how the last one ended."""
    job = Job.objects.filter(experiment=record, kind=JobKind.ANALYSE).order_by("-pk").first()
    if job is None:
        return Progress(running=False)
    if job.finished_at is None:
        return Progress(running=True, error=job.error, code=job.error_code)
    return Progress(running=False, error=job.error, code=job.error_code)


def _lede(record: ExperimentRecord, domain: Experiment) -> str:
    parts = []
    if domain.starts_on and domain.ends_on:
        dates = period(domain.starts_on, domain.ends_on)
        parts.append(f"{dates}, {weeks_in(domain.starts_on, domain.ends_on)}.")
    if domain.randomised:
        parts.append(LEDES[domain.inference])
    else:
        parts.append(f"{METHODS[record.method]}: its analysis is what was found.")
    if record.plan_hash and record.plan_hash != plan_digest(domain):
        parts.append(
            "The plan was changed after launch, so that nothing it finds was promised"
            f" (hash {short_hash(record.plan_hash)} then, {short_hash(plan_digest(domain))} now)."
        )
    elif record.plan_hash:
        parts.append(f"The plan is unchanged since launch (hash {short_hash(record.plan_hash)}).")
    elif record.origin == Origin.IMPORTED:
        parts = ["It ended elsewhere and was imported: nothing was promised here beforehand."]
    return " ".join(parts)


def _study(record: ExperimentRecord) -> Iterable[tuple[str, str]]:
    """Give the plan of a study that splits no visitors: nothing of traffic."""
    yield "Method", METHODS[record.method]
    if asked := _asked(record):
        yield "Who is asked", asked
    if record.decision_owner:
        yield "Decides", str(record.decision_owner)
    yield "Key", record.key


def _asked(record: ExperimentRecord) -> str:
    """Name the people of whom a study learns, as the brief says it."""
    # Where nobody wrote a brief there is none.
    brief = getattr(record, "brief", None)
    return brief.audience if brief else ""


def _judged(record: ExperimentRecord) -> list[tuple[str, str]]:
    """Give how effects are judged, as far as it is not the usual way."""
    judging = judging_of(record)
    said = INFERENCES[record.inference]
    if judging.looks:
        said += f": {counted(judging.looks, 'look')}, {SPENDINGS[judging.spending or '']}"
    if judging.tuning_n:
        said += f": tightest at {judging.tuning_n:,} visitors"
    if judging.prior_sd:
        said += f": usual lifts within ±{judging.prior_sd:.0%}"
    facts = [("Read", said)]
    if record.variants.count() > 2:
        facts.append(("Several variants", CORRECTIONS[judging.correction]))
    if judging.covariate_days:
        facts.append(("Adjusted", f"by the {counted(judging.covariate_days, 'day')} before"))
    if judging.segments:
        names = [SEGMENTS.get(each, each) for each in judging.segments]
        facts.append(("Segments", ", ".join(names)))
    return facts


def _plan(record: ExperimentRecord) -> list[tuple[str, str]]:
    if record.method not in RANDOMISED:
        return list(_study(record))
    facts = [("Method", METHODS[record.method])]
    variants = list(record.variants.all())
    if variants:
        total = sum(each.weight for each in variants)
        facts.append(
            (
                "Variants",
                ", ".join(
                    f"{each.name or each.key} ({each.weight / total:.0%}"
                    f"{', control' if each.is_control else ''})"
                    for each in variants
                ),
            )
        )
    for role, title in (
        ("primary", "Decides"),
        ("guardrail", "May veto"),
        ("secondary", "Explains"),
    ):
        names = [
            f"{each.metric.name}{f' (±{each.margin:.1%})' if each.margin else ''}"
            for each in record.metrics.select_related("metric")
            if each.role == role
        ]
        if names:
            facts.append((title, ", ".join(names)))
    if record.minimum_effect:
        facts.append(
            (
                "Looks for",
                f"a lift of {record.minimum_effect:.1%} with {record.power:.0%} power",
            )
        )
    facts += _judged(record)
    if record.n_per_variant:
        facts.append(("Sample", f"{record.n_per_variant:,} visitors per variant"))
    if record.waiver:
        facts.append(("Waived", record.waiver))
    facts.append(("Key", record.key))
    return facts
