"""How long units take from a first event to the one that follows it, or have waited in vain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from truelift.sequences.blocks import blocks, first_of_each
from truelift.sequences.cells import Cells, Counter


Integers = NDArray[np.int64]

START: Final = 1
START_AND_VALUE: Final = 3
VALUE: Final = 4
"""What an event may be, a start where the lowest bit is set. One event serves as one of
both, also where it could be either: in this order as many of one instant as can do serve."""


@dataclass(frozen=True, slots=True)
class Waits:
    """How waiting is measured.

    Attributes:
        length_ms: Of one interval of waiting.
        as_of_ms: Nobody was watched beyond this instant.
        intervals: Who waits longer than so many is counted as waiting after them.
        since_ms: A unit that started before this does not count; None for no bound.
        until_ms: Nor one that started at or after this.
    """

    length_ms: int
    as_of_ms: int
    intervals: int
    since_ms: int | None = None
    until_ms: int | None = None

    @property
    def columns(self) -> int:
        """Cells of one group."""
        return 2 * (self.intervals + 1)


def waiting_times(
    *,
    unit: Integers,
    at_ms: Integers,
    kind: NDArray[np.signedinteger],
    group: Integers,
    groups: int,
    rules: Waits,
) -> Cells:
    """Count units by how long they waited, from the first start they ever had.

    Interval n, from 1, is over `n × length_ms` after the start, and an event at that
    instant belongs to the next one. A unit is watched for the intervals that were over at
    `as_of_ms`: an event in one that was not is not known yet, or else an interval that
    has only begun would hold those who were quick and none of those who were not.

    Args:
        unit: Who, `(n,)`; all rows of a unit stand together.
        at_ms: When, ascending within a unit and before `as_of_ms`.
        kind: `START`, `START_AND_VALUE` or `VALUE`; ascending among simultaneous events
            of a unit, so that as many as can be serve.
        group: Code from 0 of what a unit is counted under, taken at its start.
        groups: How many codes there are.
        rules: How waiting is measured.

    Returns:
        Cell `group × columns + 2 × n`: units that still waited after n intervals, when
        they were last seen; the cell after it: units whose event came in interval n.
    """
    counter = Counter(groups * rules.columns)
    for these in blocks(unit):
        cells = _cells(unit[these], at_ms[these], kind[these], group[these], rules)
        counter.add([cells])
    return counter.cells()


def _cells(
    unit: Integers,
    at_ms: Integers,
    kind: NDArray[np.signedinteger],
    group: Integers,
    rules: Waits,
) -> Integers:
    start = np.flatnonzero(kind <= START_AND_VALUE)
    start = start[first_of_each(unit[start])]
    if rules.since_ms is not None:
        start = start[at_ms[start] >= rules.since_ms]
    if rules.until_ms is not None:
        start = start[at_ms[start] < rules.until_ms]
    value = np.flatnonzero(kind >= START_AND_VALUE)
    following = np.append(value, len(unit))[np.searchsorted(value, start, side="right")]
    known = np.minimum(following, len(unit) - 1)
    found = (following < len(unit)) & (unit[known] == unit[start])
    watched = np.minimum((rules.as_of_ms - at_ms[start]) // rules.length_ms, rules.intervals)
    took = np.where(found, (at_ms[known] - at_ms[start]) // rules.length_ms + 1, watched + 1)
    came = took <= watched
    cells: Integers = group[start] * rules.columns + 2 * np.where(came, took, watched) + came
    return cells
