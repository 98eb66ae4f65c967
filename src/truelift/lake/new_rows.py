"""New rows on their way into a site's tail and table: their persons, columns and counts."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from truelift.events.reasons import Reason
from truelift.lake.ledger import Counts
from truelift.lake.schema import EVENTS


def columned(
    rows: pa.Table,
    *,
    persons: np.ndarray[tuple[int], np.dtype[np.int64]],
    buckets: np.ndarray[tuple[int], np.dtype[np.int32]],
) -> pa.Table:
    """Give rows the columns of the lake, with the persons they are of and their buckets."""
    made = {"bucket": pa.array(buckets), "person": pa.array(persons)}
    return pa.table(
        [made[name] if name in made else rows[name] for name in EVENTS.names], schema=EVENTS
    )


def settled(
    persons: pa.ChunkedArray, moves: pa.Table
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Give every person the name that it has now."""
    found: np.ndarray[tuple[int], np.dtype[np.int64]] = persons.to_numpy()
    if not moves.num_rows:
        return found
    former, target = moves["person"].to_numpy(), moves["target"].to_numpy()
    place = np.minimum(np.searchsorted(former, found), len(former) - 1)
    return np.where(former[place] == found, target[place], found)


def counts_of(rows: pa.Table, *, received: int, missing: int) -> Counts:
    """Count what became of items.

    Args:
        rows: Those that are kept.
        received: Positions that they came from.
        missing: How many of these hold no item.
    """
    stored = pc.equal(rows["state"], "stored")
    reasons = {
        entry["values"]: entry["counts"]
        for entry in pc.value_counts(rows["reason"].filter(pc.invert(stored))).to_pylist()
    }
    if missing:
        # Positions without an item: the journal was damaged there, and says so.
        lost = Reason.UNREADABLE.value
        reasons[lost] = reasons.get(lost, 0) + missing

    def those(column: str) -> int:
        return pc.sum(pc.and_(stored, rows[column])).as_py() or 0

    return Counts(
        received=received,
        stored=pc.sum(stored).as_py() or 0,
        reasons=dict(sorted(reasons.items())),
        bots=those("is_bot"),
        internal=those("is_internal"),
    )
