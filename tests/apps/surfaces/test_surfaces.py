"""A surface has addresses, files, a team and an owner; what nobody claims is listed."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from truelift.apps.accounts.models import AuditEvent, User
from truelift.apps.changes.models import ChangeRecord
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import BadFields
from truelift.apps.sites.models import Site
from truelift.apps.surfaces import services
from truelift.apps.surfaces.counting import counted_paths
from truelift.apps.surfaces.models import SurfaceRecord, TrafficRecord
from truelift.apps.surfaces.page import at_address
from truelift.apps.surfaces.reads import owners_of, surfaces_of, unclaimed_files_of, unclaimed_of
from truelift.apps.surfaces.services import SurfaceChangedMeanwhile, SurfaceFields


pytestmark = [pytest.mark.database, pytest.mark.django_db]

ClientOf = Callable[[User], Client]

CHECKOUT = SurfaceFields(
    name="Checkout",
    patterns=("/checkout/**", " ", "/checkout/**"),
    code=("src/checkout/**",),
    funnel="Order",
    step=3,
    team="Checkout engineering",
    owner="ben@example.com",
    cadence_days=7,
    incentive="order_rate",
    bundle="shop-app",
)


def text_of(response: object) -> str:
    content: bytes = response.content  # type: ignore[attr-defined]
    return " ".join(content.decode().split())


@pytest.fixture
def checkout(site: Site, ada: User, ben: User, now: datetime) -> SurfaceRecord:
    """The checkout, of which ben is owner."""
    return services.write_surface(site, CHECKOUT, by=Actor(ada), now=now)


def test_what_people_say_of_a_surface_is_the_value_that_the_rules_know(
    site: Site, checkout: SurfaceRecord
) -> None:
    (found,) = surfaces_of(site)

    assert found.patterns == ("/checkout/**",)
    assert found.code == ("src/checkout/**",)
    assert (found.funnel, found.step, found.cadence_days) == ("Order", 3, 7)
    assert owners_of(site) == {"Checkout": "ben@example.com"}
    assert AuditEvent.objects.filter(action="surface.set").count() == 1


@pytest.mark.parametrize(
    ("path", "url", "claimed"),
    [
        ("/checkout", "https://shop.example/checkout/pay", True),
        ("/checkout", "/en/checkout-2", True),
        ("/checkout/", "/checkout-2", False),
        ("checkout", "/basket", False),
        ("", "/anything", False),
    ],
)
def test_a_surface_known_only_by_its_counted_path_claims_the_pages_that_contain_it(
    path: str, url: str, *, claimed: bool
) -> None:
    surface = SurfaceRecord(name="Checkout", path=path).as_domain()

    assert (at_address(url, [surface]) == ("Checkout",)) is claimed


def test_a_surface_with_addresses_alone_is_counted_by_what_they_begin_with() -> None:
    several = SurfaceRecord(patterns=["/checkout/**", "shop.example/p/*", "/**"])

    assert counted_paths(several) == ("/checkout/", "/p/")
    assert counted_paths(SurfaceRecord()) == ("/",)
    assert counted_paths(SurfaceRecord(path="/kasse", patterns=["/checkout"])) == ("/kasse",)


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        (SurfaceFields(name=" "), "name"),
        (SurfaceFields(name="checkout"), "name"),
        (SurfaceFields(name="A", patterns=("checkout",)), "patterns"),
        (SurfaceFields(name="A", code=("x" * 400,)), "code"),
        (SurfaceFields(name="A", step=2), "funnel"),
        (SurfaceFields(name="A", owner="mallory@example.com"), "owner"),
        (SurfaceFields(name="A", cadence_days=-1), "cadence_days"),
        (SurfaceFields(name="A\x00"), "name"),
    ],
)
def test_what_does_not_fit_is_named_by_its_field(
    site: Site,
    checkout: SurfaceRecord,
    ada: User,
    mallory: User,
    now: datetime,
    fields: SurfaceFields,
    wrong: str,
) -> None:
    with pytest.raises(BadFields) as refused:
        services.write_surface(site, fields, by=Actor(ada), now=now)

    assert wrong in refused.value.wrong


def test_of_two_people_who_change_it_at_once_the_second_is_told(
    site: Site, checkout: SurfaceRecord, ada: User, ben: User, now: datetime
) -> None:
    seen = checkout.version

    def change(team: str, by: User) -> None:
        fields = SurfaceFields(team=team)
        services.write_surface(
            site, fields, by=Actor(by), now=now, number=checkout.pk, version=seen
        )

    change("Payments", ada)
    with pytest.raises(SurfaceChangedMeanwhile):
        change("Growth", ben)

    checkout.refresh_from_db()
    assert checkout.team == "Payments"


def test_addresses_that_no_surface_claims_are_listed_by_their_views(
    site: Site, checkout: SurfaceRecord, ada: User, now: datetime, client_of: ClientOf
) -> None:
    pages = [["/", 600], ["/checkout/pay", 300], ["//odd", 60], ["/p/[x]", 40]]
    TrafficRecord.objects.create(site=site, pages=pages, views=1_000, counted_at=now)

    found = unclaimed_of(site, surfaces_of(site))
    said = text_of(client_of(ada).get("/s/shop/surfaces/"))

    assert found.pages == (("/", 600), ("//odd", 60), ("/p/[x]", 40))
    assert found.share == 0.7
    assert "700 of 1,000 page views in four weeks, 70.0%" in said
    assert "1 surface; 70.0% of page views belong to none of them." in said


def test_a_pattern_of_one_host_claims_the_path_that_was_counted_without_a_host(
    site: Site, now: datetime
) -> None:
    cart = SurfaceRecord(name="Cart", patterns=["shop.example/cart"]).as_domain()
    TrafficRecord.objects.create(site=site, pages=[["/cart", 5]], views=5, counted_at=now)

    assert unclaimed_of(site, [cart]).pages == ()


def test_files_of_changes_that_no_surface_claims_are_listed_by_how_often_they_change(
    site: Site, checkout: SurfaceRecord, ada: User, now: datetime, client_of: ClientOf
) -> None:
    for number, paths in enumerate((["a.ts", "src/checkout/x.ts"], ["a.ts", "<b>.ts"]), 1):
        ChangeRecord.objects.create(
            site=site,
            number=number,
            source="git",
            external_id=str(number),
            trust="token",
            state="recorded",
            kind="deploy",
            paths=paths,
            at=now,
            told_at=now,
        )

    found = unclaimed_files_of(site, surfaces_of(site), now=now)

    assert found == (("a.ts", 2), ("<b>.ts", 1))
    assert unclaimed_files_of(site, surfaces_of(site), now=now + timedelta(days=91)) == ()


def test_a_surface_is_named_changed_found_and_removed_on_the_pages(
    site: Site, ada: User, client_of: ClientOf
) -> None:
    client = client_of(ada)
    assert "Every place that visitors meet" in text_of(client.get("/s/shop/surfaces/"))
    given = {"name": "Cart <b>", "patterns": "/cart\n/basket/**", "code": "cart/", "team": "=1"}

    made = client.post("/s/shop/surfaces/new/", given)

    record = SurfaceRecord.objects.get()
    here = f"/s/shop/surfaces/{record.pk}/"
    find = "/s/shop/surfaces/find/"
    assert made["Location"] == here
    assert "Cart &lt;b&gt;" in text_of(client.get(here))
    assert "'=1" in client.get("/s/shop/surfaces/export.csv").content.decode()
    found = client.get(find, {"url": "https://shop.example/basket/a"})
    assert "Cart &lt;b&gt;." in text_of(found)
    files = client.get(find, {"paths": "cart/a.ts\nREADME.md"})
    assert "<code>README.md</code>" in text_of(files)
    assert "No surface claims it." in text_of(client.get(find, {"url": "http://[bad"}))
    assert client.post(f"{here}edit/", {**given, "version": "7"}).status_code == 409
    wrong = {**given, "patterns": "nonsense", "version": "1"}
    assert client.post(f"{here}edit/", wrong).status_code == 422
    assert client.post(f"{here}remove/").status_code == 302
    assert not SurfaceRecord.objects.exists()


def test_the_api_says_and_takes_the_same(
    site: Site, ada: User, ben: User, mallory: User, cleo: User, client_of: ClientOf
) -> None:
    address = "/api/v1/surfaces"

    def send(method: str, path: str, body: object, by: User = ada) -> tuple[int, Any]:
        answer = getattr(client_of(by), method)(
            f"{address}{path}?site=shop", json.dumps(body), content_type="application/json"
        )
        return answer.status_code, answer.json() if answer.content else None

    status, made = send("post", "", {"name": "Cart", "patterns": ["/cart"], "code": ["cart/**"]})

    assert status == 201
    number = made["number"]
    status, changed = send("patch", f"/{number}", {"owner": "ben@example.com", "version": 1})
    assert (status, changed["owner"], changed["version"]) == (200, "ben@example.com", 2)
    assert send("patch", f"/{number}", {"team": "x", "version": 1})[0] == 409
    assert send("patch", "/999999", {"team": "x"})[0] == 404
    assert send("patch", f"/{10**30}", {"team": "x"})[0] in {404, 422}
    found = {"surfaces": ["Cart"], "unmapped": ["b"]}
    assert send("post", "/of-files", {"paths": ["cart/a", "b"]}) == (200, found)
    at = client_of(ada).get(f"{address}/at", {"site": "shop", "url": "https://x/cart"}).json()
    assert at["surfaces"] == ["Cart"]
    listed = client_of(ada).get(f"{address}?site=shop").json()
    assert listed["surfaces"][0]["name"] == "Cart"
    assert send("post", "", {"name": "B"}, cleo)[0] == 403
    assert send("post", "", {"name": "B"}, mallory)[0] == 404
    assert client_of(mallory).get(f"{address}/{number}?site=elsewhere").status_code == 404
    assert send("delete", f"/{number}", {})[0] == 204


def test_a_list_of_many_surfaces_asks_no_more_than_one_of_few(
    site: Site, ada: User, client_of: ClientOf
) -> None:
    client = client_of(ada)
    client.get("/s/shop/surfaces/")

    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            client.get("/s/shop/surfaces/")
        return len(asked)

    SurfaceRecord.objects.create(site=site, name="A", owner=ada)
    few = queries()
    SurfaceRecord.objects.bulk_create(
        SurfaceRecord(site=site, name=f"S{each}", owner=ada) for each in range(40)
    )

    assert queries() == few
