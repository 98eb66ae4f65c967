"""How a decision to ship comes to visitors: stages, what each needs, and when it takes too long."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from truelift.lifecycle.functions import (
    ANYBODY,
    NO_PARTS,
    Item,
    Parts,
    Signature,
    Standing,
    people_obstacles,
)
from truelift.lifecycle.obstacle import MoveRefused, Obstacle


class RolloutStage(StrEnum):
    """Where a rollout stands."""

    PLANNED = "planned"
    IN_PROGRESS = "in_progress"
    LIVE = "live"
    VERIFIED = "verified"
    CLEANED_UP = "cleaned_up"
    ABANDONED = "abandoned"


class RolloutAction(StrEnum):
    """What can be done to a rollout."""

    START = "start"
    GO_LIVE = "go_live"
    VERIFY = "verify"
    CLEAN_UP = "clean_up"
    ABANDON = "abandon"


ROLLOUT_TRANSITIONS: Final[Mapping[tuple[RolloutStage, RolloutAction], RolloutStage]] = (
    MappingProxyType(
        {
            (RolloutStage.PLANNED, RolloutAction.START): RolloutStage.IN_PROGRESS,
            (RolloutStage.IN_PROGRESS, RolloutAction.GO_LIVE): RolloutStage.LIVE,
            (RolloutStage.LIVE, RolloutAction.VERIFY): RolloutStage.VERIFIED,
            (RolloutStage.VERIFIED, RolloutAction.CLEAN_UP): RolloutStage.CLEANED_UP,
            (RolloutStage.PLANNED, RolloutAction.ABANDON): RolloutStage.ABANDONED,
            (RolloutStage.IN_PROGRESS, RolloutAction.ABANDON): RolloutStage.ABANDONED,
            (RolloutStage.LIVE, RolloutAction.ABANDON): RolloutStage.ABANDONED,
        }
    )
)
"""Every move there is. What is not in this table does not happen."""

OPEN: Final = frozenset({RolloutStage.PLANNED, RolloutStage.IN_PROGRESS, RolloutStage.LIVE})
"""Stages in which the gain that was proven is not certain to be collected."""

IMPLEMENTED: Final = frozenset({RolloutStage.VERIFIED, RolloutStage.CLEANED_UP})
"""Stages in which somebody has seen that it is live for everybody."""


class VariantCode(StrEnum):
    """What became of the code that served the variants."""

    PRESENT = "present"
    TICKETED = "ticketed"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class PageCheck:
    """What a browser found when it opened the page.

    Attributes:
        passed: Whether everything that had to be there was, and nothing else.
        at: When.
    """

    passed: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class Rollout:
    """A winner on its way to visitors.

    Attributes:
        key: `R-` and a number that a site counts.
        stage: How far it has come.
        owner: What the person is called who answers for it; empty while nobody does.
        due: When it should be verified; None while nobody has said.
        exposure: Share of visitors that get it, 0 to 1; None while nobody has said.
        permanent: It is part of the site's own code, and no test tool serves it.
        deploy_link: Where the release that brought it can be seen.
        variant_code: What became of the test's code.
        ticket: Where its removal is planned, or the rollout itself.
        check: The latest page check; None before one.
        live_at: When it was said to be live.
    """

    key: str
    stage: RolloutStage = RolloutStage.PLANNED
    owner: str = ""
    due: date | None = None
    exposure: float | None = None
    permanent: bool = False
    deploy_link: str = ""
    variant_code: VariantCode = VariantCode.PRESENT
    ticket: str = ""
    check: PageCheck | None = None
    live_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RolloutAsked:
    """Who asks for a move, and with which words.

    Attributes:
        at: When.
        by: Who, with what they do on the site.
        parts: Who has which part of it.
        signed: Who has signed for it.
        reason: Why. None means that it will be given with the move: a screen asks so.
        central: Whether one team keeps the gate.
    """

    at: datetime
    by: Standing = ANYBODY
    parts: Parts = field(default_factory=lambda: NO_PARTS)
    signed: tuple[Signature, ...] = ()
    reason: str | None = None
    central: bool = True


Guard = Callable[[Rollout, RolloutAsked], Iterable[Obstacle]]


def _has_owner(rollout: Rollout, _: RolloutAsked) -> Iterable[Obstacle]:
    if not rollout.owner:
        yield Obstacle(
            "rollout.no_owner", "Nobody answers for it.", "Name the person who brings it live."
        )


def _has_due_date(rollout: Rollout, _: RolloutAsked) -> Iterable[Obstacle]:
    if rollout.due is None:
        yield Obstacle("rollout.no_due_date", "It has no due date.", "Say by when it will be live.")


def _is_live_somehow(rollout: Rollout, _: RolloutAsked) -> Iterable[Obstacle]:
    if not rollout.permanent and not rollout.exposure:
        yield Obstacle(
            "rollout.nobody_sees_it",
            "It does not say who gets it.",
            "Say who gets it.",
        )


def _is_live_for_all(rollout: Rollout, _: RolloutAsked) -> Iterable[Obstacle]:
    if rollout.permanent:
        if not rollout.deploy_link.strip():
            yield Obstacle(
                "rollout.no_deploy_link",
                "It is said to be part of the site’s code, and nothing shows it.",
                "Link the release that brought it.",
            )
    elif rollout.exposure is None or rollout.exposure < 1:
        share = 0.0 if rollout.exposure is None else rollout.exposure
        yield Obstacle(
            "rollout.not_for_all",
            f"{100 * share:g}% of visitors get it.",
            "Give it to everybody.",
        )


def _code_is_dealt_with(rollout: Rollout, _: RolloutAsked) -> Iterable[Obstacle]:
    if rollout.variant_code is VariantCode.PRESENT:
        yield Obstacle(
            "rollout.variant_code_present",
            "The code of the test is still in place, and nobody has planned its removal.",
            "Remove it, or link the ticket.",
        )
    elif rollout.variant_code is VariantCode.TICKETED and not rollout.ticket.strip():
        yield Obstacle(
            "rollout.no_ticket",
            "The removal of the test’s code is said to have a ticket, and none is linked.",
            "Link the ticket.",
        )


def _page_was_checked(rollout: Rollout, _: RolloutAsked) -> Iterable[Obstacle]:
    check = rollout.check
    if check is None:
        yield Obstacle(
            "rollout.no_page_check",
            "No browser has looked whether it is there.",
            "Say what to look for, and check.",
        )
    elif not check.passed:
        yield Obstacle(
            "rollout.page_check_failed",
            "The page check did not find what must be there.",
            "Put that right, and run it again.",
        )
    elif rollout.live_at is not None and check.at < rollout.live_at:
        yield Obstacle(
            "rollout.page_check_too_old",
            "The page was checked before it went live.",
            "Run the page check again.",
        )


def _code_is_gone(rollout: Rollout, _: RolloutAsked) -> Iterable[Obstacle]:
    if rollout.variant_code is not VariantCode.REMOVED:
        yield Obstacle(
            "rollout.variant_code_not_removed",
            "The code of the test has not been removed.",
            "Remove it, then say so.",
        )


def _says_why(_: Rollout, asked: RolloutAsked) -> Iterable[Obstacle]:
    if asked.reason is not None and not asked.reason.strip():
        yield Obstacle(
            "rollout.abandoned_without_reason",
            "Nobody says why a proven gain is given up.",
            "Give the reason.",
        )


_GUARDS: Final[Mapping[RolloutAction, tuple[Guard, ...]]] = MappingProxyType(
    {
        RolloutAction.START: (_has_owner, _has_due_date),
        RolloutAction.GO_LIVE: (_has_owner, _is_live_somehow),
        RolloutAction.VERIFY: (
            _has_owner,
            _is_live_for_all,
            _code_is_dealt_with,
            _page_was_checked,
        ),
        RolloutAction.CLEAN_UP: (_code_is_gone,),
        RolloutAction.ABANDON: (_says_why,),
    }
)
"""What must hold for each action; every guard speaks, so that every reason is said at once."""

_AFTER: Final[Mapping[RolloutStage, str]] = MappingProxyType(
    {
        RolloutStage.PLANNED: "Start it first.",
        RolloutStage.IN_PROGRESS: "Bring it live first.",
        RolloutStage.LIVE: "Verify it first.",
        RolloutStage.VERIFIED: "Nothing but cleaning up is left.",
        RolloutStage.CLEANED_UP: "Nothing needs to be done.",
        RolloutStage.ABANDONED: "It was given up; a new test would have to show the gain again.",
    }
)


def rollout_obstacles(
    rollout: Rollout, action: RolloutAction, *, asked: RolloutAsked
) -> tuple[Obstacle, ...]:
    """Say what stands in the way of a move; nothing said means it may go ahead."""
    to = ROLLOUT_TRANSITIONS.get((rollout.stage, action))
    if to is None:
        return (
            Obstacle(
                "rollout.wrong_stage",
                f"It is {_words(rollout.stage)}, from where there is no “{_words(action)}”.",
                _AFTER[rollout.stage],
            ),
        )
    found = [obstacle for guard in _GUARDS[action] for obstacle in guard(rollout, asked)]
    found += people_obstacles(
        Item.ROLLOUT,
        to.value,
        by=asked.by,
        parts=asked.parts,
        signed=asked.signed,
        central=asked.central,
    )
    return tuple(found)


def move_rollout(rollout: Rollout, action: RolloutAction, *, asked: RolloutAsked) -> Rollout:
    """Take one step, or refuse it with every reason at once.

    Raises:
        MoveRefused: The table has no such step, or something is missing for it.
    """
    given = replace(asked, reason=asked.reason or "")
    found = rollout_obstacles(rollout, action, asked=given)
    if found:
        raise MoveRefused(subject=rollout.key, action=_words(action), obstacles=found)
    after = replace(rollout, stage=ROLLOUT_TRANSITIONS[rollout.stage, action])
    return replace(after, live_at=asked.at) if action is RolloutAction.GO_LIVE else after


def rollout_actions_from(stage: RolloutStage) -> tuple[RolloutAction, ...]:
    """List the moves that the table has from a stage, in the order of the actions."""
    return tuple(action for action in RolloutAction if (stage, action) in ROLLOUT_TRANSITIONS)


LATE_AFTER_DAYS: Final = 30
"""A winner that is older than this and not verified is a warning."""

CRITICAL_AFTER_DAYS: Final = 90
"""And older than this a critical one."""

RATE_DAYS: Final = 180
"""Decisions of so many trailing days make up the implementation rate."""

LEAST_RATE: Final = 0.8
"""Of decisions to ship, at least this share is to be verified."""


class Severity(StrEnum):
    """How bad it is that winners are not live."""

    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Winner:
    """A decision to ship, as far as lateness goes.

    Attributes:
        key: Of its rollout.
        decided_on: When it was decided.
        stage: How far it has come.
    """

    key: str
    decided_on: date
    stage: RolloutStage


@dataclass(frozen=True, slots=True)
class Lateness:
    """Whether winners come live, and how bad it is where they do not.

    Attributes:
        late: Open winners older than `LATE_AFTER_DAYS`, the oldest first, each with its days.
        rate: Share of the decisions to ship, older than `LATE_AFTER_DAYS` and within
            `RATE_DAYS`, that are verified; None while there are none.
        counted: How many such decisions there are.
        severity: None when nothing needs to be said.
    """

    late: tuple[tuple[str, int], ...]
    rate: float | None
    counted: int
    severity: Severity | None


def lateness(winners: Sequence[Winner], *, today: date) -> Lateness:
    """Judge whether winners come live in time (R118)."""
    late = sorted(
        (
            (each.key, age)
            for each in winners
            if each.stage in OPEN and (age := (today - each.decided_on).days) > LATE_AFTER_DAYS
        ),
        key=lambda found: -found[1],
    )
    rated = [
        each for each in winners if LATE_AFTER_DAYS < (today - each.decided_on).days <= RATE_DAYS
    ]
    implemented = sum(each.stage in IMPLEMENTED for each in rated)
    rate = implemented / len(rated) if rated else None
    severity = None
    if late or (rate is not None and rate < LEAST_RATE):
        severity = Severity.WARNING
    if late and late[0][1] > CRITICAL_AFTER_DAYS:
        severity = Severity.CRITICAL
    return Lateness(tuple(late), rate, len(rated), severity)


def _words(name: str) -> str:
    return name.replace("_", " ")
