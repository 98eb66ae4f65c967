"""Arrived items become rows of the events table: whole columns at a time, no loop over events."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path
from threading import Lock
from typing import Any, Final

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from truelift.events.addresses import bare_host
from truelift.events.money import EXPONENTS
from truelift.events.reasons import Reason
from truelift.lake.distinct import ADDRESS, Distinct, addresses, agents, origin_keys, origins
from truelift.lake.schema import ARRIVED, EVENTS
from truelift.lake.sites import ExposureRule, SiteSettings
from truelift.questions.deductions import deductions


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

_FROM_LINES: Final = f"""(
    SELECT * EXCLUDE (item), item.*
    FROM (
        SELECT position, received_at, key_id, trusted, json_transform(line, '{_SHAPE}') AS item
        FROM given
    )
)"""

_PLAIN: Final = (
    r"^https?://([A-Za-z0-9.\-]+)(?::[0-9]*)?(/[!-\"$->@-~]*)?(\?[!-\"$-~]*)?(?:#[!-~]*)?$"
)
"""Addresses that the engine reads itself; any other goes to `truelift.events.addresses`."""

_CAMPAIGN: Final = (
    r"(?i)[?&;](?:utm_|gbraid=|wbraid=|gad_source=|[a-z]*clid=|li_fat_id=)|[?&][^=&#]*[%+]"
)
"""The queries of plain addresses with these marks, or with escapes that may hide them, go there
as well."""

_CLICK: Final = r"(?i)([?&](?:[a-z]*clid|gbraid|wbraid|gad_source|li_fat_id)=)[a-z0-9_\-]+"
"""A click id is a different one each time and only its name counts."""


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
    _agents: Distinct[Any] = field(default_factory=agents, repr=False)
    _addresses: Distinct[Any] = field(default_factory=addresses, repr=False)
    _origins: dict[SiteSettings, Distinct[Any]] = field(default_factory=dict, repr=False)
    _lock: Lock = field(default_factory=Lock, repr=False)

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

    def rows(self, settings: SiteSettings, writer: str, given: pa.Table) -> Normalised:
        """Normalise arrived items of sites with the same settings.

        An item that the engine refuses becomes a quarantined row; the others are read.

        Args:
            settings: What the sites decided about their events.
            writer: Whose journal the items come from.
            given: The journal's `LINES`, or an import's columns of `ARRIVED`.
        """

        def whole(part: pa.Table) -> pa.Table:
            return self._normalise(settings, writer, part)

        with self._lock:
            table = pa.concat_tables(_bisect(given, whole, _poison))
        return Normalised(
            rows=table.drop_columns(["previous_id", "message_hash"]),
            previous_ids=table["previous_id"],
            hashes=table["message_hash"],
        )

    def _normalise(self, settings: SiteSettings, writer: str, given: pa.Table) -> pa.Table:
        arrived = _FROM_LINES if "line" in given.column_names else "given"
        statement, parameters = _statement(settings, arrived)
        table = self._ask(statement, {**parameters, "writer": writer}, given)
        said = self._agents.over(table["user_agent"])
        columns = self._read_addresses(table)
        origin = self._origins.setdefault(settings, origins(settings)).over(origin_keys(columns))
        is_internal = table["is_internal"]
        if settings.internal_user_agents:
            words = "|".join(map(_quoted, settings.internal_user_agents))
            marked = pc.match_substring_regex(table["user_agent"], words, ignore_case=True)
            is_internal = pc.or_(is_internal, pc.fill_null(marked, fill_value=False))
        if settings.internal_hosts:
            hosts = pa.array([bare_host(host) for host in settings.internal_hosts])
            is_internal = pc.or_(is_internal, pc.is_in(columns["host"], value_set=hosts))
        text = pa.string()
        made = {
            **columns,
            "source": origin.column(lambda traffic: traffic.source, text),
            "medium": origin.column(lambda traffic: traffic.medium, text),
            "campaign": origin.column(lambda traffic: traffic.campaign, text),
            "term": origin.column(lambda traffic: traffic.term, text),
            "content": origin.column(lambda traffic: traffic.content, text),
            "channel": origin.column(lambda traffic: traffic.channel, text),
            "device": pc.coalesce(
                table["given_device"], said.column(lambda says: says.agent.device, text)
            ),
            "browser": said.column(lambda says: says.agent.browser, text),
            "os": said.column(lambda says: says.agent.os, text),
            "is_bot": said.column(lambda says: says.bot, pa.bool_()).fill_null(fill_value=False),
            "is_internal": is_internal,
        }
        return pa.table(
            [made[name] if name in made else table[name] for name in _ROWS.names], schema=_ROWS
        )

    def _read_addresses(self, table: pa.Table) -> dict[str, pa.ChunkedArray]:
        """Complete what the engine read of addresses by what the pure rules say of the others."""
        odd = self._addresses.over(table["odd_url"])
        text = pa.string()
        columns = {name: odd.column(attrgetter(name), text) for name in ADDRESS}
        for name in ("host", "path"):
            columns[name] = pc.coalesce(table[name], columns[name])
        for name in ADDRESS[2:-1]:
            columns[name] = pc.coalesce(table[name], columns[name])
        referrer = self._addresses.over(table["odd_referrer"])
        columns["referrer_host"] = pc.coalesce(
            table["referrer_host"], referrer.column(lambda address: address.host, text)
        )
        return columns

    def _ask(self, statement: str, parameters: dict[str, object], given: pa.Table) -> pa.Table:
        self._engine.register("given", given)
        try:
            return self._engine.sql(statement, params=parameters).to_arrow_table()
        finally:
            self._engine.unregister("given")


_ROWS: Final = pa.schema(
    [
        *(column for column in EVENTS if column.name not in {"bucket", "person"}),
        ("previous_id", pa.string()),
        ("message_hash", pa.uint64()),
    ]
)


def _statement(settings: SiteSettings, arrived: str) -> tuple[str, dict[str, object]]:
    """Write the one statement that makes rows of arrived items.

    It only projects, so that the engine keeps the order of arrival.
    """
    parameters: dict[str, object] = {
        "currency": settings.currency,
        "server_orders_only": settings.server_orders_only,
    }
    # The collector marks visitors from the company's own addresses, which it does not keep.
    internal = [
        """CASE WHEN contains(context, '"internal":true')
            THEN json_extract_string(context, '$.internal') = 'true' END""",
        # A browser of ours that opened a page to see whether its events arrive.
        "contains(visitor_id, '-synthetic-')",
    ]
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
WITH read_once AS (
    SELECT *,
        regexp_extract(url, {_literal(_PLAIN)}, ['host', 'path', 'query']) AS page,
        regexp_extract(referrer, {_literal(_PLAIN)}, 1) AS from_host
    FROM {arrived}
),
sized AS (
    SELECT * EXCLUDE (page, from_host),
        CASE WHEN page.host <> '' THEN {_bare("page.host")} END AS host,
        CASE WHEN page.host <> '' THEN coalesce(nullif(page.path, ''), '/') END AS path,
        CASE WHEN page.host = '' THEN url
            WHEN page.query <> '' AND regexp_matches(page.query, {_literal(_CAMPAIGN)})
            THEN '/' || regexp_replace(page.query, {_literal(_CLICK)}, '\\1x', 'g')
            END AS odd_url,
        CASE WHEN from_host <> '' THEN {_bare("from_host")} END AS referrer_host,
        CASE WHEN from_host = '' AND referrer <> '' THEN referrer END AS odd_referrer
    FROM read_once
),
priced AS (
    SELECT * REPLACE (
        CASE WHEN NOT isfinite(value) THEN NULL
            WHEN $server_orders_only AND NOT coalesce(trusted, false) THEN NULL
            ELSE {_net("value", settings.deducted)} END AS value,
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
    url, host, path, odd_url, title, referrer, referrer_host, odd_referrer, user_agent,
    nullif(utm_source, '') AS utm_source, nullif(utm_medium, '') AS utm_medium,
    nullif(utm_campaign, '') AS utm_campaign, nullif(utm_term, '') AS utm_term,
    nullif(utm_content, '') AS utm_content,
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


def _net(value: str, names: Sequence[str]) -> str:
    """Take tax or shipping off a revenue; one that they exceed stays as it was sent.

    What makes the amount is compared with what was sent as revenue, because an import may
    have taken it from elsewhere.
    """
    if not names:
        return value
    taken = deductions(names)
    return (
        f"CASE WHEN {value} = CAST({taken.gross} AS DOUBLE) AND {taken.fits}"
        f" THEN CAST({taken.gross} - {taken.off} AS DOUBLE) ELSE {value} END"
    )


def _bare(host: str) -> str:
    small = f"lower({host})"
    # Trimming reads letter by letter, so it is kept for the few hosts that need it.
    small = f"CASE WHEN ends_with({host}, '.') THEN rtrim({small}, '.') ELSE {small} END"
    return f"CASE WHEN starts_with({small}, 'www.') THEN substr({small}, 5) ELSE {small} END"


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
            return [work(poison(table))]
        half = table.num_rows // 2
        return [
            *_bisect(table.slice(0, half), work, poison),
            *_bisect(table.slice(half), work, poison),
        ]


def _poison(table: pa.Table) -> pa.Table:
    """Turn a row that the engine refuses into one that says so."""
    if "line" in table.column_names:
        raw = table["line"][0].as_py()
    else:
        sent = {name: table[name][0].as_py() for name in _FROM_LINE}
        raw = json.dumps({name: value for name, value in sent.items() if value is not None})
    row = {
        name: table[name][0].as_py() for name in ("position", "received_at", "key_id", "trusted")
    }
    row["reason"] = Reason.UNREADABLE.value
    row["properties"] = json.dumps({"raw": raw[: 32 << 10]})
    return pa.table({name: [row.get(name)] for name in ARRIVED.names}, schema=ARRIVED)
