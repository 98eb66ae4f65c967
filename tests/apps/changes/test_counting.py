"""Who came when: the share of a sample in an incident, and the effect around a change."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from django.test import Client

from tests.apps.experiments.conftest import document
from truelift.apps.accounts.models import User
from truelift.apps.changes.confounding import record_incident
from truelift.apps.changes.jobs import begin_weighing
from truelift.apps.changes.models import ConfounderRecord, ContaminationRecord
from truelift.apps.changes.page import around
from truelift.apps.changes.reads import change_checks
from truelift.apps.changes.services import record_change
from truelift.apps.changes.spoiling import adjudicate
from truelift.apps.experiments.analysing import analyse_experiment
from truelift.apps.experiments.jobs import run_due_jobs
from truelift.apps.experiments.models import ExperimentRecord
from truelift.apps.experiments.services import store_snapshot
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.lake.bulk import append_bulk
from truelift.lake.home import Home
from truelift.lake.loader import Loader
from truelift.lifecycle.change import Change, ChangeKind, Trust
from truelift.lifecycle.experiment import Stage


pytestmark = [pytest.mark.database, pytest.mark.django_db]

ClientOf = Callable[[User], Client]
FOURTH = datetime(2026, 5, 3, 22, tzinfo=UTC)
"""Midnight of 4 May at the site."""

AFTERWARDS = datetime(2026, 6, 20, 12, tzinfo=UTC)


@pytest.fixture
def visitors(site: Site, home: Home) -> None:
    """Ten a day and variant for ten days; of `early` half order, of `late` every fifth."""
    rows: list[dict[str, Any]] = []
    for variant, every in (("late", 5), ("early", 2)):
        for nth in range(100):
            seen = FOURTH + timedelta(days=nth // 10, hours=13)
            base: dict[str, Any] = {
                "visitor_id": f"{variant}-{nth}",
                "trusted": True,
                "type": "track",
                "event": "exposure",
                "message_id": f"{variant}-{nth}-seen",
                "occurred_at": int(seen.timestamp() * 1000),
                "experiment": "short-form",
                "variant": variant,
                "value": None,
                "currency": None,
            }
            rows.append(base)
            if nth % every == 0:
                order = {"event": "purchase", "message_id": f"{variant}-{nth}-order"}
                money = {"value": 10.0, "currency": "EUR", "experiment": None, "variant": None}
                rows.append(base | order | money | {"occurred_at": base["occurred_at"] + 60_000})
    table = pa.Table.from_pylist(rows)
    append_bulk(home, site.name, table, writer="import-test", received_at_ms=1_780_000_000_000)
    with Loader(home, now=lambda: AFTERWARDS) as loader:
        loader.flush()


def happened(site: Site, ada: User, since: int, until: int, **more: Any) -> None:
    record_incident(
        site,
        kind="incident",
        what="Payment was down",
        since=FOURTH + timedelta(days=since),
        until=FOURTH + timedelta(days=until),
        by=Actor(ada),
        now=AFTERWARDS,
        **more,
    )


def test_an_incident_that_covers_a_fifth_of_the_sample_says_so(
    site: Site, running: ExperimentRecord, visitors: None, ada: User
) -> None:
    happened(site, ada, 3, 5)
    uncounted = ConfounderRecord.objects.get().share

    run_due_jobs(AFTERWARDS)
    shown = around(running)

    found = ConfounderRecord.objects.get()
    assert uncounted is None
    assert found.share == pytest.approx(0.20)
    assert found.weight == "generalisability"
    assert found.sentence.endswith("It covers 20% of the sample.")
    # Half against a fifth, on eight days as on ten: 0.5 / 0.2 - 1.
    assert found.without["with"][0]["lift"] == pytest.approx(1.5)
    assert found.without["without"][0]["lift"] == pytest.approx(1.5)
    assert found.without["without"][0]["low"] < found.without["with"][0]["low"]
    assert shown is not None
    assert "Post hoc, without those who came on those days" in shown.confounders[0][2]
    check = change_checks(running)[0]
    assert (check.check, check.status.value) == ("confounders", "warn")
    assert check.value == pytest.approx(0.2)


def test_what_hit_one_variant_alone_is_red_and_ends_up_on_the_card_of_the_analysis(
    site: Site, running: ExperimentRecord, visitors: None, ada: User
) -> None:
    happened(site, ada, 3, 5, arms=["early"])

    snapshot = analyse_experiment(site, running.key, by=Actor(ada), now=AFTERWARDS)

    lines = {each["check"]: each for each in snapshot.document["integrity"]}
    assert lines["confounders"]["status"] == "fail"
    assert "it reached early alone" in lines["confounders"]["detail"]
    assert snapshot.advice == "invalid"


def test_a_season_that_was_known_before_is_weighed_when_a_test_begins(
    site: Site, ada: User, now: datetime, request: pytest.FixtureRequest
) -> None:
    record_incident(
        site,
        kind="season",
        what="Summer sale",
        since=FOURTH - timedelta(days=30),
        until=FOURTH + timedelta(days=60),
        by=Actor(ada),
        now=now,
    )
    request.getfixturevalue("running")
    began = now + timedelta(hours=1)

    begin_weighing(began)
    run_due_jobs(began)
    begin_weighing(began)
    run_due_jobs(began)

    assert [each.experiment.key for each in ConfounderRecord.objects.all()] == ["short-form"]


def test_windows_that_lie_on_each_other_count_once_on_the_page_of_the_test(
    site: Site, running: ExperimentRecord, ada: User
) -> None:
    daily = [{"day": f"2026-05-{day:02}", "variant": "late", "units": 10} for day in range(4, 14)]
    snapshot = {**document(as_of=AFTERWARDS), "daily": daily}
    store_snapshot(running, snapshot, as_of=AFTERWARDS, by=Actor(ada), now=AFTERWARDS)
    happened(site, ada, 3, 5)
    happened(site, ada, 4, 6)
    happened(site, ada, 40, 41)

    shown = around(running)

    assert shown is not None
    assert len(shown.confounders) == 2
    assert shown.share == "Together they cover 30.0% of the sample."


def test_the_numbers_support_a_verdict_only_when_the_test_is_over_and_say_their_power(
    site: Site, running: ExperimentRecord, visitors: None, ada: User, ben: User
) -> None:
    record_change(
        site,
        Change(
            kind=ChangeKind.TAG,
            external_id="1",
            surfaces=("Checkout",),
            started_at=FOURTH + timedelta(days=6, hours=9),
        ),
        source="ci",
        trust=Trust.TOKEN,
        by=Actor(None),
        now=FOURTH + timedelta(days=6, hours=10),
    )
    run_due_jobs(FOURTH + timedelta(days=7))
    early = ContaminationRecord.objects.get()
    run_due_jobs(AFTERWARDS)

    made = ContaminationRecord.objects.get()
    assert early.counts is not None
    assert early.support == {}
    assert made.counts is not None
    assert made.counts.share_after == pytest.approx(0.4)
    assert made.counts.clean == 60
    assert made.support["sentence"].startswith("40% of the units came after the change")
    assert "which does not clear the test" in made.support["sentence"]
    assert len(made.support["periods"]) == 2
    assert made.support["stratified"] is None

    for who, function in ((ada, "analytics"), (ben, "engineering")):
        word = {"function": function, "verdict": "suspect", "reason": "Both had it alike."}
        adjudicate(site, made.pk, **word, by=Actor(who), now=AFTERWARDS)
    run_due_jobs(AFTERWARDS)

    one = ContaminationRecord.objects.get().support["stratified"]
    assert one["low"] < 1.5 < one["high"]
    running.refresh_from_db()
    assert running.stage == Stage.RUNNING


def test_programs_tell_of_changes_and_incidents_and_read_what_they_mean(
    site: Site, running: ExperimentRecord, ben: User, cleo: User, client_of: ClientOf
) -> None:
    browser = client_of(ben)

    def send(place: str, body: dict[str, Any]) -> Any:
        path = f"/api/v1/{place}?site=shop"
        return browser.post(path, body, content_type="application/json")

    change = {
        "source": "ci",
        "external_id": "9",
        "kind": "tag",
        "paths": ["src/checkout/a.ts"],
        "finished_at": "2026-05-07T09:30:00Z",
    }
    first, again = send("changes", change), send("changes", change)
    naive = send("changes", {**change, "external_id": "10", "finished_at": "2026-05-07T09:30:00"})
    squat = send("changes", {**change, "source": "sender:1"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["surfaces"] == ["Checkout"]
    assert naive.json()["facts"]["reasons"] == ["change.no_time_zone"]
    assert squat.status_code == 422

    listed = browser.get("/api/v1/contaminations?site=shop&experiment=short-form").json()
    number = listed["contaminations"][0]["id"]
    assert listed["contaminations"][0]["waits_for"] == ["engineering", "analytics"]
    word = {"function": "engineering", "verdict": "benign", "reason": "Only a pixel."}
    said = send(f"contaminations/{number}/adjudications", word)
    both = send(f"contaminations/{number}/adjudications", {**word, "function": "analytics"})
    way = send(f"contaminations/{number}/way-out", {"way": "discard", "note": "No."})
    assert said.status_code == 201
    assert both.json()["facts"]["reasons"] == ["contamination.same_person"]
    assert way.json()["facts"]["reasons"] == ["contamination.no_way_out_needed"]

    happened_ = {"kind": "stock_out", "what": "No shoes", "since": "2026-05-06T00:00:00Z"}
    made = send("incidents", happened_)
    ended = send("incidents/IN-1/end", {"until": "2026-05-05T00:00:00Z"})
    assert made.json()["tests"][0]["experiment"] == "short-form"
    assert ended.json()["code"] == "changes.bad_incident"
    looked = client_of(cleo).post(
        "/api/v1/changes?site=shop", change, content_type="application/json"
    )
    assert looked.status_code == 403
