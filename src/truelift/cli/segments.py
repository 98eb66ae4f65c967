"""`truelift segments`: save, show, list and put away a site's segments."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from truelift.cli.ask.asking import read_object
from truelift.cli.experiments import (
    AsOption,
    JsonOption,
    SiteOption,
    actor_named,
    ready,
    site_called,
)


app = typer.Typer(add_completion=False, no_args_is_help=True)


@app.command()
def save(
    name: str,
    site: SiteOption,
    file: Annotated[
        Path, typer.Option("--file", help="JSON with the condition; docs/guide/segments.md.")
    ],
    description: Annotated[str, typer.Option(help="In words.")] = "",
    as_user: AsOption = "",
    as_json: JsonOption = False,
) -> None:
    """Save a condition under a name; a change of it is the next version."""
    definition = read_object(file)
    now = datetime.now(UTC)
    ready(now)
    from truelift.apps.measurement.segments_services import save_segment

    saved = save_segment(
        site_called(site),
        name,
        definition,
        by=actor_named(as_user),
        now=now,
        description=description,
    )
    _print_segment(site, str(saved), as_json=as_json)


@app.command()
def show(name: str, site: SiteOption, as_json: JsonOption = False) -> None:
    """Show a segment: NAME for its newest version, or NAME@VERSION."""
    ready(datetime.now(UTC))
    _print_segment(site, name, as_json=as_json)


@app.command()
def archive(
    name: str, site: SiteOption, as_user: AsOption = "", as_json: JsonOption = False
) -> None:
    """Put a segment away; NAME@VERSION still finds what it was."""
    now = datetime.now(UTC)
    ready(now)
    from truelift.apps.measurement.segments_services import archive_segment

    away = archive_segment(site_called(site), name, by=actor_named(as_user), now=now)
    _print_segment(site, str(away), as_json=as_json)


@app.command("list")
def list_all(site: SiteOption, as_json: JsonOption = False) -> None:
    """List the segments of a site."""
    ready(datetime.now(UTC))
    from truelift.apps.measurement.segments_reads import segment_document, segments_of

    found = segments_of(site_called(site))
    if as_json:
        _print_json({"segments": [segment_document(each) for each in found]})
        return
    if not found:
        typer.echo(f"{site} has no segment yet. `truelift segments save` makes one.")
        return
    width = max(len(str(each)) for each in found)
    for each in found:
        typer.echo(f"{each!s:<{width}}  {each.description}")


def _print_segment(site: str, wanted: str, *, as_json: bool) -> None:
    from truelift.apps.measurement.segments_reads import segment_document, segment_of
    from truelift.questions.segment_form import NoSuchSegment

    found = segment_of(site_called(site), wanted)
    if found is None:
        raise NoSuchSegment(segment=wanted)
    document = segment_document(found)
    if as_json:
        _print_json(document)
        return
    typer.echo(f"{found}  {found.description}{'  (put away)' if found.archived else ''}")
    typer.echo(json.dumps(found.definition, indent=2, ensure_ascii=False))


def _print_json(document: object) -> None:
    typer.echo(json.dumps(document, default=str, ensure_ascii=False))
