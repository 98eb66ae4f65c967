"""Items stand in lanes, columns and rows; no two that share a day share a row."""

from __future__ import annotations

import re
from datetime import date, timedelta
from pathlib import Path

import pytest

from truelift.apps.roadmap import timeline as module
from truelift.apps.roadmap.timeline import (
    MOST_ROWS,
    Bar,
    Beside,
    Clash,
    Lanes,
    Timeline,
    Zoom,
    quarter_of,
    rows_of,
    timeline,
    window_of,
)
from truelift.lifecycle.back_schedule import Slip
from truelift.lifecycle.conflict_rules import Severity
from truelift.lifecycle.roadmap_item import (
    Dependency,
    DependencyKind,
    ItemKind,
    ItemStage,
    RoadmapItem,
)


MONDAY = date(2026, 11, 2)
TODAY = date(2026, 11, 20)


NOTHING = Beside()


def item(key: str, start: int = 0, length: int | None = 7, **more: object) -> RoadmapItem:
    """An item that begins so many days after the first Monday."""
    first = MONDAY + timedelta(days=start)
    said: dict[str, object] = {
        "kind": ItemKind.CAMPAIGN,
        "what": key,
        "surfaces": ("Cart",),
        "start": first,
        "end": None if length is None else first + timedelta(days=length),
        **more,
    }
    return RoadmapItem(key, **said)  # type: ignore[arg-type]


def drawn(
    *items: RoadmapItem,
    lanes: Lanes = Lanes.SURFACE,
    zoom: Zoom = Zoom.QUARTER,
    beside: Beside = NOTHING,
    may_move: bool = True,
) -> Timeline:
    return timeline(
        items,
        window=window_of(zoom, MONDAY),
        zoom=zoom,
        lanes=lanes,
        today=TODAY,
        beside=beside,
        may_move=may_move,
    )


def bars(found: Timeline) -> dict[str, Bar]:
    return {bar.item.key: bar for lane in found.lanes for bar in lane.bars}


def test_a_window_begins_on_a_monday_and_a_quarter_on_its_first_day() -> None:
    window, quarter = window_of(Zoom.QUARTER, TODAY), quarter_of(TODAY)

    assert (window.since, window.days) == (date(2026, 11, 16), 91)
    assert (quarter.since, quarter.until) == (date(2026, 10, 1), date(2027, 1, 1))
    assert quarter_of(date(2027, 2, 1)).days == 90


def test_a_bar_stands_on_the_days_of_its_item() -> None:
    found = bars(drawn(item("inside", 7, 14), item("before", -5, 10), item("open", 80, None)))

    assert (found["inside"].column, found["inside"].span) == (8, 14)
    assert (found["before"].column, found["before"].span) == (1, 5)
    assert found["before"].from_before
    assert found["open"].goes_on
    assert found["inside"].when == "Mon 9 Nov to Sun 22 Nov"


def test_what_is_outside_the_window_or_was_dropped_is_not_drawn() -> None:
    found = drawn(
        item("gone", -20, 5),
        item("far", 200),
        item("dropped", stage=ItemStage.CANCELLED),
        RoadmapItem("undated", ItemKind.RELEASE, "Some day"),
    )

    assert found.lanes == ()
    assert [each.key for each in found.undated] == ["undated"]


def test_rows_are_packed_and_nothing_overlaps() -> None:
    rows = rows_of([(1, 5), (2, 3), (4, 9), (6, 7), (8, 8), (10, 12)])

    assert rows == [1, 2, 2, 1, 1, 1]


def test_labels_beside_short_bars_are_given_room() -> None:
    found = bars(
        drawn(
            item("a", 0, 1, kind=ItemKind.RELEASE, what="A release with a long name"),
            item("b", 3, 7),
        )
    )

    assert found["a"].side == "right"
    assert found["b"].row != found["a"].row


def test_an_item_stands_in_the_lane_of_each_surface_but_of_one_team() -> None:
    both = item("both", surfaces=("Cart", "Checkout"), team="Payments")

    by_surface, by_team = drawn(both), drawn(both, item("x", team=""), lanes=Lanes.TEAM)

    assert [lane.name for lane in by_surface.lanes] == ["Cart", "Checkout"]
    assert [lane.name for lane in by_team.lanes] == ["Payments", "No team named"]
    assert [lane.top for lane in by_team.lanes] == [0, by_team.lanes[0].height + 1]


@pytest.mark.parametrize(
    ("agreed", "kind"), [(True, "freeze"), (False, "proposed")], ids=["agreed", "proposed"]
)
def test_a_freeze_stands_behind_the_lanes_that_it_covers(agreed: bool, kind: str) -> None:
    freeze = item("F-1", 21, 7, kind=ItemKind.FREEZE, what="Black week", agreed=agreed)

    found = drawn(freeze, item("a"), item("b", surfaces=("Blog",)))

    cart, blog = sorted(found.lanes, key=lambda lane: lane.name != "Cart")
    (band,) = cart.bands
    assert (band.kind, band.column, band.span, band.href) == (kind, 22, 7, "F-1")
    assert blog.bands == ()
    assert cart.bars[0].row == 2


def test_a_conflict_is_drawn_over_exactly_the_overlap_and_marked_on_both() -> None:
    clash = Clash("X-1", Severity.BLOCK, "a", "b", MONDAY + timedelta(days=7), 3)
    quiet = Clash("X-2", Severity.WARN, "a", "", MONDAY, 1)

    found = drawn(item("a", 0, 10), item("b", 7, 7), beside=Beside(clashes=[clash, quiet]))

    (band,) = found.lanes[0].bands
    assert (band.kind, band.column, band.span, band.row, band.rows) == ("clash", 8, 3, 1, 2)
    assert [bars(found)[key].mark for key in "ab"] == ["✕2", "✕1"]
    assert "conflicts X-1, X-2 (blocks)" in bars(found)["a"].said


def test_what_waits_is_joined_with_a_line_and_the_critical_path_is_marked() -> None:
    needs = (Dependency("a", DependencyKind.NEEDS_BEFORE),)
    second = item("b", 14, dependencies=needs)
    slip = Slip("b", MONDAY, MONDAY + timedelta(days=20), None, 6, ("a",))

    found = drawn(item("a"), second, beside=Beside(slips=[slip], path=[("a", "b")]))

    (line,) = found.links
    assert (line.first, line.second, line.critical, line.late) == ("a", "b", True, False)
    assert (line.x1, line.x2) == (7.69, 15.38)
    assert bars(found)["a"].critical
    assert "cannot start before Sun 22 Nov" in bars(found)["b"].said
    assert "needs a before" in bars(found)["b"].said


@pytest.mark.parametrize(
    ("stage", "kind", "movable"),
    [
        (ItemStage.PLANNED, ItemKind.RELEASE, True),
        (ItemStage.RUNNING, ItemKind.RELEASE, False),
        (ItemStage.DONE, ItemKind.EXPERIMENT, False),
    ],
)
def test_only_what_has_not_begun_can_be_moved(
    stage: ItemStage, kind: ItemKind, movable: bool
) -> None:
    one = item("a", stage=stage, kind=kind)

    assert bars(drawn(one))["a"].movable is movable
    assert not bars(drawn(one, may_move=False))["a"].movable


def test_a_running_experiment_is_filled_by_the_share_of_its_time() -> None:
    running = item("a", 14, 28, kind=ItemKind.EXPERIMENT, stage=ItemStage.RUNNING)

    assert bars(drawn(running))["a"].done == 4


def test_weekends_and_seasons_are_shaded() -> None:
    season = ("Christmas", date(2026, 12, 21), date(2026, 12, 28))

    found = drawn(item("a"), beside=Beside(seasons=[season]))

    weekends = [each for each in found.backs if each.kind == "weekend"]
    assert [(each.column, each.span) for each in weekends[:2]] == [(6, 2), (13, 2)]
    assert len(weekends) == 13
    assert found.backs[-1].label == "Christmas"
    assert found.today == 19


def test_every_column_length_and_row_has_its_class() -> None:
    css = (Path(module.__file__).parent / "static/roadmap/days.css").read_text()

    longest = 92
    assert set(map(int, re.findall(r"\.c-(\d+) ", css))) >= set(range(1, longest + 1))
    assert set(map(int, re.findall(r"\.d-(\d+) ", css))) >= set(range(1, longest + 1))
    assert set(map(int, re.findall(r"\.r-(\d+) ", css))) == set(range(1, MOST_ROWS + 1))
    windows = {each.days for each in Zoom} | {quarter_of(date(2026, m, 1)).days for m in (1, 4, 7)}
    assert set(map(int, re.findall(r"\.days-(\d+) ", css))) >= windows | {92, 91}
