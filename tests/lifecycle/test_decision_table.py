"""How an experiment ended, and what was agreed for that before anybody saw a number."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from truelift.lifecycle.brief import Situation
from truelift.lifecycle.decision_table import Shown, agreed_for, situation_of
from truelift.lifecycle.experiment import (
    Action,
    Advice,
    Asked,
    Choice,
    Evidence,
    Experiment,
    Person,
    Stage,
)
from truelift.lifecycle.moving import obstacles


WIN, NULL, LOSS = Situation.WIN, Situation.NULL, Situation.LOSS
UNCLEAR, HARM = Situation.INCONCLUSIVE, Situation.HARM
TABLE = {
    WIN: Choice.SHIP,
    NULL: Choice.STOP,
    LOSS: Choice.STOP,
    UNCLEAR: Choice.ITERATE,
    HARM: Choice.STOP,
}
ADA, BEN = Person("1", "Ada"), Person("2", "Ben")
NOON = datetime(2026, 11, 16, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("shown", "situation"),
    [
        ((), None),
        ((Shown(WIN),), WIN),
        ((Shown(LOSS),), LOSS),
        ((Shown(WIN, harmed=True),), HARM),
        ((Shown(WIN, harmed=True), Shown(NULL)), NULL),
        ((Shown(LOSS), Shown(NULL)), NULL),
        ((Shown(LOSS), Shown(UNCLEAR)), UNCLEAR),
        ((Shown(LOSS, harmed=True), Shown(UNCLEAR, harmed=True)), HARM),
    ],
)
def test_the_best_treatment_that_harms_nothing_says_how_it_ended(
    shown: tuple[Shown, ...], situation: Situation | None
) -> None:
    assert situation_of(shown) is situation


@pytest.mark.parametrize("situation", list(Situation))
def test_every_way_to_end_has_the_choice_of_the_table(situation: Situation) -> None:
    shown = Shown(WIN, harmed=True) if situation is HARM else Shown(situation)

    agreed = agreed_for(TABLE, [shown], computed=Advice.ITERATE)

    assert agreed is not None
    assert agreed.choice is TABLE[situation]
    assert agreed.sentence.startswith("By the table agreed before the launch: after ")
    assert ("Without the table" in agreed.sentence) is (agreed.choice is not Choice.ITERATE)


@pytest.mark.parametrize("computed", [Advice.INVALID, Advice.KEEP_RUNNING])
def test_no_table_decides_what_nobody_may_decide(computed: Advice) -> None:
    assert agreed_for(TABLE, [Shown(WIN)], computed=computed) is None


def test_a_table_that_leaves_the_situation_open_says_nothing() -> None:
    assert agreed_for({LOSS: Choice.STOP}, [Shown(WIN)], computed=Advice.SHIP) is None


ANALYSED = Experiment(
    key="clicks",
    stage=Stage.ANALYSED,
    decision_owner=ADA,
    deputy=BEN,
    ends_on=date(2026, 11, 16),
    evidence=Evidence(as_of=NOON, advice=Advice.ITERATE, conflict="Clicks won, revenue may not."),
)


def codes(action: Action, experiment: Experiment, **given: object) -> list[str]:
    plain = Asked(by=ADA, at=NOON, today=NOON.date(), reason="")
    asked = replace(plain, **given)  # type: ignore[arg-type]
    return [each.code for each in obstacles(experiment, action, asked=asked)]


def test_a_micro_win_that_may_cost_the_business_is_shipped_by_the_owners_written_word_alone() -> (
    None
):
    ship = {"choice": Choice.SHIP, "reason": "It is loved."}

    assert codes(Action.DECIDE, ANALYSED, **ship) == ["experiment.micro_hurts_macro"]
    assert codes(Action.DECIDE, ANALYSED, **ship, by=BEN, override="I take it.") == [
        "experiment.override_not_owner"
    ]
    assert codes(Action.DECIDE, ANALYSED, **ship, override="I take it.") == []
    assert codes(Action.DECIDE, ANALYSED, choice=Choice.STOP, reason="No.") == []


def test_closing_needs_something_that_follows_or_the_reason_why_nothing_does() -> None:
    learned = replace(ANALYSED, stage=Stage.LEARNED)

    assert codes(Action.CLOSE, learned) == ["experiment.no_follow_up"]
    assert codes(Action.CLOSE, learned, reason="The page is gone.") == []
    assert codes(Action.CLOSE, learned, reason=None) == []
    assert codes(Action.CLOSE, replace(learned, follow_ups=("H-2",))) == []
