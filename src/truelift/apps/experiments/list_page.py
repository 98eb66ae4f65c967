"""The list of experiments as values: a page of it, the strip of all work, effects on one axis."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import (
    Case,
    Count,
    IntegerField,
    OuterRef,
    Q,
    Subquery,
    Value,
    When,
    Window,
)
from django.db.models.functions import RowNumber

from truelift.apps.drawing.forest import Effect, Forest, Group
from truelift.apps.drawing.knowledge import Knowledge
from truelift.apps.experiments.domain import broken_checks, day_at
from truelift.apps.experiments.models import AnalysisRecord, ExperimentRecord, PlannedMetricRecord
from truelift.apps.experiments.monitoring_hiding import shown_to_all
from truelift.apps.experiments.result import LIFT, effect_row, last_day_of, primary_effect
from truelift.apps.experiments.wording import (
    CHOICES,
    METHODS,
    STAGES,
    counted,
    period,
    sentence_case,
)
from truelift.apps.lists.page import Page
from truelift.apps.programme.reads import policy_of
from truelift.apps.sites.models import Site
from truelift.lifecycle.experiment import Origin, Stage


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
    """A page of the list of experiments.

    Attributes:
        answer: The sentence of the page.
        grounds: One line below it.
        strip: Work by stage, of all experiments.
        rows: Those of this page.
        results: Effects on the primary metrics on one axis; None before there is one.
        results_headline: What they show.
        any: Whether the site has any, whatever the filters leave.
    """

    answer: str
    grounds: str
    strip: tuple[Column, ...]
    rows: tuple[ListRow, ...]
    results: Forest | None
    results_headline: str
    any: bool


_STRIP = (
    ("Brief", (Stage.BRIEFED,)),
    ("In preparation", (Stage.DESIGNED, Stage.BUILD, Stage.QA)),
    ("Ready", (Stage.READY, Stage.SCHEDULED)),
    ("Running", (Stage.RUNNING, Stage.PAUSED)),
    ("To analyse", (Stage.STOPPED,)),
    # Of an invalid one it is to be decided whether it is repeated or given up.
    ("To decide", (Stage.ANALYSED, Stage.INVALID)),
    ("To learn", (Stage.DECIDED,)),
    ("Learned", (Stage.LEARNED, Stage.CLOSED)),
)


_OF_STRIP = 4
"""Experiments that a stage of the strip names."""


def list_page(site: Site, listed: Page, *, now: datetime) -> ListPage:
    """Lay out a page of the list of a site's experiments, with what holds of all of them."""
    records: tuple[ExperimentRecord, ...] = listed.records
    stages = Counter[str](
        dict(
            ExperimentRecord.objects.filter(site=site)
            .order_by()
            .values_list("stage")
            .annotate(many=Count("pk"))
        )
    )
    effects = _primary_effects(site, records, now=now)
    return ListPage(
        answer=_answer(stages),
        grounds=_grounds(site, stages),
        strip=_strip(site, stages, now=now),
        rows=tuple(_list_row(record, now=now) for record in records),
        results=Forest(
            groups=(Group("", effects),), measure=LIFT, head="Effect, 95%", label="Experiment"
        )
        if effects
        else None,
        results_headline=_results_headline(effects),
        any=bool(stages),
    )


def _strip(site: Site, stages: Counter[str], *, now: datetime) -> tuple[Column, ...]:
    """Name the newest experiments of every stage, in one query."""
    place = Case(
        *(When(stage__in=each, then=Value(at)) for at, (_, each) in enumerate(_STRIP)),
        default=Value(0),
        output_field=IntegerField(),
    )
    newest = Window(RowNumber(), partition_by="lane", order_by=("-made_at", "-pk"))
    found = (
        ExperimentRecord.objects.filter(site=site)
        .select_related("site")
        .annotate(lane=place)
        .annotate(row=newest)
        .filter(row__lte=_OF_STRIP)
        .order_by("lane", "row")
    )
    rows: dict[int, list[tuple[str, str, str]]] = {}
    for record in found:
        lane: int = record.lane
        rows.setdefault(lane, []).append((record.key, record.name, _when(record, now=now)))
    return tuple(
        Column(title, sum(stages[stage] for stage in of), tuple(rows.get(at, ())))
        for at, (title, of) in enumerate(_STRIP)
    )


def _answer(stages: Counter[str]) -> str:
    decide, analyse = stages[Stage.ANALYSED], stages[Stage.STOPPED]
    running, ready = stages[Stage.RUNNING], stages[Stage.READY] + stages[Stage.SCHEDULED]
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
    if not stages:
        return "Nothing is being tested yet."
    if not parts:
        return "Nothing is running, and nothing waits for a decision."
    return sentence_case(", and ".join(parts[:2])) + "."


def _grounds(site: Site, stages: Counter[str]) -> str:
    if not stages:
        return ""
    found = ExperimentRecord.objects.filter(site=site).aggregate(
        decided=Count("decision"), imported=Count("pk", filter=Q(origin=Origin.IMPORTED))
    )
    said = f"{sentence_case(counted(stages.total(), 'experiment'))}, {found['decided']} decided"
    if found["imported"]:
        said += f"; {counted(found['imported'], 'was', 'were')} imported and counted apart"
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
        void=record.is_invalid,
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


def _primary_effects(
    site: Site, records: Sequence[ExperimentRecord], *, now: datetime
) -> tuple[Effect, ...]:
    """Give the primary effects of the first dozen experiments with a snapshot."""
    newest = AnalysisRecord.objects.filter(experiment=OuterRef("experiment")).order_by("-number")
    have = AnalysisRecord.objects.filter(
        experiment__in=[record.pk for record in records], pk=Subquery(newest.values("pk")[:1])
    )
    with_one = set(have.values_list("experiment_id", flat=True))
    shown = [record for record in records if record.pk in with_one][:12]
    texts = dict(
        have.filter(experiment__in=[record.pk for record in shown]).values_list(
            "experiment_id", "text"
        )
    )
    planned = {
        each.experiment_id: each.metric
        for each in PlannedMetricRecord.objects.filter(
            experiment__in=[record.pk for record in shown], role="primary"
        ).select_related("metric")
    }
    effects = []
    policy = policy_of(site)
    for record in shown:
        document = shown_to_all(record, json.loads(texts[record.pk]), now=now, policy=policy)
        found = primary_effect(document)
        if found is None:
            continue
        broken = broken_checks(document)
        if record.is_invalid and not broken:
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
