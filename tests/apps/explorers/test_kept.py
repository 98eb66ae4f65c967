"""Saved views and annotations: kept per site, changed by whom they belong to, written down."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.test import Client

from truelift.apps.accounts.models import AuditEvent, User
from truelift.apps.explorers.models import Annotation, SavedView
from truelift.apps.sites.models import Site


pytestmark = [pytest.mark.database, pytest.mark.django_db]

SignedIn = Callable[[User], Client]
QUERY = "event=purchase&period=28"


def save(browser: Client, site: Site, **given: str) -> SavedView:
    view = {"explorer": "trend", "query": QUERY, "name": "Orders", **given}
    assert browser.post(f"/s/{site.name}/views/save/", view).status_code == 302
    return SavedView.objects.get(name=view["name"])


def test_a_view_leads_back_to_its_address(site: Site, ada: User, client_of: SignedIn) -> None:
    browser = client_of(ada)
    view = save(browser, site)

    answer = browser.get(f"/s/{site.name}/views/{view.pk}/")

    assert answer.status_code == 302
    assert answer["Location"] == f"/s/{site.name}/trends/?{QUERY}"
    assert AuditEvent.objects.filter(action="view.saved", site=site.name).count() == 1


def test_the_same_name_keeps_the_new_address(site: Site, ada: User, client_of: SignedIn) -> None:
    browser = client_of(ada)
    save(browser, site)
    save(browser, site, query="event=refund")

    assert SavedView.objects.get().query == "event=refund"


def test_a_view_is_seen_by_others_only_when_it_is_shared(
    site: Site, ada: User, cleo: User, client_of: SignedIn
) -> None:
    own = save(client_of(ada), site, name="Own")
    shared = save(client_of(ada), site, name="Shared", shared="on")
    browser = client_of(cleo)

    page = browser.get(f"/s/{site.name}/views/").text

    assert "Shared" in page
    assert ">Own<" not in page
    assert browser.get(f"/s/{site.name}/views/{own.pk}/").status_code == 404
    assert browser.get(f"/s/{site.name}/views/{shared.pk}/").status_code == 302


def test_a_stranger_learns_nothing_of_a_view(
    site: Site, ada: User, mallory: User, client_of: SignedIn
) -> None:
    view = save(client_of(ada), site, shared="on")
    browser = client_of(mallory)

    assert browser.get(f"/s/{site.name}/views/").status_code == 404
    assert browser.get(f"/s/{site.name}/views/{view.pk}/").status_code == 404
    assert browser.post(f"/s/{site.name}/views/{view.pk}/delete/").status_code == 404
    assert browser.get(f"/s/elsewhere/views/{view.pk}/").status_code == 404
    assert SavedView.objects.filter(pk=view.pk).exists()


def test_a_view_is_renamed_shared_and_deleted_by_who_saved_it(
    site: Site, ada: User, ben: User, client_of: SignedIn
) -> None:
    view = save(client_of(ada), site, shared="on")
    change, delete = (f"/s/{site.name}/views/{view.pk}/{what}/" for what in ("change", "delete"))
    others = client_of(ben)

    assert others.post(change, {"name": "Mine"}).status_code == 404
    assert others.post(delete).status_code == 404
    assert client_of(ada).post(change, {"name": "Orders by day"}).status_code == 302
    view.refresh_from_db()
    assert (view.name, view.shared) == ("Orders by day", False)
    assert client_of(ada).post(delete).status_code == 302
    assert not SavedView.objects.exists()


def test_a_viewer_saves_views_but_only_for_themselves(
    site: Site, cleo: User, client_of: SignedIn
) -> None:
    view = save(client_of(cleo), site, shared="on")

    assert not view.shared


@pytest.mark.parametrize(
    "given",
    [
        {"name": " "},
        {"name": "x" * 121},
        {"name": "nul\x00"},
        {"explorer": "checks"},
        {"query": "x" * 4001},
    ],
)
def test_what_cannot_be_saved_is_refused_in_words(
    given: dict[str, str], site: Site, ada: User, client_of: SignedIn
) -> None:
    view = {"explorer": "trend", "query": QUERY, "name": "Orders", **given}

    answer = client_of(ada).post(f"/s/{site.name}/views/save/", view)

    assert answer.status_code == 422
    assert "This view was not saved" in answer.text
    assert not SavedView.objects.exists()


def test_two_views_of_one_person_do_not_share_a_name(
    site: Site, ada: User, client_of: SignedIn
) -> None:
    browser = client_of(ada)
    save(browser, site, name="One")
    two = save(browser, site, name="Two")

    answer = browser.post(f"/s/{site.name}/views/{two.pk}/change/", {"name": "One"})

    assert answer.status_code == 422
    assert SavedView.objects.filter(name="Two").exists()


def note(browser: Client, site: Site, **given: str) -> int:
    annotation = {"day": "2026-04-10", "time": "14:30", "kind": "release", "text": "4.18", **given}
    return browser.post(f"/s/{site.name}/annotations/add/", annotation).status_code


def test_an_annotation_stands_on_the_axis_and_beside_it_in_words(
    shop: Site, ada: User, client_of: SignedIn
) -> None:
    browser = client_of(ada)
    assert note(browser, shop, text="Checkout 4.18") == 302
    assert note(browser, shop, day="2026-04-10", kind="incident", text="Slow payment") == 302
    assert note(browser, shop, day="2026-03-01", text="Long before") == 302
    days = "period=days&since=2026-04-06&until=2026-04-25"

    answer = browser.get(f"/s/{shop.name}/trends/?event=purchase&{days}")

    (series,) = (figure.chart for figure in answer.context["page"].figures)
    assert [(str(each.at), each.words) for each in series.notes] == [
        ("2026-04-10", "Release: Checkout 4.18; Incident: Slow payment")
    ]
    assert "Fri 10 Apr 2026, 14:30" in answer.text
    assert "Long before" not in answer.text


def test_an_annotation_is_the_site_s_own_time(site: Site, ada: User, client_of: SignedIn) -> None:
    note(client_of(ada), site)

    assert Annotation.objects.get().at == datetime(2026, 4, 10, 12, 30, tzinfo=UTC)
    assert AuditEvent.objects.filter(action="annotation.added").count() == 1


def test_an_annotation_is_removed_again(site: Site, ada: User, client_of: SignedIn) -> None:
    browser = client_of(ada)
    note(browser, site)
    found = Annotation.objects.get()

    remove = f"/s/{site.name}/annotations/{found.pk}/remove/"
    answer = browser.post(remove, {"back": f"/s/{site.name}/trends/?period=7"})

    assert answer["Location"] == f"/s/{site.name}/trends/?period=7"
    assert not Annotation.objects.exists()


@pytest.mark.parametrize("back", ["https://evil.example/", "//evil.example", "/s/elsewhere/"])
def test_nobody_is_led_away_after_noting(
    back: str, site: Site, ada: User, client_of: SignedIn
) -> None:
    annotation = {"day": "2026-04-10", "kind": "release", "text": "4.18", "back": back}

    answer = client_of(ada).post(f"/s/{site.name}/annotations/add/", annotation)

    assert answer["Location"] == f"/s/{site.name}/annotations/"


def test_a_viewer_reads_annotations_and_notes_none(
    site: Site, ada: User, cleo: User, client_of: SignedIn
) -> None:
    note(client_of(ada), site, text="Checkout 4.18")
    browser = client_of(cleo)

    page = browser.get(f"/s/{site.name}/annotations/").text

    assert "Checkout 4.18" in page
    assert '<form method="post" action="/s/shop/annotations' not in page
    assert note(browser, site) == 403


@pytest.mark.parametrize(
    "given",
    [
        {"day": "soon"},
        {"day": "9999-12-31", "time": "25:00"},
        {"kind": "party"},
        {"text": ""},
        {"text": "x" * 121},
        {"text": "nul\x00"},
    ],
)
def test_what_cannot_be_noted_is_refused_in_words(
    given: dict[str, str], site: Site, ada: User, client_of: SignedIn
) -> None:
    annotation = {"day": "2026-04-10", "kind": "release", "text": "4.18", **given}

    answer = client_of(ada).post(f"/s/{site.name}/annotations/add/", annotation)

    assert answer.status_code == 422
    assert "This was not written down" in answer.text
    assert not Annotation.objects.exists()


def test_a_funnel_is_saved_as_a_view_and_its_steps_go_into_a_file(
    shop: Site, ada: User, client_of: SignedIn
) -> None:
    browser = client_of(ada)
    query = "step=page_view&step=purchase&period=all&by=device"
    view = save(browser, shop, explorer="funnel", query=query, name="To the order")

    assert browser.get(f"/s/{shop.name}/views/{view.pk}/")["Location"].startswith(
        f"/s/{shop.name}/funnels/?"
    )
    page = browser.get(f"/s/{shop.name}/funnels/?{query}").text
    assert "To the order" in page
    file = browser.get(f"/s/{shop.name}/funnels/rows.csv?{query}").text
    assert file.splitlines()[0].startswith("device,step,event,units")
    assert len(file.splitlines()) == 1 + 2 * 2
    assert browser.get(f"/s/{shop.name}/funnels/rows.csv?step=a").status_code == 422
    assert browser.get(f"/s/{shop.name}/funnels/rows.xls?{query}").status_code == 404
