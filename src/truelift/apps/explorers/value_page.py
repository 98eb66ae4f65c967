"""The explorer of time to value: what share got there by when, those who still wait included."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from truelift.apps.drawing.series import Band, Line, Series
from truelift.apps.drawing.wording import Kind, Measure, count, number, percent
from truelift.apps.explorers.answers import event_said, list_of, mapping_of, number_of
from truelift.apps.explorers.page import Asked, ExplorerPage, Figure
from truelift.apps.explorers.table import Column, Row, Scalar, Table, Unit, flat, table
from truelift.questions.document import Json


MOST_LINES: Final = 5
"""Groups that are drawn; the table has all."""


def value_page(asked: Asked) -> ExplorerPage:
    """Lay out the time to a value event for people."""
    groups = [mapping_of(each) for each in list_of(asked.answer.get("groups"))]
    interval = str(mapping_of(asked.answer.get("semantics")).get("interval", "day"))
    start, value = (event_said(asked.question.get(each)) for each in ("start", "value"))
    first = groups[0] if groups else {}
    if not number_of(first.get("people")):
        return ExplorerPage(
            answer=f"Nobody did {start} in this period.",
            grounds="Choose a longer period, or look at the ledger whether these events arrive.",
        )
    last = next((each for each in reversed(_points(first)) if each.get("share") is not None), {})
    by = _name(first) if _by(first) else ""
    chart = _chart(groups, interval, asked.before)
    median = first.get("median")
    return ExplorerPage(
        answer=f"Within {_time(last.get('interval'), interval)},",
        marked=percent(number_of(last.get("share"))),
        rest=f" of those who did {start} get to {value}{f' ({by})' if by else ''}.",
        grounds=(
            f"{count(number_of(first.get('people')))} began, "
            f"{count(number_of(first.get('reached')))} got there,"
            f" {count(number_of(first.get('immature')))} still wait; "
            + (
                "fewer than half of them did in the time watched."
                if median is None
                else f"half of them did within {_time(median, interval)}."
            )
        ),
        figures=(
            Figure(
                name="curve",
                kind="series",
                chart=chart,
                sentence=_went(first, interval),
                units=f"Share who got to {value} by then"
                + ("; band: its 95% interval" if chart.band else "")
                + ("; dashed: the period before" if asked.before is not None else ""),
                source=f"{asked.period}. Kaplan–Meier estimate: who still waits counts as long as"
                " they were watched, never as somebody who will not. Where nobody is left to"
                " watch the line ends.",
            ),
        )
        if chart is not None
        else (),
        tables=(_table(groups, interval, asked),),
        rows=_rows(groups),
    )


def _went(group: Mapping[str, Json], interval: str) -> str:
    """Say how far people get early and in the end."""
    known = [each for each in _points(group) if each.get("share") is not None]
    early = next((each for each in known if number_of(each.get("share"))), None)
    if early is None:
        return "Nobody got there in the time shown."
    last = known[-1]
    return (
        f"{percent(number_of(early['share']))} get there within"
        f" {_time(early.get('interval'), interval)}, {percent(number_of(last['share']))} within"
        f" {_time(last.get('interval'), interval)}."
    )


def _chart(
    groups: Sequence[Mapping[str, Json]], interval: str, before: Mapping[str, Json] | None
) -> Series | None:
    shown = groups[:MOST_LINES]
    at = tuple(int(number_of(each.get("interval"))) for each in _points(shown[0])) if shown else ()
    if len(at) < 2:
        return None
    alone = len(shown) == 1
    earlier = [mapping_of(each) for each in list_of((before or {}).get("groups"))]
    same = next((each for each in earlier if _by(each) == _by(shown[0])), None)
    dashed = () if same is None else (_column(same, "share")[: len(at)],)
    return Series(
        days=at,
        lines=tuple(
            Line(
                "period before",
                (*each, *[None] * (len(at) - len(each))),
                meaning="quiet",
                dashed=True,
                named=True,
            )
            for each in dashed
        )
        + tuple(
            Line("" if alone else _name(group), _column(group, "share"), focus=rank == 0)
            for rank, group in enumerate(shown)
        ),
        measure=Measure(Kind.SHARE),
        band=Band(_column(shown[0], "low"), _column(shown[0], "high")) if alone else None,
        from_zero=True,
        day=lambda k: f"{k} {interval}{'' if k == 1 else 's'}",
        head=f"Within {interval}s",
        stepped=True,
    )


def _table(groups: Sequence[Mapping[str, Json]], interval: str, asked: Asked) -> Table:
    rows: list[dict[str, Scalar]] = []
    last = max((number_of(each.get("interval")) for each in _points(groups[0])), default=0)
    horizon = _time(last, interval)
    for group in groups:
        quartiles = list_of(group.get("quartiles"))
        row: dict[str, Scalar] = {"name": _name(group)}
        row |= {name: _scalar(group.get(name)) for name in ("people", "reached", "immature")}
        row["quarter"] = _said(quartiles[0] if quartiles else None, interval)
        row["median"] = _said(group.get("median"), interval)
        mean = group.get("restricted_mean")
        row["mean"] = "not known" if mean is None else _time(mean, interval)
        row["three_quarters"] = _said(quartiles[2] if len(quartiles) > 2 else None, interval)
        rows.append(row)
    whole: dict[str, Scalar] = {
        name: int(sum(number_of(group.get(name)) for group in groups))
        for name in ("people", "reached", "immature")
    }
    return table(
        "How long it takes",
        rows,
        head=Column("name", "Group", Unit.TEXT),
        columns=(
            Column("people", "Began"),
            Column("reached", "Got there"),
            Column("immature", "Still waiting"),
            Column("quarter", "A quarter within"),
            Column("median", "Half within"),
            Column("three_quarters", "Three quarters within"),
            Column("mean", f"Mean, at most {horizon}"),
        ),
        whole=whole if len(groups) > 1 else None,
        currency=asked.currency,
        note="A person belongs to the group of their first start. “not reached”: fewer than that"
        " share got there in the time they were watched. Mean: restricted, who got there later or"
        f" never counts {horizon}.",
    )


def _rows(groups: Sequence[Mapping[str, Json]]) -> tuple[Row, ...]:
    return tuple(
        {**flat(_by(group)), **flat(point)} for group in groups for point in _points(group)
    )


def _column(group: Mapping[str, Json], key: str) -> tuple[float | None, ...]:
    return tuple(
        float(value) if isinstance(value := each.get(key), int | float) else None
        for each in _points(group)
    )


def _said(found: Json, interval: str) -> str:
    return "not reached" if found is None else _time(found, interval)


def _time(found: Json, interval: str) -> str:
    value = number_of(found)
    said = number(value, digits=0 if value.is_integer() else 1)
    return f"{said} {interval}{'' if value == 1 else 's'}"


def _points(group: Mapping[str, Json]) -> list[Mapping[str, Json]]:
    return [mapping_of(each) for each in list_of(group.get("rows"))]


def _by(group: Mapping[str, Json]) -> Mapping[str, Json]:
    return mapping_of(group.get("by"))


def _name(group: Mapping[str, Json]) -> str:
    others = group.get("others")
    if isinstance(others, int) and others:
        return f"{count(others)} others"
    return ", ".join(str(value or "not known") for value in _by(group).values()) or "all"


def _scalar(value: Json) -> Scalar:
    return value if isinstance(value, str | int | float | bool | None) else None
