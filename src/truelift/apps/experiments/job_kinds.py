"""Which kinds of work a worker can do: every app names its own when Django starts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from django.db import transaction

from truelift.apps.accounts.models import User
from truelift.apps.experiments.models import Job


Work = Callable[[Job, datetime], datetime | None]
"""Does a job. Gives the instant at which it goes on, or None when it is done.

Work that waits for something (events that must arrive) gives that instant instead of
holding up the worker.
"""

_WORK: Final[dict[str, Work]] = {}


def does(kind: str) -> Callable[[Work], Work]:
    """Name the function that does a kind of job; its module is imported by `AppConfig.ready`."""

    def named(work: Work) -> Work:
        _WORK[kind] = work
        return work

    return named


def work_of(kind: str) -> Work | None:
    """Give what does a kind of job; None when no app of this installation can."""
    return _WORK.get(kind)


@transaction.atomic
def queue(
    kind: str, subject: str, *, by: User | None, now: datetime, run_after: datetime | None = None
) -> Job:
    """Let a worker do something; asking again while one waits gives the one that waits.

    Args:
        kind: What is to be done, `app.what`.
        subject: To what, in the words of the app that does it: `rollout:12`, `site:shop`.
        by: Who asked; None for the program itself.
        now: When.
        run_after: Not before this instant; None: at once.
    """
    job, _ = Job.objects.get_or_create(
        kind=kind,
        subject=subject,
        finished_at=None,
        defaults={"asked_by": by, "asked_at": now, "run_after": run_after or now},
    )
    return job
