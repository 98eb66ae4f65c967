"""What a pipeline is told, who may override it, and what is written down."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.apps.freezes.conftest import launched
from truelift.apps.accounts.models import AuditEvent, User
from truelift.apps.accounts.services import make_token as make_access_token
from truelift.apps.changes.models import ChangeRecord, ContaminationRecord
from truelift.apps.experiments.models import ExperimentRecord
from truelift.apps.experiments.monitoring_models import WatchRecord
from truelift.apps.freezes.deploy_services import revoke_token
from truelift.apps.freezes.models import DeployCheckRecord, DeployTokenRecord
from truelift.apps.freezes.services import FreezeFields, propose
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.apps.surfaces.models import SurfaceRecord


pytestmark = [pytest.mark.database, pytest.mark.django_db]

ClientOf = Callable[[User], Client]
DURING = "2026-05-10T12:00:00Z"


def ask(token: str, site: str = "shop", **body: Any) -> Any:
    """Ask as a pipeline does."""
    return Client().post(
        f"/api/v1/deploy-check?site={site}",
        json.dumps({"at": DURING, **body}),
        content_type="application/json",
        headers={"authorization": f"Bearer {token}"},
    )


def test_a_deploy_on_a_tested_surface_is_denied_with_everything_that_is_known(
    running: ExperimentRecord, token: str, now: datetime
) -> None:
    WatchRecord.objects.create(
        experiment=running,
        day=now.date(),
        at=now + timedelta(hours=3),
        document={"units": 920, "needed": 2000},
    )

    answer = ask(token, surface="checkout", sha="abc", repo="acme/shop", actor="ci")

    assert answer.status_code == 200
    said = answer.json()
    assert said["decision"] == "deny"
    assert said["until"] == "2026-05-24T22:00:00Z"  # midnight in Berlin
    assert said["policy"] == "v0"
    assert said["approvals_possible"] == ["liaison", "decision_owner"]
    (reason,) = said["reasons"]
    wanted = {
        "kind": "running_test",
        "id": "EXP-41",
        "surface": "Checkout",
        "owner": "Ada",
        "share_collected": 0.46,
        "freeze": "F-1",
        "ends": "2026-05-24T22:00:00Z",
    }
    assert {name: reason[name] for name in wanted} == wanted
    kept = DeployCheckRecord.objects.get(public_id=said["check_id"])
    assert (kept.decision, kept.sha, kept.actor, kept.tests) == ("deny", "abc", "ci", ["EXP-41"])
    assert kept.token == DeployTokenRecord.objects.get()


@pytest.mark.parametrize(
    ("body", "decision"),
    [
        ({"surface": "Blog"}, "allow"),
        ({"surface": "Checkout", "at": "2026-05-24T22:00:00Z"}, "allow"),
        ({"surface": "Checkout", "env": "staging"}, "allow"),
        ({"paths": ["src/checkout/pay.ts"]}, "deny"),
        ({"paths": ["blog/first.md"]}, "allow"),
        ({"paths": ["infra/main.tf"]}, "warn"),
        ({"surfaces": ["Blog", "checkout"]}, "deny"),
    ],
)
def test_the_answer_follows_where_and_when(
    running: ExperimentRecord, token: str, body: dict[str, Any], decision: str
) -> None:
    assert ask(token, **body).json()["decision"] == decision


def test_the_same_can_be_asked_in_an_address(
    running: ExperimentRecord, ada: User, client_of: ClientOf
) -> None:
    address = f"/api/v1/deploy-check?site=shop&surface=checkout&env=production&at={DURING}"

    assert client_of(ada).get(address).json()["decision"] == "deny"


def test_what_ran_is_judged_by_when_it_ran(
    site: Site, surfaces: dict[str, SurfaceRecord], ada: User, token: str, now: datetime
) -> None:
    over = now + timedelta(days=9)
    launched(site, ada, at=now, stage="invalid", stopped_at=over)

    assert ask(token, surface="Checkout").json()["decision"] == "deny"
    later = ask(token, surface="Checkout", at=over.isoformat())
    assert later.json()["decision"] == "allow"


def test_a_surface_that_nobody_knows_has_a_code_of_its_own_and_is_logged(
    running: ExperimentRecord, token: str
) -> None:
    answer = ask(token, surface="chekout")

    assert (answer.status_code, answer.json()["code"]) == (404, "deploys.no_such_surface")
    assert "chekout" in answer.json()["detail"]
    assert DeployCheckRecord.objects.get().decision == "unknown"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "deploys.nothing_asked"),
        ({"surface": "Checkout", "at": "2026-05-10T12:00:00"}, "deploys.at"),
        ({"surface": "Checkout", "fail": "maybe"}, "deploys.fail"),
        ({"surface": "Checkout", "sha": "a\0"}, "deploys.text"),
    ],
)
def test_what_cannot_be_answered_says_why(
    running: ExperimentRecord, token: str, body: dict[str, Any], code: str
) -> None:
    answer = ask(token, **body)

    assert (answer.status_code, answer.json()["code"]) == (422, "deploys.bad_request")
    assert code in answer.json()["facts"]["codes"]
    assert not DeployCheckRecord.objects.exists()


def test_a_token_is_kept_as_its_hash_and_checks_its_own_site_only(
    running: ExperimentRecord, token: str, site: Site, ada: User, mallory: User, now: datetime
) -> None:
    assert token not in str(list(DeployTokenRecord.objects.values()))
    assert ask(token, site="elsewhere", surface="Checkout").status_code == 404
    assert ask(token, site="", surface="Checkout").status_code == 200
    assert ask("tld_guessed", surface="Checkout").status_code == 401
    headers = {"authorization": f"Bearer {token}"}
    for address in ("freezes", "experiments", "deploy-checks", "deploy-tokens"):
        assert Client().get(f"/api/v1/{address}?site=shop", headers=headers).status_code == 401

    revoke_token(site, DeployTokenRecord.objects.get().pk, by=Actor(ada), now=now)

    assert ask(token, surface="Checkout").status_code == 401


def test_a_stranger_learns_nothing(
    running: ExperimentRecord, mallory: User, client_of: ClientOf
) -> None:
    address = "/api/v1/deploy-check?site=shop&surface=checkout"

    assert client_of(mallory).get(address).status_code == 404
    assert Client().get(address).status_code == 401
    assert not DeployCheckRecord.objects.exists()


def test_a_pipeline_overrides_nothing(running: ExperimentRecord, token: str) -> None:
    answer = ask(token, surface="Checkout", emergency=True, reason="Now.")

    assert (answer.status_code, answer.json()["code"]) == (409, "deploys.token_may_not_override")
    assert not DeployCheckRecord.objects.exists()


def person(user: User) -> str:
    """The access token of a person."""
    return make_access_token(user, name="terminal", now=datetime.now(UTC))


@pytest.fixture
def running_now(site: Site, surfaces: dict[str, SurfaceRecord], ada: User) -> ExperimentRecord:
    """A test that runs by the clock on the wall, on which emergencies depend."""
    now = datetime.now(UTC)
    day = now.date()
    return launched(
        site, ada, at=now - timedelta(days=3), starts_on=day, ends_on=day + timedelta(days=9)
    )


def test_an_emergency_is_allowed_to_a_person_and_contaminates_at_once(
    running_now: ExperimentRecord, ben: User
) -> None:
    answer = ask(
        person(ben),
        surface="Checkout",
        at=None,
        emergency=True,
        reason="Card data leaks.",
        sha="f00",
        repo="acme/shop",
    )

    said = answer.json()
    assert (answer.status_code, said["decision"]) == (200, "allow")
    assert said["emergency"] == {
        "by": "Ben",
        "reason": "Card data leaks.",
        "without": "deny",
        "contaminates": ["EXP-41"],
    }
    assert said["reasons"][0]["id"] == "EXP-41"
    found = ContaminationRecord.objects.get()
    assert found.experiment == running_now
    change = ChangeRecord.objects.get()
    assert (change.emergency, change.sha, change.repo) == (True, "f00", "acme/shop")
    event = AuditEvent.objects.get(action="deploy.overridden")
    assert event.after is not None
    assert event.after["reason"] == "Card data leaks."


@pytest.mark.parametrize(
    ("body", "status"),
    [({"reason": ""}, 422), ({"reason": "x", "at": "2199-05-10T12:00:00Z"}, 422)],
)
def test_an_emergency_has_a_reason_and_does_not_wait(
    running_now: ExperimentRecord, ben: User, body: dict[str, Any], status: int
) -> None:
    answer = ask(person(ben), surface="Checkout", emergency=True, **{"at": None, **body})

    assert answer.status_code == status
    assert not ContaminationRecord.objects.exists()


def test_an_emergency_that_is_told_of_afterwards_counts_from_its_moment(
    running: ExperimentRecord, ben: User
) -> None:
    ask(person(ben), surface="Checkout", emergency=True, reason="Card data leaked.")

    found = ContaminationRecord.objects.get()
    assert (found.experiment, found.at.isoformat()) == (running, "2026-05-10T12:00:00+00:00")


def test_who_only_looks_checks_and_does_not_override(
    running_now: ExperimentRecord, cleo: User
) -> None:
    own = person(cleo)

    said = ask(own, surface="Checkout", at=None).json()
    assert said["decision"] == "deny"
    assert said["until"].endswith("T22:00:00Z") or said["until"].endswith("T23:00:00Z")  # Berlin
    emergency = ask(own, surface="Checkout", at=None, emergency=True, reason="x")
    assert emergency.status_code == 403


def test_an_emergency_where_nothing_is_frozen_contaminates_nothing(
    running_now: ExperimentRecord, ben: User
) -> None:
    answer = ask(person(ben), surface="Blog", at=None, emergency=True, reason="A typo.")

    assert answer.json()["decision"] == "allow"
    assert not ContaminationRecord.objects.exists()


def test_the_log_cannot_be_rewritten(running: ExperimentRecord, token: str) -> None:
    ask(token, surface="Checkout")

    for change in (
        lambda: DeployCheckRecord.objects.update(decision="allow"),
        lambda: DeployCheckRecord.objects.all().delete(),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()


def test_a_check_takes_few_queries_however_much_is_going_on(
    site: Site, running: ExperimentRecord, ada: User, token: str, now: datetime
) -> None:
    for number in range(20):
        launched(site, ada, at=now, key=f"T-{number}", surface="Checkout")
        propose(
            site,
            FreezeFields(f"F {number}", ["Blog"], now, now + timedelta(days=30)),
            by=Actor(ada),
            now=now,
        )
    ask(token, surface="Checkout")

    with CaptureQueriesContext(connection) as asked:
        ask(token, surface="Checkout")

    assert len(asked) <= 12, [each["sql"] for each in asked]


def test_the_log_is_read_in_parts(
    running: ExperimentRecord, token: str, ada: User, client_of: ClientOf
) -> None:
    for surface in ("Checkout", "Blog", "Checkout"):
        ask(token, surface=surface)
    browser = client_of(ada)

    first = browser.get("/api/v1/deploy-checks?site=shop&most=2").json()
    rest = browser.get(f"/api/v1/deploy-checks?site=shop&before={first['next']}").json()
    denied = browser.get("/api/v1/deploy-checks?site=shop&decision=deny").json()

    assert [each["decision"] for each in first["checks"]] == ["deny", "allow"]
    assert [each["decision"] for each in rest["checks"]] == ["deny"]
    assert len(denied["checks"]) == 2
