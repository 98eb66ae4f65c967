"""A meeting from its plan to its closed minutes, and a pack that stays as it was frozen."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta

import pytest
from django.db import DatabaseError, transaction
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from truelift.apps.accounts.models import AuditEvent, User
from truelift.apps.accounts.services import set_functions
from truelift.apps.calendars.services import open_calendar, read
from truelift.apps.experiments.domain import day_at
from truelift.apps.facts.models import ArrivalRecord
from truelift.apps.facts.services import make_feed, take_in
from truelift.apps.inbox.waiting import lines_of
from truelift.apps.research.actor import Actor
from truelift.apps.rhythm import services
from truelift.apps.rhythm.jobs import keep_rhythm
from truelift.apps.rhythm.models import ActionRecord, MeetingRecord, MinutesRecord, PackRecord
from truelift.apps.rhythm.page import pack_page
from truelift.apps.rhythm.reads import meeting_of, missed, rhythms_of
from truelift.apps.rhythm.services import BadMeeting, When
from truelift.apps.sites.models import Site
from truelift.lifecycle.functions import Function
from truelift.lifecycle.obstacle import MoveRefused
from truelift.lifecycle.rhythm import Meeting, Stage


pytestmark = pytest.mark.django_db

ClientOf = Callable[[User], Client]
TUESDAY = datetime(2026, 6, 9, 7, tzinfo=UTC)
WEEK = timedelta(weeks=1)
ROBOT = Actor(None, machine=True)
STAND_UP, REVIEW = Meeting.STAND_UP, Meeting.REVIEW


@pytest.fixture
def by(site: Site, ada: User, ben: User, cleo: User) -> Actor:
    """Ada leads, ben builds and cleo counts; nobody does the product yet."""
    for user, does in (
        (ada, [Function.CRO_LEAD]),
        (ben, [Function.ENGINEERING]),
        (cleo, [Function.ANALYTICS]),
    ):
        set_functions(site, user, tuple(does), by="tests", now=TUESDAY)
    when = When(weekday=1, nth=1, at=time(9, 30), owner=ada.email)
    services.set_rhythm(site, STAND_UP, when, seen=0, by=Actor(ada), now=TUESDAY)
    return Actor(ada)


def hold(site: Site, by: Actor, people: list[User], *, now: datetime) -> MeetingRecord:
    """Hold the stand-up of a moment from beginning to end."""
    year, week, _ = now.date().isocalendar()
    at = (site, STAND_UP, f"{year}-W{week:02d}")
    services.begin(*at, by=by, now=now)
    services.set_present(*at, [each.pk for each in people], by=by, now=now)
    notes = {each.value: "Nothing." for each in STAND_UP.topics}
    services.write_notes(*at, notes, by=by, now=now)
    return services.close(*at, by=by, now=now + timedelta(minutes=20))


@pytest.mark.database
def test_a_meeting_is_planned_held_and_closed_for_good(
    site: Site, by: Actor, ada: User, ben: User, cleo: User
) -> None:
    keep_rhythm(site, now=TUESDAY)
    first = meeting_of(site, "stand-up", "2026-W24")
    assert first is not None
    assert first.starts_at == datetime(2026, 6, 9, 7, 30, tzinfo=UTC)
    sections = [each["topic"] for each in json.loads(first.agenda)["sections"]]
    assert sections == ["conflicts", "status", "blockers", "releases", "actions"]
    called = {each.cause: each for each in lines_of(cleo, site, now=TUESDAY)}
    assert called["meeting:stand-up:2026-W24"].sentence == (
        "The weekly stand-up is on Tuesday at 09:30."
    )
    at = (site, STAND_UP, "2026-W24")
    with pytest.raises(MoveRefused, match="has not begun"):
        services.write_notes(*at, {"status": "All runs."}, by=by, now=TUESDAY)

    services.begin(*at, by=by, now=TUESDAY)
    with pytest.raises(BadMeeting):
        services.promise(
            *at, what="", owner="eve@example.com", due="2026-06-08", by=by, now=TUESDAY
        )
    made = services.promise(
        *at, what="Ask finance", owner=ben.email, due="2026-06-11", by=by, now=TUESDAY
    )
    with pytest.raises(MoveRefused) as refused:
        services.close(*at, by=by, now=TUESDAY)
    notes = {each.value: "Nothing." for each in STAND_UP.topics}
    services.write_notes(*at, notes, by=by, now=TUESDAY)
    services.set_present(*at, [ada.pk, ben.pk], by=by, now=TUESDAY)
    closed = services.close(*at, by=by, now=TUESDAY)

    assert {each.code for each in refused.value.obstacles} == {"rhythm.no_minutes"}
    # Without quorum it is closed and does not count.
    assert closed.quorate is False
    minutes = MinutesRecord.objects.get(meeting=closed)
    assert minutes.document["missing"] == ["product_ux", "analytics"]
    assert services.digest(minutes.text) == minutes.digest
    with pytest.raises(MoveRefused, match="closed"):
        services.set_present(*at, [cleo.pk], by=by, now=TUESDAY)
    services.add(*at, "Cleo came later.", by=by, now=TUESDAY)
    for row in (minutes, closed.additions.get()):
        with pytest.raises(DatabaseError), transaction.atomic():
            type(row).objects.filter(pk=row.pk).update(text="Never said.")
    lines = {each.cause: each for each in lines_of(ben, site, now=TUESDAY + 3 * WEEK)}
    assert lines[f"action:{made.number}"].due == date(2026, 6, 11)
    actions = AuditEvent.objects.filter(site=site.name).values_list("action", flat=True)
    assert {"rhythm.set", "meeting.begun", "action.promised", "meeting.closed"} <= set(actions)


def test_two_misses_in_a_row_are_a_warning_and_what_was_promised_is_carried_over(
    site: Site, by: Actor, ada: User, ben: User, cleo: User
) -> None:
    set_functions(site, cleo, (Function.PRODUCT_UX, Function.ANALYTICS), by="tests", now=TUESDAY)
    keep_rhythm(site, now=TUESDAY)
    hold(site, by, [ada, ben, cleo], now=TUESDAY)
    keep_rhythm(site, now=TUESDAY + WEEK)
    later = TUESDAY + WEEK + timedelta(hours=1)
    at = (site, STAND_UP, "2026-W25")
    services.begin(*at, by=by, now=later)
    promised = services.promise(
        *at, what="Say no", owner=ada.email, due="2026-06-17", by=by, now=later
    )
    after = TUESDAY + 3 * WEEK

    found = rhythms_of(site, now=after)[0]
    keep_rhythm(site, now=after)

    # Held without quorum, begun and never closed, never begun: three misses.
    assert (found.adherence.held, found.adherence.due) == (0, 3)
    assert [len(each.days) for each in missed(site, now=after)] == [3]
    with pytest.raises(MoveRefused, match="another week"):
        services.begin(site, STAND_UP, "2026-W26", by=by, now=after)
    row = meeting_of(site, "stand-up", "2026-W27")
    assert row is not None
    carried = json.loads(row.agenda)["sections"][-1]
    assert [each["text"] for each in carried["lines"]] == [f"{promised.key}: Say no"]
    to = {"owner": ben.email, "due": "2026-07-03"}
    services.hand_over(site, promised.number, **to, by=by, now=after)
    services.finish_action(site, promised.number, by=by, now=after)
    with pytest.raises(MoveRefused, match="done"):
        services.hand_over(site, promised.number, **to, by=by, now=after)
    services.read_agenda(site, STAND_UP, "2026-W27", now=after + timedelta(hours=1))
    row.refresh_from_db()
    assert (
        json.loads(row.agenda)["sections"][-1]["said"] == "No action of a weekly stand-up is open."
    )


def test_when_it_stands_otherwise_only_meetings_to_come_move(
    site: Site, by: Actor, ada: User
) -> None:
    before = {each.period: each.day for each in MeetingRecord.objects.all()}
    thursday = When(weekday=3, nth=1, at=time(10), owner=ada.email)
    wednesday = TUESDAY + timedelta(days=1)

    services.set_rhythm(site, STAND_UP, thursday, seen=1, by=by, now=wednesday)
    moved = {each.period: each.day for each in MeetingRecord.objects.all()}
    with pytest.raises(services.ChangedMeanwhile):
        services.set_rhythm(site, STAND_UP, thursday, seen=1, by=by, now=wednesday)
    none = When(weekday=3, nth=1, at=time(10), stands=False)
    services.set_rhythm(site, STAND_UP, none, seen=2, by=by, now=wednesday)

    assert moved["2026-W24"] == before["2026-W24"] == date(2026, 6, 9)
    assert moved["2026-W25"] - before["2026-W25"] == timedelta(days=2)
    assert [each.period for each in MeetingRecord.objects.all()] == ["2026-W24"]


def sessions(site: Site, month: int, *, google: int) -> None:
    """Let 1,000 sessions come each day, so many of them of a source that brings little."""
    rows = [
        {
            "day": f"2026-{month:02d}-{day:02d}",
            "source": source,
            "sessions": count,
            "orders": count // each,
            "revenue": f"{80 * (count // each)}.00",
        }
        for day in range(1, 31)
        for source, count, each in (("mail", 1000 - google, 25), ("google", google, 100))
    ]
    take_in(site, "web", rows, by=ROBOT, now=datetime(2026, 6, 1, tzinfo=UTC))


@pytest.mark.database
def test_a_pack_is_the_same_page_and_hash_whatever_happens_to_the_facts(
    site: Site, by: Actor
) -> None:
    when = When(weekday=3, nth=1, at=time(14))
    services.set_rhythm(site, REVIEW, when, seen=0, by=by, now=datetime(2026, 6, 1, tzinfo=UTC))
    make_feed(site, name="web", kind="traffic", source="api", by=ROBOT, now=TUESDAY)
    sessions(site, 4, google=100)
    sessions(site, 5, google=500)
    arrived = ArrivalRecord.objects.latest("pk").pk
    now = datetime(2026, 6, 4, 12, tzinfo=UTC)
    at = (site, REVIEW, "2026-06")
    keep_rhythm(site, now=now - timedelta(hours=2))
    first = PackRecord.objects.get()
    page = pack_page(first.document)

    sessions(site, 5, google=900)
    services.begin(*at, by=by, now=now)
    again = PackRecord.objects.get()
    second = services.freeze_pack(*at, by=by, now=now + timedelta(minutes=5))

    head = page.parts[0]
    assert page.answer == (
        "Revenue per session fell by 32.4% to €2.00. Most of it is who came, not what they found."
    )
    assert [each.value for each in head.figures][:2] == ["€2.000", "30,000"]
    assert [(each.called, each.said) for each in head.steps] == [
        ("April", "€2.960"),
        ("Traffic mix", "−€0.960"),
        ("Conversion within sources", "€0.000"),
        ("Basket mix", "€0.000"),
        ("Basket within sources", "€0.000"),
        ("May", "€2.000"),
    ]
    assert page.feeds == (("web", arrived),)
    assert pack_page(again.document) == page
    assert services.digest(again.text) == first.digest == again.digest
    assert (first.snapshot, second.snapshot) == ("2026-06-a", "2026-06-b")
    assert pack_page(second.document).answer != page.answer
    with pytest.raises(DatabaseError), transaction.atomic():
        PackRecord.objects.filter(pk=first.pk).update(digest="0" * 64)


def test_people_meet_through_the_pages_and_programs_through_the_api(
    site: Site,
    by: Actor,
    ada: User,
    cleo: User,
    client_of: ClientOf,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    few_queries = django_assert_max_num_queries
    now = datetime.now(UTC)
    services.set_rhythm(
        site, REVIEW, When(weekday=0, nth=1, at=time(9)), seen=0, by=by, now=TUESDAY
    )
    row = MeetingRecord.objects.create(
        site=site,
        kind="review",
        period=f"{day_at(site, now):%Y-%m}",
        day=day_at(site, now),
        starts_at=now,
    )
    owner, viewer = client_of(ada), client_of(cleo)
    assert viewer.post(f"{row.href}begin/").status_code == 403
    assert owner.post(f"{row.href}begin/").status_code == 302
    assert owner.post(f"{row.href}close/").status_code == 409
    promised = {"what": "<b>Ask</b>", "owner": cleo.email, "due": day_at(site, now).isoformat()}
    assert owner.post(f"{row.href}actions/", {**promised, "what": ""}).status_code == 422
    owner.post(f"{row.href}actions/", promised)
    owner.post(f"{row.href}present/", {"present": [ada.pk, cleo.pk]})
    notes = {f"note-{each.value}": "Said." for each in REVIEW.topics}
    owner.post(f"{row.href}notes/", notes)
    # Who had read a topic before somebody else wrote it does not write it over.
    stale = {
        "note-decisions": "",
        "seen-decisions": "",
        "note-warnings": "More.",
        "seen-warnings": "",
    }
    owner.post(f"{row.href}notes/", stale)

    with few_queries(16):
        page = viewer.get(row.href).content.decode()
    with few_queries(16):
        pack = viewer.get(f"{row.href}pack/1/")
    with few_queries(16):
        home = viewer.get(f"/s/{site.name}/rhythm/").content.decode()
    done = viewer.post(f"/s/{site.name}/rhythm/actions/1/", {"back": "meeting"})
    owner.post(f"{row.href}close/")
    told = viewer.get(f"/api/v1/meetings/{row.kind}/{row.period}?site={site.name}").json()

    assert "&lt;b&gt;Ask&lt;/b&gt;" in page
    assert "<b>Ask" not in page
    assert pack.status_code == 200
    assert "1 action open" in home
    assert done.status_code == 302
    assert ActionRecord.objects.get().done_by == cleo
    assert told["stage"] == Stage.CLOSED.value
    assert told["quorate"] is False
    assert told["notes"]["warnings"] == "More."
    assert told["notes"]["decisions"] == "Said."
    listed = viewer.get(f"/api/v1/rhythm?site={site.name}").json()["kinds"]
    assert [each["kind"] for each in listed] == ["stand-up", "review", "rebuild"]
    assert owner.get(f"/s/{site.name}/rhythm/when/").status_code == 200


def test_meetings_have_calendars_of_their_own_in_which_they_move(
    site: Site, by: Actor, ada: User
) -> None:
    opened = open_calendar(site, team="", surface="", kind="meetings", by=ada, now=TUESDAY)
    token = opened.address.rpartition("/")[2].removesuffix(".ics")

    def told(now: datetime) -> list[str]:
        lines = read(token, today=now.date(), now=now).decode().splitlines()
        wanted = ("UID", "DTSTART", "SEQUENCE", "STATUS")
        return [each for each in lines if each.partition(":")[0] in wanted][:4]

    before = told(TUESDAY)
    thursday = When(weekday=3, nth=1, at=time(10), owner=ada.email)
    services.set_rhythm(site, STAND_UP, thursday, seen=1, by=by, now=TUESDAY)

    uid = "UID:meeting-shop-stand-up-2026-W24@truelift"
    assert set(before) == {uid, "DTSTART:20260609T073000Z", "SEQUENCE:0", "STATUS:CONFIRMED"}
    moved = {uid, "DTSTART:20260611T080000Z", "SEQUENCE:1", "STATUS:CONFIRMED"}
    assert set(told(TUESDAY + timedelta(hours=1))) == moved
