"""A question's JSON form as the inputs of an HTML form, and what is typed there as JSON again."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, cast

from django.http import QueryDict

from truelift.apps.explorers.events_text import escaped, events_of, split, text_of, unescaped
from truelift.questions.document import Json


class InputKind(StrEnum):
    """How something is typed, and what JSON it becomes."""

    TEXT = "text"
    CHOICE = "choice"
    NUMBER = "number"
    YES_NO = "yes_no"
    DURATION = "duration"
    DAY = "day"
    EVENTS = "events"
    EVENT_LIST = "event_list"
    TEXT_LIST = "text_list"
    NAMED_LIST = "named_list"
    JSON = "json"


MANY: Final = frozenset({InputKind.EVENT_LIST, InputKind.TEXT_LIST, InputKind.NAMED_LIST})
"""Kinds whose parameter repeats, once per item."""

LONGEST: Final = 2_000
"""Letters of one parameter that are read."""


@dataclass(frozen=True, slots=True)
class Input:
    """One input of a form.

    Attributes:
        name: Path of the member with dots between; also the parameter of the address.
        kind: How it is typed.
        label: What a person reads beside it.
        meaning: One sentence from the question's own schema.
        choices: Of a choice: value and words, the empty one for what holds when left out.
        required: Whether the question needs it.
        values: What is typed in now; one, except for lists.
    """

    name: str
    kind: InputKind
    label: str = ""
    meaning: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    required: bool = False
    values: tuple[str, ...] = ()

    @property
    def value(self) -> str:
        """What is typed into a single input."""
        return self.values[0] if self.values else ""

    @property
    def is_list(self) -> bool:
        """Whether there is one input per item."""
        return self.kind in MANY

    @property
    def html_id(self) -> str:
        """Its id in the page."""
        return f"in-{self.name.replace('.', '-').replace('_', '-')}"

    @property
    def lines(self) -> tuple[str, ...]:
        """The inputs of a list: the filled ones and one more, at least two of what is needed."""
        return (*self.values, *[""] * max(1, (2 if self.required else 1) - len(self.values)))

    @property
    def suggestions(self) -> str:
        """The id of the list of names that it proposes; empty for none."""
        events = {InputKind.EVENTS, InputKind.EVENT_LIST, InputKind.NAMED_LIST}
        if self.name == "metric":
            return "metric-names"
        if self.kind in events:
            return "event-names"
        return "dimension-names" if self.name.rpartition(".")[2] in BY else ""

    def typed(self, query: QueryDict) -> Input:
        """Give the input with what an address types into it."""
        found = query.getlist(self.name) if self.kind in MANY else [query.get(self.name, "")]
        values = tuple(text.strip()[:LONGEST] for text in found if text.strip())
        return replace(self, values=values)

    def filled(self, document: Mapping[str, Json]) -> Input:
        """Give the input with what a question's JSON has for it."""
        return replace(self, values=self.texts(member(document, self.name)))

    def texts(self, found: Json) -> tuple[str, ...]:
        """Write a member of JSON as it would be typed."""
        if found is None:
            return ()
        match self.kind:
            case InputKind.EVENTS:
                text = text_of(found)
                return (text,) if text else ()
            case InputKind.EVENT_LIST:
                return tuple(text_of(each) for each in _items(found))
            case InputKind.TEXT_LIST:
                return tuple(str(each) for each in _items(found))
            case InputKind.NAMED_LIST:
                return tuple(_named_text(each) for each in _items(found))
            case InputKind.TEXT if isinstance(found, Mapping):
                return (json.dumps(found, ensure_ascii=False),)
            case InputKind.YES_NO:
                return ("yes" if found else "no",)
            case InputKind.JSON:
                return (json.dumps(found, ensure_ascii=False),)
            case _:
                return (str(found),)

    @property
    def json(self) -> Json:
        """Give what is typed as JSON; what does not fit stays text, and the question says so."""
        match self.kind:
            case InputKind.EVENTS:
                return events_of(self.value)
            case InputKind.EVENT_LIST:
                return [events_of(text) for text in self.values]
            case InputKind.TEXT_LIST:
                return list(self.values)
            case InputKind.NAMED_LIST:
                return [_named(text) for text in self.values]
            case InputKind.TEXT if self.value.startswith("{"):
                return _loaded(self.value)
            case InputKind.NUMBER:
                digits = self.value.isascii() and self.value.isdecimal() and len(self.value) < 16
                return int(self.value) if digits else self.value
            case InputKind.YES_NO:
                return {"yes": True, "no": False}.get(self.value, self.value)
            case InputKind.JSON:
                return _loaded(self.value)
            case _:
                return self.value


BY: Final = frozenset({"by", "dimension", "dimensions", "field"})
"""Members that name a dimension or property."""


def inputs_of(
    schema: Mapping[str, Json],
    *,
    labels: Mapping[str, str],
    words: Mapping[str, str],
    prefix: str = "",
) -> tuple[Input, ...]:
    """Make the inputs of an object's schema, those of objects in it beside them.

    Args:
        schema: Of the object.
        labels: Path → what a person reads; words of the path where it has none.
        words: Choice → what a person reads.
        prefix: Path of the object, with a dot at its end.
    """
    properties = cast("Mapping[str, Mapping[str, Json]]", schema.get("properties", {}))
    required = cast("Sequence[str]", schema.get("required", ()))
    found: list[Input] = []
    for name, each in properties.items():
        path = f"{prefix}{name}"
        kind = kind_of(each)
        if kind is None:
            found += inputs_of(each, labels=labels, words=words, prefix=f"{path}.")
            continue
        needed = name in required
        choices = tuple(
            (str(choice), words.get(str(choice), spoken(str(choice))))
            for choice in cast("Sequence[Json]", each.get("enum", ()))
        )
        if kind is InputKind.YES_NO:
            choices = (("yes", "Yes"), ("no", "No"))
        if choices and not needed:
            choices = (("", words.get(f"{path}=", _usual(each, choices))), *choices)
        found.append(
            Input(
                name=path,
                kind=kind,
                label=labels.get(path, spoken(path.replace(".", " "))),
                meaning=str(each.get("description", "")),
                choices=choices,
                required=needed and not prefix,
            )
        )
    return tuple(found)


def kind_of(schema: Mapping[str, Json]) -> InputKind | None:
    """Say how a member is typed; None for an object whose members are typed one by one."""
    if "enum" in schema:
        return InputKind.CHOICE
    any_of = cast("Sequence[Mapping[str, Json]]", schema.get("anyOf", ()))
    if any(_is_events(each) for each in (*any_of, schema)):
        return InputKind.EVENTS
    if any("pattern" in each for each in any_of):
        return InputKind.DURATION
    if any(_is_text(each) for each in any_of):
        return InputKind.TEXT
    match schema.get("type"):
        case "boolean":
            return InputKind.YES_NO
        case "integer":
            return InputKind.NUMBER
        case "string":
            return InputKind.TEXT if "minLength" in schema else InputKind.DAY
        case "array":
            items = cast("Mapping[str, Json]", schema.get("items", {}))
            inner = kind_of(items)
            if _is_named(items):
                return InputKind.NAMED_LIST
            if inner is InputKind.EVENTS:
                return InputKind.EVENT_LIST
            short = inner in {InputKind.TEXT, InputKind.CHOICE, InputKind.DURATION}
            return InputKind.TEXT_LIST if short else InputKind.JSON
        case "object" if schema.get("properties"):
            return None
        case _:
            return InputKind.JSON


def document_of(inputs: Sequence[Input]) -> dict[str, Json]:
    """Put what is typed into one JSON object; nothing typed is nothing said."""
    document: dict[str, Json] = {}
    for each in inputs:
        if not each.values:
            continue
        *folders, name = each.name.split(".")
        place = document
        for folder in folders:
            place = cast("dict[str, Json]", place.setdefault(folder, {}))
        place[name] = each.json
    return document


def member(document: Mapping[str, Json], path: str) -> Json:
    """Find a member of an object by its path; None where there is none."""
    found: Json = document
    for name in path.split("."):
        if not isinstance(found, Mapping):
            return None
        found = found.get(name)
    return found


def spoken(name: str) -> str:
    """Turn a member's name into words: `key_events` → `Key events`."""
    words = name.replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def _usual(schema: Mapping[str, Json], choices: Sequence[tuple[str, str]]) -> str:
    """Say what holds when a choice is left out, where its sentence names it in backquotes."""
    named = re.findall(r"`(\w+)`[^;]*when left out", str(schema.get("description", "")))
    return dict(choices).get(named[0], "as usual") if named else "as usual"


def _is_events(schema: Mapping[str, Json]) -> bool:
    properties = schema.get("properties")
    return isinstance(properties, Mapping) and properties.keys() == {"names", "where"}


def _is_text(schema: Mapping[str, Json]) -> bool:
    return schema.get("type") == "string" and "minLength" in schema


def _is_named(schema: Mapping[str, Json]) -> bool:
    """Say whether an item is a set of events that may have a name of its own."""
    any_of = cast("Sequence[Mapping[str, Json]]", schema.get("anyOf", (schema,)))
    return any(
        isinstance(properties := each.get("properties"), Mapping)
        and properties.keys() == {"name", "events"}
        for each in any_of
    )


def _named(text: str) -> Json:
    """Read `landing = /` as a set of events with a name; without a name it is its own."""
    before = text.partition(" where ")[0]
    parts = split(before, "=")
    if len(parts) < 2:
        found = events_of(text)
        return found if isinstance(found, str) else {"name": text, "events": found}
    return {"name": unescaped(parts[0]), "events": events_of(text[len(parts[0]) + 1 :])}


def _named_text(found: Json) -> str:
    if not isinstance(found, Mapping):
        return text_of(found)
    return f"{escaped(str(found.get('name', '')))} = {text_of(found.get('events'))}"


def _loaded(text: str) -> Json:
    try:
        return cast("Json", json.loads(text))
    except (ValueError, RecursionError):
        return text


def _items(found: Json) -> Sequence[Json]:
    return found if isinstance(found, Sequence) and not isinstance(found, str) else (found,)
