"""Days are proposed for what waits, and taken through the services that judge every move."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from tests.apps.roadmap.conftest import JUNE, Add
from truelift.apps.accounts.models import AuditEvent, User
from truelift.apps.backlog.models import PriorityRecord
from truelift.apps.backlog.rule import agreed_of
from truelift.apps.experiments.jobs import run_due_jobs
from truelift.apps.experiments.models import ExperimentRecord, Job
from truelift.apps.research.actor import Actor
from truelift.apps.research.models import HypothesisRecord
from truelift.apps.roadmap import planning
from truelift.apps.roadmap.fields import BadRoadmapFields
from truelift.apps.roadmap.planning import Wanted
from truelift.apps.roadmap.planning_models import QuarterPlanRecord
from truelift.apps.roadmap.reads import item_of
from truelift.apps.sites.models import Site
from truelift.lifecycle.hypothesis import HypothesisStage


pytestmark = [pytest.mark.database, pytest.mark.django_db]

ClientOf = Callable[[User], Client]


@pytest.fixture
def proposal(
    site: Site, headline: ExperimentRecord, add: Add, ada: User, now: datetime
) -> QuarterPlanRecord:
    """A proposal for two releases of the checkout in the quarter of June, worked out."""
    add("One", start="", end="")
    add("Two", start="", end="")
    wanted = [Wanted("RM-1", days=5), Wanted("RM-2")]
    made = planning.ask_for_plan(site, "2026-Q2", wanted, by=Actor(ada), now=now)
    run_due_jobs(now)
    made.refresh_from_db()
    return made


def test_the_next_free_days_of_a_release_are_after_the_test_that_it_would_change(
    site: Site, headline: ExperimentRecord, add: Add, now: datetime
) -> None:
    add()

    found = planning.free_days(site, "RM-1", now=now, not_before=JUNE)

    assert found is not None
    assert (found.start, found.end) == (date(2026, 6, 15), date(2026, 6, 16))
    assert {each.second for each in found.waits_for} == {"RM-1"}


def test_free_days_are_as_many_as_somebody_wants(
    site: Site, headline: ExperimentRecord, add: Add, now: datetime
) -> None:
    add(start="", end="")

    found = planning.free_days(site, "RM-1", now=now, days=40)

    assert found is not None
    assert found.end - found.start == timedelta(days=40)
    assert found.start >= date(2026, 6, 15)
    with pytest.raises(BadRoadmapFields, match="days"):
        planning.free_days(site, "RM-1", now=now, days=999)


def test_proposed_items_and_experiments_without_days_wait_for_a_place(
    site: Site, headline: ExperimentRecord, add: Add, ada: User, now: datetime
) -> None:
    add("Waits", start="", end="")
    planned = add("Is planned")
    planned.stage = "planned"
    planned.save()
    assert "headline" not in {each.item.key for each in planning.choices_of(site)}
    draft = HypothesisRecord.objects.create(site=site, number=1, change="x", made_at=now)
    ExperimentRecord.objects.update(starts_on=None, ends_on=None, hypothesis=draft, weeks_needed=3)
    assert "headline" not in {each.item.key for each in planning.choices_of(site)}
    HypothesisRecord.objects.update(stage=HypothesisStage.ACCEPTED.value)
    rule = agreed_of(site).rule
    PriorityRecord.objects.create(
        site=site,
        hypothesis=draft,
        version=rule.version,
        framework=rule.framework.value,
        score=7.5,
        made_at=now,
        worked_out_at=now,
    )

    found = {each.item.key: each for each in planning.choices_of(site)}

    assert list(found) == ["headline", "RM-1"]
    assert (found["headline"].days, found["headline"].value) == (21, 7.5)
    assert (found["RM-1"].days, found["RM-1"].value, found["RM-1"].scored) == (1, 1.0, False)


@pytest.mark.parametrize(
    ("quarter", "wanted", "field"),
    [
        ("2026-Q2", [], "candidates"),
        ("2026-Q2", [Wanted("RM-9")], "candidates"),
        ("2026-Q2", [Wanted("RM-1"), Wanted("RM-1")], "candidates"),
        ("2026-Q2", [Wanted("RM-1", days=0)], "days"),
        ("2026-Q2", [Wanted("RM-1", value=-1.0)], "value"),
        ("2025-Q2", [Wanted("RM-1")], "quarter"),
        ("soon", [Wanted("RM-1")], "quarter"),
        ("2026-Q2", [Wanted(f"RM-{n}") for n in range(100)], "candidates"),
    ],
)
def test_what_cannot_be_planned_is_named(
    site: Site,
    add: Add,
    ada: User,
    now: datetime,
    quarter: str,
    wanted: list[Wanted],
    field: str,
) -> None:
    add(start="", end="")

    with pytest.raises(BadRoadmapFields) as refused:
        planning.ask_for_plan(site, quarter, wanted, by=Actor(ada), now=now)

    assert field in refused.value.wrong
    assert not Job.objects.filter(kind=planning.PLAN).exists()


def test_the_worker_proposes_days_that_nothing_stops_and_moves_nothing(
    site: Site, proposal: QuarterPlanRecord, ada: User
) -> None:
    document = proposal.document

    assert document is not None
    assert document["proven"]
    assert [each["key"] for each in document["placed"]] == ["RM-1", "RM-2"]
    assert all(date.fromisoformat(each["start"]).weekday() == 0 for each in document["placed"])
    assert (proposal.asked_by, proposal.finished_at is not None) == (ada, True)
    assert item_of(site, "RM-1").start is None  # type: ignore[union-attr]


def test_a_candidate_without_a_place_says_why(
    site: Site, headline: ExperimentRecord, add: Add, ada: User, now: datetime
) -> None:
    ExperimentRecord.objects.update(starts_on=date(2026, 5, 4), ends_on=date(2026, 7, 15))
    add("One", start="", end="")
    wanted = [Wanted("RM-1")]

    made = planning.ask_for_plan(site, "2026-Q2", wanted, by=Actor(ada), now=now)
    run_due_jobs(now)

    document = planning.plan_of(site, made.number).document
    assert document is not None
    assert document["placed"] == []
    (left,) = document["unplaced"]
    assert left["key"] == "RM-1"
    assert "headline" in left["reasons"][0]


def test_days_are_taken_one_by_one_and_each_refusal_is_kept(
    site: Site, proposal: QuarterPlanRecord, headline: ExperimentRecord, ada: User, now: datetime
) -> None:
    document = proposal.document
    assert document is not None
    second = date.fromisoformat(document["placed"][1]["start"])
    # A test is planned on those days meanwhile, on the same surface.
    ExperimentRecord.objects.update(starts_on=second, ends_on=second + timedelta(days=1))
    first = date.fromisoformat(document["placed"][0]["start"])

    taken = planning.take_plan(site, proposal.number, by=Actor(ada), now=now)

    refused = [key for key, each in taken.outcomes.items() if not each["moved"]]
    assert "RM-2" in refused
    assert taken.outcomes["RM-2"]["reasons"][0]["sentence"]
    assert (item_of(site, "RM-1").start == first) == taken.outcomes["RM-1"]["moved"]  # type: ignore[union-attr]
    assert AuditEvent.objects.filter(action="roadmap.plan_taken").exists()


def test_what_was_taken_is_not_taken_again(
    site: Site, proposal: QuarterPlanRecord, ada: User, now: datetime
) -> None:
    planning.take_plan(site, proposal.number, by=Actor(ada), now=now)
    moves = AuditEvent.objects.filter(action="roadmap.item_moved").count()

    again = planning.take_plan(site, proposal.number, by=Actor(ada), now=now)

    assert all(each["moved"] for each in again.outcomes.values())
    assert AuditEvent.objects.filter(action="roadmap.item_moved").count() == moves == 2


def test_quarters_follow_each_other_over_the_year() -> None:
    assert planning.quarters_ahead(date(2026, 11, 2)) == (
        "2026-Q4",
        "2027-Q1",
        "2027-Q2",
        "2027-Q3",
    )
    assert planning.days_of_quarter("2026-Q4") == (date(2026, 10, 1), date(2027, 1, 1))


def test_a_quarter_is_planned_and_taken_on_pages_without_a_script(
    site: Site, checkout: None, add: Add, ada: User, client_of: ClientOf, now: datetime
) -> None:
    del checkout, now
    browser = client_of(ada)
    here = "/s/shop/roadmap/plan/"
    assert "What has no place yet will stand here" in browser.get(here).content.decode()
    add("<b>One</b>", start="", end="")

    shown = browser.get(here)
    quarter = shown.context["quarters"][1]
    refused = browser.post(here, {"quarter": quarter})
    asked = browser.post(here, {"quarter": quarter, "key": "RM-1", "days-RM-1": "5"})
    waiting = browser.get(f"{here}1/")
    run_due_jobs(Job.objects.get(kind=planning.PLAN).asked_at)
    done = browser.get(f"{here}1/")
    over = browser.get(f"{here}1/progress/")
    browser.post(f"{here}1/take/")

    assert "&lt;b&gt;One&lt;/b&gt;" in shown.content.decode()
    assert refused.status_code == 422
    assert asked.headers["Location"] == f"{here}1/"
    assert "is being worked out" in waiting.content.decode()
    assert "Take these dates" in done.content.decode()
    assert over.headers["HX-Refresh"] == "true"
    item = item_of(site, "RM-1")
    assert item is not None
    assert item.start is not None
    assert item.end == item.start + timedelta(days=5)
    assert "Taken" in browser.get(f"{here}1/").content.decode()


def test_the_next_free_days_are_taken_with_one_button(
    site: Site, checkout: None, add: Add, ada: User, client_of: ClientOf
) -> None:
    del checkout
    browser = client_of(ada)
    add(start="", end="")
    here = "/s/shop/roadmap/items/RM-1/slot/"

    shown = browser.get(here, {"days": "3", "after": "2090-06-01"})
    wrong = browser.get(here, {"days": "x"})
    slot = shown.context["slot"]
    browser.post(here, {"start": slot.start, "end": slot.end, "version": "1"})

    assert "The next free days are" in shown.content.decode()
    assert wrong.status_code == 422
    item = item_of(site, "RM-1")
    assert item is not None
    assert (item.start, item.end) == (date(2090, 6, 1), date(2090, 6, 4))
    assert "Its days are free" in browser.get(here).content.decode()
    stale = browser.post(here, {"start": slot.start, "end": slot.end, "version": "1"})
    assert stale.status_code == 409


def test_a_program_asks_for_a_proposal_and_takes_it(
    site: Site, checkout: None, add: Add, ada: User, client_of: ClientOf
) -> None:
    del checkout
    browser = client_of(ada)
    add("One", start="", end="")

    def api(path: str, body: dict[str, Any] | None = None) -> Any:
        address = f"/api/v1/roadmap/{path}?site=shop"
        if body is None:
            return browser.get(address)
        return browser.post(address, json.dumps(body), content_type="application/json")

    (waiting,) = api("candidates").json()["candidates"]
    quarter = browser.get("/s/shop/roadmap/plan/").context["quarters"][1]
    asked = api("plans", {"quarter": quarter, "candidates": [{"key": "RM-1", "days": 2}]})
    early = api("plans/1/take", {})
    run_due_jobs(Job.objects.get(kind=planning.PLAN).asked_at)
    taken = api("plans/1/take", {})

    assert waiting == {"key": "RM-1", "what": "One", "days": 1, "scored": False}
    assert (asked.status_code, asked.json()["proposal"]) == (202, None)
    assert (early.status_code, early.json()["code"]) == (409, "roadmap.plan_is_not_ready")
    assert taken.json()["outcomes"] == {"RM-1": {"moved": True, "reasons": []}}
    assert api("plans/7").status_code == 404
    assert [each["number"] for each in api("plans").json()["plans"]] == [1]
