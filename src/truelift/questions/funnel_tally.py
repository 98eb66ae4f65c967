"""Numbers of a funnel by group and slot: compact, added up exactly, and no larger than fits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from truelift.errors import Refusal
from truelift.questions.table import numeric, whole


MOST_CELLS: Final = 16_000_000
"""Numbers that an answer is put together from: a million values of a 5-step funnel."""

FEW: Final = 1024
"""Up to so many values, each has a place whether a unit has it or not."""

Integers = NDArray[np.int64]


class FunnelTooWide(Refusal):
    """A funnel falls into more groups than can be counted exactly within the memory it has."""

    code = "questions.funnel_too_wide"

    def __init__(self, *, by: str | None, groups: int) -> None:
        what = f"values of {by[:60]!r}" if by else "intervals"
        super().__init__(
            f"This funnel falls into {groups:,} {what}, too many to count them all. Ask about"
            " a shorter period or a smaller segment, leave out steps, or group by something"
            " with fewer values.",
            by=by,
            groups=groups,
        )


def check_size(groups: int, width: int, *, by: str | None) -> None:
    """Refuse what would not fit.

    Raises:
        FunnelTooWide: There are more numbers than `MOST_CELLS`.
    """
    if groups * width > MOST_CELLS:
        raise FunnelTooWide(by=by, groups=groups)


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """Different groups and slots.

    Attributes:
        titles: The group of each, as text; null for none.
        slots: The slot of each.
    """

    titles: pa.Array
    slots: Integers


@dataclass(frozen=True, slots=True, eq=False)
class Coded:
    """Text as codes, and the texts that they stand for.

    Attributes:
        code: From 0; -1 for none.
        titles: The texts in the order of their codes.
    """

    code: Integers
    titles: pa.Array

    @classmethod
    def nothing(cls, length: int) -> Coded:
        """Give as many without a value."""
        return cls(np.full(length, -1, dtype=np.int64), pa.array([], pa.string()))

    @classmethod
    def column(cls, rows: pa.Table, name: str, at: Integers | None = None) -> Coded:
        """Take a column of text, or some rows of it."""
        encoded = whole(rows[name]).dictionary_encode()
        titles, indices = encoded.dictionary.cast(pa.string()), encoded.indices
        if indices.null_count:
            indices = indices.cast(pa.int64()).fill_null(-1)
        code = indices.to_numpy(zero_copy_only=False)
        # Of few rows only their codes are widened.
        code = (code if at is None else code[at]).astype(np.int64, copy=False)
        if titles.null_count:
            # A dictionary that came ready may have a code for nothing.
            real = titles.is_valid().to_numpy(zero_copy_only=False)
            code = np.where((code >= 0) & real[np.maximum(code, 0)], code, -1)
        return cls(code, titles)

    def at(self, rows: Integers) -> Coded:
        """Take some rows; a row below 0 has no value."""
        if not len(self.code):
            return Coded.nothing(len(rows))
        return Coded(np.where(rows < 0, -1, self.code[np.maximum(rows, 0)]), self.titles)

    def places(self, slot: Integers | None) -> tuple[Integers, Places]:
        """Give everything a place, and what stands at each."""
        if slot is None and len(self.titles) <= FEW:
            # The values without a unit fall away when the groups are put together.
            titles = pa.concat_arrays([pa.nulls(1, pa.string()), self.titles])
            return self.code + 1, Places(titles, np.zeros(len(titles), dtype=np.int64))
        slot = np.zeros(len(self.code), dtype=np.int64) if slot is None else slot
        first, place = _distinct(self.code, slot)
        titles = pa.concat_arrays([pa.nulls(1, pa.string()), self.titles])
        return place, Places(titles.take(numeric(self.code[first] + 1)), slot[first])


@dataclass(frozen=True, slots=True, eq=False)
class Tally:
    """Numbers by group and slot, in no order; a group may be there with nothing but zeros.

    Attributes:
        titles: The group of each line, as text; null for none.
        slots: The slot of each line.
        counts: Its numbers, `(n, width)`.
    """

    titles: pa.Array
    slots: Integers
    counts: Integers

    def plus(self, other: Tally, *, by: str | None) -> Tally:
        """Add up, line by line of equal group and slot.

        Raises:
            FunnelTooWide: There are more lines than can be held.
        """
        left, right = self.some(), other.some()
        group = Coded.column(
            pa.table({"title": pa.chunked_array([left.titles, right.titles])}), "title"
        )
        slot = np.concatenate([left.slots, right.slots])
        place, places = group.places(slot)
        check_size(len(places.slots), self.counts.shape[1], by=by)
        counts = np.zeros((len(places.slots), self.counts.shape[1]), dtype=np.int64)
        # In either part a line stands once.
        counts[place[: len(left.slots)]] = left.counts
        counts[place[len(left.slots) :]] += right.counts
        return Tally(places.titles, places.slots, counts)

    def some(self) -> Tally:
        """Leave out lines of zeros."""
        any_at_all = self.counts.any(axis=1)
        if any_at_all.all():
            return self
        return self.take(np.flatnonzero(any_at_all))

    def take(self, lines: Integers) -> Tally:
        """Take some lines."""
        return Tally(self.titles.take(numeric(lines)), self.slots[lines], self.counts[lines])


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """One value of what was grouped by, or the small ones together.

    Attributes:
        title: None where there is none, and for several together.
        slots: In order.
        counts: Of each slot.
        others: How many values these are together; 0 for one value.
    """

    title: str | None
    slots: Integers
    counts: Integers
    others: int = 0


def largest(tally: Tally, most: int, *, of: int = 1) -> Iterator[Group]:
    """Give the groups with most units, then all the others together.

    Args:
        tally: Its first numbers count units.
        most: Groups that stand alone.
        of: How many of these say how large a group is.
    """
    tally = tally.some()
    group = Coded.column(pa.table({"title": tally.titles}), "title")
    code = group.code + 1
    titles = pa.concat_arrays([pa.nulls(1, pa.string()), group.titles])
    units = np.zeros(len(titles), dtype=np.int64)
    np.add.at(units, code, tally.counts[:, :of].sum(axis=1))
    there = np.flatnonzero(units)
    table = pa.table({"units": numeric(units[there]), "title": titles.take(numeric(there))})
    # Without a value comes last, which is where Arrow puts it.
    keys = [("units", "descending"), ("title", "ascending")]
    order = pc.sort_indices(table, sort_keys=keys).to_numpy()
    ranked = there[order]
    rank = np.full(len(titles), most, dtype=np.int64)
    rank[ranked[:most]] = np.arange(len(ranked[:most]))
    lines = np.argsort(rank[code], kind="stable")
    bounds = np.searchsorted(rank[code][lines], np.arange(most + 2))
    for nth in range(min(len(ranked), most + 1)):
        these = tally.take(lines[bounds[nth] : bounds[nth + 1]])
        first, place = _distinct(np.zeros_like(these.slots), these.slots)
        counts = np.zeros((len(first), tally.counts.shape[1]), dtype=np.int64)
        np.add.at(counts, place, these.counts)
        is_rest = nth == most
        title = None if is_rest else titles[int(ranked[nth])].as_py()
        others = len(ranked) - most if is_rest else 0
        yield Group(title=title, slots=these.slots[first], counts=counts, others=others)


def _distinct(code: Integers, slot: Integers) -> tuple[Integers, Integers]:
    """Give where each different pair first stands, in order, and the place of every pair."""
    if not len(code):
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    order = np.lexsort((slot, code))
    ordered_code, ordered_slot = code[order], slot[order]
    new = np.ones(len(code), dtype=bool)
    new[1:] = (ordered_code[1:] != ordered_code[:-1]) | (ordered_slot[1:] != ordered_slot[:-1])
    place = np.empty(len(code), dtype=np.int64)
    place[order] = np.cumsum(new) - 1
    return order[new], place
