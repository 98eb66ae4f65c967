"""Where sessions begin, over the ordered events of each unit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from truelift.sequences import compiled


INACTIVITY_MS: Final = 30 * 60 * 1000
LONGEST_MS: Final = 24 * 60 * 60 * 1000

UNSAID: Final = -1
"""The campaign of an event that does not say where its visit came from."""

ELSEWHERE: Final = -2
"""The campaign of an event that came from somewhere, but from no named campaign."""

Rows = NDArray[np.int64]
Units = NDArray[np.signedinteger[Any]]
Kinds = NDArray[np.signedinteger[Any]]


@dataclass(frozen=True, slots=True)
class SessionRules:
    """When a unit's next event belongs to a new session.

    Midnight and channels do not end one; campaigns do when they are given.

    Attributes:
        inactivity_ms: More than this without an event ends a session.
        longest_ms: An event later than this after a session's first begins another.
    """

    inactivity_ms: int = INACTIVITY_MS
    longest_ms: int = LONGEST_MS


@dataclass(frozen=True, slots=True, eq=False)
class Sessions:
    """Sessions in the order of their rows.

    Attributes:
        first: The row of each one's first event.
        low: How many of its events have bit 0 of their kind.
        high: And bit 1.
    """

    first: Rows
    low: Rows
    high: Rows


def session_starts(
    *,
    unit: Units,
    at_ms: NDArray[np.int64],
    campaign: NDArray[np.int64] | None = None,
    rules: SessionRules | None = None,
) -> Rows:
    """Give the row of every session's first event, ascending.

    With campaigns, a session also begins with an event that names another one than the
    visit stands under since its last pause: the campaign last named, else wherever it came
    from. Events that name none change nothing, and neither does the first word about where a
    visit came from.

    Args:
        unit: Who, `(n,)`; all rows of a unit stand together.
        at_ms: When, ascending within a unit.
        campaign: Code from 0 of the campaign that an event names, `UNSAID` or `ELSEWHERE`;
            None: campaigns end no session.
        rules: The standard ones when none are given.
    """
    rules = rules or SessionRules()
    others = _cut_by_campaigns(unit, at_ms, campaign, rules)
    if compiled.IS_THERE:
        return compiled.sessions(
            unit=unit,
            at_ms=at_ms,
            inactivity_ms=rules.inactivity_ms,
            longest_ms=rules.longest_ms,
            cut=others,
        )[0]
    if not len(unit):
        return np.zeros(0, dtype=np.int64)
    begins = _after_pauses(unit, at_ms, rules.inactivity_ms)
    if others is not None:
        begins |= others
    start = np.flatnonzero(begins)
    too_late = _past_cap(at_ms, start, rules.longest_ms)
    return np.union1d(start, too_late) if len(too_late) else start


def sessions(
    *,
    unit: Units,
    at_ms: NDArray[np.int64],
    kind: Kinds,
    campaign: NDArray[np.int64] | None = None,
    rules: SessionRules | None = None,
) -> Sessions:
    """Give every session's first row, and count two kinds of events in it.

    Args:
        unit: As for `session_starts`.
        at_ms: As for `session_starts`.
        kind: Of each event, bits 0 and 1 of which are counted; `(n,)`, up to 7 bits.
        campaign: As for `session_starts`.
        rules: As for `session_starts`.
    """
    rules = rules or SessionRules()
    if compiled.IS_THERE:
        found = compiled.sessions(
            unit=unit,
            at_ms=at_ms,
            inactivity_ms=rules.inactivity_ms,
            longest_ms=rules.longest_ms,
            kind=kind.astype(np.int8, copy=False),
            cut=_cut_by_campaigns(unit, at_ms, campaign, rules),
        )
        return Sessions(*found)
    first = session_starts(unit=unit, at_ms=at_ms, campaign=campaign, rules=rules)
    if not len(first):
        return Sessions(first, first, first)
    low, high = (np.add.reduceat((kind >> bit) & 1, first, dtype=np.int64) for bit in (0, 1))
    return Sessions(first, low, high)


def _cut_by_campaigns(
    unit: Units,
    at_ms: NDArray[np.int64],
    campaign: NDArray[np.int64] | None,
    rules: SessionRules,
) -> NDArray[np.bool_] | None:
    """Mark the events that begin a session for their campaign; None where none does."""
    if campaign is None or not (campaign >= 0).any():
        return None
    visits = np.flatnonzero(_after_pauses(unit, at_ms, rules.inactivity_ms))
    others = np.zeros(len(unit), dtype=bool)
    others[_other_campaigns(campaign, visits)] = True
    return others


def _after_pauses(unit: Units, at_ms: NDArray[np.int64], inactivity_ms: int) -> NDArray[np.bool_]:
    """Mark the first event of every unit, and those after a pause."""
    begins = np.ones(len(unit), dtype=bool)
    np.greater(at_ms[1:] - at_ms[:-1], inactivity_ms, out=begins[1:])
    begins[1:] |= unit[1:] != unit[:-1]
    return begins


def _other_campaigns(campaign: NDArray[np.int64], start: Rows) -> Rows:
    """Give the rows that name another campaign than their visit stands under."""
    naming = np.flatnonzero(campaign >= 0)
    if not len(naming):
        return naming
    visit = np.searchsorted(start, naming, side="right") - 1
    changes = np.zeros(len(naming), dtype=bool)
    is_first = np.ones(len(naming), dtype=bool)
    is_first[1:] = visit[1:] != visit[:-1]
    named = campaign[naming]
    changes[1:] = ~is_first[1:] & (named[1:] != named[:-1])
    elsewhere = np.flatnonzero(campaign == ELSEWHERE)
    # The first campaign of a visit is another one if the visit came from elsewhere before.
    before = np.append(elsewhere, len(campaign))
    nearest = before[np.searchsorted(elsewhere, start[visit[is_first]])]
    changes[is_first] = nearest < naming[is_first]
    return naming[changes]


def _past_cap(at_ms: NDArray[np.int64], start: Rows, longest_ms: int) -> Rows:
    """Give the rows at which sessions that last too long are cut again."""
    last = np.append(start[1:], len(at_ms)) - 1
    long = at_ms[last] - at_ms[start] > longest_ms
    begun, last = start[long], last[long]
    found: list[Rows] = []
    while len(begun):
        # The first row past the cap, by bisection: somebody who never pauses for a year
        # is cut hundreds of times, and must not have all rows looked at as often.
        limit = at_ms[begun] + longest_ms
        low, high = begun + 1, last.copy()
        while (low < high).any():
            middle = (low + high) >> 1
            past = at_ms[middle] > limit
            high = np.where(past, middle, high)
            low = np.where(past, low, np.minimum(middle + 1, high))
        found.append(low)
        long = at_ms[last] - at_ms[low] > longest_ms
        begun, last = low[long], last[long]
    return np.concatenate(found) if found else np.zeros(0, dtype=np.int64)
