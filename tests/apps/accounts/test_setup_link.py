from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.test import Client

from truelift.apps.accounts import services
from truelift.apps.accounts.models import AuditEvent, SetupLink, User
from truelift.apps.accounts.reads import role_of
from truelift.apps.accounts.roles import Role
from truelift.apps.sites.models import Site
from truelift.apps.sites.services import create_site
from truelift.lake.home import Home


pytestmark = [pytest.mark.database, pytest.mark.django_db]

FORM = {
    "name": "Ada",
    "email": "Ada@Example.com",
    "password": "four words made up",
    "title": "Harbour Goods",
    "site_name": "harbour",
    "time_zone": "Europe/Berlin",
    "currency": "eur",
}


@pytest.fixture
def path(home: Home) -> str:
    del home
    from datetime import UTC

    link = services.setup_link(datetime.now(UTC))
    assert link is not None
    return link.removeprefix("http://testserver")


def test_the_link_makes_the_first_operator_and_site_and_goes_on_to_connect(
    client: Client, path: str
) -> None:
    response = client.post(path, FORM)

    ada = User.objects.get()
    site = Site.objects.get()
    assert response["Location"] == "/s/harbour/connect/"
    assert (ada.email, ada.is_operator) == ("ada@example.com", True)
    assert (site.title, site.time_zone, site.currency) == ("Harbour Goods", "Europe/Berlin", "EUR")
    assert role_of(ada, site) is Role.OWNER
    assert client.get("/").status_code == 302  # signed in
    assert AuditEvent.objects.filter(action="person.added").count() == 1


def test_the_link_works_once(client: Client, path: str) -> None:
    client.post(path, FORM)

    again = Client().post(path, FORM | {"email": "mallory@example.com"})

    assert again.status_code == 410
    assert User.objects.count() == 1


def test_looking_at_the_link_uses_nothing_up(client: Client, path: str) -> None:
    client.get(path)
    client.head(path)

    assert client.get(path).status_code == 200


def test_a_weak_password_keeps_the_link_and_what_was_entered(client: Client, path: str) -> None:
    response = client.post(path, FORM | {"password": "password"})

    assert response.status_code == 422
    assert b"Harbour Goods" in response.content
    assert b"too common" in response.content
    assert not User.objects.exists()
    assert client.post(path, FORM).status_code == 302


def test_a_site_that_cannot_be_made_leaves_no_operator_behind(client: Client, path: str) -> None:
    response = client.post(path, FORM | {"site_name": "Not A Name"})

    assert response.status_code == 422
    assert not User.objects.exists()


def test_sites_from_the_command_line_need_no_second_one(
    client: Client, path: str, now: datetime
) -> None:
    create_site("early", by="operator", now=now)

    response = client.post(path, {key: FORM[key] for key in ("name", "email", "password")})

    assert response["Location"] == "/"
    assert client.get("/")["Location"] == "/s/early/"


def test_only_the_hash_of_the_token_is_kept(path: str) -> None:
    token = path.split("/")[2]

    row = SetupLink.objects.get()

    assert len(token) >= 22  # 128 bits in base64
    assert token not in str(row.__dict__)


def test_no_link_once_anybody_has_an_account(ada: User, now: datetime) -> None:
    assert services.setup_link(now) is None


def test_a_new_link_makes_the_old_one_worthless(home: Home, now: datetime) -> None:
    first = services.setup_link(now)
    services.setup_link(now)

    assert first is not None
    assert not services.is_setup_open(first.split("/")[-2], now=now)


def test_the_link_runs_out(home: Home, now: datetime) -> None:
    link = services.setup_link(now)

    assert link is not None
    assert not services.is_setup_open(link.split("/")[-2], now=now + timedelta(days=8))


def test_the_page_stays_out_of_caches_indexes_and_referrers(client: Client, path: str) -> None:
    response = client.get(path)

    assert "no-store" in response["Cache-Control"]
    assert response["X-Robots-Tag"] == "noindex"
    assert response["Referrer-Policy"] == "same-origin"
