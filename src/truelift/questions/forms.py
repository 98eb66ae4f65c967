"""Forms that a JSON value may have: each reads it, naming every error, and describes itself."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from enum import StrEnum
from typing import Final, Generic, TypeVar
from zoneinfo import ZoneInfo

from truelift.questions.document import Json
from truelift.questions.matching import BadQuestion, is_text


T = TypeVar("T")
Value = TypeVar("Value", covariant=True)  # noqa: PLC0105 - one name for one thing
Made = TypeVar("Made")
Choice = TypeVar("Choice", bound=StrEnum)

_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_DURATION: Final = re.compile(r"(\d{1,9})([smhdw])")


@dataclass(frozen=True, slots=True)
class SavedSegment:
    """A segment that a site keeps under a name.

    Attributes:
        name: Under which it is kept.
        version: Counted from 1; a change is the next one.
        definition: Its condition, as JSON.
    """

    name: str
    version: int
    definition: Mapping[str, object]


def no_segment(name: str) -> SavedSegment | None:
    """Know no segment at all."""
    del name
    return None


@dataclass(frozen=True, slots=True)
class MetricVersion:
    """One version of a site's own metric.

    Attributes:
        version: Counted from 1.
        made_at: From when it held.
        definition: As JSON, as a question takes a metric in full.
    """

    version: int
    made_at: datetime
    definition: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class SavedMetric:
    """A metric that a site defined itself.

    Attributes:
        key: Its name in questions.
        title: Its name on pages.
        better: Which way it gets better.
        versions: All of them, the newest last; at least one.
    """

    key: str
    title: str
    better: str
    versions: tuple[MetricVersion, ...]

    def definition(self, version: str) -> MetricVersion | None:
        """Find a version by its number, the newest where none is said."""
        if not version:
            return self.versions[-1]
        return next((each for each in self.versions if str(each.version) == version), None)

    def wants(self, version: str) -> str:
        """Say what is wrong with a version that there is not."""
        return f"has versions 1 to {self.versions[-1].version}, not {version[:20]!r}"


def no_metric(key: str) -> SavedMetric | None:
    """Know no metric of the site's own."""
    del key
    return None


@dataclass(frozen=True, slots=True)
class Context:
    """What a document leaves to the site and the moment at which it is asked.

    Attributes:
        now: The moment.
        time_zone: Of the site.
        currency: Of the site.
        trusted: Whether the site counts money only when a secret key sent it.
        deducted: Properties of an order that the site takes off its revenue.
        segments: Finds a segment of the site by its name, or `name@version`.
        metrics: Finds a metric of the site's own by its key.
        event_names: What the site calls an event of the built-in metrics, where it
            calls it anything else.
    """

    now: datetime
    time_zone: str = "UTC"
    currency: str = "EUR"
    trusted: bool = False
    deducted: tuple[str, ...] = ()
    segments: Callable[[str], SavedSegment | None] = no_segment
    metrics: Callable[[str], SavedMetric | None] = no_metric
    event_names: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)

    def called(self, names: Iterable[str]) -> tuple[str, ...]:
        """Give the names under which the site sends events of the built-in metrics."""
        ours = (each for name in names for each in self.event_names.get(name, (name,)))
        return tuple(dict.fromkeys(ours))


class Mistakes:
    """Collects everything that is wrong with a document, and where."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def add(self, place: str, wants: str) -> None:
        """Say what a place wants."""
        self.found.append(f"{place or 'it'} {wants}")


@dataclass(frozen=True, slots=True)
class Form(Generic[Value]):
    """A form of JSON value.

    Attributes:
        schema: The same as a JSON Schema.
        read: Gives the value, or None after it said what is wrong.
    """

    schema: Mapping[str, Json]
    read: Callable[[object, str, Context, Mistakes], Value | None]


@dataclass(frozen=True, slots=True)
class Field(Generic[Value]):
    """A member of a record.

    Attributes:
        form: Of its value.
        required: Whether it must be there.
        meaning: One sentence for the schema.
    """

    form: Form[Value]
    meaning: str
    required: bool = False


def text(wants: str = "is not text") -> Form[str]:
    """Take a string that is not empty."""

    def read(value: object, place: str, _context: Context, mistakes: Mistakes) -> str | None:
        if isinstance(value, str) and value and is_text(value):
            return value
        mistakes.add(place, wants)
        return None

    return Form({"type": "string", "minLength": 1}, read)


def whole(*, least: int, most: int) -> Form[int]:
    """Take a whole number within bounds."""

    def read(value: object, place: str, _context: Context, mistakes: Mistakes) -> int | None:
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return value
        mistakes.add(place, f"is not a whole number from {least} to {most}")
        return None

    return Form({"type": "integer", "minimum": least, "maximum": most}, read)


def yes_or_no() -> Form[bool]:
    """Take true or false."""

    def read(value: object, place: str, _context: Context, mistakes: Mistakes) -> bool | None:
        if isinstance(value, bool):
            return value
        mistakes.add(place, "is not true or false")
        return None

    return Form({"type": "boolean"}, read)


def one_of(choices: type[Choice], some: Sequence[Choice] = ()) -> Form[Choice]:
    """Take one of a closed set of words, or of some of them."""
    words = [choice.value for choice in some or choices]

    def read(value: object, place: str, _context: Context, mistakes: Mistakes) -> Choice | None:
        if isinstance(value, str) and value in words:
            return choices(value)
        mistakes.add(place, f"is not one of {', '.join(words)}")
        return None

    return Form({"enum": words}, read)


def share() -> Form[float]:
    """Take a number between 0 and 1."""

    def read(value: object, place: str, _context: Context, mistakes: Mistakes) -> float | None:
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1:
            return float(value)
        mistakes.add(place, "is not a number between 0 and 1")
        return None

    return Form({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}, read)


def duration() -> Form[int]:
    """Take seconds, or a number with its unit as in `7d`; gives seconds."""

    def read(value: object, place: str, _context: Context, mistakes: Mistakes) -> int | None:
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return value
        found = _DURATION.fullmatch(value) if isinstance(value, str) else None
        if found:
            return int(found[1]) * _SECONDS[found[2]]
        mistakes.add(place, "is not a duration such as 30m, 1h or 7d")
        return None

    return Form(
        {
            "anyOf": [
                {"type": "integer", "minimum": 0},
                {"type": "string", "pattern": f"^{_DURATION.pattern}$"},
            ]
        },
        read,
    )


def moment() -> Form[datetime]:
    """Take an instant in ISO 8601; a bare date is where the site's day begins."""

    def read(value: object, place: str, context: Context, mistakes: Mistakes) -> datetime | None:
        try:
            found = _moment(value, context) if isinstance(value, str) else None
        except (ValueError, OverflowError):
            found = None
        if found is None:
            mistakes.add(place, "is not a time such as 2026-01-31 or 2026-01-31T12:00:00Z")
        return found

    return Form({"type": "string", "description": "ISO 8601; a bare date is the site's day"}, read)


def list_of(item: Form[T], *, least: int = 0, most: int = 1000) -> Form[tuple[T, ...]]:
    """Take a list, each of whose items has a form."""

    def read(
        value: object, place: str, context: Context, mistakes: Mistakes
    ) -> tuple[T, ...] | None:
        if not isinstance(value, Sequence) or isinstance(value, str):
            mistakes.add(place, "is not a list")
            return None
        if not least <= len(value) <= most:
            mistakes.add(place, f"has {len(value)} items, not {least} to {most}")
            return None
        items = [item.read(one, f"{place}[{n}]", context, mistakes) for n, one in enumerate(value)]
        return (
            None if any(one is None for one in items) else tuple(i for i in items if i is not None)
        )

    schema: dict[str, Json] = {"type": "array", "items": item.schema, "maxItems": most}
    return Form({**schema, "minItems": least} if least else schema, read)


def either(short: Form[T], long: Form[T]) -> Form[T]:
    """Take a string as the short form and everything else as the long one."""

    def read(value: object, place: str, context: Context, mistakes: Mistakes) -> T | None:
        form = short if isinstance(value, str) else long
        return form.read(value, place, context, mistakes)

    return Form({"anyOf": [short.schema, long.schema]}, read)


def made(form: Form[T], make: Callable[[T], Made]) -> Form[Made]:
    """Take what a form takes and make something of it."""

    def read(value: object, place: str, context: Context, mistakes: Mistakes) -> Made | None:
        found = form.read(value, place, context, mistakes)
        return None if found is None else make(found)

    return Form(form.schema, read)


def record(
    build: Callable[[Mapping[str, object], Context], T], fields: Mapping[str, Field[object]]
) -> Form[T]:
    """Take an object with these members and no other.

    Args:
        build: Makes the value of the members that were there; a `BadQuestion` that it
            raises becomes part of what is wrong.
        fields: The members.
    """

    def read(value: object, place: str, context: Context, mistakes: Mistakes) -> T | None:
        if not isinstance(value, Mapping):
            mistakes.add(place, "is not an object")
            return None
        before = len(mistakes.found)
        prefix = f"{place}." if place else ""
        for name in sorted(map(str, value.keys() - fields.keys())):
            mistakes.add(f"{prefix}{name[:60]}", f"is none of {', '.join(fields)}")
        for name, field in fields.items():
            if field.required and value.get(name) is None:
                mistakes.add(f"{prefix}{name}", "is missing")
        members = {
            name: field.form.read(value[name], f"{prefix}{name}", context, mistakes)
            for name, field in fields.items()
            if value.get(name) is not None
        }
        if len(mistakes.found) > before:
            return None
        try:
            return build(members, context)
        except BadQuestion as refused:
            reasons = refused.facts["reasons"]
            mistakes.found += [f"{place}: {r}" if place else r for r in _texts(reasons)]
            return None

    schema: dict[str, Json] = {
        "type": "object",
        "properties": {
            name: {**field.form.schema, "description": field.meaning}
            for name, field in fields.items()
        },
        "required": [name for name, field in fields.items() if field.required],
        "additionalProperties": False,
    }
    return Form(schema, read)


def _texts(reasons: object) -> list[str]:
    return [str(reason) for reason in reasons] if isinstance(reasons, tuple) else [str(reasons)]


def _moment(value: str, context: Context) -> datetime:
    if len(value) == len("2026-01-31"):
        zone = ZoneInfo(context.time_zone)
        return datetime.combine(date.fromisoformat(value), time(), tzinfo=zone).astimezone(UTC)
    found = datetime.fromisoformat(value)
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
