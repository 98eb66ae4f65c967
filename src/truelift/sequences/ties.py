"""Attempts of one unit whose simultaneous events could serve several steps of a funnel."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby


def deepest_attempt(
    *,
    at_ms: Sequence[int],
    mask: Sequence[int],
    starts: Sequence[int],
    deadlines: Sequence[int],
    required: Sequence[int],
    strict: bool,
) -> tuple[int, int]:
    """Find a unit's deepest attempt, trying every way to give its events to steps.

    Args:
        at_ms: Instants of the unit's events, ascending.
        mask: Bit k is set when the event may serve step k.
        starts: Positions of the events that may begin, in order, at least one.
        deadlines: The last instant of each of these attempts.
        required: The steps (from 0) in order.
        strict: Whether an instant between two steps must itself hold a step.

    Returns:
        The position of the event that begins it (the earliest on ties) and its depth.
    """
    instants = [list(rows) for _, rows in groupby(range(len(at_ms)), key=at_ms.__getitem__)]
    where = {row: nth for nth, rows in enumerate(instants) for row in rows}
    best = (starts[0], 0)
    for start, deadline in zip(starts, deadlines, strict=True):
        levels = {1}
        deepest = 1
        for nth in range(where[start], len(instants)):
            rows = instants[nth]
            if at_ms[rows[0]] > deadline:
                break
            masks = [mask[row] for row in rows if row != start]
            is_first = nth == where[start]
            after = {
                to
                for level in levels
                for to in range(level, len(required) + 1)
                if (to > level or is_first or not strict)
                and served(masks, [required[step] for step in range(level, to)])
            }
            levels = after
            deepest = max(deepest, *levels, 0)
            if not levels:
                break
        if deepest > best[1]:
            best = (start, deepest)
    return best


def served(masks: Sequence[int], steps: Sequence[int]) -> bool:
    """Say whether distinct events can serve all of these steps (a bipartite matching)."""
    taken: dict[int, int] = {}

    def place(step: int, tried: set[int]) -> bool:
        for event, bits in enumerate(masks):
            if bits >> step & 1 and event not in tried:
                tried.add(event)
                if event not in taken or place(taken[event], tried):
                    taken[event] = step
                    return True
        return False

    return all(place(step, set()) for step in steps)
