"""Whether a programme has come to the ceiling of what its people may touch (R017)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Final


FALLEN_BELOW: Final = 0.5
"""Lift of the last two quarters by that of the two before; below it the yield has fallen."""

GAP_FROM: Final = 0.5
"""Share of the money at stake on surfaces outside the remit from which it is outside."""

OWNED_FROM: Final = 0.8
"""Share of tests on surfaces inside the remit from which nobody looks further."""

NAMED: Final = 3
"""So many surfaces outside the remit are named."""


@dataclass(frozen=True, slots=True)
class Outside:
    """A surface that nobody of the programme may change.

    Attributes:
        name: What people call it.
        share: Of the money at stake, between 0 and 1.
        owner: Whose it is; empty where nobody is named.
    """

    name: str
    share: float
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Ceiling:
    """How near a programme is to its ceiling.

    Attributes:
        lift: Shrunken lift shipped in the last two quarters, added up.
        lift_before: In the two quarters before those.
        remit_gap: Share of the money at stake that is outside the remit; None where unknown.
        owned: Share of the tests on surfaces inside it; None without tests.
        outside: The surfaces outside it, the costliest first, no more than three.
    """

    lift: float | None
    lift_before: float | None
    remit_gap: float | None
    owned: float | None
    outside: tuple[Outside, ...] = ()

    @property
    def kept(self) -> float | None:
        """What is left of the lift; None where nothing was shipped before."""
        if self.lift is None or self.lift_before is None or self.lift_before <= 0:
            return None
        share = self.lift / self.lift_before
        return share if isfinite(share) else None

    @property
    def missing(self) -> str:
        """What keeps it from being judged; empty where nothing does."""
        if self.kept is None:
            return "no lift was shipped two quarters before"
        if self.remit_gap is None:
            return "nobody has said who owns the surfaces"
        if self.owned is None:
            return "no test ran in the last two quarters"
        return ""

    @property
    def reached(self) -> bool:
        """Whether all three hold: less lift, most of it outside, and nobody looks there."""
        return (
            self.kept is not None
            and self.remit_gap is not None
            and self.owned is not None
            and self.kept < FALLEN_BELOW
            and self.remit_gap >= GAP_FROM
            and self.owned >= OWNED_FROM
        )

    @property
    def sentence(self) -> str:
        """Say what it is, with its numbers and the surfaces that are outside."""
        kept, gap, owned = self.kept, self.remit_gap, self.owned
        if kept is None or gap is None or owned is None:
            return f"The ceiling cannot be judged: {self.missing}."
        said = (
            f"Shipped lift of the last two quarters is {max(kept, 0.0):.0%} of the two before, "
            f"{gap:.0%} of the money at stake is on surfaces outside the remit, and {owned:.0%} "
            "of tests ran inside it."
        )
        if not self.reached:
            return said
        names = ", ".join(
            f"{each.name} ({each.share:.0%}{f', {each.owner}' if each.owner else ''})"
            for each in self.outside
        )
        return f"{said} What is left to win is outside: {names}." if names else said


def ceiling(
    *,
    lift: float | None,
    lift_before: float | None,
    outside: Sequence[Outside] | None,
    tests_inside: int,
    tests: int,
) -> Ceiling:
    """Judge whether yield falls because what is left is outside the remit.

    Args:
        lift: Shrunken lift shipped in the last two quarters; None where none is known.
        lift_before: In the two before.
        outside: Surfaces outside the remit; None where nobody has said whose surfaces are.
        tests_inside: Tests of the last two quarters on surfaces inside the remit.
        tests: All of them whose surface is known.
    """
    # A share that is no number says nothing of whose the money is.
    told = None if outside is None else [each for each in outside if isfinite(each.share)]
    ordered = sorted(told or (), key=lambda each: (-each.share, each.name))
    return Ceiling(
        lift=lift,
        lift_before=lift_before,
        remit_gap=None
        if told is None or len(told) < len(outside or ())
        else min(1.0, sum(each.share for each in ordered)),
        owned=tests_inside / tests if tests else None,
        outside=tuple(ordered[:NAMED]),
    )
