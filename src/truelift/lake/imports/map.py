"""What a map file says: which columns of a file become which parts of an event."""

from __future__ import annotations

import codecs
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final, TypeVar
from zoneinfo import ZoneInfo

from truelift.errors import Refusal


class Format(StrEnum):
    """How a file is written."""

    CSV = "csv"
    NDJSON = "ndjson"
    PARQUET = "parquet"


class Kind(StrEnum):
    """What a property is stored as."""

    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"


class TimeUnit(StrEnum):
    """What a bare number in a time column counts."""

    S = "s"
    MS = "ms"
    US = "us"
    NS = "ns"


class BadMap(Refusal):
    """A map cannot be used, with everything that is wrong with it."""

    code = "imports.bad_map"

    def __init__(self, *, source: str, problems: tuple[str, ...]) -> None:
        listed = "; ".join(problems)
        super().__init__(f"{source} cannot be used: {listed}.", map=source, problems=problems)


@dataclass(frozen=True, slots=True)
class Column:
    """A part of an event that stands in a column, or in the first of several.

    Attributes:
        name: The column; dots look inside objects.
        others: Columns that are tried in this order where nothing stands in it.
        words: Texts and what they become; the empty text is for where nothing stands.
        otherwise: What any other text becomes, and nothing too; None where it stays.
        numeric: Texts that are no numbers are passed over.
    """

    name: str
    others: tuple[str, ...] = ()
    words: tuple[tuple[str, str], ...] = ()
    otherwise: str | None = None
    numeric: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Every column that may be read, the first one first."""
        return (self.name, *self.others)

    @property
    def always(self) -> bool:
        """Whether something comes of it also where the columns are empty, or absent."""
        return self.otherwise is not None or any(not given for given, _ in self.words)


@dataclass(frozen=True, slots=True)
class Constant:
    """A part of an event that is the same in every row."""

    text: str


Source = Column | Constant


@dataclass(frozen=True, slots=True)
class Digest:
    """A row's id that is made of several columns, where no single one tells rows apart."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Moment:
    """When an event happened: a start, and what is added to it.

    Attributes:
        start: A column, or a constant instant in epoch milliseconds.
        format: `strptime` pattern of the start; empty for ISO-8601 or a number.
        unit: What a bare number in the start column counts.
        step_ms: Added once for every row before this one.
        step: A column that is added to the start.
        step_unit: What that column counts.
        first_of: The start of the first row with the same text in this column holds
            for all of them: a session that passes midnight began on one day.
    """

    start: Column | int
    format: str = ""
    unit: TimeUnit = TimeUnit.MS
    step_ms: int = 0
    step: Column | None = None
    step_unit: TimeUnit = TimeUnit.MS
    first_of: Column | None = None


@dataclass(frozen=True, slots=True)
class Condition:
    """Whether a row has an event at all.

    Attributes:
        column: What is looked at.
        among: The texts that count; empty for true, t, yes, y and 1.
        negated: The texts do not count, everything else does.
    """

    column: str
    among: tuple[str, ...] = ()
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Property:
    """One property of an event."""

    source: Source
    kind: Kind = Kind.TEXT


@dataclass(frozen=True, slots=True)
class FileShape:
    """How the file is written, whatever it says.

    Attributes:
        format: CSV, NDJSON or Parquet.
        delimiter: One character between two fields.
        quote: One character around a field that holds the delimiter; empty for none.
        encoding: A name that Python knows.
        wrapped_rows: Each line as a whole stands in a pair of quotes.
        columns: Names for a file without a header line.
        decimal: Between a number's whole and its parts.
        thousands: Between a number's groups of digits; empty for none.
        time_zone: Of times that do not say theirs.
        missing: Texts that mean nothing stands here, beside the empty one.
        parse_json: Columns that hold an object as JSON text; what is in it has a name then.
        key_values: Columns that hold a list of keys and values; they become objects.
        explode: A column that holds a list; each of its elements becomes a row of its own,
            in which this column is that one element.
        partial: Columns may be absent and are empty then, all but an event's name, unit and
            time.
    """

    format: Format = Format.CSV
    delimiter: str = ","
    quote: str = '"'
    encoding: str = "utf-8"
    wrapped_rows: bool = False
    columns: tuple[str, ...] = ()
    decimal: str = "."
    thousands: str = ""
    time_zone: str = "UTC"
    missing: tuple[str, ...] = ()
    parse_json: tuple[str, ...] = ()
    key_values: tuple[str, ...] = ()
    explode: str = ""
    partial: bool = False

    @property
    def opens(self) -> bool:
        """Whether rows carry more than they become events from."""
        return bool(self.parse_json or self.key_values or self.explode)


@dataclass(frozen=True, slots=True)
class EventMap:
    """How a row becomes one event.

    Attributes:
        name: The event's name.
        occurred_at: When it happened.
        unit: Whose event it is, the visitor; None makes every row a person of its own.
        parts: Everything else by the name of its `ARRIVED` column.
        properties: By the property's name.
        lifted: An object whose members all become properties, unless `properties` names them.
        rest: Every column that nothing else uses becomes a property as well.
        when: The row has this event only if so; None for always.
    """

    name: Source
    occurred_at: Moment
    unit: Source | None
    parts: Mapping[str, Source] = field(default_factory=dict)
    properties: Mapping[str, Property] = field(default_factory=dict)
    rest: bool = False
    when: Condition | None = None
    lifted: Column | None = None

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns that this event reads by name."""
        sources = [
            *self.vital,
            *self.parts.values(),
            *(each.source for each in self.properties.values()),
            self.occurred_at.step,
            self.occurred_at.first_of,
            Column(self.when.column) if self.when is not None else None,
            self.lifted,
        ]
        return tuple(source for source in sources if isinstance(source, Column))

    @property
    def vital(self) -> tuple[Column, ...]:
        """Those of them without which no row could become an event."""
        sources = (self.name, self.unit, self.occurred_at.start)
        return tuple(source for source in sources if isinstance(source, Column))


@dataclass(frozen=True, slots=True)
class ImportMap:
    """A whole map.

    Attributes:
        file: How the file is written.
        message_id: What tells rows apart for ever; None takes file and line.
        events: What each row becomes, in this order.
    """

    file: FileShape
    message_id: Column | Digest | None
    events: tuple[EventMap, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that the map reads by name."""
        names = [name for event in self.events for each in event.columns for name in each.names]
        opened = [*self.file.parse_json, *self.file.key_values]
        exploded = [self.file.explode] if self.file.explode else []
        ids = self.message_id.names if self.message_id is not None else ()
        return tuple(dict.fromkeys([*names, *ids, *opened, *exploded]))

    @property
    def needed(self) -> tuple[tuple[str, ...], ...]:
        """The columns that a file has to have; of each group one is enough."""
        of = [event.vital if self.file.partial else event.columns for event in self.events]
        groups = [each.names for some in of for each in some if not each.always]
        if not self.file.partial:
            ids = self.message_id
            groups += [ids.names] if isinstance(ids, Column) else []
            groups += [(name,) for name in ids.names] if isinstance(ids, Digest) else []
            groups += [(name,) for name in (*self.file.parse_json, *self.file.key_values)]
            groups += [(self.file.explode,)] if self.file.explode else []
        return tuple(dict.fromkeys(groups))


PARTS: Final[Mapping[str, str]] = {
    "type": "type",
    "user": "user_id",
    "previous": "previous_id",
    "value": "value",
    "currency": "currency",
    "url": "url",
    "referrer": "referrer",
    "title": "title",
    "user_agent": "user_agent",
    "source": "utm_source",
    "medium": "utm_medium",
    "campaign": "utm_campaign",
    "term": "utm_term",
    "content": "utm_content",
    "device": "device",
    "country": "country",
    "experiment": "experiment",
    "variant": "variant",
}
"""The words of a map and the columns of `lake.schema.ARRIVED` that they fill."""

STANDARD: Final[Mapping[str, str]] = {
    "user_id": "user_id",
    "value": "value",
    "currency": "currency",
    "url": "url",
    "referrer": "referrer",
    "device": "device",
    "country": "country",
    "source": "utm_source",
    "experiment": "experiment",
    "variant": "variant",
}
"""Columns of a file without a map that are not properties, beside the four below."""

NEEDED: Final = ("name", "visitor_id", "occurred_at")
TYPES: Final = ("track", "page", "screen", "identify", "group", "alias")
SUFFIXES: Final[Mapping[str, Format]] = {
    ".csv": Format.CSV,
    ".tsv": Format.CSV,
    ".txt": Format.CSV,
    ".ndjson": Format.NDJSON,
    ".jsonl": Format.NDJSON,
    ".json": Format.NDJSON,
    ".parquet": Format.PARQUET,
    ".pq": Format.PARQUET,
}

_FILE_WORDS: Final = (
    "format", "delimiter", "quote", "encoding", "wrapped_rows", "columns",
    "decimal", "thousands", "time_zone", "missing", "parse_json", "key_values", "explode",
    "partial",
)  # fmt: skip
_EVENT_WORDS: Final = ("name", "unit", "occurred_at", "properties", "when", *PARTS)
Word = TypeVar("Word", bound=StrEnum)

_SPANS: Final = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def format_of(path: Path) -> Format:
    """Guess a file's format by its name; CSV when the name says nothing.

    What the name says of compression is passed over: `events.jsonl.gz` is NDJSON.
    """
    said = [SUFFIXES[suffix] for suffix in map(str.lower, path.suffixes) if suffix in SUFFIXES]
    return said[-1] if said else Format.CSV


def map_from(text: str, *, source: str, file: Path) -> ImportMap:
    """Read a map.

    Args:
        text: TOML.
        source: What the map is called in an error.
        file: The file that it is for; its name says the format when the map does not.

    Raises:
        BadMap: With every problem at once.
    """
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise BadMap(source=source, problems=(f"it is not TOML ({error})",)) from error
    reader = _Reader()
    shape = reader.shape(document.get("file", {}), file=file)
    shared = reader.table(document.get("row", {}), "[row]", (*_EVENT_WORDS, "message_id"))
    reader.only(document, "the map", ("file", "row", "event"))
    message_id = reader.row_id(shared.get("message_id"), "[row] message_id")
    own = document.get("event", [])
    if not isinstance(own, list) or not own:
        reader.problems.append("it has no [[event]], so no row would become anything")
        own = []
    events = [
        reader.event(each, f"[[event]] {number}", shared, shape)
        for number, each in enumerate(own, 1)
    ]
    if reader.problems:
        raise BadMap(source=source, problems=tuple(reader.problems))
    return ImportMap(shape, message_id, tuple(event for event in events if event is not None))


def standard_map(columns: Iterable[str], *, file: Path, shape: FileShape) -> ImportMap:
    """The map of a file that has the standard columns and came without one.

    Raises:
        BadMap: A column that every event needs is missing.
    """
    names = tuple(columns)
    missing = tuple(name for name in NEEDED if name not in names)
    if missing and shape.format is not Format.NDJSON:
        raise BadMap(
            source=f"{file.name} without a map",
            problems=tuple(f"it has no column {name!r}" for name in missing),
        )
    known = names if shape.format is not Format.NDJSON else tuple(STANDARD)
    event = EventMap(
        name=Column("name"),
        unit=Column("visitor_id"),
        occurred_at=Moment(Column("occurred_at")),
        parts={part: Column(name) for name, part in STANDARD.items() if name in known},
        rest=True,
    )
    has_id = "message_id" in names or shape.format is Format.NDJSON
    return ImportMap(shape, Column("message_id") if has_id else None, (event,))


class _Reader:
    """Walks a TOML document and remembers everything that is wrong with it."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def table(self, value: object, where: str, words: tuple[str, ...]) -> Mapping[str, object]:
        if not isinstance(value, dict):
            self.problems.append(f"{where} is not a table")
            return {}
        self.only(value, where, words)
        return value

    def only(self, table: Mapping[str, object], where: str, words: tuple[str, ...]) -> None:
        for word in table:
            if word not in words:
                self.problems.append(f"{where} does not know {word!r}; it takes {', '.join(words)}")

    def shape(self, value: object, *, file: Path) -> FileShape:
        table = self.table(value, "[file]", _FILE_WORDS)
        format_ = self.word(table.get("format"), Format, "[file] format") or format_of(file)
        delimiter = "\t" if file.suffix.lower() == ".tsv" else ","
        zone = self.text(table.get("time_zone", "UTC"), "[file] time_zone")
        try:
            ZoneInfo(zone)
        except (
            OSError,
            ValueError,
            KeyError,
        ):  # an unknown zone, and a name that no zone could have
            self.problems.append(f"[file] time_zone {zone!r} is not a zone such as Europe/Berlin")
        encoding = self.text(table.get("encoding", "utf-8"), "[file] encoding")
        try:
            codecs.lookup(encoding)
        except LookupError:
            self.problems.append(f"[file] encoding {encoding!r} is not known")
        return FileShape(
            format=format_,
            delimiter=self.character(table.get("delimiter", delimiter), "delimiter", empty=False),
            quote=self.character(table.get("quote", '"'), "quote", empty=True),
            encoding=encoding,
            wrapped_rows=self.flag(table.get("wrapped_rows", False), "[file] wrapped_rows"),
            columns=self.texts(table.get("columns", []), "[file] columns"),
            decimal=self.character(table.get("decimal", "."), "decimal", empty=False),
            thousands=self.character(table.get("thousands", ""), "thousands", empty=True),
            time_zone=zone,
            missing=self.texts(table.get("missing", []), "[file] missing"),
            parse_json=self.texts(table.get("parse_json", []), "[file] parse_json"),
            key_values=self.texts(table.get("key_values", []), "[file] key_values"),
            explode=self.text(table.get("explode", ""), "[file] explode"),
            partial=self.flag(table.get("partial", False), "[file] partial"),
        )

    def flag(self, value: object, where: str) -> bool:
        if not isinstance(value, bool):
            self.problems.append(f"{where} is true or false")
        return value is True

    def event(
        self, value: object, where: str, shared: Mapping[str, object], shape: FileShape
    ) -> EventMap | None:
        own = self.table(value, where, _EVENT_WORDS)
        table = {**shared, **own}
        before = len(self.problems)
        name = self.name(table.get("name"), where)
        moment = self.moment(table.get("occurred_at"), f"{where} occurred_at", shape)
        unit = self.source(table.get("unit"), f"{where} unit")
        parts: dict[str, Source] = {}
        for word, part in PARTS.items():
            source = self.source(table.get(word), f"{where} {word}")
            if source is not None:
                parts[part] = source
        kind = parts.get("type")
        if isinstance(kind, Constant) and kind.text not in TYPES:
            self.problems.append(f"{where} type is one of {', '.join(TYPES)}")
        if ("experiment" in parts) != ("variant" in parts):
            self.problems.append(f"{where} has one of experiment and variant; it takes both")
        properties, lifted, rest = self.properties(
            shared.get("properties"), own.get("properties"), where
        )
        when = self.condition(table.get("when"), f"{where} when")
        if name is None or moment is None or len(self.problems) > before:
            return None
        return EventMap(name, moment, unit, parts, properties, rest, when, lifted)

    def name(self, value: object, where: str) -> Source | None:
        if isinstance(value, str) and value.strip():
            return Constant(value.strip())  # a bare word is the name itself, not a column
        if isinstance(value, dict):
            return self.source(value, f"{where} name")
        self.problems.append(f"{where} has no name; give a text, or {{ column = … }}")
        return None

    def source(self, value: object, where: str) -> Source | None:
        match value:
            case None:
                return None
            case str() if value.strip():
                return Column(value)
            case list():
                return self.column({"column": value}, where)
            case {"column": str() | list() as column, **others}:
                table = {str(word): each for word, each in others.items()}
                return self.column({**table, "column": column}, where)
            case {"constant": constant, **others} if not others:
                if isinstance(constant, (str, int, float)):
                    return Constant(
                        str(constant).lower() if isinstance(constant, bool) else str(constant)
                    )
            case _:
                pass
        self.problems.append(
            f"{where} is a column's name, a list of such names, {{ column = … }}"
            " or { constant = … }"
        )
        return None

    def column(self, table: Mapping[str, object], where: str) -> Column | None:
        """A column, or the first of several in which something stands, and its words."""
        self.only(table, f"{where} {{ column = … }}", ("column", "map", "else", "type"))
        given = table["column"]
        names = tuple(given) if isinstance(given, list) else (given,)
        texts = tuple(name for name in names if isinstance(name, str) and name.strip())
        if not texts or len(texts) < len(names):
            self.problems.append(f"{where} column is a column's name, or a list of such names")
            return None
        words = table.get("map", {})
        if not isinstance(words, dict) or not all(isinstance(to, str) for to in words.values()):
            self.problems.append(f"{where} map is a table of texts and what they become")
            words = {}
        if table.get("type", "number") != "number":
            self.problems.append(f"{where} type is number, or is left out")
        otherwise = self.text(table["else"], f"{where} else") if "else" in table else None
        if otherwise is not None and not words:
            self.problems.append(f'{where} else goes with a map; for nothing, map = {{ "" = … }}')
        return Column(
            texts[0],
            others=texts[1:],
            words=tuple((str(text), str(to)) for text, to in words.items()),
            otherwise=otherwise,
            numeric="type" in table,
        )

    def moment(self, value: object, where: str, shape: FileShape) -> Moment | None:
        if value is None:
            self.problems.append(f"{where} is missing")
            return None
        if isinstance(value, str):
            return Moment(Column(value))
        if isinstance(value, list):
            found = self.column({"column": value}, where)
            return Moment(found) if found is not None else None
        if isinstance(value, (date, datetime)):
            return Moment(_epoch_ms(value, shape.time_zone))
        if not isinstance(value, dict):
            self.problems.append(f"{where} is a column's name, an instant or a table")
            return None
        self.only(value, where, ("column", "constant", "start", "format", "unit", "step"))
        start = value.get("column", value.get("constant", value.get("start")))
        given = sum(word in value for word in ("column", "constant", "start"))
        if given != 1:
            self.problems.append(f"{where} takes one of column, constant and start")
            return None
        begin = self.start(start, where, shape, column="column" in value)
        unit = self.word(value.get("unit"), TimeUnit, f"{where} unit") or TimeUnit.MS
        step_ms, step, step_unit = self.step(value.get("step"), f"{where} step")
        if begin is None:
            return None
        form = self.text(value.get("format", ""), f"{where} format")
        first_of: Column | None = None
        if isinstance(start, dict) and "first_of" in start:
            first_of = Column(self.text(start["first_of"], f"{where} first_of"))
        return Moment(begin, form, unit, step_ms, step, step_unit, first_of)

    def start(
        self, value: object, where: str, shape: FileShape, *, column: bool
    ) -> Column | int | None:
        if column and isinstance(value, (str, list)):
            return self.column({"column": value}, where)
        if isinstance(value, dict) and isinstance(value.get("column"), str):
            self.only(value, where, ("column", "first_of"))
            return Column(value["column"])
        if isinstance(value, (date, datetime)):
            return _epoch_ms(value, shape.time_zone)
        if isinstance(value, str):
            try:
                return _epoch_ms(datetime.fromisoformat(value), shape.time_zone)
            except ValueError:
                pass
        self.problems.append(f"{where} {value!r} is not an instant such as 2024-05-01T00:00:00Z")
        return None

    def step(self, value: object, where: str) -> tuple[int, Column | None, TimeUnit]:
        match value:
            case None:
                return 0, None, TimeUnit.MS
            case {"column": str(column), **others}:
                self.only({str(word): each for word, each in others.items()}, where, ("unit",))
                unit = self.word(others.get("unit"), TimeUnit, f"{where} unit") or TimeUnit.MS
                return 0, Column(column), unit
            case str():
                digits = value.rstrip("dhms")
                span = _SPANS.get(value[len(digits) :])
                if span is not None and digits.isdigit():
                    return int(digits) * span, None, TimeUnit.MS
            case _:
                pass
        self.problems.append(f"{where} is a length such as 500ms, 1s or 5m, or {{ column = … }}")
        return 0, None, TimeUnit.MS

    def properties(
        self, shared: object, own: object, where: str
    ) -> tuple[dict[str, Property], Column | None, bool]:
        found: dict[str, Property] = {}
        lifted: Column | None = None
        rest = False
        for value in (shared, own):
            if value is None:
                continue
            if value == "*":
                rest = True
                continue
            if not isinstance(value, dict):
                self.problems.append(f'{where} properties is a table, or "*" for all other columns')
                continue
            for name, each in value.items():
                told = f"{where} property {name!r}"
                if name == "*":
                    members = self.source(each, told)
                    if isinstance(members, Column):
                        lifted = members
                    elif members is not None:
                        self.problems.append(f"{told} is a column that holds an object")
                    continue
                kind = Kind.TEXT
                part = each
                if isinstance(each, dict) and "type" in each:
                    kind = self.word(each["type"], Kind, f"{told} type") or Kind.TEXT
                    part = {word: text for word, text in each.items() if word != "type"}
                source = self.source(part, told)
                if source is not None:
                    found[name] = Property(source, kind)
        return found, lifted, rest

    def condition(self, value: object, where: str) -> Condition | None:
        match value:
            case None:
                return None
            case str() if value.strip():
                return Condition(value)
            case {"column": str(column), "is": among, **others} if not others:
                return Condition(column, self.choices(among, where))
            case {"column": str(column), "is_not": among, **others} if not others:
                return Condition(column, self.choices(among, where), negated=True)
            case {"column": str(column), **others} if not others:
                return Condition(column)
            case _:
                self.problems.append(
                    f"{where} is a column that says true or false,"
                    " { column = …, is = [ … ] } or { column = …, is_not = [ … ] }"
                )
                return None

    def choices(self, value: object, where: str) -> tuple[str, ...]:
        return self.texts(value if isinstance(value, list) else [value], where)

    def row_id(self, value: object, where: str) -> Column | Digest | None:
        match value:
            case {"hash": list(names), **others} if not others and names:
                return Digest(self.texts(names, f"{where} hash"))
            case _:
                source = self.source(value, where)
        if isinstance(source, Constant):
            self.problems.append(f"{where} is a column: a constant would make all rows one")
            return None
        return source

    def word(self, value: object, kind: type[Word], where: str) -> Word | None:
        if value is None:
            return None
        try:
            return kind(str(value))
        except ValueError:
            self.problems.append(f"{where} is one of {', '.join(kind)}")
            return None

    def text(self, value: object, where: str) -> str:
        if isinstance(value, str):
            return value
        self.problems.append(f"{where} is a text")
        return ""

    def texts(self, value: object, where: str) -> tuple[str, ...]:
        if isinstance(value, list) and all(isinstance(each, (str, int, float)) for each in value):
            return tuple(str(each) for each in value)
        self.problems.append(f"{where} is a list of texts")
        return ()

    def character(self, value: object, word: str, *, empty: bool) -> str:
        if isinstance(value, str) and (
            (empty and not value) or (len(value) == 1 and value.isascii())
        ):
            return value
        self.problems.append(f"[file] {word} is one character{' or nothing' if empty else ''}")
        return ","


def _epoch_ms(value: date | datetime, zone: str) -> int:
    """An instant in epoch milliseconds; what has no zone is in the file's."""
    at = value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)  # noqa: DTZ001 - the zone is added below
    if at.tzinfo is None:
        try:
            at = at.replace(tzinfo=ZoneInfo(zone))
        except (OSError, ValueError, KeyError):  # said among the problems of [file]
            at = at.replace(tzinfo=UTC)
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
