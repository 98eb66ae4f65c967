"""Cuts rows between units, so that a pass over a block stays near the processor."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray


BLOCK = 1 << 17
"""Rows of one pass, more where a unit has more."""


def blocks(unit: NDArray[np.signedinteger[Any]], rows: int = BLOCK) -> Iterator[slice]:
    """Give slices of at least so many rows, the last one less, none of which parts a unit.

    Args:
        unit: Who, `(n,)`; all rows of a unit stand together.
        rows: At least 1.
    """
    first = 0
    while first < len(unit):
        end = min(first + rows, len(unit))
        while end < len(unit):
            others = np.flatnonzero(unit[end : end + rows] != unit[end - 1])
            if len(others):
                end += int(others[0])
                break
            end = min(end + rows, len(unit))
        yield slice(first, end)
        first = end


def first_of_each(unit: NDArray[np.signedinteger[Any]]) -> NDArray[np.bool_]:
    """Say which rows are the first of their unit."""
    begins = np.ones(len(unit), dtype=bool)
    begins[1:] = unit[1:] != unit[:-1]
    return begins
