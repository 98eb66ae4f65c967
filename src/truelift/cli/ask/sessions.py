"""`truelift ask sessions|channels`."""

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
    app,
    run,
)
from truelift.cli.ask.shown import show_rows


@app.command()
def sessions(
    site: Site,
    by: Annotated[
        str | None,
        typer.Option("--by", help="Dimension, property, entry_page, exit_page or day."),
    ] = None,
    key_event: Annotated[
        str | None, typer.Option("--key-event", help="What counts as converted; purchase.")
    ] = None,
    since: Since = None,
    until: Until = None,
    question: QuestionFile = None,
    repeat: Repeat = 1,
    as_json: AsJson = False,
) -> None:
    """Count sessions: cut after 30 minutes without an event, and after a day."""
    given = {"by": by, "key_events": key_event, "since": since, "until": until}
    run("sessions", site, given, question, repeat=repeat, as_json=as_json, show=show_rows)


@app.command()
def channels(
    site: Site,
    key_event: Annotated[
        str | None, typer.Option("--key-event", help="What counts as converted; purchase.")
    ] = None,
    since: Since = None,
    until: Until = None,
    repeat: Repeat = 1,
    as_json: AsJson = False,
) -> None:
    """Count sessions, and how many of them convert, by the channel that brought them."""
    given = {"by": "channel", "key_events": key_event, "since": since, "until": until}
    run(
        "sessions",
        site,
        given,
        None,
        repeat=repeat,
        as_json=as_json,
        show=show_rows,
        title="channels",
    )
