"""When a finding is good enough to build a hypothesis on, and for how long it stays so."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from truelift.lifecycle.functions import ANYBODY, Item, Standing, people_obstacles
from truelift.lifecycle.obstacle import MoveRefused, Obstacle
from truelift.lifecycle.policy import USUAL_POLICY, Policy


class InsightStage(StrEnum):
    """How far an insight has come."""

    DRAFT = "draft"
    ACCEPTED = "accepted"
    STALE = "stale"
    RETIRED = "retired"


class InsightAction(StrEnum):
    """What can be done to an insight."""

    ACCEPT = "accept"
    CONFIRM = "confirm"
    AGE = "age"
    RETIRE = "retire"


INSIGHT_TRANSITIONS: Final[Mapping[tuple[InsightStage, InsightAction], InsightStage]] = (
    MappingProxyType(
        {
            (InsightStage.DRAFT, InsightAction.ACCEPT): InsightStage.ACCEPTED,
            # Confirming what is not stale yet starts its time anew.
            (InsightStage.ACCEPTED, InsightAction.CONFIRM): InsightStage.ACCEPTED,
            (InsightStage.STALE, InsightAction.CONFIRM): InsightStage.ACCEPTED,
            (InsightStage.ACCEPTED, InsightAction.AGE): InsightStage.STALE,
            (InsightStage.ACCEPTED, InsightAction.RETIRE): InsightStage.RETIRED,
            (InsightStage.STALE, InsightAction.RETIRE): InsightStage.RETIRED,
        }
    )
)
"""Every move there is. What is not in this table does not happen."""


class Grade(StrEnum):
    """How much a piece of evidence can carry, from an experiment down to an opinion."""

    A = "A"
    B = "B"
    C = "C"
    D = "D"
    E = "E"

    @property
    def meaning(self) -> str:
        """What the grade says."""
        return _GRADES[self]


_GRADES: Final[Mapping[Grade, str]] = MappingProxyType(
    {
        Grade.A: "a controlled experiment of one’s own",
        Grade.B: "measured on one’s own visitors",
        Grade.C: "heard from or seen with some of one’s own customers",
        Grade.D: "an expert’s judgement, or what others have found",
        Grade.E: "an opinion",
    }
)


class EvidenceKind(StrEnum):
    """Where a piece of evidence comes from."""

    ANALYTICS = "analytics"
    BEHAVIOUR = "behaviour"
    SURVEY = "survey"
    VOICE = "voice"
    USER_TEST = "user_test"
    PAST_TEST = "past_test"
    REVIEW = "review"
    OPINION = "opinion"

    @property
    def qualitative(self) -> bool:
        """Whether customers themselves say or show why; only that explains a problem."""
        return self in _SAID

    @property
    def quantitative(self) -> bool:
        """Whether it counts visitors: it says where and how many, not why."""
        return self in _COUNTED

    @property
    def best_grade(self) -> Grade:
        """The most that a piece of this kind can carry."""
        return _BEST[self]


_SAID: Final = frozenset({EvidenceKind.SURVEY, EvidenceKind.VOICE, EvidenceKind.USER_TEST})
_COUNTED: Final = frozenset(
    {EvidenceKind.ANALYTICS, EvidenceKind.BEHAVIOUR, EvidenceKind.PAST_TEST}
)
_BEST: Final[Mapping[EvidenceKind, Grade]] = MappingProxyType(
    {
        EvidenceKind.PAST_TEST: Grade.A,
        EvidenceKind.ANALYTICS: Grade.B,
        EvidenceKind.BEHAVIOUR: Grade.B,
        EvidenceKind.SURVEY: Grade.C,
        EvidenceKind.VOICE: Grade.C,
        EvidenceKind.USER_TEST: Grade.C,
        EvidenceKind.REVIEW: Grade.D,
        EvidenceKind.OPINION: Grade.E,
    }
)


@dataclass(frozen=True, slots=True)
class Evidence:
    """One thing that supports an insight.

    Attributes:
        kind: Where it comes from.
        text: What it shows.
        given: The grade that a person gave it; None for what its kind carries.
    """

    kind: EvidenceKind
    text: str
    given: Grade | None = None

    @property
    def grade(self) -> Grade:
        """The grade that holds: what was given, and never better than its kind can carry."""
        best = self.kind.best_grade
        return best if self.given is None else max(self.given, best)

    @property
    def carries(self) -> bool:
        """Whether it supports anything: it says something, and is more than an opinion."""
        return bool(self.text.strip()) and self.grade is not Grade.E


def grade_of(pieces: Iterable[Evidence]) -> Grade:
    """Give the grade of several pieces together, which is that of the best one; E without any."""
    return min((each.grade for each in pieces if each.text.strip()), default=Grade.E)


class Tag(StrEnum):
    """What the problem does to the visitor's experience (R135)."""

    FRICTION = "friction"
    ANXIETY = "anxiety"
    TRUST = "trust"
    CLARITY = "clarity"

    @property
    def meaning(self) -> str:
        """What the tag says."""
        return _TAGS[self]


_TAGS: Final[Mapping[Tag, str]] = MappingProxyType(
    {
        Tag.FRICTION: "it takes effort",
        Tag.ANXIETY: "it worries them",
        Tag.TRUST: "they do not believe it",
        Tag.CLARITY: "they do not understand it",
    }
)


class Cause(StrEnum):
    """How surely the cause is known (R038)."""

    OBSERVED = "observed"
    INFERRED = "inferred"


@dataclass(frozen=True, slots=True)
class Insight:
    """What was found to be wrong, where, for whom and how large it is.

    Attributes:
        key: `I-` and a number that a site counts.
        problem: What goes wrong for the visitor, one sentence.
        surface: The page or place where it happens.
        segment: For whom it happens.
        size: How many people or how much money, in words with a number.
        evidence: What supports it.
        tags: What it does to the visitor's experience.
        cause: How surely the cause is known; None when nobody has said.
        machine: Whether a machine drafted it and no person has accepted it yet.
        held_since: When it was accepted, or last confirmed; None before.
        stage: How far it has come.
    """

    key: str
    problem: str = ""
    surface: str = ""
    segment: str = ""
    size: str = ""
    evidence: tuple[Evidence, ...] = ()
    tags: frozenset[Tag] = frozenset()
    cause: Cause | None = None
    machine: bool = False
    held_since: datetime | None = None
    stage: InsightStage = InsightStage.DRAFT

    @property
    def explained(self) -> bool:
        """Whether something qualitative says why; numbers alone say where (R039)."""
        return any(each.kind.qualitative and each.carries for each in self.evidence)

    @property
    def grade(self) -> Grade:
        """How much its evidence carries."""
        return grade_of(self.evidence)

    def stale_at(self, policy: Policy = USUAL_POLICY) -> datetime | None:
        """Say when it goes stale; None while it is not accepted."""
        if self.stage is not InsightStage.ACCEPTED or self.held_since is None:
            return None
        return self.held_since + policy.stale_after


_PARTS: Final = (
    ("problem", "It does not say what the problem is.", "State the problem in one sentence."),
    ("surface", "It does not say where the problem is.", "Name the page or place."),
    ("segment", "It does not say whom the problem concerns.", "Name the segment, or “everyone”."),
    ("size", "Nobody has said how large it is.", "Give the number of people or the money."),
)

_WORDS: Final[Mapping[InsightAction, str]] = MappingProxyType(
    {
        InsightAction.ACCEPT: "be accepted",
        InsightAction.CONFIRM: "be confirmed",
        InsightAction.AGE: "go stale",
        InsightAction.RETIRE: "be retired",
    }
)


def insight_obstacles(
    insight: Insight,
    action: InsightAction,
    *,
    by: Standing = ANYBODY,
    policy: Policy = USUAL_POLICY,
    now: datetime | None = None,
    reason: str | None = None,
) -> tuple[Obstacle, ...]:
    """Say what stands in the way of a move; nothing said means it may go ahead.

    Args:
        insight: As it stands.
        action: The step.
        by: Who would take it.
        policy: What the programme has agreed on.
        now: The moment; used by `age` alone.
        reason: What still shows it, to confirm it; why, to retire it. None means that it will
            be given with the move: a screen asks so; a move itself never passes it.
    """
    to = INSIGHT_TRANSITIONS.get((insight.stage, action))
    if to is None:
        return (
            Obstacle(
                "insight.wrong_stage",
                f"It is {insight.stage}, from where there is no “{action}”.",
                "Accept it first."
                if insight.stage is InsightStage.DRAFT
                else "Nothing needs to be done.",
            ),
        )
    found: list[Obstacle] = []
    if action in {InsightAction.ACCEPT, InsightAction.CONFIRM}:
        found += _incomplete(insight)
    if action is InsightAction.CONFIRM and reason is not None and not reason.strip():
        found.append(
            Obstacle(
                "insight.nothing_confirms",
                "Nobody says what shows that it still holds.",
                "Say what was looked at, and what it showed.",
            )
        )
    if action is InsightAction.RETIRE and reason is not None and not reason.strip():
        found.append(
            Obstacle(
                "insight.retired_without_reason",
                "Nobody says why it is retired.",
                "Give the reason: solved, gone, or wrong.",
            )
        )
    if action is InsightAction.AGE:
        at = insight.stale_at(policy)
        if at is None or now is None or now < at:
            found.append(
                Obstacle(
                    "insight.still_fresh",
                    "It has not been accepted."
                    if at is None
                    else f"It holds until {at:%-d %B %Y}.",
                    "Wait until then, or retire it.",
                )
            )
    found += people_obstacles(Item.INSIGHT, to, by=by, central=policy.central)
    return tuple(found)


def _incomplete(insight: Insight) -> list[Obstacle]:
    found = [
        Obstacle(f"insight.no_{part}", sentence, remedy)
        for part, sentence, remedy in _PARTS
        if not getattr(insight, part).strip()
    ]
    if not any(each.text.strip() for each in insight.evidence):
        found.append(
            Obstacle(
                "insight.no_evidence",
                "Nothing supports it yet.",
                "Add at least one piece of evidence.",
            )
        )
    elif not any(each.carries for each in insight.evidence):
        found.append(
            Obstacle(
                "insight.only_opinion",
                "Nothing but an opinion supports it.",
                "Add something that was counted, or that a customer said or did.",
            )
        )
    return found


def move_insight(
    insight: Insight,
    action: InsightAction,
    *,
    by: Standing = ANYBODY,
    policy: Policy = USUAL_POLICY,
    now: datetime | None = None,
    reason: str | None = "",
) -> Insight:
    """Take one step, or refuse it with every reason at once.

    Args:
        insight: As it stands.
        action: The step.
        by: Who takes it.
        policy: What the programme has agreed on.
        now: The moment.
        reason: What still shows it, to confirm it; why, to retire it.

    Raises:
        MoveRefused: The table has no such step, the insight is not complete, or the step is
            not for this person to take.
    """
    found = insight_obstacles(insight, action, by=by, policy=policy, now=now, reason=reason or "")
    if found:
        raise MoveRefused(subject=insight.key, action=_WORDS[action], obstacles=found)
    after = replace(insight, stage=INSIGHT_TRANSITIONS[insight.stage, action])
    if action in {InsightAction.ACCEPT, InsightAction.CONFIRM}:
        after = replace(after, held_since=now, machine=False)
    return after
