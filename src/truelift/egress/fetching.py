"""Fetches one address: pinned, checked again after every redirect, within bytes and seconds."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urljoin

from typing_extensions import override

from truelift.egress.gate import Gate, Target
from truelift.errors import Refusal


_CHUNK: Final = 65_536
_MOVED: Final = frozenset({301, 302, 303, 307, 308})


class TooLarge(Refusal):
    """What was fetched is larger than allowed."""

    code = "egress.too_large"

    def __init__(self, *, url: str, most: int) -> None:
        super().__init__(
            f"{url[:200]} is larger than {most:,} bytes, which is the most that is read.",
            url=url[:200],
            most=most,
        )


class TooSlow(Refusal):
    """What was fetched did not arrive in time."""

    code = "egress.too_slow"

    def __init__(self, *, url: str, seconds: float) -> None:
        super().__init__(
            f"{url[:200]} did not answer within {seconds:g} seconds. Try again, or see why it is"
            " slow.",
            url=url[:200],
            seconds=seconds,
        )


class TooManyRedirects(Refusal):
    """An address leads to another, and that to another, and so on."""

    code = "egress.too_many_redirects"

    def __init__(self, *, url: str, most: int) -> None:
        super().__init__(
            f"{url[:200]} is redirected more than {most} times. Give the address it ends at.",
            url=url[:200],
        )


class NotReached(Refusal):
    """A machine could not be spoken to."""

    code = "egress.not_reached"

    def __init__(self, *, url: str, reason: str) -> None:
        super().__init__(
            f"{url[:200]} could not be reached ({reason[:200]}). See whether it answers elsewhere.",
            url=url[:200],
            reason=reason[:200],
        )


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is read, and for how long."""

    body: int = 5_000_000
    seconds: float = 15.0
    redirects: int = 5


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came back.

    Attributes:
        url: Of the last address.
        status: Of the last answer.
        headers: Names in small letters.
        body: As it was sent.
    """

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


def fetch(
    url: str,
    *,
    gate: Gate,
    hosts: Sequence[str] | None = None,
    method: str = "GET",
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    limits: Limits = Limits(),
) -> Fetched:
    """Fetch an address; a GET follows redirects, each checked like the first address.

    Args:
        url: What to fetch.
        gate: What may be fetched.
        hosts: `host` or `host:port`; no others, after redirects neither. None: any public one.
        method: GET, HEAD or POST; only the first two follow redirects.
        body: What is sent.
        headers: More of them; not sent on to another host, because they may be secret.
        limits: For all of it together.

    Raises:
        BadAddress: It, or where it leads, is not an address of the web.
        HostNotVerified: It leads to another host than those given.
        HostUnknown: Its host has no address.
        PrivateAddress: It leads into a private network.
        TooLarge: More bytes came than allowed.
        TooSlow: It took longer than allowed.
        TooManyRedirects: It leads from one address to the next.
        NotReached: The machine could not be spoken to.
    """
    until = time.monotonic() + limits.seconds
    at, target = url, gate.check(url, hosts=hosts)
    first = target
    for _ in range(limits.redirects + 1):
        own = (target.scheme, target.netloc) == (first.scheme, first.netloc)
        answer = _asked(
            at,
            target,
            method=method,
            body=body,
            headers=dict(headers or {}) if own else {},
            limits=limits,
            until=until,
        )
        location = answer.headers.get("location")
        if answer.status not in _MOVED or not location or method not in {"GET", "HEAD"}:
            return answer
        at = urljoin(at, location)
        target = gate.check(at, hosts=hosts)
    raise TooManyRedirects(url=url, most=limits.redirects)


def connected(target: Target, *, timeout: float) -> socket.socket:
    """Open a connection to exactly the machine that was checked.

    Raises:
        OSError: It does not answer.
    """
    return socket.create_connection((target.address, target.port), timeout=max(timeout, 0.01))


class _Pinned(http.client.HTTPConnection):
    """Speaks over a connection that is there already."""

    def __init__(self, target: Target, link: socket.socket) -> None:
        super().__init__(target.host, target.port)
        self.sock = link

    @override
    def connect(self) -> None:
        raise OSError("the connection was closed")


def _asked(
    url: str,
    target: Target,
    *,
    method: str,
    body: bytes | None,
    headers: dict[str, str],
    limits: Limits,
    until: float,
) -> Fetched:
    left = until - time.monotonic()
    over = threading.Event()
    link: socket.socket | None = None
    alarm: threading.Timer | None = None
    try:
        if left <= 0:
            raise TooSlow(url=url, seconds=limits.seconds)
        link = connected(target, timeout=left)
        if target.scheme == "https":
            link = ssl.create_default_context().wrap_socket(
                link, server_hostname=target.host, do_handshake_on_connect=False
            )
        # One that sends a byte now and then never runs into a timeout of its socket.
        alarm = threading.Timer(max(until - time.monotonic(), 0.01), _cut, (link, over))
        alarm.daemon = True
        alarm.start()
        if isinstance(link, ssl.SSLSocket):
            link.do_handshake()
        speaking = _Pinned(target, link)
        given = {
            "Host": target.netloc,
            "User-Agent": "Truelift/1",
            "Accept": "*/*",
            # Nothing is unpacked, so nothing small becomes large.
            "Accept-Encoding": "identity",
            "Connection": "close",
            **headers,
        }
        speaking.request(method, target.path, body=body, headers=given)
        answer = speaking.getresponse()
        found = bytearray()
        while method != "HEAD" and (chunk := answer.read1(_CHUNK)):
            found += chunk
            if len(found) > limits.body:
                raise TooLarge(url=url, most=limits.body)
        if over.is_set():
            raise TooSlow(url=url, seconds=limits.seconds)
        said = {name.lower(): value for name, value in answer.getheaders()}
        return Fetched(url=url, status=answer.status, headers=said, body=bytes(found))
    except (OSError, http.client.HTTPException, ValueError) as error:
        if over.is_set() or isinstance(error, TimeoutError):
            raise TooSlow(url=url, seconds=limits.seconds) from error
        raise NotReached(url=url, reason=str(error) or type(error).__name__) from error
    finally:
        if alarm is not None:
            alarm.cancel()
        if link is not None:
            link.close()


def _cut(link: socket.socket, over: threading.Event) -> None:
    over.set()
    with suppress(OSError):
        # Not `SSLSocket.shutdown`, which would let the reader go on without encryption.
        socket.socket.shutdown(link, socket.SHUT_RDWR)
