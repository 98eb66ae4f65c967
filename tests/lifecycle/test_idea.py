"""What may be done with an idea."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from truelift.lifecycle.idea import (
    IDEA_TRANSITIONS,
    Idea,
    IdeaAction,
    IdeaStage,
    idea_obstacles,
    move_idea,
)
from truelift.lifecycle.obstacle import MoveRefused


PICKUP = Idea(key="ID-1", change="Offer parcel-shop pickup", problems=("S-1",))


@pytest.mark.parametrize(("stage", "action"), list(product(IdeaStage, IdeaAction)))
def test_every_pair_of_stage_and_action_does_what_the_table_says(
    stage: IdeaStage, action: IdeaAction
) -> None:
    expected = IDEA_TRANSITIONS.get((stage, action))
    idea = replace(PICKUP, stage=stage)

    if expected is None:
        with pytest.raises(MoveRefused):
            move_idea(idea, action, hypothesis="H-1", reason="Later")
    else:
        after = move_idea(idea, action, hypothesis="H-1", reason="Later")
        assert after.stage is expected
        assert (after.hypothesis == "H-1") is (action is IdeaAction.PROMOTE)
        assert (after.reason == "Later") is (action in {IdeaAction.PARK, IdeaAction.REJECT})


@pytest.mark.parametrize(
    ("action", "code"), [(IdeaAction.PARK, "idea.no_reason"), (IdeaAction.REJECT, "idea.no_reason")]
)
def test_nothing_is_let_go_without_a_reason(action: IdeaAction, code: str) -> None:
    said = idea_obstacles(replace(PICKUP, stage=IdeaStage.SCORED), action, reason=" ")

    assert [each.code for each in said] == [code]


def test_a_refusal_gives_every_reason_at_once() -> None:
    said = idea_obstacles(Idea(key="ID-1", stage=IdeaStage.SCORED), IdeaAction.PROMOTE)

    assert [each.code for each in said] == [
        "idea.no_change",
        "idea.solution_only",
        "idea.no_hypothesis",
    ]


def test_an_idea_without_a_problem_is_a_solution_only() -> None:
    assert Idea(key="ID-1", change="Larger logo", problems=(" ",)).solution_only
    assert not PICKUP.solution_only
