"""Sessions of stored events: length, pages, engagement, where they begin and end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.questions.asking import ask, at, event
from truelift.questions.matching import BadQuestion, Events
from truelift.questions.sessions import Sessions, SessionsAnswer, SessionTally


ALL = Sessions()


def page(person: int, seconds: float, path: str = "/", **columns: object) -> dict[str, Any]:
    return event(person, seconds, "page_view", path=path, **columns)


def sessions(answer: SessionsAnswer) -> dict[str | None, int]:
    return {row.values[0]: row.tally.sessions for row in answer.rows}


def test_sessions_people_pages_and_time_are_counted() -> None:
    events = [page(1, 0), page(1, 60), event(1, 90, "scroll"), page(1, 5000), page(2, 0)]

    assert ask(ALL, events).rows[0].tally == SessionTally(
        sessions=3, people=2, events=5, pages=4, engaged=1, duration_ms=90_000
    )


@pytest.mark.parametrize(
    ("events", "engaged"),
    [
        ([page(1, 0)], 0),
        ([page(1, 0), event(1, 9.999, "scroll")], 0),
        ([page(1, 0), event(1, 10, "scroll")], 1),
        ([page(1, 0), page(1, 1)], 1),
        ([page(1, 0), event(1, 1, "purchase")], 1),
    ],
)
def test_ten_seconds_two_pages_or_a_key_event_make_a_session_engaged(
    events: list[dict[str, Any]], engaged: int
) -> None:
    tally = ask(ALL, events).rows[0].tally

    assert (tally.engaged, tally.bounced) == (engaged, 1 - engaged)


def test_key_events_are_what_the_site_says() -> None:
    question = replace(ALL, key_events=Events(("sign_up",)))

    tally = ask(question, [event(1, 0, "sign_up"), event(2, 0, "purchase")]).rows[0].tally

    assert tally.key_sessions == 1


def test_a_session_belongs_to_the_period_in_which_it_begins() -> None:
    question = replace(ALL, since=at(1000), until=at(10_000))
    events = [page(1, 900), page(1, 1100), page(2, 9999), page(2, 10_500), page(3, 10_000)]

    tally = ask(question, events).rows[0].tally

    assert (tally.sessions, tally.events) == (1, 2)


def test_entry_and_exit_are_the_first_and_last_page() -> None:
    events = [
        event(1, 0, "scroll", path="/nowhere"),
        page(1, 1, "/a"),
        page(1, 2, "/b"),
        event(1, 3, "click", path="/c"),
        event(2, 0, "click"),
    ]

    assert sessions(ask(replace(ALL, by="entry_page"), events)) == {"/a": 1, None: 1}
    assert sessions(ask(replace(ALL, by="exit_page"), events)) == {"/b": 1, None: 1}


def test_a_dimension_is_the_sessions_first_that_is_known() -> None:
    events = [page(1, 0), page(1, 1, device="phone"), page(1, 2, device="desktop")]

    assert sessions(ask(replace(ALL, by="device"), events)) == {"phone": 1}


def test_people_are_counted_once_in_every_group() -> None:
    events = [page(1, 0, device="phone"), page(1, 9000, device="phone"), page(2, 0, device="phone")]
    events += [page(1, 20_000, device="desktop")]

    rows = ask(replace(ALL, by="device"), events).rows

    assert [(row.values[0], row.tally.sessions, row.tally.people) for row in rows] == [
        ("phone", 3, 2),
        ("desktop", 1, 1),
    ]


def test_days_are_the_sites_and_in_order() -> None:
    question = replace(ALL, by="day", time_zone="Europe/Berlin")
    events = [page(1, 23 * 3600), page(2, 0), page(3, 0), page(4, 30 * 3600)]

    assert list(sessions(ask(question, events)).items()) == [("2026-03-01", 2), ("2026-03-02", 2)]


def test_small_groups_are_put_together() -> None:
    events = [page(n, 0, source=source) for n, source in enumerate("aabc")]

    rows = ask(replace(ALL, by="source", max_rows=1), events).rows

    assert [(row.values[0], row.others, row.tally.sessions) for row in rows] == [
        ("a", 0, 2),
        (None, 2, 2),
    ]


def test_rates_of_nothing_are_null() -> None:
    row = ask(ALL, []).document()["rows"]

    assert isinstance(row, list)
    assert row[0]["sessions"] == 0
    assert row[0]["bounce_rate"] is None


def test_every_reason_is_given_at_once() -> None:
    with pytest.raises(BadQuestion) as refused:
        Sessions(by="", time_zone="nowhere", max_rows=0)

    assert refused.value.facts["reasons"] == (
        "what they are grouped by is not a name",
        "'nowhere' is not a time zone",
        "it shows no row",
    )


rows = st.lists(
    st.builds(
        lambda person, minutes, name, device: event(
            person, minutes * 60, name, device=device, path=f"/{minutes % 3}"
        ),
        st.integers(0, 4),
        st.integers(0, 300),
        st.sampled_from(["page_view", "scroll", "purchase"]),
        st.sampled_from(["phone", "desktop", None]),
    ),
    max_size=40,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    events=rows,
    buckets=st.integers(2, 4),
    by=st.sampled_from([None, "device", "entry_page", "exit_page", "day"]),
)
def test_any_partition_of_the_people_gives_the_same_answer(
    events: Sequence[dict[str, Any]], buckets: int, by: str | None
) -> None:
    question = replace(ALL, by=by, since=at(1800), until=at(9000))

    assert ask(question, events, buckets=buckets) == ask(question, events)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(events=rows)
def test_random_sessions_agree_with_plain_python(events: Sequence[dict[str, Any]]) -> None:
    found = ask(replace(ALL, since=at(1800), until=at(9000)), events).rows[0].tally

    def person(row: dict[str, Any]) -> int:
        return int(row["person"])

    expected = SessionTally()
    for _, theirs in groupby(sorted(events, key=person), key=person):
        cut: list[list[dict[str, Any]]] = []
        for row in sorted(theirs, key=lambda row: row["occurred_at"]):
            if not cut or (row["occurred_at"] - cut[-1][-1]["occurred_at"]).total_seconds() > 1800:
                cut.append([])
            cut[-1].append(row)
        begun = [one for one in cut if at(1800) <= one[0]["occurred_at"] < at(9000)]
        expected += SessionTally(people=bool(begun))
        for one in begun:
            pages = sum(row["event"] == "page_view" for row in one)
            key = any(row["event"] == "purchase" for row in one)
            seconds = (one[-1]["occurred_at"] - one[0]["occurred_at"]).total_seconds()
            expected += SessionTally(
                sessions=1,
                conversions=sum(row["event"] == "purchase" for row in one),
                events=len(one),
                pages=pages,
                engaged=key or pages > 1 or seconds >= 10,
                key_sessions=key,
                duration_ms=round(seconds * 1000),
            )
    assert found == expected
