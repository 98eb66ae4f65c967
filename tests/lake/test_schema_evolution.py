"""A lake that an older Truelift, or something else besides, wrote stays readable and grows."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable
from deltalake.schema import Field, PrimitiveType

from tests.lake.conftest import Clock, Rows, Sender
from truelift.lake import tables
from truelift.lake.home import Home
from truelift.lake.indexing import build_index
from truelift.lake.lake import Lake
from truelift.lake.loader import Loader
from truelift.lake.schema import EVENTS
from truelift.lake.sequence_index import folder_of, open_index
from truelift.lake.storage import TableStore
from truelift.lake.tables import SiteTable, column_names
from truelift.questions.funnel import Funnel, Step
from truelift.questions.matching import Events


LATER = ("title", "term", "context", "country")
"""Columns that an older Truelift did not know yet."""

SEEN = "message_id, person, event, path, title"


def as_older(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have tables made and files written as before these columns were there."""
    older = pa.schema([field for field in EVENTS if field.name not in LATER])
    monkeypatch.setattr(tables, "EVENTS", older)
    in_file = pa.schema([field for field in older if field.name != "bucket"])
    monkeypatch.setattr(tables, "_FILE_SCHEMA", in_file)
    whole = tables.write_file

    def without(store: TableStore, rows: pa.Table, *, bucket: int, name: str) -> tables.LakeFile:
        return whole(store, rows.drop_columns(list(LATER)), bucket=bucket, name=name)

    monkeypatch.setattr("truelift.lake.loader.write_file", without)


@pytest.fixture
def older(home: Home, clock: Clock, send: Sender, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home whose lake lacks some columns."""
    with monkeypatch.context() as patched, Loader(home, now=clock) as loader:
        as_older(home, patched)
        send({"message_id": "old1", "url": "https://x.test/a", "title": "A"})
        send({"message_id": "old2", "visitor_id": "v2", "url": "https://x.test/b"})
        loader.flush()
    return home


def table_of(home: Home) -> tables.LakeState:
    state = SiteTable(home.table("shop")).current()
    assert state is not None
    return state


def answered(home: Home) -> dict[str, tuple[object, object]]:
    rows = Lake(home).ask("shop", Rows(SEEN)).answer
    return {str(row["message_id"]): (row["path"], row["title"]) for row in rows}


OLD = {"old1": ("/a", None), "old2": ("/b", None)}


def test_a_lake_with_fewer_columns_is_read_with_nulls_and_not_changed_by_reading(
    older: Home,
) -> None:
    before = table_of(older)

    assert answered(older) == OLD

    assert set(column_names(before.delta)) == set(EVENTS.names) - set(LATER)
    assert table_of(older).version == before.version


def test_the_next_commit_adds_the_columns(older: Home, clock: Clock, send: Sender) -> None:
    with Loader(older, now=clock) as loader:
        send({"message_id": "new", "url": "https://x.test/c", "title": "C"})
        loader.step()
        fresh = answered(older)
        loader.flush()

    state = table_of(older)
    assert set(column_names(state.delta)) == set(EVENTS.names)
    assert fresh == answered(older) == {**OLD, "new": ("/c", "C")}
    assert (state.counts.stored, state.reached("edge")) == (3, 3)
    assert Lake(older).ledger("shop").balanced


def test_files_of_both_shapes_are_compacted_and_split_without_an_answer_changing(
    older: Home, clock: Clock, send: Sender
) -> None:
    with Loader(older, now=clock) as loader:
        for n in range(4):
            send({"message_id": f"new{n}", "visitor_id": f"x{n}", "url": "https://x.test/c"})
            loader.flush()
        before = answered(older)
        loader._compaction.files_per_bucket = 2
        loader._untidy.add("shop")
        loader.flush()
        compacted = answered(older)
        loader._compaction.rows_per_bucket = 3
        loader._untidy.add("shop")
        loader.flush()

    assert before == compacted == answered(older)
    assert table_of(older).buckets == 2
    assert {key: before[key] for key in OLD} == OLD


def test_merges_and_undo_work_in_a_lake_of_both_shapes(
    older: Home, clock: Clock, send: Sender
) -> None:
    from tests.lake.test_identity_undo import settle, together, undo_newest

    with Loader(older, now=clock) as loader:
        send({"message_id": "a", "user_id": "ada"})
        send({"message_id": "b", "visitor_id": "v2", "user_id": "ada"}, trusted=True)
        settle(loader)
        merged = together(older)
        undo_newest(older, clock)
        loader.flush()

    assert merged == {frozenset({"old1", "old2", "a", "b"})}
    assert together(older) == {frozenset({"old1", "a"}), frozenset({"old2", "b"})}


def test_the_sequence_index_reads_files_of_both_shapes(
    older: Home, clock: Clock, send: Sender
) -> None:
    with Loader(older, now=clock) as loader:
        send({"message_id": "new", "visitor_id": "v3", "country": "DE"})
        loader.flush()
    paths = tuple(file.path for file in table_of(older).files)
    question = Funnel((Step(Events(("view",))),) * 2, 60, clock.at, by="country")
    plain = Lake(older).ask("shop", question).answer

    build_index(older, "shop", table_of(older), 0, was=None)

    assert len(paths) == 2
    assert open_index(folder_of(older, "shop", 0)) is not None
    assert Lake(older).ask("shop", question).answer == plain


@pytest.fixture
def wider(home: Home, clock: Clock, send: Sender) -> Home:
    """A home in whose lake somebody else keeps a column of their own."""
    with Loader(home, now=clock) as loader:
        send({"message_id": "m1", "url": "https://x.test/a", "title": "A"})
        loader.flush()
        table = SiteTable(home.table("shop"))
        state = table.create()
        state.delta.alter.add_columns([Field("mood", PrimitiveType("string"))])
        (file,) = table_of(home).files
        path = home.events_table("shop") / file.path
        rows = pq.read_table(path).append_column("mood", pa.array(["glad"]))
        pq.write_table(rows, path.with_name("glad.parquet"))
        state = table.create()
        glad = tables.LakeFile(
            path="bucket=0/glad.parquet",
            bucket=0,
            rows=1,
            size_bytes=path.with_name("glad.parquet").stat().st_size,
            since=file.since,
            until=file.until,
        )
        table.rewrite(state, removed=[file], added=[glad], buckets=1, now=clock())
    return home


def test_a_column_that_nobody_here_knows_is_left_alone(
    wider: Home, clock: Clock, send: Sender
) -> None:
    with Loader(wider, now=clock) as loader:
        send({"message_id": "m2", "url": "https://x.test/b", "title": "B"})
        loader.flush()
        committed = answered(wider)
        loader._compaction.files_per_bucket = 1
        loader._untidy.add("shop")
        loader.flush()

    state = table_of(wider)
    assert committed == answered(wider) == {"m1": ("/a", "A"), "m2": ("/b", "B")}
    assert "mood" in column_names(state.delta)
    assert len(state.files) == 1
    moods = DeltaTable(str(wider.events_table("shop"))).to_pyarrow_table(
        columns=["message_id", "mood"]
    )
    assert dict(zip(*(moods[name].to_pylist() for name in moods.column_names), strict=True)) == {
        "m1": "glad",
        "m2": None,
    }
