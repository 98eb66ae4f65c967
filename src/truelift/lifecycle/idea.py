"""What is done with a proposal until it is a hypothesis, waits, or is let go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from truelift.lifecycle.obstacle import MoveRefused, Obstacle


class IdeaStage(StrEnum):
    """How far an idea has come."""

    SUBMITTED = "submitted"
    SCREENED = "screened"
    SCORED = "scored"
    PROMOTED = "promoted"
    PARKED = "parked"
    REJECTED = "rejected"


class IdeaAction(StrEnum):
    """What can be done to an idea."""

    SCREEN = "screen"
    SCORE = "score"
    PROMOTE = "promote"
    PARK = "park"
    REJECT = "reject"
    TAKE_UP = "take_up"


IDEA_TRANSITIONS: Final[Mapping[tuple[IdeaStage, IdeaAction], IdeaStage]] = MappingProxyType(
    {
        (IdeaStage.SUBMITTED, IdeaAction.SCREEN): IdeaStage.SCREENED,
        (IdeaStage.SUBMITTED, IdeaAction.REJECT): IdeaStage.REJECTED,
        (IdeaStage.SCREENED, IdeaAction.SCORE): IdeaStage.SCORED,
        (IdeaStage.SCREENED, IdeaAction.PARK): IdeaStage.PARKED,
        (IdeaStage.SCREENED, IdeaAction.REJECT): IdeaStage.REJECTED,
        # What is scored again, by another person or framework, stays scored.
        (IdeaStage.SCORED, IdeaAction.SCORE): IdeaStage.SCORED,
        (IdeaStage.SCORED, IdeaAction.PROMOTE): IdeaStage.PROMOTED,
        (IdeaStage.SCORED, IdeaAction.PARK): IdeaStage.PARKED,
        (IdeaStage.SCORED, IdeaAction.REJECT): IdeaStage.REJECTED,
        (IdeaStage.PARKED, IdeaAction.TAKE_UP): IdeaStage.SCREENED,
        (IdeaStage.REJECTED, IdeaAction.TAKE_UP): IdeaStage.SCREENED,
        # Its hypothesis came to nothing: it lets go of it and competes again.
        (IdeaStage.PROMOTED, IdeaAction.TAKE_UP): IdeaStage.SCREENED,
    }
)
"""Every move there is. What is not in this table does not happen."""

OPEN: Final = (IdeaStage.SUBMITTED, IdeaStage.SCREENED, IdeaStage.SCORED)
"""Stages in which an idea still competes for a slot."""

DONE: Final = {
    IdeaAction.SCREEN: "be screened",
    IdeaAction.SCORE: "be scored",
    IdeaAction.PROMOTE: "become a hypothesis",
    IdeaAction.PARK: "be parked",
    IdeaAction.REJECT: "be rejected",
    IdeaAction.TAKE_UP: "be taken up again",
}
"""The move, as it stands after “ID-4 cannot”."""


@dataclass(frozen=True, slots=True)
class Idea:
    """A change that somebody proposes.

    Attributes:
        key: `ID-` and a number that a site counts.
        change: What would be changed.
        problems: Keys of the signals and insights that it answers; without one it is a
            solution that nobody has a problem for, and is ranked last.
        stage: How far it has come.
        hypothesis: Key of the hypothesis that it became; empty while it is none.
        reason: Why it was parked or rejected; empty otherwise.
    """

    key: str
    change: str = ""
    problems: tuple[str, ...] = ()
    stage: IdeaStage = IdeaStage.SUBMITTED
    hypothesis: str = ""
    reason: str = ""

    @property
    def solution_only(self) -> bool:
        """Whether no problem is linked that it would solve."""
        return not any(problem.strip() for problem in self.problems)


def idea_obstacles(
    idea: Idea, action: IdeaAction, *, hypothesis: str = "", reason: str = ""
) -> tuple[Obstacle, ...]:
    """Say what stands in the way of a move; nothing said means it may go ahead.

    Args:
        idea: As it stands.
        action: The step.
        hypothesis: Key of the hypothesis that it becomes; used by `promote` alone.
        reason: Why; used by `park` and `reject` alone.
    """
    if (idea.stage, action) not in IDEA_TRANSITIONS:
        return (
            Obstacle(
                "idea.wrong_stage",
                f"It is {idea.stage}, from where there is no “{action}”.",
                _way_on(idea),
            ),
        )
    found = []
    if not idea.change.strip() and action is not IdeaAction.REJECT:
        found.append(
            Obstacle("idea.no_change", "It does not say what would be changed.", "Say the change.")
        )
    if action is IdeaAction.PROMOTE:
        if idea.solution_only:
            found.append(
                Obstacle(
                    "idea.solution_only",
                    "It is a solution without a problem.",
                    "Link a signal or an insight that it answers.",
                )
            )
        if not hypothesis.strip():
            found.append(
                Obstacle(
                    "idea.no_hypothesis",
                    "No hypothesis is named that it becomes.",
                    "Start the draft from it.",
                )
            )
    if action in {IdeaAction.PARK, IdeaAction.REJECT} and not reason.strip():
        found.append(
            Obstacle(
                "idea.no_reason",
                f"Nobody has said why it is {'parked' if action is IdeaAction.PARK else 'rejected'}"
                ".",
                "Give the reason; whoever sent it will read it.",
            )
        )
    return tuple(found)


def _way_on(idea: Idea) -> str:
    match idea.stage:
        case IdeaStage.SUBMITTED:
            return "Screen it first."
        case IdeaStage.SCREENED:
            return "Score it first."
        case IdeaStage.SCORED:
            return "Promote, park or reject it."
        case IdeaStage.PROMOTED:
            return f"Go on with {idea.hypothesis or 'its hypothesis'}."
        case IdeaStage.PARKED | IdeaStage.REJECTED:
            return "Take it up again first."


def move_idea(idea: Idea, action: IdeaAction, *, hypothesis: str = "", reason: str = "") -> Idea:
    """Take one step, or refuse it with every reason at once.

    Args:
        idea: As it stands.
        action: The step.
        hypothesis: Key of the hypothesis that it becomes; used by `promote` alone.
        reason: Why; used by `park` and `reject` alone.

    Raises:
        MoveRefused: The table has no such step, or something that it needs is missing.
    """
    found = idea_obstacles(idea, action, hypothesis=hypothesis, reason=reason)
    if found:
        raise MoveRefused(subject=idea.key, action=DONE[action], obstacles=found)
    promoted = hypothesis.strip() if action is IdeaAction.PROMOTE else ""
    told = reason.strip() if action in {IdeaAction.PARK, IdeaAction.REJECT} else ""
    return replace(
        idea, stage=IDEA_TRANSITIONS[idea.stage, action], hypothesis=promoted, reason=told
    )
