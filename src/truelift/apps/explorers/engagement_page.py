"""The explorer of page engagement: how long pages hold people, and where these leave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from truelift.apps.drawing.bars import Bar, Bars
from truelift.apps.drawing.forest import Interval
from truelift.apps.drawing.series import Line
from truelift.apps.drawing.wording import Kind, Measure, count, percent
from truelift.apps.explorers.answers import mapping_of, maybe, number_of, period_said
from truelift.apps.explorers.keyed import NAME, beside_before, keys_of, named_rows, said, views_said
from truelift.apps.explorers.page import Asked, ExplorerPage, Figure
from truelift.apps.explorers.sessions_page import MOST_BARS
from truelift.apps.explorers.table import Column, Row, Unit, flat, rows_of, seconds, table
from truelift.apps.explorers.timeline import Timeline, column, series
from truelift.questions.document import Json
from truelift.questions.shares import share_of


SEMANTICS: Final = "An exit is the last page view of a session that is over."

COLUMNS: Final = (
    Column("views", "Page views"),
    Column("exits", "Exits"),
    Column("exit_rate", "Exit rate", Unit.SHARE),
    Column("engaged.p50_s", "Engaged, median", Unit.SECONDS),
    Column("engaged.mean_s", "Engaged, mean", Unit.SECONDS),
    Column("engaged.p90_s", "Engaged, 90%", Unit.SECONDS),
    Column("scrolled.p50", "Scrolled, median", Unit.SHARE, nothing="not sent"),
    Column("scrolled.reached.50", "Saw half", Unit.SHARE, nothing="not sent"),
    Column("scrolled.reached.90", "Saw 90%", Unit.SHARE, nothing="not sent"),
    Column("immature", "Not over"),
    Column("before.views", "Views before", nothing="none"),
    Column("before.exit_rate", "Exit rate before", Unit.SHARE, nothing="none"),
)
"""What a table of page views shows; the file has everything."""


def engagement_page(asked: Asked) -> ExplorerPage:
    """Lay out page engagement for people: exits, time, scrolling, and the rows."""
    whole = mapping_of(asked.answer.get("whole"))
    keys = keys_of(asked.answer)
    shown = beside_before(named_rows(asked.answer, keys), asked.before, keys)
    views, exits = number_of(whole.get("views")), number_of(whole.get("exits"))
    named = [row for row in shown if not row.get("others")]
    top = max(named, key=lambda row: number_of(row.get("exits")), default=None)
    if top is None or not views:
        return ExplorerPage(
            answer="No page was viewed in this period.",
            grounds="Choose a longer period, or look at the ledger whether events arrive.",
        )
    return ExplorerPage(
        answer=f"Most sessions end on “{top[NAME]}”:" if exits else "There were",
        marked=f"{percent(number_of(top.get('exits')) / exits)}" if exits else views_said(views),
        rest=f" of {count(exits)} {period_said(asked.period)}."
        if exits
        else f" {period_said(asked.period)}, and their sessions may still go on.",
        grounds=_grounds(whole),
        figures=_over_time(asked, shown)
        if keys == ("day",)
        else (*_engaged(asked, named, keys), _exits(asked, named, keys)),
        tables=(
            table(
                f"Page views by {said(keys)}",
                shown,
                head=Column(NAME, said(keys).capitalize(), Unit.TEXT),
                columns=COLUMNS,
                whole=flat(whole),
                currency=asked.currency,
                note="A median of all is that of all page views, not a mean of the rows.",
            ),
        ),
        rows=rows_of(asked.answer),
    )


def _grounds(whole: Mapping[str, Json]) -> str:
    parts = [views_said(number_of(whole.get("views")))]
    median = maybe(mapping_of(whole.get("engaged")).get("p50_s"))
    if median is None:
        parts.append("the site sends no engaged time, so it is not known")
    else:
        parts.append(f"half of them held somebody for {seconds(median)} or longer")
    half = maybe(mapping_of(mapping_of(whole.get("scrolled")).get("reached")).get("50"))
    if half is not None:
        parts.append(f"{percent(half)} of those that say so got half-way down the page")
    return f"{'; '.join(parts)}."


def _over_time(asked: Asked, rows: Sequence[Row]) -> tuple[Figure, ...]:
    timeline = Timeline.of(column(rows, "day"), interval="day", zone=asked.zone, now=asked.now)
    figures = []
    for name, kind, units in (
        ("exit_rate", Kind.SHARE, "Share of page views of a day that end a session"),
        ("engaged.p50_s", Kind.NUMBER, "Median of the seconds somebody was busy with a page view"),
    ):
        values = column(rows, name)
        line = Line("", timeline.cut(values), focus=True)
        chart = series(timeline, [line], measure=Measure(kind), happened=asked.notes)
        if chart is not None and any(value is not None for value in values):
            figures.append(
                Figure(
                    name=name.partition(".")[0].replace("_", "-"),
                    kind="series",
                    chart=chart,
                    sentence=chart.sentence,
                    units=units,
                    source=f"{asked.period}, {asked.zone.key} time. {SEMANTICS}"
                    " A day that is not over is not drawn.",
                    timed=True,
                )
            )
    return tuple(figures)


def _exits(asked: Asked, rows: Sequence[Row], keys: Sequence[str]) -> Figure:
    drawn = rows[:MOST_BARS]
    bars = []
    for row in drawn:
        over = int(number_of(row.get("views")) - number_of(row.get("immature")))
        exits = int(number_of(row.get("exits")))
        interval = None
        if over:
            share = share_of(over, exits)
            interval = Interval(share.value, share.low, share.high)
        bars.append(
            Bar(
                label=str(row[NAME]),
                value=exits / over if over else 0.0,
                interval=interval,
                detail=f"{count(exits)} of {views_said(over)}",
                before=maybe(row.get("before.exit_rate")),
            )
        )
    chart = Bars(
        bars=tuple(bars),
        measure=Measure(Kind.SHARE),
        label=said(keys).capitalize(),
        head="Exit rate",
    )
    ranked = sorted(bars, key=lambda bar: -bar.value)
    top, last = ranked[0], ranked[-1]
    sentence = f"{percent(top.value)} of the page views of “{top.label}” end a session."
    if len(ranked) > 1:
        apart = top.interval and last.interval and top.interval.low > last.interval.high
        sentence = (
            f"People leave most often from “{top.label}”, least from “{last.label}”:"
            f" {percent(top.value)} and {percent(last.value)} of their page views end a session."
            if apart
            else "The data cannot tell from which people leave most often: the intervals overlap."
        )
    left = len(rows) - len(drawn)
    return Figure(
        name="exits",
        kind="bars",
        chart=chart,
        sentence=sentence,
        units=f"Share of page views that end a session, by {said(keys)}; line: its 95% interval"
        + ("; tick: the period before" if asked.before is not None else ""),
        source=f"{asked.period}. {SEMANTICS} Wilson intervals."
        + (f" {count(left)} smaller rows are in the table only." if left > 0 else ""),
    )


def _engaged(asked: Asked, rows: Sequence[Row], keys: Sequence[str]) -> tuple[Figure, ...]:
    drawn = [row for row in rows if row.get("engaged.p50_s") is not None][:MOST_BARS]
    if not drawn:
        return ()
    bars = tuple(
        Bar(
            label=str(row[NAME]),
            value=number_of(row.get("engaged.p50_s")),
            detail=f"a tenth longer than {seconds(number_of(row.get('engaged.p90_s')))}",
            before=maybe(row.get("before.engaged.p50_s")),
        )
        for row in drawn
    )
    chart = Bars(
        bars=bars,
        measure=Measure(Kind.NUMBER),
        label=said(keys).capitalize(),
        head="Seconds",
    )
    top = max(bars, key=lambda bar: bar.value)
    return (
        Figure(
            name="engaged",
            kind="bars",
            chart=chart,
            sentence=f"“{top.label}” holds people longest: half of its page views for"
            f" {seconds(top.value)} or longer.",
            units=f"Median of the seconds somebody was busy with a page view, by {said(keys)}"
            + ("; tick: the period before" if asked.before is not None else ""),
            source=f"{asked.period}. Time as the site’s events say it; page views of sessions"
            " that may go on are left out.",
        ),
    )
