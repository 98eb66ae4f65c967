"""The balanced scorecard: four quadrants of a programme, and when one of them holds all back."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from truelift.errors import Refusal


LOW: Final = 40.0
"""A quadrant below this holds the whole back (R025)."""

HELD_BACK_AT: Final = 50.0
"""What the whole is at most while a quadrant is low."""


class Quadrant(StrEnum):
    """What a programme has to keep in balance."""

    PERFORMANCE = "performance"
    MEASUREMENT = "measurement"
    EFFICIENCY = "efficiency"
    ALIGNMENT = "alignment"

    @property
    def called(self) -> str:
        """The quadrant as it stands on a page."""
        return "Measurement quality" if self is Quadrant.MEASUREMENT else self.value.capitalize()


class Unit(StrEnum):
    """What a figure is counted in, so that it can be written."""

    SHARE = "share"
    DAYS = "days"
    COUNT = "count"


class Figure(StrEnum):
    """What is read from the system about a programme; the scorecard and its maturity share it."""

    REVENUE = "revenue"
    CONVERSION = "conversion"
    DOWNSTREAM = "downstream"
    IMPACT = "impact"
    COVERAGE = "coverage"
    TRACKING = "tracking"
    VALID = "valid"
    SPLIT = "split"
    VITALS = "vitals"
    POWER = "power"
    VELOCITY = "velocity"
    TO_DECISION = "to_decision"
    TO_LIVE = "to_live"
    LEARNING = "learning"
    REWORK = "rework"
    RHYTHM = "rhythm"
    ROADMAP_AGE = "roadmap_age"
    IMPLEMENTATION = "implementation"
    DECISION_SLA = "decision_sla"
    CONFLICT_LEAD = "conflict_lead"
    FREEZES = "freezes"
    VOICE = "voice"
    BRIEF = "brief"
    WARNINGS = "warnings"
    SCORED = "scored"
    OVERRIDES = "overrides"
    OWNED = "owned"
    REMIT = "remit"
    STEADY = "steady"
    CHECKED = "checked"
    DOCUMENTED = "documented"
    REUSED = "reused"
    DRIFT = "drift"


@dataclass(frozen=True, slots=True)
class Measure:
    """How a figure becomes points.

    Attributes:
        called: What it is, as a page says it.
        unit: What it is counted in.
        floor: Here and beyond it is worth 0.
        target: Here and beyond it is worth 100; below the floor where less is better.
    """

    called: str
    unit: Unit
    floor: float
    target: float

    def points(self, value: float) -> float:
        """Points from 0 to 100, straight between floor and target."""
        return 100 * min(max((value - self.floor) / (self.target - self.floor), 0.0), 1.0)


def _share(called: str, floor: float, target: float) -> Measure:
    return Measure(called, Unit.SHARE, floor, target)


def _days(called: str, floor: float, target: float) -> Measure:
    return Measure(called, Unit.DAYS, floor, target)


MEASURES: Final[Mapping[Figure, Measure]] = MappingProxyType(
    {
        Figure.REVENUE: _share("Revenue per session, against its target", 0.8, 1.0),
        Figure.CONVERSION: _share("Conversion, against the quarter before", 0.85, 1.05),
        Figure.DOWNSTREAM: _share("Revenue kept after refunds", 0.8, 0.97),
        Figure.IMPACT: _share("Implemented lift, shrunken, in a year", 0.0, 0.1),
        Figure.COVERAGE: _share("Events that arrive as they should", 0.9, 0.98),
        Figure.TRACKING: _share("Events turned away", 0.05, 0.0),
        Figure.VALID: _share("Concluded tests that are valid", 0.7, 0.95),
        Figure.SPLIT: _share("Tests whose split failed", 0.1, 0.0),
        Figure.VITALS: _share("Web vitals rated good", 0.5, 0.9),
        Figure.POWER: _share("Power reached, median", 0.4, 0.8),
        Figure.VELOCITY: _share("Launches, against the capacity", 0.3, 0.9),
        Figure.TO_DECISION: _days("Insight to launch, median", 120, 45),
        Figure.TO_LIVE: _days("Decision to live, median", 60, 14),
        Figure.LEARNING: _share("Learning rate", 0.3, 0.64),
        Figure.REWORK: _share("Rework", 0.4, 0.05),
        Figure.RHYTHM: _share("Meetings held with quorum", 0.5, 0.95),
        Figure.ROADMAP_AGE: _days("Since the roadmap last changed", 90, 30),
        Figure.IMPLEMENTATION: _share("Winners that are live", 0.5, 0.9),
        Figure.DECISION_SLA: _share("Results decided in time", 0.5, 0.95),
        Figure.CONFLICT_LEAD: _days("Conflicts found before they happen, median", 0, 14),
        Figure.FREEZES: _share("Deploys that kept to freezes", 0.7, 1.0),
        Figure.VOICE: _days("Since the last note from sales or service", 60, 14),
        Figure.BRIEF: _share("Teams that know the brief", 0.5, 1.0),
        Figure.WARNINGS: Measure("Open warnings", Unit.COUNT, 6, 0),
        Figure.SCORED: _share("Tests scored before they began", 0.5, 1.0),
        Figure.OVERRIDES: _share("Ranked against the score", 0.5, 0.05),
        Figure.OWNED: _share("Tests with somebody who decides", 0.5, 1.0),
        Figure.REMIT: _share("Losses outside of the remit", 0.8, 0.3),
        Figure.STEADY: _share("Unevenness of launches by month", 1.2, 0.3),
        Figure.CHECKED: _share("Tests that were checked before launch", 0.5, 1.0),
        Figure.DOCUMENTED: _share("Decided tests with a learning", 0.3, 0.95),
        Figure.REUSED: _share("Hypotheses that cite what was learned", 0.0, 0.5),
        Figure.DRIFT: _share("Revenue counted, against the ledger's", 0.05, 0.01),
    }
)
"""Every figure with its usual floor and target; the source leaves both to settings."""

ITEMS: Final[Mapping[Quadrant, tuple[Figure, ...]]] = MappingProxyType(
    {
        Quadrant.PERFORMANCE: (
            Figure.REVENUE,
            Figure.CONVERSION,
            Figure.DOWNSTREAM,
            Figure.IMPACT,
        ),
        Quadrant.MEASUREMENT: (
            Figure.COVERAGE,
            Figure.TRACKING,
            Figure.VALID,
            Figure.SPLIT,
            Figure.VITALS,
            Figure.POWER,
        ),
        Quadrant.EFFICIENCY: (
            Figure.VELOCITY,
            Figure.TO_DECISION,
            Figure.TO_LIVE,
            Figure.LEARNING,
            Figure.REWORK,
        ),
        Quadrant.ALIGNMENT: (
            Figure.RHYTHM,
            Figure.ROADMAP_AGE,
            Figure.IMPLEMENTATION,
            Figure.DECISION_SLA,
            Figure.CONFLICT_LEAD,
            Figure.FREEZES,
            Figure.VOICE,
            Figure.BRIEF,
            Figure.WARNINGS,
        ),
    }
)
"""What each quadrant is the mean of, with equal weights (`program.md` §5.9)."""


class BadTarget(Refusal):
    """A target cannot be what it was said to be."""

    code = "scorecard.bad_target"

    def __init__(self, *, figure: str, why: str) -> None:
        super().__init__(f"{figure}: {why}", figure=figure)


@dataclass(frozen=True, slots=True)
class Reading:
    """What the system says of a figure.

    Attributes:
        figure: Of what.
        value: In the figure's unit; None where nothing can be said.
        n: What it was read from, of things; 0 where nothing was.
        said: What was counted, or why nothing can be said, as part of a sentence.
    """

    figure: Figure
    value: float | None
    n: int
    said: str


@dataclass(frozen=True, slots=True)
class Scored:
    """A reading with its points; None where the reading says nothing."""

    reading: Reading
    measure: Measure
    points: float | None


@dataclass(frozen=True, slots=True)
class QuadrantScore:
    """A quadrant.

    Attributes:
        quadrant: Which.
        items: All of them, also those of which nothing is known.
        points: The mean of those that are known; None without a single one.
    """

    quadrant: Quadrant
    items: tuple[Scored, ...]
    points: float | None

    @property
    def known(self) -> int:
        """Of how many items something is known."""
        return sum(each.points is not None for each in self.items)

    @property
    def low(self) -> bool:
        """Whether it holds the whole back."""
        return self.points is not None and self.points < LOW


@dataclass(frozen=True, slots=True)
class Scorecard:
    """A programme's four quadrants, and what they come to together.

    Attributes:
        quadrants: In the order of `Quadrant`.
        overall: The geometric mean, held at 50 while a quadrant is low; None while one of them
            is not known.
        held_back_by: The quadrants that are low.
    """

    quadrants: tuple[QuadrantScore, ...]
    overall: float | None
    held_back_by: tuple[Quadrant, ...]

    @property
    def unknown(self) -> tuple[Quadrant, ...]:
        """The quadrants of which nothing is known."""
        return tuple(each.quadrant for each in self.quadrants if each.points is None)


def measures_with(changes: Mapping[str, tuple[float, float]]) -> Mapping[Figure, Measure]:
    """Give the measures with a programme's own floors and targets.

    Args:
        changes: Word of `Figure` → floor and target.

    Raises:
        BadTarget: There is no such figure, or floor and target are not two different numbers.
    """
    found = dict(MEASURES)
    for name, (floor, target) in changes.items():
        if name not in set(Figure):
            raise BadTarget(figure=name[:40], why="there is no such figure.")
        if not (math.isfinite(floor) and math.isfinite(target)) or floor == target:
            raise BadTarget(figure=name, why="floor and target are two different numbers.")
        if (floor < target) != (MEASURES[Figure(name)].floor < MEASURES[Figure(name)].target):
            raise BadTarget(figure=name, why="floor and target change places; less is not more.")
        old = found[Figure(name)]
        found[Figure(name)] = Measure(old.called, old.unit, floor, target)
    return found


def scorecard(
    readings: Iterable[Reading], measures: Mapping[Figure, Measure] = MEASURES
) -> Scorecard:
    """Score a programme; a figure that nobody read counts as not known.

    Args:
        readings: At most one of each figure.
        measures: Floors and targets.
    """
    read = {each.figure: each for each in readings}
    quadrants = tuple(
        _quadrant(quadrant, [_scored(read, figure, measures) for figure in figures])
        for quadrant, figures in ITEMS.items()
    )
    low = tuple(each.quadrant for each in quadrants if each.low)
    points = [each.points for each in quadrants if each.points is not None]
    overall = None
    if len(points) == len(quadrants):
        overall = math.prod(points) ** (1 / len(points))
        overall = min(overall, HELD_BACK_AT) if low else overall
    return Scorecard(quadrants, overall, low)


def _scored(
    read: Mapping[Figure, Reading], figure: Figure, measures: Mapping[Figure, Measure]
) -> Scored:
    reading = read.get(figure, Reading(figure, None, 0, "it is not measured yet"))
    measure = measures[figure]
    return Scored(
        reading, measure, None if reading.value is None else measure.points(reading.value)
    )


def _quadrant(quadrant: Quadrant, items: list[Scored]) -> QuadrantScore:
    points = [each.points for each in items if each.points is not None]
    return QuadrantScore(quadrant, tuple(items), sum(points) / len(points) if points else None)
