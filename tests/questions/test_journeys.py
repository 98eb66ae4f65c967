"""Journeys by hand, over any spread of the people, and against a loop in plain Python."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.questions.asking import START, ask, at, event
from truelift.questions.funnel import Funnel, Step
from truelift.questions.journeys import Journeys, JourneysAnswer, Surface, SurfaceRow
from truelift.questions.matching import BadQuestion, Comparison, Condition, Events
from truelift.questions.paths import place


DAY = 86_400
LATER = at(900 * DAY)


def over(*names: str) -> Journeys:
    return Journeys(surfaces=tuple(Surface(name, place(name)) for name in names), as_of=LATER)


SHOP = over("ad", "/", "/cart", "order")


def touched(person: int, *names: str, begins: float = 0, apart: float = 60) -> list[dict[str, Any]]:
    """Touch surfaces a minute apart."""
    return [
        event(person, begins + apart * n, "page_view", path=name)
        if name.startswith("/")
        else event(person, begins + apart * n, name)
        for n, name in enumerate(names)
    ]


def row(answer: JourneysAnswer, surface: str) -> SurfaceRow:
    return next(row for row in answer.rows if row.surface == surface)


def orders(answer: JourneysAnswer) -> dict[tuple[str, ...], int]:
    assert answer.orders is not None
    return {group.names: group.people for group in answer.orders}


def channels(answer: JourneysAnswer) -> dict[tuple[str, ...], tuple[int, int]]:
    assert answer.channels is not None
    return {group.names: (group.people, group.completed) for group in answer.channels}


def test_who_touches_a_surface_goes_on_or_drops_off() -> None:
    events = [
        *touched(1, "ad", "/", "/cart", "order"),
        *touched(2, "ad", "/", "/cart"),
        *touched(3, "/", "order"),
        *touched(4, "ad", "/other"),
        *touched(5, "/other"),
    ]

    answer = ask(SHOP, events)

    assert (answer.people, answer.completed) == (4, 2)
    assert [(r.surface, r.people, r.onward, r.dropped, r.starts, r.ends) for r in answer.rows] == [
        ("ad", 3, 2, 1, 3, 1),
        ("/", 3, 3, 0, 1, 0),
        ("/cart", 2, 1, 1, 0, 1),
        ("order", 2, None, None, 0, 2),
    ]


def test_surfaces_in_order_are_counted_as_the_funnel_counts_them() -> None:
    events = [
        *touched(1, "ad", "/", "/cart", "order"),
        *touched(2, "/", "ad", "/cart"),
        *touched(3, "ad", "order", "/"),
    ]
    funnel = Funnel(
        steps=tuple(Step(surface.events) for surface in SHOP.surfaces),
        window_s=SHOP.window_s,
        as_of=LATER,
    )

    answer = ask(SHOP, events)

    counted = [step.units for step in ask(funnel, events).groups[0].steps]
    assert [row.in_order for row in answer.rows] == counted == [3, 2, 1, 1]


def test_touchpoints_and_sessions_are_told_apart() -> None:
    events = [*touched(1, "/", "/", "ad"), *touched(1, "/", begins=7200)]

    found = row(ask(SHOP, events), "/")

    assert (found.people, found.touchpoints, found.sessions) == (1, 3, 2)


def test_going_back_is_counted_for_where_it_leads() -> None:
    events = touched(1, "/", "/cart", "/cart", "/", "/cart", "/", "ad")

    answer = ask(SHOP, events)

    assert (row(answer, "/").returns, row(answer, "/").returned) == (2, 1)
    assert (row(answer, "ad").returns, row(answer, "/cart").returns) == (1, 0)
    assert [(m.source, m.target, m.moves, m.people, m.is_back) for m in answer.moves] == [
        ("/", "/cart", 2, 1, False),
        ("/cart", "/", 2, 1, True),
        ("/", "ad", 1, 1, True),
    ]


def test_gaps_run_from_the_first_touchpoint_to_the_first_later_surface() -> None:
    quick = [*touched(1, "ad", "ad", "/cart"), *touched(2, "ad", "/", apart=10)]
    slow = [*touched(3, "ad", "/", apart=1000), *touched(4, "ad", "/", apart=5009)]

    found = row(ask(SHOP, [*quick, *slow]), "ad")

    assert SHOP.resolution_s == 10
    assert (found.gap_median_s, found.gap_p90_s) == (120, 5000)
    assert row(ask(SHOP, quick), "order").gap_median_s is None


@pytest.mark.parametrize(
    ("days", "resolution"), [(1, 1), (3, 1), (4, 10), (30, 10), (90, 60), (731, 600)]
)
def test_gaps_are_told_apart_more_coarsely_the_longer_the_window(
    days: int, resolution: int
) -> None:
    assert replace(SHOP, window_s=days * DAY).resolution_s == resolution


def test_orders_are_of_first_touchpoints_and_rare_ones_stand_together() -> None:
    events = [
        *touched(1, "/", "ad", "/", "order"),
        *touched(2, "/", "ad"),
        *touched(3, "/", "ad"),
        *touched(4, "ad", "/"),
    ]

    answer = ask(replace(SHOP, max_rows=1), events)

    assert orders(ask(SHOP, events)) == {("/", "ad"): 2, ("/", "ad", "order"): 1, ("ad", "/"): 1}
    assert answer.orders is not None
    assert [(group.names, group.people, group.others) for group in answer.orders] == [
        (("/", "ad"), 2, 0),
        ((), 2, 2),
    ]
    assert answer.orders[1].completed == 1


def test_channels_are_those_of_the_sessions_up_to_completion() -> None:
    def visit(person: int, hours: float, name: str, channel: str | None) -> dict[str, Any]:
        return event(person, hours * 3600, name, channel=channel)

    events = [
        visit(1, 0, "ad", "Paid Search"),
        visit(1, 2, "opened", None),
        visit(1, 4, "ad", "Email"),
        visit(1, 6, "order", "Email"),
        visit(1, 8, "ad", "Direct"),
        visit(2, 0, "ad", "Paid Search"),
        visit(2, 2, "browse", "Direct"),
        visit(2, 4, "ad", "Paid Search"),
        visit(3, 0, "order", None),
    ]

    assert channels(ask(SHOP, events)) == {
        ("Paid Search", "Email"): (1, 1),
        ("Paid Search", "Direct", "Paid Search"): (1, 0),
        (): (1, 1),
    }


def test_a_session_keeps_its_channel_where_it_outlives_the_window() -> None:
    question = replace(SHOP, window_s=60, until=at(1))
    events = [event(1, 0, "ad"), event(1, 100, "browse", channel="Email")]

    assert channels(ask(question, events)) == {("Email",): (1, 0)}


def test_a_journey_begins_in_the_period_and_lasts_as_long_as_its_window() -> None:
    question = replace(SHOP, since=at(100), until=at(200), window_s=3600)
    events = [
        *touched(1, "ad"),
        *touched(1, "/", begins=150),
        *touched(1, "/cart", begins=150 + 3600),
        *touched(1, "order", begins=150 + 3601),
        *touched(2, "/", begins=200),
    ]

    answer = ask(question, events)

    assert orders(answer) == {("/", "/cart"): 1}


def test_people_whose_journey_is_not_over_are_immature_and_no_drop() -> None:
    question = replace(SHOP, window_s=3600, as_of=at(3600))
    events = [*touched(1, "ad", "/"), *touched(2, "ad", "order"), *touched(3, "ad", begins=-1)]

    answer = ask(question, events)

    ad = row(answer, "ad")
    assert (ad.people, ad.onward, ad.dropped, ad.immature, ad.ends) == (3, 2, 1, 0, 1)
    home = row(answer, "/")
    assert (home.people, home.dropped, home.immature) == (1, 0, 1)
    assert (answer.completed, answer.immature) == (1, 1)
    assert home.document()["drop_rate"] is None


def test_the_drop_rate_is_of_people_whose_journey_is_over() -> None:
    question = replace(SHOP, window_s=3600, as_of=at(3600))
    events = [
        *touched(1, "ad", "/"),
        *touched(2, "ad", "order"),
        *touched(3, "ad", begins=-1),
        *touched(4, "ad", "/", begins=-10),
        *touched(5, "ad", "/", begins=-10),
    ]

    ad = row(ask(question, events), "ad")

    assert (ad.people, ad.dropped, ad.immature, ad.over) == (5, 1, 0, 3)
    assert ad.document()["drop_rate"] == pytest.approx(1 / 3)


def test_an_event_is_a_touchpoint_of_the_first_surface_that_names_it() -> None:
    paid = Condition("channel", Comparison.IS, ("Paid Search",))
    question = Journeys(
        surfaces=(
            Surface("ad", Events(("page_view",), (paid,))),
            Surface("site", Events(("page_view",))),
        ),
        as_of=LATER,
    )
    events = [event(1, 0, "page_view", channel="Paid Search"), event(1, 1, "page_view")]

    assert orders(ask(question, events)) == {("ad", "site"): 1}
    assert orders(ask(replace(question, where=(paid,)), events)) == {("ad",): 1}


def test_surfaces_of_one_instant_are_passed_in_their_order() -> None:
    events = touched(1, "order", "/cart", "ad", apart=0)

    answer = ask(SHOP, events)

    assert orders(answer) == {("ad", "/cart", "order"): 1}
    assert row(answer, "ad").gap_median_s == 0


@pytest.mark.parametrize("buckets", [1, 2, 5])
def test_orders_too_many_to_count_are_left_out_however_people_are_spread(buckets: int) -> None:
    ways = [("/", "ad"), ("ad", "/"), ("/cart",)]
    events = [one for n, way in enumerate(ways) for one in touched(n, *way)]

    answer = ask(replace(SHOP, max_different=2), events, buckets=buckets)

    assert answer.orders is None
    assert answer.document()["orders"] is None
    assert answer.channels is not None
    assert answer.people == 3


def test_nobody_has_no_journey() -> None:
    document = ask(SHOP, touched(1, "/other")).document()

    assert document["people"] == 0
    assert document["orders"] == document["moves"] == []


def test_every_reason_is_given_at_once() -> None:
    with pytest.raises(BadQuestion) as refused:
        Journeys(
            surfaces=(Surface("a", Events()), Surface("a", place("x")), Surface(" ", place("y"))),
            as_of=LATER,
            window_s=0,
            max_rows=0,
        )

    assert refused.value.facts["reasons"] == (
        "two surfaces are called 'a'",
        "surface 1 names no event",
        "surface 3 has no name",
        "its window is 0 s, not 1 s to 2 years",
        "it shows no order",
    )


rows = st.lists(
    st.builds(
        lambda person, minutes, name, channel: event(
            person,
            minutes * 60,
            "page_view" if name.startswith("/") else name,
            path=name if name.startswith("/") else None,
            channel=channel,
        ),
        st.integers(0, 4),
        st.integers(0, 200),
        st.sampled_from(["ad", "/", "/cart", "order", "scroll"]),
        st.sampled_from([None, None, "Direct", "Email"]),
    ),
    max_size=40,
)
questions = st.builds(
    replace,
    st.sampled_from([SHOP, over("order", "/cart", "/"), over("/", "order")]),
    window_s=st.sampled_from([60, 3600, 40_000]),
    as_of=st.sampled_from([at(0), at(6000), LATER]),
    since=st.sampled_from([None, at(1200)]),
    until=st.sampled_from([None, at(9000)]),
    max_rows=st.just(1000),
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(events=rows, buckets=st.integers(2, 4), question=questions, shown=st.integers(1, 3))
def test_any_partition_of_the_people_gives_the_same_answer(
    events: Sequence[dict[str, Any]], buckets: int, question: Journeys, shown: int
) -> None:
    question = replace(question, max_rows=shown)

    assert ask(question, events, buckets=buckets) == ask(question, events)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(events=rows, question=questions)
def test_random_journeys_agree_with_plain_python_and_add_up(
    events: Sequence[dict[str, Any]], question: Journeys
) -> None:
    answer = ask(question, events)

    expected = travelled(question, events)
    names = [surface.name for surface in question.surfaces]
    assert (answer.people, answer.completed) == (expected.people, expected.completed)
    assert orders(answer) == dict(expected.orders)
    assert channels(answer) == dict(expected.channels)
    assert {(m.source, m.target): m.moves for m in answer.moves} == dict(expected.moves)
    last = len(names) - 1
    for nth, found in enumerate(answer.rows):
        assert (found.people, found.touchpoints, found.sessions, found.returns) == (
            expected.reached[nth],
            expected.touchpoints[nth],
            expected.sessions[nth],
            sum(
                n for (a, b), n in expected.moves.items() if b == names[nth] and later(names, a, b)
            ),
        )
        gaps = sorted(expected.gaps[nth])
        assert found.onward == (None if nth == last else len(gaps))
        resolution = question.resolution_s
        middle = gaps[(len(gaps) - 1) // 2] // resolution * resolution if gaps else None
        assert found.gap_median_s == middle
        if found.onward is not None and found.dropped is not None:
            assert found.people == found.onward + found.dropped + found.immature
    assert sum(found.starts for found in answer.rows) == answer.people
    assert sum(found.ends for found in answer.rows) == answer.people - expected.still_open


def later(names: list[str], one: str, other: str) -> bool:
    return names.index(one) > names.index(other)


@dataclass
class Expected:
    """What the slow way finds."""

    people: int = 0
    completed: int = 0
    still_open: int = 0
    orders: Counter[tuple[str, ...]] = field(default_factory=Counter)
    channels: dict[tuple[str, ...], tuple[int, int]] = field(default_factory=dict)
    moves: Counter[tuple[str, str]] = field(default_factory=Counter)
    reached: Counter[int] = field(default_factory=Counter)
    touchpoints: Counter[int] = field(default_factory=Counter)
    sessions: Counter[int] = field(default_factory=Counter)
    gaps: defaultdict[int, list[int]] = field(default_factory=lambda: defaultdict(list))


def surface_of(question: Journeys, row: dict[str, Any]) -> int:
    for nth, surface in enumerate(question.surfaces):
        paths = [value for condition in surface.events.where for value in condition.values]
        if row["event"] in surface.events.names and (not paths or row["path"] in paths):
            return nth
    return -1


def seconds(moment: datetime) -> int:
    return round((moment - START).total_seconds())


def travelled(question: Journeys, events: Sequence[dict[str, Any]]) -> Expected:
    """Follow everybody, one at a time."""
    expected = Expected()
    names = [surface.name for surface in question.surfaces]
    for person in {row["person"] for row in events}:
        theirs = sorted(
            (
                (
                    seconds(row["occurred_at"]),
                    surface_of(question, row),
                    row["channel"] is None,
                    row["channel"] or "",
                )
                for row in events
                if row["person"] == person
            ),
        )
        session_of: list[int] = []
        for n, one in enumerate(theirs):
            new = not n or one[0] - theirs[n - 1][0] > 1800
            session_of.append(session_of[-1] + new if n else 0)
        starts = [
            at_s
            for at_s, surface, _, _ in theirs
            if surface >= 0
            and (question.since is None or at_s >= seconds(question.since))
            and (question.until is None or at_s < seconds(question.until))
        ]
        if not starts:
            continue
        begins, ends = starts[0], starts[0] + question.window_s
        touches = [
            (at_s, surface, session_of[n])
            for n, (at_s, surface, _, _) in enumerate(theirs)
            if surface >= 0 and begins <= at_s <= ends
        ]
        last = len(names) - 1
        completed = [session for _, surface, session in touches if surface == last]
        expected.people += 1
        expected.completed += bool(completed)
        expected.still_open += ends >= seconds(question.as_of)
        way = list(dict.fromkeys(surface for _, surface, _ in touches))
        expected.orders[tuple(names[surface] for surface in way)] += 1
        for (_, a, _), (_, b, _) in pairwise(touches):
            if a != b:
                expected.moves[names[a], names[b]] += 1
        for surface in way:
            times = [at_s for at_s, other, _ in touches if other == surface]
            first = next(n for n, touch in enumerate(touches) if touch[1] == surface)
            onward = [at_s for at_s, other, _ in touches[first:] if other > surface]
            expected.reached[surface] += 1
            expected.touchpoints[surface] += len(times)
            expected.sessions[surface] += len({s for _, other, s in touches if other == surface})
            expected.gaps[surface] += [onward[0] - times[0]] if onward else []
        inside = [session_of[n] for n, one in enumerate(theirs) if begins <= one[0] <= ends]
        until = completed[0] if completed else inside[-1]
        came = [
            next(
                (
                    channel
                    for n, (_, _, is_none, channel) in enumerate(theirs)
                    if session_of[n] == session and not is_none
                ),
                None,
            )
            for session in range(touches[0][2], until + 1)
        ]
        known = [channel for channel in came if channel is not None]
        once = tuple(c for n, c in enumerate(known) if not n or c != known[n - 1])[:10]
        people, done = expected.channels.get(once, (0, 0))
        expected.channels[once] = (people + 1, done + bool(completed))
    return expected
