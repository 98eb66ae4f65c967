"""Paths and journeys over arrays: what the kernels promise beyond what questions show."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from truelift.sequences.journeys import JourneyRules, tours
from truelift.sequences.paths import (
    NOTHING,
    End,
    PathRules,
    Walks,
    added,
    changes,
    distinct,
    last_within,
    run_numbers,
    spread,
    walks,
)


MINUTE = 60_000
RULES = PathRules(steps=3, as_of_ms=10**12)


def walk(*rows: tuple[int, int, int], rules: PathRules = RULES, anchor: int = 0) -> Walks:
    """Follow people over rows of person, minute and node."""
    table = np.array(rows, dtype=np.int64).reshape(-1, 3)
    node = table[:, 2]
    return walks(
        person=table[:, 0],
        at_ms=table[:, 1] * MINUTE,
        node=node,
        anchor=node == anchor,
        goal=np.zeros(len(node), dtype=bool),
        circling=node >= 0,
        rules=rules,
    )


def whole(*numbers: int) -> NDArray[np.int64]:
    return np.array(numbers, dtype=np.int64)


def test_no_rows_give_no_paths() -> None:
    found = walk()

    assert found.nodes.shape == (0, 3)
    assert found.loops.anybody == 0


def test_rows_that_are_no_nodes_are_passed_over() -> None:
    found = walk((1, 0, 0), (1, 1, NOTHING), (1, 2, 5), (1, 3, NOTHING))

    assert found.nodes.tolist() == [[0, 5, NOTHING]]
    assert found.end.tolist() == [End.EXIT]


def test_a_person_who_begins_with_the_node_that_another_ended_with_is_not_taken_for_a_repeat() -> (
    None
):
    found = walk((1, 0, 0), (1, 1, 7), (2, 0, 7), (2, 1, 0), (2, 2, 7))

    assert found.nodes.tolist() == [[0, 7, NOTHING], [0, 7, NOTHING]]


def test_a_path_is_longer_than_what_is_shown_of_it() -> None:
    found = walk((1, 0, 0), (1, 1, 1), (1, 2, 2), (1, 3, 3), (1, 4, 2), (1, 5, 3))

    assert found.nodes.tolist() == [[0, 1, 2]]
    assert found.end.tolist() == [End.ONWARD]
    assert (found.loops.there.tolist(), found.loops.count.tolist()) == ([2, 3], [1, 1])


def test_a_window_far_beyond_the_last_row_is_no_trouble() -> None:
    rules = PathRules(steps=2, as_of_ms=0, per_session=False, window_ms=2**40)

    assert walk((1, 0, 0), (1, 10**6, 1), rules=rules).nodes.tolist() == [[0, 1]]


@given(st.lists(st.tuples(*[st.integers(-1, 3)] * 3), max_size=30))
def test_different_rows_are_found_in_order(rows: list[tuple[int, int, int]]) -> None:
    keys = np.array(rows, dtype=np.int64).reshape(-1, 3)

    places, which = distinct(keys)

    assert [tuple(row) for row in keys[places].tolist()] == sorted(set(rows))
    assert (keys[places][which] == keys).all()
    assert added([np.ones(len(rows), dtype=np.int64)], which, len(places))[:, 0].tolist() == [
        count for _, count in sorted(Counter(rows).items())
    ]


@given(st.lists(st.tuples(*[st.sampled_from([-1, 0, 10**6, 2**31])] * 4), max_size=20))
def test_codes_too_large_for_one_number_are_told_apart_as_well(
    rows: list[tuple[int, int, int, int]],
) -> None:
    keys = np.array(rows, dtype=np.int64).reshape(-1, 4)

    places, which = distinct(keys)

    assert [tuple(row) for row in keys[places].tolist()] == sorted(set(rows))
    assert (keys[places][which] == keys).all()


def test_stretches_are_written_out_one_after_the_other() -> None:
    which, place = spread(whole(5, 9, 2), whole(2, 0, 3))

    assert which.tolist() == [0, 0, 2, 2, 2]
    assert place.tolist() == [5, 6, 2, 3, 4]


@given(
    st.lists(st.integers(0, 9), max_size=20),
    st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20), st.integers(-1, 10)), max_size=8),
)
def test_the_last_row_before_a_deadline_is_found_in_each_stretch(
    instants: list[int], asked: list[tuple[int, int, int]]
) -> None:
    at_ms = np.array(sorted(instants), dtype=np.int64)
    stretches = [(min(a, b, len(at_ms)), min(max(a, b), len(at_ms)), d) for a, b, d in asked]
    table = np.array(stretches, dtype=np.int64).reshape(-1, 3)

    found = last_within(at_ms, table[:, 0], table[:, 1], table[:, 2])

    assert found.tolist() == [a + sum(int(at) <= d for at in at_ms[a:b]) for a, b, d in stretches]


def test_changes_and_runs_number_what_stands_together() -> None:
    begins = changes(whole(1, 1, 2, 2), whole(5, 6, 6, 6))

    assert begins.tolist() == [0, 1, 2]
    assert run_numbers(begins, 4).tolist() == [0, 1, 2, 2]
    assert changes(whole()).tolist() == []


def test_more_channels_than_are_told_apart_are_cut_off() -> None:
    rows = 4
    found = tours(
        person=np.zeros(rows, dtype=np.int64),
        at_ms=np.arange(rows) * 60 * MINUTE,
        surface=np.zeros(rows, dtype=np.int64),
        channel=np.arange(rows),
        rules=JourneyRules(surfaces=2, window_ms=10**9, as_of_ms=10**12, channels=2),
    )

    assert found.channels.tolist() == [[0, 1]]


def test_nobody_makes_no_tour() -> None:
    rules = JourneyRules(surfaces=2, window_ms=1, as_of_ms=0, channels=2)

    found = tours(person=whole(), at_ms=whole(), surface=whole(), channel=whole(), rules=rules)

    assert found.orders.shape == (0, 2)
    assert [at.people for at in found.visits] == [0, 0]
