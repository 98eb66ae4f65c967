"""What is not the collector's reaches the web application unchanged."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from granian.server.embed import Server

from truelift.collector.proxy import WebProxy


async def echo(request: web.Request) -> web.StreamResponse:
    body = await request.read()
    if request.path == "/slow":
        answer = web.StreamResponse()
        await answer.prepare(request)
        for piece in (b"first ", b"second"):
            await answer.write(piece)
            await asyncio.sleep(0.01)
        return answer
    if request.path == "/cookies":
        response = web.Response(status=302, headers={"location": "/elsewhere"})
        response.headers.add("set-cookie", "a=1")
        response.headers.add("set-cookie", "b=2")
        return response
    return web.json_response(
        {
            "method": request.method,
            "path": request.raw_path,
            "headers": dict(request.headers),
            "body": body.decode(),
        }
    )


@asynccontextmanager
async def edge_before_web(
    tmp_path: Path, *, trusted: tuple[str, ...] = (), running: bool = True
) -> AsyncIterator[str]:
    """A web application on a Unix socket, and the proxy in front of it on a port."""
    socket = tmp_path / "web.sock"
    application = web.Application(client_max_size=10_000_000)
    application.router.add_route("*", "/{path:.*}", echo)
    runner = web.AppRunner(application)
    await runner.setup()
    if running:
        await web.UnixSite(runner, str(socket)).start()
    proxy = WebProxy(socket, trusted_proxies=trusted)

    async def rsgi(scope: Any, exchange: Any) -> None:
        await proxy.pass_on(scope, exchange)

    port = free_port()
    server = Server(rsgi, port=port, log_enabled=False)
    serving = asyncio.create_task(server.serve())
    await asyncio.sleep(0.2)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.stop()  # type: ignore[no-untyped-call]
        await serving
        await proxy.close()
        await runner.cleanup()


def free_port() -> int:
    import socket

    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


def through_the_edge(
    tmp_path: Path,
    ask: Callable[[aiohttp.ClientSession, str], Awaitable[Any]],
    **how: Any,
) -> Any:
    async def run() -> Any:
        async with edge_before_web(tmp_path, **how) as address, aiohttp.ClientSession() as client:
            return await ask(client, address)

    return asyncio.run(run())


def test_method_path_query_and_body_arrive_as_sent(tmp_path: Path) -> None:
    async def ask(client: aiohttp.ClientSession, address: str) -> Any:
        async with client.post(f"{address}/a/b?x=1&y=%20", data="ä" * 100_000) as answer:
            return await answer.json()

    seen = through_the_edge(tmp_path, ask)

    assert (seen["method"], seen["path"]) == ("POST", "/a/b?x=1&y=%20")
    assert seen["body"] == "ä" * 100_000


def test_a_stranger_cannot_choose_the_address_that_is_seen(tmp_path: Path) -> None:
    async def ask(client: aiohttp.ClientSession, address: str) -> Any:
        headers = {
            "X-Forwarded-For": "1.2.3.4",
            "X-Forwarded-Proto": "https",
            "Host": "shop.example",
        }
        async with client.get(f"{address}/", headers=headers) as answer:
            return (await answer.json())["headers"]

    seen = {name.lower(): value for name, value in through_the_edge(tmp_path, ask).items()}

    assert seen["x-forwarded-for"] == "127.0.0.1"
    assert seen["x-forwarded-proto"] == "http"
    assert seen["host"] == "shop.example"


def test_a_trusted_proxy_is_believed_up_to_the_first_address_it_did_not_add(tmp_path: Path) -> None:
    async def ask(client: aiohttp.ClientSession, address: str) -> Any:
        headers = {"X-Forwarded-For": "9.9.9.9, 1.2.3.4, 127.0.0.1", "X-Forwarded-Proto": "https"}
        async with client.get(f"{address}/", headers=headers) as answer:
            return (await answer.json())["headers"]

    seen = through_the_edge(tmp_path, ask, trusted=("127.0.0.0/8",))
    seen = {name.lower(): value for name, value in seen.items()}

    assert seen["x-forwarded-for"] == "1.2.3.4"
    assert seen["x-forwarded-proto"] == "https"


def test_redirects_and_repeated_headers_come_back_untouched(tmp_path: Path) -> None:
    async def ask(client: aiohttp.ClientSession, address: str) -> Any:
        async with client.get(f"{address}/cookies", allow_redirects=False) as answer:
            return answer.status, answer.headers["location"], answer.headers.getall("set-cookie")

    assert through_the_edge(tmp_path, ask) == (302, "/elsewhere", ["a=1", "b=2"])


def test_an_answer_of_unknown_length_is_streamed(tmp_path: Path) -> None:
    async def ask(client: aiohttp.ClientSession, address: str) -> Any:
        async with client.get(f"{address}/slow") as answer:
            return await answer.text()

    assert through_the_edge(tmp_path, ask) == "first second"


def test_while_the_web_application_is_down_the_answer_says_so_and_when_to_come_back(
    tmp_path: Path,
) -> None:
    async def ask(client: aiohttp.ClientSession, address: str) -> Any:
        async with client.get(f"{address}/") as answer:
            return answer.status, answer.headers["retry-after"], await answer.text()

    status, retry_after, text = through_the_edge(tmp_path, ask, running=False)

    assert (status, retry_after) == (503, "2")
    assert "starting" in text
