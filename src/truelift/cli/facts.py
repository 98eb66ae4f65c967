"""`truelift facts`: take files of facts in, and say how feeds and the shared metric stand."""

from __future__ import annotations

import json
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
from truelift.errors import Refusal


app = typer.Typer(add_completion=False, no_args_is_help=True)


class CannotRead(Refusal):
    """The file cannot be read."""

    code = "facts.no_such_file"

    def __init__(self, *, file: str) -> None:
        super().__init__(f"{file} cannot be read. Name a file that is there.", file=file)


@app.command("load")
def load(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A CSV file.")],
    site: SiteOption,
    feed: Annotated[str, typer.Option("--feed", "-f", help="The feed's name.")],
    kind: Annotated[str, typer.Option(help="Make the feed where it is missing: its kind.")] = "",
    decimal: Annotated[str, typer.Option(help="The sign before decimals: . or ,")] = "",
    days: Annotated[str, typer.Option(help="Days like 1/2/26: dmy or mdy.")] = "",
    whole_days: Annotated[bool, typer.Option(help="Its days are whole.")] = False,
    as_user: AsOption = "",
    as_json: JsonOption = False,
) -> None:
    """Take a file in; a second time changes nothing. Refused rows are named with their line."""
    now = datetime.now(UTC)
    ready(now)
    from truelift.apps.facts import services
    from truelift.apps.facts.cells import Style
    from truelift.apps.facts.documents import arrival_document
    from truelift.apps.facts.reads import feed_of

    place, by = site_called(site), actor_named(as_user)
    try:
        content = file.read_bytes()
    except OSError as error:
        raise CannotRead(file=str(file)) from error
    if kind and feed_of(place, feed) is None:
        services.make_feed(place, name=feed, kind=kind, by=by, now=now)
    style = Style(decimal if decimal in {".", ","} else "", days if days in {"dmy", "mdy"} else "")
    arrival = services.take_in(
        place,
        feed,
        content,
        by=by,
        now=now,
        file=file.name,
        whole_days=whole_days,
        style=style,
    )
    if as_json:
        typer.echo(json.dumps(arrival_document(arrival)))
        return
    typer.echo(
        f"{arrival.new:,} new, {arrival.changed:,} corrected, {arrival.same:,} known,"
        f" {arrival.refused:,} refused."
    )
    for each in arrival.refusals.all()[:20]:
        typer.echo(f"line {each.line}: {each.reason}")
    if arrival.refused > 20:
        typer.echo(f"and {arrival.refused - 20:,} more; the page of the feed has them all.")


@app.command("feeds")
def feeds(site: SiteOption, as_json: JsonOption = False) -> None:
    """List the feeds of a site, with what is late."""
    now = datetime.now(UTC)
    ready(now)
    from truelift.apps.facts.documents import feed_document
    from truelift.apps.facts.reads import feeds_of

    rows = [feed_document(each, now=now) for each in feeds_of(site_called(site))]
    if as_json:
        typer.echo(json.dumps({"feeds": rows}))
        return
    for each in rows:
        typer.echo(f"{each['name']}: {each['stale'] or 'fresh'} (through {each['through']})")
