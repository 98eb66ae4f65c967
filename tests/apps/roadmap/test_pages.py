"""The pages of the roadmap work without a script, and say what the services say."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.apps.roadmap.conftest import Add
from truelift.apps.accounts.models import User
from truelift.apps.experiments.models import ExperimentRecord
from truelift.apps.roadmap.models import (
    AssetRecord,
    ConflictRecord,
    DependencyRecord,
    RoadmapItemRecord,
)
from truelift.apps.sites.models import Site


pytestmark = [pytest.mark.database, pytest.mark.django_db]

ClientOf = Callable[[User], Client]
HERE = "/s/shop/roadmap/"


@pytest.fixture
def headline(headline: ExperimentRecord) -> ExperimentRecord:
    """Let the test run in a June that is far away: pages look at the clock."""
    headline.starts_on, headline.ends_on = date(2090, 6, 1), date(2090, 6, 15)
    headline.save()
    return headline


@pytest.fixture
def add(add: Add) -> Add:
    """Put something into the same June."""

    def adding(what: str = "New payment form", **more: object) -> RoadmapItemRecord:
        return add(what, **{"start": "2090-06-08", "end": "2090-06-09", **more})

    return adding


def text_of(response: object) -> str:
    content: bytes = response.content  # type: ignore[attr-defined]
    return " ".join(content.decode().split())


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("", "Experiments, releases, campaigns and content will stand here side by side"),
        ("conflicts/", "What is in each other’s way will stand here before it happens"),
        ("priorities/", "The priorities of the quarter will stand here"),
        ("versions/", "What was published each quarter will stand here"),
        ("rebuild/", "Say first what the business goes for in the quarter."),
        ("changes/", "Every change will stand here, with who made it"),
    ],
)
def test_every_page_says_what_to_do_when_it_is_empty(
    site: Site, ada: User, client_of: ClientOf, page: str, words: str
) -> None:
    response = client_of(ada).get(f"{HERE}{page}")

    assert response.status_code == 200
    assert words in text_of(response)


def test_an_item_is_added_edited_moved_scheduled_and_dropped_on_its_pages(
    site: Site, checkout: None, ada: User, client_of: ClientOf
) -> None:
    client, item = client_of(ada), f"{HERE}items/RM-1/"
    given = {
        "kind": "campaign",
        "what": "Black <b>week</b>",
        "surfaces": "checkout, Blog",
        "why": "I-1",
        "start": "2027-03-01",
        "end": "2027-03-08",
        "metric": "revenue",
        "owner": "ada@example.com",
        "traffic_change": "30",
        "audience": "device = phone, tablet\ncountry != FR",
        "effort": "build = 2.5",
        "touches": ["promotion"],
    }

    made = client.post(f"{HERE}new/", given)

    assert made["Location"] == item
    record = RoadmapItemRecord.objects.get()
    assert record.audience["country"] == {"allow": [], "deny": ["FR"]}
    assert (record.traffic_change, record.effort) == (0.3, {"build": 2.5})
    shown = text_of(client.get(item))
    assert "Black &lt;b&gt;week&lt;/b&gt;" in shown
    assert "<b>week" not in shown
    assert "Nothing is in its way" in shown
    edited = {**given, "version": "1", "notes": "Later", "reason": "Asked for"}
    assert client.post(f"{item}edit/", edited).status_code == 302
    assert client.post(f"{item}edit/", edited).status_code == 409
    assert client.post(f"{item}edit/", {**edited, "audience": "?"}).status_code == 422
    days = {"start": "2027-04-05", "end": "2027-04-12", "version": "2"}
    seen = client.post(f"{item}move/", {**days, "preview": "yes"})
    assert "It would be in nobody’s way anew." in text_of(seen)
    assert RoadmapItemRecord.objects.get().starts_on == date(2027, 3, 1)
    assert client.post(f"{item}move/", days).status_code == 302
    assert client.post(f"{item}move/", days).status_code == 409
    wrong = {**days, "end": "2027-04-01", "version": "3"}
    assert client.post(f"{item}move/", wrong).status_code == 422
    assert client.post(f"{item}stage/", {"stage": "scheduled"}).status_code == 302
    assert client.post(f"{item}stage/", {"stage": "nonsense"}).status_code == 404
    assert client.post(f"{item}drop/", {"reason": ""}).status_code == 422
    assert client.post(f"{item}drop/", {"reason": "No"}).status_code == 302
    assert "Nothing is on the roadmap yet." in text_of(client.get(HERE))


def test_a_move_that_makes_a_block_says_the_same_on_the_page_and_over_the_api(
    site: Site, headline: ExperimentRecord, add: Add, ada: User, client_of: ClientOf
) -> None:
    add(start="2090-07-01", end="2090-07-02")
    client, days = client_of(ada), {"start": "2090-06-08", "end": "2090-06-09"}

    page = client.post(f"{HERE}items/RM-1/move/", days)
    api = client.post(
        "/api/v1/roadmap/items/RM-1/move?site=shop",
        json.dumps(days),
        content_type="application/json",
    )

    assert (page.status_code, api.status_code) == (409, 409)
    facts = api.json()["facts"]
    assert facts["codes"] == ["conflict.c6"]
    assert facts["reasons"][0] in text_of(page)


def test_assets_dependencies_and_conflicts_are_written_on_the_pages(
    site: Site, headline: ExperimentRecord, add: Add, ada: User, client_of: ClientOf
) -> None:
    add()
    client, item = client_of(ada), f"{HERE}items/RM-1/"
    client.post(f"{item}assets/", {"asset-what": "Hero video", "asset-lead_days": "5"})
    client.post(f"{item}hangs/", {"hangs-kind": "needs_before", "hangs-on": "headline"})
    asset, link = AssetRecord.objects.get(), DependencyRecord.objects.get()

    shown = text_of(client.get(item))

    assert "Hero video" in shown
    assert "It needs before headline" in shown
    assert "It cannot start on" in shown
    assert client.post(f"{item}assets/", {"asset-what": ""}).status_code == 422
    circle = client.post(
        f"{HERE}items/headline/hangs/", {"hangs-kind": "needs_before", "hangs-on": "RM-1"}
    )
    assert circle.status_code == 422
    assert "headline → RM-1 → headline" in text_of(circle)
    assert client.post(f"{HERE}assets/{asset.pk}/", {"act": "done"}).status_code == 302
    assert client.post(f"{HERE}assets/{asset.pk}/", {"act": "remove"}).status_code == 302
    assert client.post(f"{HERE}assets/{asset.pk}/", {"act": "done"}).status_code == 404
    assert client.post(f"{HERE}hangs/{link.pk}/").status_code == 302
    conflict = f"{HERE}conflicts/1/"
    assert "Who moves?" in text_of(client.get(conflict))
    refused = client.post(conflict, {"resolution": "plan", "plan": "We will see"})
    assert refused.status_code == 409
    assert "does not settle" in text_of(refused)
    assert client.post(conflict, {"resolution": "move", "plan": "Later"}).status_code == 302
    assert client.post(conflict, {"resolution": "magic"}).status_code == 404
    assert "1 of 1 conflicts wait" in text_of(client.get(f"{HERE}conflicts/"))
    assert client.get(f"{HERE}conflicts/99/").status_code == 404


def test_the_quarter_is_rebuilt_on_the_pages(
    site: Site, add: Add, ada: User, client_of: ClientOf
) -> None:
    add()
    client = client_of(ada)
    given = {"quarter": "2099-Q3", "priorities": "New customers: more\nReturning customers"}
    assert client.post(f"{HERE}priorities/", {**given, "quarter": "soon"}).status_code == 422
    assert client.post(f"{HERE}priorities/", given).status_code == 302
    assert "100% of the roadmap serves no current priority" in text_of(
        client.get(f"{HERE}priorities/")
    )
    assert client.post(f"{HERE}rebuild/").status_code == 302
    listed = client.get(f"{HERE}rebuild/")
    number = text_of(listed).split('id="candidate-')[1].split('"')[0]
    assert client.post(f"{HERE}rebuild/publish/").status_code == 409
    at = f"{HERE}rebuild/{number}/"
    assert client.post(at, {"verdict": "kept"}).status_code == 422
    assert client.post(at, {"verdict": "changed", "priority": "CP-1"}).status_code == 409
    assert client.post(at, {"verdict": "kept", "priority": "CP-1"}).status_code == 302

    published = client.post(f"{HERE}rebuild/publish/")

    assert published["Location"] == f"{HERE}versions/1/"
    assert "100%: not a rebuild" in text_of(client.get(f"{HERE}versions/1/"))
    assert "Nothing is other than it was published." in text_of(client.get(f"{HERE}versions/"))
    assert client.get(f"{HERE}versions/9/").status_code == 404


def test_files_neutralise_formulas(
    site: Site, headline: ExperimentRecord, add: Add, ada: User, client_of: ClientOf
) -> None:
    add("=HYPERLINK(1)")

    items = client_of(ada).get(f"{HERE}export.csv").content.decode().splitlines()
    found = client_of(ada).get(f"{HERE}conflicts.csv").content.decode().splitlines()

    assert items[0].startswith("key,kind,what,stage,where,why,start,end,metric,decision_owner")
    assert any("'=HYPERLINK(1)" in line and "CF-1 c6" in line for line in items)
    assert found[1].startswith("CF-1,c6,block,open,headline,RM-1")


@pytest.mark.parametrize(
    "query",
    ["?kind=moon", "?page=0", "?text=%00", "?since=soon", "?stage=done", "?page=900&team=x"],
)
def test_an_address_that_makes_no_sense_is_still_a_page(
    site: Site, add: Add, ada: User, client_of: ClientOf, query: str
) -> None:
    add()

    assert client_of(ada).get(f"{HERE}{query}").status_code == 200


def test_viewers_read_everything_and_change_nothing(
    site: Site, headline: ExperimentRecord, add: Add, cleo: User, client_of: ClientOf
) -> None:
    add()
    client = client_of(cleo)

    for page in ("", "items/RM-1/", "items/headline/", "conflicts/", "conflicts/1/", "teams/"):
        assert client.get(f"{HERE}{page}").status_code == 200
    for page in ("new/", "items/RM-1/move/", "items/RM-1/drop/", "conflicts/1/", "rebuild/"):
        assert client.post(f"{HERE}{page}").status_code == 403
    assert RoadmapItemRecord.objects.get(number=1).version == 1


def test_the_api_gives_and_takes_items_conflicts_and_priorities(
    site: Site, headline: ExperimentRecord, add: Add, ada: User, client_of: ClientOf
) -> None:
    client = client_of(ada)

    def send(method: str, path: str, body: object | None = None) -> tuple[int, Any]:
        answer = client.generic(
            method.upper(),
            f"/api/v1/{path}?site=shop",
            "" if body is None else json.dumps(body),
            content_type="application/json",
        )
        return answer.status_code, answer.json() if answer.content else None

    release = {"kind": "release", "what": "Wallet", "surfaces": ["Checkout"], "touches": ["code"]}
    status, made = send("post", "roadmap/items", {**release, "start": "2090-06-02"})

    assert (status, made["key"], made["version"]) == (201, "RM-1", 1)
    assert [each["rule"] for each in made["conflicts"]] == ["c6"]
    assert [each["code"] for each in made["obstacles"]] == ["conflict.c6"]
    status, seen = send("post", "roadmap/items/RM-1/preview", {"start": "2090-07-01"})
    assert (status, seen["refused"], len(seen["gone"])) == (200, [], 1)
    status, slot = send("get", "roadmap/items/RM-1/slot")
    assert (status, slot["start"] < "2090-06-01") == (200, True)
    status, settled = send("post", "conflicts/1/resolve", {"resolution": "move", "plan": "x"})
    assert (status, settled["state"]) == (200, "open")
    status, listed = send("get", "conflicts")
    assert [each["key"] for each in listed["conflicts"]] == ["CF-1"]
    status, listed = send("get", "roadmap/items")
    assert [each["key"] for each in listed["items"]] == ["headline", "RM-1"]
    assert listed["age_days"] is not None
    status, register = send(
        "post", "priorities", {"quarter": "2026-Q2", "priorities": [{"name": "Grow"}]}
    )
    assert (status, register["priorities"][0]["key"]) == (201, "CP-1")
    status, changed = send("patch", "roadmap/items/RM-1", {"priority": "CP-1", "version": 1})
    assert (status, changed["priority"], changed["version"]) == (200, "CP-1", 2)
    assert send("patch", "roadmap/items/RM-1", {"team": "x", "version": 1})[0] == 409
    assert send("post", "roadmap/items/RM-1/drop", {"reason": ""})[0] == 422
    assert send("get", "roadmap/items/nothing")[0] == 404
    assert ConflictRecord.objects.count() == 1


def test_a_roadmap_of_five_hundred_items_asks_no_more_than_a_short_one(
    site: Site, add: Add, ada: User, now: datetime, client_of: ClientOf
) -> None:
    add()
    client = client_of(ada)
    client.get(HERE)

    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            assert client.get(HERE).status_code == 200
        return len(asked)

    few = queries()
    RoadmapItemRecord.objects.bulk_create(
        RoadmapItemRecord(site=site, kind="release", number=n, what="x", owner=ada, made_at=now)
        for n in range(2, 500)
    )

    assert queries() == few


def test_the_rules_are_agreed_on_their_page_and_over_the_api(
    site: Site, ada: User, cleo: User, client_of: ClientOf
) -> None:
    client, given = client_of(ada), {"capacity": "build = 10", "washout_days": "2", "free": ""}
    assert client.post(f"{HERE}rules/", {**given, "c5": "warn", "version": "1"}).status_code == 302
    assert client.post(f"{HERE}rules/", {**given, "version": "1"}).status_code == 409
    assert client.post(f"{HERE}rules/", {**given, "capacity": "?"}).status_code == 422
    assert "10.0 days a week" in text_of(client_of(cleo).get(f"{HERE}rules/"))

    address = "/api/v1/roadmap/rules?site=shop"
    said = client.get(address).json()
    put = client.put(address, json.dumps({"washout_days": 4}), content_type="application/json")

    assert (said["capacity"], said["severities"]) == ({"build": 10.0}, {"c5": "warn"})
    assert put.json()["washout_days"] == 4
