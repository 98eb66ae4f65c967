"""The seam between the collector and granian: RSGI in, RSGI out."""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
from collections.abc import AsyncIterator, Callable
from typing import Final, Protocol

from truelift.collector.app import BodyReader, Collector, Headers
from truelift.collector.limits import TooSlow
from truelift.errors import Outage


_DRAINED_BYTES: Final = 32 * 1024 * 1024
"""How much of a body that is too long is read and thrown away, so that its sender hears the
answer instead of a broken connection."""

_BODY_WITHIN_S: Final = 30.0
"""How long a client may hold a connection open with an unfinished request."""


class PortTaken(Outage):
    """The address to listen on cannot be had."""

    code = "collector.port_taken"

    def __init__(self, *, host: str, port: int, problem: str) -> None:
        super().__init__(
            f"{host}:{port} cannot be listened on: {problem}. Stop what listens there, or choose"
            " another --port.",
            host=host,
            port=port,
        )


class Scope(Protocol):
    """What RSGI says of a request."""

    proto: str
    method: str
    path: str
    query_string: str
    client: str

    @property
    def headers(self) -> Headers:
        """The request's headers."""
        ...


class HttpProtocol(Protocol):
    """How RSGI gives a body and takes an answer."""

    async def __call__(self) -> bytes:
        """Read the whole body."""
        ...

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Read the body as it comes in."""
        ...

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        """Answer."""
        ...

    def response_empty(self, status: int, headers: list[tuple[str, str]]) -> None:
        """Answer without a body."""
        ...


def body_reader(
    headers: Headers, protocol: HttpProtocol, *, within_s: float = _BODY_WITHIN_S
) -> BodyReader:
    """Make the reader of one request's body, bounded in time and by what it is asked for."""

    async def read(limit: int) -> bytes | None:
        # `asyncio.timeout` does the same and takes twice as long, on every request.
        loop, reading, late = asyncio.get_running_loop(), asyncio.current_task(), False

        def stop() -> None:
            nonlocal late
            late = True
            if reading is not None:
                reading.cancel()

        stated = headers.get("content-length")
        fits = stated is not None and stated.isdigit() and int(stated) <= limit
        alarm = loop.call_later(within_s, stop)
        try:
            return await (protocol() if fits else _bounded(protocol, limit))
        except asyncio.CancelledError:
            if late and reading is not None and reading.uncancel() == 0:
                raise TooSlow(within_s=within_s) from None
            raise
        finally:
            alarm.cancel()

    return read


async def _bounded(protocol: HttpProtocol, limit: int) -> bytes | None:
    """Read a body of unknown length, and None where it is too long."""
    kept = bytearray()
    seen = 0
    async for chunk in protocol:
        seen += len(chunk)
        if seen <= limit:
            kept += chunk
        elif seen > _DRAINED_BYTES:
            break
    return bytes(kept) if seen <= limit else None


def client_address(scope: Scope) -> str:
    """Give the sender's address without its port."""
    host, _, port = scope.client.rpartition(":")
    return host.strip("[]") if port.isdigit() else scope.client


class RsgiCollector:
    """The collector as an RSGI application."""

    def __init__(self, collector: Collector) -> None:
        self._collector = collector

    async def __rsgi__(self, scope: Scope, protocol: HttpProtocol) -> None:
        """Answer one request."""
        headers = scope.headers
        reply = await self._collector.handle(
            scope.method,
            scope.path,
            scope.query_string,
            headers,
            body_reader(headers, protocol),
            client_address(scope),
        )
        protocol.response_bytes(reply.status, reply.headers, reply.body)


async def serve_collector(
    collector: Collector, *, host: str, port: int, on_ready: Callable[[], None]
) -> None:
    """Serve the collector alone until told to stop, then let go of the journal."""
    try:
        await serve(RsgiCollector(collector), host=host, port=port, on_ready=on_ready)
    finally:
        collector.close()


def spare_the_collector_of_garbage() -> None:
    """Leave what lives as long as the process out of every search for garbage, and search less.

    Requests leave no cycles behind; looking for some took a thirtieth of the time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


async def serve(application: object, *, host: str, port: int, on_ready: Callable[[], None]) -> None:
    """Serve an RSGI application until told to stop by SIGTERM or SIGINT.

    Raises:
        PortTaken: Another process listens there.
    """
    from granian.constants import HTTPModes, Interfaces
    from granian.server.embed import Server

    refuse_taken_port(host, port)
    server = Server(
        application,
        address=host,
        port=port,
        interface=Interfaces.RSGI,
        http=HTTPModes.http1,
        websockets=False,
        backlog=1024,
        log_enabled=False,
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.stop)
    serving = asyncio.ensure_future(server.serve())
    waiting = asyncio.ensure_future(_answers(host, port))
    await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if not serving.done():
        spare_the_collector_of_garbage()
        on_ready()
    await serving


def refuse_taken_port(host: str, port: int) -> None:
    """Make sure that nobody listens on a port.

    Granian lets several processes share one (SO_REUSEPORT), and a second server
    started by mistake would silently take half of the first one's events.

    Raises:
        PortTaken: Somebody does.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        raise PortTaken(host=host, port=port, problem=error.strerror or str(error)) from error


async def _answers(host: str, port: int) -> None:
    """Return once something accepts connections there."""
    while True:
        try:
            _, writer = await asyncio.open_connection(host, port)
        except OSError:
            await asyncio.sleep(0.02)
        else:
            writer.close()
            return
