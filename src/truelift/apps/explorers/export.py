"""An answer's rows as a file: CSV for a spreadsheet, Parquet for everything else."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq
from django.http import HttpResponse

from truelift.apps.explorers.table import Row, Scalar


FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula."""

TYPES: Final = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}
"""The formats, and what a browser is told that they are."""


def csv_of(rows: Sequence[Row]) -> bytes:
    """Write rows as CSV that a spreadsheet opens as text and numbers, never as formulas."""
    columns = columns_of(rows)
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow([harmless(name) for name in columns])
    writer.writerows([[harmless(row.get(name)) for name in columns] for row in rows])
    return file.getvalue().encode()


def harmless(value: Scalar) -> Scalar:
    """Put an apostrophe before text that would otherwise be run; numbers stay numbers."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def parquet_of(rows: Sequence[Row]) -> bytes:
    """Write rows as Parquet: each column whole numbers, numbers, truth or text."""
    columns = columns_of(rows)
    arrays = {name: _array([row.get(name) for row in rows]) for name in columns}
    sink = io.BytesIO()
    pq.write_table(pa.table(arrays), sink, compression="zstd")
    return sink.getvalue()


WRITERS: Final = {"csv": csv_of, "parquet": parquet_of}
"""What writes which format."""


def file_of(kind: str, rows: Sequence[Row], *, name: str) -> HttpResponse:
    """Give rows as a file that a browser saves.

    Args:
        kind: One of `WRITERS`.
        rows: What stands in it.
        name: Of the file, without its ending.
    """
    response = HttpResponse(WRITERS[kind](rows), content_type=TYPES[kind])
    response["Content-Disposition"] = f'attachment; filename="{name}.{kind}"'
    return response


def columns_of(rows: Sequence[Row]) -> tuple[str, ...]:
    """List every column that a row has, in the order in which they come."""
    return tuple(dict.fromkeys(name for row in rows for name in row))


def _array(values: Sequence[Scalar]) -> pa.Array:
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {int}:
        return pa.array(values, pa.int64() if kinds else pa.string())
    if kinds <= {int, float}:
        return pa.array([None if value is None else float(value) for value in values], pa.float64())
    if kinds == {bool}:
        return pa.array(values, pa.bool_())
    return pa.array([None if value is None else str(value) for value in values], pa.string())
