"""Events in the making: blocks of equal columns that become a table of a world's history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from truelift.worlds.history import History
from truelift.worlds.traffic import (
    AGENTS,
    Floats,
    Ints,
    Mask,
    agents_of,
    chosen,
    drawn,
    iso,
    mistreated,
    numbered,
    place_within,
    where,
)


MAP: Final = Path(__file__).with_name("rows.toml")
"""What the columns mean, for the import."""

NOTHING: Final = -1
"""No page: what a server sends."""

_COUNTRIES: Final = (("NL", 0.41), ("DE", 0.27), ("BE", 0.18), ("GB", 0.14))

_SHARED: Final = {
    "message_id": pa.string(),
    "type": pa.string(),
    "name": pa.string(),
    "visitor_id": pa.string(),
    "user_id": pa.string(),
    "occurred_at": pa.int64(),
    "url": pa.string(),
    "referrer": pa.string(),
    "title": pa.string(),
    "user_agent": pa.string(),
    "country": pa.string(),
    "utm_source": pa.string(),
    "utm_medium": pa.string(),
    "utm_campaign": pa.string(),
    "experiment": pa.string(),
    "variant": pa.string(),
    "value": pa.float64(),
    "currency": pa.string(),
}
"""Columns that every world's events have; `rows.toml` says what they mean."""


class Rows:
    """The events of a world's visits, block by block."""

    def __init__(self, history: History, *, prefix: str) -> None:
        """Begin with none.

        Args:
            history: Whose.
            prefix: Of message and visitor ids.
        """
        self.history, self.prefix = history, prefix
        self._blocks: list[dict[str, Any]] = []

    def add(
        self,
        visit: Ints,
        at_ms: Ints,
        name: str,
        *,
        page: int | Ints,
        type: str = "track",  # noqa: A002 - what an event calls it
        user: bool = False,
        trial: int = NOTHING,
        value: Floats | None = None,
        **others: str | int | Ints,
    ) -> None:
        """Add one event for each of these visits.

        Args:
            visit: Which.
            at_ms: When, one each.
            name: Of the event.
            page: On which of the pages; `NOTHING` for none.
            type: Of the event.
            user: Whether the person is known by then.
            trial: Whose variant it shows.
            value: Money, one each.
            others: Other properties; of an `_id`, the number in it.
        """
        size = visit.size
        block: dict[str, Any] = {
            "visit": visit,
            "at": np.asarray(at_ms, dtype=np.int64),
            "name": name,
            "type": type,
            "page": np.broadcast_to(np.asarray(page, dtype=np.int64), (size,)),
            "user": user,
            "trial": trial,
            "value": value,
            **others,
        }
        if size:
            self._blocks.append(block)

    def table(
        self,
        person: Ints,
        device: Ints,
        channel: Ints,
        variants: Ints,
        *,
        host: str,
        pages: Sequence[tuple[str, str]],
        others: Mapping[str, pa.DataType],
        generator: np.random.Generator,
    ) -> pa.Table:
        """Put everything into one table, in the order of time.

        Args:
            person: Of each visit.
            device: Of each visit: 0 desktop, 1 phone, 2 tablet.
            channel: Of each visit.
            variants: One row a trial, of each visit.
            host: Of the pages.
            pages: Path and title.
            others: Properties beside the shared ones, and their types.
            generator: Draws browsers and countries.
        """
        history = self.history
        sizes = [block["visit"].size for block in self._blocks]
        visit = np.concatenate([block["visit"] for block in self._blocks])
        page = np.concatenate([block["page"] for block in self._blocks])
        at_ms = np.concatenate([block["at"] for block in self._blocks])
        trial = self._repeated("trial", sizes)
        on_site: Mask = page >= 0
        channels = history.channels
        came = np.where(on_site, channel[visit], -1)
        variant = variants[np.maximum(trial, 0), visit]
        keys = [key for one in history.trials for key in (one.control, one.treatment)]
        value = np.concatenate(
            [
                np.full(size, np.nan) if block["value"] is None else block["value"]
                for block, size in zip(self._blocks, sizes, strict=True)
            ]
        )
        has_value: Mask = ~np.isnan(value)
        agents = agents_of(device, person, visit, generator)
        country = chosen(
            [key for key, _ in _COUNTRIES], drawn(_COUNTRIES, person, visit, generator)
        )
        columns: dict[str, Any] = {
            "message_id": numbered(f"{self.prefix}m", np.arange(visit.size)),
            "type": self._said("type", sizes),
            "name": self._said("name", sizes),
            "visitor_id": numbered(f"{self.prefix}v", person[visit]),
            "user_id": where(self._repeated("user", sizes) == 1, numbered("u", person[visit])),
            "occurred_at": pa.array(at_ms),
            "url": chosen([*(host + path for path, _ in pages), None], page),
            "referrer": chosen([*(one.referrer or None for one in channels), None], came),
            "title": chosen([*(title for _, title in pages), None], page),
            "user_agent": where(on_site, agents),
            "country": country,
            "utm_source": chosen([*(one.source or None for one in channels), None], came),
            "utm_medium": chosen([*(one.medium or None for one in channels), None], came),
            "utm_campaign": chosen([*(one.campaign or None for one in channels), None], came),
            "experiment": chosen([*(one.key for one in history.trials), None], trial),
            "variant": where(trial >= 0, chosen(keys, 2 * np.maximum(trial, 0) + variant)),
            "value": where(has_value, pa.array(value)),
            "currency": where(
                has_value, chosen([history.currency], np.zeros(visit.size, np.int64))
            ),
        }
        for name, kind in others.items():
            columns[name] = self._other(name, kind, sizes)
        schema = pa.schema([*_SHARED.items(), *others.items()])
        table = pa.table([columns[name] for name in schema.names], schema=schema)
        table = table.filter(pc.less(table["occurred_at"], history.ends_at_ms))
        return table.sort_by([("occurred_at", "ascending"), ("message_id", "ascending")])

    def _repeated(self, key: str, sizes: Sequence[int]) -> Ints:
        return np.repeat(np.array([int(block[key]) for block in self._blocks]), sizes)

    def _said(self, key: str, sizes: Sequence[int]) -> pa.Array:
        words = list(dict.fromkeys(block[key] for block in self._blocks))
        codes = np.repeat(np.array([words.index(block[key]) for block in self._blocks]), sizes)
        return chosen(words, codes)

    def _other(self, name: str, kind: pa.DataType, sizes: Sequence[int]) -> pa.Array:
        parts = []
        for block, size in zip(self._blocks, sizes, strict=True):
            given = block.get(name)
            if given is None:
                parts.append(pa.nulls(size, kind))
            elif isinstance(given, str):
                parts.append(pa.array([given], kind).take(pa.array(np.zeros(size, np.int64))))
            elif pa.types.is_string(kind):
                parts.append(numbered(f"{name.removesuffix('_id')}-", np.asarray(given)))
            else:
                spread = np.broadcast_to(np.asarray(given, dtype=np.int64), (size,))
                parts.append(pa.array(spread, kind))
        return pa.concat_arrays(parts)


def finished(
    table: pa.Table,
    history: History,
    *,
    host: str,
    pages: Sequence[tuple[str, str]],
    generator: np.random.Generator,
) -> pa.Table:
    """Add what the product has to notice: robots, doubled events and events without a name.

    Args:
        table: What people did, in the order of time.
        history: Whose.
        host: Of the pages.
        pages: Those that robots read.
        generator: Draws.
    """
    count = max(1, round(history.first_visits * history.bots))
    read = 3 + generator.poisson(8, count)
    visit = np.repeat(np.arange(count, dtype=np.int64), read)
    start = generator.integers(history.begins_at_ms, history.ends_at_ms - DAY_OF_ROBOTS_MS, count)
    agents = AGENTS["robot"]
    agent = generator.choice(len(agents), count, p=[share for share, _ in agents])
    page = generator.integers(0, len(pages), visit.size)
    known = {
        "message_id": numbered(f"{history.seed}-r", np.arange(visit.size)),
        "type": chosen(["page"], np.zeros(visit.size, np.int64)),
        "name": chosen(["page_view"], np.zeros(visit.size, np.int64)),
        "visitor_id": numbered("r", visit),
        "occurred_at": pa.array(start[visit] + 1500 * place_within(read)),
        "url": chosen([host + path for path, _ in pages], page),
        "title": chosen([title for _, title in pages], page),
        "user_agent": chosen([text for _, text in agents], agent[visit]),
    }
    robots = pa.table(
        [known.get(each.name, pa.nulls(visit.size, each.type)) for each in table.schema],
        schema=table.schema,
    )
    whole = pa.concat_tables([table, robots])
    whole = whole.sort_by([("occurred_at", "ascending"), ("message_id", "ascending")])
    return mistreated(history, whole, generator)


DAY_OF_ROBOTS_MS: Final = 3_600_000
"""No robot begins in the last hour."""


def as_segment_items(table: pa.Table) -> list[dict[str, object]]:
    """The same events as a Segment client would send them."""
    others = [name for name in table.schema.names if name not in _SHARED]
    items: list[dict[str, object]] = []
    for row in table.to_pylist():
        campaign = {key: row[f"utm_{key}"] for key in ("source", "medium") if row[f"utm_{key}"]}
        if row["utm_campaign"]:
            campaign["name"] = row["utm_campaign"]
        context: dict[str, object] = {}
        if row["user_agent"]:
            context["userAgent"] = row["user_agent"]
        if row["url"]:
            context["page"] = {
                "url": row["url"], "referrer": row["referrer"] or "", "title": row["title"],
            }  # fmt: skip
        if campaign:
            context["campaign"] = campaign
        item: dict[str, object] = {
            "type": row["type"],
            "messageId": row["message_id"],
            "anonymousId": row["visitor_id"],
            "timestamp": iso(row["occurred_at"]),
            "context": context,
        }
        if row["user_id"]:
            item["userId"] = row["user_id"]
        if row["type"] == "track":
            item["event"] = row["name"]
        if row["type"] != "identify":
            names = (*others, "value", "currency")
            properties = {name: row[name] for name in names if row[name] is not None}
            if row["experiment"]:
                properties |= {"experiment_id": row["experiment"], "variation_id": row["variant"]}
            item["properties"] = properties
        items.append(item)
    return items
