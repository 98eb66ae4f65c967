"""`truelift ask journeys`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from truelift.cli.ask.asking import (
    AsJson,
    QuestionFile,
    Repeat,
    Since,
    Site,
    Until,
    Where,
    app,
    conditions,
    names,
    run,
    wrong,
)
from truelift.cli.ask.shown import share, show_moment


if TYPE_CHECKING:
    from truelift.questions.document import Json

_MINUTE = 60
_UNITS = (("d", 86_400), ("h", 3600), ("m", _MINUTE))


@app.command()
def journeys(
    site: Site,
    surfaces: Annotated[
        str | None,
        typer.Option(
            "--surfaces",
            help="In order, with commas: an event, a page such as /cart, or NAME=EVENT.",
        ),
    ] = None,
    window: Annotated[
        str | None,
        typer.Option("--window", help="From the first touchpoint: 1h, 7d, 30d (default)."),
    ] = None,
    top: Annotated[int | None, typer.Option("--top", help="Orders shown; 20.")] = None,
    since: Since = None,
    until: Until = None,
    where: Where = None,
    as_of: Annotated[
        str | None, typer.Option("--as-of", help="When journeys are judged to be over; now.")
    ] = None,
    question: QuestionFile = None,
    repeat: Repeat = 1,
    as_json: AsJson = False,
) -> None:
    """Follow people over surfaces, on the site and off it, to the last of them."""
    if surfaces is None and question is None:
        wrong("Say which surfaces: --surfaces email_opened,landing=/,/cart,purchase.")
    given = {
        "surfaces": None if surfaces is None else [_surface(one) for one in names(surfaces) or ()],
        "window": window,
        "max_rows": top,
        "since": since,
        "until": until,
        "where": conditions(where),
        "as_of": as_of,
    }
    run("journeys", site, given, question, repeat=repeat, as_json=as_json, show=_show_journeys)


def _surface(named: str) -> Json:
    name, equals, events = named.partition("=")
    return {"name": name, "events": events} if equals else named


def _show_journeys(document: Mapping[str, Any]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console()
    table = Table("surface", box=None, pad_edge=False)
    for heading in (
        "people",
        "in order",
        "went on",
        "dropped",
        "still open",
        "came back",
        "gap",
    ):
        table.add_column(heading, justify="right")
    for row in document["rows"]:
        median = row["gap"]["median_s"]
        table.add_row(
            escape(row["surface"]),
            f"{row['people']:,}",
            f"{row['in_order']['units']:,}",
            "" if row["onward"] is None else f"{row['onward']:,}",
            "" if row["drop_rate"] is None else f"{row['drop_rate']:.1%}",
            f"{row['immature']:,}" if row["immature"] else "",
            f"{row['returned']:,}" if row["returned"] else "",
            "" if median is None else _lasting(median),
        )
    console.print(table)
    for title, member in (("surfaces", "orders"), ("channels", "channels")):
        _show_groups(document[member], title, document["people"])
    show_moment(document)


def _show_groups(groups: Sequence[Mapping[str, Any]] | None, named: str, people: int) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    if groups is None:
        typer.echo(
            f"There are too many different orders of {named} to count. Ask a shorter period."
        )
        return
    table = Table(f"order of {named}", box=None, pad_edge=False)
    for heading in ("people", "share", "completed"):
        table.add_column(heading, justify="right")
    for group in groups:
        if group.get("others"):
            title = f"{group['others']:,} others"
        else:
            title = escape(" → ".join(group[named]) or "(none)")
        table.add_row(
            title,
            f"{group['people']:,}",
            share(group["people"], people),
            share(group["completed"], group["people"]),
        )
    Console().print(table)


def _lasting(seconds: int) -> str:
    """Say how long something took, in the largest unit that fits."""
    for unit, length in _UNITS:
        if seconds >= length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds} s"
