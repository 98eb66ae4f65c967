"""The compiled loops say what the numpy passes say, which answer where there was no compiler."""

from __future__ import annotations

import shutil
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from truelift.sequences import compiled
from truelift.sequences.funnels import Attempts, Rules, attempts
from truelift.sequences.sessions import session_starts


pytestmark = pytest.mark.skipif(
    not compiled.IS_THERE and shutil.which("cc") is None, reason="no C compiler is installed"
)

Rows = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int8]]


def test_the_library_was_compiled_where_there_is_a_compiler() -> None:
    assert compiled.IS_THERE


@st.composite
def events(draw: st.DrawFn, *, steps: int) -> Rows:
    """Events of a few units, many at the same instant, each serving one step or several."""
    drawn = draw(
        st.lists(
            st.tuples(st.integers(0, 4), st.integers(0, 30), st.integers(1, (1 << steps) - 1)),
            max_size=40,
        )
    )
    drawn.sort(key=lambda row: (row[0], row[1], row[2] & -row[2], row[2]))
    unit, at_ms, mask = (
        (np.array(column, dtype=np.int64) for column in zip(*drawn, strict=True))
        if drawn
        else (np.zeros(0, dtype=np.int64) for _ in range(3))
    )
    return unit, at_ms, mask.astype(np.int8)


@given(data=st.data(), steps=st.integers(1, 4), window=st.integers(0, 20), as_of=st.integers(0, 60))
def test_attempts_are_the_same(data: st.DataObject, steps: int, window: int, as_of: int) -> None:
    unit, at_ms, mask = data.draw(events(steps=steps))
    rules = Rules(
        steps=steps,
        window_ms=window,
        as_of_ms=as_of,
        since_ms=data.draw(st.none() | st.integers(0, 30)),
        until_ms=data.draw(st.none() | st.integers(0, 30)),
    )

    def walked() -> Attempts:
        return attempts(unit=unit, at_ms=at_ms, mask=mask, rules=rules)

    with_loop, without = walked(), _without_library(walked)

    for name in ("start", "depth", "is_open"):
        np.testing.assert_array_equal(getattr(with_loop, name), getattr(without, name))


@given(
    rows=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4000)), max_size=60),
    inactivity=st.integers(1, 300),
    longest=st.integers(1, 2000),
)
def test_sessions_begin_at_the_same_events(
    rows: list[tuple[int, int]], inactivity: int, longest: int
) -> None:
    from truelift.sequences.sessions import SessionRules

    rows.sort()
    unit = np.array([row[0] for row in rows], dtype=np.int64)
    at_ms = np.array([row[1] for row in rows], dtype=np.int64)

    begins = compiled.session_begins(
        unit=unit, at_ms=at_ms, inactivity_ms=inactivity, longest_ms=longest
    )

    rules = SessionRules(inactivity_ms=inactivity, longest_ms=longest)
    expected = _without_library(lambda: session_starts(unit=unit, at_ms=at_ms, rules=rules))
    np.testing.assert_array_equal(np.flatnonzero(begins), expected)


def test_an_event_that_is_forced_begins_a_session() -> None:
    begins = compiled.session_begins(
        unit=np.zeros(3, dtype=np.int64),
        at_ms=np.array([0, 1, 2]),
        inactivity_ms=10,
        longest_ms=100,
        cut=np.array([False, True, False]),
    )

    assert begins.tolist() == [True, True, False]


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.uint32])
@pytest.mark.parametrize("unmarked", [False, True])
def test_events_are_picked_by_mark_time_and_person(kind: Any, unmarked: bool) -> None:
    generator = np.random.default_rng(3)
    code = generator.integers(0, 5, 500).astype(kind)
    unit = np.sort(generator.integers(0, 40, 500)).astype(np.int32)
    at_ms = generator.integers(0, 50, 500)
    number = np.array([0, 1, 0, 6, 2], dtype=np.int32)
    gone = generator.random(40) < 0.2

    found = compiled.pick(
        code=code,
        unit=unit,
        at_ms=at_ms,
        number=number,
        unmarked=unmarked,
        since_ms=10,
        until_ms=45,
        gone=gone,
    )

    kept = (at_ms >= 10) & (at_ms < 45) & ~gone[unit] & ((number[code] != 0) | unmarked)
    np.testing.assert_array_equal(found.row, np.flatnonzero(kept))
    np.testing.assert_array_equal(found.unit, unit[kept])
    np.testing.assert_array_equal(found.at_ms, at_ms[kept])
    np.testing.assert_array_equal(found.mark, number[code[kept]])
    same = (np.diff(unit[kept]) == 0) & (np.diff(at_ms[kept]) == 0)
    assert found.ties == np.count_nonzero(same)


def _without_library(work: Any) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiled, "IS_THERE", False)
        return work()
