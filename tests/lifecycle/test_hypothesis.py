"""When a hypothesis may leave its draft, who may accept it, and how it reads."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from truelift.lifecycle.functions import MACHINE, Function, Standing
from truelift.lifecycle.hypothesis import (
    HYPOTHESIS_TRANSITIONS,
    Acceptance,
    Direction,
    Finding,
    Hypothesis,
    HypothesisAction,
    HypothesisStage,
    hypothesis_obstacles,
    is_shallow,
    move_hypothesis,
)
from truelift.lifecycle.insight import Evidence, EvidenceKind, Grade
from truelift.lifecycle.obstacle import MoveRefused, Obstacle
from truelift.lifecycle.policy import USUAL_POLICY, Organisation, Policy, Research


COUNTED = Evidence(EvidenceKind.ANALYTICS, "Funnel of April")
SAID = Evidence(EvidenceKind.VOICE, "“Where is the cost?”")
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
    pieces=(COUNTED,),
)


IN_REVIEW = replace(COMPLETE, stage=HypothesisStage.READY_FOR_REVIEW)
ACCEPT = HypothesisAction.ACCEPT


def codes(found: tuple[Obstacle, ...]) -> list[str]:
    return [each.code for each in found]


def test_the_full_product_of_stages_actions_functions_and_modes() -> None:
    judges = {Function.PRODUCT_UX, Function.MARKETING}
    both = (COUNTED, SAID)

    for stage, action, function, research, organisation in product(
        HypothesisStage, HypothesisAction, [None, *Function], Research, Organisation
    ):
        hypothesis = replace(COMPLETE, stage=stage, pieces=both)
        policy = Policy(research=research, organisation=organisation)
        by = Standing("p", functions=frozenset({function} - {None}), in_use=True)

        found = hypothesis_obstacles(hypothesis, action, by=by, policy=policy, reason="Sure.")

        if (stage, action) not in HYPOTHESIS_TRANSITIONS:
            assert codes(found) == ["hypothesis.wrong_stage"]
        elif action is ACCEPT and function not in judges:
            assert codes(found) == ["people.function"]
        else:
            after = move_hypothesis(hypothesis, action, by=by, policy=policy, reason="Sure.")
            assert codes(found) == []
            assert after.stage is HYPOTHESIS_TRANSITIONS[stage, action]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"change": ""}, "hypothesis.no_change"),
        ({"audience": " "}, "hypothesis.no_audience"),
        ({"outcome": ""}, "hypothesis.no_outcome"),
        ({"reason": ""}, "hypothesis.no_reason"),
        ({"metric": ""}, "hypothesis.no_metric"),
        ({"direction": None}, "hypothesis.no_direction"),
        ({"expected_lift": None}, "hypothesis.no_expected_lift"),
        ({"evidence": ()}, "hypothesis.no_evidence"),
        ({"pieces": ()}, "hypothesis.little_evidence"),
        ({"alike": ("H-9",)}, "hypothesis.repeats"),
        ({"change": "Improve the checkout"}, "hypothesis.vague_change"),
        (
            {"change": "Show the cost, hide the banner and move the button"},
            "hypothesis.several_changes",
        ),
        ({"outcome": "their behaviour will change"}, "hypothesis.either_way"),
    ],
)
def test_each_guard_alone_gives_exactly_its_reason(change: dict[str, object], code: str) -> None:
    hypothesis = replace(IN_REVIEW, **change)  # type: ignore[arg-type]

    assert codes(hypothesis_obstacles(hypothesis, ACCEPT)) == [code]


def test_a_metric_that_the_site_does_not_measure_is_refused_where_somebody_has_looked() -> None:
    here = hypothesis_obstacles(IN_REVIEW, ACCEPT, metrics={"cart_rate"})

    assert codes(here) == ["hypothesis.unknown_metric"]
    assert hypothesis_obstacles(IN_REVIEW, ACCEPT, metrics={"order_rate"}) == ()


def test_the_same_hypothesis_passes_where_experiments_lead_and_not_where_research_does() -> None:
    research = Policy(research=Research.RESEARCH_LED)
    two_counted = replace(IN_REVIEW, pieces=(COUNTED, COUNTED))
    judged = Evidence(EvidenceKind.REVIEW, "Not where one looks")

    said = {
        name: codes(hypothesis_obstacles(hypothesis, ACCEPT, policy=policy))
        for name, hypothesis, policy in (
            ("one, experiments", IN_REVIEW, USUAL_POLICY),
            ("one, research", IN_REVIEW, research),
            ("two of one sort", two_counted, research),
            ("said twice", replace(IN_REVIEW, pieces=(SAID, SAID)), research),
            ("judged", replace(IN_REVIEW, pieces=(SAID, judged)), research),
            ("both sorts", replace(IN_REVIEW, pieces=(COUNTED, SAID)), research),
        )
    }

    assert said == {
        "one, experiments": [],
        "one, research": ["hypothesis.little_evidence"],
        "two of one sort": ["hypothesis.one_sort_of_evidence"],
        "said twice": ["hypothesis.one_sort_of_evidence"],
        "judged": ["hypothesis.one_sort_of_evidence"],
        "both sorts": [],
    }


def test_a_repeat_goes_on_once_somebody_has_said_why_about_each() -> None:
    twice = replace(IN_REVIEW, alike=("H-9", "old-test"), answered=frozenset({"H-9"}))

    (said,) = hypothesis_obstacles(twice, ACCEPT)

    assert "much like old-test," in said.sentence
    assert hypothesis_obstacles(replace(twice, answered=frozenset(twice.alike)), ACCEPT) == ()


def test_returning_it_takes_a_reason() -> None:
    back = HypothesisAction.RETURN

    assert hypothesis_obstacles(IN_REVIEW, back) == ()
    assert codes(hypothesis_obstacles(IN_REVIEW, back, reason=" ")) == [
        "hypothesis.returned_without_reason"
    ]


def test_a_machine_writes_drafts_and_moves_none_of_them() -> None:
    steps = {(COMPLETE, HypothesisAction.SUBMIT), (IN_REVIEW, ACCEPT)}

    said = {codes(hypothesis_obstacles(it, action, by=MACHINE))[0] for it, action in steps}

    assert said == {"people.machine"}


def test_a_quarter_is_shallow_when_more_than_half_of_its_tests_have_one_kind_of_evidence() -> None:
    one, two = {EvidenceKind.ANALYTICS}, {EvidenceKind.ANALYTICS, EvidenceKind.VOICE}

    assert is_shallow([one, one, two])
    assert not is_shallow([one, two])
    assert not is_shallow([])
    assert not is_shallow([one], policy=Policy(research=Research.RESEARCH_LED))


def test_the_grade_of_a_hypothesis_is_that_of_its_best_evidence_and_e_without_any() -> None:
    assert replace(COMPLETE, pieces=(SAID, COUNTED)).grade is Grade.B
    assert replace(COMPLETE, pieces=()).grade is Grade.E


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
    said = hypothesis_obstacles(Hypothesis(key="H-1"), HypothesisAction.SUBMIT)

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
    said = hypothesis_obstacles(replace(IN_REVIEW, expected_lift=lift), ACCEPT)

    assert [obstacle.code for obstacle in said] == ["hypothesis.no_expected_lift"]


@pytest.mark.parametrize("reason", ["because we think so", "We believe it", "I feel it is ugly"])
def test_an_opinion_without_evidence_is_refused_as_one(reason: str) -> None:
    opinion = replace(COMPLETE, reason=reason, evidence=(), pieces=())

    (said,) = hypothesis_obstacles(opinion, HypothesisAction.SUBMIT)

    assert said.code == "hypothesis.no_evidence"
    assert "opinion" in said.sentence


def test_nobody_accepts_their_own_hypothesis_where_others_could_judge_it() -> None:
    acceptance = Acceptance(by_author=True, others=("Ben", "Cleo", "Dora", "Eve"), reason="Sure.")

    (said,) = hypothesis_obstacles(IN_REVIEW, ACCEPT, acceptance=acceptance)

    assert (said.code, said.remedy) == ("hypothesis.own", "Ask Ben, Cleo or Dora.")


def test_an_author_who_is_alone_accepts_with_a_reason() -> None:
    alone = Acceptance(by_author=True)

    assert hypothesis_obstacles(IN_REVIEW, ACCEPT, acceptance=alone) == ()
    with pytest.raises(MoveRefused) as refused:
        move_hypothesis(IN_REVIEW, ACCEPT, acceptance=alone)
    moved = move_hypothesis(IN_REVIEW, ACCEPT, acceptance=replace(alone, reason="I work alone."))

    assert [each.code for each in refused.value.obstacles] == ["hypothesis.own_without_reason"]
    assert moved.stage is HypothesisStage.ACCEPTED


def test_a_test_leaves_its_finding() -> None:
    accepted = replace(COMPLETE, stage=HypothesisStage.ACCEPTED)

    tested = move_hypothesis(accepted, HypothesisAction.TEST, finding=Finding.CONTRADICTED)

    assert tested.finding is Finding.CONTRADICTED
