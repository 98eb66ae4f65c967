"""The page of saved segments: a sentence, its people before anything is kept, and what is kept."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.test import Client

from tests.apps.measurement.files import Row as Event
from tests.apps.measurement.files import load, write
from truelift.apps.accounts.models import User
from truelift.apps.measurement import reads
from truelift.apps.measurement.models import SegmentRecord
from truelift.apps.measurement.segments_form import Row, Sentence
from truelift.apps.measurement.segments_reads import people_in, saved_segment, segment_of
from truelift.apps.measurement.segments_services import archive_segment, save_segment
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.lake.home import Home


pytestmark = [pytest.mark.django_db]

SignedIn = Callable[[User], Client]
BUYERS = {"did": "purchase"}


@pytest.fixture
def place(site: Site) -> str:
    return f"/s/{site.name}/segments/saved/"


@pytest.fixture
def visited(site: Site, home: Home, tmp_path: Path) -> datetime:
    """Ten people look, four of them buy, two of these long ago."""
    now = datetime.now(UTC)
    rows = [Event("view_item", f"v{n}", now - timedelta(days=50), "phone") for n in range(10)]
    rows += [
        Event("purchase", f"v{n}", now - timedelta(days=49 if n < 2 else 2), "phone")
        for n in range(4)
    ]
    load(home, site.name, write(tmp_path / "events.csv", rows), now=now)
    return now


def heading(page: str) -> str:
    found = re.search(r"<h1>(.*?)</h1>", page, re.DOTALL)
    assert found is not None
    return re.sub(r"<[^>]+>", "", found[1])


def test_a_sentence_says_how_many_people_it_holds_before_it_is_kept(
    visited: datetime, place: str, ben: User, client_of: SignedIn
) -> None:
    sentence = Sentence((Row(event="purchase", period="7d"), Row("did_not", event="refund")))

    answer = client_of(ben).get(f"{place}?{sentence.address}")
    page = answer.content.decode()

    assert answer.status_code == 200
    assert heading(page) == (
        "People who did “purchase” in the last 7 days, and did not do “refund”: 2 people now."
    )
    assert "20.0% of 10 people with any event" in page
    assert "Keep it under a name" in page
    assert not SegmentRecord.objects.exists()


def test_what_was_shown_is_kept_listed_with_its_people_and_put_away(
    visited: datetime, site: Site, place: str, ben: User, client_of: SignedIn
) -> None:
    browser = client_of(ben)
    shown = browser.get(f"{place}?{Sentence((Row(event='purchase'),)).address}").content.decode()
    hidden = re.search(r'name="definition" value="([^"]*)"', shown)
    assert hidden is not None
    definition = hidden[1].replace("&quot;", '"')
    given = {"name": "buyers", "definition": definition, "description": "<b>Bought</b>"}

    empty = browser.get(place).content.decode()
    listed = browser.post(place, given, follow=True).content.decode()
    away = browser.post(f"{place}buyers/away/", follow=True).content.decode()

    assert heading(empty) == "No segment is kept yet."
    assert heading(listed) == "1 segment is kept."
    assert "People who did “purchase”" in listed
    assert "4<small>40.0%</small>" in listed
    assert "&lt;b&gt;Bought" in listed
    assert heading(away) == "No segment is kept yet."
    assert SegmentRecord.objects.filter(name="buyers", version=1).get().definition == BUYERS


def test_a_segment_that_follows_the_asked_period_is_counted_over_all_time(
    visited: datetime, site: Site, place: str, ben: User, client_of: SignedIn
) -> None:
    save_segment(site, "new", {"first_seen": {"asked": True}}, by=Actor(ben), now=visited)
    browser = client_of(ben)

    asked = browser.get(f"{place}?{Sentence((Row('first_seen', period='asked'),)).address}")

    assert heading(asked.content.decode()).endswith(": 10 people over all time.")
    assert "10<small>over all time</small>" in browser.get(place).content.decode()


def test_a_kept_segment_leads_to_explorers_that_take_it(
    visited: datetime, site: Site, place: str, ben: User, now: datetime, client_of: SignedIn
) -> None:
    save_segment(site, "buyers", BUYERS, by=Actor(ben), now=now)
    browser = client_of(ben)

    page = browser.get(place).content.decode()
    links = re.findall(r'href="(/s/[^"]*segment=buyers[^"]*)"', page)
    answers = [browser.get(link.replace("&amp;", "&")) for link in links]

    assert len(links) == 2
    assert [answer.status_code for answer in answers] == [200, 200]


def test_a_changed_segment_starts_from_the_form_and_becomes_the_next_version(
    site: Site, place: str, ben: User, now: datetime, client_of: SignedIn
) -> None:
    save_segment(site, "buyers", BUYERS, by=Actor(ben), now=now, description="Bought")
    browser = client_of(ben)

    edited = browser.get(f"{place}?edit=buyers").content.decode()
    browser.post(place, {"name": "buyers", "definition": '{"did": "purchase", "at_least": 2}'})
    versions = browser.get(f"{place}?versions=buyers").content.decode()

    assert 'value="purchase" list="event-names"' in edited
    assert 'id="description" name="description" value="Bought"' in edited
    assert "Keep it as the next version of buyers" in edited
    assert "did “purchase” at least 2 times" in versions
    assert "?edit=buyers@1" in versions
    newest = segment_of(site, "buyers")
    assert newest is not None
    assert newest.version == 2


def test_what_the_form_cannot_say_is_changed_as_json(
    site: Site, place: str, ben: User, now: datetime, client_of: SignedIn
) -> None:
    save_segment(site, "others", {"not": BUYERS}, by=Actor(ben), now=now)

    page = client_of(ben).get(f"{place}?edit=others").content.decode()

    assert '<details class="numbers" open>' in page
    assert "&quot;not&quot;" in page
    assert "more than this form can" in page


def test_a_version_that_was_put_away_can_be_started_from(
    site: Site, place: str, ben: User, now: datetime, client_of: SignedIn
) -> None:
    save_segment(site, "buyers", BUYERS, by=Actor(ben), now=now)
    archive_segment(site, "buyers", by=Actor(ben), now=now)
    browser = client_of(ben)

    assert browser.get(f"{place}?edit=buyers").status_code == 404
    assert browser.get(f"{place}?edit=buyers@1").status_code == 200
    assert "put away" in browser.get(f"{place}?versions=buyers").content.decode()


def test_a_button_gives_one_more_row_and_asks_nothing(
    place: str, ben: User, client_of: SignedIn
) -> None:
    address = Sentence((Row(event="purchase", times="often"),)).address

    more = client_of(ben).get(f"{place}?{address}&add=1")
    fewer = client_of(ben).get(f"{place}?{address}&remove=1")

    assert (more.status_code, fewer.status_code) == (200, 200)
    assert 'value="often"' in more.content.decode()
    assert 'name="kind-2"' in more.content.decode()
    assert 'value="often"' not in fewer.content.decode()


def test_problems_are_listed_all_at_once_and_what_was_typed_is_kept(
    place: str, ben: User, client_of: SignedIn
) -> None:
    browser = client_of(ben)
    address = Sentence((Row(event="purchase", times="often"), Row("ever", value="x"))).address

    sentence = browser.get(f"{place}?{address}")
    no_json = browser.post(place, {"name": "A", "definition": "{", "description": "x" * 501})
    no_condition = browser.post(place, {"name": "a", "definition": "{}"})
    no_name = browser.post(place, {"name": "A b", "definition": json.dumps(BUYERS)})

    said = [answer.content.decode() for answer in (sentence, no_json, no_condition, no_name)]
    assert {answer.status_code for answer in (sentence, no_json, no_condition, no_name)} == {422}
    assert "Condition 1: how often" in said[0]
    assert "Condition 2: name the property" in said[0]
    assert 'value="often"' in said[0]
    assert "This is not JSON" in said[1]
    assert "Name: A small letter" in said[1]
    assert "In words: At most 500" in said[1]
    assert "is not an object with one of" in said[2]
    assert 'value="A b"' in said[3]
    assert heading(said[3]) == "This cannot be kept yet."
    assert not SegmentRecord.objects.exists()


def test_a_viewer_looks_and_counts_but_keeps_nothing(
    visited: datetime, site: Site, place: str, ada: User, cleo: User, client_of: SignedIn
) -> None:
    save_segment(site, "buyers", BUYERS, by=Actor(ada), now=visited)
    browser = client_of(cleo)
    asked = {"definition": '{"not": {"did": "purchase"}}', "do": "look"}

    seen = browser.get(f"{place}?{Sentence((Row(event='purchase'),)).address}").content.decode()
    as_json = browser.post(place, asked)
    kept = browser.post(place, {"name": "mine", "definition": json.dumps(BUYERS)})

    assert "4 people" in heading(seen)
    assert "Keep it" not in seen
    assert "Put away" not in seen
    assert "6 people" in heading(as_json.content.decode())
    assert kept.status_code == 403
    assert browser.post(f"{place}buyers/away/").status_code == 403
    assert SegmentRecord.objects.count() == 1


def test_a_stranger_finds_no_page(
    site: Site, place: str, ada: User, mallory: User, now: datetime, client_of: SignedIn
) -> None:
    save_segment(site, "buyers", BUYERS, by=Actor(ada), now=now)
    browser = client_of(mallory)
    address = Sentence((Row(event="purchase"),)).address

    gets = [place, f"{place}?{address}", f"{place}?edit=buyers", f"{place}?versions=buyers"]
    posts = [{"do": "look", "definition": "{}"}, {"name": "a", "definition": "{}"}]

    assert {browser.get(each).status_code for each in gets} == {404}
    assert {browser.post(place, each).status_code for each in posts} == {404}
    assert browser.post(f"{place}buyers/away/").status_code == 404


@pytest.mark.parametrize("query", ["edit=nobody", "versions=nobody", "edit=a%00", "versions=a%00"])
def test_a_segment_that_nobody_kept_is_not_found(
    query: str, place: str, ben: User, client_of: SignedIn
) -> None:
    assert client_of(ben).get(f"{place}?{query}").status_code == 404


def test_on_a_large_site_the_list_comes_before_its_people(
    visited: datetime,
    site: Site,
    place: str,
    ben: User,
    client_of: SignedIn,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    save_segment(site, "buyers", BUYERS, by=Actor(ben), now=visited)
    monkeypatch.setattr(reads, "LARGE", 1)
    segment = saved_segment(site, "buyers", now=visited)
    browser = client_of(ben)

    before = people_in(site, segment, now=visited, waits=False)
    page = browser.get(place).content.decode()
    counted = heading(browser.get(f"{place}?edit=buyers").content.decode())

    assert before is None
    assert '<a href="?edit=buyers">Count' in page
    assert "4 people" in counted
