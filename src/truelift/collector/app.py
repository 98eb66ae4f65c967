"""The collector: one request in, one answer out, whatever server brings it.

It knows nothing of Django, and nothing of the protocol between it and the HTTP
server: `collector.rsgi` is the one place that does.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Protocol

import msgspec

from truelift.collector.limits import (
    DiskNearlyFull,
    Quota,
    QuotaUsed,
    Rate,
    TooManyRequests,
    TooSlow,
    Watermark,
)
from truelift.collector.published import Key, Network, NoKeysYet, Published
from truelift.errors import Outage, Refusal, TrueliftError
from truelift.events.items import Arrival
from truelift.events.wire import (
    BATCHES,
    KINDS,
    MAX_REQUEST_BYTES,
    MalformedRequest,
    RequestTooLarge,
    accepted,
    opened,
    unpacked,
)
from truelift.lake.home import Home
from truelift.lake.journal import JournalBusy, JournalWriter


BodyReader = Callable[[int], Awaitable[bytes | None]]
"""Reads a request's body; None when it is longer than the given number of bytes."""

FREE_BYTES: Final = 256 * 1024 * 1024
_PREFIX: Final = "/v1/"
_SETTINGS: Final = re.compile(r"^/v1/projects/([^/]{1,200})/settings/?$")
_HOST: Final = re.compile(r"^[A-Za-z0-9.-]{1,253}(:\d{1,5})?$|^\[[0-9A-Fa-f:.]{2,45}\](:\d{1,5})?$")

_JSON: Final = ("content-type", "application/json")
_CORS: Final = ("access-control-allow-origin", "*")
_HEADERS: Final = [_JSON, _CORS, ("cache-control", "no-store")]
_EXPOSED: Final = ("access-control-expose-headers", "retry-after")
"""Without it a browser keeps `Retry-After` from the script that was refused."""

_PREFLIGHT: Final = [
    _CORS,
    ("access-control-allow-methods", "GET, POST, OPTIONS"),
    (
        "access-control-allow-headers",
        "authorization, content-type, content-encoding, x-retry-count, x-write-key",
    ),
    ("access-control-max-age", "86400"),
]


class Headers(Protocol):
    """A request's headers, by names in small letters."""

    def get(self, key: str, /) -> str | None:
        """Give a header's value, or None."""
        ...


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, for any server to send."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


class UnknownKey(Refusal):
    """The write key is not one of this server's, or there is none."""

    code = "collector.unknown_key"

    def __init__(self, *, given: bool) -> None:
        what = "This write key is not known here." if given else "There is no write key."
        super().__init__(f"{what} Copy the key from the site's connect page.")


class UnknownAddress(Refusal):
    """Nothing is received at this address."""

    code = "collector.unknown_address"

    def __init__(self) -> None:
        super().__init__(
            "Nothing is received at this address. Send to /v1/batch, /v1/track, /v1/page,"
            " /v1/screen, /v1/identify, /v1/group or /v1/alias."
        )


class WrongMethod(Refusal):
    """The address exists, for another method."""

    code = "collector.wrong_method"

    def __init__(self) -> None:
        super().__init__("Events are sent with POST.")


_DONE: Final = Reply(200, _HEADERS, b'{"success":true}')
_ALIVE: Final = Reply(200, _HEADERS, b'{"status":"alive"}')
_STATUS: Final[dict[type[TrueliftError], int]] = {
    MalformedRequest: 400,
    UnknownKey: 401,
    UnknownAddress: 404,
    WrongMethod: 405,
    TooSlow: 408,
    RequestTooLarge: 413,
    TooManyRequests: 429,
    QuotaUsed: 429,
}
_RETRY_AFTER_S: Final[dict[type[TrueliftError], int]] = {
    NoKeysYet: 5,
    JournalBusy: 1,
    DiskNearlyFull: 60,
}


class Collector:
    """Receives events over Segment's HTTP API and keeps them in the journal."""

    def __init__(
        self,
        *,
        journal: JournalWriter,
        published: Published,
        free_bytes: int = FREE_BYTES,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._journal = journal
        self._published = published
        self._now_ms = now_ms
        self._rate = Rate()
        self._quota = Quota(journal.directory / "day.json", journal.position)
        self._watermark = Watermark(journal.directory, free_bytes=free_bytes)
        self._routes: dict[str, str | None] = {
            **{_PREFIX + word: kind for word, kind in KINDS.items()},
            **dict.fromkeys((_PREFIX + word for word in BATCHES), None),
        }

    @classmethod
    def open(
        cls, home: Home, *, writer: str = "collector", free_bytes: int = FREE_BYTES
    ) -> Collector:
        """Take the journal of one writer in a home and be ready to receive.

        Raises:
            JournalInUse: Another process collects under this name.
        """
        return cls(
            journal=JournalWriter.open(home.journal, writer),
            published=Published(home),
            free_bytes=free_bytes,
        )

    def close(self) -> None:
        """Write what waits and let go of the journal."""
        self._journal.close()

    @staticmethod
    def owns(path: str) -> bool:
        """Tell whether a path is the collector's."""
        return path.startswith(_PREFIX) or path == "/healthz"

    async def handle(
        self,
        method: str,
        path: str,
        query: str,  # noqa: ARG002 - part of the seam; no address here takes one yet
        headers: Headers,
        body_reader: BodyReader,
        client_address: str,
    ) -> Reply:
        """Answer one request.

        Args:
            method: In capitals.
            path: Without query.
            query: Without its question mark.
            headers: Names in small letters.
            body_reader: Called at most once.
            client_address: The sender's address, without port, behind trusted proxies.
        """
        try:
            if method == "POST":
                return await self._take(path, headers, body_reader, client_address)
            if method == "OPTIONS" and self.owns(path):
                return Reply(204, _PREFLIGHT, b"")
            if method in {"GET", "HEAD"}:
                if path == "/healthz":
                    return _ALIVE
                settings = _SETTINGS.match(path)
                if settings:
                    return self._settings(settings[1], headers)
            known = path.rstrip("/") in self._routes
            raise WrongMethod if known else UnknownAddress
        except (Refusal, Outage) as error:
            return refused(error)

    async def _take(
        self, path: str, headers: Headers, body_reader: BodyReader, client_address: str
    ) -> Reply:
        """Receive a request's events; return once they are safe."""
        try:
            kind = self._routes[path]
        except KeyError:
            path = path.rstrip("/")
            if path not in self._routes:
                raise UnknownAddress from None
            kind = self._routes[path]
        received = self._now_ms()
        published = self._published
        published.look(received)
        self._watermark.check(received)

        authorization = headers.get("authorization")
        shown = None if authorization is None else _shown_key(authorization)
        key = None if shown is None else self._known(shown)
        if key is not None:
            self._count(key, client_address, received)
        packed = await body_reader(MAX_REQUEST_BYTES)
        if packed is None:
            raise RequestTooLarge
        envelope = opened(unpacked(packed), batch=kind is None)
        if key is None:
            if envelope.write_key is None:
                published.key("")  # 503 while there are no keys: sending it again will help
                raise UnknownKey(given=False)
            key = self._known(envelope.write_key)
            self._count(key, client_address, received)

        limits = published.limits(key.site)
        trusted = key.trusted
        arrival = Arrival(
            received_at_ms=received,
            trusted=trusted,
            user_agent=headers.get("user-agent"),
            internal=bool(limits.internal) and _within(client_address, limits.internal),
            private=not trusted and (headers.get("sec-gpc") == "1" or headers.get("dnt") == "1"),
        )
        found = accepted(envelope, arrival, kind=kind)
        if found.items:
            self._quota.take(key.site, found.items, daily_quota=limits.daily_quota, now_ms=received)
            # Let go of what was read while the disk is waited for: its room serves the next one.
            del packed, envelope
            await self._journal.append_text(
                site=key.site,
                key_id=key.key_id,
                trusted=trusted,
                received_at_ms=received,
                text=found.text,
                items=found.items,
            )
        return _DONE

    def _known(self, shown: str) -> Key:
        key = self._published.key(shown)
        if key is None:
            raise UnknownKey(given=True)
        return key

    def _count(self, key: Key, client_address: str, now_ms: int) -> None:
        limit = self._published.limits(key.site).rate_limit_per_minute
        self._rate.take(key.key_id, client_address, per_minute=limit, now_ms=now_ms)

    def _settings(self, write_key: str, headers: Headers) -> Reply:
        """Tell Segment's browser library where to send, as its own server would."""
        self._published.look(self._now_ms())
        self._known(write_key)
        host = headers.get("host") or ""
        if not _HOST.match(host):
            raise MalformedRequest(problem="The Host header is missing or no host.")
        scheme = "https" if headers.get("x-forwarded-proto") == "https" else "http"
        document = {
            "integrations": {
                "Segment.io": {"apiKey": write_key, "apiHost": f"{host}/v1", "protocol": scheme}
            },
            "plan": {"track": {}, "identify": {}, "group": {}},
        }
        return Reply(200, _HEADERS, msgspec.json.encode(document))


def refused(error: Refusal | Outage) -> Reply:
    """Turn a refusal or an outage into an answer: the one place that knows the status codes.

    A 401 carries no `WWW-Authenticate`: browsers would ask the shop's visitor for a password.
    """
    kind = type(error)
    status = _STATUS.get(kind, 503 if isinstance(error, Outage) else 400)
    headers = list(_HEADERS)
    if isinstance(error, (TooManyRequests, QuotaUsed)):
        headers += [("retry-after", str(error.retry_after_s)), _EXPOSED]
    elif status == 503:
        headers += [("retry-after", str(_RETRY_AFTER_S.get(kind, 10))), _EXPOSED]
    body = msgspec.json.encode({"code": error.code, "message": str(error)})
    return Reply(status, headers, body)


@lru_cache(maxsize=4096)
def _shown_key(authorization: str) -> str | None:
    """Read the key from `Basic base64(key:)`, or None where that is not what it is."""
    if authorization[:6].lower() != "basic ":
        return None
    try:
        pair = base64.b64decode(authorization[6:].strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return ""
    return pair.partition(":")[0]


def _within(address: str, networks: tuple[Network, ...]) -> bool:
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return any((mapped or found) in network for network in networks)
