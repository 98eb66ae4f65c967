"""Rewrites lake files without some of their rows; questions go on reading the old ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import duckdb
import pyarrow.parquet as pq

from truelift.lake.home import Home
from truelift.lake.ledger import Counts
from truelift.lake.schema import EVENTS
from truelift.lake.tables import LakeFile, LakeState, SiteTable


COLUMNS: Final = tuple(name for name in EVENTS.names if name != "bucket")


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What was rewritten and is not committed yet.

    Attributes:
        removed: Files that held such rows.
        added: Files with the other rows of them.
        stored: Stored rows that are left out.
        bots: Of those, a robot's.
        internal: Of those, the company's own.
        reasons: Quarantined rows that are left out, by reason.
        changed: Rows that stay with other columns.
    """

    removed: tuple[LakeFile, ...] = ()
    added: tuple[LakeFile, ...] = ()
    stored: int = 0
    bots: int = 0
    internal: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)
    changed: int = 0

    @property
    def quarantined(self) -> int:
        """Quarantined rows that are left out."""
        return sum(self.reasons.values())

    @property
    def rows(self) -> int:
        """All rows that are left out."""
        return self.stored + self.quarantined

    def counts(self, *, erased: int = 0, expired: int = 0) -> Counts:
        """Say how the ledger changes."""
        return Counts(
            stored=-self.stored,
            bots=-self.bots,
            internal=-self.internal,
            reasons={reason: -count for reason, count in self.reasons.items()},
            erased=erased,
            expired=expired,
        )


@dataclass(frozen=True, slots=True)
class Rule:
    """Which rows go, and how those that stay are changed; SQL over the columns of `EVENTS`.

    Attributes:
        gone: True of a row that is left out.
        named: True of a row that is changed if it stays; None where none is.
        replaced: Column → what stands in it in a changed row.
    """

    gone: str
    named: str | None = None
    replaced: Mapping[str, str] = field(default_factory=dict)


def leave_out(
    engine: duckdb.DuckDBPyConnection,
    table: SiteTable,
    state: LakeState,
    rule: Rule,
    *,
    name: str,
    files: Sequence[LakeFile] | None = None,
    reached: Callable[[str], None] = lambda point: None,  # noqa: ARG005
) -> LeftOut:
    """Write the files of a lake that a rule touches anew; nobody knows of the new ones yet.

    Args:
        engine: With the relations that the rule names.
        table: The site's table.
        state: Its version.
        rule: What to leave out.
        name: Begins the names of the new files; was never used before.
        files: Those that may hold such rows; None for all.
        reached: Called after every file.
    """
    stored = bots = internal = changed = 0
    reasons: dict[str, int] = {}
    removed: list[LakeFile] = []
    added: list[LakeFile] = []
    for file in state.files if files is None else files:
        with table.store.local([file]) as (path,):
            source, columns = _source(engine, path)
            found = engine.execute(
                "SELECT state, coalesce(reason, ''), coalesce(is_bot, false),"
                f" coalesce(is_internal, false), count(*) FROM {source} AS events"
                f" WHERE coalesce({rule.gone}, false) GROUP BY ALL"
            ).fetchall()
            stay = 0
            if rule.named is not None:
                ((stay,),) = engine.execute(
                    f"SELECT count(*) FROM {source} AS events WHERE coalesce({rule.named}, false)"
                    f" AND NOT coalesce({rule.gone}, false)"
                ).fetchall()
            if not found and not stay:
                continue
            changed += stay
            for kind, reason, is_bot, is_internal, count in found:
                if kind == "stored":
                    stored += count
                    bots += count if is_bot else 0
                    internal += count if is_internal else 0
                else:
                    reasons[reason] = reasons.get(reason, 0) + count
            removed.append(file)
            if sum(row[-1] for row in found) < file.rows:
                added.append(
                    _rewrite(engine, table, file, (source, columns), rule, f"{name}-{len(added)}")
                )
                reached("leaving_out.file.written")
    return LeftOut(tuple(removed), tuple(added), stored, bots, internal, reasons, changed)


def _source(engine: duckdb.DuckDBPyConnection, path: Path) -> tuple[str, tuple[str, ...]]:
    """Give a file as a relation, and its columns: all of `EVENTS`, and what else it has."""
    source = f"read_parquet([{text(str(path))}], hive_partitioning = false)"
    names = pq.read_schema(path).names
    if set(names) == set(COLUMNS):
        return source, COLUMNS
    engine.register("nothing", EVENTS.empty_table().drop_columns(["bucket"]))
    others = tuple(name for name in names if name not in COLUMNS)
    return f"(SELECT * FROM nothing UNION ALL BY NAME SELECT * FROM {source})", COLUMNS + others


def _rewrite(
    engine: duckdb.DuckDBPyConnection,
    table: SiteTable,
    file: LakeFile,
    read: tuple[str, tuple[str, ...]],
    rule: Rule,
    name: str,
) -> LakeFile:
    relative = f"bucket={file.bucket}/{name}.parquet"
    path = table.store.draft(relative)
    source, names = read
    columns = ", ".join(
        f"{rule.replaced[name]} AS {quoted(name)}" if name in rule.replaced else quoted(name)
        for name in names
    )
    engine.execute(
        f"COPY (SELECT {columns} FROM {source} AS events WHERE NOT coalesce({rule.gone}, false)"
        f" ORDER BY person, occurred_at, position) TO {text(str(path))}"
        " (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, ROW_GROUP_SIZE 131072)"
    ).fetchall()
    ((rows, since, until),) = engine.execute(
        "SELECT count(*), epoch_us(min(occurred_at)), epoch_us(max(occurred_at))"
        f" FROM read_parquet([{text(str(path))}], hive_partitioning = false)"
    ).fetchall()
    size = path.stat().st_size
    return LakeFile(
        path=table.store.keep(relative),
        bucket=file.bucket,
        rows=rows,
        size_bytes=size,
        since=_instant(since),
        until=_instant(until),
    )


@contextmanager
def rewriting_engine(home: Home) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open an engine with bounded memory that may write lake files."""
    scratch = home.loader / "scratch"
    scratch.mkdir(parents=True, exist_ok=True)
    engine = duckdb.connect(
        ":memory:",
        config={
            "memory_limit": "500MB",
            "temp_directory": str(scratch),
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        },
    )
    try:
        engine.execute("SET TimeZone = 'UTC'").fetchall()
        yield engine
    finally:
        engine.close()


def quoted(name: str) -> str:
    """Write a column's name as SQL."""
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """Write a text as SQL."""
    return "'" + value.replace("'", "''") + "'"


def _instant(epoch_us: int) -> datetime:
    return datetime.fromtimestamp(0, tz=UTC) + timedelta(microseconds=epoch_us)
