"""Where slices are answered: by threads of this process, or by the workers of a Dask cluster."""

from __future__ import annotations

import functools
import hashlib
import os
import threading
import time
import uuid
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from truelift.errors import Outage
from truelift.lake.apart import EndedApart, apart
from truelift.lake.slices import SECONDS, Piece, Slices, slices_of
from truelift.lake.snapshot import Position, Slice, Snapshot
from truelift.lake.stopping import Cancelled, Stop
from truelift.questions.question import Question
from truelift.settings import S3Lake


if TYPE_CHECKING:
    from distributed import Client

Answer = TypeVar("Answer")
Partial = TypeVar("Partial")

THREADS: Final = "threads"
CONNECT_S: Final = 5.0
GRACE_S: Final = 10.0
"""How much longer than a question may take its answer is waited for."""


class ClusterUnreachable(Outage):
    """The scheduler of the cluster does not answer."""

    code = "lake.cluster_unreachable"

    def __init__(self, *, address: str) -> None:
        super().__init__(
            f"The cluster at {address} does not answer. Start `dask scheduler` and its workers, or"
            " set TRUELIFT_EXECUTOR=threads to answer on this machine.",
            address=address,
        )


class NoWorkers(Outage):
    """The cluster has a scheduler and nobody who answers."""

    code = "lake.no_workers"

    def __init__(self, *, address: str) -> None:
        super().__init__(
            f"The cluster at {address} has no workers. Start `dask worker {address}`, or set"
            " TRUELIFT_EXECUTOR=threads to answer on this machine.",
            address=address,
        )


class WorkerLost(Outage):
    """A slice took its worker down, and the process in which it was tried again."""

    code = "lake.worker_lost"

    def __init__(self, *, address: str) -> None:
        super().__init__(
            f"A worker of the cluster at {address} ended while it answered, and so did the"
            " process that tried again. Look at its log: most often it had too little memory.",
            address=address,
        )


class OtherVersion(Outage):
    """A worker runs another Truelift than who asks."""

    code = "lake.other_version"

    def __init__(self, *, here: str, there: str) -> None:
        super().__init__(
            f"A worker of the cluster runs Truelift {there}, this is {here}. Install the same"
            " version on every machine and restart the workers.",
            here=here,
            there=there,
        )


class Executor(Protocol):
    """Answers the slices of a snapshot."""

    def ask(
        self,
        snapshot: Snapshot,
        parts: Sequence[Slice],
        question: Question[Partial, Any],
        *,
        stop: Stop | None = None,
    ) -> list[Piece[Partial]]:
        """Answer a question for each of some slices."""
        ...


@dataclass(slots=True)
class Threads:
    """Answers on this machine; DuckDB and the array passes release Python's lock."""

    slices: Slices
    _pool: ThreadPoolExecutor | None = field(default=None, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def ask(
        self,
        snapshot: Snapshot,
        parts: Sequence[Slice],
        question: Question[Partial, Any],
        *,
        stop: Stop | None = None,
    ) -> list[Piece[Partial]]:
        """Answer a question for each of some slices."""
        until = time.monotonic() + SECONDS

        def answered(part: Slice) -> Piece[Partial]:
            # Of the whole question's time, what the slices before have left.
            left = until - time.monotonic()
            return self.slices.ask(snapshot, part, question, seconds=left, stop=stop)

        if len(parts) == 1:
            return [answered(parts[0])]
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(
                    max_workers=os.cpu_count() or 2, thread_name_prefix="lake"
                )
        return list(self._pool.map(answered, parts))


@dataclass(slots=True)
class Cluster:
    """Answers on the workers of a Dask cluster, all of which see the home under the same path.

    A bucket goes to the same worker again and again, so that its index stays in that
    worker's memory; when the worker is busy or gone, any other one takes it.

    Attributes:
        address: `tcp://host:port` of the scheduler.
        slices: Of this process; knows the home.
    """

    address: str
    slices: Slices
    _client: Client | None = field(default=None, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def ask(
        self,
        snapshot: Snapshot,
        parts: Sequence[Slice],
        question: Question[Partial, Any],
        *,
        stop: Stop | None = None,
    ) -> list[Piece[Partial]]:
        """Answer a question for each of some slices.

        Slices whose worker ended are asked once more, each in a process of its own on another
        worker: a slice that ends its process takes no second worker.

        Raises:
            ClusterUnreachable: The scheduler does not answer.
            NoWorkers: Nobody is there to answer.
            WorkerLost: A slice ended its worker, and its own process.
            Cancelled: Nobody wants the answer any more.
            OtherVersion: A worker runs another version.
        """
        import asyncio
        from concurrent.futures import CancelledError

        from distributed.comm.core import CommClosedError

        until = time.monotonic() + SECONDS + GRACE_S
        root, lake, position = self.slices.home.root, self.slices.home.lake, snapshot.position
        asking = uuid.uuid4().hex
        calls = [
            functools.partial(
                answer_as, _version(), root, lake, position, part, question, asking=asking
            )
            for part in parts
        ]
        try:
            client, workers = self._workers()
            found = _answered(
                client,
                calls,
                dealt(workers, snapshot.site, parts),
                until,
                stop=stop,
                asking=asking,
            )
            if lost := [number for number, piece in enumerate(found) if piece is None]:
                client, workers = self._workers()
                again = _answered(
                    client,
                    [functools.partial(apart, calls[n], seconds=SECONDS) for n in lost],
                    dealt(workers, snapshot.site, [parts[n] for n in lost]),
                    until + SECONDS,
                    stop=stop,
                    asking=asking,
                )
                for number, piece in zip(lost, again, strict=True):
                    found[number] = piece
        except (EndedApart, TimeoutError) as error:
            raise WorkerLost(address=self.address) from error
        except (CommClosedError, CancelledError, asyncio.CancelledError, OSError) as error:
            if stop is not None and stop.is_set:
                raise Cancelled(question=question.name) from error
            self._forget()
            raise ClusterUnreachable(address=self.address) from error
        whole = [piece for piece in found if piece is not None]
        if len(whole) < len(found):
            raise WorkerLost(address=self.address)
        return whole

    def close(self) -> None:
        """Let go of the scheduler."""
        self._forget()

    def _workers(self) -> tuple[Client, list[str]]:
        """Connect when need be, and name the workers.

        A scheduler that has just gone names none, as one without workers does: a new
        connection tells them apart.
        """
        for _ in range(2):
            client = self._connected()
            if workers := sorted(client.scheduler_info(n_workers=-1)["workers"]):
                return client, workers
            self._forget()
        raise NoWorkers(address=self.address)

    def _connected(self) -> Client:
        import dask.config
        from distributed import Client

        with self._lock:
            if self._client is not None and self._client.status == "running":
                return self._client
            try:
                with dask.config.set({"distributed.comm.retry.count": 0}):
                    self._client = Client(
                        self.address, timeout=CONNECT_S, set_as_default=False, name="truelift"
                    )
            except (OSError, TimeoutError, ValueError) as error:
                raise ClusterUnreachable(address=self.address) from error
            return self._client

    def _forget(self) -> None:
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close(timeout=1)


def _answered(
    client: Client,
    calls: Sequence[Callable[[], Answer]],
    workers: Sequence[str],
    until: float,
    *,
    stop: Stop | None,
    asking: str,
) -> list[Answer | None]:
    """Have each call answered, by its worker where that is free; None where a worker ended.

    When nobody wants the answers any more, what waits is taken back, and what runs is ended.
    """
    from distributed import KilledWorker

    futures = [
        client.submit(call, workers=[worker], allow_other_workers=True, pure=False)
        for call, worker in zip(calls, workers, strict=True)
    ]
    found: list[Answer | None] = []

    def take_back() -> None:
        client.cancel(futures, force=True)
        client.run(stop_asking, asking, on_error="ignore")

    try:
        with nullcontext() if stop is None else stop.telling(take_back):
            for future in futures:
                try:
                    found.append(future.result(max(until - time.monotonic(), 0.1)))
                except KilledWorker:
                    found.append(None)
    finally:
        client.cancel(futures)
    return found


def chosen(workers: Sequence[str], site: str, part: Slice) -> str:
    """Give a slice's worker: the one with the highest hash, whoever else comes or goes."""

    def score(worker: str) -> bytes:
        return hashlib.blake2b(f"{worker} {site} {part.bucket}".encode(), digest_size=8).digest()

    return max(workers, key=score)


def dealt(workers: Sequence[str], site: str, parts: Sequence[Slice]) -> list[str]:
    """Give every slice its worker: the chosen one, but none more than its even share.

    The same workers and slices are dealt the same way again.
    """
    share = -(-len(parts) // len(workers))
    given: Counter[str] = Counter()
    found: list[str] = []
    for part in parts:
        worker = chosen([each for each in workers if given[each] < share], site, part)
        given[worker] += 1
        found.append(worker)
    return found


def answer_as(
    version: str,
    root: Path,
    lake: Path | S3Lake,
    position: Position,
    part: Slice,
    question: Question[Partial, Any],
    *,
    asking: str = "",
) -> Piece[Partial]:
    """Answer a slice on a worker, when it runs the version that is asked for.

    Args:
        version: Of who asks.
        root: Of the home.
        lake: Where the home's tables are.
        position: What the question sees.
        part: The slice.
        question: What is asked.
        asking: Names the question among all that this worker has, for `stop_asking`.

    Raises:
        OtherVersion: It does not.
        Cancelled: Nobody wants the answer any more.
    """
    if version != _version():
        raise OtherVersion(here=version, there=_version())
    slices = slices_of(root, lake)
    stop = Stop()
    with _stops_lock:
        _stops.setdefault(asking, []).append(stop)
        if asking in _ended:
            stop.set()
    try:
        snapshot = slices.reader(position.site).at(position)
        return slices.ask(snapshot, part, question, stop=stop)
    finally:
        with _stops_lock:
            _stops[asking].remove(stop)
            if not _stops[asking]:
                del _stops[asking]


_stops: Final[dict[str, list[Stop]]] = {}
"""What this worker is answering, by the name of the question."""

_ended: Final[deque[str]] = deque(maxlen=100)
"""Questions that were ended last: a slice of theirs may still be on its way here."""

_stops_lock: Final = threading.Lock()


def stop_asking(asking: str) -> None:
    """End, on a worker, what it is answering of a question."""
    with _stops_lock:
        _ended.append(asking)
        stops = tuple(_stops.get(asking, ()))
    for stop in stops:
        stop.set()


def _version() -> str:
    from importlib.metadata import version

    return version("truelift")


def executor_of(setting: str, slices: Slices) -> Executor:
    """Make what the setting `TRUELIFT_EXECUTOR` names."""
    return Threads(slices) if setting == THREADS else Cluster(setting, slices)
