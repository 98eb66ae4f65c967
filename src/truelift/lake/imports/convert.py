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
import pyarrow.compute as pc

from truelift.errors import Refusal
from truelift.lake.imports.map import (
    TYPES,
    Column,
    Condition,
    Constant,
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
from truelift.lake.schema import ARRIVED


ROW: Final = "__row"
"""The column of a converted table that says which line an event comes from."""

PAYLOAD: Final = tuple(
    name for name in ARRIVED.names if name not in {"position", "received_at", "key_id"}
)
MOST_LEVELS: Final = 32
"""Objects and lists within each other; the collector takes no more either."""

_LATEST_MS: Final = 4_102_444_800_000
_TRUE: Final = "('true', 't', 'yes', 'y', '1')"
_PHONES: Final = "('phone', 'mobile', 'smartphone', 'mobile phone')"
_ISO: Final = (
    r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?"
    r"\s?(Z|z|UTC|[+-]\d{2}(:?\d{2})?)?)?"
)
_NUMBER: Final = r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?"
_TO_MS: Final = {TimeUnit.S: "* 1000", TimeUnit.MS: "", TimeUnit.US: "/ 1000", TimeUnit.NS: "/ 1e6"}
_BARE_WORDS: Final = r"(?i)[:\[,]\s*[+-]?(nan|inf)"
"""Where DuckDB's JSON may have let a number through that JSON does not have."""


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
            missing = tuple(name for name in import_map.columns if name not in columns)
            if missing:
                raise MissingColumns(path=path, missing=missing, columns=columns)
        self._map = import_map
        statement = _Statement(import_map, columns=columns, digest=digest)
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
        engine.register("piece", rows)
        self._remember_firsts()
        engine.execute(f"CREATE OR REPLACE TEMP TABLE made AS {self._events}", self._parameters)
        engine.execute(
            f"""
            CREATE OR REPLACE TEMP TABLE unfit AS
            SELECT "{ROW}", first(fault ORDER BY ordinal) AS fault
            FROM made WHERE fault IS NOT NULL GROUP BY "{ROW}"
            UNION ALL
            SELECT "{LINE}", '{RejectReason.NO_EVENT}' FROM piece
            WHERE "{LINE}" NOT IN (SELECT "{ROW}" FROM made)
            """
        )
        unfit = engine.execute(f'SELECT "{ROW}", fault FROM unfit ORDER BY "{ROW}"').fetchall()
        rejects += [Reject(line, RejectReason(why), piece.text_of(line)) for line, why in unfit]
        names = ", ".join(f'"{name}"' for name in PAYLOAD)
        events = engine.sql(
            f"""
            SELECT "{ROW}", {names} FROM made ANTI JOIN unfit USING ("{ROW}")
            ORDER BY "{ROW}", ordinal
            """
        ).to_arrow_table()
        engine.unregister("piece")
        rejects.sort(key=lambda reject: reject.line)
        return Converted(events, rejects)

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
    engine.register("lines", piece.rows)
    fine: pa.ChunkedArray = engine.sql(
        f"""
        SELECT json_valid("{TEXT}") AND json_type(CASE WHEN json_valid("{TEXT}") THEN "{TEXT}" END)
            = 'OBJECT' AS fine
        FROM lines ORDER BY "{LINE}"
        """
    ).to_arrow_table()["fine"]
    engine.unregister("lines")
    fine = pc.fill_null(fine, fill_value=False)
    texts = piece.rows[TEXT]
    opened = pc.add(pc.count_substring(texts, "{"), pc.count_substring(texts, "["))
    doubtful = pc.or_(pc.match_substring_regex(texts, _BARE_WORDS), pc.greater(opened, MOST_LEVELS))
    faults: list[RejectReason | None] = [
        None if good else RejectReason.BAD_JSON for good in fine.to_pylist()
    ]
    for place in np.flatnonzero(pc.and_(fine, doubtful).to_numpy()).tolist():
        faults[place] = _fault_of(texts[place].as_py())
    fine = pa.array([fault is None for fault in faults], pa.bool_())
    lines = piece.rows[LINE].to_pylist()
    rejects = [
        Reject(line, fault, piece.text_of(line))
        for line, fault in zip(lines, faults, strict=True)
        if fault is not None
    ]
    return piece.rows.filter(fine), rejects


def _fault_of(text: str) -> RejectReason | None:
    """Read a line as strictly as JSON is meant, and see how deep it goes."""

    def refuse(word: str) -> object:
        raise ValueError(word)

    try:
        level: list[object] = [json.loads(text, parse_constant=refuse)]
    except RecursionError:
        return RejectReason.TOO_DEEP
    except ValueError:
        return RejectReason.BAD_JSON
    for _ in range(MOST_LEVELS):
        level = [
            inner
            for each in level
            if isinstance(each, (dict, list))
            for inner in (each.values() if isinstance(each, dict) else each)
            if isinstance(inner, (dict, list))
        ]
        if not level:
            return None
    return RejectReason.TOO_DEEP


class _Statement:
    """Composes the SQL; every text of the map goes in as a parameter."""

    def __init__(self, import_map: ImportMap, *, columns: tuple[str, ...], digest: str) -> None:
        self.parameters: dict[str, object] = {}
        self.firsts: list[tuple[str, str]] = []
        self._map = import_map
        self._shape: FileShape = import_map.file
        self._columns = columns
        self._digest = digest

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
        ]
        fault = " ".join(f"WHEN {condition} THEN '{reason}'" for condition, reason in faults)
        where = f"WHERE {self._condition(event.when)}" if event.when is not None else ""
        # The file may have columns of these names too, so the checks stand outside.
        return (
            f"SELECT * EXCLUDE (name_text, value_text), CASE {fault} END AS fault FROM ("
            f'SELECT "{LINE}" AS "{ROW}", {ordinal} AS ordinal, {chosen},'
            f" {self._text(event.name)} AS name_text, {value or 'NULL'} AS value_text"
            f" FROM rows_of_piece {where})"
        )

    def _row_id(self) -> str:
        line = f"md5({self._parameter(self._digest)} || ':' || \"{LINE}\")"
        if self._map.message_id is None:
            return line
        return f"coalesce({self._column(self._map.message_id)}, {line})"

    def _parameter(self, value: object) -> str:
        name = f"p{len(self.parameters)}"
        self.parameters[name] = value
        return f"${name}"

    def _text(self, source: Source) -> str:
        match source:
            case Constant(text):
                return f"CAST({self._parameter(text)} AS VARCHAR)"
            case Column(name):
                return self._column(name)

    def _column(self, name: str) -> str:
        """A column's text, null where nothing stands in it."""
        text = f"nullif(trim({self._raw(name)}), '')"
        if self._shape.missing:
            missing = ", ".join(_literal(word) for word in self._shape.missing)
            return f"CASE WHEN {text} NOT IN ({missing}) THEN {text} END"
        return text

    def _raw(self, name: str) -> str:
        match self._shape.format:
            case Format.CSV:
                return _quoted(name)
            case Format.PARQUET:
                return f"CAST({_quoted(name)} AS VARCHAR)"
            case Format.NDJSON:
                paths = dict.fromkeys([_pointer([name]), _pointer(name.split("."))])
                found = [f'json_extract_string("{TEXT}", {_literal(path)})' for path in paths]
                return found[0] if len(found) == 1 else f"coalesce({', '.join(found)})"

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
            return self._column(start.name)
        pair = (self._column(first_of.name), self._column(start.name))
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
        used = {*self._map.columns, *event.properties}
        if event.rest and self._shape.format is not Format.NDJSON:
            pairs += [
                f"{_literal(json.dumps(name) + ':')} || to_json({self._cell(name)})"
                for name in self._columns
                if name not in used
            ]
        named = f"nullif('{{' || concat_ws(',', {', '.join(pairs)}) || '}}', '{{}}')"
        if not event.rest or self._shape.format is not Format.NDJSON:
            return named if pairs else "NULL"
        gone = self._parameter(json.dumps(dict.fromkeys(sorted(used))))
        rest = f'json_merge_patch("{TEXT}", {gone})'
        if pairs:
            rest = f"json_merge_patch({rest}, coalesce({named}, '{{}}'))"
        return f"nullif(CAST({rest} AS VARCHAR), '{{}}')"

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
        if self._shape.format is Format.NDJSON and isinstance(each.source, Column):
            # JSON knows its own types; the map need not repeat them.
            paths = [_pointer([each.source.name]), _pointer(each.source.name.split("."))]
            found = [f'json_extract("{TEXT}", {_literal(path)})' for path in dict.fromkeys(paths)]
            return f"nullif(CAST(coalesce({', '.join(found)}) AS VARCHAR), 'null')"
        return f"to_json({text})"


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
