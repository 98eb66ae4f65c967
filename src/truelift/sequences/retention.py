"""Who comes back, and what they are worth then, interval by interval after a cohort's event."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from truelift.sequences import compiled
from truelift.sequences.blocks import blocks, first_of_each
from truelift.sequences.cells import MOST_DENSE, Cells, Counter


Integers = NDArray[np.int64]
Units = NDArray[np.signedinteger[Any]]
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
        since_ms: The event that puts a unit into a cohort is not before this; a unit
            whose first one is, is in no cohort of first events.
        until_ms: And it is before this.
    """

    edges: Integers
    cohorts: int
    intervals: int
    recurring: bool = False
    or_later: bool = False
    own_ms: int | None = None
    since_ms: int | None = None
    until_ms: int | None = None

    @property
    def columns(self) -> int:
        """Cells of one cohort: its size, each interval, and everything after them."""
        return self.intervals + 2


def retention(
    *,
    unit: Units,
    at_ms: Integers,
    kind: NDArray[np.signedinteger[Any]],
    amount: NDArray[np.float64] | None,
    group: Integers | None,
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
        group: Code from 0 of what a unit is counted under, taken at a cohort's event;
            None: all are under 0.
        groups: How many codes there are.
        rules: What is counted.

    Returns:
        Cell `(group × cohorts + cohort) × columns + column`: column 0 counts the
        cohort's units; column 1 + k those who came back in interval k, with the worth of
        all their returns in it. With `or_later`, column 1 + k counts those who came back
        in k for the last time, and the last column those who still came after all.
    """
    cells = groups * rules.cohorts * rules.columns
    calendar = _Calendar(rules.edges)
    if compiled.IS_THERE and amount is None and not rules.recurring and cells <= MOST_DENSE:
        counts = compiled.first_cohorts(
            unit=unit,
            at_ms=at_ms,
            kind=kind,
            group=group,
            groups=groups,
            calendar=calendar.table,
            since_ms=rules.since_ms,
            until_ms=rules.until_ms,
            cohorts=rules.cohorts,
            columns=rules.columns,
            own_ms=rules.own_ms,
            or_later=rules.or_later,
        )
        keys = np.flatnonzero(counts)
        return Cells(keys=keys, counts=counts[keys], amounts=np.zeros(len(keys)))
    counter = Counter(cells)
    if group is None:
        group = np.zeros(len(unit), dtype=np.int64)
    for these in blocks(unit):
        paid = None if amount is None else amount[these]
        block = _Block(unit[these], at_ms[these], kind[these], paid, group[these])
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

    @property
    def table(self) -> compiled.Calendar:
        """The same for compiled loops."""
        return compiled.Calendar(
            known=self._known,
            next=self._next,
            interval=self._interval,
            first=self._first,
            last=self._last,
            shift=self._shift,
        )

    def intervals(self, at_ms: Integers) -> Integers:
        """Number the intervals from 0; -1 before the first."""
        if not len(at_ms):
            return at_ms
        if at_ms.min() >= self._first and at_ms.max() <= self._last:
            return self._within(at_ms)
        found = self._within(np.clip(at_ms, self._first, self._last))
        found[at_ms < self._first] = -1
        return found

    def _within(self, at_ms: Integers) -> Integers:
        step = at_ms - self._first
        step >>= self._shift
        place = self._known[step]
        place += at_ms >= self._next[place]
        found: Integers = self._interval[place]
        return found


@dataclass(frozen=True, slots=True, eq=False)
class _Block:
    unit: Units
    at_ms: Integers
    kind: NDArray[np.signedinteger[Any]]
    amount: NDArray[np.float64] | None
    group: Integers


@dataclass(frozen=True, slots=True, eq=False)
class _Members:
    """Units in cohorts, in the order of their rows.

    Attributes:
        row: Of the event that put the unit there.
        unit: Who, numbered from 0.
        interval: What returns are counted from.
        cell: The cohort's first one.
    """

    row: Integers
    unit: Integers
    interval: Integers
    cell: Integers


@dataclass(frozen=True, slots=True, eq=False)
class _Returns:
    """Returns of units after they joined their first cohort, in order.

    Attributes:
        row: Which.
        member: The last that the unit became before it.
        interval: In which it was.
        worth: Of it, if asked for.
    """

    row: Integers
    member: Integers
    interval: Integers
    worth: NDArray[np.float64] | None

    def each_interval(self, unit: Integers) -> Integers:
        """Give the first return of every interval in which a unit came back."""
        begins = first_of_each(unit)
        begins[1:] |= self.interval[1:] != self.interval[:-1]
        return np.flatnonzero(begins)


Paid = list[tuple[Integers, NDArray[np.float64]]]


def _count(block: _Block, rules: Cohorts, calendar: _Calendar, counter: Counter) -> None:
    members = _members(block, rules, calendar)
    returns = _returns(block, members, rules, calendar)
    counted, paid = [members.cell], Paid()
    if len(returns.row):
        count = _count_recurring if rules.recurring else _count_first
        count(members, returns, rules, counted, paid)
    counter.add(counted, paid)


def _members(block: _Block, rules: Cohorts, calendar: _Calendar) -> _Members:
    row = np.flatnonzero((block.kind & COHORT) != 0)
    if rules.recurring:
        row = row[_in_period(block.at_ms[row], rules)]
    begins = first_of_each(block.unit[row])
    if rules.recurring:
        interval = calendar.intervals(block.at_ms[row])
        begins[1:] |= interval[1:] != interval[:-1]
        row, interval = row[begins], interval[begins]
    else:
        row = row[begins]
        interval = calendar.intervals(block.at_ms[row])
    kept = (interval >= 0) & (interval < rules.cohorts)
    if not rules.recurring:
        kept &= _in_period(block.at_ms[row], rules)
    row, interval = row[kept], interval[kept]
    cell = (block.group[row] * rules.cohorts + interval) * rules.columns
    if rules.own_ms is not None:
        interval = np.zeros_like(interval)
    unit = np.cumsum(first_of_each(block.unit[row]), dtype=np.int64) - 1
    return _Members(row=row, unit=unit, interval=interval, cell=cell)


def _in_period(at_ms: Integers, rules: Cohorts) -> NDArray[np.bool_]:
    inside = np.ones(len(at_ms), dtype=bool)
    if rules.since_ms is not None:
        inside &= at_ms >= rules.since_ms
    if rules.until_ms is not None:
        inside &= at_ms < rules.until_ms
    return inside


def _returns(block: _Block, members: _Members, rules: Cohorts, calendar: _Calendar) -> _Returns:
    joins = np.zeros(len(block.unit), dtype=np.int8)
    joins[members.row] = 1
    row = np.flatnonzero((block.kind & RETURN) != 0)
    # Rows before anybody joined are of no member.
    row = row[np.searchsorted(row, members.row[0]) :] if len(members.row) else row[:0]
    member = np.cumsum(joins, dtype=np.int32)[row] - 1
    back = block.unit[members.row][member] == block.unit[row]
    row, member = row[back], member[back].astype(np.int64)
    if rules.own_ms is None:
        interval = calendar.intervals(block.at_ms[row])
    else:
        interval = (block.at_ms[row] - block.at_ms[members.row][member]) // rules.own_ms
    worth = None if block.amount is None else np.nan_to_num(block.amount[row], nan=0.0)
    return _Returns(row=row, member=member, interval=interval, worth=worth)


def _count_first(
    members: _Members, returns: _Returns, rules: Cohorts, counted: list[Integers], paid: Paid
) -> None:
    """Count returns of units that are in one cohort each."""
    member = returns.member
    first = returns.each_interval(member)
    if rules.or_later:
        last = np.flatnonzero(np.append(member[1:] != member[:-1], True))
        after = returns.interval[last] - members.interval[member[last]]
        counted.append(members.cell[member[last]] + 1 + np.minimum(after, rules.intervals))
    if rules.or_later and returns.worth is None:
        return
    after = returns.interval[first] - members.interval[member[first]]
    known = after < rules.intervals
    cell = (members.cell[member[first]] + 1 + after)[known]
    if not rules.or_later:
        counted.append(cell)
    if returns.worth is not None:
        paid.append((cell, np.add.reduceat(returns.worth, first)[known]))


def _count_recurring(
    members: _Members, returns: _Returns, rules: Cohorts, counted: list[Integers], paid: Paid
) -> None:
    """Count returns of units that are in a cohort for every interval they joined in."""
    at_once = returns.interval == members.interval[returns.member]
    same = returns.member[at_once]
    if returns.worth is not None:
        paid.append((members.cell[same] + 1, returns.worth[at_once]))
    unit = members.unit[returns.member]
    first = returns.each_interval(unit)
    if rules.or_later:
        counted.append(_last_cells(members, returns, unit, rules))
    else:
        came = np.zeros(len(members.row), dtype=bool)
        came[same] = True
        counted.append(members.cell[came] + 1)
    if rules.or_later and returns.worth is None:
        return
    unit, interval = unit[first], returns.interval[first]
    worth = None if returns.worth is None else np.add.reduceat(returns.worth, first)
    width = len(rules.edges) + 1
    following = np.searchsorted(
        unit * width + interval, members.unit * width + members.interval, side="right"
    )
    alive = np.arange(len(members.row))
    while len(alive):
        inside = following < len(unit)
        alive, following = alive[inside], following[inside]
        after = interval[following] - members.interval[alive]
        there = (unit[following] == members.unit[alive]) & (after < rules.intervals)
        alive, following, after = alive[there], following[there], after[there]
        cell = members.cell[alive] + 1 + after
        if not rules.or_later:
            counted.append(cell)
        if worth is not None:
            paid.append((cell, worth[following]))
        following = following + 1


def _last_cells(members: _Members, returns: _Returns, unit: Integers, rules: Cohorts) -> Integers:
    """Give the cell of the interval in which each member came back for the last time."""
    ends = np.flatnonzero(np.append(unit[1:] != unit[:-1], True))
    # Rows of units stand in one order here and there: the first last return at or after a
    # member's row is its own, or somebody else's.
    place = np.searchsorted(returns.row[ends], members.row)
    found = ends[np.minimum(place, len(ends) - 1)]
    same = (place < len(ends)) & (unit[found] == members.unit)
    after = np.minimum(returns.interval[found] - members.interval, rules.intervals)
    cell: Integers = (members.cell + 1 + after)[same]
    return cell
