"""What each stage of each kind of item is called on pages: one word for a stage, everywhere."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from truelift.lifecycle.experiment import Stage
from truelift.lifecycle.freeze import FreezeStage
from truelift.lifecycle.functions import Item
from truelift.lifecycle.hypothesis import HypothesisStage
from truelift.lifecycle.idea import IdeaStage
from truelift.lifecycle.insight import InsightStage
from truelift.lifecycle.rollout import RolloutStage
from truelift.lifecycle.signal import SignalStage


STAGE_WORDS: Final[Mapping[Item, Mapping[str, str]]] = MappingProxyType(
    {
        Item.SIGNAL: {
            SignalStage.NEW: "New",
            SignalStage.TRIAGED: "Triaged, to decide",
            SignalStage.LINKED: "Part of a finding",
            SignalStage.DISMISSED: "Dismissed",
            SignalStage.SNOOZED: "Snoozed",
        },
        Item.INSIGHT: {
            InsightStage.DRAFT: "Draft",
            InsightStage.ACCEPTED: "Accepted",
            InsightStage.STALE: "Stale",
            InsightStage.RETIRED: "Retired",
        },
        Item.IDEA: {
            IdeaStage.SUBMITTED: "To screen",
            IdeaStage.SCREENED: "To score",
            IdeaStage.SCORED: "Scored",
            IdeaStage.PROMOTED: "Became a hypothesis",
            IdeaStage.PARKED: "Parked",
            IdeaStage.REJECTED: "Rejected",
        },
        Item.HYPOTHESIS: {
            HypothesisStage.DRAFT: "Draft",
            HypothesisStage.READY_FOR_REVIEW: "In review",
            HypothesisStage.ACCEPTED: "Accepted",
            HypothesisStage.TESTED: "Tested",
        },
        Item.EXPERIMENT: {
            Stage.BRIEFED: "Brief",
            Stage.DESIGNED: "Designed",
            Stage.BUILD: "Being built",
            Stage.QA: "In QA",
            Stage.READY: "Ready to launch",
            Stage.SCHEDULED: "Scheduled",
            Stage.RUNNING: "Running",
            Stage.PAUSED: "Paused",
            Stage.STOPPED: "Waits for its analysis",
            Stage.ANALYSED: "Waits for a decision",
            Stage.DECIDED: "Waits for its learning",
            Stage.LEARNED: "Learned",
            Stage.CLOSED: "Closed",
            Stage.INVALID: "Invalid",
        },
        Item.ROLLOUT: {
            RolloutStage.PLANNED: "Planned",
            RolloutStage.IN_PROGRESS: "In progress",
            RolloutStage.LIVE: "Live, not verified",
            RolloutStage.VERIFIED: "Verified",
            RolloutStage.CLEANED_UP: "Cleaned up",
            RolloutStage.ABANDONED: "Abandoned",
        },
        Item.FREEZE: {
            FreezeStage.PROPOSED: "Proposed",
            FreezeStage.AGREED: "Agreed",
            FreezeStage.ACTIVE: "Active",
            FreezeStage.ENDED: "Ended",
            FreezeStage.CANCELLED: "Cancelled",
        },
    }
)
"""Kind of item and stage, as they stand alone: in a list, on the board, in a filter."""


def stage_word(item: str, stage: str) -> str:
    """Give the word for a stage; what has no stages of its own keeps what it is called."""
    words = STAGE_WORDS.get(Item(item), {}) if item in set(Item) else {}
    return words.get(stage) or stage.replace("_", " ").capitalize()


def stage_within(item: str, stage: str) -> str:
    """Give the word for a stage inside a sentence: without its capital."""
    word = stage_word(item, stage)
    return word[:1].lower() + word[1:]
