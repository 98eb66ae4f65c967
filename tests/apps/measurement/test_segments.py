"""Saved segments: versions that nobody rewrites, published for questions, hidden from strangers."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.db import DatabaseError, transaction
from django.test import Client

from truelift.apps.accounts.models import AuditEvent, User
from truelift.apps.measurement.models import SegmentRecord
from truelift.apps.measurement.publish_segments import publish_segments
from truelift.apps.measurement.segments_reads import (
    saved_segment,
    segment_of,
    segments_of,
    versions_of,
)
from truelift.apps.measurement.segments_services import BadSegment, archive_segment, save_segment
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.lake.home import Home
from truelift.lake.segments import UnreadableSegments, saved_segments
from truelift.questions.matching import Events
from truelift.questions.segment import Did, Segment
from truelift.questions.segment_form import NoSuchSegment


pytestmark = [pytest.mark.database, pytest.mark.django_db]

BUYERS = {"did": "purchase"}
OFTEN = {"did": "purchase", "at_least": 3}


def save(site: Site, name: str, definition: object, by: User, now: datetime) -> SegmentRecord:
    return save_segment(site, name, definition, by=Actor(by), now=now)


def test_a_changed_segment_is_the_next_version_and_the_same_one_is_not(
    site: Site, ada: User, now: datetime
) -> None:
    save(site, "buyers", BUYERS, ada, now)
    save(site, "buyers", {"did": {"names": ["purchase"]}}, ada, now)
    save(site, "buyers", OFTEN, ada, now)

    assert [each.version for each in versions_of(site, "buyers")] == [2, 1]
    assert saved_segment(site, "buyers", now=now) == Segment(
        Did(Events(("purchase",)), at_least=3), "buyers", 2
    )
    assert saved_segment(site, "buyers@1", now=now).version == 1


def test_who_saved_what_is_in_the_audit(site: Site, ada: User, ben: User, now: datetime) -> None:
    save(site, "buyers", BUYERS, ada, now)
    save(site, "buyers", OFTEN, ben, now)

    events = AuditEvent.objects.filter(action="segment.saved").order_by("id")
    assert [(each.actor, each.target) for each in events] == [
        ("ada@example.com", "segment:buyers@1"),
        ("ben@example.com", "segment:buyers@2"),
    ]
    newest = segment_of(site, "buyers")
    assert newest is not None
    assert (newest.owner, newest.made_by) == (ada, ben)


def test_days_are_kept_as_instants_of_the_sites_own_day(
    site: Site, ada: User, now: datetime
) -> None:
    definition = {"did": "purchase", "within": {"since": "2026-05-01"}}

    saved = save(site, "may", definition, ada, now)

    assert saved.definition["within"] == {"since": "2026-04-30T22:00:00Z"}


def test_the_database_refuses_to_rewrite_a_version(site: Site, ada: User, now: datetime) -> None:
    saved = save(site, "buyers", BUYERS, ada, now)

    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        SegmentRecord.objects.filter(pk=saved.pk).update(definition=OFTEN)
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        SegmentRecord.objects.filter(pk=saved.pk).delete()


def test_what_was_put_away_is_found_by_its_version_alone(
    site: Site, ada: User, home: Home, now: datetime
) -> None:
    save(site, "buyers", BUYERS, ada, now)
    archive_segment(site, "buyers", by=Actor(ada), now=now)
    publish_segments()

    find = saved_segments(home, site.name)
    assert (segments_of(site), segment_of(site, "buyers"), find("buyers")) == ((), None, None)
    first = segment_of(site, "buyers@1")
    assert first is not None
    assert find("buyers@1") is not None
    with pytest.raises(NoSuchSegment):
        archive_segment(site, "buyers", by=Actor(ada), now=now)
    assert save(site, "buyers", BUYERS, ada, now).version == 3


@pytest.mark.parametrize(
    ("name", "definition", "wrong"),
    [
        ("Buyers", BUYERS, {"name"}),
        ("", BUYERS, {"name"}),
        ("a@1", BUYERS, {"name"}),
        ("a\n", BUYERS, {"name"}),
        ("buyers", "others", {"definition"}),
        ("buyers", {"did": 3}, {"definition"}),
        ("b" * 61, None, {"name", "definition"}),
        ("buyers", {"did": "a\0b"}, {"definition"}),
        ("buyers", {"did": "\ud800"}, {"definition"}),
    ],
)
def test_every_reason_against_saving_is_said_at_once(
    name: str, definition: object, wrong: set[str], site: Site, ada: User, now: datetime
) -> None:
    with pytest.raises(BadSegment) as refused:
        save(site, name, definition, ada, now)

    assert set(refused.value.wrong) == wrong


def test_a_stranger_answers_for_no_segment(
    site: Site, ada: User, mallory: User, now: datetime
) -> None:
    with pytest.raises(BadSegment, match="no role"):
        save_segment(site, "buyers", BUYERS, by=Actor(ada), now=now, owner=mallory)


def test_questions_without_django_find_what_was_published(
    site: Site, ada: User, home: Home, now: datetime
) -> None:
    save(site, "buyers", BUYERS, ada, now)
    save(site, "buyers", OFTEN, ada, now)
    find = saved_segments(home, site.name)

    assert find("buyers") is None

    publish_segments()

    newest, first = find("buyers"), find("buyers@1")
    assert newest is not None
    assert first is not None
    assert (newest.version, newest.definition) == (2, OFTEN)
    assert (first.version, first.definition) == (1, BUYERS)
    assert [find(name) for name in ("buyers@3", "buyers@x", "buyers@", "others", "")] == [None] * 5
    assert saved_segments(home, "elsewhere")("buyers") is None


@pytest.mark.parametrize("text", ["{", "[]", '{"segments": {"shop": {"buyers": [{}]}}}', "\xff"])
def test_a_damaged_file_is_an_outage_that_says_what_to_do(text: str, home: Home) -> None:
    home.segments_file.write_bytes(text.encode("latin-1"))

    with pytest.raises(UnreadableSegments, match="publish it again"):
        saved_segments(home, "shop")("buyers")


def test_segments_are_saved_and_shown_over_http(
    site: Site, ben: User, cleo: User, client_of: Callable[[User], Client]
) -> None:
    bens, cleos = client_of(ben), client_of(cleo)
    given = {"name": "buyers", "definition": BUYERS, "description": "Bought once"}

    made = bens.post("/api/v1/segments?site=shop", json.dumps(given), "application/json")
    listed = cleos.get("/api/v1/segments?site=shop").json()["segments"]
    shown = cleos.get("/api/v1/segments/buyers?site=shop").json()
    away = bens.post("/api/v1/segments/buyers/archive?site=shop")
    gone = cleos.get("/api/v1/segments/buyers?site=shop")

    assert (made.status_code, away.status_code, gone.status_code) == (201, 200, 404)
    assert [(each["name"], each["owner"]) for each in listed] == [("buyers", "ben@example.com")]
    assert (shown["definition"], shown["versions"]) == (BUYERS, [1])
    assert gone.json()["code"] == "questions.no_such_segment"


def test_a_viewer_saves_nothing_and_a_stranger_sees_nothing(
    site: Site,
    ada: User,
    cleo: User,
    mallory: User,
    client_of: Callable[[User], Client],
    now: datetime,
) -> None:
    save(site, "buyers", BUYERS, ada, now)
    given = json.dumps({"name": "mine", "definition": BUYERS})

    def statuses(user: User) -> list[int]:
        browser = client_of(user)
        paths = ("/api/v1/segments?site=shop", "/api/v1/segments/buyers?site=shop")
        changes = ("/api/v1/segments?site=shop", "/api/v1/segments/buyers/archive?site=shop")
        return [
            *(browser.get(path).status_code for path in paths),
            *(browser.post(path, given, "application/json").status_code for path in changes),
        ]

    assert statuses(cleo) == [200, 200, 403, 403]
    assert statuses(mallory) == [404, 404, 404, 404]
    assert SegmentRecord.objects.count() == 1


@pytest.mark.parametrize(
    ("changed", "status"),
    [({"name": "A"}, 422), ({"definition": {}}, 422), ({"definition": "x"}, 422)],
)
def test_a_bad_segment_is_refused_over_http(
    changed: dict[str, Any],
    status: int,
    site: Site,
    ada: User,
    client_of: Callable[[User], Client],
) -> None:
    given = {"name": "buyers", "definition": BUYERS} | changed

    answer = client_of(ada).post(
        "/api/v1/segments?site=shop", json.dumps(given), "application/json"
    )

    assert answer.status_code == status
