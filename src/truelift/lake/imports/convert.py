"""Rows of a file and a map, turned into events as they arrive: one statement of SQL a piece."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb
import numpy as np
import pyarrow as pa

from truelift.errors import Refusal
from truelift.lake.imports.map import (
    TYPES,
    Column,
    Condition,
    Constant,
    Digest,
    EventMap,
    FileShape,
    Format,
    ImportMap,
    Kind,
    Moment,
    Property,
    Source,
    TimeUnit,
)
from truelift.lake.imports.reject import Reject, RejectReason
from truelift.lake.imports.rows import LINE, ROW_BYTES, TEXT, Piece
from truelift.lake.imports.strict_json import faults_of
from truelift.lake.schema import ARRIVED


ROW: Final = "__row"
"""The column of a converted table that says which row an event comes from: the line, or where
the map explodes a list, the line and the element in one number."""

PAYLOAD: Final = tuple(
    name for name in ARRIVED.names if name not in {"position", "received_at", "key_id"}
)
_ELEMENT: Final = "__element"
_NUMBER_OF: Final = "__number"
_ELEMENTS: Final = 1 << 22
"""More elements than a line's bytes can hold."""

_LATEST_MS: Final = 4_102_444_800_000
_TRUE: Final = "('true', 't', 'yes', 'y', '1')"
_PHONES: Final = "('phone', 'mobile', 'smartphone', 'mobile phone', 'phablet', 'feature phone')"
_ISO: Final = (
    r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?"
    r"\s?(Z|z|UTC|[+-]\d{2}(:?\d{2})?)?)?"
)
_NUMBER: Final = r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?"
_TO_MS: Final = {TimeUnit.S: "* 1000", TimeUnit.MS: "", TimeUnit.US: "/ 1000", TimeUnit.NS: "/ 1e6"}


class MissingColumns(Refusal):
    """The map reads columns that the file does not have."""

    code = "imports.missing_columns"

    def __init__(self, *, path: Path, missing: tuple[str, ...], columns: tuple[str, ...]) -> None:
        super().__init__(
            f"{path.name} has no column {', '.join(map(repr, missing))};"
            f" it has {', '.join(map(repr, columns))}. Correct the map, or [file] delimiter.",
            file=str(path),
            missing=missing,
            columns=columns,
        )


@dataclass(frozen=True, slots=True)
class Converted:
    """What became of a piece.

    Attributes:
        events: `ROW` and `PAYLOAD`, in the file's order.
        rejects: Rows that are no events, in the file's order.
    """

    events: pa.Table
    rejects: list[Reject]


class Converter:
    """Turns pieces of one file into events; holds the engine and the statement."""

    def __init__(
        self, import_map: ImportMap, *, path: Path, columns: tuple[str, ...], digest: str
    ) -> None:
        """Prepare for one file.

        Args:
            import_map: What the columns mean.
            path: The file, for errors.
            columns: Its columns; empty for NDJSON.
            digest: Of the file's bytes; with the line it tells its rows apart for ever.

        Raises:
            MissingColumns: The map reads columns that are not there.
        """
        shape = import_map.file
        if shape.format is not Format.NDJSON:
            missing = tuple(
                " or ".join(group)
                for group in import_map.needed
                if not any(_stands_in(name, import_map, columns) for name in group)
            )
            if missing:
                raise MissingColumns(path=path, missing=missing, columns=columns)
        self._map = import_map
        statement = _Statement(import_map, columns=columns, digest=digest)
        self._opening = statement.opening()
        self._exploding = statement.exploding()
        self._events = statement.events()
        self._firsts = statement.firsts
        self._parameters = statement.parameters
        self._engine = duckdb.connect(
            ":memory:",
            config={
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
                "enable_external_access": False,
            },
        )
        self._engine.execute("SET python_enable_replacements = false")
        self._engine.execute("SET TimeZone = $zone", {"zone": shape.time_zone})

    def convert(self, piece: Piece) -> Converted:
        """Turn one piece into events and rejects."""
        engine = self._engine
        rows = piece.rows
        rejects = list(piece.rejects)
        if self._map.file.format is Format.NDJSON:
            rows, broken = _json_rows(engine, piece)
            rejects += broken
        if self._opening or self._exploding:
            rows, broken = self._opened(piece, rows)
            rejects += broken
        engine.register("piece", rows)
        self._remember_firsts()
        engine.execute(f"CREATE OR REPLACE TEMP TABLE made AS {self._events}", self._parameters)
        engine.execute(
            f"""
            CREATE OR REPLACE TEMP TABLE unfit AS
            SELECT "{ROW}", first(fault ORDER BY ordinal) AS fault
            FROM made WHERE fault IS NOT NULL GROUP BY "{ROW}"
            UNION ALL
            SELECT {self._row}, '{RejectReason.NO_EVENT}' FROM piece
            WHERE {self._row} NOT IN (SELECT "{ROW}" FROM made)
            """
        )
        rejects += self._unfit(piece)
        names = ", ".join(f'"{name}"' for name in PAYLOAD)
        events = engine.sql(
            f"""
            SELECT "{ROW}", {names} FROM made ANTI JOIN unfit USING ("{ROW}")
            ORDER BY "{ROW}", ordinal
            """
        ).to_arrow_table()
        engine.unregister("piece")
        rejects.sort(key=lambda reject: (reject.line, reject.element or 0))
        return Converted(events, rejects)

    def reject(self, row: int, reason: RejectReason, text: str) -> Reject:
        """Say of a row of the converted table that it is left out."""
        if not self._exploding:
            return Reject(row, reason, text)
        line, element = divmod(row, _ELEMENTS)
        return Reject(line, reason, text, element or None)

    @property
    def _row(self) -> str:
        return _row_number(exploded=bool(self._exploding))

    def _unfit(self, piece: Piece) -> list[Reject]:
        """The rows without an event, each with its text or, of a longer one, its element's."""
        element = f'"{_ELEMENT}"' if self._exploding else "NULL"
        unfit = self._engine.execute(
            f"""
            SELECT "{ROW}", fault, {element} FROM unfit
            JOIN piece ON "{ROW}" = {self._row} ORDER BY "{ROW}"
            """
        ).fetchall()
        return [
            self.reject(row, RejectReason(why), text)
            if text is not None
            else self.reject(row, RejectReason(why), piece.text_of(self.reject(row, why, "").line))
            for row, why, text in unfit
        ]

    def _opened(self, piece: Piece, rows: pa.Table) -> tuple[pa.Table, list[Reject]]:
        """Give what stands within columns a place beside them, and elements rows of their own."""
        engine = self._engine
        made = "".join(f', {sql} AS "{name}"' for name, sql in self._opening.items())
        engine.register("closed", rows)
        table = engine.sql(f'SELECT *{made} FROM closed ORDER BY "{LINE}"').to_arrow_table()
        engine.unregister("closed")
        faults: dict[int, RejectReason] = {}
        for name in self._opening:
            for at, fault in enumerate(faults_of(engine, table[name])):
                if fault is not None:
                    faults.setdefault(at, fault)
        if faults:
            lines = table[LINE].to_pylist()
            broken = [
                Reject(lines[at], fault, piece.text_of(lines[at]))
                for at, fault in sorted(faults.items())
            ]
            table = table.take(pa.array(np.delete(np.arange(len(table)), list(faults))))
        else:
            broken = []
        if self._exploding:
            engine.register("whole", table)
            table = engine.sql(self._exploding).to_arrow_table()
            engine.unregister("whole")
        return table, broken

    def _remember_firsts(self) -> None:
        """Give each row the start of the first row of its kind, in this piece or before it."""
        joins, columns = [], ["piece.*"]
        for number, (key, start) in enumerate(self._firsts):
            known = f"first_{number}"
            self._engine.execute(
                f"CREATE TABLE IF NOT EXISTS {known} (key VARCHAR PRIMARY KEY, start VARCHAR)"
            )
            self._engine.execute(
                f"""
                INSERT OR IGNORE INTO {known}
                SELECT key, arg_min(start, line) FROM (
                    SELECT {key} AS key, {start} AS start, "{LINE}" AS line FROM piece
                ) WHERE key IS NOT NULL AND start IS NOT NULL GROUP BY key
                """
            )
            joins.append(f"LEFT JOIN {known} ON {known}.key = {key}")
            columns.append(f'{known}.start AS "__first_{number}"')
        self._engine.execute(
            f"CREATE OR REPLACE TEMP VIEW rows_of_piece AS"
            f" SELECT {', '.join(columns)} FROM piece {' '.join(joins)}"
        )


def _json_rows(engine: duckdb.DuckDBPyConnection, piece: Piece) -> tuple[pa.Table, list[Reject]]:
    """The lines that are one JSON object each, and the others as rejects."""
    faults = faults_of(engine, piece.rows[TEXT])
    lines = piece.rows[LINE].to_pylist()
    rejects = [
        Reject(line, fault, piece.text_of(line))
        for line, fault in zip(lines, faults, strict=True)
        if fault is not None
    ]
    fine = pa.array([fault is None for fault in faults], pa.bool_())
    return piece.rows.filter(fine), rejects


def _stands_in(name: str, import_map: ImportMap, columns: tuple[str, ...]) -> bool:
    """Tell whether a file has a column, or one that the name looks into."""
    if name in columns:
        return True
    shape = import_map.file
    inside = (*shape.parse_json, *shape.key_values, shape.explode)
    heads = [head for head in _heads(name) if head in columns]
    return any(shape.format is Format.PARQUET or head in inside for head in heads)


def _heads(name: str) -> list[str]:
    """What stands before each dot of a name."""
    words = name.split(".")
    return [".".join(words[:count]) for count in range(1, len(words))]


def _row_number(*, exploded: bool) -> str:
    return f'("{LINE}" * {_ELEMENTS} + "{_NUMBER_OF}")' if exploded else f'"{LINE}"'


class _Statement:
    """Composes the SQL; every text of the map goes in as a parameter."""

    def __init__(self, import_map: ImportMap, *, columns: tuple[str, ...], digest: str) -> None:
        self.parameters: dict[str, object] = {}
        self.firsts: list[tuple[str, str]] = []
        self._map = import_map
        self._shape: FileShape = import_map.file
        self._columns = columns
        self._digest = digest
        shape = self._shape
        self._inside: dict[str, str] = {}
        opened = [*shape.parse_json, *shape.key_values]
        if shape.format is Format.PARQUET:
            read = (name for name in import_map.columns if name not in columns)
            opened += [head for name in read for head in _heads(name) if head in columns]
        for name in dict.fromkeys(opened):
            if shape.format is Format.NDJSON or name in columns:
                self._inside[name] = f"__inside_{len(self._inside)}"
        self._row = _row_number(exploded=bool(shape.explode))

    def opening(self) -> dict[str, str]:
        """The columns that stand for what is within others, and their SQL, as JSON text."""
        return {made: self._object(name) for name, made in self._inside.items()}

    def exploding(self) -> str:
        """A row for each element, with the element and its number beside what they share."""
        name = self._shape.explode
        if not name:
            return ""
        top = "." not in name and name not in self._inside
        found = self._object(name) if top else self._json_text(name)
        found = f"CASE WHEN json_valid({found}) THEN {found} END"
        elements = (
            f"CASE WHEN json_type({found}) = 'ARRAY' AND json_array_length({found}) > 0"
            f" THEN json_extract({found}, '$[*]')::VARCHAR[] ELSE [NULL]::VARCHAR[] END"
        )
        shared = "*"
        if self._shape.format is Format.NDJSON and "." not in name:
            # The list itself would be copied, and read, once for each of its elements.
            gone = _literal(json.dumps({name: None}))
            shared = f'* REPLACE (CAST(json_merge_patch("{TEXT}", {gone}) AS VARCHAR) AS "{TEXT}")'
        self._inside[name] = _ELEMENT
        return f"""
            SELECT * EXCLUDE (elements), unnest(elements) AS "{_ELEMENT}",
                unnest(CASE WHEN elements[1] IS NULL THEN [0] ELSE range(1, len(elements) + 1) END)
                    AS "{_NUMBER_OF}"
            FROM (SELECT {shared}, {elements} AS elements FROM whole)
            ORDER BY "{LINE}", "{_NUMBER_OF}"
        """

    def _object(self, name: str) -> str:
        """What a column holds as JSON text: an object as it is, as text, or as a list of pairs."""
        if self._shape.format is Format.NDJSON:
            found = f'json_extract("{TEXT}", {_literal(_pointer([name]))})'
            text = f"CAST({found} AS VARCHAR)"
            if name in self._shape.parse_json:
                inner = f'json_extract_string("{TEXT}", {_literal(_pointer([name]))})'
                text = f"CASE json_type({found}) WHEN 'VARCHAR' THEN {inner} ELSE {text} END"
        else:
            text = self._cell_text(_quoted(name))
        text = f"nullif(nullif(trim({text}), ''), 'null')"
        return _object_of_pairs(text) if name in self._shape.key_values else text

    @staticmethod
    def _cell_text(column: str) -> str:
        plain = f"CAST({column} AS VARCHAR)"
        return (
            f"CASE WHEN typeof({column}) = 'VARCHAR' THEN {plain}"
            f" WHEN {column} IS NOT NULL THEN CAST(to_json({column}) AS VARCHAR) END"
        )

    def _json_text(self, name: str) -> str:
        """The JSON at a name; null where nothing stands there."""
        inside = self._within(name)
        if inside is not None:
            column, inner = inside
            if not inner:
                return f'"{column}"'
            return self._at(f'"{column}"', inner, "json_extract")
        if self._shape.format is Format.NDJSON:
            return self._at(f'"{TEXT}"', name, "json_extract")
        if self._shape.format is Format.PARQUET and name in self._columns:
            column = _quoted(name)
            text = f"to_json({self._column(name)})"
            return (
                f"CASE WHEN typeof({column}) = 'VARCHAR' THEN {text}"
                f" WHEN {column} IS NOT NULL THEN to_json({column}) END"
            )
        return f"to_json({self._column(name)})"

    @staticmethod
    def _at(document: str, name: str, function: str) -> str:
        paths = dict.fromkeys([_pointer([name]), _pointer(name.split("."))])
        found = [f"{function}({document}, {_literal(path)})" for path in paths]
        if function == "json_extract":
            found = [f"nullif(CAST({each} AS VARCHAR), 'null')" for each in found]
        return found[0] if len(found) == 1 else f"coalesce({', '.join(found)})"

    def _within(self, name: str) -> tuple[str, str] | None:
        """The column that was opened for a name, and what the name says of its inside."""
        for head in [name, *reversed(_heads(name))]:
            if head in self._inside:
                return self._inside[head], name[len(head) + 1 :]
        return None

    def events(self) -> str:
        """One row for each event of each row, with the `fault` that keeps it out, or null."""
        several = len(self._map.events) > 1
        parts = [
            self._event(event, ordinal, several=several)
            for ordinal, event in enumerate(self._map.events, 1)
        ]
        return " UNION ALL ".join(parts)

    def _event(self, event: EventMap, ordinal: int, *, several: bool) -> str:
        cells = {name: self._text(source) for name, source in event.parts.items()}
        kind = cells.get("type", "'track'")
        row_id = self._row_id()
        # A row without a unit is nobody that was seen before, so it is a person of its own.
        unit = f"'row:' || {row_id}" if event.unit is None else self._text(event.unit)
        country = cells.get("country", "NULL")
        value = cells.get("value")
        currency = cells.get("currency", "NULL")
        number = self._number(value) if value is not None else "NULL::DOUBLE"
        moment = self._moment(event.occurred_at)
        columns = {
            "trusted": "true",
            "reason": "NULL",
            "type": f"lower({kind})",
            "event": f"CASE WHEN lower({kind}) = 'track' THEN {self._text(event.name)} END",
            "message_id": f"{row_id} || ':{ordinal}'" if several else row_id,
            "visitor_id": unit,
            "occurred_at": moment,
            "value": number,
            "currency": f"upper({currency})",
            "device": _device(cells["device"]) if "device" in cells else "NULL",
            "country": f"CASE WHEN length({country}) = 2 THEN upper({country}) ELSE {country} END",
            "properties": self._properties(event),
        }
        chosen = ", ".join(
            f'CAST({columns.get(name, cells.get(name, "NULL"))} AS {_sql_type(name)}) AS "{name}"'
            for name in PAYLOAD
        )
        faults = [
            (f"coalesce(type, '') NOT IN {TYPES}", RejectReason.BAD_TYPE),
            ("name_text IS NULL", RejectReason.NO_NAME),
            ("visitor_id IS NULL", RejectReason.NO_UNIT),
            (
                f"occurred_at IS NULL OR occurred_at < 0 OR occurred_at >= {_LATEST_MS}",
                RejectReason.BAD_TIME,
            ),
            ("value_text IS NOT NULL AND value IS NULL", RejectReason.BAD_VALUE),
            ("NOT regexp_full_match(currency, '[A-Z]{3}')", RejectReason.BAD_CURRENCY),
            ("(experiment IS NULL) <> (variant IS NULL)", RejectReason.HALF_EXPOSURE),
            (f"strlen(properties) > {ROW_BYTES}", RejectReason.TOO_LARGE),
            ("lifted_text IS NOT NULL", RejectReason.BAD_JSON),
        ]
        fault = " ".join(f"WHEN {condition} THEN '{reason}'" for condition, reason in faults)
        conditions = [f'"{_ELEMENT}" IS NOT NULL'] if self._shape.explode else []
        if event.when is not None:
            conditions.append(self._condition(event.when))
        where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
        # The file may have columns of these names too, so the checks stand outside.
        return (
            f"SELECT * EXCLUDE (name_text, value_text, lifted_text),"
            f" CASE {fault} END AS fault FROM ("
            f'SELECT {self._row} AS "{ROW}", {ordinal} AS ordinal, {chosen},'
            f" {self._text(event.name)} AS name_text, {value or 'NULL'} AS value_text,"
            f" {self._no_object(event.lifted)} AS lifted_text"
            f" FROM rows_of_piece {where})"
        )

    def _row_id(self) -> str:
        number = f" || ':' || \"{_NUMBER_OF}\"" if self._shape.explode else ""
        line = f"md5({self._parameter(self._digest)} || ':' || \"{LINE}\"{number})"
        match self._map.message_id:
            case None:
                return line
            case Column() as column:
                return f"coalesce({self._text(column)}, {line})"
            case Digest(names):
                parts = ", ".join(self._column(name) for name in names)
                made = f"md5(CAST(to_json([{parts}]) AS VARCHAR))"
                return f"CASE WHEN coalesce({parts}) IS NULL THEN {line} ELSE {made} END"

    def _parameter(self, value: object) -> str:
        name = f"p{len(self.parameters)}"
        self.parameters[name] = value
        return f"${name}"

    def _text(self, source: Source) -> str:
        match source:
            case Constant(text):
                return f"CAST({self._parameter(text)} AS VARCHAR)"
            case Column():
                found = [self._column(name) for name in source.names]
                if source.numeric:
                    found = [
                        f"CASE WHEN {self._number(each)} IS NOT NULL THEN {each} END"
                        for each in found
                    ]
                text = found[0] if len(found) == 1 else f"coalesce({', '.join(found)})"
                return self._worded(text, source)

    def _worded(self, text: str, source: Column) -> str:
        """A text after the map's own words for it."""
        if not source.words:
            return text
        words = " ".join(
            f"WHEN {self._parameter(given)} THEN {self._parameter(to)}"
            for given, to in source.words
        )
        other = text if source.otherwise is None else self._parameter(source.otherwise)
        return f"CAST(CASE coalesce({text}, '') {words} ELSE {other} END AS VARCHAR)"

    def _column(self, name: str) -> str:
        """A column's text, null where nothing stands in it."""
        text = f"nullif(trim({self._raw(name)}), '')"
        if self._shape.missing:
            missing = ", ".join(_literal(word) for word in self._shape.missing)
            return f"CASE WHEN {text} NOT IN ({missing}) THEN {text} END"
        return text

    def _raw(self, name: str) -> str:
        inside = self._within(name)
        if inside is not None:
            column, inner = inside
            if not inner:
                return f'"{column}"'
            return self._at(f'"{column}"', inner, "json_extract_string")
        if self._shape.format is not Format.NDJSON and name not in self._columns:
            return "NULL::VARCHAR"
        match self._shape.format:
            case Format.CSV:
                return _quoted(name)
            case Format.PARQUET:
                return f"CAST({_quoted(name)} AS VARCHAR)"
            case Format.NDJSON:
                return self._at(f'"{TEXT}"', name, "json_extract_string")

    def _number(self, text: str) -> str:
        plain = text
        if self._shape.thousands:
            plain = f"replace({plain}, {_literal(self._shape.thousands)}, '')"
        if self._shape.decimal != ".":
            plain = f"replace({plain}, {_literal(self._shape.decimal)}, '.')"
        return (
            f"CASE WHEN regexp_full_match({plain}, '{_NUMBER}')"
            f" AND isfinite(TRY_CAST({plain} AS DOUBLE)) THEN TRY_CAST({plain} AS DOUBLE) END"
        )

    def _moment(self, moment: Moment) -> str:
        if isinstance(moment.start, int):
            start = f"{moment.start}::BIGINT"
        elif moment.format:
            text = self._start(moment.start, moment.first_of)
            read = f"try_strptime({text}, {_literal(moment.format)})"
            start = f"TRY(epoch_us(CAST({read} AS TIMESTAMPTZ)) // 1000)"
        else:
            text = self._start(moment.start, moment.first_of)
            count = f"TRY_CAST(floor(TRY_CAST({text} AS DOUBLE) {_TO_MS[moment.unit]}) AS BIGINT)"
            start = (
                rf"CASE WHEN regexp_full_match({text}, '-?\d{{1,20}}(\.\d+)?') THEN {count}"
                f" WHEN regexp_full_match({text}, '{_ISO}')"
                f" THEN TRY(epoch_us(TRY_CAST({text} AS TIMESTAMPTZ)) // 1000) END"
            )
        if moment.step is not None:
            step = self._number(self._column(moment.step.name))
            start += f" + CAST(floor(({step}) {_TO_MS[moment.step_unit]}) AS BIGINT)"
            return f"TRY({start})"
        if moment.step_ms:
            return f'{start} + {moment.step_ms} * ("{LINE}" - 1)'
        return start

    def _start(self, start: Column, first_of: Column | None) -> str:
        if first_of is None:
            return self._text(start)
        pair = (self._column(first_of.name), self._text(start))
        if pair not in self.firsts:
            self.firsts.append(pair)
        return f'"__first_{self.firsts.index(pair)}"'

    def _condition(self, condition: Condition) -> str:
        text = self._column(condition.column)
        if not condition.among:
            return f"lower({text}) IN {_TRUE}"
        among = ", ".join(self._parameter(word) for word in condition.among)
        found = f"coalesce({text} IN ({among}), false)"
        return f"NOT {found}" if condition.negated else found

    def _properties(self, event: EventMap) -> str:
        """The properties as JSON text; what is missing in a row is left out of it."""
        pairs = [
            f"{_literal(json.dumps(name) + ':')} || {self._json(each)}"
            for name, each in event.properties.items()
        ]
        layers: list[str] = []
        used = {*self._map.columns, *self._inside, *event.properties}
        if event.rest and self._shape.format is Format.NDJSON:
            gone = self._parameter(json.dumps(dict.fromkeys(sorted(used))))
            layers.append(f'json_merge_patch("{TEXT}", {gone})')
        elif event.rest:
            pairs += [
                f"{_literal(json.dumps(name) + ':')} || to_json({self._cell(name)})"
                for name in self._columns
                if name not in used
            ]
        if event.lifted is not None:
            layers.append(f"coalesce({self._lifted(event.lifted)}, '{{}}')")
        if pairs:
            layers.append(f"('{{' || concat_ws(',', {', '.join(pairs)}) || '}}')")
        if not layers:
            return "NULL"
        merged = layers[0]
        for layer in layers[1:]:
            merged = f"json_merge_patch({merged}, {layer})"
        return f"nullif(CAST({merged} AS VARCHAR), '{{}}')"

    def _lifted(self, column: Column) -> str:
        """The object that stands in the first of some columns."""
        found = [self._json_text(name) for name in column.names]
        objects = [f"CASE WHEN json_type({each}) = 'OBJECT' THEN {each} END" for each in found]
        return objects[0] if len(objects) == 1 else f"coalesce({', '.join(objects)})"

    def _no_object(self, column: Column | None) -> str:
        """What stands in the place of an object that should be lifted, if it is none."""
        if column is None:
            return "NULL"
        found = ", ".join(self._json_text(name) for name in column.names)
        return f"CASE WHEN {self._lifted(column)} IS NULL THEN coalesce({found}, NULL) END"

    def _cell(self, name: str) -> str:
        if self._shape.format is Format.PARQUET:
            return _quoted(name)
        return self._column(name)

    def _json(self, each: Property) -> str:
        text = self._text(each.source)
        if each.kind is Kind.NUMBER:
            return f"CAST({self._number(text)} AS VARCHAR)"
        if each.kind is Kind.BOOLEAN:
            return (
                f"CASE WHEN {text} IS NOT NULL THEN CAST(lower({text}) IN {_TRUE} AS VARCHAR) END"
            )
        if isinstance(each.source, Column) and not each.source.words:
            # JSON knows its own types; the map need not repeat them.
            found = [self._json_text(name) for name in each.source.names]
            return found[0] if len(found) == 1 else f"coalesce({', '.join(found)})"
        return f"to_json({text})"


def _object_of_pairs(text: str) -> str:
    """A list of keys and values as one object, as JSON text; anything else stays.

    A value may be plain, or a record of one field for each type of which one is set, the way
    that BigQuery has them. Whole numbers are texts in its JSON, because of their size.
    """
    plain = "CAST(json_extract(pair, '/value') AS VARCHAR)"
    record = "json_extract_string(pair, '/value/{}')"
    names = ("int_value", "double_value", "float_value")
    numbers = [record.format(name) for name in names]
    values = [
        f"to_json({record.format('string_value')})",
        *(
            f"CASE WHEN regexp_full_match({number}, '-?(0|[1-9]\\d*)(\\.\\d+)?([eE][+-]?\\d+)?')"
            f" THEN {number} END"
            for number in numbers
        ),
        f"CASE WHEN json_type(pair, '/value') NOT IN ('OBJECT', 'NULL') THEN {plain} END",
    ]
    pairs = (
        f"list_transform(json_extract({text}, '$[*]'), lambda pair:"
        f" to_json(json_extract_string(pair, '/key')) || ':' || coalesce({', '.join(values)}))"
    )
    present = f"list_filter({pairs}, lambda pair: pair IS NOT NULL)"
    made = f"'{{' || coalesce(array_to_string({present}, ','), '') || '}}'"
    # Text that is no JSON stays and is refused as such: only what is valid may be looked into.
    valid = f"CASE WHEN json_valid({text}) THEN {text} END"
    return f"CASE WHEN json_type({valid}) = 'ARRAY' THEN {made} ELSE {text} END"


def _device(text: str) -> str:
    return (
        f"CASE WHEN lower({text}) IN {_PHONES} THEN 'phone'"
        f" WHEN lower({text}) IN ('desktop', 'tablet', 'tv') THEN lower({text})"
        f" WHEN {text} IS NOT NULL THEN 'other' END"
    )


def _sql_type(name: str) -> str:
    kind = ARRIVED.field(name).type
    if pa.types.is_boolean(kind):
        return "BOOLEAN"
    if pa.types.is_int64(kind):
        return "BIGINT"
    return "DOUBLE" if pa.types.is_float64(kind) else "VARCHAR"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _pointer(keys: Sequence[str]) -> str:
    return "".join("/" + re.sub("/", "~1", key.replace("~", "~0")) for key in keys)
