"""Releases that touch what is tested are seen by somebody in time."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from truelift.lifecycle.liaison import (
    Owned,
    Word,
    in_the_digest,
    touching,
    without_liaison,
)
from truelift.lifecycle.roadmap_item import ItemKind, ItemStage, RoadmapItem


TODAY = date(2026, 5, 4)
TEST = RoadmapItem(
    "headline",
    ItemKind.EXPERIMENT,
    "A shorter headline",
    stage=ItemStage.RUNNING,
    surfaces=("Checkout", "Cart"),
    start=TODAY - timedelta(days=3),
    end=TODAY + timedelta(days=21),
)
RELEASE = RoadmapItem(
    "RM-1",
    ItemKind.RELEASE,
    "New payment form",
    stage=ItemStage.PLANNED,
    surfaces=("Checkout", "Account"),
    start=TODAY + timedelta(days=9),
    end=TODAY + timedelta(days=10),
)


def test_a_release_on_the_surface_of_a_test_waits_for_a_word_until_two_days_before() -> None:
    (found,) = touching([TEST, RELEASE], acknowledged={}, today=TODAY)

    assert (found.release, found.tests, found.surfaces) == ("RM-1", ("headline",), ("Checkout",))
    assert found.due == TODAY + timedelta(days=7)
    assert found.word is Word.OPEN


@pytest.mark.parametrize(
    ("days_before", "word"),
    [
        (9, Word.OPEN),
        (3, Word.OPEN),
        (2, Word.ESCALATED),
        (0, Word.ESCALATED),
        (-1, Word.ESCALATED),
    ],
)
def test_what_nobody_has_seen_is_taken_further_two_days_before(
    days_before: int, word: Word
) -> None:
    release = replace(RELEASE, start=TODAY + timedelta(days=days_before), end=None)

    found = touching([TEST, release], acknowledged={}, today=TODAY)

    # One whose day has passed without anybody saying that it runs still waits.
    assert [each.word for each in found] == [word]


@pytest.mark.parametrize(
    ("test", "release"),
    [
        ({"surfaces": ("Home",)}, {}),
        ({"stage": ItemStage.DONE}, {}),
        ({"stage": ItemStage.PLANNED}, {}),
        ({"end": TODAY + timedelta(days=9)}, {}),
        ({"start": None, "end": None}, {}),
        ({}, {"stage": ItemStage.RUNNING}),
        ({}, {"stage": ItemStage.DONE}),
        ({}, {"stage": ItemStage.CANCELLED}),
        ({}, {"kind": ItemKind.CAMPAIGN}),
        ({}, {"start": None, "end": None}),
        ({}, {"benign": frozenset({"headline"})}),
    ],
    ids=str,
)
def test_nothing_waits_where_no_test_is_touched(
    test: dict[str, object], release: dict[str, object]
) -> None:
    items = [replace(TEST, **test), replace(RELEASE, **release)]  # type: ignore[arg-type]

    assert touching(items, acknowledged={}, today=TODAY) == ()


def test_a_word_holds_for_the_tests_that_there_were() -> None:
    later = replace(TEST, key="video", stage=ItemStage.SCHEDULED, start=TODAY + timedelta(days=7))

    (one,) = touching([TEST, RELEASE], acknowledged={"RM-1": ["headline"]}, today=TODAY)
    (two,) = touching([TEST, later, RELEASE], acknowledged={"RM-1": ["headline"]}, today=TODAY)

    assert (one.word, one.waits, one.unseen) == (Word.ACKNOWLEDGED, False, ())
    assert (two.word, two.waits, two.unseen) == (Word.OPEN, True, ("video",))
    assert two.tests == ("headline", "video")


def test_the_digest_tells_two_weeks() -> None:
    far = replace(RELEASE, key="RM-2", start=TODAY + timedelta(days=14), end=None)
    found = touching([TEST, RELEASE, far], acknowledged={}, today=TODAY)

    assert [each.release for each in found] == ["RM-1", "RM-2"]
    assert [each.release for each in in_the_digest(found, today=TODAY)] == ["RM-1"]


@pytest.mark.parametrize(
    ("surface", "held", "named"),
    [
        (Owned("Home"), False, ()),
        (Owned("Home", team="Brand"), False, ()),
        (Owned("Home", has_code=True), False, ()),
        (Owned("Home", team="Payments", has_code=True), False, ("Home",)),
        (Owned("Home", owner_is_engineering=True), False, ("Home",)),
        (Owned("Home", owner_is_engineering=True), True, ()),
    ],
)
def test_surfaces_of_engineers_need_somebody_who_carries_matters_between_teams(
    surface: Owned, held: bool, named: tuple[str, ...]
) -> None:
    assert without_liaison([surface], held=held) == named
