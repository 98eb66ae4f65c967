"""Questions over fifty million events, beside ClickHouse (chdb) on the same rows in the same run.

The lake has four buckets, as compaction leaves it, and its sequence index; ClickHouse has a
MergeTree ordered by visitor and time, which is what suits its funnels best. Both use two
threads, both are asked several times, and the answers are held against each other. Ratios are
of the best time of each, and of the least processor time of all threads, which a busy machine
disturbs least.

    .venv/bin/python bench/questions.py                      fifty million, ten minutes to write
    .venv/bin/python bench/questions.py --events 5000000
    .venv/bin/python bench/questions.py --home /tmp/x        keeps everything for the next run
    .venv/bin/python bench/questions.py --only retention
"""

from __future__ import annotations

import argparse
import resource
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
from truelift.lake.indexing import build_index
from truelift.lake.lake import Lake
from truelift.lake.tables import SiteTable
from truelift.questions.document import epoch_ms
from truelift.questions.funnel import Funnel, FunnelAnswer, Step
from truelift.questions.matching import Events
from truelift.questions.question import Question
from truelift.questions.retention import Retention, RetentionAnswer
from truelift.questions.sessions import Sessions, SessionsAnswer


class ClickHouse(Protocol):
    """A chdb session."""

    def query(self, sql: str, kind: str = "CSV") -> object: ...


BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
END = BEGIN + timedelta(days=DAYS)
STEPS = ("view_item", "add_to_cart", "purchase")
WEEK_MS = 7 * 86_400_000
MONDAY_MS = 3 * 86_400_000
"""1970 began three days after a Monday."""


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


# As an analyst writes it for speed: one pass, a person's returns in an array. Joining the
# returns to the first events gives the same and takes half as long again.
RETENTION_SQL = f"""
SELECT cohort, week, count() FROM (
    SELECT intDiv(first + {MONDAY_MS}, {WEEK_MS}) AS cohort,
        arrayJoin(arrayDistinct(arrayMap(
            at -> toInt64(intDiv(at + {MONDAY_MS}, {WEEK_MS})) - toInt64(cohort),
            arrayFilter(at -> at >= first, returns)))) AS week
    FROM (
        SELECT person, minIf(at_ms, event = 'view_item') AS first,
            countIf(event = 'view_item') AS joined,
            groupArrayIf(at_ms, event = 'purchase') AS returns
        FROM events WHERE event IN ('view_item', 'purchase') GROUP BY person
    )
    WHERE joined > 0
)
WHERE week <= 12 GROUP BY cohort, week ORDER BY cohort, week
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


def weeks(answer: RetentionAnswer) -> list[list[int]]:
    return [
        [(epoch_ms(row.begins) + MONDAY_MS) // WEEK_MS, cell.interval, cell.returned]
        for row in answer.rows
        for cell in row.cells
        if cell.returned
    ]


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
        Race(
            "weekly retention, 12 weeks",
            Retention(
                Events(("view_item",)),
                Events(("purchase",)),
                END + timedelta(weeks=14),
                intervals=12,
            ),
            weeks,
            RETENTION_SQL,
            lambda rows: [[int(number) for number in row] for row in rows],
            5.0,
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


@dataclass(frozen=True, slots=True)
class Timed:
    """What a piece of work gave, and what each time took."""

    answer: object
    wall_ms: list[float]
    cpu_ms: list[float]

    @property
    def best_ms(self) -> float:
        return min(self.wall_ms)

    @property
    def least_cpu_ms(self) -> float:
        return min(self.cpu_ms)


def timed(work: Callable[[], object], times: int) -> Timed:
    """Do it once and so many times more; the first time is not among the best."""
    found = Timed(work(), [], [])
    for _ in range(times):
        began, cpu = time.perf_counter(), time.process_time()
        work()
        found.wall_ms.append((time.perf_counter() - began) * 1000)
        found.cpu_ms.append((time.process_time() - cpu) * 1000)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=50_000_000)
    parser.add_argument("--home", type=Path)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--their-times", type=int, default=2, help="ClickHouse takes longer")
    parser.add_argument("--only", default="", help="races with this in their title")
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
            if options.only in race.title:
                run(race, lake, engine, options.times, options.their_times)


def index(home: Home) -> None:
    """Build the sequence index of every bucket that has none."""
    table = SiteTable(home.table(SITE))
    state = table.current()
    assert state is not None
    began, rows = time.perf_counter(), 0
    for bucket in range(state.buckets):
        if not (home.index / SITE / str(bucket)).exists():
            build_index(home, SITE, state, bucket, was=None)
            rows += sum(file.rows for file in state.files if file.bucket == bucket)
    if rows:
        took = time.perf_counter() - began
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 / 1024
        print(f"index: {rows / took / 1e6:.2f} M events/s, peak memory {peak:.2f} GiB")


def run(race: Race, lake: Lake, engine: ClickHouse, times: int, their_times: int) -> None:
    """Ask both, and say how they compare."""
    ours = timed(lambda: race.ours(lake.ask(SITE, race.question).answer), times)
    theirs = timed(lambda: race.theirs(rows_of(engine, race.sql)), their_times)
    same = ours.answer == theirs.answer
    print(
        f"{race.title} (wanted {race.wanted:.0f} x); answers"
        f" {'equal' if same else f'DIFFER: {ours.answer} and {theirs.answer}'}\n"
        f"  wall {ours.best_ms:6.0f} ms, ClickHouse {theirs.best_ms:6.0f} ms:"
        f" {theirs.best_ms / ours.best_ms:.1f} x\n"
        f"  CPU  {ours.least_cpu_ms:6.0f} ms, ClickHouse {theirs.least_cpu_ms:6.0f} ms:"
        f" {theirs.least_cpu_ms / ours.least_cpu_ms:.1f} x",
        flush=True,
    )


if __name__ == "__main__":
    main()
