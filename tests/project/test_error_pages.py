from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import DataError
from django.http import HttpResponse
from django.test import Client, RequestFactory

from truelift.apps.accounts.models import User
from truelift.errors import Outage, Refusal
from truelift.project import pages
from truelift.project.refusals import SayRefusals, status_of


pytestmark = [pytest.mark.database, pytest.mark.django_db]


class Full(Outage):
    """A disk is full."""

    code = "test.full"


class Unready(Refusal):
    """Something is not ready."""

    code = "test.unready"


class NoSuchThing(Refusal):
    """Something is not there."""

    code = "test.no_such_thing"


def _said(error: Exception) -> HttpResponse | None:
    request = RequestFactory().get("/")
    request.user = AnonymousUser()
    request.resolver_match = None
    return SayRefusals(lambda _: HttpResponse()).process_exception(request, error)


def test_a_broken_page_says_so_without_asking_the_database() -> None:
    response = pages.broken(RequestFactory().get("/"))

    assert response.status_code == 500
    assert b"the fault is ours" in response.content


def test_a_form_without_its_token_is_said_to_be_too_old() -> None:
    response = Client(enforce_csrf_checks=True).post("/accounts/login/", {"login": "x"})

    assert response.status_code == 403
    assert b"opened too long ago" in response.content


def test_a_role_that_does_not_reach_is_said_with_who_can_help(
    cleo: User, client_of: Callable[[User], Client]
) -> None:
    response = client_of(cleo).post("/s/shop/members/invite/", {})

    assert response.status_code == 403
    assert b"needs the role owner on the site; yours is viewer" in response.content


def test_a_refusal_becomes_a_page_with_its_own_words_and_code() -> None:
    response = _said(Unready("Two steps are missing."))

    assert response is not None
    assert response.status_code == 409
    assert b"Two steps are missing." in response.content
    assert b"test.unready" in response.content


def test_an_outage_asks_to_come_back() -> None:
    response = _said(Full("The disk is full."))

    assert response is not None
    assert response.status_code == 503
    assert response["Retry-After"] == "5"


def test_a_bug_stays_a_bug() -> None:
    assert _said(ValueError("ours")) is None


def test_what_is_not_there_is_404() -> None:
    assert status_of(NoSuchThing("It is not there.")) == 404


def test_an_unknown_host_is_told_which_setting_to_look_at() -> None:
    response = Client(headers={"host": "evil.example"}).get("/healthz")

    assert response.status_code == 400
    assert b"TRUELIFT_PUBLIC_URL" in response.content


def test_htmx_is_sent_to_the_login_page_as_a_whole() -> None:
    response = Client(headers={"HX-Request": "true"}).get("/s/shop/connect/status/")

    assert response.status_code == 204
    assert response["HX-Redirect"].startswith("/accounts/login/?next=")


def test_what_no_database_can_hold_is_refused_and_not_a_fault() -> None:
    said = _said(DataError("text fields cannot contain NUL"))

    assert said is not None
    assert said.status_code == 422
    assert "Take it out" in said.content.decode()
