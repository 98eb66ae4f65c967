"""What may be done with a signal, and when it comes back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from truelift.lifecycle.obstacle import MoveRefused
from truelift.lifecycle.signal import (
    SIGNAL_TRANSITIONS,
    Signal,
    SignalAction,
    SignalStage,
    move_signal,
    signal_obstacles,
)


NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
LATER = NOON + timedelta(days=7)
NOTICED = Signal(key="S-1", title="Many ask where their parcel is", until=LATER)


@pytest.mark.parametrize(("stage", "action"), list(product(SignalStage, SignalAction)))
def test_every_pair_of_stage_and_action_does_what_the_table_says(
    stage: SignalStage, action: SignalAction
) -> None:
    expected = SIGNAL_TRANSITIONS.get((stage, action))
    signal = replace(NOTICED, stage=stage)
    given = {"insight": "I-1", "reason": "Known", "until": LATER}

    if expected is None:
        with pytest.raises(MoveRefused):
            move_signal(signal, action, now=NOON, **given)  # type: ignore[arg-type]
    else:
        after = move_signal(signal, action, now=NOON, **given)  # type: ignore[arg-type]
        assert after.stage is expected
        assert (after.insight == "I-1") is (action is SignalAction.LINK)
        assert (after.reason == "Known") is (action is SignalAction.DISMISS)
        assert (after.until == LATER) is (action is SignalAction.SNOOZE)


@pytest.mark.parametrize(
    ("action", "code"),
    [
        (SignalAction.LINK, "signal.no_insight"),
        (SignalAction.DISMISS, "signal.no_reason"),
        (SignalAction.SNOOZE, "signal.no_day"),
    ],
)
def test_each_guard_alone_gives_exactly_its_reason(action: SignalAction, code: str) -> None:
    signal = replace(NOTICED, stage=SignalStage.TRIAGED)

    said = signal_obstacles(signal, action, now=NOON, insight=" ", reason=" ")

    assert [each.code for each in said] == [code]


def test_a_refusal_gives_every_reason_at_once() -> None:
    said = signal_obstacles(
        Signal(key="S-1", stage=SignalStage.TRIAGED), SignalAction.SNOOZE, now=NOON, until=NOON
    )

    assert [each.code for each in said] == ["signal.no_title", "signal.day_gone"]


def test_what_was_snoozed_is_back_on_its_day_without_anybody_doing_anything() -> None:
    asleep = move_signal(
        replace(NOTICED, stage=SignalStage.TRIAGED), SignalAction.SNOOZE, now=NOON, until=LATER
    )

    assert asleep.at(LATER - timedelta(seconds=1)).stage is SignalStage.SNOOZED
    assert asleep.at(LATER).stage is SignalStage.TRIAGED
    assert move_signal(asleep, SignalAction.DISMISS, now=LATER, reason="Gone").reason == "Gone"
    with pytest.raises(MoveRefused, match="Take it back first"):
        move_signal(asleep, SignalAction.DISMISS, now=NOON, reason="Gone")
