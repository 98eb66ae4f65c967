"""The explorer of metrics: what a metric was, since when, and where its definition changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from truelift.apps.drawing.series import Band, Line
from truelift.apps.drawing.wording import Kind, Measure, count, day, money, number, percent
from truelift.apps.explorers.answers import list_of, mapping_of, maybe, number_of, period_said
from truelift.apps.explorers.page import Asked, ExplorerPage, Figure, Happening
from truelift.apps.explorers.table import Column, Row, Table, Unit, rows_of, table
from truelift.apps.explorers.timeline import Timeline, column, series
from truelift.questions.document import Json
from truelift.stats.exact import wilson
from truelift.stats.summary import ProportionSummary


ALPHA: Final = 0.05
NUMBERS: Final = ("value", "numerator", "denominator", "immature")
EVERY: Final = {"day": "a day", "week": "a week"}
_UNITS: Final[Mapping[str, tuple[Unit, Kind]]] = {
    "share": (Unit.SHARE, Kind.SHARE),
    "money": (Unit.MONEY, Kind.MONEY),
    "number": (Unit.NUMBER, Kind.NUMBER),
}


def metric_page(asked: Asked) -> ExplorerPage:
    """Lay out a metric for people: its value, the line with its changes, the rows."""
    metric = mapping_of(asked.answer.get("metric"))
    title = str(metric.get("title", ""))
    unit, kind = _UNITS.get(str(metric.get("unit")), (Unit.NUMBER, Kind.NUMBER))
    rows = rows_of(asked.answer)
    interval = str(asked.answer.get("interval", "day"))
    timeline = Timeline.of(
        column(rows, "begins"), interval=interval, zone=asked.zone, now=asked.now
    )
    breaks = tuple(_Change.of(mapping_of(each), asked) for each in breaks_of(asked.answer))
    drawn = series(
        timeline,
        _lines(rows, asked, timeline),
        measure=Measure(kind, asked.currency),
        happened=(*asked.notes, *(each.happening(title) for each in breaks)),
        band=_band(rows, timeline) if unit is Unit.SHARE else None,
    )
    value = maybe(asked.answer.get("value"))
    version = metric.get("version")
    which = f", version {version}" if version is not None else ""
    tables = [
        _table(f"{title}, {interval} by {interval}", rows, asked, timeline, unit),
        *([_changes(title, breaks, asked)] if breaks else []),
    ]
    when = "over all time" if asked.period == "all time" else period_said(asked.period)
    return ExplorerPage(
        answer=f"{title} was" if value is not None else f"{title} is not known {when}.",
        marked="" if value is None else _said(value, unit, asked.currency),
        rest="" if value is None else f" {when}.",
        grounds=_grounds(metric, asked, unit, breaks),
        figures=(
            (
                Figure(
                    name="metric",
                    kind="series",
                    chart=drawn,
                    sentence=f"{drawn.sentence[:1].upper()}{drawn.sentence[1:]}",
                    units=_units(title, interval, asked, unit),
                    source=_source(asked, timeline, breaks, which),
                    timed=True,
                ),
            )
            if drawn is not None
            else ()
        ),
        tables=tuple(tables),
        rows=rows,
    )


def breaks_of(answer: Mapping[str, Json]) -> Sequence[Json]:
    """Give the changes of a metric's definition that an answer names."""
    return list_of(answer.get("breaks"))


@dataclass(frozen=True, slots=True)
class _Change:
    """A change of the metric's definition, as people read it."""

    at: datetime
    before: int
    after: int

    @classmethod
    def of(cls, found: Mapping[str, Json], asked: Asked) -> _Change:
        return cls(
            at=datetime.fromisoformat(str(found.get("at"))).astimezone(asked.zone),
            before=int(number_of(found.get("from_version"))),
            after=int(number_of(found.get("to_version"))),
        )

    @property
    def versions(self) -> str:
        return f"version {self.before} became {self.after}"

    def happening(self, title: str) -> Happening:
        return Happening(self.at, "metric", f"{title}: {self.versions}")


def _lines(rows: Sequence[Row], asked: Asked, timeline: Timeline) -> tuple[Line, ...]:
    line = Line("", timeline.cut(column(rows, "value")), focus=True)
    if asked.before is None:
        return (line,)
    earlier = [maybe(each) for each in column(rows_of(asked.before), "value")]
    earlier += [None] * max(0, len(rows) - len(earlier))
    before = tuple(earlier[: len(rows)])
    return (Line("period before", before, meaning="quiet", dashed=True, named=True), line)


def _band(rows: Sequence[Row], timeline: Timeline) -> Band | None:
    """Say between what a share likely lies, where it is one of people."""
    found = [_interval(row) if at < timeline.whole else None for at, row in enumerate(rows)]
    if not any(found):
        return None
    return Band(
        low=tuple(each and each[0] for each in found),
        high=tuple(each and each[1] for each in found),
    )


def _interval(row: Row) -> tuple[float, float] | None:
    above, below = number_of(row.get("numerator")), number_of(row.get("denominator"))
    if not below or not 0 <= above <= below or below != number_of(row.get("n")):
        return None
    return wilson(ProportionSummary(n=int(below), successes=int(above)), alpha=ALPHA)


def _said(value: float, unit: Unit, currency: str) -> str:
    match unit:
        case Unit.SHARE:
            return percent(value)
        case Unit.MONEY:
            return money(value, currency)
        case _:
            return number(value)


def _grounds(
    metric: Mapping[str, Json], asked: Asked, unit: Unit, breaks: Sequence[_Change]
) -> str:
    above, below = (
        number_of(asked.answer.get("numerator")),
        number_of(asked.answer.get("denominator")),
    )
    parts = [f"{text}." for text in (str(metric.get("formula") or "").rstrip("."),) if text]
    if below:
        top = money(above, asked.currency) if unit is Unit.MONEY else number(above, digits=0)
        parts.append(f"{top} {'of' if unit is Unit.SHARE else 'by'} {count(below)}.")
    if open_ := number_of(asked.answer.get("immature")):
        parts.append(f"{count(open_)} still have time and are not counted.")
    if asked.before is not None:
        value = maybe(asked.before.get("value"))
        said = "not known" if value is None else _said(value, unit, asked.currency)
        parts.append(f"In the period before: {said}.")
    if breaks:
        changed = "once" if len(breaks) == 1 else f"{len(breaks)} times"
        parts.append(
            f"Its definition changed {changed} in this time; all of it is counted by version"
            f" {metric.get('version')}."
        )
    return " ".join(parts)


def _units(title: str, interval: str, asked: Asked, unit: Unit) -> str:
    said = f"{title} {EVERY.get(interval, 'an interval')}"
    if unit is Unit.SHARE:
        said += "; band: likely between (95%)"
    return f"{said}; dashed: the period before" if asked.before is not None else said


def _source(asked: Asked, timeline: Timeline, breaks: Sequence[_Change], which: str) -> str:
    said = (
        f"People, without bots and internal traffic{which}; {asked.period}, {asked.zone.key} time."
    )
    if len(timeline.begins) > timeline.whole:
        said += f" The last {timeline.interval} is not over and is not drawn; the table has it."
    for each in breaks:
        said += f" On {day(each.at.date())} {each.versions}: who read it then saw another number."
    return said


def _table(title: str, rows: Sequence[Row], asked: Asked, timeline: Timeline, unit: Unit) -> Table:
    amount = unit if unit is Unit.MONEY else Unit.COUNT
    named = [timeline.written(each) for each in timeline.days]
    shown = [
        {**row, "begins": f"{name}, so far" if at >= timeline.whole else name}
        for at, (row, name) in enumerate(zip(rows, named, strict=True))
    ]
    return table(
        title,
        shown,
        head=Column("begins", timeline.interval.capitalize(), Unit.TEXT),
        columns=(
            Column("value", "Value", unit, nothing="not known"),
            Column("numerator", "Above", amount),
            Column("denominator", "Below"),
            Column("immature", "Still open"),
        ),
        whole={
            name: maybe(asked.answer.get(name))
            for name in ("value", "numerator", "denominator", "immature")
        },
        currency=asked.currency,
        note="The value is what stands above, by what stands below.",
    )


def _changes(title: str, breaks: Sequence[_Change], asked: Asked) -> Table:
    return table(
        f"Where the definition of {title} changed",
        [
            {
                "at": f"{day(each.at.date())}, {each.at:%H:%M}",
                "before": f"version {each.before}",
                "after": f"version {each.after}",
            }
            for each in breaks
        ],
        head=Column("at", "Changed", Unit.TEXT),
        columns=(
            Column("before", "From", Unit.TEXT),
            Column("after", "To", Unit.TEXT),
        ),
        currency=asked.currency,
        note="Every number above is counted by one version, the one that the page names.",
    )
