"""The next time in which an item is in nobody's way."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from truelift.lifecycle.conflict import ConflictContext, conflicts
from truelift.lifecycle.conflict_rules import Rule
from truelift.lifecycle.roadmap_item import (
    Asset,
    Dependency,
    DependencyKind,
    ItemKind,
    ItemStage,
    RoadmapItem,
)
from truelift.lifecycle.slots import Slot, nearest_free_slot
from truelift.lifecycle.surface import Surface


TODAY = date(2026, 3, 2)
DAY = timedelta(days=1)
SURFACES = (Surface("Cart", bundle="shop.js"), Surface("Home"))
TEST = RoadmapItem(
    key="EXP-1",
    kind=ItemKind.EXPERIMENT,
    what="Shorter headline",
    stage=ItemStage.PLANNED,
    surfaces=("Cart",),
    elements=("headline",),
    start=date(2026, 3, 9),
    end=date(2026, 3, 23),
)
RELEASE = replace(
    TEST,
    key="RM-1",
    kind=ItemKind.RELEASE,
    start=date(2026, 3, 10),
    end=date(2026, 3, 12),
)


def slot(
    *items: RoadmapItem, context: ConflictContext | None = None, horizon_days: int = 365
) -> Slot | None:
    return nearest_free_slot(
        TEST,
        items,
        surfaces=SURFACES,
        today=TODAY,
        context=context or ConflictContext(),
        horizon_days=horizon_days,
    )


def test_what_nobody_hinders_may_begin_today() -> None:
    assert slot(TEST) == Slot(TODAY, TODAY + 14 * DAY)


def test_a_slot_is_as_long_as_the_item_and_begins_when_what_hinders_is_over() -> None:
    found = slot(TEST, RELEASE)

    assert found is not None
    assert (found.start, found.end) == (date(2026, 3, 12), date(2026, 3, 26))
    assert [each.identity for each in found.waits_for] == [(Rule.C6, "EXP-1", "RM-1")]


def test_a_gap_that_is_too_short_is_passed_over_and_one_that_fits_is_taken() -> None:
    soon = replace(RELEASE, start=TODAY, end=TODAY + DAY)
    fits = replace(RELEASE, key="RM-2", start=TODAY + 15 * DAY, end=TODAY + 16 * DAY)
    early = replace(fits, start=TODAY + 14 * DAY)

    one, other = slot(soon, fits), slot(soon, early)

    assert one is not None
    assert one.start == TODAY + DAY
    assert other is not None
    assert other.start == TODAY + 16 * DAY


def test_wash_out_is_kept() -> None:
    other = replace(TEST, key="EXP-2")

    found = slot(other, context=ConflictContext(washout_days=3))

    assert found is not None
    assert found.start == date(2026, 3, 26)


def test_a_conflict_with_a_plan_hinders_nobody() -> None:
    other = replace(TEST, key="EXP-2", elements=("picture",), start=TODAY)

    held = nearest_free_slot(TEST, [other], surfaces=SURFACES, today=TODAY)
    planned = nearest_free_slot(
        TEST, [other], surfaces=SURFACES, today=TODAY, settled={(Rule.C2, "EXP-1", "EXP-2")}
    )

    assert held is not None
    assert held.start == date(2026, 3, 23)
    assert planned is not None
    assert planned.start == TODAY


def test_what_is_needed_before_is_waited_for() -> None:
    needs = replace(TEST, dependencies=(Dependency("RM-1", DependencyKind.NEEDS_BEFORE),))
    elsewhere = replace(RELEASE, surfaces=("Home",), start=TODAY, end=TODAY + 2 * DAY)

    found = nearest_free_slot(needs, [elsewhere], surfaces=SURFACES, today=TODAY)

    assert found is not None
    assert found.start == TODAY + 2 * DAY


def test_what_is_missing_keeps_the_last_days_before_a_start_away() -> None:
    lacks = replace(TEST, assets=(Asset("film", lead_days=1),))

    found = nearest_free_slot(lacks, [], surfaces=SURFACES, today=TODAY)

    assert found is not None
    assert found.start == TODAY + 3 * DAY


def test_there_is_none_where_a_release_without_end_goes_on() -> None:
    forever = replace(RELEASE, stage=ItemStage.RUNNING, start=TODAY, end=None)

    assert slot(forever, horizon_days=90) is None


def test_no_day_is_proposed_before_the_one_that_was_named() -> None:
    found = nearest_free_slot(TEST, [], surfaces=SURFACES, today=TODAY, not_before=TODAY + 40 * DAY)

    assert found is not None
    assert found.start == TODAY + 40 * DAY


_starts = st.integers(-10, 60).map(lambda days: TODAY + days * DAY)


@settings(max_examples=40, deadline=None)
@given(
    spans=st.lists(st.tuples(_starts, st.integers(1, 20)), max_size=5),
    kind=st.sampled_from([ItemKind.RELEASE, ItemKind.EXPERIMENT]),
    washout=st.integers(0, 2),
)
def test_the_slot_is_free_and_no_earlier_day_is(
    spans: list[tuple[date, int]], kind: ItemKind, washout: int
) -> None:
    context = ConflictContext(washout_days=washout)
    others = [
        replace(RELEASE, key=f"RM-{n}", kind=kind, start=start, end=start + days * DAY)
        for n, (start, days) in enumerate(spans)
    ]

    found = slot(*others, context=context)

    def is_free(start: date) -> bool:
        moved = replace(TEST, start=start, end=start + 14 * DAY)
        met = conflicts(
            [moved, *others], surfaces=SURFACES, today=TODAY, context=context, about="EXP-1"
        )
        return not any(each.stops for each in met)

    assert found is not None
    assert is_free(found.start)
    assert not any(is_free(TODAY + n * DAY) for n in range((found.start - TODAY).days))
