"""`truelift edge`: the collector, and the way to the web application, on the port."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from truelift.lake.home import Home
from truelift.lifeline import end_with_parent, say_ready
from truelift.settings import settings_from


app = typer.Typer(add_completion=False)

WRITER = "collector"


@app.command()
def edge(
    host: Annotated[str, typer.Option(help="Listen on this address.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8000,
    web: Annotated[Path | None, typer.Option(help="Socket of the web application.")] = None,
) -> None:
    """Receive events on a port and pass everything else on to the web application."""
    end_with_parent()
    settings = settings_from()
    home = Home.of(settings)
    home.make()

    import uvloop

    uvloop.run(
        receive_and_pass_on(
            home,
            host=host,
            port=port,
            socket=web or home.run / "web.sock",
            trusted_proxies=settings.trusted_proxies,
        )
    )


async def receive_and_pass_on(
    home: Home, *, host: str, port: int, socket: Path, trusted_proxies: tuple[str, ...]
) -> None:
    """Serve the edge until told to stop, then let go of journal and connections."""
    from truelift.collector.app import Collector
    from truelift.collector.edge import Edge, scripts_in
    from truelift.collector.proxy import WebProxy
    from truelift.collector.rsgi import serve

    collector = Collector.open(home, writer=WRITER)
    proxy = WebProxy(socket, trusted_proxies=trusted_proxies)
    application = Edge(collector, proxy, scripts_in(built_scripts()))
    try:
        await serve(application, host=host, port=port, on_ready=say_ready)
    finally:
        collector.close()
        await proxy.close()


def built_scripts() -> Path:
    """Find the built front end in the installed package, without loading the application."""
    found = find_spec("truelift.project")
    folders = found.submodule_search_locations if found else None
    return Path(next(iter(folders or ["."]))) / "static" / "built"
