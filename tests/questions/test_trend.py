"""Trends: local days, weeks and hours, empty ones included, people counted once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.questions.asking import ask, asked, event
from truelift.questions.matching import BadQuestion, Events
from truelift.questions.metric import Amount, AmountKind
from truelift.questions.trend import Against, Average, Interval, Point, Trend, TrendAnswer


VIEWS = Trend(Events(("view",)))
BERLIN = replace(VIEWS, time_zone="Europe/Berlin")


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def view(person: int, text: str, **columns: object) -> dict[str, Any]:
    return event(person, moment(text), "view", **columns)


def counts(answer: TrendAnswer) -> list[tuple[str, int, int]]:
    return [
        (row.begins.strftime("%m-%d %H:%M"), row.point.count, row.point.people)
        for row in answer.rows
    ]


def test_days_without_events_are_rows_of_zero() -> None:
    events = [view(1, "2026-03-01 10:00"), view(1, "2026-03-01 11:00"), view(2, "2026-03-03 09:00")]

    answer = ask(VIEWS, events)

    assert counts(answer) == [("03-01 00:00", 2, 1), ("03-02 00:00", 0, 0), ("03-03 00:00", 1, 1)]
    assert answer.whole == Point(count=3, people=2)


def test_a_period_is_filled_to_its_ends() -> None:
    question = replace(VIEWS, since=moment("2026-03-01"), until=moment("2026-03-04"))
    events = [
        view(1, "2026-02-28 23:59:59.999"),
        view(1, "2026-03-02 00:00"),
        view(1, "2026-03-04 00:00"),
    ]

    assert [row[1] for row in counts(ask(question, events))] == [0, 1, 0]
    assert [row[1] for row in counts(ask(question, []))] == [0, 0, 0]


def test_days_are_the_sites_days_also_where_the_clock_changes() -> None:
    events = [view(1, "2026-03-28 22:59"), view(2, "2026-03-28 23:00"), view(3, "2026-03-29 22:00")]

    answer = ask(BERLIN, events)

    assert counts(answer) == [("03-27 23:00", 1, 1), ("03-28 23:00", 1, 1), ("03-29 22:00", 1, 1)]


def test_the_hour_that_comes_twice_in_autumn_is_two_rows() -> None:
    hourly = replace(BERLIN, interval=Interval.HOUR)
    events = [view(1, "2026-10-25 00:30"), view(2, "2026-10-25 01:30")]

    assert counts(ask(hourly, events)) == [("10-25 00:00", 1, 1), ("10-25 01:00", 1, 1)]


def test_hours_begin_where_the_local_clock_shows_a_full_one() -> None:
    kolkata = replace(VIEWS, interval=Interval.HOUR, time_zone="Asia/Kolkata")
    events = [view(1, "2026-03-01 10:29"), view(1, "2026-03-01 10:30"), view(1, "1969-07-20 20:17")]

    rows = [row for row in counts(ask(kolkata, events)) if row[1]]

    assert rows == [("07-20 19:30", 1, 1), ("03-01 09:30", 1, 1), ("03-01 10:30", 1, 1)]


def test_weeks_begin_on_monday() -> None:
    weekly = replace(VIEWS, interval=Interval.WEEK, since=moment("2026-03-04"))
    events = [view(1, "2026-03-08 23:59"), view(1, "2026-03-16 00:00")]

    assert counts(ask(weekly, events)) == [
        ("03-02 00:00", 1, 1),
        ("03-09 00:00", 0, 0),
        ("03-16 00:00", 1, 1),
    ]


def test_amounts_are_added_up_and_averaged_where_there_are_any() -> None:
    money = replace(VIEWS, amount=Amount(AmountKind.MONEY, currency="EUR"))
    events = [
        view(1, "2026-03-01", value_minor=300, currency="EUR"),
        view(1, "2026-03-01", value_minor=500, currency="EUR"),
        view(1, "2026-03-01", value_minor=9, currency="USD"),
        view(1, "2026-03-01"),
    ]

    row = ask(money, events).document()["rows"]

    assert row == [
        {
            "begins": "2026-03-01T00:00:00Z",
            "count": 4,
            "people": 1,
            "sum": 800.0,
            "mean": 400.0,
            "measured": 2,
        }
    ]


def test_a_trend_of_no_event_name_counts_every_event() -> None:
    assert ask(Trend(Events()), [view(1, "2026-03-01"), view(2, "2026-03-01")]).whole.count == 2


def test_a_clock_that_is_wrong_by_centuries_does_not_fill_a_million_days() -> None:
    answer = ask(BERLIN, [view(1, "0001-01-01 00:00"), view(2, "9999-12-31 23:59")])

    assert [row.point.count for row in answer.rows] == [1, 1]
    assert not answer.filled


def test_nothing_happened() -> None:
    answer = ask(VIEWS, [])

    assert (answer.rows, answer.whole) == ((), Point())


def test_a_zone_that_does_not_exist_is_refused() -> None:
    with pytest.raises(BadQuestion, match="is not a time zone"):
        replace(VIEWS, time_zone="../etc/passwd")


def test_a_moving_average_goes_over_the_last_intervals_empty_ones_included() -> None:
    question = replace(VIEWS, moving_average=3)
    events = [view(n, "2026-03-01 10:00") for n in range(3)] + [view(1, "2026-03-04 10:00")] * 2

    found = [row.average for row in ask(question, events).rows]

    assert found[:2] == [None, None]
    assert found[2:] == [Average(1.0, 1.0, 0.0), Average(2 / 3, 1 / 3, 0.0)]


def test_a_moving_average_reads_the_intervals_before_the_first() -> None:
    question = replace(
        VIEWS, moving_average=3, since=moment("2026-03-03 06:00"), until=moment("2026-03-05")
    )
    events = [
        view(1, "2026-02-28 23:59"),  # a day too early
        view(1, "2026-03-01 10:00"),
        view(1, "2026-03-02 10:00"),
        view(2, "2026-03-02 11:00"),
        view(1, "2026-03-03 05:59"),  # the first interval holds only what the period does
        view(1, "2026-03-03 06:00"),
    ]

    answer = ask(question, events)

    assert [row.point.count for row in answer.rows] == [1, 0]
    assert [row.average.count for row in answer.rows if row.average] == [4 / 3, 1.0]
    assert answer.whole.count == 1


def test_the_period_before_is_as_long_and_ends_where_this_one_begins() -> None:
    question = replace(
        VIEWS, against=Against.BEFORE, since=moment("2026-03-03"), until=moment("2026-03-05")
    )
    events = [
        view(1, "2026-02-28 23:59"),
        view(1, "2026-03-01 00:00"),
        view(1, "2026-03-02 12:00"),
        view(2, "2026-03-02 23:59"),
        view(1, "2026-03-04 00:00"),
    ]

    answer = ask(question, events)
    document = answer.document()

    assert [row.before.point.count for row in answer.rows if row.before] == [1, 2]
    assert answer.whole == Point(count=1, people=1)
    assert answer.whole_before == Point(count=3, people=2)
    assert document["before"] == {
        "since": "2026-03-01T00:00:00Z",
        "until": "2026-03-03T00:00:00Z",
        "whole": {"count": 3, "people": 2},
    }


def test_the_period_before_has_the_same_days_also_where_the_clock_changes() -> None:
    # 29 March 2026 has 23 hours in Berlin.
    question = replace(
        BERLIN,
        against=Against.BEFORE,
        since=moment("2026-03-28 23:00"),
        until=moment("2026-03-29 22:00"),
    )

    assert question.period_before == (moment("2026-03-27 23:00"), moment("2026-03-28 23:00"))


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"moving_average": 1}, "2 to 366 intervals"),
        ({"moving_average": 367}, "2 to 366 intervals"),
        ({"against": Against.BEFORE}, "needs `since` and `until`"),
    ],
)
def test_what_cannot_be_compared_or_averaged_is_refused(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(BadQuestion, match=says):
        replace(VIEWS, **wrong)


rows = st.lists(
    st.builds(
        lambda person, minutes: event(
            person, moment("2026-03-26") + timedelta(minutes=minutes), "view"
        ),
        st.integers(0, 4),
        st.integers(0, 6 * 24 * 60),
    ),
    max_size=30,
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(events=rows, buckets=st.integers(2, 4), interval=st.sampled_from(Interval))
def test_any_partition_of_the_people_gives_the_same_answer(
    events: Sequence[dict[str, Any]], buckets: int, interval: Interval
) -> None:
    question = replace(
        BERLIN,
        interval=interval,
        moving_average=3,
        against=Against.BEFORE,
        since=moment("2026-03-28 10:00"),
        until=moment("2026-03-30"),
    )

    assert asked(question, events, buckets=buckets) == asked(question, events)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(events=rows)
def test_random_days_agree_with_plain_python(events: Sequence[dict[str, Any]]) -> None:
    answer = ask(BERLIN, events)

    days: dict[Any, list[int]] = {}
    for row in events:
        local = row["occurred_at"].astimezone(ZoneInfo("Europe/Berlin"))
        days.setdefault(local.date(), []).append(row["person"])
    found = {
        row.begins.astimezone(ZoneInfo("Europe/Berlin")).date(): (row.point.count, row.point.people)
        for row in answer.rows
        if row.point.count
    }
    assert found == {day: (len(people), len(set(people))) for day, people in days.items()}
