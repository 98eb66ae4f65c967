"""What the worker does every night: compute team metrics, conflicts and losses of the journey."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from truelift.apps.accounts.models import User
from truelift.apps.alignment.computing import compute_journey, compute_metrics
from truelift.apps.experiments.job_kinds import does, queue, queue_for_every_site
from truelift.apps.experiments.models import Job
from truelift.apps.progress.nightly import next_midnight
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import site_named


NIGHTLY: Final = "alignment.nightly"
NOW: Final = "alignment.compute"
AFTER_FACTS: Final = timedelta(hours=4)
"""So long after midnight most feeds have brought the day before."""


@does(NIGHTLY)
def _nightly(job: Job, now: datetime) -> datetime | None:
    site = site_named(job.subject.partition(":")[2])
    if site is None:
        return None
    compute(site, now=now)
    return next_midnight(site, now) + AFTER_FACTS


@does(NOW)
def _once(job: Job, now: datetime) -> None:
    site = site_named(job.subject.partition(":")[2])
    if site is not None:
        compute(site, now=now)


def compute(site: Site, *, now: datetime) -> None:
    """Compute everything of a site; call it from a job."""
    compute_metrics(site, now=now)
    compute_journey(site, now=now)


def compute_soon(site: Site, *, by: User | None, now: datetime) -> Job:
    """Have everything computed as soon as the worker comes to it."""
    return queue(NOW, f"site:{site.name}", by=by, now=now)


def plan_alignment(now: datetime) -> int:
    """See that every site is computed each night; asking again changes nothing."""
    return queue_for_every_site(NIGHTLY, now=now)
