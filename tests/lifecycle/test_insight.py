"""When an insight may be built on, by whom it is accepted, and for how long it holds."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from truelift.lifecycle.functions import MACHINE, Function, Standing
from truelift.lifecycle.insight import (
    INSIGHT_TRANSITIONS,
    Evidence,
    EvidenceKind,
    Grade,
    Insight,
    InsightAction,
    InsightStage,
    grade_of,
    insight_obstacles,
    move_insight,
)
from truelift.lifecycle.obstacle import MoveRefused
from truelift.lifecycle.policy import Organisation, Policy, Research


NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=181)
COUNTED = Evidence(EvidenceKind.ANALYTICS, "Funnel of October")
COMPLETE = Insight(
    key="I-1",
    problem="Visitors meet the delivery cost only at checkout.",
    surface="checkout",
    segment="phones",
    size="41% of those who reach delivery leave",
    evidence=(COUNTED,),
    held_since=LONG_AGO,
)


def test_the_full_product_of_stages_actions_functions_and_modes() -> None:
    finders = {Function.ANALYTICS, Function.PRODUCT_UX, Function.MARKETING}
    nobody = [None, *Function]
    modes = product(Research, Organisation)

    for stage, action, function, (research, organisation) in product(
        InsightStage, InsightAction, nobody, list(modes)
    ):
        insight = replace(COMPLETE, stage=stage)
        policy = Policy(research=research, organisation=organisation)
        by = Standing("p", functions=frozenset({function} - {None}), in_use=True)

        found = insight_obstacles(insight, action, by=by, policy=policy, now=NOW, reason="Seen.")

        codes = [each.code for each in found]
        if (stage, action) not in INSIGHT_TRANSITIONS:
            assert codes == ["insight.wrong_stage"]
        elif function not in finders:
            assert codes == ["people.function"]
        else:
            after = move_insight(insight, action, by=by, policy=policy, now=NOW, reason="Seen.")
            assert codes == []
            assert after.stage is INSIGHT_TRANSITIONS[stage, action]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"problem": " "}, "insight.no_problem"),
        ({"surface": ""}, "insight.no_surface"),
        ({"segment": ""}, "insight.no_segment"),
        ({"size": ""}, "insight.no_size"),
        ({"evidence": ()}, "insight.no_evidence"),
        ({"evidence": (replace(COUNTED, text=" "),)}, "insight.no_evidence"),
        ({"evidence": (Evidence(EvidenceKind.OPINION, "Ugly"),)}, "insight.only_opinion"),
        ({"evidence": (replace(COUNTED, given=Grade.E),)}, "insight.only_opinion"),
    ],
)
@pytest.mark.parametrize(
    ("stage", "action"),
    [
        (InsightStage.DRAFT, InsightAction.ACCEPT),
        (InsightStage.STALE, InsightAction.CONFIRM),
    ],
)
def test_each_guard_alone_gives_exactly_its_reason(
    change: dict[str, object], code: str, stage: InsightStage, action: InsightAction
) -> None:
    insight = replace(COMPLETE, stage=stage, **change)  # type: ignore[arg-type]

    assert [each.code for each in insight_obstacles(insight, action)] == [code]


def test_a_refusal_names_every_missing_part() -> None:
    said = insight_obstacles(Insight(key="I-1"), InsightAction.ACCEPT)

    assert [obstacle.code for obstacle in said] == [
        "insight.no_problem",
        "insight.no_surface",
        "insight.no_segment",
        "insight.no_size",
        "insight.no_evidence",
    ]


@pytest.mark.parametrize(
    ("action", "code"),
    [
        (InsightAction.CONFIRM, "insight.nothing_confirms"),
        (InsightAction.RETIRE, "insight.retired_without_reason"),
    ],
)
def test_confirming_and_retiring_take_a_reason_which_a_screen_asks_for_later(
    action: InsightAction, code: str
) -> None:
    stale = replace(COMPLETE, stage=InsightStage.STALE)

    assert insight_obstacles(stale, action) == ()
    assert [each.code for each in insight_obstacles(stale, action, reason=" ")] == [code]


def test_a_machine_lets_time_pass_and_accepts_nothing() -> None:
    held = replace(COMPLETE, stage=InsightStage.ACCEPTED)

    aged = move_insight(held, InsightAction.AGE, by=MACHINE, now=NOW)
    with pytest.raises(MoveRefused) as refused:
        move_insight(COMPLETE, InsightAction.ACCEPT, by=MACHINE, now=NOW)

    assert aged.stage is InsightStage.STALE
    assert [each.code for each in refused.value.obstacles] == ["people.machine"]


def test_it_goes_stale_on_the_day_that_the_policy_says_and_not_before() -> None:
    held = replace(COMPLETE, stage=InsightStage.ACCEPTED, held_since=NOW)
    policy = Policy(stale_after_days=30)
    day = NOW + timedelta(days=30)

    early = insight_obstacles(
        held, InsightAction.AGE, policy=policy, now=day - timedelta(seconds=1)
    )

    assert [each.code for each in early] == ["insight.still_fresh"]
    assert insight_obstacles(held, InsightAction.AGE, policy=policy, now=day) == ()


def test_confirming_starts_its_time_anew() -> None:
    stale = replace(COMPLETE, stage=InsightStage.STALE)

    confirmed = move_insight(stale, InsightAction.CONFIRM, now=NOW, reason="Same in April.")

    assert (confirmed.stage, confirmed.held_since) == (InsightStage.ACCEPTED, NOW)


def test_accepting_a_machines_draft_makes_it_a_persons() -> None:
    draft = replace(COMPLETE, machine=True)

    assert not move_insight(draft, InsightAction.ACCEPT, now=NOW).machine


@pytest.mark.parametrize("kind", list(EvidenceKind))
def test_only_what_customers_say_or_do_in_front_of_us_explains_a_problem(
    kind: EvidenceKind,
) -> None:
    insight = replace(COMPLETE, evidence=(COUNTED, Evidence(kind, "Look")))

    assert insight.explained is (
        kind in {EvidenceKind.SURVEY, EvidenceKind.VOICE, EvidenceKind.USER_TEST}
    )


def test_a_grade_is_never_better_than_its_kind_carries() -> None:
    raised = Evidence(EvidenceKind.VOICE, "Nine calls", given=Grade.A)
    lowered = Evidence(EvidenceKind.ANALYTICS, "Broken tag", given=Grade.D)

    assert (raised.grade, lowered.grade) == (Grade.C, Grade.D)
    assert grade_of([raised, lowered]) is Grade.C
    assert grade_of([]) is Grade.E
