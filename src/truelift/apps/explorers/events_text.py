"""A set of events in one line: `purchase | refund where device = phone, value >= 10`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from truelift.questions.document import Json


SIGNS: Final = (
    ("!=", "is_not"),
    (">=", "at_least"),
    ("<=", "at_most"),
    ("~", "contains"),
    ("=", "is"),
)
"""How a comparison is written; the longer signs are looked for first."""

_WORDS: Final = ((" is not set", "is_not_set"), (" is set", "is_set"))
_WHERE: Final = re.compile(r"(?:^|\s)where\s")


def events_of(text: str) -> Json:
    """Read a set of events as the questions' JSON takes it.

    A backslash takes the meaning off the character after it.
    """
    found = _WHERE.search(text)
    names_text = text[: found.start()] if found else text
    conditions_text = text[found.end() :] if found else ""
    names = [unescaped(name) for name in split(names_text, "|") if name.strip()]
    where: list[Json] = [condition(part) for part in split(conditions_text, ",") if part.strip()]
    if len(names) == 1 and not where:
        return names[0]
    given: dict[str, Json] = {"names": names} if names else {}
    return given | ({"where": where} if where else {})


def condition(text: str) -> Json:
    """Read one condition; one without a sign says that the property is set."""
    for word, comparison in _WORDS:
        if text.rstrip().endswith(word):
            return {"field": unescaped(text.rstrip()[: -len(word)]), "comparison": comparison}
    for at in range(len(text)):
        if escaped_at(text, at):
            continue
        for sign, comparison in SIGNS:
            if text.startswith(sign, at):
                values = [unescaped(each) for each in split(text[at + len(sign) :], "|")]
                return {
                    "field": unescaped(text[:at]),
                    "comparison": comparison,
                    "values": [value for value in values if value],
                }
    return {"field": unescaped(text), "comparison": "is_set"}


def text_of(events: Json) -> str:
    """Write a set of events as `events_of` reads it."""
    if isinstance(events, str):
        return escaped(events)
    if not isinstance(events, Mapping):
        return ""
    names, where = events.get("names"), events.get("where")
    names = names if isinstance(names, Sequence) and not isinstance(names, str) else ()
    where = where if isinstance(where, Sequence) and not isinstance(where, str) else ()
    parts = [" | ".join(escaped(str(name)) for name in names)]
    conditions = [condition_text(each) for each in where if isinstance(each, Mapping)]
    if conditions:
        parts.append(f"where {', '.join(conditions)}")
    return " ".join(part for part in parts if part)


def condition_text(given: Mapping[str, Json]) -> str:
    """Write one condition."""
    field = escaped(str(given.get("field", "")))
    comparison = str(given.get("comparison") or "is")
    for word, name in _WORDS:
        if comparison == name:
            return f"{field}{word}"
    sign = next((sign for sign, name in SIGNS if name == comparison), "=")
    values = given.get("values")
    listed = values if isinstance(values, Sequence) and not isinstance(values, str) else ()
    return f"{field} {sign} {' | '.join(escaped(written(value)) for value in listed)}"


def written(value: Json) -> str:
    """Write a value as the questions read it."""
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def split(text: str, sign: str) -> list[str]:
    """Cut a text at a character that no backslash stands before."""
    parts, begin = [], 0
    for at, each in enumerate(text):
        if each == sign and not escaped_at(text, at):
            parts.append(text[begin:at])
            begin = at + 1
    return [*parts, text[begin:]]


def escaped_at(text: str, at: int) -> bool:
    """Say whether a backslash takes the meaning off a character."""
    slashes = 0
    while at - slashes > 0 and text[at - slashes - 1] == "\\":
        slashes += 1
    return slashes % 2 == 1


def unescaped(text: str) -> str:
    """Take spaces at the ends and backslashes away."""
    return re.sub(r"\\(.)", r"\1", text.strip(), flags=re.DOTALL)


def escaped(text: str) -> str:
    """Put a backslash before every character that means something."""
    plain = re.sub(r"([\\|,=~<>!])", r"\\\1", text)
    plain = re.sub(r"(^|\s)(where\s)", r"\1\\\2", plain)
    return re.sub(r" is (not )?set$", lambda found: found[0][:-1] + "\\" + found[0][-1], plain)
