"""Requests drawn from the description of the API: plain ones, and ones meant to hurt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.random import Generator


Schema = Mapping[str, Any]

WILD_TEXT = ("", " ", "\x00", "\u202e\u2028", "²", "9" * 400, "a" * 3000, "<i>'\"&", "=1+1", "I-1")
WILD_NUMBERS = (0, -1, 1, 2**31, 2**63, -(2**64), 10**30, 0.1, 1e308, -0.0)
WILD: tuple[Any, ...] = (None, True, [], {}, [[]], {"": None}, "x", 1.5, [None], {"key": {"a": 1}})
DAY = "2026-05-04"
AT = "2026-05-04T12:00:00Z"


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one address.

    Attributes:
        method: In small letters.
        path: With its names in braces.
        takes: Schema of its body; None where it takes none.
        media: In which form it takes the body.
        query: Names and schemas of what stands after the question mark.
        inside: Names and schemas of what stands in the path.
        answers: Status → kinds of content that are described.
    """

    method: str
    path: str
    takes: Schema | None
    media: str
    query: dict[str, Schema] = field(default_factory=dict)
    inside: dict[str, Schema] = field(default_factory=dict)
    answers: dict[int, tuple[str, ...]] = field(default_factory=dict)


def operations_of(described: Mapping[str, Any]) -> Iterator[Operation]:
    """List what a description says can be asked."""
    for path, methods in described["paths"].items():
        for method, said in methods.items():
            body = said.get("requestBody", {}).get("content", {})
            media = next(iter(body), "")
            given: dict[str, dict[str, Schema]] = {"query": {}, "path": {}}
            for each in said.get("parameters", ()):
                given[each["in"]][each["name"]] = each["schema"]
            yield Operation(
                method,
                path,
                body[media].get("schema", {}) if body else None,
                media,
                given["query"],
                given["path"],
                {
                    int(status): tuple(answer.get("content", {}))
                    for status, answer in said["responses"].items()
                },
            )


class Bodies:
    """Makes values that a schema allows, or nearly allows."""

    def __init__(self, described: Mapping[str, Any]) -> None:
        self._parts = described.get("components", {}).get("schemas", {})

    def plain(self, schema: Schema, parts: Schema | None = None) -> Any:
        """Give the least that a schema allows."""
        schema, parts = self._meant(schema, parts)
        if "default" in schema:
            return schema["default"]
        if schema.get("enum"):
            return schema["enum"][0]
        match schema.get("type"):
            case "object" if schema.get("minProperties") and not schema.get("properties"):
                return {"x": self.plain(schema.get("additionalProperties", {}), parts)}
            case "object":
                return {
                    name: self.plain(schema.get("properties", {}).get(name, {}), parts)
                    for name in schema.get("required", ())
                }
            case "array":
                item = schema.get("items", {})
                return [self.plain(item, parts) for _ in range(schema.get("minItems", 0))]
            case "string":
                days = {"date": DAY, "date-time": AT, "time": "12:00"}
                return days.get(schema.get("format", ""), "x" * max(1, schema.get("minLength", 1)))
            case "integer" | "number":
                return max(1, schema.get("minimum", 1))
            case "boolean":
                return True
            case "null":
                return None
            case _:
                return {}

    def wild(self, schema: Schema, chance: Generator, parts: Schema | None = None) -> Any:
        """Give something that fits now and then, and is odd now and then."""
        schema, parts = self._meant(schema, parts, chance)
        if chance.random() < 0.04:
            return WILD[chance.integers(len(WILD))]
        if schema.get("enum"):
            return schema["enum"][chance.integers(len(schema["enum"]))]
        match schema.get("type"):
            case "object":
                required = set(schema.get("required", ()))
                found = {
                    name: self.wild(each, chance, parts)
                    for name, each in schema.get("properties", {}).items()
                    if name in required or chance.random() < 0.5
                }
                if not schema.get("properties") or chance.random() < 0.05:
                    found["odd\u2028"] = WILD[chance.integers(len(WILD))]
                return found
            case "array":
                if schema.get("items") is False:
                    # A list whose places are told one by one, and no further ones.
                    places = schema.get("prefixItems", ())
                    return [self.wild(each, chance, parts) for each in places]
                count = int(chance.integers(0, 4))
                return [self.wild(schema.get("items", {}), chance, parts) for _ in range(count)]
            case "string" if chance.random() < 0.6:
                return self.plain(schema, parts)
            case "string":
                return WILD_TEXT[chance.integers(len(WILD_TEXT))]
            case "integer":
                return int(WILD_NUMBERS[chance.integers(7)])
            case "number":
                return WILD_NUMBERS[chance.integers(len(WILD_NUMBERS))]
            case "boolean":
                return bool(chance.integers(2))
            case "null":
                return None
            case _:
                return WILD[chance.integers(len(WILD))]

    def _meant(
        self, schema: Schema, parts: Schema | None, chance: Generator | None = None
    ) -> tuple[Schema, Schema | None]:
        """Follow references and choose among what may stand in one place."""
        parts = schema.get("$defs", parts)
        while "$ref" in schema or "anyOf" in schema or "oneOf" in schema:
            if "$ref" in schema:
                name = schema["$ref"].rpartition("/")[2]
                schema = (parts or {}).get(name) or self._parts[name]
                continue
            choices = schema.get("anyOf") or schema["oneOf"]
            if "default" in schema and chance is None:
                return schema, parts
            schema = choices[0 if chance is None else int(chance.integers(len(choices)))]
        return schema, parts
