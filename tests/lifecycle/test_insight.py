"""When an insight may be built on."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from truelift.lifecycle.insight import (
    INSIGHT_TRANSITIONS,
    Insight,
    InsightAction,
    InsightStage,
    insight_obstacles,
    move_insight,
)
from truelift.lifecycle.obstacle import MoveRefused


COMPLETE = Insight(
    key="I-1",
    problem="Visitors meet the delivery cost only at checkout.",
    surface="checkout",
    segment="phones",
    size="41% of those who reach delivery leave",
    evidence=("Funnel of October",),
)


@pytest.mark.parametrize(("stage", "action"), list(product(InsightStage, InsightAction)))
def test_every_pair_of_stage_and_action_does_what_the_table_says(
    stage: InsightStage, action: InsightAction
) -> None:
    expected = INSIGHT_TRANSITIONS.get((stage, action))
    insight = replace(COMPLETE, stage=stage)

    if expected is None:
        with pytest.raises(MoveRefused):
            move_insight(insight, action)
    else:
        assert move_insight(insight, action).stage is expected


def test_a_refusal_names_every_missing_part() -> None:
    said = insight_obstacles(Insight(key="I-1", evidence=(" ",)), InsightAction.ACCEPT)

    assert [obstacle.code for obstacle in said] == [
        "insight.no_problem",
        "insight.no_surface",
        "insight.no_segment",
        "insight.no_size",
        "insight.no_evidence",
    ]
