"""The explorer of journeys: surface by surface, on the site and off it, to the last of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from truelift.apps.drawing.bars import Bar, Bars
from truelift.apps.drawing.wording import Kind, Measure, count, percent
from truelift.apps.explorers.answers import list_of, mapping_of, maybe, number_of, period_said
from truelift.apps.explorers.page import Asked, ExplorerPage, Figure
from truelift.apps.explorers.table import Column, Table, Unit, flat, rows_of, seconds, table
from truelift.questions.document import Json


COLUMNS: Final = (
    Column("people", "People"),
    Column("touchpoints", "Touchpoints"),
    Column("starts", "Start here"),
    Column("onward", "Go on"),
    Column("dropped", "Drop out", nothing="–"),
    Column("drop_rate", "Drop rate", Unit.SHARE, nothing="–"),
    Column("returned", "Come back"),
    Column("immature", "Still open"),
    Column("gap.median_s", "Half go on within", Unit.SECONDS, nothing="–"),
    Column("in_order.units", "In this order"),
    Column("before.people", "People before", nothing="none"),
)
"""What a table of surfaces shows; the file has everything."""


def journeys_page(asked: Asked) -> ExplorerPage:
    """Lay out journeys for people: the surfaces, then the orders in which they were passed."""
    answer = asked.answer
    rows = rows_of(answer)
    people, done = number_of(answer.get("people")), number_of(answer.get("completed"))
    if not people:
        return ExplorerPage(
            answer="Nobody touched any of these surfaces in this period.",
            grounds="Choose a longer period, or other surfaces: an event, or a page such as /cart.",
            rows=rows,
        )
    last = str(rows[-1].get("surface")) if rows else "the last"
    over = [row for row in rows if row.get("drop_rate") is not None]
    worst = max(over, key=lambda row: number_of(row.get("drop_rate")), default=None)
    before = {row.get("surface"): row for row in rows_of(asked.before or {})}
    chart = Bars(
        bars=tuple(
            Bar(
                label=str(row.get("surface")),
                value=number_of(row.get("people")),
                detail=(
                    f"{percent(number_of(row.get('drop_rate')))} drop out"
                    if row.get("drop_rate") is not None
                    else ""
                ),
                focus=row is worst,
                before=maybe(before.get(row.get("surface"), {}).get("people")),
            )
            for row in rows
        ),
        measure=Measure(Kind.COUNT),
        label="Surface",
        head="People",
    )
    open_ = number_of(answer.get("immature"))
    window = number_of(mapping_of(answer.get("semantics")).get("window_s"))
    return ExplorerPage(
        answer=f"{count(done)} of {count(people)} people got to “{last}”",
        marked=f"({percent(done / people)})",
        rest=f" {period_said(asked.period)}.",
        grounds=f"{count(open_)} have not and still may: their {seconds(window)} are not over.",
        figures=(
            Figure(
                name="surfaces",
                kind="bars",
                chart=chart,
                sentence=(
                    f"Most of those who come to “{worst['surface']}” and whose time is over drop"
                    f" out there: {percent(number_of(worst.get('drop_rate')))}."
                    if worst is not None and number_of(worst.get("drop_rate")) > 0.5
                    else chart.sentence
                ),
                units="People who touch each surface, in the order of the question; from zero"
                + ("; tick: the period before" if before else ""),
                source=f"{asked.period}. A journey begins with the first touchpoint and lasts"
                f" {seconds(window)}; who still may go on is no drop-out.",
            ),
        ),
        tables=(
            table(
                "Surfaces",
                [
                    {
                        **row,
                        **(
                            {"before.people": before.get(row.get("surface"), {}).get("people")}
                            if before
                            else {}
                        ),
                    }
                    for row in rows
                ],
                head=Column("surface", "Surface", Unit.TEXT),
                columns=COLUMNS,
                currency=asked.currency,
                note="People may touch several surfaces, so the rows do not add up.",
            ),
            *_groups(answer, asked, "orders", "surfaces", "In which order surfaces were touched"),
            *_groups(
                answer, asked, "channels", "channels", "By which channels they came, in order"
            ),
            _moves(answer, asked),
        ),
        rows=rows,
    )


def _groups(
    answer: Mapping[str, Json], asked: Asked, key: str, named: str, title: str
) -> tuple[Table, ...]:
    if answer.get(key) is None:
        return ()
    rows = []
    for each in list_of(answer.get(key)):
        group = mapping_of(each)
        names = [str(name) for name in list_of(group.get(named))]
        rows.append({**flat({**group, named: None}), "name": " → ".join(names)})
    return (
        table(
            title,
            rows,
            head=Column("name", "Order", Unit.TEXT),
            columns=(
                Column("people", "People"),
                Column("share", "Share", Unit.SHARE),
                Column("completed", "Got to the last"),
                Column("immature", "Still open"),
            ),
            whole={
                "people": int(number_of(answer.get("people"))),
                "share": 1.0,
                "completed": int(number_of(answer.get("completed"))),
                "immature": int(number_of(answer.get("immature"))),
            },
            currency=asked.currency,
        ),
    )


def _moves(answer: Mapping[str, Json], asked: Asked) -> Table:
    rows = [
        {
            **flat(mapping_of(each)),
            "name": f"{mapping_of(each).get('from')} → {mapping_of(each).get('to')}",
            "way": "back" if mapping_of(each).get("back") else "on",
        }
        for each in list_of(answer.get("moves"))
    ]
    return table(
        "From surface to surface, with none between",
        rows,
        head=Column("name", "From → to", Unit.TEXT),
        columns=(Column("moves", "Times"), Column("people", "People"), Column("way", "Way")),
        currency=asked.currency,
    )
