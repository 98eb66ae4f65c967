"""GitHub asks whether a deployment may go ahead: its webhook is heard, and answered by a job."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from django.db import IntegrityError, transaction

from truelift.apps.experiments.job_kinds import queue
from truelift.apps.freezes.checking import Answered, Asking, check
from truelift.apps.freezes.models import Asker, ProtectionRecord, ProtectionRequestRecord
from truelift.apps.freezes.reads import deploy_policy_of, surface_names
from truelift.apps.inbox.sealing import derived, opened
from truelift.apps.qa.hosts import gate
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import storable
from truelift.egress.fetching import Limits, fetch
from truelift.errors import Outage, Refusal
from truelift.lifecycle.deploy_check import DeployRequest, Fail, Verdict


ANSWER: Final = "freezes.answer"

MOST_BYTES: Final = 1_000_000
"""Of a webhook; GitHub's of this kind are some ten thousand."""

_LIMITS: Final = Limits(body=1_000_000, seconds=15, redirects=0)
_CALLBACK: Final = re.compile(
    r"/repos/[\w.-]{1,100}/[\w.-]{1,100}/actions/runs/\d{1,20}/deployment_protection_rule"
)
_REMEMBERED: Final = timedelta(days=30)
"""GitHub waits so long for an answer; an older delivery cannot be sent again."""

_JWT_HOLDS: Final = timedelta(minutes=9)


class BadProtectionWebhook(Refusal):
    """A webhook that is not believed, or that makes no sense."""

    code = "deploys.bad_webhook"

    def __init__(self, *, why: str) -> None:
        super().__init__(
            f"The webhook is not taken: {why} Compare address and secret with the App’s page.",
            why=why,
        )


class GithubRefused(Refusal):
    """GitHub does not take the answer."""

    code = "deploys.github_refused"

    def __init__(self, *, status: int) -> None:
        why = {
            401: "it does not know the App or its key",
            403: "the App may not do that; it needs Deployments: write and Actions: read",
            404: "the App is not installed there, or nothing waits any more",
            422: "nothing waits for this answer any more",
        }.get(status, "see its own log")
        super().__init__(f"GitHub answered {status}: {why}.", status=status)


class GithubBusy(Outage):
    """GitHub answers nothing now; it is tried again."""

    code = "deploys.github_busy"

    def __init__(self, *, what: str) -> None:
        super().__init__(f"GitHub cannot be told now ({what}). It is tried again.", what=what)


def secret_of(protection: ProtectionRecord) -> str:
    """Give the secret of an App's webhooks, made of the server's key."""
    return derived(f"truelift.freezes.app:{protection.public_id}:{protection.nonce}").hex()


def receive(
    protection: ProtectionRecord, headers: Mapping[str, str], body: bytes, *, now: datetime
) -> bool:
    """Take a webhook in; False where it was taken before, or asks for nothing.

    Args:
        protection: Whose address it came to.
        headers: Names in small letters.
        body: The raw bytes, over which it is signed.
        now: When.

    Raises:
        BadProtectionWebhook: It is not signed with the secret, or makes no sense.
    """
    given = headers.get("x-hub-signature-256", "")
    mac = hmac.new(secret_of(protection).encode(), body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(given.encode(), f"sha256={mac}".encode()):
        raise BadProtectionWebhook(why="X-Hub-Signature-256 does not fit.")
    delivery = headers.get("x-github-delivery", "")
    if not delivery:
        raise BadProtectionWebhook(why="X-GitHub-Delivery is missing.")
    ProtectionRecord.objects.filter(pk=protection.pk).update(heard_at=now)
    if headers.get("x-github-event") != "deployment_protection_rule":
        return False  # a ping, or an event that nobody asked for
    try:
        document: object = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadProtectionWebhook(why="It is no JSON.") from error
    asked = _asked(protection, document)
    try:
        with transaction.atomic():
            made = ProtectionRequestRecord.objects.create(
                protection=protection, delivery=storable(delivery)[:120], heard_at=now, **asked
            )
            queue(ANSWER, f"protection:{made.pk}", by=None, now=now)
    except IntegrityError:
        return False
    ProtectionRequestRecord.objects.filter(
        protection=protection, heard_at__lt=now - _REMEMBERED
    ).delete()
    return True


def _asked(protection: ProtectionRecord, document: object) -> dict[str, str]:
    callback = _text(document, "deployment_callback_url")
    api, parts = urlsplit(protection.api), urlsplit(callback)
    path = parts.path.removeprefix(api.path)
    # The answer carries a token: it goes to GitHub's own interface and nowhere else.
    same = (parts.scheme, parts.netloc.lower()) == (api.scheme, api.netloc.lower())
    if not (same and _CALLBACK.fullmatch(path) and not parts.query and not parts.fragment):
        raise BadProtectionWebhook(why="Its callback is not at the interface of the App.")
    installation = _at(document, "installation", "id")
    environment = _text(document, "environment")
    if not isinstance(installation, int) or not environment:
        raise BadProtectionWebhook(why="It names no installation or no environment.")
    return {
        "installation": str(installation)[:20],
        "environment": storable(environment)[:80],
        "repo": storable(_text(document, "repository", "full_name"))[:200],
        "sha": storable(_text(document, "deployment", "sha"))[:64],
        "actor": storable(_text(document, "sender", "login"))[:120],
        "callback": callback[:500],
    }


def answer(asked: ProtectionRequestRecord, *, now: datetime) -> None:
    """Check, and tell GitHub; called by a job, and again where GitHub was busy.

    Raises:
        GithubBusy: GitHub cannot be told now.
        GithubRefused: It does not take the answer.
    """
    protection = asked.protection
    site = protection.site
    if asked.check_record is None:
        request = DeployRequest(
            surfaces=tuple(protection.surfaces) or surface_names(site)[:50],
            env=asked.environment,
            repo=asked.repo,
            sha=asked.sha,
            actor=asked.actor,
        )
        if request.surfaces:
            done = check(
                site, request, asking=Asking(Actor(None, machine=True), Asker.GITHUB), now=now
            )
            asked.check_record = done.record
            asked.state = _state(done, fail=deploy_policy_of(site).fail)
            asked.save(update_fields=["check_record", "state"])
        else:
            asked.state = "approved"
    told = comment_of(asked)
    token = _token_for(protection, asked.installation, now=now)
    _call(
        asked.callback,
        token=token,
        body={
            "environment_name": asked.environment,
            "state": asked.state,
            "comment": told[:1000],
        },
    )
    asked.answered_at, asked.problem = now, ""
    asked.save(update_fields=["state", "answered_at", "problem"])


def _state(done: Answered, *, fail: Fail) -> str:
    verdict = done.decision.verdict
    if verdict is Verdict.UNKNOWN:
        return "approved" if fail is Fail.OPEN else "rejected"
    return "rejected" if verdict is Verdict.DENY else "approved"


def comment_of(asked: ProtectionRequestRecord) -> str:
    """Say beside the answer why it is so."""
    record = asked.check_record
    if record is None:
        return "Truelift: no surface of this site is known, so nothing is frozen."
    lines = [each["sentence"] for each in record.reasons]
    if record.until is not None:
        lines.append(f"Free from {record.until:%Y-%m-%d %H:%M} UTC.")
    word = {"deny": "frozen", "warn": "allowed, with a warning", "unknown": "not known"}.get(
        record.decision, "free"
    )
    return " ".join([f"Truelift: {word}.", *lines, f"Check {record.public_id}."])


def _token_for(protection: ProtectionRecord, installation: str, *, now: datetime) -> str:
    """Ask GitHub for the token of one installation of the App."""
    jwt = signed_jwt(opened(protection.private_key), app_id=protection.app_id, now=now)
    made = _call(
        f"{protection.api}/app/installations/{installation}/access_tokens", token=jwt, body={}
    )
    token = _text(made, "token")
    if not token:
        raise GithubRefused(status=200)
    return token


def readable_key(pem: str) -> bool:
    """Say whether a text is a private key with which an App can sign."""
    try:
        return isinstance(
            serialization.load_pem_private_key(pem.encode(), password=None), rsa.RSAPrivateKey
        )
    except (ValueError, TypeError):
        return False


def signed_jwt(pem: str, *, app_id: str, now: datetime) -> str:
    """Sign in as an App: RS256 over who it is and for how long."""
    key = serialization.load_pem_private_key(pem.encode(), password=None)
    assert isinstance(key, rsa.RSAPrivateKey)  # noqa: S101 - `readable_key` let no other in
    began = int(now.timestamp()) - 60  # GitHub's clock may be behind ours
    said = {"iat": began, "exp": began + int(_JWT_HOLDS.total_seconds()), "iss": app_id}
    head = f"{_part({'alg': 'RS256', 'typ': 'JWT'})}.{_part(said)}"
    signature = key.sign(head.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{head}.{_encoded(signature)}"


def _part(value: Mapping[str, Any]) -> str:
    return _encoded(json.dumps(value, separators=(",", ":")).encode())


def _encoded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def _call(url: str, *, token: str, body: Mapping[str, Any]) -> object:
    try:
        said = fetch(
            url,
            gate=gate(),
            method="POST",
            body=json.dumps(body).encode(),
            headers={
                "authorization": f"Bearer {token}",
                "accept": "application/vnd.github+json",
                "content-type": "application/json",
                "x-github-api-version": "2022-11-28",
                "user-agent": "Truelift",
            },
            limits=_LIMITS,
        )
    except Refusal as error:
        if error.code in {"egress.not_reached", "egress.too_slow"}:
            raise GithubBusy(what=error.code) from error
        raise
    if said.status == 429 or said.status >= 500:
        raise GithubBusy(what=str(said.status))
    if not 200 <= said.status < 300:
        raise GithubRefused(status=said.status)
    try:
        document: object = json.loads(said.body) if said.body else None
    except ValueError:
        document = None
    return document


def _at(value: object, *path: str) -> object:
    for name in path:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value


def _text(value: object, *path: str) -> str:
    found = _at(value, *path)
    return found if isinstance(found, str) else ""
