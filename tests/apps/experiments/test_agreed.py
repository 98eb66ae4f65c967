"""What was agreed before the launch decides what is recommended, and micro wins are held back."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from tests.apps.experiments.conftest import AT_THE_END, document
from truelift.apps.accounts.models import User
from truelift.apps.briefs.measured import look_at_events, measured_of
from truelift.apps.briefs.models import EventFigureRecord
from truelift.apps.briefs.reads import documentation, follow_ups_of
from truelift.apps.briefs.services import BriefChange, classify_metric, write_brief
from truelift.apps.experiments.agreed import settle_recommendation
from truelift.apps.experiments.imported import (
    BadResults,
    TakenIn,
    results_from,
    take_results,
)
from truelift.apps.experiments.models import AnalysisRecord, DecisionRecord, ExperimentRecord
from truelift.apps.experiments.result import result_of
from truelift.apps.experiments.services import move_experiment, store_snapshot
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.lake.home import Home
from truelift.lifecycle.experiment import Action, Choice
from truelift.lifecycle.obstacle import MoveRefused


pytestmark = [pytest.mark.database, pytest.mark.django_db]

TABLE = {
    "win": "iterate",
    "null": "stop",
    "loss": "stop",
    "inconclusive": "iterate",
    "harm": "stop",
}


def settled(record: ExperimentRecord, **parts: str) -> dict[str, Any]:
    written: dict[str, Any] = copy.deepcopy(document(**parts))  # type: ignore[arg-type]
    settle_recommendation(written, record)
    return written


def test_the_table_of_the_brief_decides_the_recommendation_and_says_so(
    site: Site, planned: ExperimentRecord, ada: User, now: datetime
) -> None:
    write_brief(site, planned.key, BriefChange(decisions=TABLE), by=Actor(ada), now=now)

    written = settled(planned)

    said = written["recommendation"]
    assert (said["action"], said["variant"]) == ("iterate", None)
    assert said["agreed"] == {"situation": "win", "choice": "iterate", "computed": "ship"}
    verdict = result_of(planned, written).verdict
    assert verdict is not None
    assert verdict.agreed == (
        "By the table agreed before the launch: after a win, “iterate”."
        " Without the table it would be “ship”."
    )


def test_a_broken_result_is_recommended_by_no_table(
    site: Site, planned: ExperimentRecord, ada: User, now: datetime
) -> None:
    write_brief(site, planned.key, BriefChange(decisions=TABLE), by=Actor(ada), now=now)

    assert settled(planned, action="invalid")["recommendation"]["action"] == "invalid"


@pytest.fixture
def micro(site: Site, stopped: ExperimentRecord, ada: User, now: datetime) -> ExperimentRecord:
    """Clicks +8 %, revenue per visitor between −6 % and +1 %, margin 2 % (R024)."""
    classify_metric(site, "order_rate", worth="micro", by=Actor(ada), now=now)
    written: dict[str, Any] = copy.deepcopy(document())
    guard = written["metrics"][1]["effects"][0]
    guard |= {"guardrail": "undecided", "margin": {"relative": 0.02, "absolute": 0.04}}
    guard["relative"] |= {"value": -0.025, "low": -0.06, "high": 0.01}
    settle_recommendation(written, stopped)
    store_snapshot(stopped, written, as_of=AT_THE_END, by=Actor(ada), now=AT_THE_END)
    move_experiment(site, stopped.key, Action.ANALYSE, by=Actor(ada), now=AT_THE_END)
    stopped.refresh_from_db()
    return stopped


def test_a_micro_win_that_may_harm_revenue_is_shipped_with_a_written_override_alone(
    site: Site, micro: ExperimentRecord, ada: User
) -> None:
    def ship(override: str = "") -> None:
        move_experiment(
            site,
            micro.key,
            Action.DECIDE,
            by=Actor(ada),
            now=AT_THE_END,
            choice=Choice.SHIP,
            reason="It is loved.",
            override=override,
        )

    with pytest.raises(MoveRefused, match=r"may have got worse by more than the agreed 2\.0%"):
        ship()
    ship(override="Revenue is carried by the campaign of June.")

    decision = DecisionRecord.objects.get()
    assert decision.advice == "iterate"
    assert decision.against_advice
    assert decision.override_reason == "Revenue is carried by the campaign of June."


def test_the_eight_fields_of_the_documentation_are_told_one_by_one(
    site: Site, stopped: ExperimentRecord, ada: User, snapshot_of: Callable[..., None]
) -> None:
    snapshot_of(stopped.key)

    assert documentation(stopped, None) == {
        "the hypothesis": True,
        "screenshots of the variants": False,
        "the audience": False,
        "the dates": True,
        "the notes of QA": False,
        "the results": True,
        "the segments": False,
        "the decision": False,
    }
    assert follow_ups_of(stopped) == ()


def test_figures_of_events_are_taken_by_a_job_and_name_what_does_not_arrive(
    site: Site, home: Home, planned: ExperimentRecord, events: None, now: datetime
) -> None:
    del home, events
    noon = AT_THE_END - timedelta(days=10)
    before = measured_of(planned, now=noon)

    look_at_events(site, ("purchase", "add_to_cart"), now=noon)
    found = measured_of(planned, now=noon)
    late = measured_of(planned, now=noon + timedelta(days=8))

    assert not before.known
    assert found.known
    assert found.problems == ("add_to_cart has not arrived in the last 28 days.",)
    assert not late.known


@pytest.mark.parametrize(
    ("days_with", "problem"),
    [
        (27, ""),
        (25, "purchase arrived on 89% of the days on which the site had visitors, less than 95%."),
    ],
)
def test_a_frequent_event_with_gaps_is_unsound(
    site: Site,
    home: Home,
    planned: ExperimentRecord,
    now: datetime,
    days_with: int,
    problem: str,
) -> None:
    del home
    EventFigureRecord.objects.create(
        site=site, event="purchase", count=9_000, days=28, days_with=days_with, looked_at=now
    )

    figure = next(e for e in measured_of(planned, now=now).events if e.event == "purchase")

    assert figure.problem == problem


FILE = """name;surface;n;effect;se;decision
Größerer Knopf;Product page;120000;4.5%;0.015;ship
Shorter form;Lead form;40 000;0.01;0.02;
"""


def test_results_of_elsewhere_are_refused_as_a_whole_with_every_line_that_is_wrong() -> None:
    with pytest.raises(BadResults) as refusal:
        results_from(FILE + "X;;0;much;0;win\n")

    assert refusal.value.wrong == (
        "Line 3: its n is no number: '40 000'.",
        "Line 4: its n is a whole number of visitors from 2.",
    )


def test_results_of_elsewhere_are_kept_apart_marked_and_seed_what_lifts_are_expected(
    site: Site, home: Home, ada: User, now: datetime, client_of: Callable[[User], Client]
) -> None:
    del home
    lines = results_from(FILE.replace("40 000", "40000"))

    first = take_results(site, lines, by=Actor(ada), now=now)
    again = take_results(site, lines, by=Actor(ada), now=now)

    assert first.keys == ("imported-grosserer-knopf", "imported-shorter-form")
    assert again == TakenIn(keys=(), known=first.keys)
    made = ExperimentRecord.objects.get(key="imported-grosserer-knopf")
    assert (made.origin, made.stage) == ("imported", "closed")
    assert DecisionRecord.objects.get().choice == "ship"
    # What was decided on them is what the backlog's prior reads.
    assert AnalysisRecord.objects.filter(decisions__isnull=False).count() == 1
    page = client_of(ada).get(f"/s/{site.name}/experiments/{made.key}/")
    said = " ".join(page.content.decode().split())
    assert page.status_code == 200
    assert "nobody can check here how it was measured" in said
    assert "+4.5%" in said
    assert "Imported" in said
