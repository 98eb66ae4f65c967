"""What the worker does for the roadmap every night: look for conflicts, ask for pages."""

from __future__ import annotations

from datetime import datetime, timedelta

from truelift.apps.experiments.job_kinds import does, queue
from truelift.apps.experiments.models import Job
from truelift.apps.roadmap.colliding import recompute
from truelift.apps.roadmap.landing import look_after_landing_pages
from truelift.apps.roadmap.planning_jobs import SHARED, tell_the_week
from truelift.apps.roadmap.services import NIGHTLY
from truelift.apps.roadmap.sharing import may_share
from truelift.apps.sites.reads import site_named


@does(NIGHTLY)
def _nightly(job: Job, now: datetime) -> datetime | None:
    site = site_named(job.subject.partition(":")[2])
    if site is None:
        return None
    recompute(site, now=now)
    tell_the_week(site, now=now)
    look_after_landing_pages(site, now=now)
    if may_share(site):
        queue(SHARED, f"site:{site.name}", by=None, now=now)
    return now + timedelta(days=1)
