"""The explorer of form fields: where people hesitate, and at which field they leave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from truelift.apps.drawing.bars import Bar, Bars
from truelift.apps.drawing.forest import Interval
from truelift.apps.drawing.wording import Kind, Measure, count, percent
from truelift.apps.explorers.answers import (
    list_of,
    mapping_of,
    maybe,
    number_of,
    period_said,
)
from truelift.apps.explorers.page import Asked, ExplorerPage, Figure
from truelift.apps.explorers.sessions_page import MOST_BARS
from truelift.apps.explorers.table import (
    Column,
    Row,
    Table,
    Unit,
    flat,
    rows_of,
    seconds,
    table,
)
from truelift.questions.document import Json


COLUMNS: Final = (
    Column("reached", "Entered"),
    Column("reach", "Of fillings", Unit.SHARE),
    Column("completed", "Completed"),
    Column("abandoned", "Abandoned"),
    Column("abandonment.value", "Abandonment", Unit.SHARE),
    Column("focus.p50_s", "At it, median", Unit.SECONDS, nothing="not sent"),
    Column("focus.p90_s", "At it, 90%", Unit.SECONDS, nothing="not sent"),
    Column("refocused", "Came back to it", Unit.SHARE),
    Column("corrected", "Corrected it", Unit.SHARE),
    Column("left_here", "Left here"),
    Column("of_those_who_left", "Of those who left", Unit.SHARE, nothing="none left"),
    Column("before.reached", "Entered before", nothing="none"),
    Column("before.abandonment.value", "Abandonment before", Unit.SHARE, nothing="none"),
)
"""What the table shows; the file has everything."""

SEMANTICS: Final = (
    "A filling is what somebody does at the form with less than half an hour between two events."
)


def form_fields_page(asked: Asked) -> ExplorerPage:
    """Lay out a form's fields for people: where they leave, hesitate and come back."""
    whole = mapping_of(asked.answer.get("whole"))
    before = _by_field(asked.before)
    rows = [_named(row, before) for row in rows_of_answer(asked.answer)]
    fields = [row for row in rows if not row.get("others")]
    fillings, left = number_of(whole.get("fillings")), number_of(whole.get("left"))
    top = max(fields, key=lambda row: number_of(row.get("left_here")), default=None)
    if top is None or not fillings:
        return ExplorerPage(
            answer="Nobody filled in a form in this period.",
            grounds="Send Form Field Focused, Completed and Abandoned with the property field,"
            " never with what somebody typed; or choose a longer period.",
        )
    leaves = number_of(top.get("left_here"))
    return ExplorerPage(
        answer=f"Who leaves the form leaves it most often at “{top['field']}”:"
        if left
        else "Nobody left the form:",
        marked=percent(leaves / left) if left else f"{count(fillings)} fillings",
        rest=f" of {count(left)} that were not sent {period_said(asked.period)}."
        if left
        else f" {period_said(asked.period)}.",
        grounds=_grounds(whole, fields),
        figures=(_leaving(asked, fields), *_hesitation(asked, fields)),
        tables=(
            *_by_variant(asked),
            table(
                "Fields, in the order in which people come to them",
                rows,
                head=Column("field", "Field", Unit.TEXT),
                columns=COLUMNS,
                whole=None,
                currency=asked.currency,
                note="A field’s last word counts: who completes it, comes back and abandons it"
                " has abandoned it. Nothing that people typed is stored.",
            ),
        ),
        rows=rows_of(asked.answer),
    )


def _by_variant(asked: Asked) -> tuple[Table, ...]:
    """Lay out what visitors of each variant of an experiment did at the form, side by side."""
    variants = [mapping_of(each) for each in list_of(asked.answer.get("variants"))]
    if not variants:
        return ()
    sides = {str(each.get("variant")): rows_of_answer(each) for each in variants}
    fields = dict.fromkeys(row.get("field") for rows in sides.values() for row in rows)
    by_field = {side: {row.get("field"): row for row in rows} for side, rows in sides.items()}
    beside: list[Row] = [
        {
            "field": field,
            **{
                f"{side}.{key}": rows.get(field, {}).get(key)
                for side, rows in by_field.items()
                for key, _, _ in _BESIDE
            },
        }
        for field in fields
        if field is not None
    ]
    return (
        table(
            _sent(variants),
            [
                {"variant": str(each.get("variant")), **flat(mapping_of(each.get("whole")))}
                for each in variants
            ],
            head=Column("variant", "Variant", Unit.TEXT),
            columns=(
                Column("fillings", "Began it"),
                Column("submitted", "Sent it"),
                Column("left", "Left it"),
                Column("completion.value", "Sent, of those that are over", Unit.SHARE),
                Column("completion.low", "Likely from", Unit.SHARE),
                Column("completion.high", "to", Unit.SHARE),
            ),
            currency=asked.currency,
            note="Fillings that people began after they had seen one variant and no other. It says"
            " where at the form a test works; whether it works is said by the test.",
        ),
        table(
            "Fields by variant",
            beside,
            head=Column("field", "Field", Unit.TEXT),
            columns=[
                Column(f"{side}.{key}", f"{side}: {label}", unit, nothing="not asked")
                for key, label, unit in _BESIDE
                for side in sides
            ],
            currency=asked.currency,
        ),
    )


_BESIDE: Final = (
    ("reached", "entered", Unit.COUNT),
    ("abandonment.value", "abandonment", Unit.SHARE),
    ("focus.p50_s", "at it, median", Unit.SECONDS),
)
"""What of a field stands side by side."""


def _sent(variants: Sequence[Mapping[str, Json]]) -> str:
    """Say of each variant how many of the fillings that are over were sent."""
    said = []
    for each in variants:
        share = maybe(mapping_of(mapping_of(each.get("whole")).get("completion")).get("value"))
        said.append(f"{each.get('variant')} {'none over yet' if share is None else percent(share)}")
    return f"Sent, by variant: {', '.join(said)}"


def rows_of_answer(answer: Mapping[str, Json]) -> list[Row]:
    """Give the rows of an answer, flat."""
    rows = answer.get("rows")
    return [flat(mapping_of(row)) for row in rows] if isinstance(rows, list) else []


def _by_field(answer: Mapping[str, Json] | None) -> dict[object, Row]:
    return {row.get("field"): row for row in rows_of_answer(answer)} if answer else {}


def _named(row: Row, before: Mapping[object, Row]) -> Row:
    """Give a row its name, and what it was in the period before."""
    others = number_of(row.get("others"))
    field = f"{count(others)} other fields" if others else row.get("field")
    past = before.get(row.get("field"), {})
    keys = ("reached", "abandonment.value", "focus.p50_s") if before else ()
    return {**row, "field": field, **{f"before.{key}": past.get(key) for key in keys}}


def _grounds(whole: Mapping[str, Json], fields: Sequence[Row]) -> str:
    share = maybe(mapping_of(whole.get("completion")).get("value"))
    said = [f"{count(number_of(whole.get('fillings')))} times somebody began it"]
    if share is not None:
        said.append(f"{percent(share)} of those that are over were sent")
    timed = [row for row in fields if row.get("focus.p50_s") is not None]
    if timed:
        slow = max(timed, key=lambda row: number_of(row.get("focus.p50_s")))
        half = seconds(number_of(slow.get("focus.p50_s")))
        said.append(f"“{slow['field']}” holds people longest, half of them for {half} or more")
    return f"{'; '.join(said)}."


def _leaving(asked: Asked, fields: Sequence[Row]) -> Figure:
    bars = tuple(
        Bar(
            label=str(row["field"]),
            value=number_of(row.get("abandonment.value")),
            interval=Interval(
                number_of(row.get("abandonment.value")),
                number_of(row.get("abandonment.low")),
                number_of(row.get("abandonment.high")),
            )
            if row.get("abandonment.low") is not None
            else None,
            detail=f"{count(number_of(row.get('abandoned')))} of"
            f" {count(number_of(row.get('completed')) + number_of(row.get('abandoned')))}",
            before=maybe(row.get("before.abandonment.value")),
        )
        for row in fields[:MOST_BARS]
    )
    apart = _apart(bars)
    names = " and ".join(f"“{bar.label}” ({percent(bar.value)})" for bar in apart)
    sentence = (
        f"People give up more often at {names} than at any other field."
        if apart
        else "The data cannot tell at which field people give up most often: the intervals overlap."
    )
    return Figure(
        name="abandonment",
        kind="bars",
        chart=Bars(bars=bars, measure=Measure(Kind.SHARE), label="Field", head="Abandonment"),
        sentence=sentence,
        units="Share of fillings in which the field was entered and not completed, in the order"
        " of the form; line: its 95% interval"
        + ("; tick: the period before" if asked.before is not None else ""),
        source=f"{asked.period}. {SEMANTICS} Wilson intervals.",
    )


def _apart(bars: Sequence[Bar]) -> Sequence[Bar]:
    """Give the fields, up to three, whose intervals lie above those of all others."""
    known = sorted((bar for bar in bars if bar.interval), key=lambda bar: -bar.value)
    for count_of in range(1, min(4, len(known))):
        low = min(bar.interval.low for bar in known[:count_of] if bar.interval)
        high = max(bar.interval.high for bar in known[count_of:] if bar.interval)
        if low > high:
            return known[:count_of]
    return ()


def _hesitation(asked: Asked, fields: Sequence[Row]) -> tuple[Figure, ...]:
    timed = [row for row in fields if row.get("focus.p50_s") is not None][:MOST_BARS]
    if not timed:
        return ()
    bars = tuple(
        Bar(
            label=str(row["field"]),
            value=number_of(row.get("focus.p50_s")),
            detail=f"{percent(number_of(row.get('refocused')))} came back to it,"
            f" {percent(number_of(row.get('corrected')))} corrected it",
            before=maybe(row.get("before.focus.p50_s")),
        )
        for row in timed
    )
    ranked = sorted(bars, key=lambda bar: -bar.value)
    middle = ranked[len(ranked) // 2]
    sentence = (
        f"People are longest at “{ranked[0].label}”: half of them for"
        f" {seconds(ranked[0].value)} or more; at “{middle.label}”, the middle one, for"
        f" {seconds(middle.value)}."
        if len(ranked) > 1
        else f"Half of the people are at “{ranked[0].label}” for {seconds(ranked[0].value)} or"
        " more."
    )
    return (
        Figure(
            name="hesitation",
            kind="bars",
            chart=Bars(bars=bars, measure=Measure(Kind.NUMBER), label="Field", head="Seconds"),
            sentence=sentence,
            units="Median of the seconds that somebody was at the field, in the order of the form"
            + ("; tick: the period before" if asked.before is not None else ""),
            source=f"{asked.period}. {SEMANTICS} All stays of a filling together.",
        ),
    )
