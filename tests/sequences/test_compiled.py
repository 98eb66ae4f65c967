"""The compiled loops say what the numpy passes say, which answer where there was no compiler."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from truelift.questions.sessions import Sessions as SessionsAsked
from truelift.sequences import compiled
from truelift.sequences.cells import Cells
from truelift.sequences.funnels import Attempts, Rules, attempts
from truelift.sequences.retention import Cohorts, retention
from truelift.sequences.sessions import SessionRules, Sessions, sessions


pytestmark = pytest.mark.skipif(
    not compiled.IS_THERE and shutil.which("cc") is None, reason="no C compiler is installed"
)

Rows = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int8]]


WIDTHS = st.sampled_from([np.int32, np.int64])
MASKS = st.sampled_from([np.int8, np.int32])


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
    unit, mask = unit.astype(data.draw(WIDTHS)), mask.astype(data.draw(MASKS))
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


@st.composite
def visits(draw: st.DrawFn) -> Rows:
    """Events of a few units, each of up to three kinds, with and without pauses."""
    drawn = draw(
        st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4000), st.integers(0, 7)), max_size=60)
    )
    drawn.sort(key=lambda row: row[:2])
    columns = np.array(drawn, dtype=np.int64).reshape(len(drawn), 3).T
    unit, at_ms, kind = (np.ascontiguousarray(column) for column in columns)
    return unit, at_ms, kind.astype(np.int8)


@given(
    rows=visits(),
    inactivity=st.integers(1, 300),
    longest=st.integers(1, 2000),
    width=WIDTHS,
    data=st.data(),
)
def test_sessions_are_the_same(
    rows: Rows, inactivity: int, longest: int, width: Any, data: st.DataObject
) -> None:
    unit, at_ms, kind = rows
    campaigns = st.lists(st.integers(-2, 2), min_size=len(unit), max_size=len(unit))
    campaign = data.draw(st.none() | campaigns.map(lambda found: np.array(found, dtype=np.int64)))

    def cut() -> Sessions:
        return sessions(
            unit=unit.astype(width),
            at_ms=at_ms,
            kind=kind,
            campaign=campaign,
            rules=SessionRules(inactivity_ms=inactivity, longest_ms=longest),
        )

    with_loop, without = cut(), _without_library(cut)

    for name in ("first", "low", "high"):
        np.testing.assert_array_equal(getattr(with_loop, name), getattr(without, name))


# The first table takes its time: pyarrow looks for what else is installed.
@settings(deadline=None)
@given(
    rows=visits(),
    width=WIDTHS,
    since=st.none() | st.integers(0, 4),
    until=st.none() | st.integers(0, 4),
    as_of=st.none() | st.integers(0, 4),
)
def test_sessions_add_up_to_the_same(
    rows: Rows, width: Any, since: int | None, until: int | None, as_of: int | None
) -> None:
    # An hour in a thousand steps: pauses, long sessions and short ones all happen.
    unit, at_ms, kind = rows
    at_ms = at_ms * 3_600
    begin = datetime(1970, 1, 1, tzinfo=UTC)
    edges = [None if hour is None else begin + timedelta(hours=hour) for hour in (since, until)]
    assume(edges[0] is None or edges[1] is None or edges[0] < edges[1])
    question = SessionsAsked(
        since=edges[0],
        until=edges[1],
        as_of=None if as_of is None else begin + timedelta(hours=as_of),
    )
    table = pa.table({"person": unit.astype(width), "at_ms": at_ms, "kind": kind & 3})

    with_loop = question.totals(table)

    assert with_loop == _without_library(lambda: question.totals(table))
    assert with_loop == question.cut(table).whole()


@given(
    rows=visits(),
    width=WIDTHS,
    edges=st.lists(st.integers(0, 4000), min_size=3, max_size=8).map(sorted),
    or_later=st.booleans(),
    own=st.none() | st.integers(1, 500),
    period=st.tuples(st.none() | st.integers(0, 4000), st.none() | st.integers(0, 4000)),
    data=st.data(),
)
def test_cohorts_are_the_same(
    rows: Rows,
    width: Any,
    edges: list[int],
    or_later: bool,
    own: int | None,
    period: tuple[int | None, int | None],
    data: st.DataObject,
) -> None:
    assume(edges[0] < edges[-1])
    unit, at_ms, kind = rows
    order = np.lexsort((-(kind & 3), at_ms, unit))
    unit, at_ms, kind = unit[order], at_ms[order], kind[order] & 3
    several = data.draw(st.booleans())
    rules = Cohorts(
        edges=np.array(edges, dtype=np.int64),
        cohorts=data.draw(st.integers(1, len(edges) - 1)),
        intervals=data.draw(st.integers(1, 4)),
        or_later=or_later,
        own_ms=own,
        since_ms=period[0],
        until_ms=period[1],
    )

    def counted() -> Cells:
        return retention(
            unit=unit.astype(width),
            at_ms=at_ms,
            kind=kind,
            amount=None,
            group=(at_ms % 3) if several else None,
            groups=3 if several else 1,
            rules=rules,
        )

    with_loop, without = counted(), _without_library(counted)

    for name in ("keys", "counts", "amounts"):
        np.testing.assert_array_equal(getattr(with_loop, name), getattr(without, name))


def test_an_event_that_is_forced_begins_a_session() -> None:
    first, _, _ = compiled.sessions(
        unit=np.zeros(3, dtype=np.int64),
        at_ms=np.array([0, 1, 2]),
        inactivity_ms=10,
        longest_ms=100,
        cut=np.array([False, True, False]),
    )

    assert first.tolist() == [0, 1]


@pytest.mark.parametrize("marks", [np.int8, np.int32])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.uint32])
@pytest.mark.parametrize("unmarked", [False, True])
def test_events_are_picked_by_mark_time_and_person(kind: Any, unmarked: bool, marks: Any) -> None:
    generator = np.random.default_rng(3)
    code = generator.integers(0, 5, 500).astype(kind)
    unit = np.sort(generator.integers(0, 40, 500)).astype(np.int32)
    at_ms = generator.integers(0, 50, 500)
    number = np.array([0, 1, 0, 6, 2], dtype=marks)
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
    assert found.mark.dtype == marks
    np.testing.assert_array_equal(compiled.marks(code=code, number=number), number[code])
    some = compiled.codes(code=code, row=found.row, mark=found.mark, where=2, nothing=9)
    np.testing.assert_array_equal(some, np.where(found.mark & 2, code[found.row], 9))


def _without_library(work: Any) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiled, "IS_THERE", False)
        return work()
