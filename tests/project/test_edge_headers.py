from __future__ import annotations

from dataclasses import replace

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from pytest_django import Settings

from truelift.project.edge import BelieveTheEdge
from truelift.project.logs import masked


def _through(request: HttpRequest) -> HttpRequest:
    seen: list[HttpRequest] = []

    def view(request: HttpRequest) -> HttpResponse:
        seen.append(request)
        return HttpResponse()

    BelieveTheEdge(view)(request)
    return seen[0]


def test_over_the_socket_the_edge_says_who_came() -> None:
    request = RequestFactory().get(
        "/", REMOTE_ADDR="", HTTP_X_FORWARDED_FOR="203.0.113.9", HTTP_X_FORWARDED_PROTO="https"
    )

    seen = _through(request)

    assert seen.META["REMOTE_ADDR"] == "203.0.113.9"
    assert seen.is_secure()


def test_on_a_port_nobody_chooses_their_own_address() -> None:
    request = RequestFactory().get(
        "/",
        REMOTE_ADDR="198.51.100.4",
        HTTP_X_FORWARDED_FOR="127.0.0.1",
        HTTP_X_FORWARDED_PROTO="https",
        HTTP_X_FORWARDED_HOST="evil.example",
    )

    seen = _through(request)

    assert seen.META["REMOTE_ADDR"] == "198.51.100.4"
    assert not seen.is_secure()
    assert "HTTP_X_FORWARDED_FOR" not in seen.META
    assert seen.META.get("HTTP_HOST") != "evil.example"


def test_a_trusted_proxy_is_believed_and_its_own_hops_skipped(settings: Settings) -> None:
    settings.TRUELIFT = replace(settings.TRUELIFT, trusted_proxies=("10.0.0.0/8",))
    request = RequestFactory().get(
        "/", REMOTE_ADDR="10.0.0.2", HTTP_X_FORWARDED_FOR="1.1.1.1, 203.0.113.9, 10.0.0.1"
    )

    assert _through(request).META["REMOTE_ADDR"] == "203.0.113.9"


@pytest.mark.parametrize("nonsense", ["", "unknown", "<script>", "203.0.113.9:80"])
def test_an_address_that_is_none_does_not_get_through(nonsense: str) -> None:
    request = RequestFactory().get("/", REMOTE_ADDR="", HTTP_X_FORWARDED_FOR=nonsense)

    assert _through(request).META["REMOTE_ADDR"] == "127.0.0.1"


@pytest.mark.parametrize(
    ("path", "written"),
    [
        ("/setup/abcdef/", "/setup/…/"),
        ("/invitations/abcdef/", "/invitations/…/"),
        ("/accounts/password/reset/key/1-abc/", "/accounts/password/reset/key/…/"),
        ("/s/shop/settings/", "/s/shop/settings/"),
    ],
)
def test_addresses_that_are_keys_are_masked_in_logs(path: str, written: str) -> None:
    assert masked(path) == written
