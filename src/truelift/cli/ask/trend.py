"""`truelift ask trend`."""

from __future__ import annotations

from typing import Annotated

import typer

from truelift.cli.ask.asking import (
    AsJson,
    QuestionFile,
    Repeat,
    Since,
    Site,
    Until,
    Where,
    amount,
    app,
    conditions,
    run,
)
from truelift.cli.ask.shown import show_rows


@app.command()
def trend(
    site: Site,
    event: Annotated[
        str | None, typer.Option("--event", help="Its name; every event when left out.")
    ] = None,
    metric: Annotated[
        str | None,
        typer.Option("--metric", help="count (default), revenue, value, or a property to add up."),
    ] = None,
    interval: Annotated[
        str | None, typer.Option("--interval", help="hour, day (default) or week.")
    ] = None,
    since: Since = None,
    until: Until = None,
    moving_average: Annotated[
        int | None,
        typer.Option("--moving-average", help="Beside each interval, the mean over so many."),
    ] = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="Beside the period of equal length before.")
    ] = False,
    where: Where = None,
    question: QuestionFile = None,
    repeat: Repeat = 1,
    as_json: AsJson = False,
) -> None:
    """Count an event, and the people behind it, over time; empty intervals are rows of zero."""
    held = conditions(where)
    events: object = event
    if held:
        events = {"where": held} | ({"names": [event]} if event else {})
    given = {
        "event": events,
        "amount": amount(metric),
        "interval": interval,
        "since": since,
        "until": until,
        "moving_average": moving_average,
        "against": "before" if compare else None,
    }
    run("trend", site, given, question, repeat=repeat, as_json=as_json, show=show_rows)
