"""What every statistic that is asked for by a document has: what it takes, and its answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final, Generic, TypeVar

import msgspec

from truelift.errors import Refusal


# The statistics themselves are imported by the answer that uses them: a split check must
# answer in 0.4 s on the command line, and Student's t alone takes longer to load.

Input = TypeVar("Input")
Document = dict[str, object]

Units = Annotated[int, msgspec.Meta(le=10**15)]
"""A count; beyond this it is no whole number any more once it is divided."""

MOST_ARMS: Final = 100
"""Variants of one test; every pair of them can be asked for."""

MOST_LOOKS: Final = 100
"""At a test, planned beforehand."""

MOST_RESULTS: Final = 5_000
"""Tests that are read together."""


class BadInput(Refusal):
    """What came in is not the document that the statistic takes."""

    code: ClassVar[str] = "stats.bad_input"

    def __init__(self, *, reason: str) -> None:
        super().__init__(f"The input cannot be used: {reason}.", reason=reason)


@dataclass(frozen=True, slots=True)
class Statistic(Generic[Input]):
    """A statistic.

    Attributes:
        takes: The shape of the document that asks for it.
        answered: Answers it.
    """

    takes: type[Input]
    answered: Callable[[Input], Document]

    def answer(self, text: bytes) -> Document:
        """Read the one JSON document, strictly, and answer it.

        Raises:
            BadInput: It is no JSON (NaN and Infinity are none), a field is missing, of the
                wrong type, too long, or not known.
        """
        try:
            asked = msgspec.json.decode(text, type=self.takes)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise BadInput(reason=str(error).rstrip(".")) from error
        return self.answered(asked)

    def schema(self) -> dict[str, Any]:
        """Describe what it takes as JSON Schema, with every part in its place."""
        return inlined(msgspec.json.schema(self.takes))


def inlined(schema: dict[str, Any]) -> dict[str, Any]:
    """Put what a schema refers to where it is referred to; none refers to itself."""
    parts = schema.get("$defs", {})

    def put(node: object) -> Any:  # noqa: ANN401 - any part of a JSON document
        if isinstance(node, list):
            return [put(each) for each in node]
        if not isinstance(node, dict):
            return node
        if "$ref" in node:
            return put(parts[str(node["$ref"]).rpartition("/")[2]])
        return {key: put(value) for key, value in node.items() if key not in {"$defs", "mapping"}}

    found: dict[str, Any] = put(schema)
    return found
