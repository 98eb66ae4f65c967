"""Before a test takes a page's traffic, somebody has looked at who comes and what they expect."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client

from tests.apps.commerce.broad_match import NOW
from truelift.apps.accounts.models import AuditEvent, Membership, User
from truelift.apps.briefs.reads import gates_of
from truelift.apps.commerce.models import ExpectationRecord
from truelift.apps.commerce.reviews import (
    NotASigner,
    NothingKnown,
    newest_review,
    review,
    sign,
)
from truelift.apps.experiments.models import ExperimentRecord
from truelift.apps.experiments.panel import href_of
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.apps.surfaces.models import SurfaceRecord
from truelift.apps.surfaces.services import set_surface
from truelift.lifecycle.gate import Gate


pytestmark = [pytest.mark.django_db]

ClientOf = Callable[[User], Client]
TEXTS = {"terms": "boots", "read_before": "Boots, 20 % off", "expectation": "The same boots"}


def codes(record: ExperimentRecord, *, days: int = 0) -> list[str]:
    """What the gate says of an experiment."""
    now = NOW + timedelta(days=days)
    found = gates_of(record, frozenset({Gate.EXPECTATION}), plan="", now=now)
    return [each.code for each in found[Gate.EXPECTATION]]


@pytest.mark.database
def test_the_gate_asks_for_a_review_that_both_signed_and_that_is_not_too_old(
    told: Site, ada: User, ben: User
) -> None:
    record = ExperimentRecord.objects.create(
        site=told, key="boots", name="Boots", surface="product page", made_at=NOW
    )
    surface = SurfaceRecord.objects.get(site=told)
    Membership.objects.filter(user=ada).update(functions=["seo_content"])
    Membership.objects.filter(user=ben).update(functions=["cro_lead"])
    assert codes(record) == ["expectation.no_review"]

    made = review(surface, **TEXTS, by=Actor(ben), now=NOW)
    assert codes(record) == ["expectation.not_signed"]
    with pytest.raises(NotASigner):
        sign(made, "seo_content", by=Actor(ben), now=NOW)
    sign(made, "cro_lead", by=Actor(ben), now=NOW)
    assert codes(record) == ["expectation.not_signed"]
    sign(made, "seo_content", by=Actor(ada), now=NOW)
    sign(made, "seo_content", by=Actor(ada), now=NOW)

    assert codes(record) == codes(record, days=90) == []
    assert codes(record, days=91) == ["expectation.too_old"]
    record.surface = "Cart"
    assert codes(record) == ["expectation.no_review"]
    record.surface = ""
    assert codes(record) == ["expectation.no_surface"]
    record.allocation = 0.04
    assert codes(record) == []
    assert made.covered >= 0.8
    assert [each[0] for each in made.sources] == ["paid broad", "brand", "organic"][
        : len(made.sources)
    ]
    assert made.verdict == "traffic"
    assert AuditEvent.objects.filter(action="expectation.signed").count() == 2


@pytest.mark.database
def test_a_page_on_which_nobody_lands_is_reviewed_by_the_sources_of_the_site(
    told: Site, ada: User, client_of: ClientOf
) -> None:
    cart = set_surface(told, "Cart", "/cart", by=Actor(ada), now=NOW)
    record = ExperimentRecord.objects.create(
        site=told, key="cart", name="Cart", surface="cart", made_at=NOW
    )
    here = f"/s/shop/page-or-traffic/{cart.pk}/"

    made = review(cart, **TEXTS, by=Actor(ada), now=NOW)
    page = client_of(ada).get(here)
    later = NOW + timedelta(days=200)

    assert (made.snapshot, made.verdict) == (None, "")
    assert made.sources[0][0] == "paid broad"
    assert made.covered >= 0.8
    assert "What they expect" in page.content.decode()
    assert codes(record) == ["expectation.not_signed"]
    assert href_of("expectation.not_signed", record, home="/s/shop/", may_edit=True) == here
    record.surface = "Nowhere"
    assert href_of("expectation.no_review", record, home="/s/shop/", may_edit=True) == (
        "/s/shop/surfaces/"
    )
    with pytest.raises(NothingKnown):
        review(cart, **TEXTS, by=Actor(ada), now=later)


def test_people_review_and_sign_on_the_page_and_over_the_api(
    told: Site, ada: User, cleo: User, mallory: User, client_of: ClientOf
) -> None:
    owner, viewer, stranger = client_of(ada), client_of(cleo), client_of(mallory)
    surface = SurfaceRecord.objects.get(site=told)
    here = f"/s/shop/page-or-traffic/{surface.pk}/"

    empty = owner.post(f"{here}review/", {"expectation": " "})
    kept = owner.post(f"{here}review/", {**TEXTS, "expectation": "<b>The same</b>"})
    record = ExpectationRecord.objects.get()
    forbidden = viewer.post(f"{here}review/", TEXTS)
    signed = owner.post(f"{here}sign/", {"review": record.pk, "function": "cro_lead"})
    neither = owner.post(f"{here}sign/", {"review": record.pk, "function": "sales"})
    page = viewer.get(here).content.decode()
    asked = owner.post(
        f"/api/v1/expectations/{record.pk}/sign?site=shop",
        {"function": "seo_content"},
        content_type="application/json",
    )

    assert (empty.status_code, kept.status_code, forbidden.status_code) == (422, 302, 403)
    assert (signed.status_code, neither.status_code, asked.status_code) == (302, 409, 200)
    assert "waits for the signature of SEO and content" in page
    assert "&lt;b&gt;The same&lt;/b&gt;" in page
    assert asked.json()["missing"] == []
    found = viewer.get("/api/v1/expectations?site=shop&surface=Product+page").json()
    assert [each["function"] for each in found["signed"]] == ["cro_lead", "seo_content"]
    assert stranger.get(here).status_code == 404
    assert here in viewer.get("/s/shop/page-or-traffic/").content.decode()
    latest = newest_review(surface)
    assert latest is not None
    surface.delete()
    assert not ExpectationRecord.objects.exists()
