"""`truelift ask web-vitals`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
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


_VITALS: Final = ("lcp", "inp", "cls", "fcp", "ttfb")


@app.command("web-vitals")
def web_vitals(
    site: Site,
    by: ByPage = None,
    event: Annotated[
        str | None, typer.Option("--event", help="The event that carries readings; web_vitals.")
    ] = None,
    smallest: Annotated[int | None, smallest(20)] = None,
    rows: Rows = None,
    since: Since = None,
    until: Until = None,
    question: QuestionFile = None,
    repeat: Repeat = 1,
    as_json: AsJson = False,
) -> None:
    """Show how fast pages are: the 75th percentile of LCP, INP, CLS, FCP and TTFB."""
    given = {
        "by": names(by),
        "event": event,
        "smallest": smallest,
        "max_rows": rows,
        "since": since,
        "until": until,
    }
    run("web_vitals", site, given, question, repeat=repeat, as_json=as_json, show=_show)


def _show(document: Mapping[str, Any]) -> None:
    rows = [{"by": {}, **document["whole"]}, *document["rows"]]
    flat = [
        {
            "by": row["by"] or dict.fromkeys(document["rows"][0]["by"], "all"),
            "others": row.get("others"),
            "page_views": row["page_views"],
            **{vital: row[vital]["p75"] for vital in _VITALS},
            "passes": row["passes"],
        }
        for row in (rows if document["rows"] else ())
    ]
    show = partial(show_rows, only=("others", "page_views", *_VITALS, "passes"))
    show({**document, "rows": flat})
