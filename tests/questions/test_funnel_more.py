"""Funnels over time, times between steps, who dropped out, and two side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.questions.asking import ask, at, event
from tests.questions.funnel_reference import chains_of, may_go_on
from truelift.questions import funnel
from truelift.questions.document import epoch_ms
from truelift.questions.funnel import Attribution, Funnel, Step, Unit
from truelift.questions.funnel_compare import FunnelCompare, side_by_side
from truelift.questions.funnel_people import FunnelPeople
from truelift.questions.funnel_times import EDGES_S, FunnelTimes, quantiles
from truelift.questions.funnel_trend import Every, FunnelTrend
from truelift.questions.local_days import local_days
from truelift.questions.matching import BadQuestion, Comparison, Condition, Events
from truelift.questions.metric import Amount, AmountKind
from truelift.questions.parse import AnyQuestion, Context, parse_question
from truelift.questions.shares import difference, share_of
from truelift.questions.zone import local_day
from truelift.sequences.funnels import Order
from truelift.stats.comparison import compare
from truelift.stats.summary import Summary


def steps(*names: str) -> tuple[Step, ...]:
    return tuple(Step(Events((name,))) for name in names)


SHOP = Funnel(steps("view", "cart", "buy"), window_s=3600, as_of=at(10**9))
DAY = 86_400

QUICK = settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def document(question: Any, events: Sequence[dict[str, Any]], *, buckets: int = 1) -> Any:
    return ask(question, events, buckets=buckets).document()


# Over time.


def test_a_unit_counts_in_the_interval_of_its_attempts_first_step() -> None:
    events = [
        event(1, 0, "view"),
        event(1, DAY - 10, "view"),
        event(1, DAY + 10, "cart"),
        event(2, DAY, "view"),
    ]

    (group,) = ask(FunnelTrend(SHOP), events).groups

    assert [(row.begins, [s.units for s in row.steps]) for row in group.rows] == [
        (at(0), [1, 1, 0]),
        (at(DAY), [1, 0, 0]),
    ]


def test_days_weeks_and_months_are_the_sites() -> None:
    berlin = "Europe/Berlin"
    late = datetime(2026, 3, 31, 22, 30, tzinfo=UTC)
    question = FunnelTrend(SHOP, time_zone=berlin)

    def begins(every: Every) -> datetime:
        (group,) = ask(replace(question, every=every), [event(1, late, "view")]).groups
        return group.rows[0].begins

    assert begins(Every.DAY) == datetime(2026, 3, 31, 22, tzinfo=UTC)
    assert begins(Every.WEEK) == datetime(2026, 3, 29, 22, tzinfo=UTC)
    assert begins(Every.MONTH) == datetime(2026, 3, 31, 22, tzinfo=UTC)


def test_intervals_in_which_nobody_began_are_there_and_undefined() -> None:
    question = FunnelTrend(replace(SHOP, since=at(0), until=at(4 * DAY)))

    (group,) = document(question, [event(1, DAY, "view")])["groups"]

    assert [row["conversion"] for row in group["rows"]] == [None, 0, None, None]


def test_open_windows_are_marked_in_their_interval() -> None:
    question = FunnelTrend(replace(SHOP, as_of=at(DAY + 1800)))

    found = document(question, [event(1, 0, "view"), event(2, DAY, "view")])

    assert [row["immature"] for row in found["groups"][0]["rows"]] == [0, 1]
    assert found["immature"] == 1


def test_clocks_wrong_by_centuries_are_not_filled_up() -> None:
    events = [event(1, 0, "view"), event(2, datetime(9999, 12, 31, 23, tzinfo=UTC), "view")]

    found = ask(FunnelTrend(SHOP), events)

    assert not found.filled
    assert len(found.groups[0].rows) == 2


@QUICK
@given(
    moments=st.lists(
        st.integers(-600_000_000_000, 4_000_000_000_000).map(
            lambda ms: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
        ),
        min_size=1,
        max_size=20,
    ),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "Pacific/Apia", "America/St_Johns"]),
)
def test_local_days_are_those_of_the_calendar(moments: list[datetime], zone: str) -> None:
    at_ms = np.array([epoch_ms(moment) for moment in moments], dtype=np.int64)

    assert local_days(at_ms, zone).tolist() == [local_day(moment, zone) for moment in moments]


def test_a_time_zone_that_is_none_is_refused() -> None:
    with pytest.raises(BadQuestion, match="Mars"):
        FunnelTrend(SHOP, time_zone="Mars/Olympus")


# Times between steps.


def test_times_are_between_the_events_that_served_the_steps() -> None:
    events = [
        event(1, 0, "view"),
        event(1, 30, "cart"),
        event(1, 90, "buy"),
        event(1, 95, "buy"),
        event(2, 0, "view"),
        event(2, 10.9, "cart"),
        event(3, 0, "view"),
    ]

    def times(first: int, last: int) -> tuple[int, int, int | None]:
        (group,) = ask(FunnelTimes(SHOP, first, last), events).groups
        return group.reached, group.converted, group.median_s

    assert times(1, 2) == (3, 2, 10)
    assert times(2, 3) == (2, 1, 60)
    assert times(1, 3) == (3, 1, 90)


def test_classes_hold_whole_seconds_from_their_edge_to_the_next() -> None:
    question = FunnelTimes(SHOP, 1, 2, edges_s=(0, 10, 20))
    events = [event(n, 0, "view") for n in range(4)]
    events += [event(n, seconds, "cart") for n, seconds in enumerate([0, 9.999, 10, 3600])]

    (group,) = document(question, events)["groups"]

    assert group["classes"] == [
        {"from_s": 0, "to_s": 10, "units": 2},
        {"from_s": 10, "to_s": 20, "units": 1},
        {"from_s": 20, "to_s": None, "units": 1},
    ]


def test_classes_that_begin_past_the_window_are_left_out() -> None:
    (group,) = ask(FunnelTimes(replace(SHOP, window_s=60), 1, 2), []).groups

    assert [each.from_s for each in group.classes] == [0, 1, 2, 5, 10, 20, 30, 60]
    assert len(EDGES_S) > 8


def test_quantiles_are_the_second_by_which_so_many_were_there() -> None:
    seconds, units = np.array([1, 5, 9]), np.array([1, 2, 1])

    assert quantiles(seconds, units) == {0.25: 1, 0.5: 5, 0.75: 5, 0.9: 9}
    assert quantiles(seconds[:0], units[:0]) == {}


def test_units_that_may_still_get_there_are_immature() -> None:
    question = FunnelTimes(replace(SHOP, as_of=at(3600)), 1, 2)

    (group,) = ask(question, [event(1, 0, "view"), event(2, -1, "view")]).groups

    assert (group.reached, group.converted, group.immature) == (2, 0, 1)


def test_in_any_order_time_runs_from_whichever_came_first() -> None:
    question = FunnelTimes(replace(SHOP, order=Order.ANY), 1, 2)

    (group,) = ask(question, [event(1, 0, "cart"), event(1, 40, "view")]).groups

    assert group.median_s == 40


def test_the_document_of_times_says_from_where_to_where() -> None:
    found = document(FunnelTimes(replace(SHOP, by="device"), 1, 3), [event(1, 0, "view")])

    assert found["from"] == {"step": 1, "event": "view"}
    assert found["to"] == {"step": 3, "event": "buy"}
    assert found["semantics"]["resolution_s"] == 1
    assert found["groups"][0]["by"] == {"device": None}
    assert found["groups"][0]["quantiles_s"] == {"p25": None, "p50": None, "p75": None, "p90": None}


@pytest.mark.parametrize(
    ("first", "last", "edges"),
    [(2, 2, (0,)), (1, 4, (0,)), (0, 1, (0,)), (1, 2, ()), (1, 2, (1, 2)), (1, 2, (0, 5, 5))],
)
def test_ways_and_classes_that_are_none_are_refused(
    first: int, last: int, edges: tuple[int, ...]
) -> None:
    with pytest.raises(BadQuestion):
        FunnelTimes(SHOP, first, last, edges_s=edges)


# Who dropped out.


def test_who_dropped_reached_the_step_and_not_the_next_and_is_not_under_way() -> None:
    question = FunnelPeople(replace(SHOP, as_of=at(5000), by="device"), 2)
    events = [
        event(1, 0, "view", device="phone", user_id="ada"),
        event(1, 5, "cart", visitor_id="second"),
        event(2, 0, "view"),
        event(2, 5, "cart"),
        event(2, 6, "buy"),
        event(3, 0, "view"),
        event(4, 2000, "view"),
        event(4, 2001, "cart"),
    ]

    found = document(question, events)

    assert found["rows"] == [
        {
            "person": "1",
            "visitor_id": "second",
            "user_id": "ada",
            "reached_at": "2026-03-01T00:00:05Z",
            "group": "phone",
        }
    ]
    assert (found["units"], found["next"]) == (1, None)
    assert found["reached"] == {"step": 2, "event": "cart"}
    assert found["not_reached"] == {"step": 3, "event": "buy"}


def test_pages_follow_each_other_without_a_gap_however_people_are_spread() -> None:
    events = [event(person, 0, "view") for person in (5, -3, 9, 7, 2)]
    question = FunnelPeople(SHOP, 1, limit=2)
    seen: list[int] = []

    while True:
        page = ask(question, events, buckets=3)
        seen += [each.person for each in page.listed]
        if page.following is None:
            break
        question = replace(question, after=page.following)

    assert seen == [-3, 2, 5, 7, 9]
    assert page.people == 5


def test_sessions_of_one_person_stand_by_their_time() -> None:
    question = FunnelPeople(replace(SHOP, unit=Unit.SESSION), 1, limit=1)
    events = [event(1, 0, "view"), event(1, 9000, "view"), event(1, 18000, "view")]

    first = ask(question, events)
    second = ask(replace(question, after=first.following), events)

    assert [each.reached_ms for each in (*first.listed, *second.listed)] == [
        int(at(seconds).timestamp() * 1000) for seconds in (0, 9000)
    ]
    assert first.people == 3


def test_a_step_after_an_optional_one_is_the_one_that_was_missed() -> None:
    view, cart, buy = SHOP.steps
    question = FunnelPeople(replace(SHOP, steps=(view, replace(cart, optional=True), buy)), 1)
    events = [event(1, 0, "view"), event(1, 1, "cart"), event(2, 0, "view"), event(2, 1, "buy")]

    found = ask(question, events)

    assert question.onward == 3
    assert [each.person for each in found.listed] == [1]
    with pytest.raises(BadQuestion):
        replace(question, step=2)


@pytest.mark.parametrize(
    "changes",
    [
        {"step": 3},
        {"step": 0},
        {"step": 4},
        {"limit": 0},
        {"limit": 10_001},
        {"after": "x"},
        {"after": "9999999999999999999.0"},
    ],
)
def test_lists_that_are_none_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(BadQuestion):
        replace(FunnelPeople(SHOP, 1), **changes)


# Side by side.


def test_two_periods_stand_side_by_side_with_what_differs() -> None:
    now = replace(SHOP, since=at(DAY), until=at(2 * DAY))
    question = FunnelCompare(now, replace(now, since=at(0), until=at(DAY)))
    events = []
    for person in range(70):
        events.append(event(person, DAY, "view"))
        events += [event(person, DAY + 1, "cart")] * (person < 56)
    for person in range(80):
        events.append(event(person, 0, "view"))
        events += [event(person, 1, "cart")] * (person < 48)

    found = document(question, events, buckets=3)

    second = found["groups"][0]["steps"][1]
    assert (second["units"], second["against"]["units"]) == (56, 48)
    assert second["from_before"]["rate"] == 0.8
    assert second["from_before"]["against"] == 0.6
    # Newcombe (1998), table II, method 10: 56/70 against 48/80.
    assert second["from_before"]["difference"] == pytest.approx(
        {"value": 0.2, "low": 0.0524, "high": 0.3339}, abs=5e-5
    )
    assert found["groups"][0]["steps"][0]["from_before"] is None
    assert found["period"]["since"] == "2026-03-02T00:00:00Z"
    assert found["against"]["until"] == "2026-03-02T00:00:00Z"


def test_units_still_under_way_are_in_neither_share() -> None:
    now = replace(SHOP, since=at(0), as_of=at(3600))
    events = [event(1, 0, "view"), event(1, 1, "cart"), event(2, -10, "view"), event(3, -9, "view")]
    events += [event(3, -8, "cart")]
    question = FunnelCompare(now, replace(now, since=at(-10), until=at(0)))

    step = ask(question, events).groups[0].steps[1]

    assert (step.here.units, step.from_first.here) == (1, None)
    assert step.from_first.there is not None
    assert step.from_first.there.value == 0.5
    assert step.from_first.difference is None


def test_two_kinds_of_people_stand_side_by_side() -> None:
    phone, desktop = (Condition("device", Comparison.IS, (name,)) for name in ("phone", "desktop"))
    question = FunnelCompare(replace(SHOP, where=(phone,)), replace(SHOP, where=(desktop,)))
    events = [
        event(1, 0, "view", device="phone"),
        event(2, 0, "view", device="desktop"),
        event(2, 1, "cart", device="desktop"),
        event(3, 0, "view", device="tv"),
    ]

    steps = ask(question, events).groups[0].steps

    assert [(step.here.units, step.there.units) for step in steps] == [(1, 1), (0, 1), (0, 0)]
    gap = steps[1].from_first.difference
    assert gap == difference(share_of(1, 0), share_of(1, 1))


def spending(person: int, device: str, *cents: int) -> list[dict[str, Any]]:
    """View, put into the cart, and buy where there is money."""
    bought = [
        event(person, 2, "buy", value_minor=paid, currency="EUR", device=device) for paid in cents
    ]
    begun = [event(person, 0, "view", device=device), event(person, 1, "cart", device=device)]
    return [*begun, *bought]


def test_compared_revenue_says_how_sure_its_difference_is() -> None:
    phone, desktop = (Condition("device", Comparison.IS, (name,)) for name in ("phone", "desktop"))
    funnel = replace(SHOP, amount=Amount(AmountKind.MONEY, currency="EUR"))
    question = FunnelCompare(replace(funnel, where=(phone,)), replace(funnel, where=(desktop,)))
    events = [
        *(
            row
            for person, cents in ((1, 100), (2, 300))
            for row in spending(person, "phone", cents)
        ),
        event(3, 0, "view", device="phone"),
        *(row for person in (4, 5) for row in spending(person, "desktop", 400)),
        *spending(6, "desktop"),
    ]

    first, cart, buy = ask(question, events, buckets=3).groups[0].steps

    assert first.revenue is not None
    assert cart.revenue is not None
    assert buy.revenue is not None
    assert first.revenue.here.n == 3
    assert first.revenue.here.mean == pytest.approx(400 / 3)
    assert (cart.revenue.here.n, cart.revenue.here.mean) == (2, 200.0)
    assert cart.revenue.there.n == 3
    assert cart.revenue.there.mean == pytest.approx(800 / 3)
    expected = compare(
        Summary(n=3, mean=800 / 3, m2=320_000 / 3), Summary(n=2, mean=200.0, m2=20_000.0)
    ).absolute
    gap = cart.revenue.difference
    assert gap is not None
    assert (gap.value, gap.low, gap.high) == pytest.approx(
        (expected.value, expected.low, expected.high)
    )
    assert (buy.revenue.there.mean, buy.revenue.there.m2) == (400.0, 0.0)


def test_revenue_of_one_unit_or_of_units_still_under_way_has_no_interval() -> None:
    funnel = replace(SHOP, amount=Amount(AmountKind.MONEY, currency="EUR"), as_of=at(3601))
    question = FunnelCompare(
        replace(funnel, since=at(-1), until=at(1)), replace(funnel, since=at(1))
    )
    events = [*spending(1, "phone", 100), event(2, 2, "view"), event(3, 3, "view")]

    steps = ask(question, events).groups[0].steps
    said = document(question, events)["groups"][0]["steps"][0]

    assert said["revenue"] == {
        "per_unit_minor": 100.0,
        "against_minor": None,
        "difference_minor": None,
    }
    assert steps[0].there.units == 2
    plain = FunnelCompare(SHOP, replace(SHOP, since=at(1)))
    assert "revenue" not in document(plain, events)["groups"][0]["steps"][0]


def test_two_segments_stand_side_by_side() -> None:
    found = parsed(
        question="funnel_compare",
        as_of="2026-05-04",
        here={"segment": {"did": "signup"}},
        against={"segment": {"not": {"did": "signup"}}},
    )
    events = [
        event(1, 0, "view"),
        event(1, 1, "cart"),
        event(1, 9, "signup"),
        event(2, 0, "view"),
        event(3, 0, "view"),
        event(3, -DAY * 9, "signup"),
    ]

    said = document(found, events, buckets=2)

    steps = said["groups"][0]["steps"]
    assert [(step["units"], step["against"]["units"]) for step in steps] == [(2, 1), (1, 0), (0, 0)]
    assert said["period"]["segment"]["ad_hoc"]
    assert said["against"]["segment"]["definition"] == {"not": {"did": "signup"}}


def test_answers_that_were_asked_apart_can_be_compared_when_they_ask_the_same() -> None:
    here, there = ask(SHOP, [event(1, 0, "view")]), ask(SHOP, [])

    assert side_by_side(here, there).groups[0].steps[0].here.units == 1
    with pytest.raises(BadQuestion):
        side_by_side(here, ask(replace(SHOP, steps=steps("view", "buy")), []))


def test_a_funnel_is_not_compared_with_itself_or_with_another_one() -> None:
    with pytest.raises(BadQuestion):
        FunnelCompare(SHOP, SHOP)
    with pytest.raises(BadQuestion):
        FunnelCompare(SHOP, replace(SHOP, since=at(0), window_s=60))


# All of them.


NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


def parsed(**given: object) -> AnyQuestion:
    return parse_question({"steps": ["view", "cart", "buy"], **given}, Context(now=NOW))


def test_documents_ask_them() -> None:
    plain = Funnel(SHOP.steps, window_s=7 * DAY, as_of=NOW)
    may = datetime(2026, 5, 1, tzinfo=UTC)

    assert parsed(question="funnel_trend", every="week") == FunnelTrend(plain, Every.WEEK)
    assert parsed(question="funnel_times", to_step=2, edges=[0, "1m"]) == FunnelTimes(
        plain, 1, 2, (0, 60)
    )
    assert parsed(question="funnel_people", step=2, limit=5) == FunnelPeople(plain, 2, limit=5)
    assert parsed(
        question="funnel_compare", since="2026-05-01", against={"until": "2026-05-01"}
    ) == FunnelCompare(replace(plain, since=may), replace(plain, until=may))


def test_a_document_says_attribution_money_and_exclusions() -> None:
    found = parsed(
        question="funnel",
        by="device",
        attribution="last",
        attribution_step=2,
        amount={"kind": "money"},
        exclude_between=[{"event": "logout", "from_step": 2, "to_step": 3}],
    )

    assert isinstance(found, Funnel)
    assert (found.attribution, found.attribution_step) == (Attribution.LAST, 2)
    assert found.amount == Amount(AmountKind.MONEY, currency="EUR")
    assert [(pair.events.title, pair.first, pair.last) for pair in found.between] == [
        ("logout", 2, 3)
    ]


rows_of = st.lists(
    st.builds(
        lambda person, seconds, name, device: event(person, seconds * 7000, name, device=device),
        st.integers(0, 4),
        st.integers(0, 60),
        st.sampled_from(["view", "cart", "buy", "other"]),
        st.sampled_from(["phone", "desktop", None]),
    ),
    max_size=30,
)


@QUICK
@given(
    events=rows_of,
    buckets=st.integers(2, 4),
    order=st.sampled_from(Order),
    unit=st.sampled_from(Unit),
    by=st.sampled_from([None, "device"]),
)
def test_any_partition_of_the_people_gives_the_same_answers(
    events: Sequence[dict[str, Any]], buckets: int, order: Order, unit: Unit, by: str | None
) -> None:
    funnel = replace(
        SHOP, window_s=50_000, order=order, unit=unit, by=by, as_of=at(200_000), max_groups=1
    )
    earlier = replace(funnel, until=at(120_000))

    for question in (
        FunnelTrend(funnel),
        FunnelTimes(funnel, 1, 2),
        FunnelPeople(funnel, 1, limit=2),
        FunnelCompare(funnel, earlier),
    ):
        assert document(question, events, buckets=buckets) == document(question, events)


@QUICK
@given(events=rows_of, unit=st.sampled_from(Unit), piece=st.integers(1, 6))
def test_a_bucket_that_is_walked_in_pieces_gives_the_same_answers(
    events: Sequence[dict[str, Any]], unit: Unit, piece: int
) -> None:
    plain = replace(SHOP, window_s=50_000, unit=unit, by="device", as_of=at(200_000))
    questions = (plain, FunnelTrend(plain), FunnelTimes(plain, 1, 2), FunnelPeople(plain, 1))
    whole = [document(question, events) for question in questions]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(funnel, "PIECE", piece)
        in_pieces = [document(question, events) for question in questions]

    assert in_pieces == whole


@QUICK
@given(events=rows_of, order=st.sampled_from(Order), every=st.sampled_from(Every))
def test_intervals_times_and_lists_add_up_to_the_funnel(
    events: Sequence[dict[str, Any]], order: Order, every: Every
) -> None:
    funnel = replace(SHOP, window_s=50_000, order=order, as_of=at(300_000))

    whole = ask(funnel, events).groups[0].steps
    trend = ask(FunnelTrend(funnel, every), events).groups
    (times,) = ask(FunnelTimes(funnel, 1, 2), events).groups
    dropped = ask(FunnelPeople(funnel, 2), events).people

    for nth, step in enumerate(whole):
        rows = [row.steps[nth] for group in trend for row in group.rows]
        assert sum(row.units for row in rows) == step.units
        assert sum(row.immature for row in rows) == step.immature
    assert (times.reached, times.converted) == (whole[0].units, whole[1].units)
    assert sum(each.units for each in times.classes) == whole[1].units
    assert dropped == whole[1].units - whole[2].units - whole[1].immature


apart = rows_of.map(
    lambda events: list({(row["person"], row["occurred_at"]): row for row in events}.values())
)


@QUICK
@given(
    events=apart,
    order=st.sampled_from([Order.ORDERED, Order.STRICT]),
    way=st.sampled_from([(1, 2), (2, 3), (1, 3)]),
)
def test_times_days_and_lists_agree_with_looking_at_every_persons_chain(
    events: Sequence[dict[str, Any]], order: Order, way: tuple[int, int]
) -> None:
    funnel = replace(SHOP, window_s=50_000, order=order, by="device", as_of=at(300_000))
    chains = chains_of(events, funnel)
    seconds: dict[str | None, list[int]] = {}
    days: dict[tuple[str | None, datetime], list[int]] = {}
    people = []
    for person, chain in chains.items():
        group = chain[0]["device"]
        moments = [row["occurred_at"] for row in chain]
        if len(chain) >= way[0]:
            took = seconds.setdefault(group, [])
            if len(chain) >= way[1]:
                took.append(int((moments[way[1] - 1] - moments[way[0] - 1]).total_seconds()))
        units = days.setdefault((group, moments[0].replace(hour=0, minute=0, second=0)), [0] * 3)
        for step in range(len(chain)):
            units[step] += 1
        if len(chain) == way[0] and not may_go_on(events, person, funnel):
            people.append((person, moments[-1], group))

    times = ask(FunnelTimes(funnel, *way), events).groups
    trend = ask(FunnelTrend(funnel), events).groups
    listed = ask(FunnelPeople(funnel, way[0]), events).listed

    assert {g.value: (g.converted, g.median_s) for g in times} == {
        group: (len(took), sorted(took)[(len(took) - 1) // 2] if took else None)
        for group, took in seconds.items()
    }
    assert {
        (group.value, row.begins): [step.units for step in row.steps]
        for group in trend
        for row in group.rows
        if row.steps[0].units
    } == days
    assert [(each.person, each.reached_ms, each.group) for each in listed] == [
        (person, epoch_ms(moment), group) for person, moment, group in sorted(people)
    ]


def test_nothing_is_asked_of_nobody() -> None:
    assert document(FunnelTrend(SHOP), [])["groups"] == []
    assert document(FunnelTimes(SHOP, 1, 2), [])["groups"][0]["reached"] == 0
    assert document(FunnelPeople(SHOP, 1), [])["rows"] == []
    compare = FunnelCompare(SHOP, replace(SHOP, since=at(0)))
    assert document(compare, [])["groups"][0]["steps"][1]["from_first"]["difference"] is None
    assert compare.until is None
