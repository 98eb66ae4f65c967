"""Funnels by attribution, with money, exclusions between steps, and very many groups."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.questions.asking import ask, at, event
from tests.questions.funnel_reference import Row, chain_of
from truelift.questions import funnel_tally
from truelift.questions.funnel import (
    Attribution,
    Between,
    Funnel,
    FunnelAnswer,
    Step,
    StepCount,
    Unit,
)
from truelift.questions.funnel_compare import FunnelCompare
from truelift.questions.funnel_people import FunnelPeople
from truelift.questions.funnel_tally import FunnelTooWide, Tally
from truelift.questions.funnel_times import FunnelTimes
from truelift.questions.funnel_trend import Every, FunnelTrend
from truelift.questions.matching import BadQuestion, Comparison, Condition, Events
from truelift.questions.metric import Amount, AmountKind
from truelift.sequences.funnels import Order


def steps(*names: str) -> tuple[Step, ...]:
    return tuple(Step(Events((name,))) for name in names)


SHOP = Funnel(steps("view", "cart", "buy"), window_s=3600, as_of=at(10**9))
EUROS = Amount(AmountKind.MONEY, currency="EUR")


def units(answer: FunnelAnswer) -> dict[str | None, list[int]]:
    return {group.value: [step.units for step in group.steps] for group in answer.groups}


def document(answer: FunnelAnswer) -> Any:
    return answer.document()


def by(attribution: Attribution, step: int = 1) -> Funnel:
    return replace(SHOP, by="device", attribution=attribution, attribution_step=step)


CHANGING = [
    event(1, 0, "view"),
    event(1, 1, "cart", device="phone"),
    event(1, 2, "help", device="watch"),
    event(1, 3, "buy", device="desktop"),
    event(2, 0, "view", device="phone"),
    event(2, 1, "cart"),
    event(3, 0, "view"),
]


def test_by_the_first_value_that_an_attempts_events_have() -> None:
    answer = ask(by(Attribution.FIRST), CHANGING)

    assert units(answer) == {"phone": [2, 2, 1], None: [1, 0, 0]}


def test_by_the_last_value_that_an_attempts_events_have() -> None:
    answer = ask(by(Attribution.LAST), CHANGING)

    assert units(answer) == {"desktop": [1, 1, 1], "phone": [1, 1, 0], None: [1, 0, 0]}


def test_by_the_value_of_one_step_units_without_it_have_none() -> None:
    answer = ask(by(Attribution.STEP, 2), CHANGING)

    assert units(answer) == {None: [2, 1, 0], "phone": [1, 1, 1]}


def test_each_step_under_the_value_of_its_own_event() -> None:
    events = [
        *CHANGING,
        event(4, 0, "view", device="phone"),
        event(4, 1, "cart", device="phone"),
        event(4, 2, "buy", device="phone", value_minor=500, currency="EUR"),
        event(5, 0, "view", device="phone"),
        event(5, 9, "cart", device="desktop", value_minor=70, currency="EUR"),
    ]
    question = replace(by(Attribution.EACH), amount=EUROS, as_of=at(3605))

    answer = ask(question, events)

    assert units(answer) == {"phone": [3, 2, 1], "desktop": [0, 1, 1], None: [2, 1, 0]}
    phone, _, desktop = answer.groups
    assert [step.amount_minor for step in phone.steps] == [0, 0, 500]
    assert [step.revenue_minor for step in phone.steps] == [500, 500, 500]
    assert [step.amount_minor for step in desktop.steps] == [0, 70, 0]
    assert document(answer)["semantics"]["attribution"] == "each"
    still_open = replace(question, as_of=at(3600))
    assert [[s.immature for s in g.steps] for g in ask(still_open, events).groups] == [
        [0, 0, 0],
        [1, 1, 0],
        [0, 1, 0],
    ]


def test_a_group_that_has_nobody_at_the_first_step_is_shown_and_counted_among_the_others() -> None:
    few = replace(by(Attribution.EACH), max_groups=1)

    answer = ask(few, CHANGING)

    assert [(g.value, g.others, [s.units for s in g.steps]) for g in answer.groups] == [
        (None, 0, [2, 1, 0]),
        (None, 2, [1, 1, 1]),
    ]


@pytest.mark.parametrize(
    "make",
    [
        lambda funnel: FunnelTimes(funnel, 1, 2),
        lambda funnel: FunnelPeople(funnel, 1),
        lambda funnel: FunnelTrend(funnel, Every.DAY),
        lambda funnel: FunnelCompare(funnel, replace(funnel, since=at(0))),
    ],
)
def test_what_goes_from_step_to_step_needs_one_group_a_unit(
    make: Callable[[Funnel], object],
) -> None:
    with pytest.raises(BadQuestion, match="may be in another group at every step"):
        make(by(Attribution.EACH))


def test_events_outside_the_attempt_say_nothing() -> None:
    events = [
        event(1, 0, "cart", device="watch"),
        event(1, 1, "view", device="phone"),
        event(1, 9000, "cart", device="tv"),
    ]

    assert units(ask(by(Attribution.LAST), events)) == {"phone": [1, 0, 0]}


def test_the_answer_says_whose_value_it_goes_by() -> None:
    first = document(ask(by(Attribution.FIRST), CHANGING))
    second = document(ask(by(Attribution.STEP, 2), CHANGING))

    assert first["semantics"]["attribution"] == "first"
    assert second["semantics"]["attribution_step"] == 2


def test_an_excluded_event_between_two_steps_is_harmless_elsewhere() -> None:
    question = replace(SHOP, between=(Between(Events(("logout",)), 2, 3),))
    events = [
        *(event(1, n, name) for n, name in enumerate(["view", "logout", "cart", "buy"])),
        *(event(2, n, name) for n, name in enumerate(["view", "cart", "logout", "buy"])),
        *(event(3, n, name) for n, name in enumerate(["view", "cart", "logout", "cart", "buy"])),
    ]

    assert units(ask(question, events)) == {None: [3, 3, 2]}


def test_several_exclusions_and_one_of_the_whole_attempt_hold_together() -> None:
    question = replace(
        SHOP,
        exclude=Events(("leave",)),
        between=(Between(Events(("logout",)), 2, 3), Between(Events(("search",)), 1, 2)),
    )
    events = [
        *(event(1, n, name) for n, name in enumerate(["view", "search", "cart", "buy"])),
        *(event(2, n, name) for n, name in enumerate(["view", "cart", "search", "buy"])),
        *(event(3, n, name) for n, name in enumerate(["view", "cart", "leave", "buy"])),
        *(event(4, n, name) for n, name in enumerate(["view", "cart", "logout", "buy"])),
    ]

    assert units(ask(question, events)) == {None: [4, 3, 1]}


def test_money_is_added_up_at_every_step_and_per_unit_that_got_there() -> None:
    question = replace(SHOP, amount=EUROS)
    events = [
        event(1, 0, "view"),
        event(1, 1, "cart", value_minor=1000, currency="EUR"),
        event(1, 2, "buy", value_minor=700, currency="EUR"),
        event(1, 3, "buy", value_minor=99, currency="EUR"),
        event(2, 0, "view"),
        event(2, 1, "cart", value_minor=500, currency="USD"),
        event(3, 0, "view"),
        event(3, 1, "buy", value_minor=800, currency="EUR"),
    ]

    rows = document(ask(question, events))["groups"][0]["steps"]

    assert [r["amount_minor"] for r in rows] == [0, 1000, 700]
    assert [r["revenue_minor"] for r in rows] == [700, 700, 700]
    assert [r["revenue_per_unit_minor"] for r in rows] == [700 / 3, 350, 700]
    assert [r["amount_per_unit_minor"] for r in rows] == [0, 500, 700]


def test_revenue_per_unit_of_nobody_is_undefined() -> None:
    row = StepCount(1, "view", 0, 0, optional=False, revenue_minor=0)

    assert row.document()["revenue_per_unit_minor"] is None


def test_money_of_a_million_euros_a_thousand_times_is_exact() -> None:
    question = replace(SHOP, steps=steps("view"), amount=EUROS)
    odd = 10**13 + 1
    events = [event(n, 0, "view", value_minor=odd, currency="EUR") for n in range(300)]

    (group,) = ask(question, events, buckets=3).groups

    assert group.steps[0].amount_minor == 300 * odd


def test_steps_may_repeat() -> None:
    question = replace(SHOP, steps=steps("view", "view", "buy"))
    events = [
        event(1, 0, "view"),
        event(1, 1, "buy"),
        event(2, 0, "view"),
        event(2, 0, "view"),
        event(2, 1, "buy"),
        event(3, 0, "view"),
        event(3, 5, "view"),
    ]

    assert units(ask(question, events)) == {None: [3, 2, 1]}


def test_a_step_is_a_set_of_events_under_conditions_in_repeated_steps_too() -> None:
    cheap = Condition("price", Comparison.AT_MOST, ("10",))
    either = Step(Events(("view", "look"), (cheap,)))
    question = replace(SHOP, steps=(either, either))
    events = [
        event(1, 0, "view", properties={"price": 5}),
        event(1, 1, "look", properties={"price": 50}),
        event(1, 2, "look", properties={"price": 10}),
        event(2, 0, "look", properties={"price": 1}),
        event(2, 1, "look", properties={"price": 11}),
    ]

    assert units(ask(question, events)) == {None: [2, 1]}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"window_s": 0}, "its window is 0 s, not 1 s to 2 years"),
        (
            {"between": (Between(Events(("x",)), 2, 2),)},
            "exclusion 1 is not from a step to a later one",
        ),
        (
            {"between": (Between(Events(("x",)), 1, 4),)},
            "exclusion 1 is not from a step to a later one",
        ),
        ({"between": (Between(Events(), 1, 2),)}, "exclusion 1 excludes every event"),
        (
            {"order": Order.STRICT, "between": (Between(Events(("x",)), 1, 2),)},
            (
                "exclusions between steps need the order `ordered`, not `strict`;"
                " `exclude` holds of the whole attempt"
            ),
        ),
        ({"attribution_step": 4}, "it is grouped by step 4, which it does not have"),
        ({"amount": Amount()}, "only money is added up at its steps"),
    ],
)
def test_what_contradicts_itself_is_refused(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadQuestion) as refused:
        replace(SHOP, **changes)

    assert reason in refused.value.facts["reasons"]  # type: ignore[operator]


def test_an_exclusion_may_not_begin_or_end_with_an_optional_step() -> None:
    view, cart, buy = SHOP.steps

    with pytest.raises(BadQuestion):
        replace(
            SHOP,
            steps=(view, replace(cart, optional=True), buy),
            between=(Between(Events(("x",)), 1, 2),),
        )


def table_of(people: int) -> pa.Table:
    """Give what the scan of a one-step funnel by a value of everybody's own reads."""
    return pa.table(
        {
            "person": np.arange(people),
            "at_ms": np.zeros(people, dtype=np.int64),
            "mask": np.ones(people, dtype=np.int8),
            "grouped": pa.array([f"v{n:07}" for n in range(people)]),
        }
    )


def test_a_ready_dictionary_with_a_code_for_nothing_is_understood() -> None:
    question = replace(SHOP, steps=steps("view"), by="device")
    grouped = pa.DictionaryArray.from_arrays(
        pa.array([0, 1, None, 2], pa.int32()), pa.array([None, "phone", "desktop"])
    )
    rows = table_of(4).set_column(3, "grouped", grouped)

    answer = question.answer(question.merge(question.partial(rows), question.partial(rows)))

    assert units(answer) == {None: [4], "desktop": [2], "phone": [2]}


def test_very_many_groups_are_counted_exactly_and_put_together() -> None:
    question = replace(SHOP, steps=steps("view"), by="plan", max_groups=3)
    rows = table_of(300_000)
    halves = [question.partial(rows.slice(0, 150_000)), question.partial(rows.slice(150_000))]
    again = question.partial(rows.slice(7, 1))

    answer = question.answer(question.merge(question.merge(*halves), again))

    assert [(g.value, g.others, g.steps[0].units) for g in answer.groups] == [
        ("v0000007", 0, 2),
        ("v0000000", 0, 1),
        ("v0000001", 0, 1),
        (None, 299_997, 299_997),
    ]


def test_more_groups_than_fit_are_refused_with_what_to_narrow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(funnel_tally, "MOST_CELLS", 1500 * 3)
    question = replace(SHOP, steps=steps("view"), by="plan")
    parts = [question.partial(table_of(1100)), question.partial(table_of(1500))]

    with pytest.raises(FunnelTooWide, match="shorter period"):
        question.partial(table_of(1501))

    assert len(question.answer(question.merge(*parts)).groups) == 101


def test_adding_up_refuses_what_does_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(funnel_tally, "MOST_CELLS", 3)
    left, right = (
        Tally(pa.array([name, "c"]), np.zeros(2, dtype=np.int64), np.ones((2, 1), dtype=np.int64))
        for name in "ab"
    )

    assert left.plus(right, by="x").counts.sum() == 4
    monkeypatch.setattr(funnel_tally, "MOST_CELLS", 2)
    with pytest.raises(FunnelTooWide):
        left.plus(right, by="x")


def make(person: int, seconds: int, name: str, device: str | None, minor: int | None) -> Row:
    currency = "EUR" if minor is not None else None
    return event(person, seconds, name, device=device, value_minor=minor, currency=currency)


rows_of = st.lists(
    st.builds(
        make,
        st.integers(0, 3),
        st.integers(0, 20),
        st.sampled_from(["view", "cart", "buy", "logout", "other"]),
        st.sampled_from(["phone", "desktop", None]),
        st.sampled_from([None, 100, 250, 7]),
    ),
    max_size=24,
    unique_by=lambda row: (row["person"], row["occurred_at"]),
)

questions = st.builds(
    lambda order, unit, attribution, step, between: replace(
        SHOP,
        window_s=8,
        as_of=at(15),
        order=order,
        unit=unit,
        by="device",
        attribution=attribution,
        attribution_step=step,
        amount=EUROS,
        between=between if order is Order.ORDERED else (),
    ),
    st.sampled_from(Order),
    st.sampled_from(Unit),
    st.sampled_from(Attribution),
    st.integers(1, 3),
    st.sampled_from([(), (Between(Events(("logout",)), 2, 3),)]),
)

QUICK = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@QUICK
@given(events=rows_of, buckets=st.integers(2, 4), question=questions)
def test_any_partition_of_the_people_gives_the_same_answer(
    events: Sequence[Row], buckets: int, question: Funnel
) -> None:
    assert ask(question, events, buckets=buckets).document() == ask(question, events).document()


def group_of(chain: list[Row], question: Funnel) -> str | None:
    if question.attribution is Attribution.STEP:
        reached = len(chain) >= question.attribution_step
        return chain[question.attribution_step - 1]["device"] if reached else None
    told = [row["device"] for row in chain if row["device"] is not None]
    if not told:
        return None
    return str(told[0 if question.attribution is Attribution.FIRST else -1])


@QUICK
@given(events=rows_of, question=questions)
def test_groups_and_money_agree_with_adding_up_every_persons_chain(
    events: Sequence[Row], question: Funnel
) -> None:
    if question.order is Order.ANY:
        question = replace(question, order=Order.ORDERED)
    question = replace(question, unit=Unit.PERSON)
    chains = [
        chain_of([row for row in events if row["person"] == person], question)
        for person in {row["person"] for row in events}
    ]
    expected: dict[str | None, list[tuple[int, int, int]]] = {}
    for chain in filter(None, chains):
        for n, row in enumerate(chain):
            is_each = question.attribution is Attribution.EACH
            group = row["device"] if is_each else group_of(chain, question)
            rows = expected.setdefault(group, [(0, 0, 0)] * 3)
            last = (chain[2]["value_minor"] or 0) if len(chain) == 3 else 0
            count, amount, revenue = rows[n]
            rows[n] = (count + 1, amount + (row["value_minor"] or 0), revenue + last)

    answer = ask(question, events)

    assert {
        g.value: [(s.units, s.amount_minor, s.revenue_minor) for s in g.steps]
        for g in answer.groups
    } == expected
