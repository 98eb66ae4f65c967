"""The explorer of web vitals: whether pages are fast enough, and which are not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from truelift.apps.drawing.bars import Bar, Bars
from truelift.apps.drawing.forest import Interval
from truelift.apps.drawing.series import Line
from truelift.apps.drawing.wording import Kind, Measure, count, number, percent
from truelift.apps.explorers.answers import mapping_of, maybe, number_of, period_said
from truelift.apps.explorers.keyed import NAME, beside_before, keys_of, named_rows, said, views_said
from truelift.apps.explorers.page import Asked, ExplorerPage, Figure
from truelift.apps.explorers.sessions_page import MOST_BARS
from truelift.apps.explorers.table import Column, Row, Scalar, Unit, flat, rows_of, table
from truelift.apps.explorers.timeline import Timeline, column, series
from truelift.questions.document import Json


CORE: Final = ("lcp", "inp", "cls")
VITALS: Final = (*CORE, "fcp", "ttfb")

MEANINGS: Final[Mapping[str, str]] = {
    "lcp": "until the main content shows",
    "inp": "until the page answers",
    "cls": "how much the page shifts",
}

SEMANTICS: Final = (
    "75 of 100 page views do not exceed the value; a page view has the last reading that was"
    " sent of it."
)

COLUMNS: Final = (
    Column("page_views", "Page views"),
    Column("verdict", "Core web vitals", Unit.TEXT),
    Column("lcp.ms", "LCP, ms", nothing="not sent"),
    Column("lcp.good", "LCP good", Unit.SHARE, nothing="not sent"),
    Column("inp.ms", "INP, ms", nothing="not sent"),
    Column("inp.good", "INP good", Unit.SHARE, nothing="not sent"),
    Column("cls.p75", "CLS", Unit.NUMBER, nothing="not sent"),
    Column("cls.good", "CLS good", Unit.SHARE, nothing="not sent"),
    Column("fcp.ms", "FCP, ms", nothing="not sent"),
    Column("ttfb.ms", "TTFB, ms", nothing="not sent"),
    Column("before.lcp.ms", "LCP before, ms", nothing="none"),
    Column("before.inp.ms", "INP before, ms", nothing="none"),
    Column("before.cls.p75", "CLS before", Unit.NUMBER, nothing="none"),
)
"""What a table of vitals shows; the file has everything."""


def vitals_page(asked: Asked) -> ExplorerPage:
    """Lay out web vitals for people: the verdict, a drawing for each core vital, the rows."""
    whole = mapping_of(asked.answer.get("whole"))
    keys = keys_of(asked.answer)
    shown = [
        _judged(row) for row in beside_before(named_rows(asked.answer, keys), asked.before, keys)
    ]
    if not number_of(whole.get("page_views")):
        return ExplorerPage(
            answer="No page view sent its web vitals in this period.",
            grounds="Send them as events called web_vitals with lcp, inp and cls as properties;"
            " the web-vitals library measures them.",
        )
    answer, marked, rest = _verdict(whole, asked.period)
    return ExplorerPage(
        answer=answer,
        marked=marked,
        rest=rest,
        grounds=_grounds(whole),
        figures=_over_time(asked, shown) if keys == ("day",) else _by_group(asked, shown, keys),
        tables=(
            table(
                f"Web vitals by {said(keys)}",
                shown,
                head=Column(NAME, said(keys).capitalize(), Unit.TEXT),
                columns=COLUMNS,
                whole=_judged(flat(whole)),
                currency=asked.currency,
                note="A percentile of all is that of all page views, not a mean of the rows.",
            ),
        ),
        rows=rows_of(asked.answer),
    )


def _judged(row: Row) -> dict[str, Scalar]:
    words = {True: "good", False: "not all good", None: "not known"}
    passes = row.get("passes")
    milliseconds: dict[str, Scalar] = {}
    for name in (f"{when}{vital}" for when in ("", "before.") for vital in VITALS):
        value = row.get(f"{name}.p75")
        if f"{name}.p75" in row and not name.endswith("cls"):
            milliseconds[f"{name}.ms"] = round(value) if isinstance(value, float | int) else None
    return {**row, **milliseconds, "verdict": words[passes if isinstance(passes, bool) else None]}


def _verdict(whole: Mapping[str, Json], period: str) -> tuple[str, str, str]:
    """Say in one sentence whether pages are fast enough."""
    ratings = {vital: mapping_of(whole.get(vital)).get("rating") for vital in CORE}
    bad = [vital for vital, rating in ratings.items() if rating not in {"good", None}]
    if bad:
        named = " and ".join(_value(whole, vital) for vital in bad)
        poor = any(ratings[vital] == "poor" for vital in bad)
        rest = f" at the 75th percentile {period_said(period)}: "
        rest += "poor" if poor else "in need of improvement"
        return "Pages are not good enough at", named, f"{rest}."
    good = [vital for vital, rating in ratings.items() if rating == "good"]
    if not good:
        rest = f" {period_said(period)}, none of them of LCP, INP or CLS."
        return "Readings came with", views_said(number_of(whole.get("page_views"))), rest
    named = ", ".join(_value(whole, vital) for vital in good)
    missing = [vital.upper() for vital in CORE if ratings[vital] is None]
    rest = f" at the 75th percentile {period_said(period)}."
    if missing:
        rest += f" Of {' and '.join(missing)} nothing was sent."
    return "Pages are good at", named, rest


def _value(whole: Mapping[str, Json], vital: str) -> str:
    return f"{vital.upper()} {_said(vital, number_of(mapping_of(whole.get(vital)).get('p75')))}"


def _said(vital: str, value: float) -> str:
    return number(value, digits=2) if vital == "cls" else f"{number(value, digits=0)} ms"


def _grounds(whole: Mapping[str, Json]) -> str:
    parts = []
    for vital in VITALS:
        found = mapping_of(whole.get(vital))
        good = maybe(found.get("good"))
        if good is not None:
            parts.append(f"{vital.upper()} of {percent(good)}")
    views = views_said(number_of(whole.get("page_views")))
    return f"{views}; good: {', '.join(parts)}." if parts else f"{views}."


def _by_group(asked: Asked, rows: Sequence[Row], keys: Sequence[str]) -> tuple[Figure, ...]:
    return tuple(
        figure for vital in CORE if (figure := _bars(asked, rows, keys, vital)) is not None
    )


def _bars(asked: Asked, rows: Sequence[Row], keys: Sequence[str], vital: str) -> Figure | None:
    """Draw one vital of the largest groups, the slowest first."""
    there = [row for row in rows if not row.get("others") and row.get(f"{vital}.p75") is not None][
        :MOST_BARS
    ]
    if not there:
        return None
    there.sort(key=lambda row: -number_of(row.get(f"{vital}.p75")))
    chart = Bars(
        bars=tuple(
            Bar(
                label=str(row[NAME]),
                value=number_of(row.get(f"{vital}.p75")),
                interval=_interval(row, vital),
                detail=f"{percent(number_of(row.get(f'{vital}.good')))} good,"
                f" {count(number_of(row.get(f'{vital}.n')))} readings",
                focus=at == 0,
                before=maybe(row.get(f"before.{vital}.p75")),
            )
            for at, row in enumerate(there)
        ),
        measure=Measure(Kind.NUMBER),
        label=said(keys).capitalize(),
        head=vital.upper(),
    )
    slowest, others = there[0], chart.bars[1:]
    rating = str(slowest.get(f"{vital}.rating") or "").replace("_", " ")
    value = _said(vital, number_of(slowest.get(f"{vital}.p75")))
    sentence = f"{vital.upper()} is highest for “{slowest[NAME]}”: {value}, {rating}."
    if others and not _apart(chart.bars[0], others[-1]):
        sentence = (
            f"The data cannot tell for which {vital.upper()} is highest: the intervals overlap."
            f" The highest is {value}, {rating}."
        )
    unit = "" if vital == "cls" else ", milliseconds"
    return Figure(
        name=vital,
        kind="bars",
        chart=chart,
        sentence=sentence,
        units=f"{vital.upper()} at the 75th percentile{unit}, {MEANINGS[vital]}; line: 95% interval"
        + ("; tick: the period before" if asked.before is not None else ""),
        source=f"{asked.period}. The {len(there)} largest rows. {SEMANTICS}"
        f" {_limits(asked, vital)}",
    )


def _apart(high: Bar, low: Bar) -> bool:
    """Say whether two bars are known to differ."""
    if high.interval is None or low.interval is None:
        return False
    return high.interval.low > low.interval.high


def _interval(row: Row, vital: str) -> Interval | None:
    low, high = maybe(row.get(f"{vital}.low")), maybe(row.get(f"{vital}.high"))
    value = number_of(row.get(f"{vital}.p75"))
    return None if low is None or high is None else Interval(value, low, high)


def _limits(asked: Asked, vital: str) -> str:
    limits = mapping_of(mapping_of(asked.answer.get("limits")).get(vital))
    good, poor = (_said(vital, number_of(limits.get(name))) for name in ("good", "poor_above"))
    resolution = mapping_of(asked.answer.get("semantics")).get("resolution")
    return f"Good up to {good}, poor above {poor}. Readings in steps of {resolution}."


def _over_time(asked: Asked, rows: Sequence[Row]) -> tuple[Figure, ...]:
    timeline = Timeline.of(column(rows, "day"), interval="day", zone=asked.zone, now=asked.now)
    figures = []
    for vital in CORE:
        values = column(rows, f"{vital}.p75")
        line = Line("", timeline.cut(values), focus=True)
        chart = series(timeline, [line], measure=Measure(Kind.NUMBER), happened=asked.notes)
        if chart is None or all(value is None for value in values):
            continue
        unit = "" if vital == "cls" else ", milliseconds"
        figures.append(
            Figure(
                name=vital,
                kind="series",
                chart=chart,
                sentence=f"{vital.upper()}: {chart.sentence}",
                units=f"{vital.upper()} at the 75th percentile of a day{unit}, {MEANINGS[vital]}",
                source=f"{asked.period}, {asked.zone.key} time. {SEMANTICS}"
                f" {_limits(asked, vital)} A day that is not over is not drawn.",
                timed=True,
            )
        )
    return tuple(figures)
