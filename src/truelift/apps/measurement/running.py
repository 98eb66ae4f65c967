"""Questions that are being answered for somebody, and how those who asked cancel them."""

from __future__ import annotations

import re
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from truelift.errors import Refusal


if TYPE_CHECKING:
    from truelift.lake.stopping import Stop


MOST_LONG: Final = 4
"""Long questions at a time: half of the threads that answer pages, so that others stay free."""

TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{16,64}")

HEADER: Final = "Truelift-Asking"
"""Where a page's script says what it calls its question."""

Key = tuple[int, str, str]
"""Who asks, of which site, under which name: nobody else can name somebody's question."""


class ComesLater(Exception):
    """An answer takes long and the page does not wait for it; never leaves the views."""


class Busy(Refusal):
    """So many long questions are being answered that no further one is begun."""

    code = "measurement.busy"

    def __init__(self) -> None:
        super().__init__(
            f"{MOST_LONG} long questions are being answered at the moment. Ask again when one of"
            " them is done, or cancel one."
        )


@dataclass(slots=True)
class Answering:
    """The questions of one request.

    Attributes:
        stop: Says that nobody wants the answers any more.
        waits: Whether the page waits for answers that take long.
    """

    stop: Stop
    waits: bool
    _has_slot: bool = field(default=False, repr=False)

    def begin(self, *, is_long: Callable[[], bool]) -> None:
        """Say that a question is about to be asked whose answer is not there yet.

        Raises:
            ComesLater: The page does not wait for it.
            Busy: Too many long questions are being answered.
        """
        if self._has_slot or not is_long():
            return
        if not self.waits:
            raise ComesLater
        if not _slots.acquire(blocking=False):
            raise Busy
        self._has_slot = True

    def close(self) -> None:
        """Make room for somebody else's long question."""
        if self._has_slot:
            self._has_slot = False
            _slots.release()


_slots: Final = threading.BoundedSemaphore(MOST_LONG)
_current: ContextVar[Answering | None] = ContextVar("answering", default=None)
_running: Final[dict[Key, list[Stop]]] = {}
_early: Final[deque[Key]] = deque(maxlen=100)
"""Cancelled before they were begun: the word to cancel overtook the question."""

_lock: Final = threading.Lock()


def current() -> Answering | None:
    """Give what this thread answers for somebody; None outside of pages that can be cancelled."""
    return _current.get()


@contextmanager
def answering(user: int, site: str, token: str, *, waits: bool = True) -> Iterator[Answering]:
    """Answer the questions of a request, under the name that its page gave them.

    Args:
        user: Who asks.
        site: Of which site.
        token: What the page calls its question; not a token: it cannot be cancelled.
        waits: Whether answers that take long are waited for; else `ComesLater` says so.
    """
    from truelift.lake.stopping import Stop

    stop = Stop()
    made = Answering(stop, waits)
    key = (user, site, token) if TOKEN.fullmatch(token) else None
    if key is not None:
        with _lock:
            _running.setdefault(key, []).append(stop)
            if key in _early:
                stop.set()
    before = _current.set(made)
    try:
        yield made
    finally:
        _current.reset(before)
        made.close()
        if key is not None:
            with _lock:
                _running[key].remove(stop)
                if not _running[key]:
                    del _running[key]


def cancel(user: int, site: str, token: str) -> bool:
    """Cancel a question of somebody's own; False where they ask none under this name."""
    key = (user, site, token)
    with _lock:
        stops = tuple(_running.get(key, ()))
        if not stops and TOKEN.fullmatch(token):
            _early.append(key)
    for stop in stops:
        stop.set()
    return bool(stops)
