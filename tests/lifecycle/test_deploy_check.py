"""Every test and freeze in the way of a deploy is said at once, and what would lift it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from truelift.lifecycle.deploy_check import (
    Approval,
    Decision,
    DeployPolicy,
    DeployRequest,
    ReasonKind,
    Side,
    Trial,
    Verdict,
    decide,
    deploy_policy_obstacles,
    request_obstacles,
    surfaces_said,
)
from truelift.lifecycle.freeze import Freeze, FreezeStage, Source, Strength
from truelift.lifecycle.freeze_figures import (
    Checked,
    Compliance,
    Deploy,
    compliance,
    frozen_days,
    frozen_of,
    overridden_share,
)
from truelift.lifecycle.surface import Surface


NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = timedelta(days=1)
SURFACES = (
    Surface("Checkout", code=("src/checkout/**",), bundle="shop"),
    Surface("Cart", code=("src/cart/",), bundle="shop"),
    Surface("Blog", code=("blog",)),
)
TEST = Trial("EXP-41", ("Checkout",), NOON - 5 * DAY, NOON + 9 * DAY, "Mara", 0.46)
SEASON = Freeze(
    key="F-1",
    what="Black Friday",
    stage=FreezeStage.AGREED,
    surfaces=("Checkout", "Cart"),
    starts=NOON - DAY,
    ends=NOON + 4 * DAY,
    source=Source.SEASON,
    owner="Ben",
)
OF_TEST = Freeze(
    key="F-2",
    what="EXP-41",
    stage=FreezeStage.AGREED,
    surfaces=("Checkout",),
    starts=TEST.starts,
    ends=TEST.ends,
    source=Source.EXPERIMENT,
    of="EXP-41",
)


POLICY = DeployPolicy(version=7)


def ask(
    *surfaces: str,
    paths: tuple[str, ...] = (),
    freezes: tuple[Freeze, ...] = (),
    tests: tuple[Trial, ...] = (),
    policy: DeployPolicy = POLICY,
    at: datetime = NOON,
    approvals: tuple[Approval, ...] = (),
    **request: object,
) -> Decision:
    asked = DeployRequest(surfaces, paths, **request)  # type: ignore[arg-type]
    return decide(
        asked,
        surfaces=SURFACES,
        freezes=freezes,
        tests=tests,
        policy=policy,
        at=at,
        approvals=approvals,
    )


def approval(side: Side, of: str = "EXP-41", **changed: object) -> Approval:
    given = Approval(of, side, f"who is {side}", until=NOON + DAY, since=NOON - DAY)
    return replace(given, **changed)  # type: ignore[arg-type]


def test_a_running_test_denies_its_surface_with_its_end_and_owner() -> None:
    said = ask("checkout", tests=(TEST,))

    assert said.verdict is Verdict.DENY
    assert said.until == TEST.ends
    (reason,) = said.reasons
    assert (reason.kind, reason.id, reason.surface) == (
        ReasonKind.RUNNING_TEST,
        "EXP-41",
        "Checkout",
    )
    assert (reason.ends, reason.owner, reason.share_collected) == (TEST.ends, "Mara", 0.46)
    assert said.approvals_possible == (Side.LIAISON, Side.DECISION_OWNER)
    assert (said.tests, said.policy) == (("EXP-41",), 7)


def test_another_surface_is_free() -> None:
    said = ask("Blog", tests=(TEST,), freezes=(SEASON, OF_TEST))

    assert (said.verdict, said.reasons, said.until) == (Verdict.ALLOW, (), None)


@pytest.mark.parametrize(
    ("at", "verdict"),
    [
        (TEST.starts - timedelta(seconds=1), Verdict.ALLOW),
        (TEST.starts, Verdict.DENY),
        (NOON + 9 * DAY - timedelta(seconds=1), Verdict.DENY),
        (NOON + 9 * DAY, Verdict.ALLOW),
    ],
)
def test_a_test_freezes_from_its_first_instant_to_its_last(at: datetime, verdict: Verdict) -> None:
    assert ask("Checkout", tests=(TEST,), at=at).verdict is verdict


def test_every_reason_is_said_at_once_and_the_last_end_counts() -> None:
    later = replace(SEASON, key="F-3", starts=NOON + 9 * DAY, ends=NOON + 20 * DAY)

    said = ask(
        "checkout",
        "Nowhere",
        paths=("src/cart/add.py", "infra/x.tf"),
        tests=(TEST,),
        freezes=(SEASON, OF_TEST, later),
    )

    assert [(each.kind, each.id, each.surface) for each in said.reasons] == [
        (ReasonKind.RUNNING_TEST, "EXP-41", "Checkout"),
        (ReasonKind.SEASON, "F-1", "Checkout"),
        (ReasonKind.SEASON, "F-1", "Cart"),
        (ReasonKind.UNKNOWN_SURFACE, "Nowhere", "Nowhere"),
        (ReasonKind.UNMAPPED_CODE, "infra/x.tf", ""),
    ]
    assert said.surfaces == ("Checkout", "Cart")
    # The next freeze begins in the very instant in which the test ends.
    assert said.until == NOON + 20 * DAY


def test_a_surface_that_nobody_knows_is_no_free_surface() -> None:
    said = ask("Chekout")

    assert (said.verdict, said.until) == (Verdict.UNKNOWN, None)
    assert ask("Chekout", "Checkout", tests=(TEST,)).verdict is Verdict.DENY


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("checkout", ("checkout",)),
        ("checkout, payment step", ("checkout, payment step",)),
        ("Cart,Checkout,payment step , x", ("Cart", "Checkout, payment step", "x")),
        ("checkout, cart", ("checkout", "cart")),
        (" , ", ()),
    ],
)
def test_a_name_may_have_commas_of_its_own(text: str, said: tuple[str, ...]) -> None:
    assert surfaces_said(text, ["Checkout", "Checkout, payment step", "Cart"]) == said


def test_a_surface_that_only_a_test_names_is_known() -> None:
    over = replace(TEST, surfaces=("Landing page",), ends=NOON - DAY)

    assert ask("landing page ", tests=(over,)).verdict is Verdict.ALLOW


@pytest.mark.parametrize("word", [Verdict.ALLOW, Verdict.WARN, Verdict.DENY])
def test_of_unmapped_files_the_policy_has_the_word(word: Verdict) -> None:
    said = ask(paths=("infra/x.tf",), policy=DeployPolicy(unmapped=word))

    assert said.verdict is word
    assert said.approvals_possible == ()


def test_files_say_where_they_are_deployed() -> None:
    said = ask(paths=("src/checkout/pay/form.ts",), tests=(TEST,))

    assert (said.verdict, said.surfaces) == (Verdict.DENY, ("Checkout",))


def test_code_that_is_shared_with_a_tested_surface_is_worth_a_warning() -> None:
    said = ask("Cart", tests=(TEST,))

    assert said.verdict is Verdict.WARN
    assert said.reasons[0].kind is ReasonKind.SHARED_CODE
    assert said.tests == ()


def test_where_visitors_are_not_no_freeze_holds() -> None:
    said = ask("Checkout", tests=(TEST,), env="staging")

    assert said.verdict is Verdict.ALLOW
    assert said.reasons[0].kind is ReasonKind.OTHER_ENVIRONMENT


@pytest.mark.parametrize(
    ("stage", "verdict", "said"),
    [
        (FreezeStage.AGREED, Verdict.DENY, "EXP-41 runs on Checkout."),
        (FreezeStage.ACTIVE, Verdict.DENY, "EXP-41 runs on Checkout."),
        (FreezeStage.PROPOSED, Verdict.WARN, "nobody has agreed to its freeze"),
        (FreezeStage.CANCELLED, Verdict.WARN, "its freeze was lifted"),
    ],
)
def test_the_freeze_of_a_test_says_what_the_test_asks(
    stage: FreezeStage, verdict: Verdict, said: str
) -> None:
    found = ask("Checkout", tests=(TEST,), freezes=(replace(OF_TEST, stage=stage),))

    assert found.verdict is verdict
    assert len(found.reasons) == 1
    assert said in found.reasons[0].sentence


def test_a_test_without_agreement_only_warns_where_agreement_is_asked_for() -> None:
    asked = DeployPolicy(agreed_at_once=False)

    assert ask("Checkout", tests=(TEST,), policy=asked).verdict is Verdict.WARN


def test_a_freeze_that_nobody_agreed_to_binds_nobody() -> None:
    proposed = replace(SEASON, stage=FreezeStage.PROPOSED)

    assert ask("Cart", freezes=(proposed,)).verdict is Verdict.ALLOW


def test_a_freeze_is_judged_as_it_stood_at_the_moment() -> None:
    ended = replace(SEASON, stage=FreezeStage.ENDED, agreed_at=NOON - DAY / 2, over_at=NOON + DAY)

    at = {
        hours: ask("Cart", freezes=(ended,), at=NOON + timedelta(hours=hours))
        for hours in (-13, -11, 23, 24)
    }

    assert [each.verdict.value for each in at.values()] == ["allow", "deny", "deny", "allow"]


@pytest.mark.parametrize(
    ("strength", "sides", "verdict", "missing"),
    [
        (Strength.ADVISE, (), Verdict.WARN, ()),
        (Strength.REQUIRE_APPROVAL, (), Verdict.DENY, (Side.LIAISON, Side.DECISION_OWNER)),
        (Strength.REQUIRE_APPROVAL, (Side.LIAISON,), Verdict.ALLOW, ()),
        (Strength.DENY, (), Verdict.DENY, (Side.LIAISON, Side.DECISION_OWNER)),
        (Strength.DENY, (Side.LIAISON,), Verdict.DENY, (Side.DECISION_OWNER,)),
        (Strength.DENY, (Side.LIAISON, Side.DECISION_OWNER), Verdict.ALLOW, ()),
    ],
)
def test_approvals_lift_what_they_are_enough_for(
    strength: Strength, sides: tuple[Side, ...], verdict: Verdict, missing: tuple[Side, ...]
) -> None:
    said = ask(
        "Checkout",
        tests=(TEST,),
        freezes=(replace(OF_TEST, strength=strength),),
        approvals=tuple(approval(side) for side in sides),
    )

    assert (said.verdict, said.approvals_possible) == (verdict, missing)


@pytest.mark.parametrize(
    "changed",
    [
        {"of": "EXP-9"},
        {"until": NOON},
        {"since": NOON + DAY / 2},
        {"sha": "another"},
        {"surface": "Cart"},
    ],
)
def test_an_approval_of_something_else_lifts_nothing(changed: dict[str, object]) -> None:
    given = tuple(replace(approval(side), **changed) for side in Side)  # type: ignore[arg-type]

    assert ask("Checkout", tests=(TEST,), approvals=given, sha="abc").verdict is Verdict.DENY


def test_an_approval_may_name_the_freeze_of_the_test() -> None:
    given = (approval(Side.LIAISON, "F-2", surface="checkout"), approval(Side.DECISION_OWNER))

    said = ask("Checkout", tests=(TEST,), freezes=(OF_TEST,), approvals=given)

    assert said.verdict is Verdict.ALLOW
    assert said.reasons[0].sentence.endswith(
        "and who is liaison and who is decision_owner approved."
    )


def test_what_no_approval_lifts_promises_none() -> None:
    strict = DeployPolicy(unmapped=Verdict.DENY)

    said = ask("Checkout", paths=("infra/x.tf",), tests=(TEST,), policy=strict)

    assert (said.verdict, said.approvals_possible) == (Verdict.DENY, ())


def test_an_emergency_is_allowed_and_says_what_it_overrode() -> None:
    said = ask("Checkout", tests=(TEST,), emergency=True, reason="Card data leaks.", by="Ben")

    assert (said.verdict, said.before_override, said.overridden) == (
        Verdict.ALLOW,
        Verdict.DENY,
        True,
    )
    assert said.tests == ("EXP-41",)
    assert len(said.reasons) == 1


def test_an_emergency_takes_a_person_and_a_reason() -> None:
    asked = DeployRequest(("Checkout",), emergency=True, reason=" ")

    assert [each.code for each in request_obstacles(asked)] == [
        "deploys.no_reason",
        "deploys.nobody_overrides",
    ]
    assert [each.code for each in request_obstacles(DeployRequest())] == ["deploys.nothing_asked"]


def test_nobody_knows_when_a_test_without_an_end_is_over() -> None:
    said = ask("Checkout", tests=(replace(TEST, ends=None),), freezes=(SEASON,))

    assert (said.verdict, said.until) == (Verdict.DENY, None)


def test_a_policy_says_what_is_wrong_with_it() -> None:
    bad = DeployPolicy(lead_days=31, unmapped=Verdict.UNKNOWN, environments=("Production",))

    assert [each.code for each in deploy_policy_obstacles(bad)] == [
        "deploy_policy.lead_days",
        "deploy_policy.unmapped",
        "deploy_policy.environments",
    ]
    assert deploy_policy_obstacles(DeployPolicy()) == ()


@given(st.permutations([SEASON, OF_TEST, replace(SEASON, key="F-9", strength=Strength.ADVISE)]))
def test_the_order_of_the_freezes_changes_nothing(freezes: list[Freeze]) -> None:
    said = ask("Checkout", tests=(TEST,), freezes=tuple(freezes))

    assert (said.verdict, said.until) == (Verdict.DENY, TEST.ends)
    assert {each.id for each in said.reasons} == {"EXP-41", "F-1", "F-9"}


def test_days_that_overlap_are_frozen_once() -> None:
    windows = [
        (NOON, NOON + 10 * DAY),
        (NOON + 2 * DAY, NOON + 4 * DAY),
        (NOON + 9 * DAY, NOON + 12 * DAY),
        (NOON + 20 * DAY, None),
    ]

    assert frozen_days(windows, since=NOON + DAY, until=NOON + 25 * DAY) == pytest.approx(16)


def test_a_surface_that_is_frozen_for_more_than_half_a_quarter_is_said() -> None:
    since, until = NOON, NOON + 90 * DAY
    long = replace(SEASON, starts=since, ends=since + 46 * DAY, surfaces=("Cart",))

    found = frozen_of(
        ["Blog", "Cart", "Checkout"],
        freezes=(long, OF_TEST),
        tests=(TEST, replace(TEST, key="EXP-50", surfaces=("Blog",))),
        policy=DeployPolicy(),
        since=since,
        until=until,
    )

    assert [(each.surface, round(each.days), each.too_long) for each in found] == [
        ("Cart", 46, True),
        ("Blog", 9, False),
        ("Checkout", 9, False),
    ]


def test_compliance_counts_deploys_on_frozen_surfaces_without_approval() -> None:
    deploys = [
        Deploy(("Checkout",), NOON, "a"),
        Deploy(("Checkout",), NOON, "b"),
        Deploy(("Blog",), NOON, "c"),
        Deploy((), NOON, "d"),
    ]

    found = compliance(
        deploys,
        surfaces=SURFACES,
        freezes=(),
        tests=(TEST,),
        policy=DeployPolicy(),
        approvals=tuple(approval(side, sha="b") for side in Side),
    )

    assert found == Compliance(deploys=4, against=1)
    assert found.share == 0.25
    assert Compliance(0, 0).share is None


def test_releases_are_counted_and_not_how_often_a_pipeline_asks() -> None:
    checks = [
        Checked("shop@a", denied=True, overridden=False),
        Checked("shop@a", denied=True, overridden=False),
        Checked("shop@a", denied=True, overridden=True),
        Checked("shop@b", denied=True, overridden=False),
        Checked("shop@c", denied=False, overridden=False),
    ]

    assert overridden_share(checks) == 0.5
    assert overridden_share([]) is None


def test_the_words_of_a_verdict_are_those_of_the_contract() -> None:
    assert json.dumps([Verdict.ALLOW, Verdict.WARN, Verdict.DENY]) == '["allow", "warn", "deny"]'


def test_a_deploy_on_an_earlier_step_of_the_funnel_is_worth_a_word() -> None:
    steps = [
        Surface(name, funnel="Order", step=step)
        for step, name in enumerate(("Product", "Cart", "Checkout"), 1)
    ]

    def told(name: str, tested: str) -> Decision:
        test = replace(TEST, surfaces=(tested,))
        request = DeployRequest((name,))
        return decide(request, surfaces=steps, freezes=(), tests=[test], policy=POLICY, at=NOON)

    warned = told("Product", "Checkout")

    (reason,) = warned.reasons
    assert (warned.verdict, warned.until, warned.tests) == (Verdict.WARN, TEST.ends, ())
    assert (reason.kind, reason.id, reason.surface) == (ReasonKind.UPSTREAM, "EXP-41", "Checkout")
    assert "where visitors come from Product" in reason.sentence
    assert told("Checkout", "Cart").verdict is Verdict.ALLOW
    assert told("Cart", "Cart").verdict is Verdict.DENY
