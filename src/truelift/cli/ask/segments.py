"""`truelift ask segments`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from truelift.cli.ask.asking import (
    AsJson,
    QuestionFile,
    Repeat,
    Since,
    Site,
    Until,
    app,
    names,
    run,
    wrong,
)
from truelift.cli.ask.shown import share, show_moment, shown


@app.command()
def segments(
    site: Site,
    metric: Annotated[
        str | None,
        typer.Option(
            "--metric",
            help="A built-in metric's key, or an event: the share who have it; order_rate.",
        ),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option("--by", help="Dimensions and properties besides the standard ones, commas."),
    ] = None,
    window: Annotated[
        str | None, typer.Option("--window", help="From a person's first event: 1h, 7d.")
    ] = None,
    since: Since = None,
    until: Until = None,
    min_units: Annotated[
        int | None, typer.Option("--min-units", help="Smaller cells are put together; 5.")
    ] = None,
    question: QuestionFile = None,
    repeat: Repeat = 1,
    as_json: AsJson = False,
) -> None:
    """Compare a metric across new and returning, device, country, channel, source and more."""
    if min_units is not None and min_units < 1:
        wrong("--min-units is at least 1.")
    given = {
        "metric": metric or (None if question else "order_rate"),
        "by": names(by),
        "window": window,
        "since": since,
        "until": until,
        "min_units": min_units,
    }
    run("segments", site, given, question, repeat=repeat, as_json=as_json, show=_show_segments)


def _show_segments(document: Mapping[str, Any]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for name in ("dimension", "value"):
        table.add_column(name, overflow="fold")
    for name in ("units", "share", escape(document["metric"]["key"]), "still open"):
        table.add_column(name, justify="right")
    for row in document["rows"]:
        value = shown(row["by"][row["dimension"]])
        if row.get("others"):
            value = f"{row['others']} more" + (", few people" if row.get("small") else "")
        table.add_row(
            escape(row["dimension"]),
            escape(value),
            f"{row['units']:,}",
            share(row["units"], document["units"]),
            "" if row["value"] is None else f"{row['value']:,.4g}",
            f"{row['immature']:,}" if row["immature"] else "",
        )
    Console().print(table)
    show_moment(document)
