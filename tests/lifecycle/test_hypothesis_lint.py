"""What a sharp colleague would say about twenty hypotheses, good and bad."""

from __future__ import annotations

from dataclasses import replace

import pytest

from truelift.lifecycle.hypothesis import Direction, Hypothesis
from truelift.lifecycle.hypothesis_lint import (
    Contradiction,
    Level,
    Question,
    changes_in,
    lint,
)
from truelift.lifecycle.insight import Evidence, EvidenceKind
from truelift.lifecycle.policy import Policy, Research


COUNTED = Evidence(EvidenceKind.ANALYTICS, "Funnel of April")
SAID = Evidence(EvidenceKind.VOICE, "“Where is the cost?”")
METRICS = frozenset({"order_rate", "cart_rate", "lead_rate"})
SOLID = Hypothesis(
    key="H-1",
    change="show the delivery cost on the product page",
    audience="phone visitors",
    outcome="more of them will order",
    reason="four of ten who leave at delivery opened the cost and went back",
    metric="order_rate",
    direction=Direction.INCREASE,
    expected_lift=0.05,
    evidence=("I-1",),
    pieces=(COUNTED, SAID),
)

CORPUS: list[tuple[str, dict[str, object], list[str]]] = [
    ("the solid one", {}, []),
    ("everyone, said on purpose", {"audience": "everyone on a product page"}, []),
    ("place first, then the change", {"change": "on phones, offer the wallet first"}, []),
    ("nouns that are verbs elsewhere", {"change": "show price, order total and offer text"}, []),
    (
        "two words for one change",
        {"change": "hold the cart for an hour and tell how long", "adds_pressure": True},
        ["amber lint.several_changes"],
    ),
    (
        "a fall that is wanted",
        {"direction": Direction.DECREASE, "outcome": "fewer of them call"},
        [],
    ),
    (
        "three changes",
        {"change": "shorten the form, add a badge and move the button"},
        ["red lint.several_changes"],
    ),
    ("better, but how", {"change": "Improve the checkout"}, ["red lint.vague_change"]),
    ("optimised", {"change": "If we optimise the hero"}, ["red lint.vague_change"]),
    ("nobody in particular", {"audience": "Our users"}, ["amber lint.nobody_named"]),
    ("a metric of one's own", {"metric": "delight"}, ["red lint.unknown_metric"]),
    (
        "either way",
        {"outcome": "the order rate will rise or fall"},
        ["red lint.either_way"],
    ),
    ("some impact", {"outcome": "it will have an impact on them"}, ["red lint.either_way"]),
    (
        "hedged",
        {"outcome": "more of them might order"},
        ["amber lint.hedged"],
    ),
    ("a feeling", {"outcome": "they will like the page"}, ["amber lint.not_behaviour"]),
    ("a miracle", {"expected_lift": 3.0}, ["amber lint.too_large"]),
    ("an opinion in front of evidence", {"reason": "we think it is nicer"}, ["amber lint.opinion"]),
    (
        "an opinion alone",
        {"reason": "because we believe so", "evidence": (), "pieces": ()},
        ["red lint.opinion", "red lint.no_evidence"],
    ),
    (
        "in a circle",
        {"outcome": "more phone visitors will order", "reason": "more visitors will order"},
        ["amber lint.circular"],
    ),
    (
        "pressed and not said",
        {"change": "put a countdown timer on the cart", "pieces": (COUNTED,)},
        ["amber lint.pressure_unsaid", "amber lint.one_kind"],
    ),
]


@pytest.mark.parametrize(
    ("change", "expected"), [each[1:] for each in CORPUS], ids=[each[0] for each in CORPUS]
)
def test_each_of_twenty_examples_gets_exactly_its_flags(
    change: dict[str, object], expected: list[str]
) -> None:
    found = lint(replace(SOLID, **change), metrics=METRICS)  # type: ignore[arg-type]

    assert [f"{each.level} {each.code}" for each in found.flags] == expected


def test_there_are_twenty_examples() -> None:
    assert len(CORPUS) == 20


def test_an_empty_draft_answers_none_but_the_question_about_learnings() -> None:
    found = lint(Hypothesis(key="H-1"))

    assert (found.answered, len(Question)) == (1, 7)
    assert all(each.missing and each.level is Level.RED for each in found.flags)


def test_a_solid_one_answers_all_seven() -> None:
    assert lint(SOLID).answered == 7


def test_research_first_wants_more_evidence_before_it_is_content() -> None:
    one = replace(SOLID, pieces=(COUNTED,))

    strict = lint(one, policy=Policy(research=Research.RESEARCH_LED))

    assert [each.code for each in strict.red] == ["lint.little_evidence"]


def test_judgement_alone_is_weak_evidence() -> None:
    judged = replace(SOLID, pieces=(Evidence(EvidenceKind.REVIEW, "Cluttered"),) * 2)

    assert "lint.weak_evidence" in {each.code for each in lint(judged).flags}


def test_earlier_work_that_found_the_opposite_is_named_until_it_is_cited() -> None:
    earlier = [Contradiction("L-3", "Cost shown early made fewer order.")]

    unaware = lint(SOLID, contradicted_by=earlier)
    aware = lint(replace(SOLID, learnings=("L-3",)), contradicted_by=earlier)

    assert [each.code for each in unaware.flags] == ["lint.contradicted"]
    assert aware.flags == ()


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ("", 0),
        ("  , and ", 0),
        ("colour the button red", 1),
        ("colour the button red and move it up", 2),
        ("add a badge as well as remove the banner; shorten the form", 3),
        ("if we show reviews and ratings", 1),
    ],
)
def test_changes_are_counted_by_their_verbs(text: str, changes: int) -> None:
    assert changes_in(text) == changes
