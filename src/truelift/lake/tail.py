"""The fresh tail of a site: rows that are in the journal and not yet in the lake."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import pyarrow as pa

from truelift.errors import Outage
from truelift.lake.durable import write_whole
from truelift.lake.home import Home, checked_site
from truelift.lake.ledger import Counts


Spans = Mapping[str, tuple[int, int]]
"""Writer → first and last journal position, both included."""

SMALL_BYTES: Final = 4 << 20
"""Tail files below this are put together, so that a question never opens many."""

_INDEX: Final = "tail.json"


class TailGone(Outage):
    """A tail file disappeared between listing and reading: the rows are in the lake by now."""

    code = "lake.tail_gone"

    def __init__(self, *, site: str) -> None:
        super().__init__(f"The fresh tail of {site} is changing quickly; ask again.", site=site)


@dataclass(frozen=True, slots=True)
class TailFile:
    """One Arrow file of rows in the shape of `EVENTS`, and what its stretch of journal held.

    Attributes:
        name: File name in the site's tail folder.
        rows: Rows in it.
        size_bytes: Its size.
        spans: The journal positions that it settles.
        counts: What became of them.
        oldest_ms: Arrival of its first row; its age decides when the tail is committed.
    """

    name: str
    rows: int
    size_bytes: int
    spans: Spans
    counts: Counts
    oldest_ms: int

    def document(self) -> dict[str, object]:
        """Write the entry as it stands in the index and in the file's own metadata."""
        return {
            "name": self.name,
            "rows": self.rows,
            "size_bytes": self.size_bytes,
            "spans": {writer: list(span) for writer, span in self.spans.items()},
            "counts": self.counts.document(),
            "oldest_ms": self.oldest_ms,
        }


@dataclass(frozen=True, slots=True)
class Tail:
    """Everything a reader needs beside the lake, published as one small file.

    Attributes:
        serial: Grows with every publication.
        files: The tail files, oldest first.
        moves: Name of the Arrow file of persons that moved and are not rewritten yet, or None.
        lake: A version of the table that has everything which was in the tail before and is
            not any more; a reader looks for it or a newer one.
    """

    serial: int = 0
    files: tuple[TailFile, ...] = ()
    moves: str | None = None
    lake: int = 0

    @property
    def counts(self) -> Counts:
        """What became of the items that the tail settles."""
        return sum((file.counts for file in self.files), Counts())

    @property
    def size_bytes(self) -> int:
        """Size of all tail files."""
        return sum(file.size_bytes for file in self.files)

    @property
    def oldest_ms(self) -> int | None:
        """Arrival of the first row, None when the tail is empty."""
        return min((file.oldest_ms for file in self.files), default=None)

    def reached(self, writer: str) -> int:
        """The last position of a writer that the tail settles; 0 for none."""
        return max(
            (file.spans[writer][1] for file in self.files if writer in file.spans), default=0
        )

    def beyond(self, committed: Mapping[str, int]) -> Tail:
        """Leave out the files whose positions are in the lake already."""
        left = tuple(
            file
            for file in self.files
            if any(last > committed.get(writer, 0) for writer, (_, last) in file.spans.items())
        )
        return self if len(left) == len(self.files) else replace(self, files=left)


@dataclass(slots=True)
class TailFolder:
    """A site's tail on disk.

    Nothing here needs to survive a power cut: the journal does, and the tail is
    made from it again.
    """

    home: Home
    site: str
    folder: Path = field(init=False)
    _content: bytes = b""
    _read: Tail = field(default_factory=Tail)

    def __post_init__(self) -> None:
        self.folder = self.home.tail / checked_site(self.site)

    def current(self) -> Tail:
        """Read what was published last, from memory when it has not changed."""
        try:
            content = (self.folder / _INDEX).read_bytes()
            if content != self._content:
                self._read, self._content = parse_tail(content), content
        except (FileNotFoundError, ValueError):
            # Never written, or a power cut took it: the journal has what was in it.
            return Tail()
        return self._read

    def publish(self, tail: Tail) -> Tail:
        """Make this the tail that readers see, at once."""
        published = replace(tail, serial=tail.serial + 1)
        document = {
            "serial": published.serial,
            "files": [file.document() for file in published.files],
            "moves": published.moves,
            "lake": published.lake,
        }
        self.folder.mkdir(parents=True, exist_ok=True)
        write_whole(self.folder / _INDEX, json.dumps(document).encode())
        return published

    def write(
        self,
        rows: Sequence[pa.Table],
        *,
        name: str,
        spans: Spans,
        counts: Counts,
        oldest_ms: int,
        steps: Sequence[tuple[object, ...]] = (),
    ) -> TailFile:
        """Write rows as a tail file that no reader knows of until it is published.

        Args:
            rows: Tables in the shape of `EVENTS`.
            name: A name that was never used before.
            spans: The journal positions that it settles.
            counts: What became of them.
            oldest_ms: When its first row came into the tail.
            steps: What was learned about identities from the newest of its rows.
        """
        written = sum(table.num_rows for table in rows)
        about = TailFile(name, written, 0, spans, counts, oldest_ms)
        document = {**about.document(), "steps": steps}
        size = self._write(rows, name=name, about={b"truelift": json.dumps(document).encode()})
        return replace(about, size_bytes=size)

    def write_table(self, table: pa.Table, *, name: str) -> None:
        """Write another Arrow file beside the tail's."""
        self._write([table], name=name, about={})

    def _write(self, rows: Sequence[pa.Table], *, name: str, about: Mapping[bytes, bytes]) -> int:
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / name
        partial = path.with_suffix(".partial")
        metadata = dict(about)
        schema = rows[0].schema.with_metadata(metadata)
        with (
            pa.OSFile(str(partial), "wb") as sink,
            pa.ipc.new_file(sink, schema) as writer,
        ):
            for table in rows:
                writer.write_table(table.replace_schema_metadata(metadata))
        size = partial.stat().st_size
        partial.replace(path)
        return size

    def rows(self, file: TailFile) -> pa.Table:
        """Map a tail file into memory.

        Raises:
            TailGone: It was committed and removed after it was listed.
        """
        return self.table(file.name)

    def table(self, name: str) -> pa.Table:
        """Map one Arrow file of the folder into memory.

        Raises:
            TailGone: It is not there any more.
        """
        try:
            return pa.ipc.open_file(pa.memory_map(str(self.folder / name))).read_all()
        except FileNotFoundError as error:
            raise TailGone(site=self.site) from error

    def strays(self) -> list[Path]:
        """Files that the published tail does not know: left by a crash, or about to be removed."""
        if not self.folder.is_dir():
            return []
        tail = self.current()
        known = {file.name for file in tail.files} | {_INDEX, tail.moves}
        return sorted(path for path in self.folder.iterdir() if path.name not in known)


def parse_tail(content: bytes) -> Tail:
    """Read a published index."""
    document = json.loads(content)
    return Tail(
        serial=document["serial"],
        files=tuple(
            TailFile(
                name=entry["name"],
                rows=entry["rows"],
                size_bytes=entry["size_bytes"],
                spans={writer: (span[0], span[1]) for writer, span in entry["spans"].items()},
                counts=Counts.parse(entry["counts"]),
                oldest_ms=entry["oldest_ms"],
            )
            for entry in document["files"]
        ),
        moves=document["moves"],
        lake=document.get("lake", 0),
    )
