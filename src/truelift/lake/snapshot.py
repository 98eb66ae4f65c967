"""One site's events at one moment: lake files, fresh tail and moved persons, as SQL relations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from truelift.lake.home import Home
from truelift.lake.schema import EVENTS
from truelift.lake.stopping import watching
from truelift.lake.storage import TableStore
from truelift.lake.tables import LakeFile, SiteTable
from truelift.lake.tail import TailFolder
from truelift.questions.question import People


if TYPE_CHECKING:
    import duckdb
else:
    from truelift.lake import late_duckdb as duckdb


_COLUMNS: Final = ", ".join(f'"{name}"' for name in EVENTS.names)
_IN_FILES: Final = ", ".join(f'"{name}"' for name in EVENTS.names if name != "bucket")
_NOTHING: Final = EVENTS.empty_table()
_ANSWERABLE: Final = "state = 'stored' AND NOT is_bot AND NOT is_internal"


@dataclass(frozen=True, slots=True)
class Position:
    """Names what a question sees of a site, in so few words that another machine can be told.

    Attributes:
        site: The site.
        lake_version: Version of its Delta table; 0 while there is none.
        journal_position: Items of all writers' journals that are settled.
        buckets: How many buckets persons are spread over.
        files: Of the lake; all are immutable.
        tail: Names of the fresh tail's files beyond that.
        moves: Name of the file of moved persons, or None.
        mixed: Whether some files may have other columns than `EVENTS`.
    """

    site: str
    lake_version: int
    journal_position: int
    buckets: int
    files: tuple[LakeFile, ...]
    tail: tuple[str, ...]
    moves: str | None
    mixed: bool = False


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a question sees, whatever is written meanwhile.

    Attributes:
        position: Its name.
        store: Where the site's Delta table is.
        rows: The tail's rows.
        moves: Columns `person` and `target`: whose rows count as somebody else's.
    """

    position: Position
    store: TableStore
    rows: pa.Table
    moves: pa.Table

    def of_files(self, files: tuple[LakeFile, ...]) -> Snapshot:
        """See no other files of the lake than these."""
        return replace(self, position=replace(self.position, files=files))

    @property
    def site(self) -> str:
        """The site."""
        return self.position.site

    @property
    def lake_version(self) -> int:
        """Version of the Delta table; 0 while there is none."""
        return self.position.lake_version

    @property
    def journal_position(self) -> int:
        """Items of all writers' journals that this snapshot settles."""
        return self.position.journal_position

    @property
    def slices(self) -> tuple[Slice, ...]:
        """The parts that together hold every person once."""
        buckets = self.position.buckets
        plain = tuple(Slice(bucket=bucket, buckets=buckets) for bucket in range(buckets))
        if buckets > 1 and self.moves.num_rows:
            return (*plain, Slice(bucket=None, buckets=buckets))
        return plain


@dataclass(frozen=True, slots=True)
class Slice:
    """The persons of one bucket, or those who moved from one bucket to another.

    Attributes:
        bucket: Its number, or None for the moved.
        buckets: How many buckets there are.
    """

    bucket: int | None
    buckets: int


@dataclass(slots=True)
class SiteReader:
    """Takes snapshots of one site; keeps what does not change between two of them."""

    home: Home
    site: str
    table: SiteTable = field(init=False)
    tail: TailFolder = field(init=False)
    _lock: Lock = field(default_factory=Lock)
    _serial: int = -1
    _mapped: dict[str, pa.Table] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.table = SiteTable(self.home.table(self.site))
        self.tail = TailFolder(self.home, self.site)

    def snapshot(self) -> Snapshot:
        """Take a snapshot.

        The tail is listed before the lake is looked at: what is committed in between
        is in both and left out of the tail, while the other order could miss it.

        Raises:
            TailGone: A tail file was removed between listing and mapping; take another.
        """
        with self._lock:
            listed = self.tail.current()
            lake = self.table.current(at_least=listed.lake)
            tail = listed
            # Of the very version that the tail names, none of its files is a part.
            if lake is not None and listed.files and lake.version != listed.lake:
                writers = {writer for file in listed.files for writer in file.spans}
                tail = listed.beyond({writer: lake.reached(writer) for writer in writers})
            committed = lake.counts.received if lake is not None else 0
            return self._at(
                Position(
                    site=self.site,
                    lake_version=lake.version if lake is not None else 0,
                    journal_position=committed + tail.counts.received,
                    buckets=lake.buckets if lake is not None else 1,
                    files=lake.files if lake is not None else (),
                    tail=tuple(file.name for file in tail.files if file.rows),
                    moves=listed.moves,
                    mixed=lake.mixed if lake is not None else False,
                )
            )

    def at(self, position: Position) -> Snapshot:
        """Take the snapshot that somebody else took before, as long as its files are there.

        Raises:
            TailGone: A tail file was removed since.
        """
        with self._lock:
            return self._at(position)

    def _at(self, position: Position) -> Snapshot:
        names = position.tail if position.moves is None else (*position.tail, position.moves)
        kept = {name: self._mapped.get(name) for name in names}
        self._mapped = {
            name: self.tail.table(name) if table is None else table for name, table in kept.items()
        }
        rows = [self._mapped[name] for name in position.tail]
        return Snapshot(
            position=position,
            store=self.table.store,
            rows=pa.concat_tables(rows) if rows else _NOTHING,
            moves=_NO_MOVES if position.moves is None else self._mapped[position.moves],
        )


_NO_MOVES: Final = pa.table(
    {"person": pa.array([], pa.int64()), "target": pa.array([], pa.int64())}
)


@dataclass(slots=True)
class Engine:
    """DuckDB, shut in: it may read the lake and the tail and change none of its settings.

    Attributes:
        home: The installation.
        memory: How much its questions may have at once, all together.
    """

    home: Home
    memory: str = "50%"
    _root: duckdb.DuckDBPyConnection | None = field(default=None, init=False, repr=False)
    _lock: Lock = field(default_factory=Lock)

    @contextmanager
    def relations(
        self,
        snapshot: Snapshot,
        part: Slice,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        people: People | None = None,
        files: Sequence[LakeFile] | None = None,
    ) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open a cursor that sees one slice as `events` and, with all rows, as `all_events`.

        Args:
            snapshot: The site at one moment.
            part: The slice.
            since: Rows before this may be missing.
            until: Rows at or after this may be missing.
            people: Whose rows `events` has; None for everybody's.
            files: No other files of the lake are read; None for all that there are.
        """
        chosen = None if people is None else self.chosen(snapshot, part, people)
        needed = pruned(snapshot, part, files, since=since, until=until)
        with snapshot.store.local(needed) as paths, self._cursor() as cursor:
            cursor.register("tail_rows", snapshot.rows)
            cursor.register("moves", snapshot.moves)
            cursor.execute(_all_events(snapshot, part, paths))
            answerable = _ANSWERABLE
            if chosen is not None:
                cursor.register("chosen", chosen)
                answerable += " AND person IN (SELECT person FROM chosen)"
            cursor.execute(
                f"CREATE OR REPLACE TEMP VIEW events AS SELECT * FROM all_events WHERE {answerable}"
            )
            yield cursor

    def ordered(self, parts: Sequence[pa.Table], *, order: str) -> pa.Table:
        """Put rows together and in the order of persons, time and what else is said."""
        with self._cursor() as cursor:
            for nth, part in enumerate(parts):
                cursor.register(f"part_{nth}", part)
            together = " UNION ALL BY NAME ".join(
                f"SELECT * FROM part_{nth}" for nth in range(len(parts))
            )
            also = f", {order}" if order else ""
            return cursor.sql(
                f"SELECT * EXCLUDE (position) FROM ({together}) ORDER BY person, at_ms{also}"
            ).to_arrow_table()

    def chosen(self, snapshot: Snapshot, part: Slice, people: People) -> pa.Table:
        """Find out whom of a slice a question is about."""
        with self.relations(snapshot, part, since=people.since, until=people.until) as cursor:
            statement = f"SELECT DISTINCT person FROM ({people.sql})"
            if people.parameters:
                return cursor.sql(statement, params=people.parameters).to_arrow_table()
            return cursor.sql(statement).to_arrow_table()

    def _started(self) -> duckdb.DuckDBPyConnection:
        """Start DuckDB: most questions are answered from indexes, and never come here."""
        root = duckdb.connect(
            ":memory:",
            config={
                "memory_limit": self.memory,
                "temp_directory": "",
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
            },
        )
        allowed = ", ".join(
            _text(f"{folder}/") for folder in (self.home.storage.readable, self.home.tail)
        )
        for statement in (
            "SET TimeZone = 'UTC'",
            "SET parquet_metadata_cache = true",
            "SET python_enable_replacements = false",
            f"SET allowed_directories = [{allowed}]",
            "SET enable_external_access = false",
            "SET lock_configuration = true",
        ):
            root.execute(statement)
        return root

    @contextmanager
    def _cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with self._lock:
            if self._root is None:
                self._root = self._started()
            cursor = self._root.cursor()
        try:
            with watching(cursor):
                yield cursor
        finally:
            cursor.close()


def pruned(
    snapshot: Snapshot,
    part: Slice,
    files: Sequence[LakeFile] | None = None,
    *,
    since: datetime | None,
    until: datetime | None,
) -> list[LakeFile]:
    """List the files, of all or of some, that may hold rows of a slice in a span of time."""
    return [
        file
        for file in (snapshot.position.files if files is None else files)
        if (part.bucket is None or file.bucket == part.bucket)
        and (since is None or file.until >= since)
        and (until is None or file.since < until)
    ]


def _all_events(snapshot: Snapshot, part: Slice, paths: Sequence[Path]) -> str:
    sources = []
    if paths:
        listed = ", ".join(_text(str(path)) for path in paths)
        rows = f"read_parquet([{listed}], hive_partitioning = false)"
        if snapshot.position.mixed:
            rows = in_all_columns(rows, like="tail_rows")
        sources.append(f"SELECT {_IN_FILES} FROM {rows}")
    if snapshot.rows.num_rows or not sources:
        sources.append(f"SELECT {_IN_FILES} FROM tail_rows")
    both = " UNION ALL ".join(sources)
    bucket = -1 if part.bucket is None else part.bucket
    mask = part.buckets - 1
    involved = "(SELECT person FROM moves UNION SELECT target FROM moves)"
    mapped = (
        f"SELECT {bucket}::INTEGER AS bucket, * EXCLUDE (former, target)"
        f" REPLACE (coalesce(target, person) AS person) FROM ({both}) AS rows"
        " LEFT JOIN (SELECT person AS former, target FROM moves) AS moved ON person = former"
    )
    moved = snapshot.moves.num_rows > 0
    if part.bucket is None:
        body = f"SELECT {_COLUMNS} FROM ({mapped}) WHERE person IN {involved}"
    elif part.buckets == 1 and moved:
        body = f"SELECT {_COLUMNS} FROM ({mapped})"
    else:
        tests = [f"(person & {mask}) = {bucket}"] if part.buckets > 1 else []
        if moved:
            tests.append(f"person NOT IN {involved}")
        where = f" WHERE {' AND '.join(tests)}" if tests else ""
        body = f"SELECT {bucket}::INTEGER AS bucket, {_IN_FILES} FROM ({both}){where}"
    return f"CREATE OR REPLACE TEMP VIEW all_events AS {body}"


def in_all_columns(rows: str, *, like: str) -> str:
    """Read Parquet files of several shapes; what a file does not have is null.

    Args:
        rows: The call of `read_parquet`.
        like: A relation with all columns, of which no row is taken.
    """
    by_name = f"{rows[:-1]}, union_by_name = true)"
    return f"(SELECT * FROM {like} WHERE false UNION ALL BY NAME SELECT * FROM {by_name})"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
