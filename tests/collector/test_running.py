"""The collector as a process of its own, with real clients and real sockets."""

from __future__ import annotations

import gzip
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from segment.analytics.client import Client

from tests.collector.conftest import publish_keys
from truelift.lake.home import Home
from truelift.lake.journal import lines_of, segments


@dataclass
class Running:
    """A collector process and its home."""

    home: Home
    port: int
    process: subprocess.Popen[str]

    def post(
        self, path: str, body: bytes, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, object]]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(
                "POST", path, body, {"authorization": "Basic c2VjcmV0Og==", **(headers or {})}
            )
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def stored(self) -> list[dict[str, object]]:
        return [
            json.loads(line)
            for segment in segments(self.home.journal)
            for table in lines_of(segment.path).tables.values()
            for line in table["line"].to_pylist()
        ]


def start(home: Home, port: int) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "truelift.cli", "collect", "--port", str(port)],
        env={**os.environ, "TRUELIFT_HOME": str(home.root), "TRUELIFT_LAKE": str(home.lake)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == f"ready http://127.0.0.1:{port}\n"
    return process


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    home = Home(root=tmp_path, lake=tmp_path / "lake")
    home.make()
    publish_keys(home, ("k1", "shop", "secret", "secret"), ("k2", "shop", "public", "public"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    collector = Running(home, port, start(home, port))
    yield collector
    collector.process.kill()
    collector.process.wait()
    if collector.process.stdout is not None:
        collector.process.stdout.close()


@pytest.mark.parametrize("packed", [False, True])
def test_the_real_segment_client_sends_here_and_its_events_are_stored(
    running: Running, packed: bool
) -> None:
    problems: list[object] = []
    client = Client(
        "secret",
        host=f"http://127.0.0.1:{running.port}",
        gzip=packed,
        on_error=lambda error, _items: problems.append(error),
    )

    client.identify("u1", {"plan": "pro"})
    client.track("u1", "Order Completed", {"revenue": 10.5, "currency": "USD"})
    client.page("u1", "Docs", "Home", {"url": "https://x.test/"})
    client.track(anonymous_id="a-1", event="Anon Event")
    client.alias("anon1", "u1")
    client.flush()
    client.join()

    stored = running.stored()
    assert problems == []
    assert [row["event"] for row in stored] == [
        "identify", "Order Completed", "page_view", "Anon Event", "alias",
    ]  # fmt: skip
    assert stored[1]["value"] == 10.5
    assert stored[2]["properties"] == {"url": "https://x.test/", "name": "Home", "category": "Docs"}


NODE_CLIENT = """
import {Analytics} from '@segment/analytics-node';
const problems = [];
const client = new Analytics({writeKey: 'secret', host: process.argv[1], maxEventsInBatch: 2});
client.on('error', (error) => problems.push(String(error)));
client.identify({userId: 'u1', traits: {plan: 'pro'}});
client.track({userId: 'u1', event: 'Order Completed', properties: {revenue: 10.5}});
client.page({anonymousId: 'a1', name: 'Home', properties: {url: 'https://x.test/'}});
await client.closeAndFlush();
console.log(JSON.stringify(problems));
"""


def test_the_real_segment_client_for_node_sends_here_and_its_events_are_stored(
    running: Running,
) -> None:
    repository = Path(__file__).parents[2]
    node = shutil.which("node")
    if node is None or not (repository / "node_modules" / "@segment" / "analytics-node").is_dir():
        pytest.skip("no node with @segment/analytics-node; `make setup` installs both")

    said = subprocess.run(
        [node, "--input-type=module", "-e", NODE_CLIENT, f"http://127.0.0.1:{running.port}"],
        cwd=repository,
        capture_output=True,
        text=True,
        check=True,
        timeout=50,
    )

    assert said.stdout == "[]\n"
    assert sorted(str(row["event"]) for row in running.stored()) == [
        "Order Completed", "identify", "page_view",
    ]  # fmt: skip


def test_bodies_of_every_size_and_form_are_answered_over_a_real_socket(running: Running) -> None:
    event = json.dumps({"event": "x", "userId": "u"}).encode()

    small = running.post("/v1/track", event)
    ten_megabytes = running.post("/v1/track", b" " * 10_000_000)
    bomb = running.post("/v1/track", gzip.compress(b" " * 50_000_000))
    chunked = running.post("/v1/track", event, {"transfer-encoding": "chunked"})
    nonsense = running.post("/v1/batch", b"\x00" * 1000)
    after = running.post("/v1/track", event)

    assert small == (200, {"success": True})
    assert (ten_megabytes[0], ten_megabytes[1]["code"]) == (413, "collector.too_large")
    assert bomb[0] == 413
    assert chunked[0] in {200, 400}
    assert nonsense[0] == 400
    assert after[0] == 200


def test_it_stops_when_told_and_leaves_its_port_and_journal_free(running: Running) -> None:
    running.post("/v1/track", b'{"event":"x","userId":"u"}')

    running.process.send_signal(signal.SIGTERM)
    code = running.process.wait(timeout=10)
    running.process = start(running.home, running.port)
    status, _ = running.post("/v1/track", b'{"event":"y","userId":"u"}')

    assert code == 0
    assert status == 200


def test_a_port_that_somebody_listens_on_is_refused_in_one_line(
    running: Running, tmp_path: Path
) -> None:
    second = subprocess.run(
        [sys.executable, "-m", "truelift.cli", "collect", "--port", str(running.port)],
        env={**os.environ, "TRUELIFT_HOME": str(tmp_path / "other")},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )

    assert second.returncode == 1
    assert second.stdout == ""
    assert json.loads(second.stderr)["error"]["code"] == "collector.port_taken"
    assert running.post("/v1/track", b'{"event":"x","userId":"u"}')[0] == 200


@pytest.mark.fault
def test_kill_minus_nine_loses_nothing_that_was_acknowledged_and_it_starts_at_once(
    running: Running,
) -> None:
    acknowledged = []

    for turn in range(3):
        until = time.monotonic() + 0.4
        number = 0
        while time.monotonic() < until:
            name = f"{turn}-{number}"
            running.post("/v1/track", json.dumps({"event": name, "userId": "u"}).encode())
            acknowledged.append(name)
            number += 1
        running.process.kill()
        running.process.wait()
        running.process = start(running.home, running.port)

    assert len(acknowledged) > 30
    assert [row["event"] for row in running.stored()] == acknowledged
