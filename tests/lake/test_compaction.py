"""Files are put together and buckets doubled without a question noticing."""

from __future__ import annotations

import os
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from tests.lake.conftest import Clock, Rows, Sender
from truelift.lake.home import Home
from truelift.lake.lake import Lake
from truelift.lake.loader import Loader
from truelift.lake.tables import SiteTable


def commit_often(loader: Loader, send: Sender, *, times: int, first: int = 0) -> None:
    loader._commit_age = timedelta(0)
    for number in range(first, first + times):
        send({"message_id": f"m{number}", "visitor_id": f"v{number % 9}"})
        loader.step()


def test_a_bucket_never_keeps_more_than_32_files(home: Home, send: Sender, loader: Loader) -> None:
    commit_often(loader, send, times=33)
    table = SiteTable(home.table("shop"))
    crowded = table.current()

    loader.step()
    compacted = table.current()

    assert crowded is not None
    assert compacted is not None
    assert (len(crowded.files), len(compacted.files)) == (33, 1)
    assert compacted.counts == crowded.counts
    assert Lake(home).rows("shop") == 33


def test_positions_and_counts_survive_checkpoints(
    home: Home, clock: Clock, send: Sender, loader: Loader
) -> None:
    commit_often(loader, send, times=45)
    loader.step()
    loader.close()
    anew = SiteTable(home.table("shop")).current()

    with Loader(home, now=clock) as second:
        second.flush()

    assert anew is not None
    assert (anew.reached("edge"), anew.counts.stored) == (45, 45)
    assert Lake(home).ledger("shop").received == 45
    log = home.events_table("shop") / "_delta_log"
    assert (log / "_last_checkpoint").exists()


@pytest.mark.parametrize("rounds", [1, 2])
def test_doubling_buckets_changes_no_answer(
    home: Home, send: Sender, loader: Loader, rounds: int
) -> None:
    loader._compaction.rows_per_bucket = 60
    send(*({"message_id": f"m{n:03}", "visitor_id": f"v{n % 40}"} for n in range(200)))
    loader.step()
    before = Lake(home).ask("shop", Rows("message_id, person, event"))

    for _ in range(rounds):
        loader.flush()
        loader._untidy.add("shop")
    state = SiteTable(home.table("shop")).current()
    after = Lake(home).ask("shop", Rows("message_id, person, event"))

    assert state is not None
    assert state.buckets == 2**rounds
    assert {file.bucket for file in state.files} == set(range(2**rounds))
    assert after.answer == before.answer


def test_files_are_sorted_by_person_and_time_and_pruned_by_time(
    home: Home, clock: Clock, send: Sender, loader: Loader
) -> None:
    send({"message_id": "old"})
    loader.flush()
    clock.forward(timedelta(days=3))
    send({"message_id": "new"})
    loader.flush()
    lake = Lake(home)
    state = SiteTable(home.table("shop")).current()

    assert state is not None
    assert len(state.files) == 2
    assert {file.since for file in state.files} == {clock.at, clock.at - timedelta(days=3)}
    assert len(lake.ask("shop", Rows("message_id")).answer) == 2


def test_removed_files_stay_for_questions_that_run_and_strays_go(
    home: Home, clock: Clock, send: Sender, loader: Loader
) -> None:
    clock.at = datetime.now(UTC)
    folder = home.events_table("shop") / "bucket=0"
    folder.mkdir(parents=True)
    stray = folder / "stray.parquet"
    stray.write_bytes(b"left by a crash")
    two_hours_ago = time.time() - 7200
    os.utime(stray, (two_hours_ago, two_hours_ago))

    commit_often(loader, send, times=33)
    loader.step()

    assert len(list(folder.glob("*.parquet"))) == 34
    assert not stray.exists()


def test_questions_never_miss_or_double_a_row_while_the_loader_works(
    home: Home, send: Sender, loader: Loader
) -> None:
    loader._commit_age = timedelta(0)
    loader._compaction.files_per_bucket = 4
    send({"message_id": "m0"})
    loader.step()
    lake = Lake(home)
    wrong: list[object] = []
    asked = 0
    done = threading.Event()

    def ask() -> None:
        nonlocal asked
        last = 0
        while not done.is_set():
            answer = lake.ask("shop", Rows("message_id"))
            names = [row["message_id"] for row in answer.answer]
            count = answer.journal_position
            if len(names) != count or len(set(names)) != count or count < last:
                wrong.append((names, count))
            last = count
            asked += 1

    asker = threading.Thread(target=ask)
    asker.start()
    for number in range(1, 60):
        send({"message_id": f"m{number}"})
        loader.step()
    done.set()
    asker.join()

    assert asked > 3
    assert wrong == []
