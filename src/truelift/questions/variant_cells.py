"""Moments of an experiment's units in cells: by variant, by dimension, by day, all of one pass."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

import numpy as np
from numpy.typing import NDArray


Numbers = NDArray[np.float64]
Whole = NDArray[np.int64]


class Rest(Enum):
    """Stands where a title would, for all the titles that are not kept apart."""

    REST = "rest"


Title = Hashable
KEPT: Final = 2000
"""Titles of a dimension that a bucket keeps apart; the smaller ones are one cell from the start.

An answer shows far fewer, so one that it shows is beyond this in some bucket only if
its units lie in few of them; then it stands among the others, and no number is wrong.
"""


@dataclass(frozen=True, slots=True, eq=False)
class Vectors:
    """How many units each cell has, and the moments of their numbers up to the second.

    A unit has one number, or several that belong together: numerator and denominator of
    a ratio, and the same before its exposure.

    Attributes:
        n: Units per cell.
        total: Per cell and number, the sum; exact as long as the numbers are whole.
        about: Per cell and two numbers, the sum of products of deviations from the means.
    """

    n: Whole
    total: Numbers
    about: Numbers

    @classmethod
    def of(cls, cell: Whole, cells: int, columns: Sequence[Numbers]) -> Vectors:
        """Sum up units whose cells are numbered from 0."""
        width = len(columns)
        n = np.bincount(cell, minlength=cells)
        some = np.maximum(n, 1)
        total, about = np.zeros((cells, width)), np.zeros((cells, width, width))
        left, around = np.zeros((cells, width)), []
        # The mean first, then what is around it: raw squares would lose their digits.
        for nth, column in enumerate(columns):
            total[:, nth] = _sums(cell, column, cells)
            around.append(column - (total[:, nth] / some)[cell])
            left[:, nth] = _sums(cell, around[nth], cells)
        for one in range(width):
            for other in range(one + 1):
                products = _sums(cell, around[one] * around[other], cells)
                # What the mean was off by, of sums over millions, is taken out again.
                products -= left[:, one] * left[:, other] / some
                about[:, one, other] = about[:, other, one] = products
        for nth in range(width):
            about[:, nth, nth] = np.maximum(about[:, nth, nth], 0.0)
        return cls(n=n, total=total, about=about)

    @classmethod
    def empty(cls, cells: int, width: int) -> Vectors:
        """Sum up nobody."""
        return cls(
            np.zeros(cells, np.int64), np.zeros((cells, width)), np.zeros((cells, width, width))
        )

    @property
    def mean(self) -> Numbers:
        """Per cell and number; 0 where nobody is."""
        found: Numbers = self.total / np.maximum(self.n, 1)[:, None]
        return found

    def __add__(self, other: Vectors) -> Vectors:
        """Pool the units of both in every cell."""
        n = self.n + other.n
        gap = other.mean - self.mean
        weight = self.n * other.n / np.maximum(n, 1)
        return Vectors(
            n=n,
            total=self.total + other.total,
            about=self.about + other.about + weight[:, None, None] * _squared(gap),
        )

    def pooled(self, places: Whole, cells: int) -> Vectors:
        """Put cells together.

        Args:
            places: For each cell, the one it becomes part of.
            cells: How many there are then.
        """
        n = np.zeros(cells, np.int64)
        np.add.at(n, places, self.n)
        total = np.zeros((cells, self.total.shape[1]))
        np.add.at(total, places, self.total)
        gap = self.mean - (total / np.maximum(n, 1)[:, None])[places]
        about = np.zeros((cells, *self.about.shape[1:]))
        np.add.at(about, places, self.about + self.n[:, None, None] * _squared(gap))
        return Vectors(n=n, total=total, about=about)


def _sums(cell: Whole, numbers: Numbers, cells: int) -> Numbers:
    # Of nobody, numpy counts in whole numbers.
    return np.bincount(cell, numbers, cells).astype(np.float64, copy=False)


def _squared(gap: Numbers) -> Numbers:
    found: Numbers = gap[:, :, None] * gap[:, None, :]
    return found


@dataclass(frozen=True, slots=True, eq=False)
class Grouping:
    """Units of every variant under the titles of a dimension, or under days.

    Attributes:
        variants: How many; the cell of a title's variant is `place of the title × variants
            + variant`.
        titles: None for units that have none, `Rest` for all titles not kept apart.
        units: Per cell, all units.
        metrics: Per metric, the moments of those whose number is final.
        folded: The titles that `Rest` stands for.
    """

    variants: int
    titles: tuple[Title, ...]
    units: Whole
    metrics: tuple[Vectors, ...]
    folded: frozenset[Title] = field(default_factory=frozenset)

    def __add__(self, other: Grouping) -> Grouping:
        """Pool the units of two buckets."""
        folded = self.folded | other.folded
        places: dict[Title, int] = {}
        for title in (*self.titles, *other.titles):
            places.setdefault(Rest.REST if title in folded else title, len(places))
        cells = len(places) * self.variants
        mine, theirs = self._moved(places, folded), other._moved(places, folded)
        units = np.bincount(mine, self.units, cells) + np.bincount(theirs, other.units, cells)
        return Grouping(
            variants=self.variants,
            titles=tuple(places),
            units=units.astype(np.int64),
            metrics=tuple(
                one.pooled(mine, cells) + another.pooled(theirs, cells)
                for one, another in zip(self.metrics, other.metrics, strict=True)
            ),
            folded=folded,
        )

    def _moved(self, places: Mapping[Title, int], folded: frozenset[Title]) -> Whole:
        title = np.array(
            [places[Rest.REST if title in folded else title] for title in self.titles], np.int64
        )
        cells = title[:, None] * self.variants + np.arange(self.variants)
        found: Whole = cells.reshape(-1)
        return found

    def together(self, places: Sequence[int]) -> Grouping:
        """Put some titles into one cell per variant."""
        chosen = np.array(places, np.int64)[:, None] * self.variants + np.arange(self.variants)
        cells: Whole = chosen.reshape(-1)
        to = np.tile(np.arange(self.variants), len(places))
        return Grouping(
            variants=self.variants,
            titles=(Rest.REST,),
            units=np.bincount(to, self.units[cells], self.variants).astype(np.int64),
            metrics=tuple(
                Vectors(each.n[cells], each.total[cells], each.about[cells]).pooled(
                    to, self.variants
                )
                for each in self.metrics
            ),
        )

    def kept(self, most: int) -> Grouping:
        """Keep the largest titles apart and put all others together."""
        if len(self.titles) <= most:
            return self
        small = frozenset(self.titles[place] for place in self.ranked()[most:])
        nobody = Grouping(
            variants=self.variants,
            titles=(),
            units=np.zeros(0, np.int64),
            metrics=tuple(Vectors.empty(0, each.total.shape[1]) for each in self.metrics),
            folded=small,
        )
        return self + nobody

    def ranked(self) -> list[int]:
        """List the places of titles that stand for themselves, the largest first."""
        sizes = self.units.reshape(-1, self.variants).sum(axis=1).tolist()
        return sorted(
            (
                place
                for place, title in enumerate(self.titles)
                if sizes[place] and title is not Rest.REST
            ),
            key=lambda place: (
                -sizes[place],
                self.titles[place] is None,
                str(self.titles[place]),
            ),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """Which title each unit has.

    Attributes:
        codes: Per unit, a place in `titles`.
        titles: Different from each other.
    """

    codes: Whole
    titles: tuple[Title, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Where units stand, so that a metric's moments come of few passes over them.

    Dimensions of few titles are crossed as long as the crossed cells are much fewer than the
    units; the moments of each dimension then come of the crossed cells, not of the units.

    Attributes:
        variants: How many.
        sizes: Titles of each dimension.
        blocks: Dimensions that are crossed.
        cells: Per block, the cell of every unit.
        counts: Per block, how many cells there are.
    """

    variants: int
    sizes: tuple[int, ...]
    blocks: tuple[tuple[int, ...], ...]
    cells: tuple[Whole, ...]
    counts: tuple[int, ...]

    @classmethod
    def of(cls, variant: Whole, variants: int, labels: Sequence[Labels]) -> Layout:
        """Cross what can be crossed."""
        sizes = tuple(len(label.titles) for label in labels)
        limit = max(len(variant) // 16, 64)
        blocks: list[list[int]] = [[]]
        for nth in sorted(range(len(sizes)), key=lambda nth: sizes[nth]):
            crossed = variants * math.prod(sizes[each] for each in blocks[-1]) * sizes[nth]
            if blocks[-1] and crossed > limit:
                blocks.append([])
            blocks[-1].append(nth)
        cells, counts = [], []
        for block in blocks:
            cell, count = variant, variants
            for nth in block:
                cell = cell + labels[nth].codes * count
                count *= sizes[nth]
            cells.append(cell)
            counts.append(count)
        return cls(variants, sizes, tuple(map(tuple, blocks)), tuple(cells), tuple(counts))

    def moments(
        self, columns: Sequence[Numbers], final: NDArray[np.bool_] | None
    ) -> tuple[Vectors, dict[int, Vectors]]:
        """Sum up a metric: over everybody per variant, and per dimension.

        Args:
            columns: The numbers of every unit.
            final: Whose are not final is left out; None: everybody's are.
        """
        whole = Vectors.empty(self.variants, len(columns))
        found: dict[int, Vectors] = {}
        if final is not None:
            columns = [column[final] for column in columns]
        for block, cell, count in zip(self.blocks, self.cells, self.counts, strict=True):
            crossed = Vectors.of(cell if final is None else cell[final], count, columns)
            if block == self.blocks[0]:
                whole = crossed.pooled(np.arange(count) % self.variants, self.variants)
            for nth in block:
                places = self._places(block, nth, count)
                found[nth] = crossed.pooled(places, self.sizes[nth] * self.variants)
        return whole, found

    def units(self) -> dict[int, Whole]:
        """Count everybody, per dimension."""
        found: dict[int, Whole] = {}
        for block, cell, count in zip(self.blocks, self.cells, self.counts, strict=True):
            crossed = np.bincount(cell, minlength=count)
            for nth in block:
                cells = self.sizes[nth] * self.variants
                units = np.bincount(self._places(block, nth, count), crossed, cells)
                found[nth] = units.astype(np.int64)
        return found

    def _places(self, block: Sequence[int], nth: int, count: int) -> Whole:
        """Say for every cell of a block which cell of one of its dimensions it is part of."""
        crossed = np.arange(count)
        below = self.variants * math.prod(self.sizes[each] for each in block[: block.index(nth)])
        title = crossed // max(below, 1) % max(self.sizes[nth], 1)
        found: Whole = title * self.variants + crossed % self.variants
        return found
