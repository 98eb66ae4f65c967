"""Keeps the processes of one installation running, and ends them together."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

from truelift.errors import Refusal
from truelift.lifeline import READY_FD, STARTED_BY


SHORTEST_BACKOFF_S: Final = 0.2
LONGEST_BACKOFF_S: Final = 10.0
STEADY_AFTER_S: Final = 30.0
"""A part that ran this long is believed to be well again; its backoff starts anew."""


class AlreadyServing(Refusal):
    """Another supervisor holds this home."""

    code = "serve.already_running"

    def __init__(self, *, home: Path) -> None:
        super().__init__(
            f"{home} is being served by another process. Stop that one, or choose another"
            " TRUELIFT_HOME.",
            home=str(home),
        )


class PartFailed(Refusal):
    """A part ended again and again before it was ready."""

    code = "serve.part_failed"

    def __init__(self, *, part: str, status: int) -> None:
        super().__init__(
            f"The {part} process ended with status {status} before it was ready; its own"
            " last lines above say why.",
            part=part,
            status=status,
        )


@dataclass(slots=True)
class Part:
    """One child process, and what is known of it.

    Attributes:
        name: `edge`, `web` or `work`.
        arguments: What follows `truelift` on its command line.
        announces: It says on its pipe when it is ready; otherwise somebody else looks.
        process: The running child, if there is one.
        ready: It has said that it can work.
        wait_s: How long to wait before it is started again.
        started_at: Monotonic time of its last start.
        start_at: Monotonic time at which it may be started again.
    """

    name: str
    arguments: tuple[str, ...]
    announces: bool = True
    process: subprocess.Popen[bytes] | None = None
    ready: bool = False
    wait_s: float = SHORTEST_BACKOFF_S
    started_at: float = 0.0
    start_at: float = 0.0
    pipe: int | None = None


@dataclass(slots=True)
class Supervisor:
    """Starts the parts, starts a dead one again with growing patience, ends all together.

    Each child dies with this process (`PR_SET_PDEATHSIG`), so a `kill -9` leaves
    nothing behind that would hold the port, the journal or the loader's lock.

    Attributes:
        parts: In the order of starting; ended in reverse.
        environment: What the children get on top of this process's own.
    """

    parts: list[Part]
    environment: Mapping[str, str] = field(default_factory=dict)
    stopping: bool = False

    def start(self, *, wait_s: float = 60.0) -> None:
        """Start every part and return when all have said that they can work.

        Raises:
            PartFailed: One of them ended before it was ready.
        """
        for part in self.parts:
            self._start(part)
        until = time.monotonic() + wait_s
        while not all(part.ready for part in self.parts):
            if self.stopping:
                return
            self._listen(timeout_s=0.2)
            for part in self.parts:
                if part.process is not None and (status := part.process.poll()) is not None:
                    self.stop()
                    raise PartFailed(part=part.name, status=status)
            if time.monotonic() > until:
                late = next(part for part in self.parts if not part.ready)
                self.stop()
                raise PartFailed(part=late.name, status=-1)

    def watch(self) -> None:
        """Keep the parts running until a signal says to stop."""
        while not self.stopping:
            self._listen(timeout_s=0.2)
            self.tend()

    def tend(self) -> None:
        """Look at every part once: note who has died, start again who has waited enough."""
        now = time.monotonic()
        for part in self.parts:
            if part.process is None:
                if now >= part.start_at and not self.stopping:
                    self._start(part)
            elif (status := part.process.poll()) is not None:
                if now - part.started_at > STEADY_AFTER_S:
                    part.wait_s = SHORTEST_BACKOFF_S
                print(
                    f"truelift: {part.name} ended with status {status};"
                    f" starting it again in {part.wait_s:.1f} s",
                    file=sys.stderr,
                )
                part.process, part.ready = None, False
                part.start_at = now + part.wait_s
                part.wait_s = min(part.wait_s * 2, LONGEST_BACKOFF_S)

    def stop(self, *, patience_s: float = 10.0) -> None:
        """Ask every part to finish, then end those that do not."""
        self.stopping = True
        running = [part for part in self.parts if part.process is not None]
        for part in running:
            if part.process is not None:
                part.process.terminate()
        until = time.monotonic() + patience_s
        for part in running:
            if part.process is None:
                continue
            try:
                part.process.wait(max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                part.process.kill()
                part.process.wait()

    def _start(self, part: Part) -> None:
        read_end, write_end = os.pipe()
        environment = {
            **os.environ,
            **self.environment,
            STARTED_BY: str(os.getpid()),
            READY_FD: str(write_end),
        }
        part.process = subprocess.Popen(
            [sys.executable, "-m", "truelift.cli", *part.arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
            pass_fds=(write_end,),
        )
        os.close(write_end)
        if part.pipe is not None:
            os.close(part.pipe)
        part.pipe = read_end
        part.ready = not part.announces
        part.started_at = time.monotonic()

    def _listen(self, *, timeout_s: float) -> None:
        """Hear which parts have become ready; sleeps when there is nothing to hear."""
        waiting = {part.pipe: part for part in self.parts if part.pipe is not None}
        if not waiting:
            time.sleep(timeout_s)
            return
        for descriptor in select.select(list(waiting), [], [], timeout_s)[0]:
            part = waiting[descriptor]
            part.ready = part.ready or bool(os.read(descriptor, 64))
            os.close(descriptor)
            part.pipe = None


def hold(home: Path) -> IO[str]:
    """Take the home's one serving place; it is free again when the process ends.

    Raises:
        AlreadyServing: Another process has it.
    """
    lock = (home / "run" / "serve.lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.close()
        raise AlreadyServing(home=home) from error
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


def stop_on_signals(supervisor: Supervisor) -> None:
    """End everything in order on SIGTERM and SIGINT."""

    def finish(_number: int, _frame: object) -> None:
        supervisor.stopping = True

    signal.signal(signal.SIGTERM, finish)
    signal.signal(signal.SIGINT, finish)
