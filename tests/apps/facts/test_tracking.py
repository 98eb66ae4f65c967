"""What is tracked is held against what a feed knows, read every night, and warned of when lost."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.test import Client

from tests.apps.measurement.files import load
from truelift.apps.accounts.models import AuditEvent, User
from truelift.apps.experiments.jobs import run_due_jobs
from truelift.apps.facts.columns import FeedSource
from truelift.apps.facts.from_lake import GOAL, NAME
from truelift.apps.facts.jobs import plan_traffic
from truelift.apps.facts.models import FeedRecord, TrackingRecord
from truelift.apps.facts.services import make_feed, take_in
from truelift.apps.facts.tracking import keep_tracking, tracking_of
from truelift.apps.facts.tracking_page import tracking_page
from truelift.apps.research.actor import Actor
from truelift.apps.scorecard.evidence_today import readings_of_today
from truelift.apps.scorecard.reads import targets_of
from truelift.apps.sites.models import Site
from truelift.apps.warnings.detectors_facts import lost_events
from truelift.apps.warnings.models import WarningRecord
from truelift.apps.warnings.services import keep_looks
from truelift.lake.home import Home
from truelift.lifecycle.scorecard import Figure
from truelift.lifecycle.warning import Severity


pytestmark = [pytest.mark.database, pytest.mark.django_db]

ROBOT = Actor(None, machine=True)
NOW = datetime(2026, 3, 30, 6, tzinfo=UTC)
TODAY = NOW.date()
A_DAY = {"desktop": 25, "phone": 25}

ClientOf = Callable[[User], Client]


def bring(site: Site, *, lost: Mapping[str, int], days: int = 28) -> None:
    """Bring days of 25 orders on each device, some of which no event came of."""
    own = FeedRecord.objects.filter(site=site, name=NAME).first()
    if own is None:
        for name, kind, door in ((NAME, "traffic", "lake"), ("till", "orders", "csv")):
            make_feed(site, name=name, kind=kind, source=door, promise_hours=36, by=ROBOT, now=NOW)
        FeedRecord.objects.filter(site=site, name=NAME).update(columns={GOAL: "purchase"})
    came: list[dict[str, object]] = []
    known: list[dict[str, object]] = []
    for back in range(1, days + 1):
        day = str(TODAY - timedelta(days=back))
        for device, orders in A_DAY.items():
            tracked = orders - lost.get(device, 0)
            told: dict[str, object] = {"day": day, "device": device, "revenue": "9"}
            came.append({**told, "sessions": 500, "orders": tracked})
            called = "Mobile" if device == "phone" else device
            known.extend(
                {**told, "order": f"{day}-{device}-{nth}", "device": called}
                for nth in range(orders)
            )
    take_in(site, NAME, came, by=ROBOT, now=NOW, door=FeedSource.LAKE)
    take_in(site, "till", known, by=ROBOT, now=NOW)


def test_four_per_cent_of_phones_lost_is_amber_and_stands_on_the_scorecard(
    home: Home, site: Site
) -> None:
    bring(site, lost={"phone": 1})

    document = keep_tracking(site, now=NOW).document
    read = {each.figure: each for each in readings_of_today(site, targets_of(site), now=NOW)}
    [look] = lost_events(site, NOW)
    page = tracking_page(document, day=TODAY)

    assert document["orders"]["light"] == "amber"
    assert document["orders"]["worst"] == "phone"
    assert read[Figure.COVERAGE].value == pytest.approx(0.98)
    assert "phone is lowest at 96.0%" in read[Figure.COVERAGE].said
    assert read[Figure.VITALS].said.startswith("no page sends its web vitals")
    assert (look.told, look.severity) == (True, None)
    assert [(each.called, each.word) for each in page.devices] == [
        ("All", "good"),
        ("Phone", "look at it"),
        ("Desktop", "good"),
    ]
    assert home.root.exists()


def test_what_is_lost_lately_warns_once_whatever_the_weeks_before_were(
    home: Home, site: Site, ada: User, client_of: ClientOf
) -> None:
    bring(site, lost={})
    bring(site, lost={"phone": 3}, days=7)
    keep_tracking(site, now=NOW)

    first = keep_looks(site, lost_events(site, NOW), now=NOW)
    bring(site, lost={"phone": 3, "desktop": 4}, days=7)
    keep_tracking(site, now=NOW + timedelta(days=1))
    keep_looks(site, lost_events(site, NOW + timedelta(days=1)), now=NOW + timedelta(days=1))

    [warning] = WarningRecord.objects.filter(site=site, kind="tracking")
    assert warning.severity == Severity.WARNING
    assert warning.times == 1
    assert "Events are lost" in warning.sentence
    page = client_of(ada).get(f"/s/shop/warnings/{warning.key}/").content.decode()
    assert "Tracked share by device" in page
    assert "try an order on the device" in page
    assert first is not None
    assert home.root.exists()


def test_events_plan_and_speed_are_read_from_the_lake_by_the_worker(
    home: Home, site: Site, tmp_path: Path, ada: User, cleo: User, client_of: ClientOf
) -> None:
    owner, viewer = client_of(ada), client_of(cleo)
    before = viewer.get("/s/shop/tracking/")
    plan = {"version": "0", "events": "page_view\nweb_vitals\nadd_to_cart"}
    refused = viewer.post("/s/shop/tracking/", plan)
    kept = owner.post("/s/shop/tracking/", plan)
    stale = owner.post("/s/shop/tracking/", plan)
    odd = owner.post("/s/shop/tracking/", {"version": "1", "events": "x" * 300})
    at = NOW - timedelta(days=1)
    lines = [f"web_vitals,v{nth},{at.isoformat()},{1800 + nth}" for nth in range(120)]
    file = tmp_path / "events.csv"
    file.write_text("\n".join(["name,visitor_id,occurred_at,lcp", *lines]))
    load(home, site.name, file, now=NOW)
    plan_traffic(NOW)
    run_due_jobs(NOW)
    shown = viewer.get("/s/shop/tracking/").content.decode()
    asked = viewer.get("/api/v1/tracking?site=shop").json()

    record = tracking_of(site)
    assert record is not None
    assert TrackingRecord.objects.count() == 1
    assert record.document["plan"]["missing"] == ["page_view", "add_to_cart"]
    assert record.document["vitals"]["core"]["lcp"]["rating"] == "good"
    assert "first time this night" in before.content.decode()
    assert [each.status_code for each in (refused, kept, stale, odd)] == [403, 302, 409, 409]
    assert "never came" in shown
    assert "1.9 s" in shown
    assert "No feed tells of the orders" in shown
    assert (asked["plan_version"], asked["vitals"]["views"]) == (1, 120)
    assert AuditEvent.objects.filter(action="tracking.planned").count() == 1
