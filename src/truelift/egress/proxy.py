"""A proxy on this machine that lets a browser reach only what the gate lets through."""

from __future__ import annotations

import select
import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

from typing_extensions import override

from truelift.egress.fetching import connected
from truelift.egress.gate import Gate, Target, parsed
from truelift.errors import Refusal


_MOST_HEAD: Final = 65_536
_CHUNK: Final = 65_536
_IDLE_S: Final = 30.0
_HOP: Final = (b"proxy-", b"connection:", b"keep-alive:", b"te:", b"trailer:")


@dataclass(slots=True)
class Passage:
    """What one browser did through the proxy.

    Attributes:
        gate: What is let through.
        most: Bytes, in both directions together.
        seconds: How long it stays open.
        refused: Addresses that were not let through, with the reason.
        passed: Bytes so far.
        port: Where the proxy listens, on the loopback address.
    """

    gate: Gate
    most: int = 80_000_000
    seconds: float = 90.0
    refused: list[tuple[str, str]] = field(default_factory=list)
    passed: int = 0
    port: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _until: float = 0.0

    @property
    def address(self) -> str:
        """What a browser is told."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def is_over(self) -> bool:
        """Whether nothing is let through any more."""
        return self.passed > self.most or time.monotonic() > self._until

    def count(self, size: int) -> None:
        """Add what was relayed."""
        with self._lock:
            self.passed += size

    def refuse(self, url: str, code: str) -> None:
        """Remember what was not let through."""
        with self._lock:
            if len(self.refused) < 100:
                self.refused.append((url[:300], code))

    def begin(self) -> None:
        """Start the clock."""
        self._until = time.monotonic() + self.seconds


@contextmanager
def passage(gate: Gate, *, most: int = 80_000_000, seconds: float = 90.0) -> Iterator[Passage]:
    """Open a proxy for one browser, and close it with everything that is open through it.

    Unlike rules within the browser it sees redirects, sockets, workers and whatever else
    opens a connection, and it resolves names itself: the machine that was checked is the
    one that is spoken to.
    """
    found = Passage(gate=gate, most=most, seconds=seconds)
    with _Server(found) as server:
        found.port = server.server_address[1]
        found.begin()
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield found
        finally:
            found.most = -1
            server.shutdown()
            thread.join(5)


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True

    def __init__(self, found: Passage) -> None:
        self.passage = found
        super().__init__(("127.0.0.1", 0), _Handler)

    @override
    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that hangs up is no error."""


class _Handler(socketserver.BaseRequestHandler):
    request: socket.socket
    server: _Server

    @override
    def handle(self) -> None:
        """Read one request, let it through or refuse it."""
        self.request.settimeout(_IDLE_S)
        head, rest = _head(self.request)
        line, _, lines = head.partition(b"\r\n")
        words = line.split(b" ")
        if len(words) != 3:
            return
        method, where, version = words
        url = where.decode("latin-1")
        tunnel = method == b"CONNECT"
        try:
            target = self._target(url, tunnel=tunnel)
        except Refusal as error:
            self.server.passage.refuse(url, error.code)
            self._answer(403, error.code)
            return
        try:
            link = connected(target, timeout=10)
        except OSError:
            self._answer(502, "egress.not_reached")
            return
        with link:
            if tunnel:
                self.request.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
                self._relay(link, limit=None, sent=rest)
            else:
                size = _body_size(lines)
                if size is None:
                    self._answer(501, "egress.chunked_request")
                    return
                link.sendall(_rewritten(method, target, version, lines))
                self._relay(link, limit=size, sent=rest)

    def _target(self, url: str, *, tunnel: bool) -> Target:
        if not tunnel:
            return self.server.passage.gate.check(url)
        _, host, port = parsed(f"https://{url}")
        return Target("https", host, port, self.server.passage.gate.pinned(host, port), "/")

    def _relay(self, link: socket.socket, *, limit: int | None, sent: bytes) -> None:
        """Carry bytes both ways; of a plain request no more than its body goes out."""
        found = self.server.passage
        out = 0
        if sent:
            piece = sent if limit is None else sent[:limit]
            link.sendall(piece)
            out += len(piece)
        self.request.settimeout(None)
        link.settimeout(None)
        quiet_since = time.monotonic()
        while not found.is_over and time.monotonic() - quiet_since < _IDLE_S:
            watched = [link] if limit is not None and out >= limit else [link, self.request]
            ready, _, _ = select.select(watched, [], [], 0.5)
            if ready:
                quiet_since = time.monotonic()
            for each in ready:
                data = each.recv(_CHUNK)
                if not data:
                    return
                found.count(len(data))
                if each is link:
                    self.request.sendall(data)
                    continue
                piece = data if limit is None else data[: limit - out]
                out += len(piece)
                link.sendall(piece)

    def _answer(self, status: int, code: str) -> None:
        body = code.encode()
        with suppress(OSError):
            self.request.sendall(
                b"HTTP/1.1 %d Refused\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n"
                b"X-Truelift-Egress: %s\r\nConnection: close\r\n\r\n%s"
                % (status, len(body), body, body)
            )


def _head(link: socket.socket) -> tuple[bytes, bytes]:
    """Read a request's head; what came with it belongs to its body."""
    found = b""
    while b"\r\n\r\n" not in found and len(found) < _MOST_HEAD:
        data = link.recv(_CHUNK)
        if not data:
            break
        found += data
    head, _, rest = found.partition(b"\r\n\r\n")
    return head, rest


def _body_size(lines: bytes) -> int | None:
    """Say how long a request's body is; None when it does not say."""
    for line in lines.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"transfer-encoding":
            return None
        if name.strip().lower() == b"content-length":
            return int(value) if value.strip().isdigit() else None
    return 0


def _rewritten(method: bytes, target: Target, version: bytes, lines: bytes) -> bytes:
    """Write a request as its own server wants it, on a connection for it alone."""
    kept = [
        line
        for line in lines.split(b"\r\n")
        if line and not line.lower().startswith((*_HOP, b"host:"))
    ]
    first = b"%s %s %s" % (method, target.path.encode("latin-1"), version)
    host = b"Host: " + target.netloc.encode("latin-1")
    return b"\r\n".join([first, host, *kept, b"Connection: close", b"", b""])
