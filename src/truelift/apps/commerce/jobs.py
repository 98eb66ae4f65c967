"""What the worker does every night: say anew what drove revenue."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from truelift.apps.commerce.services import explain
from truelift.apps.experiments.job_kinds import does, queue_for_every_site
from truelift.apps.experiments.models import Job
from truelift.apps.progress.nightly import next_midnight
from truelift.apps.sites.reads import site_named


NIGHTLY: Final = "commerce.nightly"


@does(NIGHTLY)
def _nightly(job: Job, now: datetime) -> datetime | None:
    site = site_named(job.subject.partition(":")[2])
    if site is None:
        return None
    explain(site, now=now)
    return next_midnight(site, now)


def plan_explanations(now: datetime) -> int:
    """See that every site's revenue is explained each night; asking again changes nothing."""
    return queue_for_every_site(NIGHTLY, now=now)
