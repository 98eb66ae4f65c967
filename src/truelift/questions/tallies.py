"""Counts under the values of a dimension, as buckets give them and as they are put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from truelift.sequences.cells import Cells, joined


Title = str | None


@dataclass(frozen=True, slots=True, eq=False)
class Tallies:
    """Counts in numbered cells, `width` of them under every title.

    Attributes:
        titles: Values of the dimension; None for its absence, or where there is none.
        width: How many cells a title has.
        cells: Cell `title's place × width + cell of the title`.
    """

    titles: tuple[Title, ...]
    width: int
    cells: Cells

    def __add__(self, other: Tallies) -> Tallies:
        """Put the counts of two buckets together."""
        if self.titles == other.titles:
            return Tallies(self.titles, self.width, joined([self.cells, other.cells]))
        places = {title: place for place, title in enumerate(self.titles)}
        for title in other.titles:
            places.setdefault(title, len(places))
        moved = np.array([places[title] for title in other.titles], dtype=np.int64)
        keys = other.cells.keys
        renamed = moved[keys // self.width] * self.width + keys % self.width
        theirs = Cells(renamed, other.cells.counts, other.cells.amounts)
        return Tallies(tuple(places), self.width, joined([self.cells, theirs]))

    def within(self, place: int) -> Cells:
        """Give the cells of one title, numbered from 0."""
        low, high = np.searchsorted(self.cells.keys, [place * self.width, (place + 1) * self.width])
        these = slice(int(low), int(high))
        keys = self.cells.keys[these] - place * self.width
        return Cells(keys, self.cells.counts[these], self.cells.amounts[these])

    def totals(self) -> Cells:
        """Give the counts of every title together, numbered by its place."""
        places = self.cells.keys // self.width
        return joined([Cells(places, self.cells.counts, self.cells.amounts)])

    def ranked(self, sizes: Cells, most: int) -> tuple[Ranked, ...]:
        """Put the largest titles first, and all beyond the first so many together.

        Args:
            sizes: Of titles, numbered by their place; titles of no size are left out.
            most: At least 1.
        """
        found = [
            (int(size), self.titles[place], int(place))
            for place, size in zip(sizes.keys, sizes.counts, strict=True)
        ]
        found.sort(key=lambda entry: (-entry[0], entry[1] is None, entry[1] or ""))
        shown = [Ranked(title, self.within(place)) for _, title, place in found[:most]]
        rest = [place for _, _, place in found[most:]]
        if rest:
            shown.append(Ranked(None, self._together(rest), others=len(rest)))
        return tuple(shown)

    def _together(self, places: Sequence[int]) -> Cells:
        chosen = np.zeros(len(self.titles), dtype=bool)
        chosen[list(places)] = True
        these = chosen[self.cells.keys // self.width]
        keys = self.cells.keys[these] % self.width
        return joined([Cells(keys, self.cells.counts[these], self.cells.amounts[these])])


@dataclass(frozen=True, slots=True, eq=False)
class Ranked:
    """The counts of one title, or of all the smaller ones together.

    Attributes:
        value: The title.
        cells: Its counts, numbered from 0.
        others: How many more titles these are together; 0 for one.
    """

    value: Title
    cells: Cells
    others: int = 0
