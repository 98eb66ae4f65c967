"""The compiled loops of `kernels.c`, where a compiler was at hand when this was installed.

A shared library beside this file, made by `hatch_build.py`; without it every caller
has numpy passes that give the same.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray


Integers = NDArray[np.int64]

NAME: Final = "kernels.lib"
"""The library, in the folder of this file."""

_LONGEST_MS: Final = 1 << 62


_PICKS: Final = {1: "pick_8", 2: "pick_16", 4: "pick_32"}
"""By the bytes of an event's code."""


def _loaded() -> ctypes.CDLL | None:
    try:
        library = ctypes.CDLL(f"{__file__.rpartition('/')[0]}/{NAME}")
        library.ordered_attempts.restype = ctypes.c_int64
        library.session_begins.restype = None
        for name in _PICKS.values():
            getattr(library, name).restype = ctypes.c_int64
    except (OSError, AttributeError):
        return None
    return library


_library: Final = _loaded()
IS_THERE: Final = _library is not None
"""Whether the loops were compiled; callers ask before they call."""


def _compiled() -> ctypes.CDLL:
    """Give the library; callers have made sure that it is there."""
    return cast("ctypes.CDLL", _library)


def ordered_attempts(
    *,
    unit: Integers,
    at_ms: Integers,
    mask: NDArray[np.signedinteger[Any]],
    steps: int,
    window_ms: int,
    as_of_ms: int,
) -> tuple[Integers, Integers, NDArray[np.bool_]]:
    """Give every unit's deepest attempt at an ordered funnel without optional steps or exclusions.

    Returns:
        Of each unit that began, in the order of the rows: the row of its start, the
        steps that it got through, and whether a window is still open.
    """
    unit, at_ms = np.ascontiguousarray(unit), np.ascontiguousarray(at_ms)
    mask = np.ascontiguousarray(mask, dtype=np.int32)
    units = int(np.count_nonzero(unit[1:] != unit[:-1])) + 1 if len(unit) else 0
    start = np.empty(units, dtype=np.int64)
    depth = np.empty(units, dtype=np.int64)
    is_open = np.empty(units, dtype=np.bool_)
    begun = _compiled().ordered_attempts(
        _of(unit),
        _of(at_ms),
        _of(mask),
        ctypes.c_int64(len(unit)),
        ctypes.c_int32(steps),
        ctypes.c_int64(min(window_ms, _LONGEST_MS)),
        ctypes.c_int64(as_of_ms),
        _of(start),
        _of(depth),
        _of(is_open),
    )
    return start[:begun], depth[:begun], is_open[:begun]


def session_begins(
    *,
    unit: Integers,
    at_ms: Integers,
    inactivity_ms: int,
    longest_ms: int,
    cut: NDArray[np.bool_] | None = None,
) -> NDArray[np.bool_]:
    """Mark the events that begin a session.

    Args:
        unit: Who, `(n,)`; all rows of a unit stand together.
        at_ms: When, ascending within a unit.
        inactivity_ms: More than this without an event ends a session.
        longest_ms: An event later than this after a session's first begins another.
        cut: Events that begin one whatever the time; None for none.
    """
    unit, at_ms = np.ascontiguousarray(unit), np.ascontiguousarray(at_ms)
    begins = np.empty(len(unit), dtype=np.bool_)
    forced = None if cut is None else np.ascontiguousarray(cut)
    _compiled().session_begins(
        _of(unit),
        _of(at_ms),
        ctypes.c_int64(len(unit)),
        ctypes.c_int64(inactivity_ms),
        ctypes.c_int64(longest_ms),
        None if forced is None else _of(forced),
        _of(begins),
    )
    return begins


@dataclass(frozen=True, slots=True)
class Picked:
    """Events that were picked out of an index.

    Attributes:
        row: Their places, ascending.
        unit: Whose each is.
        at_ms: When each was.
        mark: What each is to the question.
        ties: How many stand at the instant of the one before of the same unit.
    """

    row: Integers
    unit: Integers
    at_ms: Integers
    mark: NDArray[np.int32]
    ties: int


def pick(
    *,
    code: NDArray[np.unsignedinteger[Any]],
    unit: NDArray[np.int32],
    at_ms: Integers,
    number: NDArray[np.int32],
    unmarked: bool,
    since_ms: int,
    until_ms: int,
    gone: NDArray[np.bool_] | None = None,
) -> Picked:
    """Pick the events that have a mark, or all, in a period.

    Args:
        code: Of each event's name, `(n,)`.
        unit: Whose, `(n,)`.
        at_ms: When, `(n,)`.
        number: Of each code, what such an event is to the question.
        unmarked: Events with 0 are picked as well.
        since_ms: None before this.
        until_ms: None at or after this.
        gone: Of each unit, whether it is left out; None for no one.
    """
    rows = len(code)
    # One more than there can be: the loop writes an event before it knows whether it stays.
    # What is never written to costs no memory.
    row, who, when = (np.empty(rows + 1, dtype=np.int64) for _ in range(3))
    mark = np.empty(rows + 1, dtype=np.int32)
    number = np.ascontiguousarray(number, dtype=np.int32)
    ties = ctypes.c_int64()
    count = getattr(_compiled(), _PICKS[code.dtype.itemsize])(
        _of(code),
        _of(unit),
        _of(at_ms),
        ctypes.c_int64(rows),
        _of(number),
        ctypes.c_int32(unmarked),
        ctypes.c_int64(since_ms),
        ctypes.c_int64(until_ms),
        None if gone is None else _of(gone),
        _of(row),
        _of(who),
        _of(when),
        _of(mark),
        ctypes.byref(ties),
    )
    return Picked(row[:count], who[:count], when[:count], mark[:count], ties.value)


def _of(array: NDArray[Any]) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)
