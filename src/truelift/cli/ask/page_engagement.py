"""`truelift ask page-engagement`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

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
)
from truelift.cli.ask.page_groups import ByPage, smallest
from truelift.cli.ask.sessions import Rows
from truelift.cli.ask.shown import show_rows


_SHOWN: Final = ("others", "views", "exits", "exit_rate", "median_s", "mean_s", "scrolled")


@app.command("page-engagement")
def page_engagement(
    site: Site,
    by: ByPage = None,
    beats: Annotated[
        str | None,
        typer.Option("--beats", help="The event that says somebody is still busy; page_ping."),
    ] = None,
    every: Annotated[
        int | None, typer.Option("--every", min=1, help="Seconds between two of these; 10.")
    ] = None,
    first: Annotated[
        int | None, typer.Option("--first", min=0, help="Seconds before the first of these; 5.")
    ] = None,
    smallest: Annotated[int | None, smallest(1)] = None,
    rows: Rows = None,
    since: Since = None,
    until: Until = None,
    question: QuestionFile = None,
    repeat: Repeat = 1,
    as_json: AsJson = False,
) -> None:
    """Show how long page views hold people, how far they scroll, and where they leave."""
    given = {
        "by": names(by),
        "beats": beats,
        "every_s": every,
        "first_s": first,
        "smallest": smallest,
        "max_rows": rows,
        "since": since,
        "until": until,
    }
    run("page_engagement", site, given, question, repeat=repeat, as_json=as_json, show=_show)


def _show(document: Mapping[str, Any]) -> None:
    rows = [
        {
            "by": row["by"],
            "others": row.get("others"),
            "views": row["views"],
            "exits": row["exits"],
            "exit_rate": row["exit_rate"],
            "median_s": row["engaged"]["p50_s"] if row["engaged"] else None,
            "mean_s": row["engaged"]["mean_s"] if row["engaged"] else None,
            "scrolled": row["scrolled"]["p50"],
        }
        for row in document["rows"]
    ]
    show_rows({**document, "rows": rows}, only=_SHOWN)
