"""Message ids that were stored before, remembered as 64-bit hashes in sorted arrays."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np


Hashes = np.ndarray[Any, np.dtype[np.uint64]]
Seconds = np.ndarray[Any, np.dtype[np.uint32]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]

WINDOW_S: Final = 48 * 3600
"""A streamed event with a known id is a duplicate for this long after the first arrived."""

_GROWTH: Final = 4
_LARGEST_RUN: Final = 4_000_000
"""Runs beyond this are not merged any more: putting two together takes several times their size."""


@dataclass(slots=True)
class Seen:
    """The ids of one site.

    Twelve bytes an id: sorted runs that are merged as they grow, so that looking up
    a batch costs a few binary searches per id whatever was seen before.

    Attributes:
        window_s: How long an id is remembered, by arrival; None for ever.
    """

    window_s: int | None
    _runs: list[tuple[Hashes, Seconds]] = field(default_factory=list)

    def __len__(self) -> int:
        return sum(len(hashes) for hashes, _ in self._runs)

    def first_times(self, hashes: Hashes, arrived_s: Seconds) -> Mask:
        """Say which ids have not been seen within the window; within a batch the first one wins.

        Nothing is remembered yet: `remember` does that when the rows are safe.

        Args:
            hashes: One per row, in the order of arrival.
            arrived_s: Arrival in epoch seconds, one per row.
        """
        order = np.lexsort((np.arange(len(hashes)), hashes))
        sorted_hashes, sorted_arrived = hashes[order], arrived_s[order].astype(np.int64)
        again = np.zeros(len(hashes), dtype=bool)
        same = sorted_hashes[1:] == sorted_hashes[:-1]
        if self.window_s is not None:
            same &= sorted_arrived[1:] - sorted_arrived[:-1] <= self.window_s
        again[1:] = same
        for run_hashes, run_arrived in self._runs:
            place = np.searchsorted(run_hashes, sorted_hashes, side="right") - 1
            found = (place >= 0) & (run_hashes[np.maximum(place, 0)] == sorted_hashes)
            if self.window_s is not None:
                age = sorted_arrived - run_arrived[np.maximum(place, 0)].astype(np.int64)
                found &= age <= self.window_s
            again |= found
        first = np.empty(len(hashes), dtype=bool)
        first[order] = ~again
        return first

    def remember(self, hashes: Hashes, arrived_s: Seconds) -> None:
        """Keep the ids of rows that were stored."""
        if not len(hashes):
            return
        self._runs.append(_sorted(hashes, arrived_s))
        while len(self._runs) > 1 and self._worth_merging():
            newer, older = self._runs.pop(), self._runs.pop()
            self._runs.append(self._merged(older, newer))
        if self.window_s is not None:
            oldest = int(arrived_s.max()) - self.window_s
            self._runs = [run for run in self._runs if int(run[1].max()) >= oldest]

    def _worth_merging(self) -> bool:
        older, newer = len(self._runs[-2][0]), len(self._runs[-1][0])
        return older < _GROWTH * newer and older + newer <= _LARGEST_RUN

    def _merged(
        self, older: tuple[Hashes, Seconds], newer: tuple[Hashes, Seconds]
    ) -> tuple[Hashes, Seconds]:
        hashes = np.concatenate([older[0], newer[0]])
        arrived = np.concatenate([older[1], newer[1]])
        if self.window_s is not None and len(arrived):
            young = arrived.astype(np.int64) >= int(arrived.max()) - self.window_s
            hashes, arrived = hashes[young], arrived[young]
        return _sorted(hashes, arrived)


def _sorted(hashes: Hashes, arrived_s: Seconds) -> tuple[Hashes, Seconds]:
    # The latest arrival of an id comes last, which is the one that a search finds.
    order = np.lexsort((arrived_s, hashes))
    return hashes[order], arrived_s[order]
