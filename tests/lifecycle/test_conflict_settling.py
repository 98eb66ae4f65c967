"""What settles a conflict, whom it stops, and when it is taken further."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from truelift.lifecycle.conflict import Conflict, conflicts
from truelift.lifecycle.conflict_rules import Resolution, Rule, settles
from truelift.lifecycle.conflict_settling import (
    Settlement,
    escalation,
    obstacles_of,
    settled,
    settlement_obstacles,
    unresolved,
)
from truelift.lifecycle.roadmap_item import Audience, ItemKind, ItemStage, RoadmapItem


TODAY = date(2026, 2, 2)
TEST = RoadmapItem(
    key="EXP-1",
    kind=ItemKind.EXPERIMENT,
    what="Shorter headline",
    surfaces=("Cart",),
    elements=("headline",),
    start=date(2026, 3, 2),
    end=date(2026, 3, 16),
    owner="ada",
)
PLANNED = Settlement(Resolution.PLAN, by=("ada",), plan="Analysed as a factorial of two.")


def found(*items: RoadmapItem) -> tuple[Conflict, ...]:
    given = conflicts(items, surfaces=(), today=TODAY)
    return tuple(each for each in given if each.rule is not Rule.C11)


def of(rule: Rule) -> Conflict:
    """A conflict of any rule, as the engine gives it."""
    (first,) = found(TEST, replace(TEST, key="EXP-2", owner="ben"))
    return replace(first, rule=rule, severity=rule.severity, resolutions=rule.resolutions)


@pytest.mark.parametrize(
    ("rule", "holds"),
    [
        (Rule.C1, False),
        (Rule.C2, True),
        (Rule.C3, True),
        (Rule.C4, True),
        (Rule.C5, True),
        (Rule.C6, False),
        (Rule.C7, False),
        (Rule.C8, True),
        (Rule.C9, True),
        (Rule.C10, False),
        (Rule.C11, False),
        (Rule.C12, False),
        (Rule.C13, False),
        (Rule.C14, True),
    ],
)
def test_a_written_plan_settles_what_can_be_analysed_and_nothing_that_breaks_a_test(
    rule: Rule, *, holds: bool
) -> None:
    conflict = of(rule)

    assert settled(conflict, PLANNED, found=(conflict,)) is holds
    assert settles(Resolution.PLAN, rule) is holds
    assert (settlement_obstacles(conflict, PLANNED) == ()) is holds


def test_an_empty_plan_is_none() -> None:
    (obstacle,) = settlement_obstacles(of(Rule.C2), Settlement(Resolution.PLAN, plan=" \n"))

    assert obstacle.code == "conflict.no_plan"


@pytest.mark.parametrize(
    ("by", "codes"),
    [
        (("ada", "ben"), []),
        (("ben", "ada", "cleo"), []),
        (("ada",), ["conflict.owner_silent"]),
        ((), ["conflict.owner_silent"]),
    ],
)
def test_an_approval_is_one_of_every_owner(by: tuple[str, ...], codes: list[str]) -> None:
    approval = Settlement(Resolution.APPROVE, by=by)

    said = settlement_obstacles(of(Rule.C10), approval)

    assert [each.code for each in said] == codes
    assert settled(of(Rule.C10), approval, found=(of(Rule.C10),)) is (codes == [])


def test_nobody_can_approve_what_nobody_owns() -> None:
    nobodys = replace(of(Rule.C10), owners=())

    said = settlement_obstacles(nobodys, Settlement(Resolution.APPROVE, by=("ada",)))

    assert [each.code for each in said] == ["conflict.owner_silent"]


OTHER = replace(TEST, key="EXP-2", owner="ben")
DE, FR = ({"country": Audience(allow=frozenset({country}))} for country in ("de", "fr"))


@pytest.mark.parametrize(
    ("resolution", "after"),
    [
        (
            Resolution.MOVE,
            (TEST, replace(OTHER, start=date(2026, 3, 16), end=date(2026, 3, 30))),
        ),
        (
            Resolution.EXCLUDE,
            (replace(TEST, layer="a", high=0.5), replace(OTHER, layer="a", low=0.5)),
        ),
        (Resolution.NARROW, (replace(TEST, audience=DE), replace(OTHER, audience=FR))),
        (Resolution.MERGE, (TEST, replace(OTHER, stage=ItemStage.CANCELLED))),
    ],
)
def test_what_changes_the_items_settles_only_when_the_conflict_is_gone(
    resolution: Resolution, after: tuple[RoadmapItem, ...]
) -> None:
    before = found(TEST, OTHER)

    assert [each.rule for each in before] == [Rule.C1]
    assert not settled(before[0], Settlement(resolution), found=before)
    assert settled(before[0], Settlement(resolution), found=found(*after))


def test_a_change_judged_harmless_is_not_found_again() -> None:
    change = replace(OTHER, key="RM-1", kind=ItemKind.RELEASE)
    before = found(TEST, change)
    harmless = found(TEST, replace(change, benign=frozenset({"EXP-1"})))

    assert [each.rule for each in before] == [Rule.C6]
    assert not settled(before[0], Settlement(Resolution.BENIGN), found=before)
    assert settled(before[0], Settlement(Resolution.BENIGN), found=harmless)


def test_a_way_that_is_none_is_named_with_those_that_are() -> None:
    (obstacle,) = settlement_obstacles(of(Rule.C12), PLANNED)

    assert obstacle.code == "conflict.settles_nothing"
    assert obstacle.remedy == "Choose another way: move."


def test_a_block_and_a_missing_plan_stop_an_item_and_a_warning_does_not() -> None:
    open_ones = [of(rule) for rule in Rule]

    said = obstacles_of("EXP-1", open_ones)

    assert [each.code for each in said] == [
        "conflict.c1",
        "conflict.c2",
        "conflict.c3",
        "conflict.c6",
        "conflict.c7",
        "conflict.c10",
        "conflict.c12",
        "conflict.c14",
    ]
    assert obstacles_of("EXP-2", open_ones) == said
    assert obstacles_of("EXP-3", open_ones) == ()


def test_a_resolved_conflict_stops_nobody() -> None:
    conflict = of(Rule.C2)

    assert obstacles_of("EXP-1", [conflict], {conflict.identity}) == ()
    assert unresolved([conflict], {conflict.identity: PLANNED}) == ()
    assert unresolved([conflict], {}) == (conflict,)
    assert unresolved([conflict], {conflict.identity: Settlement(Resolution.MOVE)}) == (conflict,)


def test_a_plan_for_two_elements_does_not_hold_for_one() -> None:
    conflict = of(Rule.C1)

    assert unresolved([conflict], {of(Rule.C2).identity: PLANNED}) == (conflict,)


@pytest.mark.parametrize(
    ("detected", "today", "lead", "due", "escalates", "escalated"),
    [
        # Monday, 2 March, less five working days is Monday, 23 February.
        (date(2026, 2, 2), date(2026, 2, 22), 28, date(2026, 2, 9), date(2026, 2, 23), False),
        (date(2026, 2, 2), date(2026, 2, 23), 28, date(2026, 2, 9), date(2026, 2, 23), True),
        (date(2026, 2, 18), date(2026, 2, 18), 12, date(2026, 2, 23), date(2026, 2, 23), False),
        (date(2026, 2, 26), date(2026, 2, 26), 4, date(2026, 2, 26), date(2026, 2, 26), True),
        (date(2026, 3, 4), date(2026, 3, 4), -2, date(2026, 3, 4), date(2026, 3, 4), True),
    ],
)
def test_a_conflict_is_taken_further_five_working_days_before_it_begins(
    detected: date, today: date, lead: int, due: date, escalates: date, *, escalated: bool
) -> None:
    time = escalation(of(Rule.C1), detected=detected, today=today)

    assert (time.lead_days, time.due, time.escalates_on) == (lead, due, escalates)
    assert time.escalated is escalated


def test_free_days_bring_the_escalation_forward() -> None:
    friday = date(2026, 2, 27)

    time = escalation(of(Rule.C1), detected=TODAY, today=TODAY, free={friday})

    assert time.escalates_on == date(2026, 2, 20)
    assert time.due == TODAY + timedelta(days=7)
