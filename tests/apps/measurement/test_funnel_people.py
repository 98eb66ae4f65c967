"""Who did not go on: only where the site allows it, only for analysts, and always written down."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.test import Client

from tests.apps.measurement.files import load
from truelift.apps.accounts.models import AuditEvent, User
from truelift.apps.measurement import reads
from truelift.apps.sites.models import Site
from truelift.lake.home import Home


pytestmark = [pytest.mark.django_db]

FORMULA = "=cmd|'/c calc'!A1"
FIRST = datetime(2026, 4, 6, 10, tzinfo=UTC)
SignedIn = Callable[[User], Client]
QUERY = {"step": ["view_item", "purchase"], "period": "all", "window": "1d", "at": "1"}
PLACES = ["", "rows.csv", "rows.parquet"]


@pytest.fixture
def shop(home: Home, site: Site, tmp_path: Path, now: datetime) -> Site:
    """A hundred and twenty people view, ten of them buy; one has a formula for a name."""
    path = tmp_path / "events.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["name", "visitor_id", "occurred_at"])
        for person in range(120):
            visitor = FORMULA if person == 119 else f"v{person}"
            at = FIRST + timedelta(minutes=person)
            writer.writerow(["view_item", visitor, at.isoformat()])
            if person < 10:
                writer.writerow(["purchase", visitor, (at + timedelta(seconds=5)).isoformat()])
    load(home, site.name, path, now=now)
    return site


@pytest.fixture
def listing(shop: Site) -> Site:
    Site.objects.filter(pk=shop.pk).update(people_lists=True)
    return shop


def looks() -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(action__startswith="people_list.").order_by("id"))


@pytest.mark.parametrize("place", PLACES)
def test_lists_are_off_until_an_owner_switches_them_on(
    place: str, shop: Site, ada: User, client_of: SignedIn
) -> None:
    browser = client_of(ada)

    refused = browser.get(f"/s/{shop.name}/funnels/people/{place}", QUERY)
    page = browser.get(f"/s/{shop.name}/funnels/", QUERY)

    assert refused.status_code == 403
    assert "switched off on this site" in refused.text
    assert "visitor_id" not in refused.text
    assert "funnels/people/" not in page.text
    assert looks() == []


def test_an_owner_switches_lists_on_in_the_settings(
    shop: Site, ada: User, ben: User, client_of: SignedIn
) -> None:
    to = f"/s/{shop.name}/settings/privacy/"
    given = {"version": shop.version, "people_lists": "on"}

    assert client_of(ben).post(to, given).status_code == 403
    assert client_of(ada).post(to, given).status_code == 302

    assert client_of(ben).get(f"/s/{shop.name}/funnels/people/", QUERY).status_code == 200
    changed = AuditEvent.objects.get(action="site.settings_changed")
    assert changed.after == {"people_lists": True}


@pytest.mark.parametrize("place", PLACES)
def test_a_stranger_gets_404_and_a_viewer_403(
    place: str, listing: Site, mallory: User, cleo: User, client_of: SignedIn
) -> None:
    to = f"/s/{listing.name}/funnels/people/{place}"

    assert client_of(mallory).get(to, QUERY).status_code == 404
    assert client_of(cleo).get(to, QUERY).status_code == 403
    assert Client().get(to, QUERY).status_code == 302
    assert looks() == []


def test_a_viewer_finds_no_link_and_an_editor_does(
    listing: Site, cleo: User, ben: User, client_of: SignedIn
) -> None:
    to = f"/s/{listing.name}/funnels/"

    assert "funnels/people/" not in client_of(cleo).get(to, QUERY).text
    page = client_of(ben).get(to, QUERY)
    assert "funnels/people/?" in page.text
    assert [drop.said for drop in page.context["look"].drops] == ["110"]


def test_the_list_goes_on_page_by_page_without_a_gap(
    listing: Site, ben: User, client_of: SignedIn
) -> None:
    browser = client_of(ben)
    first = browser.get(f"/s/{listing.name}/funnels/people/", QUERY)
    following = first.context["page"].following

    second = browser.get(f"/s/{listing.name}/funnels/people/?{following}")

    listed = [row.label for page in (first, second) for row in page.context["table"].rows]
    assert len(first.context["table"].rows) == 100
    assert sorted(listed) == sorted([FORMULA, *(f"v{person}" for person in range(10, 119))])
    assert second.context["page"].following == ""
    assert first.headers["Cache-Control"].startswith("max-age=0")


def test_every_look_and_every_file_is_written_into_the_audit_without_names(
    listing: Site, ben: User, client_of: SignedIn
) -> None:
    browser = client_of(ben)
    browser.get(f"/s/{listing.name}/funnels/people/", QUERY)
    browser.get(f"/s/{listing.name}/funnels/people/rows.csv", QUERY)

    seen, exported = looks()

    assert (seen.action, seen.actor) == ("people_list.seen", "ben@example.com")
    assert (exported.action, exported.site) == ("people_list.exported", "shop")
    assert seen.after is not None
    assert exported.after is not None
    assert (seen.after["people"], exported.after["people"]) == (100, 110)
    assert seen.after["steps"] == ["view_item", "purchase"]
    assert "v11" not in str(seen.after)


def test_a_file_has_everybody_and_nothing_in_it_is_run(
    listing: Site, ben: User, client_of: SignedIn
) -> None:
    file = client_of(ben).get(f"/s/{listing.name}/funnels/people/rows.csv", QUERY)

    head, *rows = csv.reader(io.StringIO(file.text, newline=""))
    assert head == ["visitor_id", "user_id", "reached_at"]
    assert len(rows) == 110
    assert f"'{FORMULA}" in [row[0] for row in rows]
    assert "attachment" in file.headers["Content-Disposition"]


def test_who_people_are_is_not_remembered_by_the_process(
    listing: Site, ben: User, client_of: SignedIn
) -> None:
    reads._remembered.clear()

    client_of(ben).get(f"/s/{listing.name}/funnels/people/", QUERY)

    assert "v11" not in str(list(reads._remembered.values()))


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ({"at": "2"}, "nothing follows step 2"),
        ({"at": "7"}, "one of the funnel’s"),
        ({"at": "x"}, "one of the funnel’s"),
        ({"after": "elsewhere"}, "not the `next`"),
        ({"window": "soon"}, "The window"),
    ],
)
def test_a_list_that_cannot_be_asked_says_why_and_is_not_written_down(
    listing: Site, ben: User, client_of: SignedIn, query: dict[str, str], says: str
) -> None:
    answer = client_of(ben).get(f"/s/{listing.name}/funnels/people/", {**QUERY, **query})

    assert answer.status_code == 422
    assert says.lower() in str(answer.context["problems"]).lower()
    assert looks() == []
