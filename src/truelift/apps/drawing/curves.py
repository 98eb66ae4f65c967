"""Shares over a number: how values are distributed, or who still waits, one line per group."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from truelift.apps.drawing.axis import Axis, axis_over
from truelift.apps.drawing.series import (
    AXIS_PX,
    LABEL_PX,
    PLOT_PX,
    TOP_PX,
    WIDE,
    Curve,
    DrawnNote,
    Line,
    NumberRow,
    Words,
)
from truelift.apps.drawing.wording import Kind, Measure


SHARE: Final = Measure(Kind.SHARE)

MOST_TICKS: Final = 6
"""Numbers along the bottom; more would touch each other."""


@dataclass(frozen=True, slots=True)
class Curves:
    """Lines of shares over a number that all of them have in common.

    It is drawn by the template of a series: what differs is what stands along the bottom.

    Attributes:
        values: The numbers, in order, each once.
        lines: Each with one share per number; the names stand where the lines are not.
        across: How the numbers are written.
        said: What the drawing shows, in a sentence.
        head: What a number is called at the head of the table.
        log: Whether the axis is one of powers; all numbers are above 0 then.
        falls: Whether the lines fall; then there is room for names above them, else below.
        unit: Stands behind the last number of the axis.
    """

    values: tuple[float, ...]
    lines: tuple[Line, ...]
    across: Measure
    said: str
    head: str
    log: bool = False
    falls: bool = False
    unit: str = ""

    @property
    def axis(self) -> Axis:
        """The axis upwards: none to all."""
        return axis_over(0.0, 1.0, measure=SHARE, ticks=4)

    @property
    def height(self) -> int:
        """Height of the whole drawing in px."""
        return PLOT_PX + AXIS_PX

    @property
    def plot_height(self) -> int:
        """Height of the stretched part in px."""
        return PLOT_PX

    @property
    def description(self) -> str:
        """Say what the drawing shows."""
        return self.said

    @property
    def grid(self) -> tuple[tuple[str, float, bool], ...]:
        """Label, height and whether it is zero, per tick."""
        return tuple((tick.label, self.y(tick.value), tick.zero) for tick in self.axis.ticks)

    @property
    def labels_wide(self) -> bool:
        """Whether the axis needs its wider column."""
        return False

    @property
    def bands(self) -> tuple[Curve, ...]:
        """Nothing lies behind the lines."""
        return ()

    @property
    def dots(self) -> tuple[tuple[str, float, str], ...]:
        """No point is picked out."""
        return ()

    @property
    def drawn_notes(self) -> tuple[DrawnNote, ...]:
        """Nothing happened at a number."""
        return ()

    @property
    def curves(self) -> tuple[Curve, ...]:
        """The lines, the one in focus last and so in front."""
        ordered = sorted(self.lines, key=lambda line: line.focus)
        drawn = (Curve(line.css, self.path(line.values)) for line in ordered)
        return tuple(curve for curve in drawn if curve.path)

    @property
    def words(self) -> tuple[Words, ...]:
        """Names of the lines, in the corner that they leave free."""
        count = len(self.lines)
        top = TOP_PX + LABEL_PX if self.falls else PLOT_PX - 6 - LABEL_PX * (count - 1)
        return tuple(
            Words(
                line.label,
                "100%",
                top + LABEL_PX * nth,
                "end",
                dx=-4,
                css="b" if line.focus else "l3",
            )
            for nth, line in enumerate(self.lines)
        )

    @property
    def dates(self) -> tuple[Words, ...]:
        """Numbers along the bottom; a phone leaves every other one out."""
        ticks = self.ticks
        unit = f" {self.unit}" if self.unit else ""
        last = len(ticks) - 1
        return tuple(
            Words(
                f"{label}{unit if nth == last else ''}",
                f"{100 * self.share(value):.2f}%",
                self.height - 6,
                _anchor(self.share(value)),
                css="" if nth in {0, last} else "only-wide",
            )
            for nth, (value, label) in enumerate(ticks)
        )

    @property
    def ticks(self) -> tuple[tuple[float, str], ...]:
        """Round numbers within the drawing, with their labels."""
        if not self.values:
            return ()
        low, high = self.values[0], self.values[-1]
        if not self.log:
            axis = axis_over(low, high, measure=self.across, ticks=4)
            return tuple((t.value, t.label) for t in axis.ticks if axis.inside(t.value))
        powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        for begins in ((1, 2, 5), (1, 3), (1,)):
            found = [10.0**power * begin for power in powers for begin in begins]
            found = [value for value in found if low <= value <= high]
            if len(found) <= MOST_TICKS:
                break
        found = found[:: -(-len(found) // MOST_TICKS)] or [low]
        return tuple((value, self.across.tick(value, step=value)) for value in found)

    @property
    def heads(self) -> tuple[str, ...]:
        """Heads of the table behind the drawing."""
        return tuple(line.label for line in self.lines)

    @property
    def numbers(self) -> tuple[NumberRow, ...]:
        """Every number of the drawing."""
        return tuple(
            NumberRow(
                self.across.said(value),
                tuple(
                    "no value" if (share := line.values[nth]) is None else SHARE.said(share)
                    for line in self.lines
                ),
            )
            for nth, value in enumerate(self.values)
        )

    @property
    def ends(self) -> tuple[float, float]:
        """The numbers at both ends of the axis."""
        low, high = self.values[0], self.values[-1]
        if self.log:
            return math.log10(low), math.log10(high)
        axis = axis_over(low, high, measure=self.across, ticks=4)
        return axis.low, axis.high

    def share(self, value: float) -> float:
        """Give the place of a number: 0 at the left end, 1 at the right."""
        low, high = self.ends
        at = math.log10(value) if self.log else value
        return min(1.0, max(0.0, (at - low) / (high - low))) if high > low else 0.5

    def y(self, share: float) -> float:
        """Give the height of a share in px from the top."""
        return round(PLOT_PX - (PLOT_PX - TOP_PX) * self.axis.share(share), 1)

    def path(self, shares: tuple[float | None, ...]) -> str:
        """Give a line's path: it stays where it is until the next number; a gap lifts the pen."""
        parts: list[str] = []
        before: float | None = None
        for value, share in zip(self.values, shares, strict=True):
            if share is not None:
                x = f"{WIDE * self.share(value):.1f}"
                if before is not None:
                    parts.append(f"L{x} {self.y(before):.1f}")
                parts.append(f"{'M' if before is None else 'L'}{x} {self.y(share):.1f}")
            before = share
        return " ".join(parts)


def _anchor(share: float) -> str:
    if share < 0.05:
        return "start"
    return "end" if share > 0.95 else "middle"
