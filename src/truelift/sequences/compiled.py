"""The compiled loops of `kernels.c`, where a compiler was at hand when this was installed.

A shared library beside this file, made by `hatch_build.py`; without it every caller
has numpy passes that give the same.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray


Integers = NDArray[np.int64]
Signed = NDArray[np.signedinteger[Any]]
Codes = NDArray[np.unsignedinteger[Any]]

NAME: Final = "kernels.lib"
"""The library, in the folder of this file."""

_LONGEST_MS: Final = 1 << 62
_FIRST_MS: Final = -(1 << 62)


def _loaded() -> ctypes.CDLL | None:
    try:
        library = ctypes.CDLL(f"{__file__.rpartition('/')[0]}/{NAME}")
        for units in (32, 64):
            getattr(library, f"sessions_{units}").restype = ctypes.c_int64
            getattr(library, f"session_totals_{units}").restype = None
            getattr(library, f"first_cohorts_{units}").restype = None
            for marks in (8, 32):
                getattr(library, f"ordered_attempts_{units}_{marks}").restype = ctypes.c_int64
        for codes in (8, 16, 32):
            for marks in (8, 32):
                getattr(library, f"pick_{codes}_{marks}").restype = ctypes.c_int64
                getattr(library, f"marks_{codes}_{marks}").restype = None
                getattr(library, f"codes_{codes}_{marks}").restype = None
        for name in ("places_64", "unit_sums_32"):
            getattr(library, name).restype = None
    except (OSError, AttributeError):
        return None
    return library


_library: Final = _loaded()
IS_THERE: Final = _library is not None
"""Whether the loops were compiled; callers ask before they call."""


def _loop(name: str, *arrays: NDArray[Any]) -> Callable[..., int]:
    """Give the loop for arrays of these widths; callers have made sure that it is there."""
    widths = "".join(f"_{8 * array.dtype.itemsize}" for array in arrays)
    return cast("Callable[..., int]", getattr(_library, name + widths))


def ordered_attempts(
    *,
    unit: Signed,
    at_ms: Integers,
    mask: Signed,
    steps: int,
    window_ms: int,
    as_of_ms: int,
) -> tuple[Integers, Integers, NDArray[np.bool_]]:
    """Give every unit's deepest attempt at an ordered funnel without optional steps or exclusions.

    Returns:
        Of each unit that began, in the order of the rows: the row of its start, the
        steps that it got through, and whether a window is still open.
    """
    unit, at_ms, mask = _units(unit), np.ascontiguousarray(at_ms), _marks(mask)
    units = int(np.count_nonzero(unit[1:] != unit[:-1])) + 1 if len(unit) else 0
    start = np.empty(units, dtype=np.int64)
    depth = np.empty(units, dtype=np.int64)
    is_open = np.empty(units, dtype=np.bool_)
    begun = _loop("ordered_attempts", unit, mask)(
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


def sessions(
    *,
    unit: Signed,
    at_ms: Integers,
    inactivity_ms: int,
    longest_ms: int,
    kind: NDArray[np.int8] | None = None,
    cut: NDArray[np.bool_] | None = None,
) -> tuple[Integers, Integers, Integers]:
    """Cut the rows of units into sessions, and count what is in each.

    Args:
        unit: Who, `(n,)`; all rows of a unit stand together.
        at_ms: When, ascending within a unit.
        inactivity_ms: More than this without an event ends a session.
        longest_ms: An event later than this after a session's first begins another.
        kind: Two bits of every event that are counted; None: nothing is.
        cut: Events that begin one whatever the time; None for none.

    Returns:
        The row of every session's first event, and how many of its events have bit 0
        and bit 1; these two are empty without `kind`.
    """
    unit, at_ms = _units(unit), np.ascontiguousarray(at_ms)
    rows = len(unit)
    first = np.empty(rows, dtype=np.int64)
    counted = 0 if kind is None else rows
    low, high = np.empty(counted, dtype=np.int64), np.empty(counted, dtype=np.int64)
    kinds = None if kind is None else np.ascontiguousarray(kind, dtype=np.int8)
    forced = None if cut is None else np.ascontiguousarray(cut)
    count = _loop("sessions", unit)(
        _of(unit),
        _of(at_ms),
        None if kinds is None else _of(kinds),
        ctypes.c_int64(rows),
        ctypes.c_int64(inactivity_ms),
        ctypes.c_int64(longest_ms),
        None if forced is None else _of(forced),
        _of(first),
        _of(low),
        _of(high),
    )
    return first[:count], low[:count], high[:count]


@dataclass(frozen=True, slots=True)
class Totals:
    """All sessions of some rows together.

    Attributes:
        sessions: How many.
        units: Who had one.
        events: In them.
        pages: Events with bit 0.
        engaged: Sessions that were.
        immature: Sessions that were not, and may go on.
        key_sessions: Sessions with an event of bit 1.
        conversions: Events with bit 1.
        duration_ms: From first to last event, added up.
    """

    sessions: int
    units: int
    events: int
    pages: int
    engaged: int
    immature: int
    key_sessions: int
    conversions: int
    duration_ms: int


def session_totals(
    *,
    unit: Signed,
    at_ms: Integers,
    kind: Signed,
    inactivity_ms: int,
    longest_ms: int,
    since_ms: int | None,
    until_ms: int | None,
    engaged_ms: int,
    engaged_pages: int,
    as_of_ms: int | None,
) -> Totals:
    """Cut the rows of units into sessions, and add them up.

    Args:
        unit: As for `sessions`.
        at_ms: As for `sessions`.
        kind: As for `sessions`; bit 0 is a page, bit 1 a key event.
        inactivity_ms: As for `sessions`.
        longest_ms: As for `sessions`.
        since_ms: Sessions that begin before this are left out.
        until_ms: And those that begin at or after this.
        engaged_ms: A session that lasts so long is engaged, as is one with a key event.
        engaged_pages: And one with so many pages.
        as_of_ms: Who may still go on then is not over; None: all are.
    """
    unit, at_ms = _units(unit), np.ascontiguousarray(at_ms)
    kind = np.ascontiguousarray(kind, dtype=np.int8)
    found = np.zeros(9, dtype=np.int64)
    _loop("session_totals", unit)(
        _of(unit),
        _of(at_ms),
        _of(kind),
        ctypes.c_int64(len(unit)),
        ctypes.c_int64(inactivity_ms),
        ctypes.c_int64(longest_ms),
        ctypes.c_int64(_FIRST_MS if since_ms is None else since_ms),
        ctypes.c_int64(_LONGEST_MS if until_ms is None else until_ms),
        ctypes.c_int64(engaged_ms),
        ctypes.c_int64(engaged_pages),
        ctypes.c_int64(_LONGEST_MS if as_of_ms is None else as_of_ms),
        _of(found),
    )
    return Totals(*found.tolist())


@dataclass(frozen=True, slots=True, eq=False)
class Calendar:
    """Intervals of time, and how to find the one of an instant without a search.

    Attributes:
        known: The place of the first instant of every step of `1 << shift` ms.
        next: When a place ends.
        interval: The number of a place, from 0; -1 before the first.
        first: Where the first step begins; an instant before it is in no interval.
        last: Later instants are where this one is.
        shift: See `known`.
    """

    known: Integers
    next: Integers
    interval: Integers
    first: int
    last: int
    shift: int


def first_cohorts(
    *,
    unit: Signed,
    at_ms: Integers,
    kind: Signed,
    group: Integers | None,
    groups: int,
    calendar: Calendar,
    since_ms: int | None,
    until_ms: int | None,
    cohorts: int,
    columns: int,
    own_ms: int | None,
    or_later: bool,
) -> Integers:
    """Count cohorts of first events, and who comes back: `sequences.retention` says how.

    Returns:
        Of every cell how many, `(groups × cohorts × columns,)`.
    """
    unit, at_ms = _units(unit), np.ascontiguousarray(at_ms)
    kind = np.ascontiguousarray(kind, dtype=np.int8)
    group = None if group is None else np.ascontiguousarray(group, dtype=np.int64)
    counts = np.zeros(groups * cohorts * columns, dtype=np.int64)
    _loop("first_cohorts", unit)(
        _of(unit),
        _of(at_ms),
        _of(kind),
        None if group is None else _of(group),
        ctypes.c_int64(len(unit)),
        _of(calendar.known),
        _of(calendar.next),
        _of(calendar.interval),
        ctypes.c_int64(calendar.first),
        ctypes.c_int64(calendar.last),
        ctypes.c_int32(calendar.shift),
        ctypes.c_int64(_FIRST_MS if since_ms is None else since_ms),
        ctypes.c_int64(_LONGEST_MS if until_ms is None else until_ms),
        ctypes.c_int64(cohorts),
        ctypes.c_int64(columns),
        ctypes.c_int64(own_ms or 0),
        ctypes.c_int32(or_later),
        _of(counts),
    )
    return counts


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

    row: NDArray[np.int32]
    unit: NDArray[np.int32]
    at_ms: Integers
    mark: Signed
    ties: int


def pick(
    *,
    code: Codes,
    unit: NDArray[np.int32],
    at_ms: Integers,
    number: Signed,
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
    number = _marks(number)
    # One more than there can be: the loop writes an event before it knows whether it stays.
    # What is never written to costs no memory.
    row, who = np.empty(rows + 1, dtype=np.int32), np.empty(rows + 1, dtype=np.int32)
    when = np.empty(rows + 1, dtype=np.int64)
    mark = np.empty(rows + 1, dtype=number.dtype)
    ties = ctypes.c_int64()
    count = _loop("pick", code, number)(
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


def marks(*, code: Codes, number: Signed) -> Signed:
    """Give the mark of every event by the code of its name."""
    number = _marks(number)
    found = np.empty(len(code), dtype=number.dtype)
    _loop("marks", code, number)(_of(code), ctypes.c_int64(len(code)), _of(number), _of(found))
    return found


def codes(*, code: Codes, row: NDArray[np.int32], mark: Signed, where: int, nothing: int) -> Codes:
    """Give the codes of some events; `nothing` where the mark has none of the bits `where`."""
    mark = _marks(mark)
    found = np.empty(len(row), dtype=code.dtype)
    _loop("codes", code, mark)(
        _of(code),
        _of(row),
        _of(mark),
        ctypes.c_int64(len(row)),
        ctypes.c_int32(where),
        ctypes.c_int32(nothing),
        _of(found),
    )
    return found


def places(*, key: Integers, ordered: Integers) -> NDArray[np.int32]:
    """Find keys in an ordered array of different ones; -1 for those that it does not have."""
    key, ordered = np.ascontiguousarray(key), np.ascontiguousarray(ordered)
    found = np.empty(len(key), dtype=np.int32)
    _loop("places", key)(
        _of(key),
        ctypes.c_int64(len(key)),
        _of(ordered),
        ctypes.c_int64(len(ordered)),
        _of(found),
    )
    return found


def unit_sums(
    *,
    unit: NDArray[np.int32],
    at: Integers,
    code: NDArray[np.int32],
    begun: Integers,
    of_code: Sequence[Sequence[int]],
    low: Sequence[int],
    high: Sequence[int],
    amount: Sequence[int],
    counts: Sequence[bool],
    amounts: Sequence[NDArray[np.float64]],
    first: Integers | None = None,
) -> NDArray[np.float64]:
    """Add up what every unit did: `sequences.unit_sums` says how.

    Args:
        unit: Of each row; -1 for none.
        at: When.
        code: What each row is.
        begun: Of each unit, when it began.
        of_code: The sums that a row of each code goes into.
        low: Per sum, from so long after its unit began.
        high: Up to so long after.
        amount: Which number of a row; -1 for 1.
        counts: Whether a row that has the number is 1 in its place.
        amounts: The numbers of rows, NaN for none.
        first: Takes the instant of every unit's first row.

    Returns:
        `(sums, units)`.
    """
    unit, code = np.ascontiguousarray(unit), np.ascontiguousarray(code)
    at, begun = np.ascontiguousarray(at), np.ascontiguousarray(begun)
    offsets = np.append(0, np.cumsum([len(sums) for sums in of_code])).astype(np.int32)
    sums = np.array([each for sums in of_code for each in sums], np.int32)
    ranges = np.array([low, high], np.int64)
    what, ones = np.array(amount, np.int32), np.array(counts, np.uint8)
    numbers = [np.ascontiguousarray(each) for each in amounts]
    pointers = (ctypes.c_void_p * len(numbers))(*(each.ctypes.data for each in numbers))
    if first is not None and not first.flags.c_contiguous:
        raise ValueError("what is written into is in one piece")
    found = np.zeros((len(low), len(begun)))
    _loop("unit_sums", unit)(
        _of(unit),
        _of(at),
        _of(code),
        ctypes.c_int64(len(unit)),
        _of(begun),
        ctypes.c_int64(len(begun)),
        _of(offsets),
        _of(sums),
        _of(ranges[0]),
        _of(ranges[1]),
        _of(what),
        _of(ones),
        pointers,
        None if first is None else _of(first),
        _of(found),
    )
    return found


def _units(unit: Signed) -> Signed:
    """Give them in a width that loops take: 32 bits, or 64."""
    kind = np.int32 if unit.dtype == np.int32 else np.int64
    return np.ascontiguousarray(unit, dtype=kind)


def _marks(mark: Signed) -> Signed:
    """Give them in a width that loops take: 8 bits, or 32."""
    kind = np.int8 if mark.dtype == np.int8 else np.int32
    return np.ascontiguousarray(mark, dtype=kind)


def _of(array: NDArray[Any]) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)
