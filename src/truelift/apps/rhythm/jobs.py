"""What the worker does for this app every hour: plans meetings, and reads agendas a day before."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from truelift.apps.experiments.domain import day_at
from truelift.apps.experiments.job_kinds import does, queue_for_every_site
from truelift.apps.experiments.models import Job
from truelift.apps.rhythm.models import MeetingRecord
from truelift.apps.rhythm.planning import plan_meetings
from truelift.apps.rhythm.services import read_agenda
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import site_named
from truelift.lifecycle.rhythm import Stage


HOURLY: Final = "rhythm.hourly"
EVERY: Final = timedelta(hours=1)
BEFORE: Final = timedelta(days=1)
"""An agenda is read so long before a meeting, and every hour until it begins."""


@does(HOURLY)
def _hourly(job: Job, now: datetime) -> datetime | None:
    site = site_named(job.subject.partition(":")[2])
    if site is None:
        return None
    keep_rhythm(site, now=now)
    return now + EVERY


def keep_rhythm(site: Site, *, now: datetime) -> None:
    """Plan a site's meetings, and put the agendas together of those that are near."""
    plan_meetings(site, now=now)
    near = MeetingRecord.objects.filter(
        site=site,
        stage=Stage.PLANNED.value,
        day__gte=day_at(site, now),
        starts_at__lt=now + BEFORE,
    )
    for each in near:
        read_agenda(site, each.meeting, each.period, now=now)


def begin_rhythms(now: datetime) -> int:
    """See that every site's meetings are kept; asking again changes nothing."""
    return queue_for_every_site(HOURLY, now=now)
