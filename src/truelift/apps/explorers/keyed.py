"""Rows that one or two things group: what they are called, and the same of the period before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from truelift.apps.drawing.wording import count
from truelift.apps.explorers.answers import list_of, mapping_of
from truelift.apps.explorers.inputs import spoken
from truelift.apps.explorers.table import Row, Scalar, rows_of
from truelift.questions.document import Json


NAME = "name"
"""The column that says what a row is called."""


def keys_of(answer: Mapping[str, Json]) -> tuple[str, ...]:
    """Give what groups the rows of an answer; nothing where it has none."""
    first = next(iter(list_of(answer.get("rows"))), None)
    return tuple(mapping_of(mapping_of(first).get("by")))


def said(keys: Sequence[str]) -> str:
    """Call the groups as people do: path and device."""
    return " and ".join("page" if key == "path" else spoken(key).lower() for key in keys)


def views_said(views: float) -> str:
    """Count page views in words."""
    return f"{count(views)} page view{'' if views == 1 else 's'}"


def named_rows(answer: Mapping[str, Json], keys: Sequence[str]) -> tuple[dict[str, Scalar], ...]:
    """Give an answer's rows as flat ones with a name."""
    return tuple(
        {**row, NAME: " › ".join(str(row.get(key) or "not known") for key in keys)}
        for row in rows_of(answer)
    )


def beside_before(
    rows: Sequence[Row], before: Mapping[str, Json] | None, keys: Sequence[str]
) -> tuple[Row, ...]:
    """Put the rows of the period before beside those of the same name; days have no same one."""
    if before is None or "day" in keys:
        return tuple(rows)
    earlier = {row[NAME]: row for row in named_rows(before, keys) if not row.get("others")}
    found = []
    for row in rows:
        other = {} if row.get("others") else earlier.get(row.get(NAME), {})
        found.append({**row, **{f"before.{name}": value for name, value in other.items()}})
    return tuple(found)
