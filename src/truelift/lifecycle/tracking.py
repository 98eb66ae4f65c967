"""How much of what happens is tracked: orders against the shop's own, events against the plan.

Source:
    R092: coverage is what is tracked by ground truth, by day and device; 98 per cent is the
    target, and below 95 it is red.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final


TARGET: Final = 0.98
"""From here on it is green."""

RED_BELOW: Final = 0.95

TWICE_ABOVE: Final = 1.02
"""More events than there are orders: some are counted twice, and hide others that are lost."""

FEWEST: Final = 100
"""Without so many in truth one lost is more than a point, and nothing is said."""

WINDOW_DAYS: Final = 28

NOT_SAID: Final = ""
"""The device of what nobody says the device of."""

LONGEST_NAME: Final = 200
MOST_PLANNED: Final = 200

_DEVICES: Final = {"mobile": "phone", "smartphone": "phone", "handy": "phone"}


class Light(StrEnum):
    """What a coverage is worth."""

    GREEN = "green"
    AMBER = "amber"
    RED = "red"

    @property
    def rank(self) -> int:
        """Place from the best."""
        return tuple(Light).index(self)


@dataclass(frozen=True, slots=True)
class Counted:
    """A day on one kind of device.

    Attributes:
        device: As a source calls it; empty where it does not say.
        tracked: Of which an event came.
        truth: As the ground truth has it.
    """

    day: date
    device: str
    tracked: int
    truth: int


@dataclass(frozen=True, slots=True)
class Part:
    """Some days or one device together."""

    name: str
    tracked: int
    truth: int

    @property
    def share(self) -> float | None:
        """What is tracked of the truth; None of nothing."""
        return self.tracked / self.truth if self.truth else None

    @property
    def light(self) -> Light | None:
        """What that is worth; None where there is too little to say."""
        if self.truth < FEWEST:
            return None
        share = self.tracked / self.truth
        if share < RED_BELOW:
            return Light.RED
        return Light.GREEN if TARGET <= share <= TWICE_ABOVE else Light.AMBER


@dataclass(frozen=True, slots=True)
class Coverage:
    """What is tracked of what happened in a span.

    Attributes:
        whole: All days and devices.
        devices: Each, the one that loses the largest share first; empty where the ground truth
            does not tell them apart.
        days: Each, in order.
    """

    whole: Part
    devices: tuple[Part, ...]
    days: tuple[Part, ...]

    @property
    def light(self) -> Light | None:
        """The worst of the whole and of each device; None where there is too little to say."""
        lights = [each.light for each in (self.whole, *self.devices)]
        found = [each for each in lights if each is not None]
        return max(found, key=lambda each: each.rank) if found else None

    @property
    def worst(self) -> Part | None:
        """The device that is to blame; None where all are green, or all alike."""
        bad = [each for each in self.devices if each.light not in {None, Light.GREEN}]
        judged = [each for each in self.devices if each.light is not None]
        if not bad or (len(judged) > 1 and len(bad) == len(judged) and _alike(bad)):
            return None
        return bad[0]


def _alike(parts: Sequence[Part]) -> bool:
    """Say whether all lose about as much: then it is no matter of a device."""
    shares = [each.tracked / each.truth for each in parts]
    return max(shares) - min(shares) < 1 - TARGET


def device_called(given: str) -> str:
    """Give the one name of a device that files call by several."""
    name = given.strip().casefold()
    return _DEVICES.get(name, name)


def coverage(counted: Iterable[Counted]) -> Coverage:
    """Add up days and devices; a device is told apart only where the ground truth does.

    Args:
        counted: Days on devices, any of them several times.
    """
    rows = list(counted)
    days: dict[date, list[int]] = {}
    devices: dict[str, list[int]] = {}
    for each in rows:
        device = device_called(each.device)
        for sums in (days.setdefault(each.day, [0, 0]), devices.setdefault(device, [0, 0])):
            sums[0] += each.tracked
            sums[1] += each.truth
    truth = sum(each.truth for each in rows)
    told = sum(sums[1] for name, sums in devices.items() if name != NOT_SAID)
    # Orders of unknown devices could be anybody's: with too many of them no device is judged.
    apart = truth > 0 and told >= TARGET * truth
    parts = [Part(name, *sums) for name, sums in devices.items() if name != NOT_SAID and sums[1]]
    return Coverage(
        whole=Part("", sum(each.tracked for each in rows), truth),
        devices=tuple(sorted(parts, key=lambda each: (each.share or 0.0, each.name)))
        if apart
        else (),
        days=tuple(Part(day.isoformat(), *sums) for day, sums in sorted(days.items())),
    )


@dataclass(frozen=True, slots=True)
class PlanCoverage:
    """Which of the planned events came.

    Attributes:
        planned: All of them, as written.
        missing: Those of which none came.
    """

    planned: tuple[str, ...]
    missing: tuple[str, ...]

    @property
    def seen(self) -> int:
        """How many came."""
        return len(self.planned) - len(self.missing)

    @property
    def share(self) -> float | None:
        """What came of the planned; None without a plan."""
        return self.seen / len(self.planned) if self.planned else None


def plan_coverage(planned: Iterable[str], seen: Iterable[str]) -> PlanCoverage:
    """Hold a tracking plan against the names that came."""
    names, came = tuple(dict.fromkeys(planned)), set(seen)
    return PlanCoverage(names, tuple(each for each in names if each not in came))
