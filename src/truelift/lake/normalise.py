"""Arrived items become rows of the events table: whole columns at a time, no loop over events."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from truelift.events.money import EXPONENTS
from truelift.events.reasons import Reason
from truelift.lake.derive import Agent, Traffic, agent_of, traffic_of
from truelift.lake.schema import ARRIVED, EVENTS
from truelift.lake.sites import ExposureRule, SiteSettings


_REMEMBERED: Final = 200_000
_FROM_LINE: Final = tuple(
    name for name in ARRIVED.names if name not in {"position", "received_at", "key_id", "trusted"}
)
_JSON_TYPES: Final = {"occurred_at": "BIGINT", "value": "DOUBLE"}
_SHAPE: Final = json.dumps(
    {
        name: _JSON_TYPES.get(name, "JSON" if name in {"properties", "context"} else "VARCHAR")
        for name in _FROM_LINE
    }
)

_LINES_SQL: Final = f"""
SELECT position, received_at, key_id, trusted, item.*
FROM (
    SELECT position, received_at, key_id, trusted, json_transform(line, '{_SHAPE}') AS item
    FROM arrived
)
"""

_HOST: Final = r"^[A-Za-z][A-Za-z0-9+.\-]*://(?:[^/?#@]*@)?([^/?#:]+)"
_PATH: Final = r"^(?:[A-Za-z][A-Za-z0-9+.\-]*://[^/?#]*)?([^?#]*)"


@dataclass(frozen=True, slots=True)
class Normalised:
    """Rows in the shape of `EVENTS`, before anybody said whose they are.

    Attributes:
        rows: Columns of `EVENTS` without `bucket` and `person`, in the order of arrival.
        previous_ids: What an `alias` names as the former id, row by row.
        hashes: 64 bits of each message id, of writer and position where there is none.
    """

    rows: pa.Table
    previous_ids: pa.ChunkedArray
    hashes: pa.ChunkedArray

    def slice(self, start: int, length: int) -> Normalised:
        """Take a stretch of the rows."""
        return Normalised(
            rows=self.rows.slice(start, length),
            previous_ids=self.previous_ids.slice(start, length),
            hashes=self.hashes.slice(start, length),
        )

    def filter(self, kept: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Normalised:
        """Leave rows out."""
        mask = pa.array(kept)
        return Normalised(
            rows=self.rows.filter(mask),
            previous_ids=self.previous_ids.filter(mask),
            hashes=self.hashes.filter(mask),
        )


@dataclass(slots=True)
class Normaliser:
    """Holds the engine, and what was worked out for values that come again and again."""

    scratch: Path
    _engine: duckdb.DuckDBPyConnection = field(init=False, repr=False)
    _agents: dict[str | None, Agent] = field(default_factory=dict)
    _traffic: dict[tuple[str | None, ...], Traffic] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.scratch.mkdir(parents=True, exist_ok=True)
        self._engine = duckdb.connect(
            ":memory:",
            config={
                "memory_limit": "400MB",
                "temp_directory": str(self.scratch),
                "autoinstall_known_extensions": False,
                "autoload_known_extensions": False,
            },
        )
        self._engine.execute("SET TimeZone = 'UTC'")
        self._engine.execute("SET python_enable_replacements = false")

    def close(self) -> None:
        """Let go of the engine's memory."""
        self._engine.close()

    def from_lines(self, table: pa.Table) -> pa.Table:
        """Read the journal's lines into the columns of `ARRIVED`.

        A line that the engine refuses becomes a quarantined row; the others are read.
        """
        return pa.concat_tables(_bisect(table, self._read_lines, _poison_line))

    def rows(self, settings: SiteSettings, writer: str, arrived: pa.Table) -> Normalised:
        """Normalise arrived items of sites with the same settings.

        Args:
            settings: What they decided about their events.
            writer: Whose journal they come from.
            arrived: Columns of `ARRIVED`, by position.
        """

        def whole(part: pa.Table) -> pa.Table:
            return self._normalise(settings, writer, part)

        parts = _bisect(arrived, whole, _poison_item)
        table = pa.concat_tables(parts)
        return Normalised(
            rows=table.drop_columns(["previous_id", "message_hash"]),
            previous_ids=table["previous_id"],
            hashes=table["message_hash"],
        )

    def _read_lines(self, table: pa.Table) -> pa.Table:
        # Both statements only project, so the engine keeps the order of arrival.
        read = self._ask(_LINES_SQL, {}, arrived=table)
        return read.select(ARRIVED.names).cast(ARRIVED)

    def _normalise(self, settings: SiteSettings, writer: str, arrived: pa.Table) -> pa.Table:
        statement, parameters = _statement(settings)
        table = self._ask(statement, {**parameters, "writer": writer}, arrived=arrived)
        agents = _per_distinct(table["user_agent"], self._agents, agent_of)
        traffic = self._traffic_of(settings, table)
        device = pc.coalesce(table["given_device"], agents("device"))
        is_bot = agents("is_bot", pa.bool_())
        is_internal = table["is_internal"]
        if settings.internal_user_agents:
            words = "|".join(map(_quoted, settings.internal_user_agents))
            marked = pc.match_substring_regex(table["user_agent"], words, ignore_case=True)
            is_internal = pc.or_(is_internal, pc.fill_null(marked, fill_value=False))
        made = {
            **{name: agents(name, pa.string()) for name in ("browser", "os")},
            **{
                name: traffic(name, pa.string())
                for name in ("source", "medium", "campaign", "channel")
            },
            "device": device,
            "is_bot": is_bot,
            "is_internal": is_internal,
        }
        columns = [
            made[column.name] if column.name in made else table[column.name] for column in _ROWS
        ]
        return pa.table(
            [column.cast(wanted.type) for column, wanted in zip(columns, _ROWS, strict=True)],
            schema=_ROWS,
        )

    def _traffic_of(
        self, settings: SiteSettings, table: pa.Table
    ) -> Callable[[str, pa.DataType], pa.ChunkedArray]:
        names = ("utm_source", "utm_medium", "utm_campaign", "click_id", "referrer_host", "host")
        keys = pc.binary_join_element_wise(
            *(pc.fill_null(table[name], "\x01") for name in names), "\x00"
        )
        own = frozenset(settings.own_hosts)
        paying = frozenset(settings.payment_referrers)

        def work_out(key: str | None) -> Traffic:
            parts = (key or "").split("\x00")
            values = dict(
                zip(names, (None if part == "\x01" else part for part in parts), strict=False)
            )
            return traffic_of(
                source=values.get("utm_source"),
                medium=values.get("utm_medium"),
                campaign=values.get("utm_campaign"),
                click_id=values.get("click_id"),
                referrer_host=values.get("referrer_host"),
                host=values.get("host"),
                own_hosts=own,
                payment_hosts=paying,
            )

        remembered: dict[str | None, Traffic] = self._traffic.setdefault((own, paying), {})  # type: ignore[arg-type,assignment]
        return _per_distinct(keys, remembered, work_out)

    def _ask(
        self, statement: str, parameters: Mapping[str, object], **tables: pa.Table
    ) -> pa.Table:
        for name, table in tables.items():
            self._engine.register(name, table)
        try:
            if parameters:
                return self._engine.sql(statement, params=dict(parameters)).to_arrow_table()
            return self._engine.sql(statement).to_arrow_table()
        finally:
            for name in tables:
                self._engine.unregister(name)


_ROWS: Final = pa.schema(
    [
        *(column for column in EVENTS if column.name not in {"bucket", "person"}),
        ("previous_id", pa.string()),
        ("message_hash", pa.uint64()),
    ]
)


def _statement(settings: SiteSettings) -> tuple[str, dict[str, object]]:
    """Write the one statement that makes rows of a site's arrived items."""
    parameters: dict[str, object] = {
        "currency": settings.currency,
        "server_orders_only": settings.server_orders_only,
    }
    # The collector marks visitors from the company's own addresses, which it does not keep.
    internal = [
        """CASE WHEN contains(context, '"internal":true')
            THEN json_extract_string(context, '$.internal') = 'true' END"""
    ]
    if settings.internal_hosts:
        parameters["internal_hosts"] = list(settings.internal_hosts)
        internal.append("list_contains($internal_hosts::VARCHAR[], host)")
    for name, marker in (
        ("internal_property", settings.internal_property),
        ("test_orders", settings.test_orders),
    ):
        if marker is not None:
            parameters[name] = marker[1]
            internal.append(
                f"lower(json_extract_string(properties, {_pointer(marker[0])})) = lower(${name})"
            )
    experiment, variant = _exposures(settings.exposure_rules)
    factor = " ".join(
        f"WHEN currency = {_literal(code)} THEN {10**power}" for code, power in EXPONENTS.items()
    )
    statement = f"""
WITH sized AS (
    SELECT *,
        lower(nullif(regexp_extract(url, '{_HOST}', 1), '')) AS host,
        CASE WHEN url IS NULL THEN NULL ELSE
            coalesce(nullif(regexp_extract(url, '{_PATH}', 1), ''), '/') END AS path,
        lower(nullif(regexp_extract(referrer, '{_HOST}', 1), '')) AS referrer_host
    FROM arrived
),
priced AS (
    SELECT * REPLACE (
        CASE WHEN NOT isfinite(value) THEN NULL
            WHEN $server_orders_only AND NOT coalesce(trusted, false) THEN NULL
            ELSE value END AS value,
        CASE WHEN value IS NOT NULL THEN upper(coalesce(nullif(currency, ''), $currency))
            END AS currency)
    FROM sized
)
SELECT
    make_timestamp_ms(coalesce(CASE WHEN occurred_at BETWEEN -62135596800000 AND 253402300799999
        THEN occurred_at END, received_at)) AT TIME ZONE 'UTC' AS occurred_at,
    make_timestamp_ms(received_at) AT TIME ZONE 'UTC' AS received_at,
    $writer AS writer,
    position,
    CASE WHEN reason IS NULL THEN 'stored' ELSE 'quarantined' END AS state,
    reason,
    type,
    CASE type WHEN 'page' THEN 'page_view' WHEN 'screen' THEN 'screen_view'
        WHEN 'identify' THEN 'identify' WHEN 'group' THEN 'group' WHEN 'alias' THEN 'alias'
        ELSE event END AS event,
    message_id, hash(coalesce(message_id, $writer || '/' || position)) AS message_hash,
    visitor_id, user_id, previous_id, key_id,
    coalesce(trusted, false) AS trusted,
    ({" OR ".join(f"coalesce({test}, false)" for test in internal)}) AS is_internal,
    url, host, path, title, referrer, referrer_host, user_agent,
    coalesce(nullif(utm_source, ''), {_tagged("utm_source")}) AS utm_source,
    coalesce(nullif(utm_medium, ''), {_tagged("utm_medium")}) AS utm_medium,
    coalesce(nullif(utm_campaign, ''), {_tagged("utm_campaign")}) AS utm_campaign,
    coalesce(nullif(utm_term, ''), {_tagged("utm_term")}) AS term,
    coalesce(nullif(utm_content, ''), {_tagged("utm_content")}) AS content,
    CASE WHEN contains(url, 'clid=') THEN nullif(regexp_extract(url,
        '[?&](gclid|dclid|gbraid|wbraid|msclkid|fbclid|ttclid|twclid|li_fat_id)=[^&#]', 1), '')
        END AS click_id,
    nullif(device, '') AS given_device,
    nullif(country, '') AS country,
    {experiment} AS experiment,
    {variant} AS variant,
    value,
    CASE WHEN abs(value) <= 1e15 THEN CAST(round_even(CAST(CAST(value AS DECIMAL(38, 8))
        * CASE {factor} ELSE 100 END AS DOUBLE), 0) AS BIGINT) END AS value_minor,
    currency,
    properties,
    context
FROM priced
"""
    return statement, parameters


def _tagged(name: str) -> str:
    return (
        f"CASE WHEN contains(url, '{name}=') THEN nullif(trim(url_decode(replace("
        f"regexp_extract(url, '[?&]{name}=([^&#]*)', 1), '+', ' '))), '') END"
    )


def _exposures(rules: Sequence[ExposureRule]) -> tuple[str, str]:
    """Write what takes experiment and variant from the events of test tools."""

    def found(names: Iterable[str]) -> str:
        return ", ".join(f"json_extract_string(properties, {_pointer(name)})" for name in names)

    when = {"experiment": [], "variant": []}  # type: dict[str, list[str]]
    for rule in rules:
        test = f"WHEN reason IS NULL AND event = {_literal(rule.event)} THEN coalesce("
        when["experiment"].append(f"{test}{found(rule.experiment)})")
        when["variant"].append(f"{test}{found(rule.variant)})")
    return (
        f"coalesce(nullif(experiment, ''), CASE {' '.join(when['experiment'])} END)",
        f"coalesce(nullif(variant, ''), CASE {' '.join(when['variant'])} END)",
    )


def _pointer(name: str) -> str:
    return _literal("/" + name.replace("~", "~0").replace("/", "~1"))


def _literal(text: str) -> str:
    return "'" + text.replace("\x00", "").replace("'", "''") + "'"


def _quoted(word: str) -> str:
    return "".join(letter if letter.isalnum() else f"\\x{{{ord(letter):x}}}" for letter in word)


def _per_distinct(
    column: pa.ChunkedArray, remembered: dict[Any, Any], work_out: Callable[[str | None], object]
) -> Callable[..., pa.ChunkedArray]:
    """Work something out once per distinct value and lay it out over the rows again."""
    encoded = column.combine_chunks().dictionary_encode(null_encoding="encode")
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    values = encoded.dictionary.to_pylist()
    if len(remembered) > _REMEMBERED:
        remembered.clear()
    found = []
    for value in values:
        if value not in remembered:
            remembered[value] = work_out(value)
        found.append(remembered[value])

    def laid_out(name: str, kind: pa.DataType | None = None) -> pa.ChunkedArray:
        per_value = pa.array([getattr(one, name) for one in found], kind or pa.string())
        return pa.chunked_array([per_value.take(encoded.indices)])

    return laid_out


def _bisect(
    table: pa.Table,
    work: Callable[[pa.Table], pa.Table],
    poison: Callable[[pa.Table], pa.Table],
) -> list[pa.Table]:
    """Do the work in as few parts as the engine allows; a row that it refuses alone is poison."""
    try:
        return [work(table)]
    except (duckdb.Error, pa.ArrowInvalid):
        if table.num_rows == 1:
            return [work(poison(table))] if "line" not in table.column_names else [poison(table)]
        half = table.num_rows // 2
        return [
            *_bisect(table.slice(0, half), work, poison),
            *_bisect(table.slice(half), work, poison),
        ]


def _poison_line(table: pa.Table) -> pa.Table:
    kept = table.select(["position", "received_at", "key_id", "trusted"])
    return _quarantined(kept, raw=table["line"][0].as_py())


def _poison_item(table: pa.Table) -> pa.Table:
    raw = {name: table[name][0].as_py() for name in _FROM_LINE}
    kept = table.select(["position", "received_at", "key_id", "trusted"])
    return _quarantined(kept, raw=json.dumps({k: v for k, v in raw.items() if v is not None}))


def _quarantined(kept: pa.Table, *, raw: str) -> pa.Table:
    row: dict[str, object] = {name: kept[name][0].as_py() for name in kept.column_names}
    row["reason"] = Reason.UNREADABLE.value
    row["properties"] = json.dumps({"raw": raw[: 32 << 10]})
    return pa.table({name: [row.get(name)] for name in ARRIVED.names}, schema=ARRIVED)
