from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.test import Client

from truelift.apps.accounts.models import AuditEvent, User
from truelift.apps.sites import services
from truelift.apps.sites.forms import SECTIONS
from truelift.apps.sites.models import Site, WriteKey


pytestmark = [pytest.mark.database, pytest.mark.django_db]


def test_every_section_says_what_holds_by_default(
    ada: User, client_of: Callable[[User], Client]
) -> None:
    page = client_of(ada).get("/s/shop/settings/").content.decode()

    for section in SECTIONS.values():
        assert section.heading in page
        assert "efault" in section.says
    assert "paypal.com" in page
    assert "$feature_flag_called" in page


def test_an_owner_saves_one_section_and_the_audit_has_before_and_after(
    ada: User, site: Site, client_of: Callable[[User], Client]
) -> None:
    response = client_of(ada).post(
        "/s/shop/settings/revenue/",
        {"version": 1, "revenue_tax": "out", "revenue_shipping": "in"},
    )

    site.refresh_from_db()
    event = AuditEvent.objects.get(action="site.settings_changed")
    assert response["Location"] == "/s/shop/settings/#revenue"
    assert (site.revenue_tax, site.version) == ("out", 2)
    assert (event.before, event.after) == ({"revenue_tax": "in"}, {"revenue_tax": "out"})


def test_saving_what_already_holds_is_no_change(
    ada: User, site: Site, client_of: Callable[[User], Client]
) -> None:
    client_of(ada).post(
        "/s/shop/settings/revenue/",
        {"version": 1, "revenue_tax": "in", "revenue_shipping": "in"},
    )

    assert not AuditEvent.objects.filter(action="site.settings_changed").exists()


def test_somebody_who_was_faster_is_not_overwritten(
    ada: User, site: Site, client_of: Callable[[User], Client], now: datetime
) -> None:
    services.change_settings(site, {"currency": "USD"}, version=1, by=ada, now=now)

    response = client_of(ada).post(
        "/s/shop/settings/about/",
        {"version": 1, "title": "My title", "time_zone": "UTC", "currency": "CHF"},
    )

    site.refresh_from_db()
    assert response.status_code == 409
    assert site.currency == "USD"
    assert b"Somebody else changed these settings" in response.content
    assert b"My title" in response.content


@pytest.mark.parametrize(
    ("section", "field", "typed", "complaint"),
    [
        ("internal", "internal_hosts", "https://shop.example/x", "is no host"),
        ("internal", "internal_addresses", "300.1.1.1", "is no address or network"),
        ("hosts", "own_hosts", "shop example", "is no host"),
        ("about", "currency", "12E", "Three letters"),
        ("about", "time_zone", "Mars/Olympus", "not one of the available choices"),
        ("limits", "daily_quota", "-5", "greater than or equal"),
    ],
)
def test_a_wrong_entry_is_said_beside_it_and_kept(
    section: str,
    field: str,
    typed: str,
    complaint: str,
    ada: User,
    client_of: Callable[[User], Client],
) -> None:
    response = client_of(ada).post(f"/s/shop/settings/{section}/", {"version": 1, field: typed})

    page = response.content.decode()
    assert response.status_code == 422
    assert complaint in page


def test_lists_are_one_entry_a_line_without_repeats(
    ada: User, site: Site, client_of: Callable[[User], Client]
) -> None:
    client_of(ada).post(
        "/s/shop/settings/hosts/",
        {
            "version": 1,
            "own_hosts": "Shop.example\n\n *.shop.example \nshop.example",
            "payment_referrers": "",
        },
    )

    site.refresh_from_db()
    assert site.own_hosts == ["shop.example"]
    assert site.payment_referrers == []


def test_exposure_rules_are_rows_and_an_empty_row_is_none(
    ada: User, site: Site, client_of: Callable[[User], Client]
) -> None:
    client_of(ada).post(
        "/s/shop/settings/exposure-rules/",
        {
            "version": 1,
            "event": ["AB Test", ""],
            "experiment": ["test_id", ""],
            "variant": ["arm", ""],
        },
    )

    site.refresh_from_db()
    assert site.exposure_rules == [{"event": "AB Test", "experiment": "test_id", "variant": "arm"}]


def test_half_an_exposure_rule_is_refused(
    ada: User, site: Site, client_of: Callable[[User], Client]
) -> None:
    response = client_of(ada).post(
        "/s/shop/settings/exposure-rules/",
        {"version": 1, "event": ["AB Test"], "experiment": [""], "variant": ["arm"]},
    )

    assert response.status_code == 422
    assert b"Rule 1 lacks: Property with the experiment" in response.content


def test_a_secret_key_is_shown_once(
    ada: User, site: Site, client_of: Callable[[User], Client]
) -> None:
    browser = client_of(ada)

    shown = browser.post("/s/shop/settings/keys/", {"kind": "secret"})

    newest = WriteKey.objects.latest("pk")
    assert b"shown now and never again" in shown.content
    assert b"sk_" in shown.content
    assert f"sk_…{newest.hint}" in browser.get("/s/shop/settings/").content.decode()
    assert newest.plain == ""


def test_an_owner_revokes_a_key(ada: User, site: Site, client_of: Callable[[User], Client]) -> None:
    key = WriteKey.objects.get(kind="public")

    client_of(ada).post(f"/s/shop/settings/keys/{key.pk}/revoke/")

    key.refresh_from_db()
    assert key.revoked_at is not None
    assert AuditEvent.objects.filter(action="key.revoked").exists()


def test_keys_of_another_site_cannot_be_revoked_from_here(
    ada: User, mallory: User, client_of: Callable[[User], Client]
) -> None:
    key = WriteKey.objects.filter(site__name="elsewhere").first()
    assert key

    client_of(ada).post(f"/s/shop/settings/keys/{key.pk}/revoke/")

    key.refresh_from_db()
    assert key.revoked_at is None


@pytest.mark.parametrize("who", ["ben", "cleo"])
def test_members_read_the_settings_and_only_owners_change_them(
    who: str, request: pytest.FixtureRequest, site: Site, client_of: Callable[[User], Client]
) -> None:
    browser = client_of(request.getfixturevalue(who))

    page = browser.get("/s/shop/settings/")
    saved = browser.post(
        "/s/shop/settings/revenue/", {"version": 1, "revenue_tax": "out", "revenue_shipping": "in"}
    )

    assert page.status_code == 200
    assert b"disabled" in page.content
    assert b">Save<" not in page.content
    assert saved.status_code == 403


def test_the_list_of_keys_says_which_one_brought_events(
    ada: User,
    site: Site,
    client_of: Callable[[User], Client],
    now: datetime,
) -> None:
    from truelift.apps.sites.keys_seen import KeysSeen

    question = KeysSeen(since=now)

    merged = question.merge({"k1": now, "k2": now}, {"k1": now + timedelta(hours=1)})

    assert merged == {"k1": now + timedelta(hours=1), "k2": now}
    assert b"none in 30 days" in client_of(ada).get("/s/shop/settings/").content
