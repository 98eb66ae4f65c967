"""From events in the lake to a stored snapshot, by command and by job."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client

from truelift.apps.accounts.models import User
from truelift.apps.experiments.analysing import analyse_experiment
from truelift.apps.experiments.jobs import MOST_ATTEMPTS, run_due_jobs
from truelift.apps.experiments.models import AnalysisRecord, ExperimentRecord, Job, MoveRecord
from truelift.apps.experiments.services import NotStarted, ask_for_analysis, move_experiment
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.lifecycle.experiment import Action, Stage


pytestmark = [pytest.mark.database, pytest.mark.django_db]

AT_THE_END = datetime(2026, 6, 20, 12, tzinfo=UTC)


@pytest.mark.usefixtures("events")
def test_an_analysis_reads_the_lake_and_moves_what_waited_for_it(
    site: Site, stopped: ExperimentRecord, ada: User
) -> None:
    snapshot = analyse_experiment(site, stopped.key, by=Actor(ada), now=AT_THE_END)

    document = snapshot.document
    primary, revenue, _ = document["metrics"]
    assert [each["units"] for each in document["variants"]] == [400, 400]
    assert [each["mean"] for each in primary["summaries"]] == [0.25, 0.375]
    assert [each["mean"] for each in revenue["summaries"]] == [250.0, 750.0]
    assert primary["effects"][0]["outcome"] == "win"
    assert document["recommendation"]["action"] == "ship"
    stopped.refresh_from_db()
    assert stopped.stage == Stage.ANALYSED


@pytest.mark.usefixtures("events")
def test_a_look_before_the_planned_end_says_keep_running_and_no_verdict(
    site: Site, planned: ExperimentRecord, moved: Callable[..., None], ada: User
) -> None:
    moved(planned.key, Action.SUBMIT, Action.LAUNCH)

    early = datetime(2026, 5, 23, tzinfo=UTC)
    document = analyse_experiment(site, planned.key, by=Actor(ada), now=early).document

    assert document["recommendation"]["action"] == "keep_running"
    assert all("withheld" in metric["effects"][0] for metric in document["metrics"])


@pytest.mark.usefixtures("events")
def test_what_was_stopped_early_stays_an_early_look_however_long_one_waits(
    site: Site,
    planned: ExperimentRecord,
    moved: Callable[..., None],
    ada: User,
) -> None:
    moved(planned.key, Action.SUBMIT, Action.LAUNCH)
    early = datetime(2026, 5, 20, tzinfo=UTC)
    move_experiment(
        site, planned.key, Action.STOP, by=Actor(ada), now=early, reason="Out of stock."
    )

    snapshot = analyse_experiment(site, planned.key, by=Actor(ada), now=AT_THE_END)

    assert snapshot.as_of == early
    assert snapshot.advice == "iterate"
    planned.refresh_from_db()
    assert planned.stage == Stage.ANALYSED


@pytest.mark.usefixtures("events")
def test_a_plan_that_is_not_the_frozen_one_makes_the_result_invalid(
    site: Site, stopped: ExperimentRecord, ada: User, client_of: Callable[[User], Client]
) -> None:
    ExperimentRecord.objects.filter(pk=stopped.pk).update(alpha=0.2)

    snapshot = analyse_experiment(site, stopped.key, by=Actor(ada), now=AT_THE_END)

    failed = [each for each in snapshot.document["integrity"] if each["status"] == "fail"]
    page = client_of(ada).get(f"/s/{site.name}/experiments/{stopped.key}/").content.decode()
    assert [each["check"] for each in failed] == ["plan"]
    assert snapshot.advice == "invalid"
    assert "The plan was changed after launch" in page
    assert "unchanged since launch" not in page


def test_what_was_not_launched_is_not_analysed(
    site: Site, planned: ExperimentRecord, ada: User
) -> None:
    with pytest.raises(NotStarted):
        analyse_experiment(site, planned.key, by=Actor(ada), now=AT_THE_END)


@pytest.mark.usefixtures("events")
def test_a_job_is_done_once_and_in_the_name_of_who_asked(
    site: Site, stopped: ExperimentRecord, ben: User
) -> None:
    job = ask_for_analysis(site, stopped.key, by=Actor(ben), now=AT_THE_END)
    again = ask_for_analysis(site, stopped.key, by=Actor(ben), now=AT_THE_END)

    assert again == job
    assert run_due_jobs(AT_THE_END) == 1
    assert run_due_jobs(AT_THE_END) == 0
    assert AnalysisRecord.objects.get().made_by == ben
    assert MoveRecord.objects.get(action="analyse").by == ben


def test_a_refused_job_says_why_and_is_not_tried_again(
    site: Site, stopped: ExperimentRecord, ada: User
) -> None:
    ask_for_analysis(site, stopped.key, by=Actor(ada), now=AT_THE_END)
    stopped.variants.filter(key="early").delete()

    run_due_jobs(AT_THE_END)

    job = Job.objects.get(kind="analyse")
    assert job.finished_at == AT_THE_END
    assert job.error_code == "experiment.nothing_decides"


@pytest.mark.usefixtures("events")
def test_a_job_that_another_worker_holds_is_left_alone_until_that_worker_is_gone(
    site: Site, stopped: ExperimentRecord, ada: User
) -> None:
    ask_for_analysis(site, stopped.key, by=Actor(ada), now=AT_THE_END)
    Job.objects.update(claimed_at=AT_THE_END, attempts=1)

    assert run_due_jobs(AT_THE_END + timedelta(minutes=1)) == 0
    assert run_due_jobs(AT_THE_END + timedelta(minutes=10)) == 1
    assert AnalysisRecord.objects.count() == 1


def test_a_job_that_kills_its_worker_again_and_again_is_given_up(
    site: Site, stopped: ExperimentRecord, ada: User
) -> None:
    ask_for_analysis(site, stopped.key, by=Actor(ada), now=AT_THE_END)
    Job.objects.update(attempts=MOST_ATTEMPTS)

    run_due_jobs(AT_THE_END)

    assert Job.objects.get(kind="analyse").error_code == "jobs.never_ends"
    assert not AnalysisRecord.objects.exists()


def test_a_job_that_is_not_due_waits(site: Site, stopped: ExperimentRecord, ada: User) -> None:
    ask_for_analysis(site, stopped.key, by=Actor(ada), now=AT_THE_END)

    assert run_due_jobs(AT_THE_END - timedelta(seconds=1)) == 0


@pytest.mark.usefixtures("events")
def test_visitors_who_still_have_time_are_left_out_and_said(
    site: Site, planned: ExperimentRecord, moved: Callable[..., None], ada: User
) -> None:
    moved(planned.key, Action.SUBMIT, Action.LAUNCH, Action.STOP)
    ExperimentRecord.objects.filter(pk=planned.pk).update(stage="running", stopped_at=None)
    at_once = datetime(2026, 5, 13, 12, tzinfo=UTC)
    ExperimentRecord.objects.filter(pk=planned.pk).update(
        origin="imported", plan_hash="", starts_on=None, ends_on=at_once.date()
    )

    document = analyse_experiment(site, planned.key, by=Actor(ada), now=at_once).document

    (maturity,) = [check for check in document["integrity"] if check["check"] == "maturity"]
    assert maturity["status"] == "warn"
    assert document["immature"]["order_rate"] > 0
    assert f"{document['immature']['order_rate']:,} of 800 visitors" in maturity["detail"]
