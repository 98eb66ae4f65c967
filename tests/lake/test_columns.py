"""Columns read without a statement give the answer that a statement gives, whatever is stored."""

from __future__ import annotations

from datetime import timedelta

import pyarrow as pa

from tests.lake.conftest import Sender
from tests.lake.test_identity_experiments import ASKED, bought, shown
from truelift.lake.columns import column_rows
from truelift.lake.home import Home
from truelift.lake.lake import Lake
from truelift.lake.loader import Loader
from truelift.lake.slices import slices_of
from truelift.questions.question import People, Scan


def read(home: Home, scan: Scan) -> pa.Table | None:
    """Give the columns of the site's only bucket."""
    snapshot = slices_of(home.root, home.lake).reader("shop").snapshot()
    (part,) = snapshot.slices
    pieces = column_rows(snapshot, part, scan)
    return None if pieces is None else pa.concat_tables(pieces)


def test_files_and_the_fresh_tail_are_read_and_robots_are_not(
    home: Home, send: Sender, loader: Loader
) -> None:
    robot = {"user_agent": "Mozilla/5.0 (compatible; Googlebot/2.1)"}
    send(shown("a"), shown("b", "v2"), {**shown("a", "v3"), **robot})
    loader.flush()
    send(bought(), bought("v2"), {**bought("v3"), **robot})
    loader.step()

    found = read(home, ASKED.scan())
    answer = Lake(home).ask("shop", ASKED).answer

    assert found is not None
    assert sorted(found["event"].to_pylist()) == [
        "experiment_viewed",
        "experiment_viewed",
        "purchase",
        "purchase",
    ]
    assert set(found.column_names) == set(ASKED.scan().columns)
    assert answer.units == {"a": 1, "b": 1}
    assert [answer.samples["ordered"][variant].value for variant in "ab"] == [1.0, 1.0]


def test_where_only_a_statement_tells_no_columns_are_read(home: Home, send: Sender) -> None:
    send(shown("a"))
    with Loader(home, now=send.clock) as loader:
        loader.flush()

    scan = ASKED.scan()

    assert read(home, scan) is not None
    for other in (
        Scan(scan.sql, scan.parameters),
        Scan(scan.sql, scan.parameters, people=People("SELECT 1", {}), columns=scan.columns),
    ):
        assert read(home, other) is None


def test_a_file_that_cannot_be_read_is_named_as_ever(home: Home, send: Sender) -> None:
    for nth, variant in enumerate("ab"):
        send.clock.forward(timedelta(seconds=nth))
        send(shown(variant, f"v{nth}"))
        with Loader(home, now=send.clock) as loader:
            loader.flush()
    damaged, _ = sorted(home.events_table("shop").glob("bucket=*/*.parquet"))
    damaged.write_bytes(damaged.read_bytes()[:100])

    asked = Lake(home).ask("shop", ASKED)

    assert [name.rpartition("/")[2] for name in asked.unread] == [damaged.name]
    assert sum(asked.answer.units.values()) == 1
