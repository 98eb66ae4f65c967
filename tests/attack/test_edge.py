"""Requests that try to be read differently by the edge and by the web application behind it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from granian.server.embed import Server

from truelift.collector.limits import MINUTE_MS, Rate, TooManyRequests, TooSlow
from truelift.collector.proxy import MAX_BODY_BYTES, MAX_FILE_BYTES, WebProxy
from truelift.collector.rsgi import body_reader


@asynccontextmanager
async def edge_before_recorder(
    tmp_path: Path, **how: Any
) -> AsyncIterator[tuple[int, list[bytes]]]:
    """The proxy on a port, before something that writes down every byte it is sent."""
    heard: list[bytes] = []

    async def record(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while said := await reader.read(1_000_000):
            heard.append(said)
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
            await writer.drain()
        writer.close()

    upstream = await asyncio.start_unix_server(record, str(tmp_path / "web.sock"))
    proxy = WebProxy(tmp_path / "web.sock", **how)

    async def rsgi(scope: Any, exchange: Any) -> None:
        await proxy.pass_on(scope, exchange)

    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port = int(trial.getsockname()[1])
    server = Server(rsgi, port=port, log_enabled=False)
    serving = asyncio.create_task(server.serve())
    await asyncio.sleep(0.2)
    try:
        yield port, heard
    finally:
        server.stop()  # type: ignore[no-untyped-call]
        await serving
        await proxy.close()
        upstream.close()


async def send(port: int, request: bytes) -> bytes:
    """Send bytes as they are, and give the first of the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    await writer.drain()
    try:
        return await asyncio.wait_for(reader.read(65_536), 5)
    finally:
        writer.close()


def heard_of(tmp_path: Path, request: bytes) -> bytes:
    """Send one request and give what the web application heard of it."""

    async def run() -> bytes:
        async with edge_before_recorder(tmp_path) as (port, heard):
            await send(port, request)
            return b"".join(heard)

    return asyncio.run(run())


@pytest.mark.parametrize("body", [b"x" * 50, b""], ids=["with its body", "without one"])
def test_a_length_stated_for_no_body_does_not_reach_into_the_next_request(
    tmp_path: Path, body: bytes
) -> None:
    heard = heard_of(tmp_path, b"GET /a HTTP/1.1\r\nHost: h\r\nContent-Length: 50\r\n\r\n" + body)

    assert heard.startswith(b"GET /a HTTP/1.1\r\n")
    assert b"content-length" not in heard.lower()


def test_of_two_stated_lengths_the_one_of_the_body_that_was_read_is_passed_on(
    tmp_path: Path,
) -> None:
    heard = heard_of(
        tmp_path,
        b"POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"3\r\nabc\r\n0\r\n\r\n",
    )

    assert heard.lower().count(b"content-length: 3\r\n") == heard.lower().count(b"content-length")
    assert b"transfer-encoding" not in heard.lower()
    assert heard.endswith(b"\r\n\r\nabc")


@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: 5\r\nContent-Length: 44\r\n",
        b"Content-Length: +5\r\n",
        b"Transfer-Encoding: xchunked\r\nContent-Length: 5\r\n",
        b"Transfer-Encoding:\r\n chunked\r\nContent-Length: 4\r\n",
        b"Transfer-Encoding : chunked\r\n",
    ],
)
def test_a_request_whose_end_is_doubtful_goes_no_further(tmp_path: Path, framing: bytes) -> None:
    smuggled = b"0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n"

    assert (
        heard_of(tmp_path, b"POST /a HTTP/1.1\r\nHost: h\r\n" + framing + b"\r\n" + smuggled) == b""
    )


def test_a_header_spelled_with_underscores_cannot_stand_in_for_one_of_ours(tmp_path: Path) -> None:
    heard = heard_of(
        tmp_path,
        b"GET / HTTP/1.1\r\nHost: h\r\n"
        b"X_Forwarded_For: 6.6.6.6\r\nX-Forwarded_Proto: https\r\n\r\n",
    )

    assert b"6.6.6.6" not in heard
    assert b"https" not in heard
    assert b"x-forwarded-for: 127.0.0.1" in heard


def test_a_path_reaches_the_web_application_as_it_was_written(tmp_path: Path) -> None:
    heard = heard_of(
        tmp_path, b"GET /%2561/%2e%2e/a%3Fb%23c%0d%0aX:1/?q=%0d%0a%23 HTTP/1.1\r\nHost: h\r\n\r\n"
    )

    assert heard.startswith(b"GET /%2561/../a%3Fb%23c%0D%0AX:1/?q=%0d%0a%23 HTTP/1.1\r\n")


def test_a_body_that_trickles_never_holds_a_thread_of_the_web_application(tmp_path: Path) -> None:
    async def run() -> tuple[bytes, list[bytes]]:
        async with edge_before_recorder(tmp_path, body_within_s=0.2) as (port, heard):
            slow = b"POST /accounts/login/ HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\nabc"
            answer = await send(port, slow)
            return answer, heard

    answer, heard = asyncio.run(run())

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert heard == []


def test_a_body_that_was_cut_short_is_not_acted_upon(tmp_path: Path) -> None:
    async def run() -> list[bytes]:
        async with edge_before_recorder(tmp_path) as (port, heard):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\nname=half")
            await writer.drain()
            writer.close()
            await asyncio.sleep(0.3)
            return heard

    assert asyncio.run(run()) == []


def test_a_body_larger_than_any_form_is_refused_at_the_edge(tmp_path: Path) -> None:
    async def run() -> tuple[bytes, list[bytes]]:
        async with edge_before_recorder(tmp_path) as (port, heard):
            large = MAX_BODY_BYTES + 1
            head = b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % large
            answer = await send(port, head + b"x" * large)
            return answer, heard

    answer, heard = asyncio.run(run())

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert heard == []


def test_files_of_facts_may_be_longer_but_not_without_end_nor_many_at_once(tmp_path: Path) -> None:
    long = MAX_BODY_BYTES + 9

    def head(path: str, length: int) -> bytes:
        return f"POST {path} HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n".encode()

    async def run() -> tuple[list[bytes], list[bytes]]:
        async with edge_before_recorder(tmp_path) as (port, heard):
            answers = [await send(port, head("/s/shop/feeds/ads/", long) + b"x" * long)]
            answers.append(await send(port, head("/facts/in/a/../x/", long) + b"x" * long))
            endless = head("/facts/in/a/", MAX_FILE_BYTES + 1) + b"x" * (MAX_FILE_BYTES + 1)
            answers.append(await send(port, endless))
            begun = []
            for _ in range(2):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(head("/facts/in/a/", long + 1) + b"x" * long)
                await writer.drain()
                begun.append(writer)
            await asyncio.sleep(0.2)
            answers.append(await send(port, head("/facts/in/a/", long) + b"x" * long))
            answers.append(await send(port, head("/x", 3) + b"abc"))
            for writer in begun:
                writer.close()
            return answers, heard

    answers, heard = asyncio.run(run())

    said = [each.split(b" ", 2)[1] for each in answers]
    assert said == [b"200", b"413", b"413", b"503", b"200"]
    assert b"edge.input_too_long" in answers[2]
    assert heard[0].startswith(b"POST /s/shop/feeds/ads/ ")
    assert heard[-1].endswith(b"abc")
    assert not any(b"/facts/in/" in each for each in heard)


def test_the_collector_does_not_wait_for_ever_for_a_body() -> None:
    class NeverEnds:
        async def __call__(self) -> bytes:
            await asyncio.sleep(60)
            return b""

        async def __aiter__(self) -> AsyncIterator[bytes]:
            await asyncio.sleep(60)
            yield b""

        def response_bytes(self, *answer: object) -> None: ...

        def response_empty(self, *answer: object) -> None: ...

    async def read(headers: dict[str, str]) -> bytes | None:
        return await body_reader(headers, NeverEnds(), within_s=0.05)(100)

    for headers in ({"content-length": "9"}, dict[str, str]()):
        with pytest.raises(TooSlow):
            asyncio.run(read(headers))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("2001:db8::1", "2001:db8::ffff:2"),
        ("2001:db8::1:2:3:4", "2001:db8:0:0:5:6:7:8"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
    ],
)
def test_one_sender_cannot_count_as_many_by_writing_its_address_otherwise(
    first: str, second: str
) -> None:
    rate = Rate()
    rate.take("k1", first, per_minute=1, now_ms=MINUTE_MS)

    with pytest.raises(TooManyRequests):
        rate.take("k1", second, per_minute=1, now_ms=MINUTE_MS)
