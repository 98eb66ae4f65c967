from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import pytest
from django.contrib.auth.hashers import make_password
from django.core.cache import cache
from django.core.mail import EmailMessage
from django.test import Client
from pytest_django import Settings

from tests.conftest import PASSWORD
from truelift.apps.accounts import services
from truelift.apps.accounts.models import User
from truelift.lake.home import Home


pytestmark = [pytest.mark.database, pytest.mark.django_db]


@pytest.fixture(autouse=True)
def _no_attempts_yet() -> None:
    cache.clear()


def test_a_person_signs_in_with_their_address_whatever_its_capitals(
    client: Client, ada: User
) -> None:
    response = client.post("/accounts/login/", {"login": "ADA@example.com", "password": PASSWORD})

    assert response.status_code == 302
    assert client.get("/me/").status_code == 200


def test_a_wrong_password_says_nothing_about_whether_the_account_exists(
    client: Client, ada: User
) -> None:
    wrong = client.post("/accounts/login/", {"login": ada.email, "password": "wrong"})
    nobody = client.post("/accounts/login/", {"login": "no@example.com", "password": "wrong"})

    error = re.compile(rb'<ul class="errorlist.*?</ul>', re.DOTALL)
    assert error.findall(wrong.content) == error.findall(nobody.content) != []


def test_guessing_passwords_is_slowed_down(client: Client, ada: User) -> None:
    for _ in range(12):
        client.post("/accounts/login/", {"login": ada.email, "password": "wrong"})

    client.post("/accounts/login/", {"login": ada.email, "password": PASSWORD})

    assert client.get("/me/").status_code == 302


def test_signing_up_is_closed(client: Client) -> None:
    response = client.post(
        "/accounts/signup/", {"email": "m@example.com", "password1": "four words made up"}
    )

    assert b"by invitation" in response.content
    assert not User.objects.exists()


def test_signing_out_ends_the_session(ada: User, client_of: Callable[[User], Client]) -> None:
    browser = client_of(ada)

    browser.post("/accounts/logout/")

    assert browser.get("/me/").status_code == 302


def test_the_reset_link_sets_a_new_password(client: Client, ada: User) -> None:
    path = services.reset_link(ada).removeprefix("http://testserver")

    form = client.get(path, follow=True)
    action = form.redirect_chain[-1][0]
    client.post(action, {"password1": "another four words", "password2": "another four words"})

    ada.refresh_from_db()
    assert ada.check_password("another four words")


def test_a_reset_can_be_asked_for_without_mail_being_set_up(client: Client, ada: User) -> None:
    response = client.post("/accounts/password/reset/", {"email": ada.email}, follow=True)

    assert response.status_code == 200
    assert b"If there is an account" in response.content


def test_the_mailed_link_leads_to_the_public_address(
    ada: User, settings: Settings, mailoutbox: list[EmailMessage]
) -> None:
    settings.TRUELIFT = replace(settings.TRUELIFT, public_url="https://lift.example")

    Client(headers={"host": "localhost"}).post("/accounts/password/reset/", {"email": ada.email})

    assert mailoutbox[0].subject == "Set a new password for Truelift"
    assert "https://lift.example/accounts/password/reset/key/" in str(mailoutbox[0].body)


def test_nobody_gets_mail_because_somebody_typed_their_address(
    client: Client, home: Home, mailoutbox: list[EmailMessage]
) -> None:
    client.post("/accounts/password/reset/", {"email": "nobody@example.com"})

    assert mailoutbox == []


def test_passwords_are_hashed_with_argon2() -> None:
    from truelift.project import settings

    assert settings.PASSWORD_HASHERS == ["django.contrib.auth.hashers.Argon2PasswordHasher"]
    assert make_password("a long one", hasher="argon2").startswith("argon2$argon2id$")


def test_a_second_factor_can_be_set_up_and_is_then_asked_for(ada: User, client: Client) -> None:
    from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
    from allauth.mfa.totp.internal.auth import yield_hotp_counters_from_time as counters

    client.post("/accounts/login/", {"login": ada.email, "password": PASSWORD})
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    page = client.get("/accounts/2fa/totp/activate/")
    code = format_hotp_value(hotp_value(page.context["form"].secret, next(iter(counters()))))
    client.post("/accounts/2fa/totp/activate/", {"code": code})

    fresh = Client()
    asked = fresh.post("/accounts/login/", {"login": ada.email, "password": PASSWORD}, follow=True)

    assert b"Off" not in client.get("/me/").content
    assert b"code from your authenticator app" in asked.content
    assert fresh.get("/me/").status_code == 302


@pytest.mark.parametrize(
    "path",
    [
        "/accounts/login/",
        "/accounts/signup/",
        "/accounts/password/reset/",
        "/accounts/password/reset/done/",
        "/accounts/password/reset/key/done/",
        "/accounts/inactive/",
    ],
)
def test_every_page_for_strangers_stands_in_the_frame(path: str, client: Client) -> None:
    response = client.get(path)

    assert response.status_code == 200
    assert b'class="entrance"' in response.content
    assert b"style=" not in response.content


def test_access_tokens_are_shown_once_and_kept_as_hashes(
    ada: User, client_of: Callable[[User], Client], now: datetime
) -> None:
    browser = client_of(ada)

    page = browser.post("/me/tokens/", {"name": "Deploy script"})
    token = re.search(rb"tl_[\w-]{22}", page.content)

    assert token
    assert services.bearer(token[0].decode(), now=now) == ada
    assert token[0] not in browser.get("/me/").content
    browser.post(f"/me/tokens/{ada.tokens.get().pk}/revoke/")
    assert services.bearer(token[0].decode(), now=now) is None


def test_the_account_page_says_in_which_zone_its_days_are(
    ada: User, client_of: Callable[[User], Client], now: datetime
) -> None:
    without = client_of(ada).get("/me/").text
    services.make_token(ada, name="mine", now=now)

    assert "Days are in UTC" not in without
    assert "Days are in UTC" in client_of(ada).get("/me/").text


def test_nobody_revokes_somebody_elses_token(
    ada: User, mallory: User, client_of: Callable[[User], Client], now: datetime
) -> None:
    token = services.make_token(ada, name="mine", now=now)

    client_of(mallory).post(f"/me/tokens/{ada.tokens.get().pk}/revoke/")

    assert services.bearer(token, now=now) == ada
