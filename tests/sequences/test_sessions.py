"""Sessions by hand, and against a loop."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from truelift.sequences.sessions import SessionRules, session_starts


MINUTE = 60_000
HOUR = 60 * MINUTE


def starts(*rows: tuple[int, int], rules: SessionRules | None = None) -> list[int]:
    table = np.array(sorted(rows), dtype=np.int64).reshape(-1, 2)
    found = session_starts(unit=table[:, 0], at_ms=table[:, 1], rules=rules)
    return [int(row) for row in found]


def test_thirty_minutes_without_an_event_do_not_end_a_session_and_a_millisecond_more_does() -> None:
    assert starts((1, 0), (1, 30 * MINUTE)) == [0]
    assert starts((1, 0), (1, 30 * MINUTE + 1)) == [0, 1]


def test_midnight_does_not_end_a_session() -> None:
    assert starts((1, 24 * HOUR - MINUTE), (1, 24 * HOUR + MINUTE)) == [0]


def test_a_session_lasts_a_day_and_no_longer() -> None:
    half_hours = [(1, n * 30 * MINUTE) for n in range(100)]

    assert starts(*half_hours) == [0, 49, 98]


def test_people_do_not_share_sessions() -> None:
    assert starts((1, 0), (2, 1), (2, 2)) == [0, 1]


def test_nobody_has_no_sessions() -> None:
    assert starts() == []


@given(
    rows=st.lists(st.tuples(st.integers(1, 3), st.integers(0, 60)), max_size=40),
    inactivity=st.integers(0, 8),
    longest=st.integers(1, 20),
)
def test_sessions_agree_with_a_loop(
    rows: list[tuple[int, int]], inactivity: int, longest: int
) -> None:
    rules = SessionRules(inactivity_ms=inactivity, longest_ms=longest)

    found = starts(*rows, rules=rules)

    expected = []
    begun = last = (0, 0)
    for n, row in enumerate(sorted(rows)):
        same = n > 0 and row[0] == last[0]
        if not same or row[1] - last[1] > inactivity or row[1] - begun[1] > longest:
            expected.append(n)
            begun = row
        last = row
    assert found == expected
