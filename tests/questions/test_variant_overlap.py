"""Who was in two experiments at once, by hand and against plain Python."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.questions.asking import ask, at, event
from truelift.questions.matching import BadQuestion, Events
from truelift.questions.metric import Counted, Metric, MetricKind
from truelift.questions.variant_overlap import Both, Ran, VariantOverlap
from truelift.stats.summary import ProportionSummary, Summary


ORDERED = Metric("ordered", MetricKind.PROPORTION, Counted(Events(("purchase",))))
ORDERS = replace(ORDERED, key="orders", kind=MetricKind.COUNT, window_s=10)
ASKED = VariantOverlap(
    experiments=(Ran("x", ("a", "b")), Ran("y", ("c", "d"))),
    pairs=(Both(0, 1, (ORDERED, ORDERS)),),
    as_of=at(1_000_000),
)


def shown(person: int, seconds: float, experiment: str, variant: str) -> dict[str, Any]:
    return event(person, seconds, "Experiment Viewed", experiment=experiment, variant=variant)


def test_units_count_once_they_saw_both_and_from_the_later_exposure_on() -> None:
    events = [
        shown(1, 0, "x", "a"), event(1, 5, "purchase"), shown(1, 10, "y", "c"),
        shown(2, 0, "x", "b"), shown(2, 1, "y", "d"), event(2, 2, "purchase"),
        event(2, 11, "purchase"), event(2, 12, "purchase"),
        shown(3, 0, "x", "b"),
        shown(4, 0, "y", "c"), event(4, 1, "purchase"),
    ]  # fmt: skip

    (pair,) = ask(ASKED, events).pairs

    assert pair.units.tolist() == [[1, 0], [0, 1]]
    shares, counts = pair.samples(0, ORDERED), pair.samples(1, ORDERS)
    assert shares[0][0] == ProportionSummary(n=1, successes=0)
    assert shares[1][1] == ProportionSummary(n=1, successes=1)
    assert counts[1][1] == Summary(n=1, mean=2.0, m2=0.0)


def test_who_saw_two_variants_of_one_or_one_that_nobody_planned_counts_for_no_cell() -> None:
    events = [
        shown(1, 0, "x", "a"), shown(1, 1, "x", "b"), shown(1, 2, "y", "c"),
        shown(2, 0, "x", "a"), shown(2, 1, "y", "e"),
        shown(3, 0, "x", "a"), shown(3, 1, "y", "c"),
    ]  # fmt: skip

    (pair,) = ask(ASKED, events).pairs

    assert pair.units.tolist() == [[1, 0], [0, 0]]


def test_exposures_outside_of_an_experiments_own_period_are_as_if_they_had_not_been() -> None:
    late = replace(ASKED.experiments[1], since=at(100))
    asked = replace(ASKED, experiments=(ASKED.experiments[0], late))
    events = [shown(1, 0, "x", "a"), shown(1, 50, "y", "c"), shown(1, 150, "y", "d")]

    (pair,) = ask(asked, events).pairs

    assert pair.units.tolist() == [[0, 1], [0, 0]]


def test_a_number_that_is_not_final_is_left_out_and_its_unit_is_counted() -> None:
    events = [shown(1, 0, "x", "a"), shown(1, 995, "y", "c")]

    (pair,) = ask(replace(ASKED, as_of=at(1_000)), events).pairs

    assert pair.units[0, 0] == 1
    assert [pair.samples(nth, metric)[0][0].n for nth, metric in enumerate(ASKED.pairs[0].metrics)]
    assert pair.samples(1, ORDERS)[0][0].n == 0


def test_two_experiments_without_a_metric_still_share_units() -> None:
    events = [shown(1, 0, "x", "b"), shown(1, 1, "y", "c"), event(1, 2, "purchase")]

    (pair,) = ask(replace(ASKED, pairs=(Both(0, 1),)), events).pairs

    assert pair.units.tolist() == [[0, 0], [1, 0]]


EXPOSED = st.tuples(
    st.integers(1, 5), st.integers(0, 9), st.sampled_from(["xa", "xb", "yc", "yd", "purchase"])
)


@given(found=st.lists(EXPOSED, max_size=25))
@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_events_are_counted_as_plain_python_counts_them(
    found: list[tuple[int, int, str]],
) -> None:
    events = [
        event(person, seconds, "purchase")
        if what == "purchase"
        else shown(person, seconds, what[0], what[1])
        for person, seconds, what in found
    ]
    expected: dict[tuple[str, str], list[int]] = {}
    for person in range(1, 6):
        seen = {
            key: sorted((s, w[1]) for p, s, w in found if p == person and w[0] == key)
            for key in "xy"
        }
        if any(len({variant for _, variant in seen[key]}) != 1 for key in "xy"):
            continue
        begun = max(seen["x"][0][0], seen["y"][0][0])
        did = any(p == person and w == "purchase" and s >= begun for p, s, w in found)
        expected.setdefault((seen["x"][0][1], seen["y"][0][1]), []).append(int(did))

    (pair,) = ask(ASKED, events, buckets=3).pairs

    table = pair.samples(0, ORDERED)
    for row, x in enumerate("ab"):
        for column, y in enumerate("cd"):
            units = expected.get((x, y), [])
            assert table[row][column] == ProportionSummary(n=len(units), successes=sum(units))
            assert pair.units[row, column] == len(units)


def test_pairs_that_are_none_are_refused() -> None:
    with pytest.raises(BadQuestion, match="not of two of the experiments"):
        replace(ASKED, pairs=(Both(0, 0),))
    with pytest.raises(BadQuestion, match="fewer than two variants"):
        replace(ASKED, experiments=(Ran("x", ("a",)), *ASKED.experiments[1:]))
