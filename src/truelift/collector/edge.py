"""The one port: events to the collector, the tracker from disk, all else to the web application."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from truelift.collector.app import Collector
from truelift.collector.proxy import Exchange, WebProxy
from truelift.collector.proxy import Scope as ProxyScope
from truelift.collector.rsgi import HttpProtocol, body_reader


SCRIPT_HEADERS: Final = [
    ("content-type", "text/javascript; charset=utf-8"),
    ("cache-control", "public, max-age=3600, stale-while-revalidate=86400"),
    ("access-control-allow-origin", "*"),
    ("cross-origin-resource-policy", "cross-origin"),
    ("x-content-type-options", "nosniff"),
    ("vary", "accept-encoding"),
]
"""How the tracker may be kept and by whom it may be loaded."""


@dataclass(frozen=True, slots=True)
class Script:
    """A script as browsers take it, compressed once."""

    plain: bytes
    packed: bytes


class EdgeScope(ProxyScope, Protocol):
    """What RSGI says of a request."""

    proto: str


class EdgeExchange(HttpProtocol, Exchange, Protocol):
    """A request being read and answered, by the collector or for the web application."""


@dataclass(frozen=True, slots=True)
class Edge:
    """The application that owns the port.

    Attributes:
        collector: Answers the paths that are its own.
        proxy: Takes everything else to the web application.
        scripts: What browsers load from other people's pages, by path.
    """

    collector: Collector
    proxy: WebProxy
    scripts: Mapping[str, Script]

    async def __rsgi__(self, scope: EdgeScope, exchange: EdgeExchange) -> None:
        """Answer one request."""
        if scope.path in self.scripts and scope.method in {"GET", "HEAD"}:
            script = self.scripts[scope.path]
            if "gzip" in (scope.headers.get("accept-encoding") or ""):
                headers = [*SCRIPT_HEADERS, ("content-encoding", "gzip")]
                exchange.response_bytes(200, headers, script.packed)
            else:
                exchange.response_bytes(200, SCRIPT_HEADERS, script.plain)
        elif self.collector.owns(scope.path):
            reply = await self.collector.handle(
                scope.method,
                scope.path,
                scope.query_string,
                scope.headers,
                body_reader(scope.headers, exchange),
                self.proxy.client_address(scope),
            )
            exchange.response_bytes(reply.status, reply.headers, reply.body)
        else:
            await self.proxy.pass_on(scope, exchange)


def scripts_in(folder: Path) -> dict[str, Script]:
    """Read the scripts that pages of other sites load: the tracker."""
    tracker = folder / "t.js"
    if not tracker.exists():
        return {}
    plain = tracker.read_bytes()
    return {"/t.js": Script(plain, gzip.compress(plain, 9, mtime=0))}
