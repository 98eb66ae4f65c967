"""Columns of an Arrow table as arrays that sequences can read, and the other way round."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


def numeric(values: NDArray[Any]) -> pa.Array:
    """Give an array of numbers as a column without nulls; one in one piece is not copied.

    As `pa.array` does, which looks for masked arrays: that imports them, and pandas where it is,
    into a process that asks one question and has neither.
    """
    values = np.ascontiguousarray(values)
    kind = pa.from_numpy_dtype(values.dtype)
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(values)])


def whole(column: pa.ChunkedArray) -> pa.Array:
    """Give a column in one piece; one that is so already is not copied."""
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def integers(rows: pa.Table, name: str) -> NDArray[np.int64]:
    """Give a column of whole numbers; it has no nulls."""
    column: NDArray[np.int64] = whole(rows[name]).cast(pa.int64()).to_numpy()
    return column


def small_integers(rows: pa.Table, name: str) -> NDArray[np.signedinteger]:
    """Give a column of whole numbers in the width it came in; it has no nulls."""
    column: NDArray[np.signedinteger] = whole(rows[name]).to_numpy()
    return column


def numbers(rows: pa.Table, name: str) -> NDArray[np.float64]:
    """Give a column of numbers; NaN where it is null."""
    column = whole(rows[name]).cast(pa.float64())
    found: NDArray[np.float64] = column.to_numpy(zero_copy_only=False)
    return found


def codes(rows: pa.Table, name: str) -> tuple[NDArray[np.int64], list[str | None]]:
    """Give a column of text as codes from 0, and the texts that they stand for.

    A null has a code of its own, the last one.
    """
    encoded = whole(rows[name]).dictionary_encode()
    titles: list[str | None] = encoded.dictionary.to_pylist()
    indices = encoded.indices
    if None not in titles:
        titles.append(None)
        indices = indices.fill_null(len(titles) - 1)
    found: NDArray[np.int64] = indices.cast(pa.int64()).to_numpy(zero_copy_only=False)
    return found, titles
