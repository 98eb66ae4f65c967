"""A funnel over ten million events, through the lake's front door, beside DuckDB alone.

Ten million events of a million people over 30 days are written as a site's lake, in ten
commits of three days each, the way the loader would have left them before compaction.
Then `truelift ask funnel --repeat` runs in a process of its own. Beside it, in the same
run, DuckDB counts the different people of each event name over the same files: what an
answer costs that looks at the same rows and at no order.

    .venv/bin/python bench/funnel.py                    ten million, a minute to write
    .venv/bin/python bench/funnel.py --events 1000000
    .venv/bin/python bench/funnel.py --home /tmp/x      keeps the lake for the next run
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path


sys.path.insert(0, str(Path(__file__).parents[1]))

import duckdb

from bench.made.rows import VISITED, made
from truelift.lake.home import Home
from truelift.lake.ledger import Counts
from truelift.lake.tables import SiteTable, write_file


SITE = "bench"
COMMITS = 10
RUNS = 7
STEPS = "view_item,add_to_cart,purchase"

COLUMNS = {
    "bucket": "0::INTEGER",
    "person": "(hash(person_no) >> 1)::BIGINT",
    "event": VISITED,
    "message_id": "'m' || n",
    "url": "'https://shop.example/p/' || die",
    "properties": """'{"sku": "' || die || '"}'""",
}
NUMBERS = """
SELECT
    n,
    hash(n * 13 + 7) % $people AS person_no,
    hash(n * 3 + 2) % 100 AS die,
    $span_ms::BIGINT * $part + (hash(n * 7 + 1) % $span_ms)::BIGINT AS at_ms
FROM range($first, $last) numbers(n)
"""


def write_lake(home: Home, events: int) -> None:
    """Write the events as the site's lake."""
    table = SiteTable(home.table(SITE))
    table.create()
    each = events // COMMITS
    with duckdb.connect(config={"threads": 2}) as connection:
        for part in range(COMMITS):
            given = {
                "people": max(events // 10, 1),
                "span_ms": 3 * 86_400_000,
                "part": part,
                "first": part * each,
                "last": (part + 1) * each,
            }
            whole = made(connection, COLUMNS, NUMBERS, given)
            file = write_file(table.store, whole, bucket=0, name=f"bench-{part}.parquet")
            state = table.current()
            assert state is not None
            counts = Counts(received=each, stored=each)
            table.append(state, [file], reached={"bench": (part + 1) * each}, counts=counts)


def ask(home: Home, *flags: str) -> dict[str, object]:
    """Ask in a process of its own, as a person would."""
    command = [sys.executable, "-m", "truelift.cli", "ask", "funnel", "--site", SITE]
    command += ["--steps", STEPS, "--window", "7d", "--json", "--repeat", str(RUNS), *flags]
    ran = subprocess.run(
        command,
        env={**os.environ, "TRUELIFT_HOME": str(home.root), "TRUELIFT_LAKE": str(home.lake)},
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, object] = json.loads(ran.stdout)
    return found


def plain_ms(home: Home) -> float:
    """Let DuckDB alone count the people of each event, over the same files."""
    files = [str(path) for path in home.events_table(SITE).rglob("*.parquet")]
    took = []
    with duckdb.connect(config={"threads": 2}) as connection:
        for _ in range(RUNS):
            began = time.perf_counter()
            connection.execute(
                "SELECT event, count(DISTINCT person) FROM read_parquet($files)"
                " WHERE state = 'stored' AND NOT is_bot AND NOT is_internal"
                " AND event IN ('view_item', 'add_to_cart', 'purchase') GROUP BY event",
                {"files": files},
            ).fetchall()
            took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--home", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="truelift-bench-") as scratch:
        root = options.home or Path(scratch)
        home = Home(root=root, lake=root / "lake")
        if not home.events_table(SITE).exists():
            home.make()
            began = time.perf_counter()
            write_lake(home, options.events)
            print(f"wrote {options.events:,} events in {time.perf_counter() - began:.0f} s")
        plain = plain_ms(home)
        print(f"DuckDB alone, people per event: {plain:.0f} ms")
        kinds = {
            "ordered": (),
            "ordered, by device": ("--by", "device"),
            "any order": ("--order", "any"),
            "strict (reads every event)": ("--order", "strict"),
            "sessions (reads every event)": ("--unit", "session"),
        }
        for title, flags in kinds.items():
            found = ask(home, *flags)
            runs = found["runs_ms"]
            assert isinstance(runs, list)
            median = statistics.median(runs)
            print(
                f"{title:30} first {runs[0]:6.0f} ms, best {min(runs):6.0f} ms,"
                f" median {median:6.0f} ms, {median / plain:.2f} x DuckDB alone;"
                f" start {found['start_ms']} ms"
            )


if __name__ == "__main__":
    main()
