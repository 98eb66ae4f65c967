"""Asks the lake what an experiment's visitors did, lets the statistics judge, keeps the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Final

from django.db import transaction

from truelift.apps.drawing.wording import day
from truelift.apps.experiments.agreed import settle_recommendation
from truelift.apps.experiments.checks import (
    causes_document,
    check_document,
    covariate_balance,
    daily_split,
    phase_split,
    power_check,
    segment_split,
)
from truelift.apps.experiments.domain import as_domain, day_at, judging_of, midnight_at
from truelift.apps.experiments.influence import added_up, outlier_check
from truelift.apps.experiments.looks import Look, look_at, looks_before, looks_crossed, method_of
from truelift.apps.experiments.measured_document import add_measured
from truelift.apps.experiments.measuring import DAY_S, measure, metric_question
from truelift.apps.experiments.models import (
    AnalysisRecord,
    ExperimentRecord,
    MetricRecord,
    PlannedMetricRecord,
)
from truelift.apps.experiments.phases import Stretch, stretches_of
from truelift.apps.experiments.reads import experiment_of
from truelift.apps.experiments.run_checks import (
    novelty_check,
    plan_check,
    quiet_days,
    tracking_check,
    withheld_of,
)
from truelift.apps.experiments.sampled import MOST_CELLS, STANDARD, cell_counts, data_of
from truelift.apps.experiments.services import (
    NoSuchExperiment,
    check_analysable,
    experiment_for_update,
    move_experiment,
    store_snapshot,
)
from truelift.apps.experiments.wording import is_money
from truelift.apps.measurement.reads import lake
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.errors import Refusal
from truelift.events.money import exponent_of
from truelift.lake.lake import Asked
from truelift.lifecycle.experiment import Action, Origin, Stage, plan_digest
from truelift.lifecycle.judging import Inference
from truelift.questions.document import instant
from truelift.questions.metric import Counted, Metric
from truelift.questions.variant_summaries import VariantSummaries, VariantSummariesAnswer
from truelift.stats.analysis import (
    Analysis,
    AnalysisData,
    AnalysisPlan,
    MetricKind,
    MetricRole,
    PlannedMetric,
    PlannedVariant,
    VariantRole,
    analyse,
)
from truelift.stats.comparison import Comparison
from truelift.stats.integrity import Check
from truelift.stats.multiplicity import Correction
from truelift.stats.outcome import Direction
from truelift.stats.srm import Phase


LEAST_WEIGHT: Final = 1e-6
"""Of all, for a variant that takes nobody in the latest phase: a plan knows no weight of 0."""


class NothingDecides(Refusal):
    """An experiment without a primary metric or a control has no verdict."""

    code = "experiment.nothing_decides"

    def __init__(self, *, key: str) -> None:
        super().__init__(
            f"{key} names no primary metric, or no control and treatment. Add them to its plan.",
            key=key,
        )


def analyse_experiment(site: Site, key: str, *, by: Actor, now: datetime) -> AnalysisRecord:
    """Compute an experiment's analysis, keep it as a snapshot, and move it on when it waited.

    Call it from a job or the command line, never in a web request: it reads the
    events of every visitor.

    Raises:
        NoSuchExperiment: The site has none with this key.
        NotStarted: It was not launched.
        WrongWayToAnalyse: It splits no visitors.
        NothingDecides: It has no primary metric or nothing to compare.
    """
    record = experiment_of(site, key)
    if record is None:
        raise NoSuchExperiment(key=key[:80], site=site.name)
    check_analysable(record)
    plan, question = plan_and_question(record, now=now)
    records = [each.metric for each in record.metrics.select_related("metric")]
    records.sort(key=lambda each: each.key != plan.primary.key)
    measured = measure(
        records,
        question,
        site=site,
        adjusted=bool(record.covariate_days),
        ask=lambda asked: lake().ask(site.name, asked),
    )
    asked = measured.asked
    ledger = lake().ledger(site.name)
    data = data_of(
        plan,
        asked.answer,
        adjusted=bool(record.covariate_days),
        quarantined_share=_share(ledger.quarantined, ledger.received),
        bots_share=_share(ledger.bots, ledger.received),
    )
    data = measured.completed(data)
    judging = judging_of(record)
    before_end = plan.planned_end is not None and question.as_of < plan.planned_end
    over = record.stopped_at is not None or not before_end
    look = _look(record, plan, data, over=over)
    plan = replace(plan, method=method_of(record.inference, judging, alpha=plan.alpha, look=look))
    stretches = stretches_of(record, since=_since(record))
    units = _units_by_phase(site.name, stretches, question, asked.answer)
    splits, causes = segment_split(plan, cell_counts(plan, asked.answer), units=data.units)
    analysis = analyse(
        plan,
        data,
        as_of=question.as_of,
        ended=record.stopped_at is not None,
        waiting=None if look is None else look.waiting,
        also=[
            daily_split(plan, asked.answer),
            phase_split(
                [
                    Phase(observed=observed, weights=each.weights)
                    for each, observed in zip(stretches, units, strict=True)
                ],
                begins=[each.since for each in stretches],
            ),
            splits,
            covariate_balance(plan, asked.answer, days=question.covariate_s // DAY_S),
            plan_check(record, now=plan_digest(as_domain(record))),
            *_changes(record),
        ],
    )
    document: dict[str, Any] = {**analysis.document(), **_facts(record, question, asked)}
    document["judging"] = asdict(judging)
    if look is not None:
        document["looks"] = look.document(found=_found(analysis))
    document["split_causes"] = causes_document(causes)
    document["phases"] = [
        each.document(question.variants, observed)
        for each, observed in zip(stretches, units, strict=True)
    ]
    add_measured(document, plan, records, measured, withheld=withheld_of(analysis))
    _add_what_ran(document, record, analysis, data, measured.question, asked, over=over)
    _add_unplanned(document, asked.answer)
    _add_maturity(document, record, question)
    settle_recommendation(document, record)
    with transaction.atomic():
        held = experiment_for_update(site, record.key)
        snapshot = store_snapshot(held, document, as_of=question.as_of, by=by, now=now)
        if held.stage == Stage.STOPPED:
            move_experiment(site, held.key, Action.ANALYSE, by=by, now=now, machine=True)
    return snapshot


def _changes(record: ExperimentRecord) -> list[Check]:
    # The room of changes knows experiments; loading it at once would close a circle.
    from truelift.apps.changes.reads import change_checks

    return change_checks(record)


def _clean_until(record: ExperimentRecord) -> datetime | None:
    from truelift.apps.changes.reads import clean_until

    return clean_until(record)


def _units_by_phase(
    site: str,
    stretches: Sequence[Stretch],
    question: VariantSummaries,
    answer: VariantSummariesAnswer,
) -> list[tuple[int, ...]]:
    """Count the visitors of each phase: those first exposed in it, whatever they saw before."""
    found = []
    for each in stretches[:-1]:
        asked = replace(
            question,
            metrics=(_anything(question),),
            since=each.since,
            until=each.until,
            covariate_s=0,
            by=(),
            by_day=False,
            distributions=(),
        )
        units = lake().ask(site, asked).answer.units
        found.append(tuple(units[name] for name in question.variants))
    return [*found, tuple(answer.units[name] for name in question.variants)]


def _anything(question: VariantSummaries) -> Metric:
    """Give the simplest metric there is, for an answer of which only the visitors are wanted."""
    first = question.metrics[0]
    return Metric(
        key=first.key,
        kind=MetricKind.PROPORTION,
        counted=Counted(first.counted.events),
        window_s=first.window_s,
    )


PAST_DAYS: Final = 14
"""Of the A/A test before the first exposure, where effects are not adjusted by the past."""


def _add_what_ran(
    document: dict[str, Any],
    record: ExperimentRecord,
    analysis: Analysis,
    data: AnalysisData,
    question: VariantSummaries,
    asked: Asked[VariantSummariesAnswer],
    *,
    over: bool,
) -> None:
    """Put on the integrity card what can ask for a look, and never makes a result invalid."""
    site, withheld = record.site.name, withheld_of(analysis)
    outliers, capped = outlier_check(
        analysis,
        data,
        question,
        asked.answer,
        adjusted=bool(record.covariate_days),
        withheld=withheld,
        ask=lambda again: lake().ask(site, again).answer,
    )
    document["outliers"] = [each.document() for each in capped]
    checks = [
        power_check(
            analysis,
            asked.answer,
            worth=record.minimum_effect,
            power=record.power,
            over=over,
        ),
        novelty_check(analysis.plan, data, withheld=withheld),
        outliers,
        tracking_check(
            analysis.plan,
            data,
            quiet=quiet_days(question, lambda trend: lake().ask(site, trend).answer),
            breaks=document["metric_breaks"],
            worth=record.minimum_effect,
            withheld=withheld,
        ),
    ]
    document["integrity"] += [check_document(each) for each in checks]


def _found(analysis: Analysis) -> bool:
    """Whether a look of the metric that decides was one that could have ended the test."""
    return any(
        isinstance(each.comparison, Comparison) and each.comparison.found
        for each in analysis.primary.readings
    )


def _look(
    record: ExperimentRecord, plan: AnalysisPlan, data: AnalysisData, *, over: bool
) -> Look | None:
    """Say which of the planned looks this is; None for methods that plan none."""
    if record.inference != Inference.GROUP_SEQUENTIAL:
        return None
    latest = record.analyses.order_by("-number").first()
    document = latest.document if latest else None
    samples = data.samples.get(plan.primary.key, {})
    return look_at(
        judging_of(record),
        counted=sum(sample.n for sample in samples.values()),
        needed=plan.units_needed,
        before=looks_before(document),
        over=over,
        crossed=looks_crossed(document),
    )


def plan_and_question(
    record: ExperimentRecord, *, now: datetime
) -> tuple[AnalysisPlan, VariantSummaries]:
    """Give what was agreed about an experiment, and what the lake is asked for it.

    Raises:
        NothingDecides: It has no primary metric or nothing to compare.
    """
    domain = as_domain(record)
    judging = domain.judging
    planned = list(record.metrics.select_related("metric"))
    variants = list(record.variants.all())
    controls = sum(each.is_control for each in variants)
    if controls != 1 or len(variants) < 2 or not domain.primary:
        raise NothingDecides(key=record.key)
    site = record.site
    ends_at = midnight_at(site, record.ends_on) if record.ends_on else None
    clean = _clean_until(record)
    if clean is not None:
        # Whoever came later met something else; that so many suffice was looked at before.
        ends_at = clean if ends_at is None else min(clean, ends_at)
    as_of, until = now, ends_at
    if record.stopped_at is not None and ends_at is not None and record.stopped_at < ends_at:
        # Stopped early: what came later belongs to nobody, and the look stays an early one
        # however long one waits with it.
        as_of = until = record.stopped_at
    stretches = stretches_of(record, since=_since(record))
    plan = AnalysisPlan(
        experiment=record.key,
        phase=len(stretches),
        variants=tuple(
            PlannedVariant(
                key=each.key,
                role=VariantRole.CONTROL if each.is_control else VariantRole.TREATMENT,
                weight=max(weight, LEAST_WEIGHT * sum(stretches[-1].weights)),
            )
            for each, weight in zip(variants, stretches[-1].weights, strict=True)
        ),
        metrics=tuple(_planned_metric(record, each) for each in planned),
        alpha=record.alpha,
        planned_end=ends_at,
        units_needed=record.n_per_variant * len(variants) if record.n_per_variant else None,
        method=method_of(record.inference, judging, alpha=record.alpha, look=None),
        correction=Correction(judging.correction),
        segments=judging.segments,
    )
    question = VariantSummaries(
        experiment=record.key,
        variants=tuple(each.key for each in variants),
        metrics=tuple(metric_question(each.metric, site) for each in planned),
        as_of=as_of,
        since=stretches[-1].since,
        until=until,
        time_zone=site.time_zone,
        # The past of an A/A test is read also where effects are not adjusted by it.
        covariate_s=(judging.covariate_days or PAST_DAYS) * DAY_S,
        by=tuple(dict.fromkeys((*STANDARD, *judging.segments))),
        by_day=True,
        max_rows=MOST_CELLS,
    )
    return plan, replace(question, distributions=added_up(question))


def _planned_metric(record: ExperimentRecord, planned: PlannedMetricRecord) -> PlannedMetric:
    metric = planned.metric
    value = record.baseline if planned.role == MetricRole.PRIMARY else None
    if value is not None and is_money(metric) and metric.denominator_property != "value":
        value *= 10 ** exponent_of(record.site.currency)
    return PlannedMetric(
        key=metric.key,
        role=MetricRole(planned.role),
        kind=MetricKind(metric.kind),
        direction=Direction(metric.better),
        margin=planned.margin,
        planned_value=value,
    )


def _since(record: ExperimentRecord) -> datetime | None:
    """Whole days of the site count, from the first planned one or that of the launch."""
    days = [record.starts_on] if record.starts_on else []
    if record.origin == Origin.TRUELIFT and record.started_at is not None:
        days.append(day_at(record.site, record.started_at))
    return midnight_at(record.site, max(days)) if days else None


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def metric_breaks(
    record: ExperimentRecord, *, since: datetime | None, until: datetime
) -> dict[str, list[dict[str, Any]]]:
    """Say where the site changed a planned metric within an experiment's window.

    The analysis keeps to the versions that were planned; whoever compares it with another
    report learns from this that the word meant something else from then on.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    for planned in record.metrics.select_related("metric"):
        versions = MetricRecord.objects.filter(site=record.site, key=planned.metric.key)
        changes = [
            {
                "at": instant(after.made_at),
                "from_version": before.version,
                "to_version": after.version,
            }
            for before, after in pairwise(versions.order_by("version"))
            if (since is None or after.made_at >= since) and after.made_at < until
        ]
        if changes:
            found[planned.metric.key] = changes
    return found


def _facts(
    record: ExperimentRecord, question: VariantSummaries, asked: Asked[VariantSummariesAnswer]
) -> dict[str, Any]:
    """Give what the page and a later reader need besides the verdict."""
    seen = asked.answer.seen
    return {
        "site": record.site.name,
        "name": record.name,
        "origin": record.origin,
        "currency": record.site.currency,
        "plan_hash": record.plan_hash or None,
        "metric_versions": {
            each.metric.key: each.metric.version for each in record.metrics.select_related("metric")
        },
        "metric_breaks": metric_breaks(record, since=question.since, until=question.as_of),
        "crossovers": seen.crossovers,
        "immature": dict(seen.immature),
        "unplanned": dict(seen.unplanned),
        "daily": [
            {"day": day.isoformat(), "variant": variant, "units": units}
            for (day, variant), units in seen.daily.items()
        ],
        "lake_version": asked.lake_version,
        "journal_position": asked.journal_position,
        "took_ms": round(asked.took_ms),
    }


def _add_unplanned(document: dict[str, Any], answer: VariantSummariesAnswer) -> None:
    """Put visitors of variants that nobody planned on the integrity card."""
    strangers = answer.seen.unplanned
    if not strangers:
        return
    units = sum(strangers.values())
    names = ", ".join(sorted(strangers)[:5])
    document["integrity"].append(
        {
            "check": "unplanned_variants",
            "status": "warn",
            "value": float(units),
            "detail": f"{units:,} visitors saw variants that the plan does not name ({names});"
            " they are left out.",
        }
    )


def _add_maturity(
    document: dict[str, Any], record: ExperimentRecord, question: VariantSummaries
) -> None:
    """Say on the integrity card how many visitors the primary metric cannot judge yet."""
    primary = record.metrics.select_related("metric").get(role=MetricRole.PRIMARY)
    left = int(document["immature"].get(primary.metric.key, 0))
    until = question.until
    if not left or until is None or question.as_of < until:
        return
    units = sum(each["units"] for each in document["variants"])
    complete = until + timedelta(days=primary.metric.window_days)
    document["integrity"].append(
        {
            "check": "maturity",
            "status": "warn",
            "value": left / units if units else None,
            "detail": f"{left:,} of {units:,} visitors are still within the"
            f" {primary.metric.window_days:g} days in which {primary.metric.key} counts, and are"
            f" left out of it; it is complete on {day(complete.date())}.",
        }
    )
