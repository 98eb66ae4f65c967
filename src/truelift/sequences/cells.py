"""Counts of a few numbered cells among very many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


MOST_DENSE = 1 << 20
"""Up to so many cells are counted in an array with a place for each."""


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """What was counted, in cells that are numbered from 0.

    Attributes:
        keys: Numbers of the cells that hold anything, ascending, each once.
        counts: How many in each.
        amounts: What they were worth together. Whole numbers are exact up to 2⁵³.
    """

    keys: NDArray[np.int64]
    counts: NDArray[np.int64]
    amounts: NDArray[np.float64]

    @classmethod
    def none(cls) -> Cells:
        """Give what is counted where nothing is."""
        nothing = np.zeros(0, dtype=np.int64)
        return cls(keys=nothing, counts=nothing, amounts=np.zeros(0, dtype=np.float64))


class Counter:
    """Counts cells, block after block.

    Args:
        size: How many cells there are.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._found: list[Cells] = []
        self._dense = size <= MOST_DENSE
        if self._dense:
            self._counts = np.zeros(size, dtype=np.int64)
            self._amounts = np.zeros(size, dtype=np.float64)

    def add(
        self,
        counted: Sequence[NDArray[np.int64]],
        paid: Sequence[tuple[NDArray[np.int64], NDArray[np.float64]]] = (),
    ) -> None:
        """Count each cell once for every time it is named, and add up amounts."""
        named = np.concatenate([np.zeros(0, dtype=np.int64), *counted])
        worth = np.concatenate([np.zeros(0, dtype=np.int64), *(cell for cell, _ in paid)])
        amount = np.concatenate([np.zeros(0, dtype=np.float64), *(paid for _, paid in paid)])
        if self._dense:
            self._counts += np.bincount(named, minlength=self._size)
            if len(worth):
                self._amounts += np.bincount(worth, weights=amount, minlength=self._size)
            return
        ones = np.ones(len(named), dtype=np.int64)
        self._found.append(
            _summed(
                np.concatenate([named, worth]),
                np.concatenate([ones, np.zeros(len(worth), dtype=np.int64)]),
                np.concatenate([np.zeros(len(named)), amount]),
            )
        )

    def cells(self) -> Cells:
        """Give what was counted."""
        if not self._dense:
            return joined(self._found)
        keys = np.flatnonzero((self._counts != 0) | (self._amounts != 0))
        return Cells(keys=keys, counts=self._counts[keys], amounts=self._amounts[keys])


def joined(parts: Sequence[Cells]) -> Cells:
    """Add up what was counted apart, in cells of the same numbering."""
    if not parts:
        return Cells.none()
    return _summed(
        np.concatenate([part.keys for part in parts]),
        np.concatenate([part.counts for part in parts]),
        np.concatenate([part.amounts for part in parts]),
    )


def _summed(
    keys: NDArray[np.int64], counts: NDArray[np.int64], amounts: NDArray[np.float64]
) -> Cells:
    if not len(keys):
        return Cells.none()
    order = np.argsort(keys, kind="stable")
    keys, counts, amounts = keys[order], counts[order], amounts[order]
    first = np.flatnonzero(np.append(True, keys[1:] != keys[:-1]))
    return Cells(
        keys=keys[first],
        counts=np.add.reduceat(counts, first),
        amounts=np.add.reduceat(amounts, first),
    )
