"""`truelift worlds`: simulated companies whose truth is known."""

from __future__ import annotations

import json
import logging
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer


app = typer.Typer(add_completion=False, no_args_is_help=True)


@app.command("list")
def list_worlds(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """List the worlds."""
    from truelift.worlds.world import WORLDS

    if as_json:
        worlds = [{"world": name, "is": meaning} for name, meaning in WORLDS.items()]
        typer.echo(json.dumps({"worlds": worlds}))
    else:
        typer.echo("\n".join(f"{name}  {meaning}" for name, meaning in WORLDS.items()))


@app.command()
def build(
    name: Annotated[str, typer.Argument(help="One of `truelift worlds list`.")],
    home: Annotated[Path, typer.Option("--home", help="The data directory to build it in.")],
    scale: Annotated[float, typer.Option(help="1.0 is about a million and a half events.")] = 0.1,
    seed: Annotated[int, typer.Option(help="The same seed gives the same events.")] = 7,
    until: Annotated[
        datetime | None,
        typer.Option(help="Where its history ends, UTC; default: now, to the minute."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Build a world; what is true of it is written to DIR/worlds/NAME/truth.json first."""
    use_home(home)
    from truelift.lake.home import Home
    from truelift.project.start import bring_up_to_date
    from truelift.settings import settings_from
    from truelift.worlds.world import build as build_world
    from truelift.worlds.world import check

    check(name, Home.of(settings_from()), scale=scale)
    ready = bring_up_to_date()
    quieten()
    world = build_world(
        name,
        ready,
        scale=scale,
        seed=seed,
        until=until.replace(tzinfo=UTC) if until is not None else datetime.now(UTC),
        now=lambda: datetime.now(UTC),
        say=lambda words: print(f"{name}: {words}", file=sys.stderr),
    )
    if as_json:
        typer.echo(json.dumps(world.document()))
        return
    password = (
        world.password or "as shown when it was begun; `truelift users reset` makes a new one"
    )
    typer.echo(
        f"{world.name} is built in {ready.root}: {world.stored:,} events in {world.took_s:.0f} s.\n"
        f"Sign in as {world.email}, password {password}\n"
        f"Next: TRUELIFT_HOME={ready.root} truelift serve"
    )


def use_home(home: Path) -> None:
    """Make a directory this process's home, before anything reads the settings."""
    os.environ["TRUELIFT_HOME"] = str(home.expanduser().absolute())
    os.environ.pop("TRUELIFT_LAKE", None)


def quieten() -> None:
    """Leave out what the loader logs about ordinary work: a person waits for one sentence."""
    logging.getLogger("truelift").setLevel(logging.WARNING)
