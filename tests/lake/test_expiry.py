"""Rows go when their time is over, counted; files go when nobody refers to them."""

from __future__ import annotations

import json
import os
import re
import time
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.parquet as pq

from tests.lake.conftest import Clock, Rows, Sender
from truelift.lake.expiry import expire
from truelift.lake.file_cache import digest_of, named_by_content, planned_name
from truelift.lake.home import Home
from truelift.lake.indexing import Indexing
from truelift.lake.lake import Lake
from truelift.lake.loader import Loader
from truelift.lake.tables import SiteTable


DAY_MS = 86_400_000


def days_old(clock: Clock, *events: tuple[str, int]) -> list[dict[str, object]]:
    return [
        {"event": event, "message_id": f"{event}-{days}", "occurred_at": clock.ms - days * DAY_MS}
        for event, days in events
    ]


def left(home: Home) -> set[object]:
    return {row["message_id"] for row in Lake(home).ask("shop", Rows()).answer}


def test_each_event_is_kept_for_its_own_days_and_all_others_for_those_of_the_star(
    home: Home, clock: Clock, send: Sender, loader: Loader
) -> None:
    send(*days_old(clock, ("view", 9), ("view", 11), ("buy", 99), ("buy", 101), ("it's", 99)))
    loader.flush()

    done = expire(home, "shop", {"view": 10, "*": 100}, now=clock())

    assert left(home) == {"view-9", "buy-99", "it's-99"}
    assert (done.stored, len(done.removed), len(done.added)) == (2, 1, 1)
    ledger = Lake(home).ledger("shop")
    assert (ledger.received, ledger.stored, ledger.expired) == (5, 3, 2)
    assert ledger.balanced


def test_files_without_a_column_or_with_another_are_rewritten_as_they_are(
    home: Home, clock: Clock, send: Sender, loader: Loader
) -> None:
    send(*days_old(clock, ("view", 9), ("view", 11)))
    loader.flush()
    table = home.events_table("shop")
    (path,) = table.glob("bucket=0/*.parquet")
    rows = pq.read_table(path).drop_columns(["os"])
    pq.write_table(rows.append_column("theirs", pa.array(["x"] * 2)), path)
    # Its name says what is in it, so the log has to know it by the name of what is in it now.
    named = path.with_name(named_by_content(planned_name(path.name), digest_of(path)))
    for entry in table.glob("_delta_log/*.json"):
        text = entry.read_text().replace(path.name, named.name)
        entry.write_text(re.sub(r'"size":\d+', f'"size":{path.stat().st_size}', text))
    for checkpoint in (*table.glob("_delta_log/*.parquet"), table / "_delta_log/_last_checkpoint"):
        checkpoint.unlink()
    path.rename(named)

    done = expire(home, "shop", {"*": 10}, now=clock())
    (file,) = done.added
    written = pq.read_table(home.events_table("shop") / file.path)

    assert written.select(["message_id", "os", "theirs"]).to_pylist() == [
        {"message_id": "view-9", "os": None, "theirs": "x"}
    ]


def test_what_no_setting_names_is_kept(
    home: Home, clock: Clock, send: Sender, loader: Loader
) -> None:
    send(*days_old(clock, ("view", 3000), ("buy", 3000)))
    loader.flush()

    nothing = expire(home, "shop", {}, now=clock())
    views = expire(home, "shop", {"view": 10}, now=clock())

    assert (nothing.rows, views.rows) == (0, 1)
    assert left(home) == {"buy-3000"}


def test_the_loader_removes_once_a_day_what_the_published_setting_says(
    home: Home, clock: Clock, send: Sender, loader: Loader
) -> None:
    send(*days_old(clock, ("view", 9)))
    loader.flush()
    while Indexing(home).step():
        pass
    home.sites_file.write_text(
        json.dumps({"version": 1, "sites": {"shop": {"retention": {"*": 10}}}})
    )
    loader.step()
    young = left(home)

    clock.forward(timedelta(days=2))
    loader.step()

    assert young == {"view-9"}
    assert left(home) == set()
    assert Lake(home).ledger("shop").expired == 1
    assert not list(home.index.glob("shop/*"))


def test_files_that_nobody_refers_to_go_without_any_compaction(
    home: Home, clock: Clock, send: Sender, loader: Loader
) -> None:
    clock.at = datetime.now(UTC)
    send({"message_id": "a"})
    loader.flush()
    stray = home.events_table("shop") / "bucket=0" / "stray.parquet"
    stray.write_bytes(b"left by a crash")
    young = stray.with_name("young.parquet")
    young.write_bytes(b"being written")
    past = time.time() - 7200
    os.utime(stray, (past, past))

    clock.forward(timedelta(hours=2))
    loader.step()

    assert not stray.exists()
    assert young.exists()
    assert left(home) == {"a"}


def test_log_entries_past_their_day_go_and_the_table_stays_readable(
    home: Home, send: Sender, loader: Loader
) -> None:
    for number in range(3):
        send({"message_id": f"m{number}"})
        loader.flush()
    log = home.events_table("shop") / "_delta_log"
    past = time.time() - 3 * 86_400
    for path in log.glob("*.json"):
        os.utime(path, (past, past))

    SiteTable(home.table("shop")).sweep()
    state = SiteTable(home.table("shop")).current()

    assert state is not None
    assert state.counts.stored == 3
    assert len(list(log.glob("*.json"))) < 4
    assert left(home) == {"m0", "m1", "m2"}
