"""`truelift memory`: take everything that is known out, bring it back in, work out the index."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from truelift.cli.experiments import (
    AsOption,
    JsonOption,
    SiteOption,
    actor_named,
    ready,
    site_called,
)


app = typer.Typer(add_completion=False, no_args_is_help=True)

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The folder.")]


@app.command("export")
def take_out_all(
    folder: Folder, site: SiteOption, as_user: AsOption = "", as_json: JsonOption = False
) -> None:
    """Write everything that a site knows as JSON, CSV and Markdown, with its pictures.

    Where the policy hides early results, those of running tests are left out; with --as, as
    far as they are hidden from that person.
    """
    now = datetime.now(UTC)
    ready(now)
    from truelift.apps.memory.taking_out import take_out

    reader = actor_named(as_user).user
    counts = take_out(site_called(site), folder, now=now, reader=reader)
    if as_json:
        _print({"folder": str(folder), "rows": counts})
        return
    typer.echo(f"{folder} holds {sum(counts.values()):,} rows of {site}; begin with")
    typer.echo(f"{folder / 'markdown' / 'README.md'}")


@app.command("import")
def bring_in_all(
    folder: Folder, site: SiteOption, as_user: AsOption = "", as_json: JsonOption = False
) -> None:
    """Store what an export holds and a site does not; a second time changes nothing."""
    now = datetime.now(UTC)
    ready(now)
    from truelift.apps.memory.bringing_in import bring_in

    brought = bring_in(site_called(site), folder, by=actor_named(as_user), now=now)
    if as_json:
        _print(
            {
                "stored": dict(brought.stored),
                "known": brought.known,
                "people": list(brought.people),
            }
        )
        return
    typer.echo(f"{sum(brought.stored.values()):,} rows are new, {brought.known:,} were there.")
    if brought.people:
        typer.echo(f"Named, without a way to sign in: {', '.join(brought.people)}")


@app.command("index")
def index_all(site: SiteOption, as_json: JsonOption = False) -> None:
    """Work out the index of the library anew; nothing that people wrote changes."""
    now = datetime.now(UTC)
    ready(now)
    from truelift.apps.memory.index import catch_up, reindex

    place = site_called(site)
    catch_up(place, most=None)
    n = reindex(place)
    if as_json:
        _print({"indexed": n})
        return
    typer.echo(f"The library of {site} knows {n:,} experiments.")


def _print(document: object) -> None:
    json.dump(document, sys.stdout, ensure_ascii=False, default=str)
    sys.stdout.write("\n")
