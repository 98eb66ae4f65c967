"""Work that pages ask for and a worker does: rows, claimed one at a time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import structlog
from django.db import connection
from django.db.models import Q

from truelift.apps.experiments.analysing import analyse_experiment
from truelift.apps.experiments.job_kinds import does, work_of
from truelift.apps.experiments.models import Job, JobKind
from truelift.apps.research.actor import Actor
from truelift.errors import Outage, TrueliftError


MOST_ATTEMPTS: Final = 4
"""After so many an outage is said to the person instead of tried again."""

ABANDONED_AFTER: Final = timedelta(minutes=5)
"""A worker that was killed leaves its claim behind; after this it is taken over."""

FIRST_PAUSE: Final = timedelta(seconds=5)
"""Doubles with every attempt."""


def run_due_jobs(now: datetime) -> int:
    """Do every job that is due, one after the other, and say how many were taken.

    Call it again and again from one worker; two workers do not do one job twice.
    """
    if not connection.in_atomic_block:
        # No request ends here, which is what closes a connection that the server has dropped.
        connection.close_if_unusable_or_obsolete()
    taken = 0
    while (job := _claim(now)) is not None:
        _do(job, now)
        taken += 1
    return taken


def _claim(now: datetime) -> Job | None:
    """Take the job that waits longest; the row's own count of attempts decides who has it."""
    free = Q(claimed_at__isnull=True) | Q(claimed_at__lte=now - ABANDONED_AFTER)
    while True:
        job = (
            Job.objects.filter(free, finished_at__isnull=True, run_after__lte=now)
            .order_by("run_after", "pk")
            .first()
        )
        if job is None:
            return None
        won = Job.objects.filter(pk=job.pk, attempts=job.attempts, finished_at__isnull=True).update(
            attempts=job.attempts + 1, claimed_at=now
        )
        if won:
            job.attempts += 1
            return job


@does(JobKind.ANALYSE)
def _analyse(job: Job, now: datetime) -> None:
    if job.experiment is not None:
        analyse_experiment(job.experiment.site, job.experiment.key, by=Actor(job.asked_by), now=now)


def _do(job: Job, now: datetime) -> None:
    said = structlog.get_logger("truelift.jobs").bind(job=job.pk, kind=job.kind)
    work = work_of(job.kind)
    again: datetime | None = None
    if work is None:
        text = f"Nothing installed here does {job.kind!r}. Install what asked for it, or ask anew."
        _finish(job, now, error=text, code="jobs.unknown_kind")
        return
    if job.attempts > MOST_ATTEMPTS:
        text = "It was begun again and again and never came to its end. See the server's log."
        _finish(job, now, error=text, code="jobs.never_ends")
        return
    try:
        again = work(job, now)
    except Outage as error:
        said.error("outage", code=error.code, message=str(error))
        if job.attempts < MOST_ATTEMPTS:
            _again(job, now, error=str(error), code=error.code)
        else:
            _finish(job, now, error=str(error), code=error.code)
    except TrueliftError as error:
        said.info("refused", code=error.code, message=str(error))
        _finish(job, now, error=str(error), code=error.code)
    except Exception:  # noqa: BLE001 - the worker's outermost loop: one bug must not stop the rest
        said.exception("bug")
        text = "Something broke while it was computed. The server's log has the details."
        _finish(job, now, error=text, code="jobs.bug")
    else:
        if again is None:
            _finish(job, now, error="", code="")
        else:
            Job.objects.filter(pk=job.pk).update(claimed_at=None, run_after=again, attempts=0)


def _again(job: Job, now: datetime, *, error: str, code: str) -> None:
    pause = FIRST_PAUSE * 2 ** (job.attempts - 1)
    Job.objects.filter(pk=job.pk).update(
        claimed_at=None, run_after=now + pause, error=error[:500], error_code=code
    )


def _finish(job: Job, now: datetime, *, error: str, code: str) -> None:
    Job.objects.filter(pk=job.pk).update(finished_at=now, error=error[:500], error_code=code)
