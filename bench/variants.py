"""Ten metrics of an experiment with a million units, beside the same summaries as plain SQL.

A million people over 60 days, each with one or two exposures and some ten other events before
and after them, are written as a site's lake of four buckets. Asked are ten metrics of two
variants, in all and by new or returning, device, country and source. DuckDB answers the same
over the same files in the same run with two threads: as an analyst writes it, one statement
per dimension; and from one table of units that is made once, which is the better way.

    .venv/bin/python bench/variants.py                      a million units
    .venv/bin/python bench/variants.py --units 100000
    .venv/bin/python bench/variants.py --home /tmp/x        keeps the lake for the next run
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any


sys.path.insert(0, str(Path(__file__).parents[1]))

import duckdb

from bench.made.rows import COUNTRY, in_bucket, made
from truelift.lake.home import Home
from truelift.lake.lake import Lake
from truelift.lake.ledger import Counts
from truelift.lake.tables import SiteTable, write_file
from truelift.questions.matching import Events
from truelift.questions.metric import Amount, AmountKind, Counted, Metric, MetricKind
from truelift.questions.variant_summaries import VariantSummaries, VariantSummariesAnswer


SITE = "bench"
BUCKETS = 4
PARTS = 4
"""Files of a bucket, each of its own stretch of time."""
DAYS = 60
EACH = 11
"""Events of a person, the first of them in the second half of the time an exposure."""
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)

PAID = "nth > 0 AND die BETWEEN 87 AND 96"
COLUMNS = {
    "bucket": "$bucket::INTEGER",
    "person": in_bucket(2),
    "event": """CASE
        WHEN nth = 0 THEN 'Experiment Viewed'
        WHEN die < 50 THEN 'page_view'
        WHEN die < 75 THEN 'view_item'
        WHEN die < 87 THEN 'add_to_cart'
        WHEN die < 93 THEN 'begin_checkout'
        WHEN die < 97 THEN 'purchase'
        ELSE 'search' END""",
    "country": COUNTRY,
    "source": """CASE hash(person_no + 6) % 7 WHEN 0 THEN NULL WHEN 1 THEN 'google'
        WHEN 2 THEN 'bing' WHEN 3 THEN 'newsletter' WHEN 4 THEN 'facebook'
        WHEN 5 THEN 'criteo' ELSE 'idealo' END""",
    "experiment": "CASE WHEN nth = 0 THEN 'free-shipping' END",
    "variant": """CASE WHEN nth = 0 THEN
        CASE hash(person_no + 9) % 2 WHEN 0 THEN 'control' ELSE 'free' END END""",
    "value": f"CASE WHEN {PAID} THEN 10.5 + hash(n) % 200 END",
    "value_minor": f"CASE WHEN {PAID} THEN 1050 + 100 * (hash(n) % 200)::BIGINT END",
    "currency": f"CASE WHEN {PAID} THEN 'EUR' END",
    "properties": "'{}'",
}

# The first event of a person (n % 11 = 0) is the exposure and falls on the days 20 to 50.
NUMBERS = """
SELECT * FROM (
    SELECT
        n,
        n // 11 * 4 + $bucket AS person_no,
        n % 11 AS nth,
        hash(n * 3 + 2) % 100 AS die,
        CASE n % 11
            WHEN 0 THEN 20 * 86_400_000::BIGINT + (hash(n * 7 + 1) % 2_592_000_000)::BIGINT
            ELSE (hash(n * 7 + 1) % 5_184_000_000)::BIGINT
        END AS at_ms
    FROM range($first, $last) numbers(n)
)
WHERE at_ms >= $from_ms AND at_ms < $to_ms
"""


def write_lake(home: Home, units: int) -> None:
    """Write the people as a site's lake, as one commit."""
    table = SiteTable(home.table(SITE))
    table.create()
    span_ms = DAYS * 86_400_000 // PARTS
    files, stored = [], 0
    with duckdb.connect(config={"threads": 2}) as connection:
        for bucket in range(BUCKETS):
            for part in range(PARTS):
                given = {
                    "bucket": bucket,
                    "first": bucket * units // BUCKETS * EACH,
                    "last": (bucket + 1) * units // BUCKETS * EACH,
                    "from_ms": part * span_ms,
                    "to_ms": (part + 1) * span_ms,
                }
                whole = made(connection, COLUMNS, NUMBERS, given, order="person, occurred_at")
                name = f"bench-{bucket}-{part}.parquet"
                files.append(write_file(table.store, whole, bucket=bucket, name=name))
                stored += whole.num_rows
    counts = Counts(received=stored, stored=stored)
    table.append(table.create(), (), reached={"bench": stored}, counts=counts)
    table.rewrite(table.create(), removed=(), added=files, buckets=BUCKETS, now=datetime.now(UTC))


WEEK_S = 7 * 86_400
EUROS = Amount(AmountKind.MONEY, currency="EUR")


def counting(name: str, amount: Amount | None = None) -> Counted:
    return Counted(Events((name,)), amount)


def metric(key: str, kind: MetricKind, event: str, amount: Amount | None = None) -> Metric:
    return Metric(key, kind, counting(event, amount), window_s=WEEK_S)


METRICS = (
    metric("conversion", MetricKind.PROPORTION, "purchase"),
    metric("cart_rate", MetricKind.PROPORTION, "add_to_cart"),
    metric("checkout_rate", MetricKind.PROPORTION, "begin_checkout"),
    metric("search_rate", MetricKind.PROPORTION, "search"),
    metric("orders", MetricKind.COUNT, "purchase"),
    metric("item_views", MetricKind.COUNT, "view_item"),
    metric("carts", MetricKind.COUNT, "add_to_cart"),
    metric("revenue", MetricKind.SUM, "purchase", EUROS),
    metric("checkout_value", MetricKind.SUM, "begin_checkout", EUROS),
    Metric(
        "order_value",
        MetricKind.RATIO,
        counting("purchase", EUROS),
        denominator=counting("purchase"),
        window_s=WEEK_S,
    ),
)
BY = ("visitor", "device", "country", "source")
VARIANTS = ("control", "free")


def question(*, covariate_s: int) -> VariantSummaries:
    return VariantSummaries(
        experiment="free-shipping",
        variants=VARIANTS,
        metrics=METRICS,
        as_of=BEGIN + timedelta(days=DAYS + 30),
        since=BEGIN + timedelta(days=20),
        until=BEGIN + timedelta(days=50),
        by=BY,
        covariate_s=covariate_s,
    )


def units_sql(*, covariate_s: int) -> str:
    """Give the units, one a row, with their numbers: what an analyst starts from."""
    after, past = "occurred_at BETWEEN first_at AND until_at", "occurred_at < first_at"
    past += " AND occurred_at >= from_at"
    columns = []
    for nth, each in enumerate(METRICS):
        for name, counted in (("y", each.counted), ("d", each.denominator)):
            if counted is None:
                continue
            is_it = f"event = '{counted.events.names[0]}'"
            if counted.amount is not None and each.kind is not MetricKind.PROPORTION:
                is_it += " AND currency = 'EUR'"
            for prefix, when in (("", after), *((("pre_", past),) if covariate_s else ())):
                if each.kind is MetricKind.PROPORTION:
                    number = f"max(1) FILTER (WHERE {is_it} AND {when})"
                elif counted.amount is None:
                    number = f"count(*) FILTER (WHERE {is_it} AND {when})"
                else:
                    number = f"sum(value_minor) FILTER (WHERE {is_it} AND {when})"
                columns.append(f"coalesce({number}, 0)::DOUBLE AS {prefix}{name}_{nth}")
    return f"""
        WITH exposed AS (
            SELECT person AS unit, min(occurred_at) AS first_at, min(variant) AS variant,
                min(occurred_at) + INTERVAL {WEEK_S} SECOND AS until_at,
                min(occurred_at) - INTERVAL {covariate_s} SECOND AS from_at,
                arg_min(device, occurred_at) AS device, arg_min(country, occurred_at) AS country,
                arg_min(source, occurred_at) AS source
            FROM events
            WHERE experiment = 'free-shipping'
                AND occurred_at >= TIMESTAMPTZ '2026-01-21'
                AND occurred_at < TIMESTAMPTZ '2026-02-20'
            GROUP BY person HAVING count(DISTINCT variant) = 1
        )
        SELECT unit, any_value(exposed.variant) AS variant,
            any_value(exposed.device) AS device, any_value(exposed.country) AS country,
            any_value(exposed.source) AS source,
            CASE WHEN date_trunc('day', min(occurred_at)) < date_trunc('day', any_value(first_at))
                THEN 'returning' ELSE 'new' END AS visitor,
            {", ".join(columns)}
        FROM events JOIN exposed ON person = unit
        GROUP BY unit
    """


def summaries_sql(source: str, dimension: str | None, *, covariate_s: int) -> str:
    """Give mean and centred moments by variant, and by a dimension."""
    columns = []
    for nth, each in enumerate(METRICS):
        names = [f"y_{nth}", *([f"d_{nth}"] if each.denominator else [])]
        if covariate_s:
            names += [f"pre_{name}" for name in names]
        columns += [f"avg({name}), var_pop({name}) * count(*)" for name in names]
        columns += [
            f"covar_pop({one}, {other}) * count(*)"
            for place, one in enumerate(names)
            for other in names[:place]
        ]
    by = ["variant", *([dimension] if dimension else [])]
    groups = ", ".join(by)
    return f"SELECT {groups}, count(*), {', '.join(columns)} FROM {source} GROUP BY {groups}"


@dataclass(frozen=True, slots=True)
class Took:
    """What something took: milliseconds on the clock and of processors."""

    wall: float
    cpu: float


def timed(work: Callable[[], Any], times: int) -> tuple[Any, Took]:
    """Do it several times; give the last result and the medians."""
    walls, cpus = [], []
    found: Any = None
    for _ in range(times):
        began, used = time.perf_counter(), time.process_time()
        found = work()
        walls.append((time.perf_counter() - began) * 1000)
        cpus.append((time.process_time() - used) * 1000)
    return found, Took(statistics.median(walls), statistics.median(cpus))


def connected(home: Home) -> duckdb.DuckDBPyConnection:
    files = [str(path) for path in sorted(home.events_table(SITE).rglob("*.parquet"))]
    connection = duckdb.connect(config={"threads": 2})
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(
        f"CREATE VIEW events AS SELECT * FROM read_parquet({files!r})"
        " WHERE state = 'stored' AND NOT is_bot AND NOT is_internal"
    )
    return connection


def per_dimension(connection: duckdb.DuckDBPyConnection, covariate_s: int) -> dict[Any, Any]:
    """One statement per dimension, and one for the total."""
    units = f"({units_sql(covariate_s=covariate_s)})"
    return {
        by: connection.execute(summaries_sql(units, by, covariate_s=covariate_s)).fetchall()
        for by in (None, *BY)
    }


def one_table(connection: duckdb.DuckDBPyConnection, covariate_s: int) -> dict[Any, Any]:
    """The units as a table, made once, and one statement per dimension over that."""
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE units AS {units_sql(covariate_s=covariate_s)}"
    )
    return {
        by: connection.execute(summaries_sql("units", by, covariate_s=covariate_s)).fetchall()
        for by in (None, *BY)
    }


def differs(answer: VariantSummariesAnswer, theirs: dict[Any, Any]) -> str:
    """Hold every cell's units, mean and spread of every metric against each other."""
    parts = answer.seen.whole, *answer.seen.groups
    for by, part in zip((None, *BY), parts, strict=True):
        for row in theirs[by]:
            variant, value = row[0], row[1] if by else None
            place = part.titles.index(value) * len(VARIANTS) + VARIANTS.index(variant)
            column = 2 if by else 1
            units = row[column]
            column += 1
            for metric, vectors in zip(METRICS, part.metrics, strict=True):
                names = 2 if metric.denominator else 1
                names *= 2 if answer.question.covariate_s else 1
                ours = (int(vectors.n[place]), vectors.mean[place, 0], vectors.about[place, 0, 0])
                wanted = (units, row[column], row[column + 1])
                if any(
                    abs(one - other) > 1e-9 * max(abs(other), 1)
                    for one, other in zip(ours, wanted, strict=True)
                ):
                    return f"DIFFER in {metric.key} of {by} {value}: {ours} and {wanted}"
                column += 2 * names + names * (names - 1) // 2
    return "equal"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--units", type=int, default=1_000_000)
    parser.add_argument("--home", type=Path)
    parser.add_argument("--times", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="truelift-bench-") as scratch:
        root = options.home or Path(scratch)
        home = Home(root=root, lake=root / "lake")
        if not home.events_table(SITE).exists():
            home.make()
            began = time.perf_counter()
            write_lake(home, options.units)
            print(f"wrote {options.units:,} units in {time.perf_counter() - began:.0f} s")
        lake, connection = Lake(home), connected(home)
        for covariate_s in (14 * 86_400, 0):
            beside(lake, connection, covariate_s, options.times)


def beside(lake: Lake, connection: duckdb.DuckDBPyConnection, covariate_s: int, times: int) -> None:
    """Ask both, warm, and say how long each took."""
    asked = question(covariate_s=covariate_s)
    lake.ask(SITE, asked)
    answer, ours = timed(lambda: lake.ask(SITE, asked).answer, times)
    title = "with the covariate of 14 days" if covariate_s else "without covariate"
    print(
        f"10 metrics x 2 variants x (total + 4 dimensions), {title}\n"
        f"  Truelift: {ours.wall:.0f} ms, CPU {ours.cpu:.0f} ms"
    )
    ways = {
        "a statement per dimension": (per_dimension, 1),
        "one table of units": (one_table, times),
    }
    for way, (work, often) in ways.items():
        theirs, took = timed(partial(work, connection, covariate_s), often)
        print(
            f"  DuckDB, {way}: {took.wall:.0f} ms, CPU {took.cpu:.0f} ms:"
            f" {took.wall / ours.wall:.1f} x, CPU {took.cpu / ours.cpu:.1f} x;"
            f" answers {differs(answer, theirs)}"
        )


if __name__ == "__main__":
    main()
