"""`truelift ask time-to-value`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from truelift.cli.ask.asking import (
    AsJson,
    By,
    QuestionFile,
    Repeat,
    Since,
    Site,
    Until,
    app,
    run,
    wrong,
)
from truelift.cli.ask.retention import AsOf
from truelift.cli.ask.shown import show_moment, shown


@app.command("time-to-value")
def time_to_value(
    site: Site,
    start: Annotated[
        str | None, typer.Option("--start", help="The event from which time runs.")
    ] = None,
    value: Annotated[
        str | None, typer.Option("--value", help="The event that is waited for.")
    ] = None,
    interval: Annotated[
        str | None, typer.Option("--interval", help="minute, hour, day (default) or week.")
    ] = None,
    intervals: Annotated[
        int | None, typer.Option("--intervals", help="How many are shown; 30.")
    ] = None,
    by: By = None,
    since: Since = None,
    until: Until = None,
    as_of: AsOf = None,
    question: QuestionFile = None,
    repeat: Repeat = 1,
    as_json: AsJson = False,
) -> None:
    """Say what share of people got to an event by when, those who still wait included."""
    if question is None and (start is None or value is None):
        wrong("Say from what to what: --start sign_up --value report (or --question FILE).")
    given = {
        "start": start,
        "value": value,
        "interval": interval,
        "intervals": intervals,
        "by": by,
        "since": since,
        "until": until,
        "as_of": as_of,
    }
    run("time_to_value", site, given, question, repeat=repeat, as_json=as_json, show=_show)


def _show(document: Mapping[str, Any]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    unit = document["semantics"]["interval"]
    console = Console()
    for group in document["groups"]:
        by = ", ".join(f"{name}: {shown(value)}" for name, value in group["by"].items())
        if group.get("others"):
            by = f"{group['others']} more"
        table = Table(title=escape(by) or None, title_justify="left", box=None, pad_edge=False)
        for heading in (f"by {unit}", "watched", "share", "95 %"):
            table.add_column(heading, justify="right")
        last = len(group["rows"]) - 1
        for n in sorted({at for at in (*SHOWN, last) if at <= last}):
            row = group["rows"][n]
            share = "not known" if row["share"] is None else f"{row['share']:.1%}"
            span = "" if row["low"] is None else f"{row['low']:.1%} to {row['high']:.1%}"
            table.add_row(str(n), f"{row['at_risk']:,}", share, span)
        console.print(table)
        first, median, third = (
            "not reached" if at is None else f"{at:,}" for at in group["quartiles"]
        )
        typer.echo(
            f"{group['people']:,} people, {group['reached']:,} got there."
            f" Median: {median}; quarters: {first} and {third} ({unit}s)."
        )
    show_moment(document)


SHOWN = (1, 2, 3, 5, 7, 14, 21, 30, 60, 90)
"""Intervals of which a terminal shows the share."""
