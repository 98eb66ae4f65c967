"""Builds the shop's events in a home: history through the import door, the last hours over HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq

from truelift.lake.durable import write_durably
from truelift.lake.home import Home
from truelift.lake.imports.load import Loaded, load_file, wait_for_streams
from truelift.worlds.collecting import running_collector, send
from truelift.worlds.shop.events import as_segment_items, events_of
from truelift.worlds.shop.parameters import Shop
from truelift.worlds.shop.truth import truth_of
from truelift.worlds.shop.visits import visits_of


SITE: Final = "shop"
MAP: Final = Path(__file__).with_name("map.toml")
TRUTH: Final = "truth.json"

_BROKEN_ITEMS: Final[tuple[object, ...]] = (
    {"type": "track", "event": 42, "anonymousId": "old-app-1"},
    {"type": "trick", "event": "purchase", "anonymousId": "old-app-2"},
    {"type": "track", "event": "purchase", "anonymousId": "old-app-3", "timestamp": "yesterday"},
    "purchase",
)
"""What a shop's old app sends: each for another reason no event."""


@dataclass(frozen=True, slots=True)
class Built:
    """What was put into the home.

    Attributes:
        shop: By these parameters.
        history: What became of the imported rows.
        streamed: Items that went through the collector.
    """

    shop: Shop
    history: Loaded
    streamed: int


Say = Callable[[str], None]


def folder_of(home: Home) -> Path:
    """Where the world keeps what it planted."""
    return home.root / "worlds" / "shop"


def plant(home: Home, shop: Shop) -> Shop:
    """Write the truth down before any event exists; a truth that stands there already holds.

    A build that was interrupted goes on with the parameters that it began with, so
    that what it already stored is recognised.
    """
    path = folder_of(home) / TRUTH
    if path.exists():
        return _planted(json.loads(path.read_text(encoding="utf-8")))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_durably(path, json.dumps(truth_of(shop), indent=1).encode())
    return shop


def _planted(truth: dict[str, object]) -> Shop:
    history = truth["history"]
    if not isinstance(history, dict):
        raise TypeError(history)
    until = datetime.fromisoformat(str(history["until"]))
    return Shop(
        ends_at_ms=round(until.timestamp() * 1000),
        scale=float(str(truth["scale"])),
        seed=int(str(truth["seed"])),
    )


def build_events(
    home: Home,
    shop: Shop,
    *,
    write_key: str | None,
    now: Callable[[], datetime],
    say: Say = lambda words: None,  # noqa: ARG005
) -> Built:
    """Put the shop's events into the home.

    Args:
        home: The installation.
        shop: What is true, planted before.
        write_key: The site's public key; without one everything is imported.
        now: The clock.
        say: Is told what happens.
    """
    say("drawing the visits of eight weeks")
    path, imported, items = _draw(home, shop, live=write_key is not None)
    say(f"importing {imported:,} events")
    try:
        history = load_file(home, SITE, path, map_file=MAP, now=now)
    finally:
        path.unlink()
    if write_key is None:
        return Built(shop, history, 0)
    say(f"sending the last {shop.live_hours} hours, {len(items):,} items, to the collector")
    with running_collector(home) as collector:
        send(collector, write_key, items)
    wait_for_streams(home, SITE, now=now)
    return Built(shop, history, len(items))


def _draw(home: Home, shop: Shop, *, live: bool) -> tuple[Path, int, list[object]]:
    """Draw all events; give the file of the past, its rows, and the items of the last hours.

    The table itself is large, and let go of before the import begins.
    """
    generator = np.random.default_rng(shop.seed)
    table = events_of(shop, visits_of(shop, generator), generator)
    items: list[object] = []
    if live:
        recent = pc.greater_equal(table["occurred_at"], shop.live_from_ms)
        items = [*as_segment_items(table.filter(recent)), *_BROKEN_ITEMS]
        table = table.filter(pc.invert(recent))
    path = folder_of(home) / "history.parquet"
    pq.write_table(table, path, compression="zstd", compression_level=1)
    return path, table.num_rows, items
