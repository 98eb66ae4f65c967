"""When meetings are due, who has to be there, and which count as missed."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from truelift.lifecycle.functions import Function
from truelift.lifecycle.rhythm import (
    BadRhythm,
    Kept,
    Meeting,
    Outcome,
    Stage,
    Standing,
    Topic,
    adherence,
    adherence_over_time,
    closing_obstacles,
    due_between,
    is_in_time,
    minutes_left,
    missed_in_a_row,
    outcome,
    quorum,
    trailing_since,
)


BERLIN = ZoneInfo("Europe/Berlin")
BEGINNING = date(2026, 1, 1)
STAND_UP = Standing(Meeting.STAND_UP, weekday=1, nth=1, at=time(9, 30), since=BEGINNING)
REVIEW = Standing(Meeting.REVIEW, weekday=3, nth=1, at=time(14), since=BEGINNING)
REBUILD = Standing(Meeting.REBUILD, weekday=0, nth=2, at=time(10), since=BEGINNING)
ENGINEERING, ANALYTICS = Function.ENGINEERING, Function.ANALYTICS
LEAD, PRODUCT = Function.CRO_LEAD, Function.PRODUCT_UX


@pytest.mark.parametrize(
    ("standing", "since", "until", "due"),
    [
        (
            STAND_UP,
            date(2026, 3, 24),
            date(2026, 4, 8),
            # The clocks go forward on 29 March; people still meet at half past nine.
            [
                ("2026-W13", "2026-03-24T08:30:00+00:00"),
                ("2026-W14", "2026-03-31T07:30:00+00:00"),
                ("2026-W15", "2026-04-07T07:30:00+00:00"),
            ],
        ),
        (
            REVIEW,
            date(2026, 4, 30),
            date(2026, 6, 30),
            [
                ("2026-05", "2026-05-07T12:00:00+00:00"),
                ("2026-06", "2026-06-04T12:00:00+00:00"),
            ],
        ),
        (
            REBUILD,
            date(2026, 1, 1),
            date(2026, 8, 1),
            [
                ("2026-Q1", "2026-01-12T09:00:00+00:00"),
                ("2026-Q2", "2026-04-13T08:00:00+00:00"),
                ("2026-Q3", "2026-07-13T08:00:00+00:00"),
            ],
        ),
    ],
)
def test_meetings_are_due_by_the_clocks_of_the_site(
    standing: Standing, since: date, until: date, due: list[tuple[str, str]]
) -> None:
    found = due_between(standing, since=since, until=until, zone=BERLIN)

    assert [(each.period, each.starts_at.isoformat()) for each in found] == due


@pytest.mark.parametrize(
    ("free", "day"),
    [
        ([], date(2026, 5, 12)),
        ([12], date(2026, 5, 13)),
        ([12, 13, 14, 15], date(2026, 5, 11)),
        ([11, 12, 13, 14, 15], None),
    ],
)
def test_a_free_day_moves_a_meeting_within_its_week_and_a_free_week_has_none(
    free: list[int], day: date | None
) -> None:
    days = {date(2026, 5, each) for each in free}
    since, until = date(2026, 5, 11), date(2026, 5, 18)

    found = due_between(STAND_UP, since=since, until=until, zone=BERLIN, free=days)

    assert [each.day for each in found] == ([day] if day else [])


@given(
    st.sampled_from([STAND_UP, REVIEW, REBUILD]),
    st.dates(date(2026, 1, 1), date(2030, 1, 1)),
    st.integers(0, 200),
    st.integers(0, 200),
)
def test_what_is_due_does_not_hang_on_where_one_begins_to_look(
    standing: Standing, since: date, one: int, other: int
) -> None:
    middle = since + timedelta(days=one)
    end = middle + timedelta(days=other)

    whole = due_between(standing, since=since, until=end, zone=BERLIN)

    parts = [
        each
        for a, b in ((since, middle), (middle, end))
        for each in due_between(standing, since=a, until=b, zone=BERLIN)
    ]
    assert list(whole) == parts
    assert all(a.day < b.day and a.period < b.period for a, b in pairwise(whole))
    assert all(is_in_time(each.kind, each.day, today=each.day) for each in whole)


@pytest.mark.parametrize(
    ("kind", "present", "missing"),
    [
        (Meeting.STAND_UP, [[LEAD], [ENGINEERING], [PRODUCT], [ANALYTICS]], []),
        (Meeting.STAND_UP, [[LEAD], [ENGINEERING], [PRODUCT]], [ANALYTICS]),
        # One who does everything sits once; the others still have to come.
        (Meeting.STAND_UP, [[LEAD, ENGINEERING, PRODUCT, ANALYTICS]], None),
        # The first could take the seat of the second, who can take no other.
        (
            Meeting.STAND_UP,
            [[LEAD, ANALYTICS], [LEAD], [ENGINEERING, PRODUCT], [ENGINEERING]],
            [],
        ),
        (Meeting.REVIEW, [[Function.MARKETING], [Function.SALES], [Function.SALES]], ["finance"]),
        (Meeting.REBUILD, [], ["cro_lead", "marketing", "product_ux", "engineering"]),
    ],
)
def test_every_function_has_a_person_of_its_own(
    kind: Meeting, present: list[list[Function]], missing: list[str] | None
) -> None:
    found = quorum(kind, {str(at): does for at, does in enumerate(present)})

    if missing is None:
        assert (len(found.seated), len(found.missing)) == (1, 3)
    else:
        assert list(found.missing) == missing
    assert len(set(found.seated.values())) == len(found.seated)
    assert found.reached is (not found.missing)


TODAY = date(2026, 6, 10)


def weeks(*said: str, until: date = TODAY - timedelta(days=1)) -> list[Kept]:
    """Give a meeting a week, the newest last: `h` held, `q` without quorum, `m` not held."""
    days = [until - timedelta(weeks=each) for each in reversed(range(len(said)))]
    return [
        Kept(day, closed=how != "m", quorate=how == "h")
        for day, how in zip(days, said, strict=True)
    ]


@pytest.mark.parametrize(
    ("said", "held", "due", "warns"),
    [
        ("", 0, 0, 0),
        ("hhh", 3, 3, 0),
        ("hqh", 2, 3, 0),
        ("hhm", 2, 3, 0),
        ("hmq", 1, 3, 2),
        ("mmh", 1, 3, 0),
        ("mmm", 0, 3, 3),
        # Only the last thirteen weeks count, though misses in a row may be older.
        ("m" * 20, 0, 13, 20),
    ],
)
def test_adherence_is_held_with_quorum_of_what_was_due_and_two_misses_in_a_row_warn(
    said: str, held: int, due: int, warns: int
) -> None:
    meetings = weeks(*said)

    counted = adherence(Meeting.STAND_UP, meetings, today=TODAY)
    missed = missed_in_a_row(Meeting.STAND_UP, meetings, today=TODAY)

    assert (counted.held, counted.due) == (held, due)
    assert counted.share == (held / due if due else None)
    assert len(missed.days if missed else ()) == warns


def test_adherence_over_time_looks_back_from_each_meeting_and_marks_the_second_miss() -> None:
    found = adherence_over_time(Meeting.STAND_UP, weeks(*"hmqhmmm" + "h" * 13), today=TODAY)

    assert [(each.adherence.held, each.adherence.due) for each in found[:4]] == [
        (1, 1),
        (1, 2),
        (1, 3),
        (2, 4),
    ]
    assert [each.misses for each in found[:8]] == [0, 1, 2, 0, 1, 2, 3, 0]
    assert [at for at, each in enumerate(found) if each.warned] == [2, 5, 6]
    assert (found[-2].adherence.held, found[-2].adherence.due) == (13, 13)
    assert found[-1].day == TODAY
    assert found[-1].adherence == adherence(
        Meeting.STAND_UP, weeks(*"hmqhmmm" + "h" * 13), today=TODAY
    )


def test_a_meeting_is_missed_from_the_day_after_it_was_due() -> None:
    kept = Kept(TODAY)

    assert outcome(kept, today=TODAY) is Outcome.OPEN
    assert outcome(kept, today=TODAY + timedelta(days=1)) is Outcome.MISSED


@pytest.mark.parametrize(
    ("kind", "today", "since"),
    [
        (Meeting.STAND_UP, date(2026, 6, 10), date(2026, 3, 12)),
        (Meeting.REVIEW, date(2026, 6, 10), date(2025, 12, 11)),
        (Meeting.REVIEW, date(2026, 8, 31), date(2026, 3, 1)),
        (Meeting.REVIEW, date(2026, 12, 31), date(2026, 7, 1)),
        (Meeting.REBUILD, date(2026, 6, 10), date(2025, 6, 11)),
        (Meeting.REBUILD, date(2028, 2, 29), date(2027, 3, 1)),
    ],
)
def test_the_trailing_time_ends_today(kind: Meeting, today: date, since: date) -> None:
    assert trailing_since(kind, today) == since


def test_closing_is_refused_with_every_reason_and_too_few_functions_is_none() -> None:
    refused = closing_obstacles(
        Meeting.REVIEW,
        Stage.BEGUN,
        present=0,
        noted=[Topic.WARNINGS],
        frozen=False,
        rebuilt=True,
        unowned=["Call the bank"],
    )
    free = closing_obstacles(
        Meeting.STAND_UP,
        Stage.BEGUN,
        present=1,
        noted=Meeting.STAND_UP.topics,
        frozen=False,
        rebuilt=False,
    )

    assert [each.code.partition(".")[2] for each in refused] == [
        "nobody_there",
        *["no_minutes"] * 5,
        "no_pack",
        "owner_left",
    ]
    assert free == ()


def test_time_runs_out_and_over() -> None:
    begun = datetime(2026, 6, 10, 9, tzinfo=UTC)

    left = [
        minutes_left(Meeting.STAND_UP, begun, now=begun + timedelta(minutes=each))
        for each in (0, 19, 20, 25)
    ]

    assert left == [20, 1, 0, -5]


@pytest.mark.parametrize(("weekday", "nth"), [(5, 1), (0, 0), (0, 5)])
def test_a_meeting_is_on_a_working_day_that_every_month_has(weekday: int, nth: int) -> None:
    with pytest.raises(BadRhythm):
        Standing(Meeting.REVIEW, weekday, nth, time(9), BEGINNING)


def test_a_review_in_a_free_week_moves_on_in_its_month() -> None:
    week = {date(2026, 5, 7) + timedelta(days=each) for each in range(4)}

    found = due_between(
        REVIEW, since=date(2026, 5, 1), until=date(2026, 6, 1), zone=BERLIN, free=week
    )

    assert [each.day for each in found] == [date(2026, 5, 11)]
