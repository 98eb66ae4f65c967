"""Whether a change spoils a test that was running, who may say otherwise, and the ways out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from truelift.lifecycle.change import BEHAVIOUR, Change
from truelift.lifecycle.functions import Function
from truelift.lifecycle.obstacle import Obstacle
from truelift.lifecycle.surface import Surface


class Scope(StrEnum):
    """How near a change came to what is tested; the nearest first."""

    SAME_ELEMENT = "same_element"
    PAGE = "page"
    UPSTREAM = "upstream"
    SHARED_BUNDLE = "shared_bundle"

    @property
    def called(self) -> str:
        """The scope as it stands on a page."""
        return _SCOPES[self]


_SCOPES: Final[Mapping[Scope, str]] = MappingProxyType(
    {
        Scope.SAME_ELEMENT: "The tested part itself",
        Scope.PAGE: "The tested surface",
        Scope.UPSTREAM: "An earlier step of its funnel",
        Scope.SHARED_BUNDLE: "Code that it shares",
    }
)


class Verdict(StrEnum):
    """What a change means for a test; the worst first."""

    FATAL = "fatal"
    SUSPECT = "suspect"
    BENIGN = "benign"

    @property
    def rank(self) -> int:
        """Position, the worst is 0."""
        return tuple(Verdict).index(self)


ADJUDICATES: Final = (Function.ENGINEERING, Function.ANALYTICS)
"""Whose words it takes, of two persons, to say that a change is something else than the policy
says: who knows what was changed, and who knows what that does to the numbers."""


@dataclass(frozen=True, slots=True)
class UnderTest:
    """A test, as far as changes can touch it.

    Attributes:
        key: How people call it.
        surface: Where it runs; empty while nobody has said.
        elements: Which parts of it are tested; empty while nobody has said.
        since: The first moment that counts; None before its launch.
        until: The first moment that no longer counts; None while it runs without an end.
    """

    key: str
    surface: str
    elements: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None

    def counts_at(self, at: datetime) -> bool:
        """Whether what visitors did at a moment is part of its result."""
        return (
            self.since is not None and self.since <= at and (self.until is None or at < self.until)
        )


def scope_of(
    change: Change, where: Iterable[str], test: UnderTest, surfaces: Sequence[Surface]
) -> Scope | None:
    """Say how near a change came to a test, by the nearest of its surfaces; None: not at all.

    Args:
        change: For the elements that it names.
        where: Names of the surfaces that it concerns.
        test: What is tested.
        surfaces: Those of the site.
    """
    if not test.surface:
        return None
    by_name = {each.name.casefold(): each for each in surfaces}
    at = by_name.get(test.surface.casefold(), Surface(test.surface))
    found: set[Scope] = set()
    for name in where:
        there = by_name.get(name.casefold(), Surface(name))
        if there.name.casefold() == at.name.casefold():
            theirs = {each.casefold() for each in change.elements}
            same = theirs & {each.casefold() for each in test.elements}
            found.add(Scope.SAME_ELEMENT if same else Scope.PAGE)
        elif there.is_upstream_of(at):
            found.add(Scope.UPSTREAM)
        elif at.bundle and there.bundle == at.bundle:
            found.add(Scope.SHARED_BUNDLE)
    return min(found, key=tuple(Scope).index, default=None)


@dataclass(frozen=True, slots=True)
class Classed:
    """What the policy says of a change and a test.

    Attributes:
        verdict: How bad it is; never benign, which only people can say.
        reason: Why, in a sentence.
    """

    verdict: Verdict
    reason: str


def classify(change: Change, test: UnderTest, scope: Scope) -> Classed:
    """Say by policy what a change means for a test that it touched (R074).

    Fatal is what changes what visitors see on the tested surface and was not part of the plan;
    suspect is what nobody knows enough of, and what came from upstream. The policy never says
    benign: that takes people who have looked.
    """
    if test.key in change.planned_for:
        return Classed(
            Verdict.SUSPECT,
            "Its sender says that it belongs to this test; people have to confirm that.",
        )
    match scope:
        case Scope.UPSTREAM:
            return Classed(
                Verdict.SUSPECT,
                "It changed an earlier step of the funnel, and may have changed who comes.",
            )
        case Scope.SHARED_BUNDLE:
            return Classed(
                Verdict.SUSPECT, "It changed code that the tested surface shares with others."
            )
        case Scope.SAME_ELEMENT | Scope.PAGE:
            part = "the tested part itself" if scope is Scope.SAME_ELEMENT else "the tested surface"
            if change.kind in BEHAVIOUR:
                return Classed(
                    Verdict.FATAL,
                    f"It changed {part} while the test ran, and was not part of its plan.",
                )
            return Classed(Verdict.SUSPECT, f"It was on {part}, and nobody knows what it changed.")


@dataclass(frozen=True, slots=True)
class Vote:
    """What one person found, in one of their functions.

    Attributes:
        function: Engineering or analytics.
        key: Who.
        verdict: What they found.
    """

    function: Function
    key: str
    verdict: Verdict


def vote_obstacles(
    vote: Vote,
    *,
    reason: str,
    before: Sequence[Vote] = (),
    functions: frozenset[Function] = frozenset(),
    in_use: bool = False,
) -> tuple[Obstacle, ...]:
    """Say why somebody's word on a contamination cannot be taken; everything at once.

    Args:
        vote: The word.
        reason: Why they say so.
        before: What was said before, the oldest first.
        functions: What the person does on the site.
        in_use: Whether anybody on the site has a function.
    """
    found = []
    if vote.function not in ADJUDICATES:
        found.append(
            Obstacle(
                "contamination.wrong_function",
                "Only engineering and analytics judge what a change did.",
                "Speak for one of the two.",
            )
        )
    elif in_use and vote.function not in functions:
        found.append(
            Obstacle(
                "contamination.not_your_function",
                f"You do not speak for {vote.function.called.lower()}.",
                "Ask somebody who does, or ask an owner of the site for the function.",
            )
        )
    if not reason.strip():
        found.append(
            Obstacle(
                "contamination.no_reason",
                "Nobody says what was looked at.",
                "Say what was changed, and how you know.",
            )
        )
    other = next((each for each in latest(before) if each.function is not vote.function), None)
    if other is not None and other.key == vote.key:
        found.append(
            Obstacle(
                "contamination.same_person",
                f"You have already spoken for {other.function.called.lower()}.",
                "Let another person speak for the other function: it takes two.",
            )
        )
    return tuple(found)


def latest(votes: Sequence[Vote]) -> tuple[Vote, ...]:
    """Give the last word of each function."""
    said = {each.function: each for each in votes}
    return tuple(said[each] for each in ADJUDICATES if each in said)


def adjudicated(votes: Sequence[Vote]) -> Verdict | None:
    """Say what people agreed on: the worse of the two words; None before both have spoken.

    Args:
        votes: What was said, the oldest first.
    """
    words = latest(votes)
    if len(words) < len(ADJUDICATES) or len({each.key for each in words}) < len(words):
        return None
    return min((each.verdict for each in words), key=lambda each: each.rank)


def waits_for(votes: Sequence[Vote]) -> tuple[Function, ...]:
    """Name the functions that have not spoken yet."""
    spoken = {each.function for each in votes}
    return tuple(each for each in ADJUDICATES if each not in spoken)


class WayOut(StrEnum):
    """What may be done with a test that a change has spoiled; there is no fourth (R075).

    `KEEP` is none of the three: what was decided before anybody told of the change cannot be
    ended as invalid any more, and its decision may be kept with a reason.
    """

    RESTART = "restart"
    CLEAN_SEGMENT = "clean_segment"
    DISCARD = "discard"
    KEEP = "keep"


def withholds(way: WayOut | None) -> bool:
    """Say whether a decided test that a change turns out to have spoiled counts for nothing.

    It does until somebody has answered, and after it was repeated or discarded.
    """
    return way not in {WayOut.KEEP, WayOut.CLEAN_SEGMENT}


@dataclass(frozen=True, slots=True)
class Counts:
    """Units of each variant before a change and after it.

    Attributes:
        before: Variant → units first exposed before the day of the change.
        after: Variant → units first exposed on that day or later.
    """

    before: Mapping[str, int]
    after: Mapping[str, int]

    @property
    def share_after(self) -> float | None:
        """The share that came after; None while nobody came."""
        after, total = sum(self.after.values()), self.total
        return after / total if total else None

    @property
    def total(self) -> int:
        """Everybody."""
        return sum(self.before.values()) + sum(self.after.values())

    @property
    def clean(self) -> int:
        """Units before the change in the smallest variant."""
        return min(self.before.values(), default=0)


def way_out_obstacles(
    way: WayOut,
    *,
    counts: Counts | None,
    planned: int | None,
    invalid: bool,
    fatal: bool = True,
    decided: bool = False,
) -> tuple[Obstacle, ...]:
    """Say why a way out is closed; nothing said means it is open.

    Args:
        way: Which.
        counts: Units before and after; None while nobody has counted.
        planned: Units that every variant was planned to have; None without a plan.
        invalid: Whether the test was already ended as invalid.
        fatal: Whether the change is fatal for it; else no way out is needed.
        decided: Whether it was decided before anybody told of the change.
    """
    if not fatal:
        return (
            Obstacle(
                "contamination.no_way_out_needed",
                "The change is not fatal for this test.",
                "Let the test go on, or have the change judged first.",
            ),
        )
    if way is WayOut.KEEP and (invalid or not decided):
        return (
            Obstacle(
                "contamination.nothing_to_keep",
                "It was not decided before the change was told of.",
                "Repeat it, read its clean part, or discard it.",
            ),
        )
    if way is not WayOut.CLEAN_SEGMENT:
        return ()
    found = []
    if invalid:
        found.append(
            Obstacle(
                "contamination.already_invalid",
                "The test was ended as invalid.",
                "Repeat it: what is invalid has no result.",
            )
        )
    if planned is None:
        found.append(
            Obstacle(
                "contamination.no_planned_units",
                "Its plan does not say how many visitors it needs.",
                "Repeat the test with a plan.",
            )
        )
    elif counts is None:
        found.append(
            Obstacle(
                "contamination.not_counted",
                "Nobody has counted yet who came before the change.",
                "Wait until the worker has counted.",
            )
        )
    elif counts.clean < planned:
        found.append(
            Obstacle(
                "contamination.clean_part_too_small",
                f"Before the change {counts.clean:,} visitors came to the smallest variant;"
                f" {planned:,} were planned.",
                "Repeat the test: the part before the change cannot decide it.",
            )
        )
    return tuple(found)


def invalidates(
    verdict: Verdict, *, counts: Counts | None, planned: int | None, days_ran: int, days_left: int
) -> bool | None:
    """Say whether a test ends as invalid by policy; None while visitors have to be counted.

    A fatal change ends it, unless the visitors before it are as many as were planned: then a
    person chooses. A test that was hit before its planned end cannot have them, whatever the
    count, unless it ran ahead of its plan; where nothing was counted that is assumed.

    Args:
        verdict: What the change means.
        counts: Units before and after; None while nobody has counted.
        planned: Units that every variant was planned to have; None without a plan.
        days_ran: Whole days before the change.
        days_left: Days that were planned after it.
    """
    if verdict is not Verdict.FATAL:
        return False
    if planned is None:
        return True
    if counts is not None:
        return counts.clean < planned
    return True if days_ran == 0 or days_left > 0 else None
