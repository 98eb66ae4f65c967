"""Which events serve the steps of an attempt, and events that must not lie between two of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from truelift.sequences.funnels import BLOCK, NOWHERE, Attempts, Order, Rules, attempts


Event = tuple[int, int, int]
"""Unit, instant, mask."""

Chain = tuple[int | None, ...]
"""The instant of each step; None where it was not reached."""

TEN = Rules(steps=3, window_ms=10, as_of_ms=10**6)
BETWEEN = replace(TEN, between=((1, 2),))
BITS = {"a": 1, "b": 2, "c": 4, "d": 8, "x": 8, "y": 16, "o": 0, "ab": 3, "bc": 6, "by": 18}


def in_order(events: Sequence[Event]) -> list[Event]:
    return sorted(events, key=lambda e: (e[0], e[1], e[2] & -e[2] if e[2] else 1 << 40, e[2]))


def found_in(events: Sequence[Event], rules: Rules) -> Attempts:
    rows = np.array(in_order(events), dtype=np.int64).reshape(-1, 3)
    return attempts(unit=rows[:, 0], at_ms=rows[:, 1], mask=rows[:, 2], rules=rules, chains=True)


def chains(events: Sequence[Event], rules: Rules) -> dict[int, Chain]:
    ordered, found = in_order(events), found_in(events, rules)
    assert found.rows is not None
    return {
        ordered[line[0]][0]: tuple(None if row == NOWHERE else ordered[row][1] for row in line)
        for line in found.rows.tolist()
    }


def one(*events: tuple[int, str], rules: Rules = TEN) -> Chain:
    return chains([(7, at, BITS[name]) for at, name in events], rules)[7]


def test_every_step_is_served_by_the_first_event_after_the_step_before() -> None:
    assert one((0, "a"), (1, "c"), (2, "b"), (3, "b"), (4, "c"), (5, "c")) == (0, 2, 4)


def test_the_earliest_start_of_equally_deep_attempts_counts() -> None:
    assert one((0, "a"), (1, "a"), (5, "b"), (20, "a"), (21, "b")) == (0, 5, None)


def test_a_strict_attempt_is_traced_through_the_instants() -> None:
    strict = replace(TEN, order=Order.STRICT)

    assert one((1, "a"), (1, "b"), (2, "b"), (3, "c"), rules=strict) == (1, 2, 3)
    assert one((1, "a"), (1, "b"), (2, "c"), rules=strict) == (1, 1, 2)
    assert one((1, "a"), (2, "b"), (2, "c"), rules=strict) == (1, 2, 2)


def test_in_any_order_every_steps_first_event_in_the_window_counts() -> None:
    either = replace(TEN, order=Order.ANY)

    assert one((1, "c"), (2, "b"), (3, "b"), (4, "a"), (5, "a"), rules=either) == (4, 2, 1)
    assert one((1, "ab"), (2, "bc"), (3, "a"), rules=either) == (3, 1, 2)


def test_an_optional_step_has_a_row_where_it_was_taken() -> None:
    optional = replace(TEN, optional=(1,))

    assert one((1, "a"), (2, "b"), (3, "c"), rules=optional) == (1, 2, 3)
    assert one((1, "a"), (3, "c"), (4, "b"), rules=optional) == (1, None, 3)


def test_an_event_excluded_between_two_steps_is_harmless_elsewhere() -> None:
    assert one((1, "a"), (2, "y"), (3, "b"), (4, "c"), rules=BETWEEN) == (1, 3, 4)
    assert one((1, "a"), (2, "b"), (3, "y"), (4, "c"), rules=BETWEEN) == (1, 2, None)
    assert one((1, "a"), (2, "b"), (3, "c"), (4, "y"), rules=BETWEEN) == (1, 2, 3)


def test_another_event_of_the_first_step_may_come_after_the_excluded_one() -> None:
    assert one((1, "a"), (2, "b"), (3, "y"), (4, "b"), (5, "c"), rules=BETWEEN) == (1, 4, 5)


def test_an_event_excluded_at_the_instant_of_either_step_does_not_lie_between() -> None:
    assert one((1, "a"), (2, "b"), (2, "y"), (3, "c"), rules=BETWEEN) == (1, 2, 3)
    assert one((1, "a"), (2, "b"), (3, "y"), (3, "c"), rules=BETWEEN) == (1, 2, 3)


def test_an_exclusion_over_several_steps_holds_of_each() -> None:
    rules = replace(TEN, steps=4, window_ms=100, between=((0, 2),))
    excluded = 32

    def asked(*events: tuple[int, int]) -> Chain:
        return chains([(7, at, mask) for at, mask in events], rules)[7]

    assert asked((1, 1), (2, 2), (3, excluded), (4, 4), (5, 8)) == (1, 2, None, None)
    assert asked((1, 1), (2, 2), (4, 4), (5, excluded), (6, 8)) == (1, 2, 4, 6)


def test_several_exclusions_all_hold() -> None:
    rules = replace(TEN, between=((0, 1), (1, 2)))
    first, second = 16, 32

    def asked(*events: tuple[int, int]) -> Chain:
        return chains([(7, at, mask) for at, mask in events], rules)[7]

    assert asked((1, 1), (2, second), (3, 2), (4, first), (5, 4)) == (1, 3, 5)
    assert asked((1, 1), (2, first), (3, 2), (4, 4)) == (1, None, None)
    assert asked((1, 1), (3, 2), (4, second), (5, 4)) == (1, 3, None)


def test_an_exclusion_from_the_first_step_to_the_last_ends_the_window() -> None:
    rules = replace(TEN, between=((0, 2),), as_of_ms=5)

    found = found_in([(7, 1, 1), (7, 2, 16)], rules)

    assert found.is_open.tolist() == [False]


def test_rows_of_later_blocks_are_counted_from_the_first_row_of_all() -> None:
    people = BLOCK
    unit = np.repeat(np.arange(people), 2)
    mask = np.tile([1, 2], people)

    found = attempts(
        unit=unit,
        at_ms=np.tile([0, 1], people),
        mask=mask,
        rules=replace(TEN, steps=2),
        chains=True,
    )

    assert found.rows is not None
    assert (found.rows[:, 0] == np.arange(people) * 2).all()
    assert (found.rows[:, 1] == np.arange(people) * 2 + 1).all()


def deadline(rows: list[Event], start: int, rules: Rules) -> int:
    whole = [rules.steps]
    whole += [
        rules.steps + 1 + n for n, pair in enumerate(rules.between) if pair == (0, rules.steps - 1)
    ]
    begun = rows[start][1]
    ended = [at for _, at, mask in rows if at > begun and any(mask >> bit & 1 for bit in whole)]
    return min([begun + rules.window_ms, *ended])


def every_chain(
    rows: list[Event], used: list[int], until: int, rules: Rules
) -> Iterator[list[int]]:
    """Try every event for every further required step."""
    yield used
    if len(used) == len(rules.required):
        return
    step, now = rules.required[len(used)], rows[used[-1]][1]
    for n, (_, at, mask) in enumerate(rows):
        if n in used or not mask >> step & 1 or not now <= at <= until:
            continue
        if rules.order is Order.STRICT and any(now < other[1] < at for other in rows):
            continue
        if not barred(rows, used, step, at, rules):
            yield from every_chain(rows, [*used, n], until, rules)


def barred(rows: list[Event], used: list[int], step: int, at: int, rules: Rules) -> bool:
    for nth, (first, last) in enumerate(rules.between):
        if not first < step <= last:
            continue
        since = rows[used[rules.required.index(first)]][1]
        bit = rules.steps + 1 + nth
        if any(mask >> bit & 1 and since < other < at for _, other, mask in rows):
            return True
    return False


def reference(events: Sequence[Event], rules: Rules) -> dict[int, Chain]:
    found: dict[int, Chain] = {}
    for unit in {event[0] for event in events}:
        rows = [event for event in in_order(events) if event[0] == unit]
        best: list[int] = []
        for start, (_, _, mask) in enumerate(rows):
            if not mask & 1:
                continue
            until = deadline(rows, start, rules)
            tried = every_chain(rows, [start], until, rules)
            chain = min(tried, key=lambda c: (-len(c), [rows[n][1] for n in c][::-1]))
            if len(chain) > len(best):
                best = chain
        if best:
            found[unit] = with_optional(rows, best, rules)
    return found


def with_optional(rows: list[Event], best: list[int], rules: Rules) -> Chain:
    chain: list[int | None] = [None] * rules.steps
    for step, n in zip(rules.required, best, strict=False):
        chain[step] = rows[n][1]
    until = deadline(rows, best[0], rules)
    for step in rules.optional:
        before = sum(other < step for other in rules.required)
        if before > len(best):
            continue
        end = min(until, rows[best[before]][1]) if before < len(best) else until
        since = rows[best[before - 1]][1]
        able = [at for _, at, mask in rows if mask >> step & 1 and since <= at <= end]
        chain[step] = min(able, default=None)
    return tuple(chain)


def events_of(masks: st.SearchStrategy[int]) -> st.SearchStrategy[list[Event]]:
    return st.lists(st.tuples(st.integers(1, 2), st.integers(0, 9), masks), min_size=1, max_size=11)


pairs = st.lists(st.sampled_from([(0, 1), (0, 2), (1, 2)]), min_size=1, max_size=2).map(tuple)


@settings(max_examples=200, deadline=None)
@given(
    events=events_of(st.sampled_from([1, 2, 4, 8, 16, 32, 48])),
    between=pairs,
    window_ms=st.integers(0, 9),
)
def test_exclusions_agree_with_trying_every_chain(
    events: list[Event], between: tuple[tuple[int, int], ...], window_ms: int
) -> None:
    rules = replace(TEN, window_ms=window_ms, between=between)

    assert chains(events, rules) == reference(events, rules)


@settings(max_examples=300, deadline=None)
@given(events=events_of(st.integers(0, 63)), between=pairs, window_ms=st.integers(0, 9))
def test_exclusions_of_overlapping_steps_agree_with_trying_every_chain(
    events: list[Event], between: tuple[tuple[int, int], ...], window_ms: int
) -> None:
    rules = replace(TEN, window_ms=window_ms, between=between)

    assert chains(events, rules) == reference(events, rules)


@settings(max_examples=150, deadline=None)
@given(
    events=st.lists(
        st.tuples(st.integers(1, 2), st.integers(0, 9), st.sampled_from([1, 2, 4, 8, 32, 64, 128])),
        min_size=1,
        max_size=14,
    ),
    between=st.lists(
        st.sampled_from([(0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)]), min_size=1, max_size=3
    ).map(tuple),
)
def test_nested_and_crossing_exclusions_agree_with_trying_every_chain(
    events: list[Event], between: tuple[tuple[int, int], ...]
) -> None:
    rules = replace(TEN, steps=4, between=between)

    assert chains(events, rules) == reference(events, rules)


@settings(max_examples=200, deadline=None)
@given(
    events=events_of(st.integers(0, 15)),
    order=st.sampled_from([Order.ORDERED, Order.STRICT]),
    window_ms=st.integers(0, 9),
)
def test_chains_agree_with_trying_every_one(
    events: list[Event], order: Order, window_ms: int
) -> None:
    rules = replace(TEN, order=order, window_ms=window_ms)

    assert chains(events, rules) == reference(events, rules)


@settings(max_examples=150, deadline=None)
@given(
    events=events_of(st.sampled_from([1, 2, 4, 8])),
    optional=st.sampled_from([(1,), (2,), (3,), (1, 2), (1, 3)]),
    between=st.sampled_from([(), ((0, 1),)]),
)
def test_optional_steps_agree_with_looking_between(
    events: list[Event], optional: tuple[int, ...], between: tuple[tuple[int, int], ...]
) -> None:
    pair = tuple(p for p in between if p[1] not in optional)
    rules = Rules(steps=4, window_ms=6, as_of_ms=0, optional=optional, between=pair)

    assert chains(events, rules) == reference(events, rules)


@settings(max_examples=100, deadline=None)
@given(events=events_of(st.sampled_from([1, 2, 4, 8])), window_ms=st.integers(0, 9))
def test_in_any_order_steps_have_their_first_event_of_the_deepest_window(
    events: list[Event], window_ms: int
) -> None:
    rules = replace(TEN, order=Order.ANY, window_ms=window_ms)

    found = chains(events, rules)

    for unit, chain in found.items():
        rows = [event for event in in_order(events) if event[0] == unit]
        windows = [
            tuple(
                min((at for _, at, mask in inside if mask >> step & 1), default=None)
                for step in range(3)
            )
            for left in range(len(rows))
            for inside in [[r for r in rows[left:] if r[1] <= deadline(rows, left, rules)]]
        ]
        windows = [w for w in windows if w[0] is not None]
        depths = [w.index(None) if None in w else 3 for w in windows]
        best = windows[depths.index(max(depths))]
        assert chain == tuple(at if n < max(depths) else None for n, at in enumerate(best))


@settings(max_examples=150, deadline=None)
@given(events=events_of(st.integers(0, 15)), window_ms=st.integers(0, 9))
def test_in_any_order_every_step_has_an_event_of_its_own_in_one_window(
    events: list[Event], window_ms: int
) -> None:
    rules = replace(TEN, order=Order.ANY, window_ms=window_ms)
    ordered = in_order(events)

    found = found_in(events, rules)

    assert found.rows is not None
    for line, depth in zip(found.rows.tolist(), found.depth.tolist(), strict=True):
        chain = [row for row in line if row != NOWHERE]
        assert chain == line[:depth]
        assert len(set(chain)) == depth
        assert all(ordered[row][2] >> step & 1 for step, row in enumerate(chain))
        moments = [ordered[row][1] for row in chain]
        assert max(moments) - min(moments) <= window_ms


@settings(max_examples=100, deadline=None)
@given(
    events=events_of(st.sampled_from([1, 2, 4, 8, 16, 32])),
    between=pairs,
    as_of_ms=st.integers(0, 20),
)
def test_exclusions_between_steps_leave_windows_open(
    events: list[Event], between: tuple[tuple[int, int], ...], as_of_ms: int
) -> None:
    rules = replace(TEN, as_of_ms=as_of_ms, between=between)
    ordered = in_order(events)

    found = found_in(events, rules)

    for start, is_open in zip(found.start.tolist(), found.is_open.tolist(), strict=True):
        rows = [event for event in ordered if event[0] == ordered[start][0]]
        begun = [n for n, row in enumerate(rows) if row[2] & 1]
        assert is_open == any(deadline(rows, n, rules) >= as_of_ms for n in begun)


@pytest.mark.parametrize("order", list(Order))
def test_nobody_has_no_attempt(order: Order) -> None:
    assert chains([], replace(TEN, order=order)) == {}
    assert chains([(1, 0, 2)], replace(TEN, order=order)) == {}
