"""Which kinds of work a worker can do: every app names its own when Django starts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from django.db import transaction

from truelift.apps.accounts.models import User
from truelift.apps.experiments.models import Job
from truelift.apps.sites.models import Site


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


def queue_for_every_site(kind: str, *, now: datetime) -> int:
    """See that a kind of work waits for every site; asking again changes nothing.

    Returns:
        For how many sites it was queued just now.
    """
    waiting = set(Job.objects.filter(kind=kind, finished_at=None).values_list("subject", flat=True))
    names = Site.objects.order_by("pk").values_list("name", flat=True)
    missing = [name for name in names if f"site:{name}" not in waiting]
    for name in missing:
        queue(kind, f"site:{name}", by=None, now=now)
    return len(missing)
