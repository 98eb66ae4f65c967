"""Lets insights go stale when their time is over, as work of the worker."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.db.models import Min

from truelift.apps.experiments.job_kinds import does, queue
from truelift.apps.experiments.models import Job
from truelift.apps.programme.reads import policy_of
from truelift.apps.research.models import InsightRecord
from truelift.apps.research.services import age_insights
from truelift.apps.sites.models import Site
from truelift.lifecycle.insight import InsightStage


AGEING: Final = "research.age"


@does(AGEING)
def _age(job: Job, now: datetime) -> datetime | None:
    site = Site.objects.filter(name=job.subject.removeprefix("site:")).first()
    if site is None:
        return None
    age_insights(now, site=site)
    return next_stale(site)


def next_stale(site: Site) -> datetime | None:
    """Say when the next insight of a site goes stale; None while none is accepted."""
    first: datetime | None = InsightRecord.objects.filter(
        site=site, stage=InsightStage.ACCEPTED.value
    ).aggregate(first=Min("held_since"))["first"]
    return None if first is None else first + policy_of(site).stale_after


def plan_ageing(site: Site, *, now: datetime) -> None:
    """See that a worker looks at the site when its next insight goes stale.

    Called when an insight is accepted or confirmed, and when the policy changes.
    """
    at = next_stale(site)
    if at is None:
        return
    job = queue(AGEING, f"site:{site.name}", by=None, now=now, run_after=at)
    if job.run_after != at:
        Job.objects.filter(pk=job.pk, claimed_at=None).update(run_after=at)
