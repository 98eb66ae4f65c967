"""What a programme may agree on, and what follows from it."""

from __future__ import annotations

import pytest

from truelift.lifecycle.functions import Function
from truelift.lifecycle.policy import (
    USUAL_POLICY,
    Lead,
    Policy,
    Research,
    Scoring,
    policy_obstacles,
)


def test_the_usual_policy_can_be_kept() -> None:
    assert policy_obstacles(USUAL_POLICY) == ()


@pytest.mark.parametrize(
    ("policy", "code"),
    [
        (Policy(stale_after_days=6), "policy.stale_after_days"),
        (Policy(triage_days=0), "policy.triage_days"),
        (Policy(decision_days=61), "policy.decision_days"),
        (Policy(max_weeks=1), "policy.max_weeks"),
        (Policy(shallow_share=float("nan")), "policy.shallow_share"),
        (Policy(scoring=Scoring(weights=(("ease", -1.0),))), "policy.weights"),
        (Policy(scoring=Scoring(weights=(("no such", 1.0),))), "policy.weights"),
    ],
)
def test_what_does_not_fit_is_refused_alone(policy: Policy, code: str) -> None:
    assert [each.code for each in policy_obstacles(policy)] == [code]


def test_research_first_asks_for_two_pieces_of_two_sorts() -> None:
    first = Policy(research=Research.RESEARCH_LED)

    assert (first.pieces_needed, first.both_sorts_needed) == (2, True)
    assert (USUAL_POLICY.pieces_needed, USUAL_POLICY.both_sorts_needed) == (1, False)


@pytest.mark.parametrize(
    ("functions", "may_write", "hidden"),
    [
        ({Function.MARKETING}, True, True),
        ({Function.MARKETING, Function.ANALYTICS}, True, False),
        ({Function.ANALYTICS}, False, False),
        (set(), True, False),
        (set(), False, True),
    ],
)
def test_one_function_that_may_see_early_results_is_enough(
    functions: set[Function], *, may_write: bool, hidden: bool
) -> None:
    policy = Policy(early_hidden_from=frozenset({Function.MARKETING, Function.STAKEHOLDER}))

    assert policy.hides_early_results(functions, may_write=may_write) is hidden
    assert not USUAL_POLICY.hides_early_results(functions, may_write=may_write)


def test_a_weight_is_the_usual_one_until_another_is_agreed() -> None:
    scoring = Scoring(weights=(("ease", 3.0),))

    assert (scoring.weight("ease", 1.0), scoring.weight("fold", 1.0)) == (3.0, 1.0)


def test_each_lead_begins_elsewhere_and_with_other_metrics() -> None:
    marketing, product = Policy(lead=Lead.MARKETING_LED), Policy(lead=Lead.PRODUCT_LED)

    assert "lead_rate" in marketing.default_metrics
    assert "activation_rate" in product.default_metrics
    assert marketing.required_review != product.required_review
