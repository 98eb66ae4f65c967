"""Every address and method, as somebody from another site and as nobody at all."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from django.core.cache import cache
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from truelift.apps.accounts.models import AuditEvent, User
from truelift.apps.sites.models import Site


pytestmark = [pytest.mark.database, pytest.mark.django_db]

METHODS = ("get", "head", "post", "put", "patch", "delete", "options")
OPEN_TO_STRANGERS = (
    r"^/healthz$",
    r"^/readyz$",
    r"^/theme/$",
    r"^/api/v1/openapi\.json",
    r"^/setup/",
    r"^/invitations/",
    r"^/intake/",
    r"^/accounts/(login|signup|password/reset|inactive|confirm-email|2fa/authenticate|logout)",
    r"^/accounts/(login/code|reauthenticate)",
)
"""What a stranger may address; each of these is harmless without a token or a password."""

OWN_BUSINESS = (r"^/$", r"^/me/", r"^/accounts/", r"^/sites/new/$", r"^/theme/$")
"""What anybody with an account may address: it concerns nobody but themselves."""

FILLED = {"site": "shop", "token": "AAAAAAAAAAAAAAAAAAAAAA", "section": "revenue", "slug": "x"}


def _patterns(resolver: URLResolver, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    for each in resolver.url_patterns:
        if isinstance(each, URLResolver):
            yield from _patterns(each, prefix + str(each.pattern))
        else:
            yield prefix + str(each.pattern), each


def _addresses() -> list[str]:
    def fill(match: re.Match[str]) -> str:
        kind, name = match[1] or "str", match[2]
        if kind == "int":
            return "1"
        if kind == "uuid":
            return "00000000-0000-0000-0000-000000000001"
        return FILLED.get(name, "x1")

    found = []
    for route, _ in _patterns(get_resolver()):
        path = re.sub(
            r"\(\?P<(\w+)>(?:[^()]|\([^()]*\))*\)", lambda m: FILLED.get(m[1], "x1"), route
        )
        path = re.sub(r"<(?:(\w+):)?(\w+)>", fill, path)
        path = path.replace("^", "").replace("$", "").replace("\\Z", "").replace("\\.", ".")
        # The API names the site in the query; pages name it in the path.
        found.append(f"/{path}?site=shop" if path.startswith("api/v1/") else f"/{path}")
    return sorted(set(found))


def _is(path: str, kinds: tuple[str, ...]) -> bool:
    return any(re.match(kind, path) for kind in kinds)


def _send(browser: Client, method: str, path: str) -> HttpResponse:
    if path.startswith("/api/") and method in {"post", "put", "patch", "delete"}:
        answer = getattr(browser, method)(path, data="{}", content_type="application/json")
    else:
        answer = getattr(browser, method)(path)
    assert isinstance(answer, HttpResponse)
    return answer


@pytest.fixture(autouse=True)
def _no_attempts_yet() -> None:
    cache.clear()


def _matrix() -> list[tuple[str, str]]:
    return [(method, path) for path in _addresses() for method in METHODS]


def test_the_matrix_holds_the_addresses_of_every_app() -> None:
    addresses = _addresses()

    assert "/s/shop/settings/revenue/" in addresses
    assert "/s/shop/members/1/role/" in addresses
    assert "/accounts/login/" in addresses
    assert len(addresses) > 30


def test_nobody_reaches_anything_but_the_way_in(client: Client, site: Site) -> None:
    before = AuditEvent.objects.count()
    wrong = []
    for method, path in _matrix():
        if _is(path, OPEN_TO_STRANGERS):
            continue
        response = _send(client, method, path)
        to_login = response.status_code == 302 and "/accounts/login/" in response["Location"]
        if not to_login and response.status_code not in {401, 404, 405}:
            wrong.append((method, path, response.status_code))

    assert wrong == []
    assert AuditEvent.objects.count() == before


def test_mallory_reaches_nothing_of_another_site(
    ada: User, mallory: User, client_of: Callable[[User], Client]
) -> None:
    before = AuditEvent.objects.count()
    browser = client_of(mallory)
    wrong = []
    for method, path in _matrix():
        if _is(path, OPEN_TO_STRANGERS) or _is(path, OWN_BUSINESS):
            continue
        response = _send(browser, method, path)
        # The API checks the form of a request before it looks at anything: 422 says nothing.
        allowed = {404, 405, 422} if path.startswith("/api/") else {404, 405}
        if response.status_code not in allowed:
            wrong.append((method, path, response.status_code))

    assert wrong == []
    assert AuditEvent.objects.count() == before


@pytest.mark.parametrize("resource", ["insights", "hypotheses", "experiments"])
def test_a_list_of_another_site_is_not_there(
    resource: str, ada: User, mallory: User, client_of: Callable[[User], Client]
) -> None:
    address = f"/api/v1/{resource}?site=shop"

    assert client_of(ada).get(address).status_code == 200
    assert client_of(mallory).get(address).status_code == 404
    assert Client().get(address).status_code == 401


def test_open_addresses_break_nothing_for_nobody(client: Client, site: Site) -> None:
    wrong = []
    for method, path in _matrix():
        if not _is(path, OPEN_TO_STRANGERS):
            continue
        response = getattr(client, method)(path)
        if response.status_code >= 500:
            wrong.append((method, path, response.status_code))

    assert wrong == []


def test_every_page_of_a_site_answers_a_member_or_says_what_is_wrong(
    ada: User, client_of: Callable[[User], Client]
) -> None:
    from truelift.apps.sites.publish import publish

    publish()
    browser = client_of(ada)
    wrong = []
    for path in _addresses():
        if not path.startswith("/s/shop/"):
            continue
        response = browser.get(path)
        # Lists of people are off until an owner switches them on, and say so.
        expected = {200, 302, 404, 405, 409, 422}
        if path.startswith("/s/shop/funnels/people/"):
            expected.add(403)
        if response.status_code not in expected:
            wrong.append((path, response.status_code))

    assert wrong == []
