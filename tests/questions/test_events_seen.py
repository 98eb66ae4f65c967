"""The names of a site's events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.questions.asking import ask, asked, at, event
from truelift.questions.events_seen import EventSeen, EventsSeen


def test_names_come_with_count_people_and_the_last_time_the_frequent_first() -> None:
    events = [event(1, 0, "b"), event(1, 5, "b"), event(2, 3, "b"), event(1, 9, "a")]

    assert ask(EventsSeen(), events, buckets=2).rows == (
        EventSeen("b", 3, 2, at(5)),
        EventSeen("a", 1, 1, at(9)),
    )


def test_only_the_period_is_looked_at() -> None:
    question = EventsSeen(since=at(1), until=at(2))

    assert ask(question, [event(1, 0, "a"), event(1, 1, "b"), event(1, 2, "c")]).names == ("b",)


def test_rarer_names_than_were_asked_for_are_left_out() -> None:
    events = [event(1, 0, "a"), event(1, 0, "b"), event(1, 0, "b")]

    assert ask(replace(EventsSeen(), max_rows=1), events).names == ("b",)


rows = st.lists(
    st.builds(event, st.integers(0, 5), st.integers(0, 9), st.sampled_from("abcd")), max_size=20
)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(events=rows, buckets=st.integers(2, 4))
def test_any_partition_of_the_people_gives_the_same_answer(
    events: Sequence[dict[str, Any]], buckets: int
) -> None:
    assert asked(EventsSeen(), events, buckets=buckets) == asked(EventsSeen(), events)
