"""Ids are remembered for their window and not longer, whatever the batches were."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from truelift.lake.seen import Seen


BATCHES = st.lists(
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 40)), min_size=1, max_size=12),
    max_size=10,
)


@settings(max_examples=150)
@given(batches=BATCHES)
def test_first_times_are_those_of_a_plain_list(batches: list[list[tuple[int, int]]]) -> None:
    seen = Seen(window_s=10)
    kept: list[tuple[int, int]] = []
    clock = 0
    for batch in batches:
        items = [(number, clock := clock + wait % 7) for number, wait in batch]
        hashes = np.array([number for number, _ in items], dtype=np.uint64)
        arrived = np.array([at for _, at in items], dtype=np.uint32)
        expected = []
        before: dict[int, int] = {}
        for number, at in items:
            last = max((then for name, then in kept if name == number), default=None)
            again = number in before and at - before[number] <= 10
            expected.append(not again and (last is None or at - last > 10))
            before[number] = at

        first = seen.first_times(hashes, arrived)
        seen.remember(hashes[first], arrived[first])
        kept += [item for item, new in zip(items, first, strict=True) if new]

        assert first.tolist() == expected


def test_without_a_window_an_id_is_known_for_ever() -> None:
    seen = Seen(window_s=None)
    ids = np.arange(5, dtype=np.uint64)
    seen.remember(ids, np.zeros(5, dtype=np.uint32))

    first = seen.first_times(ids, np.full(5, 4_000_000_000, dtype=np.uint32))

    assert not first.any()


def test_what_is_past_its_window_is_forgotten() -> None:
    seen = Seen(window_s=10)
    seen.remember(np.arange(1000, dtype=np.uint64), np.zeros(1000, dtype=np.uint32))

    seen.remember(np.array([1], dtype=np.uint64), np.array([100], dtype=np.uint32))

    assert len(seen) == 1
