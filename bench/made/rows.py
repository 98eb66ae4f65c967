"""Made-up events as a lake keeps them: values come from hashes, so every run writes the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import duckdb
import pyarrow as pa

from truelift.lake.schema import EVENTS


DEVICE = """CASE hash(person_no + 5) % 3
    WHEN 0 THEN 'phone' WHEN 1 THEN 'desktop' ELSE 'tablet' END"""
COUNTRY = """CASE hash(person_no + 7) % 5
    WHEN 0 THEN 'DE' WHEN 1 THEN 'FR' WHEN 2 THEN 'NL' WHEN 3 THEN 'AT' ELSE 'CH' END"""

VISITED = """CASE
    WHEN die < 60 THEN 'page_view'
    WHEN die < 85 THEN 'view_item'
    WHEN die < 95 THEN 'add_to_cart'
    WHEN die < 97 THEN 'purchase'
    ELSE 'search' END"""
"""Sixty page views, twenty-five item views, ten carts, two purchases of a hundred events."""

_SHARED = f"""
    make_timestamptz(1_767_225_600_000_000 + at_ms * 1000) AS occurred_at,
    make_timestamptz(1_767_225_600_000_000 + at_ms * 1000) AS received_at,
    'bench' AS writer,
    n AS position,
    'stored' AS state,
    'track' AS type,
    'v' || person_no AS visitor_id,
    false AS trusted,
    false AS is_bot,
    false AS is_internal,
    'shop.example' AS host,
    '/p/' || die AS path,
    {DEVICE} AS device
"""


def in_bucket(bits: int) -> str:
    """Give the SQL of a person's id in bucket `$bucket` of `1 << bits`."""
    return f"(((hash(person_no) >> {bits + 1}) << {bits}) | $bucket)::BIGINT"


def made(
    connection: duckdb.DuckDBPyConnection,
    columns: Mapping[str, str],
    numbers: str,
    given: Mapping[str, object],
    *,
    order: str = "",
) -> pa.Table:
    """Make events.

    Args:
        connection: What makes them.
        columns: The SQL of what is not the same in every bench, `person` among it.
        numbers: A statement that gives `n`, `person_no`, `die` and `at_ms` of every event.
        given: What stands for its placeholders, and those of the columns.
        order: What they are sorted by.
    """
    own = "".join(f", {sql} AS {name}" for name, sql in columns.items())
    sorting = f"ORDER BY {order}" if order else ""
    statement = f"SELECT {_SHARED} {own} FROM ({numbers}) {sorting}"
    params: dict[str, Any] = {
        name: value for name, value in given.items() if f"${name}" in statement
    }
    rows = connection.sql(statement, params=params).to_arrow_table()
    shaped = [
        rows[name].cast(kind) if name in rows.column_names else pa.nulls(rows.num_rows, kind)
        for name, kind in zip(EVENTS.names, EVENTS.types, strict=True)
    ]
    return pa.table(shaped, schema=EVENTS)
