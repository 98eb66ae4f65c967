"""What the worker does for this app."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from truelift.apps.experiments.job_kinds import does
from truelift.apps.experiments.models import Job
from truelift.apps.observations.interacting import compute_interactions
from truelift.apps.observations.models import BeforeAfter
from truelift.apps.observations.observing import compute_before_after
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site


INTERACTIONS: Final = "observations.interactions"
"""Subject `site:NAME`: hold its experiments against each other."""

BEFORE_AFTER: Final = "observations.before_after"
"""Subject `before_after:ID`: read the series of a comparison."""


@does(INTERACTIONS)
def _interactions(job: Job, now: datetime) -> None:
    site = Site.objects.filter(name=job.subject.partition(":")[2]).first()
    if site is not None:
        compute_interactions(site, by=Actor(job.asked_by), now=now)


@does(BEFORE_AFTER)
def _before_after(job: Job, now: datetime) -> None:
    found = BeforeAfter.objects.filter(pk=int(job.subject.partition(":")[2]))
    record = found.select_related("site").first()
    if record is not None and not record.text:
        compute_before_after(record, now=now)
