"""The pages of the backlog: what they show, refuse, and to whom; and how fast."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from truelift.apps.accounts.models import User
from truelift.apps.intake.models import IdeaRecord
from truelift.apps.research.models import HypothesisRecord, InsightRecord, SupportRecord
from truelift.apps.sites.models import Site
from truelift.apps.surfaces.models import SurfaceRecord


pytestmark = [pytest.mark.database, pytest.mark.django_db]

ClientOf = Callable[[User], Client]


def text_of(response: object) -> str:
    content: bytes = response.content  # type: ignore[attr-defined]
    return " ".join(content.decode().split())


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("backlog", "Hypotheses and ideas will be ranked here"),
        ("backlog/ranks", "The score decides about every rank."),
    ],
)
def test_every_page_says_what_to_do_when_it_is_empty(
    site: Site, ada: User, client_of: ClientOf, page: str, words: str
) -> None:
    response = client_of(ada).get(f"/s/shop/{page}/")

    assert response.status_code == 200
    assert words in text_of(response)


def test_the_ranking_says_what_is_open_in_its_order(
    site: Site,
    pickup: HypothesisRecord,
    reviews: HypothesisRecord,
    checkout: SurfaceRecord,
    agree: Callable[..., None],
    ada: User,
    client_of: ClientOf,
) -> None:
    agree("ev")
    client = client_of(ada)
    for key, work in (("H-1", "4"), ("H-2", "5")):
        assert client.post(f"/s/shop/backlog/{key}/score/", {"work": work}).status_code == 302

    said = text_of(client.get("/s/shop/backlog/"))

    assert "Among the first two the order is open; Offer parcel-shop pickup leads with" in said
    assert "per slot-week</mark>" in said
    assert "The order of everything on this page is open" in said
    assert "70.0% of them are counted on" in said
    assert "48,200" in said


def test_the_panel_of_an_item_asks_only_what_the_data_do_not_know(
    site: Site,
    pickup: HypothesisRecord,
    checkout: SurfaceRecord,
    agree: Callable[..., None],
    ben: User,
    client_of: ClientOf,
) -> None:
    agree("ev")
    client = client_of(ben)

    shown = text_of(client.get("/s/shop/backlog/H-1/"))

    assert 'name="work"' in shown
    assert 'name="weekly_units"' not in shown
    assert "Missing is not nought." in shown
    wrong = client.post("/s/shop/backlog/H-1/score/", {"work": "-3"})
    empty = client.post("/s/shop/backlog/H-1/score/", {})
    assert (wrong.status_code, empty.status_code) == (422, 422)
    assert "Answer at least one question" in text_of(empty)


def test_facts_and_ranks_are_set_on_the_page(
    site: Site, pickup: HypothesisRecord, ben: User, client_of: ClientOf
) -> None:
    client = client_of(ben)
    given = {"if_wins": "Ship", "if_loses": "Keep", "risk_legal": "high"}

    client.post("/s/shop/backlog/H-1/facts/", given)
    client.post("/s/shop/backlog/H-1/rank/", {"rank": "1", "reason": "The board wants it"})

    shown = text_of(client.get("/s/shop/backlog/H-1/"))
    assert "Needs a signature for: legal." in shown
    assert "The board wants it" in shown
    assert "Put here by Ben" in text_of(client.get("/s/shop/backlog/"))
    assert "Not tested yet" in text_of(client.get("/s/shop/backlog/ranks/"))
    refused = client.post("/s/shop/backlog/H-1/rank/", {"rank": "0", "reason": ""})
    assert refused.status_code == 422
    client.post("/s/shop/backlog/H-1/rank/back/")
    assert "taken back" in text_of(client.get("/s/shop/backlog/ranks/"))


def test_a_list_of_what_is_better_not_tested_stands_apart(
    site: Site, pickup: HypothesisRecord, logo: IdeaRecord, ada: User, client_of: ClientOf
) -> None:
    said = text_of(client_of(ada).get("/s/shop/backlog/"))

    assert "Better not tested" in said
    assert "No problem is linked, and nothing supports it." in said


def test_the_export_runs_nothing_in_a_spreadsheet(
    site: Site, pickup: HypothesisRecord, ada: User, client_of: ClientOf
) -> None:
    HypothesisRecord.objects.update(change="=HYPERLINK(1)")

    lines = client_of(ada).get("/s/shop/backlog/export.csv").content.decode().splitlines()

    assert lines[0].startswith("rank,key,change,surface,framework")
    assert lines[1].startswith("1,H-1,'=HYPERLINK(1),Checkout,ice")


@pytest.mark.parametrize(
    "query", ["sort=nonsense", "page=0", "text=%00", "route=moon", "surface=checkout&kind=ideas"]
)
def test_an_address_that_makes_no_sense_is_still_a_page(
    site: Site, pickup: HypothesisRecord, ada: User, client_of: ClientOf, query: str
) -> None:
    assert client_of(ada).get(f"/s/shop/backlog/?{query}").status_code == 200


@pytest.mark.parametrize(
    ("method", "address"),
    [
        ("get", "backlog/"),
        ("get", "backlog/export.csv"),
        ("get", "backlog/ranks/"),
        ("get", "backlog/H-1/"),
        ("post", "backlog/H-1/score/"),
        ("post", "backlog/H-1/facts/"),
        ("post", "backlog/H-1/rank/"),
    ],
)
def test_mallory_finds_nothing_and_viewers_change_nothing(
    site: Site,
    pickup: HypothesisRecord,
    mallory: User,
    cleo: User,
    client_of: ClientOf,
    method: str,
    address: str,
) -> None:
    assert getattr(client_of(mallory), method)(f"/s/shop/{address}").status_code == 404
    expected = 200 if method == "get" else 403
    assert getattr(client_of(cleo), method)(f"/s/shop/{address}").status_code == expected


def test_the_api_scores_ranks_and_lists(
    site: Site, pickup: HypothesisRecord, ada: User, cleo: User, mallory: User, client_of: ClientOf
) -> None:
    client, json = client_of(ada), "application/json"

    scored = client.post(
        "/api/v1/backlog/H-1/score?site=shop",
        data={"values": {"confidence": 5, "ease": 2}},
        content_type=json,
    )
    given = client.put(
        "/api/v1/backlog/h-1/rank?site=shop", data={"rank": 1, "reason": "So"}, content_type=json
    )
    listed = client.get("/api/v1/backlog?site=shop").json()

    assert (scored.json()["score"], scored.json()["rank"]) == (100.0, 1)
    assert given.json()["override"]["by"] == "Ada"
    assert (listed["framework"], listed["count"]) == ("ice", 1)
    assert listed["items"][0]["missing"] == []
    bad = client.post(
        "/api/v1/backlog/H-1/score?site=shop", data={"values": {"luck": 5}}, content_type=json
    )
    assert (bad.status_code, bad.json()["code"]) == (422, "scoring.bad_value")
    assert client.get("/api/v1/backlog/H-9?site=shop").status_code == 404
    assert client_of(mallory).get("/api/v1/backlog?site=shop").status_code == 404
    assert (
        client_of(cleo)
        .put(
            "/api/v1/backlog/H-1/rank?site=shop",
            data={"rank": 1, "reason": "So"},
            content_type=json,
        )
        .status_code
        == 403
    )


@pytest.mark.timeout(120)
def test_five_thousand_items_are_ranked_in_no_time_with_the_same_few_queries(
    site: Site,
    insight: InsightRecord,
    checkout: SurfaceRecord,
    ada: User,
    client_of: ClientOf,
    now: datetime,
) -> None:
    client = client_of(ada)

    def fill(first: int, last: int) -> None:
        made = HypothesisRecord.objects.bulk_create(
            HypothesisRecord(site=site, number=i, change=f"No. {i}", made_at=now)
            for i in range(first, last)
        )
        SupportRecord.objects.bulk_create(
            SupportRecord(hypothesis=each, insight=insight) for each in made
        )
        IdeaRecord.objects.bulk_create(
            IdeaRecord(
                site=site, number=i, change=f"Idea {i}", way="csv", made_at=now, insight=insight
            )
            for i in range(first, last)
        )
        client.get("/s/shop/backlog/")

    fill(1, 60)
    with CaptureQueriesContext(connection) as few:
        client.get("/s/shop/backlog/?page=2")
    fill(60, 2501)
    with CaptureQueriesContext(connection) as many:
        response = client.get("/s/shop/backlog/?page=2")
    spent = []
    for page in ("", "?page=60", "?sort=leak"):
        before = time.process_time()
        client.get(f"/s/shop/backlog/{page}")
        spent.append(time.process_time() - before)

    assert "51 to 100 of 5,000" in text_of(response)
    assert len(many) == len(few) <= 30
    assert max(spent) < 0.2, spent
