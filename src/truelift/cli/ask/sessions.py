"""`truelift ask sessions`."""

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
    called,
    run,
)
from truelift.cli.ask.shown import show_rows


KeyEvent = Annotated[
    str | None, typer.Option("--key-event", help="What counts as converted; purchase.")
]
CampaignSplit = Annotated[
    bool, typer.Option("--campaign-split", help="Another named campaign begins a new session.")
]
Smallest = Annotated[
    int | None,
    typer.Option("--smallest", min=1, help="Groups of fewer people are put together."),
]
Rows = Annotated[
    int | None, typer.Option("--rows", min=1, help="Smaller groups are put together; 100.")
]


@app.command()
def sessions(
    site: Site,
    by: Annotated[
        str | None,
        typer.Option("--by", help="Dimension, property, entry_page, exit_page or day."),
    ] = None,
    key_event: KeyEvent = None,
    revenue: Annotated[
        bool, typer.Option("--revenue", help="Add up the key events' money, too.")
    ] = False,
    campaign_split: CampaignSplit = False,
    rows: Rows = None,
    smallest: Smallest = None,
    since: Since = None,
    until: Until = None,
    question: QuestionFile = None,
    repeat: Repeat = 1,
    as_json: AsJson = False,
) -> None:
    """Count sessions: cut after 30 minutes without an event, and after a day."""
    given = {
        "by": by,
        "key_events": key_event,
        "revenue": {"event": key_event or called(site, "purchase")} if revenue else None,
        "campaign_split": campaign_split or None,
        "max_rows": rows,
        "smallest": smallest,
        "since": since,
        "until": until,
    }
    run("sessions", site, given, question, repeat=repeat, as_json=as_json, show=show_rows)
