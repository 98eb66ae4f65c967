"""What a question can break down by or filter on, as SQL over one bucket."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final


DIMENSIONS: Final = (
    "device",
    "browser",
    "os",
    "country",
    "channel",
    "source",
    "medium",
    "campaign",
    "host",
    "path",
    "referrer_host",
    "title",
)
"""The same as `truelift.lake.schema.DIMENSIONS`, held equal by a test."""

COLUMNS: Final = (
    *DIMENSIONS,
    "term",
    "content",
    "url",
    "referrer",
    "experiment",
    "variant",
    "currency",
)
"""Columns that a condition may name; every other name is a property."""

INDEXED: Final = (
    "device",
    "browser",
    "country",
    "channel",
    "source",
    "medium",
    "campaign",
    "path",
)
"""Dimensions that the sequence index knows of every event."""

PROPERTY: Final = "properties."
"""Before a name, says that a property is meant although a column has the same name."""


@dataclass(slots=True)
class Placeholders:
    """Collects the values of a statement, so that none ever stands in its text.

    Attributes:
        values: By the placeholder's name.
        prefix: Of the names, so that two statements can be put into one.
    """

    values: dict[str, object] = field(default_factory=dict)
    prefix: str = "p"

    def add(self, value: object) -> str:
        """Keep a value and give the placeholder that stands for it."""
        name = f"{self.prefix}{len(self.values)}"
        self.values[name] = value
        return f"${name}"


def text_of(name: str, values: Placeholders) -> str:
    """Give the SQL of a dimension's or property's value, as text."""
    if name in COLUMNS:
        return name
    property_name = name.removeprefix(PROPERTY)
    # A JSON pointer, not a path: nothing in a pointer but these two characters has a
    # meaning, so a property may be called anything.
    pointer = "/" + property_name.replace("~", "~0").replace("/", "~1")
    return f"json_extract_string(properties, {values.add(pointer)})"


def number_of(name: str, values: Placeholders) -> str:
    """Give the SQL of a property's value as a number, null where it is none."""
    if name == "value":
        return "value"
    return f"try_cast({text_of(name, values)} AS DOUBLE)"


LARGEST: Final = 1e15
"""Numbers beyond this are not measurements; one of them would swallow every other."""


def measured(number: str) -> str:
    """Give the SQL of a number that can be added up: null when it is not finite or absurd."""
    return f"CASE WHEN isfinite({number}) AND abs({number}) <= {LARGEST:.0f} THEN {number} END"
