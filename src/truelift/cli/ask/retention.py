"""`truelift ask retention`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    amount,
    app,
    run,
    wrong,
)
from truelift.cli.ask.shown import show_moment, shown


AsOf = Annotated[str | None, typer.Option("--as-of", help="Nothing at or after this counts; now.")]


@app.command()
def retention(
    site: Site,
    cohort: Annotated[
        str | None, typer.Option("--cohort", help="The event that puts a person into a cohort.")
    ] = None,
    comes_back: Annotated[
        str | None, typer.Option("--return", help="The event that counts as coming back.")
    ] = None,
    interval: Annotated[
        str | None, typer.Option("--interval", help="day, week (default) or month.")
    ] = None,
    intervals: Annotated[
        int | None,
        typer.Option("--intervals", help="The last one, from 0; 30 days, 12 weeks, 12 months."),
    ] = None,
    cohorts: Annotated[
        str | None,
        typer.Option("--cohorts", help="first (default): of the first event ever; or recurring."),
    ] = None,
    returned: Annotated[
        str | None, typer.Option("--returned", help="in (default) interval k, or in_or_later.")
    ] = None,
    clock: Annotated[
        str | None,
        typer.Option("--clock", help="calendar (default), or own: from each person's first event."),
    ] = None,
    metric: Annotated[
        str | None,
        typer.Option("--metric", help="revenue, value or a property: what returns are worth."),
    ] = None,
    by: By = None,
    since: Since = None,
    until: Until = None,
    as_of: AsOf = None,
    question: QuestionFile = None,
    repeat: Repeat = 1,
    as_json: AsJson = False,
) -> None:
    """Count who comes back, interval by interval, and what they are worth then."""
    if question is None and (cohort is None or comes_back is None):
        wrong("Say who and what: --cohort sign_up --return purchase (or --question FILE).")
    given = {
        "cohort": cohort,
        "return": comes_back,
        "interval": interval,
        "intervals": intervals,
        "cohorts": cohorts,
        "returned": returned,
        "clock": clock,
        "amount": amount(metric),
        "by": by,
        "since": since,
        "until": until,
        "as_of": as_of,
    }
    run("retention", site, given, question, repeat=repeat, as_json=as_json, show=_show)


def _show(document: Mapping[str, Any]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    is_worth = "amount" in document["semantics"]
    console = Console()
    for curve in document["curves"]:
        by = ", ".join(f"{name}: {shown(value)}" for name, value in curve["by"].items())
        if curve.get("others"):
            by = f"{curve['others']} more"
        table = Table(title=escape(by) or None, title_justify="left", box=None, pad_edge=False)
        table.add_column("cohort")
        table.add_column("people", justify="right")
        for cell in curve["cells"]:
            table.add_column(str(cell["interval"]), justify="right")
        of_this = (curve["by"], curve.get("others"))
        for row in document["rows"]:
            if (row["by"], row.get("others")) == of_this:
                cells = _cells(row["cells"], is_worth=is_worth)
                table.add_row(row["cohort"], f"{row['people']:,}", *cells)
        cells = _cells(curve["cells"], is_worth=is_worth)
        table.add_row("all", f"{curve['people']:,}", *cells, style="bold")
        console.print(table)
    typer.echo("…: not over yet for all of the cohort.")
    show_moment(document)


def _cells(cells: Sequence[Mapping[str, Any]], *, is_worth: bool) -> list[str]:
    """Write shares, or what a person was worth so far in the currency's minor unit."""
    found = []
    for cell in cells:
        number = cell["cumulative_per_person"] if is_worth else cell["rate"]
        if number is None:
            found.append("…" if cell["immature"] else "")
        else:
            found.append(f"{number:,.0f}" if is_worth else f"{number:.0%}")
    return found
