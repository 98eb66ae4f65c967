"""What waits for whom, in which order, and what a stranger learns: nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from truelift.apps.accounts.models import Membership, User
from truelift.apps.experiments.models import ExperimentRecord, MoveRecord
from truelift.apps.inbox.models import NoticeRecord
from truelift.apps.inbox.page import due_words
from truelift.apps.inbox.rounds import make_round
from truelift.apps.inbox.services import BadSnooze, act, notify
from truelift.apps.inbox.waiting import Line, lines_of
from truelift.apps.intake.fields import Arrival, SignalFields
from truelift.apps.intake.models import Way
from truelift.apps.intake.services import receive_signal
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.lifecycle.notice import Notice, Severity, Topic


pytestmark = [pytest.mark.database, pytest.mark.django_db]

ClientOf = Callable[[User], Client]

NOTE = Notice("a:b", Severity.NOTE, "Look.", "Do.", "/s/shop/")


def _analysed_at(record: ExperimentRecord) -> datetime:
    return MoveRecord.objects.get(experiment=record, action="analyse").moved_at


def _of(lines: tuple[Line, ...], kind: str) -> list[Line]:
    return [line for line in lines if line.cause.partition(":")[0] == kind]


def _gives(site: Site, user: User, *functions: str) -> None:
    Membership.objects.filter(site=site, user=user).update(functions=list(functions))


def test_a_decision_waits_for_its_owner_then_for_the_deputy_then_for_the_sponsor(
    site: Site, analysed: ExperimentRecord, ada: User, ben: User, cleo: User
) -> None:
    _gives(site, cleo, "sponsor")
    ExperimentRecord.objects.filter(pk=analysed.pk).update(decision_owner=ada, deputy=ben)
    since = _analysed_at(analysed)

    def who(days: int, kind: str) -> list[str]:
        now = since + timedelta(days=days)
        return [str(each) for each in (ada, ben, cleo) if _of(lines_of(each, site, now=now), kind)]

    assert who(0, "decide") == ["Ada"]
    assert who(0, "escalated") == []
    assert who(14, "decide") == ["Ada", "Ben"]
    assert who(14, "escalated") == ["Cleo"]
    (late,) = _of(lines_of(ada, site, now=since + timedelta(days=14)), "decide")
    assert late.severity is Severity.URGENT
    assert late.topic is Topic.DECISION


def test_while_there_is_no_sponsor_a_late_decision_is_said_to_the_owners_alone(
    site: Site, analysed: ExperimentRecord, ada: User, ben: User, cleo: User
) -> None:
    ExperimentRecord.objects.filter(pk=analysed.pk).update(
        decision_owner=ben, deputy=None, made_by=cleo
    )
    now = _analysed_at(analysed) + timedelta(days=14)

    told = [
        str(each) for each in (ada, ben, cleo) if _of(lines_of(each, site, now=now), "escalated")
    ]

    assert told == ["Ada"]
    assert _of(lines_of(cleo, site, now=now), "read")


def test_the_deputy_decides_at_once_where_the_owner_has_left(
    site: Site, analysed: ExperimentRecord, ada: User, ben: User
) -> None:
    ExperimentRecord.objects.filter(pk=analysed.pk).update(decision_owner=ada, deputy=ben)
    Membership.objects.filter(site=site, user=ada).delete()

    assert _of(lines_of(ben, site, now=_analysed_at(analysed)), "decide")


def test_a_decision_that_waits_is_told_once_and_is_over_when_it_is_made(
    site: Site, analysed: ExperimentRecord, ada: User
) -> None:
    since = _analysed_at(analysed)
    make_round(site, now=since)
    make_round(site, now=since + timedelta(hours=1))

    (notice,) = NoticeRecord.objects.filter(topic="decision", settled_at=None)
    assert [user.user_id for user in notice.people.all()] == [analysed.decision_owner_id]

    ExperimentRecord.objects.filter(pk=analysed.pk).update(stage="decided")
    make_round(site, now=since + timedelta(hours=2))
    assert not NoticeRecord.objects.filter(topic="decision", settled_at=None).exists()


def test_signals_wait_for_those_who_triage_and_many_are_one_line(
    site: Site, ada: User, ben: User, cleo: User, now: datetime
) -> None:
    _gives(site, ben, "marketing")
    for title in ("One", "Two", "Three", "Four"):
        receive_signal(site, SignalFields(title=title), Arrival(Way.MEMBER, by=Actor(ada)), now=now)
    later = now + timedelta(days=30)

    assert _of(lines_of(ben, site, now=now), "triage") == []
    assert _of(lines_of(cleo, site, now=later), "triage") == []
    assert _of(lines_of(ada, site, now=later), "triage") == []
    (line,) = _of(lines_of(ben, site, now=later), "triage")
    assert line.sentence == "4 signals have waited longer than they should."
    assert line.due is not None


def test_what_is_late_or_urgent_stands_first(site: Site, ada: User, now: datetime) -> None:
    receive_signal(site, SignalFields(title="One"), Arrival(Way.MEMBER, by=Actor(ada)), now=now)
    later = now + timedelta(days=30)
    notify(site, NOTE, to=[ada], now=later)
    notify(site, Notice("c", Severity.URGENT, "Burning.", "Stop it."), to=[ada], now=later)

    lines = lines_of(ada, site, now=later)

    assert [line.cause for line in lines] == ["c", "triage:signal:S-1", "a:b"]


def test_a_line_is_put_off_until_its_day_and_taken_back(
    site: Site, ada: User, now: datetime
) -> None:
    notify(site, NOTE, to=[ada], now=now)

    act(site, "a:b", "day", user=ada, now=now)
    assert lines_of(ada, site, now=now) == ()
    assert len(lines_of(ada, site, now=now, snoozed=True)) == 1
    assert len(lines_of(ada, site, now=now + timedelta(days=1))) == 1

    act(site, "a:b", "wake", user=ada, now=now)
    assert len(lines_of(ada, site, now=now)) == 1
    with pytest.raises(BadSnooze):
        act(site, "a:b", "forever", user=ada, now=now)


@pytest.mark.parametrize(
    ("due", "said"),
    [
        (date(2026, 5, 2), "2 days late"),
        (date(2026, 5, 3), "1 day late"),
        (date(2026, 5, 4), "due today"),
        (date(2026, 5, 5), "due tomorrow"),
        (date(2026, 5, 8), "due Fri 8 May"),
    ],
)
def test_when_something_is_due_is_said_in_words(due: date, said: str) -> None:
    assert due_words(due, today=date(2026, 5, 4)) == said


def test_the_page_shows_the_lines_and_their_count_stands_in_the_rail(
    site: Site, ada: User, now: datetime, client_of: ClientOf
) -> None:
    notify(site, NOTE, to=[ada], now=now)
    client = client_of(ada)

    page = client.get("/s/shop/inbox/").content.decode()
    assert "1 thing waits for you" in page
    assert "Look." in page
    assert (
        client.post("/s/shop/inbox/put-off/", {"cause": "a:b", "what": "week"}).status_code == 302
    )
    page = client.get("/s/shop/inbox/").content.decode()
    assert "Nothing waits for you" in page
    assert "1 put off" in page


def test_the_settings_are_kept(site: Site, ada: User, client_of: ClientOf) -> None:
    client = client_of(ada)

    assert client.post("/s/shop/inbox/settings/", {"alert": "daily"}).status_code == 302
    kept = client.get("/api/v1/inbox/settings?site=shop").json()
    assert kept["alert"] == "daily"
    assert 'value="daily" selected' in client.get("/s/shop/inbox/settings/").content.decode()
    client.post("/s/shop/inbox/settings/", {"alert": "by pigeon"})
    assert client.get("/api/v1/inbox/settings?site=shop").json() == kept


def test_programs_read_the_same_lines(
    site: Site, ada: User, now: datetime, client_of: ClientOf
) -> None:
    notify(site, NOTE, to=[ada], now=now)

    (line,) = client_of(ada).get("/api/v1/inbox?site=shop").json()["lines"]

    assert line["cause"] == "a:b"
    assert line["due"] is None
    assert line["url"] == "http://testserver/s/shop/"


@pytest.mark.parametrize("path", ["inbox/", "inbox/settings/", "inbox/webhooks/"])
def test_a_stranger_gets_404_on_every_page(
    site: Site, mallory: User, client_of: ClientOf, path: str
) -> None:
    assert client_of(mallory).get(f"/s/shop/{path}").status_code == 404
    assert client_of(mallory).get("/api/v1/inbox?site=shop").status_code == 404
    assert client_of(mallory).get("/api/v1/webhooks?site=shop").status_code == 404
    put = client_of(mallory).post("/s/shop/inbox/put-off/", {"cause": "a", "what": "day"})
    assert put.status_code == 404


def test_an_inbox_asks_no_more_of_many_items_than_of_few(
    site: Site, ada: User, now: datetime, analysed: ExperimentRecord
) -> None:
    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            lines_of(ada, site, now=now + timedelta(days=60))
        return len(queries)

    few = asked()
    for number in range(30):
        receive_signal(
            site, SignalFields(title=f"{number}"), Arrival(Way.MEMBER, by=Actor(ada)), now=now
        )
        notify(site, Notice(f"x:{number}", Severity.NOTE, "Look.", "Do."), to=[ada], now=now)

    assert asked() == few
    assert few <= 20
