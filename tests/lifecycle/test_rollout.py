"""A winner counts as live when somebody has seen that it is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import product

import pytest

from truelift.lifecycle.functions import Function, Signature, Standing
from truelift.lifecycle.obstacle import MoveRefused
from truelift.lifecycle.rollout import (
    ROLLOUT_TRANSITIONS,
    PageCheck,
    Rollout,
    RolloutAction,
    RolloutAsked,
    RolloutStage,
    Severity,
    VariantCode,
    Winner,
    lateness,
    move_rollout,
    rollout_actions_from,
    rollout_obstacles,
)


NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
ASKED = RolloutAsked(at=NOON, reason="The page is replaced.")
TODAY = date(2026, 11, 20)


def ready(stage: RolloutStage) -> Rollout:
    """A rollout that lacks nothing, at a stage."""
    return Rollout(
        key="R-4",
        stage=stage,
        owner="Ben",
        due=TODAY,
        exposure=1.0,
        variant_code=VariantCode.REMOVED,
        check=PageCheck(passed=True, at=NOON),
        live_at=NOON - timedelta(days=1),
    )


def codes(rollout: Rollout, action: RolloutAction, asked: RolloutAsked = ASKED) -> list[str]:
    return [each.code for each in rollout_obstacles(rollout, action, asked=asked)]


@pytest.mark.parametrize(("stage", "action"), list(product(RolloutStage, RolloutAction)))
def test_every_pair_of_stage_and_action_does_what_the_table_says(
    stage: RolloutStage, action: RolloutAction
) -> None:
    expected = ROLLOUT_TRANSITIONS.get((stage, action))

    if expected is None:
        with pytest.raises(MoveRefused) as refused:
            move_rollout(ready(stage), action, asked=ASKED)
        assert [each.code for each in refused.value.obstacles] == ["rollout.wrong_stage"]
        assert action not in rollout_actions_from(stage)
    else:
        assert move_rollout(ready(stage), action, asked=ASKED).stage is expected


LACKS = [
    (RolloutStage.PLANNED, RolloutAction.START, {"owner": ""}, "rollout.no_owner"),
    (RolloutStage.PLANNED, RolloutAction.START, {"due": None}, "rollout.no_due_date"),
    (
        RolloutStage.IN_PROGRESS,
        RolloutAction.GO_LIVE,
        {"exposure": 0.0},
        "rollout.nobody_sees_it",
    ),
    (RolloutStage.LIVE, RolloutAction.VERIFY, {"exposure": 0.5}, "rollout.not_for_all"),
    (RolloutStage.LIVE, RolloutAction.VERIFY, {"permanent": True}, "rollout.no_deploy_link"),
    (
        RolloutStage.LIVE,
        RolloutAction.VERIFY,
        {"variant_code": VariantCode.PRESENT},
        "rollout.variant_code_present",
    ),
    (
        RolloutStage.LIVE,
        RolloutAction.VERIFY,
        {"variant_code": VariantCode.TICKETED},
        "rollout.no_ticket",
    ),
    (RolloutStage.LIVE, RolloutAction.VERIFY, {"check": None}, "rollout.no_page_check"),
    (
        RolloutStage.LIVE,
        RolloutAction.VERIFY,
        {"check": PageCheck(passed=False, at=NOON)},
        "rollout.page_check_failed",
    ),
    (
        RolloutStage.LIVE,
        RolloutAction.VERIFY,
        {"check": PageCheck(passed=True, at=NOON - timedelta(days=2))},
        "rollout.page_check_too_old",
    ),
    (
        RolloutStage.VERIFIED,
        RolloutAction.CLEAN_UP,
        {"variant_code": VariantCode.TICKETED},
        "rollout.variant_code_not_removed",
    ),
]


@pytest.mark.parametrize(("stage", "action", "lack", "code"), LACKS)
def test_each_thing_that_is_missing_is_said_alone(
    stage: RolloutStage, action: RolloutAction, lack: dict[str, object], code: str
) -> None:
    assert codes(replace(ready(stage), **lack), action) == [code]  # type: ignore[arg-type]


def test_every_reason_is_said_at_once() -> None:
    assert codes(Rollout("R-4", stage=RolloutStage.LIVE), RolloutAction.VERIFY) == [
        "rollout.no_owner",
        "rollout.not_for_all",
        "rollout.variant_code_present",
        "rollout.no_page_check",
    ]


def test_giving_up_a_winner_takes_a_reason_that_a_screen_may_ask_for_later() -> None:
    planned = ready(RolloutStage.PLANNED)

    assert codes(planned, RolloutAction.ABANDON, RolloutAsked(at=NOON)) == []
    with pytest.raises(MoveRefused, match="Nobody says why"):
        move_rollout(planned, RolloutAction.ABANDON, asked=RolloutAsked(at=NOON))


def test_going_live_says_when() -> None:
    started = replace(ready(RolloutStage.IN_PROGRESS), live_at=None)

    assert move_rollout(started, RolloutAction.GO_LIVE, asked=ASKED).live_at == NOON


def test_it_is_verified_by_engineering_and_by_the_lead_of_the_programme() -> None:
    live = ready(RolloutStage.LIVE)
    by = Standing("ada", "Ada", frozenset({Function.CRO_LEAD}), in_use=True)
    both = (Signature(Function.CRO_LEAD, "ada"), Signature(Function.ENGINEERING, "ben"))

    alone = codes(live, RolloutAction.VERIFY, RolloutAsked(at=NOON, by=by, signed=both[:1]))

    assert alone == ["people.unsigned_engineering"]
    assert codes(live, RolloutAction.VERIFY, RolloutAsked(at=NOON, by=by, signed=both)) == []


def winner(days: int, stage: RolloutStage = RolloutStage.PLANNED) -> Winner:
    return Winner(f"R-{days}", TODAY - timedelta(days=days), stage)


@pytest.mark.parametrize(
    ("days", "severity"),
    [
        (30, None),
        (31, Severity.WARNING),
        (90, Severity.WARNING),
        (91, Severity.CRITICAL),
        (120, Severity.CRITICAL),
    ],
)
def test_a_winner_that_waits_is_a_warning_after_a_month_and_critical_after_three(
    days: int, severity: Severity | None
) -> None:
    assert lateness([winner(days)], today=TODAY).severity is severity


def test_fewer_than_four_of_five_decisions_that_came_live_is_a_warning_too() -> None:
    verified = [winner(40 + n, RolloutStage.VERIFIED) for n in range(3)]
    given_up = winner(50, RolloutStage.ABANDONED)

    judged = lateness([*verified, given_up], today=TODAY)
    enough = lateness([*verified, winner(60, RolloutStage.CLEANED_UP), given_up], today=TODAY)

    assert (judged.rate, judged.late, judged.severity) == (0.75, (), Severity.WARNING)
    assert (enough.rate, enough.severity) == (0.8, None)


def test_without_a_decision_old_enough_there_is_no_rate_and_it_is_not_zero() -> None:
    judged = lateness([winner(3), winner(200, RolloutStage.VERIFIED)], today=TODAY)

    assert (judged.rate, judged.counted, judged.severity) == (None, 0, None)
