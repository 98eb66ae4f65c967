"""Which way units go from an event, or came to it, node by node; and where they go in circles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from truelift.sequences.sessions import INACTIVITY_MS, LONGEST_MS, session_starts


Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

NOTHING: Final = -1
"""Code where a path has no node: it ended before."""

_WIDEST: Final = 1 << 62
"""Codes are packed into one number as long as it stays below this."""


class End(IntEnum):
    """Why a path has no further node after its last one, in the order of their columns."""

    ONWARD = 0
    """It goes on, beyond the steps that were asked for."""

    EXIT = 1
    """The session ends there; backwards: it begins there."""

    CUT = 2
    """The window is over while the session goes on."""

    OPEN = 3
    """Nobody knows yet: the session or the window is not over."""


@dataclass(frozen=True, slots=True)
class PathRules:
    """What counts as a path.

    Attributes:
        steps: Nodes of a path at most, the anchor included.
        as_of_ms: A session or window that ends at or after this instant is open.
        backward: Whether the path leads up to the anchor, not away from it.
        per_session: Whether every session has a path of its own, or the person one.
        last: Whether a unit's last anchor counts, not its first.
        window_ms: A path goes on for so long, the end included; None: to the end of the
            session. A path of a session never leaves it.
        collapse: Whether the same node several times in a row is one.
        since_ms: The anchor happened at or after this; None for no bound.
        until_ms: The anchor happened before this; None for no bound.
    """

    steps: int
    as_of_ms: int
    backward: bool = False
    per_session: bool = True
    last: bool = False
    window_ms: int | None = None
    collapse: bool = True
    since_ms: int | None = None
    until_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Loops:
    """Going from a node to another and straight back, one row a pair that somebody did.

    Attributes:
        there: The node that was left and come back to.
        back: The node between.
        count: How often, by all units.
        units: How many units at least once.
        repeated: How many units more than once.
        anybody: Units with any loop at all.
    """

    there: Integers
    back: Integers
    count: Integers
    units: Integers
    repeated: Integers
    anybody: int


@dataclass(frozen=True, slots=True)
class Walks:
    """The paths of some units, one row a unit.

    Attributes:
        nodes: Shape `(units, steps)`: codes in the order in which they are walked from
            the anchor, `NOTHING` where a path has ended.
        end: Of each, one of `End`.
        converted: Whether the goal was reached along the whole path, steps beyond
            those asked for included.
        is_open: Whether more may still come.
        loops: Over the whole paths.
    """

    nodes: Integers
    end: Integers
    converted: Flags
    is_open: Flags
    loops: Loops


@dataclass(frozen=True, slots=True)
class _Rows:
    """Events in the direction in which paths are walked."""

    person: Integers
    at_ms: Integers
    session: Integers
    node: Integers
    goal: Flags
    circling: Flags


def walks(
    *,
    person: Integers,
    at_ms: Integers,
    node: Integers,
    anchor: Flags,
    goal: Flags,
    circling: Flags,
    rules: PathRules,
) -> Walks:
    """Follow every unit from its anchor.

    Events stand in the order in which they are walked, those of one instant too. A goal
    at the anchor's own instant counts, whichever side it stands on.

    Args:
        person: Who, `(n,)`; all rows of a person stand together.
        at_ms: When, ascending within a person. Every event is there: any of them
            keeps a session alive.
        node: Code from 0, negative for an event that is no node; an anchor is one.
        anchor: Where paths may begin, or backwards end.
        goal: What converts.
        circling: Which nodes loops are made of; what lies between them is looked past.
        rules: What counts as a path.
    """
    begins = session_starts(unit=person, at_ms=at_ms)
    session = run_numbers(begins, len(person))
    anchors = _anchors(person, at_ms, session, anchor, rules)
    is_open = _open(at_ms, begins, session, anchors, rules)
    rows = _Rows(person, at_ms, session, node, goal, circling & (node >= 0))
    if rules.backward:
        rows = _Rows(
            person=person[::-1],
            at_ms=-at_ms[::-1],
            session=session[::-1],
            node=node[::-1],
            goal=goal[::-1],
            circling=rows.circling[::-1],
        )
        anchors = len(person) - 1 - anchors
    ends = _scope_ends(rows, anchors, rules)

    nodes_at = np.flatnonzero(rows.node >= 0)
    code = rows.node[nodes_at]
    first = np.searchsorted(nodes_at, anchors)
    behind = np.searchsorted(nodes_at, ends)
    kept = changes(code) if rules.collapse else np.arange(len(code))

    onward = np.searchsorted(kept, first, side="right")
    limit = np.searchsorted(kept, behind)
    nodes = np.full((len(anchors), rules.steps), NOTHING, dtype=np.int64)
    nodes[:, 0] = code[first]
    for step in range(1, rules.steps):
        place = onward + step - 1
        there = np.flatnonzero(place < limit)
        nodes[there, step] = code[kept[place[there]]]

    session_of = rows.session[nodes_at]
    more = behind < len(code)
    more[more] = session_of[behind[more]] == session_of[behind[more] - 1]
    end = np.where(more, int(End.CUT), int(End.EXIT))
    end[is_open] = int(End.OPEN)
    end[1 + limit - onward > rules.steps] = int(End.ONWARD)
    return Walks(
        nodes=nodes,
        end=end.astype(np.int64),
        converted=_converted(rows, anchors, ends),
        is_open=is_open,
        loops=_loops(rows, anchors, ends),
    )


def run_numbers(begins: Integers, rows: int) -> Integers:
    """Number the stretches that begin at these rows, from 0, for every row."""
    begun = np.zeros(rows, dtype=np.int64)
    begun[begins] = 1
    return np.cumsum(begun) - 1


def distinct(keys: NDArray[np.int64]) -> tuple[Integers, Integers]:
    """Find the different rows of a table of codes, none below -1.

    Returns:
        Where each different row first stands, in ascending order of the rows; and for
        every row, which of these it is.
    """
    number = np.zeros(len(keys), dtype=np.int64)
    span = 1
    for column in range(keys.shape[1]):
        base = int(keys[:, column].max(initial=-1)) + 2
        if span * base > _WIDEST:
            # Numbering in ascending order keeps the order of the rows.
            values, number = np.unique(number, return_inverse=True)
            span = len(values)
        number = number * base + keys[:, column] + 1
        span *= base
    _, places, which = np.unique(number, return_index=True, return_inverse=True)
    return places, which


def added(columns: Sequence[NDArray[np.int64]], which: Integers, groups: int) -> Integers:
    """Add up columns of counts by group; shape `(groups, columns)`."""
    total = np.zeros((len(columns), groups), dtype=np.int64)
    for n, column in enumerate(columns):
        np.add.at(total[n], which, column)
    return total.T


def spread(first: Integers, lengths: Integers) -> tuple[Integers, Integers]:
    """Write out stretches one after the other.

    Args:
        first: Where each begins.
        lengths: How long each is.

    Returns:
        For every place in them the stretch that it is in, and the place.
    """
    which = np.repeat(np.arange(len(first)), lengths)
    nth = np.arange(len(which)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return which, np.repeat(first, lengths) + nth


def last_within(at_ms: Integers, first: Integers, behind: Integers, deadline: Integers) -> Integers:
    """Give, for each stretch of rows, the row behind the last that is not after a deadline.

    Args:
        at_ms: When, ascending within each stretch.
        first: Where each stretch begins.
        behind: The row behind its end.
        deadline: The last instant that counts.
    """
    low, high = first.copy(), behind.copy()
    while len(searching := np.flatnonzero(low < high)):
        middle = (low[searching] + high[searching]) // 2
        inside = at_ms[middle] <= deadline[searching]
        low[searching[inside]] = middle[inside] + 1
        high[searching[~inside]] = middle[~inside]
    return low


def changes(*columns: Integers) -> Integers:
    """Give the rows at which any of these columns has another value than before; 0 is one."""
    if not len(columns[0]):
        return np.zeros(0, dtype=np.int64)
    changed = np.ones(len(columns[0]), dtype=bool)
    changed[1:] = False
    for column in columns:
        changed[1:] |= column[1:] != column[:-1]
    return np.flatnonzero(changed)


def _anchors(
    person: Integers, at_ms: Integers, session: Integers, anchor: Flags, rules: PathRules
) -> Integers:
    kept = anchor.copy()
    if rules.since_ms is not None:
        kept &= at_ms >= rules.since_ms
    if rules.until_ms is not None:
        kept &= at_ms < rules.until_ms
    rows = np.flatnonzero(kept)
    firsts = changes((session if rules.per_session else person)[rows])
    if not rules.last:
        return rows[firsts]
    return rows[np.append(firsts[1:], len(rows)) - 1] if len(rows) else rows


def _open(
    at_ms: Integers, begins: Integers, session: Integers, anchors: Integers, rules: PathRules
) -> Flags:
    """Say which paths may still grow; what led up to an anchor is complete."""
    if rules.backward or not len(anchors):
        return np.zeros(len(anchors), dtype=bool)
    is_open = np.ones(len(anchors), dtype=bool)
    if rules.window_ms is not None:
        is_open &= at_ms[anchors] + rules.window_ms >= rules.as_of_ms
    if rules.window_ms is None or rules.per_session:
        lasts = np.append(begins[1:], len(at_ms)) - 1
        theirs = session[anchors]
        is_open &= at_ms[lasts[theirs]] + INACTIVITY_MS >= rules.as_of_ms
        is_open &= at_ms[begins[theirs]] + LONGEST_MS >= rules.as_of_ms
    return is_open


def _scope_ends(rows: _Rows, anchors: Integers, rules: PathRules) -> Integers:
    """Give the row behind the last one that a path may hold."""
    within = rows.session if rules.window_ms is None or rules.per_session else rows.person
    begins = changes(within)
    ends = np.append(begins[1:], len(within))[np.searchsorted(begins, anchors, side="right") - 1]
    if rules.window_ms is None:
        return ends
    return last_within(rows.at_ms, anchors, ends, rows.at_ms[anchors] + rules.window_ms)


def _converted(rows: _Rows, anchors: Integers, ends: Integers) -> Flags:
    instants = changes(rows.person, rows.at_ms)
    begins = instants[np.searchsorted(instants, anchors, side="right") - 1]
    before = np.append(0, np.cumsum(rows.goal))
    # An anchor that is itself a goal does not lead to itself.
    reached: Flags = before[ends] - before[begins] - rows.goal[anchors] > 0
    return reached


def _loops(rows: _Rows, anchors: Integers, ends: Integers) -> Loops:
    places = np.flatnonzero(rows.circling)
    code = rows.node[places]
    first, behind = np.searchsorted(places, anchors), np.searchsorted(places, ends)
    unit, place = spread(first, behind - first)
    node = code[place]
    once = changes(unit, node)
    unit, node = unit[once], node[once]
    turns = np.flatnonzero((unit[2:] == unit[:-2]) & (node[2:] == node[:-2]))
    keys = np.stack([node[turns], node[turns + 1], unit[turns]], axis=1)
    of_unit, which = distinct(keys)
    times = np.bincount(which, minlength=len(of_unit)).astype(np.int64)
    pairs = keys[of_unit][:, :2]
    of_pair, which = distinct(pairs)
    ones = np.ones(len(pairs), dtype=np.int64)
    total = added([times, ones, (times > 1).astype(np.int64)], which, len(of_pair))
    return Loops(
        there=pairs[of_pair, 0],
        back=pairs[of_pair, 1],
        count=total[:, 0],
        units=total[:, 1],
        repeated=total[:, 2],
        anybody=len(changes(unit[turns])),
    )
