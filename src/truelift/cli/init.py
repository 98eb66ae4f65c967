"""`truelift init`: a data directory that everything else can use."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from truelift.lake.home import Home
from truelift.settings import settings_from


app = typer.Typer(add_completion=False)


@app.command()
def init(
    directory: Annotated[Path | None, typer.Argument(help="Default: TRUELIFT_HOME.")] = None,
) -> None:
    """Make a data directory. Never asks; calling it twice changes nothing."""
    settings = settings_from()
    if directory is not None:
        root = directory.expanduser().absolute()
        lake = root / "lake" if isinstance(settings.lake, Path) else settings.lake
        settings = dataclasses.replace(settings, home=root, lake=lake)
    home = Home.of(settings)
    home.make()
    typer.echo(f"{home.root} is ready. Next: TRUELIFT_HOME={home.root} truelift serve")
