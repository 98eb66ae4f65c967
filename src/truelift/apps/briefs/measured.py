"""Whether the events that an experiment uses arrive soundly: figures that a job keeps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from django.db import transaction

from truelift.apps.briefs.models import EventFigureRecord
from truelift.apps.experiments.job_kinds import does, queue
from truelift.apps.experiments.models import ExperimentRecord, Job
from truelift.apps.measurement.reads import lake
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.errors import TrueliftError
from truelift.lifecycle.experiment import PREPARING, Stage
from truelift.questions.matching import Events
from truelift.questions.trend import Trend


MEASURE_JOB: Final = "briefs.measure"

LOOKED_BACK_DAYS: Final = 28

FIGURES_HOLD: Final = timedelta(days=7)
"""Older figures say nothing about today's tracking."""

LEAST_COVERED: Final = 0.95
"""Of the site's days, for an event that is frequent enough to be missed."""

FREQUENT: Final = 10
"""Events a day from which a day without one is no chance but a gap."""

MOST_ERRORS: Final = 0.02
"""Share of what was received that may lie in quarantine."""

_OPEN: Final = frozenset({*PREPARING, Stage.RUNNING, Stage.PAUSED})


@dataclass(frozen=True, slots=True)
class EventFigure:
    """How one event arrived lately.

    Attributes:
        event: Its name.
        count: How often; None where nobody has looked lately.
        covered: Share of the site's days on which it arrived; None for an event that is
            too rare to be missed on a day, or that nobody has looked at.
        problem: What is wrong, as a full sentence; empty when nothing is.
    """

    event: str
    count: int | None = None
    covered: float | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Measured:
    """What is known of the events of an experiment.

    Attributes:
        events: Each of them.
        errors: Share of everything received that lies in quarantine; None before anything came.
        looked_at: When the oldest of the figures was taken; None while one is missing.
        looking: Whether a worker looks at them now.
    """

    events: tuple[EventFigure, ...] = ()
    errors: float | None = None
    looked_at: datetime | None = None
    looking: bool = False

    @property
    def known(self) -> bool:
        """Whether somebody has looked at every event lately."""
        return all(each.count is not None for each in self.events)

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong, one sentence each."""
        found = [each.problem for each in self.events if each.problem]
        if self.errors is not None and self.errors > MOST_ERRORS:
            found.append(
                f"{self.errors:.1%} of everything that the site received lies in quarantine,"
                f" more than {MOST_ERRORS:.0%}."
            )
        return tuple(found)


def events_used(record: ExperimentRecord) -> tuple[str, ...]:
    """List the events that the metrics of an experiment count, each once."""
    found = dict.fromkeys(
        name
        for planned in record.metrics.select_related("metric").order_by("pk")
        for name in (
            planned.metric.event,
            planned.metric.denominator_event,
            *planned.metric.steps,
        )
        if name
    )
    return tuple(found)


def measured_of(record: ExperimentRecord, *, now: datetime) -> Measured:
    """Say what is known of the events of an experiment; asks the lake no question."""
    names = events_used(record)
    rows = {
        row.event: row
        for row in EventFigureRecord.objects.filter(
            site=record.site, event__in=names, looked_at__gt=now - FIGURES_HOLD
        )
    }
    known = [rows[name].looked_at for name in names if name in rows]
    return Measured(
        events=tuple(_figure(name, rows.get(name)) for name in names),
        errors=_errors(record.site),
        looked_at=min(known) if known and len(known) == len(names) else None,
        looking=Job.objects.filter(
            kind=MEASURE_JOB, subject=f"site:{record.site.name}", finished_at__isnull=True
        ).exists(),
    )


def _figure(name: str, row: EventFigureRecord | None) -> EventFigure:
    if row is None:
        return EventFigure(name)
    if not row.count:
        return EventFigure(
            name, 0, problem=f"{name} has not arrived in the last {LOOKED_BACK_DAYS} days."
        )
    if not row.days or row.count < FREQUENT * row.days:
        return EventFigure(name, row.count)
    covered = row.days_with / row.days
    problem = ""
    if covered < LEAST_COVERED:
        problem = (
            f"{name} arrived on {covered:.0%} of the days on which the site had visitors,"
            f" less than {LEAST_COVERED:.0%}."
        )
    return EventFigure(name, row.count, covered, problem)


def _errors(site: Site) -> float | None:
    try:
        ledger = lake().ledger(site.name)
    except TrueliftError:
        return None
    return ledger.quarantined / ledger.received if ledger.received else None


def ask_for_figures(site: Site, *, by: Actor, now: datetime) -> Job:
    """Have the worker look at how the events of the site's open experiments arrive."""
    return queue(MEASURE_JOB, f"site:{site.name}", by=by.user, now=now)


@does(MEASURE_JOB)
def _measure(job: Job, now: datetime) -> None:
    site = Site.objects.filter(name=job.subject.removeprefix("site:")).first()
    if site is None:
        return
    names = dict.fromkeys(
        name
        for record in ExperimentRecord.objects.filter(
            site=site, stage__in=[each.value for each in _OPEN]
        )
        for name in events_used(record)
    )
    look_at_events(site, tuple(names), now=now)


def look_at_events(site: Site, names: Sequence[str], *, now: datetime) -> None:
    """Count the days on which each event arrived; call it from a job."""
    zone = ZoneInfo(site.time_zone)
    until = datetime.combine(now.astimezone(zone).date(), time(), tzinfo=zone)
    since = datetime.combine(until.date() - timedelta(days=LOOKED_BACK_DAYS), time(), tzinfo=zone)

    def days_of(events: Events) -> dict[datetime, int]:
        asked = Trend(events=events, since=since, until=until, time_zone=site.time_zone)
        rows = lake().ask(site.name, asked).answer.rows
        return {row.begins: row.point.count for row in rows if row.point.count}

    days = days_of(Events())
    figures = {name: days_of(Events((name,))) for name in names}
    with transaction.atomic():
        for name, found in figures.items():
            EventFigureRecord.objects.update_or_create(
                site=site,
                event=name,
                defaults={
                    "count": sum(found.values()),
                    "days": len(days),
                    "days_with": len(found),
                    "looked_at": now,
                },
            )
