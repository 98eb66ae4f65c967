"""What the worker does for this app: counts visitors around changes, and ends tests in time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from truelift.apps.changes.confounding import COUNT, days_touched, keep, weigh_new
from truelift.apps.changes.counting import (
    asked,
    counts_of,
    days_of,
    effect_without_days,
    support_of,
)
from truelift.apps.changes.models import ContaminationRecord
from truelift.apps.changes.spoiling import ENFORCE, WEIGH, enforce
from truelift.apps.changes.where import tested
from truelift.apps.experiments.analysing import NothingDecides
from truelift.apps.experiments.domain import day_at
from truelift.apps.experiments.job_kinds import does, queue_for_every_site
from truelift.apps.experiments.models import ExperimentRecord, Job, MetricRole
from truelift.apps.sites.reads import site_named
from truelift.lake.lake import NoSuchSite
from truelift.lifecycle.contamination import Verdict, WayOut, adjudicated
from truelift.stats.contamination import Adjudication


NEW_TESTS: Final = "changes.new_tests"
EVERY_HOUR: Final = timedelta(hours=1)

EVERY: Final = timedelta(days=1)
"""How often visitors are counted again while a test runs, or somebody's time is not over."""


def _found(made: ContaminationRecord) -> Adjudication:
    """Give what people found, as the statistics know it: one effect exists only by their word."""
    agreed = adjudicated(made.votes())
    if agreed is Verdict.BENIGN:
        return Adjudication.BENIGN
    if made.verdict == Verdict.FATAL:
        return Adjudication.FATAL
    alike = agreed is Verdict.SUSPECT and not made.arms
    return Adjudication.SUSPECT_EQUAL if alike else Adjudication.SUSPECT


@does(WEIGH)
def _weigh(job: Job, now: datetime) -> datetime | None:
    made = (
        ContaminationRecord.objects.select_related(
            "experiment__site", "change__site", "experiment__hypothesis"
        )
        .filter(pk=_number(job))
        .first()
    )
    if made is None or made.way_out == WayOut.CLEAN_SEGMENT:
        # The analysis of a clean part ends before it: nobody after it would be counted.
        return None
    record = made.experiment
    try:
        plan, answer = asked(record, now=now)
    except (NothingDecides, NoSuchSite):
        # Nobody can be counted, so nobody came before it: what is fatal is so.
        made.counted_at = now
        made.save(update_fields=["counted_at"])
        enforce(made, now=now)
        return None
    day = day_at(record.site, made.at)
    counts = counts_of(days_of(answer), day)
    made.units_before, made.units_after = dict(counts.before), dict(counts.after)
    made.counted_at = now
    if _over(record, now=now):
        # Not before: to compare the effect while a test runs is to look at it.
        made.support = support_of(record, plan, answer, day, verdict=_found(made))
    made.save(update_fields=["units_before", "units_after", "counted_at", "support"])
    enforce(made, now=now)
    return _again(record, now=now)


@does(ENFORCE)
def _enforce(job: Job, now: datetime) -> None:
    made = (
        ContaminationRecord.objects.select_related("experiment__site", "change__site")
        .filter(pk=_number(job))
        .first()
    )
    if made is not None:
        enforce(made, now=now)


@does(NEW_TESTS)
def _new_tests(job: Job, now: datetime) -> datetime | None:
    site = site_named(job.subject.partition(":")[2])
    if site is None:
        return None
    weigh_new(site, now=now)
    return now + EVERY_HOUR


def begin_weighing(now: datetime) -> int:
    """See that what lasts is weighed for tests that begin; asking again changes nothing."""
    return queue_for_every_site(NEW_TESTS, now=now)


@does(COUNT)
def _count(job: Job, now: datetime) -> datetime | None:
    record = (
        ExperimentRecord.objects.select_related("site", "hypothesis")
        .filter(pk=_number(job))
        .first()
    )
    met = list(record.confounders.select_related("incident__site")) if record else []
    if record is None or not met:
        return None
    try:
        plan, answer = asked(record, now=now)
    except (NothingDecides, NoSuchSite):
        return None
    days = days_of(answer)
    for each in met:
        made = keep(each.incident, record, days, now=now)
        if _over(record, now=now):
            touched = days_touched(each.incident, days)
            made.without = effect_without_days(plan, answer, touched)
            made.save(update_fields=["without"])
    return _again(record, now=now)


def _over(record: ExperimentRecord, *, now: datetime) -> bool:
    until = tested(record).until
    return until is not None and until <= now


def _again(record: ExperimentRecord, *, now: datetime) -> datetime | None:
    """Count until the time of the last visitor is over."""
    until = tested(record).until
    primary = record.metrics.select_related("metric").filter(role=MetricRole.PRIMARY).first()
    window = timedelta(days=primary.metric.window_days if primary else 0)
    return None if until is not None and until + window <= now else now + EVERY


def _number(job: Job) -> int:
    return int(job.subject.rpartition(":")[2])
