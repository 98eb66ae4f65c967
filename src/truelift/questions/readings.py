"""How often each reading of a measure occurs in each group: percentiles, and they add up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor, sqrt
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from typing_extensions import override

from truelift.errors import Refusal
from truelift.questions.session_tally import Coded
from truelift.questions.shares import Z_95


_STEP_BITS: Final = 24
_MEASURE_BITS: Final = 4
_LOW_BITS: Final = _STEP_BITS + _MEASURE_BITS
_MEASURE: Final = (1 << _MEASURE_BITS) - 1

MOST_STEPS: Final = 1 << _STEP_BITS
"""Readings are whole numbers of steps below this."""

MOST_READINGS: Final = 2_000_000
"""Different readings, group by group, that are held: each takes 16 bytes, several times over."""

COARSEST: Final = 2
"""How often readings may be made ten times coarser before more of them are refused."""

Integers = NDArray[np.int64]


class TooManyReadings(Refusal):
    """There are more different readings, group by group, than can be counted."""

    code = "questions.too_many_readings"

    def __init__(self, *, readings: int) -> None:
        super().__init__(
            f"These groups have {readings:,} different readings together; {MOST_READINGS:,} are"
            " the most. Ask about a shorter period or a smaller segment, or group by something"
            " with fewer values.",
            readings=readings,
            most=MOST_READINGS,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Spread:
    """The readings of one measure.

    Attributes:
        steps: The different readings, in order.
        counts: How often each occurs.
    """

    steps: Integers
    counts: Integers

    @override
    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Spread)
            and np.array_equal(self.steps, other.steps)
            and np.array_equal(self.counts, other.counts)
        )

    @override
    def __hash__(self) -> int:
        return hash((self.steps.tobytes(), self.counts.tobytes()))

    @property
    def n(self) -> int:
        """How many readings there are."""
        return int(self.counts.sum())

    @property
    def total(self) -> int:
        """All readings together, in steps."""
        return int((self.steps * self.counts).sum())

    def quantile(self, percent: int) -> float | None:
        """Give the reading that this many percent do not exceed, in steps; None without readings.

        Between two readings it is interpolated: the quantile of a share p of n readings
        stands p (n - 1) places after the smallest.

        Source:
            Hyndman and Fan (1996), The American Statistician 50, 361-365 (definition 7);
            `percentile_cont` of SQL.
        """
        n = self.n
        if not n:
            return None
        place, rest = divmod(percent * (n - 1), 100)
        below = self._ranked(place)
        return below if not rest else (below * (100 - rest) + self._ranked(place + 1) * rest) / 100

    def quantile_between(self, percent: int) -> tuple[int, int] | None:
        """Give the readings between which the quantile of all that come lies, at 95 %.

        Two readings of those there are, whatever their distribution; None where there
        are too few to say.

        Source:
            Conover (1999), Practical Nonparametric Statistics, 3rd edition, section 3.2.
        """
        n, share = self.n, percent / 100
        spread = Z_95 * sqrt(n * share * (1 - share))
        low, high = floor(n * share - spread), ceil(n * share + spread) + 1
        return None if low < 1 or high > n else (self._ranked(low - 1), self._ranked(high - 1))

    def at_most(self, limit: int) -> int:
        """Count the readings that do not exceed a limit."""
        return int(self.counts[: np.searchsorted(self.steps, limit, side="right")].sum())

    def _ranked(self, place: int) -> int:
        return int(self.steps[np.searchsorted(np.cumsum(self.counts), place, side="right")])


@dataclass(frozen=True, slots=True, eq=False)
class Readings:
    """Readings of measures that have numbers, in groups that texts name.

    Where there are more different ones than are held, some measures are rounded up to tens
    of steps, or to hundreds. What is added up comes out the same in whatever order: a part
    never needs to be coarser than the whole, and rounding up twice is rounding up once.

    Attributes:
        titles: Per key a column with each group's text; null where it has none.
        packed: Group, measure and reading in one number, ascending.
        counts: How often each occurs.
        coarse: The measures that may be made coarser.
        level: How often they were: they are multiples of 10 to this power.
    """

    titles: tuple[pa.Array, ...]
    packed: Integers
    counts: Integers
    coarse: tuple[int, ...] = ()
    level: int = 0

    @classmethod
    def of(
        cls,
        keys: Sequence[Coded],
        measured: Mapping[int, tuple[Integers, Integers]],
        *,
        coarse: tuple[int, ...] = (),
    ) -> Readings:
        """Count the readings of units.

        Args:
            keys: What groups the units, one code a unit.
            measured: Measure → the units that have a reading, and their readings in steps.
            coarse: The measures that may be made coarser.

        Raises:
            TooManyReadings: There are too many different ones even so.
        """
        units = (
            len(keys[0].code)
            if keys
            else 1
            + max((int(rows.max()) for rows, _ in measured.values() if len(rows)), default=-1)
        )
        group, first = _numbered([key.code for key in keys], units)
        packed = [
            group[rows] << _LOW_BITS | measure << _STEP_BITS | steps
            for measure, (rows, steps) in measured.items()
        ]
        titles = tuple(key.titles.take(pa.array(key.code[first])) for key in keys)
        everything = np.concatenate([*packed, np.zeros(0, np.int64)])
        packed_once, counts = np.unique(everything, return_counts=True)
        return _limited(cls(titles, packed_once, counts.astype(np.int64), coarse))

    def __add__(self, other: Readings) -> Readings:
        """Add the readings of two buckets.

        Raises:
            TooManyReadings: Together they are too many.
        """
        both = [
            pa.concat_arrays([mine, theirs])
            for mine, theirs in zip(self.titles, other.titles, strict=True)
        ]
        codes = [
            each.dictionary_encode(null_encoding="encode").indices.cast(pa.int64()).to_numpy()
            for each in both
        ]
        groups = self.groups + other.groups
        group, first = _numbered(codes, groups)
        moved = np.concatenate(
            [_moved(self.packed, group), _moved(other.packed, group[self.groups :])]
        )
        titles = tuple(each.take(pa.array(first)) for each in both)
        counts = np.concatenate([self.counts, other.counts])
        level = max(self.level, other.level)
        return _limited(Readings(titles, moved, counts, self.coarse).at_level(level))

    def at_level(self, level: int) -> Readings:
        """Round the measures that may be coarser up to this level, and count equal readings."""
        low = self.packed & (MOST_STEPS - 1)
        step = 10**level
        rounded = np.where(
            np.isin(self.packed >> _STEP_BITS & _MEASURE, self.coarse), -(-low // step) * step, low
        )
        packed, counts = _counted(self.packed - low + rounded, self.counts)
        return Readings(self.titles, packed, counts, self.coarse, level)

    @property
    def groups(self) -> int:
        """How many groups there are; without keys, everything is one."""
        return len(self.titles[0]) if self.titles else 1

    def named(self, group: int) -> tuple[str | None, ...]:
        """Give the texts of a group."""
        return tuple(column[group].as_py() for column in self.titles)

    def sizes(self, measure: int) -> Integers:
        """Count every group's readings of a measure."""
        chosen = self._of_measure(measure)
        sizes = np.zeros(self.groups, np.int64)
        np.add.at(sizes, self.packed[chosen] >> _LOW_BITS, self.counts[chosen])
        return sizes

    def ranked(self, measure: int) -> Integers:
        """Give the groups by how many readings of a measure they have, then by their texts."""
        columns = {f"key{nth}": column for nth, column in enumerate(self.titles)}
        order = [("size", "descending"), *((name, "ascending") for name in columns)]
        table = pa.table({"size": pa.array(self.sizes(measure)), **columns})
        found: Integers = pc.sort_indices(table, sort_keys=order).cast(pa.int64()).to_numpy()
        return found

    def split(self, measure: int, *, least: int, most: int | None) -> tuple[Integers, Integers]:
        """Say which groups stand for themselves, the largest first, and which do not.

        Args:
            measure: Whose readings make a group large; a group without any is not there.
            least: Groups of fewer do not stand for themselves.
            most: Nor do groups beyond so many.
        """
        ranked, sizes = self.ranked(measure), self.sizes(measure)
        ranked = ranked[sizes[ranked] > 0]
        shown = ranked[sizes[ranked] >= least][:most]
        return shown, ranked[~np.isin(ranked, shown)]

    def together(self, groups: Integers | None = None) -> Readings:
        """Put some groups into one without a name, all of them where none are given."""
        packed, counts = self.packed, self.counts
        if groups is not None:
            chosen = np.isin(packed >> _LOW_BITS, groups)
            packed, counts = packed[chosen], counts[chosen]
        everybody, total = _counted(packed & ((1 << _LOW_BITS) - 1), counts)
        return Readings((), everybody, total, self.coarse, self.level)

    def spread(self, measure: int, group: int = 0) -> Spread:
        """Give one group's readings of a measure."""
        begin, end = np.searchsorted(
            self.packed,
            [
                group << _LOW_BITS | measure << _STEP_BITS,
                group << _LOW_BITS | (measure + 1) << _STEP_BITS,
            ],
        )
        return Spread(self.packed[begin:end] & (MOST_STEPS - 1), self.counts[begin:end])

    def _of_measure(self, measure: int) -> NDArray[np.bool_]:
        found: NDArray[np.bool_] = (self.packed >> _STEP_BITS & _MEASURE) == measure
        return found


def _limited(readings: Readings) -> Readings:
    """Make readings as coarse as they must be to be held, and no coarser."""
    while len(readings.packed) > MOST_READINGS:
        if not readings.coarse or readings.level == COARSEST:
            raise TooManyReadings(readings=len(readings.packed))
        readings = readings.at_level(readings.level + 1)
    return readings


def _counted(packed: Integers, counts: Integers) -> tuple[Integers, Integers]:
    """Put equal readings together."""
    once, place = np.unique(packed, return_inverse=True)
    total = np.zeros(len(once), np.int64)
    np.add.at(total, place, counts)
    return once, total


def _moved(packed: Integers, group: Integers) -> Integers:
    """Give every reading its group's new number."""
    low: Integers = packed & ((1 << _LOW_BITS) - 1)
    return low | group[packed >> _LOW_BITS] << _LOW_BITS if len(packed) else packed


def _numbered(codes: Sequence[Integers], size: int) -> tuple[Integers, Integers]:
    """Number the combinations of several codes, and give a place where each is found first."""
    if not codes:
        return np.zeros(size, np.int64), np.zeros(min(size, 1), np.int64)
    group = np.zeros(size, np.int64)
    first = np.zeros(0, np.int64)
    for code in codes:
        # Numbered anew after each code, so that no product can wrap round.
        mixed = group * (int(code.max(initial=0)) + 1) + code
        _, first, group = np.unique(mixed, return_index=True, return_inverse=True)
    return group.astype(np.int64), first.astype(np.int64)
