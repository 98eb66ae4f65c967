"""What a hypothesis must say before anybody spends traffic on it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from truelift.lifecycle.obstacle import MoveRefused, Obstacle


class HypothesisStage(StrEnum):
    """How far a hypothesis has come."""

    DRAFT = "draft"
    ACCEPTED = "accepted"
    TESTED = "tested"


class HypothesisAction(StrEnum):
    """What can be done to a hypothesis."""

    ACCEPT = "accept"
    TEST = "test"


class Direction(StrEnum):
    """Where the metric is expected to go."""

    INCREASE = "increase"
    DECREASE = "decrease"


class Finding(StrEnum):
    """What a test said about a hypothesis."""

    SUPPORTED = "supported"
    CONTRADICTED = "contradicted"
    UNRESOLVED = "unresolved"


HYPOTHESIS_TRANSITIONS: Final[
    Mapping[tuple[HypothesisStage, HypothesisAction], HypothesisStage]
] = MappingProxyType(
    {
        (HypothesisStage.DRAFT, HypothesisAction.ACCEPT): HypothesisStage.ACCEPTED,
        (HypothesisStage.ACCEPTED, HypothesisAction.TEST): HypothesisStage.TESTED,
        # A second test of the same hypothesis replaces what the first one found.
        (HypothesisStage.TESTED, HypothesisAction.TEST): HypothesisStage.TESTED,
    }
)
"""Every move there is. What is not in this table does not happen."""


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """A change, for whom, what it should do and why, with the number to hold it to.

    Attributes:
        key: `H-` and a number that a site counts.
        change: What is changed; follows "If we".
        audience: For whom; follows "for".
        outcome: What they will do; a clause, as "more of them will order".
        reason: Why; follows "because".
        metric: Key of the metric that should move.
        direction: Where it should move; None when nobody has said.
        expected_lift: Expected relative effect, above 0, as 0.05 for 5%; or None.
        evidence: Keys of the insights that support it.
        stage: How far it has come.
        finding: What the latest test said; None before one.
    """

    key: str
    change: str = ""
    audience: str = ""
    outcome: str = ""
    reason: str = ""
    metric: str = ""
    direction: Direction | None = None
    expected_lift: float | None = None
    evidence: tuple[str, ...] = ()
    stage: HypothesisStage = HypothesisStage.DRAFT
    finding: Finding | None = None

    @property
    def sentence(self) -> str:
        """The hypothesis as a person would say it; rendered from its parts, never typed."""
        change = _clause(self.change, verb=True) or "…"
        audience = _clause(self.audience) or "…"
        outcome = _clause(self.outcome) or "…"
        reason = _clause(self.reason) or "…"
        return f"If we {change} for {audience}, {outcome}, because {reason}."


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Who wants to accept a hypothesis.

    Attributes:
        by_author: Whether they wrote it themselves.
        others: Names of the people who could judge it instead.
        reason: Why they accept their own. None means that it will be given with the move:
            a screen asks so; a move itself never passes it.
    """

    by_author: bool = False
    others: tuple[str, ...] = ()
    reason: str | None = None

    @property
    def needs_reason(self) -> bool:
        """Whether the author may accept it, because nobody else can, but has to say why."""
        return self.by_author and not self.others


_BY_SOMEBODY_ELSE: Final = Acceptance()

_PARTS: Final = (
    ("change", "It does not say what would be changed.", "Say the change."),
    ("audience", "It does not say for whom.", "Name the audience or segment."),
    ("outcome", "It does not say what visitors would do.", "Say the expected outcome."),
    (
        "reason",
        "It does not say why that should happen.",
        "Give the reason, from data or research.",
    ),
    ("metric", "No metric is named that would show it.", "Choose a metric."),
)

_OPINION: Final = re.compile(
    r"^\s*(because\s+)?(we|i)\s+(think|believe|feel|guess)\b", re.IGNORECASE
)


def hypothesis_obstacles(
    hypothesis: Hypothesis,
    action: HypothesisAction,
    *,
    acceptance: Acceptance = _BY_SOMEBODY_ELSE,
) -> tuple[Obstacle, ...]:
    """Say what stands in the way of a move; nothing said means it may go ahead.

    Args:
        hypothesis: As it stands.
        action: The step.
        acceptance: Who accepts; used by `accept` alone.
    """
    if (hypothesis.stage, action) not in HYPOTHESIS_TRANSITIONS:
        return (
            Obstacle(
                "hypothesis.wrong_stage",
                f"It is {hypothesis.stage}, from where there is no “{action}”.",
                "Accept it first."
                if hypothesis.stage is HypothesisStage.DRAFT
                else "Nothing needs to be done.",
            ),
        )
    if action is HypothesisAction.TEST:
        return ()
    found = [
        Obstacle(f"hypothesis.no_{part}", sentence, remedy)
        for part, sentence, remedy in _PARTS
        if not getattr(hypothesis, part).strip()
    ]
    if hypothesis.direction is None:
        found.append(
            Obstacle(
                "hypothesis.no_direction",
                "It does not say whether the metric goes up or down.",
                "Choose a direction.",
            )
        )
    lift = hypothesis.expected_lift
    if lift is None or not math.isfinite(lift) or lift <= 0:
        found.append(
            Obstacle(
                "hypothesis.no_expected_lift",
                "It does not say how large the effect should be.",
                "Give the expected relative change, for example 5%.",
            )
        )
    if not hypothesis.evidence:
        opinion = _OPINION.match(hypothesis.reason) is not None
        found.append(
            Obstacle(
                "hypothesis.no_evidence",
                "Its reason is an opinion that no evidence supports."
                if opinion
                else "No insight supports it.",
                "Link at least one insight.",
            )
        )
    if acceptance.by_author and acceptance.others:
        found.append(
            Obstacle(
                "hypothesis.own",
                "Nobody accepts what they wrote themselves.",
                f"Ask {_one_of(acceptance.others)}.",
            )
        )
    elif (
        acceptance.needs_reason and acceptance.reason is not None and not acceptance.reason.strip()
    ):
        found.append(
            Obstacle(
                "hypothesis.own_without_reason",
                "You wrote it yourself, and nobody else here can judge it.",
                "Say why it should be tested all the same.",
            )
        )
    return tuple(found)


def _one_of(names: tuple[str, ...]) -> str:
    """Name those who could be asked, three at most."""
    *before, last = names[:3]
    return f"{', '.join(before)} or {last}" if before else last


def move_hypothesis(
    hypothesis: Hypothesis,
    action: HypothesisAction,
    *,
    finding: Finding | None = None,
    acceptance: Acceptance = _BY_SOMEBODY_ELSE,
) -> Hypothesis:
    """Take one step, or refuse it with every reason at once.

    Args:
        hypothesis: As it stands.
        action: The step.
        finding: What the test said; used by `test` alone.
        acceptance: Who accepts; used by `accept` alone.

    Raises:
        MoveRefused: The table has no such step, the hypothesis is not complete, or its author
            may not accept it.
    """
    given = replace(acceptance, reason=acceptance.reason or "")
    found = hypothesis_obstacles(hypothesis, action, acceptance=given)
    if found:
        raise MoveRefused(subject=hypothesis.key, action=f"be {action}ed", obstacles=found)
    after = replace(hypothesis, stage=HYPOTHESIS_TRANSITIONS[hypothesis.stage, action])
    if action is HypothesisAction.TEST:
        after = replace(after, finding=finding)
    return after


_OPENINGS: Final = ("If we ", "if we ", "Because ", "because ", "For ", "for ")

_SMALL_WORDS: Final = frozenset(
    {
        "a",
        "all",
        "an",
        "customers",
        "every",
        "fewer",
        "it",
        "less",
        "many",
        "more",
        "most",
        "no",
        "nobody",
        "people",
        "shoppers",
        "some",
        "that",
        "the",
        "their",
        "there",
        "they",
        "this",
        "users",
        "visitors",
        "when",
    }
)
"""First words that are never names, so that they may lose their capital."""


def _clause(text: str, *, verb: bool = False) -> str:
    """Take a part as it fits into the middle of the sentence."""
    trimmed = text.strip().rstrip(".")
    for opening in _OPENINGS:
        trimmed = trimmed.removeprefix(opening)
    first = trimmed.split(" ", 1)[0]
    # "PayPal" and "German visitors" keep their capitals; "Show" and "More" lose theirs.
    if first.istitle() and (verb or first.lower() in _SMALL_WORDS):
        trimmed = trimmed[0].lower() + trimmed[1:]
    return trimmed
