"""Feeds of the roadmap: who reads them, for how long, and what they are told of changes."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from django.test import Client
from ical.calendar_stream import IcsCalendarStream
from ical.event import Event

from truelift.apps.accounts.models import AuditEvent, Membership, User
from truelift.apps.calendars.models import CalendarRecord
from truelift.apps.calendars.services import BadCalendar, NoSuchCalendar, open_calendar, read
from truelift.apps.research.actor import Actor
from truelift.apps.roadmap.models import RoadmapItemRecord
from truelift.apps.roadmap.services import drop_item, move_item
from truelift.apps.sites.models import Site
from truelift.lifecycle.roadmap_item import ItemKind
from truelift.project.logs import masked


pytestmark = [pytest.mark.database, pytest.mark.django_db]

ClientOf = Callable[[User], Client]
Add = Callable[..., RoadmapItemRecord]


def _opened(site: Site, by: User, now: datetime, **part: str) -> str:
    chosen = {"team": "", "surface": "", "kind": "", **part}
    return open_calendar(site, **chosen, by=by, now=now).address


def _events(address: str, now: datetime) -> list[Event]:
    content = read(_token(address), today=now.date(), now=now)
    return list(IcsCalendarStream.calendar_from_ics(content.decode()).events)


def _token(address: str) -> str:
    return address.rpartition("/")[2].removesuffix(".ics")


def test_a_feed_tells_of_experiments_and_of_what_else_is_planned(
    site: Site, headline: object, add: Add, cleo: User, now: datetime
) -> None:
    add("New payment form")

    events = _events(_opened(site, cleo, now), now)

    assert {event.summary for event in events} == {
        "Experiment: A shorter headline",
        "Release: New payment form",
    }
    test = next(each for each in events if str(each.summary).startswith("Experiment"))
    assert (test.dtstart, test.dtend) == (date(2026, 6, 1), date(2026, 6, 15))


def test_a_feed_of_a_part_tells_of_that_part(
    site: Site, headline: object, add: Add, cleo: User, now: datetime
) -> None:
    add("New payment form", kind=ItemKind.RELEASE)
    add("Summer sale", kind=ItemKind.CAMPAIGN, surfaces=())

    of_kind = _events(_opened(site, cleo, now, kind="campaign"), now)
    of_surface = _events(_opened(site, cleo, now, surface="Checkout"), now)
    of_team = _events(_opened(site, cleo, now, team="Nobody’s"), now)

    assert [event.summary for event in of_kind] == ["Campaign: Summer sale"]
    assert {str(event.summary) for event in of_surface} >= {"Release: New payment form"}
    assert "Campaign: Summer sale" not in {event.summary for event in of_surface}
    assert of_team == []


def test_a_moved_item_is_told_once_more_and_a_dropped_one_is_cancelled(
    site: Site, checkout: None, add: Add, ada: User, now: datetime
) -> None:
    item = add("New payment form")
    address = _opened(site, ada, now)
    (first,) = _events(address, now)

    later = now + timedelta(hours=1)
    move_item(
        site, item.key, start=date(2026, 7, 6), end=date(2026, 7, 10), by=Actor(ada), now=later
    )
    (moved,) = _events(address, later)
    drop_item(site, item.key, reason="Not needed.", by=Actor(ada), now=later)
    (dropped,) = _events(address, later)
    gone = _events(address, later + timedelta(days=31))

    assert first.uid == moved.uid == dropped.uid
    assert [first.sequence, moved.sequence, dropped.sequence] == [0, 1, 2]
    assert moved.dtstart == date(2026, 7, 6)
    assert dropped.status == "CANCELLED"
    assert gone == []


def test_a_revoked_feed_and_one_of_somebody_who_left_lead_nowhere(
    site: Site, cleo: User, now: datetime, client: Client, client_of: ClientOf
) -> None:
    address = _opened(site, cleo, now)
    path = "/" + address.partition("://")[2].partition("/")[2]
    before = client.get(path)

    Membership.objects.filter(user=cleo).delete()
    left = client.get(path)
    Membership.objects.create(user=cleo, site=site, role="viewer", created_at=now)
    client_of(cleo).post(f"/s/shop/calendars/{CalendarRecord.objects.get().pk}/revoke/")
    revoked = client.get(path)

    assert [before.status_code, left.status_code, revoked.status_code] == [200, 404, 404]
    assert before["Content-Type"] == "text/calendar; charset=utf-8"
    assert "no-store" in before["Cache-Control"]
    assert before["X-Robots-Tag"] == "noindex, nofollow"
    assert before["Referrer-Policy"] == "no-referrer"
    assert masked(path) == "/cal/…"
    assert client.get("/cal/nothing.ics").status_code == 404


def test_a_feed_that_has_not_changed_is_not_sent_again(
    site: Site, checkout: None, add: Add, cleo: User, now: datetime, client: Client
) -> None:
    add("New payment form")
    path = f"/cal/{_token(_opened(site, cleo, now))}.ics"

    first = client.get(path)
    again = client.get(path, headers={"If-None-Match": first["ETag"]})

    assert (again.status_code, again.content) == (304, b"")


def test_the_token_is_said_once_and_kept_as_its_hash(
    site: Site, cleo: User, client_of: ClientOf
) -> None:
    client = client_of(cleo)

    made = client.post("/s/shop/calendars/", {"kind": "release"})
    address = re.search(r"http://testserver/cal/[^<]+\.ics", made.content.decode())
    listed = client.get("/s/shop/calendars/").content.decode()

    assert made.status_code == 201
    assert address is not None
    assert "no-store" in made["Cache-Control"]
    assert _token(address[0]) not in listed
    assert _token(address[0]) not in str(list(CalendarRecord.objects.values()))
    assert _token(address[0]) not in str(list(AuditEvent.objects.values()))


def test_nobody_closes_the_feed_of_another_but_those_who_keep_the_site(
    site: Site, ada: User, ben: User, cleo: User, now: datetime, client_of: ClientOf
) -> None:
    _opened(site, ben, now)
    path = f"/s/shop/calendars/{CalendarRecord.objects.get().pk}/revoke/"

    assert client_of(cleo).post(path).status_code == 404
    assert client_of(ada).post(path).status_code == 302


def test_a_feed_of_no_known_kind_is_refused(
    site: Site, cleo: User, client_of: ClientOf, now: datetime
) -> None:
    answer = client_of(cleo).post("/s/shop/calendars/", {"kind": "party"})

    assert answer.status_code == 409
    with pytest.raises(BadCalendar):
        open_calendar(site, team="x" * 81, surface="", kind="", by=cleo, now=now)
    with pytest.raises(NoSuchCalendar):
        read("nothing", today=now.date(), now=now)


def test_a_stranger_opens_and_closes_nothing(
    site: Site, ada: User, mallory: User, now: datetime, client_of: ClientOf
) -> None:
    _opened(site, ada, now)
    client = client_of(mallory)

    assert client.get("/s/shop/calendars/").status_code == 404
    assert client.post("/s/shop/calendars/", {}).status_code == 404
    path = f"/s/shop/calendars/{CalendarRecord.objects.get().pk}/revoke/"
    assert client.post(path).status_code == 404


@pytest.mark.django_db(transaction=True)
def test_a_real_program_subscribes(
    site: Site, checkout: None, add: Add, ada: User, live_server: object
) -> None:
    from icalevents.icalevents import events

    now = datetime.now(UTC)
    monday = now.date() + timedelta(days=7 - now.weekday())
    until = monday + timedelta(days=5)
    add("New payment form", start=monday.isoformat(), end=until.isoformat())
    token = _token(_opened(site, ada, now))

    found = events(
        url=f"{live_server}/cal/{token}.ics", start=now, end=now + timedelta(days=30), strict=True
    )

    assert [(each.summary, each.all_day) for each in found] == [("Release: New payment form", True)]
    assert found[0].start == monday
    assert CalendarRecord.objects.get().read_at is not None
