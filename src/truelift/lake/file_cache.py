"""Local copies of immutable files that lie elsewhere: whole, checked, and no more than fit."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from io import BufferedIOBase
from pathlib import Path
from typing import BinaryIO, Final, Protocol, TypeAlias

from truelift.errors import Outage


_DIGEST: Final = re.compile(r"\.(?P<digest>[0-9a-f]{16})(?=\.parquet$)")
_PARTIAL: Final = ".partial"
_FETCH_TRIES: Final = 2
_HOLD_TRIES: Final = 20
_AT_ONCE: Final = 8

_State: TypeAlias = tuple[int, int, int]
"""Inode, size and time of change of a file."""


class FileGone(Outage):
    """A file was removed between listing and reading: what was in it is in others by now."""

    code = "lake.file_gone"

    def __init__(self, *, name: str) -> None:
        super().__init__(f"{name} was removed while it was needed; ask again.", name=name)


class DamagedFile(Outage):
    """What lies there is, time and again, not what was written.

    Attributes:
        name: Of the file, relative to its table.
    """

    code = "lake.file_damaged"

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(
            f"The lake file {name} is not what was written. Restore it from a backup; until then"
            " answers leave it out and say so, and nothing that is in it can be changed.",
            name=name,
        )


class Origin(Protocol):
    """Where the files lie."""

    def read_into(self, name: str, file: BinaryIO) -> None:
        """Copy a file's bytes.

        Raises:
            FileNotFoundError: There is no such file.
        """
        ...

    def exists(self, name: str) -> bool:
        """Say whether a file is there."""
        ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file that is to be read.

    Attributes:
        name: With folders.
        size_bytes: What it measures.
    """

    name: str
    size_bytes: int


@dataclass(slots=True)
class SoundFiles:
    """Files of this machine that were seen to be what their names say, as they are now.

    Neither DuckDB nor a Parquet page tells of a bit that has turned over and still decodes.
    """

    _states: dict[Path, _State] = field(default_factory=dict)

    def has(self, path: Path, size_bytes: int) -> bool:
        """Say whether a file is what was written; read through once, and again when it changed.

        One that is not there is nobody's damage: whoever opens it learns that.
        """
        try:
            with path.open("rb") as file:
                stat = os.fstat(file.fileno())
                if self._states.get(path) == _state(stat):
                    return True
                if not _is_whole(Wanted(path.name, size_bytes), file, stat.st_size):
                    return False
        except FileNotFoundError:
            return True
        self._states[path] = _state(stat)
        return True


@dataclass(slots=True)
class FileCache:
    """A folder of copies, shared by all processes of a home; the least used go first.

    A copy that somebody reads is locked (`flock`, shared) and stays, also when that takes
    more room than there is; what is too much goes when it is let go of.

    Attributes:
        folder: Where the copies are; may be removed at any time.
        limit_bytes: How much all of them may measure.
        origin: Where they come from.
    """

    folder: Path
    limit_bytes: int
    origin: Origin
    _sound: dict[str, _State] = field(default_factory=dict, repr=False)
    _trimmed: bool = False
    _fetching: dict[str, threading.Lock] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @contextmanager
    def held(self, wanted: Sequence[Wanted]) -> Iterator[list[Path]]:
        """Have copies of some files for as long as they are read; brings those that lack.

        Raises:
            FileGone: One is not there any more.
            DamagedFile: One is not what was written.
        """
        lacking = sum(not self.path(each.name).exists() for each in wanted)
        with ExitStack() as held:
            if lacking or not self._trimmed:
                held.callback(self.trim)
            try:
                self._hold(wanted, held, at_once=lacking > 1)
            except FileNotFoundError as error:
                raise FileGone(name=str(error)) from error
            yield [self.path(each.name) for each in wanted]

    def _hold(self, wanted: Sequence[Wanted], held: ExitStack, *, at_once: bool) -> None:
        if not at_once:
            for each in wanted:
                held.callback(os.close, self._held(each))
            return
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="lake-fetch") as pool:
            coming = [pool.submit(self._held, each) for each in wanted]
        for fetched in coming:
            if fetched.exception() is None:
                held.callback(os.close, fetched.result())
        for fetched in coming:
            fetched.result()

    def path(self, name: str) -> Path:
        """Give where the copy of a file is, or would be."""
        return self.folder / name

    def put(self, source: Path, name: str) -> None:
        """Take a file that was just stored as its own copy."""
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        source.replace(path)
        self._sound[name] = _state(path.stat())
        self.trim()

    def drop(self, name: str) -> None:
        """Remove a copy, and what is being fetched of it, whoever reads it."""
        path = self.path(name)
        path.unlink(missing_ok=True)
        for partial in path.parent.glob(f".{path.name}.*{_PARTIAL}"):
            partial.unlink(missing_ok=True)
        self._sound.pop(name, None)

    def names(self, under: str) -> list[str]:
        """List the copies below a folder, and those that are being fetched as what they will be."""
        return sorted({_name(path, self.folder) for path in _files(self.folder / under)})

    def trim(self, *, room: int = 0) -> None:
        """Remove what was not used for longest and nobody reads, until all fits with more room."""
        self._trimmed = True
        found = []
        for path in _files(self.folder):
            with suppress(FileNotFoundError):
                stat = path.stat()
                # What a process began to fetch that has ended is the first to go.
                used = 0 if path.name.endswith(_PARTIAL) else stat.st_atime_ns
                found.append((used, path, stat.st_size))
        total = sum(size for _, _, size in found)
        for used, path, size in sorted(found):
            if (total + room > self.limit_bytes or not used) and _removed_if_free(path):
                total -= size

    def _held(self, wanted: Wanted) -> int:
        """Give a descriptor that keeps a copy from being removed."""
        path = self.path(wanted.name)
        for _ in range(_HOLD_TRIES):
            try:
                descriptor = os.open(path, os.O_RDONLY)
            except FileNotFoundError:
                fetched = self._fetched(wanted)
                if fetched is None:
                    continue
                descriptor = fetched
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            there = os.fstat(descriptor)
            if not _is_at(there, path):
                os.close(descriptor)
            elif self._is_sound(wanted, descriptor, there):
                # The time of change stays: engines tell by it whether they know a file.
                os.utime(descriptor, ns=(time.time_ns(), there.st_mtime_ns))
                return descriptor
            else:
                path.unlink(missing_ok=True)
                os.close(descriptor)
        raise DamagedFile(wanted.name.partition("/")[2])

    def _is_sound(self, wanted: Wanted, descriptor: int, there: os.stat_result) -> bool:
        """Say whether a copy is what was stored; looked at again when it has changed."""
        state = _state(there)
        if self._sound.get(wanted.name) == state:
            return True
        with os.fdopen(os.dup(descriptor), "rb") as file:
            sound = _is_whole(wanted, file, there.st_size)
        if sound:
            self._sound[wanted.name] = state
        return sound

    def _fetched(self, wanted: Wanted) -> int | None:
        """Bring a file; None when another thread or process did meanwhile, or an erasure went by.

        Raises:
            FileNotFoundError: It is not there any more.
            DamagedFile: It is not what was written.
        """
        with self._lock:
            mine = self._fetching.setdefault(wanted.name, threading.Lock())
        path = self.path(wanted.name)
        with mine:
            if path.exists():
                return None
            self.trim(room=wanted.size_bytes)
            path.parent.mkdir(parents=True, exist_ok=True)
            for _ in range(_FETCH_TRIES):
                descriptor = self._fetched_whole(wanted, path)
                if descriptor is not None:
                    break
            else:
                raise DamagedFile(wanted.name.partition("/")[2])
            still = False
            try:
                still = self.origin.exists(wanted.name)
            finally:
                if not still:
                    # Erased while it came: whoever erased looked here before it was there.
                    self.drop(wanted.name)
                    os.close(descriptor)
            if not still:
                raise FileNotFoundError(wanted.name)
            return descriptor

    def _fetched_whole(self, wanted: Wanted, path: Path) -> int | None:
        """Write what comes beside the copy's place, and put it there when it is whole."""
        beside = f".{path.name}.{os.getpid()}-{threading.get_ident()}{_PARTIAL}"
        partial = path.with_name(beside)
        try:
            with partial.open("w+b") as file:
                fcntl.flock(file, fcntl.LOCK_SH)
                self.origin.read_into(wanted.name, file)
                file.flush()
                file.seek(0)
                if not _is_whole(wanted, file, os.fstat(file.fileno()).st_size):
                    return None
                # A link puts it there only if nobody else did, and fails where an erasure
                # has removed what was fetched.
                with suppress(FileExistsError):
                    os.link(partial, path)
                    self._sound[wanted.name] = _state(os.fstat(file.fileno()))
                return os.dup(file.fileno())
        finally:
            partial.unlink(missing_ok=True)


def digest_of(path: Path) -> str:
    """Give what a file's content is called in its name."""
    with path.open("rb") as file:
        return _digest(file)


def named_by_content(name: str, digest: str) -> str:
    """Put a digest into the name of a file."""
    return f"{name.removesuffix('.parquet')}.{digest}.parquet"


def planned_name(name: str) -> str:
    """Give what a file was to be called before its content was known."""
    return _DIGEST.sub("", name)


def _is_whole(wanted: Wanted, file: BufferedIOBase, size_bytes: int) -> bool:
    if size_bytes != wanted.size_bytes:
        return False
    named = _DIGEST.search(wanted.name)
    # What another tool wrote into the table has no digest in its name.
    return named is None or _digest(file) == named["digest"]


def _digest(file: BufferedIOBase) -> str:
    return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=8)).hexdigest()


def _state(stat: os.stat_result) -> _State:
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def _files(folder: Path) -> Iterator[Path]:
    for parent, _, names in os.walk(folder):
        for name in names:
            yield Path(parent) / name


def _name(path: Path, folder: Path) -> str:
    name = path.name
    if name.endswith(_PARTIAL):
        name = name[1:].removesuffix(_PARTIAL).rpartition(".")[0]
    return path.with_name(name).relative_to(folder).as_posix()


def _is_at(stat: os.stat_result, path: Path) -> bool:
    try:
        return stat.st_ino == path.stat().st_ino
    except FileNotFoundError:
        return False


def _removed_if_free(path: Path) -> bool:
    """Remove a file that nobody holds; say whether."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _is_at(os.fstat(descriptor), path):
            path.unlink(missing_ok=True)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True
