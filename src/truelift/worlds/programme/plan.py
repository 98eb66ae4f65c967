"""What will happen in the year: true effects, what tests will measure, who lets what lie."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import numpy as np

from truelift.stats.outcome import Outcome


Z_95: Final = 1.959963984540054
Z_90: Final = 1.6448536269514722

DAYS: Final = 365
TESTS: Final = 60
SQUADS: Final = ("search", "product", "checkout")

_SURFACES: Final = {
    "search": ("Search results", "Category page", "Home page", "Filter drawer"),
    "product": ("Product page", "Size guide", "Reviews", "Gallery"),
    "checkout": ("Cart", "Delivery step", "Payment step", "Account page"),
}
_THINGS: Final = (
    "the delivery date", "the return period", "the price per night", "a stock hint",
    "the weight in grams", "customer photos", "a comparison table", "the warranty",
    "the store pick-up", "a packing list", "the repair service", "the rating",
    "a short video", "the fabric’s name", "payment by invoice", "the postage",
    "the address book", "recently seen items", "an outfit idea", "the carbon figure",
)  # fmt: skip
_WHO: Final = ("phone visitors", "new visitors", "returning customers", "visitors from search")


class Fate(StrEnum):
    """How far a test comes."""

    CLOSED = "closed"
    NO_SLOT = "no_slot"
    NOT_REVIEWED = "not_reviewed"
    NO_OWNER = "no_owner"
    UNDECIDED = "undecided"
    SPLIT = "split"
    RELEASE = "release"
    TRACKING = "tracking"


class Arrival(StrEnum):
    """What becomes of a winner."""

    LIVE = "live"
    LATE = "late"
    GIVEN_UP = "given_up"
    LEFT = "left"


INVALID: Final = frozenset({Fate.SPLIT, Fate.RELEASE, Fate.TRACKING})


@dataclass(frozen=True, slots=True)
class Planned:
    """One test of the year: what is true, what it will measure, and when its steps are taken.

    Attributes:
        truth: True relative effect of the change.
        measured: What the test will estimate.
        se: With which standard error.
        margin: The relative difference that it was planned to find.
        waits: Days of each step after the one before.
        returned: It goes back to the brief once.
        paused: It is paused for some days.
        ranked: The sponsor put its hypothesis first, whatever its score was.
        overruled: It is shipped against its recommendation, where that was not to ship.
        from_idea: It was an idea before it was a hypothesis.
        opinion: Its evidence is a review; nobody has counted anything.
    """

    number: int
    squad: str
    surface: str
    change: str
    audience: str
    seen_at: datetime
    truth: float
    measured: float
    se: float
    margin: float
    weeks: int
    fate: Fate
    arrival: Arrival
    waits: tuple[float, ...]
    live_after: float
    returned: bool
    paused: bool
    ranked: bool
    overruled: bool
    from_idea: bool
    opinion: bool

    @property
    def key(self) -> str:
        """Key of the experiment."""
        return f"{self.squad}-{self.number:02}"

    @property
    def outcome(self) -> Outcome:
        """What the result says, by its intervals."""
        if abs(self.measured) > Z_95 * self.se:
            return Outcome.WIN if self.measured > 0 else Outcome.LOSS
        if abs(self.measured) + Z_90 * self.se < self.margin:
            return Outcome.NULL
        return Outcome.INCONCLUSIVE


def year_of(seed: int, *, until: datetime, tests: int = TESTS) -> tuple[Planned, ...]:
    """Draw a year that ends at a moment; the same seed gives the same year."""
    generator = np.random.default_rng(seed)
    fates = _fates(generator, tests)
    truths = generator.normal(0.004, 0.025, tests)
    errors = generator.uniform(0.012, 0.03, tests)
    measured = truths + errors * generator.standard_normal(tests)
    begins = until - timedelta(days=DAYS)
    apart = (DAYS - 10) / tests
    order = generator.permutation(len(_THINGS) * len(_WHO))
    made = []
    for n in range(tests):
        squad = SQUADS[n % len(SQUADS)]
        thing = _THINGS[int(order[n % len(order)]) % len(_THINGS)]
        surface = _SURFACES[squad][int(generator.integers(4))]
        seen = begins + timedelta(days=n * apart + float(generator.uniform(0, apart)))
        made.append(
            Planned(
                number=n + 1,
                squad=squad,
                surface=surface,
                change=f"show {thing} on the {surface.lower()}",
                audience=_WHO[int(generator.integers(len(_WHO)))],
                seen_at=seen.replace(minute=0, second=0, microsecond=0),
                truth=float(truths[n]),
                measured=float(measured[n]),
                se=float(errors[n]),
                margin=round(float(errors[n] * generator.uniform(1.9, 3.0)), 4),
                weeks=int(generator.integers(2, 5)),
                fate=fates[n],
                arrival=generator.choice(list(Arrival), p=[0.6, 0.2, 0.1, 0.1]),
                waits=tuple(float(each) for each in generator.exponential(1.0, 12)),
                live_after=float(generator.uniform(4, 24)),
                returned=bool(generator.random() < 0.12),
                paused=bool(generator.random() < 0.08),
                ranked=bool(generator.random() < 0.1),
                overruled=bool(generator.random() < 0.15),
                from_idea=bool(generator.random() < 0.35),
                opinion=bool(generator.random() < 0.2),
            )
        )
    return tuple(made)


_ODD: Final = (
    (Fate.NO_SLOT, 0.06),
    (Fate.NOT_REVIEWED, 0.04),
    (Fate.NO_OWNER, 0.02),
    (Fate.UNDECIDED, 0.04),
    (Fate.SPLIT, 0.04),
    (Fate.RELEASE, 0.04),
    (Fate.TRACKING, 0.02),
)


def _fates(generator: np.random.Generator, tests: int) -> list[Fate]:
    """Spread what goes wrong over the first nine months, at least one of each."""
    fates = [Fate.CLOSED] * tests
    free = list(generator.permutation(max(tests * 3 // 4, len(_ODD))))
    for fate, share in _ODD:
        for _ in range(max(1, round(share * tests))):
            if free:
                fates[int(free.pop())] = fate
    return fates


def plain_sum(tests: tuple[Planned, ...]) -> float:
    """Add up what won tests measured, as a slide would."""
    return sum(each.measured for each in tests if each.outcome is Outcome.WIN)


def true_sum(tests: tuple[Planned, ...]) -> float:
    """Add up what the same changes truly do."""
    return sum(each.truth for each in tests if each.outcome is Outcome.WIN)
