"""Hands every request that is not the collector's to the web application, streaming."""

from __future__ import annotations

import ipaddress
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final, Protocol

import aiohttp


HOP_BY_HOP: Final = frozenset(
    {
        "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te",
        "trailer", "transfer-encoding", "upgrade", "proxy-connection",
    }
)  # fmt: skip
"""Headers that speak of one connection and not of the message (RFC 9110, 7.6.1)."""

_FORWARDED: Final = frozenset(
    {"x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "forwarded"}
)
_WHOLE_BYTES: Final = 262_144

_NOT_YET: Final = b"""<!doctype html><html lang="en"><meta charset="utf-8">
<title>Truelift is starting</title><meta http-equiv="refresh" content="2">
<p>The web application is starting or has been restarted; this page tries again by itself.
Events are being received meanwhile.</p></html>"""


class Headers(Protocol):
    """The headers of a request as granian gives them."""

    def items(self) -> list[tuple[str, str]]:
        """Every header, names in small letters."""
        ...

    def get(self, key: str, default: str | None = None) -> str | None:
        """One header, or the default."""
        ...


class Scope(Protocol):
    """What the proxy needs to know of a request."""

    method: str
    path: str
    query_string: str
    client: str
    scheme: str
    authority: str | None

    @property
    def headers(self) -> Headers:
        """The request's headers."""
        ...


class Transport(Protocol):
    """The open end of a streamed answer."""

    async def send_bytes(self, data: bytes) -> None:
        """Send a piece of the body."""
        ...


class Exchange(Protocol):
    """One request being read and answered, as granian gives it."""

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        """Answer with a whole body."""
        ...

    def response_stream(self, status: int, headers: list[tuple[str, str]]) -> Transport:
        """Begin an answer whose body follows in pieces."""
        ...


class WebProxy:
    """The way to the web application over its Unix socket.

    Args:
        socket: Where the web application listens.
        trusted_proxies: Addresses or networks whose `X-Forwarded-*` are believed;
            from all others these headers are replaced, so that nobody can choose
            the address that rate limits and the audit see.
    """

    def __init__(self, socket: Path, *, trusted_proxies: tuple[str, ...] = ()) -> None:
        self.socket = socket
        self._trusted = tuple(ipaddress.ip_network(each, strict=False) for each in trusted_proxies)
        self._session: aiohttp.ClientSession | None = None

    async def pass_on(self, scope: Scope, exchange: Exchange) -> None:
        """Send the request to the web application and its answer to the client."""
        address = scope.path + (f"?{scope.query_string}" if scope.query_string else "")
        has_body = scope.method not in {"GET", "HEAD", "OPTIONS"}
        try:
            async with self._open().request(
                scope.method,
                f"http://web{address}" if address.startswith("/") else "http://web/",
                headers=self._headers(scope),
                data=exchange if has_body else None,
                allow_redirects=False,
            ) as answer:
                await _relay(answer, exchange)
        except (TimeoutError, aiohttp.ClientConnectionError, FileNotFoundError):
            exchange.response_bytes(
                503,
                [("content-type", "text/html; charset=utf-8"), ("retry-after", "2")],
                _NOT_YET,
            )

    def client_address(self, scope: Scope) -> str:
        """The address of the visitor, through proxies that are trusted and no others."""
        peer = _without_port(scope.client)
        if not self._is_trusted(peer):
            return peer
        for hop in reversed((scope.headers.get("x-forwarded-for") or "").split(",")):
            address = hop.strip()
            if address and not self._is_trusted(address):
                return address
        return peer

    async def close(self) -> None:
        """Let go of the connections."""
        if self._session is not None:
            await self._session.close()

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.UnixConnector(path=str(self.socket), limit=64),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=120),
                skip_auto_headers=("user-agent", "accept", "accept-encoding", "content-type"),
                requote_redirect_url=False,
            )
        return self._session

    def _headers(self, scope: Scope) -> list[tuple[str, str]]:
        trusted = self._is_trusted(_without_port(scope.client))
        kept = [
            (name, value)
            for name, value in scope.headers.items()
            if name not in HOP_BY_HOP and name not in _FORWARDED and name != "host"
        ]
        scheme = (trusted and scope.headers.get("x-forwarded-proto")) or scope.scheme
        host = scope.headers.get("host") or scope.authority or "localhost"
        host = (trusted and scope.headers.get("x-forwarded-host")) or host
        return [
            *kept,
            ("host", host),
            ("x-forwarded-for", self.client_address(scope)),
            ("x-forwarded-proto", scheme),
        ]

    def _is_trusted(self, address: str) -> bool:
        if not self._trusted:
            return False
        try:
            known = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(known in network for network in self._trusted)


async def _relay(answer: aiohttp.ClientResponse, exchange: Exchange) -> None:
    """Give the web application's answer to the client, whole when small, else as it comes."""
    headers = [
        (name.decode("latin-1").lower(), value.decode("latin-1"))
        for name, value in answer.raw_headers
        if name.decode("latin-1").lower() not in HOP_BY_HOP
    ]
    length = answer.content_length
    if length is not None and length <= _WHOLE_BYTES:
        exchange.response_bytes(answer.status, headers, await answer.read())
        return
    transport = exchange.response_stream(answer.status, headers)
    async for chunk in answer.content.iter_any():
        await transport.send_bytes(chunk)


def _without_port(client: str) -> str:
    host, _, port = client.rpartition(":")
    return host.strip("[]") if host and port.isdigit() else client
