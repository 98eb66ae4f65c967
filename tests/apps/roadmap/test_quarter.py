"""Each quarter has priorities, and a roadmap that somebody went through item by item."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from django.db import DatabaseError, transaction
from django.http import HttpResponse
from django.test import RequestFactory

from tests.apps.roadmap.conftest import Add
from truelift.apps.accounts.models import Membership, User
from truelift.apps.experiments.models import ExperimentRecord
from truelift.apps.research.actor import Actor
from truelift.apps.roadmap import services
from truelift.apps.roadmap.fields import BadRoadmapFields, ItemFields
from truelift.apps.roadmap.models import PresenceRecord, RoadmapVersionRecord, Verdict
from truelift.apps.roadmap.presence import Mark, note_presence, presence_of, quiet_teams
from truelift.apps.roadmap.priorities import current_priorities, orphans_of, write_priorities
from truelift.apps.roadmap.reads import item_of, items_of
from truelift.apps.roadmap.rebuilding import (
    CannotBegin,
    NothingIsRebuilt,
    begin_rebuild,
    decide_candidate,
    give_up_rebuild,
    progress_of,
    publish_rebuild,
    rebuild_of,
)
from truelift.apps.roadmap.versions import (
    carried_of,
    differences,
    is_a_rebuild,
    snapshot_of,
    who_changed,
)
from truelift.apps.sites.models import Site
from truelift.lifecycle.obstacle import MoveRefused


pytestmark = [pytest.mark.database, pytest.mark.django_db]

TODAY = date(2026, 5, 4)
GROW = ("New customers", "More of them, at the same cost")
KEEP = ("Returning customers", "")


def agree(site: Site, by: User, now: datetime, *names: tuple[str, str]) -> list[str]:
    write_priorities(site, "2026-Q2", names, by=Actor(by), now=now)
    return [each.key for each in current_priorities(site)]


def test_items_serve_a_priority_until_there_are_new_ones(
    site: Site, add: Add, ada: User, now: datetime
) -> None:
    add("A")
    add("B")
    assert not orphans_of(site, items_of(site), today=TODAY).warns
    grow, _ = agree(site, ada, now, GROW, KEEP)
    for key in ("RM-1", "RM-2"):
        services.change_item(site, key, ItemFields(priority=grow), by=Actor(ada), now=now)
    assert orphans_of(site, items_of(site), today=TODAY).keys == ()

    agree(site, ada, now, GROW)

    lost = orphans_of(site, items_of(site), today=TODAY)
    assert (lost.keys, lost.stale, lost.share) == (("RM-1", "RM-2"), ("RM-1", "RM-2"), 1.0)
    assert lost.warns


def test_priorities_of_a_quarter_that_is_over_are_nobodys_any_more(
    site: Site, add: Add, ada: User, now: datetime
) -> None:
    (grow,) = agree(site, ada, now, GROW)
    add("A", priority=grow)

    then = orphans_of(site, items_of(site), today=date(2026, 6, 30))
    after = orphans_of(site, items_of(site), today=date(2026, 7, 1))

    assert (then.keys, then.expired) == ((), "")
    assert (after.keys, after.stale, after.expired) == (("RM-1",), ("RM-1",), "2026-Q2")
    assert after.warns


def test_one_orphan_in_five_is_not_warned_of_and_two_are(
    site: Site, add: Add, ada: User, now: datetime
) -> None:
    (grow,) = agree(site, ada, now, GROW)
    for number in range(5):
        add(str(number), surfaces=(), priority=grow if number else "")

    assert not orphans_of(site, items_of(site), today=TODAY).warns
    services.change_item(site, "RM-2", ItemFields(priority=""), by=Actor(ada), now=now)
    assert orphans_of(site, items_of(site), today=TODAY).share == 0.4
    assert orphans_of(site, items_of(site), today=TODAY).warns


@pytest.mark.parametrize(
    ("quarter", "names", "wrong"),
    [
        ("spring", (GROW,), "quarter"),
        ("2026-Q2", (), "priorities"),
        ("2026-Q2", (GROW, GROW), "priorities"),
        ("2026-Q2", (("", "x"),), "priorities"),
        ("2026-Q2", tuple((str(each), "") for each in range(30)), "priorities"),
    ],
)
def test_priorities_that_do_not_fit_are_refused(
    site: Site,
    ada: User,
    now: datetime,
    quarter: str,
    names: tuple[tuple[str, str], ...],
    wrong: str,
) -> None:
    with pytest.raises(BadRoadmapFields) as refused:
        write_priorities(site, quarter, names, by=Actor(ada), now=now)

    assert set(refused.value.wrong) == {wrong}


def test_a_rebuild_is_published_only_when_every_item_was_gone_through(
    site: Site, headline: ExperimentRecord, add: Add, ada: User, ben: User, now: datetime
) -> None:
    add("Keep me", surfaces=())
    add("Change me", surfaces=())
    add("Drop me", surfaces=())
    (grow,) = agree(site, ada, now, GROW)
    rebuild = begin_rebuild(site, by=Actor(ada), now=now)
    rows = {row.item: row.pk for row in rebuild.candidates.all()}
    assert set(rows) == {"headline", "RM-1", "RM-2", "RM-3"}

    def decide(key: str, verdict: Verdict, reason: str = "", priority: str = grow) -> None:
        decide_candidate(
            site, rows[key], verdict, reason=reason, priority=priority, by=Actor(ben), now=now
        )

    with pytest.raises(MoveRefused) as refused:
        publish_rebuild(site, by=Actor(ada), now=now)
    assert {each.code for each in refused.value.obstacles} == {"roadmap.not_gone_through"}
    assert len(refused.value.obstacles) == 4
    with pytest.raises(BadRoadmapFields):
        decide("RM-1", Verdict.KEPT, priority="")
    with pytest.raises(BadRoadmapFields):
        decide("RM-3", Verdict.DROPPED)
    with pytest.raises(MoveRefused, match="stood when the rebuild began"):
        decide("RM-2", Verdict.CHANGED)
    decide("headline", Verdict.KEPT)
    decide("RM-1", Verdict.KEPT)
    other = ItemFields(start="2026-08-03", end="2026-08-05")
    services.change_item(site, "RM-2", other, by=Actor(ada), now=now)
    decide("RM-2", Verdict.CHANGED)
    assert [each.item for each in progress_of(site, rebuild).open] == ["RM-3"]
    decide("RM-3", Verdict.DROPPED, reason="Nobody asks for it", priority="")

    version = publish_rebuild(site, by=Actor(ada), now=now)

    assert (version.number, version.candidates, version.unchanged) == (1, 4, 2)
    assert carried_of(version) == 0.5
    assert is_a_rebuild(version)
    assert [each["key"] for each in version.snapshot] == ["headline", "RM-1", "RM-2"]
    kept = item_of(site, "headline")
    assert kept is not None
    assert kept.priority == grow
    assert rebuild_of(site) is None
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        RoadmapVersionRecord.objects.update(quarter="2026-Q3")
    with pytest.raises(CannotBegin, match="already built"):
        begin_rebuild(site, by=Actor(ada), now=now)


def test_what_carries_over_more_than_seven_in_ten_is_no_rebuild(
    site: Site, add: Add, ada: User, now: datetime
) -> None:
    for number in range(4):
        add(str(number), surfaces=())
    (grow,) = agree(site, ada, now, GROW)
    rebuild = begin_rebuild(site, by=Actor(ada), now=now)
    for at, row in enumerate(rebuild.candidates.all()):
        verdict = Verdict.DROPPED if at == 0 else Verdict.KEPT
        decide_candidate(site, row.pk, verdict, reason="Why", priority=grow, by=Actor(ada), now=now)

    version = publish_rebuild(site, by=Actor(ada), now=now)

    assert carried_of(version) == 0.75
    assert not is_a_rebuild(version)


def test_a_rebuild_needs_priorities_and_can_be_given_up(
    site: Site, add: Add, ada: User, now: datetime
) -> None:
    with pytest.raises(CannotBegin, match="Write them down first"):
        begin_rebuild(site, by=Actor(ada), now=now)
    with pytest.raises(NothingIsRebuilt):
        publish_rebuild(site, by=Actor(ada), now=now)
    agree(site, ada, now, GROW)
    begin_rebuild(site, by=Actor(ada), now=now)
    with pytest.raises(CannotBegin, match="goes on already"):
        begin_rebuild(site, by=Actor(ada), now=now)

    give_up_rebuild(site, by=Actor(ada), now=now)

    assert rebuild_of(site) is None
    begin_rebuild(site, by=Actor(ada), now=now)


def test_what_changed_since_a_version_names_who_did_it(
    site: Site, add: Add, ada: User, ben: User, now: datetime
) -> None:
    add("A", surfaces=())
    add("B", surfaces=())
    before, later = snapshot_of(items_of(site)), now + timedelta(days=1)
    moved = ItemFields(start="2026-08-03", end="2026-08-05")
    services.change_item(site, "RM-1", moved, by=Actor(ben), now=later)
    services.drop_item(site, "RM-2", reason="No", by=Actor(ben), now=later)
    add("C", surfaces=())

    found = differences(before, snapshot_of(items_of(site)), by=who_changed(site, since=later))

    assert [(each.key, each.way, each.by) for each in found] == [
        ("RM-3", "added", ()),
        ("RM-1", "changed", ("Ben",)),
        ("RM-2", "dropped", ("Ben",)),
    ]
    assert found[1].changes[0] == ("first day", "2026-06-08", "2026-08-03")


def visit(site: Site, user: User, today: date, cookies: dict[str, str], **more: bool) -> None:
    request = RequestFactory().get("/")
    request.user, request.COOKIES = user, cookies
    response = HttpResponse()
    note_presence(request, response, site, today=today, **more)
    cookies.update({name: each.value for name, each in response.cookies.items()})


def test_presence_adds_up_to_different_people_and_keeps_nobody(
    site: Site, ada: User, ben: User, cleo: User, now: datetime
) -> None:
    for user in (ada, ben, cleo):
        Membership.objects.filter(user=user).update(functions=["marketing"])
    first = now.date()
    kept: dict[User, dict[str, str]] = {ada: {}, ben: {}, cleo: {}}

    for days in (0, 0, 5, 12):
        visit(site, ada, first + timedelta(days=days), kept[ada])
    visit(site, ben, first + timedelta(days=3), kept[ben], edited=True)

    (team,) = presence_of(site, today=first + timedelta(days=20))
    assert (team.team, team.members, team.viewers, team.editors) == ("Marketing", 3, 2, 1)
    (later,) = presence_of(site, today=first + timedelta(days=35))
    assert (later.viewers, later.opened) == (1, True)
    columns = {field.name for field in PresenceRecord._meta.get_fields()}
    assert columns == {"id", "site", "team", "day", "viewers", "editors"}


def test_a_team_of_which_nobody_came_for_thirty_days_is_named(
    site: Site, ada: User, ben: User, now: datetime
) -> None:
    Membership.objects.filter(user=ada).update(functions=["engineering"])
    Membership.objects.filter(user=ben).update(functions=["marketing"])
    visit(site, ada, now.date(), {})

    assert quiet_teams(site, today=now.date() + timedelta(days=29)) == ("Marketing",)
    assert quiet_teams(site, today=now.date() + timedelta(days=30)) == ("Marketing", "Engineering")
    small = presence_of(site, today=now.date())
    assert {each.viewers for each in small} == {None}


def test_a_mark_that_somebody_wrote_themselves_is_no_mark() -> None:
    assert Mark.of("nonsense") == Mark()
    assert Mark.of("2026-99-99//marketing") == Mark()
    assert Mark.of("2026-05-04//marketing,magic").teams == ("marketing",)
    whole = Mark(date(2026, 5, 4), date(2026, 5, 3), ("marketing",))
    assert Mark.of(whole.text) == whole
