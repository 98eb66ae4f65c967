"""A CSV, NDJSON or Parquet file as pieces of text columns that know their line numbers."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import json
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from truelift.errors import Refusal
from truelift.lake.imports.map import FileShape, Format
from truelift.lake.imports.reject import Reject, RejectReason
from truelift.lake.imports.strict_json import json_levels


LINE: Final = "__line"
"""Name of the column that carries the line number beside the file's own."""

TEXT: Final = "__text"
"""The one column of an NDJSON piece: the line itself."""

PIECE_BYTES: Final = 16 << 20
ROW_BYTES: Final = 32 << 10
OPENED_ROW_BYTES: Final = 4 << 20
"""A row that is opened up may be larger than the events that it holds."""

LINE_BYTES: Final = 64 << 20
OPEN_QUOTE_LINES: Final = 200
"""A quoted field that has not ended after this many lines is a stray quote."""

_WRAPPED: Final = re.compile(rb'(?m)^"(.*)"(\r?)$')
_LONE_RETURN: Final = re.compile(rb"\r(?!\n|$)")
"""Arrow takes it for the end of a row, which would put every later line number wrong."""

_NEWLINE: Final = 10
_RETURN: Final = 13
_COMMA: Final = 44
_CLOSE: Final = 93
_GZIP: Final = b"\x1f\x8b"
_ZSTD: Final = b"\x28\xb5\x2f\xfd"


class Unreadable(Refusal):
    """The file as a whole cannot be read."""

    code = "imports.unreadable"

    def __init__(self, *, path: Path, why: str) -> None:
        super().__init__(f"{path} cannot be read: {why}.", file=str(path), why=why)


class BadHeader(Refusal):
    """The first line does not name every column once."""

    code = "imports.bad_header"

    def __init__(self, *, path: Path, doubled: tuple[str, ...]) -> None:
        super().__init__(
            f"{path} names these columns twice: {', '.join(doubled)}."
            " Rename one of each, or list `columns` in the map's [file] section.",
            file=str(path),
            columns=doubled,
        )


@dataclass(frozen=True, slots=True)
class Piece:
    """Some rows of a file.

    Attributes:
        rows: `LINE` and the file's columns as text; NDJSON has `TEXT` instead.
        rejects: Rows of this stretch that have no columns to speak of.
        read_bytes: How far into the file this piece reaches.
        text_of: A row of this piece, by its line, as it stands in the file.
    """

    rows: pa.Table
    rejects: list[Reject]
    read_bytes: int
    text_of: Callable[[int], str]


@dataclass(slots=True)
class RowFile:
    """An open question to a file: what are your columns, and your rows?

    Attributes:
        path: The file.
        shape: How it is written.
        columns: Names in the file's order; empty for NDJSON, whose rows differ.
    """

    path: Path
    shape: FileShape
    columns: tuple[str, ...] = ()
    _skip: int = field(default=0)

    @classmethod
    def opened(cls, path: Path, shape: FileShape) -> RowFile:
        """Look at a file's beginning.

        Raises:
            Unreadable: There is no such file, or it is not what the map says.
            BadHeader: A column's name stands there twice.
        """
        try:
            if shape.format is Format.PARQUET:
                columns = tuple(pq.ParquetFile(path).schema_arrow.names)
                return cls(path, shape, _distinct(path, columns))
            if shape.format is Format.NDJSON:
                path.open("rb").close()
                return cls(path, shape)
            if shape.columns:
                path.open("rb").close()
                return cls(path, shape, shape.columns)
            columns, skip = _header(path, shape)
        except (OSError, EOFError, zlib.error, pa.ArrowException) as error:
            raise Unreadable(path=path, why=str(error)) from error
        return cls(path, shape, _distinct(path, columns), skip)

    def pieces(self) -> Iterator[Piece]:
        """Read the file, a bounded stretch at a time.

        Raises:
            Unreadable: The disk or a Parquet page failed half-way.
        """
        try:
            match self.shape.format:
                case Format.PARQUET:
                    yield from _parquet_pieces(self.path, self.columns)
                case Format.NDJSON:
                    yield from _json_pieces(self.path, self.shape)
                case Format.CSV:
                    yield from self._csv_pieces()
        except (OSError, EOFError, zlib.error, pa.ArrowException) as error:
            raise Unreadable(path=self.path, why=str(error)) from error

    def _csv_pieces(self) -> Iterator[Piece]:
        skip = self._skip
        for records, read_bytes in _stretches(self.path, self.shape):
            body = records.after_line(skip) if skip else records
            skip = 0
            yield _csv_piece(body, self.columns, self.shape, read_bytes)


@dataclass(frozen=True, slots=True)
class _Records:
    """Where the records of a block of bytes begin and end; ends leave the newline out."""

    block: bytes
    starts: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]
    lines: npt.NDArray[np.int64]
    open_quotes: tuple[int, ...]
    next_line: int
    used_bytes: int

    def after_line(self, line: int) -> _Records:
        kept = np.flatnonzero(self.lines > line)
        still_open = np.flatnonzero(np.isin(kept, self.open_quotes))
        return _Records(
            self.block,
            self.starts[kept],
            self.ends[kept],
            self.lines[kept],
            tuple(still_open.tolist()),
            self.next_line,
            self.used_bytes,
        )

    def text_of(self, line: int) -> str:
        """A record, by the line it begins on, as it stands in the file."""
        return self.text(int(np.searchsorted(self.lines, line)))

    def text(self, index: int) -> str:
        return (
            self.block[int(self.starts[index]) : int(self.ends[index])]
            .decode("utf-8", "backslashreplace")
            .removesuffix("\r")
        )


def _header(path: Path, shape: FileShape) -> tuple[tuple[str, ...], int]:
    """The columns' names, and how many lines they stand on."""
    for records, _ in _stretches(path, shape):
        text = io.StringIO(records.block[: 1 << 20].decode("utf-8", "replace"), newline="")
        reader = csv.reader(
            text,
            delimiter=shape.delimiter,
            quotechar=shape.quote or None,
            quoting=csv.QUOTE_MINIMAL if shape.quote else csv.QUOTE_NONE,
        )
        for row in reader:
            if row:
                given = (name.replace("\0", "\ufffd").strip() for name in row)
                names = tuple(name or f"column_{n}" for n, name in enumerate(given, 1))
                return names, reader.line_num
    raise Unreadable(path=path, why="it is empty")


def _distinct(path: Path, columns: tuple[str, ...]) -> tuple[str, ...]:
    doubled = tuple(dict.fromkeys(name for name in columns if columns.count(name) > 1))
    if doubled:
        raise BadHeader(path=path, doubled=doubled)
    return columns


def _stretches(path: Path, shape: FileShape) -> Iterator[tuple[_Records, int]]:
    """The records of a file, a stretch at a time, and how many bytes were read by then.

    A stretch ends with a whole record: what begins a quoted field near its end
    is carried into the next one.
    """
    line = 1
    rest = b""
    for data, read_bytes, last in _texts(path, shape):
        block = rest + data
        cut = len(block) if last else block.rfind(b"\n") + 1
        body = _LONE_RETURN.sub(b" ", _unwrapped(block[:cut], shape))
        records = _records(body, first_line=line, shape=shape, last=last)
        line = records.next_line
        rest = body[records.used_bytes :] + block[cut:]
        if len(rest) > LINE_BYTES:
            raise Unreadable(path=path, why=f"line {line} is longer than {LINE_BYTES >> 20} MB")
        if records.lines.size:
            yield records, read_bytes


def _texts(path: Path, shape: FileShape) -> Iterator[tuple[bytes, int, bool]]:
    """The file as UTF-8, bytes read so far, and whether this was the end."""
    decoder = (
        None
        if codecs.lookup(shape.encoding).name == "utf-8"
        else codecs.getincrementaldecoder(shape.encoding)(errors="replace")
    )
    first = True
    with path.open("rb") as file, _unpacked(file) as plain:
        while True:
            raw = plain.read(PIECE_BYTES)
            data = decoder.decode(raw, not raw).encode("utf-8") if decoder else raw
            if first:
                data = data.removeprefix(codecs.BOM_UTF8)
                first = False
            yield data, file.tell(), not raw
            if not raw:
                return


def _unpacked(file: BinaryIO) -> BinaryIO:
    """The file's own bytes, whatever it is compressed with and called."""
    mark = file.read(4)
    file.seek(0)
    if mark.startswith(_GZIP):
        return cast("BinaryIO", gzip.GzipFile(fileobj=file))
    if mark == _ZSTD:
        return cast("BinaryIO", pa.CompressedInputStream(file, "zstd"))
    return file


def _unwrapped(block: bytes, shape: FileShape) -> bytes:
    if not shape.wrapped_rows:
        return block
    return _WRAPPED.sub(rb"\1\2", block).replace(b'""', b'"')


def _records(block: bytes, *, first_line: int, shape: FileShape, last: bool) -> _Records:
    data = np.frombuffer(block, dtype=np.uint8)
    newlines = np.flatnonzero(data == _NEWLINE)
    starts = np.concatenate((np.zeros(1, np.int64), newlines + 1))
    ends = np.concatenate((newlines, np.array([data.size])))
    if starts[-1] == data.size:
        starts, ends = starts[:-1], ends[:-1]
    lines = first_line + np.arange(starts.size, dtype=np.int64)
    next_line = first_line + starts.size
    used_bytes = data.size
    open_quotes: list[int] = []
    quote = shape.quote.encode() if shape.format is Format.CSV and not shape.wrapped_rows else b""
    if len(quote) == 1 and quote in block:
        before = np.concatenate((np.zeros(1, np.int64), np.cumsum(data == quote[0])))
        odd = np.flatnonzero((before[ends] - before[starts]) % 2)
        if odd.size:
            closing = _closing_lines(block, starts, ends, odd, shape)
            waiting = [
                at
                for at, close in closing.items()
                if close is None and not last and starts.size - at <= OPEN_QUOTE_LINES
            ]
            whole = min(waiting, default=starts.size)
            if whole < starts.size:
                used_bytes = int(starts[whole])
                next_line = int(lines[whole])
            keep = np.arange(starts.size) < whole
            ends = ends.copy()
            for at, close in closing.items():
                if at < whole and close is not None:
                    keep[at + 1 : close + 1] = False
                    ends[at] = ends[close]
            kept = np.flatnonzero(keep)
            broken = [at for at, close in closing.items() if close is None]
            open_quotes = np.flatnonzero(np.isin(kept, broken)).tolist()
            starts, ends, lines = starts[kept], ends[kept], lines[kept]
    size = ends - starts
    blank = size == 0
    blank |= (size == 1) & (data[np.minimum(starts, max(data.size - 1, 0))] == _RETURN)
    if blank.any():
        kept = np.flatnonzero(~blank)
        open_quotes = np.flatnonzero(np.isin(kept, open_quotes)).tolist()
        starts, ends, lines = starts[kept], ends[kept], lines[kept]
    return _Records(block, starts, ends, lines, tuple(open_quotes), next_line, used_bytes)


def _closing_lines(
    block: bytes,
    starts: npt.NDArray[np.int64],
    ends: npt.NDArray[np.int64],
    odd: npt.NDArray[np.int64],
    shape: FileShape,
) -> dict[int, int | None]:
    """For each line that leaves a quoted field open, the line that closes it, or None.

    Only lines with an odd number of quotes can open or close one; a quote inside
    an unquoted field is a character like any other.
    """
    closing: dict[int, int | None] = {}
    lines = odd.tolist()
    after = 0
    for index, line in enumerate(lines):
        if line < after or not _leaves_open(block[starts[line] : ends[line]], shape):
            continue
        close = lines[index + 1] if index + 1 < len(lines) else None
        if close is not None and close - line > OPEN_QUOTE_LINES:
            close = None
        closing[line] = close
        if close is not None:
            after = close + 1
    return closing


def _leaves_open(line: bytes, shape: FileShape) -> bool:
    """Whether a quoted field begins on this line and does not end on it."""
    text = line.decode("utf-8", "replace").rstrip("\r")
    quote, delimiter = shape.quote, shape.delimiter
    at = 0
    while at <= len(text):
        if text.startswith(quote, at):
            at += 1
            while True:
                at = text.find(quote, at)
                if at < 0:
                    return True
                if not text.startswith(quote, at + 1):
                    break
                at += 2
        at = text.find(delimiter, at)
        if at < 0:
            return False
        at += len(delimiter)
    return False


def _unfit(records: _Records, shape: FileShape) -> dict[int, RejectReason]:
    """Records that are not worth parsing, by their place in the stretch."""
    found = dict.fromkeys(records.open_quotes, RejectReason.OPEN_QUOTE)
    most = OPENED_ROW_BYTES if shape.opens else ROW_BYTES
    large = np.flatnonzero(records.ends - records.starts > most)
    found |= dict.fromkeys(large.tolist(), RejectReason.TOO_LARGE)
    if not _is_text(records.block):
        for at, (start, end) in enumerate(
            zip(records.starts.tolist(), records.ends.tolist(), strict=True)
        ):
            if not _is_text(records.block[start:end]):
                found[at] = RejectReason.BAD_ENCODING
    return dict(sorted(found.items()))


def _is_text(cell: bytes) -> bool:
    try:
        cell.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _csv_piece(
    records: _Records, columns: tuple[str, ...], shape: FileShape, read_bytes: int
) -> Piece:
    lines, block = records.lines, records.block
    unfit = _unfit(records, shape)
    rejects = [Reject(int(lines[at]), why, records.text(at)) for at, why in unfit.items()]
    if unfit:
        good = np.delete(np.arange(lines.size), list(unfit))
        spans = zip(records.starts[good].tolist(), records.ends[good].tolist(), strict=True)
        block = b"\n".join(block[start:end] for start, end in spans)
        lines = lines[good]
    elif lines.size:
        block = block[int(records.starts[0]) : int(records.ends[-1])]
    if not lines.size:
        return Piece(_empty(columns), rejects, read_bytes, records.text_of)
    parsed = _parsed(block, columns, shape, records=lines.size)
    if parsed is None:
        good = np.flatnonzero(np.isin(records.lines, lines))
        parsed = _parsed_one_by_one([records.text(at) for at in good.tolist()], columns, shape)
    table, short = parsed
    rejects += [
        Reject(line, RejectReason.WRONG_COLUMNS, records.text_of(line))
        for line in lines[short].tolist()
    ]
    rejects.sort(key=lambda reject: reject.line)
    return Piece(_numbered(table, np.delete(lines, short)), rejects, read_bytes, records.text_of)


def _parsed(
    block: bytes, columns: tuple[str, ...], shape: FileShape, *, records: int
) -> tuple[pa.Table, list[int]] | None:
    """Records as columns, and which ones have more or fewer; None when Arrow counts otherwise.

    Arrow takes some torn quotes for something else than we do; then the row
    numbers that it gives would belong to other lines.
    """
    short: list[int] = []

    def note(row: pacsv.InvalidRow) -> str:
        short.append(row.number - 1)
        return "skip"

    try:
        table = pacsv.read_csv(
            pa.py_buffer(block),
            read_options=pacsv.ReadOptions(
                column_names=list(columns),
                use_threads=False,
                block_size=max(len(block) + 1, 1 << 16),
            ),
            parse_options=pacsv.ParseOptions(
                delimiter=shape.delimiter,
                quote_char=shape.quote or False,
                double_quote=True,
                newlines_in_values=True,
                invalid_row_handler=note,
            ),
            convert_options=pacsv.ConvertOptions(
                column_types=dict.fromkeys(columns, pa.string()), strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid:
        return None
    return (table, short) if len(table) + len(short) == records else None


def _parsed_one_by_one(
    texts: list[str], columns: tuple[str, ...], shape: FileShape
) -> tuple[pa.Table, list[int]]:
    cells: list[list[str]] = []
    short: list[int] = []
    for at, text in enumerate(texts):
        lines = io.StringIO(text, newline="")
        try:
            rows = list(
                csv.reader(
                    lines,
                    delimiter=shape.delimiter,
                    quotechar=shape.quote or None,
                    quoting=csv.QUOTE_MINIMAL if shape.quote else csv.QUOTE_NONE,
                )
            )
        except csv.Error:
            rows = []
        if len(rows) == 1 and len(rows[0]) == len(columns):
            cells.append(rows[0])
        else:
            short.append(at)
    names = list(columns)
    arrays = [pa.array([row[n] for row in cells], pa.string()) for n in range(len(names))]
    return pa.Table.from_arrays(arrays, names=names), short


def _numbered(table: pa.Table, lines: npt.NDArray[np.int64]) -> pa.Table:
    numbers = pa.chunked_array([pa.array(lines)])
    return pa.Table.from_arrays([numbers, *table.columns], names=[LINE, *table.column_names])


def _empty(columns: tuple[str, ...]) -> pa.Table:
    names = [LINE, *columns]
    kinds = [pa.int64(), *[pa.string()] * len(columns)]
    return pa.schema(list(zip(names, kinds, strict=True))).empty_table()


def _json_pieces(path: Path, shape: FileShape) -> Iterator[Piece]:
    """Objects of JSON, one a line or all in one list."""
    begin = next((data.lstrip()[:1] for data, _, _ in _texts(path, shape) if data.strip()), b"")
    stretches = _list_stretches(path, shape) if begin == b"[" else _stretches(path, shape)
    for records, read_bytes in stretches:
        unfit = _unfit(records, shape)
        rejects = [
            Reject(int(records.lines[at]), why, records.text(at)) for at, why in unfit.items()
        ]
        # A line reaches to the next one that is not blank: JSON allows the space between.
        offsets = np.concatenate((records.starts, records.ends[-1:]))
        texts = pa.Array.from_buffers(
            pa.large_binary(),
            records.starts.size,
            [None, pa.py_buffer(offsets.astype(np.int64)), pa.py_buffer(records.block)],
        )
        fit = np.delete(np.arange(records.lines.size), list(unfit))
        lines = texts.take(pa.array(fit)).cast(pa.binary()).cast(pa.string())
        rows = _numbered(pa.table({TEXT: lines}), records.lines[fit])
        yield Piece(rows, rejects, read_bytes, records.text_of)


def _list_stretches(path: Path, shape: FileShape) -> Iterator[tuple[_Records, int]]:
    """The elements of a file that is one list; their numbers take the place of lines."""
    number, rest, begun = 1, b"", False
    for data, read_bytes, last in _texts(path, shape):
        block = rest + data
        if not begun:
            block = block.lstrip()
            begun = bool(block)
            block = block[1:]
        records = _elements(block, first=number, last=last)
        number, rest = records.next_line, block[records.used_bytes :]
        if len(rest) > LINE_BYTES:
            raise Unreadable(path=path, why=f"row {number} is longer than {LINE_BYTES >> 20} MB")
        if records.lines.size:
            yield records, read_bytes


def _elements(block: bytes, *, first: int, last: bool) -> _Records:
    """What stands between the commas of a list, and blanks in the commas' places."""
    data = np.frombuffer(block, dtype=np.uint8).copy()
    level = json_levels(data)
    # The bracket that ends the list goes below its level; what follows is no element.
    marks = np.flatnonzero((level == 0) & (data == _COMMA) | (level < 0) & (data == _CLOSE))
    used_bytes = data.size if last else (int(marks[-1]) + 1 if marks.size else 0)
    data[marks] = ord(" ")
    starts = np.concatenate((np.zeros(1, np.int64), marks + 1))
    ends = np.concatenate((marks, np.array([data.size])))
    if not last:
        starts, ends = starts[:-1], ends[:-1]
    plain = data.tobytes()
    spans: list[tuple[int, int]] = []
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        text = plain[start:end].strip()
        if text:
            begin = plain.index(text[:1], start)
            spans.append((begin, begin + len(text)))
    places = np.array(spans, np.int64).reshape(-1, 2)
    lines = first + np.arange(len(spans), dtype=np.int64)
    return _Records(plain, places[:, 0], places[:, 1], lines, (), first + len(spans), used_bytes)


def _parquet_pieces(path: Path, columns: tuple[str, ...]) -> Iterator[Piece]:
    file = pq.ParquetFile(path)
    total = max(file.metadata.num_rows, 1)
    size = path.stat().st_size
    row = 1
    for batch in file.iter_batches(batch_size=131_072):
        table = pa.Table.from_batches([batch])
        first, row = row, row + len(table)

        def text_of(line: int, *, table: pa.Table = table, first: int = first) -> str:
            cells = table.slice(line - first, 1).to_pylist()[0]
            return json.dumps(cells, default=str, ensure_ascii=False)

        lines = pa.chunked_array([pa.array(np.arange(first, row, dtype=np.int64))])
        plain = [_plain(column) for column in table.columns]
        rows = pa.Table.from_arrays([lines, *plain], names=[LINE, *columns])
        yield Piece(rows, [], size * (row - 1) // total, text_of)


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A Parquet column as text where text loses nothing; nested ones stay for DuckDB."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.cast(kind.value_type)
        kind = column.type
    if pa.types.is_timestamp(kind):
        if kind.tz is None:
            return column.cast(pa.timestamp("ms"), safe=False).cast(pa.string())
        return column.cast(pa.timestamp("ms", "UTC"), safe=False).cast(pa.int64()).cast(pa.string())
    if pa.types.is_date(kind):
        return column.cast(pa.date32()).cast(pa.string())
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return column.cast(pa.binary()).cast(pa.string())
    if pa.types.is_nested(kind):
        return column
    return column.cast(pa.string())
