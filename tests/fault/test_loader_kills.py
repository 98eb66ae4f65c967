"""A loader that dies between any two of its writes loses nothing and doubles nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from tests.fault import load_until
from truelift.lake.bulk import append_bulk, bulk_pieces
from truelift.lake.home import Home
from truelift.lake.journal import JournalWriter
from truelift.lake.lake import Lake
from truelift.lake.manifest import pending
from truelift.questions.question import Scan


pytestmark = pytest.mark.fault

NOON_MS = int(datetime(2026, 3, 2, 12, tzinfo=UTC).timestamp() * 1000)
PROGRAM = Path(__file__).with_name("load_until.py")
POINTS = (
    "tail.written",
    "moves.written",
    "tail.published",
    "identities.kept",
    "manifest.written",
    "file.written",
    "files.written",
    "committed",
    "tail.emptied",
    "manifest.forgotten",
    "segment.settled",
    "piece.settled",
    "compaction.file.written",
    "compaction.written",
    "compaction.committed",
)
ROUNDS = 3
PER_ROUND = 60


@dataclass(frozen=True, slots=True)
class Persons:
    """Asks for every stored event and whose it is."""

    parameters: Mapping[str, object] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return "persons"

    def scan(self) -> Scan:
        return Scan("SELECT message_id, person FROM events ORDER BY message_id", {})

    def partial(self, rows: pa.Table) -> list[tuple[str, int]]:
        return [(row["message_id"], row["person"]) for row in rows.to_pylist()]

    def merge(
        self, left: list[tuple[str, int]], right: list[tuple[str, int]]
    ) -> list[tuple[str, int]]:
        return left + right

    def answer(self, partial: list[tuple[str, int]]) -> list[tuple[str, int]]:
        return sorted(partial)


def filled_home(root: Path) -> Home:
    """Make a home with journal segments, a bulk piece, duplicates, bad items, logins, merges."""
    home = Home(root=root, lake=root / "lake")
    home.make()
    for writer in ("edge", "edge-2"):
        journal = JournalWriter.open(home.journal, writer, segment_bytes=6000)
        for batch in range(ROUNDS):
            journal.append_and_wait(
                site="shop",
                key_id="k1",
                trusted=True,
                received_at_ms=NOON_MS,
                lines=[line(writer, batch, number) for number in range(PER_ROUND)],
            )
        journal.close()
    numbers = range(80)
    append_bulk(
        home,
        "shop",
        pa.table(
            {
                "message_id": [f"import-{number}" for number in numbers],
                "type": ["track"] * len(numbers),
                "event": ["view"] * len(numbers),
                "visitor_id": [f"v{number % 9}" for number in numbers],
                "occurred_at": [NOON_MS - number for number in numbers],
                "trusted": [True] * len(numbers),
            }
        ),
        writer="import-a",
        received_at_ms=NOON_MS,
    )
    return home


def line(writer: str, batch: int, number: int) -> bytes:
    if number == 7:
        return json.dumps({"reason": "bad_json", "properties": {"raw": "{"}}).encode()
    item: dict[str, object] = {
        "type": "track",
        "event": "view",
        # Each writer repeats ten ids of the round before, and the writers share ten.
        "message_id": f"shared-{number}" if number < 5 else f"{writer}-{batch * 50 + number}",
        "visitor_id": f"v{number % 20}",
        "occurred_at": NOON_MS + number,
    }
    if batch and number % 20 in {3, 4}:
        item["user_id"] = "ada"
    return json.dumps(item).encode()


def load_and_die(home: Home, point: str, nth: int) -> int:
    return subprocess.run(
        [sys.executable, str(PROGRAM), str(home.root), point, str(nth)],
        check=False,
        capture_output=True,
        timeout=50,
    ).returncode


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, int]]:
    home = filled_home(tmp_path_factory.mktemp("undisturbed") / "home")
    load_until.load(home.root, "none", 1)
    return Lake(home).ask("shop", Persons()).answer


@pytest.mark.parametrize(
    ("point", "nth"),
    [*((point, 1) for point in POINTS), ("tail.published", 2), ("committed", 2)],
)
def test_a_loader_that_died_is_made_good_by_the_next_one(
    tmp_path: Path, undisturbed: list[tuple[str, int]], point: str, nth: int
) -> None:
    home = filled_home(tmp_path / "home")

    died = load_and_die(home, point, nth)
    between = Lake(home).ledger("shop") if (home.tail / "shop").exists() else None
    load_until.load(home.root, "none", 1)
    ledger = Lake(home).ledger("shop")
    found = Lake(home).ask("shop", Persons()).answer

    assert died == 9
    assert between is None or between.balanced
    assert ledger.balanced
    assert (ledger.waiting, ledger.received) == (0, 2 * ROUNDS * PER_ROUND + 80)
    assert [name for name, _ in found] == [name for name, _ in undisturbed]
    assert grouped(found) == grouped(undisturbed)
    assert Lake(home).rows("shop") == ledger.stored + ledger.quarantined
    assert pending(home) == []
    assert bulk_pieces(home) == []


def grouped(events: list[tuple[str, int]]) -> set[frozenset[str]]:
    """Say which events are one person's, whatever the person is called."""
    persons: dict[int, set[str]] = {}
    for name, person in events:
        persons.setdefault(person, set()).add(name)
    return {frozenset(names) for names in persons.values()}
