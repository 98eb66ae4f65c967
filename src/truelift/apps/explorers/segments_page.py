"""The explorer of segments: for whom a metric is different."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

from truelift.apps.drawing.dots import Dot, DotGroup, Dots
from truelift.apps.drawing.forest import Interval
from truelift.apps.drawing.wording import Kind, Measure, count
from truelift.apps.explorers.answers import list_of, mapping_of, maybe, number_of, period_said
from truelift.apps.explorers.inputs import spoken
from truelift.apps.explorers.page import Asked, ExplorerPage, Figure
from truelift.apps.explorers.table import Column, Row, Scalar, Table, Unit, flat, table
from truelift.questions.document import Json
from truelift.stats.exact import wilson
from truelift.stats.summary import ProportionSummary


Z95: Final = 1.959964
FEWEST: Final = 100
"""People of a group before its level is drawn."""

CLEAR: Final = 3.0
"""A difference smaller than this many standard errors is not called one."""


def segments_page(asked: Asked) -> ExplorerPage:
    """Lay out a metric by dimensions for people."""
    answer = asked.answer
    metric = mapping_of(answer.get("metric"))
    name = spoken(str(metric.get("key", "")))
    total = mapping_of(answer.get("total"))
    cells = [mapping_of(each) for each in list_of(answer.get("rows"))]
    level = total.get("value")
    units = number_of(answer.get("units"))
    if not isinstance(level, int | float):
        return ExplorerPage(
            answer="Nobody came in this period." if not units else f"{name} has no value yet.",
            grounds="Choose a longer period, or another metric."
            if not units
            else f"{count(units)} people, whose time for the metric is not over.",
        )
    measure = measure_of(str(metric.get("kind")), asked.question, asked.currency)
    chart = Dots(
        groups=tuple(
            DotGroup(
                spoken(dimension),
                tuple(_dot(cell, total, dimension) for cell in _of(cells, dimension)),
            )
            for dimension in dict.fromkeys(str(cell.get("dimension")) for cell in cells)
        ),
        reference=float(level),
        measure=measure,
        label="Group",
        size="People",
        head=name,
    )
    return ExplorerPage(
        answer=f"{name} is",
        marked=measure.said(float(level)),
        rest=f" {period_said(asked.period)}.",
        grounds=chart.sentence,
        figures=(
            Figure(
                name="segments",
                kind="dots",
                chart=chart,
                sentence=chart.sentence,
                units=f"{name} of each group with its 95% interval; the line is everybody",
                source=f"{asked.period}. A person belongs to the value of their first event that"
                " has one. Filled and bold: further from all others than three standard errors;"
                " many groups are looked at, so a lone one may still be chance. This says for"
                f" whom, not because of what. Groups of fewer than"
                f" {count(number_of(answer.get('min_units')))} people stand together.",
            ),
        ),
        tables=(_table(cells, total, units, measure, asked),),
        rows=tuple(flat(cell) for cell in cells),
    )


def measure_of(kind: str, question: Mapping[str, Json], currency: str) -> Measure:
    """Say how a metric's level is written."""
    if kind == "proportion":
        return Measure(Kind.SHARE)
    metric = question.get("metric")
    amount = mapping_of(mapping_of(metric).get("amount"))
    named = isinstance(metric, str) and ("revenue" in metric or "value" in metric)
    money = amount.get("kind") == "money" or named
    return Measure(Kind.MONEY, currency) if money else Measure(Kind.NUMBER)


def spread_of(sample: Mapping[str, Json]) -> float | None:
    """Give the standard error of a level from its moments; None where there is none."""
    n = number_of(sample.get("n"))
    if n < 2 or sample.get("value") is None:
        return None
    m2 = number_of(sample.get("m2"))
    if "den_mean" not in sample:
        return math.sqrt(m2 / (n - 1) / n)
    below = number_of(sample.get("den_mean"))
    ratio = number_of(sample.get("value"))
    around = (
        m2 - 2 * ratio * number_of(sample.get("cross")) + ratio**2 * number_of(sample["den_m2"])
    )
    return math.sqrt(max(0.0, around) / (n - 1) / n) / below if below else None


def _dot(cell: Mapping[str, Json], total: Mapping[str, Json], dimension: str) -> Dot:
    label, size = _label(cell, dimension), count(number_of(cell.get("units")))
    value, spread = cell.get("value"), spread_of(cell)
    n = number_of(cell.get("n"))
    if not isinstance(value, int | float) or spread is None or n < FEWEST:
        return Dot(label, size, instead=f"{count(n)} of the {FEWEST} people needed")
    level = float(value)
    if "successes" in cell:
        sample = ProportionSummary(
            n=int(number_of(cell.get("n"))), successes=int(number_of(cell.get("successes")))
        )
        low, high = wilson(sample, alpha=0.05)
    else:
        low, high = level - Z95 * spread, level + Z95 * spread
    return Dot(label, size, Interval(level, low, high), clear=_clear(cell, total, spread))


def _clear(cell: Mapping[str, Json], total: Mapping[str, Json], spread: float) -> bool:
    """Say whether a group is apart from all others: everybody without the group itself."""
    n, of = number_of(cell.get("n")), number_of(total.get("n"))
    whole = spread_of(total)
    if whole is None or of <= n or n < 2:
        return False
    # The group is part of everybody: the gap to the others is wider by n_all / n_others.
    gap = (number_of(cell.get("value")) - number_of(total.get("value"))) * of / (of - n)
    around = math.sqrt(spread**2 + whole**2 * of / (of - n))
    return around > 0 and abs(gap) >= CLEAR * around


def _of(cells: Sequence[Mapping[str, Json]], dimension: str) -> list[Mapping[str, Json]]:
    return [cell for cell in cells if cell.get("dimension") == dimension]


def _label(cell: Mapping[str, Json], dimension: str) -> str:
    others = cell.get("others")
    if isinstance(others, int) and others:
        return f"{count(others)} others"
    return str(mapping_of(cell.get("by")).get(dimension) or "not known")


def _level_before(
    cell: Mapping[str, Json], before: Mapping[str, Json] | None, measure: Measure
) -> dict[str, Scalar]:
    """Write what a group's level was in the period before; nothing without a comparison."""
    if before is None:
        return {}
    found = mapping_of(before.get("total"))
    if "dimension" in cell:
        same = (mapping_of(each) for each in list_of(before.get("rows")))
        found = next(
            (
                each
                for each in same
                if each.get("by") == cell.get("by")
                and not each.get("others")
                and not cell.get("others")
            ),
            {},
        )
    value = maybe(found.get("value"))
    return {"before": None if value is None else measure.said(value)}


def _table(
    cells: Sequence[Mapping[str, Json]],
    total: Mapping[str, Json],
    units: float,
    measure: Measure,
    asked: Asked,
) -> Table:
    def row(cell: Mapping[str, Json]) -> dict[str, Scalar]:
        value, spread = cell.get("value"), spread_of(cell)
        level = measure.said(float(value)) if isinstance(value, int | float) else None
        return {
            **flat(cell),
            "value": level,
            **_level_before(cell, asked.before, measure),
            "spread": None if spread is None else measure.said(spread),
        }

    rows: list[Row] = []
    for cell in cells:
        dimension = str(cell.get("dimension"))
        rows.append({**row(cell), "name": f"{spoken(dimension)}: {_label(cell, dimension)}"})
    return table(
        "Every group with its numbers",
        [{**each, "others": None} for each in rows],
        head=Column("name", "Group", Unit.TEXT),
        columns=(
            Column("units", "People"),
            Column("share", "Share of all", Unit.SHARE),
            Column("n", "Whose time is over"),
            Column("immature", "Still open"),
            Column("value", "Level"),
            Column("spread", "Standard error"),
            Column("before", "Level before", nothing="none"),
        ),
        whole={**row(total), "units": int(units), "share": 1.0},
        currency=asked.currency,
        note="The groups of each dimension add up to everybody.",
    )
