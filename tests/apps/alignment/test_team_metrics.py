"""A team's metric is computed from facts, and held against the one that all share."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from django.db import connection
from django.test import Client

from truelift.apps.accounts.models import AuditEvent, User
from truelift.apps.alignment import services
from truelift.apps.alignment.computing import compute_metrics
from truelift.apps.alignment.models import TeamMetricRecord
from truelift.apps.alignment.reads import conflicts_of, metrics_of
from truelift.apps.alignment.services import MetricFields
from truelift.apps.alignment.weekly import campaigns_in_one
from truelift.apps.changes.models import ChangeRecord
from truelift.apps.facts.defining import propose
from truelift.apps.facts.services import make_feed, take_in
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.lifecycle.functions import Function


pytestmark = [pytest.mark.database, pytest.mark.django_db]

ClientOf = Callable[[User], Client]

NOISE = (1.02, 0.98, 1.01, 0.99, 1.03, 0.97, 1.005, 0.995)
# Source, campaign, sessions and orders before and now, cost per click: program.md §5.4.
BROAD_MATCH = (
    ("brand", "", (30_000, 30_000), (1_500, 1_500), (0.0, 0.0)),
    ("paid", "exact", (40_000, 12_000), (1_200, 360), (2.0, 2.0)),
    ("paid", "broad", (10_000, 95_000), (100, 754), (0.6, 0.7)),
    ("organic", "", (20_000, 20_000), (400, 400), (0.0, 0.0)),
)
COST = MetricFields(
    name="Cost per click",
    team="marketing",
    formula="cost_per_click",
    direction=-1,
    owner="ada@example.com",
    path="Cheaper clicks leave more of the budget for people who buy.",
)
VISITS = MetricFields(name="Traffic", team="marketing", formula="traffic", direction=1)


def text_of(response: object) -> str:
    content: bytes = response.content  # type: ignore[attr-defined]
    return " ".join(content.decode().split())


def parts_of(total: int, at: int) -> list[int]:
    """Part a whole number into eight weeks that are not all the same, to the last one."""
    weights = [*NOISE[at:], *NOISE[:at]]
    edges = [round(total * sum(weights[:week]) / 8) for week in range(9)]
    edges[8] = total
    return [later - earlier for earlier, later in pairwise(edges)]


def file_of(weeks_from: date) -> tuple[bytes, bytes]:
    """Write the files of traffic and of spend; all of a week's is on its Monday but the zeros."""
    traffic = ["date,source,campaign,sessions,orders,revenue"]
    spend = ["date,source,campaign,clicks,cost"]
    for source, campaign, sessions, orders, price in BROAD_MATCH:
        for window in (0, 1):
            came, bought = parts_of(sessions[window], 0), parts_of(orders[window], 3)
            for week in range(8):
                monday = weeks_from + timedelta(weeks=8 * window + week)
                for day in range(7):
                    many, sold = (came[week], bought[week]) if day == 0 else (0, 0)
                    at = (monday + timedelta(days=day)).isoformat()
                    traffic.append(f"{at},{source},{campaign},{many},{sold},{60 * sold}.00")
                    if price[window]:
                        cost = f"{many * price[window]:.2f}"
                        spend.append(f"{at},{source},{campaign},{many},{cost}")
    return ("\n".join(traffic).encode(), "\n".join(spend).encode())


@pytest.fixture
def broad_match(site: Site, ada: User, now: datetime) -> None:
    """Files of sixteen weeks, in which paid search turned from exact to broad match."""
    monday = now.date() - timedelta(days=now.weekday())
    files = zip(("traffic", "spend"), file_of(monday - timedelta(weeks=16)), strict=True)
    for kind, file in files:
        make_feed(site, name=kind, kind=kind, by=Actor(ada), now=now)
        arrival = take_in(site, kind, file, by=Actor(ada), now=now)
        assert arrival.refused == 0


def write(site: Site, fields: MetricFields, by: User, now: datetime) -> TeamMetricRecord:
    return services.write_metric(site, fields, by=Actor(by), now=now)


@pytest.mark.usefixtures("broad_match")
def test_cheap_clicks_of_broad_match_are_a_conflict_from_files_to_the_page(
    site: Site, ada: User, now: datetime
) -> None:
    write(site, COST, ada, now)
    write(site, VISITS, ada, now)

    clicks, visits = sorted(compute_metrics(site, now=now), key=lambda each: each.metric.number)

    assert clicks.kinds == visits.kinds == ["direct", "structural"]
    assert clicks.sentence == (
        "Marketing’s cost per click is 51% better while revenue per session is 40% worse;"
        " 94% of that is mix from paid / broad."
    )
    assert visits.sentence.startswith("Marketing’s traffic is 57% better while")
    assert clicks.at_stake_minor == visits.at_stake_minor == 120_600_00
    assert clicks.mix_share == pytest.approx(0.943, abs=0.0005)
    told = metrics_of(site)[0].document
    assert told is not None
    assert told["team"]["before"] == pytest.approx(172)
    assert told["team"]["now"] == pytest.approx(84.58, abs=0.005)
    assert told["of_shared"]["before"] == pytest.approx(192)
    assert told["of_shared"]["now"] == pytest.approx(115.18, abs=0.005)


@pytest.mark.usefixtures("broad_match")
def test_the_page_says_the_conflict_first_and_a_metric_without_a_path_is_no_good_news(
    site: Site, ada: User, client_of: ClientOf, now: datetime
) -> None:
    write(site, COST, ada, now)
    write(site, VISITS, ada, now)
    values = MetricFields(name="Uptime", team="engineering", formula="values", direction=1)
    uptime = write(site, values, ada, now)
    monday = now.date() - timedelta(days=now.weekday())
    text = "day,value\n" + "\n".join(
        f"{monday - timedelta(weeks=16 - week)},{0.99 + week % 3 / 500}" for week in range(16)
    )
    assert (
        services.take_values(site, uptime.number, services.values_in(text), by=Actor(ada), now=now)
        == 16
    )
    compute_metrics(site, now=now)

    browser = client_of(ada)
    browser.get("/s/shop/team-metrics/")
    asked: list[str] = []

    def noted(execute: Any, sql: str, *rest: Any) -> Any:
        asked.append(sql)
        return execute(sql, *rest)

    with connection.execute_wrapper(noted):
        page = text_of(browser.get("/s/shop/team-metrics/"))
    one = text_of(browser.get("/s/shop/team-metrics/1/"))
    told = browser.get("/api/v1/team-metrics?site=shop").json()

    assert "<h1" in page
    assert page.index("94% of that is mix from paid / broad") < page.index("Uptime")
    assert "€121,000" in page
    assert "Operational, no path named" in page
    assert "0 better with a path" in page
    assert 0 < len(asked) <= 16
    assert "Of the fall of revenue per session, 94% is mix" in one
    assert [each["metric"] for each in told["conflicts"]] == ["TM-1", "TM-2"]
    assert told["metrics"][2]["operational"] is True


def test_a_conflict_ends_when_it_is_over_and_stays_in_the_history(
    site: Site, ada: User, now: datetime, broad_match: None
) -> None:
    record = write(site, COST, ada, now)
    compute_metrics(site, now=now)
    compute_metrics(site, now=now + timedelta(hours=1))
    (found,) = conflicts_of(site)
    assert (found.first_at, found.last_at) == (now, now + timedelta(hours=1))

    # Paying more for a click is good now: nobody would say so, but it turns the sign.
    services.write_metric(
        site, MetricFields(direction=1), by=Actor(ada), now=now, number=record.number
    )
    compute_metrics(site, now=now + timedelta(hours=2))

    assert conflicts_of(site) == ()
    assert len(conflicts_of(site, ended=True)) == 1


def test_a_metric_without_direction_is_refused_and_templates_load_once(
    site: Site, ada: User, client_of: ClientOf, now: datetime
) -> None:
    browser = client_of(ada)
    told = {"name": "Clicks", "team": "marketing", "formula": "traffic"}
    address = "/api/v1/team-metrics?site=shop"

    refused = browser.post(address, json.dumps(told), content_type="application/json")
    for fields in (replace(COST, name="a\0b"), replace(COST, owner="a\0b")):
        with pytest.raises(services.BadTeamMetric):
            write(site, fields, ada, now)
    once = services.load_template(site, Function.ENGINEERING, by=Actor(ada), now=now)
    again = services.load_template(site, Function.ENGINEERING, by=Actor(ada), now=now)
    typed = browser.post("/s/shop/team-metrics/new/", {**told, "cadence": "weekly"})

    assert refused.status_code == 422
    assert refused.json()["code"] == "alignment.bad_team_metric"
    assert typed.status_code == 422
    assert "Say which direction is good" in text_of(typed)
    assert [each.name for each in once] == ["Uptime", "Release velocity", "Bugs"]
    assert again == ()
    assert AuditEvent.objects.filter(action="team_metric.made").count() == 3
    with pytest.raises(services.NotBroughtIn):
        services.take_values(site, once[1].number, [], by=Actor(ada), now=now)
    with pytest.raises(services.BadValues, match="Line 2"):
        services.values_in("2026-05-04,1\n2026-05-05,many")


@pytest.mark.usefixtures("broad_match")
def test_weeks_before_the_first_reported_deploy_are_not_weeks_without_one(
    site: Site, ada: User, now: datetime
) -> None:
    for days in (3, 4, 10, 12, 20, 25, 30, 31, 38, 45):
        ChangeRecord.objects.create(
            site=site,
            number=days,
            source="ci",
            external_id=str(days),
            trust="token",
            state="recorded",
            kind="deploy",
            at=now - timedelta(days=days),
            told_at=now,
        )
    write(site, replace(VISITS, name="Releases", formula="releases"), ada, now)

    compute_metrics(site, now=now)

    told = metrics_of(site)[0].document
    assert told is not None
    assert told["values"][:9] == [None] * 9
    assert sum(told["values"][9:]) == 10
    assert told["window_weeks"] == 3


def test_what_cannot_be_known_is_said(site: Site, ada: User, now: datetime) -> None:
    write(site, COST, ada, now)

    assert compute_metrics(site, now=now) == ()

    told = metrics_of(site)[0].document
    assert told is not None
    assert told["missing"] == "no whole week of sessions has come in"


def test_where_leads_are_sold_the_shared_metric_is_what_they_are_worth_by_session(
    site: Site, ada: User, now: datetime
) -> None:
    who, first = Actor(ada), now.date() - timedelta(days=now.weekday(), weeks=16)
    traffic: list[dict[str, object]] = []
    leads: list[dict[str, object]] = []
    for week in range(16):
        later = week >= 8
        shown = 1_500 if later else 100
        for source, many, came in (("search", 1_000, 20 + week % 3), ("display", shown, 1)):
            for day in range(7):
                at = (first + timedelta(weeks=week, days=day)).isoformat()
                seen = many + 7 * (week % 4) if day == 0 else 0
                traffic.append({"day": at, "source": source, "sessions": seen})
                leads += [
                    {"lead": f"{source}-{at}-{each}", "day": at, "source": source}
                    for each in range(came if day == 0 else 0)
                ]
    for kind, rows in (("traffic", traffic), ("leads", leads)):
        make_feed(site, name=kind, kind=kind, by=who, now=now)
        assert take_in(site, kind, rows, by=who, now=now).refused == 0
    propose(
        site,
        kind="leads",
        maturity_days=30,
        close_rate=0.2,
        value_minor=500_00,
        because="Calls are what sales lives on.",
        by=who,
        now=now,
    )
    write(site, VISITS, ada, now)

    (found,) = compute_metrics(site, now=now)

    assert found.kinds == ["direct", "structural"]
    assert "while expected revenue per session (proposed) is" in found.sentence
    assert found.sentence.endswith("of that is mix from display.")


def test_campaigns_that_only_one_window_knows_are_no_sources_that_come_and_go() -> None:
    source = np.array(["google", "google", "google", "mail", "mail", "new"], dtype=object)
    campaign = np.array(["", "broad", "exact", "spring", "autumn", "first"], dtype=object)
    before = np.array([True, False, False, True, False, False])

    assert campaigns_in_one(source, campaign, before, ~before) == {"google"}
