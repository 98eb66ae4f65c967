"""Slices answered in a process of their own, after a worker ended while it had them.

Whether a worker was ended from outside or by its slice cannot be told from its end. In a process
of its own the slice shows which: it answers, or it takes only that process with it.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import TypeVar, cast


Answer = TypeVar("Answer")


class EndedApart(Exception):
    """The process of its own ended before it answered, or took too long."""


def apart(call: Callable[[], Answer], *, seconds: float) -> Answer:
    """Call something in a new process of this Python.

    Args:
        call: What to call; it and its answer must survive `pickle`.
        seconds: How long it may take.

    Raises:
        EndedApart: The process ended without an answer, or took longer.
        Exception: Whatever the call raised.
    """
    try:
        ran = subprocess.run(  # noqa: S603 - this Python, with this module
            [sys.executable, "-m", __name__],
            input=pickle.dumps(call),
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise EndedApart from error
    if ran.returncode or not ran.stdout:
        raise EndedApart
    answer, raised = pickle.loads(ran.stdout)  # noqa: S301 - what `_answer` wrote
    if raised is not None:
        raise raised
    return cast("Answer", answer)


def _answer() -> None:
    call = pickle.load(sys.stdin.buffer)  # noqa: S301 - what `apart` wrote
    answer, raised = None, None
    # What the call prints must not stand before its answer.
    with os.fdopen(os.dup(1), "wb") as out:
        os.dup2(2, 1)
        try:
            answer = call()
        except Exception as error:  # noqa: BLE001 - who asked raises it again
            raised = error
        pickle.dump((answer, raised), out)


if __name__ == "__main__":
    _answer()
