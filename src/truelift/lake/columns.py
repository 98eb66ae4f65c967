"""Gives columns of one slice's events as they stand in its files, without a statement."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from truelift.lake.schema import EVENTS
from truelift.lake.snapshot import Slice, Snapshot, pruned
from truelift.questions.question import Scan


_ANSWERABLE: Final[dict[str, object]] = {"state": "stored", "is_bot": False, "is_internal": False}
"""What holds of every event that questions see."""


def column_rows(snapshot: Snapshot, part: Slice, scan: Scan) -> Iterator[pa.Table] | None:
    """Give what a question reads of one slice, a piece of a file at a time, the tail at the end.

    Texts stay in dictionaries, and what is the same in a whole piece is not read: where a
    question needs few of many columns this is several times faster than a statement.

    Returns:
        None where only a statement can tell: the question needs one, it is about some people,
        persons moved, or files have other columns.
    """
    if not scan.columns or scan.people is not None or snapshot.position.mixed:
        return None
    if part.bucket is None or snapshot.moves.num_rows:
        return None
    return _rows(snapshot, part, scan)


def _rows(snapshot: Snapshot, part: Slice, scan: Scan) -> Iterator[pa.Table]:
    for file in pruned(snapshot, part, since=scan.since, until=scan.until):
        texts = [name for name in scan.columns if _is_text(name)]
        with (
            snapshot.store.local([file]) as (path,),
            pq.ParquetFile(path, memory_map=True, read_dictionary=texts) as opened,
        ):
            for group in range(opened.num_row_groups):
                told = _told(opened.metadata.row_group(group), (*scan.columns, *_ANSWERABLE))
                if not _is_outside(told.get("occurred_at"), scan):
                    yield _chosen(_group(opened, group, scan.columns, told), part, scan.columns)
    columns = dict.fromkeys((*scan.columns, *_ANSWERABLE))
    yield _chosen(_coded(snapshot.rows.select(list(columns))), part, scan.columns)


def _group(
    opened: pq.ParquetFile, group: int, columns: Sequence[str], told: dict[str, Any]
) -> pa.Table:
    """Read one piece of a file; of what is null or as it must be in all of it, nothing."""
    empty = [name for name in columns if name in told and told[name] is None]
    settled = [name for name, value in _ANSWERABLE.items() if told.get(name) == (value, value)]
    wanted = dict.fromkeys((*columns, *_ANSWERABLE))
    read = [name for name in wanted if name not in empty and name not in settled]
    rows = opened.read_row_group(group, columns=read, use_threads=False)
    for name in empty:
        rows = rows.append_column(name, pa.nulls(rows.num_rows, _type(name)))
    for name in settled:
        if name in columns:
            rows = rows.append_column(name, pa.repeat(_ANSWERABLE[name], rows.num_rows))
    return rows


def _told(group: pq.RowGroupMetaData, wanted: Sequence[str]) -> dict[str, Any]:
    """Say of columns what a file says of one piece: least and most where none is null, or None.

    Returns:
        None for a column without any value; nothing of those of which the file does not say.
    """
    found: dict[str, Any] = {}
    for nth in range(group.num_columns):
        column = group.column(nth)
        said = column.statistics
        if column.path_in_schema not in wanted or said is None or not said.has_null_count:
            continue
        if said.null_count == group.num_rows:
            found[column.path_in_schema] = None
        elif said.has_min_max and not said.null_count:
            found[column.path_in_schema] = (said.min, said.max)
    return found


def _is_outside(times: tuple[datetime, datetime] | None, scan: Scan) -> bool:
    """Say whether no row of a piece is needed."""
    if times is None:
        return False
    first, last = times
    return (scan.since is not None and last < scan.since) or (
        scan.until is not None and first >= scan.until
    )


def _chosen(rows: pa.Table, part: Slice, columns: Sequence[str]) -> pa.Table:
    """Leave out what no question sees, and who is of other buckets."""
    tests = []
    for name, value in _ANSWERABLE.items():
        if name in rows.column_names and name not in columns:
            tests.append(pc.fill_null(pc.equal(rows[name], value), fill_value=False))
    if part.buckets > 1:
        person = rows["person"].to_numpy()
        here = (person & (part.buckets - 1)) == part.bucket
        if not np.all(here):
            tests.append(pa.chunked_array([pa.array(here)]))
    for test in tests:
        if not pc.all(test, min_count=0).as_py():
            kept = tests[0]
            for other in tests[1:]:
                kept = pc.and_(kept, other)
            rows = rows.filter(kept)
            break
    return rows.select(list(columns))


def _coded(rows: pa.Table) -> pa.Table:
    for nth, name in enumerate(rows.column_names):
        if _is_text(name):
            rows = rows.set_column(nth, name, rows[name].dictionary_encode())
    return rows


def _is_text(name: str) -> bool:
    return bool(pa.types.is_string(EVENTS.field(name).type))


def _type(name: str) -> pa.DataType:
    kind = EVENTS.field(name).type
    return pa.dictionary(pa.int32(), pa.string()) if _is_text(name) else kind
