"""Answers from the sequence index what a question would else read from Parquet files."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from collections.abc import Sequence as Listed
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from truelift.lake.home import Home
from truelift.lake.sequence_index import (
    ALWAYS,
    BucketIndex,
    Stamp,
    folder_of,
    forget,
    open_index,
    read_stamp,
    uncovered,
)
from truelift.lake.snapshot import Engine, Slice, Snapshot
from truelift.lake.tables import LakeFile
from truelift.questions.period import AT_MS
from truelift.questions.question import Scan, Sequence


Integers = NDArray[np.int64]

log: Final = logging.getLogger(__name__)

_NOBODY: Final[Integers] = np.zeros(0, dtype=np.int64)
_FIRST_MS, _LAST_MS = ALWAYS


@dataclass(slots=True)
class IndexReader:
    """Opens indexes and keeps them open while they are the newest; shared by threads."""

    home: Home
    _open: dict[tuple[str, int], tuple[str, BucketIndex]] = field(default_factory=dict)
    _stamps: dict[tuple[str, int], tuple[str, Stamp]] = field(default_factory=dict)
    _damaged: set[tuple[str, int, str]] = field(default_factory=set)
    _lock: Lock = field(default_factory=Lock)

    def index(self, site: str, bucket: int) -> BucketIndex | None:
        """Give the newest index of a bucket; None where there is none."""
        folder = folder_of(self.home, site, bucket)
        try:
            name = (folder / "current").read_text(encoding="ascii")
        except (OSError, ValueError):
            return None
        with self._lock:
            known = self._open.get((site, bucket))
            if (site, bucket, name) in self._damaged:
                return None
        if known is not None and known[0] == name:
            return known[1]
        found = open_index(folder)
        if found is not None:
            with self._lock:
                self._open[site, bucket] = (name, found)
        return found

    def stamp(self, site: str, bucket: int) -> Stamp | None:
        """Say what the newest index of a bucket was made of, without opening it for that."""
        folder = folder_of(self.home, site, bucket)
        try:
            name = (folder / "current").read_text(encoding="ascii")
        except (OSError, ValueError):
            return None
        with self._lock:
            opened, read = self._open.get((site, bucket)), self._stamps.get((site, bucket))
        if opened is not None and opened[0] == name:
            return opened[1].stamp
        if read is not None and read[0] == name:
            return read[1]
        found = read_stamp(folder)
        if found is None:
            return None
        with self._lock:
            self._stamps[site, bucket] = (name, found[1])
        return found[1]

    def leave_out(self, site: str, part: Slice) -> None:
        """Use the indexes of a slice no more, because what they hold cannot be."""
        with self._lock:
            for bucket in range(part.buckets) if part.bucket is None else (part.bucket,):
                known = self._open.pop((site, bucket), None)
                if known is not None:
                    self._damaged.add((site, bucket, known[0]))
                    forget(folder_of(self.home, site, bucket), "an array is not what was written")

    def rows(
        self, engine: Engine, snapshot: Snapshot, part: Slice, scan: Scan
    ) -> Iterator[pa.Table] | None:
        """Give what a question's scan would read of one slice, as tables of different persons.

        Most persons are in the index and nowhere else: their rows come from there.
        Persons who have events in the fresh tail or in files that the index lacks, or
        who moved, have their rows of both put together, in the order of the scan.

        Returns:
            None where the index cannot serve; the files themselves must be read then.
        """
        sequence = scan.sequence
        if sequence is None:
            return None
        buckets = range(part.buckets) if part.bucket is None else (part.bucket,)
        found = [self.index(snapshot.site, bucket) for bucket in buckets]
        indexes = [each for each in found if each is not None and each.serves(snapshot.position)]
        if not indexes or len(indexes) < len(found):
            return None
        of_slice = [file for file in snapshot.position.files if file.bucket in buckets]
        left = list(uncovered(of_slice, indexes))
        if sum(file.rows for file in left) > sum(each.stamp.rows for each in indexes):
            return None
        return _rows(engine, snapshot, part, scan, sequence, indexes, left)


def _rows(
    engine: Engine,
    snapshot: Snapshot,
    part: Slice,
    scan: Scan,
    sequence: Sequence,
    indexes: Listed[BucketIndex],
    left: Listed[LakeFile],
) -> Iterator[pa.Table]:
    fresh = _fresh(engine, snapshot, part, scan, sequence, left)
    only = None
    if scan.people is not None:
        only = engine.chosen(snapshot, part, scan.people)["person"].to_numpy()
        if fresh is not None:
            fresh = fresh.filter(pa.array(np.isin(fresh["person"].to_numpy(), only)))
    bounds, involved = _bounds(scan), _involved(snapshot.moves)
    mixed = involved if part.bucket is None or part.buckets == 1 else _NOBODY
    if part.bucket is not None:
        (index,) = indexes
        if fresh is not None:
            mixed = _either(mixed, fresh["person"].to_numpy())
        apart = _either(mixed, involved)
        for piece in index.settled(sequence, bounds=bounds, without=apart):
            asked = piece if only is None else piece.of(only)
            yield asked.in_order().table()
    if len(mixed):
        parts = [
            _moved(
                each.of_persons(sequence, bounds=bounds, only=mixed).table(
                    persons=True, position=True
                ),
                snapshot.moves,
            )
            for each in indexes
        ]
        if only is not None:
            parts = [
                rows.filter(pa.array(np.isin(rows["person"].to_numpy(), only))) for rows in parts
            ]
        parts += [] if fresh is None else [fresh]
        yield engine.ordered(parts, order=sequence.order)


def _fresh(
    engine: Engine,
    snapshot: Snapshot,
    part: Slice,
    scan: Scan,
    sequence: Sequence,
    left: Listed[LakeFile],
) -> pa.Table | None:
    """Read what no index holds: the tail, and files that are newer than the index."""
    if not left and not snapshot.rows.num_rows:
        return None
    marks = pa.table(
        {
            "event": pa.array(list(sequence.marks), pa.string()),
            "number": pa.array(list(sequence.marks.values()), pa.int32()),
        }
    )
    grouped = ""
    if sequence.grouped is not None:
        column = f'"{sequence.grouped}"'
        if sequence.grouped_where != -1:
            column = f"CASE WHEN (mark & {sequence.grouped_where}) <> 0 THEN {column} END"
        grouped = f", {column} AS grouped"
    since, until = _bounds(scan)
    statement = f"""
        SELECT person, at_ms, mark AS {sequence.mark_as}{grouped}, position
        FROM (
            SELECT *, {AT_MS} AS at_ms, coalesce(number, 0) AS mark
            FROM events LEFT JOIN marks USING (event)
        )
        WHERE at_ms >= {since} AND at_ms < {until}
            AND {"true" if sequence.unmarked else "mark <> 0"}
    """
    with engine.relations(snapshot, part, since=scan.since, until=scan.until, files=left) as cursor:
        cursor.register("marks", marks)
        return cursor.sql(statement).to_arrow_table()


def _moved(rows: pa.Table, moves: pa.Table) -> pa.Table:
    """Give the events of persons who moved to whom they are now."""
    if not moves.num_rows:
        return rows
    former, target = moves["person"].to_numpy(), moves["target"].to_numpy()
    person = rows["person"].to_numpy()
    order = np.argsort(former)
    place = order[np.minimum(np.searchsorted(former, person, sorter=order), len(former) - 1)]
    now = np.where(former[place] == person, target[place], person)
    return rows.set_column(0, "person", pa.array(now))


def _involved(moves: pa.Table) -> Integers:
    """Give everybody who moved, and those they moved to."""
    if not moves.num_rows:
        return _NOBODY
    return _either(moves["person"].to_numpy(), moves["target"].to_numpy())


def _either(some: Integers, others: Integers) -> Integers:
    """Give who is among some or among others, each once."""
    # Mostly nobody is; and numpy's first union of a process imports its masked arrays.
    if not len(some) and not len(others):
        return _NOBODY
    found: Integers = np.union1d(some, others)
    return found


def _bounds(scan: Scan) -> tuple[int, int]:
    """Give the scan's period in epoch milliseconds."""
    return (
        _FIRST_MS if scan.since is None else _first_ms_from(scan.since),
        _LAST_MS if scan.until is None else _first_ms_from(scan.until),
    )


def _first_ms_from(moment: datetime) -> int:
    """Give the first whole millisecond that is not before a moment."""
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    micros = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
    return -(-micros // 1000)
