"""`truelift ask channels`."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Final

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
from truelift.cli.ask.sessions import CampaignSplit, KeyEvent, Rows, Smallest
from truelift.cli.ask.shown import show_rows


_SHOWN: Final = ("others", "sessions", "people", "engaged", "conversions", "revenue")


@app.command()
def channels(
    site: Site,
    level: Annotated[
        str | None,
        typer.Option("--level", help="channel (default), source, medium or campaign."),
    ] = None,
    channel: Annotated[str | None, typer.Option("--channel", help="Only this channel.")] = None,
    source: Annotated[str | None, typer.Option("--source", help="Only this source.")] = None,
    medium: Annotated[str | None, typer.Option("--medium", help="Only this medium.")] = None,
    campaign: Annotated[str | None, typer.Option("--campaign", help="Only this campaign.")] = None,
    attribution: Annotated[
        str | None,
        typer.Option("--attribution", help="session (default), first_touch or last_non_direct."),
    ] = None,
    lookback: Annotated[
        str | None, typer.Option("--lookback", help="Of last_non_direct; 90d.")
    ] = None,
    key_event: KeyEvent = None,
    campaign_split: CampaignSplit = False,
    rows: Rows = None,
    smallest: Smallest = None,
    since: Since = None,
    until: Until = None,
    question: QuestionFile = None,
    repeat: Repeat = 1,
    as_json: AsJson = False,
) -> None:
    """Count sessions, and how many of them convert, by the channel that brought them."""
    brought = {"channel": channel, "source": source, "medium": medium, "campaign": campaign}
    given = {
        "level": level,
        "only": {name: value for name, value in brought.items() if value is not None} or None,
        "attribution": attribution,
        "lookback": lookback,
        "key_events": key_event,
        "campaign_split": campaign_split or None,
        "max_rows": rows,
        "smallest": smallest,
        "since": since,
        "until": until,
    }
    show = partial(show_rows, only=_SHOWN)
    run("channels", site, given, question, repeat=repeat, as_json=as_json, show=show)
