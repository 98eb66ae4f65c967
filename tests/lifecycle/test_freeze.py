"""What is frozen is agreed to first, begins and ends by itself, and is given free with a reason."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from truelift.lifecycle.freeze import (
    FREEZE_TRANSITIONS,
    Claim,
    Freeze,
    FreezeAction,
    FreezeAsked,
    FreezeStage,
    Source,
    agreeing,
    freeze_actions_from,
    freeze_obstacles,
    move_freeze,
    proposal_obstacles,
)
from truelift.lifecycle.functions import MACHINE, Function, Part, Standing
from truelift.lifecycle.obstacle import MoveRefused


NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = timedelta(days=1)
ASKED = FreezeAsked(at=NOON, reason="The test is over.")
FREEZE = Freeze(
    key="F-4",
    what="The test of the checkout",
    surfaces=("Checkout",),
    starts=NOON - DAY,
    ends=NOON + 10 * DAY,
)


def standing(*functions: Function, key: str = "7") -> Standing:
    return Standing(key=key, name="Ben", functions=frozenset(functions), in_use=True)


def codes(freeze: Freeze, action: FreezeAction, asked: FreezeAsked = ASKED) -> list[str]:
    return [each.code for each in freeze_obstacles(freeze, action, asked=asked)]


@pytest.mark.parametrize(("stage", "action"), list(product(FreezeStage, FreezeAction)))
def test_every_pair_of_stage_and_action_does_what_the_table_says(
    stage: FreezeStage, action: FreezeAction
) -> None:
    expected = FREEZE_TRANSITIONS.get((stage, action))
    # What is agreed and has begun is active: only its start still has the stage before it.
    starts = NOON - DAY if action is FreezeAction.ACTIVATE else NOON + DAY
    freeze = replace(FREEZE, stage=stage, starts=starts)

    if expected is None:
        with pytest.raises(MoveRefused) as refused:
            move_freeze(freeze, action, asked=ASKED)
        assert [each.code for each in refused.value.obstacles] == ["freeze.wrong_stage"]
    else:
        assert move_freeze(freeze, action, asked=ASKED).stage is expected
    assert (action in freeze_actions_from(stage)) is (expected is not None)


@pytest.mark.parametrize(
    ("stage", "at", "stands"),
    [
        (FreezeStage.PROPOSED, NOON, FreezeStage.PROPOSED),
        (FreezeStage.AGREED, NOON - DAY - timedelta(seconds=1), FreezeStage.AGREED),
        (FreezeStage.AGREED, NOON - DAY, FreezeStage.ACTIVE),
        (FreezeStage.AGREED, NOON + 10 * DAY, FreezeStage.ENDED),
        (FreezeStage.ACTIVE, NOON + 10 * DAY - timedelta(seconds=1), FreezeStage.ACTIVE),
        (FreezeStage.ACTIVE, NOON + 10 * DAY, FreezeStage.ENDED),
        (FreezeStage.CANCELLED, NOON, FreezeStage.CANCELLED),
    ],
)
def test_what_was_agreed_begins_and_ends_by_itself(
    stage: FreezeStage, at: datetime, stands: FreezeStage
) -> None:
    assert replace(FREEZE, stage=stage).at(at).stage is stands


def test_its_window_has_its_first_instant_and_not_its_last() -> None:
    assert FREEZE.starts is not None
    assert FREEZE.ends is not None

    assert FREEZE.covers(FREEZE.starts)
    assert not FREEZE.covers(FREEZE.ends)
    assert replace(FREEZE, ends=None).covers(NOON + 9999 * DAY)


def test_a_proposal_says_everything_that_it_lacks_at_once() -> None:
    empty = Freeze(key="F-5")

    found = [each.code for each in proposal_obstacles(empty, at=NOON)]

    assert found == ["freeze.no_what", "freeze.no_surface", "freeze.no_start", "freeze.no_end"]


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"ends": NOON - 2 * DAY}, "freeze.ends_before_start"),
        ({"ends": NOON + 400 * DAY}, "freeze.too_long"),
        ({"starts": NOON - 9 * DAY, "ends": NOON}, "freeze.over"),
        ({"surfaces": ()}, "freeze.no_surface"),
    ],
)
def test_nobody_agrees_to_what_is_not_complete(changed: dict[str, object], code: str) -> None:
    assert code in codes(replace(FREEZE, **changed), FreezeAction.AGREE)  # type: ignore[arg-type]


def test_a_test_may_freeze_until_somebody_ends_it() -> None:
    endless = replace(FREEZE, ends=None, source=Source.EXPERIMENT, of="video")

    assert proposal_obstacles(endless, at=NOON) == ()


@pytest.mark.parametrize("action", [FreezeAction.END, FreezeAction.CANCEL])
def test_what_is_protected_is_given_free_with_a_reason_only(action: FreezeAction) -> None:
    active = replace(FREEZE, stage=FreezeStage.ACTIVE)
    silent = replace(ASKED, reason=" ")

    assert codes(active, action, silent) == ["freeze.no_reason"]
    assert codes(active, action, replace(ASKED, reason=None)) == []


def test_engineering_the_lead_or_the_owner_of_the_surface_agrees() -> None:
    owner = standing(Function.MARKETING)
    parts = {Part.OWNER: frozenset({"7"})}

    def by(who: Standing) -> list[str]:
        return codes(FREEZE, FreezeAction.AGREE, replace(ASKED, by=who, parts=parts))

    assert by(standing(Function.ENGINEERING, key="8")) == []
    assert by(standing(Function.CRO_LEAD, key="8")) == []
    assert by(owner) == ["freeze.not_yours_to_agree"]  # of another surface than this
    assert by(standing(Function.MARKETING, key="8")) == ["people.function"]
    assert by(MACHINE) == ["people.machine"]


def test_every_surface_is_its_owners_to_give_and_the_last_agreement_decides() -> None:
    freeze = replace(FREEZE, surfaces=("Checkout", "Home", "Blog"))
    parts = {Part.OWNER: frozenset({"7", "8"})}
    claims = (Claim("checkout", "7", "Ben"), Claim("Home", "8", "Ada"), Claim("Blog"))
    ben, ada = standing(Function.MARKETING), standing(Function.MARKETING, key="8")
    lead = standing(Function.CRO_LEAD, key="9")

    def asks(who: Standing, *agreed: str) -> FreezeAsked:
        kept = tuple(
            replace(each, agreed_by="somebody") if each.surface in agreed else each
            for each in claims
        )
        return replace(ASKED, by=who, parts=parts, claims=kept)

    first = agreeing(freeze, asks(ben))

    assert first.given == ("checkout",)
    assert [each.waits_for for each in first.missing] == ["Ada", "a CRO lead or engineering"]
    assert agreeing(freeze, asks(lead)).given == ("Blog",)
    assert codes(freeze, FreezeAction.AGREE, asks(ben, "checkout")) == ["freeze.not_yours_to_agree"]
    assert move_freeze(freeze, FreezeAction.AGREE, asked=asks(lead, "Home")) == freeze
    last = move_freeze(freeze, FreezeAction.AGREE, asked=asks(ada, "checkout", "Blog"))
    assert last.stage is FreezeStage.AGREED


def test_a_job_writes_down_what_time_has_done() -> None:
    asked = FreezeAsked(at=NOON + 11 * DAY, by=MACHINE)

    active = move_freeze(
        replace(FREEZE, stage=FreezeStage.AGREED), FreezeAction.ACTIVATE, asked=asked
    )
    ended = move_freeze(active, FreezeAction.END, asked=asked)

    assert (active.stage, ended.stage) == (FreezeStage.ACTIVE, FreezeStage.ENDED)
    early = replace(asked, at=NOON - 2 * DAY)
    agreed = replace(FREEZE, stage=FreezeStage.AGREED)
    assert codes(agreed, FreezeAction.ACTIVATE, early) == ["freeze.too_early"]
