"""Outcomes that mature after the decision: read again when complete, and told if they turned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction

from truelift.apps.experiments.analysing import analyse_experiment
from truelift.apps.experiments.domain import midnight_at
from truelift.apps.experiments.models import (
    AnalysisRecord,
    DecisionRecord,
    ExperimentRecord,
    MetricRecord,
    PlannedMetricRecord,
)
from truelift.apps.experiments.monitoring_alerts import keep_findings
from truelift.apps.experiments.monitoring_look import is_delayed
from truelift.apps.experiments.monitoring_models import DelayedOutcomeRecord
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.lifecycle.experiment import Stage
from truelift.lifecycle.monitoring import Concern, Finding, Level, Verdict, turned


AFTER: Final = (Stage.DECIDED, Stage.LEARNED, Stage.CLOSED)
"""Stages with a decision that a delayed outcome can turn."""

SETTLING: Final = timedelta(hours=6)
"""What comes in late is waited for so long."""


def plan_delayed(site: Site) -> None:
    """Note what is still to mature of a site's decided experiments; once is as good as often."""
    decisions = DecisionRecord.objects.filter(
        experiment__site=site,
        experiment__stage__in=[each.value for each in AFTER],
        experiment__delayed__isnull=True,
        analysis__isnull=False,
    ).select_related("experiment__site", "analysis")
    for decision in decisions:
        record, analysis = decision.experiment, decision.analysis
        if analysis is None:
            continue
        DelayedOutcomeRecord.objects.bulk_create(
            DelayedOutcomeRecord(
                experiment=record,
                metric=planned.metric.key,
                due_at=due,
                decided_on=analysis.number,
            )
            for planned in record.metrics.select_related("metric")
            if (due := due_at(record, planned)) is not None and due > analysis.as_of
        )


def due_at(record: ExperimentRecord, planned: PlannedMetricRecord) -> datetime | None:
    """Say when a delayed metric is complete; None for a metric that is not delayed.

    Nor is there one for what was stopped before its planned end: its analysis stays the early
    look that it was.
    """
    if not is_delayed(planned) or record.ends_on is None:
        return None
    ends = midnight_at(record.site, record.ends_on)
    if record.stopped_at is not None and record.stopped_at < ends:
        return None
    return ends + timedelta(days=planned.metric.window_days) + SETTLING


def next_due(site: Site) -> datetime | None:
    """Say when the next outcome of a site is complete; None while none is waited for."""
    first = (
        DelayedOutcomeRecord.objects.filter(experiment__site=site, read_at=None)
        .order_by("due_at")
        .first()
    )
    return None if first is None else first.due_at


def read_delayed(site: Site, *, now: datetime) -> int:
    """Analyse again what has matured, and open a question where a verdict turned.

    Call it from a job: it reads the events of every visitor.

    Returns:
        How many outcomes were read.
    """
    due = DelayedOutcomeRecord.objects.filter(
        experiment__site=site, read_at=None, due_at__lte=now
    ).select_related("experiment__site", "experiment__decision_owner", "experiment__deputy")
    by_experiment: dict[int, list[DelayedOutcomeRecord]] = {}
    for each in due:
        by_experiment.setdefault(each.experiment_id, []).append(each)
    for rows in by_experiment.values():
        _read(rows[0].experiment, rows, now=now)
    return len(due)


def _read(record: ExperimentRecord, rows: Sequence[DelayedOutcomeRecord], *, now: datetime) -> None:
    snapshot = analyse_experiment(record.site, record.key, by=Actor(None, machine=True), now=now)
    before = AnalysisRecord.objects.filter(
        experiment=record, number=rows[0].decided_on or 0
    ).first()
    findings = []
    with transaction.atomic():
        for row in rows:
            said = _turns(row.metric, before.document if before else {}, snapshot.document)
            row.read_at, row.reading = now, snapshot.number
            row.turned = "; ".join(f"{variant}: {what}" for variant, what in said)[:300]
            row.save(update_fields=["read_at", "reading", "turned"])
            findings += [
                _finding(record, row.metric, variant, what, number=snapshot.number)
                for variant, what in said
            ]
        keep_findings(
            record.site,
            record,
            findings,
            looked_at=frozenset({Concern.TURNED}),
            before=None,
            now=now,
        )


def _turns(
    metric: str, before: Mapping[str, Any], after: Mapping[str, Any]
) -> list[tuple[str, str]]:
    """Say of which treatments the verdict turned, and how."""
    earlier, later = verdicts_of(metric, before), verdicts_of(metric, after)
    found = []
    for variant, verdict in later.items():
        known = earlier.get(variant)
        if known is not None:
            said = turned(known, verdict)
        else:
            said = "more harm than was agreed is now clear" if verdict.held is False else ""
        if said:
            found.append((variant, said))
    return found


def verdicts_of(metric: str, document: Mapping[str, Any]) -> dict[str, Verdict]:
    """Read what a snapshot says of a metric, by treatment; nothing where it may not be read."""
    found = {}
    for each in document.get("metrics", []):
        if each["metric"] != metric:
            continue
        for effect in each["effects"]:
            numbers = effect.get("relative") or effect.get("absolute")
            if effect.get("withheld") or not numbers or numbers.get("low") is None:
                continue
            low, high = numbers["low"], numbers["high"]
            found[str(effect["variant"])] = Verdict(
                rises=numbers["value"] > 0,
                clear=low > 0 or (high is not None and high < 0),
                held={"held": True, "broken": False}.get(effect.get("guardrail", "")),
            )
    return found


def _finding(
    record: ExperimentRecord, metric: str, variant: str, what: str, *, number: int
) -> Finding:
    planned = MetricRecord.objects.filter(site=record.site, key=metric).order_by("-version").first()
    name = planned.name if planned else metric
    shown = record.variants.filter(key=variant).first()
    called = (shown.name or shown.key) if shown else variant
    return Finding(
        Concern.TURNED,
        f"{metric}:{variant}",
        Level.STOP,
        f"{name} is complete now, and with “{called}” {what}. Nobody knew that at the decision.",
        f"Read snapshot {number} and decide whether what was rolled out stays; write down what"
        " settles it.",
    )
