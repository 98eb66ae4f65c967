"""The left half of the chain at work: ageing, review, repeats, machines' drafts, functions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from django.test import Client

from truelift.apps.accounts.audit import verify
from truelift.apps.accounts.models import AuditEvent, User
from truelift.apps.accounts.services import set_functions
from truelift.apps.experiments.jobs import run_due_jobs
from truelift.apps.experiments.models import ExperimentRecord, LearningRecord
from truelift.apps.programme.services import PolicyChange, change_policy
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import (
    BadFields,
    HypothesisFields,
    InsightFields,
    Piece,
    Provenance,
)
from truelift.apps.research.models import EvidenceKind, HypothesisRecord, InsightRecord
from truelift.apps.research.reads import machine_help, quarter_evidence
from truelift.apps.research.services import (
    NoLongerDraft,
    accept_hypothesis,
    accept_insight,
    age_insights,
    answer_repeat,
    confirm_insight,
    create_hypothesis,
    create_insight,
    edit_hypothesis,
    edit_insight,
    record_finding,
    retire_insight,
    return_hypothesis,
    submit_hypothesis,
)
from truelift.apps.sites.models import Site
from truelift.lifecycle import insight as rules
from truelift.lifecycle.functions import Function
from truelift.lifecycle.hypothesis import Finding
from truelift.lifecycle.obstacle import MoveRefused


pytestmark = [pytest.mark.database, pytest.mark.django_db]

ClientOf = Callable[[User], Client]
SECOND = HypothesisFields(
    change="display shipping fees next to the price of the item",
    audience="desktop visitors",
    outcome="more of them will order",
    reason="people leave when the fee comes as a surprise at delivery",
    metric="order_rate",
    direction="increase",
    expected_lift=0.04,
    insights=("I-1",),
    surface="Product page",
    element="Price",
)
FIRST = replace(
    SECOND,
    change="Show the delivery cost on the product page, by the price",
    audience="phone visitors",
    reason="visitors leave at delivery, surprised by the cost",
)


def codes(refused: pytest.ExceptionInfo[MoveRefused]) -> list[str]:
    return [each.code for each in refused.value.obstacles]


def text_of(response: object) -> str:
    content: bytes = response.content  # type: ignore[attr-defined]
    return " ".join(content.decode().split())


@pytest.fixture
def accepted(site: Site, insight: InsightRecord, ada: User, now: datetime) -> InsightRecord:
    return accept_insight(site, insight.key, by=Actor(ada), now=now)


@pytest.fixture
def tested(site: Site, accepted: InsightRecord, ada: User, now: datetime) -> HypothesisRecord:
    """A loser: accepted, tested and contradicted."""
    del accepted
    made = create_hypothesis(site, FIRST, by=Actor(ada), now=now)
    accept_hypothesis(site, made.key, by=Actor(None, operator=True), now=now)
    return record_finding(site, made.key, Finding.CONTRADICTED, by=Actor(ada), now=now)


def test_the_kinds_of_evidence_are_those_that_the_rules_know() -> None:
    assert EvidenceKind.values == [each.value for each in rules.EvidenceKind]


def test_an_insight_goes_stale_by_itself_and_is_confirmed_with_what_shows_it(
    site: Site, accepted: InsightRecord, ada: User, now: datetime
) -> None:
    over = now + timedelta(days=180)

    early = age_insights(over - timedelta(seconds=1))
    aged, twice = age_insights(over), age_insights(over)
    accepted.refresh_from_db()
    stale = accepted.stage
    confirm_insight(site, accepted.key, by=Actor(ada), now=over, because="Same in October")

    accepted.refresh_from_db()
    assert (early, aged, twice, stale) == (0, 1, 0, "stale")
    assert (accepted.stage, accepted.held_since, accepted.because) == (
        "accepted",
        over,
        "Same in October",
    )
    events = AuditEvent.objects.order_by("-id")[:2]
    assert [(each.actor, each.action) for each in events] == [
        ("ada@example.com", "insight.confirmed"),
        ("system", "insight.gone_stale"),
    ]
    assert verify() is None


def test_the_worker_lets_it_go_stale_when_its_time_is_over_also_after_the_policy_changed(
    site: Site, accepted: InsightRecord, ada: User, now: datetime
) -> None:
    assert run_due_jobs(now + timedelta(days=31)) == 0

    change_policy(site, PolicyChange(stale_after_days=30), by=Actor(ada), now=now)
    run_due_jobs(now + timedelta(days=31))

    accepted.refresh_from_db()
    assert accepted.stage == "stale"


def test_a_retired_insight_says_why_and_keeps_what_rests_on_it(
    site: Site, accepted: InsightRecord, hypothesis: HypothesisRecord, ada: User, now: datetime
) -> None:
    with pytest.raises(MoveRefused) as refused:
        retire_insight(site, accepted.key, by=Actor(ada), now=now, because=" ")
    retire_insight(site, accepted.key, by=Actor(ada), now=now, because="Solved in April")

    assert codes(refused) == ["insight.retired_without_reason"]
    assert list(hypothesis.insights.values_list("stage", flat=True)) == ["retired"]


@pytest.mark.parametrize(
    "fields",
    [
        InsightFields(problem="x", tags=("anger",)),
        InsightFields(problem="x", cause="guessed"),
        InsightFields(problem="x", evidence=(Piece("voice", "Nine calls", grade="A"),)),
        InsightFields(problem="x", evidence=(Piece("voice", "Nine calls", grade="Z"),)),
    ],
)
def test_a_tag_a_cause_and_a_grade_are_of_those_there_are(
    site: Site, ada: User, now: datetime, fields: InsightFields
) -> None:
    with pytest.raises(BadFields):
        create_insight(site, fields, by=Actor(ada), now=now)


def test_what_a_machine_drafted_supports_nothing_until_a_person_accepts_it(
    site: Site, ada: User, ben: User, now: datetime
) -> None:
    clusters = Provenance("tf-idf clusters 1", ("S-1", "S-2"))
    fields = InsightFields(
        problem="Cost comes late",
        surface="Checkout",
        segment="everyone",
        size="41%",
        evidence=(Piece("voice", "Nine calls"),),
    )
    draft = create_insight(site, fields, by=Actor(ada), now=now, machine=clusters)
    made = create_hypothesis(site, FIRST, by=Actor(ada), now=now, machine=clusters)

    with pytest.raises(MoveRefused) as refused:
        accept_hypothesis(site, made.key, by=Actor(ben), now=now)
    edit_insight(site, draft.key, fields, by=Actor(ada), now=now)
    taken = accept_insight(site, draft.key, by=Actor(ben), now=now)
    accept_hypothesis(site, made.key, by=Actor(ben), now=now)

    assert codes(refused) == ["hypothesis.little_evidence"]
    assert (taken.drafted_by, taken.accepted_by) == ("tf-idf clusters 1", ben)
    assert (machine_help(site).drafted, machine_help(site).accepted) == (2, 2)
    assert machine_help(site).edited == 1


def test_a_hypothesis_goes_through_review_and_may_come_back(
    site: Site, accepted: InsightRecord, hypothesis: HypothesisRecord, ada: User, ben: User,
    now: datetime,
) -> None:  # fmt: skip
    submit_hypothesis(site, hypothesis.key, by=Actor(ada), now=now)
    with pytest.raises(NoLongerDraft):
        edit_hypothesis(site, hypothesis.key, FIRST, by=Actor(ada), now=now)
    returned = return_hypothesis(
        site, hypothesis.key, by=Actor(ben), now=now, because="Name the segment"
    )
    submit_hypothesis(site, hypothesis.key, by=Actor(ada), now=now)
    after = accept_hypothesis(site, hypothesis.key, by=Actor(ben), now=now)

    assert (returned.stage, returned.returned_because) == ("draft", "Name the segment")
    assert (after.stage, after.accepted_by) == ("accepted", ben)
    assert accepted.stage == "accepted"


def test_the_same_hypothesis_passes_in_one_mode_and_not_in_the_other(
    site: Site, accepted: InsightRecord, hypothesis: HypothesisRecord, ada: User, ben: User,
    now: datetime,
) -> None:  # fmt: skip
    change_policy(site, PolicyChange(research="research_led"), by=Actor(ada), now=now)
    with pytest.raises(MoveRefused) as refused:
        accept_hypothesis(site, hypothesis.key, by=Actor(ben), now=now)
    change_policy(site, PolicyChange(research="experiment_led"), by=Actor(ada), now=now)

    assert codes(refused) == ["hypothesis.little_evidence"]
    assert accept_hypothesis(site, hypothesis.key, by=Actor(ben), now=now).stage == "accepted"
    assert accepted.pk


def test_functions_say_who_accepts_as_soon_as_somebody_has_one(
    site: Site, accepted: InsightRecord, hypothesis: HypothesisRecord, ada: User, ben: User,
    now: datetime,
) -> None:  # fmt: skip
    del accepted
    set_functions(site, ada, [Function.ANALYTICS], by=ada, now=now)
    with pytest.raises(MoveRefused) as nobody:
        accept_hypothesis(site, hypothesis.key, by=Actor(ben), now=now)
    set_functions(site, ben, [Function.PRODUCT_UX], by=ada, now=now)
    with pytest.raises(MoveRefused) as author:
        accept_hypothesis(site, hypothesis.key, by=Actor(ada), now=now)

    assert codes(nobody) == ["people.function"]
    own = author.value.obstacles[0]
    assert (own.code, own.remedy) == ("hypothesis.own", f"Ask {ben}.")
    assert accept_hypothesis(site, hypothesis.key, by=Actor(ben), now=now).stage == "accepted"


def test_a_paraphrased_repeat_of_a_loser_is_caught_and_goes_on_with_a_reason(
    site: Site, tested: HypothesisRecord, ada: User, ben: User, now: datetime
) -> None:
    repeat = create_hypothesis(site, SECOND, by=Actor(ada), now=now)

    with pytest.raises(MoveRefused) as refused:
        accept_hypothesis(site, repeat.key, by=Actor(ben), now=now)
    with pytest.raises(BadFields):
        answer_repeat(site, repeat.key, again="other", because=" ", by=Actor(ada), now=now)
    answered = answer_repeat(
        site, repeat.key, again="new_audience", because="Desktops", by=Actor(ada), now=now
    )
    after = accept_hypothesis(site, repeat.key, by=Actor(ben), now=now)

    assert codes(refused) == ["hypothesis.repeats"]
    assert answered.answered == [tested.key]
    assert after.stage == "accepted"


def test_the_same_idea_on_another_surface_is_no_repeat(
    site: Site, tested: HypothesisRecord, ada: User, ben: User, now: datetime
) -> None:
    del tested
    elsewhere = replace(SECOND, surface="Newsletter", element="Footer")
    other = create_hypothesis(site, elsewhere, by=Actor(ada), now=now)

    assert accept_hypothesis(site, other.key, by=Actor(ben), now=now).stage == "accepted"


@pytest.fixture
def learning(site: Site, tested: HypothesisRecord, now: datetime) -> LearningRecord:
    experiment = ExperimentRecord.objects.create(
        site=site, key="cost", name="Cost", surface="Product page", hypothesis=tested,
        stage="learned", made_at=now, started_at=now, stopped_at=now,
    )  # fmt: skip
    return LearningRecord.objects.create(
        site=site, number=1, experiment=experiment, made_at=now,
        text="Showing the delivery cost early made fewer order", scope="Product page",
        follow_up="None",
    )  # fmt: skip


def test_a_learning_that_is_cited_stays_and_is_linked_both_ways(
    site: Site, learning: LearningRecord, ada: User, now: datetime, client_of: ClientOf
) -> None:
    made = create_hypothesis(site, replace(SECOND, learnings=("L-1",)), by=Actor(ada), now=now)
    with pytest.raises(BadFields):
        create_hypothesis(site, replace(SECOND, learnings=("L-9",)), by=Actor(ada), now=now)

    page = text_of(client_of(ada).get(f"/s/shop/hypotheses/{made.key}/"))

    assert list(learning.cited_by.all()) == [made]
    assert "What it builds on" in page
    assert learning.text in page


def test_a_quarters_tests_on_one_kind_of_evidence_warn(
    site: Site, learning: LearningRecord, ada: User, now: datetime, client_of: ClientOf
) -> None:
    found = quarter_evidence(site, now=now)

    assert learning.pk
    assert (found.tests, found.shallow, found.too_many) == (1, 1, True)
    assert quarter_evidence(site, now=now + timedelta(days=120)).tests == 0


def test_what_is_typed_is_questioned_and_held_against_earlier_work(
    site: Site, tested: HypothesisRecord, ada: User, mallory: User, client_of: ClientOf
) -> None:
    typed = {
        "change": "Improve the price",
        "reason": FIRST.reason + " " + FIRST.change,
        "surface": "product page",
        "element": "price",
        "metric": "order_rate",
        "expected_lift": "lots",
    }

    said = client_of(ada).post("/s/shop/hypotheses/check/", typed)
    whole = client_of(ada).post("/s/shop/hypotheses/new/", {**typed, "check": "1"})

    words = text_of(said)
    assert said.status_code == whole.status_code == 200
    assert "“Improve” says that something gets better" in words
    assert "There is earlier work that is much the same" in words
    assert "Its test found the opposite." in words
    assert f"/s/shop/hypotheses/{tested.key}/" in text_of(whole)
    assert client_of(mallory).post("/s/shop/hypotheses/check/", typed).status_code == 404
    assert HypothesisRecord.objects.count() == 1


def test_the_panel_offers_what_can_be_done_and_says_why_not(
    site: Site, tested: HypothesisRecord, ada: User, ben: User, now: datetime, client_of: ClientOf
) -> None:
    repeat = create_hypothesis(site, SECOND, by=Actor(ada), now=now)
    here, bens = f"/s/shop/hypotheses/{repeat.key}/", client_of(ben)

    before = text_of(bens.get(here))
    bad = bens.post(f"{here}again/", {"again": "other", "because": ""})
    bens.post(f"{here}again/", {"again": "underpowered", "because": ""})
    submitted = bens.post(f"{here}submit/")
    back = bens.post(f"{here}return/", {"reason": ""})
    done = bens.post(f"{here}accept/")

    assert f"It is much like {tested.key}, and nobody says why" in before
    assert 'href="#repeat"' in before
    assert (bad.status_code, submitted.status_code) == (422, 302)
    assert back.status_code == 409
    assert "Say what is missing." in text_of(back)
    assert done.status_code == 302


def test_a_stale_insight_says_so_and_offers_two_ways_out(
    site: Site, accepted: InsightRecord, ada: User, now: datetime, client_of: ClientOf
) -> None:
    age_insights(now + timedelta(days=365))
    client, here = client_of(ada), f"/s/shop/insights/{accepted.key}/"

    page = text_of(client.get(here))
    refused = client.post(f"{here}confirm/", {"reason": " "})
    listed = text_of(client.get("/s/shop/insights/"))
    client.post(f"{here}retire/", {"reason": "Solved"})

    accepted.refresh_from_db()
    assert "What shows that it still holds" in page
    assert "Unexplained: numbers say where" in page
    assert refused.status_code == 409
    assert "Say what was looked at" in text_of(refused)
    assert "One finding has gone stale" in listed
    assert accepted.stage == "retired"


def test_the_api_walks_the_same_steps(
    site: Site, tested: HypothesisRecord, ada: User, ben: User, client_of: ClientOf
) -> None:
    adas, bens = client_of(ada), client_of(ben)
    fields = {
        name: getattr(SECOND, name)
        for name in (
            "change", "audience", "outcome", "reason", "metric", "direction", "expected_lift",
            "surface", "element",
        )
    } | {"insights": ["I-1"]}  # fmt: skip

    def post(client: Client, path: str, body: object = None) -> tuple[int, dict[str, object]]:
        answer = client.post(
            f"/api/v1/{path}?site=shop", body or {}, content_type="application/json"
        )
        return answer.status_code, answer.json()

    _, checked = post(adas, "hypotheses/check", fields)
    _, made = post(adas, "hypotheses", fields)
    own, _ = post(adas, f"hypotheses/{made['key']}/accept", {})
    stored = bens.get(f"/api/v1/hypotheses/{made['key']}/check?site=shop").json()
    post(bens, f"hypotheses/{made['key']}/again", {"again": "new_audience"})
    post(bens, f"hypotheses/{made['key']}/submit")
    status, after = post(bens, f"hypotheses/{made['key']}/accept", {})
    confirmed, insight = post(bens, "insights/I-1/confirm", {"because": "Still so"})
    silent, _ = post(bens, "insights/I-1/retire", {"because": ""})

    assert [each["key"] for each in checked["earlier"]] == [tested.key]  # type: ignore[attr-defined]
    assert stored["unanswered"] == [tested.key]
    assert (own, status, after["stage"], after["again"]) == (409, 200, "accepted", "new_audience")
    assert (confirmed, insight["because"], insight["explained"]) == (200, "Still so", False)
    assert silent == 409
