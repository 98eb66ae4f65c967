"""The five mistakes that cost programmes most, looked for in one experiment (R131)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from truelift.apps.briefs.measured import measured_of
from truelift.apps.briefs.reads import class_of_metric, metric_classes
from truelift.apps.experiments.models import ExperimentRecord, MetricRole
from truelift.apps.qa.reads import evidence_of, plan_of
from truelift.lifecycle.brief import MetricClass
from truelift.lifecycle.experiment import RANDOMISED, Origin, Stage
from truelift.lifecycle.qa import QaEvidence


@dataclass(frozen=True, slots=True)
class Mistake:
    """One of the five, made or not.

    Attributes:
        code: Stable word.
        title: What the mistake is called.
        detail: What was found, as a full sentence.
        made: Whether it was made; None where that cannot be said yet.
        href: Where it is put right; empty when it is not.
    """

    code: str
    title: str
    detail: str
    made: bool | None
    href: str = ""


def _made(code: str, title: str, detail: str, href: str = "") -> Mistake:
    return Mistake(code, title, detail, made=True, href=href)


def _avoided(code: str, title: str, detail: str) -> Mistake:
    return Mistake(code, title, detail, made=False)


def _unknown(code: str, title: str, detail: str, href: str) -> Mistake:
    return Mistake(code, title, detail, made=None, href=href)


def mistakes_of(record: ExperimentRecord, *, now: datetime) -> tuple[Mistake, ...]:
    """Look for the five in an experiment; what splits nobody can make only the first."""
    home = f"/s/{record.site.name}/"
    found = [_no_hypothesis(record, home)]
    if record.method in RANDOMISED and record.origin != Origin.IMPORTED:
        found += [
            _weak_tracking(record, home, now),
            _overlap(record, home),
            _micro_hurts(record, home),
            _no_device_qa(record, home, now),
        ]
    return tuple(found)


def _no_hypothesis(record: ExperimentRecord, home: str) -> Mistake:
    title = "Testing without a hypothesis"
    hypothesis = record.hypothesis
    edit = f"{home}experiments/{record.key}/edit/#id_hypothesis"
    if hypothesis is None:
        return _made("no_hypothesis", title, "It tests no hypothesis.", edit)
    if hypothesis.stage in {"draft", "ready_for_review"}:
        here = f"{home}hypotheses/{hypothesis.key}/"
        said = f"{hypothesis.key} has not been accepted."
        return _made("no_hypothesis", title, said, here)
    return _avoided("no_hypothesis", title, f"It tests {hypothesis.key}.")


def _weak_tracking(record: ExperimentRecord, home: str, now: datetime) -> Mistake:
    title = "Weak tracking"
    here = f"{home}experiments/{record.key}/brief/#events"
    measured = measured_of(record, now=now)
    if measured.problems:
        return _made("weak_tracking", title, " ".join(measured.problems), here)
    if not measured.known:
        said = "Nobody has looked lately at how its events arrive."
        return _unknown("weak_tracking", title, said, here)
    return _avoided("weak_tracking", title, "Its events arrive soundly.")


_OVER = (Stage.CLOSED, Stage.INVALID, Stage.LEARNED)


def _overlap(record: ExperimentRecord, home: str) -> Mistake:
    title = "Overlapping tests"
    if record.starts_on is None or record.ends_on is None or not record.surface.strip():
        said = "Without a page and dates nobody can say what it overlaps with."
        href = f"{home}experiments/{record.key}/edit/#id_start"
        return _unknown("overlap", title, said, href)
    others = list(
        ExperimentRecord.objects.filter(
            site=record.site,
            surface__iexact=record.surface,
            method__in=[each.value for each in RANDOMISED],
            starts_on__lt=record.ends_on,
            ends_on__gt=record.starts_on,
        )
        .exclude(pk=record.pk)
        .exclude(stage__in=_OVER)
        .order_by("pk")
        .values_list("key", flat=True)[:4]
    )
    if others:
        said = f"{record.surface} is tested at the same time by {', '.join(others)}."
        return _made("overlap", title, said, f"{home}interactions/")
    said = f"Nothing else tests {record.surface} in its time."
    return _avoided("overlap", title, said)


def _micro_hurts(record: ExperimentRecord, home: str) -> Mistake:
    title = "A micro metric that hurts revenue"
    latest = record.analyses.order_by("-number").first()
    # While it runs, what its effects are may be hidden from who reads this.
    running = record.stage in {Stage.RUNNING, Stage.PAUSED}
    conflict = str(latest.document.get("macro_conflict") or "") if latest and not running else ""
    if conflict:
        return _made("micro_hurts_macro", title, conflict)
    known = metric_classes(record.site)
    planned = list(record.metrics.select_related("metric"))
    primary = next((each.metric for each in planned if each.role == MetricRole.PRIMARY), None)
    guarded = any(
        class_of_metric(each.metric, known) is MetricClass.MACRO
        for each in planned
        if each.role == MetricRole.GUARDRAIL
    )
    edit = f"{home}experiments/{record.key}/edit/#id_guardrails"
    if primary is None:
        said = "No metric is named that decides."
        return _unknown("micro_hurts_macro", title, said, edit)
    if class_of_metric(primary, known) is MetricClass.MACRO:
        said = f"{primary.name} is an outcome of the business itself."
        return _avoided("micro_hurts_macro", title, said)
    if guarded:
        said = f"{primary.name} is no outcome, and a guardrail watches over one."
        return _avoided("micro_hurts_macro", title, said)
    said = f"{primary.name} is no outcome of the business, and no guardrail is one."
    return _made("micro_hurts_macro", title, said, edit)


def _no_device_qa(record: ExperimentRecord, home: str, now: datetime) -> Mistake:
    title = "Not tried on the devices of visitors"
    plan = plan_of(record)
    evidence = QaEvidence() if plan is None else evidence_of(plan, now=now)
    here = f"{home}qa/{record.key}/#matrix"
    if evidence.matrix_complete:
        said = f"Tried on {evidence.covered:.0%} of the devices and browsers that visitors have."
        return _avoided("no_device_qa", title, said)
    if not evidence.has_matrix:
        said = "Nobody has asked which devices and browsers visitors have."
    elif evidence.blocking_failures:
        said = "It failed on a device that visitors have."
    else:
        said = "On some devices that visitors have nobody has tried it."
    return _made("no_device_qa", title, said, here)


def mistake_document(mistake: Mistake) -> dict[str, object]:
    """Give one of the five as JSON."""
    return {
        "mistake": mistake.code,
        "made": mistake.made,
        "detail": mistake.detail,
    }
