"""`truelift ask landing-pages`."""

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


_SHOWN: Final = ("others", "sessions", "people", "bounce_rate", "key_rate", "revenue_per_session")


@app.command("landing-pages")
def landing_pages(
    site: Site,
    by: Annotated[
        str | None,
        typer.Option("--by", help="Second dimension or property; exit_page or day."),
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
    """Count sessions by the page with which they begin, and what becomes of them."""
    given = {
        "by": by,
        "key_events": key_event,
        "campaign_split": campaign_split or None,
        "max_rows": rows,
        "smallest": smallest,
        "since": since,
        "until": until,
    }
    show = partial(show_rows, only=_SHOWN)
    run("landing_pages", site, given, question, repeat=repeat, as_json=as_json, show=show)
