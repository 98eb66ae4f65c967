"""The doctor finds what does not add up and says what to do."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from tests.lake.conftest import Clock, Sender, bulk
from truelift.cli.main import run
from truelift.lake.checkup import checkup
from truelift.lake.erasure_list import Who, ask_to_erase
from truelift.lake.home import Home
from truelift.lake.journal import segments
from truelift.lake.loader import Loader
from truelift.lake.tables import SiteTable


def codes(home: Home) -> set[str]:
    return {remark.code for remark in checkup(home).remarks}


def test_a_home_at_rest_is_healthy_and_its_sums_are_shown(
    home: Home, clock: Clock, send: Sender
) -> None:
    bulk(home, 10)
    send({"message_id": "a"}, {"message_id": "a"}, {"reason": "bad_json", "event": None})
    with Loader(home, now=clock) as loader:
        loader.flush()
    send({})

    report = checkup(home)

    (site,) = report.sites
    ledger = site.ledger
    assert report.healthy
    assert (ledger.received, ledger.stored, ledger.duplicates, ledger.waiting) == (14, 11, 1, 1)
    assert site.rows == 12


def test_rows_that_disappeared_are_noticed(home: Home, clock: Clock, send: Sender) -> None:
    send({}, {})
    with Loader(home, now=clock) as loader:
        loader.flush()
    table = SiteTable(home.table("shop"))
    state = table.current()
    assert state is not None
    table.rewrite(state, removed=state.files, added=[], buckets=1, now=clock())

    report = checkup(home)

    assert not report.healthy
    assert "sum_is_off" in {remark.code for remark in report.remarks}


@pytest.mark.parametrize("what", ["damaged", "missing"])
def test_a_lake_file_that_cannot_be_read_is_named(
    home: Home, clock: Clock, send: Sender, what: str
) -> None:
    for _ in range(2):
        send({})
        with Loader(home, now=clock) as loader:
            loader.flush()
    path = min(home.events_table("shop").glob("bucket=*/*.parquet"))
    if what == "damaged":
        path.write_bytes(path.read_bytes()[:-1] + b"?")
    else:
        path.unlink()

    report = checkup(home)

    (said,) = (remark.text for remark in report.remarks if remark.wrong)
    assert path.name in said
    assert report.sites[0].rows == 1


def test_stray_tail_files_torn_segments_and_missing_keys_are_remarked_upon(
    home: Home, clock: Clock, send: Sender
) -> None:
    send({})
    with Loader(home, now=clock) as loader:
        loader.step()
    (home.tail / "shop" / "000000000099.arrow").write_bytes(b"half")
    send.close()
    with segments(home.journal)[-1].path.open("ab") as segment:
        segment.write(b"TLJ1half a frame")

    found = codes(home)

    assert {"orphan_tail_files", "segment_torn", "no_keys", "loader_idle"} <= found
    assert checkup(home).healthy


def test_a_broken_keys_file_is_wrong(home: Home) -> None:
    home.keys_file.write_text("{")

    assert "keys_file" in codes(home)
    assert not checkup(home).healthy


def test_locks_say_who_is_running(home: Home, clock: Clock, send: Sender) -> None:
    send({})
    with Loader(home, now=clock):
        running = codes(home)

    assert {"loader_running", "writer_running"} <= running


def test_erasures_that_wait_are_remarked_upon_until_every_part_is_done(
    home: Home, clock: Clock, send: Sender
) -> None:
    send({})
    request = ask_to_erase(home, "shop", Who.USER, "ada")

    (waiting,) = (each for each in checkup(home).remarks if each.code == "erasures_waiting")
    request.hand_over(home)
    (left,) = (each for each in checkup(home).remarks if each.code.startswith("erasures"))
    request.forget(home)

    assert "1 erasures" not in waiting.text
    assert ("(shop)" in waiting.text, "truelift serve" in waiting.text) == (True, True)
    assert "ada" not in waiting.text
    assert left.code == "erasures_half_done"
    assert checkup(home).healthy
    assert not {"erasures_waiting", "erasures_half_done"} & codes(home)


def test_a_journal_that_is_older_than_its_lake_is_wrong_also_while_no_loader_says_so(
    home: Home, clock: Clock, send: Sender, tmp_path: Path
) -> None:
    send({}, {}, {})
    with Loader(home, now=clock) as loader:
        loader.flush()
    clock.forward(timedelta(minutes=1))
    newer = Home(root=tmp_path / "newer", lake=home.lake)
    newer.make()
    before = codes(newer)
    sender = Sender(newer, clock)
    sender({"message_id": "late"})
    sender.close()

    report = checkup(newer)

    assert "journal_behind" not in before | codes(home)
    (behind,) = (each for each in report.remarks if each.code == "journal_behind")
    assert behind.wrong
    assert "TRUELIFT_LAKE" in behind.text


@pytest.fixture
def in_home(home: Home, monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    monkeypatch.setenv("TRUELIFT_HOME", str(home.root))
    monkeypatch.delenv("TRUELIFT_LAKE", raising=False)
    return lambda: run("doctor", ["--json"])


def test_the_command_prints_one_document_and_exits_with_the_verdict(
    home: Home, in_home: Callable[[], int], capsys: pytest.CaptureFixture[str]
) -> None:
    healthy = in_home()
    document = json.loads(capsys.readouterr().out)
    home.keys_file.write_text("{")
    broken = in_home()

    assert (healthy, document["healthy"]) == (0, True)
    assert broken == 1
