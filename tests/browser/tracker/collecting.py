"""The real collector on a port, and what the real loader makes of its journal."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from deltalake import DeltaTable

from tests.cli.served import free_port
from truelift.lake.home import Home
from truelift.lake.loader import Loader


HURRIED = "hurried"
"""The site that may send one request a minute."""


@dataclass(frozen=True, slots=True)
class Collecting:
    """A running `truelift collect`, seen as one of its sites."""

    home: Home
    origin: str
    site: str

    @property
    def key(self) -> str:
        """The site's public key."""
        return f"pk_{self.site}"

    def stored(self, count: int, *, seconds: float = 10.0) -> list[Mapping[str, Any]]:
        """Load what is in the journal, until so many rows are there, and give them by time."""
        over = time.monotonic() + seconds
        rows: list[Mapping[str, Any]] = []
        with Loader(self.home, now=lambda: datetime.now(UTC)) as loader:
            while len(rows) < count and time.monotonic() < over:
                time.sleep(0.1)
                loader.flush(self.site)
                rows = self._rows()
        return rows

    def _rows(self) -> list[Mapping[str, Any]]:
        table = self.home.events_table(self.site)
        if not table.exists():
            return []
        rows: list[Mapping[str, Any]] = DeltaTable(table).to_pyarrow_table().to_pylist()
        return sorted(rows, key=lambda row: (row["occurred_at"], row["position"]))


@contextmanager
def collecting(folder: Path, *, sites: Sequence[str]) -> Iterator[list[Collecting]]:
    """Start a collector on an empty home, for some sites."""
    home = Home(root=folder, lake=folder / "lake")
    home.make()
    home.keys_file.write_text(json.dumps({"version": 1, "keys": [_key(site) for site in sites]}))
    strict = {HURRIED: {"rate_limit_per_minute": 1}}
    home.sites_file.write_text(json.dumps({"version": 1, "sites": strict}))
    port = free_port()
    with subprocess.Popen(
        [sys.executable, "-m", "truelift.cli", "collect", "--port", str(port)],
        env={**os.environ, "TRUELIFT_HOME": str(folder), "TRUELIFT_LAKE": str(home.lake)},
        stdout=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdout is not None
        first_line = running.stdout.readline()
        assert first_line.startswith("ready"), first_line
        origin = f"http://127.0.0.1:{port}"
        yield [Collecting(home=home, origin=origin, site=site) for site in sites]
        running.terminate()


def _key(site: str) -> Mapping[str, str]:
    digest = hashlib.sha256(f"pk_{site}".encode()).hexdigest()
    return {"key_id": f"k-{site}", "site": site, "kind": "public", "sha256": digest}


def said(row: Mapping[str, Any], column: str) -> Any:
    """Read a column that holds JSON text."""
    return json.loads(row[column] or "{}")
