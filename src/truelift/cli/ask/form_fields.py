"""`truelift ask form-fields`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

import typer

from truelift.cli.ask.asking import AsJson, QuestionFile, Repeat, Since, Site, Until, app, run
from truelift.cli.ask.sessions import Rows
from truelift.cli.ask.shown import show_rows


_SHOWN: Final = ("others", "reached", "gave_up", "median_s", "back", "fixed", "left_here")
"""What fits a terminal; the file has everything."""


@app.command("form-fields")
def form_fields(
    site: Site,
    submitted: Annotated[
        str | None,
        typer.Option("--submitted", help="The event that says the form was sent; generate_lead."),
    ] = None,
    focused: Annotated[
        str | None, typer.Option("--focused", help="A field is entered; Form Field Focused.")
    ] = None,
    completed: Annotated[
        str | None, typer.Option("--completed", help="It is completed; Form Field Completed.")
    ] = None,
    abandoned: Annotated[
        str | None, typer.Option("--abandoned", help="It is left; Form Field Abandoned.")
    ] = None,
    field: Annotated[
        str | None, typer.Option("--field", help="Property with the field’s name; field.")
    ] = None,
    experiment: Annotated[
        str | None,
        typer.Option("--experiment", help="Tell it by the variants of this experiment, too."),
    ] = None,
    rows: Rows = None,
    since: Since = None,
    until: Until = None,
    question: QuestionFile = None,
    repeat: Repeat = 1,
    as_json: AsJson = False,
) -> None:
    """Show which fields of a form people reach, complete, hesitate at, and leave it at."""
    given = {
        "submitted": submitted,
        "focused": focused,
        "completed": completed,
        "abandoned": abandoned,
        "field": field,
        "experiment": experiment,
        "max_rows": rows,
        "since": since,
        "until": until,
    }
    run("form_fields", site, given, question, repeat=repeat, as_json=as_json, show=_show)


def _show(document: Mapping[str, Any]) -> None:
    parts = document.get("variants") or [document]
    rows = [
        {
            "by": {
                **({"variant": part["variant"]} if "variant" in part else {}),
                "field": row["field"],
            },
            "others": row.get("others"),
            "reached": row["reached"],
            "gave_up": row["abandonment"]["value"] if row["abandonment"] else None,
            "median_s": row["focus"]["p50_s"],
            "back": row["refocused"],
            "fixed": row["corrected"],
            "left_here": row["left_here"],
        }
        for part in parts
        for row in part["rows"]
    ]
    show_rows({**document, "rows": rows}, only=_SHOWN)
