"""The shared metric: proposed until three have signed, read by all, held against the ledger."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from truelift.apps.accounts.models import Membership, User
from truelift.apps.changes.told import standard_signature
from truelift.apps.facts import defining, sending
from truelift.apps.facts.metric_page import metric_page, values_by_week
from truelift.apps.facts.models import FeedRecord
from truelift.apps.facts.reads import weeks
from truelift.apps.facts.services import make_feed, take_in
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.lifecycle.obstacle import MoveRefused
from truelift.lifecycle.shared_metric import State


pytestmark = [pytest.mark.django_db]

ROBOT = Actor(None, machine=True)


def _does(site: Site, user: User, *functions: str) -> None:
    Membership.objects.filter(site=site, user=user).update(functions=list(functions))


def test_it_is_proposed_everywhere_until_three_people_have_signed_and_again_when_it_changes(
    site: Site, ada: User, ben: User, cleo: User, now: datetime
) -> None:
    _does(site, ada, "marketing", "sales")
    _does(site, ben, "sales")
    _does(site, cleo, "finance")
    first = {"kind": "revenue", "maturity_days": 30, "because": "We agreed in May."}
    defining.propose(site, **first, by=Actor(ada), now=now)  # type: ignore[arg-type]
    states = []

    for who, function in ((ada, "marketing"), (ben, "sales"), (cleo, "finance")):
        metric = defining.shared_metric_of(site)
        assert metric is not None
        states.append((metric.state, metric.called))
        defining.sign(site, 1, function, by=Actor(who), now=now)
    with pytest.raises(MoveRefused) as twice:
        defining.sign(site, 1, "sales", by=Actor(ada), now=now)
    signed = defining.shared_metric_of(site)
    defining.propose(site, **{**first, "maturity_days": 14}, by=Actor(ada), now=now)  # type: ignore[arg-type]
    later = defining.shared_metric_of(site)
    for who, function in ((ada, "marketing"), (ben, "sales"), (cleo, "finance")):
        defining.sign(site, 2, function, by=Actor(who), now=now)
    page = metric_page(site, user=ada, now=now)

    assert states == [(State.PROPOSED, "Revenue per session (proposed)")] * 3
    assert {each.code for each in twice.value.obstacles} == {
        "shared_metric.signed",
        "shared_metric.signed_by_one",
    }
    assert signed is not None
    assert later is not None
    assert (signed.state, signed.called) == (State.IN_FORCE, "Revenue per session")
    # The version in force is read until all three have signed the new one.
    assert (later.record.version, later.newer and later.newer.version) == (1, 2)
    assert [(each.state, each.glyph) for each in page.versions] == [
        ("In force", "passed"),
        ("Replaced", "missing"),
    ]


def test_pages_and_api_show_the_number_its_drift_and_what_is_late(
    site: Site,
    ada: User,
    cleo: User,
    mallory: User,
    client_of: Callable[[User], Client],
) -> None:
    _does(site, cleo, "finance")
    browser = client_of(ada)
    now = datetime.now(UTC)
    monday = now.date() - timedelta(days=now.weekday())
    days = [monday - timedelta(days=each) for each in range(1, 36)]

    def call(method: str, place: str, body: object = None, by: Client = browser) -> tuple[int, Any]:
        path = f"/api/v1/{place}?site=shop"
        said = () if body is None else (json.dumps(body), "application/json")
        sent = getattr(by, method)(path, *said)
        return sent.status_code, sent.json()

    for name, kind in (("traffic", "traffic"), ("ledger", "ledger"), ("ga", "traffic")):
        assert call("post", "feeds", {"name": name, "kind": kind})[0] == 201
    rows = [{"day": str(day), "sessions": 100, "orders": 2, "revenue": "103.00"} for day in days]
    _, taken = call("post", "facts/traffic", {"rows": [*rows, {"day": "soon", "sessions": 1}]})
    books = [{"day": str(day), "revenue": 100} for day in days]
    call("post", "facts/ledger", {"rows": books})
    said = {"kind": "revenue", "because": "So that <b>all</b> read one number."}
    assert call("post", "shared-metric", said)[0] == 201
    page = browser.get("/s/shop/shared-metric/").content.decode()
    signed, _ = call("post", "shared-metric/1/signatures", {"function": "finance"}, client_of(cleo))
    refused, why = call("post", "shared-metric/1/signatures", {"function": "sales"})
    _, metric = call("get", "shared-metric")
    _, weeks = call("get", "shared-metric/weeks")
    FeedRecord.objects.filter(name="traffic").update(arrived_at=now - timedelta(days=4))
    late = browser.get("/s/shop/feeds/").content.decode()
    one = browser.get("/s/shop/feeds/traffic/").content.decode()
    file = browser.get(f"/s/shop/feeds/traffic/refused/{_arrival('traffic')}.csv")

    assert (taken["new"], taken["refused"], taken["refusals"][0]["line"]) == (35, 1, 36)
    assert "Revenue per session (proposed) was €1.03 last week" in page
    assert "Analytics and ledger differ." in page
    assert "+3.0% apart" in page
    assert "&lt;b&gt;all&lt;/b&gt;" in page
    assert (signed, refused, why["code"]) == (201, 409, "lifecycle.move_refused")
    assert metric["metric"]["missing"] == ["marketing", "sales"]
    assert metric["drift"]["beyond"] is True
    assert weeks["weeks"][-1]["minor"] == 103
    assert "1 of 3 feeds is late" in late
    assert "Read for the days before" in late
    assert "last came 4 days ago" in one
    assert "day: “soon” is no day." in one
    assert "soon" in file.content.decode()
    stranger = client_of(mallory)
    for place in ("shared-metric/", "feeds/", "feeds/traffic/"):
        assert stranger.get(f"/s/shop/{place}").status_code == 404


def test_a_file_is_brought_at_the_page_and_a_program_sends_what_it_has_signed(
    site: Site, ada: User, client_of: Callable[[User], Client], client: Client
) -> None:
    browser = client_of(ada)
    made = browser.post(
        "/s/shop/feeds/",
        {"name": "ads", "kind": "spend", "source": "csv", "promise_hours": 30, "lag_days": 1},
    )
    from django.core.files.uploadedfile import SimpleUploadedFile

    file = SimpleUploadedFile("ads.csv", b"Date,Platform,Cost\n2026-05-01,google,12.50\n")
    brought = browser.post("/s/shop/feeds/ads/", {"file": file}, follow=True)
    address = sending.make_address(site, "ads", by=Actor(ada), now=datetime.now(UTC))
    body = json.dumps({"rows": [{"day": "2026-05-02", "source": "google", "spend": 9}]}).encode()
    stamp = str(int(datetime.now(UTC).timestamp()))
    proof = standard_signature(address.secret, message_id="m1", stamp=stamp, body=body)
    headers = {"webhook-id": "m1", "webhook-timestamp": stamp, "webhook-signature": proof}
    at = address.url.removeprefix("http://testserver")

    def send(content: bytes, **given: str) -> tuple[int, Any]:
        sent = client.post(at, content, content_type="application/json", headers=given)
        return sent.status_code, sent.json()

    assert made.status_code == 302
    assert "1 new, 0 corrected, 0 known." in brought.content.decode()
    assert send(body, **headers)[1]["new"] == 1
    assert send(body, **headers)[1]["new"] == 1
    assert send(body + b" ", **headers)[0] == 401
    assert send(body)[1]["code"] == "changes.bad_signature"


def test_leads_are_worth_what_they_close_at_and_nothing_is_said_before_one_has_closed(
    site: Site, now: datetime
) -> None:
    for kind in ("traffic", "leads"):
        make_feed(site, name=kind, kind=kind, by=ROBOT, now=now)
    day = str(date(2026, 4, 28))
    take_in(site, "traffic", [{"day": day, "sessions": 50}], by=ROBOT, now=now)
    lead = {"day": day, "source": "ads"}
    take_in(site, "leads", [{**lead, "lead": "1"}], by=ROBOT, now=now)
    defining.propose(site, kind="leads", maturity_days=0, because="B2B.", by=ROBOT, now=now)

    metric = defining.shared_metric_of(site)
    assert metric is not None
    (before,) = values_by_week(metric.definition, weeks(site, until=now.date(), count=4))
    worth = [defining.worth_of_one(site, until=now.date())]
    closed = {"closed_day": "2026-05-02", "value": 1000}
    ends: list[dict[str, object]] = [
        {**lead, **closed, "lead": str(each), "won": each == 1} for each in (1, 2)
    ]
    take_in(site, "leads", ends, by=ROBOT, now=now)
    (after,) = values_by_week(metric.definition, weeks(site, until=now.date(), count=4))

    assert (before.minor, before.why) == (None, "No lead is closed yet: P(close) is unknown.")
    # 2 leads × 1/2 × 1,000.00 ÷ 50 sessions.
    assert after.minor == 2000
    assert [*worth, defining.worth_of_one(site, until=now.date())] == [None, 50_000]


def _arrival(feed: str) -> int:
    found = FeedRecord.objects.get(name=feed).arrivals.order_by("-refused").first()
    assert found is not None
    return found.pk
