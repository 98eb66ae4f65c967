"""The explorer of metrics: its value, its drawing, and where the definition changed."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from django.test import Client

from truelift.apps.accounts.models import User
from truelift.apps.drawing.series import Series
from truelift.apps.sites.models import Site
from truelift.lake.home import Home


SignedIn = Callable[[User], Client]
HERE = "/s/shop/trends/metrics/"
DAYS = "&period=days&since=2026-04-06&until=2026-04-25&compare=none"


@pytest.fixture
def buying(shop: Site, home: Home) -> Site:
    """A shop that counted as buyers first everybody who looks, from 15 April on those who pay."""

    def version(number: int, made_at: str, event: str) -> dict[str, object]:
        definition = {"key": "buying", "kind": "proportion", "event": event}
        return {"version": number, "made_at": made_at, "definition": definition}

    versions = [
        version(1, "2026-01-01T00:00:00+00:00", "page_view"),
        version(2, "2026-04-15T12:00:00+00:00", "purchase"),
    ]
    saved = {"title": "Buying", "better": "higher", "versions": versions}
    home.metrics_file.write_text(json.dumps({"metrics": {shop.name: {"buying": saved}}}))
    return shop


def test_a_change_of_the_definition_stands_on_the_axis_in_words_and_in_a_table(
    buying: Site, cleo: User, client_of: SignedIn
) -> None:
    page = client_of(cleo).get(f"{HERE}?metric=buying{DAYS}")

    (figure,) = page.context["page"].figures
    changes = page.context["page"].tables[1]
    assert isinstance(figure.chart, Series)
    assert [each.words for each in figure.chart.notes] == ["Buying: version 1 became 2"]
    assert "On Wed 15 Apr" in figure.source
    assert "version 1 became 2" in figure.source
    assert "Its definition changed once in this time" in page.context["page"].grounds
    assert [(row.label, row.cells) for row in changes.rows] == [
        ("Wed 15 Apr 2026, 14:00", ("version 1", "version 2"))
    ]


def test_a_pinned_version_is_counted_all_along_and_named(
    buying: Site, cleo: User, client_of: SignedIn
) -> None:
    browser = client_of(cleo)

    newest = browser.get(f"{HERE}?metric=buying{DAYS}").context["page"]
    pinned = browser.get(f"{HERE}?metric=buying%401{DAYS}").context["page"]

    assert newest.marked == "47.6%"  # 100 of 210 people
    assert pinned.marked == "100%"
    assert ", version 1;" in pinned.figures[0].source
    assert pinned.figures[0].chart.notes == newest.figures[0].chart.notes


def test_a_period_without_a_change_has_none(buying: Site, cleo: User, client_of: SignedIn) -> None:
    later = "&period=days&since=2026-04-16&until=2026-04-25&compare=none"

    page = client_of(cleo).get(f"{HERE}?metric=buying{later}").context["page"]

    assert page.figures[0].chart.notes == ()
    assert len(page.tables) == 1


def test_a_share_of_people_has_a_band_between_which_it_likely_lies(
    shop: Site, cleo: User, client_of: SignedIn
) -> None:
    page = client_of(cleo).get(f"{HERE}?metric=order_rate{DAYS}").context["page"]

    chart = page.figures[0].chart
    (line,) = chart.lines
    assert page.marked == "47.6%"
    assert chart.band is not None
    for low, value, high in zip(chart.band.low, line.values, chart.band.high, strict=True):
        assert low is not None
        assert value is not None
        assert high is not None
        assert low <= value <= high


def test_the_sites_own_metrics_are_offered_first(
    buying: Site, cleo: User, client_of: SignedIn
) -> None:
    page = client_of(cleo).get(HERE)

    assert page.context["metrics"][:2] == ("buying", "order_rate")
    assert "time_to_value" not in page.context["metrics"]
    assert 'list="metric-names"' in page.text


def test_a_metric_that_there_is_not_is_refused_in_words(
    shop: Site, cleo: User, client_of: SignedIn
) -> None:
    page = client_of(cleo).get(f"{HERE}?metric=nothing_at_all")

    assert page.status_code == 422
    assert "is no metric of the site" in page.text
