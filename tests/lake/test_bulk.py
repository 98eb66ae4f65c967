"""Imports reach the journal whole, count on, and only in the right shape."""

from __future__ import annotations

import pyarrow as pa
import pytest

from tests.lake.conftest import bulk
from truelift.lake.bulk import BadBulk, append_bulk, bulk_heads, bulk_pieces
from truelift.lake.home import BadSiteName, Home


def test_positions_count_on_per_import_and_site_also_after_pieces_were_dropped(home: Home) -> None:
    first = bulk(home, 3)
    second = bulk(home, 2)
    other = bulk(home, 4, site="other")
    for piece in bulk_pieces(home):
        piece.drop()

    third = bulk(home, 1)

    assert (first, second, other, third) == (3, 5, 4, 6)
    assert bulk_heads(home, "shop") == {"import-a": 6}
    assert [(piece.first, piece.last) for piece in bulk_pieces(home)] == [(6, 6)]


def test_a_piece_has_every_column_that_arrived_items_have(home: Home) -> None:
    bulk(home, 2)

    rows = bulk_pieces(home)[0].rows().to_pylist()

    assert [row["position"] for row in rows] == [1, 2]
    assert [row["message_id"] for row in rows] == ["i0", "i1"]
    assert rows[0]["url"] is None


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ({"message_id": ["a"], "colour": ["red"]}, "'colour' is not one of its columns"),
        ({"message_id": ["a"], "occurred_at": ["yesterday"]}, "occurred_at is not int64"),
        ({"message_id": [None]}, "a row has no message_id"),
        ({"event": ["view"]}, "a row has no message_id"),
        ({"message_id": ["a"], "position": [1]}, "'position' is not one of its columns"),
    ],
)
def test_a_table_of_another_shape_is_refused_and_nothing_is_kept(
    home: Home, table: dict[str, list[object]], problem: str
) -> None:
    with pytest.raises(BadBulk, match=problem):
        append_bulk(home, "shop", pa.table(table), writer="import-a", received_at_ms=0)

    assert bulk_pieces(home) == []


@pytest.mark.parametrize("writer", ["edge", "import-", "import-../x", "import-A"])
def test_only_a_plain_name_is_an_imports_name(home: Home, writer: str) -> None:
    with pytest.raises(BadBulk, match="wants `import-` and a digest"):
        append_bulk(home, "shop", pa.table({"message_id": ["a"]}), writer=writer, received_at_ms=0)


def test_a_site_name_cannot_leave_the_journal(home: Home) -> None:
    with pytest.raises(BadSiteName):
        append_bulk(
            home, "../x", pa.table({"message_id": ["a"]}), writer="import-a", received_at_ms=0
        )
