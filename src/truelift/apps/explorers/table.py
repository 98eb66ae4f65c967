"""An answer's rows as a table of flat columns: what a page shows, and what a file gets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from truelift.apps.drawing.wording import count, money, number, percent
from truelift.apps.explorers.inputs import spoken
from truelift.questions.document import Json


Scalar = str | int | float | bool | None
Row = Mapping[str, Scalar]


class Unit(StrEnum):
    """What the numbers of a column are, and so how they are written."""

    TEXT = "text"
    COUNT = "count"
    NUMBER = "number"
    SHARE = "share"
    MONEY = "money"
    SECONDS = "seconds"
    MILLISECONDS = "milliseconds"


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        key: In the rows.
        label: Its head.
        unit: How its values are written.
        nothing: What stands where there is no value.
    """

    key: str
    label: str
    unit: Unit = Unit.COUNT
    nothing: str = "no value"

    @property
    def is_text(self) -> bool:
        """Whether it is read from the left."""
        return self.unit is Unit.TEXT

    def said(self, value: Scalar, *, currency: str) -> str:
        """Write one value."""
        if value is None:
            return self.nothing
        if isinstance(value, str):
            return value
        match self.unit:
            case Unit.SHARE:
                return percent(value)
            case Unit.MONEY:
                return money(value, currency)
            case Unit.SECONDS:
                return seconds(value)
            case Unit.MILLISECONDS:
                return seconds(value / 1000)
            case Unit.NUMBER:
                return number(value)
            case _:
                whole = isinstance(value, int) or float(value).is_integer()
                return count(value) if whole else number(value)


@dataclass(frozen=True, slots=True)
class ShownRow:
    """One row as it is shown.

    Attributes:
        label: Its head.
        cells: One per further column.
        href: Where the head leads; empty for nowhere.
        quiet: Whether it is a rest rather than a group.
    """

    label: str
    cells: tuple[str, ...]
    href: str = ""
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Rows with a line below that holds everything.

    Attributes:
        title: What it holds.
        head: Head of the first column.
        columns: The others.
        rows: In order.
        whole: Everything together; None where that is not a number.
        note: What the sums hold, where they are not the sums of the rows.
    """

    title: str
    head: str
    columns: tuple[Column, ...]
    rows: tuple[ShownRow, ...]
    whole: ShownRow | None = None
    note: str = ""


def table(
    title: str,
    rows: Sequence[Row],
    *,
    head: Column,
    columns: Sequence[Column],
    whole: Row | None = None,
    currency: str,
    label: str = "All",
    note: str = "",
) -> Table:
    """Lay out rows; columns that no row has are left out."""
    there = tuple(each for each in columns if any(each.key in row for row in rows))

    def cells(row: Row) -> tuple[str, ...]:
        return tuple(
            each.said(row.get(each.key), currency=currency) if each.key in row else ""
            for each in there
        )

    return Table(
        title=title,
        head=head.label,
        columns=there,
        rows=tuple(
            ShownRow(
                label=_group(row, head, currency),
                cells=cells(row),
                quiet=bool(row.get("others")),
            )
            for row in rows
        ),
        whole=None if whole is None else ShownRow(label, cells(whole)),
        note=note,
    )


def _group(row: Row, head: Column, currency: str) -> str:
    others = row.get("others")
    if isinstance(others, int) and others:
        return f"{count(others)} others"
    return head.said(row.get(head.key), currency=currency)


def flat(row: Mapping[str, Json], prefix: str = "") -> dict[str, Scalar]:
    """Give a row's members, those of objects in it by their path; lists are joined."""
    found: dict[str, Scalar] = {}
    for name, value in row.items():
        key = f"{prefix}{name}"
        if isinstance(value, Mapping):
            found |= flat(value, f"{key}.")
        elif isinstance(value, Sequence) and not isinstance(value, str):
            texts = [str(each) for each in value if not isinstance(each, Mapping)]
            if len(texts) == len(value):
                found[key] = " › ".join(texts)
        else:
            found[key] = value
    return found


def rows_of(document: Mapping[str, Json], key: str = "rows") -> tuple[dict[str, Scalar], ...]:
    """Give a list of an answer as flat rows; one group per object, its `by` as columns."""
    rows = document.get(key)
    if not isinstance(rows, Sequence) or isinstance(rows, str):
        return ()
    return tuple(
        {name.removeprefix("by."): value for name, value in flat(row).items()}
        for row in rows
        if isinstance(row, Mapping)
    )


def seconds(value: float) -> str:
    """Write a length of time with its two largest units: 3 min 20 s."""
    if value < 60:
        return f"{number(value, digits=0 if value >= 10 or value == 0 else 1)} s"
    units = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))
    whole = round(value)
    parts: list[str] = []
    for size, unit in units:
        if whole >= size or parts:
            parts.append(f"{whole // size} {unit}" if whole // size else "")
            whole %= size
        if len(parts) == 2:
            break
    return " ".join(part for part in parts if part)


def title_of(key: str) -> str:
    """Call a column by its key where nobody named it."""
    return spoken(key.replace(".", " "))
