"""Funnels by hand, and against a reference that tries every chain of events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from truelift.sequences.funnels import BLOCK, Order, Reached, Rules, funnel


Event = tuple[int, int, int, int]
"""Unit, instant, mask, group."""

TEN = Rules(steps=3, window_ms=10, as_of_ms=10**6)


def in_order(events: Sequence[Event]) -> list[Event]:
    return sorted(events, key=lambda e: (e[0], e[1], e[2] & -e[2] if e[2] else 1 << 40, e[2], e[3]))


def asked(events: Sequence[Event], rules: Rules, *, groups: int = 1) -> Reached:
    rows = np.array(in_order(events), dtype=np.int64).reshape(-1, 4)
    return funnel(
        unit=rows[:, 0],
        at_ms=rows[:, 1],
        mask=rows[:, 2],
        group=rows[:, 3],
        groups=groups,
        rules=rules,
    )


def one(*events: tuple[int, str], rules: Rules = TEN) -> list[int]:
    """Ask about one unit whose events are a, b, c (steps 1 to 3), x (excluded), o (other)."""
    bits = {"a": 1, "b": 2, "c": 4, "x": 8, "o": 0, "ab": 3, "bc": 6, "abc": 7, "ac": 5}
    reached = asked([(7, at, bits[name], 0) for at, name in events], rules)
    return [int(units) for units in reached.units[0]]


def test_a_step_counts_only_after_the_one_before_it() -> None:
    assert one((1, "a"), (2, "b"), (3, "c")) == [1, 1, 1]
    assert one((1, "b"), (2, "a"), (3, "c")) == [1, 0, 0]


def test_other_events_may_lie_between_steps() -> None:
    assert one((1, "a"), (2, "o"), (3, "c"), (4, "b"), (5, "a"), (6, "c")) == [1, 1, 1]


def test_a_window_includes_its_end_and_nothing_after_it() -> None:
    assert one((0, "a"), (5, "b"), (10, "c")) == [1, 1, 1]
    assert one((0, "a"), (5, "b"), (11, "c")) == [1, 1, 0]


def test_any_first_step_may_be_the_start() -> None:
    assert one((0, "a"), (9, "a"), (15, "b"), (19, "c")) == [1, 1, 1]


def test_the_window_runs_from_the_first_step_and_not_from_the_step_before() -> None:
    assert one((0, "a"), (9, "b"), (18, "c")) == [1, 1, 0]


def test_events_of_one_instant_may_follow_each_other_in_either_direction() -> None:
    assert one((3, "c"), (3, "b"), (3, "a")) == [1, 1, 1]


def test_one_event_serves_one_step() -> None:
    assert one((1, "abc")) == [1, 0, 0]
    assert one((1, "abc"), (2, "abc")) == [1, 1, 0]
    assert one((1, "abc"), (1, "abc"), (1, "abc")) == [1, 1, 1]


def test_simultaneous_events_that_could_serve_several_steps_are_matched() -> None:
    assert one((1, "ab"), (1, "a"), (1, "bc")) == [1, 1, 1]
    assert one((1, "ac"), (1, "bc"), (1, "a")) == [1, 1, 1]
    assert one((1, "abc"), (1, "a"), (1, "a")) == [1, 1, 0]


def test_since_and_until_bound_the_first_step_alone() -> None:
    rules = replace(TEN, since_ms=5, until_ms=8)

    assert one((4, "a"), (5, "b"), (6, "c"), rules=rules) == [0, 0, 0]
    assert one((7, "a"), (8, "b"), (17, "c"), rules=rules) == [1, 1, 1]
    assert one((8, "a"), (9, "b"), rules=rules) == [0, 0, 0]


def test_an_event_out_of_range_for_step_one_still_serves_the_steps_after_it() -> None:
    rules = replace(TEN, until_ms=5)

    assert one((4, "a"), (5, "b"), (5, "ac"), rules=rules) == [1, 1, 1]


def test_strict_forbids_an_instant_between_two_steps() -> None:
    strict = replace(TEN, order=Order.STRICT)

    assert one((1, "a"), (2, "o"), (3, "b"), rules=strict) == [1, 0, 0]
    assert one((1, "a"), (2, "b"), (2, "o"), (3, "c"), rules=strict) == [1, 1, 1]
    assert one((1, "a"), (2, "a"), (3, "b"), rules=strict) == [1, 1, 0]


def test_strict_may_leave_a_step_to_the_next_instant() -> None:
    strict = replace(TEN, order=Order.STRICT)

    assert one((1, "a"), (1, "b"), (2, "b"), (3, "c"), rules=strict) == [1, 1, 1]


def test_any_order_wants_the_first_steps_within_one_window() -> None:
    either = replace(TEN, order=Order.ANY)

    assert one((1, "c"), (2, "b"), (11, "a"), rules=either) == [1, 1, 1]
    assert one((1, "c"), (2, "b"), (12, "a"), rules=either) == [1, 1, 0]
    assert one((1, "c"), (2, "b"), rules=either) == [0, 0, 0]
    assert one((1, "ab"), (2, "c"), rules=either) == [1, 0, 0]


def test_an_excluded_event_ends_the_attempt() -> None:
    assert one((1, "a"), (2, "x"), (3, "b")) == [1, 0, 0]
    assert one((1, "a"), (2, "b"), (2, "x"), (3, "c")) == [1, 1, 0]
    assert one((1, "a"), (2, "x"), (3, "a"), (4, "b"), (5, "c")) == [1, 1, 1]
    assert one((1, "x"), (1, "a"), (2, "b")) == [1, 1, 0]


def test_an_excluded_event_that_is_a_step_too_keeps_its_place_among_simultaneous_ones() -> None:
    two = replace(TEN, steps=2)

    reached = asked([(1, 0, 0b011, 0), (1, 0, 0b101, 0)], two)

    assert reached.units.tolist() == [[1, 1]]


def test_an_optional_step_is_not_needed_by_the_steps_after_it() -> None:
    optional = replace(TEN, optional=(1,))

    assert one((1, "a"), (2, "c"), rules=optional) == [1, 0, 1]
    assert one((1, "a"), (2, "b"), (3, "c"), rules=optional) == [1, 1, 1]
    assert one((1, "a"), (3, "c"), (4, "b"), rules=optional) == [1, 0, 1]
    assert one((1, "a"), (4, "b"), rules=optional) == [1, 1, 0]


def test_a_unit_short_of_the_last_step_with_an_open_window_is_immature() -> None:
    events = [(1, 0, 1, 0), (2, 1, 1, 0), (3, 1, 1, 0), (3, 2, 2, 0), (4, 1, 1, 0)]
    events += [(4, 2, 2, 0), (4, 3, 4, 0)]

    reached = asked(events, replace(TEN, as_of_ms=11))

    assert reached.units.tolist() == [[4, 2, 1]]
    assert reached.immature.tolist() == [[1, 1, 0]]


def test_a_unit_is_in_the_group_of_the_earliest_of_its_deepest_attempts() -> None:
    phone, desktop = 0, 1
    deeper_later = [(1, 0, 1, phone), (1, 50, 1, desktop), (1, 51, 2, phone)]
    equal = [(2, 0, 1, phone), (2, 1, 2, phone), (2, 50, 1, desktop), (2, 51, 2, phone)]

    reached = asked(deeper_later + equal, TEN, groups=2)

    assert reached.units.tolist() == [[1, 1, 0], [1, 1, 0]]


def test_nobody_reaches_nothing() -> None:
    assert asked([], TEN, groups=2).units.tolist() == [[0, 0, 0], [0, 0, 0]]


def test_more_rows_than_one_block_are_cut_between_units_and_add_up() -> None:
    people = BLOCK
    patient = 2 * BLOCK
    unit = np.concatenate([np.repeat(np.arange(people), 2), np.full(patient, people)])
    at_ms = np.concatenate([np.tile([0, 1], people), np.zeros(patient, dtype=np.int64)])
    mask = np.concatenate([np.tile([1, 2], people), np.ones(patient, dtype=np.int64)])
    mask[-1] = 2

    reached = funnel(
        unit=unit,
        at_ms=at_ms,
        mask=mask,
        group=np.zeros(len(unit), dtype=np.int64),
        groups=1,
        rules=replace(TEN, steps=2),
    )

    assert reached.units.tolist() == [[people + 1, people + 1]]


@pytest.mark.parametrize("order", list(Order))
def test_instants_at_the_ends_of_the_calendar_do_not_wrap_round(order: Order) -> None:
    year_1, year_9999 = -62_135_596_800_000, 253_402_300_799_999
    rules = Rules(steps=2, window_ms=10**18, as_of_ms=0, order=order)

    reached = asked([(1, year_1, 1, 0), (1, year_9999, 2, 0)], rules)

    assert reached.units.tolist() == [[1, 1]]


@dataclass(frozen=True)
class Reference:
    """The same rules, one unit at a time, by trying every chain."""

    rules: Rules

    def counts(self, events: Sequence[Event], *, groups: int) -> tuple[list[list[int]], ...]:
        units = [[0] * self.rules.steps for _ in range(groups)]
        immature = [[0] * self.rules.steps for _ in range(groups)]
        for unit in {event[0] for event in events}:
            rows = [event for event in in_order(events) if event[0] == unit]
            found = self.best(rows)
            if found is None:
                continue
            depth, group, is_open = found
            for step in range(depth):
                units[group][step] += 1
            if is_open and depth < self.rules.steps:
                immature[group][depth - 1] += 1
        return units, immature

    def best(self, rows: list[Event]) -> tuple[int, int, bool] | None:
        starts = [n for n, row in enumerate(rows) if self.may_start(row)]
        if not starts:
            return None
        is_open = any(self.deadline(rows, n) >= self.rules.as_of_ms for n in starts)
        if self.rules.order is Order.ANY:
            windows = [self.window(rows, n) for n in range(len(rows))]
            depth, group = max(
                (found for found in windows if found is not None), key=lambda found: found[0]
            )
            return depth, group, is_open
        attempts = [(self.chain(rows, [n], self.deadline(rows, n)), rows[n][3]) for n in starts]
        depth, group = max(attempts, key=lambda attempt: attempt[0])
        return depth, group, is_open

    def may_start(self, row: Event) -> bool:
        since, until = self.rules.since_ms, self.rules.until_ms
        late_enough = since is None or row[1] >= since
        return bool(row[2] & 1) and late_enough and (until is None or row[1] < until)

    def deadline(self, rows: list[Event], start: int) -> int:
        begun = rows[start][1]
        ended = [r[1] for r in rows if r[2] >> self.rules.steps & 1 and r[1] > begun]
        return min([begun + self.rules.window_ms, *ended])

    def chain(self, rows: list[Event], used: list[int], deadline: int) -> int:
        step = len(used)
        if step == self.rules.steps:
            return step
        deepest = step
        now = rows[used[-1]][1]
        for n, row in enumerate(rows):
            if n in used or not row[2] >> step & 1 or not now <= row[1] <= deadline:
                continue
            between = any(now < other[1] < row[1] for other in rows)
            if self.rules.order is Order.STRICT and between:
                continue
            deepest = max(deepest, self.chain(rows, [*used, n], deadline))
        return deepest

    def window(self, rows: list[Event], left: int) -> tuple[int, int] | None:
        deadline = self.deadline(rows, left)
        inside = [row for row in rows[left:] if row[1] <= deadline]
        first = [row for row in inside if self.may_start(row)]
        if not first:
            return None
        return self.assigned(inside, 0, frozenset()), first[0][3]

    def assigned(self, inside: list[Event], step: int, used: frozenset[int]) -> int:
        if step == self.rules.steps:
            return step
        able = [
            n
            for n, row in enumerate(inside)
            if n not in used and (self.may_start(row) if step == 0 else row[2] >> step & 1)
        ]
        return max((self.assigned(inside, step + 1, used | {n}) for n in able), default=step)


def events_of(masks: st.SearchStrategy[int]) -> st.SearchStrategy[list[Event]]:
    return st.lists(
        st.tuples(st.integers(1, 3), st.integers(0, 9), masks, st.integers(0, 1)),
        min_size=1,
        max_size=14,
    )


rules_of = st.builds(
    Rules,
    steps=st.just(3),
    window_ms=st.integers(0, 6),
    as_of_ms=st.integers(0, 14),
    order=st.sampled_from(Order),
    since_ms=st.none() | st.integers(0, 5),
    until_ms=st.none() | st.integers(4, 9),
)


@settings(max_examples=200, deadline=None)
@given(events=events_of(st.sampled_from([0, 1, 2, 4, 8])), rules=rules_of)
def test_disjoint_steps_agree_with_trying_every_chain(events: list[Event], rules: Rules) -> None:
    reached = asked(events, rules, groups=2)

    units, immature = Reference(rules).counts(events, groups=2)
    assert reached.units.tolist() == units
    assert reached.immature.tolist() == immature


@settings(max_examples=300, deadline=None)
@given(events=events_of(st.integers(0, 15)), rules=rules_of)
def test_overlapping_steps_agree_with_trying_every_chain(events: list[Event], rules: Rules) -> None:
    reached = asked(events, rules, groups=2)

    units, immature = Reference(rules).counts(events, groups=2)
    assert reached.units.tolist() == units
    assert reached.immature.tolist() == immature


@settings(max_examples=100, deadline=None)
@given(events=events_of(st.integers(0, 7)), rules=rules_of)
def test_two_overlapping_steps_agree_with_trying_every_chain(
    events: list[Event], rules: Rules
) -> None:
    two = replace(rules, steps=2)

    reached = asked(events, two, groups=2)

    units, immature = Reference(two).counts(events, groups=2)
    assert reached.units.tolist() == units
    assert reached.immature.tolist() == immature


@settings(max_examples=50, deadline=None)
@given(events=events_of(st.integers(0, 15)), rules=rules_of, cut=st.integers(1, 3))
def test_any_partition_of_the_units_adds_up(events: list[Event], rules: Rules, cut: int) -> None:
    left = asked([event for event in events if event[0] <= cut], rules, groups=2)
    right = asked([event for event in events if event[0] > cut], rules, groups=2)

    whole = asked(events, rules, groups=2)

    assert (left.units + right.units).tolist() == whole.units.tolist()
    assert (left.immature + right.immature).tolist() == whole.immature.tolist()
