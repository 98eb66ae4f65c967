"""`truelift ask paths`."""

from __future__ import annotations

from collections.abc import Mapping
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
    from rich.table import Table


@app.command()
def paths(
    site: Site,
    start: Annotated[
        str | None, typer.Option("--start", help="Where paths begin: an event, or a page: /cart.")
    ] = None,
    end: Annotated[
        str | None, typer.Option("--end", help="Where paths end: an event, or a page: /cart.")
    ] = None,
    nodes: Annotated[
        str | None, typer.Option("--nodes", help="pages (default), events or both.")
    ] = None,
    unit: Annotated[str | None, typer.Option("--unit", help="session (default) or person.")] = None,
    window: Annotated[
        str | None,
        typer.Option("--window", help="From the start or end: 1h, 7d. The session (default)."),
    ] = None,
    steps: Annotated[int | None, typer.Option("--steps", help="Nodes of a path, 2 to 10.")] = None,
    goal: Annotated[
        str | None, typer.Option("--goal", help="An event or page looked for along the path.")
    ] = None,
    hide: Annotated[
        str | None, typer.Option("--hide", help="Events that are no nodes, with commas.")
    ] = None,
    page_depth: Annotated[
        int | None, typer.Option("--page-depth", help="So many first parts of a page's path.")
    ] = None,
    repeats: Annotated[
        bool, typer.Option("--repeats", help="Let a node follow itself; else it is one.")
    ] = False,
    top: Annotated[int | None, typer.Option("--top", help="Nodes shown a step; 10.")] = None,
    since: Since = None,
    until: Until = None,
    where: Where = None,
    as_of: Annotated[
        str | None, typer.Option("--as-of", help="When sessions are judged to be over; now.")
    ] = None,
    question: QuestionFile = None,
    repeat: Repeat = 1,
    as_json: AsJson = False,
) -> None:
    """Follow people from an event or a page, or back from one, and count their loops."""
    if question is None and (start is None) == (end is None):
        wrong("Say where paths begin or where they end: --start /cart or --end purchase.")
    hidden = names(hide)
    given = {
        "start": start,
        "end": end,
        "nodes": nodes,
        "unit": unit,
        "window": window,
        "max_steps": steps,
        "goal": goal,
        "hide": {"names": hidden} if hidden else None,
        "page_depth": page_depth,
        "collapse": False if repeats else None,
        "max_nodes": top,
        "since": since,
        "until": until,
        "where": conditions(where),
        "as_of": as_of,
    }
    run("paths", site, given, question, repeat=repeat, as_json=as_json, show=_show_paths)


def _show_paths(document: Mapping[str, Any]) -> None:
    from rich.console import Console

    console = Console()
    units = document["units"]
    backward = document["semantics"]["direction"] == "backward"
    for row in document["rows"]:
        if row["units"]:
            console.print(_step(row, backward=backward))
    if document["paths"]:
        console.print(_whole_paths(document["paths"], units))
    elif "paths_left_out" in document:
        console.print(document["paths_left_out"])
    if document["loops"]:
        console.print(_loops(document["loops"], units))
    show_moment(document)


def _step(row: Mapping[str, Any], *, backward: bool) -> Table:
    title = f"{row['step'] - 1} before" if backward else f"step {row['step']}"
    table = _table(title, "node")
    headings = ("units", "came on", "began here") if backward else ("units", "went on", "left here")
    for heading in (*headings, "still open"):
        table.add_column(heading, justify="right")
    for node in row["nodes"]:
        table.add_row(
            _named(node, "node"),
            f"{node['units']:,}",
            share(node["onward"], node["units"]),
            share(node["ended"], node["units"]),
            f"{node['immature']:,}" if node["immature"] else "",
        )
    return table


def _whole_paths(paths: list[Mapping[str, Any]], units: int) -> Table:
    from rich.markup import escape

    has_goal = "conversion" in paths[0]
    table = _table("whole paths", "path")
    for heading in ("units", "share", *(["reached the goal"] if has_goal else [])):
        table.add_column(heading, justify="right")
    for path in paths:
        title = escape(" → ".join(path["nodes"])) if path["nodes"] else f"{path['others']:,} others"
        row = [title, f"{path['units']:,}", share(path["units"], units)]
        if has_goal:
            rate = path["conversion"]
            row.append("" if rate is None else f"{rate:.1%}")
        table.add_row(*row)
    return table


def _loops(loops: list[Mapping[str, Any]], units: int) -> Table:
    from rich.markup import escape

    table = _table("there and back", "loop")
    for heading in ("times", "units", "share", "more than once"):
        table.add_column(heading, justify="right")
    for loop in loops:
        if loop.get("others"):
            table.add_row(f"{loop['others']:,} others", f"{loop['count']:,}", "", "", "")
            continue
        table.add_row(
            escape(f"{loop['node']} → {loop['between']} → {loop['node']}"),
            f"{loop['count']:,}",
            f"{loop['units']:,}",
            share(loop["units"], units),
            f"{loop['repeated']:,}",
        )
    return table


def _table(title: str, heading: str) -> Table:
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    table.add_column(heading, overflow="fold")
    return table


def _named(entry: Mapping[str, Any], name: str) -> str:
    from rich.markup import escape

    if entry.get("others"):
        return f"{entry['others']:,} others"
    return escape(entry[name] or "(none)")
