"""What the worker does for this app every hour: plans meetings, and reads agendas a day before."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from truelift.apps.experiments.domain import day_at
from truelift.apps.experiments.job_kinds import does, queue_for_every_site
from truelift.apps.experiments.models import Job
from truelift.apps.research.actor import Actor
from truelift.apps.rhythm.models import MeetingRecord
from truelift.apps.rhythm.planning import plan_meetings
from truelift.apps.rhythm.services import BEFORE, freeze_pack, read_agenda
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import site_named
from truelift.lifecycle.rhythm import Meeting, Stage


HOURLY: Final = "rhythm.hourly"
EVERY: Final = timedelta(hours=1)


@does(HOURLY)
def _hourly(job: Job, now: datetime) -> datetime | None:
    site = site_named(job.subject.partition(":")[2])
    if site is None:
        return None
    keep_rhythm(site, now=now)
    return now + EVERY


def keep_rhythm(site: Site, *, now: datetime) -> None:
    """Plan a site's meetings, and put together what those that are near will speak of."""
    plan_meetings(site, now=now)
    near = MeetingRecord.objects.filter(
        site=site,
        stage=Stage.PLANNED.value,
        day__gte=day_at(site, now),
        starts_at__lt=now + BEFORE,
    )
    for each in near:
        at = (site, each.meeting, each.period)
        if each.meeting is not Meeting.REVIEW:
            read_agenda(*at, now=now)
        elif not each.packs.filter(made_at__gte=each.starts_at - BEFORE).exists():
            # Whoever comes to a review has seen the same figures before.
            freeze_pack(*at, by=_WORKER, now=now)


_WORKER: Final = Actor(None, machine=True)


def begin_rhythms(now: datetime) -> int:
    """See that every site's meetings are kept; asking again changes nothing."""
    return queue_for_every_site(HOURLY, now=now)
