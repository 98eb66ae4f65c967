"""Lists: what their addresses narrow, how they go on, their files, and steps for many."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Barrier

import pytest
from django.db import connections
from django.test import Client

from truelift.apps.accounts.models import User
from truelift.apps.explorers.models import SavedView
from truelift.apps.intake.fields import Arrival, IdeaFields, SignalFields
from truelift.apps.intake.models import IdeaRecord, SignalRecord, Way
from truelift.apps.intake.services import receive_idea, receive_signal
from truelift.apps.lists.bulk import listing_of
from truelift.apps.lists.places import LISTS
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import InsightFields, Piece
from truelift.apps.research.models import InsightRecord
from truelift.apps.research.services import accept_insight, create_insight
from truelift.apps.sites.models import Site


pytestmark = [pytest.mark.database, pytest.mark.django_db]

ClientOf = Callable[[User], Client]
OF_ONE_FORM = sorted(name for name, place in LISTS.items() if place.home)
PROBLEM = "Visitors meet the delivery cost only at checkout"


def found(
    site: Site, by: User, now: datetime, problem: str = PROBLEM, surface: str = "Checkout"
) -> InsightRecord:
    return create_insight(
        site,
        InsightFields(
            problem=problem,
            surface=surface,
            segment="Phones",
            size="41% leave",
            evidence=(Piece("analytics", "Funnel of April"),),
        ),
        by=Actor(by),
        now=now,
    )


def problems(client: Client, query: str) -> list[str]:
    page = client.get(f"/s/shop/insights/?{query}").context["page"]
    return [row.problem for row, *_ in page.rows]


@pytest.fixture
def three(site: Site, ada: User, now: datetime) -> list[InsightRecord]:
    return [
        found(site, ada, now, problem, surface)
        for problem, surface in (("A late cost", "Checkout"), ("B", "Cart"), ("C cost", "Cart"))
    ]


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", ["C cost", "B", "A late cost"]),
        ("text=cost", ["C cost", "A late cost"]),
        ("text=cost+late", ["A late cost"]),
        ("text=i-2", ["B"]),
        ("surface=cart", ["C cost", "B"]),
        ("sort=-number", ["A late cost", "B", "C cost"]),
        ("stage=retired", []),
        ("stage=%00&sort=DROP&page=-9&who=ada", ["C cost", "B", "A late cost"]),
    ],
)
def test_an_address_says_what_a_list_shows_and_nonsense_in_it_is_left_out(
    three: list[InsightRecord], ada: User, client_of: ClientOf, query: str, shown: list[str]
) -> None:
    assert problems(client_of(ada), query) == shown


def test_a_press_on_a_head_orders_and_another_one_turns_it_round(
    three: list[InsightRecord], ada: User, client_of: ClientOf
) -> None:
    client = client_of(ada)

    heads = client.get("/s/shop/insights/?surface=cart&sort=value").context["list"].heads

    value = next(head for head in heads if head.heading == "Per week")
    assert value.turned == "descending"
    assert value.href == "?surface=cart&sort=-value"


def test_a_long_list_is_read_page_by_page_and_its_file_has_all_of_it(
    site: Site, ada: User, client_of: ClientOf, now: datetime
) -> None:
    SignalRecord.objects.bulk_create(
        SignalRecord(site=site, number=n, title=f"=cmd|{n}", way="api", due_at=now, made_at=now)
        for n in range(1, 121)
    )
    client = client_of(ada)

    pages = [client.get(f"/s/shop/signals/?page={page}").context["list"] for page in (1, 2, 3, 99)]
    file = client.get("/s/shop/signals/?sort=newest&format=csv")

    assert [page.said.removesuffix(" of 120") for page in pages[:3]] == [
        "1 to 50",
        "51 to 100",
        "101 to 120",
    ]
    assert pages[3].said == pages[2].said
    assert pages[1].before == "?page=1"
    assert pages[2].after == ""
    lines = list(csv.DictReader(io.StringIO(file.content.decode())))
    assert len(lines) == 120
    assert lines[0]["title"] == "'=cmd|120"
    assert "attachment" in file["Content-Disposition"]


def test_many_are_taken_a_step_and_what_may_not_is_named_with_every_reason(
    site: Site, three: list[InsightRecord], ada: User, client_of: ClientOf, now: datetime
) -> None:
    bare = create_insight(site, InsightFields(problem="D"), by=Actor(ada), now=now)
    client = client_of(ada)
    address = "/s/shop/lists/insights/many/?surface=cart"

    mixed = client.post(address, {"step": "accept", "key": ["I-1", "I-2", bare.key, "I-99"]})
    again = client.post(address, {"step": "accept", "key": "I-3"})

    assert mixed.status_code == 409
    assert mixed.context["done"].done == ("I-1", "I-2")
    refused = dict(mixed.context["done"].refused)
    assert [each.code for each in refused["I-4"]] == [
        "insight.no_surface",
        "insight.no_segment",
        "insight.no_size",
        "insight.no_evidence",
    ]
    assert [each.code for each in refused["I-99"]] == ["research.no_such_insight"]
    assert again["Location"] == "/s/shop/insights/?surface=cart"
    assert InsightRecord.objects.filter(stage="accepted").count() == 3


def test_many_drafts_are_placed_and_nothing_else_of_them_changes(
    three: list[InsightRecord], ada: User, client_of: ClientOf
) -> None:
    client_of(ada).post(
        "/s/shop/lists/insights/many/",
        {"step": "place", "key": ["I-1", "I-2"], "surface": "Basket"},
    )

    rows = InsightRecord.objects.order_by("number").values_list("surface", "problem", "segment")
    assert list(rows) == [
        ("Basket", "A late cost", "Phones"),
        ("Basket", "B", "Phones"),
        ("Cart", "C cost", "Phones"),
    ]
    assert InsightRecord.objects.get(number=1).evidence.get().text == "Funnel of April"


def test_many_signals_and_ideas_are_placed_until_they_are_settled(
    site: Site, ada: User, client_of: ClientOf, now: datetime
) -> None:
    client, by = client_of(ada), Actor(ada)
    for number in (1, 2):
        receive_signal(
            site, SignalFields(title=f"Lost {number}"), Arrival(Way.MEMBER, by=by), now=now
        )
    receive_idea(site, IdeaFields(change="Show the cost"), Arrival(Way.MEMBER, by=by), now=now)
    SignalRecord.objects.filter(number=2).update(stage="dismissed")

    given = {"step": "place", "surface": "Basket"}
    mixed = client.post("/s/shop/lists/signals/many/", {**given, "key": ["S-1", "S-2"]})
    client.post("/s/shop/lists/ideas/many/", {**given, "key": "ID-1"})
    nowhere = client.post("/s/shop/lists/ideas/many/", {"step": "place", "key": "ID-1"})

    assert list(SignalRecord.objects.order_by("number").values_list("surface", flat=True)) == [
        "Basket",
        "",
    ]
    assert IdeaRecord.objects.get().surface == "Basket"
    assert "S-2 is dismissed" in mixed.content.decode()
    assert "Say where it is" in nowhere.content.decode()


def test_steps_for_many_ask_for_the_role_that_one_asks_for(
    three: list[InsightRecord], cleo: User, client_of: ClientOf
) -> None:
    client = client_of(cleo)
    page = client.get("/s/shop/insights/").content.decode()

    refused = client.post("/s/shop/lists/insights/many/", {"step": "accept", "key": "I-1"})

    assert 'name="key"' not in page
    assert refused.status_code == 403
    assert not InsightRecord.objects.filter(stage="accepted").exists()


def test_a_view_of_a_list_is_saved_and_leads_back(
    three: list[InsightRecord], ada: User, client_of: ClientOf
) -> None:
    client = client_of(ada)

    client.post(
        "/s/shop/views/save/",
        {"explorer": "insights", "query": "surface=cart", "name": "Cart", "shared": "on"},
    )

    view = SavedView.objects.get()
    assert client.get(f"/s/shop/views/{view.pk}/")["Location"] == "/s/shop/insights/?surface=cart"
    assert [each.view.name for each in client.get("/s/shop/insights/").context["list"].views] == [
        "Cart"
    ]
    assert client.get("/s/shop/ideas/").context["list"].views == ()


def test_the_board_says_how_long_each_item_rests_and_whom_it_waits_for(
    site: Site, three: list[InsightRecord], ada: User, client_of: ClientOf, now: datetime
) -> None:
    client = client_of(ada)
    InsightRecord.objects.filter(number=1).update(made_at=now - timedelta(days=4000))

    page = client.get("/s/shop/board/").context["page"]
    mine = client.get("/s/shop/board/?mine=on&surface=checkout").context["page"]
    file = client.get("/s/shop/board/?format=csv").content.decode()

    insights = next(column for column in page.columns if column.title == "Insights")
    assert insights.count == 3
    assert insights.cards[0].key == "I-1"
    assert insights.cards[0].late
    assert insights.cards[0].who == "Ada"
    assert [card.key for column in mine.columns for card in column.cards] == ["I-1"]
    assert file.splitlines()[0] == "column,key,title,stage,days,waits_for"


def test_the_board_and_the_search_begin_what_they_show_with_a_capital(
    site: Site, ada: User, client_of: ClientOf, now: datetime
) -> None:
    InsightRecord.objects.create(
        site=site, number=1, problem="delivery cost comes late", made_by=ada, made_at=now
    )
    client = client_of(ada)

    columns = client.get("/s/shop/board/").context["page"].columns
    items = client.get("/s/shop/search/", {"q": "late"}).json()["items"]

    (card,) = [card for column in columns for card in column.cards]
    assert (card.title, card.stage) == ("Delivery cost comes late", "Draft")
    assert items[0]["label"] == "I-1 Delivery cost comes late"


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("i-2", "I-2 B"),
        ("c co", "I-3 C cost"),
        ("late", "I-1 A late cost"),
        ("cost a", "I-1 A late"),
    ],
)
def test_a_search_finds_by_key_by_beginning_and_by_words(
    three: list[InsightRecord], ada: User, client_of: ClientOf, text: str, first: str
) -> None:
    items = client_of(ada).get("/s/shop/search/", {"q": text}).json()["items"]

    assert items[0]["label"].startswith(first)
    assert items[0]["href"].startswith("/s/shop/insights/I-")


@pytest.mark.parametrize("text", ["", " ", "\0", "%", "x" * 5000, "H-99999999999", "' OR 1=1"])
def test_a_search_for_nonsense_finds_nothing(
    three: list[InsightRecord], ada: User, client_of: ClientOf, text: str
) -> None:
    assert client_of(ada).get("/s/shop/search/", {"q": text}).json() == {"items": []}


def test_a_program_reads_on_from_a_cursor_whatever_comes_in_meanwhile(
    site: Site, three: list[InsightRecord], ada: User, client_of: ClientOf, now: datetime
) -> None:
    client = client_of(ada)

    def part(**more: str) -> dict[str, object]:
        answer = client.get("/api/v1/insights", {"site": "shop", "limit": "2", **more})
        return {"status": answer.status_code, **json.loads(answer.content)}

    first = part()
    found(site, ada, now, "Came in meanwhile")
    second = part(cursor=str(first["next"]))

    keys = [each["key"] for each in (*first["insights"], *second["insights"])]  # type: ignore[misc]
    assert keys == ["I-3", "I-2", "I-1"]
    assert second["next"] is None
    assert [each["key"] for each in part(surface="checkout", text="late")["insights"]] == ["I-1"]  # type: ignore[attr-defined]
    assert part(cursor="zz")["status"] == 422
    assert part(stage="pigeon")["status"] == 422


def test_every_list_answers_programs_in_parts(ada: User, client_of: ClientOf) -> None:
    client = client_of(ada)

    for name in OF_ONE_FORM:
        answer = client.get(f"/api/v1/{name}?site=shop&limit=1").json()

        assert answer["next"] is None, name
        assert answer[name] == [], name


@pytest.mark.parametrize("name", OF_ONE_FORM)
def test_every_list_has_a_page_a_file_and_nothing_for_a_stranger(
    site: Site, ada: User, mallory: User, client_of: ClientOf, name: str
) -> None:
    listing = listing_of(name)
    place = f"/s/{site.name}/{LISTS[name].folder}/"
    client, stranger = client_of(ada), client_of(mallory)

    assert listing is not None
    for sort in listing.sorts:
        assert client.get(f"{place}?sort={sort}").status_code == 200
        assert client.get(f"{place}?sort=-{sort}&format=csv")["Content-Type"].startswith("text/csv")
    for narrow in listing.filters:
        for value in [value for value, _ in narrow.choices] or ["on"]:
            assert client.get(place, {narrow.name: value}).status_code == 200
    for address in (place, f"{place}?format=csv", f"/s/{site.name}/board/"):
        assert stranger.get(address).status_code == 404
    assert stranger.get(f"/s/{site.name}/search/?q=a").status_code == 404
    for step in listing.steps:
        many = f"/s/{site.name}/lists/{name}/many/"
        assert stranger.post(many, {"step": step.name, "key": "X-1"}).status_code == 404


@pytest.mark.django_db(transaction=True)
def test_of_two_who_move_an_item_at_once_one_wins_and_the_other_is_told(
    site: Site, ada: User, ben: User, client_of: ClientOf, now: datetime
) -> None:
    insight = found(site, ada, now)
    accept_insight(site, insight.key, by=Actor(ada), now=now)
    clients = [client_of(ada), client_of(ben)]
    ready = Barrier(2)

    def retire(client: Client) -> tuple[int, str]:
        ready.wait(10)
        try:
            answer = client.post(
                f"/s/shop/insights/{insight.key}/retire/", {"reason": "It is solved"}
            )
            return answer.status_code, answer.content.decode()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as people:
        (won, _), (lost, said) = sorted(people.map(retire, clients))

    assert (won, lost) == (302, 409)
    assert "retired" in said
    assert InsightRecord.objects.get().stage == "retired"
