"""A collector of one's own for a while, and a client that sends it batches over HTTP."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from truelift.errors import Outage
from truelift.lake.home import Home
from truelift.lifeline import STARTED_BY


PER_BATCH: Final = 50
PATIENCE_S: Final = 30.0


class CollectorDidNotStart(Outage):
    """The collector that a world needs for its last hours did not come up."""

    code = "worlds.collector_did_not_start"

    def __init__(self, *, said: str) -> None:
        super().__init__(
            f"The collector did not start: {said.strip()[-400:] or 'it said nothing'}."
            " `truelift collect` starts it alone and says why.",
        )


class CollectorRefused(Outage):
    """The collector did not take a batch."""

    code = "worlds.collector_refused"

    def __init__(self, *, status: int, said: str) -> None:
        super().__init__(f"The collector answered {status}: {said[:300]}.", status=status)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a collector listens."""

    host: str
    port: int


@contextmanager
def running_collector(home: Home) -> Iterator[Address]:
    """Run a collector for this home on a free port; it ends with the block, or with us.

    Raises:
        CollectorDidNotStart: It did not get ready in time.
    """
    address = Address("127.0.0.1", _free_port())
    environment = {
        **os.environ,
        "TRUELIFT_HOME": str(home.root),
        "TRUELIFT_LAKE": str(home.lake),
        STARTED_BY: str(os.getpid()),
    }
    command = [
        sys.executable, "-m", "truelift.cli", "collect", "--host", address.host,
        "--port", str(address.port), "--writer", f"world-{os.getpid()}",
    ]  # fmt: skip
    process = subprocess.Popen(  # noqa: S603 - our own program with our own words
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        if process.stdout is None or not process.stdout.readline().startswith("ready"):
            process.kill()
            raise CollectorDidNotStart(said=process.communicate()[1])
        yield address
    finally:
        process.terminate()
        try:
            process.communicate(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def send(collector: Address, write_key: str, items: Sequence[object]) -> None:
    """Send items in batches, each acknowledged before the next one goes.

    Raises:
        CollectorRefused: It answered something else than 200, again and again.
    """
    connection = http.client.HTTPConnection(collector.host, collector.port, timeout=PATIENCE_S)
    try:
        for start in range(0, len(items), PER_BATCH):
            batch = {"writeKey": write_key, "batch": items[start : start + PER_BATCH]}
            _post(connection, json.dumps(batch).encode())
    finally:
        connection.close()


def _post(connection: http.client.HTTPConnection, body: bytes) -> None:
    patience_ends = time.monotonic() + PATIENCE_S
    while True:
        connection.request("POST", "/v1/batch", body, {"content-type": "application/json"})
        answer = connection.getresponse()
        said = answer.read().decode("utf-8", "replace")
        if answer.status == http.client.OK:
            return
        # 503: the keys were published a moment ago; 429: a world sends faster than people do.
        if answer.status not in {429, 503} or time.monotonic() > patience_ends:
            raise CollectorRefused(status=answer.status, said=said)
        time.sleep(min(float(answer.getheader("retry-after") or 0.5), 2.0))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
