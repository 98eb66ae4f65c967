"""Questions over fifty million events, beside ClickHouse (chdb) on the same rows in the same run.

The lake has four buckets, as compaction leaves it, and its sequence index; ClickHouse has a
MergeTree ordered by visitor and time, which is what suits its funnels best. Both use two
threads, both are asked several times, the answers are held against each other, and the
ratios are of medians.

    .venv/bin/python bench/questions.py                      fifty million, ten minutes to write
    .venv/bin/python bench/questions.py --events 5000000
    .venv/bin/python bench/questions.py --home /tmp/x        keeps everything for the next run
"""

from __future__ import annotations

import argparse
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol


sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.made.lake import DAYS, SITE, write_lake

from truelift.lake.home import Home
from truelift.lake.lake import Lake
from truelift.lake.indexing import build_index
from truelift.lake.tables import SiteTable
from truelift.questions.funnel import Funnel, FunnelAnswer, Step
from truelift.questions.matching import Events
from truelift.questions.question import Question
from truelift.questions.sessions import Sessions, SessionsAnswer


class ClickHouse(Protocol):
    """A chdb session."""

    def query(self, sql: str, kind: str = "CSV") -> object: ...


BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
END = BEGIN + timedelta(days=DAYS)
STEPS = ("view_item", "add_to_cart", "purchase")
WEEK_MS = 7 * 86_400_000


@dataclass(frozen=True, slots=True)
class Race:
    """A question, the same in ClickHouse, and how each says its answer."""

    title: str
    question: Question[Any, Any]
    ours: Callable[[Any], object]
    sql: str
    theirs: Callable[[list[list[Any]]], object]
    wanted: float


FUNNEL_SQL = f"""
SELECT level, count() FROM (
    SELECT windowFunnel({WEEK_MS})(at_ms, {", ".join(f"event = '{step}'" for step in STEPS)})
        AS level
    FROM events WHERE event IN {STEPS} GROUP BY person
) WHERE level > 0 GROUP BY level ORDER BY level
"""

SESSIONS_SQL = """
SELECT count(), countIf(pages >= 2 OR key OR length_ms >= 10000), sum(pages), sum(length_ms)
FROM (
    SELECT person, session, countIf(event = 'page_view') AS pages,
        max(event = 'purchase') AS key, max(at_ms) - min(at_ms) AS length_ms
    FROM (
        SELECT person, at_ms, event,
            sum(new) OVER (PARTITION BY person ORDER BY at_ms
                ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS session
        FROM (
            SELECT person, at_ms, event,
                at_ms - lagInFrame(at_ms, 1, 0) OVER (PARTITION BY person ORDER BY at_ms
                    ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) > 1800000 AS new
            FROM events
        )
    )
    GROUP BY person, session
)
"""


def reached(rows: list[list[Any]]) -> list[int]:
    exactly = {int(level): int(count) for level, count in rows}
    return [sum(exactly.get(k, 0) for k in range(step, 4)) for step in (1, 2, 3)]


def funnel_units(answer: FunnelAnswer) -> list[int]:
    return [sum(group.steps[n].units for group in answer.groups) for n in range(3)]


def session_counts(answer: SessionsAnswer) -> list[int]:
    (row,) = answer.rows
    tally = row.tally
    return [tally.sessions, tally.engaged, tally.pages, tally.duration_ms]


def races() -> list[Race]:
    steps = tuple(Step(Events((name,))) for name in STEPS)
    later = END + timedelta(days=30)
    return [
        Race(
            "funnel of 3 steps by device, against windowFunnel without a breakdown",
            Funnel(steps, 7 * 86_400, later, by="device"),
            funnel_units,
            FUNNEL_SQL,
            reached,
            5.0,
        ),
        Race(
            "sessions over all events",
            Sessions(),
            session_counts,
            SESSIONS_SQL,
            lambda rows: [int(number) for number in rows[0]],
            8.0,
        ),
    ]


def load_clickhouse(home: Home, folder: Path) -> ClickHouse:
    from chdb import session

    fresh = not folder.exists()
    engine: ClickHouse = session.Session(str(folder))
    engine.query("SET max_threads = 2")
    if fresh:
        engine.query(
            "CREATE TABLE events (person Int64, at_ms UInt64, event LowCardinality(String),"
            " device LowCardinality(String)) ENGINE = MergeTree ORDER BY (person, at_ms)"
        )
        files = home.events_table(SITE)
        engine.query(
            "INSERT INTO events SELECT person, toUnixTimestamp64Milli(occurred_at), event, device"
            f" FROM file('{files}/bucket=*/*.parquet', Parquet)"
        )
        engine.query("OPTIMIZE TABLE events FINAL")
    return engine


def rows_of(engine: ClickHouse, sql: str) -> list[list[Any]]:
    import json

    found = json.loads(str(engine.query(sql + " SETTINGS max_threads = 2", "JSONCompact")))
    rows: list[list[Any]] = found["data"]
    return rows


def timed(work: Callable[[], object], times: int) -> tuple[object, list[float]]:
    took: list[float] = []
    answer: object = None
    for _ in range(times):
        began = time.perf_counter()
        answer = work()
        took.append((time.perf_counter() - began) * 1000)
    return answer, took


def cpu_ms(work: Callable[[], object]) -> float:
    """Give the processor time of all threads, which a busy machine disturbs least."""
    began = time.process_time()
    work()
    return (time.process_time() - began) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=50_000_000)
    parser.add_argument("--home", type=Path)
    parser.add_argument("--times", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="truelift-bench-") as scratch:
        root = options.home or Path(scratch)
        home = Home(root=root, lake=root / "lake")
        if not home.events_table(SITE).exists():
            home.make()
            began = time.perf_counter()
            write_lake(home, options.events)
            print(f"wrote {options.events:,} events in {time.perf_counter() - began:.0f} s")
        index(home)
        engine = load_clickhouse(home, root / "clickhouse")
        lake = Lake(home)
        for race in races():
            run(race, lake, engine, options.times)


def index(home: Home) -> None:
    """Build the sequence index of every bucket that has none."""
    table = SiteTable(home.events_table(SITE))
    state = table.current()
    assert state is not None
    began, rows = time.perf_counter(), 0
    for bucket in range(state.buckets):
        if not (home.index / SITE / str(bucket)).exists():
            build_index(home, SITE, table.path, state, bucket, was=None)
            rows += sum(file.rows for file in state.files if file.bucket == bucket)
    if rows:
        took = time.perf_counter() - began
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 / 1024
        print(f"index: {rows / took / 1e6:.2f} M events/s, peak memory {peak:.2f} GiB")


def run(race: Race, lake: Lake, engine: ClickHouse, times: int) -> None:
    """Ask both, turn by turn, and say how they compare."""
    ours, our_ms = timed(lambda: race.ours(lake.ask(SITE, race.question).answer), times + 1)
    theirs, their_ms = timed(lambda: race.theirs(rows_of(engine, race.sql)), times + 1)
    here, there = statistics.median(our_ms[1:]), statistics.median(their_ms[1:])
    our_cpu = cpu_ms(lambda: lake.ask(SITE, race.question))
    their_cpu = cpu_ms(lambda: rows_of(engine, race.sql))
    print(
        f"{race.title}\n  {here:6.0f} ms (first {our_ms[0]:.0f}), ClickHouse {there:6.0f} ms:"
        f" {there / here:.1f} x (wanted {race.wanted:.0f} x); answers"
        f" {'equal' if ours == theirs else f'DIFFER: {ours} and {theirs}'};"
        f" CPU {our_cpu:.0f} and {their_cpu:.0f} ms"
    )


if __name__ == "__main__":
    main()
