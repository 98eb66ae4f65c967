"""Builds sequence indexes from lake files, and keeps those of all sites up to date."""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from truelift.errors import Outage
from truelift.lake.durable import sync_file, sync_folder
from truelift.lake.file_cache import DamagedFile
from truelift.lake.home import SITE_NAME, Home
from truelift.lake.sequence_index import (
    CODED,
    STAMP,
    BucketIndex,
    DamagedIndex,
    Integers,
    Stamp,
    checksum,
    folder_of,
    forget,
    open_index,
    read_stamp,
)
from truelift.lake.storage import TableStore
from truelift.lake.tables import LakeFile, LakeState, SiteTable


LACKING_ROWS: Final = 200_000
"""So many rows are read from their files by every question before an index takes them in."""

_READ: Final = ("person", "occurred_at", "position", "state", "is_bot", "is_internal", *CODED)
_IDLE_S: Final = 5.0

log: Final = logging.getLogger(__name__)


@dataclass(slots=True)
class Indexing:
    """Builds what questions are quicker with; the one builder of a home.

    What it knows is on disk. A lake that changes while it is read makes the index of
    the version that was seen, which is not used where it no longer fits.
    """

    home: Home
    _tables: dict[str, SiteTable] = field(default_factory=dict)
    _damaged: dict[tuple[str, int], int] = field(default_factory=dict)

    def step(self) -> bool:
        """Build one index that is missing or lacks much; say whether there was one."""
        with no_other_indexing(self.home):
            return self._step()

    def _step(self) -> bool:
        for site in self._sites():
            table = self._tables.setdefault(site, SiteTable(self.home.table(site)))
            state = table.current()
            if state is None:
                continue
            for bucket in range(state.buckets):
                folder = folder_of(self.home, site, bucket)
                if self._damaged.get((site, bucket)) == state.version:
                    continue
                if stale(state, read_stamp(folder), bucket):
                    was = open_index(folder)
                    try:
                        build_index(self.home, site, state, bucket, was=was)
                    except DamagedIndex as damage:
                        forget(folder, str(damage))
                    except DamagedFile as damage:
                        # Tried again when the table has changed; the others have their turn.
                        self._damaged[site, bucket] = state.version
                        log.error(  # noqa: TRY400 - a broken disk, no bug of ours
                            "bucket %d of %s is not indexed: %s", bucket, site, damage
                        )
                        continue
                    log.info("indexed bucket %d of %s", bucket, site)
                    return True
        return False

    def run(self, stop: threading.Event) -> None:
        """Build until told to stop; rest where there is nothing to do."""
        while not stop.is_set():
            try:
                busy = self.step()
            except (Outage, OSError):
                # A file that compaction has just removed; the next look sees the new ones.
                log.exception("indexing rests after a failure")
                busy = False
            if not busy:
                stop.wait(_IDLE_S)

    def _sites(self) -> list[str]:
        return [name for name in self.home.storage.sites() if SITE_NAME.match(name)]


def stale(state: LakeState, found: tuple[Path, Stamp] | None, bucket: int) -> bool:
    """Say whether a bucket's index should be built anew: it does not serve, or lacks much."""
    files = [file for file in state.files if file.bucket == bucket]
    if found is None or not found[1].serves(state):
        return bool(files)
    stamp = found[1]
    lacking = sum(file.rows for file in files if file.path not in stamp.files)
    return lacking > max(LACKING_ROWS, stamp.rows // 10)


def build_index(
    home: Home, site: str, state: LakeState, bucket: int, *, was: BucketIndex | None
) -> None:
    """Write the index of one bucket of a lake as it is now.

    Args:
        home: The installation.
        site: The site.
        state: The lake.
        bucket: Whose persons.
        was: An earlier index; what it holds is not read again where it still serves.
    """
    files = [file for file in state.files if file.bucket == bucket]
    if was is not None and not was.serves(state):
        was = None
    known = was.stamp.files if was is not None else frozenset()
    runs = [] if was is None else [_Run.of(was)]
    titles = {name: list(was.stamp.titles[name]) if was is not None else [] for name in CODED}
    runs += [
        _read(state.store, file, bucket, state.buckets, titles)
        for file in sorted(files, key=lambda file: file.path)
        if file.path not in known
    ]
    folder = folder_of(home, site, bucket)
    folder.mkdir(parents=True, exist_ok=True)
    generation = folder / f"{state.version}-{len(files)}"
    shutil.rmtree(generation, ignore_errors=True)
    generation.mkdir()
    persons, offsets, order = _order(runs)
    rows = int(offsets[-1])
    sums = {
        "persons": _save(generation, "persons", persons),
        "offsets": _save(generation, "offsets", offsets),
    }
    unit = np.repeat(np.arange(len(persons), dtype=np.int32), np.diff(offsets))
    sums["unit"] = _save(generation, "unit", unit)
    sums["at_ms"] = _save(generation, "at_ms", _joined([run.at_ms for run in runs], order))
    position = _joined([run.position for run in runs], order)
    sums["position"] = _save(generation, "position", position)
    for name in CODED:
        nothing = len(titles[name])
        codes = [run.code(name, nothing) for run in runs]
        kind = np.min_scalar_type(nothing)
        sums[name] = _save(generation, name, _joined(codes, order, kind=kind))
    stamp = Stamp(
        bucket=bucket,
        buckets=state.buckets,
        files=frozenset(file.path for file in files),
        rows=rows,
        persons=len(persons),
        titles={name: tuple(found) for name, found in titles.items()},
        sums=sums,
    )
    (generation / STAMP).write_text(stamp.text(), encoding="utf-8")
    sync_file(generation / STAMP)
    sync_folder(generation)
    current = folder / f"current.{os.getpid()}"
    current.write_text(generation.name, encoding="ascii")
    sync_file(current)
    current.replace(folder / "current")
    sync_folder(folder)
    for other in folder.iterdir():
        if other.is_dir() and other != generation:
            shutil.rmtree(other, ignore_errors=True)


@dataclass(frozen=True, slots=True, eq=False)
class _Run:
    """Events in the order of persons and time, not yet merged with others.

    `nothing` is, of each column, the code of a null.
    """

    person: Integers
    at_ms: Integers
    position: Integers
    codes: Mapping[str, NDArray[np.unsignedinteger[Any]]]
    nothing: Mapping[str, int]

    @classmethod
    def of(cls, index: BucketIndex) -> _Run:
        return cls(
            person=index.persons[index.unit],
            at_ms=index.at_ms,
            position=index.columns["position"],
            codes={name: index.columns[name] for name in CODED},
            nothing={name: len(titles) for name, titles in index.stamp.titles.items()},
        )

    def code(self, name: str, nothing: int) -> NDArray[np.unsignedinteger[Any]]:
        """Give a column with another code for none, which titles of later files moved."""
        kind = np.min_scalar_type(nothing)
        found: NDArray[np.unsignedinteger[Any]] = self.codes[name].astype(kind, copy=False)
        if self.nothing[name] != nothing:
            found = np.where(self.codes[name] == self.nothing[name], kind.type(nothing), found)
        return found


def _read(
    store: TableStore, file: LakeFile, bucket: int, buckets: int, titles: dict[str, list[str]]
) -> _Run:
    """Read the events of one lake file that questions see; adds to the titles."""
    with store.local([file]) as (path,):
        coded = sorted(set(CODED) & set(pq.read_schema(path).names))
        with pq.ParquetFile(path, read_dictionary=coded) as parquet:
            rows = parquet.read(columns=list(_READ))
    for name in set(CODED).difference(coded):
        # An older Truelift wrote this file, before there was such a column.
        nothing = pa.nulls(rows.num_rows, pa.dictionary(pa.int32(), pa.string()))
        rows = rows.append_column(name, nothing)
    seen = pc.and_(
        pc.equal(rows["state"], "stored"),
        pc.invert(pc.or_(rows["is_bot"], rows["is_internal"])),
    )
    if not pc.all(seen).as_py():
        rows = rows.filter(seen)
    person = rows["person"].to_numpy()
    mine = buckets == 1 or (person & (buckets - 1)) == bucket
    if not np.all(mine):
        rows = rows.filter(pa.array(mine))
        person = rows["person"].to_numpy()
    at_ms = rows["occurred_at"].cast(pa.timestamp("ms", "UTC"), safe=False).cast(pa.int64())
    at_ms = at_ms.to_numpy()
    position = rows["position"].to_numpy()
    rows = rows.unify_dictionaries().combine_chunks()
    codes = {name: _coded(rows[name], titles[name]) for name in CODED}
    nothing = {name: len(titles[name]) for name in CODED}
    if not _in_order(person, at_ms, position):
        order = np.lexsort((position, at_ms, person))
        person, at_ms, position = person[order], at_ms[order], position[order]
        codes = {name: code[order] for name, code in codes.items()}
    return _Run(person, at_ms, position, codes, nothing)


def _in_order(person: Integers, at_ms: Integers, position: Integers) -> bool:
    """Say whether rows stand by person, time and position."""
    same = person[1:] == person[:-1]
    if not (same | (person[1:] > person[:-1])).all():
        return False
    ahead = at_ms[1:] - at_ms[:-1]
    if (same & (ahead < 0)).any():
        return False
    ties = np.flatnonzero(same & (ahead == 0))
    return bool((position[ties] <= position[ties + 1]).all())


def _coded(column: pa.ChunkedArray, titles: list[str]) -> NDArray[np.unsignedinteger[Any]]:
    """Give a column as codes of titles that all files share; the number of titles is a null."""
    if not len(column):
        return np.zeros(0, dtype=np.uint8)
    (chunk,) = column.chunks
    own = chunk.dictionary.to_pylist()
    known = {title: code for code, title in enumerate(titles)}
    for title in own:
        if title not in known:
            known[title] = len(titles)
            titles.append(title)
    place = np.array([*map(known.__getitem__, own), len(titles)])
    place = place.astype(np.min_scalar_type(len(titles)))
    indices = chunk.indices
    if indices.null_count:
        indices = indices.fill_null(len(own))
    found: NDArray[np.unsignedinteger[Any]] = np.take(place, indices.to_numpy())
    return found


def _order(runs: list[_Run]) -> tuple[Integers, Integers, Integers | None]:
    """Merge runs: persons, where each begins, and the row of all runs that stands at each place."""
    if not runs:
        return np.zeros(0, dtype=np.int64), np.zeros(1, dtype=np.int64), None
    firsts = [np.flatnonzero(_changes(run.person)) for run in runs]
    counts = [
        np.diff(np.append(first, len(run.person))) for run, first in zip(runs, firsts, strict=True)
    ]
    # Sorted runs one after another are what a stable sort is quickest at.
    persons = np.sort(
        np.concatenate([run.person[first] for run, first in zip(runs, firsts, strict=True)]),
        kind="stable",
    )
    persons = persons[_changes(persons)]
    length = np.zeros(len(persons), dtype=np.int64)
    places = []
    for run, first, count in zip(runs, firsts, counts, strict=True):
        place = np.searchsorted(persons, run.person[first])
        length[place] += count
        places.append(np.repeat(place.astype(np.int32), count))
    offsets = np.concatenate(([0], np.cumsum(length)))
    if len(runs) == 1:
        return persons, offsets, None
    first_ms = min((int(run.at_ms.min()) for run in runs if len(run.at_ms)), default=0)
    last_ms = max((int(run.at_ms.max()) for run in runs if len(run.at_ms)), default=0)
    bits = max(last_ms - first_ms, 1).bit_length()
    if len(persons).bit_length() + bits < 63:
        # Person and time in one number, made in place: a bucket has tens of millions of rows.
        key = np.concatenate(places, dtype=np.int64)
        key <<= bits
        row = 0
        for run in runs:
            key[row : row + len(run.at_ms)] |= run.at_ms - first_ms
            row += len(run.at_ms)
        order = np.argsort(key, kind="stable")
        key = key[order]
        if (key[1:] == key[:-1]).any():
            order = _by_position(order, key, np.concatenate([run.position for run in runs]))
    else:
        columns = ([run.position for run in runs], [run.at_ms for run in runs], places)
        order = np.lexsort([np.concatenate(column) for column in columns])
    return persons, offsets, order


def _changes(values: Integers) -> NDArray[np.bool_]:
    """Say which values are not the same as the one before; the first never is."""
    found = np.ones(len(values), dtype=bool)
    found[1:] = values[1:] != values[:-1]
    return found


def _by_position(order: Integers, key: Integers, position: Integers) -> Integers:
    """Put what has the same key in the order of positions."""
    same = key[1:] == key[:-1]
    touched = np.flatnonzero(np.concatenate((same, [False])) | np.concatenate(([False], same)))
    among = order[touched]
    order = order.copy()
    order[touched] = among[np.lexsort((position[among], key[touched]))]
    return order


def _joined(
    parts: Iterable[NDArray[Any]], order: Integers | None, *, kind: np.dtype[Any] | None = None
) -> NDArray[Any]:
    listed = list(parts)
    if not listed:
        return np.zeros(0, dtype=kind or np.int64)
    together = listed[0] if len(listed) == 1 else np.concatenate(listed)
    return together if order is None else together[order]


def _save(generation: Path, name: str, values: NDArray[Any]) -> int:
    """Write an array durably, and give its checksum."""
    path = generation / f"{name}.npy"
    np.save(path, values, allow_pickle=False)
    sync_file(path)
    return checksum(np.ascontiguousarray(values))


def remove_outdated(home: Home, site: str) -> None:
    """Remove every index of a site that holds more than its lake does now."""
    with no_other_indexing(home):
        state = SiteTable(home.table(site)).current()
        for folder in sorted((home.index / site).glob("*")):
            found = read_stamp(folder)
            if state is None or found is None or not found[1].serves(state):
                shutil.rmtree(folder, ignore_errors=True)
                continue
            current = (folder / "current").read_text(encoding="ascii").strip()
            for other in folder.iterdir():
                if other.is_dir() and other.name != current:
                    shutil.rmtree(other, ignore_errors=True)


@contextmanager
def no_other_indexing(home: Home) -> Iterator[None]:
    """Keep others from building meanwhile: what an erasure removes must not be built again."""
    home.index.mkdir(parents=True, exist_ok=True)
    with (home.index / ".lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
