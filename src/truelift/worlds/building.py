"""Puts a company's events into a home: history through the import door, the last hours by HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Generic, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from truelift.lake.durable import write_durably
from truelift.lake.home import Home
from truelift.lake.imports.load import Loaded, load_file, wait_for_streams
from truelift.worlds.collecting import running_collector, send
from truelift.worlds.history import History


TRUTH: Final = "truth.json"

Say = Callable[[str], None]
H = TypeVar("H", bound=History)


@dataclass(frozen=True, slots=True)
class Simulated(Generic[H]):
    """A simulated company as far as its visitors go.

    Attributes:
        name: Of the world, and of its site.
        history: Makes its parameters of an end, a scale and a seed.
        truth_of: Says what is true of it, from its parameters alone.
        table_of: Draws every event, in the order in which they happen.
        items_of: The same events as a client of the collector sends them.
        map_file: What the columns of the events mean.
        broken_items: What else is sent, each for another reason no event.
    """

    name: str
    history: type[H]
    truth_of: Callable[[H], dict[str, object]]
    table_of: Callable[[H, np.random.Generator], pa.Table]
    items_of: Callable[[pa.Table], list[dict[str, object]]]
    map_file: Path
    broken_items: Sequence[object] = ()


@dataclass(frozen=True, slots=True)
class Built:
    """What was put into the home.

    Attributes:
        history: What became of the imported rows.
        streamed: Items that went through the collector.
    """

    history: Loaded
    streamed: int


def folder_of(home: Home, name: str) -> Path:
    """Where a world keeps what it planted."""
    return home.root / "worlds" / name


def plant(home: Home, world: Simulated[H], history: H) -> H:
    """Write the truth down before any event exists; a truth that stands there already holds.

    A build that was interrupted goes on with the parameters that it began with, so
    that what it already stored is recognised.
    """
    path = folder_of(home, world.name) / TRUTH
    if path.exists():
        return _planted(world, json.loads(path.read_text(encoding="utf-8")))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_durably(path, json.dumps(world.truth_of(history), indent=1).encode())
    return history


def _planted(world: Simulated[H], truth: dict[str, object]) -> H:
    history = truth["history"]
    if not isinstance(history, dict):
        raise TypeError(history)
    until = datetime.fromisoformat(str(history["until"]))
    return world.history(
        ends_at_ms=round(until.timestamp() * 1000),
        scale=float(str(truth["scale"])),
        seed=int(str(truth["seed"])),
    )


def build_events(
    home: Home,
    world: Simulated[H],
    history: H,
    *,
    write_key: str | None,
    now: Callable[[], datetime],
    say: Say = lambda words: None,  # noqa: ARG005
) -> Built:
    """Put a company's events into the home.

    Args:
        home: The installation.
        world: Which company.
        history: What is true, planted before.
        write_key: The site's public key; without one everything is imported.
        now: The clock.
        say: Is told what happens.
    """
    say(f"drawing the visits of {history.weeks} weeks")
    path, imported, items = _draw(home, world, history, live=write_key is not None)
    say(f"importing {imported:,} events")
    try:
        loaded = load_file(home, world.name, path, map_file=world.map_file, now=now)
    finally:
        path.unlink()
    if write_key is None:
        return Built(loaded, 0)
    say(f"sending the last {history.live_hours} hours, {len(items):,} items, to the collector")
    with running_collector(home) as collector:
        send(collector, write_key, items)
    wait_for_streams(home, world.name, now=now)
    return Built(loaded, len(items))


def _draw(
    home: Home, world: Simulated[H], history: H, *, live: bool
) -> tuple[Path, int, list[object]]:
    """Draw all events; give the file of the past, its rows, and the items of the last hours.

    The table itself is large, and let go of before the import begins.
    """
    table = world.table_of(history, np.random.default_rng(history.seed))
    items: list[object] = []
    if live:
        recent = pc.greater_equal(table["occurred_at"], history.live_from_ms)
        items = [*world.items_of(table.filter(recent)), *world.broken_items]
        table = table.filter(pc.invert(recent))
    path = folder_of(home, world.name) / "history.parquet"
    pq.write_table(table, path, compression="zstd", compression_level=1)
    return path, table.num_rows, items
