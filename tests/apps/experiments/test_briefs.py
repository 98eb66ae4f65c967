"""What is settled around an experiment, by whom, and how it holds a launch up."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from truelift.apps.accounts.models import AuditEvent, Membership, User
from truelift.apps.briefs.models import BriefRecord
from truelift.apps.briefs.services import (
    BadBrief,
    BriefChange,
    BriefIsFrozen,
    NotYours,
    acknowledge,
    approve,
    classify_metric,
    write_brief,
)
from truelift.apps.experiments.domain import as_domain
from truelift.apps.experiments.models import ExperimentRecord
from truelift.apps.experiments.services import move_experiment
from truelift.apps.programme.services import PolicyChange, change_policy
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.lifecycle.brief import Approved, Review, Risk, Situation
from truelift.lifecycle.experiment import Action
from truelift.lifecycle.gate import Gate
from truelift.lifecycle.obstacle import MoveRefused


pytestmark = [pytest.mark.database, pytest.mark.django_db]

SETTLED = BriefChange(
    goal="More orders from phones",
    audience="Visitors with a phone",
    implementer="ben@example.com",
    effort_days=3,
    slot="Sprint 12",
    decisions={
        "win": "ship",
        "null": "stop",
        "loss": "stop",
        "inconclusive": "iterate",
        "harm": "stop",
    },
    risks=dict.fromkeys(Risk, False),
)
HELD = [Gate.DECISION_TABLE, Gate.GUARDRAIL_PAIR, Gate.IMPLEMENTER, Gate.APPROVALS, Gate.SIGN_OFFS]


@pytest.fixture
def gated(site: Site, ada: User, planned: ExperimentRecord, now: datetime) -> ExperimentRecord:
    change_policy(site, PolicyChange(gates=HELD), by=Actor(ada), now=now)
    return planned


def refused(experiment: ExperimentRecord, action: Action, *, by: User, now: datetime) -> list[str]:
    with pytest.raises(MoveRefused) as refusal:
        move_experiment(experiment.site, experiment.key, action, by=Actor(by), now=now)
    return [each.code for each in refusal.value.obstacles]


def test_every_gate_in_force_says_what_it_misses_in_one_refusal(
    gated: ExperimentRecord, ada: User, now: datetime
) -> None:
    assert refused(gated, Action.SUBMIT, by=ada, now=now) == [
        "brief.guardrail_missing",
        "brief.no_decision",
        "brief.no_implementer",
        "brief.no_slot",
        "brief.goals_not_approved",
        "brief.guardrails_not_approved",
        "brief.not_reviewed",
        "brief.risk_unanswered",
    ]


def test_a_settled_brief_lets_it_go_to_ready_and_a_changed_plan_needs_new_approvals(
    site: Site, gated: ExperimentRecord, ada: User, ben: User, cleo: User, now: datetime
) -> None:
    write_brief(site, gated.key, SETTLED, by=Actor(ada), now=now)
    acknowledge(site, gated.key, by=Actor(ben), now=now)
    for metric, guards in (("revenue_per_visitor", "commercial"), ("cart_rate", "technical")):
        classify_metric(site, metric, worth="macro", guards=guards, by=Actor(ada), now=now)
    gated.metrics.filter(metric__key="cart_rate").update(role="guardrail")
    for what in (*Approved, Review.MESSAGE_MATCH):
        approve(site, gated.key, what, by=Actor(cleo), now=now)

    gated.alpha = 0.1
    gated.save(update_fields=["alpha"])
    stale = refused(gated, Action.SUBMIT, by=ada, now=now)
    for what in (*Approved, Review.MESSAGE_MATCH):
        approve(site, gated.key, what, by=Actor(cleo), now=now)
    step = move_experiment(site, gated.key, Action.SUBMIT, by=Actor(ada), now=now)

    assert stale == [
        "brief.goals_not_approved",
        "brief.guardrails_not_approved",
        "brief.not_reviewed",
    ]
    assert step.after.stage == "ready"
    assert [each.action for each in gated.moves.all()] == ["design", "build", "check", "submit"]


def test_another_slot_or_engineer_asks_for_the_agreement_again(
    site: Site, planned: ExperimentRecord, ada: User, ben: User, now: datetime
) -> None:
    write_brief(site, planned.key, SETTLED, by=Actor(ada), now=now)
    acknowledge(site, planned.key, by=Actor(ben), now=now)

    write_brief(site, planned.key, BriefChange(goal="Orders"), by=Actor(ada), now=now)
    kept = BriefRecord.objects.get().acknowledged_at
    write_brief(site, planned.key, BriefChange(slot="Sprint 14"), by=Actor(ada), now=now)

    assert kept == now
    assert BriefRecord.objects.get().acknowledged_at is None
    assert AuditEvent.objects.filter(action="brief.written").count() == 3


def test_the_implementer_alone_acknowledges(
    site: Site, planned: ExperimentRecord, ada: User, now: datetime
) -> None:
    write_brief(site, planned.key, SETTLED, by=Actor(ada), now=now)

    with pytest.raises(NotYours, match="Ben"):
        acknowledge(site, planned.key, by=Actor(ada), now=now)


def test_the_author_approves_nothing_and_functions_say_who_does(
    site: Site, planned: ExperimentRecord, ada: User, ben: User, cleo: User, now: datetime
) -> None:
    Membership.objects.filter(user=cleo).update(functions=["finance"])

    with pytest.raises(NotYours, match="never by the author"):
        approve(site, planned.key, "goals", by=Actor(ada), now=now)
    with pytest.raises(NotYours, match="Sponsor or Stakeholder"):
        approve(site, planned.key, "goals", by=Actor(cleo), now=now)
    with pytest.raises(NotYours, match="Finance"):
        approve(site, planned.key, "revenue", by=Actor(ben), now=now)
    approve(site, planned.key, "revenue", by=Actor(cleo), now=now)


def test_what_does_not_fit_is_said_for_every_field_and_nothing_is_kept(
    site: Site, planned: ExperimentRecord, ada: User, now: datetime
) -> None:
    wrong = BriefChange(
        goal="x" * 501,
        implementer="mallory@example.com",
        effort_days=float("nan"),
        decisions={"victory": "ship"},
        risks={"luck": True},
    )

    with pytest.raises(BadBrief) as refusal:
        write_brief(site, planned.key, wrong, by=Actor(ada), now=now)

    assert set(refusal.value.wrong) == {"goal", "implementer", "effort_days", "decisions", "risks"}
    assert not BriefRecord.objects.exists()


def test_after_the_launch_only_the_documentation_is_completed(
    site: Site,
    planned: ExperimentRecord,
    ada: User,
    now: datetime,
    moved: Callable[..., None],
) -> None:
    write_brief(site, planned.key, SETTLED, by=Actor(ada), now=now)
    moved(planned.key, Action.SUBMIT, Action.LAUNCH)

    with pytest.raises(BriefIsFrozen):
        write_brief(
            site,
            planned.key,
            BriefChange(decisions={Situation.LOSS: "ship"}),
            by=Actor(ada),
            now=now,
        )
    write_brief(site, planned.key, BriefChange(qa_notes="Fine."), by=Actor(ada), now=now)

    assert BriefRecord.objects.get().qa_notes == "Fine."


def test_functions_hold_the_move_and_reviewers_sign_for_the_plan_as_it_stands(
    site: Site, planned: ExperimentRecord, ada: User, ben: User, cleo: User, now: datetime
) -> None:
    for user, functions in ((ben, ["engineering"]), (cleo, ["analytics", "cro_lead"])):
        Membership.objects.filter(user=user).update(functions=functions)
    lead = Actor(cleo)
    move_experiment(site, planned.key, Action.DESIGN, by=lead, now=now)
    move_experiment(site, planned.key, Action.BUILD, by=Actor(ben), now=now)
    move_experiment(site, planned.key, Action.CHECK, by=Actor(ben), now=now)

    unsigned = refused(planned, Action.SUBMIT, by=cleo, now=now)
    approve(site, planned.key, "engineering", by=Actor(ben), now=now)
    approve(site, planned.key, "analytics", by=lead, now=now)
    move_experiment(site, planned.key, Action.SUBMIT, by=lead, now=now + timedelta(hours=1))

    assert unsigned == ["people.unsigned_analytics", "people.unsigned_engineering"]
    planned.refresh_from_db()
    assert planned.stage == "ready"
    assert as_domain(planned).signed
