"""Where the Delta tables lie: in a folder of this machine, or in an S3-compatible object store."""

from __future__ import annotations

import os
import re
import shutil
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, Protocol, TypeAlias

from truelift.errors import Outage
from truelift.lake.durable import sync_file, sync_folder
from truelift.lake.file_cache import (
    DamagedFile,
    FileCache,
    SoundFiles,
    Wanted,
    digest_of,
    named_by_content,
)
from truelift.settings import S3Lake


if TYPE_CHECKING:
    from pyarrow.fs import FileInfo, S3FileSystem


LOG: Final = "_delta_log"
"""Folder of a table's log."""

FileState: TypeAlias = tuple[int, int, int]
"""Tells a file from one that was put in its place."""

_PIECE_BYTES: Final = 8 << 20
_AT_ONCE: Final = 8
_LOOK_EVERY_S: Final = 30.0
_CONNECT_S: Final = 5
_TRIES: Final = 3
_REASON_LENGTH: Final = 240
_COLOURS: Final = re.compile(r"\x1b\[[0-9;]*m")
_PROBE: Final = b"truelift"


class StorageUnreachable(Outage):
    """The object store that the lake is in does not do what it was asked."""

    code = "lake.storage_unreachable"

    def __init__(self, *, lake: str, reason: str) -> None:
        super().__init__(
            f"The lake at {lake} cannot be reached: {reason}. What arrives stays in the journal"
            " and is loaded when the store is back; nothing is lost. Check the network, the keys"
            " and AWS_ENDPOINT_URL and AWS_REGION; `truelift doctor` tries the store.",
            lake=lake,
            reason=reason,
        )


class Stored(Protocol):
    """A file of a table, as the log names it."""

    @property
    def path(self) -> str:
        """Relative to the table."""
        ...

    @property
    def size_bytes(self) -> int:
        """What it measures."""
        ...


class TableStore(Protocol):
    """Where one site's table lies. Its files are named once and never change."""

    @property
    def address(self) -> str:
        """What delta-rs and messages call it."""
        ...

    @property
    def options(self) -> dict[str, str] | None:
        """What delta-rs is told besides."""
        ...

    @property
    def look_every_s(self) -> float:
        """So long a look at the log holds where nobody says that there is something newer."""
        ...

    def begun(self) -> bool:
        """Say whether there may be a table."""
        ...

    def begin(self) -> None:
        """Make room for a table."""
        ...

    def reaching(self) -> AbstractContextManager[None]:
        """Tell what goes wrong between here and the store as an outage."""
        ...

    def exists(self, name: str) -> bool:
        """Say whether a file is there."""
        ...

    def read(self, name: str) -> bytes:
        """Give a small file's bytes.

        Raises:
            FileNotFoundError: There is no such file.
        """
        ...

    def names(self, under: str = "") -> list[str]:
        """List all files below a folder."""
        ...

    def remove(self, names: Iterable[str]) -> None:
        """Remove files and copies of them; those that are not there are removed already."""
        ...

    def settle(self, name: str) -> None:
        """Return when a file that delta-rs wrote would survive a power cut."""
        ...

    def draft(self, name: str) -> Path:
        """Give the place where a new file is written before it is kept."""
        ...

    def keep(self, name: str) -> str:
        """Make a draft a file of the table that survives; say what it is called there."""
        ...

    def forget_drafts(self) -> None:
        """Remove what was written and never kept; nobody else may be writing."""
        ...

    def forget_copies(self, known: Iterable[str]) -> None:
        """Remove local copies of all but some files."""
        ...

    def local(self, files: Sequence[Stored]) -> AbstractContextManager[list[Path]]:
        """Have files on this machine for as long as they are read.

        Raises:
            FileGone: One is not there any more.
            DamagedFile: One is not what was written.
        """
        ...

    def copy(self, name: str) -> Path | None:
        """Give the file that questions read, where there is one on this machine."""
        ...

    def state(self, name: str) -> FileState | None:
        """Tell a file from what may be put in its place later; None where there is none."""
        ...


class Storage(Protocol):
    """Where all tables of a home lie."""

    @property
    def readable(self) -> Path:
        """The folder of this machine that has everything which questions read."""
        ...

    def make(self) -> None:
        """Make what must be there before the first table."""
        ...

    def sites(self) -> list[str]:
        """List the folders of sites."""
        ...

    def table(self, site: str) -> TableStore:
        """Give the place of a site's table."""
        ...

    def forget_drafts(self) -> None:
        """Remove what was written and never kept; nobody else may be writing."""
        ...

    def check(self) -> None:
        """Write, read, list and remove something small.

        Raises:
            StorageUnreachable: One of that cannot be done.
        """
        ...


@lru_cache(maxsize=16)
def storage_of(lake: Path | S3Lake, copies: Path) -> Storage:
    """Give the one storage that this process has for a lake.

    Args:
        lake: What the settings say.
        copies: Folder for copies of what is not on this machine.
    """
    return Folders(lake) if isinstance(lake, Path) else ObjectStore(lake, copies)


# A folder of this machine


@dataclass(frozen=True, slots=True)
class Folders:
    """Tables in a folder of this machine.

    Attributes:
        root: It.
    """

    root: Path
    _sound: SoundFiles = field(default_factory=SoundFiles, repr=False, compare=False)

    @property
    def readable(self) -> Path:
        """The folder of this machine that has everything which questions read."""
        return self.root

    def make(self) -> None:
        """Make what must be there before the first table."""
        self.root.mkdir(parents=True, exist_ok=True)

    def sites(self) -> list[str]:
        """List the folders of sites."""
        if not self.root.is_dir():
            return []
        return sorted(path.name for path in self.root.iterdir() if path.is_dir())

    def table(self, site: str) -> FolderTable:
        """Give the place of a site's table."""
        return FolderTable(self.root / site / "events", self._sound)

    def forget_drafts(self) -> None:
        """Do nothing: a draft is a file that the log does not know."""

    def check(self) -> None:
        """Do nothing: whoever runs the home sees its disk by other means."""


@dataclass(frozen=True, slots=True)
class FolderTable:
    """One table in a folder of this machine; its files are read where they are.

    Attributes:
        folder: It.
    """

    folder: Path
    _sound: SoundFiles = field(default_factory=SoundFiles, repr=False, compare=False)

    @property
    def address(self) -> str:
        """What delta-rs and messages call it."""
        return str(self.folder)

    @property
    def options(self) -> None:
        """What delta-rs is told besides."""
        return

    @property
    def look_every_s(self) -> float:
        """So long a look at the log holds where nobody says that there is something newer."""
        return 0.0

    def begun(self) -> bool:
        """Say whether there may be a table."""
        return (self.folder / LOG).is_dir()

    def begin(self) -> None:
        """Make room for a table."""
        self.folder.mkdir(parents=True, exist_ok=True)

    def reaching(self) -> AbstractContextManager[None]:
        """Leave everything as it is: what goes wrong with a disk says so itself."""
        return nullcontext()

    def exists(self, name: str) -> bool:
        """Say whether a file is there."""
        return (self.folder / name).exists()

    def read(self, name: str) -> bytes:
        """Give a small file's bytes."""
        return (self.folder / name).read_bytes()

    def names(self, under: str = "") -> list[str]:
        """List all files below a folder."""
        return sorted(
            path.relative_to(self.folder).as_posix()
            for path in (self.folder / under).rglob("*")
            if path.is_file()
        )

    def remove(self, names: Iterable[str]) -> None:
        """Remove files; those that are not there are removed already."""
        for name in names:
            (self.folder / name).unlink(missing_ok=True)

    def settle(self, name: str) -> None:
        """Return when a file that delta-rs wrote would survive a power cut."""
        # delta-rs renames it into place without a sync.
        sync_file(self.folder / name)
        sync_folder((self.folder / name).parent)

    def draft(self, name: str) -> Path:
        """Give the place where a new file is written: where it stays, unknown to the log."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def keep(self, name: str) -> str:
        """Give a draft the name that says what is in it, and make that survive."""
        kept = named_by_content(name, digest_of(self.folder / name))
        (self.folder / name).replace(self.folder / kept)
        self.settle(kept)
        return kept

    def forget_drafts(self) -> None:
        """Do nothing: a draft is a file that the log does not know."""

    def forget_copies(self, known: Iterable[str]) -> None:
        """Do nothing: there are none."""

    def local(self, files: Sequence[Stored]) -> AbstractContextManager[list[Path]]:
        """Say where files are, once it is sure that they are what was written."""
        for file in files:
            if not self._sound.has(self.folder / file.path, file.size_bytes):
                raise DamagedFile(file.path)
        return nullcontext([self.folder / file.path for file in files])

    def copy(self, name: str) -> Path | None:
        """Give the file that questions read."""
        return self.folder / name

    def state(self, name: str) -> FileState | None:
        """Tell a file from what may be put in its place later; None where there is none."""
        return _state(self.folder / name)


# An object store


@dataclass(slots=True)
class ObjectStore:
    """Tables in an object store; what is read comes through a cache in the home.

    delta-rs reads and writes the log with its own client, Arrow's brings and takes the
    files: both find the same keys by the usual variables and files of AWS, and neither
    holds Python's lock while it waits.

    Attributes:
        lake: Where.
        copies: Folder of the cache and of drafts.
    """

    lake: S3Lake
    copies: Path
    cache: FileCache = field(init=False)
    client: _Client = field(init=False, repr=False)
    _sites: list[str] = field(default_factory=list, repr=False)
    _sites_until: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def __post_init__(self) -> None:
        self.client = _Client(self.lake)
        self.cache = FileCache(self.readable, self.lake.cache_bytes, _Tables(self.client))

    @property
    def readable(self) -> Path:
        """The folder of this machine that has everything which questions read."""
        return self.copies / "lake"

    @property
    def drafts(self) -> Path:
        """The folder of what is not stored yet."""
        return self.copies / "drafts"

    def make(self) -> None:
        """Make the folders of copies; the bucket is its owner's to make."""
        self.readable.mkdir(parents=True, exist_ok=True)

    def sites(self) -> list[str]:
        """List the folders of sites, as they were at most half a minute ago."""
        with self._lock:
            if not self._sites_until or time.monotonic() > self._sites_until:
                self._sites = self.client.folders("")
                self._sites_until = time.monotonic() + _LOOK_EVERY_S
            return self._sites

    def table(self, site: str) -> ObjectTable:
        """Give the place of a site's table."""
        return ObjectTable(self, site)

    def forget_drafts(self) -> None:
        """Remove what was written and never stored."""
        shutil.rmtree(self.drafts, ignore_errors=True)

    def check(self) -> None:
        """Write, read, list and remove something small."""
        key = f"_truelift/check-{os.getpid()}-{time.time_ns()}"
        try:
            self.client.write(key, _PROBE)
            same = self.client.read(key) == _PROBE
            listed = key in self.client.keys("_truelift")
            self.client.remove(key)
        except FileNotFoundError as error:
            raise StorageUnreachable(lake=str(self.lake), reason=_reason(error)) from error
        if not (same and listed):
            reason = "what was written is not there a moment later"
            raise StorageUnreachable(lake=str(self.lake), reason=reason)


@dataclass(frozen=True, slots=True)
class ObjectTable:
    """One table in an object store.

    Attributes:
        store: Which.
        site: Whose events.
    """

    store: ObjectStore
    site: str

    @property
    def address(self) -> str:
        """What delta-rs and messages call it."""
        return f"{self.store.lake}/{self.site}/events"

    @property
    def options(self) -> dict[str, str]:
        """What delta-rs is told besides: a log entry is written only if there is none."""
        return self.store.client.delta_options()

    @property
    def look_every_s(self) -> float:
        """So long a look at the log holds where nobody says that there is something newer."""
        return _LOOK_EVERY_S

    def begun(self) -> bool:
        """Say that there may be a table: only a look at its log tells."""
        return True

    def begin(self) -> None:
        """Do nothing: keys need no folders."""

    def reaching(self) -> AbstractContextManager[None]:
        """Tell what goes wrong between here and the store as an outage."""
        return _reaching(self.store.lake)

    def exists(self, name: str) -> bool:
        """Say whether a file is there."""
        return self.store.client.exists(self._key(name))

    def read(self, name: str) -> bytes:
        """Give a small file's bytes."""
        return self.store.client.read(self._key(name))

    def names(self, under: str = "") -> list[str]:
        """List all files below a folder."""
        start = len(self._key(""))
        return [key[start:] for key in self.store.client.keys(self._key(under))]

    def remove(self, names: Iterable[str]) -> None:
        """Remove files, then copies of them; those that are not there are removed already."""
        listed = list(names)
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="lake-remove") as pool:
            list(pool.map(lambda name: self.store.client.remove(self._key(name)), listed))
        for name in listed:
            self.store.cache.drop(self._copied(name))

    def settle(self, name: str) -> None:
        """Do nothing: a store answers when it has what it was given."""

    def draft(self, name: str) -> Path:
        """Give the place where a new file is written before it is stored."""
        path = self.store.drafts / self.site / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def keep(self, name: str) -> str:
        """Store a draft under a name that says what is in it; it becomes its own copy."""
        draft = self.store.drafts / self.site / name
        stored = named_by_content(name, digest_of(draft))
        self.store.client.upload(draft, self._key(stored))
        self.store.cache.put(draft, self._copied(stored))
        return stored

    def forget_drafts(self) -> None:
        """Remove what was written and never stored."""
        shutil.rmtree(self.store.drafts / self.site, ignore_errors=True)

    def forget_copies(self, known: Iterable[str]) -> None:
        """Remove local copies of all but some files."""
        kept = {self._copied(name) for name in known}
        for name in self.store.cache.names(self.site):
            if name not in kept:
                self.store.cache.drop(name)

    def local(self, files: Sequence[Stored]) -> AbstractContextManager[list[Path]]:
        """Have files on this machine for as long as they are read."""
        return self.store.cache.held(
            [Wanted(self._copied(file.path), file.size_bytes) for file in files]
        )

    def copy(self, name: str) -> Path | None:
        """Give the copy that questions read, where there is one."""
        path = self.store.cache.path(self._copied(name))
        return path if path.exists() else None

    def state(self, name: str) -> FileState | None:
        """Tell a copy from another; where there is none, bringing it is tried every minute."""
        found = _state(self.store.cache.path(self._copied(name)))
        return found or (0, 0, int(time.monotonic() // 60))

    def _key(self, name: str) -> str:
        return f"{self.site}/events/{name}"

    def _copied(self, name: str) -> str:
        return f"{self.site}/{name}"


@dataclass(frozen=True, slots=True)
class _Tables:
    """Where the cache has its files from."""

    client: _Client

    def read_into(self, name: str, file: BinaryIO) -> None:
        """Copy a file's bytes."""
        self.client.download(self._key(name), file)

    def exists(self, name: str) -> bool:
        """Say whether a file is there."""
        return self.client.exists(self._key(name))

    @staticmethod
    def _key(name: str) -> str:
        site, _, path = name.partition("/")
        return f"{site}/events/{path}"


@dataclass(slots=True)
class _Client:
    """Speaks to the store; keys are relative to the lake's prefix."""

    lake: S3Lake
    _files: S3FileSystem | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def delta_options(self) -> dict[str, str]:
        """Say the same to delta-rs; keys it finds by itself."""
        options = {
            "aws_conditional_put": os.environ.get("AWS_CONDITIONAL_PUT") or "etag",
            "connect_timeout": f"{_CONNECT_S}s",
            "timeout": "60s",
            "max_retries": str(_TRIES),
            "retry_timeout": "30s",
        }
        if self.lake.endpoint:
            options["aws_endpoint"] = self.lake.endpoint
        if self.lake.region:
            options["aws_region"] = self.lake.region
        if self.lake.plain_http:
            options["allow_http"] = "true"
        if self.lake.virtual_hosted:
            options["aws_virtual_hosted_style_request"] = "true"
        return options

    def exists(self, key: str) -> bool:
        """Say whether a key has an object."""
        with self._reached() as files:
            return _is_file(files.get_file_info(self._path(key)))

    def read(self, key: str) -> bytes:
        """Give a small object's bytes."""
        with self._reached() as files, files.open_input_stream(self._path(key)) as stream:
            return bytes(stream.read())

    def write(self, key: str, content: bytes) -> None:
        """Write a small object."""
        with self._reached() as files, files.open_output_stream(self._path(key)) as stream:
            stream.write(content)

    def download(self, key: str, file: BinaryIO) -> None:
        """Copy an object into a file."""
        with self._reached() as files:
            stream = files.open_input_stream(self._path(key))
        try:
            while True:
                with self._reached():
                    piece = stream.read(_PIECE_BYTES)
                if not piece:
                    break
                # Not within: a disk that is full is no outage of the store.
                file.write(piece)
        finally:
            stream.close()

    def upload(self, source: Path, key: str) -> None:
        """Copy a file into an object, and look that all of it came."""
        with source.open("rb") as file, self._reached() as files:
            with files.open_output_stream(self._path(key)) as stream:
                while piece := file.read(_PIECE_BYTES):
                    stream.write(piece)
            stored = files.get_file_info(self._path(key)).size
        if stored != source.stat().st_size:
            reason = f"{stored} of {source.stat().st_size} bytes of {key} arrived"
            raise StorageUnreachable(lake=str(self.lake), reason=reason)

    def remove(self, key: str) -> None:
        """Remove an object; one that is not there is removed already."""
        with self._reached() as files:
            try:
                files.delete_file(self._path(key))
            except FileNotFoundError:
                return

    def keys(self, under: str) -> list[str]:
        """List objects below a prefix."""
        start = len(self._path(""))
        return sorted(
            info.path[start:] for info in self._listed(under, recursive=True) if _is_file(info)
        )

    def folders(self, under: str) -> list[str]:
        """List what stands before the next slash of keys."""
        return sorted(
            info.base_name for info in self._listed(under, recursive=False) if not _is_file(info)
        )

    def _listed(self, under: str, *, recursive: bool) -> Sequence[FileInfo]:
        from pyarrow.fs import FileSelector

        base = self._path(under).rstrip("/")
        with self._reached() as files:
            return list(
                files.get_file_info(FileSelector(base, recursive=recursive, allow_not_found=True))
            )

    def _path(self, key: str) -> str:
        prefix = f"{self.lake.prefix}/" if self.lake.prefix else ""
        return f"{self.lake.bucket}/{prefix}{key}"

    @contextmanager
    def _reached(self) -> Iterator[S3FileSystem]:
        with _reaching(self.lake):
            yield self._opened()

    def _opened(self) -> S3FileSystem:
        from pyarrow.fs import AwsStandardS3RetryStrategy, S3FileSystem

        with self._lock:
            if self._files is None:
                self._files = S3FileSystem(
                    region=self.lake.region or None,
                    endpoint_override=self.lake.endpoint or None,
                    force_virtual_addressing=self.lake.virtual_hosted,
                    connect_timeout=_CONNECT_S,
                    retry_strategy=AwsStandardS3RetryStrategy(max_attempts=_TRIES),
                    # A small file goes in one request, which leaves nothing behind when it fails.
                    allow_delayed_open=True,
                    background_writes=False,
                )
            return self._files


@contextmanager
def _reaching(lake: S3Lake) -> Iterator[None]:
    from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

    try:
        yield
    except (FileNotFoundError, CommitFailedError, TableNotFoundError):
        raise
    except (OSError, DeltaError) as error:
        raise StorageUnreachable(lake=str(lake), reason=_reason(error)) from error


def _reason(error: Exception) -> str:
    return " ".join(_COLOURS.sub("", str(error)).replace("↳", ":").split())[:_REASON_LENGTH]


def _is_file(info: FileInfo) -> bool:
    return bool(info.is_file)


def _state(path: Path) -> FileState | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
