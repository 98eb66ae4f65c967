"""What the worker does for the backlog every night: count the surfaces, score everything."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from truelift.apps.accounts.models import User
from truelift.apps.backlog.services import refresh
from truelift.apps.experiments.job_kinds import does, queue, queue_for_every_site
from truelift.apps.experiments.models import Job
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import site_named
from truelift.apps.surfaces.counting import count_pages, measure
from truelift.apps.surfaces.models import SurfaceRecord


KIND: Final = "backlog.nightly"


def count_from_data(site: Site, *, by: User | None, now: datetime) -> None:
    """Have the surfaces of a site counted and everything scored, now and every night."""
    queue(KIND, f"site:{site.name}", by=by, now=now)


def plan_nights(now: datetime) -> int:
    """See that every site is counted and scored each night; asking again changes nothing.

    Called by the worker, now and then, and when a site was made.

    Returns:
        For how many sites it was planned just now.
    """
    return queue_for_every_site(KIND, now=now)


@does(KIND)
def _nightly(job: Job, now: datetime) -> datetime | None:
    site = site_named(job.subject.partition(":")[2])
    if site is None:
        return None
    for surface in SurfaceRecord.objects.filter(site=site).order_by("pk"):
        measure(surface, now=now)
    count_pages(site, now=now)
    refresh(site, now=now)
    return now + timedelta(days=1)
