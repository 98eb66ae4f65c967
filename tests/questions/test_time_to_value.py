"""Time to value by hand, with those who still wait, and against plain Python."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.questions.asking import ask, event
from truelift.questions.forms import Context
from truelift.questions.matching import BadQuestion, Events
from truelift.questions.parse import parse_question
from truelift.questions.time_to_value import (
    LENGTH_MS,
    Interval,
    TimeToValue,
    TimeToValueAnswer,
)
from truelift.stats.survival import survival_curve


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def on(person: int, text: str, name: str, **columns: object) -> dict[str, Any]:
    return event(person, moment(text), name, **columns)


ACTIVATION = TimeToValue(
    start=Events(("sign_up",)),
    value=Events(("report",)),
    as_of=moment("2026-03-05 12:00"),
    intervals=4,
)


def curve(answer: TimeToValueAnswer, group: int = 0) -> list[float | None]:
    rows = document(answer)["groups"][group]["rows"]
    return [row["share"] for row in rows]


def document(answer: TimeToValueAnswer) -> dict[str, Any]:
    found: dict[str, Any] = answer.document()
    return found


PEOPLE = [
    on(1, "2026-03-01 12:00", "sign_up"),
    on(1, "2026-03-01 18:00", "report"),
    on(2, "2026-03-01 13:00", "sign_up"),
    on(2, "2026-03-03 12:59:59.999", "report"),
    on(3, "2026-03-02 12:00", "sign_up"),
    on(4, "2026-03-04 12:00", "sign_up"),
]


def test_people_who_still_wait_count_as_long_as_they_were_watched() -> None:
    answer = document(ask(ACTIVATION, PEOPLE))

    group = answer["groups"][0]
    assert [(row["at_risk"], row["reached"], row["immature"]) for row in group["rows"]] == [
        (4, 0, 0),
        (4, 1, 1),
        (2, 1, 0),
        (1, 0, 1),
        (0, 0, 0),
    ]
    assert curve(ask(ACTIVATION, PEOPLE)) == [0, 0.25, 1 - 0.75 / 2, 1 - 0.75 / 2, None]
    assert (group["people"], group["reached"], group["immature"]) == (4, 2, 2)
    assert group["median"] == 2
    assert group["quartiles"] == [1, 2, None]
    assert group["restricted_mean"] is not None


def test_an_event_at_the_end_of_an_interval_belongs_to_the_next_one() -> None:
    events = [on(1, "2026-03-01 12:00", "sign_up"), on(1, "2026-03-02 12:00", "report")]

    assert curve(ask(ACTIVATION, events)) == [0, 0, 1, 1, 1]


def test_an_event_in_an_interval_that_is_not_over_is_not_known_yet() -> None:
    events = [on(1, "2026-03-05 11:00", "sign_up"), on(1, "2026-03-05 11:30", "report")]
    over = replace(ACTIVATION, as_of=moment("2026-03-06 11:00"))

    assert document(ask(ACTIVATION, events))["groups"][0]["immature"] == 1
    assert curve(ask(ACTIVATION, events)) == [0, None, None, None, None]
    assert curve(ask(over, events)) == [0, 1, 1, 1, 1]


def test_value_before_the_start_is_not_what_was_waited_for() -> None:
    events = [on(1, "2026-03-01 11:00", "report"), on(1, "2026-03-01 12:00", "sign_up")]

    assert curve(ask(ACTIVATION, events)) == [0, 0, 0, 0, 0]


def test_time_runs_from_the_first_start_ever() -> None:
    events = [on(1, "2026-02-01 12:00", "sign_up"), on(1, "2026-03-01 12:00", "sign_up")]
    events.append(on(1, "2026-03-01 13:00", "report"))

    assert curve(ask(replace(ACTIVATION, intervals=29), events))[28:] == [0, 1]
    since = replace(ACTIVATION, since=moment("2026-03-01"))
    assert document(ask(since, events))["groups"][0]["people"] == 0


def test_value_may_come_after_until_but_the_start_may_not() -> None:
    question = replace(ACTIVATION, until=moment("2026-03-01 13:00"))

    assert document(ask(question, PEOPLE))["groups"][0]["people"] == 1
    assert curve(ask(replace(ACTIVATION, until=moment("2026-03-01 13:01")), PEOPLE))[2] == 1


def test_one_event_is_not_both_start_and_value() -> None:
    same = replace(ACTIVATION, value=Events(("sign_up", "report")))
    alone = [on(1, "2026-03-01 12:00", "sign_up")]
    twice = [*alone, on(1, "2026-03-01 12:00", "sign_up")]

    assert curve(ask(same, alone)) == [0, 0, 0, 0, 0]
    assert curve(ask(same, twice)) == [0, 1, 1, 1, 1]


def test_as_many_events_of_one_instant_serve_as_can() -> None:
    question = replace(ACTIVATION, start=Events(("a", "both")), value=Events(("both",)))
    events = [on(1, "2026-03-01 12:00", "both"), on(1, "2026-03-01 12:00", "a")]

    assert curve(ask(question, events)) == [0, 1, 1, 1, 1]


def test_a_day_is_24_hours_also_where_the_clock_changes() -> None:
    events = [on(1, "2026-03-28 20:00", "sign_up"), on(1, "2026-03-29 19:30", "report")]
    question = replace(ACTIVATION, as_of=moment("2026-04-05"), intervals=1)

    assert curve(ask(question, events)) == [0, 1]


def test_minutes_are_measured_to_the_minute() -> None:
    question = replace(ACTIVATION, interval=Interval.MINUTE)
    events = [on(1, "2026-03-01 12:00", "sign_up"), on(1, "2026-03-01 12:03:30", "report")]

    assert document(ask(question, events))["groups"][0]["median"] == 4


def test_groups_are_those_of_the_start_and_small_ones_are_put_together() -> None:
    question = replace(ACTIVATION, by="device", max_groups=1)
    devices = ["phone", "phone", "desktop", None]
    events = [
        on(person, "2026-03-01 12:00", "sign_up", device=device)
        for person, device in enumerate(devices)
    ]
    events += [on(person, "2026-03-01 13:00", "report", device="watch") for person in (0, 2, 3)]

    answer = ask(question, events, buckets=2)

    assert [(g.value, g.others, g.curve.units, g.curve.came) for g in answer.groups] == [
        ("phone", 0, 2, 1),
        (None, 2, 2, 2),
    ]


def test_of_nobody_nothing_is_known() -> None:
    group = document(ask(ACTIVATION, []))["groups"][0]

    assert (group["people"], group["median"], group["restricted_mean"]) == (0, None, None)
    assert [row["share"] for row in group["rows"]] == [None] * 5


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"start": Events()}, "start event has no name"),
        ({"value": Events()}, "value event has no name"),
        ({"intervals": 0}, "0 intervals"),
        ({"by": ""}, "not a name"),
        ({"max_groups": 0}, "no group"),
        ({"as_of": datetime(2026, 3, 1)}, "no time zone"),  # noqa: DTZ001
        ({"since": moment("2026-03-02"), "until": moment("2026-03-02")}, "not before"),
    ],
)
def test_a_question_that_cannot_be_answered_is_refused(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadQuestion, match=reason):
        replace(ACTIVATION, **change)


def test_a_document_may_say_everything() -> None:
    found = parse_question(
        {
            "question": "time_to_value",
            "start": "sign_up",
            "value": {"names": ["report"]},
            "interval": "hour",
            "intervals": 48,
            "by": "plan",
            "since": "2026-03-01",
            "as_of": "2026-04-01",
            "max_groups": 3,
        },
        Context(now=moment("2026-05-04"), time_zone="Europe/Berlin"),
    )

    assert found == TimeToValue(
        start=Events(("sign_up",)),
        value=Events(("report",)),
        as_of=moment("2026-03-31 22:00"),
        interval=Interval.HOUR,
        intervals=48,
        by="plan",
        since=moment("2026-02-28 23:00"),
        max_groups=3,
    )


rows = st.lists(
    st.builds(
        lambda person, hours, name, device: event(
            person, moment("2026-03-01") + timedelta(hours=hours), name, device=device
        ),
        st.integers(0, 6),
        st.integers(0, 10 * 24),
        st.sampled_from(["sign_up", "report", "both", "noise"]),
        st.sampled_from(["phone", None]),
    ),
    max_size=30,
)
questions = st.builds(
    TimeToValue,
    start=st.just(Events(("sign_up", "both"))),
    value=st.just(Events(("report", "both"))),
    as_of=st.integers(0, 12 * 24).map(lambda hours: moment("2026-03-01") + timedelta(hours=hours)),
    interval=st.sampled_from([Interval.HOUR, Interval.DAY]),
    by=st.just("device"),
    since=st.none() | st.just(moment("2026-03-03 05:00")),
    until=st.none() | st.just(moment("2026-03-06 12:00")),
)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(events=rows, question=questions, buckets=st.integers(2, 4))
def test_any_partition_of_the_people_gives_the_same_answer(
    events: Sequence[dict[str, Any]], question: TimeToValue, buckets: int
) -> None:
    whole = ask(question, events)

    assert ask(question, events, buckets=buckets).document() == whole.document()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(events=rows, question=questions)
def test_random_waits_agree_with_plain_python(
    events: Sequence[dict[str, Any]], question: TimeToValue
) -> None:
    answer = ask(question, events)

    expected: dict[str | None, list[tuple[int, bool]]] = {}
    for person in {row["person"] for row in events}:
        own = [r for r in events if r["person"] == person and r["occurred_at"] < question.as_of]
        starts = sorted(
            (row for row in own if row["event"] in {"sign_up", "both"}),
            key=lambda r: (
                r["occurred_at"],
                r["event"] == "both",
                r["device"] is None,
                r["device"],
            ),
        )
        if not starts:
            continue
        start, at = starts[0], starts[0]["occurred_at"]
        if question.since is not None and at < question.since:
            continue
        if question.until is not None and at >= question.until:
            continue
        length = timedelta(milliseconds=LENGTH_MS[question.interval])
        watched = (question.as_of - at) // length
        took = min(
            (
                (row["occurred_at"] - at) // length + 1
                for row in own
                if row["event"] in {"report", "both"}
                and row is not start
                and row["occurred_at"] >= at
            ),
            default=watched + 1,
        )
        waits = expected.setdefault(start["device"], [])
        waits.append((took, True) if took <= watched else (watched, False))
    assert {group.value: group.curve for group in answer.groups if group.curve.units} == {
        value: survival_curve(
            came=[sum(w == (n, True) for w in waits) for n in range(longest(waits) + 1)],
            left=[sum(w == (n, False) for w in waits) for n in range(longest(waits) + 1)],
        )
        for value, waits in expected.items()
    }


def longest(waits: Sequence[tuple[int, bool]]) -> int:
    return max(interval for interval, _ in waits)
