"""The explorer of trends: how often, since when, and against the period before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from truelift.apps.drawing.series import Line
from truelift.apps.drawing.wording import Kind, Measure, amount, count, rough_money
from truelift.apps.drawing.wording import number as number_said
from truelift.apps.explorers.answers import event_said, mapping_of, number_of, period_said
from truelift.apps.explorers.page import Asked, ExplorerPage, Figure
from truelift.apps.explorers.table import Column, Row, Scalar, Table, Unit, rows_of, table
from truelift.apps.explorers.timeline import Timeline, change_said, column, series
from truelift.questions.document import Json


ADVERBS: Final = {"hour": "an hour", "day": "a day", "week": "a week"}


def trend_page(asked: Asked) -> ExplorerPage:
    """Lay out a trend for people."""
    rows = rows_of(asked.answer)
    whole = mapping_of(asked.answer.get("whole"))
    interval = str(asked.answer.get("interval", "day"))
    name = event_said(asked.question.get("event"))
    money = _is_money(asked.question.get("amount"))
    key = "sum" if "sum" in whole else "count"
    measure = _measure(key, money=money, currency=asked.currency)
    timeline = Timeline.of(
        column(rows, "begins"), interval=interval, zone=asked.zone, now=asked.now
    )
    over = asked.question.get("moving_average")
    lines = _lines(rows, key, timeline, over=over if isinstance(over, int) else None)
    drawn = series(timeline, lines, measure=measure, happened=asked.notes)
    compared = asked.question.get("against") is not None
    change = _change(rows, key, timeline) if compared else ""
    figures = (
        (
            Figure(
                name="trend",
                kind="series",
                chart=drawn,
                sentence=_sentence(drawn.sentence if rows else "", change),
                units=_units(name, key, interval, over, compared=compared),
                source=_source(asked, timeline, filled=bool(asked.answer.get("filled"))),
                timed=True,
            ),
        )
        if drawn is not None
        else ()
    )
    said, marked, rest = _answer(name, whole, money=money, asked=asked)
    return ExplorerPage(
        answer=said,
        marked=marked,
        rest=rest,
        grounds=_grounds(whole, change, compared=compared),
        figures=figures,
        tables=(
            _table(
                f"{name}, {interval} by {interval}", rows, whole, timeline, money=money, asked=asked
            ),
        ),
        rows=rows,
    )


def _lines(
    rows: Sequence[Row], key: str, timeline: Timeline, *, over: int | None
) -> tuple[Line, ...]:
    lines = []
    name = {"count": "events", "sum": "sum"}[key]
    if any(f"before.{key}" in row for row in rows):
        before = tuple(
            float(value) if isinstance(value, int | float) else None
            for value in column(rows, f"before.{key}")
        )
        lines.append(Line("period before", before, meaning="quiet", dashed=True, named=True))
    plain = timeline.cut(column(rows, key))
    if over is None:
        return (*lines, Line("", plain, focus=True))
    unit = {"hour": "hours", "day": "days", "week": "weeks"}[timeline.interval]
    average = timeline.cut(column(rows, f"average.{key}"))
    return (*lines, Line(name, plain), Line(f"mean of {over} {unit}", average, focus=True))


def _measure(key: str, *, money: bool, currency: str) -> Measure:
    if key == "count":
        return Measure(Kind.COUNT)
    return Measure(Kind.MONEY, currency) if money else Measure(Kind.NUMBER)


def _answer(
    name: str, whole: Mapping[str, Json], *, money: bool, asked: Asked
) -> tuple[str, str, str]:
    times = number_of(whole.get("count"))
    if not times:
        return (f"{name} did not happen in this period.", "", "")
    when = period_said(asked.period)
    if "sum" in whole:
        total = number_of(whole.get("sum"))
        said = rough_money(total, asked.currency) if money else number_said(total)
        return (f"{name} came to", said, f" {when}.")
    said = "once" if times == 1 else f"{count(times)} times"
    return (f"{name} happened", said, f" {when}.")


def _grounds(whole: Mapping[str, Json], change: str, *, compared: bool) -> str:
    people = number_of(whole.get("people"))
    if not people:
        return "Choose a longer period, or look at the ledger whether these events arrive."
    who = "1 person" if people == 1 else f"{count(people)} people"
    times = number_of(whole.get("count"))
    said = f"{who}, {amount(times, 'event')}."
    if compared:
        said += f" Against the period before, over days that are over: {change}."
    return said


def _change(rows: Sequence[Row], key: str, timeline: Timeline) -> str:
    done = rows[: timeline.whole]
    return change_said(column(done, key), column(done, f"before.{key}"))


def _sentence(went: str, change: str) -> str:
    went = f"{went[:1].upper()}{went[1:]}"
    return f"{went.rstrip('.')}; {change} against the period before." if change else went


def _units(name: str, key: str, interval: str, over: Scalar | Json, *, compared: bool) -> str:
    what = "sum of its amounts" if key == "sum" else "events"
    said = f"{name}: {what} {ADVERBS[interval]}"
    if isinstance(over, int):
        said += f"; dark: mean of the last {over}, pale: each {interval}"
    return f"{said}; dashed: the period before" if compared else said


def _source(asked: Asked, timeline: Timeline, *, filled: bool) -> str:
    open_ = len(timeline.begins) - timeline.whole
    said = f"People, without bots and internal traffic; {asked.period}, {asked.zone.key} time."
    if open_:
        said += f" The last {timeline.interval} is not over and is not drawn; the table has it."
    if not filled:
        said += " The events lie so far apart that empty intervals are left out."
    return f"{said} A change smaller than three standard errors of the pairs is not called one."


def _table(
    title: str,
    rows: Sequence[Row],
    whole: Mapping[str, Json],
    timeline: Timeline,
    *,
    money: bool,
    asked: Asked,
) -> Table:
    amount = Unit.MONEY if money else Unit.NUMBER
    columns = (
        Column("count", "Events"),
        Column("people", "People"),
        Column("sum", "Sum", amount),
        Column("mean", "Mean", amount),
        Column("average.count", "Moving average", Unit.NUMBER, nothing="too early"),
        Column("average.sum", "Moving average of the sum", amount, nothing="too early"),
        Column("before.count", "Events before", nothing="none"),
        Column("before.people", "People before", nothing="none"),
        Column("before.sum", "Sum before", amount, nothing="none"),
    )
    said = [timeline.written(day) for day in timeline.days]
    shown: list[dict[str, Scalar]] = [
        {**row, "begins": f"{day}, so far" if at >= timeline.whole else day}
        for at, (row, day) in enumerate(zip(rows, said, strict=True))
    ]
    before = mapping_of(mapping_of(asked.answer.get("before")).get("whole"))
    together: dict[str, Scalar] = {
        name: value for name, value in whole.items() if isinstance(value, int | float | None)
    }
    together |= {
        f"before.{name}": value
        for name, value in before.items()
        if isinstance(value, int | float | None)
    }
    return table(
        title,
        shown,
        head=Column("begins", timeline.interval.capitalize(), Unit.TEXT),
        columns=columns,
        whole=together,
        currency=asked.currency,
        note="A person who comes in several intervals counts once in all.",
    )


def _is_money(amount: Json) -> bool:
    return isinstance(amount, Mapping) and amount.get("kind") == "money"
