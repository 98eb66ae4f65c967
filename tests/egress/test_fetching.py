"""Every step of a fetch goes through the gate, and none goes on for ever."""

from __future__ import annotations

import time

import pytest

from truelift.egress.fetching import (
    Limits,
    NotReached,
    TooLarge,
    TooManyRedirects,
    TooSlow,
    fetch,
)
from truelift.egress.gate import BadAddress, Gate, HostNotVerified, PrivateAddress


def gate_to(port: int) -> Gate:
    """`shop.test` and `other.test` are allowed; `inside.test` is the same machine and is not."""
    return Gate(
        allowed=(f"shop.test:{port}", f"other.test:{port}"), resolve=lambda *_: ["127.0.0.1"]
    )


def test_an_answer_comes_back_whole_with_what_was_sent(port: int) -> None:
    found = fetch(
        f"http://shop.test:{port}/said?a=1", gate=gate_to(port), headers={"X-Secret": "s"}
    )

    assert (found.status, found.body) == (200, b"/said?a=1 s")


def test_a_post_sends_its_body(port: int) -> None:
    found = fetch(f"http://shop.test:{port}/", gate=gate_to(port), method="POST", body=b"{}")

    assert found.body == b"{}"


def test_a_redirect_within_the_host_is_followed(port: int) -> None:
    found = fetch(f"http://shop.test:{port}/once", gate=gate_to(port))

    assert (found.url, found.status) == (f"http://shop.test:{port}/said", 200)


@pytest.mark.parametrize(
    ("path", "refusal"),
    [
        ("/private", PrivateAddress),
        ("/metadata", PrivateAddress),
        ("/file", BadAddress),
        ("/round", TooManyRedirects),
    ],
)
def test_a_redirect_is_checked_like_the_first_address(
    port: int, path: str, refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        fetch(f"http://shop.test:{port}{path}", gate=gate_to(port))


def test_a_redirect_to_a_host_that_is_not_verified_is_refused(port: int) -> None:
    with pytest.raises(HostNotVerified):
        fetch(
            f"http://shop.test:{port}/elsewhere", gate=gate_to(port), hosts=(f"shop.test:{port}",)
        )


def test_what_is_secret_is_not_told_to_another_host(port: int) -> None:
    found = fetch(
        f"http://shop.test:{port}/elsewhere", gate=gate_to(port), headers={"X-Secret": "s"}
    )

    assert found.body == b"/said none"


def test_a_body_beyond_the_limit_is_not_read(port: int) -> None:
    with pytest.raises(TooLarge):
        fetch(f"http://shop.test:{port}/huge", gate=gate_to(port), limits=Limits(body=100_000))


def test_a_body_that_drips_is_cut_off_in_time(port: int) -> None:
    began = time.monotonic()

    with pytest.raises(TooSlow):
        fetch(f"http://shop.test:{port}/slow", gate=gate_to(port), limits=Limits(seconds=0.3))

    assert time.monotonic() - began < 3


def test_a_machine_that_does_not_answer_is_said_not_to(port: int) -> None:
    with pytest.raises(NotReached):
        fetch("http://127.0.0.1:1/", gate=Gate(allowed=("127.0.0.1",)))
