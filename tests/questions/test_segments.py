"""One metric by many dimensions: every unit once per dimension, small cells together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.questions.asking import ask, at, event
from truelift.questions.forms import Context
from truelift.questions.matching import BadQuestion, Events
from truelift.questions.metric import Amount, AmountKind, Counted, Metric, MetricKind
from truelift.questions.moments import moments
from truelift.questions.parse import parse_question
from truelift.questions.segments import STANDARD, Cell, Segments, SegmentsAnswer, counted


BUY = Counted(Events(("buy",)))
WORTH = Counted(Events(("buy",)), Amount(AmountKind.NUMBER))
RATE = Metric("rate", MetricKind.PROPORTION, BUY)
ORDER_VALUE = Metric("order_value", MetricKind.RATIO, WORTH, denominator=BUY)
QUESTION = Segments(RATE, as_of=at(1000), since=at(100), until=at(200), min_units=1)
CONTEXT = Context(now=at(1000), currency="EUR")


def cells(answer: SegmentsAnswer, dimension: str) -> dict[str | None, tuple[int, float | None]]:
    return {
        cell.value: (cell.units, _value(cell))
        for cell in answer.cells
        if cell.dimension == dimension
    }


def _mean(cell: Cell) -> float:
    found = moments(cell.sample)["mean"] or 0.0
    assert isinstance(found, float)
    return found


def _value(cell: Cell) -> float | None:
    found = counted(cell.units, cell.sample)["value"]
    assert found is None or isinstance(found, float)
    return found


def test_new_is_who_was_first_seen_in_the_period() -> None:
    events = [
        *(event(1, 50, "view"), event(1, 150, "buy")),
        *(event(2, 100, "view"), event(2, 199, "buy")),
        *(event(3, 120, "view"), event(3, 200, "buy")),
        *(event(4, 99, "view"), event(4, 200, "view")),
    ]

    assert cells(ask(QUESTION, events), "visitor") == {"new": (2, 0.5), "returning": (1, 1.0)}
    assert cells(ask(replace(QUESTION, since=None), events), "visitor") == {"new": (4, 0.5)}


def test_a_unit_has_the_first_value_that_it_shows_in_the_period() -> None:
    events = [
        event(1, 50, "view", device="tv"),
        event(1, 101, "view"),
        event(1, 102, "view", device="phone", properties={"plan": "pro"}),
        event(1, 103, "buy", device="desktop", properties={"plan": "free"}),
        event(2, 104, "view"),
    ]

    answer = ask(replace(QUESTION, by=("plan", "device")), events)

    assert answer.question.dimensions == (*STANDARD, "plan")
    assert cells(answer, "device") == {"phone": (1, 1.0), None: (1, 0.0)}
    assert cells(answer, "plan") == {"pro": (1, 1.0), None: (1, 0.0)}
    assert cells(answer, "country") == {None: (2, 0.5)}


def test_small_cells_are_put_together_and_marked() -> None:
    devices = ["phone"] * 3 + ["desktop"] * 2 + ["tv", "watch"]
    events = [event(n, 150, "view", device=device) for n, device in enumerate(devices)]

    answer = ask(replace(QUESTION, min_units=3), events)
    found = [cell for cell in answer.cells if cell.dimension == "device"]

    assert [(cell.value, cell.units, cell.others, cell.small) for cell in found] == [
        ("phone", 3, 0, False),
        (None, 4, 3, False),
    ]
    rare = ask(replace(QUESTION, min_units=3), [*events[:4]])
    last = next(cell for cell in rare.cells if cell.dimension == "device" and cell.others)
    assert (last.units, last.small) == (1, True)


def test_cells_beyond_the_most_are_put_together() -> None:
    events = [event(n, 150, "view", device=f"d{n % 5}") for n in range(10)]

    answer = ask(replace(QUESTION, max_rows=2), events)
    found = [cell for cell in answer.cells if cell.dimension == "device"]

    assert [(cell.value, cell.units, cell.others) for cell in found] == [
        ("d0", 2, 0),
        ("d1", 2, 0),
        (None, 6, 3),
    ]


def test_a_window_runs_from_a_units_first_event_and_open_ones_are_immature() -> None:
    windowed = replace(QUESTION, metric=replace(RATE, window_s=60), as_of=at(220))
    events = [
        *(event(1, 150, "view"), event(1, 210, "buy")),
        *(event(2, 150, "view"), event(2, 211, "buy")),
        event(3, 160, "view"),
    ]

    answer = ask(windowed, events)

    assert counted(answer.total.units, answer.total.sample) == {
        "value": 0.5,
        "immature": 1,
        "n": 2,
        "mean": 0.5,
        "m2": 0.5,
        "successes": 1,
    }


def test_a_ratio_is_one_total_by_another_and_of_nothing_it_is_null() -> None:
    events = [
        event(1, 150, "buy", value=10.0, device="phone"),
        event(1, 151, "buy", value=30.0),
        event(2, 150, "buy", value=80.0, device="phone"),
        event(3, 150, "view", device="tv"),
    ]

    found = cells(ask(replace(QUESTION, metric=ORDER_VALUE), events), "device")

    assert found == {"phone": (2, 40.0), "tv": (1, None)}


def test_an_order_without_the_sites_money_is_no_order_of_the_average() -> None:
    found = parse_question(
        {"question": "segments", "metric": "average_order_value", "min_units": 1}, CONTEXT
    )
    assert isinstance(found, Segments)
    events = [
        event(1, 150, "purchase", value_minor=3000, currency="EUR"),
        event(1, 151, "purchase", value_minor=9000, currency="USD"),
        event(2, 152, "purchase"),
    ]

    assert cells(ask(found, events), "visitor") == {"new": (2, 3000.0)}


def test_the_document_says_everything_that_statistics_need() -> None:
    events = [event(1, 150, "buy", value=10.0), event(2, 150, "buy", value=30.0)]
    document = ask(
        replace(QUESTION, metric=Metric("worth", MetricKind.SUM, WORTH)), events
    ).document()

    assert document["metric"] == {"key": "worth", "kind": "sum", "window_s": None}
    assert document["rows"][0] == {  # type: ignore[index]
        "dimension": "visitor",
        "by": {"visitor": "new"},
        "units": 2,
        "share": 1.0,
        "value": 20.0,
        "immature": 0,
        "n": 2,
        "mean": 20.0,
        "m2": 200.0,
    }


def test_nobody_was_there() -> None:
    answer = ask(QUESTION, [event(1, 50, "buy")])

    assert (answer.cells, answer.total.units) == ((), 0)
    assert answer.document()["total"] == {
        "value": None,
        "immature": 0,
        "n": 0,
        "mean": None,
        "m2": 0.0,
        "successes": 0,
    }


def test_a_metric_is_named_by_its_key_or_by_an_event() -> None:
    def metric(name: str) -> Metric:
        found = parse_question({"question": "segments", "metric": name}, CONTEXT)
        assert isinstance(found, Segments)
        return found.metric

    assert metric("buy") == Metric("buy", MetricKind.PROPORTION, BUY)
    revenue = metric("revenue_per_visitor")
    assert revenue.kind is MetricKind.SUM
    assert revenue.counted.amount == Amount(AmountKind.MONEY, currency="EUR")
    with pytest.raises(BadQuestion, match="of one person at a time"):
        metric("revenue_per_session")


@pytest.mark.parametrize("wrong", [{"by": ("",)}, {"min_units": 0}, {"max_rows": 0}])
def test_what_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(BadQuestion):
        replace(QUESTION, **wrong)


rows = st.lists(
    st.builds(
        lambda person, tens, name, device, value, position: event(
            person, tens * 10, name, device=device, value=value, position=position
        ),
        st.integers(0, 8),
        st.integers(0, 25),
        st.sampled_from(["view", "buy"]),
        st.sampled_from([None, "a", "b", "c"]),
        st.sampled_from([None, 1.0, 10.0, 1e6]),
        st.integers(1, 1000),
    ),
    max_size=30,
    unique_by=lambda row: row["position"],
)
metrics = st.sampled_from(
    [
        RATE,
        ORDER_VALUE,
        Metric("count", MetricKind.COUNT, BUY),
        Metric("mean", MetricKind.MEAN, WORTH),
        Metric("sum", MetricKind.SUM, WORTH, window_s=50),
    ]
)
quick = settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def numbers_of(
    rows: Sequence[dict[str, Any]], question: Segments
) -> dict[int, tuple[float, float, str | None, bool]]:
    """Say by definition what each unit's number, denominator, device and maturity are."""
    found = {}
    for person in {row["person"] for row in rows}:
        own = sorted(
            (row for row in rows if row["person"] == person),
            key=lambda row: (row["occurred_at"], row["position"]),
        )
        there = [row for row in own if at(100) <= row["occurred_at"] < at(200)]
        if not there:
            continue
        first, window = there[0]["occurred_at"], question.metric.window_s
        counts = [
            row
            for row in own
            if row["event"] == "buy"
            and first <= row["occurred_at"]
            and (
                row["occurred_at"] < at(200)
                if window is None
                else (row["occurred_at"] - first).total_seconds() <= window
            )
        ]
        amounts = [row["value"] for row in counts if row["value"] is not None]
        above = {
            "rate": float(bool(counts)),
            "count": float(len(counts)),
            "sum": sum(amounts),
            "mean": sum(amounts) / len(amounts) if amounts else 0.0,
            "order_value": sum(amounts),
        }[question.metric.key]
        device = next((row["device"] for row in there if row["device"]), None)
        final = window is None or (question.as_of - first).total_seconds() > window
        # An order value is that of the orders whose money is known.
        below = len(amounts) if question.metric is ORDER_VALUE else len(counts)
        found[person] = (above, float(below), device, final)
    return found


@quick
@given(events=rows, metric=metrics, buckets=st.integers(1, 3))
def test_random_cells_agree_with_plain_python_however_people_are_spread(
    events: list[dict[str, Any]], metric: Metric, buckets: int
) -> None:
    question = replace(QUESTION, metric=metric, as_of=at(220))

    answer = ask(question, events, buckets=buckets)

    units = numbers_of(events, question)
    for cell in answer.cells:
        if cell.dimension != "device":
            continue
        inside = [unit for unit in units.values() if unit[2] == cell.value]
        final = [unit for unit in inside if unit[3]]
        above, below = [unit[0] for unit in final], [unit[1] for unit in final]
        mean = sum(above) / len(above) if above else 0.0
        assert (cell.units, cell.sample.n) == (len(inside), len(final))
        assert math.isclose(_mean(cell), mean, abs_tol=1e-9)
        m2 = sum((each - mean) ** 2 for each in above)
        assert math.isclose(cell.sample.m2, m2, rel_tol=1e-9, abs_tol=1e-6)
        if metric is ORDER_VALUE:
            value = sum(above) / sum(below) if sum(below) else None
            assert counted(cell.units, cell.sample)["value"] == (
                None if value is None else pytest.approx(value)
            )


@quick
@given(events=rows, metric=metrics, min_units=st.integers(1, 4), max_rows=st.integers(1, 3))
def test_the_cells_of_every_dimension_add_up_to_everybody(
    events: list[dict[str, Any]], metric: Metric, min_units: int, max_rows: int
) -> None:
    question = replace(
        QUESTION, metric=metric, as_of=at(220), min_units=min_units, max_rows=max_rows
    )

    answer = ask(question, events)

    total = answer.total
    for dimension in question.dimensions:
        found = [cell for cell in answer.cells if cell.dimension == dimension]
        assert sum(cell.units for cell in found) == total.units
        assert sum(cell.sample.n for cell in found) == total.sample.n
        added = sum(
            cell.sample.n * cell.sample.value
            for cell in found
            if cell.sample.n and metric is not ORDER_VALUE
        )
        assert metric is ORDER_VALUE or added == pytest.approx(
            total.sample.n * total.sample.value if total.sample.n else 0.0
        )
        assert all(cell.units >= min_units or cell.others for cell in found)


@pytest.mark.parametrize("window", [10**400, "999999999w"])
def test_a_window_beyond_any_calendar_is_refused(window: object) -> None:
    document = {"question": "segments", "metric": "buy", "window": window}

    with pytest.raises(BadQuestion) as refused:
        parse_question(document, CONTEXT)

    assert refused.value.facts["reasons"] == ("metric buy: its window is longer than 20 years",)
