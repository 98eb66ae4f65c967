"""A collector in this process, with a journal of its own and a clock that stands still."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from truelift.collector.app import Collector, Reply
from truelift.collector.published import Published
from truelift.lake.home import Home
from truelift.lake.journal import JournalWriter, lines_of, segments


NOON_MS = 1_795_262_400_000
"""2026-11-21T12:00:00Z."""


def publish_keys(home: Home, *keys: tuple[str, str, str, str]) -> None:
    """Write the keys file: (key id, site, kind, the key itself)."""
    entries = [
        {
            "key_id": key_id,
            "site": site,
            "kind": kind,
            "sha256": hashlib.sha256(text.encode()).hexdigest(),
        }
        for key_id, site, kind, text in keys
    ]
    replace(home.keys_file, {"version": 1, "keys": entries})


def publish_site(home: Home, **settings: object) -> None:
    """Write the sites file with these settings of `shop`."""
    replace(home.sites_file, {"version": 1, "sites": {"shop": settings}})


def replace(path: Path, document: object) -> None:
    partial = path.with_suffix(".part")
    partial.write_text(json.dumps(document), encoding="utf-8")
    partial.replace(path)


@dataclass
class Bench:
    """The collector under test and what it was given."""

    home: Home
    writer: JournalWriter
    collector: Collector
    now_ms: list[int] = field(default_factory=lambda: [NOON_MS])

    def send(
        self,
        path: str,
        body: bytes | object = b"",
        *,
        method: str = "POST",
        key: str | None = "secret",
        headers: Mapping[str, str] | None = None,
        address: str = "203.0.113.7",
    ) -> Reply:
        """Send one request as a server would hand it over."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        all_headers = {"host": "t.test", **(headers or {})}
        if key is not None:
            all_headers["authorization"] = "Basic " + base64.b64encode(f"{key}:".encode()).decode()

        async def read(limit: int) -> bytes | None:
            return data if len(data) <= limit else None

        return asyncio.run(self.collector.handle(method, path, "", all_headers, read, address))

    def stored(self, site: str = "shop") -> list[dict[str, Any]]:
        """Read back every item of a site."""
        found: list[dict[str, Any]] = []
        for segment in segments(self.home.journal):
            table = lines_of(segment.path).tables.get(site)
            if table is not None:
                for row in table.to_pylist():
                    line = json.loads(row.pop("line"))
                    found.append({**row, **line})
        return found


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A collector with a public and a secret key of `shop`."""
    home = Home(root=tmp_path, lake=tmp_path / "lake")
    home.make()
    publish_keys(home, ("kp", "shop", "public", "public"), ("ks", "shop", "secret", "secret"))
    writer = JournalWriter.open(home.journal, "collector")
    now_ms = [NOON_MS]
    collector = Collector(
        journal=writer, published=Published(home), free_bytes=0, now_ms=lambda: now_ms[0]
    )
    yield Bench(home=home, writer=writer, collector=collector, now_ms=now_ms)
    collector.close()
