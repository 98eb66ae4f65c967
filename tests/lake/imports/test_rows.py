"""Files as pieces of text columns that know their line numbers."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from truelift.lake.imports import rows as rows_module
from truelift.lake.imports.map import FileShape, Format
from truelift.lake.imports.reject import RejectReason
from truelift.lake.imports.rows import LINE, TEXT, BadHeader, RowFile, Unreadable


Read = tuple[list[dict[str, object]], list[tuple[int, RejectReason, str]]]


def read(path: Path, shape: FileShape | None = None) -> Read:
    good: list[dict[str, object]] = []
    bad: list[tuple[int, RejectReason, str]] = []
    for piece in RowFile.opened(path, shape or FileShape()).pieces():
        good += piece.rows.to_pylist()
        bad += [(reject.line, reject.reason, reject.text) for reject in piece.rejects]
    return good, bad


def csv(tmp_path: Path, content: bytes | str, name: str = "f.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_rows_carry_the_line_they_stand_on(tmp_path: Path) -> None:
    path = csv(tmp_path, "a,b\n1,2\n\n3,4")

    good, bad = read(path)

    assert good == [{LINE: 2, "a": "1", "b": "2"}, {LINE: 4, "a": "3", "b": "4"}]
    assert bad == []


def test_a_row_with_another_number_of_columns_is_rejected_with_its_line(tmp_path: Path) -> None:
    path = csv(tmp_path, "a,b\r\n1,2\r\n\r\nonly\r\n3,4\r\n5,6,7\r\n")

    good, bad = read(path)

    assert [row[LINE] for row in good] == [2, 5]
    assert bad == [
        (4, RejectReason.WRONG_COLUMNS, "only"),
        (6, RejectReason.WRONG_COLUMNS, "5,6,7"),
    ]


def test_a_quoted_field_may_span_lines_and_lines_are_still_counted(tmp_path: Path) -> None:
    path = csv(tmp_path, 'a,b\n1,"x\ny ""z"""\n2,w\n')

    good, _ = read(path)

    assert good == [{LINE: 2, "a": "1", "b": 'x\ny "z"'}, {LINE: 4, "a": "2", "b": "w"}]


def test_a_quote_inside_a_field_is_a_character(tmp_path: Path) -> None:
    path = csv(tmp_path, 'a,b\n1,5" screen\n2,w\n3,6" screen\n')

    good, bad = read(path)

    assert [row["b"] for row in good] == ['5" screen', "w", '6" screen']
    assert bad == []


def test_a_quote_that_never_ends_costs_its_own_line_only(tmp_path: Path) -> None:
    lines = [f"{n},x" for n in range(500)]
    path = csv(tmp_path, "\n".join(["a,b", '0,"never ends', *lines]))

    good, bad = read(path)

    assert len(good) == 500
    assert bad == [(2, RejectReason.OPEN_QUOTE, '0,"never ends')]


@pytest.mark.parametrize("piece_bytes", [1, 7, 64, 1 << 20])
def test_the_size_of_pieces_changes_nothing(
    tmp_path: Path, piece_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows_module, "PIECE_BYTES", piece_bytes)
    path = csv(tmp_path, 'a,b\n1,"x\ny"\nbad\n"2\n\n",ä\n3,4\n')

    good, bad = read(path)

    assert [(row[LINE], row["a"], row["b"]) for row in good] == [
        (2, "1", "x\ny"), (5, "2\n\n", "ä"), (8, "3", "4"),
    ]  # fmt: skip
    assert [line for line, _, _ in bad] == [4]


def test_bytes_that_are_no_text_cost_one_row(tmp_path: Path) -> None:
    path = csv(tmp_path, b"a,b\n1,\xff\n2,\xc3\xa4\n")

    good, bad = read(path)

    assert [row["b"] for row in good] == ["ä"]
    assert [(line, reason) for line, reason, _ in bad] == [(2, RejectReason.BAD_ENCODING)]


def test_another_encoding_and_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    latin = csv(tmp_path, "a,b\n1,ä\n".encode("latin-1"), "latin.csv")
    marked = csv(tmp_path, "a,b\n1,ä\n".encode("utf-8-sig"), "marked.csv")
    wide = csv(tmp_path, "a,b\n1,ä\n".encode("utf-16"), "wide.csv")

    for path, encoding in ((latin, "latin-1"), (marked, "utf-8"), (wide, "utf-16")):
        assert read(path, FileShape(encoding=encoding))[0] == [{LINE: 2, "a": "1", "b": "ä"}]


def test_wrapped_rows_are_unwrapped_header_and_all(tmp_path: Path) -> None:
    path = csv(tmp_path, '"a,b"\r\n"1,x"\r\n"2,""q"""\r\n"3"\r\n')

    good, bad = read(path, FileShape(wrapped_rows=True))

    assert [(row["a"], row["b"]) for row in good] == [("1", "x"), ("2", "q")]
    assert bad == [(4, RejectReason.WRONG_COLUMNS, "3")]


def test_a_row_beyond_32_kb_is_rejected(tmp_path: Path) -> None:
    path = csv(tmp_path, f"a,b\n1,{'x' * 40_000}\n2,y\n")

    good, bad = read(path)

    assert [row["a"] for row in good] == ["2"]
    assert [(line, reason) for line, reason, _ in bad] == [(2, RejectReason.TOO_LARGE)]


def test_a_file_without_a_header_takes_its_columns_from_the_map(tmp_path: Path) -> None:
    path = csv(tmp_path, "1;2\n")

    good, _ = read(path, FileShape(delimiter=";", columns=("a", "b")))

    assert good == [{LINE: 1, "a": "1", "b": "2"}]


def test_a_header_that_names_a_column_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadHeader, match="a"):
        RowFile.opened(csv(tmp_path, "a,b,a\n"), FileShape())


@pytest.mark.parametrize("name", ["missing.csv", "missing.ndjson", "missing.parquet"])
def test_a_file_that_is_not_there_is_refused(tmp_path: Path, name: str) -> None:
    shape = FileShape(format=Format(name.rsplit(".", 1)[1]))

    with pytest.raises(Unreadable):
        RowFile.opened(tmp_path / name, shape)


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xef\xbb\xbf"])
def test_an_empty_file_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(Unreadable, match="empty"):
        RowFile.opened(csv(tmp_path, content), FileShape())


def test_a_header_alone_has_no_rows(tmp_path: Path) -> None:
    assert read(csv(tmp_path, "a,b\n")) == ([], [])


def test_ndjson_gives_its_lines(tmp_path: Path) -> None:
    path = csv(tmp_path, '{"a":1}\n\n  {"a":2}\r\n', "f.ndjson")

    good, _ = read(path, FileShape(format=Format.NDJSON))

    assert [(row[LINE], str(row[TEXT]).strip()) for row in good] == [(1, '{"a":1}'), (3, '{"a":2}')]


def test_a_file_of_random_bytes_neither_crashes_nor_loses_a_line(tmp_path: Path) -> None:
    import numpy as np

    generator = np.random.default_rng(7)
    alphabet = np.frombuffer(b"ab,;\"'\n\r\xff\x00 1", dtype=np.uint8)
    for _ in range(300):
        body = generator.choice(alphabet, 200).tobytes()
        path = csv(tmp_path, b"a,b\n" + body)

        good, bad = read(path)

        lines = [row[LINE] for row in good] + [line for line, _, _ in bad]
        assert len(set(lines)) == len(lines)


def test_parquet_rows_are_numbered_and_times_are_instants(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    path = tmp_path / "f.parquet"
    instants = pa.array([1_700_000_000_123], pa.timestamp("ms", "UTC"))
    pq.write_table(pa.table({"t": instants, "n": [3], "s": ["x"]}), path)

    good, _ = read(path, FileShape(format=Format.PARQUET))

    assert good == [{LINE: 1, "t": "1700000000123", "n": "3", "s": "x"}]


def test_a_name_in_the_header_has_no_nul(tmp_path: Path) -> None:
    assert RowFile.opened(csv(tmp_path, "a\0,b\n1,2\n"), FileShape()).columns == ("a\ufffd", "b")
