"""Who comes back, and what they are worth then, interval by interval after a cohort's event."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from truelift.sequences.blocks import blocks, first_of_each
from truelift.sequences.cells import Cells, Counter


Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

COHORT: Final = 2
"""Bit of an event that puts its unit into a cohort."""

RETURN: Final = 1
"""Bit of an event with which a unit comes back."""


@dataclass(frozen=True, slots=True, eq=False)
class Cohorts:
    """Which cohorts there are, and how a unit's coming back is counted.

    Attributes:
        edges: Instants at which the calendar's intervals begin, ascending: of every
            cohort, of the intervals after the last one, and the end of all.
        cohorts: How many of the intervals are cohorts; they come first.
        intervals: How many are counted from a cohort's own, which is interval 0.
        recurring: A unit is in the cohort of every interval in which it had the
            cohort's event; else only in that of its first one.
        or_later: Count whether a unit came back in an interval or after it.
        own_ms: Length of intervals that begin with the unit's own first event; None
            for those of the calendar. Not for recurring cohorts.
        since_ms: A unit whose first event lies before this is in no cohort.
    """

    edges: Integers
    cohorts: int
    intervals: int
    recurring: bool = False
    or_later: bool = False
    own_ms: int | None = None
    since_ms: int | None = None

    @property
    def columns(self) -> int:
        """Cells of one cohort: its size, each interval, and everything after them."""
        return self.intervals + 2


def retention(
    *,
    unit: Integers,
    at_ms: Integers,
    kind: NDArray[np.signedinteger],
    amount: NDArray[np.float64] | None,
    group: Integers,
    groups: int,
    rules: Cohorts,
) -> Cells:
    """Count cohorts, and those of them that come back.

    A unit comes back in interval 0 with an event at or after the one that put it into
    the cohort; that event itself counts where it is of both kinds.

    Args:
        unit: Who, `(n,)`; all rows of a unit stand together.
        at_ms: When, ascending within a unit.
        kind: `COHORT`, `RETURN` or both. Among simultaneous events of a unit the
            larger comes first, so that none stands before the cohort's.
        amount: What a return is worth, NaN where it is worth nothing; or None.
        group: Code from 0 of what a unit is counted under, taken at a cohort's event.
        groups: How many codes there are.
        rules: What is counted.

    Returns:
        Cell `(group × cohorts + cohort) × columns + column`: column 0 counts the
        cohort's units; column 1 + k those who came back in interval k, with the worth of
        all their returns in it. With `or_later`, column 1 + k counts those who came back
        in k for the last time, and the last column those who still came after all.
    """
    counter = Counter(groups * rules.cohorts * rules.columns)
    calendar = _Calendar(rules.edges)
    for these in blocks(unit):
        paid = None if amount is None else amount[these]
        place = np.cumsum(first_of_each(unit[these]), dtype=np.int64)
        block = _Block(place, at_ms[these], kind[these], paid, group[these])
        _count(block, rules, calendar, counter)
    return counter.cells()


class _Calendar:
    """Finds the interval of an instant without a search."""

    def __init__(self, edges: Integers) -> None:
        # A day that a time zone left out has no length: the next one begins with it.
        begins = np.append(np.diff(edges) > 0, True)
        self._interval = np.append(-1, np.flatnonzero(begins))
        self._edges = np.concatenate([[np.iinfo(np.int64).min], edges[begins]])
        self._next = np.append(self._edges[1:], np.iinfo(np.int64).max)
        # In steps shorter than any interval there is at most one edge to look at.
        shortest = int(np.diff(edges[begins]).min(initial=1 << 40))
        self._shift = max(shortest.bit_length() - 1, 0)
        self._first, self._last = int(edges[0]), int(edges[-1])
        steps = self._first + (
            np.arange(((self._last - self._first) >> self._shift) + 2, dtype=np.int64)
            << self._shift
        )
        self._known = np.searchsorted(self._edges, steps, side="right") - 1

    def intervals(self, at_ms: Integers) -> Integers:
        """Number the intervals from 0; -1 before the first."""
        inside = np.clip(at_ms, self._first, self._last)
        place = self._known[(inside - self._first) >> self._shift]
        place += at_ms >= self._next[place]
        found: Integers = self._interval[place]
        found[at_ms < self._first] = -1
        return found


@dataclass(frozen=True, slots=True, eq=False)
class _Block:
    """Rows of some units, who are numbered in their order."""

    unit: Integers
    at_ms: Integers
    kind: NDArray[np.signedinteger]
    amount: NDArray[np.float64] | None
    group: Integers


@dataclass(frozen=True, slots=True, eq=False)
class _Members:
    """Units in cohorts, in the order of their rows.

    Attributes:
        row: Of the event that put the unit there.
        interval: What returns are counted from.
        cell: The cohort's first one.
    """

    row: Integers
    interval: Integers
    cell: Integers


@dataclass(frozen=True, slots=True, eq=False)
class _Returns:
    """The intervals in which a unit came back, in order.

    Attributes:
        unit: Who.
        interval: Which.
        last: Row of the last return in it.
        amount: What all returns in it were worth.
    """

    unit: Integers
    interval: Integers
    last: Integers
    amount: NDArray[np.float64]


def _count(block: _Block, rules: Cohorts, calendar: _Calendar, counter: Counter) -> None:
    members = _members(block, rules, calendar)
    if not len(members.row):
        return
    counted = [members.cell]
    paid: list[tuple[Integers, NDArray[np.float64]]] = []
    row = np.flatnonzero(block.kind & RETURN)
    joined = np.zeros(len(block.unit), dtype=np.int64)
    joined[members.row] = 1
    member = np.cumsum(joined)[row] - 1
    back = (member >= 0) & (block.unit[members.row[member]] == block.unit[row])
    row, member = row[back], member[back]
    if rules.own_ms is None:
        interval = calendar.intervals(block.at_ms[row])
    else:
        interval = (block.at_ms[row] - block.at_ms[members.row[member]]) // rules.own_ms
    worth = None if block.amount is None else np.nan_to_num(block.amount[row], nan=0.0)

    at_once = interval == members.interval[member]
    came = np.zeros(len(members.row), dtype=bool)
    came[member[at_once]] = True
    if worth is not None:
        paid.append((members.cell[member[at_once]] + 1, worth[at_once]))

    returns = _by_interval(block.unit[row], row, interval, worth)
    if rules.or_later:
        counted.append(_last_cells(block, members, returns, rules))
    else:
        counted.append(members.cell[came] + 1)
    if worth is not None or not rules.or_later:
        _count_later(block, members, returns, rules, counted, paid, amounts=worth is not None)
    counter.add(counted, paid)


def _members(block: _Block, rules: Cohorts, calendar: _Calendar) -> _Members:
    row = np.flatnonzero(block.kind & COHORT)
    begins = first_of_each(block.unit[row])
    if rules.recurring:
        interval = calendar.intervals(block.at_ms[row])
        begins[1:] |= interval[1:] != interval[:-1]
        row, interval = row[begins], interval[begins]
    else:
        row = row[begins]
        interval = calendar.intervals(block.at_ms[row])
    kept = (interval >= 0) & (interval < rules.cohorts)
    if rules.since_ms is not None:
        kept &= block.at_ms[row] >= rules.since_ms
    row, interval = row[kept], interval[kept]
    cell = (block.group[row] * rules.cohorts + interval) * rules.columns
    if rules.own_ms is not None:
        interval = np.zeros_like(interval)
    return _Members(row=row, interval=interval, cell=cell)


def _by_interval(
    unit: Integers, row: Integers, interval: Integers, worth: NDArray[np.float64] | None
) -> _Returns:
    begins = first_of_each(unit)
    begins[1:] |= interval[1:] != interval[:-1]
    first = np.flatnonzero(begins)
    last = np.append(first[1:], len(row)) - 1
    amount = np.zeros(len(first)) if worth is None else np.zeros(0)
    if worth is not None and len(first):
        amount = np.add.reduceat(worth, first)
    return _Returns(
        unit=unit[first],
        interval=interval[first],
        last=row[last] if len(row) else row,
        amount=amount,
    )


def _last_cells(block: _Block, members: _Members, returns: _Returns, rules: Cohorts) -> Integers:
    """Give the cell of the interval in which each member came back for the last time."""
    if not len(returns.unit):
        return np.zeros(0, dtype=np.int64)
    ends = np.append(np.flatnonzero(first_of_each(returns.unit))[1:], len(returns.unit)) - 1
    # Rows of units stand in one order here and there: the first last return at or after a
    # member's row is its own, or somebody else's.
    place = np.searchsorted(returns.last[ends], members.row)
    known = np.minimum(place, len(ends) - 1)
    found = ends[known]
    same = (place < len(ends)) & (returns.unit[found] == block.unit[members.row])
    after = np.minimum(returns.interval[found] - members.interval, rules.intervals)
    found_cell: Integers = (members.cell + 1 + after)[same]
    return found_cell


def _count_later(
    block: _Block,
    members: _Members,
    returns: _Returns,
    rules: Cohorts,
    counted: list[Integers],
    paid: list[tuple[Integers, NDArray[np.float64]]],
    *,
    amounts: bool,
) -> None:
    """Pair every member with the intervals after its own in which it came back."""
    unit = block.unit[members.row]
    width = max(len(rules.edges), rules.intervals) + 1
    key = returns.unit * width + np.minimum(returns.interval, width - 1)
    following = np.searchsorted(key, unit * width + members.interval, side="right")
    alive = np.arange(len(unit))
    while len(alive):
        inside = following < len(returns.unit)
        alive, following = alive[inside], following[inside]
        after = returns.interval[following] - members.interval[alive]
        there = (returns.unit[following] == unit[alive]) & (after < rules.intervals)
        alive, following, after = alive[there], following[there], after[there]
        cell = members.cell[alive] + 1 + after
        if not rules.or_later:
            counted.append(cell)
        if amounts:
            paid.append((cell, returns.amount[following]))
        following = following + 1
