"""`truelift serve`: everything on one port, until it is told to stop."""

from __future__ import annotations

import dataclasses
import os
import socket
import sys
import time
import urllib.error
import urllib.request
from typing import Annotated

import typer

from truelift.cli.supervisor import Part, Supervisor, hold, stop_on_signals
from truelift.errors import Outage, Refusal
from truelift.lake.home import Home
from truelift.settings import Settings, settings_from


app = typer.Typer(add_completion=False)


class PortTaken(Refusal):
    """Another program listens where this one should."""

    code = "serve.port_taken"

    def __init__(self, *, host: str, port: int) -> None:
        super().__init__(
            f"Another program listens on {host}:{port}. Choose another port with --port.",
            host=host,
            port=port,
        )


class NotReady(Outage):
    """The parts run, but the whole does not answer."""

    code = "serve.not_ready"

    def __init__(self, *, address: str, wait_s: float, last: str) -> None:
        super().__init__(
            f"{address}/readyz did not answer within {wait_s:.0f} s ({last}); the lines above"
            " say why.",
            address=address,
            last=last,
        )


@app.command()
def serve(
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Default: 8000.")] = None,
    host: Annotated[str | None, typer.Option(help="Default: 127.0.0.1.")] = None,
) -> None:
    """Run the collector, the web application and the work behind it on one port.

    Prints `ready http://HOST:PORT` when every part answers, and nothing else, on
    stdout. On an empty home a one-time set-up link comes on stderr. Stops in
    order on Ctrl-C or SIGTERM.
    """
    settings = settings_from()
    bind = (host or settings.bind[0], port or settings.bind[1])
    settings = dataclasses.replace(settings, bind=bind)
    if not os.environ.get("TRUELIFT_PUBLIC_URL"):
        settings = dataclasses.replace(settings, public_url=f"http://{bind[0]}:{bind[1]}")
    home = Home.of(settings)
    home.make()
    place = hold(home.root)
    check_port(*bind)
    supervisor = supervisor_of(home, settings)
    stop_on_signals(supervisor)
    try:
        supervisor.start()
        wait_until_ready(settings, supervisor)
        if not supervisor.stopping:
            print(f"ready http://{bind[0]}:{bind[1]}", flush=True)
        supervisor.watch()
    finally:
        supervisor.stop()
        place.close()


def supervisor_of(home: Home, settings: Settings) -> Supervisor:
    """Say which parts make up an installation, and what each is told."""
    web_socket = str(home.run / "web.sock")
    host, port = settings.bind
    return Supervisor(
        parts=[
            Part("web", ("web", "--uds", web_socket), announces=False),
            Part("edge", ("edge", "--host", host, "--port", str(port), "--web", web_socket)),
            Part("work", ("work",)),
        ],
        environment={
            "TRUELIFT_HOME": str(home.root),
            "TRUELIFT_LAKE": str(home.lake),
            "TRUELIFT_BIND": f"{host}:{port}",
            "TRUELIFT_PUBLIC_URL": settings.public_url,
        },
    )


def check_port(host: str, port: int) -> None:
    """Refuse at once when the port cannot be had.

    Raises:
        PortTaken: Another program has it.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((host, port))
        except OSError as error:
            raise PortTaken(host=host, port=port) from error


def wait_until_ready(settings: Settings, supervisor: Supervisor, *, wait_s: float = 60.0) -> None:
    """Return once the whole answers `/readyz` through the port.

    Raises:
        NotReady: It did not within `wait_s`.
    """
    host, port = settings.bind
    reachable = "127.0.0.1" if host in {"0.0.0.0", "::", ""} else host  # noqa: S104
    address = f"http://{reachable}:{port}"
    until, last = time.monotonic() + wait_s, "no answer"
    while time.monotonic() < until and not supervisor.stopping:
        try:
            with urllib.request.urlopen(f"{address}/readyz", timeout=5) as answer:  # noqa: S310
                if answer.status == 200:
                    return
        except urllib.error.HTTPError as error:
            last = f"status {error.code}"
        except OSError as error:
            last = str(error)
        supervisor.tend()
        time.sleep(0.05)
    if not supervisor.stopping:
        print(last, file=sys.stderr)
        raise NotReady(address=address, wait_s=wait_s, last=last)
