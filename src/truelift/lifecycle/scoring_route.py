"""What deserves a test, and where everything else goes instead.

Source:
    docs/methods/learnability.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Route(StrEnum):
    """What is done with a proposal."""

    TEST = "test"
    BOLD_TEST = "bold_test"
    SHIP = "ship"
    LADDER = "ladder"
    RESEARCH = "research"
    DROP = "drop"
    UNKNOWN = "unknown"


NORMAL_LIFT: Final = 0.10
"""A lift that ordinary changes reach; the same as in `stats.ladder`."""

BOLD_LIFT: Final = 0.30
"""A lift that only whole pages and offers reach."""


@dataclass(frozen=True, slots=True)
class Learnable:
    """What is known about whether a test could teach anything.

    Attributes:
        defect: It is plainly broken: there is nothing to learn from a test.
        problem: A problem is linked that it would solve.
        evidence: Pieces of evidence behind it.
        mde: Smallest lift that would be seen in the longest time; None while traffic is not known.
        weeks: That longest time.
        weekly_units: People a week, for the sentence; None while not known.
        if_wins: What would be done if it won; empty while nobody has said.
        if_loses: What would be done if it lost.
    """

    defect: bool = False
    problem: bool = True
    evidence: int = 0
    mde: float | None = None
    weeks: int = 12
    weekly_units: float | None = None
    if_wins: str = ""
    if_loses: str = ""

    @property
    def decision_open(self) -> bool:
        """Whether both outcomes are said, and they differ."""
        wins, loses = (" ".join(each.lower().split()) for each in (self.if_wins, self.if_loses))
        return bool(wins and loses) and wins != loses


@dataclass(frozen=True, slots=True)
class Routed:
    """Where a proposal goes, and why.

    Attributes:
        route: Where.
        reasons: Every reason, as full sentences.
    """

    route: Route
    reasons: tuple[str, ...]


def routed(known: Learnable) -> Routed:
    """Say whether to test, or what to do instead: ship, other evidence, research, or drop.

    The first that holds decides: a defect is shipped whatever the traffic; what nobody would
    decide by is not tested; what no test could see goes down the ladder for little traffic.
    """
    if known.defect:
        return Routed(Route.SHIP, ("A defect: nothing to learn from a test. Ship it and watch.",))
    if not known.problem and not known.evidence:
        return Routed(Route.DROP, ("No problem is linked, and nothing supports it.",))
    said = [each.strip() for each in (known.if_wins, known.if_loses)]
    if all(said) and not known.decision_open:
        return Routed(
            Route.DROP,
            ("Whether it wins or loses, the same would be done: a test changes no decision.",),
        )
    if not known.evidence:
        return Routed(
            Route.RESEARCH, ("A problem without evidence: find out first whether it is one.",)
        )
    if known.mde is None:
        return Routed(
            Route.UNKNOWN, ("The traffic is not known, so neither is what a test could see.",)
        )
    units = "" if known.weekly_units is None else f"{known.weekly_units:,.0f} people a week: "
    seen = f"{units}a change of {_percent(known.mde)} could be seen in {known.weeks} weeks"
    if known.mde > BOLD_LIFT:
        return Routed(
            Route.LADDER,
            (f"{_start(seen)}, and changes hardly ever do so much. Use other evidence.",),
        )
    more = (
        ()
        if known.decision_open
        else ("Nobody has said what would be done if it wins, and what if it loses.",)
    )
    if known.mde > NORMAL_LIFT:
        return Routed(Route.BOLD_TEST, (f"{_start(seen)}: only worth it for a bold change.", *more))
    return Routed(Route.TEST, (f"{_start(seen)}: an ordinary test.", *more))


def _start(text: str) -> str:
    return text[:1].upper() + text[1:]


def _percent(share: float) -> str:
    return f"{100 * share:.{0 if share >= 0.1 else 1}f}%"
