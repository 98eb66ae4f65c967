"""Metrics over a period: totals, sessions, passages; counted by hand and by a slow reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.questions.asking import START, ask, asked, event
from truelift.questions.forms import Context, MetricVersion, SavedMetric
from truelift.questions.matching import BadQuestion, Events
from truelift.questions.metric_library import METRIC_LIBRARY, Passage
from truelift.questions.metric_value import Described, MetricValue, Part
from truelift.questions.parse import parse_question
from truelift.questions.trend import Interval


NOW = datetime(2026, 12, 1, tzinfo=UTC)
CONTEXT = Context(now=NOW, currency="EUR")
DAY = 86_400


def value(metric: object, events: Sequence[dict[str, Any]], **more: object) -> dict[str, Any]:
    context = CONTEXT
    if "context" in more:
        found = more.pop("context")
        assert isinstance(found, Context)
        context = found
    question = parse_question({"question": "metric_value", "metric": metric, **more}, context)
    assert isinstance(question, MetricValue)
    return dict(ask(question, events).document())


def fraction(document: dict[str, Any]) -> tuple[float, float]:
    return document["numerator"], document["denominator"]


def order(person: int, seconds: float, minor: int, currency: str = "EUR") -> dict[str, Any]:
    return event(person, seconds, "purchase", value_minor=minor, currency=currency)


SHOP = [
    *(event(1, 0, "view_item"), event(1, 60, "add_to_cart"), order(1, 120, 2000)),
    order(1, 3 * DAY, 4000),
    event(1, 4 * DAY, "refund"),
    *(event(2, 0, "view_item"), event(2, 8 * DAY, "add_to_cart")),
    event(3, 0, "page_view"),
    order(3, 10, 900, "USD"),
]


PER_ORDER = {
    "key": "per_order",
    "kind": "ratio",
    "event": "purchase",
    "amount": {"kind": "money"},
    "denominator": {"event": "purchase"},
}


def test_a_ratio_of_ones_own_divides_by_the_orders_whose_money_it_adds_up() -> None:
    assert fraction(value(PER_ORDER, SHOP)) == (6000, 2)
    assert fraction(value({**PER_ORDER, "denominator": {"event": "view_item"}}, SHOP)) == (6000, 2)
    assert fraction(value({**PER_ORDER, "amount": {"kind": "number"}}, SHOP)) == (0, 0)


@pytest.mark.parametrize(
    ("key", "above", "below"),
    [
        ("order_rate", 2, 3),
        ("cart_rate", 2, 3),
        ("revenue_per_visitor", 6000, 3),
        ("average_order_value", 6000, 2),
        ("refund_rate", 1, 3),
        ("session_conversion", 3, 6),
        ("revenue_per_session", 6000, 6),
        ("view_to_cart", 1, 2),
        ("cart_to_checkout", 0, 2),
        ("view_to_order", 1, 2),
    ],
)
def test_a_shops_metrics_are_what_they_say(key: str, above: float, below: float) -> None:
    assert fraction(value(key, SHOP)) == (above, below)


def test_a_lead_passes_stage_after_stage_within_its_window() -> None:
    events = [
        *(event(1, 0, "generate_lead"), event(1, DAY, "qualify_lead")),
        *(event(1, 2 * DAY, "working_lead"), event(1, 90 * DAY, "close_convert_lead")),
        *(event(2, 0, "generate_lead"), event(2, 31 * DAY, "qualify_lead")),
        *(event(3, 0, "qualify_lead"), event(3, DAY, "generate_lead")),
    ]

    assert fraction(value("lead_to_mql", events)) == (1, 3)
    assert fraction(value("mql_to_sql", events)) == (1, 3)
    assert fraction(value("sql_to_close", events)) == (1, 1)
    assert fraction(value("lead_to_close", events)) == (1, 3)


def test_retention_counts_from_the_very_first_event() -> None:
    events = [
        *(event(1, 0, "open"), event(1, 7 * DAY, "open")),
        *(event(2, 0, "open"), event(2, 6 * DAY, "open"), event(2, 15 * DAY, "open")),
        *(event(3, -DAY, "open"), event(3, 0, "open"), event(3, 8 * DAY, "open")),
    ]
    since = START.isoformat()

    assert fraction(value("retention_week_1", events, since=since)) == (1, 2)


def test_an_open_window_is_immature_and_no_drop() -> None:
    events = [
        *(event(1, 0, "sign_up"), event(1, 60, "activated")),
        event(2, 0, "sign_up"),
        event(3, 5 * DAY, "sign_up"),
    ]
    as_of = (START + timedelta(days=8)).isoformat()

    found = value("activation_rate", events, as_of=as_of)

    assert (fraction(found), found["immature"], found["value"]) == ((1, 2), 1, 0.5)


def test_no_event_gets_to_itself_but_one_of_the_same_instant_does() -> None:
    both = Events(("a", "b"))
    question = MetricValue(Passage(both, both, window_s=10), Described("x"), as_of=NOW)

    assert ask(question, [event(1, 0, "a")]).whole == Part(0, 1, 1)
    assert ask(question, [event(1, 0, "a"), event(1, 0, "b")]).whole == Part(1, 1, 1)


def test_rows_are_local_days_and_weeks_with_the_empty_ones() -> None:
    berlin = replace(CONTEXT, time_zone="Europe/Berlin")

    days = value("order_rate", [order(1, 0, 1), order(2, 2 * DAY, 1)], context=berlin)["rows"]
    weeks = value("order_rate", SHOP, context=berlin, interval="week")["rows"]

    assert [(row["begins"], row["numerator"]) for row in days] == [
        ("2026-02-28T23:00:00Z", 1),
        ("2026-03-01T23:00:00Z", 0),
        ("2026-03-02T23:00:00Z", 1),
    ]
    assert [row["begins"] for row in weeks] == [
        "2026-02-22T23:00:00Z",
        "2026-03-01T23:00:00Z",
        "2026-03-08T23:00:00Z",
    ]


def test_a_person_of_two_days_is_one_person_of_the_period() -> None:
    found = value("order_rate", [order(1, 0, 1), order(1, DAY, 1)])

    assert (found["denominator"], [row["denominator"] for row in found["rows"]]) == (1, [1, 1])


def test_a_quotient_by_nothing_is_null() -> None:
    found = value("average_order_value", [event(1, 0, "page_view")])

    assert (found["value"], found["n"]) == (None, 0)
    assert value("order_rate", [])["value"] is None
    assert value("view_to_order", [])["rows"] == []
    assert value("revenue_per_session", [])["value"] is None


def test_a_site_may_call_its_events_otherwise() -> None:
    named = replace(CONTEXT, event_names={"purchase": ("Order Completed", "order")})
    events = [event(1, 0, "Order Completed"), event(2, 0, "order"), event(3, 0, "purchase")]

    assert fraction(value("order_rate", events, context=named)) == (2, 3)


OWN = SavedMetric(
    "big_orders",
    "Big orders",
    "increase",
    (
        MetricVersion(1, START, {"key": "big_orders", "kind": "proportion", "event": "purchase"}),
        MetricVersion(
            2,
            START + timedelta(days=5),
            {"key": "big_orders", "kind": "count", "event": "purchase"},
        ),
    ),
)


def test_a_change_of_a_sites_metric_within_the_period_is_a_break() -> None:
    context = replace(CONTEXT, metrics=lambda key: OWN if key == "big_orders" else None)
    since = (START + timedelta(days=1)).isoformat()

    newest = value("big_orders", SHOP, context=context, since=since)
    pinned = value("big_orders@1", SHOP, context=context)
    later = value(
        "big_orders", SHOP, context=context, since=(START + timedelta(days=6)).isoformat()
    )

    change = {"at": "2026-03-06T00:00:00Z", "from_version": 1, "to_version": 2}
    assert (newest["metric"]["version"], newest["breaks"]) == (2, [change])
    assert (pinned["metric"]["version"], fraction(pinned)) == (1, (2, 3))
    assert later["breaks"] == []
    with pytest.raises(BadQuestion, match="versions 1 to 2"):
        value("big_orders@3", [], context=context)


@pytest.mark.parametrize(
    ("document", "wants"),
    [
        ({"metric": "gossip"}, "is no metric of the site, and none of order_rate"),
        ({"metric": "time_to_value"}, "ask the question time_to_value"),
        ({"metric": {"key": "x", "kind": "sum", "event": "a"}}, "a sum needs an amount"),
        ({"metric": "order_rate", "interval": "hour"}, "days or weeks"),
        ({}, "metric is missing"),
    ],
)
def test_what_cannot_be_asked_is_refused(document: dict[str, Any], wants: str) -> None:
    with pytest.raises(BadQuestion) as refused:
        parse_question({"question": "metric_value", **document}, CONTEXT)

    assert wants in str(refused.value)


def test_every_built_in_metric_says_what_it_is_and_can_be_asked() -> None:
    for key, metric in METRIC_LIBRARY.items():
        assert (metric.key, bool(metric.title and metric.formula)) == (key, True)
        assert metric.expects or key.startswith("retention")
        if metric.definition is not None:
            parse_question({"question": "metric_value", "metric": key}, CONTEXT)


histories = st.lists(
    st.builds(
        lambda person, hours, name, minor, position: event(
            person, hours * 3600, name, value_minor=minor, currency="EUR", position=position
        ),
        st.integers(0, 4),
        st.integers(-48, 24 * 12),
        st.sampled_from(["sign_up", "activated", "purchase", "refund"]),
        st.integers(0, 1000),
        st.integers(1, 10_000),
    ),
    max_size=25,
    unique_by=lambda row: row["position"],
)
quick = settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
PERIOD = {"since": START.isoformat(), "until": (START + timedelta(days=9)).isoformat()}


def inside(row: dict[str, Any]) -> bool:
    return bool(START <= row["occurred_at"] < START + timedelta(days=9))


@quick
@given(
    events=histories,
    key=st.sampled_from([key for key, each in METRIC_LIBRARY.items() if each.definition]),
    buckets=st.integers(2, 4),
    interval=st.sampled_from([Interval.DAY, Interval.WEEK]),
)
def test_any_partition_of_the_people_gives_the_same_value(
    events: list[dict[str, Any]], key: str, buckets: int, interval: Interval
) -> None:
    question = parse_question(
        {"question": "metric_value", "metric": key, "interval": interval.value, **PERIOD}, CONTEXT
    )

    assert asked(question, events, buckets=buckets) == asked(question, events)


@quick
@given(events=histories)
def test_random_passages_agree_with_plain_python(events: list[dict[str, Any]]) -> None:
    as_of = START + timedelta(days=10)
    found = value("activation_rate", events, **PERIOD, as_of=as_of.isoformat())

    through = waiting = 0
    starters = {row["person"] for row in events if row["event"] == "sign_up" and inside(row)}
    for person in starters:
        own = [row for row in events if row["person"] == person]
        starts = [r["occurred_at"] for r in own if r["event"] == "sign_up" and inside(r)]
        goals = [r["occurred_at"] for r in own if r["event"] == "activated"]
        week = timedelta(days=7)
        if any(start <= goal <= start + week for start in starts for goal in goals):
            through += 1
        elif any(start + week >= as_of for start in starts):
            waiting += 1
    assert fraction(found) == (through, len(starters) - waiting)
    assert found["immature"] == waiting
    assert sum(row["denominator"] for row in found["rows"]) == found["denominator"]


@quick
@given(events=histories)
def test_random_totals_agree_with_plain_python(events: list[dict[str, Any]]) -> None:
    rows = [row for row in events if inside(row)]
    orders = [row for row in rows if row["event"] == "purchase"]
    people = {row["person"] for row in rows}

    assert fraction(value("revenue_per_visitor", events, **PERIOD)) == (
        sum(row["value_minor"] for row in orders),
        len(people),
    )
    assert fraction(value("order_rate", events, **PERIOD)) == (
        len({row["person"] for row in orders}),
        len(people),
    )
    assert fraction(value("refund_rate", events, **PERIOD)) == (
        len([row for row in rows if row["event"] == "refund"]),
        len(orders),
    )


@quick
@given(events=histories)
def test_sessions_of_metrics_are_the_sessions_of_sessions(events: list[dict[str, Any]]) -> None:
    found = value("session_conversion", events, **PERIOD)
    sessions = ask(parse_question({"question": "sessions", **PERIOD}, CONTEXT), events)
    rows: Any = sessions.document()["rows"]  # type: ignore[attr-defined]

    assert found["denominator"] == (rows[0]["sessions"] if rows else 0)
