"""Every address and method, as each of the four roles; and no button for who may not press it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cache as cache_once
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import pytest
from django.core.cache import cache
from django.db import transaction
from django.http import HttpResponse
from django.template import Context, Template
from django.test import Client
from typing_extensions import override

from tests.conftest import _person
from tests.project.roles_table import ANYBODY, needs
from tests.project.stocked import stock
from tests.project.test_strangers import OPEN_TO_STRANGERS, OWN_BUSINESS, _addresses, _is, _send
from truelift.apps.accounts.models import AuditEvent, User
from truelift.apps.accounts.roles import Role
from truelift.apps.sites.models import Site
from truelift.apps.sites.publish import publish


# Who may what hangs on no database: it is not among what PostgreSQL runs too.
pytestmark = [pytest.mark.django_db, pytest.mark.timeout(300)]

PAGE_METHODS = ("get", "post")
API_METHODS = ("get", "post", "put", "patch", "delete")
NOT_SWITCHED_ON = r"^/s/shop/funnels/people/"
"""Lists of people are off until an owner switches them on: a refusal for everybody."""

SEVERAL_PARTS = r"^/api/v1/qa/.*/verdicts/pictured"
"""A picture goes with it, without which nothing is looked at."""

WITH_SETTINGS = (r"^/s/shop/(connect|freezes|inbox|members|programme|scorecard|settings)/",)
"""Pages on which an owner sees more than an editor."""

OF_OPERATORS = r"^/sites/new/$"
"""For who runs the installation, whatever they are on its sites."""


@contextmanager
def _undone() -> Iterator[None]:
    """Take back what is written inside: every request meets the same site."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
    cache.clear()


@pytest.fixture(autouse=True)
def _pages_cost_what_they_show(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep no copy of what templates are given: Django's test client asks for one of each."""
    monkeypatch.setattr(Template, "_render", _rendered)


def _rendered(template: Template, context: Context) -> str:
    return template.nodelist.render(context)


@pytest.fixture
def people(
    site: Site, ada: User, ben: User, cleo: User, client_of: Callable[[User], Client], now: datetime
) -> dict[Role, Client]:
    """A browser of each role, on a site with one of everything."""
    cem = _person("cem", role="analyst", site=site, now=now)
    assert stock(site, client_of(ada), who=ada.email, text="Plain words", now=now) == []
    in_order = dict(zip(Role, (cleo, cem, ben, ada), strict=True))
    return {role: client_of(person) for role, person in in_order.items()}


@cache_once
def _asked() -> tuple[tuple[str, str], ...]:
    """List what is asked of a site: nobody's own business, and nothing that is open."""
    return tuple(_all_asked())


def _all_asked() -> Iterator[tuple[str, str]]:
    for path in _addresses():
        elsewhere = _is(path, (*OPEN_TO_STRANGERS, *OWN_BUSINESS, OF_OPERATORS, SEVERAL_PARTS))
        if elsewhere or path == "/api/v1/?site=shop" or path.startswith("/cal/"):
            continue
        for method in API_METHODS if path.startswith("/api/") else PAGE_METHODS:
            yield method, path


def _said(response: HttpResponse, role: Role, path: str) -> bool:
    """Say whether a refusal tells why: a stable code for programs, the two roles for people."""
    if path.startswith("/api/"):
        told = json.loads(response.content)
        return bool(told["code"]) and str(role) in told["detail"]
    return f"yours is {role}" in response.content.decode()


def test_each_role_may_do_what_the_table_says_and_is_shown_nothing_else(
    people: dict[Role, Client],
) -> None:
    publish()

    done = _wrongly_done(people)
    shown = _wrongly_shown(people)

    assert done == []
    assert shown == []


def _wrongly_done(people: dict[Role, Client]) -> list[tuple[str, str, str]]:
    before = AuditEvent.objects.count()
    wrong, entered, taken = [], set[tuple[Role, str]](), dict[str, str]()
    for method, path in _asked():
        least = needs(method, path)
        if method == "get" and (least is ANYBODY or _is(path, (NOT_SWITCHED_ON,))):
            # That every page answers the least of members is looked at below.
            continue
        if path.startswith("/api/"):
            # Asked once: most addresses of the API take one or two of the five methods.
            known = taken.get(path) or people[Role.OWNER].options(path)["Allow"]
            taken[path] = known
            if method.upper() not in known:
                continue
        if least is None:
            with _undone():
                if _send(people[Role.OWNER], method, path).status_code != 405:
                    wrong.append((method, path, "no line in roles_table.py speaks of it"))
            continue
        # Roles are one order (`Role.covers`): who is just below stands for all below.
        for role in list(Role)[max(0, least.rank - 1) : least.rank + 1]:
            if role is Role.OWNER:
                # Nobody may more.
                continue
            if role is least and method == "post" and path.startswith("/s/"):
                # One form of a room that is taken stands for the others; a refusal for none.
                room = (least, path.split("/")[3])
                if room in entered:
                    continue
                entered.add(room)
            with _undone():
                response = _send(people[role], method, path)
                written = AuditEvent.objects.count() - before
            if response.status_code == 405:
                break
            if role is least:
                fine = response.status_code != 403 and response.status_code < 500
            else:
                fine = response.status_code == 403 and not written and _said(response, role, path)
            if not fine:
                wrong.append((method, path, f"{role}: {response.status_code}, needs {least}"))
    return wrong


class _Offered(HTMLParser):
    """What a page lets somebody press: forms with a button that works, and links."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[tuple[str, str]] = set()
        self._form = ("get", "")
        self._off = 0

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        if tag == "form":
            self._form = (told.get("method") or "get").lower(), told.get("action") or ""
        if tag == "fieldset" and (self._off or "disabled" in told):
            self._off += 1
        says_why = told.get("aria-disabled") == "true" and told.get("aria-describedby")
        # A button that looks keeps nothing, whatever else its form is for.
        off = self._off or "disabled" in told or says_why or told.get("value") == "look"
        if tag == "button" and told.get("type") != "button" and not off:
            self.found.add((self._form[0], told.get("formaction") or self._form[1]))
        if tag == "a" and told.get("href"):
            self.found.add(("get", told["href"] or ""))

    @override
    def handle_endtag(self, tag: str) -> None:
        if tag == "fieldset" and self._off:
            self._off -= 1
        if tag == "form":
            self._form = ("get", "")


def _offered(response: HttpResponse, path: str) -> Iterator[tuple[str, str]]:
    if "html" not in response.get("Content-Type", ""):
        return
    page = _Offered()
    page.feed(response.content.decode())
    for method, there in sorted(page.found):
        whole = urlsplit(urljoin(f"http://testserver{path}", there))
        if whole.netloc == "testserver" and whole.path.startswith("/s/shop/"):
            yield method, whole.path


def _wrongly_shown(people: dict[Role, Client]) -> list[tuple[str, ...]]:
    wrong: set[tuple[str, ...]] = set()
    for role, path in _read():
        response = _send(people[role], "get", path)
        off = response.status_code == 403 and _is(path, (NOT_SWITCHED_ON,))
        if response.status_code not in {200, 302, 404, 405, 409, 422} and not off:
            wrong.add((role, "get", path, str(response.status_code)))
        # Everybody may leave by themselves.
        leaves = f"/s/shop/members/{people[role].session['_auth_user_id']}/remove/"
        for offered in _offered(response, path) if response.status_code == 200 else ():
            wanted = needs(*offered)
            if offered[1] != leaves and (wanted is None or not role.covers(wanted)):
                wrong.add((role, *offered, path))

    return sorted(wrong)


def _read() -> Iterator[tuple[Role, str]]:
    """List every page for who may only look, and those with settings for who does not own."""
    for method, path in _asked():
        if method != "get" or path.startswith("/api/"):
            continue
        least = needs(method, path)
        if least is ANYBODY:
            yield Role.VIEWER, path
        if (least and least is not Role.OWNER) and _is(path, WITH_SETTINGS):
            yield Role.EDITOR, path
