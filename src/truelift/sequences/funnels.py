"""How far units get through the steps of a funnel, over their ordered events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from truelift.sequences.ties import deepest_attempt


Instants = NDArray[np.int64]
Rows = NDArray[np.int64]
Masks = NDArray[np.signedinteger]

NEVER = np.iinfo(np.int64).max

BLOCK = 1 << 17
"""Rows of one pass, more where a unit has more."""


class Order(StrEnum):
    """What an attempt may have between and around its steps.

    `ORDERED`: steps in time order, anything in between. `STRICT`: as ordered, and
    no other event at an instant between two steps. `ANY`: the first k steps all
    happened within one window, in whatever order.
    """

    ORDERED = "ordered"
    STRICT = "strict"
    ANY = "any"


@dataclass(frozen=True, slots=True)
class Rules:
    """What counts as an attempt at a funnel.

    Attributes:
        steps: How many there are, 1 to 20.
        window_ms: From an attempt's first event; its end belongs to it.
        as_of_ms: A window that ends at or after this instant is still open.
        order: See `Order`.
        since_ms: The step-1 event happened at or after this; None for no bound.
        until_ms: The step-1 event happened before this; None for no bound.
        optional: Steps (from 0) that later steps do not need; ordered only, never 0.
    """

    steps: int
    window_ms: int
    as_of_ms: int
    order: Order = Order.ORDERED
    since_ms: int | None = None
    until_ms: int | None = None
    optional: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Reached:
    """Units per group and step.

    Attributes:
        units: Shape `(groups, steps)`: units whose deepest attempt got at least here.
        immature: Same shape: of those, the ones that stand here, short of the last
            step, with a window that is still open: not lost, not yet through.
    """

    units: NDArray[np.int64]
    immature: NDArray[np.int64]


def funnel(
    *,
    unit: NDArray[np.int64],
    at_ms: Instants,
    mask: Masks,
    group: NDArray[np.int64],
    groups: int,
    rules: Rules,
) -> Reached:
    """Count the units that reach each step.

    Any step-1 event may begin an attempt; a unit counts with its deepest attempt,
    the earliest one on ties, and in the group of that attempt's step-1 event. Events
    at the same instant may follow each other in either direction. One event serves
    one step. An event that is excluded ends an attempt at its instant.

    Args:
        unit: Who, `(n,)`; all rows of a unit stand together.
        at_ms: When, ascending within a unit.
        mask: Bit k is set when the event may serve step k (from 0), bit `steps` when
            it is excluded. Simultaneous events of a unit are ordered by their lowest
            bit, then by mask, then by group. For `STRICT` every event of the unit is
            there, with 0 when it is none of these; for the others such rows may be
            left out.
        group: Code from 0 of what the event's unit is counted under.
        groups: How many codes there are.
        rules: What counts as an attempt.
    """
    units = np.zeros((groups, rules.steps), dtype=np.int64)
    immature = units.copy()
    for first, end in _blocks(unit):
        these = slice(first, end)
        reached = _block(unit[these], at_ms[these], mask[these], group[these], groups, rules)
        units += reached.units
        immature += reached.immature
    return Reached(units=units, immature=immature)


def _blocks(unit: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Cut the rows between units, so that every pass over a block stays in the cache."""
    first = 0
    while first < len(unit):
        end = min(first + BLOCK, len(unit))
        while end < len(unit):
            others = np.flatnonzero(unit[end : end + BLOCK] != unit[end - 1])
            if len(others):
                end += int(others[0])
                break
            end = min(end + BLOCK, len(unit))
        yield first, end
        first = end


def _block(
    unit: NDArray[np.int64],
    at_ms: Instants,
    mask: Masks,
    group: NDArray[np.int64],
    groups: int,
    rules: Rules,
) -> Reached:
    steps = rules.steps
    events = _Events(unit, at_ms, _with_step_one_in_range(at_ms, mask, rules))
    match rules.order:
        case Order.ORDERED:
            best = _ordered(events, rules)
        case Order.STRICT:
            best = _strict(events, rules)
        case Order.ANY:
            best = _any_order(events, rules)
    best = _with_ambiguous_ties(best, events, mask, rules)
    code = group[best.start]
    required = [step for step in range(steps) if step not in rules.optional]
    units = np.zeros((groups, steps), dtype=np.int64)
    immature = units.copy()
    for nth, step in enumerate(required):
        here = best.depth > nth
        units[:, step] = np.bincount(code[here], minlength=groups)
        if nth < len(required) - 1:
            waiting = best.is_open & (best.depth == nth + 1)
            immature[:, step] = np.bincount(code[waiting], minlength=groups)
    for step, taken in best.optional.items():
        units[:, step] = np.bincount(code[taken], minlength=groups)
    return Reached(units=units, immature=immature)


@dataclass(frozen=True, slots=True)
class _Events:
    unit: NDArray[np.int64]
    at_ms: Instants
    mask: Masks


@dataclass(frozen=True, slots=True)
class _Attempts:
    """The rows that may begin, and the last instant at which each may still go on."""

    events: _Events
    start: Rows
    deadline: Instants

    def hold(self, row: Rows, alive: Rows) -> NDArray[np.bool_]:
        """Say which rows are of the same unit as their attempt, and in its time."""
        unit, at_ms = self.events.unit, self.events.at_ms
        known = np.minimum(row, len(unit) - 1)
        same: NDArray[np.bool_] = (row < len(unit)) & (unit[known] == unit[self.start[alive]])
        return same & (at_ms[known] <= self.deadline[alive])


@dataclass(frozen=True, slots=True)
class _Best:
    """One entry a unit that began, in the order of the rows.

    Attributes:
        start: Row of the step-1 event of the deepest attempt.
        depth: Required steps that it got through, at least 1.
        is_open: Whether some attempt's window is still open.
        optional: Per optional step, whether the deepest attempt took it.
    """

    start: Rows
    depth: NDArray[np.int64]
    is_open: NDArray[np.bool_]
    optional: dict[int, NDArray[np.bool_]]


def _with_step_one_in_range(at_ms: Instants, mask: Masks, rules: Rules) -> Masks:
    outside = np.zeros(len(at_ms), dtype=bool)
    if rules.since_ms is not None:
        outside |= at_ms < rules.since_ms
    if rules.until_ms is not None:
        outside |= at_ms >= rules.until_ms
    return np.where(outside, mask & ~1, mask) if outside.any() else mask


class _Following:
    """For any row, the first row after it that may serve a step."""

    def __init__(self, mask: Masks, bit: int) -> None:
        serves = (mask & (1 << bit)) != 0
        # The rows that serve, and how many of them stand at or before each row: one
        # running count answers every look-up without a search.
        self._rows = np.append(np.flatnonzero(serves), len(mask))
        self._seen = np.cumsum(serves, dtype=np.int32)

    def after(self, rows: Rows) -> Rows:
        """Give the next serving row of each, or the number of rows when there is none."""
        return self._rows[self._seen[rows]]


def _ordered(events: _Events, rules: Rules) -> _Best:
    required = [step for step in range(rules.steps) if step not in rules.optional]
    # Of several starts with no second step between them only the last needs walking:
    # they go on to the same event, and its window is the one that reaches furthest.
    second = required[1] if len(required) > 1 else None
    beginning = events.mask & (1 if second is None else 1 | 1 << second)
    row = np.flatnonzero(beginning)
    bits, unit = beginning[row], events.unit[row]
    is_start = (bits & 1) != 0
    is_last = is_start.copy()
    is_last[:-1] &= (unit[:-1] != unit[1:]) | ((bits[1:] & ~1) != 0)
    start = row[is_start]
    last = np.flatnonzero(is_last[is_start])
    attempts = _Attempts(events, start[last], _deadlines(start[last], events, rules))
    depth, reached = _walk(attempts, required)
    best = _best_of(attempts, depth, rules)
    which = np.searchsorted(attempts.start, best.start)
    low = np.append(0, last[:-1] + 1)[which]
    # Of the starts that were not walked the earliest that still reaches as deep counts:
    # no further than its window, and a single step needs no window at all.
    at_ms = events.at_ms
    needed = np.where(best.depth > 1, at_ms[reached[which]], np.iinfo(np.int64).min)
    chosen = start[_earliest(low, last[which], start, needed, events, rules)]
    best = replace(best, start=chosen)
    return replace(best, optional=_taken(best, events, rules)) if rules.optional else best


def _walk(attempts: _Attempts, required: Sequence[int]) -> tuple[NDArray[np.int64], Rows]:
    """Give how many steps each attempt gets through, and the row that was its last."""
    depth = np.ones(len(attempts.start), dtype=np.int64)
    reached = attempts.start.copy()
    alive = np.arange(len(attempts.start))
    for step in required[1:]:
        following = _Following(attempts.events.mask, step).after(reached[alive])
        there = attempts.hold(following, alive)
        alive = alive[there]
        reached[alive] = following[there]
        depth[alive] += 1
    return depth, reached


def _earliest(
    low: Rows, high: Rows, start: Rows, needed: Instants, events: _Events, rules: Rules
) -> Rows:
    """Give the first start from `low` to `high` whose deadline is not before what it needs."""
    low, high = low.copy(), high.copy()
    searching = np.flatnonzero(low < high)
    while len(searching):
        middle = (low[searching] + high[searching]) >> 1
        fits = _deadlines(start[middle], events, rules) >= needed[searching]
        high[searching] = np.where(fits, middle, high[searching])
        low[searching] = np.where(fits, low[searching], middle + 1)
        searching = searching[low[searching] < high[searching]]
    return low


def _taken(best: _Best, events: _Events, rules: Rules) -> dict[int, NDArray[np.bool_]]:
    """Say which of the deepest attempts took the optional steps.

    An optional step counts after the required step before it, and before the one that
    the attempt goes on to.
    """
    attempts = _Attempts(events, best.start, _deadlines(best.start, events, rules))
    everyone = np.arange(len(best.start))
    found: dict[int, NDArray[np.bool_]] = {}
    standing = best.start
    pending: list[int] = []
    nowhere = np.full(len(best.start), len(events.mask))
    for step in range(1, rules.steps + 1):
        if step in rules.optional:
            pending.append(step)
            continue
        following = nowhere
        if step < rules.steps:
            there = _Following(events.mask, step).after(np.minimum(standing, len(events.mask) - 1))
            fits = (standing < len(events.mask)) & attempts.hold(there, everyone)
            following = np.where(fits, there, nowhere)
        for extra in pending:
            between = _Following(events.mask, extra).after(
                np.minimum(standing, len(events.mask) - 1)
            )
            fits = (standing < len(events.mask)) & attempts.hold(between, everyone)
            found[extra] = fits & (between < following)
        pending = []
        standing = following
    return found


def _strict(events: _Events, rules: Rules) -> _Best:
    first, instant = _instants(events)
    bits = np.bitwise_or.reduceat(events.mask, first)
    several = np.add.reduceat((events.mask & _all(rules.steps)) != 0, first) > 1
    start = np.flatnonzero(events.mask & 1)
    attempts = _Attempts(events, start, _deadlines(start, events, rules))
    here = instant[start]
    # Bit j of `levels`: an attempt may have done exactly j + 1 steps by this instant.
    levels = np.ones(len(start), dtype=np.int64)
    for step in range(1, rules.steps):
        onward = (levels >> (step - 1)) & (bits[here] >> step) & several[here]
        levels |= (onward & 1) << step
    depth = _highest(levels, rules.steps)
    alive = np.arange(len(start))
    beginnings = np.append(first, len(events.mask))
    for ahead in range(1, rules.steps):
        there = here[alive] + ahead
        row = beginnings[np.minimum(there, len(first))]
        fits = attempts.hold(row, alive) & (levels[alive] > 0)
        alive, there = alive[fits], there[fits]
        before, now = levels[alive], np.zeros(len(alive), dtype=np.int64)
        for step in range(1, rules.steps):
            reachable = (before >> (step - 1)) | ((now >> (step - 1)) & several[there])
            now |= (reachable & (bits[there] >> step) & 1) << step
        levels[alive] = now
        depth[alive] = np.maximum(depth[alive], _highest(now, rules.steps))
    return _best_of(attempts, depth, rules)


def _any_order(events: _Events, rules: Rules) -> _Best:
    mask = events.mask
    every = np.arange(len(mask))
    deadline = _deadlines(every, events, rules)
    last = _last_within(deadline, events)
    starts = np.flatnonzero(mask & 1)
    following = np.append(starts, len(mask))[np.searchsorted(starts, every)]
    left = every[following <= last]
    following, last = following[left], last[left]
    overlapping = bool((mask & (mask - 1) & _all(rules.steps)).any())
    depth = np.zeros(len(left), dtype=np.int64)
    going = np.ones(len(left), dtype=bool)
    for step in range(rules.steps):
        # Hall's condition: the first k steps can be served by distinct events when
        # every set of them has at least as many events as steps. Without an event
        # that could serve two, the single steps are all there is to look at.
        below = range(1 << step) if overlapping else (0,)
        for others in below:
            wanted = others | (1 << step)
            count = np.concatenate(([0], np.cumsum((mask & wanted) != 0, dtype=np.int32)))
            going &= count[last + 1] - count[left] >= wanted.bit_count()
        depth += going
    # The attempts of this order are windows; they are told apart by where they begin.
    best = _best_of(_Attempts(events, left, deadline[left]), depth, rules)
    chosen = np.searchsorted(left, best.start)
    attempts = _Attempts(events, starts, deadline[starts])
    begun = _best_of(attempts, np.ones(len(starts), dtype=np.int64), rules)
    return replace(best, start=following[chosen], is_open=begun.is_open)


def _best_of(attempts: _Attempts, depth: NDArray[np.int64], rules: Rules) -> _Best:
    """Choose each unit's deepest attempt, the earliest on ties."""
    start = attempts.start
    if not len(start):
        nobody = np.zeros(0, dtype=np.int64)
        return _Best(start=nobody, depth=nobody, is_open=nobody.astype(bool), optional={})
    who = attempts.events.unit[start]
    first = np.flatnonzero(np.concatenate(([True], who[1:] != who[:-1])))
    deepest = np.maximum.reduceat(depth, first)
    lengths = np.diff(np.append(first, len(start)))
    candidates = np.flatnonzero(depth == np.repeat(deepest, lengths))
    owner = who[candidates]
    earliest = candidates[np.concatenate(([True], owner[1:] != owner[:-1]))]
    is_open = np.logical_or.reduceat(attempts.deadline >= rules.as_of_ms, first)
    return _Best(start=start[earliest], depth=deepest, is_open=is_open, optional={})


def _deadlines(start: Rows, events: _Events, rules: Rules) -> Instants:
    """Give the last instant at which each attempt may still go on."""
    begun = events.at_ms[start]
    # A window that reaches past the end of time ends there, and does not wrap round.
    deadline: Instants = begun + np.minimum(rules.window_ms, NEVER - np.maximum(begun, 0))
    if not ((events.mask >> rules.steps) & 1).any():
        return deadline
    rows = len(events.unit)
    first, instant = _instants(events)
    last_of_instant = np.append(first[1:], rows) - 1
    ended = _Following(events.mask, rules.steps).after(last_of_instant[instant[start]])
    known = np.minimum(ended, rows - 1)
    theirs = (ended < rows) & (events.unit[known] == events.unit[start])
    return np.where(theirs, np.minimum(deadline, events.at_ms[known]), deadline)


def _last_within(deadline: Instants, events: _Events) -> Rows:
    """Give, for every row, the last row of its unit that is not after its deadline."""
    unit = events.unit
    first = np.flatnonzero(np.concatenate(([True], unit[1:] != unit[:-1])))
    lengths = np.diff(np.append(first, len(unit)))
    low = np.arange(len(unit))
    high = np.repeat(first + lengths - 1, lengths)
    for _ in range(int(lengths.max()).bit_length()):
        middle = (low + high + 1) >> 1
        fits = events.at_ms[middle] <= deadline
        low = np.where(fits, middle, low)
        high = np.where(fits, high, middle - 1)
    return low


def _instants(events: _Events) -> tuple[Rows, Rows]:
    """Give the first row of every instant of a unit, and every row's instant."""
    unit, at_ms = events.unit, events.at_ms
    new = np.concatenate(([True], (unit[1:] != unit[:-1]) | (at_ms[1:] != at_ms[:-1])))
    return np.flatnonzero(new), np.cumsum(new) - 1


def _with_ambiguous_ties(best: _Best, events: _Events, given: Masks, rules: Rules) -> _Best:
    """Look again, one by one, at units whose simultaneous events could be dealt in several ways.

    When events of one instant may serve overlapping sets of steps, who serves what is
    a matching; the vectorised orders settle it only for single steps, for equal masks
    and, in the ordered rule, for two steps without an exclusion, whose bit would come
    between them in the order of the rows. Such units are rare.
    """
    # The masks as given: an event that is too early or too late for step 1 stands among
    # its instant as if it were not, so its order there says nothing about the rest.
    steps = given & _all(rules.steps)
    ambiguous = (steps & (steps - 1)) != 0
    if (
        rules.order is Order.ANY
        or not ambiguous.any()
        or (rules.order is Order.ORDERED and rules.steps < 3 and (given == steps).all())
    ):
        return best
    unclear = _unclear_units(events, steps, rules.order)
    start, depth = best.start.copy(), best.depth.copy()
    begun = np.flatnonzero(np.isin(events.unit[start], unclear))
    nth_of = {int(events.unit[start[nth]]): int(nth) for nth in begun}
    rows = np.flatnonzero(np.isin(events.unit, unclear))
    for piece in np.split(rows, np.flatnonzero(np.diff(events.unit[rows])) + 1):
        nth = nth_of.get(int(events.unit[piece[0]])) if len(piece) else None
        if nth is None:
            continue
        beginnings = piece[(events.mask[piece] & 1) == 1]
        found = deepest_attempt(
            at_ms=events.at_ms[piece].tolist(),
            mask=events.mask[piece].tolist(),
            starts=(beginnings - piece[0]).tolist(),
            deadlines=_deadlines(beginnings, events, rules).tolist(),
            required=tuple(step for step in range(rules.steps) if step not in rules.optional),
            strict=rules.order is Order.STRICT,
        )
        start[nth], depth[nth] = piece[0] + found[0], found[1]
    return replace(best, start=start, depth=depth)


def _unclear_units(events: _Events, steps: NDArray[np.int64], order: Order) -> NDArray[np.int64]:
    """Give the units with an instant at which it is not clear who serves which step."""
    first = _instants(events)[0]
    unclear = np.add.reduceat(steps != 0, first) > 1
    unclear &= np.logical_or.reduceat((steps & (steps - 1)) != 0, first)
    if order is Order.ORDERED:
        lowest = np.minimum.reduceat(np.where(steps == 0, np.int64(NEVER), steps), first)
        unclear &= np.maximum.reduceat(steps, first) != lowest
    return np.unique(events.unit[first[unclear]])


def _all(steps: int) -> int:
    return (1 << steps) - 1


def _highest(levels: NDArray[np.int64], steps: int) -> NDArray[np.int64]:
    """Give the position, from 1, of the highest bit; 0 without one."""
    highest = np.zeros(len(levels), dtype=np.int64)
    for step in range(steps):
        highest = np.where((levels >> step) & 1, step + 1, highest)
    return highest
