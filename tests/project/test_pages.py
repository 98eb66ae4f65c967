from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from truelift.apps.accounts.models import User


pytestmark = [pytest.mark.database, pytest.mark.django_db]


def test_health_needs_no_login(client: Client) -> None:
    assert client.get("/healthz").json() == {"status": "alive"}
    assert client.get("/readyz").json() == {"status": "ready"}


def test_home_sends_a_stranger_to_the_login_page(client: Client) -> None:
    response = client.get("/")

    assert response.status_code == 302
    assert response["Location"].startswith("/accounts/login/")


def test_home_goes_straight_to_the_only_site(
    ada: User, client_of: Callable[[User], Client]
) -> None:
    response = client_of(ada).get("/")

    assert response["Location"] == "/s/shop/"


def test_every_page_carries_a_strict_policy_and_a_nonce_of_its_own(client: Client) -> None:
    first, second = client.get("/accounts/login/"), client.get("/accounts/login/")

    policy = first["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "'nonce-" in policy
    assert "unsafe" not in policy
    assert policy != second["Content-Security-Policy"]


def test_a_page_that_does_not_exist_looks_like_one_that_may_not_be_seen(client: Client) -> None:
    response = client.get("/nothing/here/")

    assert response.status_code == 404
    assert b"does not exist, or you may not see it" in response.content


def test_the_theme_is_chosen_without_a_script(client: Client) -> None:
    response = client.post("/theme/", {"theme": "dark", "next": "/accounts/login/"})

    assert response["Location"] == "/accounts/login/"
    assert b'data-theme="dark"' in client.get("/accounts/login/").content


def test_the_theme_switch_sends_nobody_to_another_server(client: Client) -> None:
    response = client.post("/theme/", {"theme": "dark", "next": "https://evil.example/"})

    assert response["Location"] == "/"


@pytest.mark.parametrize(
    ("path", "queries"),
    [("/s/shop/settings/", 12), ("/s/shop/members/", 13), ("/s/shop/connect/", 11), ("/me/", 6)],
)
def test_a_page_asks_the_database_a_fixed_number_of_times(
    path: str,
    queries: int,
    ada: User,
    ben: User,
    cleo: User,
    client_of: Callable[[User], Client],
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    browser = client_of(ada)
    browser.get(path)

    with django_assert_max_num_queries(queries):
        browser.get(path)
