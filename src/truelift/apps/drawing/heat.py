"""A table of numbers, shaded only where a change is clearer than noise."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Shade(IntEnum):
    """How strongly a cell is shaded: below zero worse, above zero better."""

    WORSE_3 = -3
    WORSE_2 = -2
    WORSE_1 = -1
    NONE = 0
    BETTER_1 = 1
    BETTER_2 = 2
    BETTER_3 = 3


@dataclass(frozen=True, slots=True)
class Cell:
    """One number of a heat table.

    Attributes:
        said: The number as written, or why there is none.
        detail: The change as written, below it; empty for none.
        shade: None unless the change is clear.
        enough: Whether there are enough units for a number.
        immature: Whether its time is not over; `said` then says when it is.
    """

    said: str
    detail: str = ""
    shade: Shade = Shade.NONE
    enough: bool = True
    immature: bool = False

    @property
    def css(self) -> str:
        """Classes of the cell."""
        if self.immature:
            return "h h-open"
        if not self.enough:
            return "h h-none"
        if self.shade is Shade.NONE:
            return "h"
        return f"h h-{'b' if self.shade > 0 else 'w'}{abs(self.shade)}"

    @property
    def clear(self) -> bool:
        """Whether the change is clearer than noise."""
        return self.enough and not self.immature and self.shade is not Shade.NONE


@dataclass(frozen=True, slots=True)
class HeatRow:
    """One row: a group, its numbers, and what it comes to.

    Attributes:
        label: The group.
        size: Units of it, as written.
        cells: One per column; empty when there are too few units to say anything.
        total: The last column, as written.
        total_detail: Below it.
        too_few: Instead of the cells: "184 of the 500 needed per cell".
    """

    label: str
    size: str
    cells: tuple[Cell, ...] = ()
    total: str = ""
    total_detail: str = ""
    too_few: str = ""


@dataclass(frozen=True, slots=True)
class Heat:
    """A table of groups by steps.

    Attributes:
        rows: The groups.
        columns: Heads of the cells.
        label: Head of the first column.
        size: Head of the column of sizes.
        total: Head of the last column; left out when empty.
        foot: A row over all groups; None for none.
    """

    rows: tuple[HeatRow, ...]
    columns: tuple[str, ...]
    label: str
    size: str
    total: str = ""
    foot: HeatRow | None = None

    @property
    def clear(self) -> tuple[tuple[str, str, Cell], ...]:
        """Every cell that is clearer than noise, with its row and column."""
        return tuple(
            (row.label, column, cell)
            for row in self.rows
            for column, cell in zip(self.columns, row.cells, strict=False)
            if cell.clear
        )

    @property
    def sentence(self) -> str:
        """Say in one sentence which cells moved."""
        match self.clear:
            case ():
                return "No group differs by more than noise."
            case ((row, column, cell),):
                way = "better" if cell.shade > 0 else "worse"
                return f"Only one cell is clearly different: {row}, {column}, {way} at {cell.said}."
            case cells:
                worst = min(cells, key=lambda found: found[2].shade)
                row, column, cell = worst
                way = "best" if cell.shade > 0 else "worst"
                return (
                    f"{len(cells)} cells are clearly different; {way} is {row}, {column}, "
                    f"at {cell.said}."
                )

    @property
    def description(self) -> str:
        """Say what the table shows."""
        return f"{self.label} by {', '.join(self.columns)}. {self.sentence}"
