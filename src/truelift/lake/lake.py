"""The lake's front door: ask a question of a site, or where all of its items are."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial, reduce
from threading import Lock
from typing import Final, Generic, TypeVar

import duckdb
import pyarrow as pa

from truelift.errors import Outage, Refusal
from truelift.lake.home import SITE_NAME, Home
from truelift.lake.indexed import IndexReader
from truelift.lake.ledger import Counts, Ledger
from truelift.lake.sites import PublishedSites
from truelift.lake.snapshot import Engine, SiteReader, Slice, Snapshot
from truelift.lake.tail import TailGone
from truelift.lake.waiting import waiting
from truelift.questions.question import Question


Partial = TypeVar("Partial")
Answer = TypeVar("Answer")

_TRIES: Final = 5


class NoSuchSite(Refusal):
    """Nobody set up this site and no event of it was ever stored."""

    code = "lake.no_such_site"

    def __init__(self, *, site: str) -> None:
        super().__init__(
            f"There is no site {site[:60]!r} here. `truelift sites create` makes one.",
            site=site[:60],
        )


class FilesGone(Outage):
    """Files of the lake disappear faster than they can be read."""

    code = "lake.files_gone"

    def __init__(self, *, site: str) -> None:
        super().__init__(
            f"Files of {site} disappeared while they were read. Ask again; if it stays so,"
            " something other than Truelift removes files from the lake.",
            site=site,
        )


@dataclass(frozen=True, slots=True)
class Asked(Generic[Answer]):
    """An answer and the moment that it is true of.

    Attributes:
        answer: What the question makes of the site's events.
        lake_version: Version of the site's Delta table; 0 while there is none.
        journal_position: Items of all writers' journals that the answer takes in.
        took_ms: From the question to the merged answer.
    """

    answer: Answer
    lake_version: int
    journal_position: int
    took_ms: float


@dataclass(slots=True)
class Lake:
    """Answers questions from the lake and the fresh tail; one per process, shared by threads."""

    home: Home
    _engine: Engine = field(init=False, repr=False)
    _sites: PublishedSites = field(init=False, repr=False)
    _indexes: IndexReader = field(init=False, repr=False)
    _readers: dict[str, SiteReader] = field(default_factory=dict, repr=False)
    _lock: Lock = field(default_factory=Lock, repr=False)
    _pool: ThreadPoolExecutor | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self._engine = Engine(self.home)
        self._sites = PublishedSites(self.home)
        self._indexes = IndexReader(self.home)

    def sites(self) -> list[str]:
        """List the sites that were published or have events, by name."""
        found = {name for name in self._sites.all() if SITE_NAME.match(name)}
        for folder in (self.home.lake, self.home.tail):
            if folder.is_dir():
                found.update(
                    path.name
                    for path in folder.iterdir()
                    if path.is_dir() and SITE_NAME.match(path.name)
                )
        return sorted(found)

    def ask(self, site: str, question: Question[Partial, Answer]) -> Asked[Answer]:
        """Answer a question of one site, from the lake and its fresh tail as they are now.

        Raises:
            NoSuchSite: There is nothing of that name.
            FilesGone: Files were removed again and again while they were read.
        """
        began = time.perf_counter()
        scan = question.scan()

        def ask_slice(snapshot: Snapshot, part: Slice) -> Partial:
            rows = self._indexes.rows(self._engine, snapshot, part, scan)
            if rows is not None:
                return reduce(question.merge, map(question.partial, rows))
            with self._engine.relations(
                snapshot, part, since=scan.since, until=scan.until, people=scan.people
            ) as cursor:
                return question.partial(_rows(cursor, scan.sql, scan.parameters))

        snapshot, parts = self._over_slices(site, ask_slice)
        answer = question.answer(reduce(question.merge, parts))
        return Asked(
            answer=answer,
            lake_version=snapshot.lake_version,
            journal_position=snapshot.journal_position,
            took_ms=(time.perf_counter() - began) * 1000,
        )

    def position(self, site: str) -> tuple[int, int]:
        """Give the lake version and journal position that an answer asked now would be true of.

        Raises:
            NoSuchSite: There is nothing of that name.
        """
        snapshot = self._reader(site).snapshot()
        return snapshot.lake_version, snapshot.journal_position

    def ledger(self, site: str) -> Ledger:
        """Say where every item of a site is.

        Raises:
            NoSuchSite: There is nothing of that name.
        """
        reader = self._reader(site)
        listed = reader.tail.current()
        lake = reader.table.current()
        committed: Callable[[str], int] = lake.reached if lake is not None else _nothing
        writers = {writer for file in listed.files for writer in file.spans}
        tail = listed.beyond({writer: committed(writer) for writer in writers})
        counts = (lake.counts if lake is not None else Counts()) + tail.counts

        def reached(writer: str) -> int:
            return max(committed(writer), tail.reached(writer))

        left = waiting(self.home, site, reached)
        return Ledger(
            received=counts.received + left,
            stored=counts.stored,
            duplicates=counts.duplicates,
            quarantined=counts.quarantined,
            waiting=left,
            reasons=counts.reasons,
            bots=counts.bots,
            internal=counts.internal,
            last_received_at=counts.last_received_at or None,
        )

    def rows(self, site: str) -> int:
        """Count the rows that are really there, stored and quarantined; the ledger's other side.

        Raises:
            NoSuchSite: There is nothing of that name.
        """

        def in_slice(snapshot: Snapshot, part: Slice) -> int:
            with self._engine.relations(snapshot, part) as cursor:
                ((count,),) = cursor.execute("SELECT count(*) FROM all_events").fetchall()
                return int(count)

        return sum(self._over_slices(site, in_slice)[1])

    def _over_slices(
        self, site: str, work: Callable[[Snapshot, Slice], Partial]
    ) -> tuple[Snapshot, list[Partial]]:
        reader = self._reader(site)
        for _ in range(_TRIES):
            try:
                snapshot = reader.snapshot()
                slices = snapshot.slices
                if len(slices) == 1:
                    return snapshot, [work(snapshot, slices[0])]
                pool = self._threads()
                return snapshot, list(pool.map(partial(work, snapshot), slices))
            except (TailGone, duckdb.IOException):
                continue
        raise FilesGone(site=site)

    def _reader(self, site: str) -> SiteReader:
        with self._lock:
            reader = self._readers.get(site)
            if reader is not None:
                return reader
        if not SITE_NAME.match(site) or site not in self.sites():
            raise NoSuchSite(site=site)
        with self._lock:
            return self._readers.setdefault(site, SiteReader(self.home, site))

    def _threads(self) -> ThreadPoolExecutor:
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(
                    max_workers=os.cpu_count() or 2, thread_name_prefix="lake"
                )
            return self._pool


def _rows(
    cursor: duckdb.DuckDBPyConnection, statement: str, parameters: dict[str, object]
) -> pa.Table:
    if parameters:
        return cursor.sql(statement, params=parameters).to_arrow_table()
    return cursor.sql(statement).to_arrow_table()


def _nothing(writer: str) -> int:
    del writer
    return 0
