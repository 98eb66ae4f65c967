"""The timeline can be read, shared and printed without a script, and is quick."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.apps.freezes.conftest import launched
from tests.apps.roadmap.conftest import Add
from truelift.apps.accounts.models import User
from truelift.apps.roadmap.colliding import recompute
from truelift.apps.roadmap.models import RoadmapItemRecord
from truelift.apps.sites.models import Site
from truelift.apps.surfaces.models import SurfaceRecord


pytestmark = [pytest.mark.django_db]

ClientOf = Callable[[User], Client]
HERE = "/s/shop/roadmap/"
MOST_QUERIES = 34
"""Ten of them are the frame’s and who asks."""
SLOWEST_S = 0.3
"""Of the best of five; it takes half of it where nothing else runs, and 0.2 is promised."""


def text_of(response: object) -> str:
    content: bytes = response.content  # type: ignore[attr-defined]
    return " ".join(content.decode().split())


@pytest.fixture
def items(checkout: None, add: Add) -> None:
    """Two items in June 2026, one of them with a name that is markup."""
    add("New <i>form</i>", team="Payments")
    add("Gift guide", surfaces=("Blog",), end="2026-06-22", team="CRM")


def test_the_timeline_is_a_list_with_days_that_needs_no_script(
    site: Site, items: None, ada: User, client_of: ClientOf
) -> None:
    shown = text_of(client_of(ada).get(f"{HERE}?from=2026-06-01"))

    assert "New &lt;i&gt;form&lt;/i&gt;" in shown
    assert "<i>form" not in shown
    assert "Mon 8 Jun to Sun 21 Jun, release, proposed, on Blog" in shown
    assert f'href="{HERE}items/RM-1/"' in shown
    assert "data-move" in shown
    assert "/s/shop/calendars/" in shown


def test_who_only_looks_gets_nothing_to_move(
    site: Site, items: None, cleo: User, client_of: ClientOf
) -> None:
    shown = text_of(client_of(cleo).get(f"{HERE}?from=2026-06-01"))

    assert "Gift guide" in shown
    assert "data-move" not in shown
    assert "csrfmiddlewaretoken" not in shown.split("<road-map")[1]


@pytest.mark.parametrize(
    ("asked", "there", "not_there"),
    [
        ("team=crm", "RM-2", "RM-1"),
        ("surface=checkout", "RM-1", "RM-2"),
        ("text=gift", "RM-2", "RM-1"),
        ("owner=nobody", "Nothing happens in these days", "RM-1"),
        ("kind=campaign", "Nothing happens in these days", "RM-2"),
    ],
)
def test_the_address_says_what_is_shown(
    site: Site,
    items: None,
    ada: User,
    client_of: ClientOf,
    asked: str,
    there: str,
    not_there: str,
) -> None:
    shown = text_of(client_of(ada).get(f"{HERE}?from=2026-06-01&zoom=week&{asked}"))

    drawn = shown.split("<road-map")[1]
    assert there in drawn
    assert f'data-key="{not_there}"' not in drawn
    assert asked.split("=")[1] in shown.split('aria-label="Zoom"')[1].split("</nav>")[0]


def test_what_is_shown_is_saved_under_a_name_and_shared_with_the_site(
    site: Site, items: None, ada: User, cleo: User, client_of: ClientOf
) -> None:
    browser = client_of(ada)
    shown = text_of(browser.get(f"{HERE}?from=2026-06-01&zoom=week&lanes=team&team=crm"))
    query = shown.split('name="query" value="')[1].split('"')[0].replace("&amp;", "&")

    made = browser.post(
        "/s/shop/views/save/",
        {"explorer": "roadmap", "query": query, "name": "CRM by week", "shared": "on"},
    )

    assert query == "team=crm&lanes=team&zoom=week"
    assert made["Location"] == f"{HERE}?{query}"
    assert "CRM by week" in text_of(client_of(cleo).get(f"{HERE}?from=2026-06-01"))


def test_it_says_where_may_be_deployed_and_which_release_nobody_knows_of(
    site: Site, ada: User, client_of: ClientOf, add: Add
) -> None:
    soon = datetime.now(UTC).date() + timedelta(days=5)
    SurfaceRecord.objects.create(site=site, name="Checkout")
    launched(site, ada, at=datetime.now(UTC), surface="Checkout", ends_on=soon + timedelta(days=20))
    add("New form", start=soon.isoformat(), end=(soon + timedelta(days=2)).isoformat())

    browser = client_of(ada)
    shown = text_of(browser.get(HERE))

    (team,) = browser.get("/api/v1/roadmap/teams?site=shop").json()["teams"]
    assert (team["team"], team["viewers"], team["opened"]) == ("Without a function", None, True)
    assert "EXP-41 runs on Checkout" in shown.split("May I deploy now?")[1]
    assert "Not acknowledged" in shown
    assert "touches EXP-41 on Checkout" in shown
    assert "Median of 1 active item: " in shown


def test_a_quarter_is_printed_whole_and_has_nothing_to_press(
    site: Site, items: None, ada: User, client_of: ClientOf
) -> None:
    shown = text_of(client_of(ada).get(f"{HERE}?zoom=quarter&from=2026-06-10&print=yes"))

    assert "Q2 2026" in shown
    assert "days-91" in shown
    assert 'aria-label="Key"' in shown
    assert "data-move" not in shown
    assert "roadmap.js" not in shown


@pytest.mark.parametrize("asked", ["from=x", "from=9999-12-31", "zoom=hour&lanes=x", "kind=%00"])
def test_an_address_that_says_nonsense_shows_the_usual(
    site: Site, items: None, ada: User, client_of: ClientOf, asked: str
) -> None:
    assert client_of(ada).get(f"{HERE}?{asked}").status_code == 200


def test_the_list_is_a_view_of_it(site: Site, items: None, ada: User, client_of: ClientOf) -> None:
    assert client_of(ada).get(f"{HERE}?view=list")["Location"] == f"{HERE}list/"
    assert "Who changes what, and when" in text_of(client_of(ada).get(f"{HERE}list/"))


def test_five_hundred_items_are_drawn_quickly_with_few_queries(
    site: Site, checkout: None, ada: User, client_of: ClientOf, now: datetime
) -> None:
    first = datetime.now(UTC).date()
    _fill(site, ada, first, now, 50)
    client = client_of(ada)
    client.get(HERE)
    # Counted at once: the next request begins its own list of queries.
    with CaptureQueriesContext(connection) as queries:
        client.get(HERE)
    few = len(queries)
    _fill(site, ada, first, now, 450, begin=50)
    recompute(site, now=datetime.now(UTC))
    client.get(HERE)

    with CaptureQueriesContext(connection) as queries:
        response = client.get(HERE)
    many = len(queries)
    took = []
    for _ in range(5):
        begun = time.process_time()
        client.get(HERE)
        took.append(time.process_time() - begun)

    assert response.content.count(b'class="rm-bar ') == 500
    assert 0 < many <= few <= MOST_QUERIES
    assert min(took) < SLOWEST_S


def _fill(site: Site, ada: User, first: date, now: datetime, many: int, *, begin: int = 0) -> None:
    RoadmapItemRecord.objects.bulk_create(
        RoadmapItemRecord(
            site=site,
            number=1000 + number,
            kind=("release", "campaign", "content")[number % 3],
            what=f"Piece of work {number}",
            surfaces=[f"Surface {number % 25}"],
            team=f"Team {number % 5}",
            starts_on=first + timedelta(days=number * 7 % 60),
            ends_on=first + timedelta(days=number * 7 % 60 + 1 + number % 11),
            owner=ada,
            made_by=ada,
            made_at=now,
        )
        for number in range(begin, begin + many)
    )
