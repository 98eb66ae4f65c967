"""Every team is asked of every version of the brief, and the remit says what may be changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.test import Client

from truelift.apps.accounts.models import Membership, User
from truelift.apps.alignment import services
from truelift.apps.alignment.computing import compute_journey, losses_by_step
from truelift.apps.alignment.models import JourneyRecord
from truelift.apps.alignment.reads import alignment_of, places_of, remit_gap_of
from truelift.apps.inbox.models import NoticeRecord
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.apps.surfaces.services import SurfaceFields, write_surface
from truelift.lifecycle.functions import Function
from truelift.questions.leaks import Against, Leak
from truelift.questions.shares import Span


pytestmark = [pytest.mark.database, pytest.mark.django_db]

ClientOf = Callable[[User], Client]


def text_of(response: object) -> str:
    content: bytes = response.content  # type: ignore[attr-defined]
    return " ".join(content.decode().split())


def waiting(site: Site) -> list[str]:
    """Give the teams whose reminder is open."""
    rows = NoticeRecord.objects.filter(site=site, settled_at=None, cause__startswith="brief:")
    return sorted(each.cause.rpartition(":")[2] for each in rows)


def give(site: Site, user: User, *functions: Function) -> None:
    Membership.objects.filter(site=site, user=user).update(
        functions=[each.value for each in functions]
    )


def write(site: Site, by: User, now: datetime, goal: str = "Earn a tenth more") -> None:
    services.write_brief(
        site,
        goal=goal,
        metric="Revenue per session",
        priorities=["Checkout", " ", "Margin"],
        by=Actor(by),
        now=now,
    )


def test_a_new_version_asks_every_team_again_and_coverage_falls(
    site: Site, ada: User, ben: User, client_of: ClientOf, now: datetime
) -> None:
    give(site, ada, Function.MARKETING, Function.CRO_LEAD)
    give(site, ben, Function.ENGINEERING)
    for each in ("product_ux", "analytics", "sales", "service", "finance", "creative"):
        services.leave_empty(site, Function(each), "A small shop.", by=Actor(ada), now=now)
    write(site, ada, now)
    assert waiting(site) == ["engineering", "marketing"]

    browser = client_of(ben)
    with pytest.raises(services.NotYourTeam):
        services.acknowledge(site, Function.MARKETING, version=1, by=Actor(ben), now=now)
    told = {"team": "engineering", "version": "1"}
    done = browser.post("/s/shop/commercial-brief/acknowledge/", told)
    services.acknowledge(site, Function.MARKETING, version=1, by=Actor(ada), now=now)

    assert done.status_code == 302
    assert waiting(site) == []
    assert alignment_of(site).coverage.share == 1
    assert "Every team stands behind version 1" in text_of(browser.get("/s/shop/commercial-brief/"))

    write(site, ada, now + timedelta(days=1), goal="Earn a fifth more")

    found = alignment_of(site)
    assert (found.coverage.acknowledged, found.coverage.teams) == (0, 2)
    assert waiting(site) == ["engineering", "marketing"]
    page = text_of(browser.get("/s/shop/commercial-brief/"))
    assert "Marketing and engineering do not stand behind version 2" in page
    with pytest.raises(services.ChangedMeanwhile):
        services.acknowledge(site, Function.MARKETING, version=1, by=Actor(ada), now=now)


def test_a_brief_over_the_api_is_whole_or_refused(
    site: Site, ada: User, client_of: ClientOf
) -> None:
    browser, address = client_of(ada), "/api/v1/commercial-brief?site=shop"

    none_yet = browser.get(address)
    bad = browser.post(
        address,
        json.dumps({"goal": "", "metric": "x", "priorities": []}),
        content_type="application/json",
    )
    typed = browser.post("/s/shop/commercial-brief/new/", {"goal": "Grow", "metric": "RPS"})

    assert none_yet.status_code == 404
    assert (bad.status_code, bad.json()["code"]) == (422, "alignment.bad_brief")
    assert typed.status_code == 422


@pytest.fixture
def checkout(site: Site, ada: User, now: datetime) -> None:
    """Three steps of a funnel, two of them engineering's, with what is lost at each."""
    losses = {}
    for step, (name, team, loss) in enumerate(
        (
            ("Cart", "Growth", 3_000_00),
            ("Delivery", "Engineering", 2_000_00),
            ("Payment", "Engineering", 5_000_00),
        ),
        start=1,
    ):
        fields = SurfaceFields(name=name, funnel="Order", step=step, team=team, cadence_days=42)
        made = write_surface(site, fields, by=Actor(ada), now=now)
        losses[str(made.pk)] = loss
    text = json.dumps({"losses": losses, "weeks": 4.0, "funnels": ["Order"]})
    JourneyRecord.objects.create(site=site, text=text, computed_at=now)


@pytest.mark.usefixtures("checkout")
def test_what_engineering_owns_is_outside_the_remit_of_growth(
    site: Site, ada: User, cleo: User, client_of: ClientOf
) -> None:
    browser = client_of(ada)
    before = text_of(browser.get("/s/shop/touchpoints/"))
    done = browser.post("/s/shop/touchpoints/remit/", {"team": ["Growth"]})

    gap = remit_gap_of(site)
    page = text_of(browser.get("/s/shop/touchpoints/"))
    told = browser.get("/api/v1/touchpoints?site=shop").json()

    assert "Nobody has said yet whose surfaces" in before
    assert done.status_code == 302
    assert gap is not None
    assert gap.share == pytest.approx(0.70)
    assert "70% of what is lost on the journey, €10,000 a week, is outside" in page
    assert "most of it at Payment and Delivery" in page
    assert told["remit_gap"]["outside"] == ["Payment", "Delivery"]
    assert [each.surface for each in places_of(site).points] == ["Cart", "Delivery", "Payment"]
    assert client_of(cleo).post("/s/shop/touchpoints/remit/", {}).status_code == 403


def test_a_site_without_steps_has_no_losses(site: Site, now: datetime) -> None:
    assert compute_journey(site, now=now) is None
    assert remit_gap_of(site) is None


def test_losses_of_a_step_are_those_of_one_dimension() -> None:
    def leak(step: int, by: str, people: float) -> Leak:
        return Leak(
            step=step,
            after="a",
            before="b",
            by=by,
            segment="x",
            arrived=400,
            passed=100,
            against=Against.SEGMENT,
            standard="y",
            standard_rate=0.5,
            gap=Span(people / 100, 0.01, 0.5),
            onward=1.0,
            weeks=4.0,
            worth_minor=100.0,
        )

    leaks = [
        leak(2, "device", 20),
        leak(2, "device", 5),
        leak(2, "channel", 10),
        leak(3, "device", 1),
    ]

    assert losses_by_step(leaks) == pytest.approx({1: 2_500.0, 2: 100.0})
