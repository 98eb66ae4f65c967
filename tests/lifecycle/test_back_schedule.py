"""Assets and dependencies are planned back from a start; what slips moves it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from truelift.lifecycle.back_schedule import (
    circle_obstacle,
    critical_path,
    cycle_through,
    needs_of,
    predecessors,
    slips,
    working_days_before,
)
from truelift.lifecycle.roadmap_item import (
    Asset,
    Dependency,
    DependencyKind,
    ItemKind,
    ItemStage,
    RoadmapItem,
)


MONDAY = date(2026, 5, 4)
START = date(2026, 5, 19)
"""A Tuesday."""


def item(key: str, start: date | None = START, days: int = 7, **more: object) -> RoadmapItem:
    end = None if start is None else start + timedelta(days=days)
    made = RoadmapItem(key=key, kind=ItemKind.RELEASE, what=f"What {key} is", start=start, end=end)
    return replace(made, **more)  # type: ignore[arg-type]


def needs(on: str, kind: DependencyKind = DependencyKind.NEEDS_BEFORE) -> tuple[Dependency, ...]:
    return (Dependency(on, kind),)


VIDEO = Asset("Hero video", owner="creative@example.com", due=date(2026, 5, 18), lead_days=5)
"""Due on the last working day before the start."""


def test_an_asset_is_begun_so_many_working_days_before_the_start() -> None:
    (need,) = needs_of("A", [item("A", assets=(VIDEO,))], today=MONDAY)

    assert need.begin_by == date(2026, 5, 12)
    assert need.finish_by == date(2026, 5, 18)
    assert (need.expected, need.late) == (date(2026, 5, 18), 0)


@pytest.mark.parametrize(
    ("today", "moved"),
    [
        (date(2026, 5, 18), 0),
        (date(2026, 5, 19), 1),
        (date(2026, 5, 20), 2),
        (date(2026, 5, 21), 3),
    ],
)
def test_an_asset_that_is_three_days_late_moves_the_start_by_three(today: date, moved: int) -> None:
    found = slips([item("A", assets=(VIDEO,))], today=today)

    assert [each.days for each in found] == ([moved] if moved else [])
    if found:
        assert found[0].proposed == START + timedelta(days=moved)
        assert found[0].end == START + timedelta(days=7 + moved)
        assert found[0].because == ("Hero video",)


def test_what_is_late_over_a_weekend_and_a_free_day_is_late_by_working_days() -> None:
    late = replace(VIDEO, due=date(2026, 5, 22))

    (found,) = slips([item("A", assets=(late,))], today=MONDAY, free={date(2026, 5, 25)})

    assert found.proposed == date(2026, 5, 26)


def test_what_is_done_or_started_or_over_does_not_slip() -> None:
    done = replace(VIDEO, done=True)
    late = date(2026, 6, 1)

    assert slips([item("A", assets=(done,))], today=late) == ()
    for stage in (ItemStage.RUNNING, ItemStage.DONE, ItemStage.CANCELLED):
        assert slips([item("A", assets=(VIDEO,), stage=stage)], today=late) == ()


def test_an_asset_without_a_day_is_expected_after_its_lead_time() -> None:
    (need,) = needs_of("A", [item("A", assets=(Asset("Copy", lead_days=12),))], today=MONDAY)

    assert (need.expected, need.late) == (date(2026, 5, 20), 2)


def test_what_slips_takes_along_what_waits_for_it() -> None:
    first = item("A", assets=(replace(VIDEO, due=date(2026, 5, 21)),))
    second = item("B", START + timedelta(days=7), dependencies=needs("A"))
    third = item("C", START + timedelta(days=30), dependencies=needs("B"))

    found = slips([third, second, first], today=MONDAY)

    assert [(each.item, each.days) for each in found] == [("A", 3), ("B", 3)]
    assert found[1].because == ("A",)


def test_blocking_is_needing_the_other_way_round() -> None:
    kinds = DependencyKind
    one = [item("A"), item("B", dependencies=needs("A"))]
    other = [item("A", dependencies=needs("B", kinds.BLOCKS)), item("B")]
    spoken = [item("A"), item("B", dependencies=needs("A", kinds.REFERENCES_FEATURE))]

    assert predecessors(one) == predecessors(other) == {"B": ("A",)}
    assert predecessors(spoken) == {}
    assert predecessors([item("B", dependencies=needs("gone"))]) == {}


def test_a_circle_is_found_and_named_in_the_order_of_waiting() -> None:
    items = [
        item("A", dependencies=needs("B")),
        item("B", dependencies=needs("C")),
        item("C", dependencies=needs("A")),
        item("D", dependencies=needs("A")),
    ]
    before = predecessors(items)

    assert cycle_through("A", before) == ("A", "B", "C", "A")
    assert cycle_through("D", before) == ()
    assert cycle_through("A", {"A": ("A",)}) == ("A", "A")
    assert "A → B → C → A" in circle_obstacle(cycle_through("A", before)).sentence
    slips(items, today=MONDAY)
    assert critical_path("A", items, today=MONDAY)[-1] == "A"


def test_the_critical_path_follows_what_is_there_last() -> None:
    items = [
        item("A", MONDAY, assets=(Asset("Brief", due=date(2026, 5, 1)),)),
        item("B", MONDAY, days=3),
        item("C", START, dependencies=(*needs("A"), *needs("B")), assets=(Asset("Copy"),)),
    ]

    assert critical_path("C", items, today=MONDAY) == ("Brief", "A", "C")
    assert critical_path("gone", items, today=MONDAY) == ()


def test_the_item_before_must_begin_early_enough_for_its_length() -> None:
    items = [item("A", date(2026, 5, 15), days=10), item("B", dependencies=needs("A"))]

    (need,) = needs_of("B", items, today=MONDAY)

    assert (need.of, need.begin_by) == ("A", START - timedelta(days=10))
    assert (need.finish_by, need.expected) == (date(2026, 5, 18), date(2026, 5, 24))
    assert need.late == 4


def test_working_days_are_counted_back_over_weekends() -> None:
    assert working_days_before(MONDAY, 1) == date(2026, 5, 1)
    assert working_days_before(MONDAY, 0) == MONDAY
    assert working_days_before(MONDAY, 1, free={date(2026, 5, 1)}) == date(2026, 4, 30)


def test_a_chain_of_two_thousand_items_is_followed() -> None:
    chain = [
        item(str(n), START + timedelta(days=n), days=1, dependencies=needs(str(n - 1)))
        for n in range(2_000)
    ]
    late = replace(chain[0], assets=(replace(VIDEO, due=date(2026, 5, 21)),))

    found = slips([*reversed(chain[1:]), late], today=MONDAY)

    assert len(found) == 2_000
    assert {each.days for each in found} == {3}
    assert len(critical_path("1999", [late, *chain[1:]], today=MONDAY)) == 2_001
