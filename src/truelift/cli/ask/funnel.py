"""`truelift ask funnel`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
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
    Where,
    app,
    conditions,
    names,
    run,
    wrong,
)
from truelift.cli.ask.shown import share, show_moment, show_rows, shown


@app.command()
def funnel(
    site: Site,
    steps: Annotated[
        str | None, typer.Option("--steps", help="Names of events in order, with commas.")
    ] = None,
    window: Annotated[
        str | None, typer.Option("--window", help="From the first step: 30m, 1h, 7d (default).")
    ] = None,
    order: Annotated[
        str | None, typer.Option("--order", help="ordered (default), strict or any.")
    ] = None,
    exclude: Annotated[
        str | None, typer.Option("--exclude", help="An event that ends an attempt.")
    ] = None,
    exclude_between: Annotated[
        list[str] | None,
        typer.Option(
            "--exclude-between", help="NAME:2-3, an event not between these steps; may repeat."
        ),
    ] = None,
    by: By = None,
    attribution: Annotated[
        str | None,
        typer.Option("--attribution", help="Whose value of --by: first, last, each or a step; 1."),
    ] = None,
    since: Since = None,
    until: Until = None,
    where: Where = None,
    unit: Annotated[str | None, typer.Option("--unit", help="person (default) or session.")] = None,
    as_of: Annotated[
        str | None, typer.Option("--as-of", help="When windows are judged to be over; now.")
    ] = None,
    revenue: Annotated[bool, typer.Option("--revenue", help="Add up money at every step.")] = False,
    every: Annotated[
        str | None, typer.Option("--every", help="day, week or month: the funnel over time.")
    ] = None,
    times: Annotated[
        str | None, typer.Option("--times", help="1-3: how long between these steps.")
    ] = None,
    dropped: Annotated[
        int | None, typer.Option("--dropped", help="Who reached this step and not the next.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", help="With --dropped: entries on a page.")
    ] = None,
    after: Annotated[
        str | None, typer.Option("--after", help="With --dropped: `next` of the page before.")
    ] = None,
    against_since: Annotated[
        str | None, typer.Option("--against-since", help="Compare with the period from here …")
    ] = None,
    against_until: Annotated[str | None, typer.Option("--against-until", help="… to here.")] = None,
    against_where: Annotated[
        list[str] | None,
        typer.Option("--against-where", help="Compare with events with NAME=VALUE; may repeat."),
    ] = None,
    question: QuestionFile = None,
    repeat: Repeat = 1,
    as_json: AsJson = False,
) -> None:
    """Count who gets how far through some steps, in order, within one window."""
    if steps is None and question is None:
        wrong("Say which steps: --steps view_item,add_to_cart,purchase (or --question FILE).")
    given: dict[str, object] = {
        "steps": names(steps),
        "window": window,
        "order": order,
        "exclude": exclude,
        "exclude_between": _between(exclude_between),
        "by": by,
        **_attribution(attribution),
        "since": since,
        "until": until,
        "where": conditions(where),
        "unit": unit,
        "as_of": as_of,
        "amount": {"kind": "money"} if revenue else None,
    }
    against = {
        "since": against_since,
        "until": against_until,
        "where": conditions(against_where),
    }
    against = {key: value for key, value in against.items() if value is not None}
    more: dict[str, dict[str, object]] = {
        "funnel_trend": {"every": every},
        "funnel_times": _times(times),
        "funnel_people": {"step": dropped},
        "funnel_compare": {"against": against or None},
    }
    asked = [
        name for name, members in more.items() if any(each is not None for each in members.values())
    ]
    if len(asked) > 1:
        wrong("Ask one at a time: --every, --times, --dropped or --against-….")
    name = asked[0] if asked else _named_in(question)
    if name == "funnel_people":
        more[name].update(limit=limit, after=after)
    elif limit is not None or after is not None:
        wrong("--limit and --after go with --dropped.")
    given.update(more.get(name, {}))
    run(name, site, given, question, repeat=repeat, as_json=as_json, show=_SHOWN[name])


def _between(given: Sequence[str] | None) -> list[dict[str, object]] | None:
    """Take NAME:FROM-TO exclusions."""
    found: list[dict[str, object]] = []
    for exclusion in given or ():
        name, _, pair = exclusion.rpartition(":")
        way = _way(pair)
        if not name or way is None:
            wrong(f"--exclude-between takes NAME:2-3, not {exclusion[:60]!r}.")
        found.append({"event": name, "from_step": way[0], "to_step": way[1]})
    return found or None


def _attribution(given: str | None) -> dict[str, object]:
    """Take `first`, `last`, `each` or the number of a step."""
    if given is None:
        return {}
    if given.isdecimal():
        return {"attribution": "step", "attribution_step": int(given)}
    return {"attribution": given}


def _times(given: str | None) -> dict[str, object]:
    if given is None:
        return {}
    way = _way(given)
    if way is None:
        wrong(f"--times takes two steps such as 1-3, not {given[:60]!r}.")
    return {"from_step": way[0], "to_step": way[1]}


def _way(pair: str) -> tuple[int, int] | None:
    first, _, last = pair.partition("-")
    if not (first.isdecimal() and last.isdecimal()):
        return None
    return int(first), int(last)


def _named_in(file: Path | None) -> str:
    """Give which question about a funnel a file asks; the plain one where it does not say."""
    try:
        found = json.loads(file.read_text(encoding="utf-8")) if file is not None else None
    except (OSError, ValueError, RecursionError):
        found = None
    name = found.get("question") if isinstance(found, dict) else None
    return name if isinstance(name, str) and name in _SHOWN else "funnel"


def _show_funnel(document: Mapping[str, Any]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console()
    for group in document["groups"]:
        table = Table("step", "event", title=_title(group), title_justify="left")
        headings = ["units", "of first", "of before", "still open"]
        has_money = "revenue_minor" in next(iter(group["steps"]), {})
        if has_money:
            headings += ["money", "per unit"]
        for heading in headings:
            table.add_column(heading, justify="right")
        first = before = None
        for step in group["steps"]:
            cells = [
                str(step["step"]),
                escape(step["event"]),
                f"{step['units']:,}",
                share(step["units"], first),
                share(step["units"], before),
                f"{step['immature']:,}" if step["immature"] else "",
            ]
            if has_money:
                per_unit = step["revenue_per_unit_minor"]
                cells.append(f"{step['amount_minor']:,}")
                cells.append("" if per_unit is None else f"{per_unit:,.1f}")
            table.add_row(*cells)
            # Where each step has groups of its own, no share of the step before is in a group.
            if document["semantics"].get("attribution") != "each":
                first = step["units"] if first is None else first
                before = step["units"]
        console.print(table)
    show_moment(document)


def _show_trend(document: Mapping[str, Any]) -> None:
    rows = [
        {
            "by": group["by"],
            "begins": row["begins"],
            **{f"{step['step']} {step['event']}": step["units"] for step in row["steps"]},
            "conversion": row["conversion"],
            "still open": row["immature"],
        }
        for group in document["groups"]
        for row in group["rows"]
    ]
    show_rows({**document, "rows": rows})


def _show_times(document: Mapping[str, Any]) -> None:
    rows = [
        {
            "by": group["by"],
            "reached": group["reached"],
            "converted": group["converted"],
            "still open": group["immature"],
            **{f"{name} s": value for name, value in group["quantiles_s"].items()},
        }
        for group in document["groups"]
    ]
    show_rows({**document, "rows": rows})


def _show_comparison(document: Mapping[str, Any]) -> None:
    rows = []
    for group in document["groups"]:
        for step in group["steps"]:
            rates = step["from_before"] or step["from_first"]
            gap = rates["difference"] or {}
            money = {}
            if "revenue" in step:
                more = step["revenue"]["difference_minor"] or {}
                money = {
                    "money per unit": step["revenue"]["per_unit_minor"],
                    "against money": step["revenue"]["against_minor"],
                    "money difference": more.get("value"),
                    "money low": more.get("low"),
                    "money high": more.get("high"),
                }
            rows.append(
                {
                    "by": group["by"],
                    "step": step["step"],
                    "event": step["event"],
                    "units": step["units"],
                    "against": step["against"]["units"],
                    "rate": rates["rate"],
                    "against rate": rates["against"],
                    "difference": gap.get("value"),
                    "low": gap.get("low"),
                    "high": gap.get("high"),
                    **money,
                }
            )
    show_rows({**document, "rows": rows})


def _title(group: Mapping[str, Any]) -> str | None:
    from rich.markup import escape

    by = ", ".join(f"{name}: {shown(value)}" for name, value in group["by"].items())
    return escape(f"{group['others']} more" if group.get("others") else by) or None


_SHOWN = {
    "funnel": _show_funnel,
    "funnel_trend": _show_trend,
    "funnel_times": _show_times,
    "funnel_people": show_rows,
    "funnel_compare": _show_comparison,
}
"""How the answer to each question about a funnel is printed."""
