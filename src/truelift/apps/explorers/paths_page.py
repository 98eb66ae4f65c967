"""The explorer of paths: where people go from a place, or come from, and where they go in loops."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from truelift.apps.drawing.flow import Flow, FlowLink, FlowNode
from truelift.apps.drawing.wording import count, percent
from truelift.apps.explorers.answers import list_of, mapping_of, number_of, period_said
from truelift.apps.explorers.events_text import text_of
from truelift.apps.explorers.page import Asked, ExplorerPage, Figure
from truelift.apps.explorers.table import Column, Row, Table, Unit, flat, table
from truelift.questions.document import Json


MOST_COLUMNS: Final = 5
MOST_NODES: Final = 7
"""Nodes drawn of a step; smaller ones are put together in the drawing, and stand in the table."""

REST: Final = "\0rest"
"""Key of the nodes that are put together; no place is called so."""


def paths_page(asked: Asked) -> ExplorerPage:
    """Lay out paths for people: the flow, the widest links, whole paths and loops."""
    answer = asked.answer
    semantics = mapping_of(answer.get("semantics"))
    forward = semantics.get("direction") != "backward"
    unit = "people" if semantics.get("unit") == "person" else "sessions"
    anchor = f"“{text_of(asked.question.get('start') or asked.question.get('end'))}”"
    units = number_of(answer.get("units"))
    links = tuple(flat(mapping_of(each)) for each in list_of(answer.get("links")))
    looping = mapping_of(answer.get("looping"))
    if not units:
        return ExplorerPage(
            answer=f"No {unit} came to {anchor} in this period.",
            grounds="Choose a longer period, or another place: an event, or a page such as /cart.",
        )
    chart = flow_of(answer, unit=unit, forward=forward)
    gone = _first(answer)
    said = "leave there" if forward else "begin there"
    return ExplorerPage(
        answer=f"Of {count(units)} {unit} at {anchor} {period_said(asked.period)},",
        marked=f"{percent(gone)} {said}.",
        grounds=_loops_said(looping, unit),
        figures=(
            Figure(
                name="flow",
                kind="flow",
                chart=chart,
                sentence=chart.sentence,
                units=f"{unit.capitalize()} step by step; a bar is as high, and a band as wide, as"
                f" there are {unit} in it",
                source=f"{asked.period}. {_semantics(semantics)} What ends at a step has no band"
                " going on from it.",
            ),
        ),
        tables=(
            _links(links, asked, unit),
            *_whole_paths(answer, asked, unit),
            _loops(answer, asked, unit),
        ),
        rows=links,
    )


def flow_of(answer: Mapping[str, Json], *, unit: str, forward: bool) -> Flow:
    """Draw an answer's steps, the smaller nodes of each put together."""
    steps = [mapping_of(each) for each in list_of(answer.get("rows"))][:MOST_COLUMNS]
    columns, kept = [], []
    for step in steps:
        nodes = [mapping_of(each) for each in list_of(step.get("nodes"))]
        named = [each for each in nodes if each.get("node") is not None][:MOST_NODES]
        rest = int(number_of(step.get("units"))) - sum(
            int(number_of(n.get("units"))) for n in named
        )
        column = [
            FlowNode(str(n["node"]), str(n["node"]), int(number_of(n.get("units")))) for n in named
        ]
        if rest > 0:
            column.append(FlowNode(REST, "all others", rest, rest=True))
        columns.append(tuple(column))
        kept.append({node.key for node in column})
    found: dict[tuple[int, str, str], int] = {}
    for each in list_of(answer.get("links")):
        link = mapping_of(each)
        at = int(number_of(link.get("step"))) - 1
        if not 0 <= at < len(columns) - 1:
            continue
        # Steps are counted from the anchor, links go with time: backwards, a link leads
        # from the further step to the nearer one.
        here, there = ("from", "to") if forward else ("to", "from")
        near, far = _key(link.get(here), kept[at]), _key(link.get(there), kept[at + 1])
        key = (at, near, far) if forward else (len(columns) - 2 - at, far, near)
        found[key] = found.get(key, 0) + int(number_of(link.get("units")))
    heads = tuple(
        _head(at, forward=forward) + f", {count(sum(node.units for node in column))}"
        for at, column in enumerate(columns)
    )
    if not forward:
        columns, heads = columns[::-1], heads[::-1]
    return Flow(
        columns=tuple(columns),
        links=tuple(FlowLink(*key, units) for key, units in found.items()),
        heads=heads,
        unit=unit,
    )


def _key(name: Json, kept: set[str]) -> str:
    return name if isinstance(name, str) and name in kept else REST


def _head(at: int, *, forward: bool) -> str:
    if at == 0:
        return "Start" if forward else "End"
    return f"{'Then' if forward else 'Before'} ({at})"


def _first(answer: Mapping[str, Json]) -> float:
    first = mapping_of(next(iter(list_of(answer.get("rows"))), None))
    units = number_of(first.get("units"))
    return number_of(first.get("ended")) / units if units else 0.0


def _links(links: tuple[Row, ...], asked: Asked, unit: str) -> Table:
    earlier = {
        tuple(row.get(end) for end in ("step", "from", "to")): row.get("units")
        for row in (flat(mapping_of(each)) for each in list_of((asked.before or {}).get("links")))
    }
    compared = {} if asked.before is None else {"before": None}
    rows: list[Row] = [
        {
            **link,
            **{
                name: earlier.get(tuple(link.get(end) for end in ("step", "from", "to")))
                for name in compared
            },
            "name": f"{link.get('from') or 'others'} → {link.get('to') or 'others'}",
        }
        for link in sorted(links, key=lambda link: -number_of(link.get("units")))[:50]
    ]
    return table(
        "The links, widest first",
        rows,
        head=Column("name", "From → to", Unit.TEXT),
        columns=(
            Column("step", "Step"),
            Column("units", unit.capitalize()),
            Column("before", f"{unit.capitalize()} before", nothing="none"),
        ),
        currency=asked.currency,
        note="The file has all of them."
        if len(links) > len(rows)
        else "A step’s links and what ends there add up to the step.",
    )


def _whole_paths(answer: Mapping[str, Json], asked: Asked, unit: str) -> tuple[Table, ...]:
    paths = answer.get("paths")
    if paths is None:
        return ()
    rows = []
    for each in list_of(paths):
        path = mapping_of(each)
        nodes = [str(node) for node in list_of(path.get("nodes"))]
        rows.append({**flat({**path, "nodes": None}), "name": " → ".join(nodes)})
    return (
        table(
            "Whole paths, most frequent first",
            rows,
            head=Column("name", "Path", Unit.TEXT),
            columns=(
                Column("units", unit.capitalize()),
                Column("share", "Share", Unit.SHARE),
                Column("converted", "Got to the goal"),
                Column("rate", "Rate", Unit.SHARE),
            ),
            whole={"units": int(number_of(answer.get("units"))), "share": 1.0},
            currency=asked.currency,
        ),
    )


def _loops(answer: Mapping[str, Json], asked: Asked, unit: str) -> Table:
    rows = [flat(mapping_of(each)) for each in list_of(answer.get("loops"))]
    shown = [
        {**row, "name": f"{row.get('node')} → {row.get('between')} → {row.get('node')}"}
        for row in rows
    ]
    return table(
        "Loops: friction, or people who compare",
        shown,
        head=Column("name", "There and back", Unit.TEXT),
        columns=(
            Column("count", "Times"),
            Column("units", unit.capitalize()),
            Column("share", "Share", Unit.SHARE),
            Column("repeated", "More than once"),
        ),
        currency=asked.currency,
        note=f"{unit.capitalize()} may be in several loops, so the rows do not add up.",
    )


def _loops_said(looping: Mapping[str, Json], unit: str) -> str:
    units, share = number_of(looping.get("units")), looping.get("share")
    if not units or share is None:
        return f"None of these {unit} goes in a loop."
    said = percent(number_of(share))
    return f"{count(units)} of them ({said}) go there and back: A, then B, then A again."


def _semantics(semantics: Mapping[str, Json]) -> str:
    window = semantics.get("window_s")
    within = "within the session" if window is None else f"within {count(number_of(window))} s"
    once = "repeats in a row count once" if semantics.get("collapse") else "repeats count"
    return f"Made of {semantics.get('nodes')}, {within}; {once}."
