"""The lake's front door: ask a question of a site, or where all of its items are."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import reduce
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from truelift.errors import Outage, Refusal
from truelift.lake.executors import THREADS, Executor, executor_of
from truelift.lake.file_cache import FileGone
from truelift.lake.home import SITE_NAME, Home
from truelift.lake.ledger import Counts, Ledger
from truelift.lake.sites import PublishedSites
from truelift.lake.slices import Piece, Slices
from truelift.lake.snapshot import SiteReader, Snapshot
from truelift.lake.stopping import Stop
from truelift.lake.tail import TailGone
from truelift.questions.question import Question
from truelift.questions.remarks import Remark, close_to, names_in


if TYPE_CHECKING:
    import duckdb
else:
    from truelift.lake import late_duckdb as duckdb


Partial = TypeVar("Partial")
Answer = TypeVar("Answer")
Found = TypeVar("Found")

_TRIES: Final = 5


class NoSuchSite(Refusal):
    """Nobody set up this site and no event of it was ever stored."""

    code = "lake.no_such_site"

    def __init__(self, *, site: str, close: tuple[str, ...] = ()) -> None:
        meant = " or ".join(map(repr, close))
        super().__init__(
            f"There is no site {site[:60]!r} here."
            f" {f'Did you mean {meant}?' if meant else '`truelift sites create` makes one.'}",
            site=site[:60],
            did_you_mean=close,
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
        unread: Files of the lake that could not be read: the answer lacks what was in them.
        remarks: What must be said first: names in the question that the site has never seen.
    """

    answer: Answer
    lake_version: int
    journal_position: int
    took_ms: float
    unread: tuple[str, ...] = ()
    remarks: tuple[Remark, ...] = ()


@dataclass(slots=True)
class Lake:
    """Answers questions from the lake and the fresh tail; one per process, shared by threads.

    Attributes:
        home: The installation.
        executor: What answers: `threads` of this process, or `tcp://host:port` of a cluster.
    """

    home: Home
    executor: str = THREADS
    _slices: Slices = field(init=False, repr=False)
    _executor: Executor = field(init=False, repr=False)
    _sites: PublishedSites = field(init=False, repr=False)
    _known: set[str] = field(default_factory=set, repr=False)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def __post_init__(self) -> None:
        self._slices = Slices(self.home)
        self._executor = executor_of(self.executor, self._slices)
        self._sites = PublishedSites(self.home)

    def sites(self) -> list[str]:
        """List the sites that were published or have events, by name."""
        found = {name for name in self._sites.all() if SITE_NAME.match(name)}
        found.update(name for name in self.home.storage.sites() if SITE_NAME.match(name))
        if self.home.tail.is_dir():
            found.update(
                path.name
                for path in self.home.tail.iterdir()
                if path.is_dir() and SITE_NAME.match(path.name)
            )
        return sorted(found)

    def ask(
        self, site: str, question: Question[Partial, Answer], *, stop: Stop | None = None
    ) -> Asked[Answer]:
        """Answer a question of one site, from the lake and its fresh tail as they are now.

        Args:
            site: Its name.
            question: What is asked.
            stop: Says when nobody wants the answer any more.

        Raises:
            NoSuchSite: There is nothing of that name.
            Cancelled: Nobody wants the answer any more.
            FilesGone: Files were removed again and again while they were read.
        """
        began = time.perf_counter()
        names = names_in(question)

        def work(snapshot: Snapshot) -> tuple[list[Piece[Partial]], tuple[Remark, ...]]:
            pieces = self._executor.ask(snapshot, snapshot.slices, question, stop=stop)
            if _unread(pieces):
                # What is called for may be in the files that nobody can read.
                return pieces, ()
            return pieces, self._slices.remarks(snapshot, names, stop=stop)

        snapshot, (pieces, remarks) = self._over_slices(site, work)
        answer = question.answer(reduce(question.merge, (piece.partial for piece in pieces)))
        return Asked(
            answer=answer,
            lake_version=snapshot.lake_version,
            journal_position=snapshot.journal_position,
            took_ms=(time.perf_counter() - began) * 1000,
            unread=_unread(pieces),
            remarks=remarks,
        )

    def position(self, site: str) -> tuple[int, int]:
        """Give the lake version and journal position that an answer asked now would be true of.

        Raises:
            NoSuchSite: There is nothing of that name.
        """
        snapshot = self._reader(site).snapshot()
        return snapshot.lake_version, snapshot.journal_position

    def event_names(self, site: str) -> tuple[tuple[str, ...], datetime | None]:
        """List what a site's events are called, and say when the last of them was, at no cost.

        Raises:
            NoSuchSite: There is nothing of that name.
        """
        snapshot, names = self._over_slices(site, self._slices.event_names)
        last = [file.until for file in snapshot.position.files]
        if snapshot.rows.num_rows:
            import pyarrow.compute as pc

            last.append(pc.max(snapshot.rows["occurred_at"]).as_py())
        return tuple(sorted(names)), max(last, default=None)

    def ledger(self, site: str) -> Ledger:
        """Say where every item of a site is.

        Raises:
            NoSuchSite: There is nothing of that name.
        """
        from truelift.lake.waiting import waiting

        reader = self._reader(site)
        listed = reader.tail.current()
        lake = reader.table.current(at_least=listed.lake)
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
            erased=counts.erased,
            expired=counts.expired,
        )

    def rows(self, site: str) -> int:
        """Count the rows that are really there, stored and quarantined; the ledger's other side.

        Raises:
            NoSuchSite: There is nothing of that name.
        """
        return self.readable_rows(site)[0]

    def readable_rows(self, site: str) -> tuple[int, tuple[str, ...]]:
        """Count the rows that are really there, and name the files that cannot be read.

        Raises:
            NoSuchSite: There is nothing of that name.
        """

        def count(snapshot: Snapshot) -> list[Piece[int]]:
            return [self._slices.rows(snapshot, part) for part in snapshot.slices]

        pieces = self._over_slices(site, count)[1]
        return sum(piece.partial for piece in pieces), _unread(pieces)

    def _over_slices(self, site: str, work: Callable[[Snapshot], Found]) -> tuple[Snapshot, Found]:
        reader = self._reader(site)
        for _ in range(_TRIES):
            try:
                snapshot = reader.snapshot()
                return snapshot, work(snapshot)
            except (TailGone, FileGone, duckdb.IOException):
                reader.table.doubt()
        raise FilesGone(site=site)

    def _reader(self, site: str) -> SiteReader:
        with self._lock:
            known = site in self._known
        if not known:
            sites = self.sites()
            if site not in sites:
                raise NoSuchSite(site=site, close=close_to(site, sites))
            with self._lock:
                self._known.add(site)
        return self._slices.reader(site)


def _unread(pieces: Iterable[Piece[Any]]) -> tuple[str, ...]:
    return tuple(sorted({name for piece in pieces for name in piece.unread}))


def _nothing(writer: str) -> int:
    del writer
    return 0
