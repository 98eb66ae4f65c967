"""The journal as rows, read and normalised by threads ahead of the one that writes them."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from truelift.lake.home import Home
from truelift.lake.journal import Segment, SegmentPiece, lines_of, segments
from truelift.lake.normalise import Normalised, Normaliser
from truelift.lake.sites import PublishedSites, SiteSettings
from truelift.lake.waiting import segment_key


READERS: Final = 2
"""Threads that read the journal ahead of the one that writes."""

PIECES_AHEAD: Final = 3
"""Pieces that they read or keep ready, so that they go on while lake files are written."""


@dataclass(frozen=True, slots=True)
class Read:
    """A piece of a segment, and the rows that it makes, by site."""

    piece: SegmentPiece
    made: list[tuple[str, Normalised]]


class ReadingAhead:
    """Reads pieces of the journal, and what follows them before it is asked for.

    Args:
        home: The installation.
        settings: Of its sites.
        piece_bytes: How much of a segment is taken at once.
    """

    def __init__(self, home: Home, settings: PublishedSites, *, piece_bytes: int) -> None:
        self._home = home
        self._settings = settings
        self._piece_bytes = piece_bytes
        self._normalisers: dict[int, Normaliser] = {}
        self._ahead: dict[tuple[str, int], Future[Read]] = {}
        self._gate = threading.Lock()
        self._last: tuple[Segment, int, SegmentPiece] | None = None
        self._pool = ThreadPoolExecutor(max_workers=READERS, thread_name_prefix="loader-reads")

    def stop(self) -> None:
        """Read nothing more, and wait for what is being read."""
        self._pool.shutdown(cancel_futures=True)

    def close(self) -> None:
        """Let go of the engines."""
        for normaliser in self._normalisers.values():
            normaliser.close()

    def take(self, segment: Segment, offset: int) -> Read:
        """Give a piece, read ahead or now."""
        with self._gate:
            ahead = self._ahead.pop((segment_key(segment.path), offset), None)
            last, self._last = self._last, None
        if last is not None:
            self._read_ahead(*last)
        return ahead.result() if ahead else self._read(segment, offset)

    def normalised(
        self, writer: str, tables: Mapping[str, pa.Table]
    ) -> Iterator[tuple[str, Normalised]]:
        """Make rows of what arrived for some sites, those with the same settings in one go."""
        groups: dict[SiteSettings, list[str]] = {}
        for name in tables:
            groups.setdefault(self._settings.of(name), []).append(name)
        for settings, names in groups.items():
            together = pa.concat_tables([tables[name] for name in names])
            made = self._normaliser.rows(settings, writer, together)
            start = 0
            for name in names:
                length = tables[name].num_rows
                yield name, made.slice(start, length)
                start += length

    def _read(self, segment: Segment, offset: int) -> Read:
        """Read and normalise a piece; depends on nothing that other pieces change.

        Has the piece after it read by another thread before it normalises its own.
        """
        piece = lines_of(segment.path, offset=offset, limit_bytes=self._piece_bytes)
        self._read_ahead(segment, offset, piece)
        return Read(piece, list(self.normalised(segment.writer, piece.tables)))

    def _read_ahead(self, segment: Segment, offset: int, piece: SegmentPiece) -> None:
        """Have what follows a piece read, when there certainly is a piece and room for it.

        Without room the piece is remembered, and its follower read when one is taken.
        """
        following = self._after(segment, offset, piece)
        if following is None:
            return
        key = (segment_key(following[0].path), following[1])
        with self._gate:
            if len(self._ahead) >= PIECES_AHEAD:
                self._last = (segment, offset, piece)
            elif key not in self._ahead:
                with suppress(RuntimeError):  # the loader is being closed
                    self._ahead[key] = self._pool.submit(self._read, *following)

    def _after(
        self, segment: Segment, offset: int, piece: SegmentPiece
    ) -> tuple[Segment, int] | None:
        """Find where a piece follows that is certainly worth reading by itself."""
        following, start, whole = segment, piece.next_offset, piece.sealed
        if piece.finished:
            later = [
                other
                for other in segments(self._home.journal, segment.writer)
                if other.first_frame > segment.first_frame
            ]
            if not later:
                return None
            following, start, whole = later[0], 0, later[0].sealed
        elif start == offset:
            return None
        # The rest of a segment that grows no more is all there will be, however short.
        least = 1 if whole else self._piece_bytes // 2
        return (following, start) if following.path.stat().st_size - start >= least else None

    @property
    def _normaliser(self) -> Normaliser:
        """The engine of this thread: two threads would wait for each other over one."""
        mine = threading.get_ident()
        if mine not in self._normalisers:
            scratch = self._home.loader / "scratch" / str(len(self._normalisers))
            self._normalisers[mine] = Normaliser(scratch)
        return self._normalisers[mine]
