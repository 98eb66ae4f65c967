"""Small files of events, and a slow, obviously right funnel over their rows."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np

from truelift.lake.home import Home
from truelift.lake.imports.load import load_file


class Row(NamedTuple):
    """One event of a file."""

    name: str
    visitor_id: str
    at: datetime
    device: str


def random_rows(rng: np.random.Generator, *, visitors: int, names: list[str]) -> list[Row]:
    """Draw visits over sixty days; whole seconds, so that ties are common."""
    start = datetime(2026, 3, 1, tzinfo=UTC)
    rows: list[Row] = []
    for visitor in range(visitors):
        device = str(rng.choice(["phone", "desktop", "tablet"]))
        rows += [
            Row(
                name=str(rng.choice(names)),
                visitor_id=f"v{visitor}",
                at=start + timedelta(seconds=int(rng.integers(0, 60 * 86_400))),
                device=device,
            )
            for _ in range(int(rng.integers(1, 12)))
        ]
    return rows


def write(path: Path, rows: list[Row]) -> Path:
    """Write rows as a file that `truelift load` takes without a map."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["name", "visitor_id", "occurred_at", "device"])
        writer.writerows([row.name, row.visitor_id, row.at.isoformat(), row.device] for row in rows)
    return path


def load(home: Home, site: str, path: Path, *, now: datetime) -> None:
    """Import a file through the product's own door, or copy what that made of it before.

    Most tests of a file begin with the same events in a home that holds nothing yet.
    """
    begun = _beginning(home)
    if begun is None:
        load_file(home, site, path, map_file=None, now=lambda: now)
        return
    told = (begun, site, path.name, path.read_bytes(), now)
    known = hashlib.sha256(repr(told).encode()).hexdigest()
    if known not in _LOADED:
        load_file(home, site, path, map_file=None, now=lambda: now)
        kept = Path(tempfile.mkdtemp(prefix="loaded-", dir=os.environ["TRUELIFT_HOME"]))
        shutil.copytree(home.root, kept, ignore=shutil.ignore_patterns(*_OWN), dirs_exist_ok=True)
        _LOADED[known] = kept
    else:
        shutil.copytree(_LOADED[known], home.root, dirs_exist_ok=True)


_LOADED: dict[str, Path] = {}
"""What homes became, by what was loaded into them."""

_OWN = ("published", "secret.key")
"""What a home has before anything is loaded, and keeps as its own."""


def _beginning(home: Home) -> object:
    """Say what the loader knows of the sites, or None when the home holds anything else."""
    others = (path for path in home.root.iterdir() if path.name not in _OWN)
    if any(path.is_file() for other in others for path in (other, *other.rglob("*"))):
        return None
    sites = home.sites_file
    return json.loads(sites.read_text())["sites"] if sites.exists() else {}


def reached(
    rows: list[Row],
    steps: list[str],
    *,
    window: timedelta,
    since: datetime | None,
    until: datetime | None,
) -> list[int]:
    """Count who reaches each step, by trying every start of everyone."""
    people: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda row: row.at):
        people.setdefault(row.visitor_id, []).append(row)
    counts = [0] * len(steps)
    for visits in people.values():
        deepest = 0
        for start in visits:
            if start.name != steps[0]:
                continue
            if (since and start.at < since) or (until and start.at >= until):
                continue
            deepest = max(deepest, depth(visits, start, steps, window))
        for step in range(deepest):
            counts[step] += 1
    return counts


def depth(visits: list[Row], start: Row, steps: list[str], window: timedelta) -> int:
    """Go on greedily from one start: the earliest next step leaves the most room."""
    used = {id(start)}
    at, done = start.at, 1
    for name in steps[1:]:
        found = next(
            (
                row
                for row in visits
                if row.name == name and id(row) not in used and at <= row.at <= start.at + window
            ),
            None,
        )
        if found is None:
            return done
        used.add(id(found))
        at, done = found.at, done + 1
    return done
