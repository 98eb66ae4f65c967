"""The evidence inbox, signals and ideas: what pages show, refuse, and to whom."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from truelift.apps.accounts.models import User
from truelift.apps.intake.fields import Arrival, SignalFields
from truelift.apps.intake.models import IdeaRecord, SignalRecord, Way
from truelift.apps.intake.services import receive_signal
from truelift.apps.sites.models import Site


pytestmark = [pytest.mark.database, pytest.mark.django_db]

ClientOf = Callable[[User], Client]


def text_of(response: object) -> str:
    content: bytes = response.content  # type: ignore[attr-defined]
    return " ".join(content.decode().split())


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("signals", "What anybody notices will wait here"),
        ("ideas", "Propose the first change"),
        ("signals/ways-in", "Only members pass things on so far."),
        ("signals/import", "Bring a list from elsewhere"),
    ],
)
def test_every_page_says_what_to_do_when_it_is_empty(
    site: Site, ada: User, client_of: ClientOf, page: str, words: str
) -> None:
    response = client_of(ada).get(f"/s/{site.name}/{page}/")

    assert response.status_code == 200
    assert words in text_of(response)


def test_the_inbox_says_in_words_what_is_overdue(
    site: Site, signal: SignalRecord, ada: User, client_of: ClientOf, today: datetime
) -> None:
    receive_signal(site, SignalFields(title="Fresh"), Arrival(Way.API), now=today)

    said = text_of(client_of(ada).get("/s/shop/signals/"))

    assert "Two signals wait for a decision; one is overdue." in said
    assert "Overdue by" in said
    assert "First look by" in said
    overdue = text_of(client_of(ada).get("/s/shop/signals/?overdue=on"))
    assert ">Fresh</a>" not in overdue


@pytest.mark.parametrize(
    "query",
    [
        "show=nonsense",
        "page=0",
        "page=99999999999",
        "page=9999",
        "text=%00",
        "sort=price;drop",
        "way=pigeon",
        "surface=checkout",
    ],
)
def test_an_address_that_makes_no_sense_is_still_a_page(
    site: Site, signal: SignalRecord, ada: User, client_of: ClientOf, query: str
) -> None:
    assert client_of(ada).get(f"/s/shop/signals/?{query}").status_code == 200


def test_viewers_pass_things_on_and_do_not_decide(
    site: Site, signal: SignalRecord, cleo: User, client_of: ClientOf
) -> None:
    client = client_of(cleo)

    sent = client.post("/s/shop/signals/new/", {"title": "Sizes run small"})
    proposed = client.post("/s/shop/ideas/new/", {"change": "A size guide", "signal": "S-1"})
    decided = client.post("/s/shop/signals/S-1/move/", {"action": "triage"})

    assert (sent.status_code, proposed.status_code, decided.status_code) == (302, 302, 403)
    assert "does not decide" in text_of(client.get("/s/shop/signals/S-1/"))
    assert 'type="checkbox" name="key"' not in text_of(client.get("/s/shop/signals/"))


def test_a_signal_is_decided_on_its_page(
    site: Site, signal: SignalRecord, ada: User, client_of: ClientOf, today: datetime
) -> None:
    client = client_of(ada)
    move = "/s/shop/signals/S-1/move/"

    refused = client.post(move, {"action": "dismiss", "reason": " "})
    gone = client.post(move, {"action": "snooze", "until": "2020-01-01"})
    day = (today + timedelta(days=3)).date().isoformat()
    snoozed = client.post(move, {"action": "snooze", "until": day})

    assert (refused.status_code, gone.status_code, snoozed.status_code) == (409, 409, 302)
    assert "Nobody has said why it deserves no finding." in text_of(refused)
    page = text_of(client.get("/s/shop/signals/S-1/"))
    assert "Snoozed until" in page
    assert "Take it back now" in page
    client.post(move, {"action": "wake"})
    made = client.post("/s/shop/signals/S-1/insight/")
    assert made["Location"] == "/s/shop/insights/I-1/"
    assert "Unlink it" in text_of(client.get("/s/shop/signals/S-1/"))


def test_several_are_dismissed_at_once_and_the_others_are_named(
    site: Site, signal: SignalRecord, ada: User, client_of: ClientOf, now: datetime
) -> None:
    receive_signal(site, SignalFields(title="B"), Arrival(Way.API), now=now)
    client = client_of(ada)
    address = "/s/shop/lists/signals/many/?sort=newest"

    refused = client.post(address, {"step": "dismiss", "key": ["S-1", "S-2"]})
    done = client.post(
        address, {"step": "dismiss", "key": ["S-1", "S-2"], "reason": "Known since May"}
    )

    assert refused.status_code == 409
    assert text_of(refused).count("Nobody has said why") == 2
    assert done["Location"] == "/s/shop/signals/?sort=newest"
    assert SignalRecord.objects.filter(stage="dismissed").count() == 2
    assert client.post(address, {"step": "link", "key": "S-1"}).status_code == 404


def test_an_idea_is_screened_and_cannot_skip_the_score(
    site: Site, idea: IdeaRecord, ada: User, client_of: ClientOf
) -> None:
    client = client_of(ada)

    early = client.post("/s/shop/ideas/ID-1/hypothesis/")
    client.post("/s/shop/ideas/ID-1/move/", {"action": "screen"})
    parked = client.post("/s/shop/ideas/ID-1/move/", {"action": "park", "reason": "After May"})

    assert early.status_code == 409
    assert "Screen it first." in text_of(early)
    assert parked.status_code == 302
    assert "Take it up again" in text_of(client.get("/s/shop/ideas/ID-1/"))
    assert "After May" in text_of(client.get("/s/shop/ideas/ID-1/"))


def test_a_solution_without_a_problem_is_marked(site: Site, ada: User, client_of: ClientOf) -> None:
    client = client_of(ada)
    client.post("/s/shop/ideas/new/", {"change": "Larger logo"})

    assert "solution only" in text_of(client.get("/s/shop/ideas/"))
    unknown = client.post("/s/shop/ideas/ID-1/problem/", {"insight": "I-9"})
    assert unknown.status_code == 422
    assert "There is no insight I-9." in text_of(unknown)


def test_a_file_is_looked_at_taken_and_its_refused_rows_given_back(
    site: Site, ada: User, client_of: ClientOf
) -> None:
    client = client_of(ada)
    text = "title,team\nLate,Service\n,=cmd()\n"

    brought = client.post("/s/shop/signals/import/", {"kind": "signals", "text": text})
    seen = text_of(client.get(brought["Location"]))
    client.post(brought["Location"] + "take/")
    refused = client.get(brought["Location"] + "refused.csv").content.decode()

    assert "1 of 2 rows can be taken in, 1 cannot." in seen
    assert "title: It is empty." in seen
    assert SignalRecord.objects.get().title == "Late"
    assert refused.splitlines()[1] == "3,title: It is empty.,,'=cmd()"


def test_a_way_in_shows_its_secret_once(
    site: Site, ben: User, cleo: User, client_of: ClientOf
) -> None:
    client = client_of(ben)

    made = text_of(client.post("/s/shop/signals/ways-in/", {"kind": "link", "name": "Service"}))
    after = text_of(client.get("/s/shop/signals/ways-in/"))

    assert "http://testserver/intake/" in made
    assert "http://testserver/intake/" not in after
    assert client_of(cleo).get("/s/shop/signals/ways-in/").status_code == 403


PAGES = [
    "signals/",
    "signals/S-1/",
    "signals/ways-in/",
    "signals/import/",
    "ideas/",
    "ideas/ID-1/",
    "ideas/new/",
]


@pytest.mark.parametrize("page", PAGES)
def test_mallory_finds_nothing(
    site: Site, idea: IdeaRecord, mallory: User, client_of: ClientOf, page: str
) -> None:
    assert client_of(mallory).get(f"/s/shop/{page}").status_code == 404


def test_the_api_takes_shows_and_moves(
    site: Site, signal: SignalRecord, ada: User, mallory: User, client_of: ClientOf
) -> None:
    client = client_of(ada)

    def post(address: str, given: object) -> dict[str, object]:
        answer = client.post(
            f"/api/v1/{address}?site=shop", data=given, content_type="application/json"
        )
        assert answer.status_code in {200, 201}, answer.content
        found: dict[str, object] = answer.json()
        return found

    post("signals", {"title": "Sizes run small", "outside_id": "T-1"})
    post("signals/S-2/move", {"action": "snooze", "until": "2099-01-01T00:00:00"})
    idea = post("ideas", {"change": "A size guide", "signal": "S-2"})
    listed = client.get("/api/v1/signals?site=shop&show=snoozed").json()

    assert idea["solution_only"] is False
    assert [each["key"] for each in listed["signals"]] == ["S-2"]
    assert listed["count"] == 1
    twice = client.post(
        "/api/v1/signals?site=shop",
        data={"title": "X", "outside_id": "T-1"},
        content_type="application/json",
    )
    assert (twice.status_code, twice.json()["code"]) == (409, "intake.already_here")
    assert client_of(mallory).get("/api/v1/signals?site=shop").status_code == 404
    assert client.get("/api/v1/ideas/ID-9?site=shop").status_code == 404


def test_the_inbox_asks_the_same_few_queries_however_much_waits(
    site: Site, signal: SignalRecord, ada: User, client_of: ClientOf, now: datetime
) -> None:
    client = client_of(ada)
    client.get("/s/shop/signals/?sort=newest")
    with CaptureQueriesContext(connection) as few:
        client.get("/s/shop/signals/?sort=newest")
    SignalRecord.objects.bulk_create(
        SignalRecord(
            site=site, number=number, title=f"No. {number}", way="csv", made_at=now, due_at=now
        )
        for number in range(2, 300)
    )

    with CaptureQueriesContext(connection) as many:
        response = client.get("/s/shop/signals/?sort=newest")

    assert "1 to 50 of 299" in text_of(response)
    assert len(many) == len(few) <= 24
