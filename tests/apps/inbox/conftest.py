"""An experiment that was analysed, and what reads a webhook's messages."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from pytest_django import Settings
from typing_extensions import override

from tests.apps.experiments.conftest import (
    analysed,
    document,
    events,
    hypothesis,
    insight,
    moved,
    planned,
    snapshot_of,
    spec,
)


__all__ = [
    "analysed",
    "document",
    "events",
    "hypothesis",
    "insight",
    "moved",
    "planned",
    "snapshot_of",
    "spec",
]


@dataclass(slots=True)
class Elsewhere:
    """A server that remembers what it was asked, and answers what it is told."""

    asked: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    answers: list[tuple[int, bytes]] = field(default_factory=list)
    address: str = ""

    def answer(self, *given: tuple[int, bytes]) -> None:
        self.answers.extend(given)


@pytest.fixture
def elsewhere(settings: Settings, home: object) -> Iterator[Elsewhere]:
    """Somebody else's server on this machine, which the gate lets through."""
    del home
    import dataclasses

    found = Elsewhere()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.do_POST()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"] or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            found.asked.append((self.command, self.path, headers, body))
            status, said = found.answers.pop(0) if found.answers else (200, b"{}")
            self.send_response(status)
            self.send_header("content-length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        @override
        def log_message(self, format: str, *args: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        host = f"127.0.0.1:{server.server_address[1]}"
        settings.TRUELIFT = dataclasses.replace(
            settings.TRUELIFT, egress_allow=(host,), email_url="smtp://nowhere"
        )
        found.address = f"http://{host}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield found
        server.shutdown()
        thread.join(5)
