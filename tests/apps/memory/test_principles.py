"""A principle stands on its tests, spreads to other surfaces, and is cited."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from tests.apps.memory.conftest import Ended
from truelift.apps.accounts.models import AuditEvent, User
from truelift.apps.experiments.models import ExperimentRecord, LearningRecord
from truelift.apps.intake.models import IdeaRecord
from truelift.apps.intake.services import AlreadyHere
from truelift.apps.memory.models import PrincipleRecord, UseState
from truelift.apps.memory.principles import (
    adoption_of,
    judged,
    marks_of,
    principle_document,
    reuse_of,
)
from truelift.apps.memory.services import (
    add_guideline,
    describe_surface,
    link_test,
    propose_elsewhere,
    say_use,
)
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import BadFields, Provenance
from truelift.apps.research.models import HypothesisRecord
from truelift.apps.sites.models import Site
from truelift.apps.surfaces.models import SurfaceRecord
from truelift.lifecycle.principle import PrincipleStatus, Reading


if TYPE_CHECKING:
    from django.test import Client


@pytest.fixture
def by(ada: User) -> Actor:
    return Actor(ada)


@pytest.fixture
def linked(
    site: Site, principle: PrincipleRecord, ended: Ended, by: Actor, now: datetime
) -> Callable[..., None]:
    """Links a test that ended with an effect."""

    def link(key: str, value: float, outcome: str, **more: str | bool) -> None:
        made = {name: str(more[name]) for name in ("stage", "srm", "surface") if name in more}
        ended(key, value, outcome=outcome, **made)
        link_test(
            site,
            principle.key,
            key,
            by=by,
            now=now,
            applied=bool(more.get("applied", True)),
            outside=bool(more.get("outside", False)),
        )

    return link


def test_two_supporting_and_one_contradicting_contest_a_principle(
    site: Site, linked: Callable[..., None]
) -> None:
    linked("one", 0.05, "win")
    linked("two", 0.04, "win")
    linked("three", -0.03, "loss", outside=True)
    linked("four", 0.3, "win", stage="invalid")
    linked("five", 0.2, "win", srm="fail")

    found = judged(site)[0]

    assert found.status is PrincipleStatus.CONTESTED
    assert [each.reading for each in found.tests] == [
        Reading.SUPPORTS,
        Reading.SUPPORTS,
        Reading.CONTRADICTS,
        Reading.INVALID,
        Reading.INVALID,
    ]
    assert found.strength is not None
    assert found.strength.n == 3
    assert found.scoped is not None
    assert found.scoped.mean == pytest.approx(0.045)
    shrunk = [each.shrunken for each in found.tests[:3]]
    assert shrunk[0] is not None
    assert 0.02 < shrunk[0] < 0.05
    assert [each.shrunken for each in found.tests[3:]] == [None, None]


def test_a_loss_of_the_opposite_speaks_for_a_principle(
    site: Site, linked: Callable[..., None]
) -> None:
    linked("one", 0.05, "win")
    linked("without", -0.06, "loss", applied=False)

    found = judged(site)[0]

    assert found.status is PrincipleStatus.SUPPORTED
    assert found.tests[1].value == pytest.approx(0.06)


def test_it_spreads_to_surfaces_like_those_it_holds_for_the_most_valuable_first(
    site: Site,
    principle: PrincipleRecord,
    linked: Callable[..., None],
    by: Actor,
    now: datetime,
) -> None:
    linked("one", 0.05, "win", surface="Product page")
    linked("two", 0.04, "win", surface="Cart")
    linked("far", -0.02, "loss", surface="Landing page", outside=True)
    linked("broken", 0.3, "win", surface="Checkout", stage="invalid")
    for name, units in (("Gift cards", 3_000), ("Wish list", 9_000), ("Blog", 90_000)):
        SurfaceRecord.objects.create(
            site=site, name=name, weekly_units=units, rate=0.05, revenue_minor=300
        )
    describe_surface(site, "Wish list", type_="Product page", elements=(), by=by, now=now)
    describe_surface(site, "gift cards", type_="", elements=("Delivery cost",), by=by, now=now)
    describe_surface(site, "Outlet", type_="product page", elements=(), by=by, now=now)
    say_use(site, principle.key, "Cart", UseState.LIVE, by=by, now=now)
    say_use(site, principle.key, "Outlet", UseState.UNFIT, by=by, now=now)

    found = adoption_of(judged(site)[0])

    assert [each.surface for each in found.suggestions] == [
        "Wish list",
        "Gift cards",
        "Product page",
    ]
    assert (found.live, found.eligible, found.share) == (1, 4, 0.25)
    strength = judged(site)[0].expected
    assert strength is not None
    careful = (strength.low + strength.mean) / 2
    assert found.suggestions[0].worth_minor == pytest.approx(9_000 * 300 * careful)
    assert found.suggestions[2].worth_minor is None


def test_a_suggestion_becomes_an_idea_once(
    site: Site, principle: PrincipleRecord, by: Actor, now: datetime
) -> None:
    idea = propose_elsewhere(site, principle.key, "Wish list", by=by, now=now)

    assert IdeaRecord.objects.get(pk=idea.pk).surface == "Wish list"
    with pytest.raises(AlreadyHere):
        propose_elsewhere(site, principle.key, "wish list", by=by, now=now)


def test_reuse_counts_hypotheses_that_cite_a_learning(
    site: Site, learned: ExperimentRecord, hypothesis: HypothesisRecord, ada: User, now: datetime
) -> None:
    HypothesisRecord.objects.create(site=site, number=2, change="Another", made_at=now)
    HypothesisRecord.objects.create(
        site=site, number=3, change="A draft", drafted_by="tf-idf clusters 1", made_at=now
    )
    assert reuse_of(site).rate == 0

    HypothesisRecord.objects.get(number=2).citations.create(
        learning=LearningRecord.objects.get(experiment=learned)
    )

    assert (reuse_of(site).citing, reuse_of(site).hypotheses) == (1, 2)
    assert marks_of(site, [1])[1].cited_by == ("H-2",)


def test_a_guideline_task_goes_to_a_member_of_the_site(
    site: Site, principle: PrincipleRecord, mallory: User, by: Actor, now: datetime
) -> None:
    with pytest.raises(BadFields, match="owner"):
        add_guideline(site, principle.key, text="Price block", owner=mallory.email, by=by, now=now)
    with pytest.raises(BadFields, match="link"):
        add_guideline(
            site, principle.key, text="Price block", link="javascript:alert(1)", by=by, now=now
        )


def test_the_page_shows_tests_surfaces_tasks_and_lets_an_editor_change_them(
    site: Site,
    principle: PrincipleRecord,
    linked: Callable[..., None],
    ada: User,
    cleo: User,
    client_of: Callable[[User], Client],
) -> None:
    linked("one", 0.05, "win", surface="Product page")
    linked("broken", 0.4, "win", stage="invalid")
    client, page = client_of(ada), f"/s/{site.name}/principles/{principle.key}/"

    for where, given in (
        ("guidelines/", {"text": "Price block", "owner": ada.email, "due": "2026-01-05"}),
        ("surfaces/", {"surface": "Wish list", "type": "product page", "state": "describe"}),
        ("surfaces/", {"surface": "Product page", "state": "live"}),
        ("surfaces/", {"surface": "Wish list", "state": "propose"}),
        ("move/", {"action": "retire", "reason": "Shops changed"}),
        ("move/", {"action": "restore"}),
        ("tests/", {"experiment": "one", "opposite": "on"}),
    ):
        assert client.post(page + where, given).status_code == 302, where
    refused = client.post(f"{page}move/", {"action": "retire", "reason": " "})
    said = client.get(page).content.decode()

    assert refused.status_code == 409
    assert "Nobody has said why" in refused.content.decode()
    assert "None of one test" not in said
    for words in ("did the opposite", "Price block", "late", "Wish list", "Not counted", "Broken"):
        assert words in said, words
    assert "+40" not in said
    assert "Link a test" not in client_of(cleo).get(page).content.decode()
    assert client_of(cleo).post(f"{page}move/", {"action": "retire"}).status_code == 403
    assert AuditEvent.objects.filter(target="principle:P-1", action="principle.retired").exists()


def test_a_machine_s_principle_waits_for_a_person(
    site: Site, ada: User, now: datetime, client_of: Callable[[User], Client]
) -> None:
    from truelift.apps.memory.services import PrincipleFields, create_principle

    made = create_principle(
        site,
        PrincipleFields(statement="Shorter is better."),
        by=Actor(ada),
        now=now,
        machine=Provenance("tf-idf clusters 1", ("L-1",)),
    )
    page = f"/s/{site.name}/principles/{made.key}/"

    before = client_of(ada).get(page).content.decode()
    client_of(ada).post(f"{page}move/", {"action": "accept"})
    made.refresh_from_db()

    assert "A machine wrote this" in before
    assert (made.accepted_by, made.machine) == (ada, False)


def test_the_api_does_what_the_pages_do(
    site: Site,
    learned: ExperimentRecord,
    ada: User,
    mallory: User,
    client_of: Callable[[User], Client],
) -> None:
    client = client_of(ada)

    def call(method: str, path: str, given: object = None) -> tuple[int, dict[str, object]]:
        answer = getattr(client, method)(
            f"/api/v1/{path}{'&' if '?' in path else '?'}site={site.name}",
            **({"data": json.dumps(given), "content_type": "application/json"} if given else {}),
        )
        return answer.status_code, answer.json()

    status, made = call("post", "principles", {"statement": "Say it early.", "types": ["cart"]})
    assert (status, made["key"], made["status"]) == (201, "P-1", "proposed")
    status, told = call("post", "principles/P-1/tests", {"experiment": learned.key})
    assert (status, told["supporting"]) == (200, [learned.key])
    assert call("post", "principles/P-1/tests", {"experiment": "none"})[0] == 404
    status, told = call("post", "principles/P-1/guidelines", {"text": "Price block"})
    task = told["guidelines"][0]["id"]  # type: ignore[index]
    assert status == 201
    assert call("post", f"principles/P-1/guidelines/{task}", {"done": True})[0] == 200
    assert call("post", "principles/P-1/surfaces", {"surface": "Cart", "state": "live"})[0] == 200
    assert call("put", "principles/P-1", {"statement": "Say it earlier."})[0] == 200
    assert call("post", "principles/P-1/move", {"action": "retire", "reason": ""})[0] == 409
    assert call("get", "principles/P-1")[1]["adoption"] == {"eligible": 2, "live": 1, "share": 0.5}
    assert call("get", "library?q=delivery")[1]["total"] == 1
    assert call("get", "library/what-we-know")[1]["known"]
    assert call("get", "library/surprises")[1]["surprises"]
    assert call("get", "library/matters")[1] == {"matters": [], "machines": []}
    assert call("get", "principles")[1]["reuse"]
    assert call("post", "library/drafts", {"matter": "S-9"})[0] == 404
    for path in ("principles", "principles/P-1", "library", "library/what-we-know"):
        answer = client_of(mallory).get(f"/api/v1/{path}?site={site.name}")
        assert answer.status_code == 404, path


def test_the_document_of_a_principle_is_json(site: Site, linked: Callable[..., None]) -> None:
    linked("one", 0.05, "win")

    assert json.loads(json.dumps(principle_document(judged(site)[0]), default=str))["strength"]
