"""When a hypothesis may leave its draft, and how it reads."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from truelift.lifecycle.hypothesis import (
    HYPOTHESIS_TRANSITIONS,
    Acceptance,
    Direction,
    Finding,
    Hypothesis,
    HypothesisAction,
    HypothesisStage,
    hypothesis_obstacles,
    move_hypothesis,
)
from truelift.lifecycle.obstacle import MoveRefused


COMPLETE = Hypothesis(
    key="H-1",
    change="Show the delivery cost on the product page",
    audience="phone visitors",
    outcome="More of them will order",
    reason="41% of those who leave at delivery opened the cost and went back.",
    metric="order_rate",
    direction=Direction.INCREASE,
    expected_lift=0.05,
    evidence=("I-1",),
)


@pytest.mark.parametrize(("stage", "action"), list(product(HypothesisStage, HypothesisAction)))
def test_every_pair_of_stage_and_action_does_what_the_table_says(
    stage: HypothesisStage, action: HypothesisAction
) -> None:
    expected = HYPOTHESIS_TRANSITIONS.get((stage, action))
    hypothesis = replace(COMPLETE, stage=stage)

    if expected is None:
        with pytest.raises(MoveRefused):
            move_hypothesis(hypothesis, action, finding=Finding.SUPPORTED)
    else:
        assert move_hypothesis(hypothesis, action, finding=Finding.SUPPORTED).stage is expected


def test_the_sentence_is_rendered_from_its_parts() -> None:
    assert COMPLETE.sentence == (
        "If we show the delivery cost on the product page for phone visitors, more of them will"
        " order, because 41% of those who leave at delivery opened the cost and went back."
    )


def test_names_keep_their_capitals_and_repeated_openings_are_taken_once() -> None:
    hypothesis = replace(
        COMPLETE,
        change="If we offer PayPal first",
        audience="German visitors",
        outcome="they pay at once",
        reason="because Germans ask for it",
    )

    assert hypothesis.sentence == (
        "If we offer PayPal first for German visitors, they pay at once, because Germans ask"
        " for it."
    )


def test_a_refusal_names_every_missing_part() -> None:
    said = hypothesis_obstacles(Hypothesis(key="H-1"), HypothesisAction.ACCEPT)

    assert [obstacle.code for obstacle in said] == [
        "hypothesis.no_change",
        "hypothesis.no_audience",
        "hypothesis.no_outcome",
        "hypothesis.no_reason",
        "hypothesis.no_metric",
        "hypothesis.no_direction",
        "hypothesis.no_expected_lift",
        "hypothesis.no_evidence",
    ]


@pytest.mark.parametrize("lift", [None, 0.0, -0.05, float("nan"), float("inf")])
def test_the_expected_lift_is_a_size_above_zero(lift: float | None) -> None:
    said = hypothesis_obstacles(replace(COMPLETE, expected_lift=lift), HypothesisAction.ACCEPT)

    assert [obstacle.code for obstacle in said] == ["hypothesis.no_expected_lift"]


@pytest.mark.parametrize("reason", ["because we think so", "We believe it", "I feel it is ugly"])
def test_an_opinion_without_evidence_is_refused_as_one(reason: str) -> None:
    opinion = replace(COMPLETE, reason=reason, evidence=())

    (said,) = hypothesis_obstacles(opinion, HypothesisAction.ACCEPT)

    assert said.code == "hypothesis.no_evidence"
    assert "opinion" in said.sentence


def test_nobody_accepts_their_own_hypothesis_where_others_could_judge_it() -> None:
    acceptance = Acceptance(by_author=True, others=("Ben", "Cleo", "Dora", "Eve"), reason="Sure.")

    (said,) = hypothesis_obstacles(COMPLETE, HypothesisAction.ACCEPT, acceptance=acceptance)

    assert (said.code, said.remedy) == ("hypothesis.own", "Ask Ben, Cleo or Dora.")


def test_an_author_who_is_alone_accepts_with_a_reason() -> None:
    alone = Acceptance(by_author=True)

    assert hypothesis_obstacles(COMPLETE, HypothesisAction.ACCEPT, acceptance=alone) == ()
    with pytest.raises(MoveRefused) as refused:
        move_hypothesis(COMPLETE, HypothesisAction.ACCEPT, acceptance=alone)
    moved = move_hypothesis(
        COMPLETE, HypothesisAction.ACCEPT, acceptance=replace(alone, reason="I work alone.")
    )

    assert [each.code for each in refused.value.obstacles] == ["hypothesis.own_without_reason"]
    assert moved.stage is HypothesisStage.ACCEPTED


def test_a_test_leaves_its_finding() -> None:
    accepted = replace(COMPLETE, stage=HypothesisStage.ACCEPTED)

    tested = move_hypothesis(accepted, HypothesisAction.TEST, finding=Finding.CONTRADICTED)

    assert tested.finding is Finding.CONTRADICTED
