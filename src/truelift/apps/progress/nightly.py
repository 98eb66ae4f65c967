"""What the worker does every night: keep the figures of the day that ended."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from truelift.apps.experiments.domain import day_at, midnight_at
from truelift.apps.experiments.job_kinds import does, queue_for_every_site
from truelift.apps.experiments.models import Job
from truelift.apps.progress.services import keep_figures
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import site_named


NIGHTLY: Final = "progress.nightly"


@does(NIGHTLY)
def _nightly(job: Job, now: datetime) -> datetime | None:
    site = site_named(job.subject.partition(":")[2])
    if site is None:
        return None
    keep_figures(site, as_of=midnight_at(site, day_at(site, now)), now=now)
    return next_midnight(site, now)


def next_midnight(site: Site, now: datetime) -> datetime:
    """Give the instant at which the site's next day begins."""
    return midnight_at(site, day_at(site, now) + timedelta(days=1))


def plan_nights(now: datetime) -> int:
    """See that every site's figures are kept each night; asking again changes nothing.

    Called by the worker, now and then: a site may have been made meanwhile.

    Returns:
        For how many sites it was planned just now.
    """
    return queue_for_every_site(NIGHTLY, now=now)


def plan_every_hour(*others: Callable[[datetime], object]) -> Callable[[datetime], None]:
    """Give what a worker calls again and again, and what then plans the nights once an hour.

    Args:
        others: What else is to be planned as often.
    """
    due: list[datetime] = []

    def plan(now: datetime) -> None:
        if due and now < due[0]:
            return
        due[:] = [now + timedelta(hours=1)]
        plan_nights(now)
        for other in others:
            other(now)

    return plan
