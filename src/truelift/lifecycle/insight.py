"""When a finding is good enough to build a hypothesis on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from truelift.lifecycle.obstacle import MoveRefused, Obstacle


class InsightStage(StrEnum):
    """How far an insight has come."""

    DRAFT = "draft"
    ACCEPTED = "accepted"


class InsightAction(StrEnum):
    """What can be done to an insight."""

    ACCEPT = "accept"


INSIGHT_TRANSITIONS: Final[Mapping[tuple[InsightStage, InsightAction], InsightStage]] = (
    MappingProxyType({(InsightStage.DRAFT, InsightAction.ACCEPT): InsightStage.ACCEPTED})
)
"""Every move there is. What is not in this table does not happen."""


@dataclass(frozen=True, slots=True)
class Insight:
    """What was found to be wrong, where, for whom and how large it is.

    Attributes:
        key: `I-` and a number that a site counts.
        problem: What goes wrong for the visitor, one sentence.
        surface: The page or place where it happens.
        segment: For whom it happens.
        size: How many people or how much money, in words with a number.
        evidence: What supports it: references that a reader can follow.
        stage: How far it has come.
    """

    key: str
    problem: str = ""
    surface: str = ""
    segment: str = ""
    size: str = ""
    evidence: tuple[str, ...] = ()
    stage: InsightStage = InsightStage.DRAFT


_PARTS: Final = (
    ("problem", "It does not say what the problem is.", "State the problem in one sentence."),
    ("surface", "It does not say where the problem is.", "Name the page or place."),
    ("segment", "It does not say whom the problem concerns.", "Name the segment, or “everyone”."),
    ("size", "Nobody has said how large it is.", "Give the number of people or the money."),
)


def insight_obstacles(insight: Insight, action: InsightAction) -> tuple[Obstacle, ...]:
    """Say what stands in the way of a move; nothing said means it may go ahead."""
    if (insight.stage, action) not in INSIGHT_TRANSITIONS:
        return (
            Obstacle(
                "insight.wrong_stage",
                f"It is {insight.stage}, from where there is no “{action}”.",
                "Nothing needs to be done.",
            ),
        )
    found = [
        Obstacle(f"insight.no_{part}", sentence, remedy)
        for part, sentence, remedy in _PARTS
        if not getattr(insight, part).strip()
    ]
    if not any(text.strip() for text in insight.evidence):
        found.append(
            Obstacle(
                "insight.no_evidence",
                "Nothing supports it yet.",
                "Add at least one piece of evidence.",
            )
        )
    return tuple(found)


def move_insight(insight: Insight, action: InsightAction) -> Insight:
    """Take one step, or refuse it with every reason at once.

    Raises:
        MoveRefused: The table has no such step, or the insight is not complete.
    """
    found = insight_obstacles(insight, action)
    if found:
        raise MoveRefused(subject=insight.key, action=f"be {action}ed", obstacles=found)
    return replace(insight, stage=INSIGHT_TRANSITIONS[insight.stage, action])
