"""What the worker does every night: let every detector look, and replay the past."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from truelift.apps.experiments.job_kinds import does, queue_for_every_site
from truelift.apps.experiments.models import Job
from truelift.apps.progress.nightly import next_midnight
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import site_named
from truelift.apps.warnings.detecting import look_for_all
from truelift.apps.warnings.replaying import keep_replays
from truelift.apps.warnings.services import Kept, keep_looks


NIGHTLY: Final = "warnings.nightly"
AFTER_THE_OTHERS: Final = timedelta(hours=5)
"""So long after midnight what warnings rest on is computed."""


@does(NIGHTLY)
def _nightly(job: Job, now: datetime) -> datetime | None:
    site = site_named(job.subject.partition(":")[2])
    if site is None:
        return None
    look(site, now=now)
    keep_replays(site, now=now)
    return next_midnight(site, now) + AFTER_THE_OTHERS


def look(site: Site, *, now: datetime) -> Kept:
    """Let every detector look at a site, and keep what they see."""
    return keep_looks(site, look_for_all(site, now=now), now=now)


def plan_warnings(now: datetime) -> int:
    """See that every site is looked at each night; asking again changes nothing."""
    return queue_for_every_site(NIGHTLY, now=now)
