"""Experiments that are judged in other ways than once at their end, from the lake to a snapshot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from truelift.apps.accounts.models import User
from truelift.apps.experiments.analysing import analyse_experiment
from truelift.apps.experiments.models import ExperimentRecord
from truelift.apps.experiments.services import plan_experiment
from truelift.apps.experiments.spec import ExperimentSpec, JudgingSpec, PlanSpec
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.lifecycle.experiment import Action
from truelift.lifecycle.judging import Inference


pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("events")]

AT_THE_END = datetime(2026, 6, 20, 12, tzinfo=UTC)
EARLY = datetime(2026, 5, 23, tzinfo=UTC)

Look = Callable[[datetime], dict[str, Any]]


@pytest.fixture
def run(
    site: Site, spec: ExperimentSpec, ada: User, now: datetime, moved: Callable[..., None]
) -> Callable[..., Look]:
    """Launches the experiment with some of its plan changed; gives what takes a snapshot."""

    def launch(**changed: Any) -> Look:
        plan = PlanSpec(n_per_variant=500, minimum_effect=0.1)
        changed = {"plan": plan, **changed}
        record = plan_experiment(site, replace(spec, **changed), by=Actor(ada), now=now)
        moved(record.key, Action.SUBMIT, Action.LAUNCH)
        return lambda at: analyse_experiment(site, record.key, by=Actor(ada), now=at).document

    return launch


def test_a_sequential_test_is_read_at_any_look_with_a_recommendation(
    run: Callable[..., Look],
) -> None:
    document = run(inference=Inference.SEQUENTIAL, judging=JudgingSpec(tuning_n=800))(EARLY)

    (effect,) = document["metrics"][0]["effects"]
    assert document["method"] == "sequential"
    assert document["judging"]["tuning_n"] == 800
    assert "withheld" not in effect
    assert document["recommendation"]["action"] == "ship"
    assert {each["check"] for each in document["integrity"]} >= {"srm", "srm_daily", "power"}


def test_its_effect_over_time_and_in_segments_is_kept(run: Callable[..., Look]) -> None:
    document = run(
        inference=Inference.SEQUENTIAL, judging=JudgingSpec(tuning_n=800, segments=("device",))
    )(EARLY)

    (over_time,) = document["over_time"]
    segments = {(each["dimension"], each["metric"]): each for each in document["segments"]}
    device, visitor = segments["device", "order_rate"], segments["visitor", "order_rate"]
    assert [each["units"] for each in over_time["days"]] == [800]
    assert {each["value"]: each["units"] for each in device["effects"]} == {
        "phone": 400,
        "desktop": 400,
    }
    assert device["standing"] == "confirmatory"
    assert {each["value"] for each in visitor["effects"]} == {"new", "returning"}
    assert visitor["standing"] == "exploratory"


@pytest.mark.parametrize("inference", [Inference.FIXED, Inference.BAYESIAN])
def test_what_is_read_once_is_withheld_before_its_end_everywhere(
    run: Callable[..., Look], inference: Inference
) -> None:
    document = run(inference=inference)(EARLY)

    assert document["recommendation"]["action"] == "keep_running"
    assert all("withheld" in metric["effects"][0] for metric in document["metrics"])
    assert document["segments"] == []
    assert document["over_time"] == []


def test_a_bayesian_test_says_its_chance_to_win_at_the_end(run: Callable[..., Look]) -> None:
    document = run(inference=Inference.BAYESIAN)(AT_THE_END)

    (effect,) = document["metrics"][0]["effects"]
    assert effect["p"] is None
    assert 0.99 < effect["chance_to_win"] <= 1
    assert effect["expected_loss"] < effect["control_loss"]
    assert document["multiplicity"] == "none"


def test_a_group_sequential_test_is_read_at_its_looks_and_not_between_them(
    run: Callable[..., Look],
) -> None:
    take = run(
        inference=Inference.GROUP_SEQUENTIAL,
        judging=JudgingSpec(looks=4),
    )
    at = [(13, 12, 0), (13, 13, 0), (13, 13, 30), (13, 15, 30)]

    shown = [take(datetime(2026, 5, day, hour, minute, tzinfo=UTC)) for day, hour, minute in at]
    last = take(AT_THE_END)

    assert [each["looks"]["counts"] for each in shown] == [False, True, False, True]
    assert [("withheld" in each["metrics"][0]["effects"][0]) for each in shown] == [
        True,
        False,
        True,
        False,
    ]
    assert shown[3]["looks"]["before"] == [shown[1]["looks"]["share"]]
    assert last["looks"]["share"] == 0.8
    assert last["looks"]["closing"]
    assert last["recommendation"]["action"] == "ship"


def test_what_a_group_sequential_test_was_stopped_for_is_stated_adjusted_for_its_looks(
    site: Site, run: Callable[..., Look], ada: User, client_of: Callable[[User], Client]
) -> None:
    take = run(inference=Inference.GROUP_SEQUENTIAL, judging=JudgingSpec(looks=4))
    crossing = take(datetime(2026, 5, 13, 15, 30, tzinfo=UTC))

    last = take(AT_THE_END)

    (running,) = crossing["metrics"][0]["effects"]
    (stated,), (revenue,) = (last["metrics"][nth]["effects"] for nth in (0, 1))
    assert crossing["looks"]["crossed"] == [crossing["looks"]["share"]]
    assert "naive" not in running
    assert "naive" not in revenue
    assert last["looks"]["before"] == []
    assert stated["naive"]["absolute"]["value"] == pytest.approx(0.125)
    assert stated["outcome"] == "win"
    page = client_of(ada).get(f"/s/{site.name}/experiments/delivery-cost/").content.decode()
    said = " ".join(page.split())
    assert "Adjusted for its looks" in said
    assert "As counted" in said


def test_effects_are_adjusted_by_what_visitors_did_before(run: Callable[..., Look]) -> None:
    document = run(judging=JudgingSpec(covariate_days=14))(AT_THE_END)

    (effect,) = document["metrics"][0]["effects"]
    balance = next(c for c in document["integrity"] if c["check"] == "covariate_balance")
    assert effect["procedure"] == "cuped"
    assert 0.2 < effect["variance_saved"] < 0.9
    assert effect["counted"]["value"] == pytest.approx(0.125)
    assert effect["absolute"]["se"] < effect["counted"]["se"]
    assert balance["status"] == "ok"


def test_a_covariate_that_nobody_has_says_why_it_does_not_help(
    run: Callable[..., Look],
) -> None:
    document = run(judging=JudgingSpec(covariate_days=1))(AT_THE_END)

    balance = next(c for c in document["integrity"] if c["check"] == "covariate_balance")
    (effect,) = document["metrics"][0]["effects"]
    assert balance["detail"] == (
        "Not yet, because fewer than 50 visitors of a variant have done any of it in the one day"
        " before."
    )
    assert balance["value"] is None
    assert effect["absolute"]["value"] == pytest.approx(0.125)


def test_power_that_was_not_reached_deserves_a_look(run: Callable[..., Look]) -> None:
    document = run()(AT_THE_END)

    power = next(c for c in document["integrity"] if c["check"] == "power")
    assert power["status"] == "warn"
    assert power["value"] < 0.7
    assert "A lift of 10.0% was found with a chance of" in power["detail"]


def test_a_split_that_is_broken_everywhere_is_said_to_lean_alike_in_all_segments(
    site: Site, run: Callable[..., Look], ada: User, client_of: Callable[[User], Client]
) -> None:
    take = run(inference=Inference.SEQUENTIAL)
    # As if a redirect had lost most of one variant: it was planned to get nine of ten.
    record = ExperimentRecord.objects.get(site=site)
    record.plan_hash = ""
    record.save()
    record.variants.filter(key="late").update(weight=9)

    document = take(EARLY)

    assert document["recommendation"]["action"] == "invalid"
    assert {each["dimension"] for each in document["split_causes"]} >= {"device"}
    causes = next(each for each in document["integrity"] if each["check"] == "srm_segments")
    assert "leans alike in all" in causes["detail"]
    page = client_of(ada).get(f"/s/{site.name}/experiments/delivery-cost/").content.decode()
    assert "Where the split is off" in page
    assert "We are 95% sure" not in page


def test_the_page_shows_integrity_first_then_sentences_course_segments_and_adjustment(
    site: Site, run: Callable[..., Look], ada: User, client_of: Callable[[User], Client]
) -> None:
    take = run(
        inference=Inference.SEQUENTIAL,
        judging=JudgingSpec(tuning_n=800, covariate_days=14, segments=("device",)),
    )
    take(EARLY)

    said = " ".join(
        client_of(ada).get(f"/s/{site.name}/experiments/delivery-cost/").content.decode().split()
    )

    places = [
        said.index(words)
        for words in (
            "Split kept every day",
            "We are 95% sure that order rate rises by between",
            "Judged: ",
            "What visitors did before explains",
            "Named before the start",
            "Explored",
        )
    ]
    assert places == sorted(places)
    assert "however often one looks" in said
    for method in ("cuped", "sequential", "srm-sequential", "segment-interaction"):
        assert f'href="/s/{site.name}/methods/{method}/"' in said


def test_the_page_hides_effects_between_two_looks_and_says_when_the_next_is(
    site: Site, run: Callable[..., Look], ada: User, client_of: Callable[[User], Client]
) -> None:
    take = run(inference=Inference.GROUP_SEQUENTIAL, judging=JudgingSpec(looks=4))
    take(datetime(2026, 5, 13, 12, tzinfo=UTC))

    said = " ".join(
        client_of(ada).get(f"/s/{site.name}/experiments/delivery-cost/").content.decode().split()
    )

    assert "The next look is at 250 visitors." in said
    assert "hidden until the next planned look, by the plan" in said
    assert "We are 95% sure" not in said
