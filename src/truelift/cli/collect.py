"""`truelift collect`: the collector alone, for a machine that only receives events."""

from __future__ import annotations

from typing import Annotated

import typer

from truelift.lake.home import Home
from truelift.lifeline import end_with_parent, say_ready
from truelift.settings import settings_from


app = typer.Typer(add_completion=False)


@app.command()
def collect(
    host: Annotated[str, typer.Option(help="Listen on this address.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8001,
    writer: Annotated[
        str, typer.Option(help="Name of this process's journal; another for each process.")
    ] = "collector",
) -> None:
    """Receive events into the journal until stopped; prints `ready` with its address."""
    end_with_parent()
    home = Home.of(settings_from())
    home.make()

    import uvloop

    from truelift.collector.app import Collector
    from truelift.collector.rsgi import serve_collector

    def ready() -> None:
        typer.echo(f"ready http://{host}:{port}")
        say_ready()

    collector = Collector.open(home, writer=writer)
    uvloop.run(serve_collector(collector, host=host, port=port, on_ready=ready))
