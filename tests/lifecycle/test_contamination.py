"""What a change means for a test: near or far, by policy, by two people, and the ways out."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from truelift.lifecycle.change import Change, ChangeKind
from truelift.lifecycle.contamination import (
    Counts,
    Scope,
    UnderTest,
    Verdict,
    Vote,
    WayOut,
    adjudicated,
    classify,
    invalidates,
    scope_of,
    vote_obstacles,
    waits_for,
    way_out_obstacles,
)
from truelift.lifecycle.functions import Function
from truelift.lifecycle.surface import Surface


START = datetime(2026, 5, 4, tzinfo=UTC)
CART = Surface("Cart", funnel="buy", step=1)
CHECKOUT = Surface("Checkout", funnel="buy", step=2, bundle="shop.js")
THANKS = Surface("Thanks", funnel="buy", step=3)
SEARCH = Surface("Search", bundle="shop.js")
BLOG = Surface("Blog")
SURFACES = (CART, CHECKOUT, THANKS, SEARCH, BLOG)
TEST = UnderTest(
    "new-checkout", "Checkout", ("headline",), since=START, until=START + timedelta(weeks=2)
)
DEPLOY = Change(kind=ChangeKind.DEPLOY, external_id="1")
ENG, ANA = Function.ENGINEERING, Function.ANALYTICS


@pytest.mark.parametrize(
    ("where", "elements", "expected"),
    [
        (("Checkout",), (), Scope.PAGE),
        (("checkout",), ("Headline",), Scope.SAME_ELEMENT),
        (("Checkout",), ("footer",), Scope.PAGE),
        (("Cart",), (), Scope.UPSTREAM),
        (("Thanks",), (), None),
        (("Search",), (), Scope.SHARED_BUNDLE),
        (("Blog",), (), None),
        ((), (), None),
        (("Search", "Cart", "Checkout"), (), Scope.PAGE),
        (("Search", "Cart"), (), Scope.UPSTREAM),
    ],
)
def test_the_nearest_surface_says_how_near_a_change_came(
    where: tuple[str, ...], elements: tuple[str, ...], expected: Scope | None
) -> None:
    assert scope_of(replace(DEPLOY, elements=elements), where, TEST, SURFACES) is expected


def test_a_test_without_a_surface_is_touched_by_nothing() -> None:
    assert scope_of(DEPLOY, ("Checkout",), replace(TEST, surface=""), SURFACES) is None


@pytest.mark.parametrize("kind", ChangeKind)
def test_what_changes_what_visitors_see_is_fatal_on_the_tested_surface_alone(
    kind: ChangeKind,
) -> None:
    known = {"deploy", "flag", "cms", "price", "content"}
    change = replace(DEPLOY, kind=kind)

    found = {scope: classify(change, TEST, scope).verdict for scope in Scope}

    near = Verdict.FATAL if kind.value in known else Verdict.SUSPECT
    assert found == {
        Scope.SAME_ELEMENT: near,
        Scope.PAGE: near,
        Scope.UPSTREAM: Verdict.SUSPECT,
        Scope.SHARED_BUNDLE: Verdict.SUSPECT,
    }


def test_what_the_sender_calls_part_of_the_plan_is_suspect_until_people_say_more() -> None:
    assert (
        classify(replace(DEPLOY, planned_for=("new-checkout",)), TEST, Scope.PAGE).verdict
        is Verdict.SUSPECT
    )
    assert (
        classify(replace(DEPLOY, planned_for=("other",)), TEST, Scope.PAGE).verdict is Verdict.FATAL
    )


def test_a_moment_counts_from_the_launch_to_the_end() -> None:
    end = START + timedelta(weeks=2)

    assert [TEST.counts_at(at) for at in (START, end - timedelta(seconds=1), end)] == [
        True,
        True,
        False,
    ]
    assert not TEST.counts_at(START - timedelta(seconds=1))
    assert not replace(TEST, since=None).counts_at(START)
    assert replace(TEST, until=None).counts_at(end)


@pytest.mark.parametrize(("first", "second"), list(permutations(Verdict, 2)))
def test_it_takes_both_functions_and_the_worse_word_holds(first: Verdict, second: Verdict) -> None:
    one, two = Vote(ENG, "ada", first), Vote(ANA, "ben", second)

    assert adjudicated([]) is adjudicated([one]) is adjudicated([two]) is None
    assert adjudicated([one, two]) is min((first, second), key=lambda each: each.rank)
    assert waits_for([one]) == (ANA,)


def test_one_person_never_speaks_for_both() -> None:
    alone = [Vote(ENG, "ada", Verdict.BENIGN), Vote(ANA, "ada", Verdict.BENIGN)]

    assert adjudicated(alone) is None
    assert [each.code for each in vote_obstacles(alone[1], reason="Looked", before=alone[:1])] == [
        "contamination.same_person"
    ]


def test_a_later_word_of_a_function_takes_the_place_of_its_earlier_one() -> None:
    votes = [
        Vote(ENG, "ada", Verdict.FATAL),
        Vote(ANA, "ben", Verdict.BENIGN),
        Vote(ENG, "cleo", Verdict.BENIGN),
    ]

    assert adjudicated(votes) is Verdict.BENIGN


def test_a_word_needs_the_function_and_a_reason() -> None:
    vote = Vote(ENG, "ada", Verdict.BENIGN)

    found = vote_obstacles(vote, reason=" ", functions=frozenset({ANA}), in_use=True)
    strange = vote_obstacles(Vote(Function.SALES, "ada", Verdict.BENIGN), reason="Looked")

    assert [each.code for each in found] == [
        "contamination.not_your_function",
        "contamination.no_reason",
    ]
    assert [each.code for each in strange] == ["contamination.wrong_function"]
    assert vote_obstacles(vote, reason="Looked", functions=frozenset({ENG}), in_use=True) == ()


COUNTS = Counts(before={"a": 500, "b": 480}, after={"a": 500, "b": 520})


def test_the_share_after_is_of_everybody_and_the_clean_part_of_the_smallest_variant() -> None:
    assert COUNTS.share_after == pytest.approx(0.51)
    assert COUNTS.clean == 480
    assert Counts({}, {}).share_after is None


@pytest.mark.parametrize(
    ("counts", "planned", "invalid", "codes"),
    [
        (COUNTS, 480, False, []),
        (COUNTS, 481, False, ["contamination.clean_part_too_small"]),
        (None, 480, False, ["contamination.not_counted"]),
        (COUNTS, None, False, ["contamination.no_planned_units"]),
        (COUNTS, 480, True, ["contamination.already_invalid"]),
    ],
)
def test_the_clean_part_decides_only_when_it_is_as_large_as_was_planned(
    counts: Counts | None,
    planned: int | None,
    invalid: bool,
    codes: list[str],
) -> None:
    found = way_out_obstacles(WayOut.CLEAN_SEGMENT, counts=counts, planned=planned, invalid=invalid)

    assert [each.code for each in found] == codes
    assert way_out_obstacles(WayOut.RESTART, counts=None, planned=None, invalid=True) == ()


def test_without_a_fatal_change_there_is_nothing_to_get_out_of() -> None:
    found = way_out_obstacles(
        WayOut.DISCARD, counts=COUNTS, planned=480, invalid=False, fatal=False
    )

    assert [each.code for each in found] == ["contamination.no_way_out_needed"]


@pytest.mark.parametrize(
    ("verdict", "counts", "planned", "ran", "left", "ends"),
    [
        (Verdict.SUSPECT, None, 480, 3, 11, False),
        (Verdict.FATAL, None, 480, 3, 11, True),
        (Verdict.FATAL, None, None, 30, 0, True),
        (Verdict.FATAL, COUNTS, 480, 3, 11, False),
        (Verdict.FATAL, COUNTS, 481, 30, 0, True),
        (Verdict.FATAL, None, 480, 20, 0, None),
        (Verdict.FATAL, Counts({}, {}), 480, 3, 11, True),
    ],
)
def test_a_fatal_change_ends_a_test_unless_enough_came_before_it(
    verdict: Verdict,
    counts: Counts | None,
    planned: int | None,
    ran: int,
    left: int,
    ends: bool | None,
) -> None:
    found = invalidates(verdict, counts=counts, planned=planned, days_ran=ran, days_left=left)

    assert found is ends
