"""Pages are opened on no host that a site has not shown to be its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.test import Client
from typing_extensions import override

from truelift.apps.accounts.models import AuditEvent, User
from truelift.apps.experiments.jobs import run_due_jobs
from truelift.apps.qa.hosts import (
    FILE,
    AlreadyThere,
    BadHost,
    add_host,
    check_host,
    checked_host,
    verified_hosts,
)
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.egress.gate import Gate


pytestmark = [pytest.mark.database, pytest.mark.django_db]

PAGES: dict[str, str] = {}


class Shop(BaseHTTPRequestHandler):
    @override
    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        body = PAGES.get(self.path)
        self.send_response(404 if body is None else 200)
        self.end_headers()
        self.wfile.write((body or "").encode())


@pytest.fixture
def shop() -> Iterator[str]:
    PAGES.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Shop) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"shop.test:{server.server_port}"
        server.shutdown()


def way(shop: str) -> Gate:
    return Gate(allowed=(shop,), resolve=lambda *_: ["127.0.0.1"])


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("Shop.Example", "shop.example"),
        ("https://shop.example/", "shop.example"),
        ("stage.example:8443", "stage.example:8443"),
        ("[2606:2800:220:1::]", "[2606:2800:220:1::]"),
    ],
)
def test_a_host_is_stored_as_it_is_compared(typed: str, stored: str) -> None:
    assert checked_host(typed) == stored


@pytest.mark.parametrize(
    "typed", ["", "shop.example/path", "a b", "user@shop.example", "2130706433", "http://", "a..b"]
)
def test_what_is_no_host_is_refused(typed: str) -> None:
    with pytest.raises(BadHost):
        checked_host(typed)


@pytest.mark.parametrize("how", ["file", "meta"])
def test_a_host_that_says_its_text_is_verified(
    site: Site, ada: User, now: datetime, shop: str, how: str
) -> None:
    host = add_host(site, shop, by=Actor(ada), now=now)
    if how == "file":
        PAGES[FILE] = f"{host.token}\n"
    else:
        PAGES["/"] = f'<head><meta name="truelift-site" content="{host.token}"></head>'

    check_host(host, now=now, given=way(shop))

    assert (host.how, host.problem, verified_hosts(site)) == (how, "", (shop,))


@pytest.mark.parametrize(
    "page",
    [
        "nothing",
        '<head><meta name="truelift-site" content="another"></head>',
        '<body><p>TOKEN</p><meta name="truelift-site" content="TOKEN"></body>',
    ],
)
def test_a_host_that_does_not_is_not_and_what_visitors_write_counts_for_nothing(
    site: Site, ada: User, now: datetime, shop: str, page: str
) -> None:
    host = add_host(site, shop, by=Actor(ada), now=now)
    PAGES["/"] = page.replace("TOKEN", host.token)

    check_host(host, now=now, given=way(shop))

    assert verified_hosts(site) == ()
    assert host.problem


def test_a_host_that_no_longer_says_its_text_is_not_verified_any_more(
    site: Site, ada: User, now: datetime, shop: str
) -> None:
    host = add_host(site, shop, by=Actor(ada), now=now)
    PAGES[FILE] = host.token
    check_host(host, now=now, given=way(shop))
    PAGES.clear()

    check_host(host, now=now + timedelta(days=1), given=way(shop))

    assert verified_hosts(site) == ()
    assert AuditEvent.objects.filter(action="host.no_longer_verified").exists()


def test_a_private_host_is_said_to_be_one(
    site: Site, ada: User, now: datetime, client_of: Callable[[User], Client]
) -> None:
    host = add_host(site, "127.0.0.1:9", by=Actor(ada), now=now)
    browser = client_of(ada)

    browser.post(f"/s/shop/hosts/{host.pk}/check/")
    run_due_jobs(now + timedelta(days=999))

    page = browser.get("/s/shop/hosts/").content.decode()
    assert "TRUELIFT_EGRESS_ALLOW" in page
    with pytest.raises(AlreadyThere):
        add_host(site, "127.0.0.1:9", by=Actor(ada), now=now)


def test_only_owners_change_hosts_and_strangers_see_none(
    site: Site,
    ada: User,
    ben: User,
    mallory: User,
    now: datetime,
    client_of: Callable[[User], Client],
) -> None:
    host = add_host(site, "shop.example", by=Actor(ada), now=now)

    assert client_of(ben).get("/s/shop/hosts/").status_code == 200
    assert client_of(ben).post("/s/shop/hosts/add/", {"host": "x.example"}).status_code == 403
    assert client_of(mallory).get("/s/shop/hosts/").status_code == 404
    assert client_of(mallory).get("/api/v1/hosts?site=shop").status_code == 404
    assert client_of(ada).post(f"/s/shop/hosts/{host.pk}/remove/").status_code == 302
    assert client_of(ada).get("/api/v1/hosts?site=shop").json() == {"hosts": []}
