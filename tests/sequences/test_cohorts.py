"""Blocks, cells and the passes over cohorts and waits, where many rows and odd edges meet."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from truelift.sequences.blocks import BLOCK, blocks
from truelift.sequences.cells import MOST_DENSE, Cells, Counter, joined
from truelift.sequences.retention import COHORT, RETURN, Cohorts, retention
from truelift.sequences.waiting_times import START, VALUE, Waits, waiting_times


def integers(*values: int) -> NDArray[np.int64]:
    return np.array(values, dtype=np.int64)


@given(st.lists(st.integers(1, 9), max_size=20), st.integers(1, 12))
def test_no_block_parts_a_unit(sizes: list[int], rows: int) -> None:
    unit = np.repeat(np.arange(len(sizes)), sizes).astype(np.int64)

    found = list(blocks(unit, rows))

    assert [n for these in found for n in range(these.start, these.stop)] == list(range(len(unit)))
    for before, after in pairwise(found):
        assert unit[before.stop - 1] != unit[after.start]
        assert before.stop - before.start >= rows


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(-5, 5)), max_size=20))
def test_many_cells_are_counted_like_few(entries: list[tuple[int, int]]) -> None:
    few, many = Counter(31), Counter(MOST_DENSE + 1)

    for counter in (few, many):
        for cell, amount in entries:
            counter.add([integers(cell, cell)], [(integers(cell), np.array([float(amount)]))])

    dense, sparse = few.cells(), many.cells()
    assert dense.keys.tolist() == sparse.keys.tolist() == sorted({cell for cell, _ in entries})
    assert dense.counts.tolist() == sparse.counts.tolist()
    assert dense.amounts.tolist() == sparse.amounts.tolist()


def test_nothing_counted_is_no_cell() -> None:
    assert len(joined([]).keys) == len(Counter(3).cells().keys) == 0
    assert len(Counter(MOST_DENSE + 1).cells().keys) == 0


def cells(found: Cells) -> dict[int, int]:
    return dict(zip(found.keys.tolist(), found.counts.tolist(), strict=True))


@given(
    edges=st.lists(st.integers(-50, 50), min_size=4, max_size=12).map(sorted),
    at=st.lists(st.integers(-60, 60), min_size=1, max_size=20),
)
def test_an_instant_is_in_the_last_interval_that_begins_by_then(
    edges: list[int], at: list[int]
) -> None:
    cohorts = len(edges) - 2
    rules = Cohorts(edges=integers(*edges), cohorts=cohorts, intervals=1)

    found = retention(
        unit=np.arange(len(at), dtype=np.int64),
        at_ms=integers(*at),
        kind=np.full(len(at), COHORT, dtype=np.int8),
        amount=None,
        group=np.zeros(len(at), dtype=np.int64),
        groups=1,
        rules=rules,
    )

    place = np.searchsorted(edges, at, side="right") - 1
    expected = np.bincount(place[(place >= 0) & (place < cohorts)], minlength=cohorts)
    sizes = {cohort: found for cohort, found in enumerate(expected.tolist()) if found}
    assert cells(found) == {cohort * rules.columns: size for cohort, size in sizes.items()}


@pytest.mark.parametrize("recurring", [False, True])
@pytest.mark.parametrize("or_later", [False, True])
def test_rows_of_many_blocks_are_counted_like_those_of_one_unit_after_another(
    *, recurring: bool, or_later: bool
) -> None:
    rng = np.random.default_rng(5)
    rows = 3 * BLOCK
    unit = np.sort(rng.integers(0, 5000, rows))
    at_ms = rng.integers(0, 10_000, rows)
    at_ms = at_ms[np.lexsort((at_ms, unit))]
    rules = Cohorts(
        edges=np.arange(0, 10_001, 500),
        cohorts=14,
        intervals=6,
        recurring=recurring,
        or_later=or_later,
    )
    columns = {
        "kind": rng.choice(np.array([RETURN, COHORT, COHORT | RETURN], dtype=np.int8), rows),
        "amount": np.where(rng.random(rows) < 0.5, rng.integers(-9, 99, rows), np.nan),
        "group": rng.integers(0, 3, rows),
    }

    def asked(these: slice) -> Cells:
        return retention(
            unit=unit[these],
            at_ms=at_ms[these],
            kind=columns["kind"][these],
            amount=columns["amount"][these],
            group=columns["group"][these],
            groups=3,
            rules=rules,
        )

    whole = asked(slice(None))
    apart = joined([asked(these) for these in blocks(unit, 10_000)])

    assert whole.keys.tolist() == apart.keys.tolist()
    assert whole.counts.tolist() == apart.counts.tolist()
    assert whole.amounts.tolist() == apart.amounts.tolist()


@settings(max_examples=50)
@given(st.integers(0, 10**6), st.integers(1, 1000), st.integers(0, 2000))
def test_a_wait_is_seen_only_once_its_interval_is_over(took: int, length: int, after: int) -> None:
    interval = took // length + 1

    found = waiting_times(
        unit=integers(7, 7),
        at_ms=integers(0, took),
        kind=np.array([START, VALUE], dtype=np.int8),
        group=integers(0, 0),
        groups=1,
        rules=Waits(length_ms=length, as_of_ms=took + after, intervals=10**7),
    )

    watched = (took + after) // length
    assert cells(found) == {2 * interval + 1 if interval <= watched else 2 * watched: 1}


def test_who_waits_longer_than_can_be_counted_waits_that_long() -> None:
    found = waiting_times(
        unit=integers(1, 1, 2),
        at_ms=integers(0, 95, 0),
        kind=np.array([START, VALUE, START], dtype=np.int8),
        group=integers(0, 0, 0),
        groups=1,
        rules=Waits(length_ms=10, as_of_ms=100, intervals=5),
    )

    assert cells(found) == {10: 2}
