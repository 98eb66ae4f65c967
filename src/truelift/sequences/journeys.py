"""Which surfaces people touch, in which order, how long they take from one to the next."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from truelift.sequences.paths import (
    NOTHING,
    Flags,
    Integers,
    changes,
    last_within,
    run_numbers,
    spread,
)
from truelift.sequences.sessions import session_starts


@dataclass(frozen=True, slots=True)
class JourneyRules:
    """What counts as a journey.

    Attributes:
        surfaces: How many there are; the last one completes a journey.
        window_ms: A journey lasts so long from its first touchpoint, the end included.
        as_of_ms: A journey whose window ends at or after this instant is open.
        channels: How many channels of a journey are told apart at most.
        since_ms: The first touchpoint happened at or after this; None for no bound.
        until_ms: It happened before this; None for no bound.
    """

    surfaces: int
    window_ms: int
    as_of_ms: int
    channels: int
    since_ms: int | None = None
    until_ms: int | None = None


@dataclass(frozen=True, slots=True)
class SurfaceVisits:
    """What happened at one surface, over all journeys.

    Attributes:
        people: Who touched it.
        touchpoints: How often.
        sessions: In how many sessions.
        starts: Journeys that begin there.
        ends: Journeys whose last touchpoint is there, open ones left out.
        onward: People who touched a later surface after they first touched this one.
        immature: People who did not yet, and whose journey is open.
        returns: Moves back to it from a later surface.
        returned: People who made one.
        gaps_ms: Of everybody onward, how long that took.
    """

    people: int
    touchpoints: int
    sessions: int
    starts: int
    ends: int
    onward: int
    immature: int
    returns: int
    returned: int
    gaps_ms: Integers


@dataclass(frozen=True, slots=True)
class Moves:
    """From one surface to another with none between, one row a pair that somebody made."""

    source: Integers
    target: Integers
    moves: Integers
    people: Integers


@dataclass(frozen=True, slots=True)
class Tours:
    """The journeys of some people, one row a person.

    Attributes:
        visits: Of each surface.
        moves: Between surfaces.
        orders: Shape `(people, surfaces)`: surfaces in the order of their first
            touchpoints, then `NOTHING`.
        channels: Shape `(people, channels)`: channels of the sessions up to completion,
            the same in a row once, then `NOTHING`.
        completed: Who touched the last surface.
        is_open: Whose window is not over.
    """

    visits: tuple[SurfaceVisits, ...]
    moves: Moves
    orders: Integers
    channels: Integers
    completed: Flags
    is_open: Flags


@dataclass(frozen=True, slots=True)
class _Touches:
    """Touchpoints of all journeys, one journey after the other, in the order of time."""

    journey: Integers
    surface: Integers
    at_ms: Integers
    session: Integers


def tours(
    *,
    person: Integers,
    at_ms: Integers,
    surface: Integers,
    channel: Integers,
    rules: JourneyRules,
) -> Tours:
    """Follow everybody from the first touchpoint of a period.

    Args:
        person: Who, `(n,)`; all rows of a person stand together.
        at_ms: When, ascending within a person. Every event is there: any of them
            keeps a session alive.
        surface: Code from 0 in the order in which surfaces are meant to be passed,
            negative for an event at none. Events of one instant are in that order.
        channel: Code from 0, negative where an event has none.
        rules: What counts as a journey.
    """
    begins = session_starts(unit=person, at_ms=at_ms)
    session = run_numbers(begins, len(person))
    touching = np.flatnonzero(surface >= 0)
    first = _first_rows(person, at_ms, touching, rules)
    persons = changes(person)
    behind = np.append(persons[1:], len(person))[np.searchsorted(persons, first, side="right") - 1]
    behind = last_within(at_ms, first, behind, at_ms[first] + rules.window_ms)
    is_open = at_ms[first] + rules.window_ms >= rules.as_of_ms

    begin = np.searchsorted(touching, first)
    journey, place = spread(begin, np.searchsorted(touching, behind) - begin)
    rows = touching[place]
    touches = _Touches(journey, surface[rows], at_ms[rows], session[rows])
    firsts = [_firsts(touches, code) for code in range(rules.surfaces)]

    completed = np.zeros(len(first), dtype=bool)
    completed[touches.journey[firsts[-1]]] = True
    last = session[behind - 1]
    last[touches.journey[firsts[-1]]] = touches.session[firsts[-1]]
    moves, back = _moves(touches, rules.surfaces)
    return Tours(
        visits=tuple(
            _visits(touches, code, firsts[code], back, is_open) for code in range(rules.surfaces)
        ),
        moves=moves,
        orders=_orders(touches, firsts, len(first)),
        channels=_channels(channel, begins, session[first], last, rules.channels),
        completed=completed,
        is_open=is_open,
    )


def _first_rows(
    person: Integers, at_ms: Integers, touching: Integers, rules: JourneyRules
) -> Integers:
    kept = np.ones(len(touching), dtype=bool)
    if rules.since_ms is not None:
        kept &= at_ms[touching] >= rules.since_ms
    if rules.until_ms is not None:
        kept &= at_ms[touching] < rules.until_ms
    rows = touching[kept]
    return rows[changes(person[rows])]


def _firsts(touches: _Touches, code: int) -> Integers:
    """Give everybody's first touchpoint at a surface."""
    there = np.flatnonzero(touches.surface == code)
    return there[changes(touches.journey[there])]


def _visits(
    touches: _Touches, code: int, firsts: Integers, back: Integers, is_open: Flags
) -> SurfaceVisits:
    there = np.flatnonzero(touches.surface == code)
    beyond = np.flatnonzero(touches.surface > code)
    following = np.searchsorted(beyond, firsts)
    goes_on = following < len(beyond)
    onward = beyond[following[goes_on]]
    same = touches.journey[onward] == touches.journey[firsts[goes_on]]
    goes_on[goes_on] = same
    onward = onward[same]
    starts = changes(touches.journey)
    ends = np.append(starts[1:], len(touches.journey)) - 1 if len(starts) else starts
    over = ends[~is_open]
    returned = touches.journey[back[touches.surface[back] == code]]
    return SurfaceVisits(
        people=len(firsts),
        touchpoints=len(there),
        sessions=len(changes(touches.session[there])),
        starts=int((touches.surface[starts] == code).sum()),
        ends=int((touches.surface[over] == code).sum()),
        onward=len(onward),
        immature=int(is_open[touches.journey[firsts[~goes_on]]].sum()),
        returns=len(returned),
        returned=len(changes(returned)),
        gaps_ms=touches.at_ms[onward] - touches.at_ms[firsts[goes_on]],
    )


def _moves(touches: _Touches, surfaces: int) -> tuple[Moves, Integers]:
    """Count the moves between surfaces, and say which touchpoints came from a later one."""
    once = changes(touches.journey, touches.surface)
    journey, surface = touches.journey[once], touches.surface[once]
    to = np.flatnonzero(journey[1:] == journey[:-1]) + 1
    pair = surface[to - 1] * surfaces + surface[to]
    cells = surfaces * surfaces
    moves = np.bincount(pair, minlength=cells)
    made = np.sort(journey[to] * cells + pair)
    people = np.bincount(made[changes(made)] % cells, minlength=cells)
    there = np.flatnonzero(moves)
    found = Moves(there // surfaces, there % surfaces, moves[there], people[there])
    return found, once[to[surface[to] < surface[to - 1]]]


def _orders(touches: _Touches, firsts: list[Integers], people: int) -> Integers:
    rows = np.sort(np.concatenate(firsts))
    journey = touches.journey[rows]
    return _table(journey, touches.surface[rows], people, len(firsts))


def _channels(
    channel: Integers, begins: Integers, first: Integers, last: Integers, most: int
) -> Integers:
    """Give the channels of sessions; one without a channel came from nowhere and is none."""
    journey, session = spread(first, last - first + 1)
    known = np.flatnonzero(channel >= 0)
    following = np.searchsorted(known, begins)
    ends = np.append(begins[1:], len(channel))
    of_session = np.full(len(begins), NOTHING, dtype=np.int64)
    there = following < len(known)
    there[there] = known[following[there]] < ends[there]
    of_session[there] = channel[known[following[there]]]
    code = of_session[session]
    journey, code = journey[code >= 0], code[code >= 0]
    once = changes(journey, code)
    return _table(journey[once], code[once], len(first), most)


def _table(row: Integers, code: Integers, rows: int, columns: int) -> Integers:
    """Write codes that stand row by row into a table, as many as it is wide."""
    table: NDArray[np.int64] = np.full((rows, columns), NOTHING, dtype=np.int64)
    starts = changes(row)
    lengths = np.append(starts[1:], len(row)) - starts if len(starts) else starts
    nth = np.arange(len(row)) - np.repeat(starts, lengths)
    kept = nth < columns
    table[row[kept], nth[kept]] = code[kept]
    return table
