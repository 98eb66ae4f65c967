"""How far units get through the steps of a funnel, over their ordered events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from truelift.sequences import compiled
from truelift.sequences.chains import Exclusion, confined
from truelift.sequences.ordered_rows import (
    NEVER,
    Events,
    Following,
    Instants,
    Masks,
    Rows,
    instants,
    next_instant,
)
from truelift.sequences.ties import Tied, deepest_attempt, matched


NOWHERE = -1
"""The row of a step that an attempt did not reach."""

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
        between: Pairs of steps (from 0, neither optional; ordered only). The nth has its
            own excluded events, bit `steps + 1 + n`: none of them lies, by its instant,
            after the event of the pair's first step and before one that serves a later
            step up to the pair's second.
    """

    steps: int
    window_ms: int
    as_of_ms: int
    order: Order = Order.ORDERED
    since_ms: int | None = None
    until_ms: int | None = None
    optional: tuple[int, ...] = ()
    between: tuple[tuple[int, int], ...] = ()

    @property
    def required(self) -> list[int]:
        """The steps that later ones need, in order."""
        return [step for step in range(self.steps) if step not in self.optional]


@dataclass(frozen=True, slots=True)
class Attempts:
    """The deepest attempt of every unit that began, in the order of the rows.

    Attributes:
        start: Row of the step-1 event, `(n,)`.
        depth: Required steps that it got through, at least 1.
        is_open: Whether some window of the unit is still open.
        optional: Per optional step, whether the attempt took it.
        rows: Row of the event that served each step, `(n, steps)`, `NOWHERE` for steps
            that were not reached; None when nobody asked for it.
    """

    start: Rows
    depth: NDArray[np.int64]
    is_open: NDArray[np.bool_]
    optional: dict[int, NDArray[np.bool_]]
    rows: Rows | None = None

    def at_least(self, step: int, rules: Rules) -> NDArray[np.bool_]:
        """Say which attempts reached a step (from 0)."""
        if step in self.optional:
            return self.optional[step]
        return self.depth > rules.required.index(step)


@dataclass(frozen=True, slots=True)
class Reached:
    """Units per group and step.

    Attributes:
        units: Shape `(groups, steps)`: units whose deepest attempt got at least here.
        immature: Same shape: of those, the ones that stand here, short of the last
            step, with a window that is still open: not lost, not yet through.
        open: Same shape: of those that got at least here, the ones with a window that
            is still open, wherever they stand.
    """

    units: NDArray[np.int64]
    immature: NDArray[np.int64]
    open: NDArray[np.int64]


def funnel(
    *,
    unit: NDArray[np.signedinteger],
    at_ms: Instants,
    mask: Masks,
    group: NDArray[np.int64],
    groups: int,
    rules: Rules,
) -> Reached:
    """Count the units that reach each step, in the group of their attempt's step-1 event.

    Args:
        unit: As for `attempts`.
        at_ms: As for `attempts`.
        mask: As for `attempts`.
        group: Code from 0 of what the event's unit is counted under.
        groups: How many codes there are.
        rules: What counts as an attempt.
    """
    found = attempts(unit=unit, at_ms=at_ms, mask=mask, rules=rules)
    return counted(found, code=group[found.start], groups=groups, rules=rules)


def counted(found: Attempts, *, code: NDArray[np.int64], groups: int, rules: Rules) -> Reached:
    """Count attempts per group and step.

    Args:
        found: The attempts.
        code: The group of each, from 0.
        groups: How many there are.
        rules: By which they were found.
    """
    required = rules.required
    width = len(required) + 1
    cell = code * width + found.depth
    units, still_open = (
        np.bincount(cells, minlength=groups * width).reshape(groups, width)
        for cells in (cell, cell[found.is_open])
    )
    shape = (groups, rules.steps)
    reached = Reached(*(np.zeros(shape, dtype=np.int64) for _ in range(3)))
    for nth, step in enumerate(required):
        reached.units[:, step] = units[:, nth + 1 :].sum(axis=1)
        reached.open[:, step] = still_open[:, nth + 1 :].sum(axis=1)
        if nth < len(required) - 1:
            reached.immature[:, step] = still_open[:, nth + 1]
    for step, taken in found.optional.items():
        reached.units[:, step] = np.bincount(code[taken], minlength=groups)
        reached.open[:, step] = np.bincount(code[taken & found.is_open], minlength=groups)
    return reached


def counted_by_step(
    found: Attempts, *, code: NDArray[np.int64], groups: int, rules: Rules
) -> Reached:
    """Count attempts per group and step, where each step has a group of its own.

    Args:
        found: The attempts.
        code: The group of every step of each, from 0, `(n, steps)`; of steps that were not
            reached any.
        groups: How many there are.
        rules: By which they were found.
    """
    reached = Reached(*(np.zeros((groups, rules.steps), dtype=np.int64) for _ in range(3)))
    required = rules.required
    for step in range(rules.steps):
        here = found.at_least(step, rules)
        reached.units[:, step] = np.bincount(code[here, step], minlength=groups)
        going = here & found.is_open
        reached.open[:, step] = np.bincount(code[going, step], minlength=groups)
        if step in required[:-1]:
            stands = going & (found.depth == required.index(step) + 1)
            reached.immature[:, step] = np.bincount(code[stands, step], minlength=groups)
    return reached


def attempts(
    *,
    unit: NDArray[np.signedinteger],
    at_ms: Instants,
    mask: Masks,
    rules: Rules,
    chains: bool = False,
) -> Attempts:
    """Find the deepest attempt of every unit; all that is told of a funnel is told from these.

    Any step-1 event may begin an attempt; a unit counts with its deepest attempt, the
    earliest one on ties. Events at the same instant may follow each other in either
    direction. One event serves one step. An event that is excluded ends an attempt at
    its instant. Of the chains of events that make the attempt, the one counts whose
    last step comes earliest, then the step before it, and so on; in any order, each
    step's first event in the window.

    Args:
        unit: Who, `(n,)`; all rows of a unit stand together.
        at_ms: When, ascending within a unit.
        mask: Bit k is set when the event may serve step k (from 0), bit `steps` when
            it is excluded, the bits after it as `Rules.between` says. Simultaneous
            events of a unit are ordered by their lowest bit, then by mask, then by what
            is told of them. For `STRICT` every event of the unit is there, with 0 when
            it is none of these; for the others such rows may be left out.
        rules: What counts as an attempt.
        chains: Whether to give the row of every step.
    """
    found = []
    for first, end in _blocks(unit):
        these = slice(first, end)
        best = _block(unit[these], at_ms[these], mask[these], rules, chains=chains)
        rows = None
        if best.rows is not None:
            rows = np.where(best.rows == NOWHERE, NOWHERE, best.rows + first)
        found.append(replace(best, start=best.start + first, rows=rows))
    if not found:
        nobody = np.zeros(0, dtype=np.int64)
        return Attempts(
            start=nobody,
            depth=nobody,
            is_open=nobody.astype(bool),
            optional={step: nobody.astype(bool) for step in rules.optional},
            rows=np.zeros((0, rules.steps), dtype=np.int64) if chains else None,
        )
    if len(found) == 1:
        return found[0]
    rows = (
        np.concatenate([best.rows for best in found if best.rows is not None]) if chains else None
    )
    return Attempts(
        start=np.concatenate([best.start for best in found]),
        depth=np.concatenate([best.depth for best in found]),
        is_open=np.concatenate([best.is_open for best in found]),
        optional={
            step: np.concatenate([best.optional[step] for best in found]) for step in rules.optional
        },
        rows=rows,
    )


def _blocks(unit: NDArray[np.signedinteger]) -> Iterator[tuple[int, int]]:
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
    unit: NDArray[np.signedinteger], at_ms: Instants, mask: Masks, rules: Rules, *, chains: bool
) -> Attempts:
    events = Events(unit, at_ms, _with_step_one_in_range(at_ms, mask, rules))
    match rules.order:
        case Order.ORDERED if rules.between:
            best = _confined(events, rules)
        case Order.ORDERED:
            best = _ordered(events, rules)
        case Order.STRICT:
            best = _strict(events, rules)
        case Order.ANY:
            return _any_order(events, rules, chains=chains)
    best, tied = _with_ambiguous_ties(best, events, mask, rules)
    rows = best.rows
    if chains or rules.optional:
        if rows is None and rules.order is Order.STRICT:
            rows = _strict_rows(best, events, rules)
        elif rows is None:
            rows = _ordered_rows(best, events, rules)
        for nth, chain in tied.items():
            rows[nth] = NOWHERE
            rows[nth, rules.required[: len(chain)]] = chain
        if rules.optional:
            _take_optional(rows, best, events, rules, tied)
    return Attempts(
        start=best.start,
        depth=best.depth,
        is_open=best.is_open,
        optional={step: rows[:, step] >= 0 for step in rules.optional} if rows is not None else {},
        rows=rows if chains else None,
    )


@dataclass(frozen=True, slots=True)
class _Attempts:
    """The rows that may begin, and the last instant at which each may still go on."""

    events: Events
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
    """One entry a unit that began, in the order of the rows; see `Attempts`.

    Attributes:
        rows: Where it is known already.
    """

    start: Rows
    depth: NDArray[np.int64]
    is_open: NDArray[np.bool_]
    rows: Rows | None = None


def _with_step_one_in_range(at_ms: Instants, mask: Masks, rules: Rules) -> Masks:
    outside = np.zeros(len(at_ms), dtype=bool)
    if rules.since_ms is not None:
        outside |= at_ms < rules.since_ms
    if rules.until_ms is not None:
        outside |= at_ms >= rules.until_ms
    return np.where(outside, mask & ~1, mask) if outside.any() else mask


def _ordered(events: Events, rules: Rules) -> _Best:
    required = rules.required
    plain = not rules.optional and not (events.mask >> rules.steps).any()
    if compiled.IS_THERE and plain:
        return _Best(
            *compiled.ordered_attempts(
                unit=events.unit,
                at_ms=events.at_ms,
                mask=events.mask,
                steps=rules.steps,
                window_ms=rules.window_ms,
                as_of_ms=rules.as_of_ms,
            )
        )
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
    return replace(best, start=chosen)


def _walk(attempts: _Attempts, required: Sequence[int]) -> tuple[NDArray[np.int64], Rows]:
    """Give how many steps each attempt gets through, and the row that was its last."""
    depth = np.ones(len(attempts.start), dtype=np.int64)
    reached = attempts.start.copy()
    alive = np.arange(len(attempts.start))
    for step in required[1:]:
        following = Following(attempts.events.mask, step).after(reached[alive])
        there = attempts.hold(following, alive)
        alive = alive[there]
        reached[alive] = following[there]
        depth[alive] += 1
    return depth, reached


def _earliest(
    low: Rows, high: Rows, start: Rows, needed: Instants, events: Events, rules: Rules
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


def _ordered_rows(best: _Best, events: Events, rules: Rules) -> Rows:
    """Give the row of every required step: each time the first after the step before."""
    rows = np.full((len(best.start), rules.steps), NOWHERE, dtype=np.int64)
    rows[:, 0] = standing = best.start
    for nth, step in enumerate(rules.required[1:], 1):
        standing = Following(events.mask, step).after(standing)
        here = best.depth > nth
        rows[here, step] = standing[here]
        standing = np.minimum(standing, len(events.mask) - 1)
    return rows


def _take_optional(
    rows: Rows, best: _Best, events: Events, rules: Rules, tied: dict[int, list[int]]
) -> None:
    """Put in the optional steps that the deepest attempts took.

    An optional step counts after the required step before it, and before the one that
    the attempt goes on to.
    """
    deadline = _deadlines(best.start, events, rules)
    beyond = len(events.mask)
    known = beyond - 1
    unclear = np.zeros(len(rows), dtype=bool)
    unclear[list(tied)] = True
    for step in rules.optional:
        before = max(other for other in rules.required if other < step)
        after = min((other for other in rules.required if other > step), default=None)
        standing = rows[:, before]
        going_on = rows[:, after] if after is not None else np.full(len(rows), NOWHERE)
        until = np.where(going_on == NOWHERE, beyond, going_on)
        taken = Following(events.mask, step).after(np.maximum(standing, 0))
        there = np.minimum(taken, known)
        fits = (standing != NOWHERE) & (taken < until) & ~unclear
        fits &= (events.unit[there] == events.unit[best.start]) & (events.at_ms[there] <= deadline)
        rows[:, step] = np.where(fits, taken, NOWHERE)
    for nth, chain in tied.items():
        _take_tied(rows[nth], chain, int(deadline[nth]), events, rules)


def _take_tied(row: Rows, chain: list[int], deadline: int, events: Events, rules: Rules) -> None:
    """Put in one unit's optional steps where the order of the rows does not tell."""
    used = set(chain)
    for step in rules.optional:
        nth = sum(other < step for other in rules.required)
        if nth > len(chain):
            continue
        since = events.at_ms[chain[nth - 1]]
        until = min(deadline, int(events.at_ms[chain[nth]])) if nth < len(chain) else deadline
        same = np.flatnonzero(events.unit == events.unit[chain[0]])
        in_time = same[(events.at_ms[same] >= since) & (events.at_ms[same] <= until)]
        able = [int(n) for n in in_time if events.mask[n] >> step & 1 and int(n) not in used]
        if able:
            row[step] = able[0]
            used.add(able[0])


def _confined(events: Events, rules: Rules) -> _Best:
    place = {step: nth for nth, step in enumerate(rules.required)}
    found = confined(
        events,
        required=rules.required,
        deadlines=lambda start: _deadlines(start, events, rules),
        exclusions=[
            Exclusion(rules.steps + 1 + nth, place[first], place[last])
            for nth, (first, last) in enumerate(rules.between)
        ],
    )
    start = np.flatnonzero(events.mask & 1)
    begun = _best_of(
        _Attempts(events, start, _deadlines(start, events, rules)), np.ones_like(start), rules
    )
    rows = np.full((len(found), rules.steps), NOWHERE, dtype=np.int64)
    rows[:, rules.required] = found
    depth = (found != NOWHERE).sum(axis=1)
    return _Best(start=rows[:, 0].copy(), depth=depth, is_open=begun.is_open, rows=rows)


def _strict(events: Events, rules: Rules) -> _Best:
    start = np.flatnonzero(events.mask & 1)
    deadline = _deadlines(start, events, rules)
    depth = np.ones(len(start), dtype=np.int64)
    for levels in _levels(_Attempts(events, start, deadline), rules):
        depth = np.maximum(depth, _highest(levels, rules.steps))
    return _best_of(_Attempts(events, start, deadline), depth, rules)


def _levels(attempts: _Attempts, rules: Rules) -> Iterator[NDArray[np.int64]]:
    """Give how far each attempt may be at its own instant, and at each of those after it.

    Bit j: it may have done exactly j + 1 steps, the last of them at this instant or,
    at its own instant, by it.
    """
    events, start = attempts.events, attempts.start
    first, instant = instants(events)
    bits, several = _instant_bits(events, first, rules)
    here = instant[start]
    levels = np.ones(len(start), dtype=np.int64)
    for step in range(1, rules.steps):
        onward = (levels >> (step - 1)) & (bits[here] >> step) & several[here]
        levels |= (onward & 1) << step
    yield levels
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
        levels = np.zeros(len(start), dtype=np.int64)
        levels[alive] = now
        yield levels


def _instant_bits(
    events: Events, first: Rows, rules: Rules
) -> tuple[NDArray[np.signedinteger], NDArray[np.bool_]]:
    """Give, per instant, the steps that its events may serve, and whether there are several."""
    bits = np.bitwise_or.reduceat(events.mask, first)
    return bits, np.add.reduceat((events.mask & _all(rules.steps)) != 0, first) > 1


def _strict_rows(best: _Best, events: Events, rules: Rules) -> Rows:
    """Trace the deepest attempts back from the instant at which they got as deep."""
    rows = np.full((len(best.start), rules.steps), NOWHERE, dtype=np.int64)
    rows[:, 0] = best.start
    deadline = _deadlines(best.start, events, rules)
    levels = list(_levels(_Attempts(events, best.start, deadline), rules))
    done = best.depth.copy()
    at = np.full(len(done), -1)
    for ahead in reversed(range(rules.steps)):
        at = np.where((levels[ahead] >> (done - 1)) & 1, ahead, at)
    first, instant = instants(events)
    here = instant[best.start]
    for step in reversed(range(1, rules.steps)):
        serving = Following(events.mask, step)
        tracing = np.flatnonzero((done == step + 1) & (at >= 0))
        rows[tracing, step] = serving.at_or_after(first[here[tracing] + at[tracing]])
        done[tracing] = step
        # The step before was served at the instant before where that is possible.
        for ahead in range(1, rules.steps):
            there = tracing[at[tracing] == ahead]
            earlier = (levels[ahead - 1][there] >> (step - 1)) & 1
            at[there] -= earlier
            tracing = tracing[at[tracing] > ahead]
    return rows


def _any_order(events: Events, rules: Rules, *, chains: bool) -> Attempts:
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
    start = following[chosen]
    rows = None
    if chains:
        rows = np.full((len(start), rules.steps), NOWHERE, dtype=np.int64)
        rows[:, 0] = start
        for step in range(1, rules.steps):
            here = best.depth > step
            rows[here, step] = Following(mask, step).at_or_after(best.start[here])
        if overlapping:
            _deal(rows, best, last[chosen], events, rules)
    return Attempts(start=start, depth=best.depth, is_open=begun.is_open, optional={}, rows=rows)


def _deal(rows: Rows, best: _Best, last: Rows, events: Events, rules: Rules) -> None:
    """Give every step an event of its own where windows hold events that could serve several."""
    steps = events.mask & _all(rules.steps)
    several = np.append(0, np.cumsum((steps & (steps - 1)) != 0))
    for nth in np.flatnonzero(several[last + 1] > several[best.start]):
        left, depth = int(best.start[nth]), int(best.depth[nth])
        masks = events.mask[left : last[nth] + 1].tolist()
        begin = int(rows[nth, 0]) - left
        others = [0 if row == begin else bits for row, bits in enumerate(masks)]
        dealt = matched(others, range(1, depth))
        found = [begin, *dealt] if dealt is not None else matched(masks, range(depth))
        rows[nth, :depth] = np.array(found) + left


def _best_of(attempts: _Attempts, depth: NDArray[np.int64], rules: Rules) -> _Best:
    """Choose each unit's deepest attempt, the earliest on ties."""
    start = attempts.start
    if not len(start):
        nobody = np.zeros(0, dtype=np.int64)
        return _Best(start=nobody, depth=nobody, is_open=nobody.astype(bool))
    who = attempts.events.unit[start]
    first = np.flatnonzero(np.concatenate(([True], who[1:] != who[:-1])))
    deepest = np.maximum.reduceat(depth, first)
    lengths = np.diff(np.append(first, len(start)))
    candidates = np.flatnonzero(depth == np.repeat(deepest, lengths))
    owner = who[candidates]
    earliest = candidates[np.concatenate(([True], owner[1:] != owner[:-1]))]
    is_open = np.logical_or.reduceat(attempts.deadline >= rules.as_of_ms, first)
    return _Best(start=start[earliest], depth=deepest, is_open=is_open)


def _deadlines(start: Rows, events: Events, rules: Rules) -> Instants:
    """Give the last instant at which each attempt may still go on."""
    begun = events.at_ms[start]
    # A window that reaches past the end of time ends there, and does not wrap round.
    deadline: Instants = begun + np.minimum(rules.window_ms, NEVER - np.maximum(begun, 0))
    excluding = 1 << rules.steps
    for nth, pair in enumerate(rules.between):
        # From the first step to the last is the whole attempt.
        excluding |= (pair == (0, rules.steps - 1)) << (rules.steps + 1 + nth)
    excluded = (events.mask & excluding) != 0
    if not excluded.any():
        return deadline
    return np.minimum(deadline, next_instant(events, excluded, start))


def _last_within(deadline: Instants, events: Events) -> Rows:
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


def _with_ambiguous_ties(
    best: _Best, events: Events, given: Masks, rules: Rules
) -> tuple[_Best, dict[int, list[int]]]:
    """Look again, one by one, at units whose simultaneous events could be dealt in several ways.

    When events of one instant may serve overlapping sets of steps, who serves what is
    a matching; the vectorised orders settle it only for single steps, for equal masks
    and, in the ordered rule, for two steps without an exclusion, whose bit would come
    between them in the order of the rows. Such units are rare.

    Returns:
        The attempts, and the rows of the required steps of those that were looked at.
    """
    # The masks as given: an event that is too early or too late for step 1 stands among
    # its instant as if it were not, so its order there says nothing about the rest.
    steps = given & _all(rules.steps)
    ambiguous = (steps & (steps - 1)) != 0
    if not ambiguous.any() or (
        rules.order is Order.ORDERED and rules.steps < 3 and (given == steps).all()
    ):
        return best, {}
    unclear = _unclear_units(events, steps, rules.order)
    start, depth = best.start.copy(), best.depth.copy()
    begun = np.flatnonzero(np.isin(events.unit[start], unclear))
    nth_of = {int(events.unit[start[nth]]): int(nth) for nth in begun}
    rows = np.flatnonzero(np.isin(events.unit, unclear))
    tied: dict[int, list[int]] = {}
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
            rules=Tied(
                required=tuple(rules.required),
                strict=rules.order is Order.STRICT,
                between=tuple(
                    (rules.steps + 1 + number, rules.required.index(i), rules.required.index(j))
                    for number, (i, j) in enumerate(rules.between)
                ),
            ),
        )
        tied[nth] = [int(piece[0]) + row for row in found]
        start[nth], depth[nth] = tied[nth][0], len(found)
    return replace(best, start=start, depth=depth), tied


def _unclear_units(events: Events, steps: NDArray[np.int64], order: Order) -> NDArray[np.int64]:
    """Give the units with an instant at which it is not clear who serves which step."""
    first = instants(events)[0]
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
