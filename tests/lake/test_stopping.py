"""A question that nobody wants any more ends, wherever it stands."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from typing_extensions import override

from tests.lake.conftest import Clock, Rows, Sender
from tests.lake.test_sequence_index import some_traffic
from truelift.lake.home import Home
from truelift.lake.lake import Lake
from truelift.lake.loader import Loader
from truelift.lake.slices import TooMuch
from truelift.lake.stopping import Cancelled, Stop, watched, watching
from truelift.questions.question import People, Scan


ENDLESS = "(SELECT count(*) FROM range(1000000000000)) > 0"


@dataclass(frozen=True)
class OfSome(Rows):
    """Rows of people who take for ever to be found."""

    @override
    def scan(self) -> Scan:
        people = People(f"SELECT person FROM events WHERE {ENDLESS} ORDER BY person", {})
        return Scan("SELECT event FROM events ORDER BY event", {}, people=people)


@dataclass(frozen=True)
class Told(Rows):
    """Rows that say when a slice of them is looked at, and take a moment."""

    seen: list[int] = None  # type: ignore[assignment]
    begun: threading.Event = None  # type: ignore[assignment]

    @override
    def partial(self, rows: pa.Table) -> list[dict[str, object]]:
        self.seen.append(rows.num_rows)
        self.begun.set()
        time.sleep(0.2)
        return []


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Four buckets of events, which questions leave as they are."""
    root = tmp_path_factory.mktemp("filled") / "home"
    home, clock = Home(root=root, lake=root / "lake"), Clock()
    home.make()
    send = Sender(home, clock)
    with Loader(home, now=clock) as loader:
        loader._compaction.rows_per_bucket = 60
        for seed in (1, 2, 3):
            some_traffic(send, np.random.default_rng(seed), items=100)
            loader.step()
            loader.flush()
            loader._untidy.add("shop")
    send.close()
    return home


@pytest.fixture
def lake(filled: Home) -> Lake:
    return Lake(filled)


def seconds_until(ended: Callable[[], object]) -> float:
    began = time.monotonic()
    ended()
    return time.monotonic() - began


@pytest.mark.parametrize("question", [Rows("event", ENDLESS), OfSome()])
def test_a_statement_that_would_run_for_hours_ends_when_it_is_cancelled(
    lake: Lake, question: Rows
) -> None:
    stop = Stop()
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(lake.ask, "shop", question, stop=stop)
        time.sleep(0.5)

        stop.set()
        took = seconds_until(lambda: asked.exception(timeout=30))

    assert isinstance(asked.exception(), Cancelled)
    assert took < 3
    assert len(lake.ask("shop", Rows()).answer) > 100  # and others are answered


def test_slices_that_wait_their_turn_are_never_begun(lake: Lake) -> None:
    stop, seen, begun = Stop(), list[int](), threading.Event()
    slices = len(lake._slices.reader("shop").snapshot().slices)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(lake.ask, "shop", Told(seen=seen, begun=begun), stop=stop)
        begun.wait(10)

        stop.set()
        asked.exception(timeout=30)

    assert isinstance(asked.exception(), Cancelled)
    assert len(seen) < slices


def test_a_question_that_was_cancelled_before_it_was_asked_is_not_begun(lake: Lake) -> None:
    stop = Stop()
    stop.set()

    with pytest.raises(Cancelled, match="was cancelled"):
        lake.ask("shop", Rows(), stop=stop)


def test_an_answer_that_was_not_cancelled_is_the_same(lake: Lake) -> None:
    assert lake.ask("shop", Rows(), stop=Stop()).answer == lake.ask("shop", Rows()).answer


def test_all_slices_together_have_the_time_of_one_question(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("truelift.lake.executors.SECONDS", 0.3)

    with pytest.raises(TooMuch, match="more time"):
        lake.ask("shop", Told(seen=[], begun=threading.Event()))


def test_an_interrupt_that_comes_before_its_statement_is_not_lost() -> None:
    stop = Stop()
    cursor = duckdb.connect(":memory:")
    with watched(time.monotonic() + 60, stop), watching(cursor):
        stop.set()
        time.sleep(0.2)  # told while nothing ran

        with pytest.raises(duckdb.InterruptException):
            cursor.execute(f"SELECT {ENDLESS}").fetchall()
