from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import pytest
from django.test import Client

from truelift.apps.accounts.models import AuditEvent, User
from truelift.apps.accounts.reads import role_of
from truelift.apps.accounts.roles import Role
from truelift.apps.sites import services
from truelift.apps.sites.models import Site, WriteKey
from truelift.errors import Refusal
from truelift.lake.home import Home


pytestmark = [pytest.mark.database, pytest.mark.django_db]


def test_whoever_makes_a_site_owns_it(ada: User, now: datetime) -> None:
    made = services.create_site("second", by=ada, now=now)

    assert role_of(ada, made.site) is Role.OWNER


def test_a_site_begins_with_a_public_and_a_secret_key(home: Home, now: datetime) -> None:
    made = services.create_site("shop", by="operator", now=now, write_key="pk_given_by_hand")

    kinds = dict(WriteKey.objects.values_list("kind", "plain"))
    assert made.write_key == "pk_given_by_hand"
    assert kinds == {"public": "pk_given_by_hand", "secret": ""}
    assert made.secret_key not in str(list(WriteKey.objects.values()))


@pytest.mark.parametrize(
    ("name", "options", "code"),
    [
        ("Shop", {}, "lake.bad_site_name"),
        ("../etc", {}, "lake.bad_site_name"),
        ("s", {}, "lake.bad_site_name"),
        ("x" * 41, {}, "lake.bad_site_name"),
        ("shop\n", {}, "lake.bad_site_name"),
        ("fine", {"time_zone": "Mars/Olympus"}, "sites.bad_time_zone"),
        ("fine", {"currency": "EURO"}, "sites.bad_currency"),
        ("fine", {"write_key": "abc"}, "sites.bad_key"),
        ("fine", {"write_key": "has a space in it"}, "sites.bad_key"),
        ("fine", {"write_key": '"><script>alert(1)</script>'}, "sites.bad_key"),
    ],
)
def test_what_cannot_be_a_site_is_refused_and_leaves_nothing(
    name: str, options: dict[str, str], code: str, home: Home, now: datetime
) -> None:
    with pytest.raises(Refusal) as refused:
        services.create_site(name, by="operator", now=now, **options)

    assert refused.value.code == code
    assert not Site.objects.exists()


def test_a_name_and_a_key_are_taken_once(site: Site, now: datetime) -> None:
    with pytest.raises(services.SiteExists):
        services.create_site("shop", by="operator", now=now)
    with pytest.raises(services.BadKey):
        services.create_site("other", by="operator", now=now, write_key="pk_shop_public")


def test_operators_make_sites_on_a_page(home: Home, client_of: Callable[[User], Client]) -> None:
    operator = User.objects.create_user("op@example.com", None, is_operator=True)
    form = {"title": "New", "site_name": "new-one", "time_zone": "UTC", "currency": "usd"}

    response = client_of(operator).post("/sites/new/", form)

    assert response["Location"] == "/s/new-one/connect/"
    assert Site.objects.get().currency == "USD"
    assert AuditEvent.objects.get(action="site.created").actor == "op@example.com"


def test_a_site_that_exists_is_said_on_the_form(
    site: Site, client_of: Callable[[User], Client]
) -> None:
    operator = User.objects.create_user("op@example.com", None, is_operator=True)
    form = {"title": "Shop", "site_name": "shop", "time_zone": "UTC", "currency": "EUR"}

    response = client_of(operator).post("/sites/new/", form)

    assert response.status_code == 422
    assert b"There is already a site shop" in response.content


def test_others_do_not_make_sites(ada: User, client_of: Callable[[User], Client]) -> None:
    assert client_of(ada).get("/sites/new/").status_code == 403
    assert client_of(ada).post("/sites/new/", {}).status_code == 403
