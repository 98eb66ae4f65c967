"""Files of rows: nothing in them is run, and numbers stay numbers."""

from __future__ import annotations

import csv
import io

import pyarrow.parquet as pq
import pytest

from truelift.apps.explorers.export import csv_of, parquet_of
from truelift.apps.explorers.table import Row


@pytest.mark.parametrize("lead", ["=", "+", "-", "@", "\t", "\r"])
def test_text_that_a_spreadsheet_would_run_gets_an_apostrophe(lead: str) -> None:
    rows = [{"path": f"{lead}cmd|'/c calc'!A1"}]

    (_, (cell,)) = csv.reader(io.StringIO(csv_of(rows).decode(), newline=""))

    assert cell == f"'{lead}cmd|'/c calc'!A1"


def test_a_column_that_is_called_like_a_formula_is_neutralised_as_well() -> None:
    assert csv_of([{"=A1": 1}]).decode().splitlines()[0] == "'=A1"


def test_negative_numbers_stay_numbers() -> None:
    assert csv_of([{"change": -3, "share": -0.5}]).decode().splitlines()[1] == "-3,-0.5"


def test_parquet_has_a_type_per_column_and_nulls_where_nothing_is() -> None:
    rows: list[Row] = [
        {"day": "a", "n": 1, "rate": None},
        {"day": "b", "n": 2, "rate": 0.5, "late": True},
    ]

    found = pq.read_table(io.BytesIO(parquet_of(rows)))

    assert [str(each.type) for each in found.schema] == ["string", "int64", "double", "bool"]
    assert found.to_pylist() == [
        {"day": "a", "n": 1, "rate": None, "late": None},
        {"day": "b", "n": 2, "rate": 0.5, "late": True},
    ]


def test_no_rows_are_a_file_without_rows() -> None:
    assert csv_of([]) == b"\r\n"
    assert pq.read_table(io.BytesIO(parquet_of([]))).num_rows == 0
