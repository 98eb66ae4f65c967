"""Which events a question means: their names, and conditions on what they carry."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from truelift.errors import Refusal
from truelift.questions.dimensions import Placeholders, number_of, text_of


class BadQuestion(Refusal):
    """A question contradicts itself or lacks something."""

    code = "questions.bad_question"

    def __init__(self, *, question: str, reasons: Sequence[str]) -> None:
        # Reasons quote what was asked, and lone surrogates in it could not be printed.
        printable = tuple(
            reason.encode("utf-8", "backslashreplace").decode("utf-8") for reason in reasons
        )
        super().__init__(
            f"This {question} cannot be asked: {'; '.join(printable)}.",
            question=question,
            reasons=printable,
        )


class Comparison(StrEnum):
    """How a condition compares; text as it was sent, numbers as numbers.

    An event without the property is not anything, so `IS_NOT` holds for it.
    `CONTAINS` does not look at capitals.
    """

    IS = "is"
    IS_NOT = "is_not"
    CONTAINS = "contains"
    AT_LEAST = "at_least"
    AT_MOST = "at_most"
    IS_SET = "is_set"
    IS_NOT_SET = "is_not_set"


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing that must hold of an event.

    Attributes:
        field: A column of `truelift.questions.dimensions.COLUMNS`, else a property.
        comparison: How.
        values: Any one of these suffices (`IS_NOT`: none of them); no value for
            `IS_SET` and `IS_NOT_SET`, one number for `AT_LEAST` and `AT_MOST`.
    """

    field: str
    comparison: Comparison
    values: tuple[str, ...] = ()

    def obstacles(self) -> tuple[str, ...]:
        """Say what is wrong with it."""
        named = f"the condition on {self.field[:60]!r}"
        found = [] if is_text(self.field) else [f"{named} is not text"]
        if not all(map(is_text, self.values)):
            found.append(f"{named} has a value that is not text")
        match self.comparison:
            case Comparison.IS_SET | Comparison.IS_NOT_SET:
                if self.values:
                    found.append(f"{named} takes no value")
            case Comparison.AT_LEAST | Comparison.AT_MOST:
                if len(self.values) != 1 or not is_number(self.values[0]):
                    found.append(f"{named} takes one number")
            case Comparison.IS | Comparison.IS_NOT | Comparison.CONTAINS:
                if not self.values:
                    found.append(f"{named} names no value")
        return tuple(found)

    def sql(self, values: Placeholders) -> str:
        """Give it as SQL that is never null."""
        match self.comparison:
            case Comparison.IS_SET:
                return f"{text_of(self.field, values)} IS NOT NULL"
            case Comparison.IS_NOT_SET:
                return f"{text_of(self.field, values)} IS NULL"
            case Comparison.AT_LEAST | Comparison.AT_MOST:
                sign = ">=" if self.comparison is Comparison.AT_LEAST else "<="
                limit = values.add(float(self.values[0]))
                return f"coalesce({number_of(self.field, values)} {sign} {limit}, false)"
            case Comparison.CONTAINS:
                text = text_of(self.field, values)
                found = [f"contains(lower({text}), lower({values.add(v)}))" for v in self.values]
                return f"coalesce({' OR '.join(found)}, false)"
            case Comparison.IS | Comparison.IS_NOT:
                among = ", ".join(values.add(value) for value in self.values)
                found_among = f"coalesce({text_of(self.field, values)} IN ({among}), false)"
                return found_among if self.comparison is Comparison.IS else f"NOT {found_among}"


@dataclass(frozen=True, slots=True)
class Events:
    """A set of events.

    Attributes:
        names: Any one of these; empty for events of every name.
        where: All of these hold.
    """

    names: tuple[str, ...] = ()
    where: tuple[Condition, ...] = ()

    @property
    def title(self) -> str:
        """What a person calls it."""
        return " or ".join(self.names) or "any event"

    def obstacles(self) -> tuple[str, ...]:
        """Say what is wrong with it."""
        found = [f"{name[:60]!r} is not an event's name" for name in self.names if not named(name)]
        return (*found, *(reason for held in self.where for reason in held.obstacles()))

    def sql(self, values: Placeholders) -> str:
        """Give it as SQL that is never null."""
        parts = [f"({condition.sql(values)})" for condition in self.where]
        if self.names:
            among = ", ".join(values.add(name) for name in self.names)
            parts.insert(0, f"coalesce(event IN ({among}), false)")
        return f"({' AND '.join(parts) or 'true'})"


def candidates(sets: Sequence[Events], values: Placeholders) -> str:
    """Give SQL that keeps every event that could be in one of the sets, by its name alone.

    DuckDB pushes a list of names down into the Parquet reader; conditions on
    properties it does not.
    """
    if not all(events.names for events in sets):
        return "true"
    names = sorted({name for events in sets for name in events.names})
    return f"event IN ({', '.join(values.add(name) for name in names)})"


def is_text(value: str) -> bool:
    """Say whether an engine can be given this text; lone surrogates cannot be."""
    return not any("\ud800" <= character <= "\udfff" for character in value)


def named(name: str) -> bool:
    """Say whether this can be an event's name."""
    return bool(name.strip()) and is_text(name)


def is_number(text: str) -> bool:
    """Say whether this is a finite number."""
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
