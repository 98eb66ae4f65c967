"""What a power cut may take, the journal gives back."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from tests.lake.conftest import Clock, Rows, Sender, bulk
from truelift.lake.home import Home
from truelift.lake.journal import JournalWriter, segments
from truelift.lake.lake import Lake
from truelift.lake.loader import Loader
from truelift.lake.manifest import Manifest, pending
from truelift.lake.tail import TailFolder


def names(home: Home) -> list[str]:
    rows = Lake(home).ask("shop", Rows("message_id")).answer
    return sorted(str(row["message_id"]) for row in rows)


@pytest.mark.parametrize("damage", ["gone", "cut", "index gone", "index empty"])
def test_a_lost_tail_is_made_again_from_the_journal(
    home: Home, clock: Clock, send: Sender, damage: str
) -> None:
    with Loader(home, now=clock) as loader:
        send({"message_id": "a"}, {"message_id": "b", "user_id": "ada"})
        loader.flush()
        send({"message_id": "c"}, {"message_id": "a"})
        loader.step()
    folder = home.tail / "shop"
    for file in folder.glob("*.arrow"):
        if damage == "gone":
            file.unlink()
        elif damage == "cut":
            file.write_bytes(file.read_bytes()[:100])
    if damage == "index gone":
        (folder / "tail.json").unlink()
    elif damage == "index empty":
        (folder / "tail.json").write_bytes(b"")

    with Loader(home, now=clock) as loader:
        loader.step()

    ledger = Lake(home).ledger("shop")
    assert names(home) == ["a", "b", "c"]
    assert (ledger.received, ledger.stored, ledger.duplicates) == (4, 3, 1)


def test_a_manifest_whose_tail_was_lost_is_undone(home: Home, clock: Clock, send: Sender) -> None:
    with Loader(home, now=clock) as loader:
        send({"message_id": "a"})
        loader.step()
        tail = loader._site("shop").tail
    Manifest(
        site="shop",
        spans={"edge": (1, 1)},
        tail_files=tuple(file.name for file in tail.files),
        lake_files=("bucket=0/half.parquet",),
    ).write(home)
    half = home.events_table("shop") / "bucket=0" / "half.parquet"
    half.parent.mkdir(parents=True)
    half.write_bytes(b"PAR1 half")
    for file in (home.tail / "shop").iterdir():
        file.unlink()

    with Loader(home, now=clock) as loader:
        loader.flush()

    assert names(home) == ["a"]
    assert pending(home) == []
    assert not half.exists()


def test_items_that_a_damaged_segment_lost_are_accounted_for(home: Home, clock: Clock) -> None:
    line = json.dumps({"type": "track", "event": "v", "visitor_id": "v", "occurred_at": clock.ms})
    writer = JournalWriter.open(home.journal, "edge")
    for _ in range(3):
        writer.append_and_wait(
            site="shop", key_id="k", trusted=False, received_at_ms=clock.ms,
            lines=[line.encode()] * 4,
        )  # fmt: skip
    (segment,) = segments(home.journal)
    content = bytearray(segment.path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    segment.path.write_bytes(content)

    with Loader(home, now=clock) as loader:
        loader.flush()
    writer.close()

    ledger = Lake(home).ledger("shop")
    assert (ledger.received, ledger.stored) == (12, 8)
    assert dict(ledger.reasons) == {"unreadable": 4}
    assert ledger.balanced


def test_a_loader_that_stops_after_each_step_is_as_good_as_one_that_runs_on(
    home: Home, clock: Clock, send: Sender
) -> None:
    for number in range(12):
        send({"message_id": f"m{number % 9}", "visitor_id": f"v{number % 4}"})
        if number == 5:
            bulk(home, 10)
        with Loader(home, now=clock, commit_age=timedelta(minutes=number % 3)) as loader:
            loader.step()
            loader.step()

    ledger = Lake(home).ledger("shop")
    assert (ledger.received, ledger.stored, ledger.duplicates) == (22, 19, 3)
    assert ledger.balanced


def test_files_that_no_tail_knows_are_removed_on_start(
    home: Home, clock: Clock, send: Sender
) -> None:
    with Loader(home, now=clock) as loader:
        send({})
        loader.step()
    stray = home.tail / "shop" / "000000000077.arrow"
    stray.write_bytes(b"half")

    with Loader(home, now=clock):
        pass

    assert not stray.exists()
    assert TailFolder(home, "shop").strays() == []
