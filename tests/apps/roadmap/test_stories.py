"""What goes wrong in companies that have no shared roadmap, from end to end."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest

from tests.apps.roadmap.conftest import Add
from tests.apps.rollouts.conftest import DECIDED
from truelift.apps.accounts.models import User
from truelift.apps.experiments.models import ExperimentRecord
from truelift.apps.experiments.services import plan_experiment
from truelift.apps.experiments.spec import ExperimentSpec, VariantSpec
from truelift.apps.inbox.waiting import lines_of
from truelift.apps.research.actor import Actor
from truelift.apps.roadmap import services
from truelift.apps.roadmap.colliding import scene_of
from truelift.apps.roadmap.fields import ItemFields
from truelift.apps.roadmap.gating import roadmap_obstacles
from truelift.apps.roadmap.models import ConflictRecord
from truelift.apps.rollouts.models import RolloutRecord, SiteDayRecord
from truelift.apps.rollouts.reads import counted, valued
from truelift.apps.sites.models import Site
from truelift.apps.surfaces.services import SurfaceFields, write_surface
from truelift.lifecycle.obstacle import MoveRefused
from truelift.lifecycle.roadmap_item import ItemKind, ItemStage


pytestmark = [pytest.mark.database, pytest.mark.django_db]


def _codes(record: ExperimentRecord, now: datetime) -> list[str]:
    said = roadmap_obstacles(record, now=now)
    return [each.code for each in said if each.code.startswith("conflict.")]


def test_a_headline_waits_for_the_feature_that_it_speaks_of(
    site: Site, headline: ExperimentRecord, add: Add, ada: User, ben: User, now: datetime
) -> None:
    by = Actor(ada)
    write_surface(site, SurfaceFields(name="Delivery settings"), by=by, now=now)
    services.change_item(
        site, "headline", ItemFields(refers=("same-day delivery",)), by=by, now=now
    )
    update = add(
        "Update of same-day delivery",
        surfaces=("Delivery settings",),
        features=("Same-day delivery",),
    )

    # Found five weeks before the first day, told to both, and in the way of both.
    found = ConflictRecord.objects.get()
    assert (found.rule, found.state, found.first, found.second) == (
        "c7", "open", "headline", update.key,
    )  # fmt: skip
    assert (found.detected_start - found.detected_at.date()).days >= 10
    for person in (ada, ben):
        assert f"conflict:{found.key}" in [each.cause for each in lines_of(person, site, now=now)]
    assert _codes(headline, now) == ["conflict.c7"]
    with pytest.raises(MoveRefused) as refused:
        services.set_stage(site, update.key, ItemStage.SCHEDULED, by=by, now=now)
    assert [each.code for each in refused.value.obstacles] == ["conflict.c7"]

    services.move_item(
        site, update.key, date(2026, 6, 15), date(2026, 6, 16), by=by, now=now,
        reason="The headline says what is there today.",
    )  # fmt: skip

    assert ConflictRecord.objects.get().state == "gone"
    assert _codes(headline, now) == []
    scheduled = services.set_stage(site, update.key, ItemStage.SCHEDULED, by=by, now=now)
    assert scheduled.stage == ItemStage.SCHEDULED


def test_of_a_video_and_a_new_layout_in_one_sprint_one_moves(
    site: Site, checkout: None, add: Add, ada: User, ben: User, now: datetime
) -> None:
    by, sprint = Actor(ada), date(2026, 6, 1)
    video = plan_experiment(
        site,
        ExperimentSpec(
            key="video",
            name="A video in place of the picture",
            surface="Checkout",
            decision_owner="ben@example.com",
            start=sprint,
            end=sprint + timedelta(days=14),
            variants=(VariantSpec("a", control=True), VariantSpec("b")),
        ),
        by=by,
        now=now,
    )
    services.write_asset(
        site, "video", what="The film", owner="ben@example.com", due="2026-06-04", by=by, now=now
    )
    layout = add("New layout", start="2026-06-10", end="2026-06-12")
    shoot = add("Photographs for the journal", kind=ItemKind.CONTENT, surfaces=("Journal",))

    rules = {each.rule for each in ConflictRecord.objects.filter(first="video")}
    assert rules == {"c6", "c13"}
    assert _codes(video, now) == ["conflict.c6"]
    assert not ConflictRecord.objects.filter(second=shoot.key).exists()

    scene = scene_of(site, now=now)
    slot = scene.slot(scene.by_key["video"])
    assert slot is not None
    assert slot.start >= sprint or slot.start + timedelta(days=14) <= date(2026, 6, 10)
    services.move_item(
        site, "video", date(2026, 6, 15), date(2026, 6, 29), by=Actor(ben), now=now,
        reason="The layout comes first.",
    )  # fmt: skip

    assert {each.state for each in ConflictRecord.objects.all()} == {"gone"}
    assert _codes(video, now) == []
    video.refresh_from_db()
    assert video.starts_on == date(2026, 6, 15)
    scheduled = services.set_stage(site, layout.key, ItemStage.SCHEDULED, by=by, now=now)
    assert scheduled.stage == ItemStage.SCHEDULED


def test_a_result_that_sat_four_months_in_a_backlog_says_what_that_cost(
    site: Site, winner: RolloutRecord
) -> None:
    RolloutRecord.objects.update(lift=0.03, lift_low=0.01, lift_high=0.05, lift_at=DECIDED)
    decided, later = DECIDED.date(), DECIDED + timedelta(days=120)
    SiteDayRecord.objects.bulk_create(
        SiteDayRecord(
            site=site, day=decided + timedelta(days=n), sessions=900, revenue_minor=150_000
        )
        for n in range(-10, 130)
    )
    winner.refresh_from_db()

    (waiting,) = valued(site, [winner], now=later)
    total, costliest = counted(site, now=later)

    # Both days count: the one of the decision, and today.
    assert waiting.value.value == pytest.approx(121 * 150_000 * 0.03)
    assert waiting.value.low == pytest.approx(121 * 150_000 * 0.01)
    assert waiting.value.per_day == pytest.approx(150_000 * 0.03)
    assert total.value == waiting.value.value
    assert len(costliest) == 1
