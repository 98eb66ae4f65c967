"""Whether a site has ever seen the names that a question uses, without asking it anew each time."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Final, TypeVar

import pyarrow as pa

from truelift.lake.file_cache import DamagedFile, FileGone
from truelift.lake.indexed import IndexReader
from truelift.lake.snapshot import Engine, Snapshot
from truelift.lake.stopping import Stop, watched
from truelift.lake.storage import TableStore
from truelift.lake.tables import LakeFile
from truelift.questions.dimensions import DIMENSIONS, PROPERTY, Placeholders, text_of
from truelift.questions.remarks import Code, Names, Remark, close_to


if TYPE_CHECKING:
    import duckdb
else:
    from truelift.lake import late_duckdb as duckdb


SEARCH_S: Final = 20.0
"""How long a property is looked for that is in none of the newest events."""

SAMPLE_FILES: Final = 4
SAMPLE_ROWS: Final = 2_000
"""Newest files of the lake, and events of each, whose properties are known by name."""

MOST_KEPT: Final = 10_000
"""Files of which something is remembered."""

_Key = TypeVar("_Key")
_PEOPLES: Final = ("state", "is_bot", "is_internal")
_PLAIN: Final = re.compile(r"[\w .:-]+", re.ASCII)


@dataclass(slots=True)
class NamesSeen:
    """Knows what the events of a site are called, and what they carry.

    The sequence index lists the events that it holds; files that it lacks are looked at once,
    for they never change, and the fresh tail every time.

    Attributes:
        engine: Reads the lake.
        indexes: Of the sequence index.
    """

    engine: Engine
    indexes: IndexReader
    _listed: dict[frozenset[str], frozenset[str]] = field(default_factory=dict, repr=False)
    _of_file: dict[tuple[str, str], frozenset[str]] = field(default_factory=dict, repr=False)
    _carried: set[tuple[str, str]] = field(default_factory=set, repr=False)
    _without: dict[tuple[str, str], set[str]] = field(default_factory=dict, repr=False)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def remarks(
        self, snapshot: Snapshot, names: Names, *, stop: Stop | None = None
    ) -> tuple[Remark, ...]:
        """Say which of a question's names no event of the site has, and what may be meant."""
        found: list[Remark] = []
        if names.events or names.either:
            known, complete = self._events(snapshot)
            unknown = names.unknown_events(lambda name: any(name in each for each in known))
            if not complete:
                unknown = ()  # they may be in what cannot be read
            every = frozenset().union(*known) if unknown else frozenset()
            found += [Remark(Code.UNKNOWN_EVENT, name, close_to(name, every)) for name in unknown]
        sample: frozenset[str] | None = None
        for name in names.properties:
            if (snapshot.site, name) in self._carried:
                continue
            if sample is None:
                sample = self.properties(snapshot)
            carried = name in sample or self._search(snapshot, name, stop)
            if carried:
                with self._lock:
                    self._carried.add((snapshot.site, name))
            elif carried is None:
                found.append(Remark(Code.UNCHECKED_PROPERTY, name))
            else:
                close = close_to(name, {*sample, *DIMENSIONS})
                found.append(Remark(Code.UNKNOWN_PROPERTY, name, close))
        return tuple(found)

    def events(self, snapshot: Snapshot) -> tuple[frozenset[str], ...]:
        """Give sets of names that together are those of the site's events of people.

        Files that cannot be read are left out.
        """
        return self._events(snapshot)[0]

    def _events(self, snapshot: Snapshot) -> tuple[tuple[frozenset[str], ...], bool]:
        """Give those sets, and say whether all files could be read."""
        found: list[frozenset[str]] = []
        covered: set[str] = set()
        for bucket in range(snapshot.position.buckets):
            stamp = self.indexes.stamp(snapshot.site, bucket)
            if stamp is not None and stamp.serves(snapshot.position):
                covered |= stamp.files
                if stamp.files not in self._listed:
                    self._keep(self._listed, stamp.files, frozenset(stamp.titles["event"]))
                found.append(self._listed[stamp.files])
        of_files = [
            self._names_of(snapshot, file)
            for file in snapshot.position.files
            if file.path not in covered
        ]
        found += [names for names in of_files if names is not None]
        if snapshot.rows.num_rows:
            found.append(_names(snapshot.rows))
        return tuple(found), None not in of_files

    def properties(self, snapshot: Snapshot) -> frozenset[str]:
        """Give the names of what the newest events carry."""
        found: set[str] = set()
        for texts in _newest(snapshot):
            for text in texts:
                carried = json.loads(text) if text else {}
                found.update(carried if isinstance(carried, dict) else ())
        return frozenset(found)

    def _names_of(self, snapshot: Snapshot, file: LakeFile) -> frozenset[str] | None:
        key = (snapshot.site, file.path)
        known = self._of_file.get(key)
        if known is None:
            known = _names_in(snapshot.store, file)
            if known is not None:  # a file that cannot be read may be restored
                self._keep(self._of_file, key, known)
        return known

    def _keep(self, kept: dict[_Key, frozenset[str]], key: _Key, names: frozenset[str]) -> None:
        with self._lock:
            kept[key] = names
            while len(kept) > MOST_KEPT:
                del kept[next(iter(kept))]

    def _search(self, snapshot: Snapshot, name: str, stop: Stop | None) -> bool | None:
        """Look for an event that carries a property; None where that takes too long, or cannot be.

        Files in which there was none are not looked at again.
        """
        with self._lock:
            without = self._without.setdefault((snapshot.site, name), set())
            while len(self._without) > MOST_KEPT // 100:
                del self._without[next(iter(self._without))]
        values = Placeholders()
        has = f"{text_of(f'{PROPERTY}{name}', values)} IS NOT NULL"
        if _PLAIN.fullmatch(name):
            has = f"contains(properties, {values.add(json.dumps(name))}) AND {has}"
        try:
            with watched(time.monotonic() + SEARCH_S, stop):
                for part in snapshot.slices:
                    files = [
                        file
                        for file in snapshot.position.files
                        if file.bucket == part.bucket and file.path not in without
                    ]
                    if part.bucket is None or not (files or snapshot.rows.num_rows):
                        continue
                    with self.engine.relations(snapshot, part, files=files) as cursor:
                        rows = cursor.execute(
                            f"SELECT 1 FROM events WHERE {has} LIMIT 1", values.values
                        ).fetchall()
                    if rows:
                        return True
                    with self._lock:
                        without.update(file.path for file in files)
        except (duckdb.InterruptException, duckdb.OutOfMemoryException, DamagedFile):
            return None
        return False


def _newest(snapshot: Snapshot) -> Iterator[Sequence[str | None]]:
    """Give the properties of the newest events, some of each of the newest files."""
    import pyarrow.parquet as pq

    if snapshot.rows.num_rows:
        yield snapshot.rows["properties"].slice(0, SAMPLE_ROWS).to_pylist()
    newest = sorted(snapshot.position.files, key=lambda file: file.until, reverse=True)
    for file in newest[:SAMPLE_FILES]:
        try:
            with snapshot.store.local([file]) as (path,), pq.ParquetFile(path) as opened:
                for batch in opened.iter_batches(batch_size=SAMPLE_ROWS, columns=["properties"]):
                    yield batch.column(0).to_pylist()
                    break
        except (pa.ArrowException, OSError, IndexError, FileGone, DamagedFile):
            continue  # the answer names the file that it lacks


def _names_in(store: TableStore, file: LakeFile) -> frozenset[str] | None:
    """Give the names of a file's events of people; None where it cannot be read."""
    import pyarrow.parquet as pq

    found: set[str] = set()
    try:
        with (
            store.local([file]) as (path,),
            pq.ParquetFile(path, read_dictionary=["event", "state"]) as opened,
        ):
            for group in range(opened.num_row_groups):
                rows = opened.read_row_group(group, columns=["event", *_PEOPLES])
                found |= _names(rows)
    except (pa.ArrowException, OSError, KeyError, FileGone, DamagedFile):
        return None  # an answer names the file that it lacks
    return frozenset(found)


def _names(rows: pa.Table) -> frozenset[str]:
    """Give the names of the events of people among some rows."""
    import pyarrow.compute as pc

    is_theirs = pc.and_(
        pc.equal(pc.cast(rows["state"], pa.string()), "stored"),
        pc.invert(pc.or_(rows["is_bot"], rows["is_internal"])),
    )
    named: Iterable[str | None] = pc.unique(rows["event"].filter(is_theirs)).to_pylist()
    return frozenset(name for name in named if name is not None)
