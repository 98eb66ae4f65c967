"""Page engagement: counted by hand, split over buckets, and against plain Python."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.questions.asking import START, ask, at, event
from truelift.questions.forms import Context
from truelift.questions.matching import BadQuestion, Events
from truelift.questions.page_engagement import PageEngagement
from truelift.questions.parse import parse_question


def act(
    person: int,
    seconds: float,
    name: str = "page_view",
    view: str = "",
    path: str | None = "/",
    **said: object,
) -> dict[str, Any]:
    named = {"page_view_id": view} if view else {}
    return event(
        person,
        seconds,
        name,
        path=path,
        position=round(seconds * 1000),
        properties={**said, **named},
    )


def ping(person: int, seconds: float, view: str = "", **said: object) -> dict[str, Any]:
    return act(person, seconds, "page_ping", view, "/", **said)


def whole(events: Sequence[Mapping[str, Any]], **question: Any) -> dict[str, Any]:
    found: dict[str, Any] = ask(PageEngagement(**question), events).whole.document()
    return found


def test_the_worked_example_of_the_method_page() -> None:
    events = [
        act(1, 0, percent_scrolled=40),
        ping(1, 5, percent_scrolled=80),
        ping(1, 15, percent_scrolled=60),
        ping(1, 25),
        ping(1, 25.001),
    ]

    document = whole(events)

    assert document == {
        "views": 1,
        "immature": 0,
        "exits": 1,
        "exit_rate": 1.0,
        "engaged": {
            "n": 1,
            "mean_s": 25.0,
            "p50_s": 25.0,
            "p75_s": 25.0,
            "p90_s": 25.0,
            "none": 0.0,
        },
        "scrolled": {
            "n": 1,
            "mean": 0.8,
            "p50": 0.8,
            "p90": 0.8,
            "reached": {"25": 1.0, "50": 1.0, "75": 1.0, "90": 0.0, "100": 0.0},
        },
    }


def test_where_nobody_sends_time_it_is_not_known_rather_than_none() -> None:
    document = whole([act(1, 0), act(1, 600)])

    assert document["engaged"] is None
    assert document["scrolled"]["n"] == 0
    assert document["scrolled"]["reached"]["100"] is None


def test_a_page_view_without_a_beat_has_no_time_where_others_have_some() -> None:
    engaged = whole([act(1, 0), act(1, 60), ping(1, 65)])["engaged"]

    assert (engaged["n"], engaged["mean_s"], engaged["none"]) == (2, 2.5, 0.5)


def test_beats_belong_to_the_page_view_whose_id_they_carry() -> None:
    events = [
        act(1, 0, view="a", path="/a"),
        act(1, 10, view="b", path="/b"),
        ping(1, 15, "a"),
        ping(1, 25, "a"),
        ping(1, 25, "b"),
        ping(1, 30, "elsewhere"),
        ping(2, 25, "a"),
    ]

    rows = ask(PageEngagement(), events).rows

    assert {row.values[0]: row.engaged.total for row in rows if row.engaged} == {
        "/a": 150,
        "/b": 50,
    }


def test_without_an_id_events_belong_to_the_page_view_before_them() -> None:
    events = [ping(1, 0), act(1, 1, path="/a"), ping(1, 6), act(1, 20, path="/b"), ping(1, 25)]

    rows = ask(PageEngagement(), events).rows

    assert [row.engaged.total for row in rows if row.engaged] == [50, 50]


def test_a_tab_that_is_found_again_later_adds_nothing_to_its_page_view() -> None:
    events = [act(1, 0, view="a"), ping(1, 5, "a"), ping(1, 5 + 1801, "a"), ping(1, 90_000)]

    document = whole(events)

    assert document["engaged"]["mean_s"] == 5
    assert document["exits"] == 1


def test_time_that_is_said_is_added_up_and_beats_beside_it_do_not_count() -> None:
    events = [
        act(1, 0, path="/a"),
        act(1, 4, "user_engagement", engagement_time_msec=1500),
        ping(1, 5),
        act(1, 9, path="/b", engagement_time_msec=2300),
        act(1, 12, "user_engagement", engagement_time_msec="400"),
        act(1, 13, "user_engagement", engagement_time_msec=-5),
    ]

    rows = ask(PageEngagement(), events).rows

    # What the second page view says was spent on the first.
    assert {row.values[0]: row.engaged.total for row in rows if row.engaged} == {
        "/a": 38,
        "/b": 4,
    }


def test_the_last_page_view_of_a_session_that_is_over_is_an_exit() -> None:
    events = [
        act(1, 0, path="/a"),
        act(1, 10, path="/b"),
        act(1, 20, "purchase"),
        act(1, 5000, path="/a"),
        act(2, 4000, path="/b"),
    ]
    question = PageEngagement(as_of=at(5000 + 1800))

    rows = {row.values[0]: row.document() for row in ask(question, events).rows}

    assert [(rows[path]["views"], rows[path]["immature"]) for path in ("/a", "/b")] == [
        (2, 1),
        (2, 0),
    ]
    assert (rows["/a"]["exits"], rows["/a"]["exit_rate"]) == (0, 0.0)
    assert (rows["/b"]["exits"], rows["/b"]["exit_rate"]) == (2, 1.0)


def test_page_views_of_a_session_that_may_go_on_have_no_time_and_no_scrolling_yet() -> None:
    events = [act(1, 0, percent_scrolled=90), ping(1, 5), act(2, 4000, percent_scrolled=10)]

    document = whole(events, as_of=at(4001))

    assert (document["views"], document["immature"]) == (2, 1)
    assert document["engaged"]["n"] == document["scrolled"]["n"] == 1
    assert document["scrolled"]["mean"] == 0.9


def test_page_views_of_the_period_keep_what_happens_after_it() -> None:
    events = [act(1, 0, path="/a"), act(1, 100, path="/b"), ping(1, 105), act(1, 200, path="/c")]

    answer = ask(PageEngagement(since=at(100), until=at(101)), events)

    (row,) = answer.rows
    assert row.values == ("/b",)
    assert row.engaged is not None
    assert (row.views, row.exits, row.engaged.total) == (1, 0, 50)


def test_what_scrolls_past_the_end_has_seen_all_and_less_than_nothing_says_nothing() -> None:
    events = [act(1, 0, percent_scrolled=140), act(2, 0, percent_scrolled=-3), act(3, 0)]

    scrolled = whole(events)["scrolled"]

    assert (scrolled["n"], scrolled["mean"]) == (1, 1.0)


def test_small_groups_stand_together_and_days_never_do() -> None:
    events = [act(nth, nth, path="/a" if nth else "/b") for nth in range(4)]

    pages: Any = ask(PageEngagement(smallest=2), events).document()["rows"]
    days: Any = ask(PageEngagement(smallest=9, by=("day",)), events).document()["rows"]

    assert [(row["by"], row.get("others"), row["views"]) for row in pages] == [
        ({"path": "/a"}, None, 3),
        ({"path": None}, 1, 1),
    ]
    assert [(row["by"], row["views"]) for row in days] == [({"day": "2026-03-01"}, 4)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"by": ("a", "b", "c")},
        {"by": ("",)},
        {"every_s": 0},
        {"first_s": -1},
        {"scroll": ""},
        {"views": Events(("",))},
        {"time_zone": "Mars/Olympus"},
        {"as_of": START.replace(tzinfo=None)},
        {"smallest": 0},
        {"since": at(1), "until": at(1)},
    ],
)
def test_what_contradicts_itself_cannot_be_asked(wrong: dict[str, Any]) -> None:
    with pytest.raises(BadQuestion):
        PageEngagement(**wrong)


def test_a_document_leaves_the_rest_to_the_site() -> None:
    context = Context(now=START, time_zone="Europe/Berlin")

    bare = parse_question({"question": "page_engagement"}, context)
    full = parse_question(
        {"question": "page_engagement", "by": ["device"], "beats": "beat", "every_s": 5}, context
    )

    assert bare == PageEngagement(as_of=START, time_zone="Europe/Berlin")
    assert full == PageEngagement(
        by=("device",),
        beats=Events(("beat",)),
        every_s=5,
        as_of=START,
        time_zone="Europe/Berlin",
    )


SENT = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.sampled_from([0, 1, 2, 9, 10, 11, 20, 1800, 1801, 1811, 3700, 3705]),
        st.sampled_from(["page_view", "page_view", "page_ping", "other"]),
        st.sampled_from(["", "", "a", "b"]),
        st.sampled_from(["/a", "/b", None]),
        st.sampled_from([None, None, 700, 1300]),
        st.sampled_from([None, 10, 55.5, 200]),
    ),
    max_size=30,
)


Page = dict[str, Any]


def by_hand(sent: Sequence[tuple[Any, ...]]) -> list[Page]:
    """Go through each person's events one by one; give the page views."""
    people: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
    for nth, each in enumerate(sent):
        people[each[0]].append((each[1], nth, *each[2:]))
    sessions: list[list[tuple[Any, ...]]] = []
    for events in people.values():
        before = -math.inf
        for each in sorted(events):
            if each[0] - before > 1800:
                sessions.append([])
            before = each[0]
            sessions[-1].append(each)
    return [page for session in sessions for page in _pages(session)]


def _pages(session: list[tuple[Any, ...]]) -> list[Page]:
    pages: dict[int, Page] = {
        nth: {"view": view, "path": path, "ms": None, "deep": None, "beats": set(), "exit": False}
        for _, nth, name, view, path, _, _ in session
        if name == "page_view"
    }
    if pages:
        list(pages.values())[-1]["exit"] = True
    last: Page | None = None
    for second, nth, name, view, _, spent, scrolled in session:
        before, last = last, pages.get(nth, last)
        named = next((page for page in pages.values() if view and page["view"] == view), None)
        owner = named if view else last
        spender = before if name == "page_view" else owner
        if owner and name == "page_ping":
            owner["beats"].add(second // 10)
        if owner and scrolled is not None:
            owner["deep"] = max(owner["deep"] or 0, min(round(scrolled), 100))
        if spender and spent is not None:
            spender["ms"] = (spender["ms"] or 0) + spent
    return list(pages.values())


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(sent=SENT, buckets=st.integers(1, 3))
def test_any_split_of_the_persons_gives_what_plain_python_gives(
    sent: list[tuple[Any, ...]], buckets: int
) -> None:
    events = []
    for nth, (person, second, name, view, path, spent, scrolled) in enumerate(sent):
        all_said = {"engagement_time_msec": spent, "percent_scrolled": scrolled}
        said = {key: value for key, value in all_said.items() if value is not None}
        made = act(person, second, name, view, path, **said)
        events.append({**made, "position": nth})
    pages = by_hand(sent)

    answer = ask(PageEngagement(), events, buckets=buckets)

    is_timed = any(page["beats"] or page["ms"] is not None for page in pages)
    groups: dict[str | None, list[dict[str, Any]]] = defaultdict(list)
    for page in pages:
        groups[page["path"]].append(page)
    assert {row.values[0] for row in answer.rows} == groups.keys()
    for row in answer.rows:
        group = groups[row.values[0]]
        beaten = [5 + 10 * (len(page["beats"]) - 1) if page["beats"] else 0 for page in group]
        tenths = [
            10 * beats if page["ms"] is None else round(page["ms"] / 100)
            for page, beats in zip(group, beaten, strict=True)
        ]
        depths = [page["deep"] for page in group if page["deep"] is not None]
        assert row.views == len(group)
        assert row.exits == sum(page["exit"] for page in group)
        assert (row.engaged is not None) == is_timed
        if row.engaged is not None:
            assert row.engaged.steps.repeat(row.engaged.counts).tolist() == sorted(tenths)
        assert row.scrolled.steps.repeat(row.scrolled.counts).tolist() == sorted(depths)
