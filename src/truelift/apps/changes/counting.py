"""Counts who came before and after a change or while something lasted, by day."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Any, Final

from truelift.apps.experiments.analysing import plan_and_question
from truelift.apps.experiments.domain import day_at
from truelift.apps.experiments.models import ExperimentRecord, MetricRole
from truelift.apps.experiments.run_checks import effect_split_at, effect_without
from truelift.apps.experiments.sampled import data_of
from truelift.apps.measurement.reads import lake
from truelift.lifecycle.contamination import Counts
from truelift.questions.metric import Counted, Metric
from truelift.questions.variant_summaries import VariantSummariesAnswer
from truelift.stats.contamination import Adjudication
from truelift.stats.plan import AnalysisPlan
from truelift.stats.roles import MetricKind as Kind


Days = Mapping[date, Mapping[str, int]]
"""Day at the site → variant → units first exposed on it."""


_OF_NO_DAY: Final = frozenset({Kind.QUANTILE, Kind.RESTRICTED_MEAN})
"""Kinds whose days do not add up."""


def stored_days(record: ExperimentRecord) -> Days:
    """Give the days of the latest snapshot; nothing without one."""
    latest = record.analyses.order_by("-number").first()
    found: dict[date, dict[str, int]] = defaultdict(dict)
    for each in latest.document.get("daily", []) if latest else []:
        found[date.fromisoformat(each["day"])][str(each["variant"])] = int(each["units"])
    return found


def stored_counts(record: ExperimentRecord, at: datetime) -> Counts | None:
    """Count from what the latest snapshot kept; None where there is none."""
    days = stored_days(record)
    return counts_of(days, day_at(record.site, at)) if days else None


def counts_of(days: Days, change: date) -> Counts:
    """Part units by the day of a change, which counts as after it."""
    before: dict[str, int] = defaultdict(int)
    after: dict[str, int] = defaultdict(int)
    variants = {name: 0 for units in days.values() for name in units}
    for day, units in days.items():
        for name, came in units.items():
            (before if day < change else after)[name] += came
    return Counts(before={**variants, **before}, after={**variants, **after})


def per_day(days: Days) -> dict[date, int]:
    """Give everybody of each day."""
    return {day: sum(units.values()) for day, units in days.items()}


def asked(
    record: ExperimentRecord, *, now: datetime
) -> tuple[AnalysisPlan, VariantSummariesAnswer]:
    """Ask the lake for the metric that decides, by day; call it from a job.

    Raises:
        NothingDecides: The experiment has no primary metric or nothing to compare.
    """
    plan, question = plan_and_question(record, now=now)
    primary = record.metrics.select_related("metric").get(role=MetricRole.PRIMARY).metric.key
    alone = replace(plan, metrics=tuple(each for each in plan.metrics if each.key == primary))
    metric = next(each for each in question.metrics if each.key == primary)
    if metric.kind in _OF_NO_DAY:
        # Only who came is wanted then, and any metric tells that.
        simple = Counted(metric.counted.events)
        metric = Metric(primary, Kind.PROPORTION, simple, window_s=metric.window_s)
    answer = (
        lake()
        .ask(
            record.site.name,
            replace(
                question,
                metrics=(metric,),
                by=(),
                covariate_s=0,
                distributions=(),
                by_day=True,
            ),
        )
        .answer
    )
    return alone, answer


def days_of(answer: VariantSummariesAnswer) -> Days:
    """Give the days of an answer."""
    found: dict[date, dict[str, int]] = defaultdict(dict)
    for (day, variant), units in answer.daily.items():
        found[day][variant] = units
    return found


def effect_without_days(
    plan: AnalysisPlan, answer: VariantSummariesAnswer, left_out: Collection[date]
) -> dict[str, Any]:
    """Estimate the effect without whoever came on some days; empty where that says nothing."""
    if plan.primary.kind in _OF_NO_DAY:
        return {}
    data = data_of(plan, answer, adjusted=False, quarantined_share=None, bots_share=None)
    return effect_without(plan, data, left_out) or {}


def support_of(
    record: ExperimentRecord,
    plan: AnalysisPlan,
    answer: VariantSummariesAnswer,
    change: date,
    *,
    verdict: Adjudication,
) -> dict[str, Any]:
    """Say what the numbers can say of an effect before and after a change.

    Source:
        docs/methods/contamination-split.md.
    """
    if plan.primary.kind in _OF_NO_DAY:
        return {"sentence": "The metric that decides is no average, and is not told by day."}
    data = data_of(plan, answer, adjusted=False, quarantined_share=None, bots_share=None)
    found = effect_split_at(plan, data, change, worth=record.minimum_effect, verdict=verdict)
    if found is None:
        return {
            "sentence": "There are not enough visitors on both sides of it to compare the effect.",
        }
    return found
