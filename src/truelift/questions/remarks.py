"""What must be said beside an answer: names in the question that the site has never seen."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from truelift.questions.dimensions import COLUMNS, PROPERTY
from truelift.questions.document import Json
from truelift.questions.matching import Condition, Events
from truelift.questions.metric import Amount, AmountKind


NOT_PROPERTIES: Final = frozenset(
    {*COLUMNS, "value", "visitor", "day", "entry_page", "exit_page", ""}
)
"""Words after `by` and in conditions that every site knows."""

SYNONYMS: Final = frozenset({("page_view", "screen_view")})
"""Sets of names of which a site has one or the other; asked together by questions themselves."""

MOST_COMPARED: Final = 5_000
"""Names among which a similar one is looked for."""

SUGGESTIONS: Final = 3
_SHOWN: Final = 60


class Code(StrEnum):
    """What is remarked; stable, for programs."""

    UNKNOWN_EVENT = "questions.unknown_event"
    UNKNOWN_PROPERTY = "questions.unknown_property"
    UNCHECKED_PROPERTY = "questions.unchecked_property"


@dataclass(frozen=True, slots=True)
class Names:
    """The names that a question uses.

    Attributes:
        events: Of events, in the order in which they stand there.
        properties: Of what events carry; dimensions are none.
        either: Sets of events of which one name that the site knows suffices.
    """

    events: tuple[str, ...] = ()
    properties: tuple[str, ...] = ()
    either: tuple[tuple[str, ...], ...] = ()

    def unknown_events(self, is_known: Callable[[str], bool]) -> tuple[str, ...]:
        """Say which events a site does not know, each once."""
        found = [name for name in self.events if not is_known(name)]
        found += [each[0] for each in self.either if not any(map(is_known, each))]
        return tuple(dict.fromkeys(found))


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing that must be said beside an answer.

    Attributes:
        code: What it is.
        name: The name that it is about.
        close: Names that the site knows and that are written nearly the same.
    """

    code: Code
    name: str
    close: tuple[str, ...] = ()

    @property
    def message(self) -> str:
        """Say it to a person."""
        name = _quoted(self.name)
        said = f"There has been no event named {name} on this site yet."
        if self.code is Code.UNCHECKED_PROPERTY:
            return f"Whether any event carries a property named {name} could not be told."
        if self.code is Code.UNKNOWN_PROPERTY:
            said = f"No event on this site has carried a property named {name} yet."
        if not self.close:
            return said
        *others, last = map(_quoted, self.close)
        meant = f"{', '.join(others)} or {last}" if others else last
        return f"{said} Did you mean {meant}?"

    def document(self) -> dict[str, Json]:
        """Write it as JSON."""
        return {
            "code": self.code.value,
            "message": self.message,
            "name": self.name,
            "did_you_mean": list(self.close),
        }


def names_in(question: object) -> Names:
    """Find the names of events and properties that a question uses, wherever they stand."""
    events: dict[str, None] = {}
    properties: dict[str, None] = {}
    either: dict[tuple[str, ...], None] = {}
    for part in _parts(question):
        match part:
            case Events() if part.names in SYNONYMS:
                either[part.names] = None
            case Events():
                events |= dict.fromkeys(part.names)
            case Condition():
                properties[part.field] = None
            case Amount(kind=AmountKind.PROPERTY):
                properties[f"{PROPERTY}{part.name}"] = None
            case _:
                properties |= dict.fromkeys(_groups(getattr(part, "by", None)))
    used = {name.removeprefix(PROPERTY): None for name in properties if name not in NOT_PROPERTIES}
    return Names(tuple(events), tuple(used), tuple(either))


def close_to(name: str, known: Collection[str]) -> tuple[str, ...]:
    """Find the names that are written nearly the same, whatever their capitals and signs."""
    from difflib import get_close_matches  # only a mistake needs it

    plain: dict[str, str] = {}
    for each in sorted(known)[:MOST_COMPARED]:
        plain.setdefault(_plain(each), each)
    found = get_close_matches(_plain(name), plain, n=SUGGESTIONS, cutoff=0.7)
    return tuple(plain[each] for each in found)


def _plain(name: str) -> str:
    return "".join(each for each in name.casefold() if each.isalnum())


def _quoted(name: str) -> str:
    return f"“{name if len(name) <= _SHOWN else f'{name[:_SHOWN]}…'}”"


def _groups(by: object) -> Iterator[str]:
    """Give what a question is broken down by: one name, several or none."""
    if isinstance(by, str):
        yield by
    elif isinstance(by, tuple):
        yield from (each for each in by if isinstance(each, str))


def _parts(value: object) -> Iterator[object]:
    """Give every value that a question is made of, in reading order, itself first."""
    if isinstance(value, Mapping):
        yield from _parts((*value.keys(), *value.values()))
    elif isinstance(value, tuple | list):
        for each in value:
            yield from _parts(each)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        yield value
        for member in dataclasses.fields(value):
            yield from _parts(getattr(value, member.name))
