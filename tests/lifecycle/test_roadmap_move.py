"""An item becomes firmer step by step, and is scheduled only when everything is said."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from itertools import product

import pytest

from truelift.lifecycle.obstacle import Obstacle
from truelift.lifecycle.roadmap_item import ItemKind, ItemStage, RoadmapItem
from truelift.lifecycle.roadmap_move import ITEM_TRANSITIONS, move_obstacles, stage_obstacles


READY = RoadmapItem(
    key="RM-1",
    kind=ItemKind.RELEASE,
    what="New payment form",
    surfaces=("Checkout",),
    why=("I-1",),
    start=date(2026, 5, 4),
    end=date(2026, 5, 5),
    metric="order_rate",
    owner="ada@example.com",
)
BLOCK = Obstacle("conflict.c6", "It changes what EXP-1 tests.", "Move one of them.")


@pytest.mark.parametrize(("stage", "to"), list(product(ItemStage, ItemStage)))
def test_every_pair_of_stages_does_what_the_table_says(stage: ItemStage, to: ItemStage) -> None:
    found = stage_obstacles(replace(READY, stage=stage), to)

    assert ([each.code for each in found] == []) is (to in ITEM_TRANSITIONS[stage])


def test_what_misses_a_column_or_collides_is_not_scheduled_and_every_reason_is_said() -> None:
    bare = replace(READY, owner="", why=())

    found = stage_obstacles(bare, ItemStage.SCHEDULED, conflicts=[BLOCK])

    codes = ["roadmap.no_evidence", "roadmap.no_decision_owner", "conflict.c6"]
    assert [each.code for each in found] == codes
    assert stage_obstacles(bare, ItemStage.PLANNED, conflicts=[BLOCK]) == ()


def test_what_has_begun_is_not_moved() -> None:
    for stage in ItemStage:
        movable = stage in {ItemStage.PROPOSED, ItemStage.PLANNED, ItemStage.SCHEDULED}
        assert (move_obstacles(replace(READY, stage=stage)) == ()) is movable
