"""The planner: what an address plans, what it refuses, and to whom it is shown."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.http import QueryDict
from django.test import Client

from tests.apps.measurement.files import load
from truelift.apps.accounts.models import User
from truelift.apps.experiments.metrics import take_library
from truelift.apps.experiments.planner_form import METHODS, PlannerForm
from truelift.apps.experiments.planner_page import planner_page
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.apps.sites.publish import publish
from truelift.lake.home import Home
from truelift.stats.planned import PlannedKind


ClientOf = Callable[[User], Client]
in_database = [pytest.mark.database, pytest.mark.django_db]


def form(address: str) -> PlannerForm:
    return PlannerForm.of(QueryDict(address))


def text_of(response: object) -> str:
    content: bytes = response.content  # type: ignore[attr-defined]
    return " ".join(content.decode().split())


def test_the_sentence_says_how_many_weeks_a_lift_takes() -> None:
    page = planner_page(form("baseline=5&lift=10&weekly=20000").plan())

    assert (page.answer, page.marked, page.rest) == (
        "To see a lift of 10% it takes",
        "four weeks",
        ".",
    )
    assert "31,234 visitors per variant, 62,468 in all, at 20,000 a week" in page.grounds
    assert page.ladder is None


def test_a_test_that_takes_too_long_says_so_and_brings_the_ladder() -> None:
    page = planner_page(form("baseline=3&lift=10&weekly=3000").plan())

    assert "too long" in page.rest
    assert page.ladder is not None
    assert "After 12 weeks a lift of" in page.ladder.sentence


def test_a_test_that_takes_years_is_none() -> None:
    page = planner_page(form("baseline=3&lift=1&weekly=300").plan())

    assert page.answer.startswith("So few visitors take years")
    assert "wrong sign" in page.warning


@pytest.mark.parametrize("kind", [kind.value for kind in PlannedKind])
@pytest.mark.parametrize("method", [method.value for method, _ in METHODS])
def test_every_kind_is_planned_by_every_method_as_the_form_comes(kind: str, method: str) -> None:
    asked = form(f"kind={kind}&method={method}")

    assert asked.problems() == ()
    page = planner_page(asked.plan())
    assert page.marked
    assert [figure.name for figure in page.figures] == ["weeks", "lifts"]


@pytest.mark.parametrize(
    ("aim", "words"),
    [
        ("non_inferiority", "To show that it is not worse by 5%"),
        ("equivalence", "To show that it differs by less than 5%"),
    ],
)
def test_a_margin_takes_the_place_of_the_lift(aim: str, words: str) -> None:
    page = planner_page(form(f"aim={aim}&baseline=30&weekly=30000").plan())

    assert page.answer.startswith(words)
    assert page.ladder is None


def test_a_metric_that_should_fall_is_planned_for_a_fall() -> None:
    plan = form("better=decrease&lift=10&baseline=20").plan()

    assert plan.lift == -0.1
    assert "a fall of 10%" in planner_page(plan).answer


def test_a_control_of_another_size_is_said() -> None:
    page = planner_page(form("control=80&baseline=5").plan())

    assert "in the control and" in page.grounds


def test_values_that_are_complete_later_are_waited_for() -> None:
    page = planner_page(form("baseline=5&weekly=20000&maturation=30").plan())

    assert "complete after 58 days" in page.grounds


def test_the_curves_say_in_words_what_they_draw() -> None:
    weeks, lifts = planner_page(form("baseline=5&lift=10&weekly=20000").plan()).figures

    assert weeks.sentence == (
        "The smallest lift it would see is 8.8% after four weeks and 5.0% after 12 weeks"
    )
    assert lifts.sentence.startswith("After four weeks it would see it in 89% of cases")
    assert len(weeks.chart.numbers) == 16


def test_a_test_that_is_looked_at_all_the_time_says_how_often_it_finds_at_some_moment() -> None:
    _, lifts = planner_page(form("method=sequential&baseline=5&weekly=40000").plan()).figures

    assert "at some moment in" in lifts.source


def test_everything_that_is_wrong_is_said_at_once() -> None:
    problems = form("baseline=0&lift=much&arms=2.5").problems()

    assert len(problems) == 3


def test_numbers_that_contradict_each_other_are_refused_in_the_planners_words() -> None:
    (problem,) = form("baseline=60&lift=90").problems()

    assert "out of 0 to 1" in problem


def test_the_address_keeps_what_counts_and_is_not_as_usual() -> None:
    asked = form("kind=revenue&buys=4&order_cv=1&baseline=9&lift=10&alpha=10")

    assert asked.address == "kind=revenue&buys=4&lift=10&alpha=10"
    assert asked.says_more


class TestThePage:
    pytestmark = in_database

    def test_it_is_worked_out_for_whoever_may_look(
        self, site: Site, cleo: User, client_of: ClientOf
    ) -> None:
        response = client_of(cleo).get(f"/s/{site.name}/planner/?baseline=5&lift=10&weekly=20000")

        assert response.status_code == 200
        assert "To see a lift of 10% it takes <mark>four weeks</mark>." in text_of(response)

    def test_a_stranger_sees_nothing(self, site: Site, mallory: User, client_of: ClientOf) -> None:
        assert client_of(mallory).get(f"/s/{site.name}/planner/").status_code == 404

    def test_a_site_without_events_begins_with_usual_numbers(
        self, site: Site, ada: User, client_of: ClientOf
    ) -> None:
        response = client_of(ada).get(f"/s/{site.name}/planner/")

        assert response.status_code == 200
        assert 'name="baseline" value="3"' in text_of(response)

    def test_it_offers_the_sites_metrics_to_begin_with(
        self, site: Site, ada: User, client_of: ClientOf, now: datetime
    ) -> None:
        take_library(site, "shop", by=Actor(ada), now=now)

        text = text_of(client_of(ada).get(f"/s/{site.name}/planner/"))

        assert 'href="?metric=order_rate" aria-current="page">Order rate' in text
        assert "?metric=order_value" not in text

    def test_it_takes_visitors_and_levels_from_the_sites_own_events(
        self,
        site: Site,
        ada: User,
        home: Home,
        tmp_path: Path,
        client_of: ClientOf,
        now: datetime,
    ) -> None:
        publish()
        take_library(site, "shop", by=Actor(ada), now=now)
        day = datetime.now(UTC) - timedelta(days=2)
        path = tmp_path / "events.csv"
        rows = [f"page_view,v{person},{day.isoformat()}" for person in range(200)]
        rows += [f"purchase,v{person},{day.isoformat()}" for person in range(8)]
        path.write_text("name,visitor_id,occurred_at\n" + "\n".join(rows), encoding="utf-8")
        load(home, site.name, path, now=datetime.now(UTC))

        text = text_of(client_of(ada).get(f"/s/{site.name}/planner/"))
        revenue = text_of(client_of(ada).get(f"/s/{site.name}/planner/?metric=revenue_per_visitor"))

        assert 'name="baseline" value="4"' in text
        assert 'name="weekly" value="50"' in text
        assert "200 people in the last 28 days, 8 of them with purchase" in text
        assert 'name="buys" value="4"' in revenue

    def test_what_cannot_be_planned_is_said_and_kept(
        self, site: Site, ada: User, client_of: ClientOf
    ) -> None:
        response = client_of(ada).get(f"/s/{site.name}/planner/?baseline=abc")

        assert response.status_code == 422
        assert "“Level now, %” is a number" in text_of(response)
        assert 'name="baseline" value="abc"' in text_of(response)

    def test_its_numbers_go_into_a_new_plan(
        self, site: Site, ada: User, client_of: ClientOf
    ) -> None:
        ada_at = client_of(ada)
        text = text_of(ada_at.get(f"/s/{site.name}/planner/?baseline=5&lift=12&weekly=900"))
        address = text.partition(f"/s/{site.name}/experiments/new/?")[2].partition('"')[0]

        plan = text_of(
            ada_at.get(f"/s/{site.name}/experiments/new/?{address.replace('&amp;', '&')}")
        )

        assert 'name="baseline" value="5"' in plan
        assert 'name="minimum_effect" value="12"' in plan
        assert 'name="visitors_per_week" value="900"' in plan

    def test_the_address_of_a_live_answer_is_short(
        self, site: Site, ada: User, client_of: ClientOf
    ) -> None:
        response = client_of(ada).get(
            f"/s/{site.name}/planner/?baseline=5&order_cv=1&power=80&lift=12",
            headers={"HX-Request": "true"},
        )

        assert response["HX-Replace-Url"] == (
            f"/s/{site.name}/planner/?kind=proportion&baseline=5&lift=12"
        )

    def test_the_pages_of_experiments_lead_to_it(
        self, site: Site, ada: User, client_of: ClientOf
    ) -> None:
        for page in ("experiments/", "experiments/new/"):
            assert f'href="/s/{site.name}/planner/"' in text_of(
                client_of(ada).get(f"/s/{site.name}/{page}")
            )
