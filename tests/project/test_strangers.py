"""Every address and method, as somebody from another site and as nobody at all."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import cache as cache_once

import pytest
from django.core.cache import cache
from django.http import HttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from tests.project.described import Bodies, operations_of
from tests.project.stocked import EXPERIMENT, stock
from truelift.apps.accounts.models import AuditEvent, User
from truelift.apps.sites.models import Site


pytestmark = [pytest.mark.django_db]

UNSAFE = ("post", "put", "patch", "delete")
METHODS = ("get", "head", *UNSAFE, "options")
OPEN_TO_STRANGERS = (
    r"^/healthz$",
    r"^/readyz$",
    r"^/theme/$",
    r"^/api/v1/openapi\.json",
    r"^/setup/",
    r"^/invitations/",
    r"^/(badge|intake|share|hooks|stop-mail)/",
    r"^/(changes|facts)/in/",
    r"^/api/v1/intake/",
    r"^/accounts/(login|signup|password/reset|inactive|confirm-email|2fa/authenticate|logout)",
    r"^/accounts/(login/code|reauthenticate)",
)
"""What a stranger may address; each of these is harmless without a token or a password."""

OWN_BUSINESS = (
    r"^/$",
    r"^/me/",
    r"^/accounts/",
    r"^/sites/new/$",
    r"^/theme/$",
    r"^/learnings-without-names\.csv$",
)
"""What anybody with an account may address: it concerns nobody but themselves."""

FILLED = {
    **dict.fromkeys(("token", "hook", "public_id"), "AAAAAAAAAAAAAAAAAAAAAA"),
    "site": "shop",
    "section": "revenue",
    "kind": "csv",
    "digest": "a" * 64,
    "metric": "order_rate",
    "experiment": EXPERIMENT,
    "feed": "books",
    "uidb36": "1",
    "public": "x",
    "period": "2026-W19",
    "what": "notes",
    "version": "1",
}
"""What stands for a name in an address that is not a number; a new name needs an example here."""

NAMED = {
    "insights": "I-1",
    "hypotheses": "H-1",
    "signals": "S-1",
    "ideas": "ID-1",
    "experiments": EXPERIMENT,
    "analyses": EXPERIMENT,
    "qa": EXPERIMENT,
    "backlog": "ID-1",
    "rollouts": "R-1",
    "freezes": "F-1",
    "winners": "R-1",
    "principles": "P-1",
    "metrics": "order_rate",
    "methods": "fixed-horizon",
    "segments": "buyers",
    "saved": "buyers",
    "lists": "insights",
    "threads": "I-1",
    "items": "RM-1",
    "tickets": "I-1",
    "stats": "srm",
    "hooks": "jira",
    "changes": "C-1",
    "feeds": "books",
    "incidents": "IN-1",
    "notes": "N-1",
    "themes": "TH-1",
    "claims": "CL-1",
    "warnings": "W-1",
    "rhythm": "stand-up",
    "meetings": "stand-up",
}
"""What stands for a key or a name, by the folder that it is in."""


def _patterns(resolver: URLResolver, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    for each in resolver.url_patterns:
        if isinstance(each, URLResolver):
            yield from _patterns(each, prefix + str(each.pattern))
        else:
            yield prefix + str(each.pattern), each


def _addresses() -> list[str]:
    found = []
    for route, _ in _patterns(get_resolver()):
        path = re.sub(r"\(\?P<(\w+)>(?:[^()]|\([^()]*\))*\)", r"<\1>", route)
        for kind, name in re.findall(r"<(?:(\w+):)?(\w+)>", path):
            before = path.partition(f"<{kind}:{name}>" if kind else f"<{name}>")[0]
            folder = before.strip("/").split("/")[-1]
            wanted = f"<{kind}:{name}>" if kind else f"<{name}>"
            path = path.replace(wanted, _example(kind, name, folder, route), 1)
        path = path.replace("^", "").replace("$", "").replace("\\Z", "").replace("\\.", ".")
        # The API names the site in the query; pages name it in the path.
        found.append(f"/{path}?site=shop" if path.startswith("api/v1/") else f"/{path}")
    return sorted(set(found))


def _example(kind: str, name: str, folder: str, route: str) -> str:
    """Give something real that an address may name, of what `stock` puts there."""
    if kind == "int" or name in {"number", "task", "tool", "ticket", "share", "record"}:
        return "1"
    if folder in {"deploy-tokens", "webhooks"}:
        return "1"
    if name == "kind" and folder in {"threads", "tickets"}:
        return "insight"
    if name in {"key", "name", "kind"} and (folder in NAMED or folder == "insight"):
        return NAMED.get(folder, "I-1")
    if name not in FILLED and name != "key":
        raise LookupError(f"no example for <{name}> in {route}: add one to FILLED or NAMED")
    if name == "key" and "reset" not in route:
        raise LookupError(f"no example for <{name}> under {folder}/ in {route}: add one to NAMED")
    return FILLED.get(name, "x")


def _is(path: str, kinds: tuple[str, ...]) -> bool:
    return any(re.match(kind, path) for kind in kinds)


@cache_once
def _bodies() -> dict[tuple[str, str], str]:
    """Give the plainest body that each method of each address of the API takes."""
    described = json.loads(Client().get("/api/v1/openapi.json").content)
    bodies = Bodies(described)
    return {
        (each.method, re.sub(r"{\w+}", "*", each.path)): json.dumps(bodies.plain(each.takes))
        for each in operations_of(described)
        if each.takes is not None
    }


def _body(method: str, path: str) -> str:
    parts = path.partition("?")[0].split("/")
    for (taken, pattern), body in _bodies().items():
        wanted = pattern.split("/")
        fits = len(wanted) == len(parts) and taken == method
        if fits and all(part in {"*", each} for part, each in zip(wanted, parts, strict=True)):
            return body
    return "{}"


def _send(browser: Client, method: str, path: str) -> HttpResponse:
    if path.startswith("/api/") and method in UNSAFE:
        body = _body(method, path)
        answer = getattr(browser, method)(path, data=body, content_type="application/json")
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


@pytest.fixture
def stocked(site: Site, ada: User, client_of: Callable[[User], Client], now: datetime) -> Site:
    """The site with one of everything on it: what is asked for exists."""
    assert stock(site, client_of(ada), who=ada.email, text="Plain words", now=now) == []
    return site


def test_mallory_reaches_nothing_of_another_site(
    stocked: Site, mallory: User, client_of: Callable[[User], Client]
) -> None:
    before = AuditEvent.objects.count()
    browser = client_of(mallory)
    wrong, unfit = [], []
    for method, path in _matrix():
        if _is(path, OPEN_TO_STRANGERS) or _is(path, OWN_BUSINESS):
            continue
        response = _send(browser, method, path)
        if path.startswith("/api/") and response.status_code == 422:
            # The plainest body does not fit, and nothing was looked at: that says nothing.
            unfit.append(path)
        elif response.status_code not in {404, 405}:
            wrong.append((method, path, response.status_code))

    assert wrong == []
    assert len(unfit) < 12
    assert AuditEvent.objects.count() == before

    told = AuditEvent.objects.filter(site="shop").count()
    # At her own site, the numbers of things of the other one are numbers of nothing.
    for method, path in _matrix():
        here = path.replace("/s/shop/", "/s/elsewhere/").replace("site=shop", "site=elsewhere")
        if re.search(r"/1(/|\?)", path) and here != path and method in {"get", *UNSAFE}:
            response = _send(browser, method, here)
            if response.status_code >= 500 or b"Plain words" in response.content:
                wrong.append((method, here, response.status_code))

    assert wrong == []
    assert told
    assert AuditEvent.objects.filter(site="shop").count() == told


def test_nothing_is_changed_from_a_page_of_somebody_else(stocked: Site, ada: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(ada)
    before = AuditEvent.objects.count()
    wrong = []
    for method, path in _matrix():
        forms = ("post",) if not path.startswith("/api/") else UNSAFE
        if method not in forms or _is(path, OPEN_TO_STRANGERS):
            continue
        response = _send(browser, method, path)
        if response.status_code not in {403, 404, 405}:
            wrong.append((method, path, response.status_code))

    assert wrong == []
    assert AuditEvent.objects.count() == before


@pytest.mark.database
@pytest.mark.parametrize("resource", ["insights", "hypotheses", "experiments"])
def test_a_list_of_another_site_is_not_there(
    resource: str, ada: User, mallory: User, client_of: Callable[[User], Client]
) -> None:
    address = f"/api/v1/{resource}?site=shop"

    assert client_of(ada).get(address).status_code == 200
    assert client_of(mallory).get(address).status_code == 404
    assert Client().get(address).status_code == 401


@pytest.mark.database
def test_open_addresses_break_nothing_for_nobody(client: Client, site: Site) -> None:
    wrong = []
    for method, path in _matrix():
        if not _is(path, OPEN_TO_STRANGERS):
            continue
        response = getattr(client, method)(path)
        if response.status_code >= 500:
            wrong.append((method, path, response.status_code))

    assert wrong == []
