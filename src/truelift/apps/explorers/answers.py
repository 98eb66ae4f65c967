"""Reading answers' JSON: numbers, objects and lists where they are expected, nothing elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from truelift.apps.explorers.events_text import text_of
from truelift.apps.explorers.table import Row
from truelift.apps.measurement.naming import spoken
from truelift.questions.document import Json


def number_of(found: Json) -> float:
    """Give a number; nothing is zero."""
    return float(found) if isinstance(found, int | float) else 0.0


def maybe(found: Json) -> float | None:
    """Give a number, or nothing where there is none."""
    return float(found) if isinstance(found, int | float) else None


def mapping_of(found: Json) -> Mapping[str, Json]:
    """Give an object; anything else is an empty one."""
    return found if isinstance(found, Mapping) else {}


def list_of(found: Json) -> Sequence[Json]:
    """Give a list; anything else is an empty one."""
    return found if isinstance(found, Sequence) and not isinstance(found, str) else ()


def total(rows: Sequence[Row], key: str) -> float:
    """Add up a column; what has no number adds nothing."""
    return sum(number_of(row.get(key)) for row in rows)


def event_said(event: Json) -> str:
    """Call a set of events as people do."""
    text = text_of(event)
    if not text:
        return "Every event"
    return f"“{text}”" if " where " in f" {text}" or "|" in text else f"“{spoken(text)}”"


def period_said(period: str) -> str:
    """Say a period at the end of a sentence."""
    return "ever" if period == "all time" else f"from {period}"
