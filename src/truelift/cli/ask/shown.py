"""Answers as they are printed: one JSON document, or tables for a person."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from typing import Any

import typer


IN_JSON_ONLY = (
    "events",
    "pages",
    "engaged",
    "bounced",
    "bounce_rate",
    "immature",
    "key_sessions",
    "conversions",
    "measured",
)
"""What a table leaves out, so that a row of sessions fits a terminal."""


def print_answer(
    document: Mapping[str, Any], *, as_json: bool, show: Callable[[Mapping[str, Any]], None]
) -> None:
    """Print an answer as JSON, or as a person reads it."""
    if as_json:
        typer.echo(json.dumps(document, ensure_ascii=False))
    else:
        # First: what follows may be nothing but zeros because of it.
        for remark in document.get("remarks", ()):
            typer.echo(f"REMARK: {remark['message']}", err=True)
        show(document)


def show_rows(document: Mapping[str, Any], *, only: Collection[str] = ()) -> None:
    """Print rows as a table.

    Args:
        document: The answer.
        only: Columns beside those that rows are by; nothing: all but `IN_JSON_ONLY`.
    """
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    rows = document["rows"]
    flat = [_flat(row) for row in rows]
    by = {name for row in rows for name in row.get("by", {})}
    every = dict.fromkeys(name for row in flat for name in row)
    columns = [n for n in every if (n in by or n in only if only else n not in IN_JSON_ONLY)]
    table = Table(box=None, pad_edge=False)
    for name in columns:
        is_number = all(isinstance(row.get(name), int | float | None) for row in flat)
        table.add_column(escape(name), justify="right" if is_number else "left", overflow="fold")
    for row in flat:
        table.add_row(*(escape(_cell(row[name])) if name in row else "" for name in columns))
    if rows:
        Console().print(table)
    else:
        typer.echo("Nothing yet.")
    show_moment(document)


def show_moment(document: Mapping[str, Any]) -> None:
    """Print what an answer is true of, and what is missing in it."""
    if unread := document.get("unread"):
        typer.echo(
            f"INCOMPLETE: {len(unread)} files of the lake cannot be read, and this answer lacks"
            f" what is in them. Restore them from a backup: {', '.join(unread)}",
            err=True,
        )
    typer.echo(
        f"lake {document['lake_version']}, journal {document['journal_position']:,},"
        f" {document['took_ms']:,.0f} ms"
    )


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    by = row.get("by", {})
    return {**by, **without(row, "by")}


def without(row: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Leave a member out."""
    return {key: value for key, value in row.items() if key != name}


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.3f}".rstrip("0").rstrip(".")
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else shown(value)


def shown(value: object) -> str:
    """Give a value as a person reads it."""
    return "(none)" if value is None else str(value)


def share(units: int, of: int | None) -> str:
    """Give a share; nothing where there is nothing to share."""
    return f"{units / of:.1%}" if of else ""
