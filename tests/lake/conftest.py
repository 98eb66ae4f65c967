"""A home of its own for each test, and short ways to fill it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from truelift.lake.bulk import append_bulk
from truelift.lake.home import Home
from truelift.lake.journal import JournalWriter
from truelift.lake.loader import Loader
from truelift.questions.question import Scan


NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@dataclass(slots=True)
class Clock:
    """Tells the time that a test wants."""

    at: datetime = NOON

    def __call__(self) -> datetime:
        return self.at

    def forward(self, span: timedelta) -> None:
        self.at += span

    @property
    def ms(self) -> int:
        return int(self.at.timestamp() * 1000)


@dataclass(frozen=True, slots=True)
class Rows:
    """A question whose answer is the rows themselves, in an order of their own."""

    select: str = "event, message_id, person"
    where: str = "true"
    relation: str = "events"
    parameters: Mapping[str, object] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return "rows"

    def scan(self) -> Scan:
        return Scan(
            f"SELECT {self.select} FROM {self.relation} WHERE {self.where}"
            " ORDER BY occurred_at, message_id, position",
            dict(self.parameters),
        )

    def partial(self, rows: pa.Table) -> list[dict[str, object]]:
        found: list[dict[str, object]] = rows.to_pylist()
        return found

    def merge(
        self, left: list[dict[str, object]], right: list[dict[str, object]]
    ) -> list[dict[str, object]]:
        return left + right

    def answer(self, partial: list[dict[str, object]]) -> list[dict[str, object]]:
        return sorted(partial, key=repr)


@dataclass(slots=True)
class Sender:
    """Appends items to the journal as a collector would."""

    home: Home
    clock: Clock
    _writers: dict[str, JournalWriter] = field(default_factory=dict)
    _sent: int = 0

    def __call__(
        self,
        *items: Mapping[str, object],
        site: str = "shop",
        writer: str = "edge",
        trusted: bool = False,
    ) -> int:
        journal = self._writers.get(writer)
        if journal is None:
            journal = self._writers[writer] = JournalWriter.open(self.home.journal, writer)
        return journal.append_and_wait(
            site=site,
            key_id="k1",
            trusted=trusted,
            received_at_ms=self.clock.ms,
            lines=[json.dumps(self._filled(item)).encode() for item in items],
        )

    def close(self) -> None:
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()

    def _filled(self, item: Mapping[str, object]) -> dict[str, object]:
        self._sent += 1
        filled = {
            "type": "track",
            "event": "view",
            "message_id": f"m{self._sent}",
            "visitor_id": "v1",
            "occurred_at": self.clock.ms,
            **item,
        }
        return {key: value for key, value in filled.items() if value is not None}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(root=tmp_path / "home", lake=tmp_path / "home" / "lake")
    made.make()
    return made


@pytest.fixture
def send(home: Home, clock: Clock) -> Iterator[Sender]:
    sender = Sender(home, clock)
    yield sender
    sender.close()


@pytest.fixture
def loader(home: Home, clock: Clock) -> Iterator[Loader]:
    with Loader(home, now=clock) as made:
        yield made


def bulk(
    home: Home, count: int, *, site: str = "shop", writer: str = "import-a", first: int = 0
) -> int:
    """Append `count` rows of an import, with ids from `first`."""
    numbers = range(first, first + count)
    table = pa.table(
        {
            "message_id": [f"i{number}" for number in numbers],
            "type": ["track"] * count,
            "event": ["view"] * count,
            "visitor_id": [f"v{number % 7}" for number in numbers],
            "occurred_at": [1_767_225_600_000 + number * 1000 for number in numbers],
            "trusted": [True] * count,
        }
    )
    return append_bulk(home, site, table, writer=writer, received_at_ms=1_767_225_600_000)
