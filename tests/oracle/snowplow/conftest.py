"""Snowplow's real events in a lake."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.oracle.snowplow.loader import FOLDER, write_events, write_vitals
from truelift.lake.home import Home
from truelift.lake.imports.load import load_file
from truelift.lake.lake import Lake


@pytest.fixture(scope="package")
def data() -> Path:
    found = Path(__file__).parents[4] / "shared" / "data"
    if not (found / FOLDER).exists():
        pytest.skip(f"{found} is not beside the repository")
    return found


@pytest.fixture(scope="package")
def lake(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """The site `web` with the model's 160 events, the site `vitals` with its readings."""
    root = tmp_path_factory.mktemp("snowplow")
    home = Home(root=root / "home", lake=root / "home" / "lake")
    home.make()
    written = write_events(data, root / "events.csv")
    vitals = write_vitals(data, root / "vitals.csv")
    web, readings = (
        load_file(
            home,
            site,
            root / f"{file}.csv",
            map_file=None,
            now=lambda: datetime(2023, 6, 1, tzinfo=UTC),
        )
        for site, file in (("web", "events"), ("vitals", "vitals"))
    )
    # Three event ids are there twice: the only rows that are not stored.
    assert (written, web.read, web.stored) == (160, 160, 157)
    assert (web.duplicates, web.rejected) == (3, 0)
    assert (vitals, readings.stored, readings.rejected) == (1000, 2000, 0)
    return Lake(home)
