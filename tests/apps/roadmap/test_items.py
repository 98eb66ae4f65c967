"""Items are added, changed, moved and dropped by services that say why not."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from tests.apps.roadmap.conftest import JUNE, Add
from truelift.apps.accounts.models import AuditEvent, Membership, User
from truelift.apps.experiments.jobs import run_due_jobs
from truelift.apps.experiments.models import ExperimentRecord, Job
from truelift.apps.research.actor import Actor
from truelift.apps.roadmap import services
from truelift.apps.roadmap.changes import changes_of, freshness_of
from truelift.apps.roadmap.fields import BadRoadmapFields, ItemFields
from truelift.apps.roadmap.models import (
    AssetRecord,
    ConflictRecord,
    ItemChangeRecord,
    RoadmapItemRecord,
)
from truelift.apps.roadmap.reads import item_of, items_of
from truelift.apps.roadmap.services import ItemChangedMeanwhile, NotOnTheRoadmap
from truelift.apps.sites.models import Site
from truelift.lifecycle.obstacle import MoveRefused
from truelift.lifecycle.roadmap_item import DependencyKind, ItemKind, ItemStage


pytestmark = [pytest.mark.database, pytest.mark.django_db]


def codes(refused: MoveRefused) -> list[str]:
    return [each.code for each in refused.obstacles]


def test_experiments_and_items_stand_side_by_side_with_surfaces_as_they_are_called(
    site: Site, headline: ExperimentRecord, add: Add
) -> None:
    add(surfaces=("CHECKOUT",))

    test, release = items_of(site)

    assert (test.key, test.kind, test.surfaces) == ("headline", ItemKind.EXPERIMENT, ("Checkout",))
    assert (test.start, test.end) == (JUNE, JUNE + timedelta(days=14))
    assert (release.key, release.surfaces) == ("RM-1", ("Checkout",))
    assert release.owner == "ada@example.com"
    assert [each.key for each in items_of(site, since=date(2026, 6, 9))] == ["headline"]
    assert [each.key for each in items_of(site, until=date(2026, 6, 2))] == ["headline"]


def test_everything_is_collected_in_as_many_queries_as_little_is(
    site: Site, headline: ExperimentRecord, add: Add, ada: User, now: datetime
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            items_of(site)
        return len(asked)

    add()
    few = queries()
    RoadmapItemRecord.objects.bulk_create(
        RoadmapItemRecord(site=site, kind="release", number=n, what="x", owner=ada, made_at=now)
        for n in range(2, 60)
    )
    AssetRecord.objects.bulk_create(
        AssetRecord(site=site, item=f"RM-{n}", what="x", owner=ada, made_at=now)
        for n in range(2, 60)
    )

    assert queries() == few
    assert few < 15


def test_what_is_added_is_in_the_log_and_in_the_audit(site: Site, add: Add, ada: User) -> None:
    add()

    (change,) = ItemChangeRecord.objects.all()
    assert (change.item, change.field, change.after, change.by) == ("RM-1", "item", "RM-1", ada)
    assert AuditEvent.objects.filter(action="roadmap.item_added", target="roadmap:RM-1").exists()


def test_the_log_cannot_be_rewritten(site: Site, add: Add) -> None:
    add()

    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        ItemChangeRecord.objects.update(after="x")
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        ItemChangeRecord.objects.all().delete()


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({"what": " "}, "what"),
        ({"start": "soon"}, "start"),
        ({"start": "2026-06-08", "end": "2026-06-08"}, "end"),
        ({"start": "", "end": "2026-06-08"}, "start"),
        ({"owner": "nobody@example.com"}, "owner"),
        ({"allocation": 1.5}, "allocation"),
        ({"low": 0.5, "high": 0.5}, "high"),
        ({"touches": ("magic",)}, "touches"),
        ({"priority": "CP-9"}, "priority"),
        ({"surfaces": tuple(map(str, range(50)))}, "surfaces"),
        ({"notes": "\x00"}, "notes"),
        ({"effort": {"build": -1}}, "effort"),
        ({"traffic_change": float("nan")}, "traffic_change"),
    ],
)
def test_what_does_not_fit_is_named_by_its_field(
    site: Site, add: Add, given: dict[str, object], wrong: str
) -> None:
    with pytest.raises(BadRoadmapFields) as refused:
        add(**given)

    assert wrong in refused.value.wrong
    assert not RoadmapItemRecord.objects.exists()


def test_of_two_people_who_move_the_same_item_at_once_one_wins_and_the_other_is_told(
    site: Site, add: Add, ada: User, ben: User, now: datetime
) -> None:
    record = add(surfaces=())
    seen = record.version

    def move(start: date, by: User) -> None:
        end = start + timedelta(days=1)
        services.move_item(site, "RM-1", start, end, by=Actor(by), now=now, version=seen)

    move(date(2026, 7, 1), ada)
    with pytest.raises(ItemChangedMeanwhile):
        move(date(2026, 8, 1), ben)

    record.refresh_from_db()
    assert record.starts_on == date(2026, 7, 1)


def test_a_move_that_makes_a_block_is_refused_with_the_reasons_that_the_preview_gave(
    site: Site, headline: ExperimentRecord, add: Add, ada: User, now: datetime
) -> None:
    add(start="2026-07-01", end="2026-07-02")
    start, end = date(2026, 6, 8), date(2026, 6, 9)

    shown = services.preview_move(site, "RM-1", start, end, now=now)
    with pytest.raises(MoveRefused) as refused:
        services.move_item(site, "RM-1", start, end, by=Actor(ada), now=now)
    given = ItemFields(start="2026-06-08", end="2026-06-09")
    with pytest.raises(MoveRefused) as changed:
        services.change_item(site, "RM-1", given, by=Actor(ada), now=now)

    assert [each.code for each in shown.refused] == ["conflict.c6"]
    assert refused.value.obstacles == shown.refused == changed.value.obstacles
    moved = item_of(site, "RM-1")
    assert moved is not None
    assert moved.start == date(2026, 7, 1)
    assert not ConflictRecord.objects.exists()


def test_moving_out_of_the_way_is_let_through_and_says_what_is_gone(
    site: Site, headline: ExperimentRecord, add: Add, ada: User, now: datetime
) -> None:
    add()

    did = services.move_item(
        site, "RM-1", date(2026, 7, 1), date(2026, 7, 2), by=Actor(ada), now=now
    )

    assert [each.rule.value for each in did.gone] == ["c6"]
    assert ConflictRecord.objects.get().state == "gone"


def test_an_experiment_is_moved_by_its_own_days_while_nobody_has_met_it(
    site: Site, headline: ExperimentRecord, ada: User, ben: User, now: datetime
) -> None:
    start, end = date(2026, 7, 1), date(2026, 7, 15)

    services.move_item(site, "headline", start, end, by=Actor(ben), now=now, reason="Video late")

    headline.refresh_from_db()
    assert (headline.starts_on, headline.ends_on) == (start, end)
    log = {row.field: row for row in changes_of(site, item="headline")}
    assert (log["start"].after, log["start"].by) == ("2026-07-01", ben)
    assert log["start"].reason == "Video late"
    with pytest.raises(ItemChangedMeanwhile):
        services.move_item(site, "headline", start, end, by=Actor(ada), now=now, version=0)
    ExperimentRecord.objects.update(stage="running", started_at=now)
    with pytest.raises(MoveRefused) as refused:
        services.move_item(site, "headline", start, end, by=Actor(ada), now=now)
    assert codes(refused.value) == ["roadmap.not_movable"]


def test_what_the_plan_says_of_an_experiment_is_not_said_on_the_roadmap(
    site: Site, headline: ExperimentRecord, ada: User, now: datetime
) -> None:
    more = ItemFields(elements=("headline",), team="Payments", layer="checkout", high=0.5)

    services.change_item(site, "headline", more, by=Actor(ada), now=now)

    item = item_of(site, "headline")
    assert item is not None
    assert (item.elements, item.team, item.layer) == (("headline",), "Payments", "checkout")
    with pytest.raises(BadRoadmapFields) as refused:
        services.change_item(
            site, "headline", ItemFields(metric="x", owner=""), by=Actor(ada), now=now
        )
    assert set(refused.value.wrong) == {"metric", "owner"}


def test_scheduling_asks_for_seven_columns_and_for_no_open_block(
    site: Site, headline: ExperimentRecord, add: Add, ada: User, now: datetime
) -> None:
    add(owner="", why=())

    with pytest.raises(MoveRefused) as refused:
        services.set_stage(site, "RM-1", ItemStage.SCHEDULED, by=Actor(ada), now=now)

    found = ["roadmap.no_evidence", "roadmap.no_decision_owner", "conflict.c6"]
    assert codes(refused.value) == found
    complete = ItemFields(
        owner="ada@example.com", why=("I-1",), start="2026-07-01", end="2026-07-02"
    )
    services.change_item(site, "RM-1", complete, by=Actor(ada), now=now)
    services.set_stage(site, "RM-1", ItemStage.SCHEDULED, by=Actor(ada), now=now)
    services.set_stage(site, "RM-1", ItemStage.RUNNING, by=Actor(ada), now=now)
    with pytest.raises(MoveRefused):
        services.move_item(site, "RM-1", None, None, by=Actor(ada), now=now)
    with pytest.raises(NotOnTheRoadmap):
        services.set_stage(site, "headline", ItemStage.SCHEDULED, by=Actor(ada), now=now)


def test_an_item_whose_owner_left_is_flagged_and_scheduled_by_the_deputy_alone(
    site: Site, add: Add, ada: User, ben: User, now: datetime
) -> None:
    add(owner="ben@example.com", surfaces=("Blog",))
    Membership.objects.filter(user=ben).delete()

    item = item_of(site, "RM-1")
    assert item is not None
    assert not item.owner_active
    with pytest.raises(MoveRefused) as refused:
        services.set_stage(site, "RM-1", ItemStage.SCHEDULED, by=Actor(ada), now=now)
    assert codes(refused.value) == ["roadmap.owner_gone"]
    deputy = ItemFields(deputy="ada@example.com")
    services.change_item(site, "RM-1", deputy, by=Actor(ada), now=now)
    services.set_stage(site, "RM-1", ItemStage.SCHEDULED, by=Actor(ada), now=now)


def test_dropping_asks_why_and_takes_an_experiment_only_its_days(
    site: Site, headline: ExperimentRecord, add: Add, ada: User, now: datetime
) -> None:
    add()

    with pytest.raises(BadRoadmapFields):
        services.drop_item(site, "RM-1", reason=" ", by=Actor(ada), now=now)
    services.drop_item(site, "RM-1", reason="Not this year", by=Actor(ada), now=now)
    services.drop_item(site, "headline", reason="Not this quarter", by=Actor(ada), now=now)

    headline.refresh_from_db()
    assert headline.starts_on is None
    assert [each.key for each in items_of(site)] == ["headline"]
    last = changes_of(site, item="RM-1").first()
    assert last is not None
    assert (last.before, last.after, last.reason) == ("RM-1", "", "Not this year")
    with pytest.raises(MoveRefused):
        services.drop_item(site, "RM-1", reason="Again", by=Actor(ada), now=now)
    services.set_stage(site, "RM-1", ItemStage.PROPOSED, by=Actor(ada), now=now)
    assert len(items_of(site)) == 2


def test_a_circle_of_dependencies_is_refused_and_named(
    site: Site, headline: ExperimentRecord, add: Add, ada: User, now: datetime
) -> None:
    add("A")
    add("B")
    needs = DependencyKind.NEEDS_BEFORE

    def hang(key: str, on: str, kind: DependencyKind = needs) -> None:
        services.add_dependency(site, key, on, kind, by=Actor(ada), now=now)

    hang("RM-1", "RM-2")
    hang("RM-1", "RM-2")
    hang("RM-2", "headline")
    hang("headline", "RM-1", DependencyKind.REFERENCES_FEATURE)
    with pytest.raises(MoveRefused) as refused:
        hang("headline", "RM-1")
    with pytest.raises(MoveRefused):
        hang("RM-1", "headline", DependencyKind.BLOCKS)
    with pytest.raises(BadRoadmapFields):
        hang("RM-1", "RM-1")
    with pytest.raises(services.NoSuchRoadmapItem):
        hang("RM-1", "RM-99")

    assert "headline → RM-1 → RM-2 → headline" in str(refused.value)
    item = item_of(site, "RM-2")
    assert item is not None
    assert [each.on for each in item.dependencies] == ["headline"]


def test_a_late_asset_moves_the_start_that_is_proposed(
    site: Site, headline: ExperimentRecord, ada: User, ben: User, now: datetime
) -> None:
    from truelift.apps.roadmap.colliding import scene_of

    made = services.write_asset(
        site,
        "headline",
        what="Hero video",
        owner="ben@example.com",
        due="2026-05-29",
        lead_days=5,
        by=Actor(ada),
        now=now,
    )
    late = now.replace(month=6, day=3)

    (slip,) = scene_of(site, now=late).slips

    assert (slip.start, slip.proposed, slip.days) == (JUNE, JUNE + timedelta(days=3), 3)
    services.change_asset(site, made.pk, done=True, by=Actor(ben), now=late)
    assert scene_of(site, now=late).slips == ()
    services.remove_asset(site, made.pk, by=Actor(ada), now=late)
    assert [row.field for row in changes_of(site, item="headline")].count("asset") == 3


def test_the_roadmap_grows_old_from_its_last_material_change_by_a_person(
    site: Site, headline: ExperimentRecord, add: Add, ada: User, now: datetime
) -> None:
    add()
    services.change_item(
        site, "RM-1", ItemFields(notes="A typo"), by=Actor(ada), now=now + timedelta(days=80)
    )
    machine = Actor(None, machine=True)
    services.change_item(
        site, "RM-1", ItemFields(position=4), by=machine, now=now + timedelta(days=85)
    )

    at_90 = freshness_of(site, now=now + timedelta(days=90), active=["RM-1"])
    at_91 = freshness_of(site, now=now + timedelta(days=91), active=["RM-1", "headline"])

    assert (at_90.days, at_90.age and at_90.age.value) == (90, "info")
    assert (at_91.days, at_91.age and at_91.age.value) == (91, "warn")
    assert dict(at_91.items) == {"RM-1": 91, "headline": 91}


def test_every_night_somebody_looks_again(site: Site, add: Add, now: datetime) -> None:
    add()

    def waits(at: datetime) -> bool:
        return Job.objects.filter(kind=services.NIGHTLY, run_after__lte=at).exists()

    assert not waits(now)
    run_due_jobs(now + timedelta(days=1))
    assert not waits(now + timedelta(days=1))
    assert waits(now + timedelta(days=2))
