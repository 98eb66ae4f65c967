"""How a conflict is settled, whom it stops until then, and when it is taken further."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from truelift.lifecycle.back_schedule import working_days_before
from truelift.lifecycle.conflict_look import Conflict, listed
from truelift.lifecycle.conflict_rules import Resolution, Rule, settles
from truelift.lifecycle.obstacle import Obstacle
from truelift.lifecycle.working_days import working_days_after


@dataclass(frozen=True, slots=True)
class Settlement:
    """What people did about a conflict.

    Attributes:
        resolution: Which way they took.
        by: Who agreed.
        plan: What they wrote, where the way is a plan.
    """

    resolution: Resolution
    by: tuple[str, ...] = ()
    plan: str = ""


def settlement_obstacles(conflict: Conflict, settlement: Settlement) -> tuple[Obstacle, ...]:
    """Say why a settlement cannot hold whatever the items are; all reasons at once."""
    resolution = settlement.resolution
    found = []
    if not settles(resolution, conflict.rule):
        ways = " or ".join(each.called.lower() for each in conflict.resolutions)
        found.append(
            Obstacle(
                "conflict.settles_nothing",
                f"“{resolution.called}” does not settle “{conflict.rule.called}”.",
                f"Choose another way: {ways}.",
            )
        )
    if resolution is Resolution.PLAN and not settlement.plan.strip():
        found.append(
            Obstacle("conflict.no_plan", "The plan is empty.", Resolution.PLAN.meaning),
        )
    if resolution is Resolution.APPROVE:
        silent = [each for each in conflict.owners if each not in settlement.by]
        if silent or not conflict.owners:
            found.append(
                Obstacle(
                    "conflict.owner_silent",
                    f"{listed(silent)} did not agree." if silent else "Nobody owns the items.",
                    "Ask every owner to agree." if silent else "Name their decision-owners.",
                )
            )
    return tuple(found)


def settled(conflict: Conflict, settlement: Settlement, *, found: Iterable[Conflict]) -> bool:
    """Say whether a conflict is settled.

    A plan or an approval is. Whatever changes the items is only when the conflict
    is not found any more: that somebody says to have moved one is not believed.

    Args:
        conflict: As it was found first.
        settlement: What people did.
        found: What is found now, after it.
    """
    if settlement_obstacles(conflict, settlement):
        return False
    if settlement.resolution.is_said:
        return True
    return all(each.identity != conflict.identity for each in found)


def unresolved(
    found: Iterable[Conflict], settlements: Mapping[tuple[Rule, str, str], Settlement]
) -> tuple[Conflict, ...]:
    """Give the conflicts that are found now and that no plan and no approval settles.

    Args:
        found: What is found now.
        settlements: Identity of a conflict → what people did about it.
    """
    return tuple(
        each
        for each in found
        if (settlement := settlements.get(each.identity)) is None
        or not settled(each, settlement, found=(each,))
    )


def obstacles_of(
    key: str,
    conflicts: Iterable[Conflict],
    resolved: Collection[tuple[Rule, str, str]] = frozenset(),
) -> tuple[Obstacle, ...]:
    """Say which conflicts keep an item from being scheduled; the first to begin first.

    Args:
        key: The item's.
        conflicts: What is found now.
        resolved: Identities of those that people settled.
    """
    return tuple(
        Obstacle(f"conflict.{each.rule}", each.sentence, _remedy(each))
        for each in conflicts
        if each.stops and each.is_about(key) and each.identity not in resolved
    )


def _remedy(conflict: Conflict) -> str:
    if conflict.rule is Rule.C13:
        return "Bring what is missing, or move the start."
    return " Or: ".join(each.meaning for each in conflict.resolutions)


ESCALATES_BEFORE: Final = 5
"""Working days before it begins on which an unresolved conflict goes to the sponsor."""


@dataclass(frozen=True, slots=True)
class Escalation:
    """How much time is left to settle a conflict.

    Attributes:
        lead_days: Days from the day on which it was detected to its first; negative where it
            was found too late.
        due: By when its owners have to say who moves.
        escalates_on: The day on which it is taken further.
        escalated: Whether that day has come.
    """

    lead_days: int
    due: date
    escalates_on: date
    escalated: bool


def escalation(
    conflict: Conflict,
    *,
    detected: date,
    today: date,
    within: int = 5,
    free: Collection[date] = (),
) -> Escalation:
    """Say by when a conflict is to be settled, and when it is taken further.

    What is detected in the last days is due and escalated at once.

    Args:
        conflict: As it is found now.
        detected: The day on which it was found first.
        today: The day that it is at the site.
        within: Working days that its owners have.
        free: Days besides weekends on which nobody works.
    """
    last = working_days_before(conflict.starts, ESCALATES_BEFORE, free=free)
    escalates_on = max(last, detected)
    return Escalation(
        lead_days=(conflict.starts - detected).days,
        due=min(working_days_after(detected, within, free=free), escalates_on),
        escalates_on=escalates_on,
        escalated=today >= escalates_on,
    )
