"""A site's table is an open Delta table: commits, statistics, what other programs see."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from deltalake import DeltaTable

from tests.lake.conftest import Rows, Sender
from truelift.lake.home import Home
from truelift.lake.lake import Lake
from truelift.lake.ledger import Counts
from truelift.lake.loader import Loader
from truelift.lake.schema import EVENTS
from truelift.lake.tables import CommitLost, LakeState, SiteTable


def committed(home: Home) -> LakeState:
    state = SiteTable(home.table("shop")).current()
    assert state is not None
    return state


@pytest.mark.parametrize("compacted", [False, True])
def test_any_delta_reader_sees_every_row_in_the_documented_types(
    home: Home, send: Sender, loader: Loader, *, compacted: bool
) -> None:
    loader._commit_age = timedelta(0)
    loader._compaction.files_per_bucket = 1 if compacted else 32
    for number in range(3):
        send({"message_id": f"m{number}", "value": 1.5, "properties": {"a": [1, "x"]}})
        loader.step()
    loader.step()

    table = DeltaTable(str(home.events_table("shop"))).to_pyarrow_table()

    assert sorted(table["message_id"].to_pylist()) == ["m0", "m1", "m2"]
    assert {field.name: field.type for field in table.schema} == {
        field.name: field.type for field in EVENTS
    }
    assert json.loads(table["properties"][0].as_py()) == {"a": [1, "x"]}


def test_the_log_has_no_statistics_on_columns_that_hold_ids(
    home: Home, send: Sender, loader: Loader
) -> None:
    send({"message_id": "secret-id", "visitor_id": "secret-visitor", "user_id": "secret-user"})
    loader.flush()

    log = home.events_table("shop") / "_delta_log"
    written = "".join(path.read_text() for path in log.glob("*.json"))

    assert "secret" not in written
    assert "occurred_at" in written


def test_a_commit_from_an_old_snapshot_is_refused(home: Home, send: Sender, loader: Loader) -> None:
    send({})
    loader.flush()
    table = SiteTable(home.table("shop"))
    old = committed(home)
    table.append(committed(home), [], reached={"edge": 5}, counts=Counts(received=4))

    with pytest.raises(CommitLost, match="Another program wrote"):
        table.append(old, [], reached={"edge": 5}, counts=Counts(received=4))

    assert committed(home).reached("edge") == 5
    assert committed(home).version == old.version + 1


def test_counts_travel_in_the_commit_and_add_up(home: Home, send: Sender, loader: Loader) -> None:
    send({"message_id": "a"}, {"message_id": "a"})
    loader.flush()
    send({"message_id": "b"}, {"reason": "bad_json", "event": None, "message_id": None})
    loader.flush()

    counts = committed(home).counts

    assert (counts.received, counts.stored, counts.duplicates) == (4, 2, 1)
    assert counts.reasons == {"bad_json": 1}


def test_another_programs_commit_does_not_make_the_counts_forgotten(
    home: Home, send: Sender, loader: Loader
) -> None:
    send({}, {})
    loader.flush()
    DeltaTable(str(home.events_table("shop"))).optimize.compact()
    send({})
    loader.flush()

    assert committed(home).counts.received == 3
    assert Lake(home).ledger("shop").balanced


def test_a_reader_follows_commits_without_opening_the_table_again(
    home: Home, send: Sender, loader: Loader
) -> None:
    table = SiteTable(home.table("shop"))
    before = table.current()
    send({})
    loader.flush()
    first = table.current()
    again = table.current()
    send({})
    loader.flush()
    second = table.current()

    assert before is None
    assert first is again
    assert first is not None
    assert second is not None
    assert second.version > first.version
    assert len(Lake(home).ask("shop", Rows("message_id")).answer) == 2
