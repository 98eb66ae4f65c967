"""The root of every error that a person or a program can act on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from typing_extensions import override


Fact = str | int | float | bool | None | tuple[str, ...]


class TrueliftError(Exception):
    """Something that the person, or the operator, can put right.

    One class per situation, defined beside the code that raises it. The message
    says what happened and what to do; the facts are what the message is made of.

    Attributes:
        code: Stable and dotted, `room.what_happened`; scripts may hold on to it.
        facts: What the message was built from, for programs that read the error.
    """

    code: ClassVar[str] = "truelift.error"

    def __init__(self, message: str, **facts: Fact) -> None:
        self.facts: Mapping[str, Fact] = facts
        super().__init__(message)

    @override
    def __reduce__(self) -> tuple[object, ...]:
        """Travel between processes, whatever arguments a subclass is made of."""
        return _restored, (type(self), str(self), dict(self.facts))


def _restored(kind: type[TrueliftError], message: str, facts: Mapping[str, Fact]) -> TrueliftError:
    error = kind.__new__(kind)
    TrueliftError.__init__(error, message, **facts)
    return error


class Refusal(TrueliftError):
    """The person who asked can put it right: shown to them, 4xx."""


class Outage(TrueliftError):
    """The operator can put it right: an engine, a disk or a network, 503."""
