"""GitHub's deployment protection rule: what is believed, and what GitHub is told."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from django.test import Client

from tests.apps.freezes.conftest import launched
from tests.apps.inbox.conftest import Elsewhere
from truelift.apps.accounts.models import User
from truelift.apps.experiments.jobs import run_due_jobs
from truelift.apps.freezes.deploy_services import connect_protection, end_protection
from truelift.apps.freezes.models import (
    DeployCheckRecord,
    ProtectionRecord,
    ProtectionRequestRecord,
)
from truelift.apps.freezes.protection import secret_of
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import BadFields
from truelift.apps.sites.models import Site
from truelift.apps.surfaces.models import SurfaceRecord


pytestmark = [pytest.mark.database, pytest.mark.django_db]

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.private_bytes(
    serialization.Encoding.PEM,
    serialization.PrivateFormat.TraditionalOpenSSL,
    serialization.NoEncryption(),
).decode()


@pytest.fixture
def app(
    site: Site,
    surfaces: dict[str, SurfaceRecord],
    ada: User,
    now: datetime,
    elsewhere: Elsewhere,
) -> ProtectionRecord:
    """A GitHub App that deploys the checkout."""
    return connect_protection(
        site,
        name="Gate",
        app_id="4711",
        private_key=PEM,
        api=elsewhere.address,
        surfaces=["checkout"],
        by=Actor(ada),
        now=now,
    )


def asked(app: ProtectionRecord, **changed: Any) -> bytes:
    """What GitHub sends, as far as it is read."""
    return json.dumps(
        {
            "action": "requested",
            "environment": "production",
            "event": "push",
            "deployment": {"sha": "f00", "ref": "main"},
            "deployment_callback_url": f"{app.api}/repos/acme/shop/actions/runs/7"
            "/deployment_protection_rule",
            "repository": {"full_name": "acme/shop"},
            "installation": {"id": 99},
            "sender": {"login": "ben"},
            **changed,
        }
    ).encode()


def send(
    app: ProtectionRecord, body: bytes, *, signed: bytes | None = None, delivery: str = "d-1"
) -> Any:
    mac = hmac.new(secret_of(app).encode(), signed or body, hashlib.sha256).hexdigest()
    return Client().post(
        f"/hooks/github/deployments/{app.public_id}/",
        body,
        content_type="application/json",
        headers={
            "x-hub-signature-256": f"sha256={mac}",
            "x-github-delivery": delivery,
            "x-github-event": "deployment_protection_rule",
        },
    )


def answered(elsewhere: Elsewhere, *statuses: int) -> list[tuple[str, dict[str, str], Any]]:
    """Let GitHub answer and do the work; give what it was asked."""
    token = json.dumps({"token": "ghs_installation"}).encode()
    for status in statuses:
        elsewhere.answer((201, token), (status, b""))

    run_due_jobs(datetime.now(UTC))
    return [(path, headers, json.loads(body)) for _, path, headers, body in elsewhere.asked]


def test_a_deployment_on_a_tested_surface_is_rejected_with_the_reasons(
    site: Site, app: ProtectionRecord, ada: User, elsewhere: Elsewhere
) -> None:

    now = datetime.now(UTC)
    day = now.date()
    launched(site, ada, at=now - timedelta(days=2), starts_on=day, ends_on=day + timedelta(days=5))

    assert send(app, asked(app)).json() == {"taken": True}
    (installation, told) = answered(elsewhere, 204)

    assert installation[0] == "/app/installations/99/access_tokens"
    head, said, signature = installation[1]["authorization"].removeprefix("Bearer ").split(".")
    KEY.public_key().verify(
        base64.urlsafe_b64decode(signature + "=="),
        f"{head}.{said}".encode(),
        padding.PKCS1v15(),
        hashes.SHA256(),
    )
    assert json.loads(base64.urlsafe_b64decode(said + "=="))["iss"] == "4711"
    path, headers, answer = told
    assert path == "/repos/acme/shop/actions/runs/7/deployment_protection_rule"
    assert headers["authorization"] == "Bearer ghs_installation"
    assert (answer["environment_name"], answer["state"]) == ("production", "rejected")
    assert "EXP-41 runs on Checkout." in answer["comment"]
    check = DeployCheckRecord.objects.get()
    assert (check.asker, check.decision, check.sha, check.actor) == ("github", "deny", "f00", "ben")
    assert check.public_id in answer["comment"]
    assert ProtectionRequestRecord.objects.get().answered_at is not None


def test_a_free_deployment_is_approved(app: ProtectionRecord, elsewhere: Elsewhere) -> None:
    send(app, asked(app))

    assert answered(elsewhere, 204)[-1][2]["state"] == "approved"


def test_what_is_not_signed_with_the_secret_is_not_believed(app: ProtectionRecord) -> None:
    forged = send(app, asked(app), signed=b"something else")

    assert (forged.status_code, forged.json()["code"]) == (401, "deploys.bad_webhook")
    assert not ProtectionRequestRecord.objects.exists()


def test_the_same_delivery_is_not_believed_twice(app: ProtectionRecord) -> None:
    first, again = send(app, asked(app)), send(app, asked(app))

    assert (first.json(), again.json()) == ({"taken": True}, {"taken": False})
    assert ProtectionRequestRecord.objects.count() == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"deployment_callback_url": "https://evil.example/repos/a/b/actions/runs/7"},
        {"deployment_callback_url": "{api}/app/installations/1/access_tokens"},
        {"deployment_callback_url": "{api}@evil.example/x"},
        {"installation": {}},
        {"environment": ""},
    ],
)
def test_the_answer_goes_to_the_interface_of_the_app_and_nowhere_else(
    app: ProtectionRecord, changed: dict[str, Any]
) -> None:
    given = {
        name: value.replace("{api}", app.api) if isinstance(value, str) else value
        for name, value in changed.items()
    }

    assert send(app, asked(app, **given)).status_code == 401
    assert send(app, b"[", delivery="d-2").status_code == 401
    assert not ProtectionRequestRecord.objects.exists()


def test_a_refusal_of_github_stands_on_the_page_and_a_busy_one_is_tried_again(
    app: ProtectionRecord, elsewhere: Elsewhere
) -> None:
    send(app, asked(app))
    answered(elsewhere, 503)
    busy = ProtectionRequestRecord.objects.get()
    assert "tried again" in busy.problem
    assert busy.answered_at is None

    send(app, asked(app), delivery="d-2")
    answered(elsewhere, 422)

    refused = ProtectionRequestRecord.objects.get(delivery="d-2")
    assert "422" in refused.problem
    assert DeployCheckRecord.objects.count() == 2


def test_the_key_is_sealed_checked_and_forgotten(
    site: Site, app: ProtectionRecord, ada: User, now: datetime
) -> None:
    assert "PRIVATE KEY" not in app.private_key
    with pytest.raises(BadFields) as refused:
        connect_protection(
            site,
            name=" ",
            app_id="x",
            private_key="-----BEGIN RSA PRIVATE KEY-----\nx\n-----END RSA PRIVATE KEY-----",
            api="ftp://x",
            surfaces=["Nowhere"],
            by=Actor(ada),
            now=now,
        )
    assert set(refused.value.wrong) == {"name", "app_id", "private_key", "api", "surfaces"}

    end_protection(site, app.pk, by=Actor(ada), now=now)

    assert ProtectionRecord.objects.get().private_key == ""
    assert send(app, asked(app)).status_code == 404
