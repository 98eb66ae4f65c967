"""A server on this machine that redirects, drips and floods."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from typing_extensions import override


class Odd(BaseHTTPRequestHandler):
    """Answers by path."""

    @override
    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        assert isinstance(self.server, ThreadingHTTPServer)
        port = self.server.server_port
        match self.path:
            case "/private":
                self._moved(f"http://inside.test:{port}/secret")
            case "/metadata":
                self._moved("http://169.254.169.254/latest/meta-data/")
            case "/file":
                self._moved("file:///etc/passwd")
            case "/elsewhere":
                self._moved(f"http://other.test:{port}/said")
            case "/round":
                self._moved("/round")
            case "/once":
                self._moved("/said")
            case "/huge":
                self._sent(b"x" * 200_000)
            case "/slow":
                self.send_response(200)
                self.end_headers()
                with suppress(OSError):
                    for _ in range(200):
                        self.wfile.write(b"x")
                        self.wfile.flush()
                        time.sleep(0.05)
            case _:
                self._sent(f"{self.path} {self.headers.get('X-Secret', 'none')}".encode())

    def do_POST(self) -> None:
        self._sent(self.rfile.read(int(self.headers["Content-Length"])))

    def _moved(self, where: str) -> None:
        self.send_response(302)
        self.send_header("Location", where)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _sent(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with suppress(OSError):
            self.wfile.write(body)


@pytest.fixture
def port() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Odd) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server.server_port
        server.shutdown()
