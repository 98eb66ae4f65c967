"""From journal to lake: events a second, memory, files and question latency.

    .venv/bin/python bench/loader.py             # both parts
    .venv/bin/python bench/loader.py backlog --events 2000000
    .venv/bin/python bench/loader.py day --sites 200

`backlog` writes a journal of real-looking events, then loads it in a process of
its own and reports events a second until everything is committed, and the peak of
its memory. `day` lives a day of 200 sites with batches every five seconds, 500
events a site, at full speed, and reports files a site and how long questions take; most of
its time are the 96 durable commits of each site, so `--sites 20` says the same in a minute.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa

from truelift.lake.home import Home
from truelift.lake.journal import JournalWriter
from truelift.lake.lake import Lake
from truelift.lake.loader import Loader
from truelift.lake.snapshot import SiteReader
from truelift.questions.question import Scan


NOW = datetime(2026, 3, 2, tzinfo=UTC)
KIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
AGENTS = (
    f"Mozilla/5.0 (iPhone; CPU iPhone OS 17_{{}} like Mac OS X) {KIT} Mobile/15E148 Safari/604.1",
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {KIT} Chrome/12{{}}.0.0.0 Safari/537.36",
    f"Mozilla/5.0 (Linux; Android 14; Pixel {{}}) {KIT} Chrome/120.0.0.0 Mobile Safari/537.36",
)
STEP_EVERY = 12
EVENTS = ("page_view", "view_item", "add_to_cart", "begin_checkout", "purchase")


@dataclass(frozen=True, slots=True)
class EventsByDevice:
    """A question that reads every row: events and people by device."""

    name: str = "events_by_device"
    parameters: Mapping[str, object] = field(default_factory=dict)

    def scan(self) -> Scan:
        return Scan(
            "SELECT device, event, count(*) AS events, count(DISTINCT person) AS people"
            " FROM events GROUP BY ALL ORDER BY ALL",
            {},
        )

    def partial(self, rows: pa.Table) -> int:
        return int(sum(rows["events"].to_pylist()))

    def merge(self, left: int, right: int) -> int:
        return left + right

    def answer(self, partial: int) -> int:
        return partial


def lines(count: int, *, start_ms: int, seed: int) -> Iterator[bytes]:
    """Make events as the collector writes them, about 700 bytes each."""
    draw = np.random.default_rng(seed)
    visitors = draw.integers(0, max(count // 12, 1), count)
    kinds = draw.choice(5, count, p=[0.45, 0.3, 0.15, 0.06, 0.04])
    products = draw.integers(0, 2000, count)
    agents = draw.integers(0, 90, count)
    landing = draw.random(count) < 0.08
    for n in range(count):
        kind = EVENTS[kinds[n]]
        item = {
            "type": "page" if kind == "page_view" else "track",
            "event": kind,
            "message_id": f"ajs-next-{seed}-{n:08x}-4d2f-9a1c-8b7e6f5d4c3b",
            "visitor_id": f"6f1e{visitors[n]:08x}-77aa-4c2b-b1d0-5e0c9a1d2f3e",
            "occurred_at": start_ms + n,
            "url": f"https://www.shop.example/p/{products[n]}"
            + (f"?utm_source=google&utm_medium=cpc&utm_campaign=c{n % 40}" if landing[n] else ""),
            "referrer": "https://www.google.com/" if landing[n] else "https://www.shop.example/",
            "title": f"Product {products[n]} - Shop",
            "user_agent": AGENTS[agents[n] % 3].format(agents[n] % 10),
            "properties": {
                "product_id": f"sku-{products[n]}", "category": "shoes", "price": 49.9,
                "quantity": 1, "name": f"Product {products[n]}",
            },
            "context": {
                "library": {"name": "analytics.js", "version": "next-1.84.3"},
                "locale": "de-DE", "timezone": "Europe/Berlin",
            },
        }  # fmt: skip
        if kind == "purchase":
            item |= {"value": 49.9, "currency": "EUR"}
        if n % 25 == 0:
            item["user_id"] = f"user-{visitors[n]}"
        yield json.dumps(item, separators=(",", ":")).encode()


def backlog(home: Home, *, events: int) -> dict[str, object]:
    """Write a backlog, load it elsewhere, report."""
    home.make()
    writer = JournalWriter.open(home.journal, "edge")
    received_ms = int(NOW.timestamp() * 1000)
    written = 0
    for part in range(0, events, 100_000):
        batch = list(lines(min(100_000, events - part), start_ms=received_ms, seed=part))
        written += sum(map(len, batch))
        for first in range(0, len(batch), 500):
            writer.append_and_wait(
                site="shop", key_id="k1", trusted=False, received_at_ms=received_ms,
                lines=batch[first : first + 500],
            )  # fmt: skip
    writer.close()
    answer = subprocess.run(
        [sys.executable, __file__, "load", "--home", str(home.root)],
        check=True,
        capture_output=True,
        text=True,
    )
    loaded = json.loads(answer.stdout)
    ledger = Lake(home).ledger("shop")
    return {
        "events": events,
        "journal_mb": round(written / 1e6),
        "seconds": loaded["seconds"],
        "events_per_second": round(events / loaded["seconds"]),
        "cpu_seconds": loaded["cpu_seconds"],
        "cpu_us_per_event": round(loaded["cpu_seconds"] / events * 1e6, 1),
        "peak_rss_mib": loaded["peak_rss_mib"],
        "stored": ledger.stored,
        "balanced": ledger.balanced,
    }


def load(home: Home) -> dict[str, float]:
    """Load everything that waits in a home."""
    with Loader(home, now=lambda: NOW) as loader:
        began, began_cpu = time.perf_counter(), time.process_time()
        loader.flush()
        seconds, cpu = time.perf_counter() - began, time.process_time() - began_cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": round(seconds, 2), "cpu_seconds": round(cpu, 2), "peak_rss_mib": round(peak)}


def day(home: Home, *, sites: int, per_site: int, tick_s: int) -> dict[str, object]:
    """Live a day with all sites sending a little all the time."""
    home.make()
    clock = {"now": NOW}
    draw = np.random.default_rng(7)
    names = [f"site-{n:03d}" for n in range(sites)]
    ticks = 86_400 // tick_s
    at = [np.sort(draw.integers(0, ticks, per_site)) for _ in names]
    due: list[list[int]] = [[] for _ in range(ticks)]
    for site, moments in enumerate(at):
        for moment in moments:
            due[moment].append(site)
    feeds = [lines(per_site, start_ms=int(NOW.timestamp() * 1000), seed=n) for n in range(sites)]
    writer = JournalWriter.open(home.journal, "edge")
    began = time.perf_counter()
    with Loader(home, now=lambda: clock["now"]) as loader:
        for tick in range(ticks):
            clock["now"] = NOW + timedelta(seconds=tick * tick_s)
            for site in due[tick]:
                writer.append_and_wait(
                    site=names[site], key_id="k1", trusted=False,
                    received_at_ms=int(clock["now"].timestamp() * 1000),
                    lines=[next(feeds[site])],
                )  # fmt: skip
            # The journal gets its batches every five seconds; the loader looks once a minute.
            if tick % STEP_EVERY == 0:
                loader.step()
        while loader.step():
            pass
        seconds = time.perf_counter() - began
        lake = Lake(home)
        files, took, again = [], [], []
        for name in names:
            reader = SiteReader(home, name)
            state = reader.table.current()
            files.append((len(state.files) if state else 0) + len(reader.tail.current().files))
            took.append(lake.ask(name, EventsByDevice()).took_ms)
            again.append(lake.ask(name, EventsByDevice()).took_ms)
        stored = sum(lake.ledger(name).stored for name in names)
    writer.close()
    return {
        "sites": sites,
        "events": sites * per_site,
        "tick_s": tick_s,
        "seconds": round(seconds, 1),
        "stored": stored,
        "files_per_site_max": max(files),
        "first_question_ms_max": round(max(took), 1),
        "question_ms_max": round(max(again), 1),
        "question_ms_median": round(float(np.median(again)), 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "part", nargs="?", default="both", choices=["both", "backlog", "day", "load"]
    )
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--sites", type=int, default=200)
    parser.add_argument("--per-site", type=int, default=500)
    parser.add_argument("--tick", type=int, default=5)
    parser.add_argument("--home", type=Path)
    given = parser.parse_args()
    if given.part == "load":
        print(json.dumps(load(Home(root=given.home, lake=given.home / "lake"))))
        return
    folder = Path(tempfile.mkdtemp(prefix="bench-loader-"))
    try:
        if given.part in {"both", "backlog"}:
            root = folder / "backlog"
            print(json.dumps({"backlog": backlog(Home(root, root / "lake"), events=given.events)}))
        if given.part in {"both", "day"}:
            root = folder / "day"
            report = day(
                Home(root, root / "lake"),
                sites=given.sites,
                per_site=given.per_site,
                tick_s=given.tick,
            )
            print(json.dumps({"day": report}))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
