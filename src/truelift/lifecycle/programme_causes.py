"""Why work is stuck or came to nothing: causes, a first guess from the data, and their Pareto."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final


STALLED_AFTER: Final = timedelta(days=14)
"""What stands in one stage for longer is stuck (R136)."""


class Trouble(StrEnum):
    """What went wrong with an item, so that somebody has to say why."""

    STALLED = "stalled"
    INVALID = "invalid"
    INCONCLUSIVE = "inconclusive"
    UNIMPLEMENTED = "unimplemented"
    OVERRIDDEN = "overridden"

    @property
    def meaning(self) -> str:
        """What it is, as a line of a list says it."""
        return _TROUBLES[self]


_TROUBLES: Final[Mapping[Trouble, str]] = MappingProxyType(
    {
        Trouble.STALLED: "stuck in one stage",
        Trouble.INVALID: "result given up",
        Trouble.INCONCLUSIVE: "the data could not tell",
        Trouble.UNIMPLEMENTED: "won and not live",
        Trouble.OVERRIDDEN: "decided against the rule or the score",
    }
)


class Area(StrEnum):
    """Where a cause lies; most of what is called a testing problem lies in the first."""

    ORGANISATIONAL = "organisational"
    MEASUREMENT = "measurement"
    STATISTICAL = "statistical"
    IDEA = "idea"
    EXTERNAL = "external"


class Reason(StrEnum):
    """Why something is in trouble."""

    NO_OWNER = "no_owner"
    NO_SLOT = "no_slot"
    APPROVAL = "approval"
    CONFLICT = "conflict"
    REMIT = "remit"
    NOBODY_ACTED = "nobody_acted"
    OVERRULED = "overruled"
    INSTRUMENTATION = "instrumentation"
    TRACKING = "tracking"
    SPLIT = "split"
    TRAFFIC = "traffic"
    STOPPED_EARLY = "stopped_early"
    NO_EFFECT = "no_effect"
    EVIDENCE = "evidence"
    OUTSIDE = "outside"

    @property
    def area(self) -> Area:
        """Where it lies."""
        return _MEANS[self][0]

    @property
    def meaning(self) -> str:
        """What it says, in a few words."""
        return _MEANS[self][1]


_MEANS: Final[Mapping[Reason, tuple[Area, str]]] = MappingProxyType(
    {
        Reason.NO_OWNER: (Area.ORGANISATIONAL, "nobody is named"),
        Reason.NO_SLOT: (Area.ORGANISATIONAL, "no slot to build it"),
        Reason.APPROVAL: (Area.ORGANISATIONAL, "an approval is missing"),
        Reason.CONFLICT: (Area.ORGANISATIONAL, "it collides with other work"),
        Reason.REMIT: (Area.ORGANISATIONAL, "nobody present may do it"),
        Reason.NOBODY_ACTED: (Area.ORGANISATIONAL, "nothing stands in its way, and nobody did it"),
        Reason.OVERRULED: (Area.ORGANISATIONAL, "a person went over the rule"),
        Reason.INSTRUMENTATION: (Area.MEASUREMENT, "events or variants are not checked"),
        Reason.TRACKING: (Area.MEASUREMENT, "the tracking broke"),
        Reason.SPLIT: (Area.MEASUREMENT, "visitors were not split as planned"),
        Reason.TRAFFIC: (Area.STATISTICAL, "too few visitors to tell"),
        Reason.STOPPED_EARLY: (Area.STATISTICAL, "stopped before its planned end"),
        Reason.NO_EFFECT: (Area.IDEA, "the change is too small to be seen"),
        Reason.EVIDENCE: (Area.IDEA, "the idea is not worked out"),
        Reason.OUTSIDE: (Area.EXTERNAL, "something outside of the company"),
    }
)

_BY_GUARD: Final[tuple[tuple[Reason, tuple[str, ...]], ...]] = (
    (
        Reason.NO_OWNER,
        ("experiment.no_decision_owner", "rollout.no_owner", "rollout.no_due_date"),
    ),
    (
        Reason.NO_SLOT,
        ("brief.no_implementer", "brief.no_slot", "brief.not_acknowledged"),
    ),
    (Reason.CONFLICT, ("roadmap.", "conflict.", "freeze.")),
    (
        Reason.APPROVAL,
        ("people.unsigned", "people.signed_by_one", "brief.risk_unanswered"),
    ),
    (
        Reason.INSTRUMENTATION,
        (
            "qa.",
            "brief.no_screenshot",
            "brief.no_address",
            "brief.not_measured",
            "brief.measurement_unsound",
        ),
    ),
    (
        Reason.TRAFFIC,
        (
            "experiment.no_sample_size",
            "experiment.too_few_visitors",
            "experiment.too_long",
            "experiment.looks_of_nothing",
        ),
    ),
    (
        Reason.EVIDENCE,
        (
            "experiment.no_hypothesis",
            "experiment.hypothesis_not_accepted",
            "experiment.no_primary_metric",
            "experiment.no_guardrail",
            "experiment.no_dates",
            "experiment.no_control",
            "experiment.too_few_variants",
            "brief.",
            "hypothesis.",
        ),
    ),
    (Reason.REMIT, ("people.",)),
)
"""Which guard speaks of which cause, the first that matches; what hinders people goes first."""


def guess_stalled(codes: Collection[str]) -> Reason:
    """Guess from the guards that refuse the next step why it is not taken.

    Args:
        codes: Codes of the obstacles; none when nothing hinders it.
    """
    for reason, starts in _BY_GUARD:
        if any(code.startswith(starts) for code in codes):
            return reason
        if reason is Reason.CONFLICT and any(code.endswith(_NOT_AGREED) for code in codes):
            return Reason.APPROVAL
    return Reason.NOBODY_ACTED


_NOT_AGREED: Final = ("_not_approved", "_not_signed")
"""Ends of codes that name what somebody should have agreed with."""

_BY_CHECK: Final[tuple[tuple[Reason, tuple[str, ...]], ...]] = (
    (Reason.SPLIT, ("srm", "split")),
    (Reason.CONFLICT, ("contaminat", "release", "deploy")),
    (Reason.OUTSIDE, ("outage", "provider", "strike", "season")),
)


def guess_invalid(checks: Collection[str], *, said: str) -> Reason:
    """Guess why a result was given up.

    Args:
        checks: Names of the integrity checks that failed.
        said: The reason that was given.
    """
    words = " ".join((*checks, said)).lower()
    for reason, starts in _BY_CHECK:
        if any(start in words for start in starts):
            return reason
    return Reason.TRACKING


def guess_inconclusive(*, chance: float | None, early: bool) -> Reason:
    """Guess why the data could not tell.

    Args:
        chance: How likely a test of such noise is to be inconclusive; None when nobody knows.
        early: Whether it was stopped before its planned end.
    """
    if early:
        return Reason.STOPPED_EARLY
    if chance is not None and chance > _LIKELY:
        return Reason.TRAFFIC
    return Reason.NO_EFFECT


_LIKELY: Final = 0.5


def guess_unimplemented(*, owner: bool, begun: bool) -> Reason:
    """Guess why a winner is not live: nobody has it, nobody has time, or nobody ends it."""
    if not owner:
        return Reason.NO_OWNER
    return Reason.NOBODY_ACTED if begun else Reason.NO_SLOT


@dataclass(frozen=True, slots=True)
class Bar:
    """One reason of a Pareto.

    Attributes:
        reason: Why.
        count: How often.
        share: Of all.
        together: Share of this one and all that are more frequent.
    """

    reason: Reason
    count: int
    share: float
    together: float


def pareto(reasons: Iterable[Reason]) -> tuple[Bar, ...]:
    """Order reasons by how often they are one; of equals the one that stands first in the list."""
    counted = Counter(reasons)
    whole = counted.total()
    ordered = sorted(counted, key=lambda each: (-counted[each], list(Reason).index(each)))
    bars, passed = [], 0
    for each in ordered:
        passed += counted[each]
        bars.append(Bar(each, counted[each], counted[each] / whole, passed / whole))
    return tuple(bars)


def organisational_share(reasons: Iterable[Reason]) -> float | None:
    """Give the share of reasons that are the organisation's; None without any."""
    found = [each.area is Area.ORGANISATIONAL for each in reasons]
    return sum(found) / len(found) if found else None
