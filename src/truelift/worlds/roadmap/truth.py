"""Writes what is true of the year before any row of it exists."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date
from pathlib import Path

from truelift.lake.durable import write_durably
from truelift.lake.home import Home
from truelift.worlds.roadmap.year import Planted, RoadmapYear, year_of


def folder_of(home: Home) -> Path:
    """Where the world keeps what it planted."""
    return home.root / "worlds" / "roadmap"


def plant(home: Home, *, seed: int, begins: date) -> RoadmapYear:
    """Draw a year, write down what is true of it, and give it."""
    year = year_of(seed, begins=begins)
    folder = folder_of(home)
    folder.mkdir(parents=True, exist_ok=True)
    truth = {"world": "roadmap", "seed": seed, **truth_of(year)}
    write_durably(folder / "truth.json", json.dumps(truth, indent=1).encode())
    return year


def truth_of(year: RoadmapYear) -> dict[str, object]:
    """Say what was planted, and what only looks like it."""
    return {
        "begins": year.begins.isoformat(),
        "conflicts": _planted(year.conflicts),
        "turned": _planted(year.turned),
        "contaminations": [
            {
                "test": each.test,
                "change": each.change,
                "verdict": each.verdict.value,
                "scope": each.scope.value,
            }
            for each in year.spoiled
        ],
        "harmless": list(year.harmless),
    }


def _planted(conflicts: Iterable[Planted]) -> list[dict[str, object]]:
    return [
        {"rule": each.rule.value, "items": sorted(each.keys), "story": each.story}
        for each in conflicts
    ]
