"""The pages of experiments as values: the list, and the card of one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from truelift.apps.drawing.forest import Effect, Forest, Group
from truelift.apps.drawing.knowledge import Knowledge
from truelift.apps.experiments.broken_down import Details, details_of
from truelift.apps.experiments.domain import (
    as_domain,
    asked_by,
    broken_checks,
    day_at,
    judging_of,
)
from truelift.apps.experiments.models import (
    AnalysisRecord,
    DecisionRecord,
    ExperimentRecord,
    Job,
    JobKind,
    LearningRecord,
    MoveRecord,
    PhaseRecord,
    PlannedMetricRecord,
)
from truelift.apps.experiments.panel import Panel, panel_of
from truelift.apps.experiments.phases import shares_in_words
from truelift.apps.experiments.reads import experiments_of
from truelift.apps.experiments.result import (
    LIFT,
    Result,
    effect_row,
    last_day_of,
    primary_effect,
    result_of,
)
from truelift.apps.experiments.wording import (
    CHOICES,
    CORRECTIONS,
    INFERENCES,
    LEDES,
    METHODS,
    PAST,
    SEGMENTS,
    SPENDINGS,
    STAGES,
    counted,
    moment,
    period,
    sentence_case,
    short_hash,
    weeks_in,
)
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.lifecycle.experiment import PREPARING, Experiment, Origin, Stage, plan_digest
from truelift.lifecycle.obstacle import Obstacle


@dataclass(frozen=True, slots=True)
class Step:
    """A move that was made, on the timeline."""

    when: str
    what: str
    why: str


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
        result: The snapshot laid out; None before one.
        details: What it shows besides its effects; None before one.
        panel: What can be done.
        progress: An analysis under way.
        can_analyse: Whether asking for one makes sense.
        needs_findings: Whether somebody has to write down what was found.
        steps: What happened, the newest first.
        plan: Terms and descriptions of the plan.
        sentence: The hypothesis that it tests; empty without one.
        insights: Key and problem of the insights that it rests on.
        learnings: What was learned from it.
        snapshots: Numbers of all snapshots, the newest first.
    """

    record: ExperimentRecord
    glyph: str
    stage: str
    lede: str
    imported: bool
    randomised: bool
    snapshot: AnalysisRecord | None
    taken: str
    result: Result | None
    details: Details | None
    panel: Panel
    progress: Progress
    can_analyse: bool
    needs_findings: bool
    steps: tuple[Step, ...]
    plan: tuple[tuple[str, str], ...]
    sentence: str
    insights: tuple[tuple[str, str], ...]
    learnings: tuple[LearningRecord, ...]
    snapshots: tuple[int, ...]


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
    return ExperimentCard(
        record=record,
        glyph=glyph,
        stage=words,
        lede=_lede(record, domain),
        imported=record.origin == Origin.IMPORTED,
        randomised=domain.randomised,
        snapshot=snapshot,
        taken=moment(snapshot.made_at, site.time_zone) if snapshot else "",
        result=result_of(record, snapshot.document) if snapshot else None,
        details=details_of(record, snapshot.document) if snapshot else None,
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
        steps=_steps(record),
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


@dataclass(frozen=True, slots=True)
class Column:
    """A stage of the strip: its heading and what stands there."""

    title: str
    count: int
    rows: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class ListRow:
    """A line of the list.

    Attributes:
        key: Its key.
        name: Its name.
        glyph: Shape of its stage.
        stage: Its stage in words.
        detail: Method, surface, and whether it was imported.
        when: Its period, or what is left of it.
        owner: Who decides.
        choice: What was decided; empty before.
        void: Whether its result cannot be used.
    """

    key: str
    name: str
    glyph: str
    stage: str
    detail: str
    when: str
    owner: str
    choice: str
    void: bool


@dataclass(frozen=True, slots=True)
class ListPage:
    """The list of experiments.

    Attributes:
        answer: The sentence of the page.
        grounds: One line below it.
        strip: Work by stage.
        rows: Every experiment, the newest first.
        results: Effects on the primary metrics on one axis; None before there is one.
        results_headline: What they show.
    """

    answer: str
    grounds: str
    strip: tuple[Column, ...]
    rows: tuple[ListRow, ...]
    results: Forest | None
    results_headline: str


_STRIP = (
    ("Brief", (Stage.BRIEFED,)),
    ("In preparation", (Stage.DESIGNED, Stage.BUILD, Stage.QA)),
    ("Ready", (Stage.READY, Stage.SCHEDULED)),
    ("Running", (Stage.RUNNING, Stage.PAUSED)),
    ("To analyse", (Stage.STOPPED,)),
    ("To decide", (Stage.ANALYSED,)),
    ("To learn", (Stage.DECIDED, Stage.INVALID)),
    ("Learned", (Stage.LEARNED, Stage.CLOSED)),
)


def list_page(site: Site, *, now: datetime) -> ListPage:
    """Lay out the list of a site's experiments."""
    records = list(experiments_of(site))
    rows = tuple(_list_row(record, now=now) for record in records)
    effects = _primary_effects(site, records)
    return ListPage(
        answer=_answer(records),
        grounds=_grounds(records),
        strip=tuple(
            Column(
                title,
                sum(record.stage in stages for record in records),
                tuple(
                    (row.key, row.name, row.when)
                    for row, record in zip(rows, records, strict=True)
                    if record.stage in stages
                )[:4],
            )
            for title, stages in _STRIP
        ),
        rows=rows,
        results=Forest(
            groups=(Group("", effects),), measure=LIFT, head="Effect, 95%", label="Experiment"
        )
        if effects
        else None,
        results_headline=_results_headline(effects),
    )


def _answer(records: Sequence[ExperimentRecord]) -> str:
    stages = [record.stage for record in records]
    decide, analyse = stages.count(Stage.ANALYSED), stages.count(Stage.STOPPED)
    running, ready = (
        stages.count(Stage.RUNNING),
        stages.count(Stage.READY) + stages.count(Stage.SCHEDULED),
    )
    parts = [
        f"{counted(number, 'experiment')} {one if number == 1 else many}"
        for number, one, many in (
            (decide, "waits for a decision", "wait for a decision"),
            (analyse, "waits for its analysis", "wait for their analysis"),
            (running, "is running", "are running"),
            (ready, "is ready to launch", "are ready to launch"),
        )
        if number
    ]
    if not records:
        return "Nothing is being tested yet."
    if not parts:
        return "Nothing is running, and nothing waits for a decision."
    return sentence_case(", and ".join(parts[:2])) + "."


def _grounds(records: Sequence[ExperimentRecord]) -> str:
    decided = [r for r in records if hasattr(r, "decision")]
    imported = sum(record.origin == Origin.IMPORTED for record in records)
    if not records:
        return ""
    said = f"{sentence_case(counted(len(records), 'experiment'))}, {len(decided)} decided"
    if imported:
        said += f"; {counted(imported, 'was', 'were')} imported and counted apart"
    return f"{said}."


def _list_row(record: ExperimentRecord, *, now: datetime) -> ListRow:
    glyph, stage = STAGES[record.stage]
    parts = [METHODS[record.method]]
    if record.surface:
        parts.append(record.surface)
    if record.origin == Origin.IMPORTED:
        parts.append("imported")
    decision = getattr(record, "decision", None)
    return ListRow(
        key=record.key,
        name=record.name,
        glyph=glyph,
        stage=stage,
        detail=" · ".join(parts),
        when=_when(record, now=now),
        owner=str(record.decision_owner) if record.decision_owner else "",
        choice=CHOICES[decision.choice] if decision else "",
        void=record.stage == Stage.INVALID,
    )


def _when(record: ExperimentRecord, *, now: datetime) -> str:
    if record.starts_on is None or record.ends_on is None:
        if record.origin == Origin.IMPORTED:
            return "ended elsewhere"
        return "no dates yet" if record.stage == Stage.BRIEFED else METHODS[record.method].lower()
    if record.stage != Stage.RUNNING:
        return period(record.starts_on, record.ends_on)
    today = day_at(record.site, now)
    days = (record.ends_on - record.starts_on).days
    gone = min(days, max(0, (today - record.starts_on).days))
    return f"day {gone + 1} of {days}" if gone < days else f"all {days} days over"


def _primary_effects(site: Site, records: Sequence[ExperimentRecord]) -> tuple[Effect, ...]:
    """Give the primary effect of every experiment with a snapshot, at most a dozen."""
    shown = [record for record in records if record.newest_text][:12]  # type: ignore[attr-defined]
    planned = {
        each.experiment_id: each.metric
        for each in PlannedMetricRecord.objects.filter(
            experiment__in=[record.pk for record in shown], role="primary"
        ).select_related("metric")
    }
    effects = []
    for record in shown:
        document = json.loads(record.newest_text)  # type: ignore[attr-defined]
        found = primary_effect(document)
        if found is None:
            continue
        broken = broken_checks(document)
        if record.stage == Stage.INVALID and not broken:
            broken = ("it was marked invalid",)
        metric, effect = found
        known = planned.get(record.pk)
        row = effect_row(metric, effect, known, broken=broken, last_day=last_day_of(record))
        effects.append(
            Effect(
                label=record.name,
                knowledge=row.knowledge,
                interval=row.interval,
                detail=row.label,
                margins=row.margins if row.knowledge is Knowledge.NO_DIFFERENCE else (),
                reason=row.reason,
                status=row.status,
                reading=row.reading,
                href=f"/s/{site.name}/experiments/{record.key}/",
            )
        )
    return tuple(effects)


def _results_headline(effects: Sequence[Effect]) -> str:
    better = sum(effect.knowledge is Knowledge.BETTER for effect in effects)
    worse = sum(effect.knowledge is Knowledge.WORSE for effect in effects)
    usable = sum(effect.shown is not None for effect in effects)
    if not usable:
        return "No result can be read yet"
    parts = []
    if better:
        parts.append(f"{counted(better, 'result')} clearly better")
    if worse:
        parts.append(f"{counted(worse, 'result')} clearly worse")
    rest = usable - better - worse
    if rest:
        parts.append(f"{counted(rest, 'result')} with no clear change")
    return sentence_case(", ".join(parts))


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


def _steps(record: ExperimentRecord) -> tuple[Step, ...]:
    zone = record.site.time_zone
    moves = MoveRecord.objects.filter(experiment=record).select_related("by").order_by("-pk")
    told: list[tuple[datetime, Step]] = []
    for each in moves:
        who = _who(each)
        what = f"{who} {PAST[each.action]}"
        told.append((each.moved_at, Step(moment(each.moved_at, zone), what, each.reason)))
    for phase in record.phases.select_related("by").order_by("-pk"):
        shares = shares_in_words(record, phase)
        what = f"{_who(phase)} said that from {moment(phase.since, zone)} on it drew {shares}"
        told.append((phase.made_at, Step(moment(phase.made_at, zone), what, phase.reason)))
    # What happened at one moment stays in its order.
    steps = [step for _, step in sorted(told, key=lambda one: one[0], reverse=True)]
    made = str(record.made_by) if record.made_by else "The operator"
    verb = "imported it" if record.origin == Origin.IMPORTED else "planned it"
    steps.append(Step(moment(record.made_at, zone), f"{made} {verb}", ""))
    return tuple(steps)


def _who(row: MoveRecord | PhaseRecord) -> str:
    if row.by and row.operator:
        return f"The operator, for {row.by},"
    return str(row.by) if row.by else "The operator"


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
