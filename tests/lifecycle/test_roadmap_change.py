"""A roadmap grows old unless people rethink it."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from truelift.lifecycle.roadmap_change import Age, Field, ItemChange, freshness, is_material


DAY = date(2026, 5, 4)


def change(
    field: Field, before: str = "", after: str = "x", *, by: str = "ada@example.com"
) -> ItemChange:
    return ItemChange("RM-1", field, before, after, on=DAY, by=by)


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (change(Field.ITEM, "", "RM-1"), True),
        (change(Field.ITEM, "RM-1", ""), True),
        (change(Field.ORDER, "1", "3"), True),
        (change(Field.PRIORITY, "Q4-1", "Q1-1"), True),
        (change(Field.OWNER, "ada@example.com", "ben@example.com"), True),
        (change(Field.OWNER, "ada@example.com", "ada@example.com"), False),
        (change(Field.START, "2026-05-04", "2026-05-08"), True),
        (change(Field.START, "2026-05-04", "2026-05-07"), False),
        (change(Field.END, "2026-05-08", "2026-05-04"), True),
        (change(Field.END, "2026-05-07", "2026-05-04"), False),
        (change(Field.START, "", "2026-05-04"), True),
        (change(Field.START, "2026-05-04", ""), True),
        (change(Field.STAGE, "planned", "running"), False),
        (change(Field.COMMENT), False),
        (change(Field.WHAT, "Teh headline", "The headline"), False),
        (change(Field.ASSET, "", "Video"), False),
        (change(Field.DEPUTY, "", "ben@example.com"), False),
    ],
)
def test_which_changes_are_material(made: ItemChange, expected: bool) -> None:
    assert is_material(made) is expected


@pytest.mark.parametrize("field", list(Field))
def test_what_a_job_changes_is_never_material(field: Field) -> None:
    assert not is_material(change(field, "2026-01-01", "2026-05-04", by=""))


@pytest.mark.parametrize(
    ("days", "age"),
    [(0, None), (59, None), (60, Age.INFO), (90, Age.INFO), (91, Age.WARN), (400, Age.WARN)],
)
def test_a_roadmap_is_old_on_day_91_and_not_on_day_90(days: int, age: Age | None) -> None:
    made = [change(Field.ITEM, "", "RM-1")]

    found = freshness(made, today=DAY + timedelta(days=days), active=["RM-1"])

    assert (found.days, found.age) == (days, age)
    assert found.items == {"RM-1": days}
    assert found.median == days


def test_a_comment_does_not_make_it_young_again() -> None:
    comment = ItemChange("RM-1", Field.COMMENT, "", "Still on?", DAY + timedelta(days=80), "ada")

    found = freshness(
        [comment, change(Field.ITEM, "", "RM-1")], today=DAY + timedelta(days=91), active=["RM-2"]
    )

    assert (found.days, found.age, dict(found.items)) == (91, Age.WARN, {})


def test_a_roadmap_that_nobody_has_touched_has_no_age() -> None:
    assert freshness([], today=DAY).days is None
    assert freshness([], today=DAY).age is None
    assert freshness([], today=DAY).median is None
