"""A small site and a small collector, real sockets both, that remember what browsers sent."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from typing_extensions import override


BUILT = Path(__file__).parents[3] / "src/truelift/project/static/built"


@dataclass(frozen=True, slots=True)
class Reply:
    """What a path answers."""

    body: str
    content_type: str = "text/html; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Post:
    """One request to the collector."""

    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]
    received_at: float
    status: int


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    @override
    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that leaves in the middle of an answer is what these tests are about."""


class Served:
    """A server on a free port, in a thread of its own."""

    def __init__(self) -> None:
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                owner.get(self)

            def do_POST(self) -> None:
                owner.post(self)

            def do_OPTIONS(self) -> None:
                owner.options(self)

            @override
            def log_message(self, format: str, *args: object) -> None:
                """Stay silent."""

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        ).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def get(self, request: BaseHTTPRequestHandler) -> None:
        answer(request, 404)

    def post(self, request: BaseHTTPRequestHandler) -> None:
        answer(request, 405)

    def options(self, request: BaseHTTPRequestHandler) -> None:
        answer(request, 204)


class Pages(Served):
    """The visited site: pages by path, every page counted as it is served."""

    def __init__(self) -> None:
        super().__init__()
        self.replies: dict[str, Reply] = {}
        self.visits: list[str] = []

    @override
    def get(self, request: BaseHTTPRequestHandler) -> None:
        path = request.path.split("?")[0]
        reply = self.replies.get(path)
        if reply is None:
            answer(request, 404)
            return
        self.visits.append(request.path)
        answer(
            request,
            200,
            reply.body.encode(),
            {"Content-Type": reply.content_type, **reply.headers},
        )


class Receiver(Served):
    """A collector that acknowledges, refuses or is slow as it is told.

    Attributes:
        statuses: Answers for the next requests; 200 when none are left.
        retry_after: `Retry-After` of refusals, when set.
        delay_s: Seconds before each answer.
    """

    def __init__(self) -> None:
        super().__init__()
        self.statuses: deque[int] = deque()
        self.retry_after: str | None = None
        self.delay_s = 0.0
        self.posts: list[Post] = []
        self.preflights = 0

    @override
    def get(self, request: BaseHTTPRequestHandler) -> None:
        if request.path == "/t.js":
            script = (BUILT / "t.js").read_bytes()
            answer(request, 200, script, {"Content-Type": "text/javascript", **CORS})
        else:
            answer(request, 404)

    @override
    def options(self, request: BaseHTTPRequestHandler) -> None:
        self.preflights += 1
        answer(request, 204, headers=CORS)

    @override
    def post(self, request: BaseHTTPRequestHandler) -> None:
        received_at = time.time()
        text = request.rfile.read(int(request.headers["Content-Length"]))
        try:
            status = self.statuses.popleft()
        except IndexError:
            status = 200
        post = Post(request.path, dict(request.headers), json.loads(text), received_at, status)
        self.posts.append(post)
        time.sleep(self.delay_s)
        headers = dict(CORS)
        if self.retry_after is not None and status != 200:
            headers["Retry-After"] = self.retry_after
        answer(request, status, b'{"success":true}', headers)

    def snippet(self, **data: str) -> str:
        """The lines that a site's owner pastes into a page."""
        attributes = "".join(f' data-{name}="{value}"' for name, value in data.items())
        return (
            "<script>window.truelift=window.truelift||function(){"
            "(truelift.q=truelift.q||[]).push(arguments)}</script>"
            f'<script async src="{self.origin}/t.js" data-key="{KEY}"{attributes}></script>'
        )

    def names(self) -> list[str]:
        """Type, or for custom events their name, with the path; in the order they happened."""
        happened = sorted(self.events(), key=lambda event: event["timestamp"])
        return [f"{e.get('event', e['type'])} {e['context']['page']['path']}" for e in happened]

    def events(self) -> list[Mapping[str, Any]]:
        """Acknowledged events in order of arrival, repeats removed as the server does."""
        seen: dict[str, Mapping[str, Any]] = {}
        for post in list(self.posts):
            if post.status == 200:
                for event in post.body["batch"]:
                    seen.setdefault(event["messageId"], event)
        return list(seen.values())

    def acknowledged(self) -> int:
        """How many events were taken, repeats included."""
        return sum(len(post.body["batch"]) for post in self.posts if post.status == 200)

    def wait_for(self, count: int, *, seconds: float = 8.0) -> list[Mapping[str, Any]]:
        """Wait until that many events have arrived; give what is there when time is over."""
        over = time.monotonic() + seconds
        while len(self.events()) < count and time.monotonic() < over:
            time.sleep(0.02)
        return self.events()


KEY = "pk_shop_public"

CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Headers": "*",
    "Access-Control-Expose-Headers": "Retry-After",
}


def answer(
    request: BaseHTTPRequestHandler,
    status: int,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
) -> None:
    """Write a whole answer."""
    request.send_response(status)
    for name, value in (headers or {}).items():
        request.send_header(name, value)
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    request.wfile.write(body)
