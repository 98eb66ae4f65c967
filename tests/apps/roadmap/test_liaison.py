"""Releases that touch what is tested are told every week, acknowledged, and taken further."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime, timedelta

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.apps.roadmap.conftest import Add
from truelift.apps.accounts.models import AuditEvent, Membership, User
from truelift.apps.experiments.models import ExperimentRecord
from truelift.apps.inbox.models import NoticeForRecord, NoticeRecord
from truelift.apps.inbox.rounds import make_round
from truelift.apps.inbox.waiting import lines_of
from truelift.apps.research.actor import Actor
from truelift.apps.roadmap.liaison import (
    NothingToAcknowledge,
    NotTheLiaison,
    acknowledge,
    touching_of,
    unaccompanied_of,
)
from truelift.apps.roadmap.planning_jobs import tell_the_week
from truelift.apps.roadmap.planning_models import AcknowledgementRecord
from truelift.apps.sites.models import Site
from truelift.apps.surfaces.models import SurfaceRecord
from truelift.lifecycle.functions import Function
from truelift.lifecycle.liaison import Word
from truelift.lifecycle.notice import Severity, Topic


pytestmark = [pytest.mark.database, pytest.mark.django_db]

ClientOf = Callable[[User], Client]
RELEASED = date(2026, 6, 8)


@pytest.fixture
def release(headline: ExperimentRecord, add: Add) -> str:
    """RM-1, which goes out in June while `headline` runs on the checkout."""
    ExperimentRecord.objects.update(stage="running")
    return add().key


@pytest.fixture
def ben_is_liaison(site: Site, ada: User, ben: User) -> None:
    """Let ben be liaison, and ada the sponsor."""
    give(site, ben, Function.LIAISON)
    give(site, ada, Function.SPONSOR)


def give(site: Site, user: User, *functions: Function) -> None:
    words = [each.value for each in functions]
    Membership.objects.filter(site=site, user=user).update(functions=words)


def about(user: User, site: Site, now: datetime) -> list[str]:
    return [each.cause for each in lines_of(user, site, now=now) if "release" in each.cause]


def days_before(release: date, days: int, now: datetime) -> datetime:
    return now + timedelta(days=(release - now.date()).days - days)


def test_a_release_on_a_tested_surface_waits_whatever_somebody_typed(
    site: Site, release: str, now: datetime
) -> None:
    (found,) = touching_of(site, now=now)

    assert (found.release, found.tests, found.surfaces) == (release, ("headline",), ("Checkout",))
    assert found.word is Word.OPEN


def test_little_is_asked_where_no_release_is_to_come(
    site: Site, headline: ExperimentRecord, now: datetime
) -> None:
    with CaptureQueriesContext(connection) as asked:
        assert touching_of(site, now=now) == ()

    assert len(asked) == 1


def test_who_acknowledges_is_kept_for_good(
    site: Site, release: str, ben_is_liaison: None, ben: User, now: datetime
) -> None:
    made = acknowledge(site, release, by=Actor(ben), now=now, note="After the test, they say.")

    (found,) = touching_of(site, now=now)
    assert found.word is Word.ACKNOWLEDGED
    assert (made.by, made.tests, made.starts_on) == (ben, ["headline"], RELEASED)
    assert AuditEvent.objects.filter(action="roadmap.release_acknowledged").count() == 1
    with pytest.raises(NothingToAcknowledge):
        acknowledge(site, release, by=Actor(ben), now=now)
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        AcknowledgementRecord.objects.update(note="")
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        AcknowledgementRecord.objects.all().delete()


def test_only_the_liaison_acknowledges_and_an_owner_where_there_is_none(
    site: Site, release: str, ada: User, ben: User, now: datetime
) -> None:
    give(site, ben, Function.LIAISON)
    with pytest.raises(NotTheLiaison):
        acknowledge(site, release, by=Actor(ada), now=now)
    give(site, ben, Function.ENGINEERING)
    with pytest.raises(NotTheLiaison):
        acknowledge(site, release, by=Actor(ben), now=now)

    assert acknowledge(site, release, by=Actor(ada), now=now).by == ada


def test_the_liaison_is_asked_early_and_the_sponsor_two_days_before(
    site: Site, release: str, ben_is_liaison: None, ada: User, ben: User, now: datetime
) -> None:
    early, three, two = (days_before(RELEASED, each, now) for each in (20, 3, 2))

    assert about(ben, site, early) == []
    assert about(ben, site, three) == ["acknowledge:release:RM-1"]
    assert about(ada, site, three) == []
    assert about(ada, site, two) == ["escalated:release:RM-1"]
    (line,) = [each for each in lines_of(ben, site, now=two) if "release" in each.cause]
    assert (line.severity, line.topic) == (Severity.URGENT, Topic.ALERT)

    acknowledge(site, release, by=Actor(ben), now=two)
    assert about(ben, site, two) == about(ada, site, two) == []


def test_what_is_taken_further_is_mailed_at_once_and_over_with_the_word(
    site: Site, release: str, ben_is_liaison: None, ben: User, now: datetime
) -> None:
    two = days_before(RELEASED, 2, now)
    make_round(site, now=two)
    causes = set(
        NoticeRecord.objects.filter(settled_at=None, cause__contains="release").values_list(
            "cause", flat=True
        )
    )

    acknowledge(site, release, by=Actor(ben), now=two)
    make_round(site, now=two)

    assert causes == {"acknowledge:release:RM-1", "escalated:release:RM-1"}
    assert not NoticeRecord.objects.filter(settled_at=None, cause__contains="release").exists()


def test_the_week_is_told_once_to_the_liaison(
    site: Site, release: str, ben_is_liaison: None, ben: User, now: datetime
) -> None:
    monday = days_before(RELEASED, 7, now)

    assert not tell_the_week(site, now=now)
    assert tell_the_week(site, now=monday)
    assert not tell_the_week(site, now=monday + timedelta(days=3))

    (told,) = NoticeForRecord.objects.filter(notice__cause="liaison:2026-W23")
    assert told.user == ben
    assert told.notice.sentence.startswith("1 release of the next two weeks touches what is tested")
    assert "RM-1" in told.notice.sentence
    assert "headline" in told.notice.sentence
    ExperimentRecord.objects.update(stage="closed")
    assert not tell_the_week(site, now=monday + timedelta(days=7))
    assert not NoticeRecord.objects.filter(cause__startswith="liaison:", settled_at=None).exists()


def test_surfaces_of_engineers_without_a_liaison_are_named(
    site: Site, checkout: None, ada: User, ben: User, client_of: ClientOf
) -> None:
    del checkout
    assert unaccompanied_of(site) == ()
    SurfaceRecord.objects.update(code=["checkout/**"])
    assert unaccompanied_of(site) == ("Checkout",)
    SurfaceRecord.objects.update(code=[], owner=ben)
    assert unaccompanied_of(site) == ()
    give(site, ben, Function.ENGINEERING)
    assert unaccompanied_of(site) == ("Checkout",)
    shown = client_of(ada).get("/s/shop/roadmap/list/").content.decode()
    assert "Engineers own Checkout, and nobody is liaison." in shown
    give(site, ben, Function.ENGINEERING, Function.LIAISON)
    assert unaccompanied_of(site) == ()


def test_the_release_says_what_it_touches_and_takes_the_word(
    site: Site, headline: ExperimentRecord, add: Add, ben: User, ada: User, client_of: ClientOf
) -> None:
    start = date(2090, 6, 1)
    ExperimentRecord.objects.update(
        stage="scheduled", starts_on=start, ends_on=start + timedelta(days=14)
    )
    add("<i>Form</i>", start="2090-06-08", end="2090-06-09")
    give(site, ben, Function.LIAISON)
    page, every = "/s/shop/roadmap/items/RM-1/", "/s/shop/roadmap/liaison/"
    browser = client_of(ben)

    waits, listed = browser.get(page).content.decode(), browser.get(every).content.decode()
    others = client_of(ada).get(page).content.decode()
    refused = client_of(ada).post(f"{page}acknowledge/", follow=True).content.decode()
    browser.post(f"{page}acknowledge/", {"note": "<u>agreed</u>"})
    seen = browser.get(page).content.decode()

    assert "It touches what is tested" in waits
    assert "Acknowledge it" in waits
    assert "&lt;i&gt;Form&lt;/i&gt;" in listed
    assert "1 upcoming release touches what is tested." in listed
    assert "The liaison acknowledges it." in others
    assert "The liaison acknowledges releases. Ask them, or become it." in refused
    assert "&lt;u&gt;agreed&lt;/u&gt;" in seen
    assert AcknowledgementRecord.objects.get().by == ben


def test_a_program_acknowledges_through_the_same_service(
    site: Site, headline: ExperimentRecord, add: Add, ben: User, client_of: ClientOf
) -> None:
    start = date(2090, 6, 1)
    ExperimentRecord.objects.update(
        stage="scheduled", starts_on=start, ends_on=start + timedelta(days=14)
    )
    add(start="2090-06-08", end="2090-06-09")
    browser = client_of(ben)
    address = "/api/v1/roadmap/items/RM-1/acknowledge?site=shop"

    def post(body: dict[str, str]) -> int:
        sent = json.dumps(body)
        return browser.post(address, sent, content_type="application/json").status_code

    (before,) = browser.get("/api/v1/roadmap/touching?site=shop").json()["releases"]

    assert (before["state"], before["tests"], before["due"]) == ("open", ["headline"], "2090-06-06")
    assert [post({"note": "x" * 501}), post({}), post({})] == [422, 201, 409]
    (after,) = browser.get("/api/v1/roadmap/touching?site=shop").json()["releases"]
    assert (after["state"], after["unseen"]) == ("acknowledged", [])
