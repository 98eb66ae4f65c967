"""What each gate misses of a brief: alone, exactly its reason; settled, nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from truelift.lifecycle.brief import (
    Approval,
    Approved,
    Brief,
    Guards,
    MetricClass,
    Risk,
    ShownVariant,
    Situation,
    gate_obstacles,
)
from truelift.lifecycle.experiment import Choice, Person
from truelift.lifecycle.gate import Gate
from truelift.lifecycle.obstacle import Obstacle
from truelift.lifecycle.qa import MissingEvent, QaEvidence


EVE = Person("5", "Eve")
SETTLED = Brief(
    plan="p1",
    decisions={
        Situation.WIN: Choice.SHIP,
        Situation.NULL: Choice.STOP,
        Situation.LOSS: Choice.STOP,
        Situation.INCONCLUSIVE: Choice.ITERATE,
        Situation.HARM: Choice.STOP,
    },
    primary=("order_rate", MetricClass.MACRO),
    guarded=frozenset({Guards.TECHNICAL, Guards.COMMERCIAL}),
    variants=(ShownVariant("late", True, True), ShownVariant("early", True, True)),
    qa=QaEvidence(has_matrix=True, covered=0.93, run_at=datetime(2026, 10, 20, tzinfo=UTC)),
    implementer=EVE,
    acknowledged=True,
    slot="Week 48",
    risks=dict.fromkeys(Risk, False),
    approvals=(Approval(Approved.GOALS, EVE, "p1"), Approval(Approved.GUARDRAILS, EVE, "p1")),
)
BROKEN = [
    (Gate.DECISION_TABLE, {"decisions": {}}, "brief.no_decision"),
    (
        Gate.DECISION_TABLE,
        {"decisions": dict.fromkeys(Situation, Choice.SHIP)},
        "brief.decides_nothing",
    ),
    (
        Gate.PRIMARY_METRIC,
        {"primary": ("page_views", MetricClass.VANITY)},
        "brief.primary_is_no_outcome",
    ),
    (
        Gate.PRIMARY_METRIC,
        {"primary": ("add_to_cart", MetricClass.MICRO)},
        "brief.primary_is_no_outcome",
    ),
    (Gate.GUARDRAIL_PAIR, {"guarded": frozenset()}, "brief.guardrail_missing"),
    (Gate.EXPERIENCE, {"adds_pressure": True}, "brief.pressure_unguarded"),
    (
        Gate.VARIANTS_SHOWN,
        {"variants": (ShownVariant("late", has_address=True),)},
        "brief.no_screenshot",
    ),
    (Gate.VARIANTS_SHOWN, {"variants": (ShownVariant("late", True),)}, "brief.no_address"),
    (Gate.QA_MATRIX, {"qa": replace(SETTLED.qa, has_matrix=False)}, "qa.no_matrix"),
    (
        Gate.QA_MATRIX,
        {"qa": replace(SETTLED.qa, missing_cells=(("early", "Safari on phone"),))},
        "qa.cells_missing",
    ),
    (Gate.INSTRUMENTATION, {"qa": replace(SETTLED.qa, run_at=None)}, "qa.no_run"),
    (
        Gate.INSTRUMENTATION,
        {
            "qa": replace(
                SETTLED.qa, missing_events=(MissingEvent("early", "phone", "primary", "order"),)
            )
        },
        "qa.event_missing",
    ),
    (Gate.MEASUREMENT, {"measurement": ("`order` stopped.",)}, "brief.measurement_unsound"),
    (Gate.IMPLEMENTER, {"implementer": None}, "brief.no_implementer"),
    (Gate.IMPLEMENTER, {"acknowledged": False}, "brief.not_acknowledged"),
    (Gate.IMPLEMENTER, {"slot": " "}, "brief.no_slot"),
    (Gate.APPROVALS, {"approvals": SETTLED.approvals[1:]}, "brief.goals_not_approved"),
    (Gate.APPROVALS, {"approvals": SETTLED.approvals[:1]}, "brief.guardrails_not_approved"),
    (
        Gate.SIGN_OFFS,
        {"risks": {risk: False for risk in Risk if risk is not Risk.LEGAL}},
        "brief.risk_unanswered",
    ),
    (Gate.SIGN_OFFS, {"risks": {**SETTLED.risks, Risk.LEGAL: True}}, "brief.legal_not_signed"),
    (Gate.ROADMAP, {"conflicts": (Obstacle("roadmap.c1", "Two.", "Move."),)}, "roadmap.c1"),
    (
        Gate.EXPECTATION,
        {"expectation": (Obstacle("expectation.e", "None.", "Review."),)},
        "expectation.e",
    ),
    (Gate.DOCUMENTED, {"undocumented": ("screenshots",)}, "brief.undocumented"),
]


@pytest.mark.parametrize("gate", list(Gate))
def test_a_settled_brief_passes_every_gate(gate: Gate) -> None:
    assert gate_obstacles(SETTLED, gate) == ()


@pytest.mark.parametrize(("gate", "fault", "code"), BROKEN)
def test_one_fault_is_named_by_its_own_gate_and_by_no_other(
    gate: Gate, fault: dict[str, object], code: str
) -> None:
    broken = replace(SETTLED, **fault)  # type: ignore[arg-type]

    said = {each: [o.code for o in gate_obstacles(broken, each)] for each in Gate}

    assert said.pop(gate) == [code]
    assert not any(said.values())


def test_an_approval_counts_for_the_plan_that_was_approved_alone() -> None:
    changed = replace(SETTLED, plan="p2", risks={**SETTLED.risks, Risk.BRAND: True})
    signed = replace(changed, approvals=(Approval(Risk.BRAND, EVE, "p2"),))

    assert [o.code for o in gate_obstacles(changed, Gate.APPROVALS)] == [
        "brief.goals_not_approved",
        "brief.guardrails_not_approved",
    ]
    assert "earlier plan" in gate_obstacles(changed, Gate.APPROVALS)[0].sentence
    assert gate_obstacles(signed, Gate.SIGN_OFFS) == ()


def test_a_micro_metric_decides_where_its_link_to_an_outcome_is_proven() -> None:
    proxy = replace(SETTLED, primary=("add_to_cart", MetricClass.MICRO), primary_is_proxy=True)

    assert gate_obstacles(proxy, Gate.PRIMARY_METRIC) == ()


def test_every_reason_of_every_gate_is_a_sentence_with_what_to_do() -> None:
    for gate in Gate:
        for obstacle in gate_obstacles(Brief(adds_pressure=True), gate):
            assert obstacle.sentence.endswith(".")
            assert obstacle.remedy.endswith(".")
