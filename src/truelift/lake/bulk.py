"""Imports on their way into the lake: whole Arrow tables as durable pieces of the journal."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from truelift.errors import Refusal
from truelift.lake.durable import sync_file, sync_folder
from truelift.lake.home import Home, checked_site
from truelift.lake.schema import ARRIVED


IMPORT_PREFIX: Final = "import-"
"""Writers with this prefix are imports: what they stored once is a duplicate for ever."""

ROWS_PER_PIECE: Final = 100_000
"""A piece is what the loader takes at once, so it bounds the loader's memory."""

_WRITER = re.compile(r"^import-[a-z0-9-]{1,80}$")
_PIECE = re.compile(
    r"^bulk-(?P<site>[a-z][a-z0-9-]{1,39})-(?P<first>\d{20})-(?P<last>\d{20})\.(?P<kind>parquet|taken)$"
)


class BadBulk(Refusal):
    """An import's table has not the shape of arrived events."""

    code = "lake.bad_bulk"

    def __init__(self, *, problem: str) -> None:
        super().__init__(f"The rows of this import cannot be appended: {problem}.", problem=problem)


@dataclass(frozen=True, slots=True, order=True)
class BulkPiece:
    """One durable piece of an import.

    Attributes:
        writer: The import it belongs to.
        site: The site.
        first: Position of its first row, from 1 per writer and site.
        last: Position of its last row.
        path: Parquet in the shape of `ARRIVED`.
    """

    writer: str
    site: str
    first: int
    last: int
    path: Path

    def rows(self) -> pa.Table:
        """Read the piece with every column of `ARRIVED`."""
        return pq.read_table(self.path, memory_map=False)

    def drop(self) -> None:
        """Forget the rows and keep only the position they reached.

        The empty name stays behind, because the next piece counts on from it.
        """
        taken = self.path.with_suffix(".taken")
        self.path.replace(taken)
        os.truncate(taken, 0)
        for older in self.path.parent.glob(f"bulk-{self.site}-*.taken"):
            found = _PIECE.match(older.name)
            if found and found["site"] == self.site and int(found["last"]) < self.first:
                older.unlink()


def append_bulk(home: Home, site: str, table: pa.Table, *, writer: str, received_at_ms: int) -> int:
    """Append an import's rows to the journal and return when they would survive a power cut.

    Args:
        home: The installation.
        site: The site whose events they are.
        table: Columns of `ARRIVED` without `position` and `received_at`; columns left
            out are null. Every row wants a `message_id`: it makes the import repeatable.
        writer: `import-` and a name of the import, always the same for the same file.
        received_at_ms: When the import was made, epoch milliseconds.

    Returns:
        The position of the last row, counted per writer and site from 1.

    Raises:
        BadBulk: A column is unknown, has another type, or a row has no `message_id`.
    """
    checked_site(site)
    if not _WRITER.match(writer):
        raise BadBulk(problem=f"the writer {writer[:60]!r} wants `import-` and a digest")
    shaped = _shaped(table, received_at_ms=received_at_ms)
    folder = home.journal / writer
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder):
        last = _last_position(folder, site)
        for start in range(0, shaped.num_rows, ROWS_PER_PIECE):
            chunk = shaped.slice(start, ROWS_PER_PIECE)
            first, last = last + 1, last + chunk.num_rows
            positions = pa.array(range(first, last + 1), pa.int64())
            piece = chunk.set_column(0, "position", positions)
            path = folder / f"bulk-{site}-{first:020}-{last:020}.parquet"
            partial = path.with_suffix(".partial")
            pq.write_table(piece, partial, compression="lz4", row_group_size=ROWS_PER_PIECE)
            sync_file(partial)
            partial.replace(path)
        sync_folder(folder)
        sync_folder(home.journal)
    return last


def bulk_pieces(home: Home) -> list[BulkPiece]:
    """List the pieces that wait, by writer and position."""
    return sorted(piece for kind, piece in _listed(home) if kind == "parquet")


def bulk_heads(home: Home, site: str) -> dict[str, int]:
    """Say how far every import of a site has counted, taken pieces included."""
    heads: dict[str, int] = {}
    for _, piece in _listed(home):
        if piece.site == site:
            heads[piece.writer] = max(heads.get(piece.writer, 0), piece.last)
    return heads


def _listed(home: Home) -> Iterator[tuple[str, BulkPiece]]:
    for folder in sorted(home.journal.glob(f"{IMPORT_PREFIX}*")):
        for path in folder.glob("bulk-*"):
            found = _PIECE.match(path.name)
            if found:
                yield (
                    found["kind"],
                    BulkPiece(
                        writer=folder.name,
                        site=found["site"],
                        first=int(found["first"]),
                        last=int(found["last"]),
                        path=path,
                    ),
                )


def _last_position(folder: Path, site: str) -> int:
    found = (_PIECE.match(path.name) for path in folder.iterdir())
    return max(
        (int(piece["last"]) for piece in found if piece and piece["site"] == site), default=0
    )


def _shaped(table: pa.Table, *, received_at_ms: int) -> pa.Table:
    known = {field.name: field.type for field in ARRIVED}
    for name in table.column_names:
        if name not in known or name in {"position", "received_at"}:
            raise BadBulk(problem=f"{name!r} is not one of its columns")
    columns = []
    for field in ARRIVED:
        if field.name == "received_at":
            columns.append(pa.array([received_at_ms], field.type).take(_zeros(table.num_rows)))
        elif field.name in table.column_names:
            try:
                columns.append(table[field.name].cast(field.type).combine_chunks())
            except pa.ArrowInvalid as error:
                raise BadBulk(problem=f"{field.name} is not {field.type}") from error
        else:
            columns.append(pa.nulls(table.num_rows, field.type))
    shaped = pa.table(columns, schema=ARRIVED)
    if shaped.num_rows and pc.any(pc.is_null(shaped["message_id"])).as_py():
        raise BadBulk(problem="a row has no message_id")
    return shaped


def _zeros(count: int) -> pa.Array:
    return pa.nulls(count, pa.int32()).fill_null(0)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with (folder / "bulk.lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
