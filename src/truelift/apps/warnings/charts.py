"""The charts behind warnings, as documents: what a night saw can be drawn years later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

from truelift.apps.drawing.bars import Bar, Bars
from truelift.apps.drawing.series import Line, Note, Series
from truelift.apps.drawing.wording import Kind, Measure


WEEKS: Final = "weeks"
BARS: Final = "bars"


def weeks_chart(
    days: Sequence[date],
    lines: Mapping[str, Sequence[float | None]],
    *,
    heading: str,
    measure: Kind = Kind.LIFT,
    focus: str = "",
) -> dict[str, object]:
    """Write lines over weeks.

    Args:
        days: The first day of each week.
        lines: By their names.
        heading: What is drawn, with its unit.
        measure: What the numbers are.
        focus: The line that the warning is about.
    """
    return {
        "form": WEEKS,
        "heading": heading,
        "measure": measure.value,
        "days": [each.isoformat() for each in days],
        "lines": [
            {"label": label, "values": list(values), "focus": label == focus}
            for label, values in lines.items()
        ],
    }


def bars_chart(
    bars: Sequence[Mapping[str, object]],
    *,
    heading: str,
    label: str,
    head: str,
    measure: Kind = Kind.COUNT,
) -> dict[str, object]:
    """Write bars from zero.

    Args:
        bars: Each with `label` and `value`, and `detail`, `focus` and `limit` where it has them.
        heading: What is drawn, with its unit.
        label: Head of the column of names.
        head: Head of the column of values.
        measure: What the numbers are.
    """
    return {
        "form": BARS,
        "heading": heading,
        "label": label,
        "head": head,
        "measure": measure.value,
        "bars": [dict(each) for each in bars],
    }


def drawn(chart: object, *, notes: Sequence[Note] = ()) -> Series | Bars | None:
    """Read a chart for drawing; None where there is none, or it is of a form that is not known."""
    if not isinstance(chart, Mapping):
        return None
    if chart.get("form") == WEEKS:
        measure = Measure(Kind(str(chart["measure"])))
        return Series(
            days=tuple(date.fromisoformat(each) for each in chart["days"]),
            lines=tuple(
                Line(str(each["label"]), tuple(each["values"]), focus=bool(each["focus"]))
                for each in chart["lines"]
            ),
            measure=measure,
            notes=tuple(notes),
            head="Week of",
        )
    if chart.get("form") == BARS and chart["bars"]:
        return Bars(
            tuple(
                Bar(
                    str(each["label"]),
                    float(each["value"]),
                    detail=str(each.get("detail", "")),
                    focus=bool(each.get("focus")),
                    before=each.get("limit"),
                )
                for each in chart["bars"]
            ),
            Measure(Kind(str(chart["measure"]))),
            str(chart["label"]),
            str(chart["head"]),
        )
    return None
