"""Every promise of docs/calibration.md, sampled with fewer runs than the report."""

from __future__ import annotations

import os

import pytest

from tests.simulation.sections import SECTIONS, sampled


pytestmark = [pytest.mark.simulation, pytest.mark.timeout(600)]

RUNS = 2 * int(os.environ.get("TRUELIFT_SIMULATION_RUNS", "2000"))


@pytest.mark.parametrize("name", SECTIONS)
def test_every_promise_is_kept_or_its_miss_is_explained(name: str) -> None:
    section = sampled(name, RUNS)

    assert section.rows
    assert [row for row in section.rows if not row.held and not row.why] == []
