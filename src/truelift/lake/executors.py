"""Where slices are answered: by threads of this process, or by the workers of a Dask cluster."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from truelift.errors import Outage
from truelift.lake.slices import SECONDS, Piece, Slices, slices_of
from truelift.lake.snapshot import Position, Slice, Snapshot
from truelift.questions.question import Question


if TYPE_CHECKING:
    from distributed import Client

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


class WorkerLost(Outage):
    """A slice took its worker down, or every worker has gone."""

    code = "lake.worker_lost"

    def __init__(self, *, address: str) -> None:
        super().__init__(
            f"A worker of the cluster at {address} ended while it answered, and so did the one"
            " that tried again. Look at its log: most often it had too little memory.",
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
        self, snapshot: Snapshot, parts: Sequence[Slice], question: Question[Partial, Any]
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
        self, snapshot: Snapshot, parts: Sequence[Slice], question: Question[Partial, Any]
    ) -> list[Piece[Partial]]:
        """Answer a question for each of some slices."""
        if len(parts) == 1:
            return [self.slices.ask(snapshot, parts[0], question)]
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(
                    max_workers=os.cpu_count() or 2, thread_name_prefix="lake"
                )
        return list(self._pool.map(lambda part: self.slices.ask(snapshot, part, question), parts))


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
        self, snapshot: Snapshot, parts: Sequence[Slice], question: Question[Partial, Any]
    ) -> list[Piece[Partial]]:
        """Answer a question for each of some slices.

        Raises:
            ClusterUnreachable: The scheduler does not answer.
            WorkerLost: A slice ended its worker.
            OtherVersion: A worker runs another version.
        """
        import asyncio
        from concurrent.futures import CancelledError

        from distributed import KilledWorker
        from distributed.comm.core import CommClosedError

        client = self._connected()
        home = self.slices.home
        try:
            workers = sorted(client.scheduler_info(n_workers=-1)["workers"])
            if not workers:
                raise WorkerLost(address=self.address)
            futures = [
                client.submit(
                    answer_as,
                    _version(),
                    home.root,
                    home.lake,
                    snapshot.position,
                    part,
                    question,
                    workers=[worker],
                    allow_other_workers=True,
                    pure=False,
                )
                for part, worker in zip(parts, dealt(workers, snapshot.site, parts), strict=True)
            ]
            try:
                until = time.monotonic() + SECONDS + GRACE_S
                return [future.result(max(until - time.monotonic(), 0.1)) for future in futures]
            finally:
                client.cancel(futures)
        except (KilledWorker, TimeoutError) as error:
            raise WorkerLost(address=self.address) from error
        except (CommClosedError, CancelledError, asyncio.CancelledError, OSError) as error:
            self._forget()
            raise ClusterUnreachable(address=self.address) from error

    def close(self) -> None:
        """Let go of the scheduler."""
        self._forget()

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
    lake: Path,
    position: Position,
    part: Slice,
    question: Question[Partial, Any],
) -> Piece[Partial]:
    """Answer a slice on a worker, when it runs the version that is asked for.

    Raises:
        OtherVersion: It does not.
    """
    if version != _version():
        raise OtherVersion(here=version, there=_version())
    slices = slices_of(root, lake)
    return slices.ask(slices.reader(position.site).at(position), part, question)


def _version() -> str:
    from importlib.metadata import version

    return version("truelift")


def executor_of(setting: str, slices: Slices) -> Executor:
    """Make what the setting `TRUELIFT_EXECUTOR` names."""
    return Threads(slices) if setting == THREADS else Cluster(setting, slices)
