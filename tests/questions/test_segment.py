"""Segments: who is in, counted by hand and by a slow reference; every question within one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.questions.asking import START, ask, asked, at, event
from truelift.lake.schema import EVENTS
from truelift.questions.forms import Context, SavedSegment
from truelift.questions.funnel import Funnel, Step
from truelift.questions.matching import BadQuestion, Comparison, Condition, Events
from truelift.questions.parse import parse_question
from truelift.questions.question import People
from truelift.questions.segment import (
    ALWAYS,
    MOST_PARTS,
    All,
    AnyOf,
    Did,
    FirstSeen,
    Followed,
    Moment,
    Not,
    Part,
    Segment,
    Span,
    Was,
    Which,
)
from truelift.questions.segment_form import NoSuchSegment, parse_segment
from truelift.questions.trend import Trend
from truelift.questions.within import Within, within


NOW = at(100)
CONTEXT = Context(now=NOW)
VIEW, CART, BUY = Events(("view",)), Events(("cart",)), Events(("buy",))


def within_of(condition: Part) -> Within[Any, Any]:
    return Within(Trend(Events()), Segment(condition), NOW)


def members(
    condition: Part, events: Sequence[dict[str, Any]], *, as_of: datetime = NOW
) -> set[int]:
    """Ask who is in a segment, of the statement that the lake runs."""
    people = Segment(condition).people(Moment(as_of))
    return {row[0] for row in answered(people, events)}


def answered(people: People, events: Sequence[dict[str, Any]]) -> list[Any]:
    kept = [
        row
        for row in events
        if (people.since is None or row["occurred_at"] >= people.since)
        and (people.until is None or row["occurred_at"] < people.until)
    ]
    table = pa.Table.from_pylist(kept, schema=EVENTS)
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.register("events", table)
        return connection.execute(people.sql, people.parameters).fetchall()


def test_did_counts_how_often_and_within_which_time() -> None:
    events = [
        event(1, 0, "buy"),
        event(1, 50, "buy"),
        event(2, 50, "buy"),
        event(3, 50, "view"),
        event(4, 100, "buy"),
    ]

    assert members(Did(BUY), events) == {1, 2, 4}
    assert members(Did(BUY, at_least=2), events) == {1}
    assert members(Did(BUY, at_most=1), events) == {2, 4}
    assert members(Did(BUY, at_least=0, at_most=0), events) == {3}
    assert members(Did(BUY, within=Span(last_s=50)), events) == {1, 2}
    assert members(Did(BUY, within=Span(last_s=50, ago_s=50)), events) == {1}
    assert members(Did(BUY, within=Span(since=at(50), until=at(100))), events) == {1, 2}


def test_who_did_not_lately_is_known_by_older_events() -> None:
    events = [event(1, 0, "buy"), event(2, 99, "buy")]
    lapsed = All((Did(BUY), Did(BUY, at_least=0, at_most=0, within=Span(last_s=10))))

    assert members(Did(BUY, at_least=0, at_most=0, within=Span(last_s=10)), events) == {1}
    assert members(lapsed, events) == {1}


def test_new_is_whose_very_first_event_lies_in_the_period() -> None:
    events = [event(1, 0, "view"), event(1, 60, "view"), event(2, 60, "view"), event(3, 80, "buy")]

    assert members(FirstSeen(Span(since=at(50))), events) == {2, 3}
    assert members(FirstSeen(Span(since=at(50), until=at(70))), events) == {2}
    assert members(Not(FirstSeen(Span(since=at(50)))), events) == {1}


def test_the_questions_own_period_says_who_is_new() -> None:
    events = [event(1, 0, "view"), event(1, 60, "view"), event(2, 60, "view")]
    question = Trend(VIEW, since=at(50), until=at(70))

    new = ask(within(question, Segment(FirstSeen(Span(asked=True))), now=NOW), events)
    returning = ask(within(question, Segment(Not(FirstSeen(Span(asked=True)))), now=NOW), events)

    assert (new.answer.whole.people, new.answer.whole.count) == (1, 1)
    assert (returning.answer.whole.people, returning.answer.whole.count) == (1, 1)


def test_first_last_and_ever_look_at_the_events_that_have_a_value() -> None:
    events = [
        event(1, 0, "view"),
        event(1, 1, "view", device="phone"),
        event(1, 2, "view", device="desktop"),
        event(2, 0, "view", device="desktop"),
        event(3, 0, "view"),
    ]

    def phone(which: Which, comparison: Comparison = Comparison.IS) -> set[int]:
        return members(Was(which, Condition("device", comparison, ("phone",))), events)

    assert phone(Which.FIRST) == {1}
    assert phone(Which.LAST) == set()
    assert phone(Which.EVER) == {1}
    assert phone(Which.FIRST, Comparison.IS_NOT) == {2, 3}
    assert phone(Which.LAST, Comparison.IS_NOT) == {1, 2, 3}
    assert members(Was(Which.EVER, Condition("device", Comparison.IS_NOT_SET)), events) == {3}


def test_a_property_of_some_events_can_be_asked_for() -> None:
    events = [
        event(1, 0, "buy", properties={"plan": "pro"}),
        event(2, 0, "view", properties={"plan": "pro"}),
        event(3, 0, "buy", properties={"plan": "free"}),
    ]
    pro = Was(Which.EVER, Condition("plan", Comparison.IS, ("pro",)), events=BUY)

    assert members(pro, events) == {1}


def test_a_sequence_has_its_steps_in_order_within_the_window() -> None:
    events = [
        *(event(1, 0, "view"), event(1, 10, "buy")),
        *(event(2, 0, "buy"), event(2, 5, "view")),
        *(event(3, 0, "view"), event(3, 11, "buy")),
        *(event(4, 0, "view"), event(4, 8, "view"), event(4, 15, "buy")),
        *(event(5, 3, "buy"), event(5, 3, "view")),
        event(6, 3, "buy"),
    ]

    assert members(Followed((VIEW, BUY), window_s=10), events) == {1, 4, 5}
    assert members(Followed((VIEW, BUY), window_s=11), events) == {1, 3, 4, 5}
    assert members(Followed((BUY, BUY), window_s=10), events) == set()


def test_the_window_of_a_sequence_is_that_of_all_its_steps() -> None:
    events = [
        *(event(1, 0, "view"), event(1, 5, "cart"), event(1, 10, "buy")),
        *(event(2, 0, "view"), event(2, 6, "cart"), event(2, 12, "buy")),
    ]

    assert members(Followed((VIEW, CART, BUY), window_s=10), events) == {1}


def test_conditions_compose() -> None:
    events = [event(1, 0, "view"), event(2, 0, "buy"), event(3, 0, "view"), event(3, 1, "buy")]

    assert members(All((Did(VIEW), Did(BUY))), events) == {3}
    assert members(AnyOf((Did(VIEW), Did(BUY))), events) == {1, 2, 3}
    assert members(All((Did(VIEW), Not(Did(BUY)))), events) == {1}


def test_every_question_about_people_can_be_asked_in_a_segment() -> None:
    shortest: dict[str, dict[str, Any]] = {
        "funnel": {"steps": ["view", "buy"]},
        "trend": {"event": "view"},
        "sessions": {},
        "events": {},
        "variant_summaries": {
            "experiment": "x",
            "variants": ["a", "b"],
            "metrics": [{"key": "m", "kind": "count", "event": "buy"}],
        },
    }
    events = [event(1, 0, "view"), event(1, 1, "buy"), event(2, 0, "view")]

    for name, members_ in shortest.items():
        question = {"question": name, **members_}
        inside: Any = ask(parse_question({**question, "segment": {"did": "buy"}}, CONTEXT), events)
        of_buyer: Any = ask(parse_question(question, CONTEXT), events[:2])

        adhoc = {"ad_hoc": True, "definition": {"did": "buy"}}
        assert inside.document() == {**of_buyer.document(), "segment": adhoc}


@pytest.mark.parametrize("question", ["checks", "recent"])
def test_what_arrives_has_no_segments(question: str) -> None:
    with pytest.raises(BadQuestion, match="about what arrives"):
        parse_question({"question": question, "segment": {"did": "buy"}}, CONTEXT)


def test_a_saved_segment_is_found_by_its_name_and_named_in_the_answer() -> None:
    saved = SavedSegment("buyers", 3, {"did": "buy"})
    context = replace(CONTEXT, segments=lambda name: saved if name == "buyers" else None)

    question = parse_question({"question": "trend", "segment": "buyers"}, context)
    answer: Any = ask(question, [event(1, 0, "buy"), event(2, 0, "view")])
    document = answer.document()

    assert document["segment"] == {"name": "buyers", "version": 3}
    assert document["whole"]["people"] == 1
    with pytest.raises(NoSuchSegment, match="fliers"):
        parse_question({"question": "trend", "segment": "fliers"}, context)


def test_only_a_relative_segment_makes_the_moment_part_of_the_question() -> None:
    lately, ever = Did(BUY, within=Span(last_s=10)), Did(BUY)

    def question(condition: Part, now: datetime) -> Within[Any, Any]:
        return within(Trend(VIEW), Segment(condition), now=now)

    assert question(ever, at(0)) == question(ever, at(1))
    assert question(lately, at(0)) != question(lately, at(1))


def test_a_questions_own_moment_is_the_one_its_segment_is_counted_back_from() -> None:
    funnel = Funnel(steps=(Step(VIEW),), window_s=10, as_of=at(60))
    lately = Segment(Did(VIEW, within=Span(last_s=20)))

    answer = ask(within(funnel, lately, now=at(1000)), [event(1, 50, "view"), event(2, 30, "view")])

    assert [step.units for step in answer.answer.groups[0].steps] == [1]


@pytest.mark.parametrize(
    ("definition", "wants"),
    [
        ({}, "segment is not an object with one of did"),
        ({"did": "a", "not": {"did": "b"}}, "segment is not an object with one of did"),
        ({"did": "a", "colour": "red"}, "segment.colour is none of"),
        ({"did": {"names": ["a"], "where": [{"field": 3}]}}, "segment.did.where[0].field"),
        ({"did": "a", "at_least": 3, "at_most": 2}, "`at_most` is less than `at_least`"),
        ({"did": "a", "at_least": 0}, "which is everybody"),
        ({"did": "a", "within": {"last": "1d", "asked": True}}, "segment.within: a period is"),
        ({"did": "a", "within": {"ago": "1d"}}, "`ago` needs `last`"),
        ({"did": "a", "within": {"since": "2026-02-01", "until": "2026-01-01"}}, "not before"),
        ({"all": []}, "segment.all has 0 items"),
        ({"all": [{"any": [{"not": {"did": 3}}]}]}, "segment.all[0].any[0].not.did"),
        ({"sequence": ["a"], "window": "1d"}, "segment.sequence has 1 items"),
        ({"sequence": ["a", "b"]}, "segment.window is missing"),
        ({"ever": {"field": "x", "comparison": "is"}}, "names no value"),
        (3, "segment is not an object with one of"),
        ("", "segment is not text"),
    ],
)
def test_every_mistake_in_a_segment_has_its_place(definition: object, wants: str) -> None:
    with pytest.raises(BadQuestion) as refused:
        parse_question({"question": "trend", "segment": definition}, CONTEXT)

    assert wants in str(refused.value)


def test_a_segment_that_is_too_deep_or_too_wide_is_refused() -> None:
    deep: dict[str, Any] = {"did": "a"}
    for _ in range(10_000):
        deep = {"not": deep}
    some = {"any": [{"did": "a"}] * 30}

    with pytest.raises(BadQuestion, match="nests deeper"):
        parse_segment(deep, CONTEXT)
    with pytest.raises(BadQuestion, match=f"at most {MOST_PARTS} conditions"):
        parse_segment({"all": [some, some]}, CONTEXT)


def test_names_and_values_stand_in_no_statement() -> None:
    nasty = "x'; DROP TABLE events; --"
    where = (Condition(nasty, Comparison.IS, (nasty,)),)
    condition = All(
        (
            Did(Events((nasty,), where)),
            Was(Which.FIRST, where[0], events=Events((nasty,))),
            Followed((Events((nasty,)), Events((nasty,))), window_s=1),
        )
    )

    assert nasty not in Segment(condition).people(Moment(NOW)).sql


names = st.sampled_from(["view", "cart", "buy"])
moments = st.integers(0, 12).map(lambda n: at(n * 10))
spans = st.one_of(
    st.just(ALWAYS),
    st.builds(Span, since=moments),
    st.builds(Span, until=moments),
    st.builds(Span, last_s=st.integers(1, 120), ago_s=st.integers(0, 40)),
)
conditions = st.builds(
    Condition,
    field=st.sampled_from(["device", "plan"]),
    comparison=st.sampled_from([Comparison.IS, Comparison.IS_NOT]),
    values=st.sampled_from([("a",), ("b",), ("a", "b")]),
) | st.builds(
    Condition,
    field=st.sampled_from(["device", "plan"]),
    comparison=st.sampled_from([Comparison.IS_SET, Comparison.IS_NOT_SET]),
)
sets = st.builds(
    Events,
    names=st.lists(names, max_size=2, unique=True).map(tuple),
    where=st.lists(conditions, max_size=1).map(tuple),
)
steps = sets.filter(lambda events: bool(events.names or events.where))
leaves = st.one_of(
    st.builds(Did, events=sets, at_least=st.integers(1, 3), within=spans),
    st.builds(Did, events=sets, at_least=st.just(0), at_most=st.integers(0, 2), within=spans),
    st.builds(FirstSeen, within=spans),
    st.builds(Was, st.sampled_from(Which), conditions, events=sets, within=spans),
    st.builds(
        Followed,
        steps=st.lists(sets, min_size=2, max_size=3).map(tuple),
        window_s=st.sampled_from([0, 10, 30]),
        within=spans,
    ),
)
composed = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(All, st.lists(inner, min_size=1, max_size=3).map(tuple)),
        st.builds(AnyOf, st.lists(inner, min_size=1, max_size=3).map(tuple)),
        st.builds(Not, inner),
    ),
    max_leaves=5,
)
histories = st.lists(
    st.builds(
        lambda person, tens, name, device, plan, position: event(
            person,
            tens * 10,
            name,
            device=device,
            position=position,
            properties={} if plan is None else {"plan": plan},
        ),
        st.integers(0, 3),
        st.integers(0, 12),
        names,
        st.sampled_from([None, "a", "b"]),
        st.sampled_from([None, "a", "b"]),
        st.integers(1, 1000),
    ),
    max_size=14,
    unique_by=lambda row: row["position"],
)


def value_of(row: dict[str, Any], name: str) -> str | None:

    found: str | None = (
        row.get("device") if name == "device" else json.loads(row["properties"]).get(name)
    )
    return found


def holds(condition: Condition, value: str | None) -> bool:
    match condition.comparison:
        case Comparison.IS:
            return value in condition.values
        case Comparison.IS_NOT:
            return value not in condition.values
        case Comparison.IS_SET:
            return value is not None
        case _:
            return value is None


def among(row: dict[str, Any], events: Events, span: Span) -> bool:
    since, until = span.since, span.until
    if span.last_s is not None:
        until = NOW - timedelta(seconds=span.ago_s)
        since = until - timedelta(seconds=span.last_s)
    return (
        (not events.names or row["event"] in events.names)
        and all(holds(condition, value_of(row, condition.field)) for condition in events.where)
        and (since is None or row["occurred_at"] >= since)
        and (until is None or row["occurred_at"] < until)
    )


def follows(rows: list[dict[str, Any]], part: Followed) -> bool:
    """Try every row of events, one after another."""

    def on(start: datetime, last: dict[str, Any], left: tuple[Events, ...]) -> bool:
        if not left:
            return True
        return any(
            row is not last
            and row["occurred_at"] >= last["occurred_at"]
            and row["occurred_at"] <= start + timedelta(seconds=part.window_s)
            and among(row, left[0], part.within)
            and on(start, row, left[1:])
            for row in rows
        )

    first, *rest = part.steps
    return any(
        among(row, first, part.within) and on(row["occurred_at"], row, tuple(rest)) for row in rows
    )


def is_in(rows: list[dict[str, Any]], part: Part) -> bool:
    """Say by definition whether a person with these events is in."""
    match part:
        case Did():
            times = sum(among(row, part.events, part.within) for row in rows)
            return part.at_least <= times <= (times if part.at_most is None else part.at_most)
        case FirstSeen():
            first = min(rows, key=lambda row: row["occurred_at"])
            return among(first, Events(), part.within)
        case Was():
            ordered = sorted(rows, key=lambda row: (row["occurred_at"], row["position"]))
            looked = [row for row in ordered if among(row, part.events, part.within)]
            values = [value_of(row, part.condition.field) for row in looked]
            known: list[str | None] = [value for value in values if value is not None]
            if not known:
                return holds(part.condition, None)
            picked = {Which.FIRST: known[:1], Which.LAST: known[-1:], Which.EVER: known}
            return any(holds(part.condition, value) for value in picked[part.which])
        case Followed():
            return follows(rows, part)
        case All():
            return all(is_in(rows, each) for each in part.parts)
        case AnyOf():
            return any(is_in(rows, each) for each in part.parts)
        case Not():
            return not is_in(rows, part.part)


quick = settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@quick
@given(events=histories, condition=composed)
def test_random_conditions_agree_with_plain_python(
    events: list[dict[str, Any]], condition: Part
) -> None:
    people = {row["person"] for row in events}

    found = members(condition, events)

    assert found == {
        person
        for person in people
        if is_in([row for row in events if row["person"] == person], condition)
    }


@quick
@given(events=histories, condition=composed, buckets=st.integers(2, 4))
def test_any_partition_of_the_people_gives_the_same_segment(
    events: list[dict[str, Any]], condition: Part, buckets: int
) -> None:
    question = within_of(condition)

    assert asked(question, events, buckets=buckets) == asked(question, events)


@quick
@given(condition=composed)
def test_a_segment_written_as_json_reads_back_as_itself(condition: Part) -> None:
    context = Context(now=datetime(2026, 5, 4, tzinfo=UTC), time_zone="Europe/Berlin")

    assert parse_segment(condition.document(), context) == Segment(condition)


@quick
@given(events=histories, window_s=st.sampled_from([1, 10, 30]), first=steps, then=steps)
def test_two_steps_are_those_of_a_funnel(
    events: list[dict[str, Any]], window_s: int, first: Events, then: Events
) -> None:
    funnel = Funnel(steps=(Step(first), Step(then)), window_s=window_s, as_of=START)

    through = sum(group.steps[1].units for group in ask(funnel, events).groups)

    assert len(members(Followed((first, then), window_s=window_s), events)) == through


def test_the_segment_in_the_guide_can_be_asked() -> None:
    guide = Path(__file__).parents[2] / "docs" / "guide" / "segments.md"
    blocks = guide.read_text(encoding="utf-8").split("```json\n")[1:]

    segments = [parse_segment(json.loads(block.split("```")[0]), CONTEXT) for block in blocks]

    assert [type(segment.condition) for segment in segments] == [All]


words = st.sampled_from(
    [
        "did",
        "did_not",
        "first_seen",
        "ever",
        "first",
        "sequence",
        "window",
        "all",
        "any",
        "not",
        "names",
        "where",
        "field",
        "values",
        "comparison",
        "within",
        "last",
        "ago",
        "asked",
    ]
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=10,
)


@settings(deadline=None)
@given(document=json_values)
def test_any_json_is_a_segment_or_a_refusal(document: object) -> None:
    with suppress(BadQuestion, NoSuchSegment):
        segment = parse_segment(document, CONTEXT)
        assert hash(segment) == hash(parse_segment(segment.condition.document(), CONTEXT))
