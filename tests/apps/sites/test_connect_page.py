from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import pytest
from django.test import Client
from pytest_django import Settings

from truelift.apps.accounts.models import User
from truelift.apps.sites import services
from truelift.apps.sites.models import Site, WriteKey
from truelift.apps.sites.publish import publish
from truelift.apps.sites.snippets import Way


pytestmark = [pytest.mark.database, pytest.mark.django_db]


@pytest.mark.parametrize("way", list(Way))
def test_every_way_shows_what_to_copy(
    way: Way, cleo: User, client_of: Callable[[User], Client]
) -> None:
    publish()

    page = client_of(cleo).get(f"/s/shop/connect/?by={way}").content.decode()

    assert 'id="snippet-' in page
    assert "Waiting for the first event" in page


def test_the_snippet_carries_the_key_and_this_servers_address(
    ada: User, client_of: Callable[[User], Client], settings: Settings
) -> None:
    settings.TRUELIFT = replace(settings.TRUELIFT, public_url="https://lift.example")
    publish()

    page = client_of(ada).get("/s/shop/connect/").content.decode()

    assert "https://lift.example/t.js" in page
    assert "data-key=&quot;pk_shop_public&quot;" in page
    assert "connect-src https://lift.example" in page


def test_a_server_that_only_this_computer_reaches_is_said(
    ada: User, client_of: Callable[[User], Client], settings: Settings
) -> None:
    settings.TRUELIFT = replace(settings.TRUELIFT, public_url="http://127.0.0.1:8000")
    publish()

    page = client_of(ada).get("/s/shop/connect/").content.decode()

    assert "Only this computer can reach this server" in page


def test_the_page_asks_again_by_itself_until_all_is_well(
    ada: User, client_of: Callable[[User], Client]
) -> None:
    publish()

    fragment = client_of(ada).get("/s/shop/connect/status/").content.decode()

    assert 'hx-get="/s/shop/connect/status/"' in fragment
    assert "<html" not in fragment


def test_without_a_key_the_page_says_how_to_get_one(
    ada: User, site: Site, client_of: Callable[[User], Client], now: datetime
) -> None:
    key = WriteKey.objects.get(kind="public")
    services.revoke_key(site, key.pk, by=ada, now=now)
    publish()

    page = client_of(ada).get("/s/shop/connect/").content.decode()

    assert "No public key works" in page
