"""A lake file that cannot be read is named and left out, an index not used, until restored."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from tests.lake.conftest import NOON, Rows, Sender
from truelift.lake.home import Home
from truelift.lake.indexing import Indexing
from truelift.lake.lake import Lake
from truelift.lake.loader import Loader
from truelift.questions.funnel import Funnel, Step
from truelift.questions.matching import Events


def test_an_answer_names_the_file_that_it_lacks_until_that_is_restored(
    home: Home, send: Sender
) -> None:
    for second in range(2):
        send.clock.forward(timedelta(seconds=second))
        send({"event": "view", "visitor_id": f"v{second}"})
        with Loader(home, now=send.clock) as loader:
            loader.flush("shop")
    damaged, _ = sorted(home.events_table("shop").glob("bucket=*/*.parquet"))
    content = damaged.read_bytes()
    damaged.write_bytes(content[: len(content) // 2])
    lake = Lake(home)

    lacking, again = lake.ask("shop", Rows()), lake.ask("shop", Rows())
    damaged.write_bytes(content)
    restored = lake.ask("shop", Rows())

    assert [Path(name).name for name in lacking.unread] == [damaged.name]
    assert again.unread == lacking.unread
    assert len(lacking.answer) == 1
    assert (len(restored.answer), restored.unread) == (2, ())


def test_one_bit_that_turned_over_and_still_decodes_is_noticed(home: Home, send: Sender) -> None:
    send({"event": "view", "visitor_id": "a"})
    with Loader(home, now=send.clock) as loader:
        loader.flush("shop")
    (path,) = home.events_table("shop").glob("bucket=*/*.parquet")
    content = path.read_bytes()
    lakes = []
    for place in range(4, len(content), len(content) // 40):
        turned = bytearray(content)
        turned[place] ^= 1
        path.write_bytes(turned)
        lakes.append(Lake(home).ask("shop", Rows()))
    path.write_bytes(content)

    assert all(len(asked.unread) == 1 and not asked.answer for asked in lakes)
    assert not Lake(home).ask("shop", Rows()).unread


def test_a_damaged_bucket_is_neither_compacted_nor_indexed_and_holds_up_no_other(
    home: Home, send: Sender, loader: Loader, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        for site in ("blog", "shop"):
            send({"event": "view"}, site=site)
        loader.flush()
    loader._compaction.files_per_bucket = 1
    damaged = min(home.events_table("blog").glob("bucket=*/*.parquet"))
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    loader._untidy |= {"blog", "shop"}

    while loader._untidy:
        loader.step()
    indexing = Indexing(home)
    while indexing.step():
        pass

    assert damaged.read_bytes() == content
    assert len(list(home.events_table("shop").glob("bucket=*/*.parquet"))) < 6
    assert (home.index / "shop" / "0" / "current").exists()
    assert not (home.index / "blog" / "0" / "current").exists()
    said = [record.message for record in caplog.records if record.levelname == "ERROR"]
    assert any("not compacted" in each for each in said)
    assert sum("not indexed" in each for each in said) == 1


@pytest.mark.parametrize("gone", [False, True])
def test_a_damaged_file_of_one_site_holds_up_no_loading(
    home: Home, send: Sender, caplog: pytest.LogCaptureFixture, gone: bool
) -> None:
    for site in ("blog", "shop"):
        send({"event": "view", "visitor_id": "a"}, site=site)
    with Loader(home, now=send.clock) as loader:
        loader.flush()
    (damaged,) = home.events_table("blog").glob("bucket=*/*.parquet")
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    if gone:
        damaged.unlink()
    for site in ("blog", "shop"):
        send({"event": "buy", "visitor_id": "a"}, site=site)

    with Loader(home, now=send.clock) as loader:
        loader.flush()

    lake = Lake(home)
    assert len(lake.ask("shop", Rows()).answer) == 2
    blog = lake.ask("blog", Rows())
    assert [row["event"] for row in blog.answer] == ["buy"]
    assert [Path(name).name for name in blog.unread] == [damaged.name]
    assert any("restore it from a backup" in record.message for record in caplog.records)


def test_an_index_with_codes_that_cannot_be_is_not_used(
    home: Home, send: Sender, caplog: pytest.LogCaptureFixture
) -> None:
    send({"event": "view"}, {"event": "pay"})
    with Loader(home, now=send.clock) as loader:
        loader.flush("shop")
    steps = tuple(Step(Events((name,))) for name in ("view", "pay"))
    question = Funnel(steps, 600, NOON + timedelta(days=1), by="device")
    expected = Lake(home).ask("shop", question).answer
    while Indexing(home).step():
        pass
    (devices,) = (home.index / "shop" / "0").glob("*/device.npy")
    codes = np.load(devices)
    np.save(devices, np.full_like(codes, 99))
    lake = Lake(home)

    answers = [lake.ask("shop", question).answer for _ in range(2)]

    assert answers == [expected, expected]
    (said,) = [record.message for record in caplog.records if record.levelname == "ERROR"]
    assert said.startswith(f"the index in {home.index / 'shop' / '0'} is damaged")


@pytest.mark.parametrize(
    ("written", "stands"),
    [(b"<i8", b"<u8"), (b"<i8", b"<i4"), (b"(2,)", b"(3,)"), (b"NUMPY", b"NUMPI")],
)
def test_an_index_with_an_array_of_another_kind_or_length_is_not_used(
    home: Home, send: Sender, written: bytes, stands: bytes
) -> None:
    send({"event": "view"}, {"event": "pay"})
    with Loader(home, now=send.clock) as loader:
        loader.flush("shop")
    while Indexing(home).step():
        pass
    steps = tuple(Step(Events((name,))) for name in ("view", "pay"))
    question = Funnel(steps, 600, NOON + timedelta(days=1))
    expected = Lake(home).ask("shop", question).answer
    (instants,) = (home.index / "shop" / "0").glob("*/at_ms.npy")
    instants.write_bytes(instants.read_bytes().replace(written, stands))

    answer = Lake(home).ask("shop", question).answer

    assert answer == expected
    assert not (home.index / "shop" / "0" / "current").exists()
