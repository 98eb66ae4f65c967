"""Questions as JSON: what they mean, and every mistake in them at once."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from truelift.questions.checks import Checks
from truelift.questions.events_seen import EventsSeen
from truelift.questions.funnel import Funnel, Step, Unit
from truelift.questions.matching import BadQuestion, Comparison, Condition, Events
from truelift.questions.metric import Amount, AmountKind, Counted, Metric, MetricKind
from truelift.questions.parse import QUESTIONS, AnyQuestion, Context, parse_question, schema
from truelift.questions.sessions import Sessions
from truelift.questions.trend import Interval, Trend
from truelift.questions.variant_summaries import VariantSummaries
from truelift.sequences.funnels import Order


NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
BERLIN = Context(now=NOW, time_zone="Europe/Berlin", currency="EUR")


def parsed(**document: object) -> AnyQuestion:
    return parse_question(document, BERLIN)


def mistakes(document: object) -> list[str]:
    with pytest.raises(BadQuestion) as refused:
        parse_question(document, BERLIN)
    reasons = refused.value.facts["reasons"]
    assert isinstance(reasons, tuple)
    return list(reasons)


def test_the_shortest_funnel_is_a_list_of_names() -> None:
    assert parsed(question="funnel", steps=["view", "buy, at last"]) == Funnel(
        steps=(Step(Events(("view",))), Step(Events(("buy, at last",)))),
        window_s=7 * 86_400,
        as_of=NOW,
    )


def test_a_funnel_may_say_everything() -> None:
    found = parsed(
        question="funnel",
        steps=[
            {"names": ["a", "b"], "where": [{"field": "price", "values": [3, 1.5, True, "x"]}]},
            {"names": ["c"], "optional": True},
            "d",
        ],
        window="2h",
        order="ordered",
        by="device",
        since="2026-03-01",
        until="2026-04-01T00:00:00+02:00",
        where=[{"field": "country", "comparison": "is_set"}],
        exclude="logout",
        unit="session",
        as_of="2026-04-02T00:00:00",
        max_groups=5,
    )

    assert found == Funnel(
        steps=(
            Step(
                Events(("a", "b"), (Condition("price", Comparison.IS, ("3", "1.5", "true", "x")),))
            ),
            Step(Events(("c",)), optional=True),
            Step(Events(("d",))),
        ),
        window_s=7200,
        as_of=datetime(2026, 4, 2, tzinfo=UTC),
        order=Order.ORDERED,
        by="device",
        since=datetime(2026, 2, 28, 23, tzinfo=UTC),
        until=datetime(2026, 3, 31, 22, tzinfo=UTC),
        where=(Condition("country", Comparison.IS_SET),),
        exclude=Events(("logout",)),
        unit=Unit.SESSION,
        max_groups=5,
    )


def test_what_a_document_leaves_out_is_the_sites() -> None:
    assert parsed(question="trend", event="view", amount={"kind": "money"}) == Trend(
        Events(("view",)),
        time_zone="Europe/Berlin",
        amount=Amount(AmountKind.MONEY, currency="EUR"),
    )
    assert parsed(question="sessions") == Sessions(time_zone="Europe/Berlin", as_of=NOW)
    assert parsed(question="checks") == Checks(currency="EUR")
    assert parsed(question="events", max_rows=3) == EventsSeen(max_rows=3)
    assert parsed(question="trend", interval="hour") == Trend(
        Events(), interval=Interval.HOUR, time_zone="Europe/Berlin"
    )


def test_an_experiments_metrics_may_be_ratios() -> None:
    assert parsed(
        question="variant_summaries",
        experiment="x",
        variants=["a", "b"],
        metrics=[
            {
                "key": "per_order",
                "kind": "ratio",
                "event": "purchase",
                "amount": {"kind": "property", "name": "margin"},
                "denominator": {"event": "purchase"},
                "window_s": "7d",
            }
        ],
    ) == VariantSummaries(
        experiment="x",
        variants=("a", "b"),
        metrics=(
            Metric(
                "per_order",
                MetricKind.RATIO,
                Counted(Events(("purchase",)), Amount(AmountKind.PROPERTY, name="margin")),
                denominator=Counted(Events(("purchase",))),
                window_s=604_800,
            ),
        ),
        as_of=NOW,
        time_zone="Europe/Berlin",
    )


def test_every_mistake_is_named_at_once_with_its_place() -> None:
    document = {
        "question": "funnel",
        "steps": ["a", {"names": [], "where": [{"field": 7, "comparison": "like"}]}, 3],
        "window": "soon",
        "order": "backwards",
        "since": "yesterday",
        "max_groups": True,
        "colour": "red",
    }

    members = QUESTIONS["funnel"].schema["properties"]

    assert isinstance(members, dict)
    assert mistakes(document) == [
        f"colour is none of {', '.join(members)}",
        "steps[1].names has 0 items, not 1 to 200",
        "steps[1].where[0].field is not text",
        f"steps[1].where[0].comparison is not one of {', '.join(Comparison)}",
        "steps[2] is not an object",
        "window is not a duration such as 30m, 1h or 7d",
        "order is not one of ordered, strict, any",
        "since is not a time such as 2026-01-31 or 2026-01-31T12:00:00Z",
        "max_groups is not a whole number from 1 to 10000",
    ]


def test_what_the_question_itself_refuses_is_named_too() -> None:
    document = {
        "question": "funnel",
        "steps": [{"names": ["a"], "optional": True}],
        "window_s": 0,
    }

    assert mistakes(document) == [
        "its first step is optional",
        "its window is 0 s, not 1 s to 2 years",
    ]


@pytest.mark.parametrize("document", [None, [], "funnel", 3, {}, {"question": "gossip"}])
def test_what_is_no_question_is_refused(document: object) -> None:
    assert len(mistakes(document)) == 1


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@given(
    question=st.sampled_from(["funnel", "trend", "sessions", "events", "checks", "recent"]),
    member=st.sampled_from(["steps", "event", "where", "since", "by", "exclude", "window"]),
    value=json_values,
)
def test_any_json_is_a_question_or_a_refusal(question: str, member: str, value: Any) -> None:
    with suppress(BadQuestion):
        parse_question({"question": question, member: value}, BERLIN)


def test_a_refusal_can_be_printed_whatever_it_quotes() -> None:
    named = {"question": "segments", "metric": "\ud800", "no\udfff": 1}

    assert mistakes(named)[0].startswith("no\\udfff is none of")
    assert "\\ud800" in "; ".join(mistakes({"question": "segments", "metric": "\ud800"}))
    "; ".join(mistakes(named)).encode()


def test_the_schema_in_the_docs_is_the_one_of_the_code() -> None:
    written = Path(__file__).parents[2] / "docs" / "questions.schema.json"

    assert json.loads(written.read_text(encoding="utf-8")) == schema(), (
        "run `python scripts/questions_schema.py`"
    )


def test_the_question_in_the_guide_can_be_asked() -> None:
    guide = Path(__file__).parents[2] / "docs" / "guide" / "questions.md"
    blocks = guide.read_text(encoding="utf-8").split("```json\n")[1:]

    questions = [parse_question(json.loads(block.split("```")[0]), BERLIN) for block in blocks]

    assert [question.name for question in questions] == ["funnel"]
