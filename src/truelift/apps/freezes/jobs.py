"""What the worker does for this app: follows time and tests, and answers GitHub."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from truelift.apps.experiments.job_kinds import does, queue_for_every_site
from truelift.apps.experiments.jobs import MOST_ATTEMPTS
from truelift.apps.experiments.models import Job
from truelift.apps.freezes.models import ProtectionRequestRecord
from truelift.apps.freezes.protection import ANSWER, answer
from truelift.apps.freezes.services import keep_time
from truelift.apps.sites.reads import site_named
from truelift.errors import Outage, Refusal


TIME: Final = "freezes.time"
EVERY: Final = timedelta(hours=1)
"""A check does not wait for it: what is agreed begins and ends by the clock."""


@does(TIME)
def _time(job: Job, now: datetime) -> datetime | None:
    site = site_named(job.subject.partition(":")[2])
    if site is None:
        return None
    keep_time(site, now=now)
    return now + EVERY


def begin_keeping_time(now: datetime) -> int:
    """See that the freezes of every site are kept in time; asking again changes nothing."""
    return queue_for_every_site(TIME, now=now)


@does(ANSWER)
def _answer(job: Job, now: datetime) -> None:
    asked = (
        ProtectionRequestRecord.objects.select_related("protection__site", "check_record")
        .filter(pk=int(job.subject.rpartition(":")[2]), answered_at=None, protection__ended_at=None)
        .first()
    )
    if asked is None:
        return
    rows = ProtectionRequestRecord.objects.filter(pk=asked.pk)
    try:
        answer(asked, now=now)
    except Refusal as error:
        rows.update(problem=str(error)[:500])
    except Outage as error:
        rows.update(problem=str(error)[:500])
        if job.attempts < MOST_ATTEMPTS:
            raise
