"""A file into the lake, once: read, convert, append to the journal, wait for the loader, count."""

from __future__ import annotations

import fcntl
import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from truelift.errors import Outage
from truelift.lake.bulk import append_bulk, bulk_heads
from truelift.lake.home import Home, checked_site
from truelift.lake.imports.convert import PAYLOAD, ROW, Converter
from truelift.lake.imports.map import FileShape, ImportMap, format_of, map_from, standard_map
from truelift.lake.imports.products import Product, built_in_map
from truelift.lake.imports.reject import Reject, RejectFile, RejectReason, as_document
from truelift.lake.imports.rows import RowFile, Unreadable
from truelift.lake.lake import Lake
from truelift.lake.loader import Loader, LoaderRunning
from truelift.lake.snapshot import SiteReader
from truelift.questions.question import Scan


PATIENCE_S: Final = 120.0
"""Without any progress of the other loader for this long, the load gives up waiting."""

_POLL_S: Final = 0.1


class LoaderStuck(Outage):
    """Another process holds the loader's lock and takes nothing."""

    code = "imports.loader_stuck"

    def __init__(self, *, site: str, waiting: int) -> None:
        super().__init__(
            f"{waiting} events for {site} are safe in the journal, and the running loader has"
            f" not taken any for {PATIENCE_S:.0f} s. Look at the log of `truelift work`; once it"
            " runs again, this same command says what was stored.",
            site=site,
            waiting=waiting,
        )


class Progress(Protocol):
    """Is told how far a load is."""

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Take note: `stage` is reading (bytes of the file) or storing (events)."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What became of the rows of a file: `read` is always the sum of the other three.

    Attributes:
        read: Rows of the file.
        stored: Rows with an event that is new.
        duplicates: Rows whose events had all been stored before.
        rejected: Rows that do not fit.
        reasons: Rejected rows by reason.
        events: New events.
        reject_file: Where the rejected rows are; None when there are none.
        writer: Name of the import in the journal.
        position: The import's last position there.
        dry_run: Nothing was stored; `stored` counts rows that would be looked at.
        examples: With `dry_run`, the first events.
        rejects: The first rejected rows.
    """

    read: int
    stored: int
    duplicates: int
    rejected: int
    reasons: Mapping[str, int]
    events: int
    reject_file: Path | None
    writer: str
    position: int
    dry_run: bool = False
    examples: tuple[Mapping[str, object], ...] = ()
    rejects: tuple[Reject, ...] = ()

    def document(self) -> dict[str, object]:
        """Write it in the shape of `truelift load --json`."""
        document: dict[str, object] = {
            "read": self.read,
            "stored": self.stored,
            "duplicates": self.duplicates,
            "rejected": self.rejected,
            "reasons": dict(self.reasons),
            "events": self.events,
            "reject_file": str(self.reject_file) if self.reject_file is not None else None,
            "journal": {"writer": self.writer, "position": self.position},
        }
        if self.dry_run:
            document |= {
                "dry_run": True,
                "examples": list(self.examples),
                "rejects": [as_document(reject) for reject in self.rejects],
            }
        return document


def load_file(
    home: Home,
    site: str,
    path: Path,
    *,
    map_file: Path | None,
    now: Callable[[], datetime],
    product: Product | None = None,
    dry_run: bool = False,
    progress: Progress = lambda stage, done, total: None,  # noqa: ARG005
    reached: Callable[[str], None] = lambda point: None,  # noqa: ARG005
) -> Loaded:
    """Load a file of events into a site; loading it again stores nothing twice.

    Args:
        home: The installation.
        site: Whose events they are; the site needs not to be known yet.
        path: CSV, NDJSON or Parquet.
        map_file: What its columns mean; None when it has the standard columns.
        now: The clock.
        product: Whose export it is; its built-in map takes the place of a file.
        dry_run: Read and convert everything, write nothing.
        progress: Is told how far it is.
        reached: Called with the name of every point between two writes, for fault tests.

    Raises:
        BadSiteName: No site can have this name.
        BadMap: With everything that is wrong with the map.
        MissingColumns: The map reads columns that the file has not.
        Unreadable: The file cannot be read.
        LoaderStuck: The running loader takes nothing.
    """
    checked_site(site)
    import_map, file = _understood(path, map_file, product)
    digest = _digest(path)
    converter = Converter(import_map, path=path, columns=file.columns, digest=digest)
    if dry_run:
        return _tried(file, converter, digest=digest, progress=progress)
    home.make()
    writer = f"import-{digest[:32]}"
    rejects = RejectFile(home.rejects / f"{site}-{digest[:16]}.ndjson")
    with _alone(home, site):
        # What an interrupted load left in the journal goes first, so that it counts as stored.
        before = bulk_heads(home, site).get(writer, 0)
        _settle(home, site, writer=writer, upto=before, now=now, progress=None)
        appended = _Appended()
        size = path.stat().st_size
        for piece in file.pieces():
            converted = converter.convert(piece)
            rejects.add(converted.rejects)
            events = converted.events
            if events.num_rows:
                append_bulk(
                    home,
                    site,
                    events.select(PAYLOAD),
                    writer=writer,
                    received_at_ms=int(now().timestamp() * 1000),
                )
                appended.add(events)
                reached("piece.appended")
            progress("reading", piece.read_bytes, size)
        upto = before + appended.events
        _settle(home, site, writer=writer, upto=upto, now=now, progress=progress)
        reached("settled")
        found = Lake(home).ask(site, ImportedRows(writer, after=before)).answer if upto else _NONE
    lines, first_line = appended.rows(), before + 1
    stored = np.unique(lines[found.stored - first_line])
    refused = np.setdiff1d(np.unique(lines[found.quarantined - first_line]), stored)
    rejects.add(converter.reject(row, RejectReason.UNREADABLE, "") for row in refused.tolist())
    rows = np.unique(lines).size
    return Loaded(
        read=rows + rejects.count - refused.size,
        stored=stored.size,
        duplicates=rows - stored.size - refused.size,
        rejected=rejects.count,
        reasons={reason.value: count for reason, count in sorted(rejects.reasons.items())},
        events=found.stored.size,
        reject_file=rejects.finish(),
        writer=writer,
        position=upto,
        rejects=tuple(rejects.first),
    )


Positions = np.ndarray[tuple[int], np.dtype[np.int64]]


@dataclass(frozen=True, slots=True)
class FoundRows:
    """Positions of an import's rows that are in the lake or its tail.

    Attributes:
        stored: The good ones.
        quarantined: The ones that the engine could not read.
    """

    stored: Positions
    quarantined: Positions


_NONE: Final = FoundRows(np.empty(0, np.int64), np.empty(0, np.int64))


@dataclass(frozen=True, slots=True)
class ImportedRows:
    """Which rows of an import are there, asked like any other question.

    Attributes:
        writer: The import.
        after: Only positions beyond this one.
    """

    writer: str
    after: int

    @property
    def name(self) -> str:
        """What the question is called; no command asks it."""
        return "imported-rows"

    def scan(self) -> Scan:
        """Read the positions, bots and internal traffic included."""
        return Scan(
            sql="""
            SELECT position, state = 'stored' AS stored FROM all_events
            WHERE writer = $writer AND position > $after ORDER BY position
            """,
            parameters={"writer": self.writer, "after": self.after},
        )

    def partial(self, rows: pa.Table) -> FoundRows:
        """Take one bucket's positions."""
        stored = rows["stored"]
        return FoundRows(
            stored=rows["position"].filter(stored).to_numpy(),
            quarantined=rows["position"].filter(pc.invert(stored)).to_numpy(),
        )

    def merge(self, left: FoundRows, right: FoundRows) -> FoundRows:
        """Put two buckets' positions together."""
        return FoundRows(
            stored=np.concatenate((left.stored, right.stored)),
            quarantined=np.concatenate((left.quarantined, right.quarantined)),
        )

    def answer(self, partial: FoundRows) -> FoundRows:
        """Give them as they are."""
        return partial


@dataclass(slots=True)
class _Appended:
    """Which line each appended event comes from, by its position in the journal."""

    events: int = 0
    _lines: list[Positions] = field(default_factory=list)

    def add(self, events: pa.Table) -> None:
        self._lines.append(events[ROW].to_numpy())
        self.events += events.num_rows

    def rows(self) -> Positions:
        return np.concatenate(self._lines) if self._lines else np.empty(0, np.int64)


def _understood(
    path: Path, map_file: Path | None, product: Product | None
) -> tuple[ImportMap, RowFile]:
    if product is not None:
        text = built_in_map(product)
        import_map = map_from(text, source=f"the built-in map of {product}", file=path)
        return import_map, RowFile.opened(path, import_map.file)
    if map_file is not None:
        try:
            text = map_file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise Unreadable(path=map_file, why=str(error)) from error
        import_map = map_from(text, source=map_file.name, file=path)
        return import_map, RowFile.opened(path, import_map.file)
    shape = FileShape(
        format=format_of(path), delimiter="\t" if path.suffix.lower() == ".tsv" else ","
    )
    file = RowFile.opened(path, shape)
    return standard_map(file.columns, file=path, shape=shape), file


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _tried(file: RowFile, converter: Converter, *, digest: str, progress: Progress) -> Loaded:
    rejects = RejectFile(None)
    rows = events = 0
    examples: list[Mapping[str, object]] = []
    size = file.path.stat().st_size
    for piece in file.pieces():
        converted = converter.convert(piece)
        rejects.add(converted.rejects)
        events += converted.events.num_rows
        rows += len(pc.unique(converted.events[ROW]))
        if len(examples) < 5:
            for row in converted.events.slice(0, 5 - len(examples)).to_pylist():
                row.pop(ROW)
                examples.append({name: cell for name, cell in row.items() if cell is not None})
        progress("reading", piece.read_bytes, size)
    return Loaded(
        read=rows + rejects.count,
        stored=rows,
        duplicates=0,
        rejected=rejects.count,
        reasons={reason.value: count for reason, count in sorted(rejects.reasons.items())},
        events=events,
        reject_file=None,
        writer=f"import-{digest[:32]}",
        position=0,
        dry_run=True,
        examples=tuple(examples),
        rejects=tuple(rejects.first),
    )


@contextmanager
def _alone(home: Home, site: str) -> Iterator[None]:
    """Hold off other loads into the site: two at once could not tell whose row was first."""
    home.loader.mkdir(parents=True, exist_ok=True)
    with (home.loader / f"imports-{site}.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _settle(
    home: Home,
    site: str,
    *,
    writer: str,
    upto: int,
    now: Callable[[], datetime],
    progress: Progress | None,
) -> None:
    """Return when questions see the import up to a position, whoever the loader is."""
    reader = SiteReader(home, site)
    done = _settled(reader, writer)
    first = done
    last_moved = time.monotonic()
    while done < upto:
        try:
            with Loader(home, now=now) as loader:
                while (done := _settled(reader, writer)) < upto:
                    if progress is not None:
                        progress("storing", done - first, upto - first)
                    loader.step()
                loader.flush(site)
        except LoaderRunning as error:
            time.sleep(_POLL_S)
            moved = _settled(reader, writer)
            if moved > done:
                done, last_moved = moved, time.monotonic()
            elif time.monotonic() - last_moved > PATIENCE_S:
                raise LoaderStuck(site=site, waiting=upto - done) from error
        if progress is not None:
            progress("storing", done - first, upto - first)


def wait_for_streams(home: Home, site: str, *, now: Callable[[], datetime]) -> None:
    """Return when nothing of a site waits in the journal, whoever the loader is.

    Raises:
        LoaderStuck: The running loader takes nothing.
    """
    lake = Lake(home)
    last_moved = time.monotonic()
    left = lake.ledger(site).waiting
    while left:
        try:
            with Loader(home, now=now) as loader:
                loader.flush(site)
            left = lake.ledger(site).waiting
        except LoaderRunning as error:
            time.sleep(_POLL_S)
            still = lake.ledger(site).waiting
            if still < left:
                last_moved = time.monotonic()
            elif time.monotonic() - last_moved > PATIENCE_S:
                raise LoaderStuck(site=site, waiting=still) from error
            left = still


def _settled(reader: SiteReader, writer: str) -> int:
    tail = reader.tail.current()
    lake = reader.table.current(at_least=tail.lake)
    return max(tail.reached(writer), lake.reached(writer) if lake is not None else 0)
