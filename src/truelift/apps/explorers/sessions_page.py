"""The explorer of sessions: how many, how many engage, and of which groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from truelift.apps.drawing.bars import Bar, Bars
from truelift.apps.drawing.series import Line
from truelift.apps.drawing.wording import Kind, Measure, count, percent
from truelift.apps.explorers.answers import event_said, maybe, number_of, period_said
from truelift.apps.explorers.page import Asked, ExplorerPage, Figure
from truelift.apps.explorers.table import Column, Row, Unit, rows_of, table
from truelift.apps.explorers.timeline import Timeline, change_said, column, series
from truelift.questions.document import Json


MOST_BARS: Final = 12
"""Groups that are drawn; the table has all."""

SEMANTICS: Final = (
    "A session ends after more than 30 minutes without an event and lasts 24 hours at most;"
    " engaged: 10 seconds, 2 pages or a key event."
)
"""What a session is, for the source line."""

COLUMNS: Final = (
    Column("sessions", "Sessions"),
    Column("people", "People"),
    Column("pages_per_session", "Pages each", Unit.NUMBER),
    Column("duration_s", "Duration", Unit.SECONDS),
    Column("engagement_rate", "Engaged", Unit.SHARE),
    Column("bounce_rate", "Bounced", Unit.SHARE),
    Column("key_rate", "With key event", Unit.SHARE),
    Column("revenue", "Revenue", Unit.MONEY),
    Column("before.sessions", "Sessions before", nothing="none"),
    Column("before.key_rate", "With key event before", Unit.SHARE, nothing="none"),
)
"""What a table of sessions shows; the file has everything."""


def sessions_page(asked: Asked) -> ExplorerPage:
    """Lay out sessions for people: over time, and in groups when asked by something."""
    by = asked.question.get("by")
    by = by if isinstance(by, str) else ""
    alone = {name: each for name, each in asked.question.items() if name != "by"}
    daily = rows_of(asked.answer if by == "day" else asked.ask({**alone, "by": "day"}))
    everything = asked.answer if not by else asked.ask(alone)
    whole = next(iter(rows_of(everything)), {})
    before = _before(asked, {} if asked.earlier is None else asked.earlier)
    drawn = _over_time(asked, daily, before)
    groups = () if by in {"", "day"} else (group_figure(asked, rows_of(asked.answer), by),)
    rows = rows_of(asked.answer) if by else daily
    sessions = number_of(whole.get("sessions"))
    return ExplorerPage(
        answer="Nobody came in this period." if not sessions else "There were",
        marked=f"{count(sessions)} sessions" if sessions else "",
        rest=f" {period_said(asked.period)}." if sessions else "",
        grounds=_grounds(whole, asked.question),
        figures=(*groups, *drawn) if by else drawn,
        tables=(
            table(
                f"Sessions by {_head(by or 'day').lower()}",
                beside(rows, asked.before, by or "day"),
                head=Column(by or "day", _head(by or "day"), Unit.TEXT, nothing="not known"),
                columns=COLUMNS,
                whole=whole,
                currency=asked.currency,
                note="A person with sessions in several rows counts once in all.",
            ),
        ),
        rows=rows,
    )


def group_figure(asked: Asked, rows: Sequence[Row], by: str) -> Figure:
    """Draw the groups as bars of their sessions."""
    named = [row for row in beside(rows, asked.before, by) if not row.get("others")]
    chart = Bars(
        bars=tuple(
            Bar(
                label=str(row.get(by) or "not known"),
                value=number_of(row.get("sessions")),
                detail=f"{percent(number_of(row.get('key_rate')))} with key event",
                focus=at == 0,
                before=maybe(row.get("before.sessions")),
            )
            for at, row in enumerate(named[:MOST_BARS])
        ),
        measure=Measure(Kind.COUNT),
        label=_head(by),
        head="Sessions",
    )
    left = len(rows) - min(len(named), MOST_BARS)
    return Figure(
        name="groups",
        kind="bars",
        chart=chart,
        sentence=f"{chart.sentence[:1].upper()}{chart.sentence[1:]}",
        units=f"Sessions by {_head(by).lower()}, from zero"
        + ("; tick: the period before" if asked.before is not None else ""),
        source=f"{asked.period}. {SEMANTICS}"
        + (f" {count(left)} smaller rows are in the table only." if left > 0 else ""),
    )


def beside(rows: Sequence[Row], answer: Mapping[str, Json] | None, key: str) -> Sequence[Row]:
    """Put the rows of the period before beside those of the same group; days have no same one."""
    if answer is None or key == "day":
        return rows
    earlier = {row.get(key): row for row in rows_of(answer) if not row.get("others")}
    found = []
    for row in rows:
        other = {} if row.get("others") else earlier.get(row.get(key), {})
        found.append({**row, **{f"before.{name}": value for name, value in other.items()}})
    return found


def _before(asked: Asked, earlier: Mapping[str, Json]) -> Sequence[Row]:
    return rows_of(asked.ask({**earlier, "by": "day"})) if earlier else ()


def _over_time(asked: Asked, daily: Sequence[Row], before: Sequence[Row]) -> tuple[Figure, ...]:
    timeline = Timeline.of(column(daily, "day"), interval="day", zone=asked.zone, now=asked.now)
    lines = []
    earlier = [*column(before, "sessions"), *[None] * len(daily)][: len(daily)]
    change = ""
    if before:
        dashed = tuple(None if each is None else number_of(each) for each in earlier)
        lines.append(Line("period before", dashed, meaning="quiet", dashed=True, named=True))
        change = change_said(column(daily, "sessions")[: timeline.whole], earlier)
    lines.append(Line("", timeline.cut(column(daily, "sessions")), focus=True))
    chart = series(timeline, lines, measure=Measure(Kind.COUNT), happened=asked.notes)
    if chart is None:
        return ()
    went = chart.sentence.rstrip(".")
    return (
        Figure(
            name="sessions",
            kind="series",
            chart=chart,
            sentence=f"{went}; {change} against the period before." if change else f"{went}.",
            units="Sessions a day, by the day they begin"
            + ("; dashed: the period before" if before else ""),
            source=f"{asked.period}, {asked.zone.key} time. {SEMANTICS}"
            " A day that is not over is not drawn.",
            timed=True,
        ),
    )


def _grounds(whole: Row, question: Mapping[str, Json]) -> str:
    if not number_of(whole.get("sessions")):
        return "Choose a longer period, or look at the ledger whether events arrive."
    engaged = percent(number_of(whole.get("engagement_rate")))
    key = percent(number_of(whole.get("key_rate")))
    event = event_said(question.get("key_events") or "purchase")
    people = count(number_of(whole.get("people")))
    return f"Of {people} people. {engaged} of the sessions engaged, {key} had {event}."


def _head(by: str) -> str:
    words = by.replace("_", " ").strip()
    return words[:1].upper() + words[1:]
