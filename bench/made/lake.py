"""A lake of made-up visits, as compaction leaves one: sorted files of a few buckets."""

from __future__ import annotations

from datetime import UTC, datetime

import duckdb

from bench.made.rows import COUNTRY, VISITED, in_bucket, made
from truelift.lake.home import Home
from truelift.lake.ledger import Counts
from truelift.lake.tables import SiteTable, write_file


SITE = "bench"
DAYS = 90
PARTS = 4
"""Files of a bucket, each of its own stretch of time."""

COLUMNS = {
    "bucket": "$bucket::INTEGER",
    "person": in_bucket(2),
    "event": VISITED,
    "country": COUNTRY,
    "channel": """CASE hash(person_no + 6) % 4
        WHEN 0 THEN 'Direct' WHEN 1 THEN 'Paid Search' WHEN 2 THEN 'Email'
        ELSE 'Organic Search' END""",
    "value": "CASE WHEN die BETWEEN 95 AND 96 THEN 10 + die END",
    "value_minor": "CASE WHEN die BETWEEN 95 AND 96 THEN 1000 + die END",
    "currency": "CASE WHEN die BETWEEN 95 AND 96 THEN 'EUR' END",
    "properties": "'{}'",
}

# About ten events a person in some three visits.
NUMBERS = """
SELECT
    n,
    hash(n * 13 + 7) % $people AS person_no,
    hash(n * 3 + 2) % 100 AS die,
    ($span_ms::BIGINT * $part
        + (hash((hash(n * 13 + 7) % $people) * 31 + n % 3) % ($span_ms - 3_600_000))::BIGINT
        + (hash(n * 7 + 1) % 1_500_000)::BIGINT) AS at_ms
FROM range($first, $last) numbers(n)
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
                given = {
                    "bucket": bucket,
                    "people": max(events // 10 // buckets, 1),
                    "span_ms": DAYS * 86_400_000 // PARTS,
                    "part": part,
                    "first": first,
                    "last": first + each,
                }
                whole = made(connection, COLUMNS, NUMBERS, given)
                name = f"bench-{bucket}-{part}.parquet"
                files.append(write_file(table.store, whole, bucket=bucket, name=name))
    stored = each * buckets * PARTS
    state = table.create()
    counts = Counts(received=stored, stored=stored)
    table.append(state, (), reached={"bench": stored}, counts=counts)
    state = table.create()
    table.rewrite(state, removed=(), added=files, buckets=buckets, now=datetime.now(UTC))
