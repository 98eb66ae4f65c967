"""What a hypothesis must say before anybody spends traffic on it."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from truelift.lifecycle.functions import (
    ANYBODY,
    Item,
    Standing,
    people_obstacles,
)
from truelift.lifecycle.hypothesis_lint import Lint, lint
from truelift.lifecycle.insight import Evidence, EvidenceKind, Grade, grade_of
from truelift.lifecycle.obstacle import MoveRefused, Obstacle
from truelift.lifecycle.policy import USUAL_POLICY, Policy


class HypothesisStage(StrEnum):
    """How far a hypothesis has come."""

    DRAFT = "draft"
    READY_FOR_REVIEW = "ready_for_review"
    ACCEPTED = "accepted"
    TESTED = "tested"


class HypothesisAction(StrEnum):
    """What can be done to a hypothesis."""

    SUBMIT = "submit"
    RETURN = "return"
    ACCEPT = "accept"
    TEST = "test"


class Direction(StrEnum):
    """Where the metric is expected to go."""

    INCREASE = "increase"
    DECREASE = "decrease"


class WhyAgain(StrEnum):
    """Why something is tried that is much like earlier work (R061)."""

    NEW_AUDIENCE = "new_audience"
    NEW_CONTEXT = "new_context"
    UNDERPOWERED = "underpowered"
    OTHER = "other"

    @property
    def called(self) -> str:
        """The reason as it stands on a page."""
        return {
            WhyAgain.NEW_AUDIENCE: "It is for another audience",
            WhyAgain.NEW_CONTEXT: "Something else has changed since",
            WhyAgain.UNDERPOWERED: "The earlier test had too few visitors",
            WhyAgain.OTHER: "Another reason",
        }[self]


class Finding(StrEnum):
    """What a test said about a hypothesis."""

    SUPPORTED = "supported"
    CONTRADICTED = "contradicted"
    UNRESOLVED = "unresolved"


HYPOTHESIS_TRANSITIONS: Final[
    Mapping[tuple[HypothesisStage, HypothesisAction], HypothesisStage]
] = MappingProxyType(
    {
        (HypothesisStage.DRAFT, HypothesisAction.SUBMIT): HypothesisStage.READY_FOR_REVIEW,
        (HypothesisStage.READY_FOR_REVIEW, HypothesisAction.RETURN): HypothesisStage.DRAFT,
        (HypothesisStage.READY_FOR_REVIEW, HypothesisAction.ACCEPT): HypothesisStage.ACCEPTED,
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
        pieces: What these insights rest on; nothing of an insight that only a machine wrote.
        surface: The page or place that is changed.
        element: The part of the page.
        learnings: Keys of the learnings that it cites.
        adds_pressure: Whether it presses people: its test then needs a guardrail for the
            customer's experience.
        machine: Whether a machine drafted it.
        alike: Keys of earlier work that is much the same.
        answered: Keys of the earlier work about which somebody has said why it is tried again.
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
    pieces: tuple[Evidence, ...] = ()
    surface: str = ""
    element: str = ""
    learnings: tuple[str, ...] = ()
    adds_pressure: bool = False
    machine: bool = False
    alike: tuple[str, ...] = ()
    answered: frozenset[str] = frozenset()
    stage: HypothesisStage = HypothesisStage.DRAFT
    finding: Finding | None = None

    @property
    def grade(self) -> Grade:
        """How much its evidence carries; E is an opinion (R138)."""
        return grade_of(self.pieces)

    @property
    def unanswered(self) -> tuple[str, ...]:
        """Earlier work that is much the same, and about which nobody has said why again."""
        return tuple(key for key in self.alike if key not in self.answered)

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
    by: Standing = ANYBODY,
    policy: Policy = USUAL_POLICY,
    metrics: Collection[str] | None = None,
    reason: str | None = None,
) -> tuple[Obstacle, ...]:
    """Say what stands in the way of a move; nothing said means it may go ahead.

    Args:
        hypothesis: As it stands.
        action: The step.
        acceptance: Who accepts; used by `accept` alone.
        by: Who would take the step.
        policy: What the programme has agreed on.
        metrics: Keys of the metrics that the site measures; None when nobody has looked.
        reason: Why it is returned; None means that it will be given with the move.
    """
    to = HYPOTHESIS_TRANSITIONS.get((hypothesis.stage, action))
    if to is None:
        return (
            Obstacle(
                "hypothesis.wrong_stage",
                f"It is {hypothesis.stage.replace('_', ' ')}, from where there is no “{action}”.",
                _BEFORE.get(hypothesis.stage, "Nothing needs to be done."),
            ),
        )
    found: list[Obstacle] = []
    if action in {HypothesisAction.SUBMIT, HypothesisAction.ACCEPT}:
        found += _incomplete(hypothesis)
    if action is HypothesisAction.ACCEPT:
        found += _little_evidence(hypothesis, policy)
        found += _repeated(hypothesis)
        found += _weak(lint(hypothesis, policy=policy, metrics=metrics))
        found += _own(acceptance)
    if action is HypothesisAction.RETURN and reason is not None and not reason.strip():
        found.append(
            Obstacle(
                "hypothesis.returned_without_reason",
                "Nobody says what its author should change.",
                "Say what is missing.",
            )
        )
    return tuple(found) + people_obstacles(Item.HYPOTHESIS, to, by=by, central=policy.central)


_BEFORE: Final[Mapping[HypothesisStage, str]] = MappingProxyType(
    {
        HypothesisStage.DRAFT: "Give it to review first.",
        HypothesisStage.READY_FOR_REVIEW: "Accept it first.",
    }
)


def _incomplete(hypothesis: Hypothesis) -> list[Obstacle]:
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
    return found


def _little_evidence(hypothesis: Hypothesis, policy: Policy) -> list[Obstacle]:
    """Say what the programme's mode asks for beyond one insight (R007)."""
    if not hypothesis.evidence:
        return []
    carrying = [each for each in hypothesis.pieces if each.carries]
    if len(carrying) < policy.pieces_needed:
        return [
            Obstacle(
                "hypothesis.little_evidence",
                f"{_pieces(len(carrying))} of evidence carries it; this programme asks for"
                f" {policy.pieces_needed}.",
                "Link another insight, or add evidence to one.",
            )
        ]
    if policy.both_sorts_needed and not (
        any(each.kind.quantitative for each in carrying)
        and any(each.kind.qualitative for each in carrying)
    ):
        counted = any(each.kind.quantitative for each in carrying)
        return [
            Obstacle(
                "hypothesis.one_sort_of_evidence",
                "Its evidence is counted, and nobody has heard why."
                if counted
                else "Nothing says how many it concerns."
                if any(each.kind.qualitative for each in carrying)
                else "Its evidence is neither counted nor said by customers.",
                "Link an insight with what customers say or do."
                if counted
                else "Link an insight with numbers.",
            )
        ]
    return []


def _repeated(hypothesis: Hypothesis) -> list[Obstacle]:
    if not hypothesis.unanswered:
        return []
    return [
        Obstacle(
            "hypothesis.repeats",
            f"It is much like {_and(hypothesis.unanswered)}, and nobody says why it is tried"
            " again.",
            "Look at what came of that, and say why again.",
        )
    ]


def _weak(found: Lint) -> list[Obstacle]:
    """Turn red flags into obstacles, but for what is missing, which is said already."""
    return [
        Obstacle(each.code.replace("lint.", "hypothesis."), each.sentence, each.remedy)
        for each in found.red
        if not each.missing
    ]


def _own(acceptance: Acceptance) -> list[Obstacle]:
    if acceptance.by_author and acceptance.others:
        return [
            Obstacle(
                "hypothesis.own",
                "Nobody accepts what they wrote themselves.",
                f"Ask {_one_of(acceptance.others)}.",
            )
        ]
    if acceptance.needs_reason and acceptance.reason is not None and not acceptance.reason.strip():
        return [
            Obstacle(
                "hypothesis.own_without_reason",
                "You wrote it yourself, and nobody else here can judge it.",
                "Say why it should be tested all the same.",
            )
        ]
    return []


def shallow_share(kinds: Sequence[Collection[EvidenceKind]]) -> float:
    """Give the share of tests whose evidence is of one kind at most; 0 without tests."""
    return sum(len(set(each)) <= 1 for each in kinds) / len(kinds) if kinds else 0.0


def is_shallow(kinds: Sequence[Collection[EvidenceKind]], *, policy: Policy = USUAL_POLICY) -> bool:
    """Say whether a quarter's tests stay shallow: too many with one kind of evidence (R007).

    Args:
        kinds: Per test of the quarter, the kinds of the evidence behind it.
        policy: What the programme has agreed on; a research-led one cannot be shallow.
    """
    return not policy.both_sorts_needed and shallow_share(kinds) > policy.shallow_share


def _pieces(number: int) -> str:
    return {0: "No piece", 1: "One piece"}.get(number, f"{number} pieces")


def _and(keys: Sequence[str]) -> str:
    *before, last = keys
    return f"{', '.join(before)} and {last}" if before else last


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
    by: Standing = ANYBODY,
    policy: Policy = USUAL_POLICY,
    metrics: Collection[str] | None = None,
    reason: str | None = "",
) -> Hypothesis:
    """Take one step, or refuse it with every reason at once.

    Args:
        hypothesis: As it stands.
        action: The step.
        finding: What the test said; used by `test` alone.
        acceptance: Who accepts; used by `accept` alone.
        by: Who takes the step.
        policy: What the programme has agreed on.
        metrics: Keys of the metrics that the site measures; None when nobody has looked.
        reason: Why it is returned.

    Raises:
        MoveRefused: The table has no such step, the hypothesis is not complete, or the step
            is not for this person to take.
    """
    given = replace(acceptance, reason=acceptance.reason or "")
    found = hypothesis_obstacles(
        hypothesis,
        action,
        acceptance=given,
        by=by,
        policy=policy,
        metrics=metrics,
        reason=reason or "",
    )
    if found:
        raise MoveRefused(subject=hypothesis.key, action=_WORDS[action], obstacles=found)
    after = replace(hypothesis, stage=HYPOTHESIS_TRANSITIONS[hypothesis.stage, action])
    if action is HypothesisAction.TEST:
        after = replace(after, finding=finding)
    return after


_WORDS: Final[Mapping[HypothesisAction, str]] = MappingProxyType(
    {
        HypothesisAction.SUBMIT: "be given to review",
        HypothesisAction.RETURN: "be returned",
        HypothesisAction.ACCEPT: "be accepted",
        HypothesisAction.TEST: "be tested",
    }
)


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
