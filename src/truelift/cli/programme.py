"""`truelift programme`: the figures of a programme, as the page has them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated

import typer

from truelift.cli.experiments import JsonOption, SiteOption, ready, site_called


app = typer.Typer(add_completion=False, no_args_is_help=True)


@app.callback()
def _programme() -> None:
    """Say how a programme is doing."""


@app.command()
def metrics(
    site: SiteOption,
    only: Annotated[
        str, typer.Option(help="Parts of the document, with commas: results,impact.")
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Compute the figures as they stand now."""
    now = datetime.now(UTC)
    ready(now)
    from truelift.apps.progress.page import progress_page
    from truelift.apps.progress.reads import computed, trouble_list, widget

    place = site_called(site)
    document = computed(place, now=now)
    names = [name.strip() for name in only.split(",") if name.strip()]
    if names:
        document = widget(document, names)
    if as_json or names:
        print(json.dumps(document, ensure_ascii=False, indent=None if as_json else 1))
        return
    page = progress_page(place, document, trouble_list(place, now=now)[1], kept=None)
    typer.echo(page.answer)
    typer.echo(page.counts)
    for bar in page.rates.rows:
        typer.echo(f"  {bar.sentence} {bar.bar.detail}")
    for lead in page.leads:
        typer.echo(f"  {lead.name}: median {lead.median}, P85 {lead.p85}, through {lead.through}")
    for gain in page.gains:
        typer.echo(
            f"  {gain.what} ({gain.count}): {gain.shrunken}, likely {gain.between};"
            f" plain sum {gain.plain}"
        )
    typer.echo(page.quadrant)
    typer.echo(page.pareto_said)
