"""The commercial brief: which functions a programme has, and who stands behind a version (R015)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from truelift.lifecycle.functions import Function
from truelift.lifecycle.obstacle import Obstacle


EIGHT: Final = (
    Function.MARKETING,
    Function.PRODUCT_UX,
    Function.ENGINEERING,
    Function.ANALYTICS,
    Function.SALES,
    Function.SERVICE,
    Function.FINANCE,
    Function.CREATIVE,
)
"""Every programme has somebody of each, or says why it has none."""

MOST_PRIORITIES: Final = 7


@dataclass(frozen=True, slots=True)
class Seat:
    """One of the eight functions in a programme.

    Attributes:
        function: Which.
        people: Who does it, by name.
        none_because: Why nobody does; empty where somebody should.
        acknowledged: Whether the team stands behind the newest version.
    """

    function: Function
    people: tuple[str, ...] = ()
    none_because: str = ""
    acknowledged: bool = False

    @property
    def counted(self) -> bool:
        """Whether it is a team whose word is needed: a seat that is empty on purpose is none."""
        return bool(self.people) or not self.none_because

    @property
    def unfilled(self) -> bool:
        """Whether there is nobody, and nobody has said why."""
        return not self.people and not self.none_because


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many teams stand behind the newest version.

    Attributes:
        acknowledged: Teams that do.
        teams: Teams that there are, also those that lack a person without a reason.
        missing: The functions that do not, in their order.
    """

    acknowledged: int
    teams: int
    missing: tuple[Function, ...]

    @property
    def share(self) -> float | None:
        """Alignment coverage; None where no function is a team."""
        return self.acknowledged / self.teams if self.teams else None


def seats(
    people: Mapping[Function, Sequence[str]],
    none_because: Mapping[Function, str],
    acknowledged: Collection[Function],
) -> tuple[Seat, ...]:
    """Lay out the eight functions of a programme.

    Somebody who came since makes a reason for nobody void.
    """
    return tuple(
        Seat(
            function=each,
            people=tuple(people.get(each, ())),
            none_because="" if people.get(each) else none_because.get(each, ""),
            acknowledged=each in acknowledged and bool(people.get(each)),
        )
        for each in EIGHT
    )


def coverage(given: Sequence[Seat]) -> Coverage:
    """Count who stands behind the newest version."""
    teams = [each for each in given if each.counted]
    missing = tuple(each.function for each in teams if not each.acknowledged)
    return Coverage(len(teams) - len(missing), len(teams), missing)


def brief_obstacles(goal: str, priorities: Sequence[str]) -> tuple[Obstacle, ...]:
    """Say what keeps a version of the brief from being one."""
    found = []
    if not goal.strip():
        found.append(
            Obstacle("commercial_brief.no_goal", "It has no goal.", "Say what the year is for.")
        )
    if not priorities:
        found.append(
            Obstacle(
                "commercial_brief.no_priorities",
                "It has no priorities.",
                "Name what comes first, one a line.",
            )
        )
    elif len(priorities) > MOST_PRIORITIES:
        found.append(
            Obstacle(
                "commercial_brief.too_many_priorities",
                f"{len(priorities)} priorities are none; {MOST_PRIORITIES} are the most.",
                "Leave out what can wait.",
            )
        )
    return tuple(found)
