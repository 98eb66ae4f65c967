"""A lake of made-up visits, as compaction leaves one: sorted files of a few buckets."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import duckdb
import pyarrow as pa

from truelift.lake.home import Home
from truelift.lake.ledger import Counts
from truelift.lake.schema import EVENTS
from truelift.lake.tables import SiteTable, write_file


SITE = "bench"
DAYS = 90
PARTS = 4
"""Files of a bucket, each of its own stretch of time."""

# About ten events a person in some three visits; sixty page views, twenty-five item views, ten
# carts, two purchases of a hundred events. Values come from hashes of the row, so that every
# run writes the same events.
SYNTHESIS = """
SELECT
    $bucket::INTEGER AS bucket,
    (((hash(person_no) >> 3) << 2) | $bucket)::BIGINT AS person,
    make_timestamptz(1_767_225_600_000_000 + at_ms * 1000) AS occurred_at,
    make_timestamptz(1_767_225_600_000_000 + at_ms * 1000) AS received_at,
    'bench' AS writer,
    n AS position,
    'stored' AS state,
    'track' AS type,
    CASE
        WHEN die < 60 THEN 'page_view'
        WHEN die < 85 THEN 'view_item'
        WHEN die < 95 THEN 'add_to_cart'
        WHEN die < 97 THEN 'purchase'
        ELSE 'search'
    END AS event,
    'v' || person_no AS visitor_id,
    false AS trusted,
    false AS is_bot,
    false AS is_internal,
    'shop.example' AS host,
    '/p/' || die AS path,
    CASE hash(person_no + 5) % 3 WHEN 0 THEN 'phone' WHEN 1 THEN 'desktop' ELSE 'tablet' END
        AS device,
    CASE hash(person_no + 6) % 4
        WHEN 0 THEN 'Direct' WHEN 1 THEN 'Paid Search' WHEN 2 THEN 'Email' ELSE 'Organic Search'
    END AS channel,
    CASE hash(person_no + 7) % 5
        WHEN 0 THEN 'DE' WHEN 1 THEN 'FR' WHEN 2 THEN 'NL' WHEN 3 THEN 'AT' ELSE 'CH'
    END AS country,
    CASE WHEN die BETWEEN 95 AND 96 THEN 10 + die END AS value,
    CASE WHEN die BETWEEN 95 AND 96 THEN 1000 + die END AS value_minor,
    CASE WHEN die BETWEEN 95 AND 96 THEN 'EUR' END AS currency,
    '{}' AS properties
FROM (
    SELECT
        n,
        hash(n * 13 + 7) % $people AS person_no,
        hash(n * 3 + 2) % 100 AS die,
        ($span_ms::BIGINT * $part
            + (hash((hash(n * 13 + 7) % $people) * 31 + n % 3) % ($span_ms - 3_600_000))::BIGINT
            + (hash(n * 7 + 1) % 1_500_000)::BIGINT) AS at_ms
    FROM range($first, $last) numbers(n)
)
"""


def write_lake(home: Home, events: int, *, buckets: int = 4, site: str = SITE) -> None:
    """Write the events as a site's lake of a few buckets, as one commit."""
    table = SiteTable(home.table(site))
    state = table.create()
    each = events // (buckets * PARTS)
    files = []
    with duckdb.connect(config={"threads": 2}) as connection:
        for bucket in range(buckets):
            for part in range(PARTS):
                first = (bucket * PARTS + part) * each
                given: dict[str, Any] = {
                    "bucket": bucket,
                    "people": max(events // 10 // buckets, 1),
                    "span_ms": DAYS * 86_400_000 // PARTS,
                    "part": part,
                    "first": first,
                    "last": first + each,
                }
                rows = connection.sql(SYNTHESIS, params=given).to_arrow_table()
                columns = [
                    rows[name].cast(kind) if name in rows.column_names else pa.nulls(each, kind)
                    for name, kind in zip(EVENTS.names, EVENTS.types, strict=True)
                ]
                whole = pa.table(columns, schema=EVENTS)
                name = f"bench-{bucket}-{part}.parquet"
                files.append(write_file(table.store, whole, bucket=bucket, name=name))
    stored = each * buckets * PARTS
    state = table.create()
    counts = Counts(received=stored, stored=stored)
    table.append(state, (), reached={"bench": stored}, counts=counts)
    state = table.create()
    table.rewrite(state, removed=(), added=files, buckets=buckets, now=datetime.now(UTC))
