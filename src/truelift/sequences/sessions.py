"""Where sessions begin, over the ordered events of each unit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray


INACTIVITY_MS: Final = 30 * 60 * 1000
LONGEST_MS: Final = 24 * 60 * 60 * 1000


@dataclass(frozen=True, slots=True)
class SessionRules:
    """When a unit's next event belongs to a new session.

    Midnight, campaigns and channels do not end one.

    Attributes:
        inactivity_ms: More than this without an event ends a session.
        longest_ms: An event later than this after a session's first begins another.
    """

    inactivity_ms: int = INACTIVITY_MS
    longest_ms: int = LONGEST_MS


def session_starts(
    *, unit: NDArray[np.int64], at_ms: NDArray[np.int64], rules: SessionRules | None = None
) -> NDArray[np.int64]:
    """Give the row of every session's first event, ascending.

    Args:
        unit: Who, `(n,)`; all rows of a unit stand together.
        at_ms: When, ascending within a unit.
        rules: The standard ones when none are given.
    """
    rules = rules or SessionRules()
    rows = len(unit)
    if not rows:
        return np.zeros(0, dtype=np.int64)
    begins = np.ones(rows, dtype=bool)
    begins[1:] = (unit[1:] != unit[:-1]) | (np.diff(at_ms) > rules.inactivity_ms)
    while True:
        start = np.flatnonzero(begins)
        session = np.cumsum(begins) - 1
        too_long = np.flatnonzero(at_ms - at_ms[start][session] > rules.longest_ms)
        if not len(too_long):
            return start
        # Each pass cuts a day off every session that is still too long; only the first
        # row past its cap is certain to begin the next one.
        begins[too_long[np.unique(session[too_long], return_index=True)[1]]] = True
