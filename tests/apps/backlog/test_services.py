"""What goes into a score, who sees whose answers, and that frameworks are never mixed."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.test import Client

from truelift.apps.accounts.models import AuditEvent, User
from truelift.apps.backlog import services
from truelift.apps.backlog.models import OverrideRecord, PriorityRecord
from truelift.apps.backlog.nightly import count_from_data, plan_nights
from truelift.apps.backlog.page import ItemPage, backlog_page, item_page, override_rows
from truelift.apps.backlog.reads import Wanted, placed, waiting
from truelift.apps.backlog.rule import agreed_of
from truelift.apps.experiments.jobs import run_due_jobs
from truelift.apps.experiments.models import Job
from truelift.apps.intake import services as intake
from truelift.apps.intake.models import IdeaRecord
from truelift.apps.progress.nightly import plan_every_hour
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import BadFields
from truelift.apps.research.models import HypothesisRecord
from truelift.apps.sites.models import Site
from truelift.apps.sites.services import create_site
from truelift.apps.surfaces.counting import measure
from truelift.apps.surfaces.models import SurfaceRecord
from truelift.apps.surfaces.services import set_surface
from truelift.lifecycle.idea import IdeaAction
from truelift.lifecycle.scoring import BadValue


pytestmark = [pytest.mark.database, pytest.mark.django_db]

Agree = Callable[..., None]
ClientOf = Callable[[User], Client]


def row_of(site: Site, key: str, now: datetime) -> PriorityRecord:
    services.catch_up(site, now=now)
    return services.item_for_update(site, key, now=now)


def inputs(item: PriorityRecord) -> dict[str, tuple[float, str]]:
    return {each["name"]: (each["value"], each["origin"]) for each in item.inputs}


def order(site: Site, now: datetime, *, route: str = "") -> list[str]:
    agreed = services.catch_up(site, now=now)
    return [each.item.key for each in placed(site, agreed, Wanted(route=route))]


def test_a_missing_input_leaves_the_score_undefined_and_is_named(
    site: Site, pickup: HypothesisRecord, now: datetime
) -> None:
    item = row_of(site, "H-1", now)

    assert item.score is None
    assert inputs(item) == {"impact": (10.0, "data")}
    assert item.missing == ["confidence", "ease"]


def test_what_the_data_know_is_not_asked_of_people(
    site: Site, pickup: HypothesisRecord, checkout: SurfaceRecord, agree: Agree, now: datetime
) -> None:
    agree("ev")
    assert inputs(row_of(site, "H-1", now)) == {
        "weekly_units": (48_200.0, "data"),
        "rate": (0.03, "data"),
        "revenue": (192.0, "data"),
        "reached": (1.0, "setting"),
    }
    agree("rice")
    assert inputs(row_of(site, "H-1", now)) == {
        "reach": (192_800.0, "data"),
        "confidence": (0.8, "data"),
    }
    agree("pxl")
    assert inputs(row_of(site, "H-1", now)) == {
        "traffic": (1.0, "data"),
        "user_test": (0.0, "data"),
        "qual": (1.0, "data"),
        "analytics": (1.0, "data"),
        "tracking": (0.0, "data"),
    }
    agree("pie")
    assert inputs(row_of(site, "H-1", now)) == {
        "potential": (10.0, "data"),
        "importance": (10.0, "data"),
    }


def test_expected_value_ranks_by_value_per_slot_week(
    site: Site,
    pickup: HypothesisRecord,
    reviews: HypothesisRecord,
    checkout: SurfaceRecord,
    agree: Agree,
    ada: User,
    ben: User,
    now: datetime,
) -> None:
    agree("ev")
    services.submit_score(site, "H-1", {"work": 4}, by=Actor(ada), now=now)
    services.submit_score(site, "H-1", {"work": 12}, by=Actor(ben), now=now)
    services.submit_score(site, "H-2", {"work": 2}, by=Actor(ada), now=now)

    pick, show = row_of(site, "H-1", now), row_of(site, "H-2", now)

    assert order(site, now) == ["H-2", "H-1"]
    assert pick.score is not None
    assert show.score is not None
    assert pick.low is not None
    assert pick.high is not None
    # Six days more of €400, over four weeks.
    assert show.score - pick.score == pytest.approx(6 * 40_000 / 4)
    assert pick.low < pick.score < pick.high
    assert (pick.scorers, pick.route) == (2, "test")


def test_a_change_of_framework_scores_everything_anew_and_mixes_nothing(
    site: Site,
    pickup: HypothesisRecord,
    reviews: HypothesisRecord,
    agree: Agree,
    ada: User,
    now: datetime,
) -> None:
    for key, ease in (("H-1", 3), ("H-2", 9)):
        values = {"confidence": 5, "ease": ease}
        services.submit_score(site, key, values, by=Actor(ada), now=now)
    assert order(site, now) == ["H-2", "H-1"]

    agree("rice")
    # Before anybody has worked it out anew, the old scores are in no ranking.
    assert placed(site, agreed_of(site), Wanted()) == ()
    services.submit_score(
        site, "H-1", {"reach": 9000, "impact": 3, "effort": 1}, by=Actor(ada), now=now
    )
    assert order(site, now) == ["H-1", "H-2"]
    assert set(PriorityRecord.objects.values_list("framework", "version")) == {("rice", 1)}

    agree("ice")
    assert order(site, now) == ["H-2", "H-1"]
    assert row_of(site, "H-2", now).score == 450
    agree("ice", variant="mean")
    assert row_of(site, "H-2", now).score == pytest.approx(8)


def test_other_settings_of_the_policy_are_no_new_version_of_the_framework(
    site: Site, agree: Agree, ada: User, now: datetime
) -> None:
    from truelift.apps.programme.services import PolicyChange, change_policy

    agree("pie")
    change_policy(site, PolicyChange(triage_days=3), by=Actor(ada), now=now)

    assert agreed_of(site).rule.version == 1
    agree("pxl", weights={"fold": 3})
    assert agreed_of(site).rule.version == 3
    assert agreed_of(site).rule.highest == 16


def test_the_ranking_hides_a_score_from_those_who_have_not_answered_yet(
    site: Site,
    pickup: HypothesisRecord,
    ada: User,
    ben: User,
    cleo: User,
    client_of: ClientOf,
    now: datetime,
) -> None:
    services.submit_score(site, "H-1", {"confidence": 2, "ease": 3}, by=Actor(ada), now=now)
    services.catch_up(site, now=now)

    def row(person: User) -> dict[str, object]:
        (row,) = backlog_page(site, agreed_of(site), Wanted(), to=person).rows
        (shown,) = client_of(person).get("/api/v1/backlog", {"site": site.name}).json()["items"]
        answer = client_of(person).get(f"/s/{site.name}/backlog/export.csv").content.decode()
        (line,) = csv.DictReader(io.StringIO(answer))
        assert row.hidden is shown["hidden"] is (line["hidden"] == "true")
        assert bool(row.value) is (shown["score"] is not None) is bool(line["score"])
        return {"hidden": row.hidden, "value": bool(row.value), "drawn": bool(row.at)}

    seen, blind = row(ada), row(ben)
    page = client_of(ben).get(f"/s/{site.name}/backlog/").content.decode()

    assert seen == {"hidden": False, "value": True, "drawn": True}
    assert blind == {"hidden": True, "value": False, "drawn": False}
    assert "its score shows once you have given yours" in page
    assert row(cleo) == seen


def test_nobody_sees_other_answers_before_their_own(
    site: Site, pickup: HypothesisRecord, ada: User, ben: User, cleo: User, now: datetime
) -> None:
    services.submit_score(site, "H-1", {"confidence": 2, "ease": 3}, by=Actor(ada), now=now)
    item = row_of(site, "H-1", now)

    def seen(person: User, *, may_score: bool = True) -> ItemPage:
        return item_page(site, item, agreed_of(site), to=person, may_score=may_score)

    blind, own, looker = seen(ben), seen(ada), seen(cleo, may_score=False)
    assert (blind.answers, blind.hidden, blind.total) == ((), 1, "")
    assert [part.value for part in blind.parts] == ["10", "", ""]
    assert len(own.answers) == len(looker.answers) == 1
    services.submit_score(site, "H-1", {"confidence": 6, "ease": 3}, by=Actor(ben), now=now)
    item.refresh_from_db()
    after = item_page(site, item, agreed_of(site), to=ben, may_score=True)
    assert len(after.answers) == 2
    assert [part.discuss for part in after.parts] == [False, True, False]
    assert item.discuss
    assert waiting(site)["backlog"].count() == 1


def test_an_answer_outside_of_its_range_is_refused(
    site: Site, pickup: HypothesisRecord, ada: User, now: datetime
) -> None:
    with pytest.raises(BadValue):
        services.submit_score(site, "H-1", {"ease": 11}, by=Actor(ada), now=now)
    with pytest.raises(services.NothingToScore):
        services.submit_score(site, "H-1", {}, by=Actor(ada), now=now)
    with pytest.raises(services.NoSuchItem):
        services.submit_score(site, "H-9", {"ease": 1}, by=Actor(ada), now=now)


def test_a_solution_without_a_problem_is_last_whatever_it_scores(
    site: Site, pickup: HypothesisRecord, logo: IdeaRecord, ada: User, now: datetime
) -> None:
    best = {"impact": 10, "confidence": 10, "ease": 10}
    services.submit_score(site, "ID-1", best, by=Actor(ada), now=now)

    assert order(site, now, route="drop") == ["ID-1"]
    assert order(site, now) == ["H-1"]


def test_scoring_a_screened_idea_moves_it(
    site: Site, logo: IdeaRecord, ada: User, now: datetime
) -> None:
    intake.move_idea_record(site, "ID-1", IdeaAction.SCREEN, by=Actor(ada), now=now)

    services.submit_score(site, "ID-1", {"ease": 3}, by=Actor(ada), now=now)

    logo.refresh_from_db()
    assert logo.stage == "scored"


@pytest.mark.parametrize(
    ("facts", "units", "route"),
    [
        ({"defect": True}, 48_200, "ship"),
        ({}, 48_200, "test"),
        ({}, 5_000, "bold_test"),
        ({}, 500, "ladder"),
        ({"if_wins": "Ship it", "if_loses": "ship it"}, 48_200, "drop"),
    ],
)
def test_each_item_goes_where_it_can_be_learned_from(
    site: Site,
    pickup: HypothesisRecord,
    checkout: SurfaceRecord,
    ada: User,
    now: datetime,
    facts: dict[str, object],
    units: float,
    route: str,
) -> None:
    SurfaceRecord.objects.update(weekly_units=units)
    given = {"defect": False, "if_wins": "", "if_loses": "", "risk": {}, **facts}

    services.set_facts(site, "H-1", **given, by=Actor(ada), now=now)  # type: ignore[arg-type]

    assert row_of(site, "H-1", now).route == route


def test_the_past_of_a_surface_stands_in_for_a_judgement(
    site: Site, pickup: HypothesisRecord, ada: User, now: datetime
) -> None:
    from truelift.apps.research.fields import HypothesisFields
    from truelift.apps.research.services import create_hypothesis

    for ease in (2, 4, 9):
        made = create_hypothesis(
            site, HypothesisFields(change="X", insights=("I-1",)), by=Actor(ada), now=now
        )
        services.submit_score(site, made.key, {"ease": ease}, by=Actor(ada), now=now)
    services.refresh(site, now=now)

    assert inputs(row_of(site, "H-1", now))["ease"] == (4.0, "data")


def test_what_is_new_is_worked_out_without_touching_the_others(
    site: Site, pickup: HypothesisRecord, logo: IdeaRecord, ada: User, now: datetime
) -> None:
    from datetime import timedelta

    from truelift.apps.research.fields import HypothesisFields
    from truelift.apps.research.services import create_hypothesis

    services.catch_up(site, now=now)
    create_hypothesis(site, HypothesisFields(change="New"), by=Actor(ada), now=now)
    later = now + timedelta(hours=1)
    services.catch_up(site, now=later)

    found = {each.key: each.worked_out_at for each in services.items_of(site)}
    assert found == {"H-1": now, "ID-1": now, "H-2": later}

    intake.link_problem(site, "ID-1", insight="I-1", by=Actor(ada), now=later)
    assert order(site, later) == ["H-1", "ID-1"]


def test_a_given_rank_stands_with_its_reason_and_its_outcome(
    site: Site,
    pickup: HypothesisRecord,
    reviews: HypothesisRecord,
    ada: User,
    ben: User,
    now: datetime,
) -> None:
    for key, ease in (("H-1", 9), ("H-2", 3)):
        values = {"confidence": 5, "ease": ease}
        services.submit_score(site, key, values, by=Actor(ada), now=now)
    with pytest.raises(BadFields):
        services.give_rank(site, "H-2", 1, reason=" ", rank_then=2, by=Actor(ben), now=now)

    services.give_rank(
        site, "H-2", 1, reason="The board wants it", rank_then=2, by=Actor(ben), now=now
    )

    assert order(site, now) == ["H-2", "H-1"]
    HypothesisRecord.objects.filter(pk=reviews.pk).update(finding="contradicted")
    (row,) = override_rows(site)
    assert (row.who, row.ranks, row.outcome) == ("Ben", "2 → 1", "Its hypothesis was contradicted")
    assert AuditEvent.objects.filter(action="backlog.rank_given").count() == 1
    services.take_rank_back(site, "H-2", by=Actor(ben), now=now)
    assert order(site, now) == ["H-1", "H-2"]
    assert OverrideRecord.objects.get().withdrawn_at == now


def test_pages_with_given_ranks_are_the_whole_order_cut_in_pieces(
    site: Site, ada: User, now: datetime, insight: object
) -> None:
    from truelift.lifecycle.policy import Framework
    from truelift.lifecycle.scoring import Contender, Score, ranked

    HypothesisRecord.objects.bulk_create(
        HypothesisRecord(site=site, number=i, change=f"No. {i}", made_at=now) for i in range(1, 21)
    )
    agreed = services.catch_up(site, now=now)
    for item in PriorityRecord.objects.all():
        item.score, item.route, item.solution_only = float(item.pk), "test", False
        item.save()
    for number, rank in ((3, 1), (7, 5), (9, 5), (11, 90), (20, 4)):
        services.give_rank(
            site, f"H-{number}", rank, reason="So", rank_then=None, by=Actor(ada), now=now
        )

    whole = placed(site, agreed, Wanted(), most=None)
    pieces = [
        each
        for first in range(0, 21, 4)
        for each in placed(site, agreed, Wanted(), first=first, most=4)
    ]

    assert [each.item.pk for each in pieces] == [each.item.pk for each in whole]
    assert [each.rank for each in whole] == list(range(1, 21))
    keys = [each.item.key for each in whole]
    assert [keys.index(f"H-{n}") + 1 for n in (3, 20, 7, 9, 11)] == [1, 4, 5, 6, 20]
    pins = {"H-3": 1, "H-20": 4, "H-7": 5, "H-9": 6, "H-11": 90}
    contenders = [
        Contender(
            each.item.key, Score(Framework.ICE, 0, each.item.score), pinned=pins.get(each.item.key)
        )
        for each in whole
    ]
    assert [each.key for each in ranked(contenders)] == keys


def test_a_night_counts_surfaces_and_comes_again(
    site: Site, pickup: HypothesisRecord, ada: User, now: datetime
) -> None:
    surface = set_surface(site, "Checkout", "/checkout", by=Actor(ada), now=now)
    count_from_data(site, by=ada, now=now)

    assert run_due_jobs(now) == 1

    surface.refresh_from_db()
    assert surface.measured_at in {None, now}
    assert run_due_jobs(now) == 0
    measure(surface, now=now)


def test_nights_are_planned_when_a_site_is_made_and_when_a_worker_starts(
    site: Site, now: datetime, django_capture_on_commit_callbacks: Any
) -> None:
    started = plan_every_hour(plan_nights)
    started(now)
    with django_capture_on_commit_callbacks(execute=True):
        create_site("other", by="tests", now=now)

    jobs = Job.objects.filter(kind="backlog.nightly", finished_at=None)
    assert sorted(each.subject for each in jobs) == ["site:other", "site:shop"]
    assert plan_nights(now) == 0
    assert Job.objects.filter(kind="progress.nightly", subject="site:shop").count() == 1


def test_a_surface_whose_pages_change_is_counted_anew(
    site: Site, checkout: SurfaceRecord, ada: User, now: datetime
) -> None:
    changed = set_surface(site, "checkout", "/kasse", by=Actor(ada), now=now)

    assert changed.pk == checkout.pk
    assert changed.weekly_units is None
