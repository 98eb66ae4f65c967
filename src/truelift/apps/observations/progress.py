"""How far work that a page waits for has come."""

from __future__ import annotations

from dataclasses import dataclass

from truelift.apps.observations.reads import newest_job


@dataclass(frozen=True, slots=True)
class Progress:
    """Whether work is under way.

    Attributes:
        running: It waits for the worker, or is being done.
        error: What went wrong the last time; empty when nothing did.
    """

    running: bool
    error: str = ""


def progress_of(kind: str, subject: str) -> Progress:
    """Say how the newest work on a subject stands."""
    job = newest_job(kind, subject)
    if job is None:
        return Progress(running=False)
    return Progress(running=job.finished_at is None, error=job.error)
