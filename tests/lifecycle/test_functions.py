"""Who may take which step, in which kind of programme, and what sets a rule aside."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from truelift.lifecycle.functions import (
    ANYBODY,
    MACHINE,
    WHO,
    Function,
    Item,
    Part,
    Signature,
    Standing,
    Waiver,
    people_obstacles,
    waiver_obstacles,
    without_waived,
)
from truelift.lifecycle.obstacle import Obstacle


NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
F = Function
MAY = {
    (Item.SIGNAL, "triaged"): "analytics marketing product_ux cro_lead liaison",
    (Item.SIGNAL, "linked"): "analytics marketing product_ux cro_lead liaison",
    (Item.SIGNAL, "dismissed"): "analytics marketing product_ux cro_lead liaison",
    (Item.SIGNAL, "snoozed"): "analytics marketing product_ux cro_lead liaison",
    (Item.INSIGHT, "accepted"): "analytics marketing product_ux",
    (Item.INSIGHT, "stale"): "analytics marketing product_ux",
    (Item.INSIGHT, "retired"): "analytics marketing product_ux",
    (Item.IDEA, "screened"): "analytics marketing product_ux cro_lead liaison",
    (Item.IDEA, "scored"): "analytics marketing product_ux engineering cro_lead",
    (Item.IDEA, "promoted"): "marketing product_ux cro_lead",
    (Item.IDEA, "parked"): "marketing product_ux cro_lead",
    (Item.IDEA, "rejected"): "marketing product_ux cro_lead",
    (Item.HYPOTHESIS, "accepted"): "marketing product_ux",
    (Item.EXPERIMENT, "designed"): "analytics",
    (Item.EXPERIMENT, "build"): "engineering creative cro_lead",
    (Item.EXPERIMENT, "qa"): "engineering",
    (Item.EXPERIMENT, "ready"): "cro_lead",
    (Item.EXPERIMENT, "scheduled"): "cro_lead",
    (Item.EXPERIMENT, "running"): "cro_lead",
    (Item.EXPERIMENT, "paused"): "cro_lead",
    (Item.EXPERIMENT, "stopped"): "cro_lead",
    (Item.EXPERIMENT, "analysed"): "analytics",
    (Item.EXPERIMENT, "decided"): "",
    (Item.EXPERIMENT, "learned"): "cro_lead",
    (Item.EXPERIMENT, "closed"): "cro_lead",
    (Item.EXPERIMENT, "invalid"): "analytics cro_lead",
    (Item.ROLLOUT, "planned"): "engineering cro_lead",
    (Item.ROLLOUT, "in_progress"): "engineering",
    (Item.ROLLOUT, "live"): "engineering",
    (Item.ROLLOUT, "verified"): "engineering cro_lead",
    (Item.ROLLOUT, "cleaned_up"): "engineering",
    (Item.ROLLOUT, "abandoned"): "cro_lead sponsor",
    (Item.WARNING, "resolved"): "cro_lead",
    (Item.WARNING, "accepted_risk"): "cro_lead sponsor",
    (Item.FREEZE, "agreed"): "engineering cro_lead",
    (Item.FREEZE, "active"): "cro_lead",
    (Item.FREEZE, "ended"): "cro_lead",
    (Item.FREEZE, "cancelled"): "cro_lead",
}
"""The steps that belong to functions, written out by hand; every other step is everybody's."""

SIGNED = (Signature(F.ANALYTICS, "a"), Signature(F.ENGINEERING, "e"), Signature(F.CRO_LEAD, "c"))


def codes(obstacles: tuple[Obstacle, ...]) -> list[str]:
    return [each.code for each in obstacles]


def test_every_step_belongs_to_the_functions_that_the_table_by_hand_says() -> None:
    in_squads = {**MAY, (Item.EXPERIMENT, "ready"): f"{MAY[Item.IDEA, 'scored']}"}

    for (item, to), function, central in product(WHO, Function, (True, False)):
        table = MAY if central else in_squads
        by = Standing("p", functions=frozenset({function}), in_use=True)

        found = people_obstacles(item, to, by=by, signed=SIGNED, central=central)

        allowed = (item, to) not in table or function.value in table[item, to].split()
        assert codes(found) == ([] if allowed else ["people.function"]), (item, to, function)


def test_while_nobody_has_a_function_no_step_is_refused_to_a_person() -> None:
    assert [step for step in WHO if people_obstacles(*step, by=ANYBODY)] == []


def test_a_machine_drafts_and_watches_and_accepts_and_decides_nothing() -> None:
    free = {f"{item}:{to}" for item, to in WHO if not people_obstacles(item, to, by=MACHINE)}

    assert free == {
        "signal:new",
        "insight:draft",
        "insight:stale",
        "idea:submitted",
        "hypothesis:draft",
        "hypothesis:tested",
        "experiment:running",
        "experiment:paused",
        "experiment:stopped",
        "experiment:analysed",
        "experiment:invalid",
        "rollout:planned",
        "rollout:in_progress",
        "rollout:live",
        "warning:open",
        "warning:resolved",
        "freeze:active",
        "freeze:ended",
    }


def test_a_part_of_the_item_reaches_as_far_as_a_function() -> None:
    owner = Standing("o", functions=frozenset({F.SALES}), in_use=True)
    parts = {Part.DECISION_OWNER: frozenset({"o"})}

    assert people_obstacles(Item.EXPERIMENT, "decided", by=owner, parts=parts) == ()
    assert codes(people_obstacles(Item.EXPERIMENT, "decided", by=owner)) == ["people.function"]


def test_nobody_passes_their_own_work_on() -> None:
    author = Standing("p", functions=frozenset({F.PRODUCT_UX}), in_use=True)
    parts = {Part.AUTHOR: frozenset({"p"})}

    found = people_obstacles(Item.HYPOTHESIS, "accepted", by=author, parts=parts)

    assert codes(found) == ["people.same_person"]


@pytest.mark.parametrize(
    ("signed", "expected"),
    [
        ((), ["people.unsigned_analytics", "people.unsigned_engineering"]),
        ((Signature(F.ANALYTICS, "a"),), ["people.unsigned_engineering"]),
        ((Signature(F.ANALYTICS, "a"), Signature(F.ENGINEERING, "a")), ["people.signed_by_one"]),
        (
            (Signature(F.ANALYTICS, "a"), Signature(F.ENGINEERING, "author")),
            ["people.unsigned_engineering"],
        ),
        ((Signature(F.ANALYTICS, "a"), Signature(F.ENGINEERING, "e")), []),
    ],
)
def test_ready_takes_two_signatures_of_two_people_neither_of_whom_wrote_it(
    signed: tuple[Signature, ...], expected: list[str]
) -> None:
    lead = Standing("c", functions=frozenset({F.CRO_LEAD}), in_use=True)
    parts = {Part.AUTHOR: frozenset({"author"})}

    found = people_obstacles(Item.EXPERIMENT, "ready", by=lead, parts=parts, signed=signed)

    assert codes(found) == expected


def test_a_step_that_no_rule_knows_is_nobodys() -> None:
    assert codes(people_obstacles(Item.IDEA, "eaten")) == ["people.no_such_step"]


WAIVER = Waiver(
    code="experiment.too_long",
    reason="The season is long.",
    asked_by="p",
    approver="c",
    expires_at=NOW + timedelta(days=7),
    approver_functions=frozenset({F.CRO_LEAD}),
)


@pytest.mark.parametrize(
    ("waiver", "expected"),
    [
        (WAIVER, []),
        (replace(WAIVER, reason=" "), ["waiver.no_reason"]),
        (replace(WAIVER, approver=""), ["waiver.no_approver"]),
        (replace(WAIVER, approver="p"), ["waiver.own"]),
        (replace(WAIVER, approver_functions=frozenset({F.SALES})), ["waiver.not_approver"]),
        (replace(WAIVER, expires_at=NOW), ["waiver.expired"]),
    ],
)
def test_a_waiver_has_a_reason_somebody_else_who_approves_it_and_an_end(
    waiver: Waiver, expected: list[str]
) -> None:
    said = waiver_obstacles(waiver, now=NOW, in_use=True)

    assert codes(said) == expected


def test_a_squad_with_its_own_gate_waives_nothing_for_itself() -> None:
    parts = {Part.BUILDER: frozenset({"c"})}

    squads = waiver_obstacles(WAIVER, now=NOW, in_use=True, parts=parts, central=False)
    one_team = waiver_obstacles(WAIVER, now=NOW, in_use=True, parts=parts, central=True)

    assert (codes(squads), one_team) == (["waiver.own_squad"], ())


def test_a_waiver_that_holds_sets_its_own_obstacle_aside_and_no_other() -> None:
    long = Obstacle("experiment.too_long", "It is long.", "Shorten it.")
    late = Obstacle("experiment.too_late", "It is late.", "Hurry.")

    left = without_waived([long, late], [WAIVER], now=NOW, in_use=True)
    all_stay = without_waived([long, late], [WAIVER], now=NOW + timedelta(days=8), in_use=True)

    assert left == (late,)
    assert all_stay == (long, late)
