"""Ending a question before its answer: its time is over, or nobody wants it any more."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

from truelift.errors import Refusal


if TYPE_CHECKING:
    import duckdb
else:
    from truelift.lake import late_duckdb as duckdb


AGAIN_S: Final = 0.05
"""How soon a statement is told to end again: an interrupt before it begins is lost."""


class Cancelled(Refusal):
    """Whoever asked a question said that the answer is not wanted any more."""

    code = "lake.cancelled"

    def __init__(self, *, question: str) -> None:
        super().__init__(
            f"This {question} was cancelled before it was answered. Ask again when you want the"
            " answer.",
            question=question,
        )


class Stop:
    """Says to whatever works on an answer that nobody wants it; shared by threads."""

    __slots__ = ("_lock", "_set", "_told")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._set = False
        self._told: dict[object, Callable[[], None]] = {}

    @property
    def is_set(self) -> bool:
        """Whether it was said."""
        return self._set

    def set(self) -> None:
        """Say so, once and for all; whoever listens is told in threads of their own."""
        with self._lock:
            told = () if self._set else tuple(self._told.values())
            self._set = True
        for tell in told:
            threading.Thread(target=tell, daemon=True, name="lake-stop").start()

    @contextmanager
    def telling(self, tell: Callable[[], None]) -> Iterator[None]:
        """Have something called when it is said meanwhile; at once when it was said before."""
        key = object()
        with self._lock:
            self._told[key] = tell
            late = self._set
        if late:
            threading.Thread(target=tell, daemon=True, name="lake-stop").start()
        try:
            yield
        finally:
            with self._lock:
                self._told.pop(key, None)


class Watch:
    """What runs for a question in one thread: its statements end when the question does."""

    __slots__ = ("_deadline", "_lock", "_running", "_stop", "_timer")

    def __init__(self, deadline: float, stop: Stop | None) -> None:
        self._deadline = deadline
        self._stop = stop
        self._lock = threading.Lock()
        self._running: dict[int, duckdb.DuckDBPyConnection] = {}
        self._timer: threading.Timer | None = None

    @property
    def is_over(self) -> bool:
        """Whether nothing more may be done for the question."""
        return self._is_stopped or time.monotonic() > self._deadline

    @property
    def _is_stopped(self) -> bool:
        return self._stop is not None and self._stop.is_set

    @contextmanager
    def over(self, cursor: duckdb.DuckDBPyConnection) -> Iterator[None]:
        """Have a cursor's statements ended when the question is.

        Raises:
            duckdb.InterruptException: It is over already.
        """
        with self._lock:
            # Under the lock: who ends the question either sees the cursor or is seen here.
            if self.is_over:
                raise duckdb.InterruptException("the question was over before its statement")
            self._running[id(cursor)] = cursor
            if self._timer is None:
                left = max(self._deadline - time.monotonic(), 0)
                self._timer = threading.Timer(left, self.end)
                self._timer.daemon = True
                self._timer.start()
        try:
            yield
        finally:
            with self._lock:
                del self._running[id(cursor)]

    def end(self) -> None:
        """End the statements that run, however soon after this they begin."""
        while True:
            with self._lock:
                if not self._running:
                    return
                # Under the lock, so that no cursor is closed between.
                for cursor in self._running.values():
                    cursor.interrupt()
            time.sleep(AGAIN_S)

    def close(self) -> None:
        """Let go of the timer."""
        with self._lock:
            timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()


_WATCH: ContextVar[Watch | None] = ContextVar("watch", default=None)


@contextmanager
def watched(deadline: float, stop: Stop | None = None) -> Iterator[Watch]:
    """Watch what this thread does for a question.

    Args:
        deadline: When its time is over, by `time.monotonic`.
        stop: Says when nobody wants the answer any more.
    """
    watch = Watch(deadline, stop)
    token = _WATCH.set(watch)
    try:
        if stop is None:
            yield watch
        else:
            with stop.telling(watch.end):
                yield watch
    finally:
        _WATCH.reset(token)
        watch.close()


@contextmanager
def watching(cursor: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
    """Put a cursor under the watch of this thread's question, where it has one."""
    watch = _WATCH.get()
    if watch is None:
        yield cursor
        return
    with watch.over(cursor):
        yield cursor
