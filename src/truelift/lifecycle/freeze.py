"""A time in which nothing may change on a surface: from the proposal until it is over."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from truelift.lifecycle.functions import (
    ANYBODY,
    NO_PARTS,
    Item,
    Parts,
    Standing,
    people_obstacles,
)
from truelift.lifecycle.obstacle import MoveRefused, Obstacle


class FreezeStage(StrEnum):
    """Where a freeze stands."""

    PROPOSED = "proposed"
    AGREED = "agreed"
    ACTIVE = "active"
    ENDED = "ended"
    CANCELLED = "cancelled"


class FreezeAction(StrEnum):
    """What can be done to a freeze."""

    AGREE = "agree"
    ACTIVATE = "activate"
    END = "end"
    CANCEL = "cancel"


class Strength(StrEnum):
    """What a freeze asks of a deploy."""

    ADVISE = "advise"
    REQUIRE_APPROVAL = "require_approval"
    DENY = "deny"

    @property
    def called(self) -> str:
        """The strength as it stands on a page."""
        return {
            Strength.ADVISE: "Advises against",
            Strength.REQUIRE_APPROVAL: "One approval needed",
            Strength.DENY: "Both approvals needed",
        }[self]


class Source(StrEnum):
    """Where a freeze comes from."""

    EXPERIMENT = "experiment"
    MANUAL = "manual"
    SEASON = "season"

    @property
    def called(self) -> str:
        """The source as it stands on a page."""
        return {
            Source.EXPERIMENT: "A test",
            Source.MANUAL: "By hand",
            Source.SEASON: "Season",
        }[self]


FREEZE_TRANSITIONS: Final[Mapping[tuple[FreezeStage, FreezeAction], FreezeStage]] = (
    MappingProxyType(
        {
            (FreezeStage.PROPOSED, FreezeAction.AGREE): FreezeStage.AGREED,
            (FreezeStage.AGREED, FreezeAction.ACTIVATE): FreezeStage.ACTIVE,
            (FreezeStage.ACTIVE, FreezeAction.END): FreezeStage.ENDED,
            (FreezeStage.PROPOSED, FreezeAction.CANCEL): FreezeStage.CANCELLED,
            (FreezeStage.AGREED, FreezeAction.CANCEL): FreezeStage.CANCELLED,
            (FreezeStage.ACTIVE, FreezeAction.CANCEL): FreezeStage.CANCELLED,
        }
    )
)
"""Every move there is. What is not in this table does not happen."""

OPEN: Final = frozenset({FreezeStage.PROPOSED, FreezeStage.AGREED, FreezeStage.ACTIVE})
"""Stages in which it can still be in somebody's way."""

LONGEST_DAYS: Final = 366
"""A freeze that is longer is no window any more."""


@dataclass(frozen=True, slots=True)
class Freeze:
    """A window of time on some surfaces.

    Attributes:
        key: `F-` and a number that a site counts.
        what: What it is for.
        stage: Where it stood when it was last written down; see `at`.
        surfaces: Names of surfaces.
        starts: The first instant; None while nobody has said.
        ends: The first instant that is free again; None: until somebody ends it.
        strength: What it asks of a deploy.
        source: Where it comes from.
        of: Key of the experiment that it protects; empty for none.
        owner: What the person is called who answers for it.
        agreed_at: When somebody agreed; None while nobody has, or where nobody had to.
        over_at: When it was ended or cancelled; None before.
    """

    key: str
    what: str = ""
    stage: FreezeStage = FreezeStage.PROPOSED
    surfaces: tuple[str, ...] = ()
    starts: datetime | None = None
    ends: datetime | None = None
    strength: Strength = Strength.DENY
    source: Source = Source.MANUAL
    of: str = ""
    owner: str = ""
    agreed_at: datetime | None = None
    over_at: datetime | None = None

    def at(self, now: datetime) -> Freeze:
        """Give it as it stands at a moment: what was agreed begins and ends by itself.

        Nobody has to start it, and no job either: a check that came before the job would
        otherwise let a deploy through.
        """
        stage = self.stage
        if stage is FreezeStage.AGREED and self.starts is not None and self.starts <= now:
            stage = FreezeStage.ACTIVE
        if stage is FreezeStage.ACTIVE and self.ends is not None and self.ends <= now:
            stage = FreezeStage.ENDED
        return self if stage is self.stage else replace(self, stage=stage)

    def as_of(self, moment: datetime) -> Freeze:
        """Give it as it stood at any moment, also one before the last step that was kept."""
        stage = self.stage
        if stage not in OPEN and self.over_at is not None and moment < self.over_at:
            was_agreed = stage is FreezeStage.ENDED or self.agreed_at is not None
            stage = FreezeStage.AGREED if was_agreed else FreezeStage.PROPOSED
        if stage is FreezeStage.ACTIVE and (self.starts is None or moment < self.starts):
            stage = FreezeStage.AGREED
        if stage in {FreezeStage.AGREED, FreezeStage.ACTIVE} and (
            self.agreed_at is not None and moment < self.agreed_at
        ):
            stage = FreezeStage.PROPOSED
        return replace(self, stage=stage).at(moment)

    @property
    def window(self) -> tuple[datetime, datetime | None] | None:
        """Give the time in which it held or will hold; None where it never did."""
        agreed = self.stage in {FreezeStage.AGREED, FreezeStage.ACTIVE, FreezeStage.ENDED}
        if self.starts is None or not (agreed or self.agreed_at is not None):
            return None
        begins = max(self.starts, self.agreed_at) if self.agreed_at else self.starts
        known = [each for each in (self.ends, self.over_at) if each is not None]
        ends = min(known) if known else None
        return (begins, ends) if ends is None or begins < ends else None

    def covers(self, moment: datetime) -> bool:
        """Say whether a moment is within its window, whatever stage it is in."""
        return (
            self.starts is not None
            and self.starts <= moment
            and (self.ends is None or moment < self.ends)
        )


@dataclass(frozen=True, slots=True)
class Claim:
    """Who has to agree that one surface is frozen, and who has.

    Attributes:
        surface: Its name.
        owner: Key of the person who owns it; empty: a CRO lead or engineering agrees for it.
        called: What that person is called.
        agreed_by: Who has agreed for it; empty while nobody has.
    """

    surface: str
    owner: str = ""
    called: str = ""
    agreed_by: str = ""

    @property
    def waits_for(self) -> str:
        """Who is missing, as a sentence has it."""
        return self.called or "a CRO lead or engineering"


@dataclass(frozen=True, slots=True)
class FreezeAsked:
    """Who asks for a move, and with which words.

    Attributes:
        at: When.
        by: Who, with what they do on the site.
        parts: Who has which part of it: the owners of its surfaces are `Part.OWNER`.
        reason: Why. None means that it will be given with the move: a screen asks so.
        central: Whether one team keeps the gate.
        claims: Who agrees for which surface; one that is not named here has no owner.
    """

    at: datetime
    by: Standing = ANYBODY
    parts: Parts = field(default_factory=lambda: NO_PARTS)
    reason: str | None = None
    central: bool = True
    claims: tuple[Claim, ...] = ()


Guard = Callable[[Freeze, FreezeAsked], Iterable[Obstacle]]


def proposal_obstacles(freeze: Freeze, *, at: datetime) -> tuple[Obstacle, ...]:
    """Say what a freeze lacks before anybody can be asked to agree to it; all at once."""
    found = []
    if not freeze.what.strip():
        found.append(Obstacle("freeze.no_what", "It does not say what it is for.", "Say it."))
    if not freeze.surfaces:
        found.append(Obstacle("freeze.no_surface", "It freezes nothing.", "Choose a surface."))
    if freeze.starts is None:
        found.append(Obstacle("freeze.no_start", "It has no start.", "Say when it begins."))
    if freeze.ends is None and freeze.source is not Source.EXPERIMENT:
        found.append(Obstacle("freeze.no_end", "It has no end.", "Say when it ends."))
    if freeze.starts is not None and freeze.ends is not None:
        if freeze.ends <= freeze.starts:
            found.append(
                Obstacle("freeze.ends_before_start", "It ends before it starts.", "Move its end.")
            )
        elif (freeze.ends - freeze.starts).days > LONGEST_DAYS:
            found.append(
                Obstacle(
                    "freeze.too_long",
                    f"It is longer than {LONGEST_DAYS} days.",
                    "Freeze a shorter time, and again when it is over.",
                )
            )
    if freeze.ends is not None and freeze.ends <= at:
        found.append(Obstacle("freeze.over", "Its time is over.", "Choose a time to come."))
    return tuple(found)


def _is_complete(freeze: Freeze, asked: FreezeAsked) -> Iterable[Obstacle]:
    return proposal_obstacles(freeze, at=asked.at)


def _has_begun(freeze: Freeze, asked: FreezeAsked) -> Iterable[Obstacle]:
    if freeze.starts is None or asked.at < freeze.starts:
        yield Obstacle("freeze.too_early", "It has not begun.", "Wait for its start.")


def _says_why(freeze: Freeze, asked: FreezeAsked) -> Iterable[Obstacle]:
    over = freeze.ends is not None and freeze.ends <= asked.at
    if not over and asked.reason is not None and not asked.reason.strip():
        yield Obstacle(
            "freeze.no_reason",
            "Nobody says why what was protected is given free.",
            "Give the reason.",
        )


@dataclass(frozen=True, slots=True)
class Agreeing:
    """What a person's agreement does.

    Attributes:
        given: Surfaces for which it counts.
        missing: Those for which somebody else has to agree still.
    """

    given: tuple[str, ...]
    missing: tuple[Claim, ...]

    @property
    def complete(self) -> bool:
        """Say whether everybody has agreed then."""
        return not self.missing


def agreeing(freeze: Freeze, asked: FreezeAsked) -> Agreeing:
    """Say for which surfaces the agreement of who asks counts, and who is missing then.

    A surface is its owner's to give; one without an owner takes a CRO lead or engineering.
    """
    named = {each.surface.strip().casefold(): each for each in asked.claims}
    claims = [named.get(each.strip().casefold(), Claim(each)) for each in freeze.surfaces]
    may_for_nobody = not people_obstacles(
        Item.FREEZE, FreezeStage.AGREED.value, by=asked.by, central=asked.central
    )
    given = tuple(
        each.surface
        for each in claims
        if not each.agreed_by
        and (each.owner == asked.by.key if each.owner else may_for_nobody)
        and not asked.by.machine
    )
    missing = tuple(each for each in claims if not each.agreed_by and each.surface not in given)
    return Agreeing(given, missing)


def _is_theirs(freeze: Freeze, asked: FreezeAsked) -> Iterable[Obstacle]:
    found = agreeing(freeze, asked)
    nobody = people_obstacles(
        Item.FREEZE,
        FreezeStage.AGREED.value,
        by=asked.by,
        parts=asked.parts,
        central=asked.central,
    )
    if found.given or nobody or not found.missing:
        return
    waits = " and ".join(
        dict.fromkeys(f"{each.waits_for} for {each.surface}" for each in found.missing)
    )
    yield Obstacle(
        "freeze.not_yours_to_agree",
        "Every surface is its owner’s to give, and none that is still open is yours.",
        f"Wait for {waits}.",
    )


_GUARDS: Final[Mapping[FreezeAction, tuple[Guard, ...]]] = MappingProxyType(
    {
        FreezeAction.AGREE: (_is_complete, _is_theirs),
        FreezeAction.ACTIVATE: (_has_begun,),
        FreezeAction.END: (_says_why,),
        FreezeAction.CANCEL: (_says_why,),
    }
)
"""What must hold for each action; every guard speaks, so that every reason is said at once."""

_AFTER: Final[Mapping[FreezeStage, str]] = MappingProxyType(
    {
        FreezeStage.PROPOSED: "Let the owner of the surface agree first, or cancel it.",
        FreezeStage.AGREED: "It begins by itself; cancel it to give the surface free.",
        FreezeStage.ACTIVE: "End it, or cancel it.",
        FreezeStage.ENDED: "Propose another one.",
        FreezeStage.CANCELLED: "Propose another one.",
    }
)


def freeze_obstacles(
    freeze: Freeze, action: FreezeAction, *, asked: FreezeAsked
) -> tuple[Obstacle, ...]:
    """Say what stands in the way of a move; nothing said means it may go ahead."""
    standing = _standing(freeze, action, asked)
    to = FREEZE_TRANSITIONS.get((standing.stage, action))
    if to is None:
        return (
            Obstacle(
                "freeze.wrong_stage",
                f"It is {standing.stage}, from where there is no “{action}”.",
                _AFTER[standing.stage],
            ),
        )
    found = [obstacle for guard in _GUARDS[action] for obstacle in guard(freeze, asked)]
    found += people_obstacles(
        Item.FREEZE, to.value, by=asked.by, parts=asked.parts, central=asked.central
    )
    return tuple(found)


def move_freeze(freeze: Freeze, action: FreezeAction, *, asked: FreezeAsked) -> Freeze:
    """Take one step, or refuse it with every reason at once.

    An agreement that is not the last one leaves it where it is: see `agreeing`.

    Raises:
        MoveRefused: The table has no such step, or something is missing for it.
    """
    given = replace(asked, reason=asked.reason or "")
    found = freeze_obstacles(freeze, action, asked=given)
    if found:
        raise MoveRefused(subject=freeze.key, action=action, obstacles=found)
    if action is FreezeAction.AGREE and not agreeing(freeze, given).complete:
        return freeze
    standing = _standing(freeze, action, asked)
    return replace(freeze, stage=FREEZE_TRANSITIONS[standing.stage, action])


def _standing(freeze: Freeze, action: FreezeAction, asked: FreezeAsked) -> Freeze:
    """Give where the step begins: a job writes down what time has done already."""
    written_down = action is FreezeAction.ACTIVATE or (
        action is FreezeAction.END and asked.by.machine
    )
    return freeze if written_down else freeze.at(asked.at)


def freeze_actions_from(stage: FreezeStage) -> tuple[FreezeAction, ...]:
    """List the moves that the table has from a stage, in the order of the actions."""
    return tuple(action for action in FreezeAction if (stage, action) in FREEZE_TRANSITIONS)
