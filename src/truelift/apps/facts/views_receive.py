"""Where programs send rows of a feed; what they sign with is their sign-in."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from truelift.apps.changes.told import BadSignature
from truelift.apps.facts.cells import BadTable
from truelift.apps.facts.documents import arrival_document
from truelift.apps.facts.sending import feed_at, hear
from truelift.errors import Refusal


MOST_BYTES: Final = 10_000_000


@csrf_exempt
@login_not_required
@require_POST
def receive(request: HttpRequest, token: str) -> HttpResponse:
    """Take rows of a feed in."""
    feed = feed_at(token)
    if feed is None:
        return _problem(404, "facts.no_such_feed", "Nobody listens at this address.")
    length = request.headers.get("content-length", "")
    if not length.isascii() or not length.isdigit() or len(length) > 9:
        return _problem(411, "facts.no_length", "Send Content-Length.")
    if int(length) > MOST_BYTES:
        return _problem(413, "facts.input_too_long", f"Send at most {MOST_BYTES:,} bytes at once.")
    headers = {name.lower(): value for name, value in request.headers.items()}
    try:
        arrival = hear(feed, headers, request.read(MOST_BYTES), now=datetime.now(UTC))
    except Refusal as refusal:
        status = 401 if isinstance(refusal, BadSignature) else 409
        if isinstance(refusal, BadTable):
            status = 422
        return _problem(status, refusal.code, str(refusal))
    return JsonResponse(arrival_document(arrival))


def _problem(status: int, code: str, detail: str) -> HttpResponse:
    return JsonResponse(
        {"type": f"urn:truelift:{code}", "status": status, "code": code, "detail": detail},
        status=status,
        content_type="application/problem+json",
    )
