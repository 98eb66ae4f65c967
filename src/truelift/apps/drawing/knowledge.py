"""What is known about a number: the same states in every table, chart, export and mail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Knowledge(StrEnum):
    """How far a number can be used."""

    BETTER = "better"
    WORSE = "worse"
    NO_DIFFERENCE = "no_difference"
    INCONCLUSIVE = "inconclusive"
    NOT_MATURE = "not_mature"
    TOO_FEW = "too_few"
    INVALID = "invalid"
    HIDDEN = "hidden"


@dataclass(frozen=True, slots=True)
class Mark:
    """The status mark of a state: a shape with a colour, and the word beside it.

    Attributes:
        status: Name of the shape, as the tag `status` knows it.
        words: What stands beside it unless the page says it better.
    """

    status: str
    words: str


MARKS: Final[Mapping[Knowledge, Mark]] = MappingProxyType(
    {
        Knowledge.BETTER: Mark("win", "Better"),
        Knowledge.WORSE: Mark("loss", "Worse"),
        Knowledge.NO_DIFFERENCE: Mark("null", "No difference"),
        Knowledge.INCONCLUSIVE: Mark("inconclusive", "Not conclusive"),
        Knowledge.NOT_MATURE: Mark("waiting", "Not mature"),
        Knowledge.TOO_FEW: Mark("missing", "Not enough data"),
        Knowledge.INVALID: Mark("invalid", "Invalid"),
        Knowledge.HIDDEN: Mark("waiting", "Hidden by plan"),
    }
)
"""State → the mark it carries."""

COLOURS: Final[Mapping[Knowledge, str]] = MappingProxyType(
    {
        Knowledge.BETTER: "better",
        Knowledge.WORSE: "worse",
        Knowledge.NO_DIFFERENCE: "quiet",
        Knowledge.INCONCLUSIVE: "quiet",
    }
)
"""State → the meaning that its colour has in a drawing; others are not drawn in colour."""
