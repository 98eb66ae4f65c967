"""Levels of groups as dots with their intervals, all on one axis, beside the level of everybody."""

from __future__ import annotations

from dataclasses import dataclass

from truelift.apps.drawing.axis import Axis, axis_around
from truelift.apps.drawing.forest import Interval
from truelift.apps.drawing.wording import Measure


@dataclass(frozen=True, slots=True)
class Dot:
    """One group.

    Attributes:
        label: What it is called.
        size: Units of it, as written.
        interval: Its level; None where it has too few units for one.
        clear: Whether it is clearly apart from all others.
        instead: Words where there is no level.
    """

    label: str
    size: str
    interval: Interval | None = None
    clear: bool = False
    instead: str = ""


@dataclass(frozen=True, slots=True)
class DotGroup:
    """Groups that together hold everybody: the values of one dimension."""

    title: str
    rows: tuple[Dot, ...]


@dataclass(frozen=True, slots=True)
class DrawnDot:
    """One group as the template draws it."""

    dot: Dot
    said: str
    at: str
    low: str
    high: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Dots:
    """Groups by dimension.

    Attributes:
        groups: One per dimension.
        reference: The level of everybody; a line through all rows.
        measure: How levels are written.
        label: Head of the first column.
        size: Head of the column of units.
        head: Head of the column of levels.
    """

    groups: tuple[DotGroup, ...]
    reference: float
    measure: Measure
    label: str
    size: str
    head: str

    @property
    def axis(self) -> Axis:
        """One axis for all rows."""
        ends = [self.reference]
        for group in self.groups:
            for row in group.rows:
                if row.interval is not None:
                    ends += [row.interval.low, row.interval.high]
        return axis_around(min(ends), max(ends), measure=self.measure)

    @property
    def line(self) -> str:
        """Where the level of everybody stands."""
        return self.axis.x(self.reference)

    @property
    def drawn(self) -> tuple[tuple[str, tuple[DrawnDot, ...]], ...]:
        """The groups, laid out."""
        axis = self.axis
        return tuple(
            (group.title, tuple(self.row(row, axis) for row in group.rows)) for group in self.groups
        )

    @property
    def sentence(self) -> str:
        """Say in one sentence who is apart."""
        clear = [
            (group.title, row)
            for group in self.groups
            for row in group.rows
            if row.clear and row.interval is not None
        ]
        if not clear:
            return "No group is further from the others than noise would put it."

        def apart(found: tuple[str, Dot]) -> float:
            return abs(found[1].interval.value - self.reference) if found[1].interval else 0.0

        title, row = max(clear, key=apart)
        level = row.interval.value if row.interval is not None else 0.0
        way = "above" if level > self.reference else "below"
        said = self.measure.said(level)
        many = "Only one group is" if len(clear) == 1 else f"{len(clear)} groups are"
        furthest = "" if len(clear) == 1 else " the furthest is"
        return (
            f"{many} clearly apart from the others:{furthest} {row.label} ({title.lower()}),"
            f" {way} them with {said}."
        )

    @property
    def description(self) -> str:
        """Say what the drawing shows."""
        return (
            f"{self.head} by group; everybody: {self.measure.said(self.reference)}. {self.sentence}"
        )

    def row(self, dot: Dot, axis: Axis) -> DrawnDot:
        """Lay out one group."""
        if dot.interval is None:
            return DrawnDot(dot, "", "", "", "", f"{dot.label}: {dot.instead}.")
        one = dot.interval
        said = self.measure.said(one.value)
        return DrawnDot(
            dot=dot,
            said=said,
            at=axis.x(one.value),
            low=axis.x(one.low),
            high=axis.x(one.high),
            sentence=f"{dot.label}: {said}, likely {self.measure.range(one.low, one.high)}.",
        )
