"""The explorer of retention: who comes back, cohort by cohort, and what they are worth."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Final

from truelift.apps.drawing.heat import Cell, Heat, HeatRow, Shade
from truelift.apps.drawing.series import Line, Series
from truelift.apps.drawing.wording import Kind, Measure, count, percent, points, short_day
from truelift.apps.explorers.answers import event_said, list_of, mapping_of, maybe, number_of
from truelift.apps.explorers.page import Asked, ExplorerPage, Figure
from truelift.apps.explorers.table import Row, Scalar
from truelift.questions.document import Json


CLEAR: Final = 3.0
"""A difference smaller than this many standard errors is not shaded."""

FEWEST: Final = 100
"""People of a cohort below which no rate is shown."""

MOST_COLUMNS: Final = 13
"""Intervals shown beside each other; the file has all."""

OPEN_COLUMNS: Final = 3
"""Intervals shown beyond the last that is over for anybody."""

MOST_ROWS: Final = 60
"""Cohorts shown, the latest; the file has all."""

DAYS: Final = {"day": 1, "week": 7, "month": 31}
"""No interval is longer than this."""


def retention_page(asked: Asked) -> ExplorerPage:
    """Lay out retention for people: the curve over all cohorts, then the triangle."""
    curves = [mapping_of(each) for each in list_of(asked.answer.get("curves"))]
    cohorts = [mapping_of(each) for each in list_of(asked.answer.get("rows"))]
    semantics = mapping_of(asked.answer.get("semantics"))
    interval = str(semantics.get("interval", "week"))
    start, back = (event_said(asked.question.get(each)) for each in ("cohort", "return"))
    whole = curves[0] if curves else {}
    people = number_of(whole.get("people"))
    if not people:
        return ExplorerPage(
            answer=f"Nobody did {start} in this period.",
            grounds="Choose a longer period, or look at the ledger whether these events arrive.",
            rows=export_rows(cohorts),
        )
    cell = next((each for each in _cells(whole) if each.get("interval") == 1), {})
    rate = cell.get("rate")
    group = f" Largest group: {_group(whole)}." if _by(whole) else ""
    return ExplorerPage(
        answer=f"Of those who did {start},",
        marked=percent(number_of(rate)) if rate is not None else f"{count(people)}",
        rest=f" did {back} in the {interval} after."
        if rate is not None
        else f" are known; no {interval} after is over yet.",
        grounds=_grounds(whole, cell, interval) + group,
        figures=(
            *_curve(asked, curves, interval),
            *_value(asked, curves, interval),
            _triangle(asked, cohorts, curves, interval),
        ),
        rows=export_rows(cohorts),
    )


def export_rows(cohorts: Sequence[Mapping[str, Json]]) -> tuple[dict[str, Scalar], ...]:
    """Give one row per cohort and interval: what a file gets."""
    return tuple(
        {
            **_scalars(mapping_of(cohort.get("by"))),
            "cohort": _scalar(cohort.get("cohort")),
            "people": _scalar(cohort.get("people")),
            **_scalars(cell),
        }
        for cohort in cohorts
        for cell in _cells(cohort)
    )


def _curve(asked: Asked, curves: Sequence[Mapping[str, Json]], interval: str) -> tuple[Figure, ...]:
    chart = _series(
        curves, "rate", interval, Measure(Kind.SHARE), before=_before(asked.before, curves)
    )
    if chart is None:
        return ()
    return (
        Figure(
            name="curve",
            kind="series",
            chart=chart,
            sentence=_went(chart, interval),
            units=f"Share who come back, {interval} by {interval}; {interval} 0 is left out"
            + ("; dashed: the period before" if asked.before is not None else ""),
            source=f"{asked.period}. Only cohorts whose {interval} is over count in it.",
        ),
    )


def _went(chart: Series, interval: str) -> str:
    """Say how the curve falls; it has a number for its first interval."""
    values = chart.focus.values if chart.focus is not None else ()
    known = [(at, each) for at, each in zip(chart.days, values, strict=True) if each is not None]
    if len(known) < 2:
        return f"{chart.sentence[:1].upper()}{chart.sentence[1:]}"
    (first, high), (last, low) = known[0], known[-1]
    return f"{percent(high)} come back in {interval} {first}, {percent(low)} in {interval} {last}."


def _value(asked: Asked, curves: Sequence[Mapping[str, Json]], interval: str) -> tuple[Figure, ...]:
    amount = asked.question.get("amount")
    if not isinstance(amount, Mapping):
        return ()
    money = amount.get("kind") == "money"
    measure = Measure(Kind.MONEY, asked.currency) if money else Measure(Kind.NUMBER)
    chart = _series(
        curves,
        "cumulative_per_person",
        interval,
        measure,
        first=0,
        before=_before(asked.before, curves),
    )
    if chart is None:
        return ()
    return (
        Figure(
            name="value",
            kind="series",
            chart=chart,
            sentence=f"{chart.sentence[:1].upper()}{chart.sentence[1:]}",
            units=f"Worth of a person of the cohort, added up over {interval}s",
            source=f"{asked.period}. Only cohorts whose {interval} is over count in it, so the"
            " line may fall where young cohorts drop out.",
        ),
    )


def _series(
    curves: Sequence[Mapping[str, Json]],
    key: str,
    interval: str,
    measure: Measure,
    *,
    first: int = 1,
    before: Mapping[str, Json] | None = None,
) -> Series | None:
    shown = curves[:5]
    last = max(
        (
            int(number_of(cell.get("interval")))
            for curve in shown
            for cell in _cells(curve)
            if cell.get(key) is not None
        ),
        default=0,
    )
    at = tuple(range(first, last + 1))
    if len(at) < 2:
        return None
    lines = []
    if before is not None:
        earlier = _values(before, key, at)
        lines.append(Line("period before", earlier, meaning="quiet", dashed=True, named=True))
    for rank, curve in enumerate(shown):
        values = _values(curve, key, at)
        lines.append(Line(_group(curve) if len(shown) > 1 else "", values, focus=rank == 0))
    return Series(
        days=at,
        lines=tuple(lines),
        measure=measure,
        from_zero=True,
        day=lambda k: f"{interval} {k}",
        head=interval.capitalize(),
    )


def _values(curve: Mapping[str, Json], key: str, at: Sequence[int]) -> tuple[float | None, ...]:
    found = {int(number_of(cell.get("interval"))): cell.get(key) for cell in _cells(curve)}
    return tuple(maybe(found.get(k)) for k in at)


def _before(
    answer: Mapping[str, Json] | None, curves: Sequence[Mapping[str, Json]]
) -> Mapping[str, Json] | None:
    """Find the curve of the same group in the period before."""
    if answer is None or not curves:
        return None
    found = [mapping_of(each) for each in list_of(answer.get("curves"))]
    return next((each for each in found if _by(each) == _by(curves[0])), None)


def _triangle(
    asked: Asked,
    cohorts: Sequence[Mapping[str, Json]],
    curves: Sequence[Mapping[str, Json]],
    interval: str,
) -> Figure:
    whole = curves[0]
    pooled = {_group(curve): _pooled(curve) for curve in curves}
    known = [
        number_of(cell.get("interval"))
        for curve in curves
        for cell in _cells(curve)
        if cell.get("returned") is not None
    ]
    columns = [
        k
        for k in (int(number_of(cell.get("interval"))) for cell in _cells(whole))
        if k <= max(known, default=0) + OPEN_COLUMNS
    ][:MOST_COLUMNS]
    begun = next((at for at, each in enumerate(cohorts) if number_of(each.get("people"))), 0)
    shown = cohorts[begun:][-MOST_ROWS:]
    heat = Heat(
        rows=tuple(
            _row(cohort, columns, pooled.get(_group(cohort), {}), interval) for cohort in shown
        ),
        columns=tuple(f"{interval.capitalize()} {k}" for k in columns),
        label="Cohort",
        size="People",
        foot=None
        if _by(whole)
        else HeatRow(
            label="All",
            size=count(number_of(whole.get("people"))),
            cells=tuple(Cell(_rate_said(_pooled(whole).get(k))) for k in columns),
        ),
    )
    left = len(cohorts) - begun - len(shown)
    return Figure(
        name="cohorts",
        kind="heat",
        chart=heat,
        sentence=heat.sentence.replace("group", "cohort"),
        units="Share of each cohort who come back, and difference in points from the other cohorts",
        source=f"{asked.period}, {asked.zone.key} time. Hatched: the {interval} is not over for"
        f" everybody of the cohort; the date is that from which it is. Shaded only where the"
        f" difference is clearly more than noise (three standard errors). Cohorts with fewer than"
        f" {FEWEST} people have no rates."
        + (f" {count(left)} earlier cohorts are in the file only." if left > 0 else ""),
    )


def _pooled(curve: Mapping[str, Json]) -> dict[float, tuple[float, float]]:
    """Give who came back of how many, over all cohorts whose interval is over."""
    return {
        number_of(cell.get("interval")): (
            number_of(cell.get("returned")),
            number_of(cell.get("people")),
        )
        for cell in _cells(curve)
        if cell.get("returned") is not None
    }


def _rate_said(found: tuple[float, float] | None) -> str:
    return percent(found[0] / found[1]) if found is not None and found[1] else ""


def _row(
    cohort: Mapping[str, Json],
    columns: Sequence[int],
    pooled: Mapping[float, tuple[float, float]],
    interval: str,
) -> HeatRow:
    people = number_of(cohort.get("people"))
    day = date.fromisoformat(str(cohort.get("cohort")))
    label = short_day(day) + (f", {_group(cohort)}" if _by(cohort) else "")
    if not cohort.get("complete"):
        label += ", still filling"
    if people < FEWEST:
        said = f"{count(people)} of the {FEWEST} people needed"
        return HeatRow(label=label, size=count(people), too_few=said)
    cells = {int(number_of(cell.get("interval"))): cell for cell in _cells(cohort)}
    return HeatRow(
        label=label,
        size=count(people),
        cells=tuple(_cell(cells.get(k, {}), k, day, people, pooled, interval) for k in columns),
    )


def _cell(
    cell: Mapping[str, Json],
    k: int,
    day: date,
    people: float,
    pooled: Mapping[float, tuple[float, float]],
    interval: str,
) -> Cell:
    if cell.get("returned") is None:
        return Cell(f"from {short_day(over(day, k, interval))}", immature=True)
    here = number_of(cell.get("returned")) / people
    returned, of = pooled.get(k, (0.0, 0.0))
    others, of_others = returned - number_of(cell.get("returned")), of - people
    if of_others <= 0 or not 0 <= others <= of_others:
        return Cell(percent(here))
    there = others / of_others
    spread = math.sqrt(returned / of * (1 - returned / of) * (1 / people + 1 / of_others))
    gap = here - there
    clear = spread > 0 and abs(gap) >= CLEAR * spread
    strength = 3 if abs(gap) > 0.08 else 2 if abs(gap) > 0.02 else 1
    return Cell(
        percent(here),
        points(gap),
        Shade(strength if gap > 0 else -strength) if clear else Shade.NONE,
    )


def over(day: date, k: int, interval: str) -> date:
    """Give the day from which an interval of a cohort is over."""
    if interval != "month":
        return day + timedelta(days=DAYS.get(interval, 7) * (k + 1))
    months = day.year * 12 + day.month - 1 + k + 1
    return date(months // 12, months % 12 + 1, 1)


def _grounds(whole: Mapping[str, Json], cell: Mapping[str, Json], interval: str) -> str:
    people = count(number_of(whole.get("people")))
    if cell.get("rate") is None:
        return f"{people} people; the first {interval} after is not over for anybody yet."
    return (
        f"{people} people in all; {count(number_of(cell.get('people')))} of them in cohorts whose"
        f" next {interval} is over, and {count(number_of(cell.get('returned')))} came back in it."
    )


def _cells(found: Mapping[str, Json]) -> list[Mapping[str, Json]]:
    return [mapping_of(each) for each in list_of(found.get("cells"))]


def _by(found: Mapping[str, Json]) -> Mapping[str, Json]:
    return mapping_of(found.get("by"))


def _group(found: Mapping[str, Json]) -> str:
    others = found.get("others")
    if isinstance(others, int) and others:
        return f"{count(others)} others"
    return ", ".join(str(value or "not known") for value in _by(found).values()) or "all"


def _scalar(value: Json) -> Scalar:
    return value if isinstance(value, str | int | float | bool | None) else None


def _scalars(found: Mapping[str, Json]) -> Row:
    return {name: _scalar(value) for name, value in found.items()}
