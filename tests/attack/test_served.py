"""A stranger against a running installation, over sockets of their own."""

from __future__ import annotations

import gzip
import re
import socket
import time
import urllib.request
from collections.abc import Iterator

import pytest

from tests.cli.served import Served


pytestmark = pytest.mark.fault


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    served = Served(tmp_path_factory.mktemp("served") / "home")
    served.command("sites", "create", "shop", "--write-key", "pk_attacked")
    served.start()
    yield served
    served.kill_group()


def connection_to(served: Served) -> socket.socket:
    return socket.create_connection(("127.0.0.1", served.port), timeout=10)


def status_of(served: Served, request: bytes) -> int:
    """Send bytes as they are and give the status of the answer."""
    with connection_to(served) as connection:
        connection.sendall(request)
        found = re.match(rb"HTTP/1\.1 (\d{3}) ", connection.recv(65_536))
    assert found is not None
    return int(found[1])


def post(path: str, body: bytes) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def test_bodies_that_trickle_stop_nobody_elses_page(served: Served) -> None:
    # With a CSRF cookie of the right form the web application would read the whole body.
    trickle = (
        b"POST /accounts/login/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\n"
        b"Cookie: truelift_csrf=" + b"a" * 32 + b"\r\n\r\nabc"
    )
    held = [connection_to(served) for _ in range(40)]
    for connection in held:
        connection.sendall(trickle)
    time.sleep(0.3)

    began = time.monotonic()
    with urllib.request.urlopen(f"{served.address}/readyz", timeout=10) as answer:
        assert answer.status == 200
    took_s = time.monotonic() - began

    for connection in held:
        connection.close()
    assert took_s < 5


def test_a_request_with_a_length_and_no_body_does_not_swallow_the_next_ones(
    served: Served,
) -> None:
    for _ in range(20):
        status_of(served, b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 300\r\n\r\n")

    asked = b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    assert [status_of(served, asked) for _ in range(20)] == [200] * 20


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"batch":[' + b" " * 10_000_000 + b"]}", 413),
        (gzip.compress(b" " * 100_000_000), 413),
        (b"\x1f\x8b" + b"\xff" * 100, 400),
        (b"[" * 400_000, 400),
        (b'{"writeKey":"\\ud800","batch":[]}', 400),
        (b'{"writeKey":"pk_nobody","batch":[]}', 401),
        (b'{"writeKey":1,"batch":[]}', 401),
        (
            b'{"writeKey":"pk_attacked","batch":[' + b'{"a":' * 9000 + b"1" + b"}" * 9000 + b"]}",
            200,
        ),
    ],
    ids=["10 MB", "gzip bomb", "no gzip", "deep", "surrogate", "no key", "odd key", "deep item"],
)
def test_a_body_meant_to_hurt_is_answered_and_the_next_one_taken(
    served: Served, body: bytes, status: int
) -> None:
    good = b'{"writeKey":"pk_attacked","event":"x","anonymousId":"v"}'

    assert status_of(served, post("/v1/batch", body)) == status
    assert status_of(served, post("/v1/track", good)) == 200


@pytest.mark.parametrize(
    "path",
    [
        "//evil.example/",
        "/%5cevil.example/",
        "/static/%2e%2e/settings.py",
        "/static/..%2f..%2fsettings.py",
        "/static/%00",
        "/s/shop%00/",
        "/s/shop%0a/",
        "/s/%2e%2e/",
        "/%0d%0aSet-Cookie:%20a=b",
        "/v1/%2e%2e/s/shop/",
        "/%ff",
    ],
)
def test_no_spelling_of_a_path_leads_out_or_anywhere_new(served: Served, path: str) -> None:
    asked = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()

    assert status_of(served, asked) in {400, 404}
