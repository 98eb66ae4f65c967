"""The units of an experiment: whom a bucket's rows show to be exposed, and each one's numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from truelift.questions.table import codes, integers
from truelift.questions.zone import local_day


Numbers = NDArray[np.float64]
Whole = NDArray[np.int64]
Chosen = NDArray[np.bool_]
Values = TypeVar("Values", NDArray[np.int64], NDArray[np.float64])

_QUARTER_US: Final = 900_000_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, eq=False)
class Exposed:
    """Every unit of one bucket that was exposed, ordered by its key.

    Attributes:
        keys: What a row's unit is known by.
        people: Whose unit it is.
        seen: The rows of exposures.
        first: Which of these is its first exposure.
        first_us: When that was.
        variant: The one it saw; of several, any.
        titles: Of the variants.
        crossed: Whether it saw several.
        by_merge: Whether it did, though no visitor of it did: the person was two persons when
            they were exposed.
        unnamed: Persons whose exposures name no unit of the kind that is asked about.
    """

    keys: Whole
    people: Whole
    seen: pa.Table
    first: Whole
    first_us: Whole
    variant: Whole
    titles: tuple[str, ...]
    crossed: Chosen
    by_merge: Chosen
    unnamed: int


@dataclass(frozen=True, slots=True, eq=False)
class Keys:
    """Which unit each row is about, as far as the row itself says.

    Attributes:
        person: Whose row it is.
        key: Of the unit; the person, or one of the person's visitors or users.
        named: Whether the row names a unit; None: every row does.
    """

    person: Whole
    key: Whole
    named: Chosen | None

    @classmethod
    def of(cls, rows: pa.Table) -> Keys:
        """Read them off a scan's rows."""
        person = integers(rows, "person")
        if "unit_key" not in rows.column_names:
            return cls(person, person, None)
        key = rows["unit_key"].combine_chunks()
        named: Chosen = key.is_valid().to_numpy(zero_copy_only=False)
        return cls(person, key.fill_null(0).to_numpy(), named)


def exposed(rows: pa.Table, keys: Keys, at_us: Whole) -> Exposed:
    """Find the units and what they saw first."""
    is_shown = rows["shown"].combine_chunks().is_valid()
    at: Whole = np.flatnonzero(is_shown.to_numpy(zero_copy_only=False))
    unnamed = 0
    if keys.named is not None:
        named = keys.named[at]
        others = np.setdiff1d(keys.person[at[~named]], keys.person[at[named]])
        unnamed = len(others)
        at = at[named]
    seen = _rows_at(rows, at)
    variant, titles = codes(seen, "shown")
    values = [name for name in rows.column_names if name.startswith("value_")]
    order = _ordered(keys.key[at], at_us[at], [seen[name] for name in values])
    variant = variant[order]
    at = at[order]
    key = keys.key[at]
    starts = _starts(key)
    lowest, highest = _extremes(variant, starts)
    crossed = lowest != highest
    who = integers(seen, "who")[order]
    return Exposed(
        keys=key[starts],
        people=keys.person[at[starts]],
        seen=seen,
        first=order[starts],
        first_us=at_us[at[starts]],
        variant=lowest,
        titles=tuple(title for title in titles if title is not None),
        crossed=crossed,
        by_merge=crossed & ~_flipped(starts, crossed, who=who, variant=variant),
        unnamed=unnamed,
    )


def units_of_rows(keys: Keys, found: Exposed) -> Whole:
    """Say which unit each row is about; -1 for none that was exposed.

    A row that names no visitor (or user) is about the unit of its person that was exposed
    first: a server that knows the user alone still reports orders.
    """
    place = _places(found.keys, keys.key)
    if keys.named is None:
        return place
    order = np.lexsort((found.keys, found.first_us, found.people))
    starts = _starts(found.people[order])
    firsts = order[starts]
    rest = np.flatnonzero(~keys.named)
    nth = _places(found.people[firsts], keys.person[rest])
    place[rest] = np.where(nth >= 0, firsts[nth] if len(firsts) else -1, -1)
    return place


@dataclass(slots=True, eq=False)
class Acts:
    """What units did, as arrays of one entry per row.

    Attributes:
        rows: The scan's rows.
        whole: Every row is of a unit that counts.
        unit: Of each row, its unit; -1 for none that counts.
        after_us: Of each row, how long after its unit's first exposure it was.
        units: How many units there are.
    """

    rows: pa.Table
    whole: bool
    unit: Whole
    after_us: Whole
    units: int
    _found: dict[str, tuple[Whole, Whole, Numbers | None]] = field(default_factory=dict)
    _marks: dict[str, tuple[Whole, Whole]] = field(default_factory=dict)

    def of(self, column: str, bit: int) -> tuple[Whole, Whole, Numbers | None]:
        """Give unit, delay and number of the rows that a column marks.

        Args:
            column: Of numbers, null where a row has none; or of marks.
            bit: Of the mark, whose rows all have the number 1; -1 for a column of numbers.
        """
        name = f"{column}/{bit}"
        if name not in self._found:
            if bit < 0:
                number = self.rows[column].combine_chunks()
                amounts = number.drop_null().to_numpy()
                chosen = np.flatnonzero(number.is_valid().to_numpy(zero_copy_only=False))
                chosen, amounts = self._of_units(chosen, amounts)
                self._found[name] = self.unit[chosen], self.after_us[chosen], amounts
            else:
                chosen, marks = self._marked(column)
                chosen = chosen[(marks & (1 << bit)) != 0]
                self._found[name] = self.unit[chosen], self.after_us[chosen], None
        return self._found[name]

    def _marked(self, column: str) -> tuple[Whole, Whole]:
        """Give the rows with any mark, most have none, and their marks."""
        if column not in self._marks:
            marks = self.rows[column].combine_chunks().to_numpy()
            chosen = np.flatnonzero(marks != 0)
            self._marks[column] = self._of_units(chosen, marks[chosen])
        return self._marks[column]

    def _of_units(self, chosen: Whole, values: Values) -> tuple[Whole, Values]:
        if self.whole:
            return chosen, values
        kept = self.unit[chosen] >= 0
        return chosen[kept], values[kept]


def within(after_us: Whole, window_s: int | None) -> Chosen:
    """Choose what came with or after the exposure, up to the end of the window."""
    chosen: Chosen = after_us >= 0
    return chosen if window_s is None else chosen & (after_us <= window_s * 1_000_000)


def before(after_us: Whole, window_s: int) -> Chosen:
    """Choose what came before the exposure, from so long before it on."""
    chosen: Chosen = (after_us < 0) & (after_us >= -window_s * 1_000_000)
    return chosen


def local_days(at_us: Whole, zone: str) -> Whole:
    """Give the local dates of instants, as days since 1970.

    Clocks are set at full quarters of an hour, so that one instant of each tells the rest.
    """
    quarters, place = np.unique(at_us // _QUARTER_US, return_inverse=True)
    moments = [_EPOCH + timedelta(microseconds=each * _QUARTER_US) for each in quarters.tolist()]
    days = np.array([local_day(moment, zone) for moment in moments], np.int64)
    found: Whole = days[place]
    return found


def first_seen(acts: Acts, at_us: Whole, first_us: Whole) -> Whole:
    """Give the instant of each unit's first row of all."""
    found = first_us.copy()
    unit = acts.unit
    if not acts.whole:
        kept = np.flatnonzero(unit >= 0)
        unit, at_us = unit[kept], at_us[kept]
    np.minimum.at(found, unit, at_us)
    return found


def texts(seen: pa.Table, column: str, at: Whole) -> tuple[Whole, tuple[str | None, ...]]:
    """Give a column of some rows as codes, and what they stand for."""
    found, titles = codes(seen, column)
    return found[at], tuple(titles)


def counted_by_title(
    titles: Sequence[str], variant: Whole, chosen: Chosen, known: Sequence[str]
) -> Mapping[str, int]:
    """Count the units of variants that are not among the known ones."""
    sizes = np.bincount(variant[chosen], minlength=len(titles)).tolist()
    return {
        title: size
        for title, size in zip(titles, sizes, strict=False)
        if size and title not in known
    }


def _rows_at(rows: pa.Table, at: Whole) -> pa.Table:
    """Give some rows, in their order; mostly they are one stretch."""
    if len(at) and at[-1] - at[0] + 1 == len(at):
        return rows.slice(int(at[0]), len(at))
    return rows.take(pa.array(at))


def _ordered(key: Whole, at_us: Whole, values: Sequence[pa.ChunkedArray]) -> Whole:
    """Order exposures by unit and time; simultaneous ones by their values, the lowest first.

    Most units have one exposure, and files are sorted, so that putting keys in order is
    cheap and only the others need more.
    """
    order: Whole = np.argsort(key, kind="stable")
    ordered = key[order]
    same = np.concatenate(([False], ordered[1:] == ordered[:-1])) if len(key) else np.zeros(0, bool)
    several = np.flatnonzero(same | np.append(same[1:], False))
    if len(several):
        these = order[several]
        ranks = [
            pc.rank(column.take(pa.array(these)), sort_keys="ascending", tiebreaker="dense")
            .cast(pa.int64())
            .to_numpy()
            for column in reversed(values)
        ]
        order[several] = these[np.lexsort((*ranks, at_us[these], key[these]))]
    return order


def _starts(values: Whole) -> Whole:
    """Give the places at which a sorted array has another value than before."""
    if not len(values):
        return np.zeros(0, np.int64)
    found: Whole = np.flatnonzero(np.concatenate(([True], values[1:] != values[:-1])))
    return found


def _extremes(values: Whole, starts: Whole) -> tuple[Whole, Whole]:
    if not len(starts):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    return np.minimum.reduceat(values, starts), np.maximum.reduceat(values, starts)


def _flipped(starts: Whole, crossed: Chosen, *, who: Whole, variant: Whole) -> Chosen:
    """Say which units saw several variants as one and the same visitor."""
    unit = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(variant))))
    chosen = np.flatnonzero(crossed[unit])
    found: Chosen = np.zeros(len(starts), dtype=bool)
    chosen = chosen[np.lexsort((who[chosen], unit[chosen]))]
    unit, who, variant = unit[chosen], who[chosen], variant[chosen]
    if len(chosen):
        same = np.concatenate(([False], (unit[1:] == unit[:-1]) & (who[1:] == who[:-1])))
        visits = np.flatnonzero(~same)
        lowest, highest = _extremes(variant, visits)
        found[unit[visits[lowest != highest]]] = True
    return found


def _places(ordered: Whole, wanted: Whole) -> Whole:
    """Find values in an ordered array of different ones; -1 for those that it does not have.

    Files are sorted by person, so that equal values mostly follow each other and each run
    of them is looked up once.
    """
    if not len(ordered) or not len(wanted):
        return np.full(len(wanted), -1, np.int64)
    starts = _starts(wanted)
    heads = wanted[starts]
    place = np.minimum(np.searchsorted(ordered, heads), len(ordered) - 1)
    place = np.where(ordered[place] == heads, place, -1)
    found: Whole = np.repeat(place, np.diff(np.append(starts, len(wanted))))
    return found
