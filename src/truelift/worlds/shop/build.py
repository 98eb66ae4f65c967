"""The shop's visitors as a world: its truth, its events and what they mean."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa

from truelift.worlds.building import Simulated
from truelift.worlds.shop.events import as_segment_items, events_of
from truelift.worlds.shop.parameters import Shop
from truelift.worlds.shop.truth import truth_of
from truelift.worlds.shop.visits import visits_of


SITE: Final = "shop"

_BROKEN_ITEMS: Final[tuple[object, ...]] = (
    {"type": "track", "event": 42, "anonymousId": "old-app-1"},
    {"type": "trick", "event": "purchase", "anonymousId": "old-app-2"},
    {"type": "track", "event": "purchase", "anonymousId": "old-app-3", "timestamp": "yesterday"},
    "purchase",
)
"""What a shop's old app sends: each for another reason no event."""


def _table_of(shop: Shop, generator: np.random.Generator) -> pa.Table:
    return events_of(shop, visits_of(shop, generator), generator)


WORLD: Final = Simulated(
    name=SITE,
    history=Shop,
    truth_of=truth_of,
    table_of=_table_of,
    items_of=as_segment_items,
    map_file=Path(__file__).with_name("map.toml"),
    broken_items=_BROKEN_ITEMS,
)
