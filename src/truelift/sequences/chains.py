"""Deepest chains of events where some events must not lie between two of its steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from truelift.sequences.ordered_rows import Events, Instants, Rows, next_instant


NOWHERE = -1


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Events that must not lie between two steps.

    Attributes:
        bit: Of the mask of such an event.
        first: A required step, by its place among them.
        last: A later one.
    """

    bit: int
    first: int
    last: int


def confined(
    events: Events,
    *,
    required: Sequence[int],
    deadlines: Callable[[Rows], Instants],
    exclusions: Sequence[Exclusion],
) -> Rows:
    """Give the rows of every unit's deepest chain, the earliest one.

    Order, window and exclusions all say that an event is not later than something
    that grows with an earlier event of the chain. The chains that hold are therefore
    closed under taking the later of two events step by step, and the earlier: there is
    one latest and one earliest chain. Forwards, the latest chain up to a row tells
    whether any gets there; backwards, the earliest chain from a row tells which counts.

    Args:
        events: Of whole units; bit 0 marks where a chain may begin.
        required: The bit of each step, in order.
        deadlines: The last instant of a chain that begins at a row.
        exclusions: What must not lie between.

    Returns:
        One line a unit that begins, one column a step; `NOWHERE` past its depth.
    """
    limits = [next_of(events, exclusion.bit) for exclusion in exclusions]
    forwards = _reachable(events, required, deadlines, exclusions, limits)
    begins = np.concatenate(([True], events.unit[1:] != events.unit[:-1]))
    whose = np.cumsum(begins) - 1
    depth = np.zeros(len(begins), dtype=np.int64)
    for nth, rows in enumerate(forwards):
        depth[whose[rows]] = nth + 1
    return _earliest_chains(events, forwards, depth[whose], deadlines, exclusions, limits)


Limit = Callable[[Rows], Instants]


def next_of(events: Events, bit: int) -> Limit:
    """Say when, after a row, the next event with a bit is."""
    marked = (events.mask & (1 << bit)) != 0
    return lambda rows: next_instant(events, marked, rows)


def _reachable(
    events: Events,
    required: Sequence[int],
    deadlines: Callable[[Rows], Instants],
    exclusions: Sequence[Exclusion],
    limits: Sequence[Limit],
) -> list[Rows]:
    """Give, per step, the rows at which some chain from the first step arrives."""
    rows = np.flatnonzero(events.mask & (1 << required[0]))
    deadline = deadlines(rows)
    until = {nth: limit(rows) for nth, limit in enumerate(limits) if exclusions[nth].first == 0}
    found = [rows]
    for place, step in enumerate(required[1:], 1):
        if not len(rows):
            found.append(rows)
            continue
        here = np.flatnonzero(events.mask & (1 << step))
        before = np.searchsorted(rows, here) - 1
        known = np.maximum(before, 0)
        fits = (before >= 0) & (events.unit[rows[known]] == events.unit[here])
        fits &= events.at_ms[here] <= deadline[known]
        for nth, exclusion in enumerate(exclusions):
            if exclusion.first < place <= exclusion.last:
                fits &= events.at_ms[here] <= until[nth][known]
        rows, known = here[fits], known[fits]
        deadline = deadline[known]
        until = {nth: limit[known] for nth, limit in until.items()}
        for nth, exclusion in enumerate(exclusions):
            if exclusion.first == place:
                until[nth] = limits[nth](rows)
        found.append(rows)
    return found


def _earliest_chains(
    events: Events,
    forwards: Sequence[Rows],
    depth: NDArray[np.int64],
    deadlines: Callable[[Rows], Instants],
    exclusions: Sequence[Exclusion],
    limits: Sequence[Limit],
) -> Rows:
    """Trace the earliest chain of each unit from its deepest step back to its first.

    Args:
        events: Of whole units.
        forwards: Per step, the rows that can be reached.
        depth: Of each row's unit.
        deadlines: As for `confined`.
        exclusions: As for `confined`.
        limits: Per exclusion, when it ends what stands at a row.
    """
    steps = len(forwards)
    # One line a row of the step after: the chain that it goes on with, itself included.
    rows = np.zeros(0, dtype=np.int64)
    chains = np.zeros((0, steps), dtype=np.int64)
    for place in reversed(range(steps)):
        here = forwards[place]
        is_last = depth[here] == place + 1
        following = np.searchsorted(rows, here, side="right")
        known = np.minimum(following, max(len(rows) - 1, 0))
        if len(rows):
            goes_on = (following < len(rows)) & (events.unit[rows[known]] == events.unit[here])
            onward = np.where((goes_on & ~is_last)[:, None], chains[known], NOWHERE)
        else:
            goes_on = np.zeros(len(here), dtype=bool)
            onward = np.full((len(here), steps), NOWHERE, dtype=np.int64)
        onward[:, place] = here
        fits = is_last | goes_on
        for nth, exclusion in enumerate(exclusions):
            if exclusion.first == place:
                last = np.minimum(exclusion.last, depth[here] - 1)
                fits &= _instant_of(events, onward, last) <= limits[nth](here)
        if place == 0:
            fits &= _instant_of(events, onward, depth[here] - 1) <= deadlines(here)
        rows, chains = here[fits], onward[fits]
    if not len(rows):
        return chains
    unit = events.unit[rows]
    return chains[np.concatenate(([True], unit[1:] != unit[:-1]))]


def _instant_of(events: Events, chains: Rows, place: NDArray[np.int64]) -> Instants:
    return events.at_ms[chains[np.arange(len(chains)), place]]
