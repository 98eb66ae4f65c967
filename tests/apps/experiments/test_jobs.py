"""Work of any app is a row with a kind and a subject, done by one worker."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from truelift.apps.experiments import job_kinds
from truelift.apps.experiments.job_kinds import does, queue
from truelift.apps.experiments.jobs import run_due_jobs
from truelift.apps.experiments.models import Job


pytestmark = [pytest.mark.database, pytest.mark.django_db]

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def only_our_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_kinds, "_WORK", {})


def test_asking_twice_for_the_same_work_queues_it_once() -> None:
    first = queue("shop.sweep", "site:shop", by=None, now=NOON)

    assert queue("shop.sweep", "site:shop", by=None, now=NOON) == first
    assert queue("shop.sweep", "site:other", by=None, now=NOON) != first


def test_work_that_is_done_can_be_asked_for_again() -> None:
    does("shop.sweep")(lambda _job, _now: None)
    queue("shop.sweep", "site:shop", by=None, now=NOON)

    run_due_jobs(NOON)
    queue("shop.sweep", "site:shop", by=None, now=NOON)

    assert Job.objects.filter(finished_at=None).count() == 1
    assert Job.objects.count() == 2


def test_work_that_waits_goes_on_when_it_said_and_counts_no_attempt() -> None:
    seen: list[datetime] = []

    def sweep(_job: Job, now: datetime) -> datetime | None:
        seen.append(now)
        return now + timedelta(seconds=10) if len(seen) < 9 else None

    does("shop.sweep")(sweep)
    queue("shop.sweep", "site:shop", by=None, now=NOON)

    for tick in range(0, 120, 5):
        run_due_jobs(NOON + timedelta(seconds=tick))

    job = Job.objects.get()
    assert seen == [NOON + timedelta(seconds=10 * tick) for tick in range(9)]
    assert (job.finished_at, job.error) == (NOON + timedelta(seconds=80), "")


def test_work_that_nobody_here_can_do_is_said_to_be_so() -> None:
    queue("elsewhere.sweep", "site:shop", by=None, now=NOON)

    run_due_jobs(NOON)

    assert Job.objects.get().error_code == "jobs.unknown_kind"
