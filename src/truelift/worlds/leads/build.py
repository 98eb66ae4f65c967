"""The company's visitors as a world: its truth, its events and what they mean."""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa

from truelift.worlds.building import Simulated
from truelift.worlds.leads.events import events_of
from truelift.worlds.leads.parameters import Leads
from truelift.worlds.leads.truth import truth_of
from truelift.worlds.leads.visits import visits_of
from truelift.worlds.rows import MAP, as_segment_items


SITE: Final = "leads"


def _table_of(leads: Leads, generator: np.random.Generator) -> pa.Table:
    return events_of(leads, visits_of(leads, generator), generator)


WORLD: Final = Simulated(
    name=SITE,
    history=Leads,
    truth_of=truth_of,
    table_of=_table_of,
    items_of=as_segment_items,
    map_file=MAP,
)
