"""Watching on the worker's clock: every page in its turn."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from truelift.apps.experiments.job_kinds import does, queue_for_every_site
from truelift.apps.experiments.models import Job
from truelift.apps.qa.run import outside_of
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.apps.watching.models import WatchedPageRecord
from truelift.apps.watching.services import LOOK, due, follow_tests, look, look_now


ROUND: Final = "watching.round"

EVERY: Final = timedelta(minutes=10)
"""How often the worker asks whose turn it is."""


def plan_rounds(now: datetime) -> int:
    """See that a worker looks at the pages of every site; asking again changes nothing.

    Returns:
        For how many sites it was planned just now.
    """
    return queue_for_every_site(ROUND, now=now)


@does(ROUND)
def _round(job: Job, now: datetime) -> datetime | None:
    site = Site.objects.filter(name=job.subject.removeprefix("site:")).first()
    if site is None:
        return None
    follow_tests(site, now=now)
    for page in due(site, now=now):
        look_now(page, by=Actor(None, machine=True), now=now)
    return now + EVERY


@does(LOOK)
def _look(job: Job, now: datetime) -> None:
    page = (
        WatchedPageRecord.objects.filter(pk=int(job.subject.rpartition(":")[2]), ended_at=None)
        .select_related("site", "picture")
        .first()
    )
    if page is not None:
        look(page, now=now, outside=outside_of(page.site))
