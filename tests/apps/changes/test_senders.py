"""Programs that tell of changes: what is believed, what is refused, and what is kept of it."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from truelift.apps.accounts.models import AuditEvent, User
from truelift.apps.changes import senders, views_receive
from truelift.apps.changes.models import ChangeRecord, DeliveryRecord, SenderRecord
from truelift.apps.changes.senders import BadSender, Made, end_sender, hear, make_sender
from truelift.apps.changes.told import moment_of, standard_signature
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.project.logs import masked


pytestmark = [pytest.mark.database, pytest.mark.django_db]

AT = datetime(2026, 5, 7, 9, 30, tzinfo=UTC)
GITLAB = {
    "object_kind": "deployment",
    "status": "success",
    "status_changed_at": "2026-05-07 11:30:00 +0200",
    "deployment_id": 15,
    "deployable_url": "https://gitlab.example/acme/shop/-/jobs/796",
    "environment": "prod-eu",
    "environment_tier": "production",
    "project": {"path_with_namespace": "acme/shop"},
    "short_sha": "279484c0",
    "user": {"username": "lena"},
    "commit_title": "New checkout",
}
SENTRY = {
    "action": "created",
    "data": {
        "deploy": {
            "id": "31",
            "environment": "production",
            "dateStarted": "2026-05-07T09:25:00Z",
            "dateFinished": "2026-05-07T09:30:00Z",
            "name": "Deploy 31",
        },
        "release": {"version": "shop@1.4.0"},
    },
    "actor": {"name": "lena"},
}
DATADOG = {
    "id": "6101",
    "title": "Deployed shop",
    "date": 1778146200000,
    "tags": "env:production,service:shop,version:1.4.0,surface:Checkout",
}
CMS = {"entry": {"sys": {"id": "page-3"}, "title": "Summer", "slugs": ["/blog/summer"]}}


def made(site: Site, ada: User, kind: str, **more: Any) -> Made:
    return make_sender(site, kind=kind, name=kind, by=Actor(ada), now=AT, **more)


def dumped(document: object) -> bytes:
    return json.dumps(document).encode()


def proof(sender: Made, body: bytes, *, at: datetime = AT, secret: str = "") -> dict[str, str]:
    """Sign as each kind of sender does."""
    key = secret or sender.secret or "sentry-client-secret"
    mac = hmac.new(key.encode(), body, hashlib.sha256).hexdigest()
    stamp = str(int(at.timestamp()))
    return {
        "github": {
            "x-hub-signature-256": f"sha256={mac}",
            "x-github-delivery": "m-1",
            "x-github-event": "deployment_status",
        },
        "gitlab": {"x-gitlab-token": key, "x-gitlab-event-uuid": "m-1"},
        "sentry": {
            "sentry-hook-signature": mac,
            "sentry-hook-timestamp": stamp,
            "sentry-hook-resource": "deploy",
            "request-id": "m-1",
        },
        "datadog": {"authorization": f"Bearer {key}"},
        "cms": {
            "webhook-id": "m-1",
            "webhook-timestamp": stamp,
            "webhook-signature": standard_signature(key, message_id="m-1", stamp=stamp, body=body),
        },
    }[sender.record.kind]


BODIES: Mapping[str, object] = {
    "gitlab": GITLAB,
    "sentry": SENTRY,
    "datadog": DATADOG,
    "cms": {"external_id": "7", "what": "Summer", "surfaces": ["Blog"]},
}
MAKING: Mapping[str, dict[str, Any]] = {"sentry": {"secret": "sentry-client-secret"}}


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (
            "gitlab",
            {
                "external_id": "acme/shop:15",
                "what": "New checkout",
                "env": "production",
                "sha": "279484c0",
                "at": AT,
                "actor": "lena",
                "trust": "token",
                "kind": "deploy",
            },
        ),
        (
            "sentry",
            {
                "external_id": "deploy:31",
                "what": "Deploy 31",
                "sha": "shop@1.4.0",
                "at": AT - timedelta(minutes=5),
                "trust": "signed",
            },
        ),
        (
            "datadog",
            {
                "external_id": "6101",
                "what": "Deployed shop",
                "surfaces": ["Checkout"],
                "sha": "1.4.0",
                "at": AT,
                "trust": "token",
            },
        ),
        ("cms", {"what": "Summer", "surfaces": ["Blog"], "kind": "cms", "trust": "signed"}),
    ],
)
def test_each_program_is_understood_in_its_own_words(
    site: Site, surfaces: None, ada: User, kind: str, expected: dict[str, Any]
) -> None:
    sender = made(site, ada, kind, **MAKING.get(kind, {}))
    body = dumped(BODIES[kind])

    heard = hear(sender.record, proof(sender, body), body, now=AT)

    assert heard.outcome == "taken", heard.refusal
    record = ChangeRecord.objects.get()
    assert {name: getattr(record, name) for name in expected} == expected
    assert SenderRecord.objects.get().heard_at == AT


@pytest.mark.parametrize("kind", ["github", *BODIES])
def test_a_wrong_proof_is_refused_kept_and_never_taken_for_none(
    site: Site, surfaces: None, ada: User, kind: str
) -> None:
    sender = made(site, ada, kind, **MAKING.get(kind, {}))
    body = dumped(BODIES.get(kind, {}))

    wrong = hear(sender.record, proof(sender, body, secret="guess"), body, now=AT)
    altered = hear(sender.record, proof(sender, body), body + b" ", now=AT)

    assert wrong.refusal is not None
    assert wrong.refusal.code == "changes.bad_signature"
    kept = DeliveryRecord.objects.order_by("pk")[0]
    assert (kept.outcome, kept.code) == ("refused", "changes.bad_signature")
    assert kept.body == body.decode()
    if kind not in {"gitlab", "datadog"}:  # these send a secret, and sign nothing
        assert altered.outcome == "refused"
        assert not ChangeRecord.objects.exists()


@pytest.mark.parametrize("kind", ["sentry", "cms"])
def test_what_was_signed_long_ago_is_not_believed(
    site: Site, surfaces: None, ada: User, kind: str
) -> None:
    sender = made(site, ada, kind, **MAKING.get(kind, {}))
    body = dumped(BODIES[kind])

    heard = hear(sender.record, proof(sender, body, at=AT - timedelta(minutes=6)), body, now=AT)

    assert heard.outcome == "refused"
    assert not ChangeRecord.objects.exists()


@pytest.mark.parametrize("kind", ["datadog", "cms"])
def test_the_address_alone_only_proposes(site: Site, surfaces: None, ada: User, kind: str) -> None:
    sender = made(site, ada, kind)

    heard = hear(sender.record, {}, dumped(BODIES[kind]), now=AT)

    assert heard.outcome == "proposed"
    assert ChangeRecord.objects.get().state == "proposed"
    assert SenderRecord.objects.get().heard_at is None


def test_a_field_is_found_where_the_page_says(site: Site, surfaces: None, ada: User) -> None:
    fields = "external_id = entry.sys.id\nwhat = entry.title\nurls = entry.slugs"
    sender = made(site, ada, "cms", fields=fields)

    hear(sender.record, {}, dumped(CMS), now=AT)

    record = ChangeRecord.objects.get()
    assert (record.external_id, record.what, record.surfaces) == ("page-3", "Summer", ["Blog"])


@pytest.mark.parametrize(
    ("kind", "document", "reason"),
    [
        ("gitlab", {**GITLAB, "status": "running"}, "The deployment is running."),
        ("gitlab", {"object_kind": "push"}, "A message about push."),
        ("sentry", {"action": "created", "data": {"issue": {}}}, "A message about deploy."),
    ],
)
def test_what_is_no_change_is_kept_with_its_reason(
    site: Site, ada: User, kind: str, document: object, reason: str
) -> None:
    sender = made(site, ada, kind, **MAKING.get(kind, {}))
    body = dumped(document)

    heard = hear(sender.record, proof(sender, body), body, now=AT)

    assert (heard.outcome, heard.reason) == ("ignored", reason)
    assert DeliveryRecord.objects.get().reason == reason


def test_everything_wrong_with_a_change_is_said_at_once(
    site: Site, surfaces: None, ada: User
) -> None:
    sender = made(site, ada, "cms")
    late = (AT + timedelta(days=2)).isoformat()
    body = dumped({"external_id": "1", "started_at": late, "finished_at": AT.isoformat()})

    heard = hear(sender.record, {}, body, now=AT)

    assert heard.refusal is not None
    assert heard.refusal.facts["reasons"] == ("change.ends_before_start", "change.in_the_future")
    assert DeliveryRecord.objects.get().code == "changes.bad_change"


def test_a_flood_of_proposals_is_refused_and_of_refusals_the_newest_are_kept(
    site: Site, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(senders, "PER_WINDOW", 3)
    monkeypatch.setattr(senders, "MOST_REFUSED", 4)
    sender = made(site, ada, "cms")

    outcomes = [
        hear(sender.record, {}, dumped({"external_id": str(nth)}), now=AT).outcome
        for nth in range(12)
    ]

    assert outcomes == ["proposed"] * 3 + ["refused"] * 9
    assert DeliveryRecord.objects.filter(code="changes.too_many").count() == 4


def test_the_address_answers_with_a_code_for_everything(
    site: Site, surfaces: None, ada: User, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender = made(site, ada, "cms")
    here = f"/changes/in/{sender.address}/"
    monkeypatch.setattr(views_receive, "MOST_BYTES", 400)

    def send(body: bytes, at: str = here, **headers: str) -> tuple[int, str]:
        answer = client.post(at, body, content_type="application/json", headers=headers)
        return answer.status_code, answer.json().get("code") or answer.json()["outcome"]

    good = dumped({"external_id": "1", "surfaces": ["Blog"]})
    assert send(good) == (201, "proposed")
    assert send(good) == (200, "again")
    assert send(good, authorization=f"Bearer {sender.secret}") == (201, "taken")
    assert send(good, authorization="Bearer guess") == (401, "changes.bad_signature")
    assert send(b"{") == (400, "changes.bad_message")
    assert send(b"[1]") == (400, "changes.bad_message")
    assert send(b"[" * 300) == (400, "changes.bad_message")
    assert send(b" " * 401) == (413, "changes.input_too_long")
    assert send(good, at="/changes/in/nobody/") == (404, "changes.no_such_sender")
    assert client.get(here).status_code == 405
    refused = DeliveryRecord.objects.filter(outcome="refused").order_by("pk")
    assert [each.code for each in refused] == [
        "changes.bad_signature",
        *["changes.bad_message"] * 3,
        "changes.input_too_long",
    ]

    end_sender(site, sender.record.pk, by=Actor(ada), now=AT)

    assert send(good) == (404, "changes.no_such_sender")


def test_neither_address_nor_secret_is_kept_in_the_clear(site: Site, ada: User) -> None:
    ours = made(site, ada, "cms")
    theirs = made(site, ada, "sentry", secret="sentry-client-secret")

    rows = str(list(SenderRecord.objects.values())) + str(list(AuditEvent.objects.values()))
    assert ours.address not in rows
    assert masked(f"/changes/in/{ours.address}/") == "/changes/in/…/"
    assert ours.secret not in rows
    assert theirs.secret == ""
    assert "sentry-client-secret" not in rows


def test_everything_wrong_with_a_sender_is_said_at_once(site: Site, ada: User) -> None:
    with pytest.raises(BadSender) as refused:
        made(
            site,
            ada,
            "sentry",
            secret="",
            surfaces=["Moon"],
            change_kind="odd",
            fields="what: title",
        )

    assert set(refused.value.wrong) == {"secret", "surfaces", "change_kind", "fields"}
    with pytest.raises(BadSender, match="It is one of github"):
        made(site, ada, "fax")


@pytest.mark.parametrize(
    "written",
    [
        "2026-05-07T09:30:00Z",
        "2026-05-07 11:30:00 +0200",
        "2026-05-07 09:30:00 UTC",
        "1778146200",
        1778146200,
        1778146200000,
    ],
)
def test_an_instant_is_read_however_it_is_written(written: object) -> None:
    assert moment_of(written) == AT


@pytest.mark.parametrize("written", ["2026-05-07", "soon", "", True, None, 1e300, "9" * 15, []])
def test_what_is_no_instant_is_none(written: object) -> None:
    assert moment_of(written) is None
