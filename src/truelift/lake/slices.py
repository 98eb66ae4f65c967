"""Answers a question for one slice of a site, on the machine that it runs on."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache, reduce
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

import pyarrow as pa

from truelift.errors import Refusal
from truelift.lake.file_cache import DamagedFile, FileGone
from truelift.lake.home import Home
from truelift.lake.indexed import IndexReader
from truelift.lake.names_seen import NamesSeen
from truelift.lake.sequence_index import DamagedIndex
from truelift.lake.snapshot import Engine, SiteReader, Slice, Snapshot
from truelift.lake.stopping import Cancelled, Stop, Watch, watched
from truelift.lake.storage import FileState
from truelift.questions.question import Question, Scan
from truelift.questions.remarks import Names, Remark
from truelift.settings import S3Lake


if TYPE_CHECKING:
    import duckdb
else:
    from truelift.lake import late_duckdb as duckdb


Partial = TypeVar("Partial")
Found = TypeVar("Found")

SECONDS: Final = 120.0
"""How long a question may take; who asks more has asked too much at once."""

log: Final = logging.getLogger(__name__)


class TooMuch(Refusal):
    """A question needs more time or memory than one may have."""

    code = "lake.too_much"

    def __init__(self, *, question: str, what: str) -> None:
        super().__init__(
            f"This {question} needs more {what} than one question may have. Ask about a shorter"
            " period, fewer steps or events, or without the breakdown.",
            question=question,
            what=what,
        )


@dataclass(frozen=True, slots=True)
class Piece(Generic[Partial]):
    """What one slice answers.

    Attributes:
        partial: The question's answer for its persons.
        unread: Files that could not be read and are missing in it.
    """

    partial: Partial
    unread: tuple[str, ...] = ()


@dataclass(slots=True)
class Slices:
    """Answers for slices; keeps what is open between two questions. Shared by threads."""

    home: Home
    _engine: Engine = field(init=False, repr=False)
    _indexes: IndexReader = field(init=False, repr=False)
    _names: NamesSeen = field(init=False, repr=False)
    _readers: dict[str, SiteReader] = field(default_factory=dict, repr=False)
    _damaged: dict[str, FileState | None] = field(default_factory=dict, repr=False)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def __post_init__(self) -> None:
        self._engine = Engine(self.home)
        self._indexes = IndexReader(self.home)
        self._names = NamesSeen(self._engine, self._indexes)

    def reader(self, site: str) -> SiteReader:
        """Give the one reader of a site."""
        with self._lock:
            return self._readers.setdefault(site, SiteReader(self.home, site))

    def remarks(
        self, snapshot: Snapshot, names: Names, *, stop: Stop | None = None
    ) -> tuple[Remark, ...]:
        """Say which of a question's names the site has never seen; see `NamesSeen`."""
        return self._names.remarks(snapshot, names, stop=stop)

    def event_names(self, snapshot: Snapshot) -> frozenset[str]:
        """Give the names of all events of people; see `NamesSeen`."""
        return frozenset().union(*self._names.events(snapshot))

    def ask(
        self,
        snapshot: Snapshot,
        part: Slice,
        question: Question[Partial, Any],
        *,
        seconds: float = SECONDS,
        stop: Stop | None = None,
    ) -> Piece[Partial]:
        """Answer a question for the persons of one slice.

        Raises:
            TooMuch: It took longer, or more memory, than a question may have.
            Cancelled: Nobody wants the answer any more.
            TailGone: A tail file was removed meanwhile; take another snapshot.
        """
        deadline = time.monotonic() + seconds
        scan = question.scan()

        def answer(whole: Snapshot) -> Partial:
            try:
                with watched(deadline, stop) as watch:
                    return self._ask(whole, part, scan, question, watch)
            except duckdb.OutOfMemoryException as error:
                raise TooMuch(question=question.name, what="memory") from error
            except duckdb.InterruptException as error:
                if stop is not None and stop.is_set:
                    raise Cancelled(question=question.name) from error
                raise TooMuch(question=question.name, what="time") from error

        return self._of_readable(snapshot, answer)

    def rows(self, snapshot: Snapshot, part: Slice) -> Piece[int]:
        """Count all rows of a slice, stored and quarantined.

        Raises:
            TailGone: A tail file was removed meanwhile; take another snapshot.
        """

        def count(whole: Snapshot) -> int:
            with self._engine.relations(whole, part) as cursor:
                ((rows,),) = cursor.execute("SELECT count(*) FROM all_events").fetchall()
            return int(rows)

        return self._of_readable(snapshot, count)

    def _of_readable(self, snapshot: Snapshot, work: Callable[[Snapshot], Found]) -> Piece[Found]:
        """Work on a snapshot without the files that turn out to be unreadable."""
        while True:
            whole = self._without_damaged(snapshot)
            try:
                found = work(whole)
            except DamagedFile as damage:
                self._leave_out(whole, damage.name)
                continue
            except (FileGone, duckdb.Error, pa.ArrowException, OSError):
                if not (self._look_for_missing(whole) or self._look_for_damage(whole)):
                    raise
                continue
            left_out = {file.path for file in snapshot.position.files} - {
                file.path for file in whole.position.files
            }
            return Piece(found, tuple(sorted(left_out)))

    def _ask(
        self,
        snapshot: Snapshot,
        part: Slice,
        scan: Scan,
        question: Question[Partial, Any],
        watch: Watch,
    ) -> Partial:
        rows = self._indexes.rows(self._engine, snapshot, part, scan)
        if rows is not None:
            try:
                return reduce(
                    question.merge,
                    (question.partial(table) for table in _in_time(rows, watch)),
                )
            except (pa.ArrowException, IndexError, DamagedIndex):
                # The files tell what went wrong if it was not the index.
                self._indexes.leave_out(snapshot.site, part)
        if scan.columns:
            # Few questions read columns, and what reads them takes long to import.
            from truelift.lake.columns import column_rows

            pieces = column_rows(snapshot, part, scan)
            if pieces is not None:
                # A statement over the files says what is wrong with them.
                with suppress(pa.ArrowException, OSError):
                    return question.partial(pa.concat_tables(_in_time(pieces, watch)))
        with self._engine.relations(
            snapshot, part, since=scan.since, until=scan.until, people=scan.people
        ) as cursor:
            return question.partial(_rows(cursor, scan.sql, scan.parameters))

    def _without_damaged(self, snapshot: Snapshot) -> Snapshot:
        """Leave out what is known to be unreadable."""
        position = snapshot.position
        if not self._damaged:
            return snapshot
        files = tuple(file for file in position.files if not self._is_damaged(snapshot, file.path))
        return snapshot if len(files) == len(position.files) else snapshot.of_files(files)

    def _is_damaged(self, snapshot: Snapshot, path: str) -> bool:
        """Say whether a file is known to be unreadable, and was not restored since."""
        name = f"{snapshot.site}/{path}"
        return name in self._damaged and self._damaged[name] == snapshot.store.state(path)

    def _look_for_damage(self, snapshot: Snapshot) -> bool:
        """Find the files that cannot be read; say whether there are any that nobody knew of."""
        found = [
            file.path
            for file in snapshot.position.files
            if snapshot.store.state(file.path) is not None
            and (copy := snapshot.store.copy(file.path)) is not None
            and not _readable(copy)
        ]
        for path in sorted(found):
            self._leave_out(snapshot, path)
        return bool(found)

    def _look_for_missing(self, snapshot: Snapshot) -> bool:
        """Find the files that are gone and yet part of the newest version; say whether any are.

        Truelift removes a file only after no version of the last hour refers to it: one that
        the newest version names was removed by something else, and asking again brings nothing.
        """
        gone = [
            file.path for file in snapshot.position.files if not snapshot.store.exists(file.path)
        ]
        if not gone:
            return False
        table = self.reader(snapshot.site).table
        table.doubt()
        newest = table.current(certain=True)
        named = {file.path for file in newest.files} if newest is not None else set[str]()
        missing = sorted(named.intersection(gone))
        for path in missing:
            self._leave_out(snapshot, path)
        return bool(missing)

    def _leave_out(self, snapshot: Snapshot, path: str) -> None:
        """Remember that a file cannot be read, until another is in its place."""
        name = f"{snapshot.site}/{path}"
        log.error("lake file %s cannot be read; answers leave it out until it is restored", name)
        self._damaged[name] = snapshot.store.state(path)


def _readable(path: Path) -> bool:
    """Say whether every page of a Parquet file can be decoded."""
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            for group in range(file.num_row_groups):
                file.read_row_group(group)
    except (pa.ArrowException, OSError, ValueError):
        return False
    return True


def _in_time(rows: Iterator[pa.Table], watch: Watch) -> Iterator[pa.Table]:
    for table in rows:
        if watch.is_over:
            raise duckdb.InterruptException("the question was over between two pieces")
        yield table


def _rows(
    cursor: duckdb.DuckDBPyConnection, statement: str, parameters: dict[str, object]
) -> pa.Table:
    if parameters:
        return cursor.sql(statement, params=parameters).to_arrow_table()
    return cursor.sql(statement).to_arrow_table()


@lru_cache(maxsize=4)
def slices_of(root: Path, lake: Path | S3Lake) -> Slices:
    """Give the one `Slices` that this process has for a home."""
    return Slices(Home(root=root, lake=lake))
