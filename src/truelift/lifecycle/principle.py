"""What makes a principle: which tests support it, which contradict it, and where it stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from truelift.lifecycle.obstacle import MoveRefused, Obstacle


class Reading(StrEnum):
    """What one test says of a principle."""

    SUPPORTS = "supports"
    CONTRADICTS = "contradicts"
    CANNOT_SAY = "cannot_say"
    INVALID = "invalid"

    @property
    def called(self) -> str:
        """The reading as it stands in a table."""
        return {
            Reading.SUPPORTS: "Supports",
            Reading.CONTRADICTS: "Contradicts",
            Reading.CANNOT_SAY: "Not conclusive",
            Reading.INVALID: "Invalid, not counted",
        }[self]


class PrincipleStatus(StrEnum):
    """How far a principle can be relied on."""

    PROPOSED = "proposed"
    SUPPORTED = "supported"
    CONTESTED = "contested"
    RETIRED = "retired"

    @property
    def meaning(self) -> str:
        """What it says, for the person who reads it."""
        return {
            PrincipleStatus.PROPOSED: "too few tests support it yet",
            PrincipleStatus.SUPPORTED: "tests support it and none contradicts it",
            PrincipleStatus.CONTESTED: "a test contradicts it",
            PrincipleStatus.RETIRED: "nobody builds on it any more",
        }[self]


SUPPORTED_FROM: Final = 2
"""One test is a learning; from this many on it is a principle that tests support."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A test that applied a principle, or did the opposite.

    Attributes:
        key: Of the experiment.
        low: Lower end of its effect's interval, more is better; None where it has no effect.
        high: Upper end.
        applied: Whether the treatment did what the principle says; False: the opposite, so
            that a loss speaks for it.
        valid: Whether its result may be used at all (R075).
    """

    key: str
    low: float | None = None
    high: float | None = None
    applied: bool = True
    valid: bool = True

    @property
    def reading(self) -> Reading:
        """What it says of the principle; an interval that reaches over zero says nothing."""
        if not self.valid:
            return Reading.INVALID
        if self.low is None or self.high is None:
            return Reading.CANNOT_SAY
        low, high = (self.low, self.high) if self.applied else (-self.high, -self.low)
        if low > 0:
            return Reading.SUPPORTS
        return Reading.CONTRADICTS if high < 0 else Reading.CANNOT_SAY


def status_of(readings: Sequence[Reading], *, retired: bool = False) -> PrincipleStatus:
    """Say where a principle stands by what its tests say; invalid ones never count."""
    if retired:
        return PrincipleStatus.RETIRED
    if Reading.CONTRADICTS in readings:
        return PrincipleStatus.CONTESTED
    if sum(each is Reading.SUPPORTS for each in readings) >= SUPPORTED_FROM:
        return PrincipleStatus.SUPPORTED
    return PrincipleStatus.PROPOSED


class PrincipleAction(StrEnum):
    """What a person can do to a principle; its tests do the rest."""

    ACCEPT = "accept"
    RETIRE = "retire"
    RESTORE = "restore"


DONE: Final = {
    PrincipleAction.ACCEPT: "be accepted",
    PrincipleAction.RETIRE: "be retired",
    PrincipleAction.RESTORE: "be restored",
}


@dataclass(frozen=True, slots=True)
class Principle:
    """A rule of thumb that tests speak for or against.

    Attributes:
        machine: A machine drafted it and no person has accepted it yet.
        retired: Somebody put it away.
    """

    key: str
    statement: str = ""
    scope: str = ""
    machine: bool = False
    retired: bool = False


def principle_obstacles(
    principle: Principle, action: PrincipleAction, *, person: bool, reason: str | None = None
) -> tuple[Obstacle, ...]:
    """Say everything that stands in the way of a step.

    Args:
        principle: As it stands.
        action: The step.
        person: Whether a named person takes it, and not a machine.
        reason: Why; None when that will be asked.
    """
    found = []
    if not person:
        found.append(
            Obstacle(
                "principle.no_person",
                "Nobody is named who takes this step.",
                "Let a person do it; at the command line, name one with --as.",
            )
        )
    match action:
        case PrincipleAction.ACCEPT:
            if not principle.machine:
                found.append(
                    Obstacle(
                        "principle.no_draft",
                        "It is no draft of a machine.",
                        "There is nothing to accept; its tests say where it stands.",
                    )
                )
        case PrincipleAction.RETIRE:
            if principle.retired:
                found.append(
                    Obstacle("principle.retired", "It is retired already.", "Leave it there.")
                )
            if reason is not None and not reason.strip():
                found.append(
                    Obstacle(
                        "principle.retired_without_reason",
                        "Nobody has said why.",
                        "Give the reason; whoever meets it in an old brief will read it.",
                    )
                )
        case PrincipleAction.RESTORE:
            if not principle.retired:
                found.append(
                    Obstacle("principle.not_retired", "It is in use.", "There is nothing to do.")
                )
    return tuple(found)


def move_principle(
    principle: Principle, action: PrincipleAction, *, person: bool, reason: str = ""
) -> None:
    """Let a step through, or refuse it with every reason at once.

    Raises:
        MoveRefused: Something stands in its way.
    """
    found = principle_obstacles(principle, action, person=person, reason=reason)
    if found:
        raise MoveRefused(subject=principle.key, action=DONE[action], obstacles=found)
