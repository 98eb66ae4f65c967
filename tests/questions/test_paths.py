"""Paths by hand, over any spread of the people, and against a loop in plain Python."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.questions.asking import START, ask, at, event
from truelift.questions.counts import TooManyDifferent
from truelift.questions.matching import BadQuestion, Comparison, Condition, Events
from truelift.questions.paths import (
    Direction,
    Nodes,
    Occurrence,
    Paths,
    PathsAnswer,
    Unit,
    place,
)


LATER = at(90 * 86_400)
HOUR = 3600
HOME = Paths(anchor=place("/"), as_of=LATER)
BUY = Paths(anchor=place("buy"), as_of=LATER, direction=Direction.BACKWARD)


def page(person: int, seconds: float, path: str = "/", **columns: object) -> dict[str, Any]:
    return event(person, seconds, "page_view", path=path, **columns)


def visit(person: int, *paths: str, begins: float = 0) -> list[dict[str, Any]]:
    """See pages a minute apart; a word is an event."""
    return [
        page(person, begins + 60 * n, path)
        if path.startswith("/")
        else event(person, begins + 60 * n, path)
        for n, path in enumerate(paths)
    ]


def steps(answer: PathsAnswer) -> list[dict[str | None, int]]:
    return [{node.node: node.units for node in step.nodes} for step in answer.steps if step.nodes]


def whole_paths(answer: PathsAnswer) -> dict[tuple[str, ...], int]:
    assert answer.paths is not None
    return {path.nodes: path.units for path in answer.paths}


def links(answer: PathsAnswer) -> dict[tuple[int, str | None, str | None], int]:
    return {(link.step, link.source, link.target): link.units for link in answer.links}


def test_the_ways_away_from_a_page_are_counted_step_by_step() -> None:
    events = [
        *visit(1, "/", "/a", "/b"),
        *visit(2, "/", "/a"),
        *visit(3, "/other", "/", "/b"),
        *visit(4, "/other"),
    ]

    answer = ask(HOME, events)

    assert answer.units == 3
    assert steps(answer) == [{"/": 3}, {"/a": 2, "/b": 1}, {"/b": 1}]
    assert links(answer) == {(1, "/", "/a"): 2, (1, "/", "/b"): 1, (2, "/a", "/b"): 1}
    assert whole_paths(answer) == {("/", "/a", "/b"): 1, ("/", "/a"): 1, ("/", "/b"): 1}


def test_the_ways_to_an_event_are_counted_back_from_it() -> None:
    events = [
        *visit(1, "/", "/a", "buy", "/thanks"),
        *visit(2, "/a", "buy"),
        *visit(3, "/a"),
    ]

    answer = ask(BUY, events)

    assert steps(answer) == [{"buy": 2}, {"/a": 2}, {"/": 1}]
    assert links(answer) == {(1, "/a", "buy"): 2, (2, "/", "/a"): 1}
    assert whole_paths(answer) == {("/", "/a", "buy"): 1, ("/a", "buy"): 1}
    assert [step.whole.exits for step in answer.steps[:3]] == [0, 1, 1]


def test_a_path_that_ends_with_its_session_is_an_exit_and_one_that_its_window_ends_is_not() -> None:
    events = [*visit(1, "/", "/a"), *visit(2, "/", "/a", "/b"), page(2, 250, "/c")]

    first = ask(replace(HOME, unit=Unit.PERSON, window_s=120), events).steps
    within = ask(replace(HOME, unit=Unit.SESSION, window_s=60), events).steps

    assert [(s.whole.units, s.whole.onward, s.whole.exits, s.whole.cut) for s in first[:3]] == [
        (2, 2, 0, 0),
        (2, 1, 1, 0),
        (1, 0, 0, 1),
    ]
    assert [(s.whole.onward, s.whole.exits, s.whole.cut) for s in within[:2]] == [
        (2, 0, 0),
        (0, 1, 1),
    ]


def test_a_window_reaches_into_later_sessions_and_its_end_belongs_to_it() -> None:
    events = [page(1, 0), page(1, HOUR, "/a"), page(2, 0), page(2, HOUR + 0.001, "/a")]

    answer = ask(replace(HOME, unit=Unit.PERSON, window_s=HOUR), events)

    assert whole_paths(answer) == {("/", "/a"): 1, ("/",): 1}


def test_a_session_has_a_path_of_its_own_and_a_person_only_one() -> None:
    events = [*visit(1, "/", "/a"), *visit(1, "/", "/b", begins=2 * HOUR)]

    assert whole_paths(ask(HOME, events)) == {("/", "/a"): 1, ("/", "/b"): 1}
    assert whole_paths(ask(replace(HOME, unit=Unit.PERSON), events)) == {("/", "/a"): 1}


def test_a_start_counts_from_its_first_time_and_an_end_from_its_last() -> None:
    events = visit(1, "/", "/a", "/", "/b")
    to_home = Paths(anchor=place("/"), as_of=LATER, direction=Direction.BACKWARD)

    assert whole_paths(ask(HOME, events)) == {("/", "/a", "/", "/b"): 1}
    assert whole_paths(ask(replace(HOME, occurrence=Occurrence.LAST), events)) == {("/", "/b"): 1}
    assert whole_paths(ask(to_home, events)) == {("/", "/a", "/"): 1}
    assert whole_paths(ask(replace(to_home, occurrence=Occurrence.FIRST), events)) == {("/",): 1}


def test_the_last_of_all_pages_gives_the_ways_to_the_exit() -> None:
    question = replace(BUY, anchor=Events(("page_view",)), max_steps=2)
    events = [*visit(1, "/", "/a", "/b"), *visit(2, "/a", "/b"), *visit(3, "/b")]

    assert whole_paths(ask(question, events)) == {("/a", "/b"): 2, ("/b",): 1}


def test_repeats_in_a_row_are_one_node_unless_they_are_wanted() -> None:
    events = visit(1, "/", "/", "/a", "/a", "/")

    assert whole_paths(ask(HOME, events)) == {("/", "/a", "/"): 1}
    assert whole_paths(ask(replace(HOME, collapse=False), events)) == {
        ("/", "/", "/a", "/a", "/"): 1
    }


def test_nodes_are_pages_or_events_or_both_and_the_anchor_always_is_one() -> None:
    events = visit(1, "/", "scroll", "/a", "buy")
    anchored = replace(HOME, anchor=Events(("scroll",)))

    assert list(whole_paths(ask(HOME, events))) == [("/", "/a")]
    assert list(whole_paths(ask(replace(HOME, nodes=Nodes.EVENTS), events))) == [
        ("page_view", "scroll", "page_view", "buy")
    ]
    both = replace(HOME, nodes=Nodes.BOTH, hide=Events(("scroll",)))
    assert list(whole_paths(ask(both, events))) == [("/", "/a", "buy")]
    assert list(whole_paths(ask(anchored, events))) == [("scroll", "/a")]


def test_an_event_that_is_no_node_keeps_a_session_alive() -> None:
    events = [page(1, 0), event(1, 1500, "scroll"), page(1, 3000, "/a")]

    assert list(whole_paths(ask(HOME, events))) == [("/", "/a")]


def test_conditions_choose_among_starts_and_hold_of_every_node() -> None:
    events = [page(1, 0, device="phone"), page(1, 1, "/a", device="desktop"), page(2, 0)]
    phone = Condition("device", Comparison.IS, ("phone",))

    chosen = replace(HOME, anchor=Events(("page_view",), (phone,)))

    assert list(whole_paths(ask(chosen, events))) == [("/", "/a")]
    assert list(whole_paths(ask(replace(HOME, where=(phone,)), events))) == [("/",)]


def test_pages_are_taken_together_by_the_first_parts_of_their_paths() -> None:
    events = visit(1, "/", "/p/1", "/p/2", "/p/2/pictures", "/cart")

    assert list(whole_paths(ask(replace(HOME, page_depth=1), events))) == [("/", "/p", "/cart")]
    assert list(whole_paths(ask(replace(HOME, page_depth=2), events))) == [
        ("/", "/p/1", "/p/2", "/cart")
    ]


def test_a_screen_is_called_by_its_name_where_it_has_no_path() -> None:
    events = [event(1, 0, "start"), event(1, 1, "screen_view", properties={"name": "Basket"})]

    answer = ask(replace(HOME, anchor=Events(("start",))), events)

    assert list(whole_paths(answer)) == [("start", "Basket")]


def test_the_largest_nodes_of_each_step_stand_alone_and_the_others_add_up() -> None:
    ways = ["/a", "/a", "/a", "/b", "/b", "/c", "/d"]
    events = [one for n, way in enumerate(ways) for one in visit(n, "/", way, "/end")]

    answer = ask(replace(HOME, max_nodes=2, max_paths=1), events)

    assert steps(answer) == [{"/": 7}, {"/a": 3, "/b": 2, None: 2}, {"/end": 7}]
    assert answer.steps[1].nodes[-1].others == 2
    assert links(answer) == {
        (1, "/", "/a"): 3,
        (1, "/", "/b"): 2,
        (1, "/", None): 2,
        (2, "/a", "/end"): 3,
        (2, "/b", "/end"): 2,
        (2, None, "/end"): 2,
    }
    assert answer.paths is not None
    assert [(path.nodes, path.units, path.others) for path in answer.paths] == [
        (("/", "/a", "/end"), 3, 0),
        ((), 4, 3),
    ]


def test_going_there_and_back_is_a_loop_and_twice_is_said_apart() -> None:
    events = [
        *visit(1, "/", "/cart", "/ship", "/cart", "/ship", "/cart"),
        *visit(2, "/", "/cart", "/ship", "/cart", "/done"),
        *visit(3, "/", "/cart", "/done"),
    ]

    answer = ask(replace(HOME, max_steps=2), events)

    assert [
        (loop.node, loop.between, loop.count, loop.units, loop.repeated) for loop in answer.loops
    ] == [("/cart", "/ship", 3, 2, 1), ("/ship", "/cart", 1, 1, 0)]
    assert answer.looping == 2
    assert answer.document()["looping"] == {"units": 2, "share": 2 / 3}


def test_what_is_sent_from_a_page_makes_no_loop_of_pages() -> None:
    events = visit(1, "/", "opened", "/", "/a", "opened", "/a", "/")

    found = ask(replace(HOME, nodes=Nodes.BOTH), events).loops

    assert [(loop.node, loop.between, loop.count) for loop in found] == [("/", "/a", 1)]


def test_the_goal_is_looked_for_along_the_whole_path_and_not_after_it() -> None:
    events = [
        *visit(1, "/", "/a", "/b", "/c", "buy"),
        *visit(2, "/", "/a"),
        *visit(2, "buy", begins=2 * HOUR),
        *visit(3, "buy", "/"),
    ]

    answer = ask(replace(HOME, goal=place("buy"), max_steps=2), events)

    assert answer.document()["goal"] == {"converted": 1, "undecided": 0, "conversion": 1 / 3}
    assert answer.paths is not None
    assert {path.nodes: path.goal.converted for path in answer.paths} == {("/", "/a"): 1, ("/",): 0}


def test_a_goal_at_the_instant_of_the_start_counts_and_the_start_itself_does_not() -> None:
    question = Paths(anchor=place("buy"), as_of=LATER, goal=place("buy"))

    assert ask(question, [event(1, 0, "buy")]).goal.converted == 0
    assert ask(question, [event(1, 0, "buy"), event(1, 0, "buy")]).goal.converted == 1


def test_a_path_that_may_still_go_on_is_immature_and_no_drop() -> None:
    events = [*visit(1, "/", "/a"), *visit(2, "/"), *visit(3, "/", "/a", "/b", begins=HOUR)]
    now = replace(HOME, goal=place("buy"), as_of=at(60 + 1800), max_steps=3)

    steps_then = ask(now, events).steps
    document = ask(now, events).document()

    assert [(s.whole.ended, s.whole.immature) for s in steps_then] == [(1, 0), (0, 1), (0, 1)]
    assert document["immature"] == 2
    assert document["goal"] == {"converted": 0, "undecided": 2, "conversion": 0.0}


def test_a_session_of_a_day_is_over_although_it_was_never_left() -> None:
    events = [page(1, 1500 * n, "/") for n in range(58)]

    assert ask(replace(HOME, as_of=at(86_400.001)), events).steps[0].whole.immature == 0
    assert ask(replace(HOME, as_of=at(86_400)), events).steps[0].whole.immature == 1


def test_the_period_bounds_the_anchor_and_not_the_path() -> None:
    question = replace(HOME, since=at(100), until=at(200))
    back = replace(BUY, since=at(100), until=at(200))
    events = [*visit(1, "/", "/a"), page(1, 150, "/"), page(1, 260, "/b"), page(2, 200, "/")]
    bought = visit(1, "/", "/a", "buy")

    assert whole_paths(ask(question, events)) == {("/", "/b"): 1}
    assert whole_paths(ask(back, bought)) == {("/", "/a", "buy"): 1}


def test_nobody_has_no_paths_and_every_share_is_null() -> None:
    document = ask(replace(HOME, goal=place("buy")), [page(1, 0, "/other")]).document()

    assert document["units"] == 0
    assert document["paths"] == []
    assert document["looping"] == {"units": 0, "share": None}
    assert document["goal"] == {"converted": 0, "undecided": 0, "conversion": None}


@pytest.mark.parametrize("buckets", [1, 2, 3, 7])
def test_too_many_nodes_are_refused_however_people_are_spread(buckets: int) -> None:
    events = [one for n in range(10) for one in visit(n, "/", f"/{n}")]

    with pytest.raises(TooManyDifferent, match="Narrow what is asked"):
        ask(replace(HOME, max_different=10), events, buckets=buckets)

    assert ask(replace(HOME, max_different=11), events, buckets=buckets).units == 10


@pytest.mark.parametrize("buckets", [1, 2, 3, 7])
def test_too_many_whole_paths_are_left_out_and_the_rest_stays_exact(buckets: int) -> None:
    # 2 × 2 × 2 × 2 ways over two nodes a step: 16 paths, 12 links, 9 nodes at their steps.
    ways = [[f"/{step}{n >> step & 1}" for step in range(4)] for n in range(16)]
    events = [one for n, way in enumerate(ways) for one in visit(n, "/", *way)]

    left_out = ask(replace(HOME, max_different=15), events, buckets=buckets)
    counted = ask(replace(HOME, max_different=16), events, buckets=buckets)

    assert left_out.paths is None
    assert "15" in str(left_out.document()["paths_left_out"])
    assert left_out.steps == counted.steps
    assert left_out.links == counted.links
    assert counted.paths is not None


def test_every_reason_is_given_at_once() -> None:
    with pytest.raises(BadQuestion) as refused:
        Paths(
            anchor=Events(),
            as_of=LATER,
            goal=Events(),
            hide=Events(),
            window_s=0,
            max_steps=11,
            page_depth=0,
            max_nodes=0,
            max_different=0,
        )

    assert refused.value.facts["reasons"] == (
        "its start or end names no event",
        "its goal names no event",
        "it hides every event",
        "it has 11 steps, not 2 to 10",
        "its window is 0 s, not 1 s to 2 years",
        "`page_depth` is below 1",
        "it shows no node or no path",
        "it counts nothing",
    )


rows = st.lists(
    st.builds(
        lambda person, minutes, name, path: event(
            person, minutes * 60, name, path=path if name == "page_view" else None
        ),
        st.integers(0, 4),
        st.integers(0, 120),
        st.sampled_from(["page_view", "page_view", "page_view", "buy", "scroll"]),
        st.sampled_from(["/", "/a", "/b"]),
    ),
    max_size=50,
)
questions = st.builds(
    Paths,
    anchor=st.sampled_from([place("/"), place("buy"), Events(("page_view",))]),
    as_of=st.sampled_from([at(0), at(40 * 60), at(100 * 60), LATER]),
    direction=st.sampled_from(Direction),
    nodes=st.sampled_from(Nodes),
    unit=st.sampled_from(Unit),
    window_s=st.sampled_from([None, 60, 1800, 7200]),
    max_steps=st.integers(2, 5),
    collapse=st.booleans(),
    occurrence=st.sampled_from([None, *Occurrence]),
    goal=st.sampled_from([None, place("buy"), place("/b")]),
    hide=st.sampled_from([None, Events(("scroll",))]),
    since=st.sampled_from([None, at(1200)]),
    until=st.sampled_from([None, at(4200)]),
    max_nodes=st.just(100),
    max_paths=st.just(1000),
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(events=rows, buckets=st.integers(2, 4), question=questions, shown=st.integers(1, 3))
def test_any_partition_of_the_people_gives_the_same_answer(
    events: Sequence[dict[str, Any]], buckets: int, question: Paths, shown: int
) -> None:
    question = replace(question, max_nodes=shown, max_paths=shown)

    assert ask(question, events, buckets=buckets) == ask(question, events)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(events=rows, question=questions, shown=st.integers(1, 3))
def test_everything_adds_up(events: Sequence[dict[str, Any]], question: Paths, shown: int) -> None:
    answer = ask(replace(question, max_nodes=shown, max_paths=shown), events)

    arriving = answer.units
    for n, step in enumerate(answer.steps):
        whole = step.whole
        leaving = sum(link.units for link in answer.links if link.step == step.step)
        assert whole.units == arriving == sum(node.units for node in step.nodes)
        assert whole.units == whole.onward + whole.exits + whole.cut + whole.immature
        for part in ("onward", "exits", "cut", "immature"):
            assert getattr(whole, part) == sum(getattr(node, part) for node in step.nodes)
        assert leaving == (whole.onward if n + 1 < question.max_steps else 0)
        arriving = whole.onward
    assert answer.paths is not None
    assert sum(path.units for path in answer.paths) == answer.units
    assert sum(path.goal.converted for path in answer.paths) == answer.goal.converted


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(events=rows, question=questions)
def test_random_paths_agree_with_plain_python(
    events: Sequence[dict[str, Any]], question: Paths
) -> None:
    answer = ask(question, events)

    expected = walked(question, events)
    assert steps(answer) == [dict(found) for found in expected.steps if found]
    assert whole_paths(answer) == dict(expected.paths)
    assert {
        (n, end): getattr(step.whole, end)
        for n, step in enumerate(answer.steps)
        for end in ("onward", "exits", "cut", "immature")
        if getattr(step.whole, end)
    } == dict(expected.ends)
    assert answer.goal.converted == expected.converted
    assert {(loop.node, loop.between): (loop.count, loop.units) for loop in answer.loops} == {
        pair: (count, expected.looping[pair]) for pair, count in expected.loops.items()
    }


@dataclass
class Expected:
    """What the slow way finds."""

    steps: list[Counter[str]]
    paths: Counter[tuple[str, ...]] = field(default_factory=Counter)
    ends: Counter[tuple[int, str]] = field(default_factory=Counter)
    loops: Counter[tuple[str, str]] = field(default_factory=Counter)
    looping: Counter[tuple[str, str]] = field(default_factory=Counter)
    converted: int = 0


def walked(question: Paths, events: Sequence[dict[str, Any]]) -> Expected:
    """Follow every unit, one at a time."""
    expected = Expected([Counter() for _ in range(question.max_steps)])
    for person in {row["person"] for row in events}:
        theirs = sorted(
            (Row.of(question, row) for row in events if row["person"] == person),
            key=lambda row: (row.minute, -row.kind(question), row.node is None, row.node or ""),
        )
        sessions: list[list[Row]] = []
        for row in theirs:
            if not sessions or row.minute - sessions[-1][-1].minute > 30:
                sessions.append([])
            sessions[-1].append(row)
        if question.unit is Unit.SESSION:
            for session in sessions:
                walk(question, session, [session], expected)
        else:
            walk(question, theirs, sessions, expected)
    return expected


@dataclass(eq=False)
class Row:
    """An event as a question sees it."""

    minute: int
    is_anchor: bool
    is_goal: bool
    is_page: bool
    node: str | None

    def kind(self, question: Paths) -> int:
        circling = self.is_page or question.nodes is Nodes.EVENTS
        return self.is_anchor + 2 * self.is_goal + 4 * circling

    @classmethod
    def of(cls, question: Paths, row: dict[str, Any]) -> Row:
        is_page = row["event"] == "page_view"
        is_node = is_page if question.nodes is Nodes.PAGES else True
        is_node &= question.hide is None or row["event"] not in question.hide.names
        is_anchor = fits(question.anchor, row)
        name = row["path"] if is_page and question.nodes is not Nodes.EVENTS else row["event"]
        return cls(
            minute=int((row["occurred_at"] - START).total_seconds()) // 60,
            is_anchor=is_anchor,
            is_goal=question.goal is not None and fits(question.goal, row),
            is_page=is_page,
            node=name if is_node or is_anchor else None,
        )


def fits(events: Events, row: dict[str, Any]) -> bool:
    paths = [value for condition in events.where for value in condition.values]
    return row["event"] in events.names and (not paths or row["path"] in paths)


def walk(question: Paths, mine: list[Row], sessions: list[list[Row]], expected: Expected) -> None:
    def minute(moment: datetime) -> float:
        return (moment - START).total_seconds() / 60

    anchors = [
        row
        for row in mine
        if row.is_anchor
        and (question.since is None or row.minute >= minute(question.since))
        and (question.until is None or row.minute < minute(question.until))
    ]
    if not anchors:
        return
    anchor = anchors[-1] if question.counts_last else anchors[0]
    session = next(session for session in sessions if anchor in session)
    window = None if question.window_s is None else question.window_s // 60
    stream = list(session if window is None else mine)
    if question.is_backward:
        stream.reverse()
        sessions = [list(reversed(one)) for one in sessions]
    scope = [row for row in stream if window is None or abs(row.minute - anchor.minute) <= window]
    before = scope.index(anchor)
    ahead = scope[before:]
    nodes = [row for row in ahead if row.node is not None]
    names = [str(row.node) for row in nodes]
    once = [name for n, name in enumerate(names) if not n or name != names[n - 1]]
    path = once if question.collapse else names
    simultaneous = [row for row in scope[:before] if row.minute == anchor.minute]
    expected.converted += any(row.is_goal for row in [*simultaneous, *ahead] if row is not anchor)

    now = minute(question.as_of)
    is_open = not question.is_backward
    if window is not None:
        is_open &= anchor.minute + window >= now
    if window is None or question.unit is Unit.SESSION:
        is_open &= session[-1].minute + 30 >= now
    theirs = next(one for one in sessions if nodes[-1] in one)
    stays = any(row.node is not None for row in theirs[theirs.index(nodes[-1]) + 1 :])
    if len(path) > question.max_steps:
        end = "onward"
    elif is_open:
        end = "immature"
    else:
        end = "cut" if stays else "exits"
    shown = path[: question.max_steps]
    for n, name in enumerate(shown):
        expected.steps[n][name] += 1
        expected.ends[n, "onward" if n + 1 < len(shown) else end] += 1
    expected.paths[tuple(reversed(shown)) if question.is_backward else tuple(shown)] += 1
    circle = [str(row.node) for row in nodes if row.is_page or question.nodes is Nodes.EVENTS]
    circle = [name for n, name in enumerate(circle) if not n or name != circle[n - 1]]
    turns = Counter(
        (there, back)
        for there, back, again in zip(circle, circle[1:], circle[2:], strict=False)
        if there == again
    )
    expected.loops.update(turns)
    expected.looping.update(turns.keys())
