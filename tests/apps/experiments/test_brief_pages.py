"""The brief on its page and over the API: who writes, who agrees, what each gate misses."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.test import Client

from truelift.apps.accounts.models import Membership, User
from truelift.apps.briefs.mistakes import mistakes_of
from truelift.apps.briefs.models import (
    ApprovalRecord,
    BriefRecord,
    EventFigureRecord,
    FollowUpRecord,
    MetricClassRecord,
)
from truelift.apps.briefs.modes import template_of
from truelift.apps.briefs.proxies import ProxyEvidence, weighted_correlation
from truelift.apps.briefs.reads import brief_of, loop_closure
from truelift.apps.briefs.services import BriefChange, classify_metric, write_brief
from truelift.apps.experiments.domain import as_domain
from truelift.apps.experiments.models import DecisionRecord, ExperimentRecord, Job
from truelift.apps.experiments.services import (
    move_experiment,
    plan_experiment,
    write_learning,
)
from truelift.apps.experiments.spec import ExperimentSpec
from truelift.apps.programme.services import PolicyChange, change_policy
from truelift.apps.qa.models import (
    AddressRecord,
    PictureRecord,
    QaCellRecord,
    QaPlanRecord,
    QaVerdictRecord,
)
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.lake.home import Home
from truelift.lifecycle.brief import Review
from truelift.lifecycle.experiment import Action, Choice, plan_digest
from truelift.lifecycle.gate import Gate
from truelift.lifecycle.policy import Lead, Organisation, Policy, Research


pytestmark = [pytest.mark.django_db]

AT_THE_END = datetime.fromisoformat("2026-05-25T12:00:00+00:00")
ClientOf = Callable[[User], Client]
TABLE = {
    "win": "ship",
    "null": "stop",
    "loss": "stop",
    "inconclusive": "iterate",
    "harm": "stop",
}


def text_of(response: object) -> str:
    content: bytes = response.content  # type: ignore[attr-defined]
    return " ".join(content.decode().split())


def where(experiment: ExperimentRecord, *parts: str) -> str:
    return "/".join([f"/s/{experiment.site.name}/experiments/{experiment.key}/brief", *parts, ""])


def test_a_brief_is_written_on_its_page_and_says_wrong_fields_at_their_places(
    home: Home, planned: ExperimentRecord, ada: User, ben: User, client_of: ClientOf
) -> None:
    del home
    client = client_of(ada)
    begun = text_of(client.get(where(planned)))
    sent = {
        "goal": "More orders from phones",
        "implementer": ben.email,
        "effort_days": "3",
        "slot": "Sprint 12",
        "risk_revenue": "yes",
        **{f"after_{situation}": choice for situation, choice in TABLE.items()},
    }

    wrong = client.post(where(planned), {**sent, "effort_days": "0"})
    kept = client.post(where(planned), sent)
    shown = text_of(client.get(f"/s/{planned.site.name}/experiments/{planned.key}/"))
    asked = text_of(client_of(ben).get(where(planned)))

    assert "Which leads or orders does the business get more of" in begun
    assert '<option value="ship" selected>' in begun
    assert wrong.status_code == 422
    assert "greater than or equal to 0.1" in text_of(wrong)
    assert kept.status_code == 302
    row = BriefRecord.objects.get()
    assert (row.decisions, row.risks) == (TABLE, {"revenue": True})
    assert "Ben, who has not agreed yet" in shown
    assert "I will build the winner" in asked
    assert "Risk: revenue" in asked


def test_the_buttons_of_approvals_say_whose_matter_they_are_and_keep_who_gave_them(
    home: Home, planned: ExperimentRecord, ada: User, cleo: User, client_of: ClientOf
) -> None:
    del home
    mine = text_of(client_of(ada).get(where(planned)))
    refused = client_of(ada).post(where(planned, "approve"), {"what": "goals"})
    strange = client_of(cleo).post(where(planned, "approve"), {"what": "luck"})
    given = client_of(cleo).post(where(planned, "approve"), {"what": "goals", "note": "Yes."})

    assert "never by the author" in mine
    assert (refused.status_code, strange.status_code, given.status_code) == (409, 422, 302)
    assert ApprovalRecord.objects.get().by == cleo
    planned.alpha = 0.1
    planned.save(update_fields=["alpha"])
    changed = text_of(client_of(ada).get(where(planned)))
    assert "Agreed with an earlier plan" in changed
    assert "The plan changed since anybody agreed with it" in changed


@pytest.mark.parametrize("part", ["", "acknowledge", "approve", "guardrail", "look", "follow-up"])
def test_a_stranger_finds_no_brief(
    planned: ExperimentRecord, mallory: User, client_of: ClientOf, part: str
) -> None:
    address = where(planned, part) if part else where(planned)

    assert client_of(mallory).post(address, {}).status_code == 404


def test_the_guardrails_of_the_templates_go_into_a_draft_with_their_margin(
    home: Home, planned: ExperimentRecord, ada: User, client_of: ClientOf
) -> None:
    del home
    added = client_of(ada).post(where(planned, "guardrail"), {"guardrail": "errors"})
    again = client_of(ada).post(where(planned, "guardrail"), {"guardrail": "errors"})

    assert (added.status_code, again.status_code) == (302, 422)
    assert planned.metrics.get(metric__key="js_error_rate").margin == 0.10
    assert MetricClassRecord.objects.get().guards == "technical"


def test_each_mode_of_work_begins_a_brief_in_its_own_way() -> None:
    marketing = template_of(Policy(lead=Lead.MARKETING_LED))
    product = template_of(
        Policy(
            lead=Lead.PRODUCT_LED,
            research=Research.RESEARCH_LED,
            organisation=Organisation.DISTRIBUTED,
        )
    )

    assert marketing.review is Review.MESSAGE_MATCH
    assert product.review is Review.TIME_TO_VALUE
    assert marketing.goal != product.goal
    assert not set(marketing.prompts) & set(product.prompts)


def test_addresses_screenshots_and_verdicts_of_qa_fill_the_brief(
    site: Site, home: Home, planned: ExperimentRecord, cleo: User, now: datetime
) -> None:
    del home
    picture = PictureRecord.objects.create(
        site=site, sha256="a" * 64, kind="image/png", size=1, made_at=now
    )
    plan = QaPlanRecord.objects.create(experiment=planned, covered=0.93, sessions=100)
    AddressRecord.objects.create(plan=plan, variant="early", url="https://shop.example/?v=early")
    cell = QaCellRecord.objects.create(plan=plan, device="phone", browser="Safari", share=0.93)
    QaVerdictRecord.objects.create(
        cell=cell, variant="early", passed=True, picture=picture, tester=cleo, tested_at=now
    )

    brief = brief_of(planned, plan=plan_digest(as_domain(planned)), now=now)

    assert [(v.key, v.has_picture, v.has_address) for v in brief.variants] == [
        ("late", False, False),
        ("early", True, True),
    ]
    assert brief.qa.missing_cells == (("late", "Safari on phone"),)
    assert not brief.measured


def test_the_panel_leads_to_what_removes_each_obstacle(
    site: Site, home: Home, planned: ExperimentRecord, ada: User, now: datetime, client_of: ClientOf
) -> None:
    del home
    gates = [Gate.DECISION_TABLE, Gate.MEASUREMENT, Gate.QA_MATRIX]
    change_policy(site, PolicyChange(gates=gates), by=Actor(ada), now=now)

    first = text_of(client_of(ada).get(f"/s/{site.name}/experiments/{planned.key}/"))
    write_brief(site, planned.key, BriefChange(decisions=TABLE), by=Actor(ada), now=now)
    for action in (Action.DESIGN, Action.BUILD, Action.CHECK):
        move_experiment(site, planned.key, action, by=Actor(ada), now=now)
    last = text_of(client_of(ada).get(f"/s/{site.name}/experiments/{planned.key}/"))

    assert f'{where(planned)}#decisions">Choose ship, iterate or stop for each.' in first
    assert f'{where(planned)}#events">Look at its events.' in last
    assert f'/s/{site.name}/qa/{planned.key}/#matrix">Build the matrix from traffic.' in last


def test_pausing_asks_for_its_own_reason(
    site: Site, planned: ExperimentRecord, moved: Callable[..., None], ada: User, now: datetime
) -> None:
    moved(planned.key, Action.SUBMIT, Action.LAUNCH)
    client = Client()
    client.force_login(ada)
    page = f"/s/{site.name}/experiments/{planned.key}/"

    said = text_of(client.get(page))
    refused = client.post(f"{page}move/", {"action": "pause", "reason": ""})
    paused = client.post(f"{page}move/", {"action": "pause", "reason": "The shop is down."})

    assert "Why it is paused" in said
    assert refused.status_code == 409
    assert paused.status_code == 302
    planned.refresh_from_db()
    assert planned.stage == "paused"


def test_a_decision_against_the_recommendation_names_its_reviewer(
    site: Site,
    analysed: ExperimentRecord,
    ada: User,
    ben: User,
    now: datetime,
    client_of: ClientOf,
) -> None:
    change_policy(site, PolicyChange(gates=[Gate.SECOND_OPINION]), by=Actor(ada), now=now)
    page = f"/s/{site.name}/experiments/{analysed.key}/"
    against = {"action": "decide", "choice": "stop", "reason": "No."}

    said = text_of(client_of(ada).get(page))
    alone = client_of(ada).post(f"{page}move/", against)
    together = client_of(ada).post(f"{page}move/", {**against, "reviewer": ben.email})
    after = text_of(client_of(ada).get(page))

    assert "Who agrees, when it goes against the recommendation" in said
    assert alone.status_code == 409
    assert "nobody else has looked at it" in text_of(alone)
    assert together.status_code == 302
    assert DecisionRecord.objects.get().reviewer == ben
    assert "by Ben" in after


def test_an_experiment_closes_with_what_follows_or_the_reason_why_nothing_does(
    site: Site, analysed: ExperimentRecord, ada: User, client_of: ClientOf
) -> None:
    def go(action: Action, **given: Any) -> None:
        move_experiment(site, analysed.key, action, by=Actor(ada), now=AT_THE_END, **given)

    go(Action.DECIDE, choice=Choice.SHIP, reason="Orders rose.")
    write_learning(
        site,
        analysed.key,
        text="Costs shown early help.",
        scope="Phones",
        follow_up="Show taxes early.",
        by=Actor(ada),
        now=AT_THE_END,
    )
    page = f"/s/{site.name}/experiments/{analysed.key}/"
    client = client_of(ada)

    bare = client.post(f"{page}move/", {"action": "close"})
    unknown = client.post(f"{page}brief/follow-up/", {"item": "H-99"})
    named = client.post(f"{page}brief/follow-up/", {"item": "h-1"})
    closed = client.post(f"{page}move/", {"action": "close"})

    assert bare.status_code == 409
    assert "Nothing follows from it, and nobody says why." in text_of(bare)
    assert (unknown.status_code, named.status_code, closed.status_code) == (422, 302, 302)
    assert FollowUpRecord.objects.get().kind == "hypothesis"
    assert loop_closure(site) == {"closed": 1, "followed_up": 1, "share": 1.0}


@pytest.fixture
def sound(site: Site, planned: ExperimentRecord, now: datetime) -> ExperimentRecord:
    """An experiment that makes none of the five mistakes."""
    for event in ("purchase", "add_to_cart"):
        EventFigureRecord.objects.create(
            site=site, event=event, count=9_000, days=28, days_with=28, looked_at=now
        )
    plan = QaPlanRecord.objects.create(experiment=planned, covered=0.93, sessions=100)
    cell = QaCellRecord.objects.create(plan=plan, device="phone", browser="Safari", share=0.93)
    for variant in ("late", "early"):
        QaVerdictRecord.objects.create(cell=cell, variant=variant, passed=True, tested_at=now)
    return planned


@pytest.mark.parametrize(
    "mistake",
    ["", "no_hypothesis", "weak_tracking", "overlap", "micro_hurts_macro", "no_device_qa"],
)
def test_each_of_the_five_mistakes_is_found_alone(
    site: Site,
    home: Home,
    sound: ExperimentRecord,
    spec: ExperimentSpec,
    ada: User,
    now: datetime,
    mistake: str,
) -> None:
    del home
    match mistake:
        case "no_hypothesis":
            sound.hypothesis = None
        case "weak_tracking":
            EventFigureRecord.objects.filter(event="purchase").update(days_with=20)
        case "overlap":
            plan_experiment(
                site,
                ExperimentSpec(
                    key="other", surface=spec.surface.upper(), start=spec.start, end=spec.end
                ),
                by=Actor(ada),
                now=now,
            )
        case "micro_hurts_macro":
            for metric in ("order_rate", "revenue_per_visitor"):
                classify_metric(site, metric, worth="micro", by=Actor(ada), now=now)
        case "no_device_qa":
            QaVerdictRecord.objects.filter(variant="early").delete()
        case _:
            pass

    made = [each.code for each in mistakes_of(sound, now=now) if each.made is not False]

    assert made == ([mistake] if mistake else [])


def test_programs_read_and_write_a_brief_as_people_do(
    site: Site, home: Home, planned: ExperimentRecord, ada: User, cleo: User, client_of: ClientOf
) -> None:
    del home
    api = f"/api/v1/experiments/{planned.key}/brief"
    of_site = f"?site={site.name}"

    def send(client: Client, method: str, path: str, given: object = None) -> tuple[int, Any]:
        body = "" if given is None else json.dumps(given)
        answer = client.generic(method, path + of_site, body, content_type="application/json")
        return answer.status_code, answer.json()

    wrote, _ = send(client_of(ada), "PATCH", api, {"decisions": TABLE, "slot": "Sprint 12"})
    wrong, problem = send(client_of(ada), "PATCH", api, {"decisions": {"luck": "ship"}})
    approved, document = send(client_of(cleo), "POST", f"{api}/approve", {"what": "goals"})
    worth, _ = send(client_of(ada), "PUT", "/api/v1/metrics/order_rate/class", {"worth": "vanity"})
    looked, _ = send(client_of(ada), "POST", f"{api}/look")

    assert (wrote, wrong, approved, worth, looked) == (200, 422, 201, 200, 202)
    assert problem["code"] == "brief.bad_fields"
    assert document["decisions"] == TABLE
    assert document["approvals"][0]["as_the_plan_stands"]
    gates = {each["gate"]: each for each in document["gates"]}
    assert gates["decision_table"]["obstacles"] == []
    assert gates["implementer"]["obstacles"][0]["code"] == "brief.no_implementer"
    assert Job.objects.filter(kind="briefs.measure").count() == 1


def test_a_vanity_metric_decides_nothing_where_the_programme_asks_for_an_outcome(
    site: Site, planned: ExperimentRecord, ada: User, now: datetime
) -> None:
    change_policy(site, PolicyChange(gates=[Gate.PRIMARY_METRIC]), by=Actor(ada), now=now)
    classify_metric(site, "order_rate", worth="vanity", by=Actor(ada), now=now)

    gates = as_domain(planned, now=now).gates[Gate.PRIMARY_METRIC]

    assert [each.code for each in gates] == ["brief.primary_is_no_outcome"]


def test_a_stakeholder_who_only_looks_approves_goals(
    home: Home, site: Site, planned: ExperimentRecord, cleo: User, client_of: ClientOf
) -> None:
    del home
    Membership.objects.filter(user=cleo, site=site).update(role="viewer", functions=["stakeholder"])

    said = text_of(client_of(cleo).get(where(planned)))
    given = client_of(cleo).post(where(planned, "approve"), {"what": "guardrails"})
    written = client_of(cleo).post(where(planned), {"goal": "Mine"})

    assert "Nobody has written it yet." in said
    assert (given.status_code, written.status_code) == (302, 403)


def test_a_proxy_is_proven_by_enough_tests_whose_effects_go_together() -> None:
    together = [(0.01 * n, 0.005 * n, 1.0 + n) for n in range(8)]
    apart = [(0.01 * n, 0.01 * (-1) ** n, 1.0) for n in range(8)]

    assert weighted_correlation(together) == pytest.approx(1.0)
    assert ProxyEvidence(8, weighted_correlation(together)).proven
    assert not ProxyEvidence(7, 1.0).proven
    assert not ProxyEvidence(8, weighted_correlation(apart)).proven
    assert weighted_correlation([(0.1, 0.2, 1.0), (0.1, 0.3, 1.0)]) is None


def test_the_page_of_a_micro_metric_says_what_the_sites_own_tests_make_of_its_link(
    site: Site, home: Home, analysed: ExperimentRecord, ada: User, client_of: ClientOf
) -> None:
    del home
    move_experiment(
        site,
        analysed.key,
        Action.DECIDE,
        by=Actor(ada),
        now=AT_THE_END,
        choice=Choice.SHIP,
        reason="Orders rose.",
    )
    page = f"/s/{site.name}/metrics/order_rate/class/"
    given = {"worth": "micro", "proxy_of": "revenue_per_visitor"}

    unproven = client_of(ada).post(page, given)
    kept = client_of(ada).post(page, {**given, "because": "They pay what they order."})
    said = text_of(client_of(ada).get(page))
    listed = text_of(client_of(ada).get(f"/s/{site.name}/metrics/"))

    assert (unproven.status_code, kept.status_code) == (422, 302)
    assert "Unproven proxy: one effect was measured on both" in said
    assert "leads to revenue_per_visitor" in listed
