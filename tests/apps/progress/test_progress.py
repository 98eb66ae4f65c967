"""A programme's figures: kept once a day, never alone where they mislead, shown to members."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from django.db import DatabaseError, transaction
from django.test import Client

from tests.apps.rollouts.conftest import DECIDED
from truelift.apps.accounts.models import AuditEvent, User
from truelift.apps.briefs.services import BriefChange, approve, write_brief
from truelift.apps.experiments.domain import day_at, midnight_at
from truelift.apps.experiments.jobs import run_due_jobs
from truelift.apps.experiments.models import ExperimentRecord, Job, MoveRecord
from truelift.apps.experiments.services import plan_experiment
from truelift.apps.experiments.spec import ExperimentSpec
from truelift.apps.explorers.models import Annotation, AnnotationKind
from truelift.apps.programme.services import PolicyChange, change_policy
from truelift.apps.progress.figures import figures_of
from truelift.apps.progress.history import history_of
from truelift.apps.progress.models import FiguresRecord, ReasonRecord
from truelift.apps.progress.nightly import NIGHTLY, plan_every_hour, plan_nights
from truelift.apps.progress.page import progress_page
from truelift.apps.progress.reads import (
    PARTS,
    NoSuchFigure,
    SingleNumber,
    as_csv,
    computed,
    trouble_list,
    widget,
)
from truelift.apps.progress.services import BadReason, NotInTrouble, keep_figures, say_reason
from truelift.apps.research.actor import Actor
from truelift.apps.rollouts.models import RolloutRecord
from truelift.apps.sites.models import Site
from truelift.lifecycle.experiment import Method, Origin
from truelift.lifecycle.programme_causes import Reason, Trouble
from truelift.lifecycle.programme_metrics import Step


pytestmark = [pytest.mark.database, pytest.mark.django_db]

LATER = DECIDED + timedelta(days=40)

ClientOf = Callable[[User], Client]


def test_a_day_is_kept_once_and_the_database_refuses_to_change_it(
    site: Site, winner: RolloutRecord
) -> None:
    end = midnight_at(site, day_at(site, LATER))

    kept = keep_figures(site, as_of=end, now=LATER)
    again = keep_figures(site, as_of=end, now=LATER + timedelta(hours=3))

    assert kept.pk == again.pk
    assert kept.day == day_at(site, LATER) - timedelta(days=1)
    assert kept.document["results"]["wins"] == 1
    assert winner.key == "R-1"
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        FiguresRecord.objects.update(text="{}")
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        FiguresRecord.objects.filter(pk=kept.pk).delete()


def test_the_worker_keeps_every_site_every_night(site: Site) -> None:
    nights = plan_every_hour()

    nights(LATER)
    nights(LATER + timedelta(minutes=1))

    assert Job.objects.filter(kind=NIGHTLY).count() == 1
    assert plan_nights(LATER) == 0
    run_due_jobs(LATER)
    assert FiguresRecord.objects.get(site=site).day == day_at(site, LATER) - timedelta(days=1)
    job = Job.objects.get(kind=NIGHTLY)
    assert job.finished_at is None
    assert job.run_after == midnight_at(site, day_at(site, LATER) + timedelta(days=1))


@pytest.mark.parametrize("alone", ["win_rate", "learning_rate", "plain", "n"])
def test_a_number_that_misleads_alone_is_not_given_alone(
    site: Site, winner: RolloutRecord, alone: str
) -> None:
    document = computed(site, now=LATER)

    with pytest.raises(SingleNumber):
        widget(document, [alone])
    with pytest.raises(SingleNumber):
        widget(document, ["rework", alone])

    assert winner.site_id == site.pk


def test_a_widget_has_whole_parts_so_that_a_rate_brings_what_it_is_read_with(
    site: Site, winner: RolloutRecord
) -> None:
    document = computed(site, now=LATER)

    shown = widget(document, ["results"])["results"]

    assert {"win_rate", "learning_rate", "inconclusive", "n"} <= set(shown)
    assert set(shown["win_rate"]) == {"value", "low", "high", "part", "of"}
    assert set(PARTS) <= set(document)
    with pytest.raises(NoSuchFigure):
        widget(document, ["salary"])
    assert winner.key


def test_a_launch_counts_in_the_month_that_it_is_at_the_site(
    site: Site, winner: RolloutRecord
) -> None:
    history = history_of(site, as_of=LATER)
    [test] = history.tests
    late = datetime.fromisoformat("2026-04-30T22:30:00+00:00")
    launch = Step("launch", "scheduled", "running", late)
    moved = replace(test, trial=replace(test.trial, steps=(launch,)))

    months = figures_of(replace(history, tests=(moved,)))["velocity"]["months"]

    assert {row["period"]: row["launched"] for row in months if row["launched"]} == {"2026-05": 1}
    assert winner.key


def test_approvals_take_from_the_design_on_and_what_is_not_given_waits(
    site: Site, winner: RolloutRecord, ada: User, ben: User, client_of: ClientOf
) -> None:
    history = history_of(site, as_of=LATER)
    [test] = history.tests
    designed = test.trial.steps[0].at
    for what, days in (("analytics", 2), ("goals", 3), ("guardrails", 5)):
        approve(site, test.key, what, by=Actor(ben), now=designed + timedelta(days=days))
    other = plan_experiment(
        site,
        ExperimentSpec(key="usability", method=Method.USABILITY_TEST),
        by=Actor(ada),
        now=designed,
    )
    MoveRecord.objects.create(
        experiment=other, action="design", before="briefed", after="designed", moved_at=designed
    )

    document = computed(site, now=designed + timedelta(days=9))
    page = client_of(ada).get(f"/s/{site.name}/progress/")

    found = {tuple(each["functions"]): each for each in document["approvals"]}
    assert set(found) == {("analytics",), ("sponsor", "stakeholder")}
    assert [found["analytics",][name] for name in ("n", "done", "open")] == [2, 1, 1]
    assert found["analytics",]["median"]["value"] == 2
    assert found["sponsor", "stakeholder"]["n"] == 4
    assert "approvals.sponsor_or_stakeholder.done,2" in as_csv(document)
    said = progress_page(site, document, (), kept=None)
    assert [each.name for each in said.approvals] == ["Analytics", "Sponsor or stakeholder"]
    assert "Until each function agreed" in page.content.decode()


def test_an_imported_test_is_counted_apart(site: Site, winner: RolloutRecord, ada: User) -> None:
    before = computed(site, now=LATER)
    plan_experiment(
        site,
        ExperimentSpec(key="old", origin=Origin.IMPORTED),
        by=Actor(ada),
        now=LATER - timedelta(days=1),
    )

    after = computed(site, now=LATER)

    assert after["imported"]["n"] == 1
    same = [part for part in PARTS if part != "imported"]
    assert {part: after[part] for part in same} == {part: before[part] for part in same}
    assert winner.key


def test_a_release_without_a_winner_is_one_without_proof(site: Site, winner: RolloutRecord) -> None:
    for text in ("New footer", "R-1 for everybody", "R-9 that nobody knows"):
        Annotation.objects.create(
            site=site, at=LATER, kind=AnnotationKind.RELEASE, text=text, made_at=LATER
        )

    proof = computed(site, now=LATER)["quadrant"]["proof"]

    assert (proof["part"], proof["of"]) == (1, 3)
    assert winner.key == "R-1"


def test_a_winner_that_is_not_live_is_in_trouble_with_a_reason_that_a_person_confirms(
    site: Site, winner: RolloutRecord, ada: User
) -> None:
    _, found = trouble_list(site, now=LATER)
    late = next(each for each in found if each.trouble is Trouble.UNIMPLEMENTED)
    assert (late.key, late.guess, late.said) == ("R-1", Reason.NO_OWNER, None)

    say_reason(site, "unimplemented", "R-1", "conflict", by=Actor(ada), now=LATER)

    _, found = trouble_list(site, now=LATER)
    said = next(each for each in found if each.key == "R-1")
    assert (said.guess, said.reason, said.said_by) == (
        Reason.NO_OWNER,
        Reason.CONFLICT,
        str(ada),
    )
    assert ReasonRecord.objects.get().guessed == "no_owner"
    assert AuditEvent.objects.filter(action="trouble.reason_given").count() == 1
    [bar] = [
        each
        for each in computed(site, now=LATER)["reasons"]["pareto"]
        if each["reason"] == "conflict"
    ]
    assert bar["area"] == "organisational"
    with pytest.raises(NotInTrouble):
        say_reason(site, "stalled", "R-1", "conflict", by=Actor(ada), now=LATER)
    with pytest.raises(BadReason):
        say_reason(site, "unimplemented", "R-1", "fate", by=Actor(ada), now=LATER)
    assert winner.key


def test_twenty_days_before_an_implementer_agrees_are_the_organisations(
    site: Site, planned: ExperimentRecord, ada: User, ben: User, now: datetime
) -> None:
    change_policy(site, PolicyChange(gates=("implementer",)), by=Actor(ada), now=now)
    fields = BriefChange(implementer=ben.email, slot="Sprint 12", effort_days=2.0)
    write_brief(site, planned.key, fields, by=Actor(ada), now=now)

    _, early = trouble_list(site, now=now + timedelta(days=14))
    _, found = trouble_list(site, now=now + timedelta(days=20))

    assert not early
    [stuck] = [each for each in found if each.key == planned.key]
    assert (stuck.trouble, stuck.guess) == (Trouble.STALLED, Reason.NO_SLOT)
    assert stuck.days == 20
    assert stuck.guess.area == "organisational"


def test_a_holdout_stands_beside_the_sum_of_effects_and_is_no_part_of_it(
    site: Site, winner: RolloutRecord
) -> None:
    history = history_of(site, as_of=LATER)
    [test] = history.own
    assert test.result is not None
    several = tuple(
        replace(test, key=f"t{n}", result=replace(test.result, value=0.02 * n, se=0.01))
        for n in range(5)
    )
    held = replace(
        test, key="held", name="One in ten", holdout=True,
        result=replace(test.result, value=0.03, se=0.01),
    )  # fmt: skip

    without = figures_of(replace(history, tests=several))["impact"]
    impact = figures_of(replace(history, tests=(*several, held)))["impact"]
    page = progress_page(site, {**computed(site, now=LATER), "impact": impact}, (), kept=None)

    assert impact["metrics"] == without["metrics"]
    [beside] = impact["holdouts"]
    assert (beside["experiment"], beside["value"]) == ("held", 0.03)
    assert beside["low"] == pytest.approx(0.0104, abs=1e-4)
    assert page.gains[-1].what.endswith(": One in ten")
    assert page.gains[-1].plain == "–"
    assert winner.key


def test_of_nothing_there_is_a_page_and_no_number(site: Site) -> None:
    document = computed(site, now=LATER)

    page = progress_page(site, document, (), kept=None)

    assert page.answer == "No test has been launched yet."
    assert page.rates.bars == ()
    assert document["results"]["win_rate"] is None
    assert [lead.median for lead in page.leads] == ["not known"] * 4


def test_a_spreadsheet_takes_no_text_for_a_formula(site: Site, winner: RolloutRecord) -> None:
    ExperimentRecord.objects.filter(pk=winner.experiment_id).update(surface="=1+1")

    text = as_csv(computed(site, now=LATER))

    assert "results.win_rate.low" in text
    assert "lead_times.insight_to_launch.median.value" in text
    assert ",=1+1" not in text


def test_members_see_the_page_the_csv_and_the_api(
    site: Site, winner: RolloutRecord, ada: User, client_of: ClientOf
) -> None:
    keep_figures(site, as_of=midnight_at(site, day_at(site, LATER)), now=LATER)
    member = client_of(ada)

    page = member.get("/s/shop/progress/")

    text = page.content.decode()
    assert page.status_code == 200
    assert "One test was launched; half of all insights come to a launch on the same day." in text
    assert "Learning rate" in text
    assert "as the day ended" in text
    assert "Data rich and action poor" in text
    assert "in trouble 100% have a cause in the organisation" in text
    assert "the others guessed" in text
    assert member.get("/s/shop/progress/figures.csv").content.startswith(b"figure,value")
    assert member.get("/s/shop/progress/?day=2020-01-01").status_code == 404
    answer = member.get("/api/v1/programme/metrics?site=shop&only=results").json()
    assert set(answer) == {"site", "as_of", "results"}
    refused = member.get("/api/v1/programme/metrics?site=shop&only=win_rate")
    assert (refused.status_code, refused.json()["code"]) == (409, "progress.single_number")
    listed = member.get("/api/v1/programme/troubles?site=shop").json()["troubles"]
    assert [each["key"] for each in listed] == ["delivery-cost", "R-1"]
    said = member.post(
        "/s/shop/progress/reason/",
        {"trouble": "unimplemented", "key": "R-1", "reason": "no_slot"},
    )
    assert said.status_code == 302
    assert winner.key


@pytest.mark.parametrize(
    "address",
    [
        "/s/shop/progress/",
        "/s/shop/progress/figures.csv",
        "/api/v1/programme/metrics?site=shop",
        "/api/v1/programme/troubles?site=shop",
    ],
)
def test_a_stranger_finds_nothing(
    site: Site, mallory: User, client_of: ClientOf, address: str
) -> None:
    assert client_of(mallory).get(address).status_code == 404
    assert site.name == "shop"


def test_a_stranger_gives_no_reason(
    site: Site, winner: RolloutRecord, mallory: User, client_of: ClientOf
) -> None:
    stranger = client_of(mallory)
    given = {"trouble": "unimplemented", "key": "R-1", "reason": "no_slot"}

    form = stranger.post("/s/shop/progress/reason/", given)
    api = stranger.post(
        "/api/v1/programme/troubles?site=shop", json.dumps(given), content_type="application/json"
    )

    assert (form.status_code, api.status_code) == (404, 404)
    assert not ReasonRecord.objects.exists()
    assert winner.key
