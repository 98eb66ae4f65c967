"""Questions from a fresh process, and by one worker and two of a Dask cluster.

A lake of five million events with its sequence index is written, and `truelift ask funnel` is
started again and again as a process of its own: its wall time is that of the whole process.
Then a scheduler and two workers of one thread each are started, and a lake of four buckets is
asked through them: first with one of the workers, then with both.

    .venv/bin/python bench/processes.py
    .venv/bin/python bench/processes.py --truelift /tmp/venv/bin/truelift    an installed wheel
    .venv/bin/python bench/processes.py --home /tmp/x --workers-home /tmp/y

The development environment has pandas, which pyarrow then imports: a second that an
installation does not have. An environment as people have it:

    uv venv /tmp/venv && VIRTUAL_ENV=/tmp/venv uv pip sync --compile-bytecode requirements.lock
    VIRTUAL_ENV=/tmp/venv uv pip install --compile-bytecode --no-deps .
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any


sys.path.insert(0, str(Path(__file__).parents[1]))

from bench.made.lake import SITE, write_lake
from bench.questions import STEPS, index, races, timed
from truelift.lake.home import Home
from truelift.lake.lake import Lake


RUNS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--home", type=Path)
    parser.add_argument("--workers-home", type=Path, help="of another lake for the workers")
    parser.add_argument("--truelift", default=str(Path(sys.executable).parent / "truelift"))
    parser.add_argument("--only", choices=["fresh", "workers"])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="truelift-bench-") as scratch:
        home = made(options.home or Path(scratch) / "home")
        if options.only != "workers":
            fresh(home, options.truelift)
        if options.only != "fresh":
            workers(made(options.workers_home or home.root), Path(scratch))


def made(root: Path) -> Home:
    home = Home(root=root, lake=root / "lake")
    if not home.events_table(SITE).exists():
        home.make()
        write_lake(home, 5_000_000)
    index(home)
    return home


def fresh(home: Home, command: str) -> None:
    """Time whole processes."""
    words = [command, "ask", "funnel", "--site", SITE, "--steps", ",".join(STEPS), "--json"]
    environment = {**os.environ, "TRUELIFT_HOME": str(home.root)}
    # pip compiles what it installs; where nothing does and Python may not keep what it compiles,
    # every process compiles all of its modules again, and that takes longer than everything else.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    wall, cpu, took = [], [], []
    for _ in range(RUNS + 1):
        began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        found = subprocess.run(words, env=environment, check=True, capture_output=True)
        wall.append((time.perf_counter() - began) * 1000)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu.append((after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000)
        took.append(float(json.loads(found.stdout)["took_ms"]))
    print(
        f"truelift ask funnel as a fresh process, 5 M events: wall {min(wall[1:]):.0f} ms best,"
        f" {statistics.median(wall[1:]):.0f} ms median (wanted 1,500), CPU {min(cpu[1:]):.0f} ms;"
        f" took_ms {min(took[1:]):.0f} best, {statistics.median(took[1:]):.0f} median (wanted 100)"
    )


def workers(home: Home, scratch: Path) -> None:
    """Ask through one worker, and through two."""
    scheduler_file = scratch / "scheduler.json"
    started = [
        _dask("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard",
              "--scheduler-file", str(scheduler_file))
    ]  # fmt: skip
    try:
        until = time.monotonic() + 60
        while not scheduler_file.exists() and time.monotonic() < until:
            time.sleep(0.1)
        address = str(json.loads(scheduler_file.read_text())["address"])
        best: dict[int, dict[str, float]] = {}
        for count in (1, 2):
            started.append(
                _dask("worker", address, "--nthreads", "1", "--no-dashboard", "--no-nanny",
                      "--local-directory", str(scratch / f"worker-{count}"))
            )  # fmt: skip
            _wait_for(address, count)
            lake = Lake(home, address)
            best[count] = {
                race.title.split(",")[0]: timed(
                    partial(lake.ask, SITE, race.question), RUNS
                ).best_ms
                for race in races()
            }
        for title, alone in best[1].items():
            both = best[2][title]
            print(
                f"{title}: one worker {alone:.0f} ms, two {both:.0f} ms: {alone / both:.2f} x"
                " (wanted 1.6)"
            )
    finally:
        for process in started:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        shutil.rmtree(scratch / "worker-1", ignore_errors=True)


def _dask(*words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "distributed.cli.dask_" + words[0], *words[1:]],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _wait_for(address: str, count: int) -> None:
    from distributed import Client

    client: Any
    with Client(address, timeout=60, set_as_default=False) as client:
        client.wait_for_workers(count, timeout=60)


if __name__ == "__main__":
    main()
