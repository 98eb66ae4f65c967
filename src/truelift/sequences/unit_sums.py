"""What units did before and after an instant of their own, as several sums of one pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from truelift.sequences import compiled


Integers = NDArray[np.int64]
Codes = NDArray[np.int32]
Numbers = NDArray[np.float64]
Chosen = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Wanted:
    """One number of every unit, added up over its rows.

    Attributes:
        bit: Rows whose mark has it count.
        low: From so long after the unit's instant; below 0 for before it.
        high: Up to so long after it, the end included.
        amount: Which of the rows' numbers is added up; None: every row is 1.
        counts: Every row that has such a number is 1, in its place.
    """

    bit: int
    low: int
    high: int
    amount: int | None = None
    counts: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Acts:
    """Rows of units, in any order; the closer those of a unit stand together, the faster.

    Attributes:
        unit: Of each row, its unit from 0; -1 for none.
        at: When.
        code: Of each row, the place of its mark in `marks`.
        marks: What rows may be, a bit each.
        amounts: Numbers of the rows, NaN where a row has none, `(n,)` each.
        begun: Of each unit, the instant that `Wanted` counts from.
    """

    unit: Codes
    at: Integers
    code: Codes
    marks: Sequence[int]
    amounts: Sequence[Numbers]
    begun: Integers


def places(key: Integers, ordered: Integers) -> Codes:
    """Find keys in an ordered array of different ones; -1 for those that it does not have.

    Rows mostly come in runs of equal keys, and each run is looked up once.
    """
    if not len(ordered) or not len(key):
        return np.full(len(key), -1, np.int32)
    if compiled.IS_THERE:
        return compiled.places(key=key, ordered=ordered)
    starts = np.flatnonzero(np.concatenate(([True], key[1:] != key[:-1])))
    heads = key[starts]
    place = np.minimum(np.searchsorted(ordered, heads), len(ordered) - 1)
    place = np.where(ordered[place] == heads, place, -1).astype(np.int32)
    return np.repeat(place, np.diff(np.append(starts, len(key))))


def unit_sums(
    acts: Acts, wanted: Sequence[Wanted], *, first: Integers | None = None
) -> NDArray[np.float64]:
    """Add up what every unit did.

    Args:
        acts: The rows.
        wanted: What to add up.
        first: Takes the instant of every unit's first row of all, where that is earlier than
            what stands there.

    Returns:
        Of every sum the number of each unit, `(sums, units)`.
    """
    if compiled.IS_THERE:
        return compiled.unit_sums(
            unit=acts.unit,
            at=acts.at,
            code=acts.code,
            begun=acts.begun,
            of_code=[
                [nth for nth, each in enumerate(wanted) if mark >> each.bit & 1]
                for mark in acts.marks
            ],
            low=[each.low for each in wanted],
            high=[each.high for each in wanted],
            amount=[-1 if each.amount is None else each.amount for each in wanted],
            counts=[each.counts for each in wanted],
            amounts=acts.amounts,
            first=first,
        )
    known = np.flatnonzero(acts.unit >= 0)
    if first is not None:
        np.minimum.at(first, acts.unit[known], acts.at[known])
    found = np.zeros((len(wanted), len(acts.begun)))
    for nth, each in enumerate(wanted):
        counting = np.array([mark >> each.bit & 1 for mark in acts.marks], bool)
        rows = known[counting[acts.code[known]]]
        after = acts.at[rows] - acts.begun[acts.unit[rows]]
        rows = rows[(after >= each.low) & (after <= each.high)]
        numbers = None
        if each.amount is not None:
            numbers = acts.amounts[each.amount][rows]
            there = ~np.isnan(numbers)
            rows, numbers = rows[there], None if each.counts else numbers[there]
        found[nth] = np.bincount(acts.unit[rows], numbers, len(acts.begun))
    return found
