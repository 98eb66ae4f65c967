"""Keeps the library's index up to date, as work of the worker."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from truelift.apps.experiments.job_kinds import does, queue
from truelift.apps.experiments.models import Job
from truelift.apps.memory.index import catch_up
from truelift.apps.sites.models import Site


INDEX: Final = "memory.index"

MOST: Final = 500
"""Experiments in one go; other work comes between."""


@does(INDEX)
def _index(job: Job, now: datetime) -> datetime | None:
    site = Site.objects.filter(name=job.subject.removeprefix("site:")).first()
    if site is None:
        return None
    return now + timedelta(seconds=1) if catch_up(site, most=MOST) else None


def plan_indexing(site: Site, *, now: datetime) -> None:
    """See that a worker goes on with the index of a site."""
    queue(INDEX, f"site:{site.name}", by=None, now=now)
