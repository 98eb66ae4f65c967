"""Questions answered by the workers of a real Dask cluster, some of which die."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from typing_extensions import override

from tests.lake.conftest import Rows, Sender
from tests.lake.test_sequence_index import questions, some_traffic
from truelift.lake.executors import (
    ClusterUnreachable,
    NoWorkers,
    OtherVersion,
    WorkerLost,
    answer_as,
    chosen,
)
from truelift.lake.home import Home
from truelift.lake.lake import Lake, NoSuchSite
from truelift.lake.loader import Loader
from truelift.lake.snapshot import Slice
from truelift.lake.stopping import Cancelled, Stop
from truelift.questions.matching import Events
from truelift.questions.page_engagement import PageEngagement
from truelift.questions.question import Scan
from truelift.questions.sessions import Sessions


pytestmark = [pytest.mark.fault, pytest.mark.timeout(150)]

WORKERS = 3


@dataclass
class Machines:
    """A scheduler and its workers, each a process."""

    address: str
    scheduler: subprocess.Popen[bytes]
    workers: list[subprocess.Popen[bytes]]

    def live(self) -> list[subprocess.Popen[bytes]]:
        return [worker for worker in self.workers if worker.poll() is None]


def _dask(*words: str, log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as out:
        return subprocess.Popen(
            [sys.executable, "-m", "distributed.cli.dask_" + words[0], *words[1:]],
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={
                **os.environ,
                "PYTHONPATH": str(Path(__file__).parents[2]),
                # As docs/guide/scale.md has it.
                "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0",
            },
            cwd=log.parent,
        )


def _worker(address: str, folder: Path, number: int) -> subprocess.Popen[bytes]:
    return _dask(
        "worker", address, "--nthreads", "1", "--no-dashboard", "--no-nanny",
        "--death-timeout", "20", "--local-directory", str(folder / f"w{number}"),
        log=folder / f"worker-{number}.log",
    )  # fmt: skip


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[Machines]:
    folder = tmp_path / "machines"
    folder.mkdir()
    found = folder / "scheduler.json"
    scheduler = _dask(
        "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard",
        "--scheduler-file", str(found), log=folder / "scheduler.log",
    )  # fmt: skip
    import json

    deadline = time.monotonic() + 40
    while not found.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    address = json.loads(found.read_text())["address"]
    workers = [_worker(address, folder, number) for number in range(WORKERS)]
    from distributed import Client

    with Client(address, timeout=30, set_as_default=False) as client:
        client.wait_for_workers(WORKERS, timeout=60)
    made = Machines(address, scheduler, workers)
    yield made
    for process in (*made.workers, made.scheduler):
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture
def filled(home: Home, send: Sender, loader: Loader) -> Home:
    """A home with four buckets, moved persons and a fresh tail."""
    loader._compaction.rows_per_bucket = 60
    generator = np.random.default_rng(1)
    for _ in range(3):
        some_traffic(send, generator, items=100)
        loader.step()
        loader.flush()
        loader._untidy.add("shop")
    some_traffic(send, generator, items=40)
    loader.step()
    return home


def test_both_executors_give_equal_answers_also_when_questions_end_and_workers_die(
    filled: Home, machines: Machines
) -> None:
    here, there = Lake(filled), Lake(filled, machines.address)
    pages = PageEngagement(views=Events(("view",)), by=("device", "day"))
    asked: list[Any] = [*questions(), Sessions(), Sessions(by="device"), pages, Rows()]

    for question in asked:
        assert there.ask("shop", question).answer == here.ask("shop", question).answer

    stop, endless = Stop(), Rows("event", "(SELECT count(*) FROM range(1000000000000)) > 0")
    nobody_waits = _in_background(there, endless, stop)
    time.sleep(2)
    stop.set()
    with pytest.raises(Cancelled):
        nobody_waits()
    # Every worker is free again: each has one thread only.
    assert there.ask("shop", asked[0]).answer == here.ask("shop", asked[0]).answer

    slow = Slow(folder=str(filled.root))
    began = _in_background(there, slow)
    _wait_until(lambda: any(filled.root.glob("began-*")))
    (pid_file, *_) = filled.root.glob("began-*")
    os.kill(int(pid_file.name.rpartition("-")[2]), signal.SIGKILL)
    assert began() == here.ask("shop", Slow(folder=str(filled.root), rest_s=0.0)).answer
    assert len(machines.live()) == WORKERS - 1

    with pytest.raises(WorkerLost, match="too little memory"):
        there.ask("shop", Deadly(person=here.ask("shop", Rows()).answer[0]["person"]))
    # One was killed above, and the slice took its worker: only that.
    assert len(machines.live()) == WORKERS - 2
    assert there.ask("shop", asked[0]).answer == here.ask("shop", asked[0]).answer
    assert here.ask("shop", asked[0]).answer == Lake(filled).ask("shop", asked[0]).answer

    for worker in machines.live():
        os.killpg(worker.pid, signal.SIGKILL)
    _wait_until(lambda: not there._executor._connected().scheduler_info()["workers"])  # type: ignore[attr-defined]
    with pytest.raises(NoWorkers, match="dask worker"):
        there.ask("shop", asked[0])

    os.killpg(machines.scheduler.pid, signal.SIGKILL)
    machines.scheduler.wait()
    with pytest.raises(ClusterUnreachable, match="TRUELIFT_EXECUTOR=threads"):
        there.ask("shop", asked[0])


def test_a_scheduler_that_was_never_there_is_named(
    home: Home, send: Sender, loader: Loader
) -> None:
    send({"message_id": "a"})
    loader.step()

    with pytest.raises(ClusterUnreachable) as refused:
        Lake(home, "tcp://127.0.0.1:9").ask("shop", next(questions()))

    assert refused.value.code == "lake.cluster_unreachable"


def test_a_worker_of_another_version_does_not_answer(home: Home) -> None:
    with pytest.raises(OtherVersion):
        answer_as("0.0.0", home.root, home.lake, None, None, None)  # type: ignore[arg-type]


def test_a_bucket_keeps_its_worker_when_others_come_and_go() -> None:
    workers = [f"tcp://10.0.0.{n}:1" for n in range(8)]
    parts = [Slice(bucket=bucket, buckets=64) for bucket in range(64)]

    before = {part.bucket: chosen(workers, "shop", part) for part in parts}
    after = {part.bucket: chosen(workers[1:], "shop", part) for part in parts}

    assert all(after[b] == before[b] for b in before if before[b] != workers[0])
    assert len(set(before.values())) == len(workers)


def test_errors_travel_between_processes_whole() -> None:
    import pickle

    error = NoSuchSite(site="nowhere")

    again = pickle.loads(pickle.dumps(error))

    assert (type(again), str(again), again.facts) == (
        NoSuchSite,
        str(error),
        {"site": "nowhere", "did_you_mean": ()},
    )


@dataclass(frozen=True)
class Slow:
    """Counts rows, and takes its time in the first process that answers a slice."""

    folder: str
    rest_s: float = 8.0
    name: str = field(default="slow")

    def scan(self) -> Scan:
        return Scan("SELECT person FROM events ORDER BY person", {})

    def partial(self, rows: pa.Table) -> int:
        if self.rest_s and not any(Path(self.folder).glob("began-*")):
            (Path(self.folder) / f"began-{os.getpid()}").touch()
            time.sleep(self.rest_s)
        return int(rows.num_rows)

    def merge(self, left: int, right: int) -> int:
        return left + right

    def answer(self, partial: int) -> int:
        return partial


@dataclass(frozen=True)
class Deadly(Slow):
    """Ends the process that answers the slice with one person."""

    folder: str = ""
    person: object = None

    @override
    def partial(self, rows: pa.Table) -> int:
        if self.person in rows["person"].to_pylist():
            os._exit(1)
        return 0


def _in_background(lake: Lake, question: Any, stop: Stop | None = None) -> Any:
    from concurrent.futures import ThreadPoolExecutor

    pool = ThreadPoolExecutor(1)
    future = pool.submit(lambda: lake.ask("shop", question, stop=stop).answer)
    return lambda: future.result(timeout=90)


def _wait_until(held: Any) -> None:
    deadline = time.monotonic() + 60
    while not held() and time.monotonic() < deadline:
        time.sleep(0.05)
