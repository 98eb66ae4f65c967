"""Hands every request that is not the collector's to the web application, streaming."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import re
from collections.abc import AsyncIterator
from http import HTTPStatus
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import quote

import aiohttp
from yarl import URL


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
_OURS: Final = HOP_BY_HOP | _FORWARDED | {"host", "content-length", "expect"}
"""What the proxy says itself. The length is that of the body it read: a stated one that is not
true would let a request run into the next person's on the same connection."""

_WHOLE_BYTES: Final = 262_144

MAX_BODY_BYTES: Final = 2_621_440
"""What the web application takes in one request (Django's `DATA_UPLOAD_MAX_MEMORY_SIZE`)."""

MAX_FILE_BYTES: Final = 21_000_000
"""What the addresses that take files of facts are sent in one request."""

_FILES: Final = re.compile(r"/facts/in/[^/]{1,80}/|/s/[^/]{1,80}/feeds/[^/]{1,80}/")
_FILES_AT_ONCE: Final = 2
"""How many are read at a time; everything else is read beside them."""

_FILE_WITHIN_S: Final = 120.0
_HELD_BYTES: Final = 64 * 1024 * 1024
_BODY_WITHIN_S: Final = 30.0

_NOT_YET: Final = b"""<!doctype html><html lang="en"><meta charset="utf-8">
<title>Truelift is starting</title><meta http-equiv="refresh" content="2">
<p>The web application is starting or has been restarted; this page tries again by itself.
Events are being received meanwhile.</p></html>"""


class _NotWhole(Exception):
    """A body was not read to its end; this never leaves the module."""

    def __init__(self, status: int, code: str, words: str) -> None:
        self.status = status
        self.code = code
        self.words = words
        super().__init__(words)

    def answer(self, path: str) -> tuple[int, list[tuple[str, str]], bytes]:
        """Give status, headers and body: programs get a problem as RFC 9457 writes it."""
        kind, body = "text/plain; charset=utf-8", self.words
        if path.startswith(("/api/", "/facts/in/")):
            kind, body = (
                "application/problem+json",
                json.dumps(
                    {
                        "type": f"urn:truelift:{self.code}",
                        "title": HTTPStatus(self.status).phrase,
                        "status": self.status,
                        "code": self.code,
                        "detail": self.words,
                    }
                ),
            )
        return self.status, [("content-type", kind), ("connection", "close")], body.encode()


def _too_long(most: int) -> _NotWhole:
    return _NotWhole(413, "edge.input_too_long", f"A request may have {most:,} bytes here.")


def _busy() -> _NotWhole:
    return _NotWhole(503, "edge.busy", "Too much is being sent at once. Try again.")


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
        body_within_s: How long a client may take to send a request's body.
    """

    def __init__(
        self,
        socket: Path,
        *,
        trusted_proxies: tuple[str, ...] = (),
        body_within_s: float = _BODY_WITHIN_S,
    ) -> None:
        self.socket = socket
        self._body_within_s = body_within_s
        self._held_bytes = 0
        self._files = 0
        self._trusted = tuple(ipaddress.ip_network(each, strict=False) for each in trusted_proxies)
        self._session: aiohttp.ClientSession | None = None

    async def pass_on(self, scope: Scope, exchange: Exchange) -> None:
        """Send the request to the web application and its answer to the client."""
        has_body = scope.method not in {"GET", "HEAD", "OPTIONS"}
        try:
            body = await self._body(scope, exchange) if has_body else None
        except _NotWhole as refusal:
            exchange.response_bytes(*refusal.answer(scope.path))
            return
        try:
            async with self._open().request(
                scope.method,
                _address(scope),
                headers=self._headers(scope),
                data=body,
                allow_redirects=False,
            ) as answer:
                await _relay(answer, exchange)
        except (TimeoutError, aiohttp.ClientConnectionError, FileNotFoundError):
            exchange.response_bytes(
                503,
                [("content-type", "text/html; charset=utf-8"), ("retry-after", "2")],
                _NOT_YET,
            )

    async def _body(self, scope: Scope, exchange: Exchange) -> bytes:
        """Read a whole body before the web application hears of it.

        Its few threads wait for what they read: passed on as they came in, a dozen
        bodies that trickle would stop every page.

        Raises:
            _NotWhole: It is too long, too slow, cut short, or too many are being read at once.
        """
        kept = bytearray()
        held, is_file = 0, False
        try:
            async with asyncio.timeout(self._body_within_s) as limit:
                async for chunk in exchange:
                    size = len(kept) + len(chunk)
                    if size > MAX_BODY_BYTES and not is_file:
                        self._begin_file(scope.path)
                        is_file = True
                        limit.reschedule(asyncio.get_running_loop().time() + _FILE_WITHIN_S)
                    if size > (MAX_FILE_BYTES if is_file else MAX_BODY_BYTES):
                        raise _too_long(MAX_FILE_BYTES)
                    if not is_file:
                        if self._held_bytes + len(chunk) > _HELD_BYTES:
                            raise _busy()
                        self._held_bytes += len(chunk)
                        held += len(chunk)
                    kept += chunk
        except TimeoutError:
            words = "The request took too long to arrive. Send it again."
            raise _NotWhole(408, "edge.too_slow", words) from None
        finally:
            self._held_bytes -= held
            self._files -= is_file
        stated = scope.headers.get("content-length")
        if stated is not None and stated != str(len(kept)):
            raise _NotWhole(400, "edge.cut_short", "The request ended too early. Send it again.")
        return bytes(kept)

    def _begin_file(self, path: str) -> None:
        """Let a body be as long as a file where files are taken, and few at a time."""
        if _FILES.fullmatch(path) is None:
            raise _too_long(MAX_BODY_BYTES)
        if self._files >= _FILES_AT_ONCE:
            raise _busy()
        self._files += 1

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
        # To the web application `X_Forwarded_For` and `X-Forwarded-For` are the same header.
        kept = [
            (name, value)
            for name, value in scope.headers.items()
            if name not in _OURS and "_" not in name
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


def _address(scope: Scope) -> URL:
    """Write the path as it was sent: what was encoded stays so, `..` is not resolved."""
    path = quote(scope.path, safe="/!$&'()*+,;=:@~") if scope.path.startswith("/") else "/"
    return URL.build(
        scheme="http", host="web", path=path, query_string=scope.query_string, encoded=True
    )


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
