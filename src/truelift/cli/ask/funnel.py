"""`truelift ask funnel`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from truelift.cli.ask.asking import (
    AsJson,
    By,
    QuestionFile,
    Repeat,
    Segment,
    Since,
    Site,
    Until,
    Where,
    app,
    conditions,
    names,
    run,
    wrong,
)
from truelift.cli.ask.shown import share, show_moment, shown


@app.command()
def funnel(
    site: Site,
    steps: Annotated[
        str | None, typer.Option("--steps", help="Names of events in order, with commas.")
    ] = None,
    window: Annotated[
        str | None, typer.Option("--window", help="From the first step: 30m, 1h, 7d (default).")
    ] = None,
    order: Annotated[
        str | None, typer.Option("--order", help="ordered (default), strict or any.")
    ] = None,
    exclude: Annotated[
        str | None, typer.Option("--exclude", help="An event that ends an attempt.")
    ] = None,
    by: By = None,
    since: Since = None,
    until: Until = None,
    segment: Segment = None,
    where: Where = None,
    unit: Annotated[str | None, typer.Option("--unit", help="person (default) or session.")] = None,
    as_of: Annotated[
        str | None, typer.Option("--as-of", help="When windows are judged to be over; now.")
    ] = None,
    question: QuestionFile = None,
    repeat: Repeat = 1,
    as_json: AsJson = False,
) -> None:
    """Count who gets how far through some steps, in order, within one window."""
    if steps is None and question is None:
        wrong("Say which steps: --steps view_item,add_to_cart,purchase (or --question FILE).")
    given = {
        "steps": names(steps),
        "window": window,
        "order": order,
        "exclude": exclude,
        "by": by,
        "since": since,
        "until": until,
        "where": conditions(where, segment),
        "unit": unit,
        "as_of": as_of,
    }
    run("funnel", site, given, question, repeat=repeat, as_json=as_json, show=_show_funnel)


def _show_funnel(document: Mapping[str, Any]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console()
    for group in document["groups"]:
        by = ", ".join(f"{name}: {shown(value)}" for name, value in group["by"].items())
        if group.get("others"):
            by = f"{group['others']} more"
        table = Table("step", "event", title=escape(by) or None, title_justify="left")
        for heading in ("units", "of first", "of before", "still open"):
            table.add_column(heading, justify="right")
        first = before = None
        for step in group["steps"]:
            table.add_row(
                str(step["step"]),
                escape(step["event"]),
                f"{step['units']:,}",
                share(step["units"], first),
                share(step["units"], before),
                f"{step['immature']:,}" if step["immature"] else "",
            )
            first = step["units"] if first is None else first
            before = step["units"]
        console.print(table)
    show_moment(document)
