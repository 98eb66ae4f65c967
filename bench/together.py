"""The collector's rate while people look at funnels, beside its rate while nobody does.

A real `truelift serve` (edge, web, work) runs on the demo company's home. Single events
come in over 64 connections that each wait for their answer, as in `bench/collector.py`;
in every other turn three connections load the funnel page one after another, whose
answer takes in what arrived a moment ago. Turns alternate, so that whatever else the machine
does falls on both kinds alike. Nobody is pinned to a core but the sender.

    .venv/bin/python bench/together.py                  builds the demo company first, half a minute
    .venv/bin/python bench/together.py --home /tmp/x    keeps it for the next run
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from collector import Load, Run, free_port, measure, packed, page_view, requests_of


SITE = "shop"
PAGE = f"/s/{SITE}/funnels/"
READERS = 3
VISITORS = 1000
EACH = 20
"""Page views of a visitor: enough different events that hardly one is sent twice in a run."""


def truelift(*words: str, home: Path) -> None:
    environment = {**os.environ, "TRUELIFT_HOME": str(home)}
    command = [sys.executable, "-m", "truelift.cli", *words]
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)


def prepare(home: Path) -> str:
    """Build the company, let the bench send as much as it can, and give a session of a person."""
    truelift("demo", "--home", str(home), home=home)
    os.environ["TRUELIFT_HOME"] = str(home)
    from truelift.project.start import bring_up_to_date

    bring_up_to_date()
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.db import SessionStore

    from truelift.apps.accounts.models import User
    from truelift.apps.sites.models import Site, WriteKey
    from truelift.apps.sites.publish import publish
    from truelift.project import settings

    Site.objects.filter(name=SITE).update(rate_limit_per_minute=10**9, daily_quota=10**12)
    WriteKey.objects.get_or_create(
        sha256=hashlib.sha256(b"secret").hexdigest(),
        defaults={
            "site": Site.objects.get(name=SITE),
            "kind": "secret",
            "hint": "cret",
            "created_at": datetime.now(UTC),
            "created_by": "bench",
        },
    )
    publish()
    person = User.objects.get(email="mara@northpine.example")
    session = SessionStore()
    session[SESSION_KEY] = str(person.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = person.get_session_auth_hash()
    session.save()
    return f"{settings.SESSION_COOKIE_NAME}={session.session_key}"


@contextmanager
def serving(home: Path) -> Iterator[tuple[psutil.Process, int]]:
    """Serve on a free port; give the edge's process and the port."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "truelift.cli", "serve", "--port", str(port)],
        env={**os.environ, "TRUELIFT_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=(home.parent / "together.log").open("w"),
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b"ready"), "serve did not start"
        parts = psutil.Process(process.pid).children()
        yield next(part for part in parts if "edge" in part.cmdline()), port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


# --- the readers -----------------------------------------------------------------------------


def read_pages(port: int, cookie: str) -> None:
    """Load the page over three connections until told to stop; say how long each load took."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    waits: list[float] = []
    refused: list[int] = []

    def read() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        while not stop.is_set():
            began = time.perf_counter()
            connection.request("GET", PAGE, headers={"cookie": cookie})
            answer = connection.getresponse()
            answer.read()
            waits.append(time.perf_counter() - began)
            if answer.status != 200:
                refused.append(answer.status)

    threads = [threading.Thread(target=read) for _ in range(READERS)]
    for thread in threads:
        thread.start()
    while len(waits) < READERS and not stop.is_set():
        time.sleep(0.02)
    warm, begin = len(waits), time.perf_counter()
    print("reading", flush=True)
    stop.wait()
    seconds = time.perf_counter() - begin
    for thread in threads:
        thread.join()
    print(json.dumps({"waits": waits[warm:], "refused": refused, "seconds": seconds}), flush=True)


@contextmanager
def readers(port: int, cookie: str, found: list[dict[str, Any]]) -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, __file__, "--read", str(port), "--cookie", cookie],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.readline()
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        found.append(json.loads(process.stdout.readline()))
        process.wait(60)


# --- the report ------------------------------------------------------------------------------


def line(name: str, runs: list[Run]) -> None:
    print(
        f"  {name:<16} {statistics.median(run.per_second for run in runs):>8,.0f} requests/s"
        f"   p50 {statistics.median(run.p50_ms for run in runs):5.1f} ms"
        f"   p99 {statistics.median(run.p99_ms for run in runs):5.1f} ms"
        f"   cpu {statistics.median(run.cpu_us for run in runs):6.1f} us"
        f"   refused {sum(run.refused for run in runs)}"
    )


def report(alone: list[Run], together: list[Run], pages: list[dict[str, Any]]) -> None:
    print(f"\ntruelift serve, single events, {READERS} connections on {PAGE}")
    line("nobody reading", alone)
    line("funnels read", together)
    waits = sorted(wait for turn in pages for wait in turn["waits"])
    seconds = sum(float(turn["seconds"]) for turn in pages)
    refused = sum(len(turn["refused"]) for turn in pages)
    print(
        f"  pages            {len(waits) / seconds:>8.1f} a second "
        f"   p50 {1e3 * waits[len(waits) // 2]:5.0f} ms"
        f"   p99 {1e3 * waits[int(len(waits) * 0.99)]:5.0f} ms   refused {refused}"
    )
    ratio = statistics.median(
        busy.per_second / quiet.per_second for quiet, busy in zip(alone, together, strict=True)
    )
    print(f"  funnels read / nobody reading  {ratio:5.2f}   (wanted: at least 0.60)")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seconds", type=float, default=4)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--home", type=Path)
    arguments.add_argument("--read", type=int)
    arguments.add_argument("--cookie", default="")
    chosen = arguments.parse_args()
    if chosen.read:
        read_pages(chosen.read, chosen.cookie)
        return

    load = Load(
        "single",
        "/v1/p",
        tuple(
            packed(page_view(visitor, number))
            for number in range(EACH)
            for visitor in range(VISITORS)
        ),
        1,
    )
    requests = requests_of(load)
    alone: list[Run] = []
    together: list[Run] = []
    pages: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="truelift-bench-") as folder:
        home = chosen.home or Path(folder) / "home"
        cookie = prepare(home)
        with serving(home) as (edge, port):
            # Not before serve has started: a process keeps its parent's cores.
            os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
            measure(edge.pid, port, requests, 1)
            for _ in range(chosen.rounds):
                alone.append(measure(edge.pid, port, requests, chosen.seconds))
                with readers(port, cookie, pages):
                    together.append(measure(edge.pid, port, requests, chosen.seconds))
    report(alone, together, pages)


if __name__ == "__main__":
    main()
