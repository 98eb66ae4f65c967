"""The fourteen ways in which work can be in each other's way, how bad each is, what settles it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Severity(StrEnum):
    """What a conflict does to the items that it is about."""

    BLOCK = "block"
    PLAN_NEEDED = "plan_needed"
    WARN = "warn"
    INFO = "info"

    @property
    def called(self) -> str:
        """The severity as it stands on a page."""
        return _SEVERITIES[self]

    @property
    def rank(self) -> int:
        """Position in the order, 0 for the worst."""
        return tuple(Severity).index(self)

    @property
    def stops(self) -> bool:
        """Whether an item cannot be scheduled while it is unresolved."""
        return self in (Severity.BLOCK, Severity.PLAN_NEEDED)


_SEVERITIES: Final[Mapping[Severity, str]] = MappingProxyType(
    {
        Severity.BLOCK: "Blocks",
        Severity.PLAN_NEEDED: "Needs a plan",
        Severity.WARN: "Warning",
        Severity.INFO: "To know",
    }
)


class Resolution(StrEnum):
    """What can be done about a conflict."""

    MOVE = "move"
    EXCLUDE = "exclude"
    NARROW = "narrow"
    MERGE = "merge"
    BENIGN = "benign"
    PLAN = "plan"
    APPROVE = "approve"

    @property
    def called(self) -> str:
        """The resolution as it stands on a button."""
        return _WAYS[self][0]

    @property
    def meaning(self) -> str:
        """What it asks of people, as an order to them."""
        return _WAYS[self][1]

    @property
    def is_said(self) -> bool:
        """Whether it is something that people write or agree on.

        The others change the items; they hold when the conflict is no longer found.
        """
        return self in (Resolution.PLAN, Resolution.APPROVE)


_WAYS: Final[Mapping[Resolution, tuple[str, str]]] = MappingProxyType(
    {
        Resolution.MOVE: ("Move", "Move one of them."),
        Resolution.EXCLUDE: (
            "Exclude each other",
            "Put both in one layer with ranges apart, so that nobody meets both.",
        ),
        Resolution.NARROW: ("Narrow", "Give them audiences that share nobody."),
        Resolution.MERGE: ("Merge", "Make one test with more variants of them."),
        Resolution.BENIGN: ("Judge harmless", "Let engineering and analytics judge it harmless."),
        Resolution.PLAN: (
            "Write a plan",
            "Write how both are analysed together, and what is looked at.",
        ),
        Resolution.APPROVE: ("Approve", "Let the owners of both agree."),
    }
)


class Rule(StrEnum):
    """One way in which work can be in each other's way."""

    C1 = "c1"
    C2 = "c2"
    C3 = "c3"
    C4 = "c4"
    C5 = "c5"
    C6 = "c6"
    C7 = "c7"
    C8 = "c8"
    C9 = "c9"
    C10 = "c10"
    C11 = "c11"
    C12 = "c12"
    C13 = "c13"
    C14 = "c14"

    @property
    def number(self) -> int:
        """Which of the fourteen, from 1."""
        return int(self.value[1:])

    @property
    def called(self) -> str:
        """The rule as it stands on a page."""
        return _RULES[self][0]

    @property
    def severity(self) -> Severity:
        """How bad it is where the policy says nothing else."""
        return _RULES[self][1]

    @property
    def resolutions(self) -> tuple[Resolution, ...]:
        """What can be done about it, what is usually best first."""
        return _RULES[self][2]


_MOVE, _EXCLUDE, _NARROW = Resolution.MOVE, Resolution.EXCLUDE, Resolution.NARROW
_PLAN, _APPROVE = Resolution.PLAN, Resolution.APPROVE

_RULES: Final[Mapping[Rule, tuple[str, Severity, tuple[Resolution, ...]]]] = MappingProxyType(
    {
        Rule.C1: ("Same element", Severity.BLOCK, (_MOVE, _EXCLUDE, _NARROW, Resolution.MERGE)),
        Rule.C2: (
            "Same surface",
            Severity.PLAN_NEEDED,
            (_PLAN, _EXCLUDE, _NARROW, _MOVE, Resolution.MERGE),
        ),
        Rule.C3: ("Same step", Severity.PLAN_NEEDED, (_PLAN, _EXCLUDE, _NARROW, _MOVE)),
        Rule.C4: ("Upstream test", Severity.WARN, (_PLAN, _EXCLUDE, _NARROW, _MOVE)),
        Rule.C5: ("Same metric", Severity.INFO, (_PLAN, _EXCLUDE, _NARROW, _MOVE)),
        Rule.C6: (
            "Change under a test",
            Severity.BLOCK,
            (_MOVE, Resolution.BENIGN, _NARROW),
        ),
        Rule.C7: ("Feature in motion", Severity.BLOCK, (_MOVE, _APPROVE)),
        Rule.C8: ("Traffic in motion", Severity.WARN, (_MOVE, _PLAN, _NARROW)),
        Rule.C9: ("Season", Severity.WARN, (_MOVE, _PLAN)),
        Rule.C10: ("Frozen surface", Severity.BLOCK, (_MOVE, _APPROVE)),
        Rule.C11: ("Capacity", Severity.WARN, (_MOVE,)),
        Rule.C12: ("Tracking in motion", Severity.BLOCK, (_MOVE,)),
        Rule.C13: ("Not there in time", Severity.WARN, (_MOVE,)),
        Rule.C14: (
            "Users held out",
            Severity.PLAN_NEEDED,
            (_EXCLUDE, _PLAN, _NARROW, _MOVE),
        ),
    }
)


def settles(resolution: Resolution, rule: Rule) -> bool:
    """Say whether a resolution can be the answer to a rule at all."""
    return resolution in rule.resolutions
