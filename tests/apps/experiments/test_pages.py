"""The pages of experiments: what they show, what they refuse, and to whom."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.html import escape

from truelift.apps.accounts.models import User
from truelift.apps.accounts.services import set_functions
from truelift.apps.briefs.services import BriefChange, write_brief
from truelift.apps.experiments.models import (
    AnalysisRecord,
    DecisionRecord,
    ExperimentRecord,
    Job,
    LearningRecord,
    MetricRecord,
)
from truelift.apps.experiments.services import move_experiment, plan_experiment, write_findings
from truelift.apps.experiments.spec import ExperimentSpec
from truelift.apps.research.actor import Actor
from truelift.apps.research.models import HypothesisRecord
from truelift.apps.sites.models import Site
from truelift.lifecycle.experiment import Action, Choice, Method, Stage
from truelift.lifecycle.functions import Function


pytestmark = [pytest.mark.django_db]

AT_THE_END = datetime(2026, 5, 25, 12, tzinfo=UTC)
ClientOf = Callable[[User], Client]


def text_of(response: object) -> str:
    content: bytes = response.content  # type: ignore[attr-defined]
    return " ".join(content.decode().split())


def test_the_empty_list_says_what_to_do_next(site: Site, ada: User, client_of: ClientOf) -> None:
    response = client_of(ada).get(f"/s/{site.name}/experiments/")

    assert response.status_code == 200
    assert "Plan the first experiment" in text_of(response)


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("decisions", "Every decision will stand here"),
        ("learnings", "What experiments taught will be kept here"),
        ("learnings/new", "No experiment is decided yet"),
        ("metrics", "Begin with the metrics"),
    ],
)
def test_every_page_says_what_to_do_when_it_is_empty(
    site: Site, ada: User, client_of: ClientOf, page: str, words: str
) -> None:
    response = client_of(ada).get(f"/s/{site.name}/{page}/")

    assert response.status_code == 200
    assert words in text_of(response)


def test_integrity_comes_before_any_effect(
    site: Site, analysed: ExperimentRecord, ada: User, client_of: ClientOf
) -> None:
    said = text_of(client_of(ada).get(f"/s/{site.name}/experiments/{analysed.key}/"))

    assert "<h1>Delivery cost on the product page</h1>" in said
    assert said.index("The measurement can be trusted") < said.index("Recommendation")
    assert said.index("Recommendation") < said.index("Primary: decides")
    assert "<mark>between 4.5% and 13.5%</mark>" in said


def test_a_failed_check_replaces_every_effect_by_invalid(
    site: Site,
    planned: ExperimentRecord,
    moved: Callable[..., None],
    snapshot_of: Callable[..., None],
    ada: User,
    client_of: ClientOf,
) -> None:
    moved(planned.key, Action.SUBMIT, Action.LAUNCH, Action.STOP)
    snapshot_of(planned.key, action="invalid", srm="fail")
    moved(planned.key, Action.ANALYSE)

    said = text_of(client_of(ada).get(f"/s/{site.name}/experiments/{planned.key}/"))

    assert "This result cannot be used." in said
    assert "+9.0%" not in said
    assert "6.02%" not in said
    assert "<s>Order rate</s>" in said
    assert "Its result cannot be used." in said
    assert 'aria-disabled="true"' in said


def test_the_decision_owner_decides_with_a_reason(
    site: Site, analysed: ExperimentRecord, ada: User, client_of: ClientOf
) -> None:
    response = client_of(ada).post(
        f"/s/{site.name}/experiments/{analysed.key}/move/",
        {"action": "decide", "choice": "ship", "reason": "Orders rose."},
    )

    assert response.status_code == 302
    assert DecisionRecord.objects.get().by == ada


def test_a_refusal_comes_back_as_the_same_fragment_and_keeps_what_was_written(
    site: Site, analysed: ExperimentRecord, cleo: User, client_of: ClientOf
) -> None:
    response = client_of(cleo).post(
        f"/s/{site.name}/experiments/{analysed.key}/move/",
        {"action": "decide", "choice": "ship", "reason": "Please <b>do</b>."},
        headers={"HX-Request": "true"},
    )

    said = text_of(response)
    assert response.status_code == 409
    assert said.startswith('<article id="experiment">')
    assert "Only Ada, or Ben, the deputy, can decide this." in said
    assert escape("Please <b>do</b>.") in said
    assert "autofocus" in said
    assert not DecisionRecord.objects.exists()


def test_a_decision_on_a_snapshot_that_was_overtaken_is_refused_and_keeps_what_was_written(
    site: Site,
    analysed: ExperimentRecord,
    snapshot_of: Callable[..., None],
    ada: User,
    client_of: ClientOf,
) -> None:
    snapshot_of(analysed.key, action="stop", outcome="loss")

    response = client_of(ada).post(
        f"/s/{site.name}/experiments/{analysed.key}/move/",
        {"action": "decide", "choice": "ship", "reason": "Orders rose.", "seen": "1"},
    )

    said = text_of(response)
    assert response.status_code == 409
    assert "Snapshot 2 came while you were reading an older one." in said
    assert "Orders rose." in said
    assert 'name="seen" value="2"' in said
    assert not DecisionRecord.objects.exists()


def test_a_refused_button_keeps_its_place_and_names_its_reasons(
    site: Site, spec: ExperimentSpec, ada: User, now: datetime, client_of: ClientOf
) -> None:
    bare = ExperimentSpec(key="bare", name="Bare")
    plan_experiment(site, bare, by=Actor(ada), now=now)

    said = text_of(client_of(ada).get(f"/s/{site.name}/experiments/bare/"))

    assert spec.key != bare.key
    assert 'aria-disabled="true" aria-describedby="why-not">Submit the plan</button>' in said
    assert "Cannot be submitted, for seven reasons" in said
    assert f"/s/{site.name}/experiments/bare/edit/#id_primary" in said


def test_a_button_says_whose_step_it_is_as_soon_as_somebody_has_a_function(
    site: Site, planned: ExperimentRecord, ada: User, ben: User, now: datetime, client_of: ClientOf
) -> None:
    page = f"/s/{site.name}/experiments/{planned.key}/"
    set_functions(site, ben, [Function.ANALYTICS], by=ada, now=now)

    engineer, analyst = (text_of(client_of(each).get(page)) for each in (ada, ben))

    refused = 'aria-disabled="true" aria-describedby="why-not">Agree the design</button>'
    assert refused in engineer
    assert "It takes Analytics to bring an experiment to “designed”" in engineer
    assert "Agree the design</button>" in analyst
    assert refused not in analyst


def test_a_plan_begins_where_its_hypothesis_changes_something(
    site: Site, hypothesis: HypothesisRecord, ada: User, client_of: ClientOf
) -> None:
    hypothesis.surface = "Product page, below the price"
    hypothesis.save()

    said = text_of(
        client_of(ada).get(f"/s/{site.name}/experiments/new/?hypothesis={hypothesis.key}")
    )

    assert 'name="surface" value="Product page, below the price"' in said


def test_a_hypothesis_in_review_is_not_tested_yet(
    site: Site, planned: ExperimentRecord, ada: User, client_of: ClientOf
) -> None:
    assert planned.hypothesis is not None
    planned.hypothesis.stage = "ready_for_review"
    planned.hypothesis.save()

    said = text_of(client_of(ada).get(f"/s/{site.name}/experiments/{planned.key}/"))

    assert f"{planned.hypothesis.key} has not been accepted." in said


def test_a_viewer_cannot_move_an_experiment(
    site: Site, planned: ExperimentRecord, cleo: User, client_of: ClientOf
) -> None:
    client = client_of(cleo)

    said = text_of(client.get(f"/s/{site.name}/experiments/{planned.key}/"))
    response = client.post(f"/s/{site.name}/experiments/{planned.key}/move/", {"action": "submit"})

    assert "Your role on this site does not move experiments." in said
    assert response.status_code == 403
    planned.refresh_from_db()
    assert planned.stage == Stage.BRIEFED


def test_asking_for_an_analysis_queues_it_and_the_page_shows_that_it_is_under_way(
    site: Site,
    planned: ExperimentRecord,
    moved: Callable[..., None],
    snapshot_of: Callable[..., None],
    ada: User,
    client_of: ClientOf,
) -> None:
    moved(planned.key, Action.SUBMIT, Action.LAUNCH, Action.STOP)
    client, here = client_of(ada), f"/s/{site.name}/experiments/{planned.key}"

    asked = client.post(f"{here}/analyse/", headers={"HX-Request": "true"})
    waiting = client.get(f"{here}/progress/", headers={"HX-Request": "true"})
    snapshot_of(planned.key)
    Job.objects.update(finished_at=AT_THE_END)
    done = client.get(f"{here}/progress/", headers={"HX-Request": "true"})

    assert "The analysis is being computed" in text_of(asked)
    assert "HX-Retarget" not in waiting.headers
    assert done.headers["HX-Retarget"] == "#experiment"
    assert "The measurement can be trusted" in text_of(done)


def test_an_analysis_that_gave_nothing_says_why(
    site: Site, analysed: ExperimentRecord, ada: User, client_of: ClientOf
) -> None:
    Job.objects.create(
        kind="analyse",
        experiment=analysed,
        asked_at=AT_THE_END,
        run_after=AT_THE_END,
        finished_at=AT_THE_END,
        error="Files disappeared while they were read.",
        error_code="lake.files_gone",
    )

    said = text_of(client_of(ada).get(f"/s/{site.name}/experiments/{analysed.key}/"))

    assert "The last analysis gave nothing." in said
    assert "lake.files_gone" in said


def test_an_experiment_is_planned_on_the_page(
    site: Site,
    spec: ExperimentSpec,
    hypothesis: HypothesisRecord,
    ben: User,
    client_of: ClientOf,
) -> None:
    del spec
    response = client_of(ben).post(
        f"/s/{site.name}/experiments/new/",
        {
            "name": "Pickup points",
            "key": "pickup",
            "hypothesis": hypothesis.key,
            "method": "ab",
            "decision_owner": "ada@example.com",
            "start": "2026-06-01",
            "weeks": "2",
            "primary": "order_rate",
            "guardrails": ["revenue_per_visitor"],
            "margin": "3",
            "baseline": "5",
            "minimum_effect": "10",
            "visitors_per_week": "40000",
            "variant_1": "off",
            "variant_2": "on",
        },
    )

    made = ExperimentRecord.objects.get()
    assert response.status_code == 302
    assert (made.n_per_variant, made.weeks_needed) == (31_234, 2)
    assert [(each.key, each.is_control) for each in made.variants.all()] == [
        ("off", True),
        ("on", False),
    ]
    assert made.metrics.get(role="primary").margin == pytest.approx(0.03)


def test_a_form_that_does_not_fit_keeps_its_input(
    site: Site, spec: ExperimentSpec, ben: User, client_of: ClientOf
) -> None:
    del spec
    response = client_of(ben).post(
        f"/s/{site.name}/experiments/new/",
        {"name": "Pickup points", "key": "a key", "method": "ab", "weeks": "2"},
    )

    said = text_of(response)
    assert response.status_code == 422
    assert 'value="Pickup points"' in said
    assert "It has letters, digits" in said
    assert "Weeks need a start." in said


def test_a_plan_is_edited_as_it_was_written(
    site: Site, planned: ExperimentRecord, ben: User, client_of: ClientOf
) -> None:
    client, here = client_of(ben), f"/s/{site.name}/experiments/{planned.key}/edit/"
    form = client.get(here).context["form"]
    same = {name: value for name, value in form.initial.items() if value not in (None, "") and name}

    response = client.post(here, {**same, "name": "Another name"})

    before = planned.n_per_variant, planned.starts_on, planned.ends_on
    planned.refresh_from_db()
    assert response.status_code == 302
    assert planned.name == "Another name"
    assert (planned.n_per_variant, planned.starts_on, planned.ends_on) == before
    assert planned.metrics.count() == 3


def test_how_it_is_judged_is_chosen_on_the_page_and_edited_as_it_was_written(
    site: Site, planned: ExperimentRecord, ben: User, client_of: ClientOf
) -> None:
    client, here = client_of(ben), f"/s/{site.name}/experiments/{planned.key}/edit/"
    form = client.get(here).context["form"]
    same = {name: value for name, value in form.initial.items() if value not in (None, "", [], 0)}
    chosen = {
        "inference": "group-sequential",
        "looks": "3",
        "covariate_days": "14",
        "segments": ["device"],
    }

    response = client.post(here, {**same, **chosen})
    again = client.get(here).context["form"].initial

    planned.refresh_from_db()
    assert response.status_code == 302
    assert planned.inference == "group-sequential"
    assert (planned.looks, planned.covariate_days, planned.segments) == (3, 14, ["device"])
    assert (again["looks"], again["segments"]) == (3, ["device"])


def test_a_setting_of_another_method_is_said_at_its_field(
    site: Site, planned: ExperimentRecord, ben: User, client_of: ClientOf
) -> None:
    client, here = client_of(ben), f"/s/{site.name}/experiments/{planned.key}/edit/"
    form = client.get(here).context["form"]
    same = {name: value for name, value in form.initial.items() if value not in (None, "", [], 0)}

    response = client.post(here, {**same, "tuning_n": "5000", "prior_sd": "30"})

    assert response.status_code == 422
    assert set(response.context["form"].errors) == {"tuning_n", "prior_sd"}


def test_a_new_plan_suggests_to_adjust_by_two_weeks_before(
    site: Site, spec: ExperimentSpec, ben: User, client_of: ClientOf
) -> None:
    del spec

    form = client_of(ben).get(f"/s/{site.name}/experiments/new/").context["form"]

    assert form.initial["covariate_days"] == 14


def test_a_study_is_concluded_by_its_findings(
    site: Site, hypothesis: HypothesisRecord, ada: User, now: datetime, client_of: ClientOf
) -> None:
    study = ExperimentSpec(
        key="six",
        name="Six people at the checkout",
        method=Method.USABILITY_TEST,
        hypothesis=hypothesis.key,
        decision_owner=ada.email,
    )
    plan_experiment(site, study, by=Actor(ada), now=now)
    for action in (Action.SUBMIT, Action.LAUNCH, Action.STOP):
        move_experiment(site, "six", action, by=Actor(ada), now=now)
    client, here = client_of(ada), f"/s/{site.name}/experiments/six"

    empty = client.post(f"{here}/findings/", {"text": " "})
    written = client.post(f"{here}/findings/", {"text": "Five of six looked for the cost."})
    said = text_of(client.get(f"{here}/"))

    assert (empty.status_code, written.status_code) == (422, 302)
    assert "Five of six looked for the cost." in said
    assert "Waits for a decision" in said


def test_a_snapshot_page_shows_every_number_and_its_digest(
    site: Site, analysed: ExperimentRecord, cleo: User, client_of: ClientOf
) -> None:
    snapshot = AnalysisRecord.objects.get()

    response = client_of(cleo).get(f"/s/{site.name}/experiments/{analysed.key}/analyses/1/")

    assert response.status_code == 200
    assert snapshot.digest in text_of(response)
    assert "revenue_per_visitor" in text_of(response)


def test_a_decision_against_the_recommendation_is_marked_in_the_log(
    site: Site, analysed: ExperimentRecord, ada: User, client_of: ClientOf
) -> None:
    move_experiment(
        site,
        analysed.key,
        Action.DECIDE,
        by=Actor(ada),
        now=AT_THE_END,
        choice=Choice.STOP,
        reason="The release is cancelled.",
    )

    said = text_of(client_of(ada).get(f"/s/{site.name}/decisions/"))

    assert "against the recommendation: ship it" in said
    assert "The release is cancelled." in said


def test_a_learning_is_written_and_listed(
    site: Site, analysed: ExperimentRecord, ada: User, client_of: ClientOf
) -> None:
    move_experiment(
        site,
        analysed.key,
        Action.DECIDE,
        by=Actor(ada),
        now=AT_THE_END,
        choice=Choice.SHIP,
        reason="Orders rose.",
    )
    client = client_of(ada)

    bad = client.post(
        f"/s/{site.name}/learnings/new/", {"experiment": analysed.key, "text": "Cost early."}
    )
    good = client.post(
        f"/s/{site.name}/learnings/new/",
        {
            "experiment": analysed.key,
            "text": "Cost early.",
            "scope": "Phones",
            "follow_up": "The cart next.",
        },
    )

    assert bad.status_code == 422
    assert "Cost early." in text_of(bad)
    assert good.status_code == 302
    assert LearningRecord.objects.get().made_by == ada
    assert "Cost early." in text_of(client.get(f"/s/{site.name}/learnings/"))


def test_metrics_are_taken_from_the_library_and_versioned_on_the_page(
    site: Site, ben: User, client_of: ClientOf
) -> None:
    client = client_of(ben)

    client.post(f"/s/{site.name}/metrics/library/", {"library": "shop"})
    response = client.post(
        f"/s/{site.name}/metrics/new/",
        {
            "key": "order_rate",
            "name": "Order rate",
            "kind": "proportion",
            "event": "purchase",
            "window_days": "14",
            "better": "increase",
        },
    )

    assert response.status_code == 302
    assert list(
        MetricRecord.objects.filter(key="order_rate")
        .order_by("version")
        .values_list("version", "window_days")
    ) == [(1, 7), (2, 14)]


def test_a_draft_is_deleted_and_what_happened_is_not(
    site: Site,
    planned: ExperimentRecord,
    spec: ExperimentSpec,
    ben: User,
    now: datetime,
    client_of: ClientOf,
) -> None:
    plan_experiment(site, replace(spec, key="other"), by=Actor(ben), now=now)
    move_experiment(site, planned.key, Action.SUBMIT, by=Actor(ben), now=now)
    client = client_of(ben)

    gone = client.post(f"/s/{site.name}/experiments/other/delete/")
    kept = client.post(f"/s/{site.name}/experiments/{planned.key}/delete/")

    assert (gone.status_code, kept.status_code) == (302, 409)
    assert list(ExperimentRecord.objects.all()) == [planned]


def test_a_plan_that_cannot_work_out_is_said_at_its_field(
    site: Site, spec: ExperimentSpec, ben: User, client_of: ClientOf
) -> None:
    del spec
    response = client_of(ben).post(
        f"/s/{site.name}/experiments/new/",
        {
            "name": "Too much",
            "key": "much",
            "method": "ab",
            "primary": "order_rate",
            "baseline": "95",
            "minimum_effect": "10",
        },
    )

    assert response.status_code == 422
    assert "This test cannot be planned" in text_of(response)


GETS = [
    "experiments/",
    "experiments/new/",
    "experiments/delivery-cost/",
    "experiments/delivery-cost/edit/",
    "experiments/delivery-cost/progress/",
    "experiments/delivery-cost/analyses/1/",
    "decisions/",
    "learnings/",
    "learnings/new/",
    "metrics/",
    "metrics/new/",
]
POSTS = [
    "experiments/new/",
    "experiments/delivery-cost/edit/",
    "experiments/delivery-cost/delete/",
    "experiments/delivery-cost/move/",
    "experiments/delivery-cost/analyse/",
    "experiments/delivery-cost/findings/",
    "learnings/new/",
    "metrics/new/",
    "metrics/library/",
]


def test_a_stranger_gets_what_does_not_exist(
    analysed: ExperimentRecord, mallory: User, client_of: ClientOf
) -> None:
    client = client_of(mallory)

    said = {page: client.get(f"/s/{analysed.site.name}/{page}").status_code for page in GETS}

    assert said == dict.fromkeys(GETS, 404)


def test_a_stranger_cannot_send_anything(
    analysed: ExperimentRecord, mallory: User, client_of: ClientOf
) -> None:
    client, given = client_of(mallory), {"action": "decide", "choice": "ship", "library": "shop"}

    said = {
        page: client.post(f"/s/{analysed.site.name}/{page}", given).status_code for page in POSTS
    }

    assert said == dict.fromkeys(POSTS, 404)


def test_what_another_site_has_is_not_reached_through_ones_own(
    analysed: ExperimentRecord, mallory: User, client_of: ClientOf
) -> None:
    client = client_of(mallory)

    assert client.get(f"/s/elsewhere/experiments/{analysed.key}/").status_code == 404
    assert (
        client.post(
            f"/s/elsewhere/experiments/{analysed.key}/move/", {"action": "invalidate"}
        ).status_code
        == 404
    )


@pytest.mark.parametrize("page", ["experiments/", ""])
@pytest.mark.usefixtures("events")
def test_lists_take_the_same_queries_for_one_experiment_and_for_many(
    page: str,
    site: Site,
    analysed: ExperimentRecord,
    spec: ExperimentSpec,
    snapshot_of: Callable[..., None],
    ada: User,
    now: datetime,
    client_of: ClientOf,
    django_assert_num_queries: Callable[..., object],
) -> None:
    client, here = client_of(ada), f"/s/{site.name}/{page}"
    client.get(here)
    with CaptureQueriesContext(connection) as one:
        client.get(here)
    for number in range(5):
        key = f"more-{number}"
        plan_experiment(site, replace(spec, key=key), by=Actor(ada), now=now)
        snapshot_of(key)

    with django_assert_num_queries(len(one)):  # type: ignore[attr-defined]
        response = client.get(here)

    assert analysed.name in text_of(response)


def test_a_study_without_traffic_shows_what_it_has_and_nothing_of_traffic(
    site: Site, ada: User, ben: User, client_of: ClientOf, now: datetime
) -> None:
    plan_experiment(
        site,
        ExperimentSpec(key="eight", name="Eight people", method=Method.USABILITY_TEST),
        by=Actor(ada),
        now=now,
    )
    write_brief(site, "eight", BriefChange(audience="eight customers"), by=Actor(ada), now=now)
    browser = client_of(ada)
    form = browser.get("/s/shop/experiments/eight/edit/").content.decode()
    before = browser.get("/s/shop/experiments/eight/").content.decode()
    ExperimentRecord.objects.filter(key="eight").update(stage="stopped", started_at=now)
    write_findings(site, "eight", text="Six found it.", by=Actor(ben), now=now)

    page = browser.get("/s/shop/experiments/eight/")
    text = page.content.decode()
    plan = dict(page.context["card"].plan)

    assert form.count("only for a test that splits visitors") == 2
    assert "It needs a plan and somebody who looks, and no traffic." in before
    assert "Of eight customers; written down" in text
    assert "Six found it." in text
    assert plan == {"Method": "Usability test", "Who is asked": "eight customers", "Key": "eight"}
    assert not {"the segments", "screenshots of the variants"} & {
        name for name, _ in page.context["brief"].documentation
    }
    assert not any(word in text for word in ("fixed horizon", "Relative effect", "per variant"))
