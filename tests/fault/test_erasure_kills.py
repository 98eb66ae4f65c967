"""An erasure that dies between any two of its writes is finished by the next loader."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.lake.conftest import Rows
from truelift.lake.erasure_list import Who, ask_to_erase, handed_over, receipts, requests
from truelift.lake.home import Home
from truelift.lake.identity import person_of_user, person_of_visitor
from truelift.lake.indexing import Indexing
from truelift.lake.journal import JournalWriter
from truelift.lake.lake import Lake
from truelift.lake.loader import Loader


pytestmark = pytest.mark.fault

NOON_MS = int(datetime(2026, 3, 2, 12, tzinfo=UTC).timestamp() * 1000)
PROGRAM = Path(__file__).with_name("erase_until.py")
POINTS = (
    "erasure.journal.settled",
    "erasure.found",
    "leaving_out.file.written",
    "erasure.planned",
    "erasure.committed",
    "erasure.history.forgotten",
    "erasure.index.removed",
    "erasure.identity.forgotten",
    "erasure.tail.cleaned",
    "erasure.rejects.cleaned",
    "erasure.receipt.written",
    "erasure.handed.over",
)
NAMES = ("carla-0001", "carla-0002", "carla@example.com")


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a home with a person on two visitors in lake, index, tail, journal and rejects."""
    root = tmp_path_factory.mktemp("erasure") / "home"
    home = Home(root=root, lake=root / "lake")
    home.make()
    journal = JournalWriter.open(home.journal, "edge")

    def send(*items: Mapping[str, object]) -> None:
        journal.append_and_wait(
            site="shop",
            key_id="k1",
            trusted=True,
            received_at_ms=NOON_MS,
            lines=[
                json.dumps(
                    {"type": "track", "event": "view", "occurred_at": NOON_MS, **item}
                ).encode()
                for item in items
            ],
        )

    send(*({"visitor_id": f"v{n % 9}", "message_id": f"a{n}"} for n in range(60)))
    send(*({"visitor_id": NAMES[n % 2], "message_id": f"{NAMES[0]}/{n}"} for n in range(8)))
    with Loader(home, now=lambda: datetime(2026, 3, 2, 12, tzinfo=UTC)) as loader:
        loader._compaction.rows_per_bucket = 50
        loader.flush()
        while Indexing(home).step():
            pass
        send(*({"visitor_id": name, "user_id": NAMES[2]} for name in NAMES[:2]))
        loader.step()
    send({"visitor_id": NAMES[1], "message_id": "waits"}, {"visitor_id": "v1", "message_id": "b"})
    reject = home.rejects / f"shop-{'b' * 16}.ndjson"
    reject.write_text(json.dumps({"line": 2, "reason": "bad_time", "text": NAMES[0]}) + "\n")
    journal.close()
    ask_to_erase(home, "shop", Who.VISITOR, NAMES[1])
    return root


@pytest.mark.parametrize("point", POINTS)
def test_an_erasure_killed_anywhere_is_finished_and_counted_once(
    filled: Path, tmp_path: Path, point: str
) -> None:
    root = tmp_path / "home"
    shutil.copytree(filled, root)
    home = Home(root=root, lake=root / "lake")

    killed = subprocess.run(
        [sys.executable, str(PROGRAM), str(root), point], check=False, capture_output=True
    )
    subprocess.run([sys.executable, str(PROGRAM), str(root), "never"], check=True)
    (receipt,) = receipts(home)
    for done in handed_over(home):
        done.forget(home)

    assert killed.returncode == 9, killed.stderr
    assert requests(home) == []
    assert (receipt.stored, receipt.rejected) in {(11, 1), (11, 0)}
    assert bytes_left(home) == []
    left = {row["message_id"] for row in Lake(home).ask("shop", Rows()).answer}
    assert left == {*(f"a{n}" for n in range(60)), "b"}
    ledger = Lake(home).ledger("shop")
    assert (ledger.received, ledger.stored, ledger.erased) == (72, 61, 11)
    assert ledger.balanced


def bytes_left(home: Home) -> list[str]:
    numbers = [
        number.to_bytes(8, order, signed=True)
        for name in NAMES
        for number in (person_of_visitor("shop", name), person_of_user("shop", name))
        for order in ("big", "little")
    ]
    found = []
    for path in sorted(path for path in home.root.rglob("*") if path.is_file()):
        texts = [path.read_bytes()]
        if path.suffix == ".parquet":
            texts.append(str(pq.read_table(path).to_pylist()).encode())
        if path.suffix == ".arrow":
            texts.append(str(pa.ipc.open_file(path).read_all().to_pylist()).encode())
        wanted = [*(name.encode() for name in NAMES), *numbers]
        if any(name in text for text in texts for name in wanted):
            found.append(str(path.relative_to(home.root)))
    return found
