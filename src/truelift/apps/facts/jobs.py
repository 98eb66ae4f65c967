"""What the worker does for facts every night: the traffic of the day, and what is tracked of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from truelift.apps.experiments.domain import day_at, midnight_at
from truelift.apps.experiments.job_kinds import does, queue_for_every_site
from truelift.apps.experiments.models import Job
from truelift.apps.facts.from_lake import bring
from truelift.apps.facts.tracking import keep_tracking
from truelift.apps.sites.reads import site_named


TRAFFIC: Final = "facts.traffic"
TRACKING: Final = "facts.tracking"

AFTER_MIDNIGHT: Final = timedelta(hours=2)
"""Sessions that began before midnight are over by then."""

AFTER_TRAFFIC: Final = timedelta(hours=4)
"""By then traffic is counted, and the warnings do not look before the fifth hour."""


def plan_traffic(now: datetime) -> int:
    """See that the traffic of every site is counted every night; asking again changes nothing."""
    return sum(queue_for_every_site(each, now=now) for each in (TRAFFIC, TRACKING))


@does(TRAFFIC)
def _traffic(job: Job, now: datetime) -> datetime | None:
    site = site_named(job.subject.partition(":")[2])
    if site is None:
        return None
    _, more = bring(site, now=now)
    if more:
        return now
    tomorrow = day_at(site, now) + timedelta(days=1)
    return midnight_at(site, tomorrow) + AFTER_MIDNIGHT


@does(TRACKING)
def _tracking(job: Job, now: datetime) -> datetime | None:
    site = site_named(job.subject.partition(":")[2])
    if site is None:
        return None
    keep_tracking(site, now=now)
    return midnight_at(site, day_at(site, now) + timedelta(days=1)) + AFTER_TRAFFIC
