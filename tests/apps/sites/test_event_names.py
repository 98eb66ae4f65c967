"""What a site calls the events of the built-in metrics, from the form to every answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoCaptureOnCommitCallbacks

from tests.apps.measurement.files import load
from truelift.apps.accounts.models import AuditEvent, User
from truelift.apps.experiments.metrics import current_metrics, define_metric, take_library
from truelift.apps.experiments.spec import BadSpec, MetricSpec
from truelift.apps.research.actor import Actor
from truelift.apps.sites import services
from truelift.apps.sites.models import Site
from truelift.apps.sites.publish import publish
from truelift.cli.main import main
from truelift.lake.home import Home
from truelift.lake.sites import site_settings


pytestmark = [pytest.mark.database, pytest.mark.django_db]

ClientOf = Callable[[User], Client]

EVENTS = """\
name,visitor_id,occurred_at,value,currency
page_view,v1,2026-05-01T10:00:00Z,,
Order Completed,v1,2026-05-01T10:05:00Z,20,EUR
page_view,v2,2026-05-01T11:00:00Z,,
order,v2,2026-05-01T11:05:00Z,30,EUR
page_view,v3,2026-05-01T12:00:00Z,,
purchase,v3,2026-05-01T12:05:00Z,999,EUR
page_view,v4,2026-05-01T13:00:00Z,,
"""
"""Two orders under the site's own names; what it sends as `purchase` is something else."""


def renamed(site: Site, *names: str, by: User, now: datetime) -> None:
    services.change_settings(
        site, {"event_names": {"purchase": [*names]}}, version=site.version, by=by, now=now
    )
    site.refresh_from_db()


def said_by(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--json"])
    assert ended.value.code == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_an_owner_names_events_and_it_is_published_and_audited(
    site: Site,
    home: Home,
    ada: User,
    client_of: ClientOf,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        response = client_of(ada).post(
            "/s/shop/settings/event-names/",
            {
                "version": 1,
                "purchase": " Order Completed \norder\n\norder",
                "sign_up": "sign_up",
                "refund": "",
            },
        )

    site.refresh_from_db()
    event = AuditEvent.objects.get(action="site.settings_changed")
    named = {"purchase": ["Order Completed", "order"]}
    assert response["Location"] == "/s/shop/settings/#event-names"
    assert site.event_names == named
    assert (event.before, event.after) == ({"event_names": {}}, {"event_names": named})
    assert site_settings(home, "shop").event_names == (("purchase", ("Order Completed", "order")),)
    page = client_of(ada).get("/s/shop/settings/").content.decode()
    assert "Order Completed\norder</textarea>" in page


def test_names_that_are_taken_away_are_the_usual_ones_again(
    site: Site, ada: User, now: datetime, client_of: ClientOf
) -> None:
    renamed(site, "order", by=ada, now=now)

    client_of(ada).post("/s/shop/settings/event-names/", {"version": 2, "purchase": ""})

    site.refresh_from_db()
    assert site.event_names == {}


def test_event_names_are_not_there_for_strangers_and_not_changed_by_readers(
    site: Site, cleo: User, mallory: User, client_of: ClientOf
) -> None:
    wanted = {"version": 1, "purchase": "order"}

    stranger = client_of(mallory).post("/s/shop/settings/event-names/", wanted)
    reader = client_of(cleo).post("/s/shop/settings/event-names/", wanted)

    site.refresh_from_db()
    assert (stranger.status_code, reader.status_code) == (404, 403)
    assert site.event_names == {}


def test_too_long_a_name_is_said_beside_it(site: Site, ada: User, client_of: ClientOf) -> None:
    response = client_of(ada).post(
        "/s/shop/settings/event-names/", {"version": site.version, "purchase": "x" * 201}
    )

    assert response.status_code == 422
    assert "is no name of an event" in response.content.decode()


@pytest.mark.parametrize(
    "names",
    [
        {"bought": ["order"]},
        {"purchase": []},
        {"purchase": "order"},
        {"purchase": [""]},
        {"purchase": ["a\0b"]},
        {"purchase": [7]},
        {"purchase": [str(number) for number in range(21)]},
        ["order"],
    ],
)
def test_what_is_no_name_of_a_known_event_is_refused(
    names: object, site: Site, ada: User, now: datetime
) -> None:
    with pytest.raises(services.BadEventNames, match="20 names of at most 200"):
        services.change_settings(
            site,
            {"event_names": names},  # type: ignore[dict-item]  # whatever somebody may send
            version=1,
            by=ada,
            now=now,
        )


def test_every_answer_counts_the_sites_own_events(
    site: Site,
    home: Home,
    ada: User,
    now: datetime,
    client_of: ClientOf,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    renamed(site, "Order Completed", "order", by=ada, now=now)
    publish()
    file = tmp_path / "events.csv"
    file.write_text(EVENTS)
    load(home, "shop", file, now=now)

    rate = said_by(capsys, "ask", "metric", "--site", "shop", "--metric", "order_rate")
    money = said_by(capsys, "ask", "metric", "--site", "shop", "--metric", "revenue_per_visitor")
    sessions = said_by(capsys, "ask", "sessions", "--site", "shop", "--revenue")
    segments = said_by(capsys, "ask", "segments", "--site", "shop")
    known = said_by(capsys, "metrics", "--site", "shop")
    checks = said_by(capsys, "ask", "checks", "--site", "shop")
    days = {"period": "days", "since": "2026-05-01", "until": "2026-05-01", "metric": "order_rate"}
    page = client_of(ada).get("/s/shop/segments/", days)

    assert rate["value"] == 0.5
    assert money["value"] == 5000 / 4
    assert sessions["rows"][0]["key_rate"] == 0.5
    assert sessions["rows"][0]["revenue"] == 5000
    assert segments["total"]["value"] == 0.5
    order_rate = next(each for each in known["metrics"] if each["key"] == "order_rate")
    assert order_rate["expects"] == ["Order Completed", "order"]
    assert checks["findings"]["orders"] == 2
    assert page.status_code == 200
    assert "50" in page.context["page"].marked


def test_metrics_for_experiments_are_taken_with_the_sites_name(
    site: Site, ada: User, now: datetime
) -> None:
    renamed(site, "Order Completed", by=ada, now=now)

    taken = {each.key: each for each in take_library(site, "shop", by=Actor(ada), now=now)}

    assert taken["order_rate"].event == "Order Completed"
    assert taken["order_value"].denominator_event == "Order Completed"
    assert taken["cart_rate"].event == "add_to_cart"


def test_taking_metrics_again_renews_those_that_stand_as_given_and_no_other(
    site: Site, ada: User, now: datetime
) -> None:
    take_library(site, "shop", by=Actor(ada), now=now)
    mine = MetricSpec("order_rate", "proportion", "purchase", "My rate", window_days=3)
    define_metric(site, mine, by=Actor(ada), now=now)
    renamed(site, "Order Completed", by=ada, now=now)

    taken = take_library(site, "shop", by=Actor(ada), now=now)
    again = take_library(site, "shop", by=Actor(ada), now=now)

    assert {str(each) for each in taken} == {"revenue_per_visitor@2", "order_value@2"}
    assert again == ()
    newest = {each.key: each for each in current_metrics(site)}
    assert newest["revenue_per_visitor"].event == "Order Completed"
    assert newest["order_rate"].event == "purchase"


def test_a_metric_that_counts_one_event_is_not_taken_for_several_names(
    site: Site, ada: User, now: datetime
) -> None:
    renamed(site, "Order Completed", "order", by=ada, now=now)

    with pytest.raises(BadSpec, match="2 names for purchase"):
        take_library(site, "shop", by=Actor(ada), now=now)

    assert current_metrics(site) == ()


def test_first_looks_and_the_home_propose_the_names_that_the_site_gave(
    site: Site,
    home: Home,
    ada: User,
    now: datetime,
    tmp_path: Path,
    client_of: ClientOf,
) -> None:
    path = tmp_path / "events.csv"
    path.write_text(EVENTS.replace("page_view", "view_item"))
    load(home, "shop", path, now=now)
    renamed(site, "Order Completed", "order", by=ada, now=now)
    publish()
    browser = client_of(ada)

    funnel = browser.get("/s/shop/funnels/")
    trend = browser.get("/s/shop/trends/")
    people = browser.get("/s/shop/segments/")
    front = browser.get("/s/shop/")

    assert funnel.context["form"].steps == ("view_item", "Order Completed | order")
    assert [step.units for step in funnel.context["page"].chart.steps] == [4, 2]
    assert trend.context["look"].document["event"] == {"names": ["Order Completed", "order"]}
    assert people.context["look"].document["metric"] == "order_rate"
    assert "Order Completed or order" in front.text
