"""Rows of units in the order of time, and what comes after a row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


Instants = NDArray[np.int64]
Rows = NDArray[np.int64]
Masks = NDArray[np.signedinteger]

NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class Events:
    """Rows of whole units.

    Attributes:
        unit: Who; all rows of a unit stand together.
        at_ms: When, ascending within a unit.
        mask: What each may serve, a bit each.
    """

    unit: NDArray[np.signedinteger]
    at_ms: Instants
    mask: Masks


class Following:
    """For any row, the first row after it that may serve a step."""

    def __init__(self, mask: Masks, bit: int) -> None:
        self._serves = (mask & (1 << bit)) != 0
        # The rows that serve, and how many of them stand at or before each row: one
        # running count answers every look-up without a search.
        self._rows = np.append(np.flatnonzero(self._serves), len(mask))
        self._seen = np.cumsum(self._serves, dtype=np.int32)

    def after(self, rows: Rows) -> Rows:
        """Give the next serving row of each, or the number of rows when there is none."""
        return self._rows[self._seen[rows]]

    def at_or_after(self, rows: Rows) -> Rows:
        """Give each row that serves itself, and the next serving row of each other."""
        found: Rows = self._rows[self._seen[rows] - self._serves[rows]]
        return found


def instants(events: Events) -> tuple[Rows, Rows]:
    """Give the first row of every instant of a unit, and every row's instant."""
    unit, at_ms = events.unit, events.at_ms
    new = np.concatenate(([True], (unit[1:] != unit[:-1]) | (at_ms[1:] != at_ms[:-1])))
    return np.flatnonzero(new), np.cumsum(new) - 1


def next_instant(events: Events, marked: NDArray[np.bool_], rows: Rows) -> Instants:
    """Give when the first marked row of the same unit at a later instant is; `NEVER` without."""
    count = len(events.unit)
    first, instant = instants(events)
    last_of_instant = np.append(first[1:], count) - 1
    there = np.append(np.flatnonzero(marked), count)
    following = there[np.cumsum(marked, dtype=np.int64)[last_of_instant[instant[rows]]]]
    known = np.minimum(following, count - 1)
    theirs = (following < count) & (events.unit[known] == events.unit[rows])
    return np.where(theirs, events.at_ms[known], NEVER)
