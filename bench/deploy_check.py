"""How long a pipeline waits for the deploy check of a real `truelift serve` at a steady rate.

A site with 30 surfaces, 40 tests of which 12 run, and 60 freezes is asked 100 times a second,
whether the answers before have come or not; a wait counts from the moment at which the
request was due. Every check is written to the log.

    .venv/bin/python bench/deploy_check.py
    .venv/bin/python bench/deploy_check.py --seconds 30 --rate 200
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import psutil

from collector import free_port


SURFACES, TESTS, RUNNING, FREEZES = 30, 40, 12, 60


def prepare(home: Path) -> str:
    """Make the site with everything that is going on there, and give a pipeline's token."""
    os.environ["TRUELIFT_HOME"] = str(home)
    from truelift.project.start import bring_up_to_date

    bring_up_to_date()
    from truelift.apps.experiments.models import ExperimentRecord
    from truelift.apps.experiments.monitoring_models import WatchRecord
    from truelift.apps.freezes.deploy_services import make_token
    from truelift.apps.freezes.models import FreezeRecord
    from truelift.apps.research.actor import Actor
    from truelift.apps.sites.services import create_site
    from truelift.apps.surfaces.models import SurfaceRecord

    now = datetime.now(UTC)
    site = create_site("shop", title="Shop", by="bench", now=now).site
    for number in range(SURFACES):
        code = [f"src/part{number}/**", f"lib/part{number}/"]
        SurfaceRecord.objects.create(site=site, name=f"Surface {number}", code=code)
    for number in range(TESTS):
        runs = number < RUNNING
        begun = now - timedelta(days=5 if runs else 60)
        test = ExperimentRecord.objects.create(
            site=site,
            key=f"EXP-{number}",
            name=f"Test {number}",
            surface=f"Surface {number % SURFACES}",
            stage="running" if runs else "stopped",
            started_at=begun,
            stopped_at=None if runs else begun + timedelta(days=20),
            ends_on=(begun + timedelta(days=20)).date(),
            made_at=begun,
        )
        for day in range(5 if runs else 20):
            WatchRecord.objects.create(
                experiment=test,
                day=(begun + timedelta(days=day)).date(),
                at=begun + timedelta(days=day),
                document={"units": 1000 * day, "needed": 20_000},
            )
    for number in range(FREEZES):
        starts = now + timedelta(days=number - 10)
        FreezeRecord.objects.create(
            site=site,
            number=number + 1,
            what=f"Freeze {number}",
            surfaces=[f"Surface {number % SURFACES}"],
            starts_at=starts,
            ends_at=starts + timedelta(days=3),
            stage="agreed",
            made_at=now,
        )
    return make_token(site, "bench", by=Actor(None, operator=True), now=now).token


async def ask(
    address: str, token: str, *, rate: float, seconds: float
) -> tuple[list[float], Counter[str]]:
    """Ask at a steady rate; give every wait in milliseconds, and what was answered."""
    waits: list[float] = []
    answers: Counter[str] = Counter()
    headers = {"authorization": f"Bearer {token}"}
    connector = aiohttp.TCPConnector(limit=64)
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:

        async def one(number: int, due: float) -> None:
            paths = [
                f"src/part{number % SURFACES}/file.ts",
                f"lib/part{(number + 1) % SURFACES}/x.py",
            ]
            body = {"paths": paths, "sha": f"{number:040x}", "repo": "acme/shop"}
            async with session.post(f"{address}/api/v1/deploy-check", json=body) as answer:
                said = json.loads(await answer.read())
            waits.append(1000 * (time.perf_counter() - due))
            answers[said.get("decision") or f"{answer.status} {said.get('code')}"] += 1

        for number in range(8):  # the workers load what they need, unmeasured
            await one(number, time.perf_counter())
        waits.clear()
        answers.clear()
        begun = time.perf_counter()
        tasks = []
        for number in range(round(rate * seconds)):
            due = begun + number / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            tasks.append(asyncio.create_task(one(number, due)))
        await asyncio.gather(*tasks)
    return waits, answers


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rate", type=float, default=100.0)
    options.add_argument("--seconds", type=float, default=8.0)
    given = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="truelift-bench-") as folder:
        home, port = Path(folder) / "home", free_port()
        token = prepare(home)
        environment = {**os.environ, "TRUELIFT_HOME": str(home)}
        command = [sys.executable, "-m", "truelift.cli", "serve", "--port", str(port)]
        served = subprocess.Popen(
            command,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        try:
            assert served.stdout is not None
            served.stdout.readline()
            before = _spent(served.pid)
            address = f"http://127.0.0.1:{port}"
            waits, answers = asyncio.run(
                ask(address, token, rate=given.rate, seconds=given.seconds)
            )
            spent = 1000 * (_spent(served.pid) - before) / len(waits)
        finally:
            os.killpg(served.pid, signal.SIGTERM)
            served.wait(30)
    cuts = statistics.quantiles(waits, n=100)
    print(f"{len(waits)} checks at {given.rate:g} a second: {dict(answers)}")
    print(f"  median {cuts[49]:.1f} ms, p95 {cuts[94]:.1f} ms, p99 {cuts[98]:.1f} ms")
    print(f"  {spent:.1f} ms of processor time a check, all processes of the server together")
    print(f"  load of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


def _spent(pid: int) -> float:
    """Add up the processor time of a process and everything that it started."""
    whole = psutil.Process(pid)
    times = [each.cpu_times() for each in (whole, *whole.children(recursive=True))]
    return float(sum(each.user + each.system for each in times))


if __name__ == "__main__":
    main()
