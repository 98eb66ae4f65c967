"""An item of the roadmap has seven columns before it may be scheduled."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from truelift.lifecycle.roadmap_item import ItemKind, RoadmapItem, column_obstacles


FULL = RoadmapItem(
    key="RM-1",
    kind=ItemKind.RELEASE,
    what="New address form",
    surfaces=("Checkout",),
    why=("I-4",),
    start=date(2026, 3, 2),
    end=date(2026, 3, 16),
    metric="purchase rate",
    owner="eva@northpine.example",
)


def test_an_item_with_its_seven_columns_may_be_scheduled() -> None:
    assert column_obstacles(FULL) == ()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"what": "  "}, "roadmap.no_what"),
        ({"surfaces": ()}, "roadmap.no_surface"),
        ({"why": ()}, "roadmap.no_evidence"),
        ({"start": None}, "roadmap.no_start"),
        ({"end": None}, "roadmap.no_end"),
        ({"metric": ""}, "roadmap.no_metric"),
        ({"owner": ""}, "roadmap.no_decision_owner"),
        ({"owner_active": False}, "roadmap.owner_gone"),
        ({"end": date(2026, 3, 2)}, "roadmap.ends_before_start"),
    ],
)
def test_each_column_that_is_missing_is_named_alone(change: dict[str, object], code: str) -> None:
    item = replace(FULL, **change)  # type: ignore[arg-type]

    assert [each.code for each in column_obstacles(item)] == [code]


def test_a_deputy_acts_for_an_owner_who_left() -> None:
    item = replace(FULL, owner_active=False, deputy="tom@northpine.example")

    assert column_obstacles(item) == ()


def test_everything_missing_is_said_at_once() -> None:
    empty = RoadmapItem(key="RM-2", kind=ItemKind.CAMPAIGN, what="")

    assert len(column_obstacles(empty)) == 7


def test_a_freeze_needs_neither_evidence_nor_metric_nor_decision() -> None:
    freeze = replace(FULL, kind=ItemKind.FREEZE, why=(), metric="", owner="")

    assert column_obstacles(freeze) == ()
