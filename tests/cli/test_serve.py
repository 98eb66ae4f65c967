"""`truelift serve`: one line on stdout, no orphans, and no acknowledged event lost or doubled."""

from __future__ import annotations

import http.client
import json
import os
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.cli.served import Served, eventually


KILLS = int(os.environ.get("TRUELIFT_KILLS", "3"))
EVENTS = int(os.environ.get("TRUELIFT_KILL_EVENTS", "50000"))
"""`make fault` kills 20 times during a load of 200,000."""

BATCH = 200


pytestmark = pytest.mark.fault


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    served = Served(tmp_path / "home")
    yield served
    if served.process is not None:
        served.kill_group()


def answers(served: Served, path: str) -> bool:
    try:
        with urllib.request.urlopen(served.address + path, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def test_stdout_has_the_ready_line_and_nothing_else(served: Served) -> None:
    first = served.start()
    assert served.process is not None
    assert served.process.stdout is not None
    stdout = served.process.stdout
    served.process.terminate()

    assert first == f"ready {served.address}\n"
    assert stdout.read() == ""
    assert served.process.wait(30) == 0


def test_pages_give_way_to_the_collector_once_they_are_loaded(served: Served) -> None:
    served.start()

    def gave_way() -> bool:
        collector = served.part("edge").nice()
        return any(worker.nice() > collector for worker in served.part("web").children())

    assert eventually(gave_way)


def test_after_a_kill_of_the_whole_group_it_starts_again_at_once(served: Served) -> None:
    served.start()

    served.kill_group()
    started = time.monotonic()
    line = served.start()

    assert line == f"ready {served.address}\n"
    assert time.monotonic() - started < 40  # three interpreters start; no lock is waited for
    served.stop()
    assert eventually(lambda: served.family() == [])


@pytest.mark.parametrize("part", ["edge", "web", "work"])
def test_a_killed_part_comes_back_and_the_rest_stays(served: Served, part: str) -> None:
    served.start()
    before = {name: served.part(name).pid for name in ("edge", "web", "work")}

    served.part(part).kill()

    def back() -> bool:
        try:
            return served.part(part).pid != before[part] and answers(served, "/readyz")
        except LookupError:
            return False

    assert eventually(back)
    after = {name: served.part(name).pid for name in ("edge", "web", "work")}
    assert {name for name in before if before[name] != after[name]} == {part}
    served.stop()


def test_a_killed_supervisor_leaves_no_orphan_with_port_or_journal(served: Served) -> None:
    served.start()

    served.kill_supervisor()

    assert eventually(lambda: served.family() == [])
    assert served.start() == f"ready {served.address}\n"
    served.stop()


def send_until_acknowledged(
    served: Served, key: str, first: int, last: int, done: list[str], stop: threading.Event
) -> None:
    """Post events in batches as a real client does: again and again until the 2xx."""
    for start in range(first, last, BATCH):
        ids = [f"e{number}" for number in range(start, min(start + BATCH, last))]
        items = [
            {
                "type": "track",
                "event": "tick",
                "messageId": each,
                "anonymousId": f"v{int(each[1:]) % 5000}",
                "properties": {"n": int(each[1:])},
            }
            for each in ids
        ]
        body = json.dumps({"batch": items, "writeKey": key}).encode()
        while not stop.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=10)
            try:
                connection.request("POST", "/v1/batch", body)
                if connection.getresponse().status == 200:
                    done.extend(ids)
                    break
            except (OSError, http.client.HTTPException):
                pass
            finally:
                connection.close()
            time.sleep(0.05)


@pytest.mark.timeout(60 + 60 * KILLS)
def test_no_acknowledged_event_is_lost_or_doubled_whatever_is_killed(served: Served) -> None:
    rng = np.random.default_rng(20261121)
    site = json.loads(served.command("sites", "create", "shop", "--json"))
    served.start()
    done: list[str] = []
    stop = threading.Event()
    sender = threading.Thread(
        target=send_until_acknowledged,
        args=(served, site["write_key"], 0, EVENTS, done, stop),
    )
    sender.start()

    for kill in range(KILLS):
        threshold = int(EVENTS * (kill + rng.uniform(0.1, 0.9)) / KILLS)
        assert eventually(lambda: len(done) >= threshold, within_s=60)  # noqa: B023
        victim = ("edge", "work", "supervisor", "web")[kill % 4]
        if victim == "supervisor":
            served.kill_supervisor()
            assert eventually(lambda: served.family() == [])
            served.start()
        else:
            assert eventually(lambda: any_part(served, victim))  # noqa: B023
            served.part(victim).kill()
    sender.join(120)
    stop.set()

    assert len(done) == EVENTS
    assert eventually(lambda: ledger(served)["waiting"] == 0, within_s=60)
    served.stop()
    assert eventually(lambda: served.family() == [])
    counted = ledger(served)
    assert counted["stored"] == EVENTS
    assert counted["received"] == sum(
        counted[part] for part in ("stored", "duplicates", "quarantined", "waiting")
    )
    assert stored_numbers(served) == (EVENTS, EVENTS, EVENTS * (EVENTS - 1) // 2)


def any_part(served: Served, name: str) -> bool:
    try:
        served.part(name)
    except LookupError:
        return False
    return True


def ledger(served: Served) -> dict[str, int]:
    sites: list[dict[str, int]] = json.loads(served.command("doctor", "--json"))["sites"]
    return sites[0]


def stored_numbers(served: Served) -> tuple[int, int, int]:
    """Rows, distinct ids and the sum of their numbers, read from the table by another reader."""
    from datetime import UTC, datetime

    from deltalake import DeltaTable

    from truelift.lake.home import Home
    from truelift.lake.loader import Loader

    home = Home(root=served.home, lake=served.home / "lake")
    Loader(home, now=lambda: datetime.now(UTC)).flush("shop")
    rows = DeltaTable(home.events_table("shop")).to_pyarrow_table(
        columns=["message_id", "properties"]
    )
    numbers = [json.loads(text)["n"] for text in rows["properties"].to_pylist()]
    return len(rows), len(set(rows["message_id"].to_pylist())), sum(numbers)
