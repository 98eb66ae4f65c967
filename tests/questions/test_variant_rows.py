"""Columns as they stand tell of an experiment what the statement's rows tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.questions.asking import ask, at, event
from truelift.lake.schema import EVENTS
from truelift.questions.matching import Comparison, Condition, Events
from truelift.questions.metric import Amount, AmountKind, Counted, Metric, MetricKind
from truelift.questions.variant_summaries import Unit, VariantSummaries, VariantSummariesAnswer


EUROS = Amount(AmountKind.MONEY, currency="EUR")
BUYING = Events(("purchase", "order"))


def metric(
    key: str, kind: MetricKind, amount: Amount | None = None, *, below: Events | None = None
) -> Metric:
    denominator = None if below is None else Counted(below)
    return Metric(key, kind, Counted(BUYING, amount), denominator=denominator, window_s=20)


ASKED = VariantSummaries(
    experiment="x",
    variants=("a", "b"),
    metrics=(
        metric("ordered", MetricKind.PROPORTION),
        metric("revenue", MetricKind.SUM, EUROS),
        metric("sent", MetricKind.MEAN, Amount()),
        metric("sure", MetricKind.SUM, replace(EUROS, trusted=True)),
        metric("per_order", MetricKind.RATIO, EUROS, below=BUYING),
        metric("per_view", MetricKind.RATIO, EUROS, below=Events(("view",))),
    ),
    as_of=at(40),
    since=at(3),
    until=at(25),
    covariate_s=9,
    by=("visitor", "device", "source"),
    by_day=True,
)
VISITORS = st.sampled_from([None, "v1", "v2"])
ROWS = st.lists(
    st.builds(
        event,
        st.integers(0, 5),
        st.integers(-10, 40),
        st.sampled_from(["Experiment Viewed", "purchase", "order", "view", None]),
        experiment=st.sampled_from(["x", "x", "y", None]),
        variant=st.sampled_from(["a", "b", "c", None]),
        device=st.sampled_from([None, "phone", "desktop"]),
        source=st.sampled_from([None, "google"]),
        visitor_id=VISITORS,
        user_id=st.sampled_from([None, "u1", "u2"]),
        value=st.sampled_from([None, 1.5, 2e15, float("inf")]),
        value_minor=st.sampled_from([None, 150, 70]),
        currency=st.sampled_from([None, "EUR", "USD"]),
        trusted=st.booleans(),
    ),
    max_size=40,
)


def ask_columns(
    question: VariantSummaries, events: Sequence[dict[str, Any]], *, cuts: Sequence[int] = ()
) -> VariantSummariesAnswer:
    """Ask as the lake does, from pieces of files that each have their own dictionaries."""
    table = pa.Table.from_pylist(list(events), schema=EVENTS).select(question.scan().columns)
    ends = [0, *sorted(min(cut, len(events)) for cut in cuts), len(events)]
    pieces = []
    for first, end in pairwise(ends):
        piece = table.slice(first, end - first).combine_chunks()
        for nth, field in enumerate(piece.schema):
            if pa.types.is_string(field.type):
                piece = piece.set_column(nth, field.name, piece[nth].dictionary_encode())
        pieces.append(piece)
    return question.answer(question.partial(pa.concat_tables(pieces)))


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(events=ROWS, cuts=st.lists(st.integers(0, 40), max_size=3))
def test_both_ways_of_reading_give_the_same_answer(
    events: Sequence[dict[str, Any]], cuts: Sequence[int]
) -> None:
    by_statement = ask(ASKED, events)

    by_columns = ask_columns(ASKED, events, cuts=cuts)

    assert by_columns.document() == by_statement.document()


def test_more_sets_of_events_than_a_number_has_bits_are_told_apart() -> None:
    metrics = tuple(
        Metric(f"m{nth}", MetricKind.COUNT, Counted(Events((f"e{nth}",)))) for nth in range(70)
    )
    question = replace(ASKED, metrics=metrics, since=None, covariate_s=0)
    events = [event(1, 0, "Experiment Viewed", experiment="x", variant="a")]
    events += [event(1, 1, f"e{nth}") for nth in (0, 30, 31, 62, 69, 69)]

    for answer in (ask(question, events), ask_columns(question, events)):
        found = {key: samples["a"].value for key, samples in answer.samples.items()}
        assert {key: value for key, value in found.items() if value} == {
            "m0": 1,
            "m30": 1,
            "m31": 1,
            "m62": 1,
            "m69": 2,
        }


@pytest.mark.parametrize(
    "question",
    [
        replace(ASKED, unit=Unit.VISITOR),
        replace(ASKED, by=("plan",)),
        replace(
            ASKED,
            metrics=(
                metric("items", MetricKind.SUM, Amount(AmountKind.PROPERTY, name="quantity")),
            ),
        ),
        replace(
            ASKED,
            metrics=(
                Metric(
                    "dear",
                    MetricKind.COUNT,
                    Counted(
                        Events(("purchase",), (Condition("value", Comparison.AT_LEAST, ("9",)),))
                    ),
                ),
            ),
        ),
    ],
)
def test_what_only_a_statement_tells_names_no_columns(question: VariantSummaries) -> None:
    assert question.scan().columns == ()
    assert "visitor_id" in ASKED.scan().columns
