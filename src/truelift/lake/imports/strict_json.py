"""JSON as strictly as it is meant: what is wrong with texts, and how deep they go."""

from __future__ import annotations

import json
from typing import Final

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from truelift.lake.imports.reject import RejectReason


MOST_LEVELS: Final = 32
"""Objects and lists within each other; the collector takes no more either."""

_BARE_WORDS: Final = r"(?i)[:\[,]\s*[+-]?(nan|inf)"
"""Where DuckDB's JSON may have let a number through that JSON does not have."""

_QUOTE: Final = 34
_BACKSLASH: Final = 92


def faults_of(
    engine: duckdb.DuckDBPyConnection, texts: pa.ChunkedArray
) -> list[RejectReason | None]:
    """Why each text is not one JSON object as it is strictly meant; nothing for one or for null."""
    engine.register("texts", pa.table({"text": texts, "place": np.arange(len(texts))}))
    fine: pa.ChunkedArray = engine.sql(
        """
        SELECT text IS NULL OR (json_valid(text)
            AND json_type(CASE WHEN json_valid(text) THEN text END) = 'OBJECT') AS fine
        FROM texts ORDER BY place
        """
    ).to_arrow_table()["fine"]
    engine.unregister("texts")
    fine = pc.fill_null(fine, fill_value=False)
    faults: list[RejectReason | None] = [
        None if good else RejectReason.BAD_JSON for good in fine.to_pylist()
    ]
    opened = pc.add(pc.count_substring(texts, "{"), pc.count_substring(texts, "["))
    branching = pc.and_(fine, pc.fill_null(pc.greater(opened, MOST_LEVELS), fill_value=False))
    for place in np.flatnonzero(branching.to_numpy()).tolist():
        text = np.frombuffer(texts[place].as_py().encode(), np.uint8)
        if json_levels(text).max() > MOST_LEVELS:
            faults[place] = RejectReason.TOO_DEEP
    bare = pc.fill_null(pc.match_substring_regex(texts, _BARE_WORDS), fill_value=False)
    doubtful = pc.and_(fine, bare)
    for place in np.flatnonzero(doubtful.to_numpy()).tolist():
        faults[place] = faults[place] or _fault_of(texts[place].as_py())
    return faults


def _fault_of(text: str) -> RejectReason | None:
    """Read a text as strictly as JSON is meant."""

    def refuse(word: str) -> object:
        raise ValueError(word)

    try:
        json.loads(text, parse_constant=refuse)
    except ValueError:
        return RejectReason.BAD_JSON
    return None


def json_levels(data: npt.NDArray[np.uint8]) -> npt.NDArray[np.int32]:
    """How many objects and lists are open after each byte of JSON text.

    What stands within a text opens and closes nothing; there it is at least one.
    """
    quotes = np.flatnonzero(data == _QUOTE)
    slashes = data == _BACKSLASH
    if slashes.any():
        places = np.arange(data.size, dtype=np.int64)
        before = np.maximum.accumulate(np.where(slashes, -1, places))
        run = quotes - 1 - np.where(quotes > 0, before[quotes - 1], -1)
        quotes = quotes[run % 2 == 0]
    steps = np.zeros(data.size + 1, np.int8)
    steps[quotes] = 1
    within = np.cumsum(steps[:-1], dtype=np.int32) % 2 == 1
    steps = np.zeros(data.size, np.int8)
    braces = data | 0x20  # brackets are braces without this bit
    steps[(braces == ord("{")) & ~within] = 1
    steps[(braces == ord("}")) & ~within] = -1
    levels = np.cumsum(steps, dtype=np.int32)
    levels[within] = np.maximum(levels[within], 1)
    return levels
