"""Few large sorted files instead of many small ones, and buckets that stay of a size."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import duckdb
import pyarrow as pa

from truelift.events.identity import identifies
from truelift.lake.home import Home
from truelift.lake.identity import person_of_user, person_of_visitor
from truelift.lake.merges import Component
from truelift.lake.schema import EVENTS
from truelift.lake.snapshot import SiteReader, in_all_columns
from truelift.lake.tables import LakeFile, LakeState, column_names
from truelift.lake.tail import Tail


FILES_PER_BUCKET: Final = 32
TARGET_BYTES: Final = 128 << 20
ROWS_PER_BUCKET: Final = 20_000_000
MOVES_TO_SETTLE: Final = 5_000
"""So many moved persons make every question read a list that is worth getting rid of."""

_FIRST: Final = (-(1 << 62), 0)
_LAST: Final = (1 << 62, 0)

_MOVED: Final = """(
    SELECT events.*, coalesce(moves.target, events.person) AS given
    FROM {files} AS events LEFT JOIN moves ON moves.person = events.person
)"""
"""Rows with whom they are `given` to: who their person has become."""

_GIVEN_BACK: Final = """(
    SELECT events.*, CASE WHEN events.person IN (SELECT label FROM labels)
        THEN coalesce(visitors.person, users.person, events.person)
        ELSE events.person END AS given
    FROM {files} AS events
    LEFT JOIN visitors ON visitors.visitor_id = events.visitor_id
        AND (epoch_us(events.received_at) > visitors.since_us
            OR (epoch_us(events.received_at) = visitors.since_us
                AND events.position >= visitors.since_position))
        AND (epoch_us(events.received_at) < visitors.until_us
            OR (epoch_us(events.received_at) = visitors.until_us
                AND events.position < visitors.until_position))
    LEFT JOIN users ON users.user_id = events.user_id
)"""
"""The same after a merge was undone: the visitor's user of that moment says it."""


@dataclass(frozen=True, slots=True)
class _Rewrite:
    """Some files of one bucket that become one file per bucket that their persons belong to."""

    files: tuple[LakeFile, ...]
    buckets: tuple[int, ...]


@dataclass(slots=True)
class Compaction:
    """Rewrites files of one site at a time; questions go on reading the old ones."""

    home: Home
    reached: Callable[[str], None]
    files_per_bucket: int = FILES_PER_BUCKET
    target_bytes: int = TARGET_BYTES
    rows_per_bucket: int = ROWS_PER_BUCKET
    moves_to_settle: int = MOVES_TO_SETTLE

    def needed(self, reader: SiteReader, tail: Tail) -> bool:
        """Say whether files are too many, a bucket is too large, or too many persons moved."""
        state = reader.table.current()
        if state is None:
            return False
        return (
            self._too_large(state)
            or any(len(files) > 1 for files in self._crowded(state))
            or self._many_moves(reader, tail)
        )

    def run(self, reader: SiteReader, moves: pa.Table, *, now: datetime) -> list[int]:
        """Compact a site.

        Returns:
            The persons who moved and whose rows are all rewritten now.
        """
        state = reader.table.current()
        if state is None:
            return []
        with self._engine() as engine:
            engine.register("moves", moves)
            self._lay_out(engine, state)
            buckets = state.buckets * 2 if self._too_large(state) else state.buckets
            plan = list(self._plan(engine, state, moves, buckets))
            removed = [file for rewrite in plan for file in rewrite.files]
            added: list[LakeFile] = []
            for rewrite in plan:
                added += self._rewrite(engine, reader, state, rewrite, buckets, len(added))
        self.reached("compaction.written")
        if removed:
            reader.table.rewrite(state, removed=removed, added=added, buckets=buckets, now=now)
            self.reached("compaction.committed")
        newest = reader.table.current()
        if newest is not None:
            reader.table.checkpoint(newest)
            reader.table.remove_unused(newest)
        moved: list[int] = moves["person"].to_pylist()
        return moved

    def give_back(self, reader: SiteReader, component: Component, *, now: datetime) -> None:
        """Write the rows of some persons again under who they are after a merge was undone.

        A row keeps the visitor that it came with, and the moment that it came; both
        together tell whose it is. Doing it twice changes nothing.
        """
        state = reader.table.current()
        if state is None or not state.files:
            return
        with self._engine() as engine:
            self._lay_out(engine, state)
            engine.register("labels", pa.table({"label": pa.array(sorted(component.labels))}))
            names = pa.concat_tables(
                self._of_each(
                    engine,
                    state,
                    "SELECT DISTINCT visitor_id, user_id FROM {files}"
                    " WHERE person IN (SELECT label FROM labels)",
                )
            )
            engine.register("visitors", _turns(reader.site, names["visitor_id"], component))
            engine.register("users", _users(reader.site, names["user_id"], component))
            touched = self._of_each(
                engine,
                state,
                f"SELECT person FROM {_GIVEN_BACK} WHERE given IS DISTINCT FROM person LIMIT 1",
            )
            removed = [
                file for file, rows in zip(state.files, touched, strict=True) if rows.num_rows
            ]
            added: list[LakeFile] = []
            for file in removed:
                rewrite = _Rewrite((file,), tuple(range(state.buckets)))
                added += self._rewrite(
                    engine, reader, state, rewrite, state.buckets, len(added), rows=_GIVEN_BACK
                )
        self.reached("undo.written")
        if removed:
            reader.table.rewrite(
                state, removed=removed, added=added, buckets=state.buckets, now=now
            )
            self.reached("undo.committed")

    @staticmethod
    @contextmanager
    def _files(state: LakeState, files: Sequence[LakeFile]) -> Iterator[str]:
        """Name files as a relation, for as long as they are read."""
        with state.store.local(files) as paths:
            listed = ", ".join(_text(str(path)) for path in paths)
            rows = f"read_parquet([{listed}], hive_partitioning = false)"
            yield in_all_columns(rows, like="nothing") if state.mixed else rows

    def _of_each(
        self, engine: duckdb.DuckDBPyConnection, state: LakeState, statement: str
    ) -> list[pa.Table]:
        """Ask each file for itself, so that no two need room on this machine at once."""
        found = []
        for file in state.files:
            with self._files(state, [file]) as files:
                found.append(engine.sql(statement.format(files=files)).to_arrow_table())
        return found

    @staticmethod
    def _lay_out(engine: duckdb.DuckDBPyConnection, state: LakeState) -> None:
        """Register what a file of the table looks like: all columns, also other people's."""
        schema = pa.schema(state.delta.schema().to_arrow()) if state.mixed else EVENTS
        engine.register("nothing", schema.empty_table().drop_columns(["bucket"]))

    def _too_large(self, state: LakeState) -> bool:
        rows: dict[int, int] = {}
        for file in state.files:
            rows[file.bucket] = rows.get(file.bucket, 0) + file.rows
        return max(rows.values(), default=0) > self.rows_per_bucket

    def _many_moves(self, reader: SiteReader, tail: Tail) -> bool:
        return (
            tail.moves is not None
            and reader.tail.table(tail.moves).num_rows >= self.moves_to_settle
        )

    def _crowded(self, state: LakeState) -> Iterator[list[LakeFile]]:
        """Give the files of each crowded bucket that are worth putting together."""
        for bucket in range(state.buckets):
            files = [file for file in state.files if file.bucket == bucket]
            if len(files) > self.files_per_bucket:
                yield [file for file in files if file.size_bytes < self.target_bytes // 2]

    def _plan(
        self,
        engine: duckdb.DuckDBPyConnection,
        state: LakeState,
        moves: pa.Table,
        buckets: int,
    ) -> Iterator[_Rewrite]:
        if buckets > state.buckets:
            for file in state.files:
                yield _Rewrite((file,), tuple(range(buckets)))
            return
        stale = self._with_moved(engine, state) if moves.num_rows else set()
        put_together: set[str] = set()
        for files in self._crowded(state):
            for group in _groups(files, self.target_bytes):
                put_together.update(file.path for file in group)
                touched = any(file.path in stale for file in group)
                yield _Rewrite(
                    tuple(group), tuple(range(buckets)) if touched else (group[0].bucket,)
                )
        for file in state.files:
            if file.path in stale and file.path not in put_together:
                yield _Rewrite((file,), tuple(range(buckets)))

    def _with_moved(self, engine: duckdb.DuckDBPyConnection, state: LakeState) -> set[str]:
        found = self._of_each(
            engine, state, "SELECT person FROM {files} SEMI JOIN moves USING (person) LIMIT 1"
        )
        return {file.path for file, rows in zip(state.files, found, strict=True) if rows.num_rows}

    def _rewrite(
        self,
        engine: duckdb.DuckDBPyConnection,
        reader: SiteReader,
        state: LakeState,
        rewrite: _Rewrite,
        buckets: int,
        number: int,
        *,
        rows: str = _MOVED,
    ) -> list[LakeFile]:
        columns = ", ".join(
            '"' + name.replace('"', '""') + '"'
            for name in (column_names(state.delta) if state.mixed else EVENTS.names)
            if name != "bucket"
        )
        store = reader.table.store
        added: list[LakeFile] = []
        with self._files(state, rewrite.files) as files:
            sources = rows.format(files=files)
            for bucket in rewrite.buckets:
                relative = (
                    f"bucket={bucket}/compact-{state.version:012d}-{number + len(added)}.parquet"
                )
                path = store.draft(relative)
                engine.execute(
                    f"""COPY (
                    SELECT {columns} FROM (SELECT * REPLACE (given AS person) FROM {sources})
                    WHERE (person & {buckets - 1}) = {bucket}
                    ORDER BY person, occurred_at, position
                    ) TO {_text(str(path))}
                    (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1,
                    ROW_GROUP_SIZE 131072)"""
                ).fetchall()
                ((count, since, until),) = engine.execute(
                    "SELECT count(*), epoch_us(min(occurred_at)), epoch_us(max(occurred_at))"
                    f" FROM read_parquet([{_text(str(path))}], hive_partitioning = false)"
                ).fetchall()
                if not count:
                    path.unlink()
                    continue
                size = path.stat().st_size
                kept = store.keep(relative)
                self.reached("compaction.file.written")
                added.append(
                    LakeFile(
                        path=kept,
                        bucket=bucket,
                        rows=count,
                        size_bytes=size,
                        since=_instant(since),
                        until=_instant(until),
                    )
                )
        return added

    @contextmanager
    def _engine(self) -> Iterator[duckdb.DuckDBPyConnection]:
        scratch = self.home.loader / "scratch"
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


def _turns(site: str, names: pa.ChunkedArray, component: Component) -> pa.Table:
    """Lay out whose the events of each visitor are, from when to when."""
    rows: list[tuple[str, int, int, int, int, int]] = []
    for name in sorted(set(names.to_pylist()) - {None}):
        visitor = person_of_visitor(site, name)
        if not identifies(name) or visitor not in component.visitors:
            continue
        person, (since, place) = component.own[visitor], _FIRST
        for turn in component.visitors[visitor]:
            rows.append((name, person, since, place, turn.at_us, turn.position))
            person, since, place = component.users[turn.user], turn.at_us, turn.position
        rows.append((name, person, since, place, *_LAST))
    fields = {
        "visitor_id": pa.string(),
        **dict.fromkeys(
            ("person", "since_us", "since_position", "until_us", "until_position"), pa.int64()
        ),
    }
    return pa.table(
        {
            field: pa.array([row[nth] for row in rows], kind)
            for nth, (field, kind) in enumerate(fields.items())
        }
    )


def _users(site: str, names: pa.ChunkedArray, component: Component) -> pa.Table:
    """Lay out whose the events are that name a user and no visitor."""
    found = {
        name: component.users[user]
        for name in sorted(set(names.to_pylist()) - {None})
        if identifies(name) and (user := person_of_user(site, name)) in component.users
    }
    return pa.table(
        {
            "user_id": pa.array(list(found), pa.string()),
            "person": pa.array(list(found.values()), pa.int64()),
        }
    )


def _groups(files: Iterable[LakeFile], target_bytes: int) -> Iterator[Sequence[LakeFile]]:
    """Put files together until a group has the size of one good file; leave a lone one alone."""
    group: list[LakeFile] = []
    size = 0
    for file in sorted(files, key=lambda file: file.path):
        if group and size + file.size_bytes > target_bytes:
            if len(group) > 1:
                yield group
            group, size = [], 0
        group.append(file)
        size += file.size_bytes
    if len(group) > 1:
        yield group


def _instant(epoch_us: int) -> datetime:
    return datetime.fromtimestamp(0, tz=UTC) + timedelta(microseconds=epoch_us)


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
