"""The sequence index: a bucket's events as memory-mapped arrays, by person and time.

Derived from immutable lake files and from nothing else: it may be deleted at any
time, and one that does not fit the lake is not used. What it holds are the events
that questions see (stored, no robots, nobody internal).
"""

from __future__ import annotations

import json
import logging
import mmap
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from typing_extensions import override

from truelift.lake.home import Home
from truelift.lake.snapshot import Position
from truelift.lake.tables import LakeFile, LakeState
from truelift.questions.dimensions import INDEXED
from truelift.questions.question import Sequence, Tie
from truelift.questions.table import numeric
from truelift.sequences import compiled


FORMAT: Final = 2
"""Of the arrays and their stamp; an index of another format is built anew."""

CODED: Final = ("event", *INDEXED)
"""Columns of text, each kept as codes."""

PIECE_ROWS: Final = 1 << 21
"""Rows of an index that are looked at in one go."""

STAMP: Final = "stamp.json"
"""File that says what the arrays beside it are."""

Integers = NDArray[np.int64]

log: Final = logging.getLogger(__name__)
Signed = NDArray[np.signedinteger[Any]]
Marks = NDArray[np.signedinteger[Any]]


@dataclass(frozen=True, slots=True)
class Stamp:
    """What an index was made of.

    Attributes:
        bucket: Whose persons it holds.
        buckets: How many buckets there were.
        files: Paths of the lake files that are in it, relative to the table.
        rows: Events in it.
        persons: Persons in it.
        titles: Column → the texts behind its codes; the code after the last is null.
        sums: Array → CRC-32 of its bytes.
    """

    bucket: int
    buckets: int
    files: frozenset[str]
    rows: int
    persons: int
    titles: Mapping[str, tuple[str, ...]]
    sums: Mapping[str, int]

    def serves(self, state: LakeState | Position) -> bool:
        """Say whether all it holds is in the lake as it is now."""
        if self.buckets != state.buckets:
            return False
        there = {file.path for file in state.files}
        return self.files <= there

    def text(self) -> str:
        """Write it down."""
        return json.dumps(
            {
                "format": FORMAT,
                "bucket": self.bucket,
                "buckets": self.buckets,
                "files": sorted(self.files),
                "rows": self.rows,
                "persons": self.persons,
                "titles": {name: list(titles) for name, titles in self.titles.items()},
                "sums": dict(self.sums),
            },
            ensure_ascii=False,
        )


@dataclass(frozen=True, slots=True, eq=False)
class BucketIndex:
    """The opened index of one bucket; its arrays stay readable after the files are removed.

    Attributes:
        stamp: What it was made of.
        persons: Ids, ascending, `(persons,)`.
        offsets: Where each person's events begin, and the end of the last, `(persons + 1,)`.
        unit: Place of each event's person in `persons`, `(rows,)`.
        at_ms: When, epoch milliseconds, ascending within a person, `(rows,)`.
        event: The code of each event's name, `(rows,)`.
        columns: `position`, in the journal, by which simultaneous events of a person stand; and
            of every column the code of its text; `(rows,)` each.
    """

    stamp: Stamp
    persons: Integers
    offsets: Integers
    unit: NDArray[np.int32]
    at_ms: Integers
    event: NDArray[np.unsignedinteger[Any]]
    columns: Mapping[str, NDArray[Any]]

    def serves(self, state: LakeState | Position) -> bool:
        """Say whether all it holds is in the lake as it is now."""
        return self.stamp.serves(state)

    def places(self, persons: Integers) -> Integers:
        """Give where those of some persons stand in `persons` who are in the index at all."""
        if not len(self.persons):
            return np.zeros(0, dtype=np.int64)
        place = np.minimum(np.searchsorted(self.persons, persons), len(self.persons) - 1)
        found: Integers = place[self.persons[place] == persons]
        return found

    def settled(
        self,
        sequence: Sequence,
        *,
        bounds: tuple[int, int],
        without: Integers,
        piece_rows: int = PIECE_ROWS,
    ) -> Iterator[Rows]:
        """Give the events that a question reads, of all but some persons, piece by piece.

        A piece has some persons whole, so that each is an answer of its own.

        Args:
            sequence: What the question reads.
            bounds: From this instant on, and before that, epoch ms.
            without: Ids of persons whose events are left out.
            piece_rows: Of the index, about; keeps a piece near the processor.
        """
        number = self._numbers(sequence)
        left_out = self.places(without)
        gone = None
        if len(left_out):
            gone = np.zeros(len(self.persons), dtype=bool)
            gone[left_out] = True
        wanted = np.arange(piece_rows, len(self.unit), piece_rows)
        # Ascending, and the same again where a person has more events than a piece.
        cuts = dict.fromkeys(self.offsets[np.searchsorted(self.offsets, wanted)].tolist())
        within = (cut for cut in cuts if cut < len(self.unit))
        for first, end in pairwise((0, *within, len(self.unit))):
            yield self._picked(sequence, number, bounds, gone, first, end)

    def _picked(
        self,
        sequence: Sequence,
        number: Marks,
        bounds: tuple[int, int],
        gone: NDArray[np.bool_] | None,
        first: int,
        end: int,
    ) -> Rows:
        """Give the events between two places that have a mark, are in time and of nobody gone."""
        code = self.event[first:end]
        unit, at_ms = self.unit[first:end], self.at_ms[first:end]
        since, until = bounds
        if gone is None and sequence.unmarked and _lie_within(at_ms, bounds):
            mark = compiled.marks(code=code, number=number) if compiled.IS_THERE else number[code]
            ties = _ties(unit, at_ms) if sequence.ties else 0
            return Rows(self, sequence, first, None, unit, at_ms, mark, ties)
        if compiled.IS_THERE:
            found = compiled.pick(
                code=code,
                unit=unit,
                at_ms=at_ms,
                number=number,
                unmarked=sequence.unmarked,
                since_ms=since,
                until_ms=until,
                gone=gone,
            )
            return Rows(
                self, sequence, first, found.row, found.unit, found.at_ms, found.mark, found.ties
            )
        mark = number[code]
        kept = np.ones(len(mark), dtype=bool) if sequence.unmarked else mark != 0
        kept &= (at_ms >= since) & (at_ms < until)
        if gone is not None:
            kept &= ~gone[unit]
        rows = np.flatnonzero(kept)
        return Rows.at(self, sequence, rows + first, mark[rows])

    def of_persons(self, sequence: Sequence, *, bounds: tuple[int, int], only: Integers) -> Rows:
        """Give the events that a question reads, of some persons only."""
        place = self.places(only)
        length = self.offsets[place + 1] - self.offsets[place]
        total = int(length.sum())
        starts = np.cumsum(length) - length
        rows = np.arange(total) - np.repeat(starts - self.offsets[place], length)
        mark = self._numbers(sequence)[self.event[rows]]
        kept = (self.at_ms[rows] >= bounds[0]) & (self.at_ms[rows] < bounds[1])
        if not sequence.unmarked:
            kept &= mark != 0
        return Rows.at(self, sequence, rows[kept], mark[kept])

    def _numbers(self, sequence: Sequence) -> Marks:
        """Give the mark of every code of `event`, the one for none included."""
        titles = self.stamp.titles["event"]
        # Few bits are read faster. One is left over: questions look at the bit above theirs.
        narrow = max(sequence.marks.values(), default=0) < 1 << 6
        return np.array(
            [*(sequence.marks.get(title, 0) for title in titles), 0],
            dtype=np.int8 if narrow else np.int32,
        )


_FIRST_MS: Final = -(1 << 62)
_LAST_MS: Final = 1 << 62
ALWAYS: Final = (_FIRST_MS, _LAST_MS)
"""Bounds that leave nothing out."""


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Some events of an index, as a question reads them.

    Attributes:
        index: Where they stand.
        sequence: What the question reads.
        first: Where in the index their places are counted from.
        row: Their places from there, ascending; None for all of them, one after the other.
        unit: Places of their persons.
        at_ms: When each was.
        mark: What each is to the question.
        ties: How many stand at the instant of the one before of the same person.
    """

    index: BucketIndex
    sequence: Sequence
    first: int
    row: Signed | None
    unit: Signed
    at_ms: Integers
    mark: Marks
    ties: int

    @classmethod
    def at(cls, index: BucketIndex, sequence: Sequence, rows: Integers, mark: Marks) -> Rows:
        """Take the events at some places."""
        unit, at_ms = index.unit[rows], index.at_ms[rows]
        return cls(index, sequence, 0, rows, unit, at_ms, mark, _ties(unit, at_ms))

    @property
    def rows(self) -> Integers:
        """Their places in the index."""
        if self.row is None:
            return np.arange(self.first, self.first + len(self.mark))
        places: Integers = self.row.astype(np.int64) + self.first
        return places

    def without(self, persons: Integers) -> Rows:
        """Leave out the events of some persons, given by id."""
        return self._kept(persons, inside=False)

    def of(self, persons: Integers) -> Rows:
        """Leave out the events of all but some persons, given by id."""
        return self._kept(persons, inside=True)

    def _kept(self, persons: Integers, *, inside: bool) -> Rows:
        place = self.index.places(persons)
        if not inside and not len(place):
            return self
        among = np.zeros(len(self.index.persons), dtype=bool)
        among[place] = True
        kept = among[self.unit] == inside
        return Rows.at(self.index, self.sequence, self.rows[kept], self.mark[kept])

    def in_order(self) -> Rows:
        """Put simultaneous events of a person in the order that the question wants."""
        if not self.ties or not self.sequence.ties:
            return self
        same = (self.unit[1:] == self.unit[:-1]) & (self.at_ms[1:] == self.at_ms[:-1])
        touched = np.flatnonzero(np.append(same, False) | np.insert(same, 0, False))
        row = np.arange(len(self.mark)) if self.row is None else self.row.copy()
        mark, rows = self.mark[touched], row[touched].astype(np.int64) + self.first
        keys = [self._key(tie, mark, rows) for tie in self.sequence.ties]
        # Only what is simultaneous changes places, so persons and instants stay as they are.
        moments = np.cumsum(~np.insert(same, 0, False)[touched])
        order = touched[np.lexsort((*reversed(keys), moments))]
        found = replace(self, row=row, mark=self.mark.copy())
        row[touched], found.mark[touched] = row[order], self.mark[order]
        return found

    def _key(self, tie: Tie, mark: Marks, rows: Integers) -> NDArray[np.integer[Any]]:
        match tie:
            case Tie.LOWEST_BIT:
                return mark & -mark
            case Tie.MARK:
                return mark
            case Tie.MARK_DOWN:
                return -mark
            case Tie.POSITION:
                return self.index.columns["position"][rows]
            case Tie.GROUPED:
                if self.sequence.grouped is None:
                    return np.zeros(len(rows), dtype=np.int64)
                titles = self.index.stamp.titles[self.sequence.grouped]
                rank = np.empty(len(titles) + 1, dtype=np.int64)
                # As DuckDB does: by the bytes of UTF-8, and nulls last.
                by_bytes = sorted(range(len(titles)), key=lambda code: titles[code].encode())
                rank[by_bytes] = np.arange(len(titles))
                rank[-1] = len(titles)
                ranks: Integers = rank[self._group_codes(self.sequence.grouped, mark, rows)]
                return ranks

    def table(self, *, persons: bool = False, position: bool = False) -> pa.Table:
        """Give them as the columns of the question's scan.

        Args:
            persons: `person` is the id; else any number that tells persons apart.
            position: Simultaneous events are told apart by the column `position`.
        """
        columns = {
            "person": numeric(self.index.persons[self.unit] if persons else self.unit),
            "at_ms": numeric(self.at_ms),
            self.sequence.mark_as: numeric(self.mark),
        }
        if self.sequence.grouped is not None:
            columns["grouped"] = self._grouped(self.sequence.grouped)
        if position:
            columns["position"] = numeric(self.index.columns["position"][self.rows])
        return pa.table(columns)

    def _grouped(self, column: str) -> pa.DictionaryArray:
        titles = self.index.stamp.titles[column]
        # The code after the last title stands for none: a dictionary may hold a null, and
        # reading codes is quicker than reading which of them are valid.
        return pa.DictionaryArray.from_arrays(
            numeric(self._all_group_codes(column)), pa.array([*titles, None], pa.string())
        )

    def _all_group_codes(self, column: str) -> NDArray[np.unsignedinteger[Any]]:
        where, row = self.sequence.grouped_where, self.row
        code = self.index.columns[column][self.first :]
        if row is None:
            code = code[: len(self.mark)]
            if where == -1:
                return code
            return np.where(self.mark & where, code, self._nothing(column))
        if where == -1:
            return code[row]
        if compiled.IS_THERE and row.dtype == np.int32:
            nothing = len(self.index.stamp.titles[column])
            return compiled.codes(code=code, row=row, mark=self.mark, where=where, nothing=nothing)
        return self._group_codes(column, self.mark, self.rows)

    def _group_codes(
        self, column: str, mark: Marks, rows: Integers
    ) -> NDArray[np.unsignedinteger[Any]]:
        code = self.index.columns[column][rows]
        if self.sequence.grouped_where == -1:
            return code
        return np.where(mark & self.sequence.grouped_where, code, self._nothing(column))

    def _nothing(self, column: str) -> np.unsignedinteger[Any]:
        kind = self.index.columns[column].dtype.type
        found: np.unsignedinteger[Any] = kind(len(self.index.stamp.titles[column]))
        return found


def _lie_within(at_ms: Integers, bounds: tuple[int, int]) -> bool:
    if bounds == ALWAYS or not len(at_ms):
        return True
    return bool(at_ms.min() >= bounds[0] and at_ms.max() < bounds[1])


def _ties(unit: Signed, at_ms: Integers) -> int:
    return int(np.count_nonzero((unit[1:] == unit[:-1]) & (at_ms[1:] == at_ms[:-1])))


def folder_of(home: Home, site: str, bucket: int) -> Path:
    """Say where the index of one bucket stands."""
    return home.index / site / str(bucket)


def checksum(values: NDArray[Any]) -> int:
    """Give the CRC-32 of an array's bytes."""
    return zlib.crc32(values.reshape(-1).view(np.uint8).data)


class Columns(Mapping[str, NDArray[Any]]):
    """Arrays of an index by name: mapped at once, checked byte for byte when first wanted.

    Raises:
        DamagedIndex: One of them is not there, or not as long as it should be.
    """

    def __init__(self, generation: Path, stamp: Stamp) -> None:
        self._sums = stamp.sums
        # Mapped now, so that they stay readable when a newer index takes their place.
        self._mapped = {name: _mapped(generation, name, stamp) for name in stamp.sums}
        self._checked: set[str] = set()

    @override
    def __getitem__(self, name: str) -> NDArray[Any]:
        """Give an array.

        Raises:
            DamagedIndex: It is not what was written.
        """
        found = self._mapped[name]
        if name not in self._checked:
            if checksum(found) != self._sums[name]:
                raise DamagedIndex(f"{name} is not what was written")
            self._checked.add(name)
        return found

    @override
    def __iter__(self) -> Iterator[str]:
        return iter(self._mapped)

    @override
    def __len__(self) -> int:
        return len(self._mapped)


class DamagedIndex(Exception):
    """An array of an index is not what was written; the lake's files have what it was made of."""


def read_stamp(folder: Path) -> tuple[Path, Stamp] | None:
    """Say where the newest index of a bucket stands and what it was made of; None without one."""
    try:
        generation = folder / (folder / "current").read_text(encoding="ascii").strip()
        about = json.loads((generation / STAMP).read_text(encoding="utf-8"))
        if about["format"] != FORMAT:
            return None
        return generation, Stamp(
            bucket=about["bucket"],
            buckets=about["buckets"],
            files=frozenset(about["files"]),
            rows=about["rows"],
            persons=about["persons"],
            titles={name: tuple(titles) for name, titles in about["titles"].items()},
            sums=about["sums"],
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def open_index(folder: Path) -> BucketIndex | None:
    """Open the newest index of a bucket; None where there is none that can be read.

    What every question reads is checked now, byte for byte; the rest when it is wanted.
    An index that is not what was written is removed: it is built again.
    """
    found = read_stamp(folder)
    if found is None:
        return None
    generation, stamp = found
    try:
        columns = Columns(generation, stamp)
        return BucketIndex(
            stamp=stamp,
            persons=columns["persons"],
            offsets=columns["offsets"],
            unit=columns["unit"],
            at_ms=columns["at_ms"],
            event=columns["event"],
            columns=columns,
        )
    except (DamagedIndex, KeyError) as damage:
        forget(folder, str(damage))
        return None


def forget(folder: Path, why: str) -> None:
    """Use an index no more; the builder makes another."""
    log.error("the index in %s is damaged and is built again: %s", folder, why)
    (folder / "current").unlink(missing_ok=True)


_SIGNED: Final = frozenset({"persons", "offsets", "unit", "at_ms", "position"})
"""Arrays of numbers; all others are of codes."""

_HEADER: Final = re.compile(
    rb"\x93NUMPY\x01\x00..\{'descr': '[<|]([iu][1248])', 'fortran_order': False,"
    rb" 'shape': \((\d+),\), \} *\n",
    re.DOTALL,
)
"""What stands before the values; numpy's own reading of it takes longer than all the rest."""


def _mapped(generation: Path, name: str, stamp: Stamp) -> NDArray[Any]:
    length = {"persons": stamp.persons, "offsets": stamp.persons + 1}.get(name, stamp.rows)
    path = generation / f"{name}.npy"
    try:
        with path.open("rb") as file:
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        header = _HEADER.match(content)
        if header is None or (header[1][:1] == b"i") != (name in _SIGNED):
            raise DamagedIndex(f"{path} is not an array of its kind")
        if int(header[2]) != length:
            raise DamagedIndex(f"{path} is not as long as it was")
        found: NDArray[Any] = np.frombuffer(content, header[1].decode(), length, header.end())
    except (OSError, ValueError) as error:
        raise DamagedIndex(f"{path}: {error}") from error
    return found


def uncovered(files: Iterable[LakeFile], found: Iterable[BucketIndex]) -> Iterator[LakeFile]:
    """Give the files that no index holds."""
    covered = frozenset().union(*(index.stamp.files for index in found))
    return (file for file in files if file.path not in covered)
