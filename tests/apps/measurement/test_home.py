"""The site's home answers the four questions, and says what to do while it cannot."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from tests.apps.measurement.files import Row, load, write
from truelift.apps.accounts.models import User
from truelift.apps.backlog.models import PriorityRecord
from truelift.apps.backlog.services import catch_up, give_rank
from truelift.apps.measurement.home import home_of
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import HypothesisFields
from truelift.apps.research.models import HypothesisRecord
from truelift.apps.research.services import create_hypothesis
from truelift.apps.sites.models import Site
from truelift.cli.demo import proposed
from truelift.lake.home import Home
from truelift.lifecycle.scoring_route import Route
from truelift.worlds.findings import findings_of


pytestmark = [pytest.mark.database, pytest.mark.django_db]

SignedIn = Callable[[User], Client]
STEPS = ("view_item", "begin_checkout", "add_shipping_info", "purchase")


def visits(now: datetime) -> list[Row]:
    """Two thousand people, of whom phones are lost at the shipping step and others are not."""
    rows = []
    for visitor in range(2000):
        device = "phone" if visitor % 2 else "desktop"
        depth = 4 if visitor % 10 < 4 else 2
        if device == "phone" and visitor % 10 < 4 and visitor % 4 == 1:
            depth = 2
        at = now - timedelta(days=12) + timedelta(minutes=visitor)
        rows += [
            Row(step, f"v{visitor}", at + timedelta(seconds=place), device)
            for place, step in enumerate(STEPS[:depth])
        ]
    return rows


def test_the_step_and_group_that_lose_most_are_named_with_their_number(
    home: Home, site: Site, tmp_path: Path
) -> None:
    now = datetime.now(UTC)
    load(home, site.name, write(tmp_path / "events.csv", visits(now)), now=now)

    first = home_of(site, now=now).questions[0]

    assert first.answer.startswith("Phones: ")
    assert "“Begin checkout” do not go on to “Add shipping info”" in first.answer
    assert first.marked.endswith("a week")
    assert [pair.label for pair in first.pairs if pair.focus] == ["Add shipping info"]
    assert first.pairs_of == ("phones", "desktop")


def test_what_to_change_next_is_what_the_backlog_puts_first_and_the_terminal_says_the_same(
    home: Home, site: Site, ada: User, tmp_path: Path
) -> None:
    now = datetime.now(UTC)
    load(home, site.name, write(tmp_path / "events.csv", visits(now)), now=now)
    for score, change in ((9.0, "Larger logo"), (70.0, "Show reviews first")):
        made = create_hypothesis(site, HypothesisFields(change=change), by=Actor(ada), now=now)
        catch_up(site, now=now)
        PriorityRecord.objects.filter(hypothesis=made).update(score=score, route=Route.TEST)
    HypothesisRecord.objects.update(stage="accepted")

    by_score = home_of(site, now=now).questions
    give_rank(site, "H-1", 1, reason="Asked for", rank_then=2, by=Actor(ada), now=now)
    by_person = home_of(site, now=now).questions
    said = findings_of(site.name, now=now)

    assert by_score[1].answer == "Show reviews first."
    assert "ranks first in the backlog" in by_score[1].why
    assert by_person[1].answer == "Larger logo."
    assert f"has its rank in the backlog from {ada}" in by_person[1].why
    assert said.proposal is not None
    assert said.proposal.key == "H-1"
    assert said.proposal.ranked_by == str(ada)
    assert proposed(said.proposal)[1].endswith(f"\n{ada} put it first, against the score.")
    assert "against" not in proposed(dataclasses.replace(said.proposal, ranked_by=None))[1]
    assert said.leak is not None
    assert said.leak.value_per_week_minor is None
    assert by_score[0].marked == f"{said.leak.lost_per_week.value:,.0f} people a week"


def test_orders_are_drawn_on_the_days_of_the_site_and_today_is_not_drawn(
    home: Home, site: Site, tmp_path: Path
) -> None:
    # Half past midnight in Berlin, where the site is; in UTC it is still yesterday.
    now = (datetime.now(UTC) - timedelta(days=2)).replace(hour=23, minute=30)
    rows = [
        Row(step, f"v{day}-{visitor}", now - timedelta(days=day, hours=3), "phone")
        for day in range(20)
        for visitor in range(5)
        for step in STEPS
    ]
    load(home, site.name, write(tmp_path / "events.csv", rows), now=now)

    series = home_of(site, now=now).series

    assert series is not None
    assert series.days[-1] == now.date()  # yesterday, in Berlin
    assert series.lines[0].values[-1] == 5


def test_each_question_has_a_next_step_even_where_nothing_is_planned(
    home: Home, site: Site, ada: User, client_of: SignedIn, tmp_path: Path
) -> None:
    now = datetime.now(UTC)
    load(home, site.name, write(tmp_path / "events.csv", visits(now)), now=now)

    page = client_of(ada).get(f"/s/{site.name}/").context["page"]

    assert [question.number for question in page.questions] == [1, 2, 3, 4]
    assert all(question.next.href.startswith(f"/s/{site.name}/") for question in page.questions)


def test_an_answer_is_given_again_while_nothing_new_came_in(
    home: Home,
    site: Site,
    ada: User,
    client_of: SignedIn,
    tmp_path: Path,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    now = datetime.now(UTC)
    load(home, site.name, write(tmp_path / "events.csv", visits(now)), now=now)
    browser = client_of(ada)
    first = browser.get(f"/s/{site.name}/").content.decode()

    with django_assert_max_num_queries(20):
        again = browser.get(f"/s/{site.name}/").content.decode()
    load(
        home,
        site.name,
        write(tmp_path / "more.csv", [Row("purchase", "new", now, "tablet")]),
        now=now,
    )
    later = browser.get(f"/s/{site.name}/").content.decode()

    assert "600 people did" in first
    assert "600 people did" in again
    assert "601 people did" in later


def test_an_empty_site_says_how_to_begin(site: Site, ada: User, client_of: SignedIn) -> None:
    page = client_of(ada).get(f"/s/{site.name}/").content.decode()

    assert "Nothing has been measured on this site yet." in page
    assert "Connect the site" in page


def test_a_stranger_gets_404(site: Site, mallory: User, client_of: SignedIn) -> None:
    assert client_of(mallory).get(f"/s/{site.name}/").status_code == 404
