"""A quarter's starts: what is worth most, without a conflict."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from itertools import product

import numpy as np
import pytest

from truelift.lifecycle.conflict import ConflictContext, conflicts
from truelift.lifecycle.conflict_rules import Rule, Severity
from truelift.lifecycle.quarter import Candidate, QuarterPlan, quarter_schedule
from truelift.lifecycle.roadmap_item import (
    Asset,
    Dependency,
    DependencyKind,
    ItemKind,
    ItemStage,
    RoadmapItem,
)
from truelift.lifecycle.surface import Surface


TODAY = date(2026, 3, 20)
SINCE, UNTIL = date(2026, 4, 1), date(2026, 7, 1)
FIRST = date(2026, 4, 6)
"""The first Monday of the quarter."""

DAY, WEEK = timedelta(days=1), timedelta(days=7)
SURFACES = (Surface("Cart", bundle="shop.js"), Surface("Home"), Surface("Blog"))


def work(
    key: str, *, surface: str = "Cart", weeks: int = 4, kind: ItemKind = ItemKind.EXPERIMENT
) -> RoadmapItem:
    return RoadmapItem(
        key=key,
        kind=kind,
        what=f"Work {key}",
        surfaces=(surface,),
        elements=("headline",),
        start=date(2026, 1, 5),
        end=date(2026, 1, 5) + weeks * WEEK,
    )


def plan(
    *candidates: Candidate,
    fixed: tuple[RoadmapItem, ...] = (),
    context: ConflictContext | None = None,
    since: date = SINCE,
    until: date = UNTIL,
    settled: frozenset[tuple[Rule, str, str]] = frozenset(),
    time_limit_s: float = 10.0,
) -> QuarterPlan:
    return quarter_schedule(
        candidates,
        fixed,
        since=since,
        until=until,
        surfaces=SURFACES,
        today=TODAY,
        context=context or ConflictContext(),
        settled=settled,
        time_limit_s=time_limit_s,
    )


def starts(found: QuarterPlan) -> dict[str, date]:
    return {each.key: each.start for each in found.placed}


def test_who_is_in_nobodys_way_starts_on_the_first_monday() -> None:
    found = plan(
        Candidate(work("A"), 2.0),
        Candidate(work("B", surface="Home"), 3.0),
    )

    assert starts(found) == {"A": FIRST, "B": FIRST}
    assert found.placed[0].end == FIRST + 4 * WEEK
    assert (found.unplaced, found.value, found.proven) == ((), 5.0, True)


def test_tests_of_one_element_follow_each_other_and_the_least_worthy_stays_out() -> None:
    four = [
        Candidate(work(key, weeks=4), value)
        for key, value in zip("ABCDE", range(1, 6), strict=True)
    ]

    found = plan(*four)

    assert sorted(starts(found).values()) == [FIRST + n * WEEK for n in (0, 4, 8, 12)]
    assert [each.key for each in found.unplaced] == ["A"]
    assert found.value == 14.0
    assert all("stands in its way." in each for each in found.unplaced[0].reasons)


def test_tests_that_exclude_each_other_are_at_the_same_time() -> None:
    one = replace(work("A"), layer="cart", high=0.5)
    other = replace(work("B"), layer="cart", low=0.5)

    assert starts(plan(Candidate(one), Candidate(other))) == {"A": FIRST, "B": FIRST}


def test_a_plan_that_stands_lets_two_be_together() -> None:
    one = replace(work("A"), allocation=0.5)
    other = replace(work("B"), elements=("picture",), allocation=0.5)

    apart = plan(Candidate(one), Candidate(other))
    together = plan(Candidate(one), Candidate(other), settled=frozenset({(Rule.C2, "A", "B")}))

    assert sorted(starts(apart).values()) == [FIRST, FIRST + 4 * WEEK]
    assert set(starts(together).values()) == {FIRST}


@pytest.mark.parametrize(("share", "together"), [(0.3, 3), (0.4, 2), (0.6, 1)])
def test_tests_that_may_be_together_take_no_more_than_all_visitors(
    share: float, together: int
) -> None:
    lenient = ConflictContext(severities={Rule.C1: Severity.WARN})
    three = [Candidate(replace(work(key), allocation=share)) for key in "ABC"]

    found = plan(*three, context=lenient)

    assert list(starts(found).values()).count(FIRST) == together
    assert len(found.placed) == 3


def test_running_work_and_freezes_are_kept() -> None:
    running = replace(
        work("RUN"), stage=ItemStage.RUNNING, start=date(2026, 3, 9), end=FIRST + 9 * DAY
    )
    freeze = replace(
        work("FR-1", surface="Blog", kind=ItemKind.FREEZE),
        agreed=True,
        start=date(2026, 3, 9),
        end=FIRST + 5 * WEEK,
    )
    release = work("REL", surface="Blog", weeks=1, kind=ItemKind.RELEASE)

    found = plan(Candidate(work("A")), Candidate(release), fixed=(running, freeze))

    assert starts(found) == {"A": FIRST + 2 * WEEK, "REL": FIRST + 5 * WEEK}


def test_what_is_needed_before_is_over_before_and_brings_the_other_along() -> None:
    cheap = work("NEW", surface="Blog", weeks=2, kind=ItemKind.RELEASE)
    needs = replace(work("A"), dependencies=(Dependency("NEW", DependencyKind.NEEDS_BEFORE),))
    waits = replace(work("Z", surface="Home"), start=FIRST + 4 * WEEK, end=FIRST + 5 * WEEK)
    blocks = replace(
        work("B", surface="Home", weeks=5),
        dependencies=(Dependency("Z", DependencyKind.BLOCKS),),
    )

    found = plan(Candidate(needs, 5.0), Candidate(cheap, 0.0), Candidate(blocks), fixed=(waits,))

    assert starts(found) == {"NEW": FIRST, "A": FIRST + 2 * WEEK}
    assert found.unplaced[0].key == "B"
    assert "Z “Work Z” starts before and needs it." in found.unplaced[0].reasons


def test_nothing_is_placed_whose_need_has_no_place() -> None:
    never = replace(work("NEW"), assets=(Asset("film", due=UNTIL + 9 * DAY),))
    needs = replace(
        work("A", surface="Home"),
        dependencies=(Dependency("NEW", DependencyKind.NEEDS_BEFORE),),
    )

    found = plan(Candidate(never), Candidate(needs))

    assert found.placed == ()
    assert found.unplaced[0].reasons == ("It needs NEW “Work NEW” before, which has no place.",)
    assert "film is there only on 10 July 2026" in found.unplaced[1].reasons[0]


def test_no_week_has_more_work_than_days() -> None:
    context = ConflictContext(capacity={"build": 5.0})
    three = [
        Candidate(replace(work(key, surface=""), surfaces=(), effort={"build": 3.0}))
        for key in "ABC"
    ]
    taken = replace(work("RUN", surface="Home"), start=FIRST, effort={"build": 3.0})

    found = plan(*three, context=context, fixed=(taken,))

    assert sorted(starts(found).values()) == [FIRST + n * WEEK for n in (1, 2, 3)]


def test_too_much_work_is_said() -> None:
    context = ConflictContext(capacity={"qa": 2.0})
    large = replace(work("A"), effort={"qa": 3.0})

    found = plan(Candidate(large), context=context)

    assert found.unplaced[0].reasons == ("Qa has too few days left.",)


def test_wash_out_parts_tests_and_nothing_else() -> None:
    context = ConflictContext(washout_days=3)
    release = work("REL", weeks=1, kind=ItemKind.RELEASE)

    found = plan(
        Candidate(work("A", weeks=2), 3.0),
        Candidate(work("B", weeks=2), 2.0),
        context=context,
    )
    beside = plan(Candidate(work("A", weeks=2), 3.0), Candidate(release), context=context)

    assert sorted(starts(found).values()) == [FIRST, FIRST + 3 * WEEK]
    assert starts(beside) == {"REL": FIRST, "A": FIRST + WEEK}


def test_a_quarter_that_is_over_says_so() -> None:
    found = plan(Candidate(work("A")), since=date(2026, 1, 1), until=date(2026, 3, 23))

    assert found.unplaced[0].reasons == ("The quarter has no Monday left.",)


def test_nothing_to_place_is_a_plan_as_well() -> None:
    assert plan() == QuarterPlan((), (), 0.0, proven=True)


def _made(seed: int, *, count: int) -> list[Candidate]:
    draw = np.random.default_rng(seed)
    return [
        Candidate(
            replace(
                work(
                    f"I-{number}",
                    surface=str(draw.choice(["Cart", "Home"])),
                    weeks=int(draw.integers(1, 4)),
                    kind=ItemKind.RELEASE if draw.random() < 0.3 else ItemKind.EXPERIMENT,
                ),
                effort={"build": float(draw.integers(0, 6))},
            ),
            float(draw.integers(1, 9)),
        )
        for number in range(count)
    ]


CONTEXT = ConflictContext(capacity={"build": 6.0}, washout_days=2)


def _items(candidates: list[Candidate], found: QuarterPlan) -> list[RoadmapItem]:
    by_key = {each.item.key: each.item for each in candidates}
    return [replace(by_key[each.key], start=each.start, end=each.end) for each in found.placed]


@pytest.mark.parametrize("seed", range(4))
def test_a_plan_has_no_conflict_and_is_worth_as_much_as_the_best_of_all_plans(seed: int) -> None:
    candidates = _made(seed, count=4)
    until = FIRST + 4 * WEEK - DAY
    items = [each.item for each in candidates]
    best = 0.0
    for choice in product((None, 0, 1, 2, 3), repeat=4):
        placed = [
            replace(item, start=FIRST + at * WEEK, end=FIRST + at * WEEK + (item.end - item.start))
            for item, at in zip(items, choice, strict=True)
            if at is not None and item.start and item.end
        ]
        met = conflicts(placed, surfaces=SURFACES, today=TODAY, context=CONTEXT)
        if not any(each.stops or each.rule is Rule.C11 for each in met):
            values = zip(candidates, choice, strict=True)
            best = max(best, sum(each.value for each, at in values if at is not None))

    found = plan(*candidates, context=CONTEXT, until=until)

    met = conflicts(_items(candidates, found), surfaces=SURFACES, today=TODAY, context=CONTEXT)
    assert not any(each.stops or each.rule is Rule.C11 for each in met)
    assert found.value == best
    assert found == plan(*reversed(candidates), context=CONTEXT, until=until)


def test_without_time_the_most_valuable_are_placed_one_by_one() -> None:
    candidates = _made(7, count=12)
    exact = plan(*candidates, context=CONTEXT)

    found = plan(*candidates, context=CONTEXT, time_limit_s=0.0)

    met = conflicts(_items(candidates, found), surfaces=SURFACES, today=TODAY, context=CONTEXT)
    assert not any(each.stops or each.rule is Rule.C11 for each in met)
    assert not found.proven
    assert 0 < found.value <= exact.value
