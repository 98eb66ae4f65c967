"""Funnels over stored events: names, conditions, groups, periods, sessions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.questions.asking import ask, at, event
from truelift.questions.funnel import Funnel, FunnelAnswer, Step, Unit
from truelift.questions.matching import BadQuestion, Comparison, Condition, Events
from truelift.sequences.funnels import Order


def steps(*names: str) -> tuple[Step, ...]:
    return tuple(Step(Events((name,))) for name in names)


SHOP = Funnel(steps("view", "cart", "buy"), window_s=3600, as_of=at(10**9))


def units(answer: FunnelAnswer) -> dict[str | None, list[int]]:
    return {group.value: [step.units for step in group.steps] for group in answer.groups}


def test_people_are_counted_at_every_step_they_reach() -> None:
    events = [
        event(1, 0, "view"),
        event(1, 60, "cart"),
        event(1, 3600, "buy"),
        event(2, 0, "view"),
        event(2, 3601, "cart"),
        event(3, 0, "cart"),
    ]

    assert units(ask(SHOP, events)) == {None: [2, 1, 1]}


def test_instants_are_cut_to_milliseconds() -> None:
    events = [event(1, 0, "view"), event(1, at(3600) + timedelta(microseconds=900), "cart")]

    assert units(ask(SHOP, events)) == {None: [1, 1, 0]}


def test_bots_and_the_companys_own_visits_are_not_people() -> None:
    events = [event(1, 0, "view", is_bot=True), event(2, 0, "view", is_internal=True)]

    assert units(ask(SHOP, events)) == {None: [0, 0, 0]}


def test_later_steps_may_lie_after_until_within_the_window() -> None:
    question = replace(SHOP, since=at(100), until=at(200))
    events = [
        event(1, 99, "view"),
        event(1, 150, "cart"),
        event(2, 100, "view"),
        event(2, 3700, "cart"),
        event(3, 200, "view"),
        event(4, 199, "view"),
        event(4, 3800, "cart"),
    ]

    assert units(ask(question, events)) == {None: [2, 1, 0]}


def test_a_person_is_in_the_group_of_the_first_step_of_the_deepest_attempt() -> None:
    question = replace(SHOP, by="device")
    events = [
        event(1, 0, "view", device="phone"),
        event(1, 9000, "view", device="desktop"),
        event(1, 9001, "cart", device="tablet"),
        event(2, 0, "view", device="phone"),
        event(3, 0, "view"),
    ]

    answer = ask(question, events)

    assert units(answer) == {"desktop": [1, 1, 0], "phone": [1, 0, 0], None: [1, 0, 0]}
    assert [group.value for group in answer.groups] == ["desktop", "phone", None]


def test_groups_beyond_the_most_that_are_shown_are_put_together() -> None:
    question = replace(SHOP, by="plan", max_groups=1)
    events = [
        event(n, 0, "view", properties={"plan": plan}) for n, plan in enumerate(["a", "a", "b", 3])
    ]

    answer = ask(question, events)

    assert [(g.value, g.others, g.steps[0].units) for g in answer.groups] == [
        ("a", 0, 2),
        (None, 2, 2),
    ]


def test_a_step_may_be_a_set_of_events_with_conditions() -> None:
    cheap = Events(("cart", "basket"), (Condition("price", Comparison.AT_MOST, ("10",)),))
    question = replace(SHOP, steps=(*steps("view"), Step(cheap)))
    events = [
        event(1, 0, "view"),
        event(1, 1, "basket", properties={"price": "9.5"}),
        event(2, 0, "view"),
        event(2, 1, "cart", properties={"price": 11}),
        event(3, 0, "view"),
        event(3, 1, "cart", properties={"price": "free"}),
    ]

    assert units(ask(question, events)) == {None: [3, 1]}


def test_overlapping_steps_never_share_an_event() -> None:
    cart_page = Events(("page_view",), (Condition("path", Comparison.IS, ("/cart",)),))
    question = replace(SHOP, steps=(*steps("page_view"), Step(cart_page)))
    events = [
        event(1, 0, "page_view", path="/cart"),
        event(2, 0, "page_view", path="/cart"),
        event(2, 0, "page_view", path="/"),
        event(3, 5, "page_view", path="/"),
        event(3, 6, "page_view", path="/cart"),
    ]

    assert units(ask(question, events)) == {None: [3, 2]}


def test_conditions_on_the_whole_funnel_hold_of_every_event() -> None:
    question = replace(SHOP, where=(Condition("country", Comparison.IS, ("DE",)),))
    events = [
        event(1, 0, "view", country="DE"),
        event(1, 1, "cart", country="FR"),
        event(2, 0, "view"),
    ]

    assert units(ask(question, events)) == {None: [1, 0, 0]}


def test_strict_order_looks_at_every_event() -> None:
    strict = replace(SHOP, order=Order.STRICT)
    events = [event(1, 0, "view"), event(1, 1, "scroll"), event(1, 2, "cart")]
    events += [event(2, 0, "view"), event(2, 2, "cart")]

    assert units(ask(strict, events)) == {None: [2, 1, 0]}


def test_any_order_ignores_which_came_first() -> None:
    either = replace(SHOP, order=Order.ANY, since=at(50))
    events = [event(1, 0, "cart"), event(1, 100, "view"), event(1, 200, "buy")]

    assert units(ask(either, events)) == {None: [1, 1, 1]}


def test_an_excluded_event_ends_an_attempt() -> None:
    question = replace(SHOP, exclude=Events(("logout",)))
    events = [event(1, 0, "view"), event(1, 1, "logout"), event(1, 2, "cart")]

    assert units(ask(question, events)) == {None: [1, 0, 0]}


def test_an_optional_step_may_be_left_out() -> None:
    view, cart, buy = steps("view", "cart", "buy")
    question = replace(SHOP, steps=(view, replace(cart, optional=True), buy))
    events = [event(1, 0, "view"), event(1, 1, "buy"), event(2, 0, "view"), event(2, 1, "cart")]

    assert units(ask(question, events)) == {None: [2, 1, 1]}


def test_sessions_are_counted_one_by_one_and_keep_an_attempt_inside() -> None:
    question = replace(SHOP, unit=Unit.SESSION, window_s=86400)
    events = [
        event(1, 0, "view"),
        event(1, 1700, "scroll"),
        event(1, 3400, "cart"),
        event(1, 9000, "view"),
        event(1, 20000, "cart"),
    ]

    assert units(ask(question, events)) == {None: [2, 1, 0]}


def test_open_windows_are_counted_as_immature_where_they_stand() -> None:
    question = replace(SHOP, as_of=at(3600))
    events = [
        event(1, 0, "view"),
        event(2, -1, "view"),
        event(3, 0, "view"),
        event(3, 1, "cart"),
        event(4, 0, "view"),
        event(4, 1, "cart"),
        event(4, 2, "buy"),
    ]

    answer = ask(question, events)

    assert answer.immature == 2
    assert [step.immature for step in answer.groups[0].steps] == [1, 1, 0]
    assert units(answer) == {None: [4, 2, 1]}


def test_the_document_has_the_shape_of_the_contract() -> None:
    question = replace(SHOP, steps=steps("view", "cart"), by="device")

    document = ask(question, [event(1, 0, "view", device="phone")]).document()

    assert document == {
        "question": "funnel",
        "semantics": {
            "order": "ordered",
            "window_s": 3600,
            "window_from": "first_step",
            "unit": "person",
            "attribution": "step",
            "attribution_step": 1,
        },
        "groups": [
            {
                "by": {"device": "phone"},
                "steps": [
                    {"step": 1, "event": "view", "units": 1, "immature": 0},
                    {"step": 2, "event": "cart", "units": 0, "immature": 0},
                ],
            }
        ],
        "immature": 0,
    }


@pytest.mark.parametrize(
    "name",
    [
        "a'b",
        'a"b',
        "a/b~c",
        "a.b",
        "$",
        "$.x",
        "*",
        "'; DROP TABLE events; --",
        "",
        "0",
        "größe 🙂",
        "[0]",
        "\x00",
    ],
)
def test_a_property_may_be_called_anything(name: str) -> None:
    only = Condition(f"properties.{name}", Comparison.IS, ("yes",))
    question = replace(SHOP, steps=(Step(Events(("view",), (only,))),), by=f"properties.{name}")
    events = [event(1, 0, "view", properties={name: "yes"}), event(2, 0, "view")]

    assert units(ask(question, events)) == {"yes": [1]}


@pytest.mark.parametrize(
    ("condition", "people"),
    [
        (Condition("plan", Comparison.IS, ("pro", "max")), {1}),
        (Condition("plan", Comparison.IS_NOT, ("pro",)), {2, 3, 4}),
        (Condition("plan", Comparison.CONTAINS, ("RO",)), {1}),
        (Condition("plan", Comparison.IS_SET), {1, 2, 3}),
        (Condition("plan", Comparison.IS_NOT_SET), {4}),
        (Condition("plan", Comparison.AT_LEAST, ("7",)), {3}),
        (Condition("plan", Comparison.IS, ("true",)), {2}),
        (Condition("properties.device", Comparison.IS, ("own",)), {4}),
        (Condition("value", Comparison.AT_LEAST, ("5",)), {1}),
    ],
)
def test_conditions_compare(condition: Condition, people: set[int]) -> None:
    events = [
        event(1, 0, "view", properties={"plan": "pro"}, value=5.0),
        event(2, 0, "view", properties={"plan": True}),
        event(3, 0, "view", properties={"plan": 7}),
        event(4, 0, "view", properties={"plan": None, "device": "own"}),
    ]
    question = replace(SHOP, steps=(Step(Events(("view",), (condition,))),))

    found = {row["person"] for row in events if units(ask(question, [row]))[None] == [1]}

    assert found == people


def test_every_reason_is_given_at_once() -> None:
    with pytest.raises(BadQuestion) as refused:
        Funnel(
            steps=(Step(Events(), optional=True), Step(Events((" ",)))),
            window_s=0,
            as_of=at(0),
            since=at(5),
            until=at(5),
        )

    assert refused.value.facts["reasons"] == (
        "its first step is optional",
        "step 1 names no event",
        "step 2: ' ' is not an event's name",
        "its window is 0 s, not 1 s to 2 years",
        "`since` is not before `until`",
    )


rows = st.lists(
    st.builds(
        lambda person, seconds, name, device: event(person, seconds, name, device=device),
        st.integers(0, 5),
        st.integers(0, 20),
        st.sampled_from(["view", "cart", "buy", "scroll", "logout"]),
        st.sampled_from(["phone", "desktop", None]),
    ),
    max_size=30,
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    events=rows,
    buckets=st.integers(2, 4),
    order=st.sampled_from(Order),
    unit=st.sampled_from(Unit),
    by=st.sampled_from([None, "device"]),
)
def test_any_partition_of_the_people_gives_the_same_answer(
    events: Sequence[dict[str, Any]], buckets: int, order: Order, unit: Unit, by: str | None
) -> None:
    question = replace(
        SHOP,
        window_s=8,
        as_of=at(15),
        order=order,
        unit=unit,
        by=by,
        exclude=Events(("logout",)),
    )

    assert ask(question, events, buckets=buckets).document() == ask(question, events).document()
