"""Rows and a map, turned into events."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from truelift.lake.imports import rows
from truelift.lake.imports.convert import ROW, Converter, MissingColumns
from truelift.lake.imports.map import FileShape, format_of, map_from, standard_map
from truelift.lake.imports.reject import RejectReason
from truelift.lake.imports.rows import RowFile


Event = dict[str, object]
Bad = list[tuple[int, RejectReason, str]]


def converted(path: Path, text: str | None = None, *, digest: str = "d") -> tuple[list[Event], Bad]:
    if text is None:
        shape = FileShape(format=format_of(path))
        file = RowFile.opened(path, shape)
        found = standard_map(file.columns, file=path, shape=shape)
    else:
        found = map_from(text, source="map", file=path)
        file = RowFile.opened(path, found.file)
    converter = Converter(found, path=path, columns=file.columns, digest=digest)
    events: list[Event] = []
    bad: Bad = []
    for piece in file.pieces():
        result = converter.convert(piece)
        events += result.events.to_pylist()
        bad += [(reject.line, reject.reason, reject.text) for reject in result.rejects]
    return events, bad


def written(tmp_path: Path, text: str, name: str = "f.csv") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def properties(event: Event) -> object:
    return json.loads(str(event["properties"]))


def test_a_wide_row_becomes_the_events_whose_condition_holds(tmp_path: Path) -> None:
    path = written(tmp_path, "u,v,rounds,day1\n7,a,3,True\n8,b,0,False\n")
    text = """
    [row]
    unit = "u"
    occurred_at = 2016-11-01T00:00:00Z
    [[event]]
    name = "Experiment Viewed"
    experiment = { constant = "gate" }
    variant = "v"
    [[event]]
    name = "rounds"
    value = "rounds"
    [[event]]
    name = "day1"
    when = "day1"
    """

    events, bad = converted(path, text)

    assert bad == []
    assert [(e[ROW], e["event"], e["visitor_id"], e["variant"], e["value"]) for e in events] == [
        (2, "Experiment Viewed", "7", "a", None),
        (2, "rounds", "7", None, 3.0),
        (2, "day1", "7", None, None),
        (3, "Experiment Viewed", "8", "b", None),
        (3, "rounds", "8", None, 0.0),
    ]
    assert len({e["message_id"] for e in events}) == 5


def test_a_standard_file_fills_its_columns_and_keeps_the_rest_as_properties(
    tmp_path: Path,
) -> None:
    path = written(
        tmp_path,
        "name,visitor_id,occurred_at,value,currency,device,source,colour,size\n"
        "purchase,v1,2024-05-01T10:00:00+02:00,12.50,eur,mobile,google,red,\n",
    )

    ((event,), bad) = converted(path)

    assert bad == []
    assert event["event"] == "purchase"
    assert event["occurred_at"] == 1_714_550_400_000
    assert (event["value"], event["currency"]) == (12.5, "EUR")
    assert (event["device"], event["utm_source"]) == ("phone", "google")
    assert properties(event) == {"colour": "red"}


def test_the_same_events_come_from_csv_ndjson_and_parquet(tmp_path: Path) -> None:
    given: list[dict[str, str | None]] = [
        {"name": "a", "visitor_id": "v", "occurred_at": "1714550400000", "value": "2", "c": "x"},
        {"name": "b", "visitor_id": "w", "occurred_at": "1714550400001", "value": None, "c": "y"},
    ]
    header = ",".join(given[0])
    lines = [",".join(str(cell or "") for cell in row.values()) for row in given]
    csv = written(tmp_path, "\n".join([header, *lines]))
    ndjson = written(tmp_path, "\n".join(json.dumps(row) for row in given), "f.ndjson")
    parquet = tmp_path / "f.parquet"
    pq.write_table(pa.Table.from_pylist(given), parquet)

    from_csv, from_ndjson, from_parquet = (
        [
            {name: cell for name, cell in event.items() if name not in {ROW, "message_id"}}
            for event in converted(path)[0]
        ]
        for path in (csv, ndjson, parquet)
    )

    assert from_csv == from_ndjson == from_parquet


@pytest.mark.parametrize(
    ("cell", "ms"),
    [
        ("2024-07-01", 1_719_784_800_000),
        ("2024-07-01 12:00", 1_719_828_000_000),
        ("2024-07-01T12:00:00.1239", 1_719_828_000_123),
        ("2024-07-01T12:00:00Z", 1_719_835_200_000),
        ("2024-07-01T12:00:00+0200", 1_719_828_000_000),
        ("1719835200000", 1_719_835_200_000),
        ("1719835200000.9", 1_719_835_200_000),
    ],
)
def test_times_are_iso_8601_or_epoch_ms_and_naive_ones_are_in_the_files_zone(
    tmp_path: Path, cell: str, ms: int
) -> None:
    path = written(tmp_path, f"t\n{cell}\n")
    text = '[file]\ntime_zone="Europe/Berlin"\n[[event]]\nname="a"\noccurred_at="t"\n'

    ((event,), _) = converted(path, text)

    assert event["occurred_at"] == ms


@pytest.mark.parametrize(
    "cell",
    ["", "soon", "0001-01-01T00:00:00Z", "9999-12-31", "infinity", "epoch", "1e99", "-5", "1/2/24",
     "2024-02-31", "99999999999999999999"],
)  # fmt: skip
def test_a_time_that_cannot_be_is_rejected(tmp_path: Path, cell: str) -> None:
    path = written(tmp_path, f"u,t\nv,{cell}\n")

    events, bad = converted(path, '[[event]]\nname="a"\nunit="u"\noccurred_at="t"')

    assert events == []
    assert bad == [(2, RejectReason.BAD_TIME, f"v,{cell}")]


def test_a_format_and_a_unit_read_other_times(tmp_path: Path) -> None:
    path = written(tmp_path, "day,s\n31.12.2024 23:59,1735689540\n")
    text = """
    [[event]]
    name = "a"
    occurred_at = { column = "day", format = "%d.%m.%Y %H:%M" }
    [[event]]
    name = "b"
    occurred_at = { column = "s", unit = "s" }
    """

    events, _ = converted(path, text)

    assert [event["occurred_at"] for event in events] == [1_735_689_540_000] * 2


def test_numbers_follow_the_files_notation(tmp_path: Path) -> None:
    path = written(tmp_path, 'v\n"1.234.567,89"\n12,5\nx\n1e999\nNaN\n')
    text = """
    [file]
    delimiter = ";"
    decimal = ","
    thousands = "."
    [[event]]
    name = "a"
    occurred_at = 2024-01-01
    value = "v"
    """

    events, bad = converted(path, text)

    assert [event["value"] for event in events] == [1_234_567.89, 12.5]
    assert [(line, reason) for line, reason, _ in bad] == [
        (line, RejectReason.BAD_VALUE) for line in (4, 5, 6)
    ]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (",v,2024-01-01,,,,", RejectReason.NO_NAME),
        ("a, ,2024-01-01,,,,", RejectReason.NO_UNIT),
        ("a,v,2024-01-01,ten,,,", RejectReason.BAD_VALUE),
        ("a,v,2024-01-01,1,euro,,", RejectReason.BAD_CURRENCY),
        ("a,v,2024-01-01,,,gate,", RejectReason.HALF_EXPOSURE),
        ("a,v,2024-01-01,,,,x", RejectReason.HALF_EXPOSURE),
    ],
)
def test_a_row_that_does_not_fit_is_rejected_with_its_reason(
    tmp_path: Path, row: str, reason: RejectReason
) -> None:
    header = "name,visitor_id,occurred_at,value,currency,experiment,variant"

    events, bad = converted(written(tmp_path, f"{header}\n{row}\n"))

    assert events == []
    assert bad == [(2, reason, row)]


def test_a_row_with_one_bad_event_is_rejected_as_a_whole(tmp_path: Path) -> None:
    path = written(tmp_path, "u,x\nv,1\nw,oops\n")
    text = """
    [row]
    unit = "u"
    occurred_at = 2024-01-01
    [[event]]
    name = "a"
    [[event]]
    name = "b"
    value = "x"
    """

    events, bad = converted(path, text)

    assert [event["visitor_id"] for event in events] == ["v", "v"]
    assert bad == [(3, RejectReason.BAD_VALUE, "w,oops")]


def test_a_row_that_no_event_applies_to_is_rejected(tmp_path: Path) -> None:
    path = written(tmp_path, "u,state\nv,open\n")
    text = """
    [[event]]
    name = "paid"
    occurred_at = 2024-01-01
    when = { column = "state", is = "paid" }
    """

    assert converted(path, text) == ([], [(2, RejectReason.NO_EVENT, "v,open")])


def test_a_line_that_is_no_json_object_is_rejected(tmp_path: Path) -> None:
    fine = '{"name":"a","visitor_id":"v","occurred_at":1714550400000}'
    broken = [
        "[1]", "nonsense", '{"a":', '{"a":NaN}', '"text"', '{"name":"\\ud800"}',
        '{"a":-Infinity}',
    ]  # fmt: skip
    path = written(tmp_path, "\n".join([fine, *broken, fine]), "f.ndjson")

    events, bad = converted(path)

    assert [event[ROW] for event in events] == [1, 9]
    assert bad == [(line, RejectReason.BAD_JSON, text) for line, text in enumerate(broken, 2)]


def test_json_keeps_its_types_and_a_dotted_name_looks_inside(tmp_path: Path) -> None:
    row = {
        "event": "buy", "user": {"id": "v1"}, "at": 1714550400000,
        "basket": {"items": [1, 2]}, "gift": True, "note": None, "a.b": "flat",
    }  # fmt: skip
    path = written(tmp_path, json.dumps(row), "f.ndjson")
    text = """
    [[event]]
    name = { column = "event" }
    unit = "user.id"
    occurred_at = "at"
    properties = { basket = "basket", gift = "gift", note = "note", ab = "a.b" }
    """

    ((event,), _) = converted(path, text)

    assert event["visitor_id"] == "v1"
    assert properties(event) == {"basket": {"items": [1, 2]}, "gift": True, "ab": "flat"}


def test_the_rest_of_a_json_line_becomes_properties(tmp_path: Path) -> None:
    row = {"name": "a", "visitor_id": "v", "occurred_at": 1714550400000, "n": {"x": [1.5]}}

    ((event,), _) = converted(written(tmp_path, json.dumps(row), "f.ndjson"))

    assert properties(event) == {"n": {"x": [1.5]}}


def test_a_rows_id_is_its_message_id_or_else_file_and_line(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "name,visitor_id,occurred_at,message_id\na,v,2024-01-01,m1\na,v,2024-01-01,\n",
    )

    first, _ = converted(path)
    again, _ = converted(path)
    other, _ = converted(path, digest="e")

    assert first[0]["message_id"] == "m1"
    assert first == again
    assert first[1]["message_id"] != other[1]["message_id"]


def test_a_row_without_a_unit_in_the_map_is_a_person_of_its_own(tmp_path: Path) -> None:
    path = written(tmp_path, "t\n2024-01-01\n2024-01-01\n")

    events, _ = converted(path, '[[event]]\nname="a"\noccurred_at="t"')

    assert len({event["visitor_id"] for event in events}) == 2


def test_a_map_that_reads_columns_the_file_has_not_names_them_all(tmp_path: Path) -> None:
    path = written(tmp_path, "a,b\n1,2\n")

    with pytest.raises(MissingColumns, match="'u', 't'"):
        converted(path, '[[event]]\nname="a"\nunit="u"\noccurred_at="t"')


def test_hostile_column_names_and_values_stay_data(tmp_path: Path) -> None:
    hostile = """x"'; DROP TABLE made; --"""
    quoted = '"' + hostile.replace('"', '""') + '"'
    path = written(tmp_path, f"name,visitor_id,occurred_at,{quoted}\n{quoted},v,2024-01-01,'\n")

    ((event,), _) = converted(path)

    assert event["event"] == hostile
    assert properties(event) == {hostile: "'"}


def test_missing_words_mean_that_nothing_stands_there(tmp_path: Path) -> None:
    path = written(tmp_path, "u,c\nNA,v\n")
    text = """
    [file]
    missing = ["NA", "-"]
    [[event]]
    name = "a"
    unit = "c"
    user = "u"
    occurred_at = 2024-01-01
    """

    ((event,), _) = converted(path, text)

    assert event["user_id"] is None


@pytest.mark.parametrize("piece_bytes", [20, 1 << 20])
def test_a_session_keeps_the_day_it_began_on(
    tmp_path: Path, piece_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "PIECE_BYTES", piece_bytes)
    lines = ["2024-01-01,s1,500", "2024-01-02,s2,0", "2024-01-02,s1,900", "2024-01-03,s2,7"]
    path = written(tmp_path, "\n".join(["day,s,ms", *lines]))
    text = """
    [[event]]
    name = "a"
    unit = "s"
    [event.occurred_at]
    start = { column = "day", first_of = "s" }
    step = { column = "ms" }
    """

    events, _ = converted(path, text)

    assert [(e["visitor_id"], e["occurred_at"]) for e in events] == [
        ("s1", 1_704_067_200_500),
        ("s2", 1_704_153_600_000),
        ("s1", 1_704_067_200_900),
        ("s2", 1_704_153_600_007),
    ]


@pytest.mark.parametrize(
    ("levels", "fits"), [(32, True), (33, False), (500, False), (15_000, False)]
)
def test_a_json_line_nests_at_most_32_levels(tmp_path: Path, levels: int, fits: bool) -> None:
    deep = "[" * (levels - 1) + "]" * (levels - 1)
    line = f'{{"name":"a","visitor_id":"v","occurred_at":1714550400000,"d":{deep}}}'

    events, bad = converted(written(tmp_path, line, "f.ndjson"))

    assert len(events) == fits
    assert [reason for _, reason, _ in bad] == ([] if fits else [RejectReason.TOO_DEEP])


def test_a_nul_character_is_a_character(tmp_path: Path) -> None:
    path = written(tmp_path, "name,visitor_id,occurred_at,p\na\x00b,v,2024-01-01,x\x00y\n")

    ((event,), _) = converted(path)

    assert event["event"] == "a\x00b"
    assert properties(event) == {"p": "x\x00y"}
