"""Readings in groups: they travel, add up in any order, and give exact percentiles."""

from __future__ import annotations

import functools
import operator
import pickle

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from truelift.questions import readings as module
from truelift.questions.readings import Readings, Spread
from truelift.questions.session_tally import Coded


SPEED = 3


def readings(*sent: tuple[str | None, int], coarse: tuple[int, ...] = ()) -> Readings:
    texts = sorted({text for text, _ in sent if text})
    codes = [texts.index(text) if text else len(texts) for text, _ in sent]
    key = Coded(np.array(codes, np.int64), pa.array([*texts, None], pa.string()))
    steps = np.array([step for _, step in sent], np.int64)
    return Readings.of([key], {SPEED: (np.arange(len(sent)), steps)}, coarse=coarse)


def by_name(found: Readings) -> dict[str | None, Spread]:
    return {found.named(group)[0]: found.spread(SPEED, group) for group in range(found.groups)}


def spread(*steps: int) -> Spread:
    return Spread(*np.unique(np.array(steps, np.int64), return_counts=True))


def test_groups_of_two_buckets_are_one_where_their_names_are() -> None:
    one = readings(("b", 5), ("a", 7), (None, 1))
    other = readings(("c", 2), ("b", 5), (None, 4))

    added = one + other

    assert by_name(added) == {"a": spread(7), "b": spread(5, 5), "c": spread(2), None: spread(1, 4)}


@pytest.mark.parametrize("empty", [readings(), Readings.of([], {})])
def test_a_bucket_without_anybody_has_no_readings(empty: Readings) -> None:
    assert empty.together().spread(SPEED).n == 0


def test_readings_without_keys_are_one_group() -> None:
    some = Readings.of([], {SPEED: (np.array([0, 2]), np.array([4, 6]))})

    assert (some + some).spread(SPEED) == spread(4, 4, 6, 6)


def test_parts_travel_between_processes() -> None:
    part = readings(("a", 7), ("b", 1), ("a", 9))

    back = pickle.loads(pickle.dumps(part))

    assert by_name(back) == by_name(part)


def test_the_largest_groups_stand_for_themselves() -> None:
    found = readings(("a", 1), ("b", 1), ("b", 2), ("c", 1), ("c", 2), ("c", 3))

    shown, rest = found.split(SPEED, least=2, most=1)

    assert [found.named(group)[0] for group in shown.tolist()] == ["c"]
    assert found.together(rest).spread(SPEED) == spread(1, 1, 2)


def test_equal_spreads_are_one_in_a_set() -> None:
    assert len({spread(1, 2), spread(2, 1), spread(1)}) == 2


@given(
    sent=st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 400)), max_size=40),
    buckets=st.integers(1, 5),
    most=st.integers(12, 40),
)
def test_readings_are_as_coarse_whichever_way_they_are_split(
    sent: list[tuple[str, int]], buckets: int, most: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "MOST_READINGS", most)

        whole = readings(*sent, coarse=(SPEED,))
        parts = [readings(*sent[nth::buckets], coarse=(SPEED,)) for nth in range(buckets)]
        added = functools.reduce(operator.add, parts)

    assert added.level == whole.level
    assert by_name(added) == by_name(whole)


@given(
    steps=st.lists(st.integers(0, 1 << 23), min_size=1, max_size=60),
    percent=st.sampled_from([0, 10, 50, 75, 90, 99, 100]),
)
def test_a_quantile_is_the_one_that_numpy_interpolates(steps: list[int], percent: int) -> None:
    exact = spread(*steps).quantile(percent)

    assert exact == pytest.approx(float(np.percentile(steps, percent)), rel=1e-12)


@pytest.mark.simulation
def test_the_interval_of_a_quantile_holds_it_nineteen_times_in_twenty() -> None:
    generator = np.random.default_rng(7)
    truth = np.log(4)

    held = 0
    for _ in range(4000):
        steps = np.rint(generator.exponential(size=150) * 1e5).astype(int)
        between = spread(*steps.tolist()).quantile_between(75)
        held += between is not None and between[0] <= truth * 1e5 <= between[1]

    assert 0.945 <= held / 4000 <= 0.98
