"""The journal: frames of accepted requests on disk, written in groups, read as Arrow tables.

A *frame* is one accepted request of one site: a fixed header with a CRC, then
the request's canonical items as lines of JSON. Frames follow each other in
*segments*, files named after their first frame; each writing process has a
directory and a lock of its own. A segment opens with a frame that says where
every site's sequence stood, so the newest segment alone is enough to go on.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import os
import queue
import re
import struct
import threading
import time
import zlib
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa

from truelift.errors import Outage, Refusal


MAGIC: Final = b"TLJ1"
VERSION: Final = 1
_TRUSTED: Final = 1
_HEADER: Final = struct.Struct("<4sIHHIQqqIBBH")
"""magic, crc; then what the crc covers: version, flags, payload bytes, frame
number, received_at (ms), first position, items, site bytes, key bytes, zero."""

_COVERED: Final = 8
MAX_PAYLOAD_BYTES: Final = 16 * 1024 * 1024
SEGMENT_BYTES: Final = 64 * 1024 * 1024
SEGMENT_AGE_S: Final = 600.0
MAX_WAITING_BYTES: Final = 64 * 1024 * 1024
_PIECE_BYTES: Final = 64 * 1024 * 1024
_SEAL: Final = "seal"
"""A file of this name in a writer's directory asks it to begin a new segment."""

_SEAL_LOOK_S: Final = 0.5
_CRC_BYTES: Final = 5 * 1024
"""For longer pieces `zlib` lets another thread run meanwhile, and has to wait for its turn after
every frame: that cost more than the CRC."""

_WRITER_NAME: Final = re.compile(r"^[a-z0-9][a-z0-9-]{0,79}$")
_SEGMENT_NAME: Final = re.compile(r"^(\d{16})\.tlj$")
_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

LINES: Final = pa.schema(
    [
        ("position", pa.int64()),
        ("received_at", pa.int64()),
        ("key_id", pa.string()),
        ("trusted", pa.bool_()),
        ("line", pa.string()),
    ]
)
"""What a site's items look like when read back: one row an item, `line` its JSON."""


class BadWriterName(Refusal):
    """A writer's name cannot be the name of a directory of the journal."""

    code = "journal.bad_writer_name"

    def __init__(self, *, writer: str) -> None:
        super().__init__(
            "A journal's writer has small letters, digits and hyphens;"
            f" {writer[:80]!r} does not. Choose another name.",
            writer=writer[:80],
        )


class JournalInUse(Outage):
    """Another process writes to this journal."""

    code = "journal.in_use"

    def __init__(self, *, directory: Path) -> None:
        super().__init__(
            f"Another process holds {directory / 'lock'}. Stop it, or give this one"
            " another --writer name.",
            directory=str(directory),
        )


class JournalFull(Outage):
    """The disk took no more; nothing of this request was kept, and it may be sent again."""

    code = "journal.full"

    def __init__(self, *, directory: Path) -> None:
        super().__init__(
            f"There is no room left under {directory}. Free some space; the collector"
            " goes on by itself.",
            directory=str(directory),
        )


class JournalBroken(Outage):
    """The disk failed while it was asked to keep a request; it was not acknowledged."""

    code = "journal.broken"

    def __init__(self, *, directory: Path, problem: str) -> None:
        super().__init__(
            f"Writing under {directory} failed: {problem}. Check the disk.",
            directory=str(directory),
            problem=problem,
        )


class JournalBusy(Outage):
    """More is waiting for the disk than may wait in memory."""

    code = "journal.busy"

    def __init__(self, *, waiting_bytes: int) -> None:
        super().__init__(
            f"{waiting_bytes} bytes wait for the disk already. Try again shortly.",
            waiting_bytes=waiting_bytes,
        )


class BadFrame(Refusal):
    """A request that cannot be a frame: it has no items, or far too much in them."""

    code = "journal.bad_frame"

    def __init__(self, *, items: int, payload_bytes: int) -> None:
        super().__init__(
            f"A frame holds at least one item and at most {MAX_PAYLOAD_BYTES} bytes; this one"
            f" has {items} and {payload_bytes}. Send less at once.",
            items=items,
            payload_bytes=payload_bytes,
        )


class JournalClosed(Outage):
    """The journal was closed while something was still to be written."""

    code = "journal.closed"

    def __init__(self) -> None:
        super().__init__("The collector is stopping. Send this again.")


@dataclass(frozen=True, slots=True)
class Segment:
    """One file of a writer's journal.

    Attributes:
        path: The file.
        writer: Whose it is.
        first_frame: Number of its first frame; segments sort by it.
        sealed: A newer segment exists, so nothing will be added to this one.
    """

    path: Path
    writer: str
    first_frame: int
    sealed: bool


@dataclass(frozen=True, slots=True)
class SegmentPiece:
    """What was read from a segment in one go.

    Attributes:
        tables: Per site, rows of `LINES` in the order of their positions.
        next_offset: Where to read on.
        sealed: Nothing will be added to the segment any more.
        finished: Everything in it was read, and nothing will be added.
        damaged_bytes: Bytes passed over because their CRC was wrong although
            whole frames follow them, or the segment is sealed. A gap in the
            positions says how many items stood there.
    """

    tables: Mapping[str, pa.Table]
    next_offset: int
    sealed: bool
    finished: bool
    damaged_bytes: int


@dataclass(slots=True)
class _Entry:
    """One request on its way to the disk; `done` gets the last position, or why there is none."""

    site: str
    key_id: str
    trusted: bool
    received_at_ms: int
    payload: bytes
    items: int
    done: asyncio.Future[int] | Future[int]


class _Frame(NamedTuple):
    """A frame's header, and where in the buffer it and its payload stand.

    A tuple: a frozen dataclass took half of the time of reading single-event frames.
    """

    start: int
    payload_start: int
    end: int
    number: int
    received_at: int
    position: int
    items: int
    trusted: bool
    site: bytes
    key_id: bytes


class JournalWriter:
    """Appends requests to one writer's journal and says when they are safe.

    A thread of its own writes whatever has gathered while the last group went to
    the disk, with one `write` and one `fdatasync`, so that the event loop keeps
    taking requests and the price of a sync is shared by all who wait for it.
    """

    def __init__(
        self,
        directory: Path,
        *,
        lock: int,
        next_frame: int,
        positions: dict[str, int],
        repaired_bytes: int,
        segment_bytes: int,
        segment_age_s: float,
    ) -> None:
        self.directory = directory
        self.repaired_bytes = repaired_bytes
        self._lock = lock
        self._next_frame = next_frame
        self._positions = positions
        self._segment_bytes = segment_bytes
        self._segment_age_s = segment_age_s
        self._file = -1
        self._size = 0
        self._empty_size = 0
        self._opened_at = 0.0
        self._waiting: queue.SimpleQueue[_Entry | None] = queue.SimpleQueue()
        self._waiting_bytes = 0
        self._closed = False
        self._gate = threading.Lock()
        self._thread = threading.Thread(
            target=self._run, name=f"journal-{directory.name}", daemon=True
        )

    @classmethod
    def open(
        cls,
        journal: Path,
        writer: str,
        *,
        segment_bytes: int = SEGMENT_BYTES,
        segment_age_s: float = SEGMENT_AGE_S,
    ) -> JournalWriter:
        """Take a writer's lock, repair what a crash left, and be ready to append.

        Args:
            journal: `Home.journal`.
            writer: Name of the writing process's directory in it.
            segment_bytes: A segment that reached this size is followed by a new one.
            segment_age_s: So is one that has data and reached this age.

        Raises:
            BadWriterName: The name cannot be a directory here.
            JournalInUse: Another process holds the lock.
        """
        if not _WRITER_NAME.match(writer):
            raise BadWriterName(writer=writer)
        directory = journal / writer
        directory.mkdir(parents=True, exist_ok=True)
        lock = os.open(directory / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(lock)
            raise JournalInUse(directory=directory) from error
        for partial in directory.glob("*.part"):
            partial.unlink()
        next_frame, positions, cut = _recover(directory)
        opened = cls(
            directory,
            lock=lock,
            next_frame=next_frame,
            positions=positions,
            repaired_bytes=cut,
            segment_bytes=segment_bytes,
            segment_age_s=segment_age_s,
        )
        try:
            opened._begin_segment()
        except OSError:
            # A full disk must not keep the process from starting: it answers 503 and tries again.
            opened._file = -1
        opened._thread.start()
        return opened

    def position(self, site: str) -> int:
        """Give a site's last position in this writer, 0 before its first item."""
        return self._positions.get(site, 0)

    @property
    def waiting_bytes(self) -> int:
        """Bytes handed in and not yet on the disk."""
        return self._waiting_bytes

    async def append(
        self,
        *,
        site: str,
        key_id: str,
        trusted: bool,
        received_at_ms: int,
        lines: Sequence[bytes],
    ) -> int:
        """Keep one request's items; return their last position once they are safe.

        Args:
            site: Whose events these are.
            key_id: The key they came with.
            trusted: It was a secret key.
            received_at_ms: Arrival, epoch milliseconds.
            lines: Canonical items, each one line of JSON without its line end.

        Raises:
            JournalFull: No room on the disk; nothing was kept.
            JournalBroken: The disk failed.
            JournalBusy: Too much waits for the disk already.
            JournalClosed: The writer was closed.
        """
        return await self.append_text(
            site=site,
            key_id=key_id,
            trusted=trusted,
            received_at_ms=received_at_ms,
            text=_payload(lines),
            items=len(lines),
        )

    async def append_text(
        self,
        *,
        site: str,
        key_id: str,
        trusted: bool,
        received_at_ms: int,
        text: bytes,
        items: int,
    ) -> int:
        """Do the same as `append` for lines that stand in one text, each with its line end."""
        done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._hand_over(_Entry(site, key_id, trusted, received_at_ms, text, items, done))
        return await done

    def append_and_wait(
        self,
        *,
        site: str,
        key_id: str,
        trusted: bool,
        received_at_ms: int,
        lines: Sequence[bytes],
    ) -> int:
        """Do the same as `append` for a caller without an event loop."""
        done: Future[int] = Future()
        self._hand_over(
            _Entry(site, key_id, trusted, received_at_ms, _payload(lines), len(lines), done)
        )
        return done.result()

    def close(self) -> None:
        """Write what waits, then let go of the file and the lock."""
        with self._gate:
            if self._closed:
                return
            self._closed = True
            self._waiting.put(None)
        self._thread.join()
        if self._file >= 0:
            os.close(self._file)
        os.close(self._lock)

    def _hand_over(self, entry: _Entry) -> None:
        size = len(entry.payload)
        if size > MAX_PAYLOAD_BYTES or not entry.items:
            raise BadFrame(items=entry.items, payload_bytes=size)
        with self._gate:
            if self._closed:
                raise JournalClosed
            if self._waiting_bytes + size > MAX_WAITING_BYTES:
                raise JournalBusy(waiting_bytes=self._waiting_bytes)
            self._waiting_bytes += size
            self._waiting.put(entry)

    def _run(self) -> None:
        """Write group after group until told to stop."""
        waiting = self._waiting
        stopping = False
        while not stopping:
            try:
                entry = waiting.get(timeout=_SEAL_LOOK_S)
            except queue.Empty:
                # Nobody sends anything: the segment still ends when an erasure wants it to.
                if self._asked_to_seal():
                    with contextlib.suppress(OSError):
                        self._begin_segment()
                continue
            group: list[_Entry] = []
            while True:
                if entry is None:
                    stopping = True
                    break
                group.append(entry)
                try:
                    entry = waiting.get_nowait()
                except queue.Empty:
                    break
            if group:
                try:
                    self._write(group)
                except Exception as error:  # noqa: BLE001 - a bug must not leave everyone waiting
                    _tell(group, error)
                with self._gate:
                    self._waiting_bytes -= sum(len(entry.payload) for entry in group)

    def _write(self, group: Sequence[_Entry]) -> None:
        """Bring one group to the disk and tell everyone in it how it went."""
        try:
            self._rotate()
        except OSError as error:
            _tell(group, self._failure(error))
            return
        pieces: list[bytes] = []
        ends: list[int] = []
        lasts: list[int] = []
        end = self._size
        positions = dict(self._positions)
        for number, entry in enumerate(group, self._next_frame):
            first = positions.get(entry.site, 0) + 1
            frame = _frame(
                number=number,
                site=entry.site,
                key_id=entry.key_id,
                trusted=entry.trusted,
                received_at_ms=entry.received_at_ms,
                position=first,
                items=entry.items,
                payload=entry.payload,
            )
            pieces += (frame, entry.payload)
            end += len(frame) + len(entry.payload)
            positions[entry.site] = first + entry.items - 1
            ends.append(end)
            lasts.append(positions[entry.site])
        written, problem = _write_all(self._file, b"".join(pieces))
        kept = len(group)
        if problem is not None:
            # Frames that went out whole stay: a reader may have seen them already.
            reached = self._size + written
            kept = sum(1 for place in ends if place <= reached)
        try:
            whole = ends[kept - 1] if kept else self._size
            if problem is not None:
                os.ftruncate(self._file, whole)
            os.fdatasync(self._file)
        except OSError as error:
            # What the disk holds now is unknown: leave this file and these positions behind.
            self._abandon(positions, frames=len(group))
            _tell(group, self._failure(error))
            return
        self._size = whole
        self._next_frame += kept
        for entry, last in zip(group[:kept], lasts[:kept], strict=True):
            self._positions[entry.site] = last
        _tell(group[:kept], lasts[:kept])
        if problem is not None:
            _tell(group[kept:], self._failure(problem))

    def _failure(self, error: OSError) -> Outage:
        if error.errno in _NO_ROOM:
            return JournalFull(directory=self.directory)
        return JournalBroken(directory=self.directory, problem=error.strerror or str(error))

    def _abandon(self, positions: Mapping[str, int], *, frames: int) -> None:
        with contextlib.suppress(OSError):
            os.ftruncate(self._file, self._size)
        os.close(self._file)
        self._file = -1
        self._positions.update(positions)
        self._next_frame += frames

    def _rotate(self) -> None:
        """Start a new segment when there is none, or the present one is big or old enough."""
        full = self._size >= self._segment_bytes
        old = (
            self._size > self._empty_size
            and time.monotonic() - self._opened_at > self._segment_age_s
        )
        if self._file < 0 or full or old or self._asked_to_seal():
            self._begin_segment()

    def _asked_to_seal(self) -> bool:
        return (self.directory / _SEAL).exists()

    def _begin_segment(self) -> None:
        """Make the next segment durable, with the sequences so far, before anything goes in it."""
        payload = msgspec.json.encode(self._positions) + b"\n"
        opening = _frame(
            number=self._next_frame,
            site="",
            key_id="",
            trusted=False,
            received_at_ms=0,
            position=0,
            items=0,
            payload=payload,
        )
        path = self.directory / f"{self._next_frame:016d}.tlj"
        partial = path.with_suffix(".part")
        file = os.open(partial, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        try:
            _, problem = _write_all(file, opening + payload)
            if problem is not None:
                raise problem
            os.fsync(file)
            partial.rename(path)
            _sync_directory(self.directory)
        except OSError:
            os.close(file)
            partial.unlink(missing_ok=True)
            raise
        if self._file >= 0:
            os.close(self._file)
        self._file = file
        self._next_frame += 1
        self._size = self._empty_size = len(opening) + len(payload)
        (self.directory / _SEAL).unlink(missing_ok=True)
        self._opened_at = time.monotonic()


def segments(journal: Path, writer: str | None = None) -> list[Segment]:
    """List the segments of every writer, or of one, oldest first within a writer."""
    if writer is None:
        if not journal.is_dir():
            return []
        names = sorted(entry.name for entry in journal.iterdir() if entry.is_dir())
        return [segment for name in names for segment in segments(journal, name)]
    found = _segment_files(journal / writer)
    return [
        Segment(path=path, writer=writer, first_frame=number, sealed=index + 1 < len(found))
        for index, (number, path) in enumerate(found)
    ]


def seal(segment: Segment) -> None:
    """Have a newer segment begin: at once, or soon by the process that writes to this one."""
    try:
        JournalWriter.open(segment.path.parent.parent, segment.writer).close()
    except JournalInUse:
        (segment.path.parent / _SEAL).touch()


def remove_segment(segment: Segment) -> bool:
    """Delete a segment that the lake has; the newest of a writer stays, it holds the sequences.

    Returns:
        Whether it was deleted.
    """
    newest = _segment_files(segment.path.parent)[-1:]
    if not newest or newest[0][1] == segment.path:
        return False
    segment.path.unlink(missing_ok=True)
    return True


def lines_of(segment: Path, *, offset: int = 0, limit_bytes: int = _PIECE_BYTES) -> SegmentPiece:
    """Read a segment from an offset: items per site, verified, safe on disk.

    What is still in the page cache is synced first, so nothing is given out that
    a power cut could take back. Reading stops at a frame that is not whole yet.

    Args:
        segment: The file.
        offset: 0, or `next_offset` of the piece before.
        limit_bytes: About how much to read; at least one frame is read.
    """
    newest = _segment_files(segment.parent)[-1:]
    sealed = bool(newest) and newest[0][1] != segment
    file = os.open(segment, os.O_RDONLY | os.O_CLOEXEC)
    try:
        size = os.fstat(file).st_size
        if not sealed and size > offset:
            os.fdatasync(file)
        wanted = max(limit_bytes, _HEADER.size)
        data = _read(file, offset, min(wanted, size - offset))
        frames, end, damaged = _walk(data, at_end=offset + len(data) >= size)
        if not frames and offset + len(data) < size:
            # One frame, or one stretch of damage, is longer than the limit.
            data = _read(file, offset, min(2 * MAX_PAYLOAD_BYTES + wanted, size - offset))
            frames, end, damaged = _walk(data, at_end=offset + len(data) >= size)
    finally:
        os.close(file)
    reached_end = offset + len(data) >= size
    if sealed and reached_end and end < len(data):
        damaged += len(data) - end
        end = len(data)
    next_offset = offset + end
    return SegmentPiece(
        tables=MappingProxyType(_tables(data, frames)),
        next_offset=next_offset,
        sealed=sealed,
        finished=sealed and next_offset >= size,
        damaged_bytes=damaged,
    )


def _frame(
    *,
    number: int,
    site: str,
    key_id: str,
    trusted: bool,
    received_at_ms: int,
    position: int,
    items: int,
    payload: bytes,
) -> bytes:
    """Make everything of a frame that stands before its payload."""
    site_bytes = site.encode()
    key_bytes = key_id.encode()[:255]
    head = _HEADER.pack(
        MAGIC,
        0,
        VERSION,
        _TRUSTED if trusted else 0,
        len(payload),
        number,
        received_at_ms,
        position,
        items,
        len(site_bytes),
        len(key_bytes),
        0,
    )
    covered = head[_COVERED:] + site_bytes + key_bytes
    crc = zlib.crc32(covered)
    view = memoryview(payload)
    for at in range(0, len(payload), _CRC_BYTES):
        crc = zlib.crc32(view[at : at + _CRC_BYTES], crc)
    return b"".join((MAGIC, crc.to_bytes(4, "little"), covered))


def _walk(data: bytes, *, at_end: bool) -> tuple[list[_Frame], int, int]:
    """Find the whole frames of a buffer that begins with one.

    Args:
        data: Bytes of a segment.
        at_end: The buffer reaches the end of the file.

    Returns:
        The frames, the offset after the last of them, and how many bytes before
        it belong to no valid frame.
    """
    frames: list[_Frame] = []
    view = memoryview(data)
    at = damaged = 0
    while at + _HEADER.size <= len(data):
        frame = _frame_at(data, view, at)
        if frame is None:
            if not at_end and _may_be_cut(data, at):
                break
            found = _next_frame_after(data, view, at)
            if found is None:
                break
            damaged += found.start - at
            frame = found
        frames.append(frame)
        at = frame.end
    return frames, at, damaged


def _frame_at(data: bytes, view: memoryview, at: int) -> _Frame | None:
    """Read the frame that begins here, or say that none does."""
    (
        magic,
        crc,
        version,
        flags,
        length,
        number,
        received_at,
        position,
        items,
        site_length,
        key_length,
        _,
    ) = _HEADER.unpack_from(data, at)
    if magic != MAGIC or version != VERSION or length > MAX_PAYLOAD_BYTES:
        return None
    site_start = at + _HEADER.size
    key_start = site_start + site_length
    payload_start = key_start + key_length
    end = payload_start + length
    if end > len(data) or zlib.crc32(view[at + _COVERED : end]) != crc:
        return None
    return _Frame(
        at,
        payload_start,
        end,
        number,
        received_at,
        position,
        items,
        bool(flags & _TRUSTED),
        data[site_start:key_start],
        data[key_start:payload_start],
    )


def _may_be_cut(data: bytes, at: int) -> bool:
    """Tell whether a frame may begin here that the buffer is too short for."""
    if data[at : at + 4] != MAGIC:
        return False
    length = int.from_bytes(data[at + 12 : at + 16], "little")
    return length <= MAX_PAYLOAD_BYTES and at + _HEADER.size + 512 + length > len(data)


def _next_frame_after(data: bytes, view: memoryview, at: int) -> _Frame | None:
    """Find the first valid frame after a place that has none."""
    place = data.find(MAGIC, at + 1)
    while 0 <= place <= len(data) - _HEADER.size:
        frame = _frame_at(data, view, place)
        if frame is not None:
            return frame
        place = data.find(MAGIC, place + 1)
    return None


@dataclass(slots=True)
class _Columns:
    """The frames of one site, column by column."""

    payloads: list[memoryview] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    items: list[int] = field(default_factory=list)
    received_at: list[int] = field(default_factory=list)
    keys: list[bytes] = field(default_factory=list)
    trusted: list[bool] = field(default_factory=list)


def _tables(data: bytes, frames: Iterable[_Frame]) -> dict[str, pa.Table]:
    view = memoryview(data)
    sites: dict[bytes, _Columns] = {}
    for frame in frames:
        if not frame.items:
            continue
        columns = sites.get(frame.site)
        if columns is None:
            columns = sites[frame.site] = _Columns()
        columns.payloads.append(view[frame.payload_start : frame.end])
        columns.positions.append(frame.position)
        columns.items.append(frame.items)
        columns.received_at.append(frame.received_at)
        columns.keys.append(frame.key_id)
        columns.trusted.append(frame.trusted)
    return {site.decode(): _table(columns) for site, columns in sites.items()}


def _table(columns: _Columns) -> pa.Table:
    """Lay a site's frames out as one row an item, without touching the items one by one."""
    items = np.asarray(columns.items, dtype=np.int64)
    ends = np.cumsum(items)
    n = int(ends[-1])
    shift = np.asarray(columns.positions, dtype=np.int64) - (ends - items)
    position = np.repeat(shift, items) + np.arange(n, dtype=np.int64)
    text = b"".join(columns.payloads)
    breaks = np.flatnonzero(np.frombuffer(text, dtype=np.uint8) == ord("\n"))
    offsets = np.zeros(n + 1, dtype=np.int32)
    offsets[1:] = breaks - np.arange(n)
    line = pa.StringArray.from_buffers(
        n, pa.py_buffer(offsets), pa.py_buffer(text.replace(b"\n", b""))
    )
    names = sorted(set(columns.keys))
    codes = {name: code for code, name in enumerate(names)}
    key_id = pa.DictionaryArray.from_arrays(
        pa.array(np.repeat(np.asarray([codes[key] for key in columns.keys], np.int32), items)),
        pa.array([name.decode() for name in names], pa.string()),
    ).cast(pa.string())
    return pa.Table.from_arrays(
        [
            pa.array(position),
            pa.array(np.repeat(np.asarray(columns.received_at, np.int64), items)),
            key_id,
            pa.array(np.repeat(np.asarray(columns.trusted, np.bool_), items)),
            line,
        ],
        schema=LINES,
    )


def _recover(directory: Path) -> tuple[int, dict[str, int], int]:
    """Find where a writer stopped and cut what it did not finish.

    Returns:
        The next frame's number, the last position of every site, bytes cut off.
    """
    next_frame = 1
    positions: dict[str, int] = {}
    cut = 0
    found = _segment_files(directory)
    for index, (number, path) in enumerate(found):
        newest = index + 1 == len(found)
        if not newest and index + 2 != len(found):
            continue  # the newest knows; the one before it is asked in case that one is damaged
        data = path.read_bytes()
        frames, end, _ = _walk(data, at_end=True)
        if newest and end < len(data):
            cut = len(data) - end
            _truncate(path, end)
        next_frame = max(next_frame, number + 1)
        for frame in frames:
            next_frame = max(next_frame, frame.number + 1)
            if frame.items:
                site = frame.site.decode()
                last = frame.position + frame.items - 1
                positions[site] = max(positions.get(site, 0), last)
            else:
                opening = msgspec.json.decode(
                    data[frame.payload_start : frame.end], type=dict[str, int]
                )
                for site, last in opening.items():
                    positions[site] = max(positions.get(site, 0), last)
    return next_frame, positions, cut


def _segment_files(directory: Path) -> list[tuple[int, Path]]:
    """List a writer's segments by number."""
    if not directory.is_dir():
        return []
    found = []
    for entry in os.scandir(directory):
        name = _SEGMENT_NAME.match(entry.name)
        if name:
            found.append((int(name[1]), directory / entry.name))
    return sorted(found)


def _truncate(path: Path, size: int) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.ftruncate(file, size)
        os.fsync(file)
    finally:
        os.close(file)


def _write_all(file: int, data: bytes) -> tuple[int, OSError | None]:
    """Write everything, or say how much went out and what stood in the way."""
    view = memoryview(data)
    written = 0
    try:
        while written < len(data):
            written += os.write(file, view[written:])
    except OSError as error:
        return written, error
    return written, None


def _read(file: int, offset: int, size: int) -> bytes:
    parts = []
    while size > 0:
        part = os.pread(file, size, offset)
        if not part:
            break
        parts.append(part)
        offset += len(part)
        size -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _sync_directory(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _payload(lines: Sequence[bytes]) -> bytes:
    return b"\n".join(lines) + b"\n"


def _tell(group: Sequence[_Entry], outcome: Sequence[int] | BaseException) -> None:
    """Settle a group: each with its position, or all with what went wrong.

    A loop is woken once for all that wait in it, not once for each.
    """
    outcomes: Sequence[int | BaseException] = (
        [outcome] * len(group) if isinstance(outcome, BaseException) else outcome
    )
    loops: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[int], int | BaseException]]]
    loops = {}
    for entry, result in zip(group, outcomes, strict=True):
        done = entry.done
        if isinstance(done, asyncio.Future):
            loops.setdefault(done.get_loop(), []).append((done, result))
        elif isinstance(result, BaseException):
            done.set_exception(result)
        else:
            done.set_result(result)
    for loop, waiting in loops.items():
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits there any more
            loop.call_soon_threadsafe(_settle, waiting)


def _settle(waiting: Iterable[tuple[asyncio.Future[int], int | BaseException]]) -> None:
    for done, outcome in waiting:
        if done.done():  # the client went away and its request was cancelled
            continue
        if isinstance(outcome, BaseException):
            done.set_exception(outcome)
        else:
            done.set_result(outcome)
