"""The explorers of channels and of landing pages: what brings sessions, and what they are worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from truelift.apps.drawing.bars import Bar, Bars
from truelift.apps.drawing.forest import Interval
from truelift.apps.drawing.wording import Kind, Measure, count, percent, rough_money
from truelift.apps.explorers.answers import mapping_of, maybe, number_of, period_said
from truelift.apps.explorers.page import Asked, ExplorerPage, Figure
from truelift.apps.explorers.sessions_page import COLUMNS, MOST_BARS, SEMANTICS
from truelift.apps.explorers.table import Column, Row, Scalar, Unit, rows_of, table
from truelift.questions.document import Json
from truelift.stats.exact import wilson
from truelift.stats.summary import ProportionSummary


FEWEST: Final = 100
"""Sessions that a group has before its rate is drawn."""


def channels_page(asked: Asked) -> ExplorerPage:
    """Lay out channels for people."""
    return _page(asked, noun="channel", unknown="not known")


def landing_pages_page(asked: Asked) -> ExplorerPage:
    """Lay out landing pages for people."""
    return _page(asked, noun="landing page", unknown="no page")


def _page(asked: Asked, *, noun: str, unknown: str) -> ExplorerPage:
    rows = rows_of(asked.answer)
    names = _names(asked.answer)
    whole = mapping_of(asked.answer.get("whole"))
    shown = _beside(_named(rows, names, unknown), asked.before, names, unknown)
    top = next((row for row in shown if not row.get("others")), None)
    sessions = number_of(whole.get("sessions"))
    return ExplorerPage(
        answer=f"Most sessions come by “{top['name']}”:" if top and sessions else _nobody(),
        marked=f"{percent(number_of(top.get('sessions')) / sessions)}" if top and sessions else "",
        rest=f" of {count(sessions)} {period_said(asked.period)}." if top and sessions else "",
        grounds=_grounds(whole, asked.currency),
        figures=(
            _sessions(asked, shown, noun),
            *((_rates(shown, noun),) if _large(shown) else ()),
        )
        if top
        else (),
        tables=(
            table(
                f"Sessions by {noun}",
                shown,
                head=Column("name", noun[:1].upper() + noun[1:], Unit.TEXT),
                columns=COLUMNS,
                whole={
                    name: value
                    for name, value in whole.items()
                    if isinstance(value, int | float | None)
                },
                currency=asked.currency,
                note="A person with sessions in several rows counts once in all.",
            ),
        ),
        rows=rows,
    )


def _sessions(asked: Asked, rows: Sequence[Row], noun: str) -> Figure:
    named = [row for row in rows if not row.get("others")][:MOST_BARS]
    chart = Bars(
        bars=tuple(
            Bar(
                label=str(row["name"]),
                value=number_of(row.get("sessions")),
                detail=_worth(row, asked.currency),
                focus=at == 0,
                before=maybe(row.get("before.sessions")),
            )
            for at, row in enumerate(named)
        ),
        measure=Measure(Kind.COUNT),
        label=noun[:1].upper() + noun[1:],
        head="Sessions",
    )
    left = len(rows) - len(named)
    return Figure(
        name="sessions",
        kind="bars",
        chart=chart,
        sentence=chart.sentence,
        units=f"Sessions by {noun}, from zero"
        + ("; tick: the period before" if asked.before is not None else ""),
        source=f"{asked.period}. {SEMANTICS}"
        + (f" {count(left)} smaller rows are in the table only." if left > 0 else ""),
    )


def _large(rows: Sequence[Row]) -> list[Row]:
    return [
        row for row in rows if not row.get("others") and number_of(row.get("sessions")) >= FEWEST
    ][:MOST_BARS]


def _rates(rows: Sequence[Row], noun: str) -> Figure:
    bars = []
    for row in _large(rows):
        n, key = number_of(row.get("sessions")), number_of(row.get("key_sessions"))
        low, high = wilson(ProportionSummary(int(n), int(key)), alpha=0.05)
        bars.append(
            Bar(label=str(row["name"]), value=key / n, interval=Interval(key / n, low, high))
        )
    ranked = tuple(sorted(bars, key=lambda bar: -bar.value))
    chart = Bars(
        bars=ranked,
        measure=Measure(Kind.SHARE, digits=2),
        label=noun[:1].upper() + noun[1:],
        head="With key event",
    )
    first, last = ranked[0], ranked[-1]
    apart = (
        first.interval is not None
        and last.interval is not None
        and first.interval.low > last.interval.high
    )
    return Figure(
        name="rates",
        kind="bars",
        chart=chart,
        sentence=(
            f"“{first.label}” brings sessions with a key event most often,"
            f" “{last.label}” least: {percent(first.value)} and {percent(last.value)}."
            if apart
            else "The data cannot tell which of them converts best: their intervals overlap."
        ),
        units="Share of sessions with a key event; line: its 95% interval",
        source=f"Those with at least {FEWEST} sessions; Wilson intervals. This says what comes"
        " with a channel or page, not because of it.",
    )


def _worth(row: Row, currency: str) -> str:
    said = f"{percent(number_of(row.get('key_rate')))} with key event"
    if row.get("revenue_per_session") is None:
        return said
    return f"{said}, {rough_money(number_of(row['revenue_per_session']), currency)} each"


def _grounds(whole: Mapping[str, Json], currency: str) -> str:
    sessions, people = whole.get("sessions"), whole.get("people")
    if not isinstance(sessions, int) or not sessions or not isinstance(people, int):
        return "Choose a longer period, or look at the ledger whether events arrive."
    rate = whole.get("key_rate")
    said = f"{count(people)} people"
    if isinstance(rate, int | float):
        said += f"; {percent(rate)} of their sessions have a key event"
    revenue = whole.get("revenue")
    if isinstance(revenue, int | float):
        said += f", together {rough_money(revenue, currency)}"
    return f"{said}."


def _nobody() -> str:
    return "Nobody came in this period."


def _names(answer: Mapping[str, Json]) -> tuple[str, ...]:
    rows = answer.get("rows")
    first = rows[0] if isinstance(rows, list | tuple) and rows else {}
    by = first.get("by") if isinstance(first, Mapping) else {}
    return tuple(by) if isinstance(by, Mapping) else ()


def _named(
    rows: Sequence[Row], names: Sequence[str], unknown: str
) -> tuple[dict[str, Scalar], ...]:
    return tuple(
        {**row, "name": " › ".join(str(row.get(name) or unknown) for name in names)} for row in rows
    )


def _beside(
    rows: Sequence[Row],
    before: Mapping[str, Json] | None,
    names: Sequence[str],
    unknown: str,
) -> Sequence[Row]:
    if before is None:
        return rows
    earlier = {
        row["name"]: row for row in _named(rows_of(before), names, unknown) if not row.get("others")
    }
    return [
        {
            **row,
            **{
                f"before.{name}": value
                for name, value in (
                    {} if row.get("others") else earlier.get(row["name"], {})
                ).items()
            },
        }
        for row in rows
    ]
