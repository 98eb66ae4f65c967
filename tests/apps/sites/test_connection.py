from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import pytest
from django.test import Client

from truelift.apps.accounts.models import User
from truelift.apps.sites.connection import connection, keys_last_used
from truelift.apps.sites.models import Site
from truelift.apps.sites.publish import publish
from truelift.lake.home import Home
from truelift.lake.journal import JournalWriter
from truelift.lake.loader import Loader


pytestmark = [pytest.mark.database, pytest.mark.django_db]

AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/156.0.0.0 Safari/537.36"

Arrive = Callable[..., None]


@pytest.fixture
def arrive(site: Site, home: Home, now: datetime) -> Arrive:
    """Let events arrive as the collector and the loader would."""
    publish()
    sent = 0

    def send(*items: Mapping[str, object], load: bool = True) -> None:
        nonlocal sent
        writer = JournalWriter.open(home.journal, "edge")
        lines = []
        for item in items:
            sent += 1
            filled = {
                "type": "track",
                "message_id": f"m{sent}",
                "visitor_id": "v1",
                "user_agent": AGENT,
                "occurred_at": int(now.timestamp() * 1000),
                **item,
            }
            lines.append(json.dumps(filled).encode())
        writer.append_and_wait(
            site="shop",
            key_id="k1",
            trusted=False,
            received_at_ms=int(now.timestamp() * 1000),
            lines=lines,
        )
        writer.close()
        if load:
            with Loader(home, now=lambda: now) as loader:
                while loader.step():
                    pass

    return send


PAGE = {"type": "page", "event": "page_view", "url": "https://shop.example/"}
ORDER = {
    "event": "purchase",
    "value": 49.9,
    "currency": "EUR",
    "properties": {"value": 49.9, "currency": "EUR"},
}


def test_before_anything_arrives_every_check_waits(site: Site) -> None:
    publish()

    found = connection(site)

    assert found.sentence == "Waiting for the first event…"
    assert [check.status for check in found.checks] == ["waiting"] * 5
    assert not found.receiving


def test_an_event_in_the_journal_is_said_to_be_being_read(site: Site, arrive: Arrive) -> None:
    arrive(PAGE, load=False)

    assert connection(site).sentence == "The first event has arrived and is being read…"


def test_the_first_event_turns_the_page_green(
    site: Site, arrive: Arrive, ada: User, client_of: Callable[[User], Client]
) -> None:
    arrive(PAGE)

    found = connection(site)
    page = client_of(ada).get("/s/shop/connect/").content.decode()

    assert found.receiving
    assert not found.complete
    assert found.checks[0].status == "passed"
    assert "Events are arriving from Shop." in page
    assert "st--better" in page


def test_all_five_checks_pass_and_the_page_stops_asking(
    site: Site, arrive: Arrive, ada: User, client_of: Callable[[User], Client]
) -> None:
    arrive(PAGE, ORDER, {"type": "identify", "event": "identify", "user_id": "u17"})

    found = connection(site)
    fragment = client_of(ada).get("/s/shop/connect/status/").content.decode()

    assert [check.status for check in found.checks] == ["passed"] * 5
    assert found.complete
    assert "hx-trigger" not in fragment


def test_an_order_without_a_value_is_something_to_look_at(site: Site, arrive: Arrive) -> None:
    arrive(PAGE, {"event": "purchase"})

    value = connection(site).checks[2]

    assert (value.name, value.status, value.word) == ("Value and currency", "watch", "Look at it")


def test_only_broken_events_are_not_called_a_connection(site: Site, arrive: Arrive) -> None:
    arrive({"event": None, "reason": "not_json", "properties": {"raw": "{"}})

    found = connection(site)

    assert not found.receiving
    assert "none could be used" in found.sentence


def test_a_key_was_last_used_when_its_last_event_arrived(
    site: Site, arrive: Arrive, now: datetime
) -> None:
    arrive(PAGE)

    used = keys_last_used(site, now=now + timedelta(hours=1))

    assert used == {"k1": now}


def test_a_lake_that_cannot_be_read_is_said_and_breaks_nothing(
    site: Site, home: Home, ada: User, client_of: Callable[[User], Client]
) -> None:
    home.sites_file.write_text("{ not json")

    page = client_of(ada).get("/s/shop/connect/")

    assert page.status_code == 200
    assert "cannot be told now" in page.content.decode()
