"""A scorecard is kept every night, says what it does not know, and takes people's answers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction
from django.test import Client

from tests.apps.rollouts.conftest import DECIDED
from truelift.apps.accounts.models import AuditEvent, User
from truelift.apps.experiments.domain import day_at, midnight_at
from truelift.apps.experiments.jobs import run_due_jobs
from truelift.apps.facts.models import DayRecord
from truelift.apps.research.actor import Actor
from truelift.apps.rollouts.models import RolloutRecord
from truelift.apps.scorecard.evidence import readings_of
from truelift.apps.scorecard.models import AnswersRecord, ScorecardDayRecord, TargetsRecord
from truelift.apps.scorecard.nightly import plan_scorecards
from truelift.apps.scorecard.page import scorecard_page
from truelift.apps.scorecard.reads import answers_of, computed, targets_of
from truelift.apps.scorecard.services import (
    ChangedMeanwhile,
    Wanted,
    answer,
    keep_scorecard,
    set_targets,
)
from truelift.apps.sites.models import Site
from truelift.lifecycle.maturity import QUESTIONS, BadAnswer
from truelift.lifecycle.scorecard import BadTarget, Figure


pytestmark = [pytest.mark.database, pytest.mark.django_db]

LATER = DECIDED + timedelta(days=40)
ALL = {each.key: 3 for each in QUESTIONS}

ClientOf = Callable[[User], Client]


def test_a_programme_that_did_nothing_gets_no_score(site: Site, ada: User) -> None:
    answer(site, ALL, by=Actor(ada), now=LATER)

    document = computed(site, as_of=LATER, now=LATER)
    page = scorecard_page(document, kept=None, quarters=())

    assert document["scorecard"]["overall"] is None
    assert document["maturity"]["stage"] is None
    assert "not enough evidence" in page.answer
    assert "not enough evidence" in page.stage
    items = [each for part in document["scorecard"]["quadrants"] for each in part["items"]]
    assert all(each["said"] for each in items if each["value"] is None)


def test_figures_are_read_from_what_the_programme_did(
    site: Site, winner: RolloutRecord, ada: User
) -> None:
    set_targets(site, Wanted(tests_a_quarter=2), seen=0, by=Actor(ada), now=LATER)

    document = computed(site, as_of=LATER, now=LATER)

    items = {
        each["figure"]: each
        for part in document["scorecard"]["quadrants"]
        for each in part["items"]
    }
    page = scorecard_page(document, kept=None, quarters=())
    assert document["causes"] == {"n": 2, "organisational": 1.0}
    assert [bool(part.note) for part in page.quadrants] == [False, False, False, True]
    assert items[Figure.VALID]["value"] == 1
    assert items[Figure.LEARNING]["n"] == 1
    assert items[Figure.VELOCITY]["value"] == 0.5
    assert items[Figure.IMPLEMENTATION]["value"] == 0
    assert items[Figure.IMPACT]["value"] is None
    assert winner.key


def test_what_only_today_tells_is_not_said_of_an_older_moment(site: Site) -> None:
    targets = targets_of(site)
    for day in range(28):
        DayRecord.objects.create(
            site=site, day=LATER.date() - timedelta(days=60 + day), sessions=100, orders=5,
            revenue_minor=1_000, refunded_minor=100,
        )  # fmt: skip

    today = {each.figure: each for each in readings_of(site, targets, as_of=LATER, now=LATER)}
    before = readings_of(site, targets, as_of=LATER - timedelta(days=3), now=LATER)

    assert today[Figure.DOWNSTREAM].value == pytest.approx(0.9)
    assert today[Figure.VOICE].said == "neither sales nor service has told anything yet"
    assert today[Figure.TRACKING].value is None
    assert set(today) - {each.figure for each in before} == {
        Figure.TRACKING, Figure.COVERAGE, Figure.VITALS, Figure.REVENUE, Figure.CONVERSION,
        Figure.DOWNSTREAM, Figure.DRIFT, Figure.RHYTHM, Figure.VOICE, Figure.BRIEF,
        Figure.REMIT, Figure.WARNINGS,
    }  # fmt: skip


def test_a_day_is_kept_once_by_the_worker_and_the_database_refuses_to_change_it(
    site: Site,
) -> None:
    plan_scorecards(LATER)
    run_due_jobs(LATER)

    [kept] = ScorecardDayRecord.objects.all()
    again = keep_scorecard(site, as_of=midnight_at(site, day_at(site, LATER)), now=LATER)

    assert kept.pk == again.pk
    assert kept.day == day_at(site, LATER) - timedelta(days=1)
    for change in (
        lambda: ScorecardDayRecord.objects.update(text="{}"),
        lambda: ScorecardDayRecord.objects.filter(pk=kept.pk).delete(),
    ):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            change()


def test_the_newest_answers_of_each_person_count_for_half_a_year(
    site: Site, ada: User, ben: User
) -> None:
    answer(site, {**ALL, "weekly": 0}, by=Actor(ada), now=LATER - timedelta(days=3))
    answer(site, ALL, by=Actor(ada), now=LATER)
    answer(site, {**ALL, "weekly": 1}, by=Actor(ben), now=LATER - timedelta(days=183))

    assert answers_of(site, now=LATER) == (ALL,)
    with pytest.raises(BadAnswer):
        answer(site, {"weekly": 3}, by=Actor(ada), now=LATER)
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        AnswersRecord.objects.update(answers={})


def test_targets_are_set_on_what_was_read(site: Site, ada: User) -> None:
    by = Actor(ada)

    row = set_targets(site, Wanted(targets={"velocity": (0.0, 2.0)}), seen=0, by=by, now=LATER)

    assert row.version == 1
    with pytest.raises(ChangedMeanwhile):
        set_targets(site, Wanted(tests_a_quarter=9), seen=0, by=by, now=LATER)
    for odd in (
        Wanted(targets={"luck": (0.0, 1.0)}),
        Wanted(tests_a_quarter=0),
        Wanted(cost_minor=-1),
        Wanted(half_life_days=0),
    ):
        with pytest.raises(BadTarget):
            set_targets(site, odd, seen=1, by=by, now=LATER)
    assert AuditEvent.objects.filter(action="scorecard.targets_set").count() == 1


def test_people_read_answer_and_set_on_pages_and_over_the_api(
    site: Site, ada: User, cleo: User, client_of: ClientOf
) -> None:
    owner, viewer = client_of(ada), client_of(cleo)
    first = viewer.get("/s/shop/scorecard/")
    keep_scorecard(site, as_of=midnight_at(site, day_at(site, LATER)), now=LATER)

    short = viewer.post("/s/shop/scorecard/questions/", {"weekly": "3"})
    whole = viewer.post("/s/shop/scorecard/questions/", dict.fromkeys(ALL, "3"))
    refused = viewer.post("/s/shop/scorecard/wanted/", {"version": "0", "tests_a_quarter": "9"})
    kept = owner.post("/s/shop/scorecard/wanted/", {"version": "0", "revenue": "1.20"})
    odd = owner.post("/s/shop/scorecard/wanted/", {"version": "1", "tests_a_quarter": "-2"})
    shown = viewer.get("/s/shop/scorecard/")
    asked = viewer.get("/api/v1/programme/scorecard?site=shop")
    bad = viewer.post(
        "/api/v1/programme/maturity/answers?site=shop",
        {"answers": {"weekly": 9}},
        content_type="application/json",
    )

    assert "first scorecard" in first.content.decode()
    assert (short.status_code, whole.status_code, refused.status_code) == (422, 302, 403)
    assert (kept.status_code, odd.status_code) == (302, 422)
    assert TargetsRecord.objects.get(site=site).revenue_minor == 120
    assert "not enough evidence" in shown.content.decode()
    assert asked.json()["maturity"]["stage"] is None
    assert (bad.status_code, bad.json()["code"]) == (422, "maturity.bad_answer")
    assert viewer.get("/s/shop/scorecard/?day=2020-01-01").status_code == 404
    assert viewer.get("/s/shop/scorecard/?day=soon").status_code == 404
