"""`truelift ask segments`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from truelift.cli.ask.asking import (
    AsJson,
    Since,
    Site,
    Until,
    any_question,
    app,
    lake_of,
    position_of,
    start_ms,
)
from truelift.cli.ask.shown import print_answer, show_rows, without


if TYPE_CHECKING:
    from truelift.lake.lake import Asked
    from truelift.questions.document import Json

SEGMENT_DIMENSIONS = ("device", "channel", "country", "browser", "source")


@app.command()
def segments(
    site: Site,
    metric: Annotated[
        str, typer.Option("--metric", help="The event whose rate per session is compared.")
    ] = "purchase",
    since: Since = None,
    until: Until = None,
    as_json: AsJson = False,
) -> None:
    """Compare how sessions convert across the values of every common dimension."""
    from truelift.questions.parse import parse_question

    lake, context = lake_of(site)
    started = start_ms()
    rows: list[Json] = []
    took = 0.0
    asked: Asked[Any] | None = None
    for dimension in SEGMENT_DIMENSIONS:
        given = {"question": "sessions", "by": dimension, "key_events": metric, "max_rows": 20}
        period = {name: at for name, at in (("since", since), ("until", until)) if at is not None}
        asked = lake.ask(site, any_question(parse_question({**given, **period}, context)))
        took += asked.took_ms
        for row in asked.answer.document()["rows"]:
            value = row["by"][dimension]
            rows.append({"dimension": dimension, "value": value, **without(row, "by")})
    if asked is not None:
        document = {"question": "segments", "metric": metric, "rows": rows}
        print_answer(
            {**document, **position_of(asked, took, started)}, as_json=as_json, show=show_rows
        )
