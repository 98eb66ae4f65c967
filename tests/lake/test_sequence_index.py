"""Answers with the sequence index are the answers without it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typing_extensions import override

from tests.lake.conftest import NOON, Clock, Sender
from truelift.lake.home import Home
from truelift.lake.indexing import LACKING_ROWS, Indexing, build_index
from truelift.lake.lake import Lake
from truelift.lake.loader import Loader
from truelift.lake.sequence_index import BucketIndex, folder_of, open_index
from truelift.lake.tables import SiteTable
from truelift.questions.funnel import Funnel, Step, Unit
from truelift.questions.matching import Events
from truelift.questions.question import People, Question, Scan
from truelift.questions.sessions import Sessions
from truelift.sequences.funnels import Order


NAMES = ("view", "cart", "pay", "other")
DEVICES = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605 Mobile Safari/604",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537 Chrome/120 Safari/537",
    None,
)


def questions() -> Iterator[Question[Any, Any]]:
    steps = tuple(Step(Events((name,))) for name in ("view", "cart", "pay"))
    for order in Order:
        for by in (None, "device"):
            yield Funnel(steps, 600, NOON + timedelta(days=1), order=order, by=by)
    several = (Step(Events(("view", "cart"))), Step(Events(("cart", "pay"))))
    yield Funnel(several, 600, NOON + timedelta(days=1), by="device")
    yield Funnel(steps, 600, NOON + timedelta(days=1), unit=Unit.SESSION, by="device")
    yield Funnel(steps, 600, NOON + timedelta(days=1), exclude=Events(("other",)))
    for by in (None, "device", "entry_page", "day"):
        yield Sessions(by=by)
    yield Funnel(
        steps,
        600,
        NOON + timedelta(days=1),
        by="device",
        since=NOON + timedelta(seconds=90),
        until=NOON + timedelta(seconds=200),
    )


def answers(home: Home, site: str = "shop") -> list[object]:
    lake = Lake(home)
    return [lake.ask(site, question).answer for question in questions()]


def some_traffic(send: Sender, generator: np.random.Generator, *, items: int) -> None:
    """Visitors of whom some sign in, some on two devices, many at the same instant."""
    made = []
    for _ in range(items):
        visitor = int(generator.integers(0, 30))
        signed_in = generator.random() < 0.15
        made.append(
            {
                "event": NAMES[generator.integers(0, len(NAMES))],
                "visitor_id": f"v{visitor}",
                "user_id": f"u{visitor % 20}" if signed_in else None,
                "occurred_at": send.clock.ms + int(generator.integers(0, 300)) * 1000,
                "user_agent": DEVICES[visitor % len(DEVICES)],
            }
        )
    send(*made)


@pytest.mark.parametrize(("seed", "buckets"), [(0, 1), (1, 4)])
def test_answers_are_the_same_with_and_without_the_index(
    home: Home, send: Sender, loader: Loader, seed: int, buckets: int
) -> None:
    generator = np.random.default_rng(seed)
    if buckets > 1:
        loader._compaction.rows_per_bucket = 60
    served = 0
    for turn in range(5):
        some_traffic(send, generator, items=60)
        loader.step()
        if turn % 2 == 0:
            loader.flush()
        if turn in {0, 3}:
            _index_everything(home)
        with_index = answers(home)
        served += _serving(home)
        _hide(home)

        without = answers(home)

        _show(home)
        assert with_index == without
    assert served


def test_an_index_of_some_people_gives_only_their_answer(
    home: Home, send: Sender, loader: Loader
) -> None:
    some_traffic(send, np.random.default_rng(5), items=300)
    loader.flush()
    _index_everything(home)
    some_traffic(send, np.random.default_rng(6), items=30)
    loader.step()
    steps = tuple(Step(Events((name,))) for name in ("view", "cart", "pay"))
    question = _OfPayers(steps, 600, NOON + timedelta(days=1))

    with_index = Lake(home).ask("shop", question).answer
    _hide(home)
    without = Lake(home).ask("shop", question).answer

    assert with_index == without
    assert 0 < with_index.groups[0].steps[0].units < 30


def test_an_index_is_built_from_what_it_lacks_only(
    home: Home, send: Sender, loader: Loader
) -> None:
    some_traffic(send, np.random.default_rng(1), items=50)
    loader.flush()
    _index_everything(home)
    first = _opened(home)
    some_traffic(send, np.random.default_rng(2), items=50)
    loader.flush()
    (home.events_table("shop") / next(iter(first.stamp.files))).unlink()

    _index_everything(home)

    assert _opened(home).stamp.rows == 100


def test_an_index_is_not_built_again_while_it_lacks_little(
    home: Home, send: Sender, loader: Loader
) -> None:
    some_traffic(send, np.random.default_rng(1), items=50)
    loader.flush()
    indexing = Indexing(home)
    indexing.step()
    some_traffic(send, np.random.default_rng(2), items=50)
    loader.flush()

    assert LACKING_ROWS > 50
    assert not indexing.step()


@pytest.mark.parametrize("name", ["persons", "offsets", "unit", "at_ms", "event", "device", "path"])
def test_an_index_that_is_not_what_was_written_answers_nothing_and_is_built_again(
    home: Home, send: Sender, loader: Loader, name: str
) -> None:
    some_traffic(send, np.random.default_rng(3), items=80)
    loader.flush()
    _index_everything(home)
    expected = answers(home)
    folder = folder_of(home, "shop", 0)
    array = folder / (folder / "current").read_text() / f"{name}.npy"
    content = bytearray(array.read_bytes())
    content[-3] ^= 1
    array.write_bytes(content)

    found = answers(home)

    assert found == expected
    assert not (folder / "current").exists()
    assert Indexing(home).step()
    assert answers(home) == expected


@pytest.mark.parametrize("damage", ["format", "length", "missing", "stamp", "current"])
def test_a_damaged_or_foreign_index_is_not_used(
    home: Home, send: Sender, loader: Loader, damage: str
) -> None:
    some_traffic(send, np.random.default_rng(3), items=80)
    loader.flush()
    _index_everything(home)
    expected = answers(home)

    _damage(folder_of(home, "shop", 0), damage)

    assert open_index(folder_of(home, "shop", 0)) is None
    assert answers(home) == expected
    assert Indexing(home).step()
    assert _opened(home).stamp.rows > 0


def test_an_index_of_files_that_were_compacted_is_not_used(
    home: Home, clock: Clock, send: Sender, loader: Loader
) -> None:
    loader._commit_age = timedelta(0)
    generator = np.random.default_rng(4)
    for _ in range(3):
        some_traffic(send, generator, items=20)
        loader.step()
    _index_everything(home)
    loader._compaction.files_per_bucket = 2
    some_traffic(send, generator, items=20)
    loader.step()
    loader.step()
    state = SiteTable(home.table("shop")).current()

    assert state is not None
    assert not _opened(home).serves(state)
    assert Indexing(home).step()
    assert _opened(home).serves(state)


@dataclass(frozen=True)
class _OfPayers(Funnel):
    """A funnel of the people who paid at any time."""

    @override
    def scan(self) -> Scan:
        people = People("SELECT person FROM events WHERE event = $wanted", {"wanted": "pay"})
        return replace(super().scan(), people=people)


def _opened(home: Home) -> BucketIndex:
    found = open_index(folder_of(home, "shop", 0))
    assert found is not None
    return found


def _index_everything(home: Home) -> None:
    table = SiteTable(home.table("shop"))
    state = table.current()
    if state is None:
        return
    for bucket in range(state.buckets):
        was = open_index(folder_of(home, "shop", bucket))
        build_index(home, "shop", state, bucket, was=was)


def _serving(home: Home) -> int:
    state = SiteTable(home.table("shop")).current()
    if state is None:
        return 0
    found = [open_index(folder_of(home, "shop", bucket)) for bucket in range(state.buckets)]
    return int(all(each is not None and each.serves(state) for each in found))


def _hide(home: Home) -> None:
    if home.index.exists():
        home.index.rename(home.root / "hidden")


def _show(home: Home) -> None:
    if (home.root / "hidden").exists():
        shutil.rmtree(home.index, ignore_errors=True)
        (home.root / "hidden").rename(home.index)


def _damage(folder: Path, how: str) -> None:
    generation = folder / (folder / "current").read_text()
    stamp = generation / "stamp.json"
    match how:
        case "format":
            stamp.write_text(json.dumps({**json.loads(stamp.read_text()), "format": 99}))
        case "length":
            np.save(generation / "at_ms.npy", np.zeros(3, dtype=np.int64))
        case "missing":
            (generation / "unit.npy").unlink()
        case "stamp":
            stamp.write_text("{")
        case _:
            (folder / "current").write_text("nowhere")
