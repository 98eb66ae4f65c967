"""Where programs tell of changes; what they sign with is their sign-in."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from truelift.apps.changes.models import Outcome
from truelift.apps.changes.senders import TooLong, TooMany, hear, refuse, sender_at
from truelift.apps.changes.told import BadMessage, BadSignature
from truelift.errors import Refusal


MOST_BYTES: Final = 1_000_000
"""Of a message; GitHub sends at most a quarter of it for a deployment."""


@csrf_exempt
@login_not_required
@require_POST
def receive(request: HttpRequest, token: str) -> HttpResponse:
    """Take a message of a sender."""
    sender = sender_at(token)
    if sender is None:
        return _problem(404, "changes.no_such_sender", "Nobody listens at this address.")
    now = datetime.now(UTC)
    length = request.headers.get("content-length", "")
    if not length.isascii() or not length.isdigit() or len(length) > 9:
        return _problem(411, "changes.no_length", "Send Content-Length.")
    if int(length) > MOST_BYTES:
        refusal = TooLong(most=MOST_BYTES)
        refuse(sender, refusal, now=now)
        return _problem(413, refusal.code, str(refusal))
    headers = {name.lower(): value for name, value in request.headers.items()}
    heard = hear(sender, headers, request.read(MOST_BYTES), now=now)
    if heard.refusal is not None:
        return _problem(_status(heard.refusal), heard.refusal.code, str(heard.refusal))
    said = {
        "outcome": heard.outcome.value,
        "change": heard.change.key if heard.change else None,
        "reason": heard.reason or None,
    }
    made = heard.outcome in {Outcome.TAKEN, Outcome.PROPOSED}
    return JsonResponse(said, status=201 if made else 200)


def address_of(address: str) -> str:
    """Give the whole address at which a sender is heard."""
    return f"{settings.TRUELIFT.public_url}/changes/in/{address}/"


def _status(refusal: Refusal) -> int:
    if isinstance(refusal, BadSignature):
        return 401
    if isinstance(refusal, TooMany):
        return 429
    return 400 if isinstance(refusal, BadMessage) else 422


def _problem(status: int, code: str, detail: str) -> HttpResponse:
    return JsonResponse(
        {"type": f"urn:truelift:{code}", "status": status, "code": code, "detail": detail},
        status=status,
        content_type="application/problem+json",
    )
