"""What the worker does for this app."""

from __future__ import annotations

from datetime import datetime

from truelift.apps.experiments.job_kinds import does
from truelift.apps.experiments.jobs import MOST_ATTEMPTS
from truelift.apps.experiments.models import Job
from truelift.apps.qa.hosts import HOST_CHECK, check_host
from truelift.apps.qa.models import HostRecord, QaPlanRecord, QaRunRecord
from truelift.apps.qa.plan import MATRIX_JOB, build_matrix
from truelift.apps.qa.run import RUN_JOB, finish, go_on
from truelift.errors import Outage, TrueliftError


@does(HOST_CHECK)
def _check(job: Job, now: datetime) -> None:
    record = HostRecord.objects.select_related("site").filter(pk=_number(job)).first()
    if record is not None:
        check_host(record, now=now)


@does(MATRIX_JOB)
def _matrix(job: Job, now: datetime) -> None:
    plan = QaPlanRecord.objects.select_related("experiment__site").filter(pk=_number(job)).first()
    if plan is not None:
        build_matrix(plan, now=now)


@does(RUN_JOB)
def _run(job: Job, now: datetime) -> datetime | None:
    run = (
        QaRunRecord.objects.select_related("plan__experiment__site").filter(pk=_number(job)).first()
    )
    if run is None:
        return None
    try:
        return go_on(run, now=now)
    except Exception as error:
        # Nothing may leave a check open for ever: nobody could ask for the next.
        if not isinstance(error, TrueliftError):
            finish(run, now=now, problem="Something broke. The server's log has the details.")
        elif not isinstance(error, Outage) or job.attempts >= MOST_ATTEMPTS:
            finish(run, now=now, problem=str(error))
        raise


def _number(job: Job) -> int:
    return int(job.subject.rpartition(":")[2])
