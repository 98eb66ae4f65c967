"""The visitors of the two companies that are told by a script: the same for a seed, and plain."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pytest

from truelift.lake.home import Home
from truelift.worlds.building import Simulated, folder_of, plant
from truelift.worlds.leads.build import WORLD as LEADS
from truelift.worlds.leads.events import COMPLETED, FOCUSED
from truelift.worlds.leads.parameters import FIELDS, HESITATED, Leads
from truelift.worlds.rows import as_segment_items
from truelift.worlds.saas.build import WORLD as SAAS


ENDS_AT_MS = 1_777_896_000_000


@pytest.mark.parametrize("world", [LEADS, SAAS], ids=["leads", "saas"])
def test_the_truth_stands_first_and_a_seed_always_draws_the_same(
    world: Simulated[Any], tmp_path: Path
) -> None:
    home = Home(root=tmp_path, lake=tmp_path / "lake")
    history = world.history(ends_at_ms=ENDS_AT_MS, scale=0.01, seed=3)

    plant(home, world, history)
    again = plant(home, world, world.history(ends_at_ms=ENDS_AT_MS + 60_000, scale=1, seed=4))
    first, second = (world.table_of(history, np.random.default_rng(3)) for _ in range(2))

    truth = json.loads((folder_of(home, world.name) / "truth.json").read_text())
    assert again == history
    assert not (tmp_path / "lake").exists()
    assert truth["trap"]["recommended"] is False
    assert truth["experiments"][truth["running_experiment"]]["running"]
    assert first.equals(second)
    assert pc.max(first["occurred_at"]).as_py() < ENDS_AT_MS


def test_the_form_says_what_happened_at_a_field_and_never_what_was_typed() -> None:
    leads = Leads(ends_at_ms=ENDS_AT_MS, scale=0.01, seed=3)
    table = LEADS.table_of(leads, np.random.default_rng(3))

    touched = table.filter(pc.is_in(table["name"], pc.pa.array([FOCUSED, COMPLETED])))
    items = as_segment_items(touched.slice(0, 200))

    allowed = {"field", "focus_ms", "refocus", "corrections"}
    assert all(item["properties"].keys() <= allowed for item in items)  # type: ignore[attr-defined]
    assert set(touched["field"].to_pylist()) == {each.name for each in FIELDS}
    assert leads.shorter_lead_rate / leads.lead_rate == pytest.approx(1.2, rel=0.001)
    assert [each.name for each in FIELDS if each.seconds > 8] == list(HESITATED)
