"""The company's people as a world: its truth, its events and what they mean."""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa

from truelift.worlds.building import Simulated
from truelift.worlds.rows import MAP, as_segment_items
from truelift.worlds.saas.events import events_of, people_of
from truelift.worlds.saas.parameters import Saas
from truelift.worlds.saas.truth import truth_of


SITE: Final = "saas"


def _table_of(saas: Saas, generator: np.random.Generator) -> pa.Table:
    return events_of(saas, people_of(saas, generator), generator)


WORLD: Final = Simulated(
    name=SITE,
    history=Saas,
    truth_of=truth_of,
    table_of=_table_of,
    items_of=as_segment_items,
    map_file=MAP,
)
