"""What collides is kept from the day on which it is found, and settled by people."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.apps.roadmap.conftest import Add
from truelift.apps.accounts.models import Membership, User
from truelift.apps.changes.models import IncidentRecord
from truelift.apps.experiments.models import ExperimentRecord
from truelift.apps.experiments.services import plan_experiment
from truelift.apps.experiments.spec import ExperimentSpec, VariantSpec
from truelift.apps.inbox.waiting import lines_of
from truelift.apps.research.actor import Actor
from truelift.apps.roadmap import services
from truelift.apps.roadmap.colliding import (
    NotYoursToAgree,
    catch_up,
    recompute,
    resolve,
    scene_of,
)
from truelift.apps.roadmap.fields import BadRoadmapFields, ItemFields
from truelift.apps.roadmap.gating import roadmap_obstacles
from truelift.apps.roadmap.models import ConflictRecord, RoadmapItemRecord
from truelift.apps.roadmap.reads import item_of
from truelift.apps.roadmap.rules import RuleFields, RulesChangedMeanwhile, write_rules
from truelift.apps.sites.models import Site
from truelift.lifecycle.conflict_rules import Resolution
from truelift.lifecycle.obstacle import MoveRefused


pytestmark = [pytest.mark.database, pytest.mark.django_db]


@pytest.fixture
def video(site: Site, headline: ExperimentRecord, ada: User, now: datetime) -> ExperimentRecord:
    """`video`, another test on the checkout at the same time, which ada decides."""
    spec = ExperimentSpec(
        key="video",
        name="A video",
        surface="Checkout",
        decision_owner="ada@example.com",
        start=date(2026, 6, 8),
        end=date(2026, 6, 22),
        variants=(VariantSpec("a", control=True), VariantSpec("b")),
    )
    return plan_experiment(site, spec, by=Actor(ada), now=now)


def test_a_conflict_is_dated_when_it_is_found_and_gone_when_it_is_not_found_any_more(
    site: Site, headline: ExperimentRecord, add: Add, ada: User, now: datetime
) -> None:
    add()
    found = ConflictRecord.objects.get()
    later = now + timedelta(days=3)
    recompute(site, now=later)
    again = ConflictRecord.objects.get()

    assert (found.key, found.rule, found.state) == ("CF-1", "c6", "open")
    assert found.owners == ["ben@example.com", "ada@example.com"]
    assert found.due == date(2026, 5, 11)
    assert again.detected_at == now
    assert (again.detected_start - now.date()).days == 35

    away = ItemFields(start="2026-07-01", end="2026-07-02")
    services.change_item(site, "RM-1", away, by=Actor(ada), now=later)
    gone = ConflictRecord.objects.get()
    assert (gone.state, gone.gone_at) == ("gone", later)


def test_the_owners_of_both_have_it_in_their_inbox_until_it_is_settled(
    site: Site,
    headline: ExperimentRecord,
    add: Add,
    ada: User,
    ben: User,
    cleo: User,
    now: datetime,
) -> None:
    add()

    def told(user: User, at: datetime) -> list[str]:
        lines = lines_of(user, site, now=at)
        return [each.cause for each in lines if each.cause.startswith("conflict:")]

    assert told(ada, now) == told(ben, now) == ["conflict:CF-1"]
    assert told(cleo, now) == []
    services.drop_item(site, "RM-1", reason="No", by=Actor(ada), now=now)
    assert told(ada, now) == []


def test_what_nobody_settles_in_time_goes_to_the_sponsor(
    site: Site, headline: ExperimentRecord, add: Add, ada: User, ben: User, now: datetime
) -> None:
    Membership.objects.filter(user=ada).update(functions=["sponsor"])
    add(owner="ben@example.com")

    def sponsors(at: datetime) -> list[str]:
        return [each.cause for each in lines_of(ada, site, now=at) if "conflict" in each.cause]

    assert sponsors(now) == []
    assert sponsors(now.replace(month=6, day=1)) == ["late-conflict:CF-1"]


def test_a_written_plan_settles_two_tests_on_one_surface_and_opens_the_gate(
    site: Site, video: ExperimentRecord, ada: User, now: datetime
) -> None:
    recompute(site, now=now)
    row = ConflictRecord.objects.get(rule="c2")
    assert [each.code for each in roadmap_obstacles(video, now=now)][:1] == ["conflict.c2"]

    with pytest.raises(MoveRefused, match="The plan is empty"):
        resolve(site, row.number, Resolution.PLAN, by=Actor(ada), now=now)
    with pytest.raises(MoveRefused, match="does not settle"):
        resolve(site, row.number, Resolution.BENIGN, by=Actor(ada), now=now, plan="x")
    done = resolve(
        site, row.number, Resolution.PLAN, by=Actor(ada), now=now, plan="A factorial analysis"
    )

    assert (done.state, done.resolved_by) == ("resolved", ada)
    assert not [
        each for each in roadmap_obstacles(video, now=now) if each.code.startswith("conflict")
    ]


def test_a_written_plan_never_settles_a_change_under_a_test(
    site: Site, headline: ExperimentRecord, add: Add, ada: User, now: datetime
) -> None:
    add()

    with pytest.raises(MoveRefused, match="does not settle"):
        resolve(site, 1, Resolution.PLAN, by=Actor(ada), now=now, plan="We will see")

    moving = resolve(site, 1, Resolution.MOVE, by=Actor(ada), now=now, plan="Next week")
    assert (moving.state, moving.resolution) == ("open", "move")


def test_a_change_is_harmless_when_engineering_and_analytics_say_so_two_people(
    site: Site,
    headline: ExperimentRecord,
    add: Add,
    ada: User,
    ben: User,
    cleo: User,
    now: datetime,
) -> None:
    functions = {ada: ["engineering", "analytics"], ben: ["analytics"], cleo: ["marketing"]}
    for user, words in functions.items():
        Membership.objects.filter(user=user).update(functions=words)
    add()

    with pytest.raises(NotYoursToAgree):
        resolve(site, 1, Resolution.BENIGN, by=Actor(cleo), now=now, plan="Looks fine")
    first = resolve(site, 1, Resolution.BENIGN, by=Actor(ada), now=now, plan="A log line")
    assert first.state == "open"
    again = resolve(site, 1, Resolution.BENIGN, by=Actor(ada), now=now)
    assert again.state == "open"
    second = resolve(site, 1, Resolution.BENIGN, by=Actor(ben), now=now)

    assert second.state == "gone"
    assert RoadmapItemRecord.objects.get(number=1).benign == ["headline"]


def test_a_feature_in_motion_is_settled_when_both_owners_agree(
    site: Site,
    headline: ExperimentRecord,
    add: Add,
    ada: User,
    ben: User,
    cleo: User,
    now: datetime,
) -> None:
    more = ItemFields(refers=("Wallet",))
    services.change_item(site, "headline", more, by=Actor(ada), now=now)
    add(surfaces=("Account",), features=("Wallet",))
    row = ConflictRecord.objects.get(rule="c7")

    with pytest.raises(NotYoursToAgree):
        resolve(site, row.number, Resolution.APPROVE, by=Actor(cleo), now=now)
    one = resolve(site, row.number, Resolution.APPROVE, by=Actor(ada), now=now)
    assert one.state == "open"
    both = resolve(site, row.number, Resolution.APPROVE, by=Actor(ben), now=now)

    assert both.state == "resolved"
    assert scene_of(site, now=now).obstacles("headline") == ()


def test_what_is_planned_in_its_own_room_is_caught_up_with(
    site: Site, add: Add, checkout: None, ada: User, ben: User, now: datetime
) -> None:
    add()
    assert not ConflictRecord.objects.exists()
    spec = ExperimentSpec(
        key="late",
        name="Late",
        surface="Checkout",
        start=date(2026, 6, 1),
        end=date(2026, 6, 15),
        variants=(VariantSpec("a", control=True), VariantSpec("b")),
    )
    plan_experiment(site, spec, by=Actor(ada), now=now)

    catch_up(site, now=now)

    assert ConflictRecord.objects.get().first == "late"
    with CaptureQueriesContext(connection) as asked:
        catch_up(site, now=now)
    assert len(asked) <= 2


def test_the_next_free_days_are_in_nobodys_way(
    site: Site, headline: ExperimentRecord, add: Add, now: datetime
) -> None:
    add()
    scene = scene_of(site, now=now)
    item = item_of(site, "RM-1")
    assert item is not None

    slot = scene.slot(item)

    assert slot is not None
    moved = services.preview_move(site, "RM-1", slot.start, slot.end, now=now)
    assert moved.refused == ()


def test_keeping_many_conflicts_takes_as_many_queries_as_keeping_few(
    site: Site, headline: ExperimentRecord, add: Add, ada: User, now: datetime
) -> None:
    add()

    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            recompute(site, now=now)
        return len(asked)

    few = queries()
    RoadmapItemRecord.objects.bulk_create(
        RoadmapItemRecord(
            site=site,
            kind="release",
            number=n,
            what="x",
            surfaces=["Checkout"],
            touches=["code"],
            starts_on=date(2026, 6, 8),
            ends_on=date(2026, 6, 9),
            owner=ada,
            made_at=now,
        )
        for n in range(2, 40)
    )
    recompute(site, now=now)

    assert ConflictRecord.objects.count() > 30
    assert queries() <= few


def test_a_site_says_how_bad_a_rule_is_how_much_a_week_holds_and_when_nobody_works(
    site: Site, headline: ExperimentRecord, add: Add, ada: User, now: datetime
) -> None:
    add(effort={"build": 6})
    given = RuleFields(
        capacity={"build": 2.0}, severities={"c6": "warn"}, free=("2026-05-14",), washout_days=3
    )

    made = write_rules(site, given, by=Actor(ada), now=now)

    assert (made.version, made.severities) == (2, {"c6": "warn"})
    rows = {row.rule: row for row in ConflictRecord.objects.all()}
    assert rows["c6"].severity == "warn"
    assert "c11" in rows
    assert roadmap_obstacles(headline, now=now) == ()
    with pytest.raises(RulesChangedMeanwhile):
        write_rules(site, RuleFields(washout_days=1), by=Actor(ada), now=now, version=1)
    with pytest.raises(BadRoadmapFields) as refused:
        write_rules(
            site,
            RuleFields(capacity={"": 1}, severities={"c99": "x"}, free=("soon",), washout_days=-1),
            by=Actor(ada),
            now=now,
        )
    assert set(refused.value.wrong) == {"capacity", "severities", "free", "washout_days"}


def test_a_season_that_somebody_wrote_down_is_said_to_a_test_that_meets_it(
    site: Site, headline: ExperimentRecord, now: datetime
) -> None:
    IncidentRecord.objects.create(
        site=site,
        number=1,
        kind="season",
        what="Summer sale",
        since=now + timedelta(days=35),
        until=now + timedelta(days=40),
        made_at=now,
    )

    recompute(site, now=now)

    row = ConflictRecord.objects.get(rule="c9")
    assert (row.first, row.severity, row.starts_on) == ("headline", "warn", date(2026, 6, 8))
