"""The one port: events to the collector, the tracker from disk, all else to the web application."""

from __future__ import annotations

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
]
"""How the tracker may be kept and by whom it may be loaded."""


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
    scripts: Mapping[str, bytes]

    async def __rsgi__(self, scope: EdgeScope, exchange: EdgeExchange) -> None:
        """Answer one request."""
        if scope.path in self.scripts and scope.method in {"GET", "HEAD"}:
            exchange.response_bytes(200, SCRIPT_HEADERS, self.scripts[scope.path])
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


def scripts_in(folder: Path) -> dict[str, bytes]:
    """Read the scripts that pages of other sites load: the tracker."""
    tracker = folder / "t.js"
    return {"/t.js": tracker.read_bytes()} if tracker.exists() else {}
