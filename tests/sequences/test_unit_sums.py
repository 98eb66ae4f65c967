"""Sums of what units did before and after an instant, by hand, and both ways the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from truelift.sequences import compiled
from truelift.sequences.unit_sums import Acts, Wanted, places, unit_sums


NAN = float("nan")
BOUGHT, VIEWED = 0, 1
TWO_UNITS = Acts(
    unit=np.array([0, 0, 0, 1, -1, 1], np.int32),
    at=np.array([5, 10, 13, 20, 20, 99]),
    code=np.array([1, 1, 3, 2, 1, 0], np.int32),
    marks=(0, 1 << BOUGHT, 1 << VIEWED, 1 << BOUGHT | 1 << VIEWED),
    amounts=(np.array([7.0, NAN, 4.5, 1.0, 8.0, 8.0]),),
    begun=np.array([10, 20]),
)
COMPILED = pytest.mark.parametrize(
    "is_there",
    [
        False,
        pytest.param(
            True, marks=pytest.mark.skipif(not compiled.IS_THERE, reason="nothing is compiled")
        ),
    ],
)


@COMPILED
@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Wanted(BOUGHT, 0, 100), [2, 0]),
        (Wanted(BOUGHT, 0, 2), [1, 0]),
        (Wanted(BOUGHT, 0, 3), [2, 0]),
        (Wanted(BOUGHT, -5, -1), [1, 0]),
        (Wanted(BOUGHT, -4, -1), [0, 0]),
        (Wanted(VIEWED, 0, 100), [1, 1]),
        (Wanted(BOUGHT, -100, 100, amount=0), [11.5, 0]),
        (Wanted(BOUGHT, -100, 100, amount=0, counts=True), [2, 0]),
        (Wanted(VIEWED, 0, 100, amount=0), [4.5, 1.0]),
    ],
)
def test_what_came_in_time_is_added_up_both_ends_included(
    monkeypatch: pytest.MonkeyPatch, is_there: bool, wanted: Wanted, found: list[float]
) -> None:
    monkeypatch.setattr(compiled, "IS_THERE", is_there)

    assert unit_sums(TWO_UNITS, [wanted]).tolist() == [found]


@COMPILED
def test_the_first_row_of_a_unit_may_be_any(
    monkeypatch: pytest.MonkeyPatch, is_there: bool
) -> None:
    monkeypatch.setattr(compiled, "IS_THERE", is_there)
    first = np.array([10, 20])

    unit_sums(TWO_UNITS, [], first=first)

    assert first.tolist() == [5, 20]


@given(
    key=st.lists(st.integers(-3, 12), max_size=30),
    ordered=st.sets(st.integers(-3, 12)).map(sorted),
)
def test_a_key_is_found_wherever_its_row_stands(key: list[int], ordered: list[int]) -> None:
    expected = [ordered.index(each) if each in ordered else -1 for each in key]

    found = both_ways(lambda: places(np.array(key, np.int64), np.array(ordered, np.int64)))

    assert [each.tolist() for each in found] == [expected] * len(found)


@given(data=st.data(), units=st.integers(1, 4), rows=st.integers(0, 30))
def test_the_loop_and_the_passes_give_the_same(data: st.DataObject, units: int, rows: int) -> None:
    def drawn(of: st.SearchStrategy[Any], kind: Any) -> Any:
        return np.array(data.draw(st.lists(of, min_size=rows, max_size=rows)), kind)

    acts = Acts(
        unit=drawn(st.integers(-1, units - 1), np.int32),
        at=drawn(st.integers(0, 20), np.int64),
        code=drawn(st.integers(0, 3), np.int32),
        marks=(0, 1, 2, 5),
        amounts=tuple(drawn(st.sampled_from([NAN, 0.1, 2.5]), np.float64) for _ in range(2)),
        begun=np.arange(units) * 5,
    )
    wanted = data.draw(
        st.lists(
            st.builds(
                Wanted,
                bit=st.integers(0, 2),
                low=st.integers(-9, 3),
                high=st.integers(-3, 9),
                amount=st.sampled_from([None, 0, 1]),
                counts=st.booleans(),
            ),
            max_size=4,
        )
    )

    found = both_ways(lambda: unit_sums(acts, wanted))

    np.testing.assert_array_equal(found[0], found[-1])


def both_ways(work: Any) -> list[Any]:
    """Give what the passes find, and what the loops find where there are any."""
    found = [work()] if compiled.IS_THERE else []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiled, "IS_THERE", False)
        return [work(), *found]
