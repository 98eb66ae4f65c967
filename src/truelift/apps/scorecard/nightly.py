"""What the worker does every night: keep the scorecard of the day that ended."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from truelift.apps.experiments.domain import day_at, midnight_at
from truelift.apps.experiments.job_kinds import does, queue_for_every_site
from truelift.apps.experiments.models import Job
from truelift.apps.progress.nightly import next_midnight
from truelift.apps.scorecard.services import keep_scorecard
from truelift.apps.sites.reads import site_named


NIGHTLY: Final = "scorecard.nightly"


@does(NIGHTLY)
def _nightly(job: Job, now: datetime) -> datetime | None:
    site = site_named(job.subject.partition(":")[2])
    if site is None:
        return None
    keep_scorecard(site, as_of=midnight_at(site, day_at(site, now)), now=now)
    return next_midnight(site, now)


def plan_scorecards(now: datetime) -> int:
    """See that every site's scorecard is kept each night; asking again changes nothing."""
    return queue_for_every_site(NIGHTLY, now=now)
