"""A question that needs too much is refused, and files that cannot be read are named."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pytest
from typing_extensions import override

from tests.lake.conftest import NOON, Rows, Sender
from tests.lake.test_sequence_index import some_traffic
from truelift.lake.home import Home
from truelift.lake.indexing import Indexing
from truelift.lake.lake import Lake
from truelift.lake.loader import Loader
from truelift.lake.slices import Slices, TooMuch
from truelift.lake.snapshot import Engine
from truelift.questions.funnel import Funnel, Step
from truelift.questions.matching import Events
from truelift.questions.question import Scan
from truelift.questions.sessions import Sessions


STEPS = tuple(Step(Events((name,))) for name in ("view", "cart", "pay"))
FUNNEL = Funnel(STEPS, 600, NOON + timedelta(days=1))


def two_files(send: Sender, loader: Loader) -> None:
    for seed in (1, 2):
        some_traffic(send, np.random.default_rng(seed), items=80)
        loader.step()
        loader.flush()


@pytest.mark.parametrize("indexed", [False, True])
def test_a_question_that_takes_too_long_is_refused(
    home: Home, send: Sender, loader: Loader, indexed: bool
) -> None:
    two_files(send, loader)
    if indexed:
        Indexing(home).step()
    slices = Slices(home)
    snapshot = slices.reader("shop").snapshot()

    with pytest.raises(TooMuch, match="shorter period") as refused:
        slices.ask(snapshot, snapshot.slices[0], FUNNEL, seconds=-1.0)

    assert refused.value.facts == {"question": "funnel", "what": "time"}


def test_a_statement_that_would_run_for_hours_is_stopped(
    home: Home, send: Sender, loader: Loader
) -> None:
    two_files(send, loader)
    slices = Slices(home)
    snapshot = slices.reader("shop").snapshot()
    endless = Rows("event", "(SELECT count(*) FROM range(1000000000000)) > 0")

    with pytest.raises(TooMuch, match="more time"):
        slices.ask(snapshot, snapshot.slices[0], endless, seconds=0.5)


def test_a_question_that_takes_too_much_memory_is_refused(
    home: Home, send: Sender, loader: Loader
) -> None:
    two_files(send, loader)
    slices = Slices(home)
    slices._engine = Engine(home, memory="40MB")
    snapshot = slices.reader("shop").snapshot()
    large = _Unordered("list(n)", relation="(SELECT unnest(range(20000000)) AS n FROM events)")

    with pytest.raises(TooMuch, match="more memory"):
        slices.ask(snapshot, snapshot.slices[0], large)


@dataclass(frozen=True)
class _Unordered(Rows):
    """Rows in no order."""

    @override
    def scan(self) -> Scan:
        return Scan(f"SELECT {self.select} FROM {self.relation}", {})


def test_a_file_that_cannot_be_read_is_named_and_the_rest_answers(
    home: Home, send: Sender, loader: Loader
) -> None:
    two_files(send, loader)
    lake = Lake(home)
    whole = lake.ask("shop", Rows())
    folder = home.events_table("shop") / "bucket=0"
    damaged = min(folder.glob("*.parquet"))
    content = bytearray(damaged.read_bytes())
    content[len(content) // 3 : 2 * len(content) // 3] = b"\xff" * (len(content) // 3)
    damaged.write_bytes(content)

    found = Lake(home).ask("shop", Rows("event, message_id, person, properties"))
    again = Lake(home).ask("shop", Sessions())

    assert whole.unread == ()
    assert found.unread == again.unread == (f"bucket=0/{damaged.name}",)
    assert 0 < len(found.answer) < len(whole.answer)


def test_a_file_that_something_else_removed_is_named_and_left_out_until_it_is_back(
    home: Home, send: Sender, loader: Loader
) -> None:
    two_files(send, loader)
    lake = Lake(home)
    whole = lake.ask("shop", Rows())
    missing = next((home.events_table("shop") / "bucket=0").glob("*.parquet"))
    content = missing.read_bytes()
    missing.unlink()

    found, again = lake.ask("shop", Rows()), Lake(home).ask("shop", Sessions())
    missing.write_bytes(content)
    restored = lake.ask("shop", Rows())

    assert found.unread == again.unread == (f"bucket=0/{missing.name}",)
    assert 0 < len(found.answer) < len(whole.answer)
    assert (restored.answer, restored.unread) == (whole.answer, ())
