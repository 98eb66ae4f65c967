"""What is done with something that somebody noticed, until it is a finding or is let go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from truelift.lifecycle.obstacle import MoveRefused, Obstacle


class SignalStage(StrEnum):
    """How far a signal has come."""

    NEW = "new"
    TRIAGED = "triaged"
    LINKED = "linked"
    DISMISSED = "dismissed"
    SNOOZED = "snoozed"


class SignalAction(StrEnum):
    """What can be done to a signal."""

    TRIAGE = "triage"
    LINK = "link"
    UNLINK = "unlink"
    DISMISS = "dismiss"
    REOPEN = "reopen"
    SNOOZE = "snooze"
    WAKE = "wake"


SIGNAL_TRANSITIONS: Final[Mapping[tuple[SignalStage, SignalAction], SignalStage]] = (
    MappingProxyType(
        {
            (SignalStage.NEW, SignalAction.TRIAGE): SignalStage.TRIAGED,
            (SignalStage.TRIAGED, SignalAction.LINK): SignalStage.LINKED,
            (SignalStage.TRIAGED, SignalAction.DISMISS): SignalStage.DISMISSED,
            (SignalStage.TRIAGED, SignalAction.SNOOZE): SignalStage.SNOOZED,
            (SignalStage.SNOOZED, SignalAction.WAKE): SignalStage.TRIAGED,
            (SignalStage.LINKED, SignalAction.UNLINK): SignalStage.TRIAGED,
            (SignalStage.DISMISSED, SignalAction.REOPEN): SignalStage.TRIAGED,
        }
    )
)
"""Every move there is. What is not in this table does not happen."""

DONE: Final = {
    SignalAction.TRIAGE: "be triaged",
    SignalAction.LINK: "be linked",
    SignalAction.UNLINK: "be unlinked",
    SignalAction.DISMISS: "be dismissed",
    SignalAction.REOPEN: "be reopened",
    SignalAction.SNOOZE: "be snoozed",
    SignalAction.WAKE: "be taken back",
}
"""The move, as it stands after “S-4 cannot”."""


@dataclass(frozen=True, slots=True)
class Signal:
    """Something that somebody noticed and passed on.

    Attributes:
        key: `S-` and a number that a site counts.
        title: What was noticed, in a line.
        stage: How far it has come, as it was last written down.
        insight: Key of the insight that it became part of; empty while it is none.
        reason: Why it was dismissed; empty otherwise.
        until: When it comes back from being snoozed; None unless it is snoozed.
    """

    key: str
    title: str = ""
    stage: SignalStage = SignalStage.NEW
    insight: str = ""
    reason: str = ""
    until: datetime | None = None

    def at(self, now: datetime) -> Signal:
        """Give the signal as it stands at a moment: what was snoozed is back once its day is here.

        Nobody has to wake it, and no job either.
        """
        if self.stage is SignalStage.SNOOZED and (self.until is None or self.until <= now):
            return replace(self, stage=SignalStage.TRIAGED, until=None)
        return self


def signal_obstacles(
    signal: Signal,
    action: SignalAction,
    *,
    now: datetime,
    insight: str = "",
    reason: str = "",
    until: datetime | None = None,
) -> tuple[Obstacle, ...]:
    """Say what stands in the way of a move; nothing said means it may go ahead.

    Args:
        signal: As it was last written down.
        action: The step.
        now: The moment.
        insight: Key of the insight; used by `link` alone.
        reason: Why it deserves no finding; used by `dismiss` alone.
        until: When it should come back; used by `snooze` alone.
    """
    stage = signal.at(now).stage
    if (stage, action) not in SIGNAL_TRANSITIONS:
        return (
            Obstacle(
                "signal.wrong_stage",
                f"It is {stage}, from where there is no “{action}”.",
                _way_on(stage),
            ),
        )
    found = []
    if not signal.title.strip() and action is not SignalAction.DISMISS:
        found.append(
            Obstacle(
                "signal.no_title",
                "It does not say what was noticed.",
                "Give it a title, or dismiss it.",
            )
        )
    if action is SignalAction.LINK and not insight.strip():
        found.append(
            Obstacle(
                "signal.no_insight",
                "No finding is named that it belongs to.",
                "Choose an insight, or start one from it.",
            )
        )
    if action is SignalAction.DISMISS and not reason.strip():
        found.append(
            Obstacle(
                "signal.no_reason",
                "Nobody has said why it deserves no finding.",
                "Give the reason; whoever sent it will read it.",
            )
        )
    if action is SignalAction.SNOOZE and until is None:
        found.append(
            Obstacle("signal.no_day", "Nobody has said when it comes back.", "Choose a day.")
        )
    elif action is SignalAction.SNOOZE and until is not None and until <= now:
        found.append(
            Obstacle(
                "signal.day_gone",
                "The day on which it would come back is not in the future.",
                "Choose a later day, or decide now.",
            )
        )
    return tuple(found)


def _way_on(stage: SignalStage) -> str:
    match stage:
        case SignalStage.NEW:
            return "Triage it first."
        case SignalStage.TRIAGED:
            return "Link, snooze or dismiss it."
        case SignalStage.LINKED:
            return "Unlink it first."
        case SignalStage.DISMISSED:
            return "Reopen it first."
        case SignalStage.SNOOZED:
            return "Take it back first, or wait for its day."


def move_signal(
    signal: Signal,
    action: SignalAction,
    *,
    now: datetime,
    insight: str = "",
    reason: str = "",
    until: datetime | None = None,
) -> Signal:
    """Take one step, or refuse it with every reason at once.

    Args:
        signal: As it was last written down.
        action: The step.
        now: The moment.
        insight: Key of the insight; used by `link` alone.
        reason: Why it deserves no finding; used by `dismiss` alone.
        until: When it should come back; used by `snooze` alone.

    Raises:
        MoveRefused: The table has no such step, or something that it needs is missing.
    """
    found = signal_obstacles(signal, action, now=now, insight=insight, reason=reason, until=until)
    if found:
        raise MoveRefused(subject=signal.key, action=DONE[action], obstacles=found)
    return replace(
        signal,
        stage=SIGNAL_TRANSITIONS[signal.at(now).stage, action],
        insight=insight.strip() if action is SignalAction.LINK else "",
        reason=reason.strip() if action is SignalAction.DISMISS else "",
        until=until if action is SignalAction.SNOOZE else None,
    )
