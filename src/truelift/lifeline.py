"""A process that ends with the one that started it, and says when it is ready."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from typing import Final


STARTED_BY: Final = "TRUELIFT_STARTED_BY"
"""Names the process that a child has to end with."""

READY_FD: Final = "TRUELIFT_READY_FD"
"""Names the pipe on which a child says that it can work."""

_PR_SET_PDEATHSIG: Final = 1


def end_with_parent() -> None:
    """Have the kernel kill this process when its parent dies, however it dies.

    Does nothing for a process that a person started. The parent may have died
    between its fork and this call; then nobody would ever send the signal, so
    the process ends itself.
    """
    started_by = os.environ.get(STARTED_BY)
    if not started_by or not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != int(started_by):
        os._exit(1)


def say_ready() -> None:
    """Tell the process that started this one that it can work now; only once."""
    descriptor = os.environ.pop(READY_FD, None)
    if descriptor is not None:
        with os.fdopen(int(descriptor), "wb", buffering=0) as pipe:
            pipe.write(b"ready\n")
