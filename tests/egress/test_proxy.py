"""What a browser reaches through the proxy is what the gate lets through."""

from __future__ import annotations

import socket

import pytest

from truelift.egress.gate import Gate
from truelift.egress.proxy import Passage, passage


def spoken(found: Passage, text: str) -> bytes:
    with socket.create_connection(("127.0.0.1", found.port), timeout=5) as link:
        link.sendall(text.encode())
        said = b""
        while data := link.recv(65_536):
            said += data
        return said


def gate_to(port: int) -> Gate:
    return Gate(allowed=(f"shop.test:{port}",), resolve=lambda *_: ["127.0.0.1"])


def test_an_allowed_host_is_reached_and_what_is_for_the_proxy_is_not_passed_on(port: int) -> None:
    with passage(gate_to(port)) as found:
        said = spoken(
            found,
            f"GET http://shop.test:{port}/said HTTP/1.1\r\nHost: inside.test\r\n"
            "Proxy-Authorization: x\r\nX-Secret: s\r\n\r\n",
        )

    assert said.endswith(b"/said s")
    assert found.passed > 0


def test_a_tunnel_reaches_an_allowed_host(port: int) -> None:
    with passage(gate_to(port)) as found:
        said = spoken(
            found,
            f"CONNECT shop.test:{port} HTTP/1.1\r\n\r\n"
            "GET /said HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n",
        )

    assert said.startswith(b"HTTP/1.1 200 Connected")
    assert said.endswith(b"/said none")


@pytest.mark.parametrize(
    "line",
    [
        "GET http://inside.test:{port}/secret HTTP/1.1",
        "GET http://127.0.0.1:{port}/secret HTTP/1.1",
        "GET http://[::ffff:127.0.0.1]:{port}/secret HTTP/1.1",
        "GET http://169.254.169.254/latest/meta-data/ HTTP/1.1",
        "GET http://2130706433:{port}/ HTTP/1.1",
        "CONNECT inside.test:{port} HTTP/1.1",
        "CONNECT 127.0.0.1:{port} HTTP/1.1",
        "CONNECT 169.254.169.254:443 HTTP/1.1",
        "GET ftp://shop.test:{port}/ HTTP/1.1",
    ],
)
def test_what_the_gate_refuses_is_not_reached(port: int, line: str) -> None:
    with passage(gate_to(port)) as found:
        said = spoken(found, line.format(port=port) + "\r\n\r\n")

    assert said.startswith(b"HTTP/1.1 403")
    assert len(found.refused) == 1


def test_a_second_request_on_the_same_connection_does_not_slip_through(port: int) -> None:
    with passage(gate_to(port)) as found:
        said = spoken(
            found,
            f"GET http://shop.test:{port}/said HTTP/1.1\r\n\r\n"
            f"GET http://inside.test:{port}/secret HTTP/1.1\r\n\r\n",
        )

    assert b"secret" not in said
    assert said.count(b"HTTP/1.1 200") + said.count(b"HTTP/1.0 200") == 1


def test_after_its_share_of_bytes_nothing_passes_any_more(port: int) -> None:
    with passage(gate_to(port), most=50_000) as found:
        said = spoken(found, f"GET http://shop.test:{port}/huge HTTP/1.1\r\n\r\n")

    assert len(said) < 190_000
