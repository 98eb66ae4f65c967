"""How a page asks: under which name, whether it waits, and how it is cancelled."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Final

from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from truelift.apps.accounts.requests import SignedInRequest
from truelift.apps.measurement.running import HEADER, cancel
from truelift.apps.sites.reads import site_for


OURS: Final = ("wait", "asking", "cancelled")
"""Members of an address that say how is asked; the others are the question."""


@dataclass(frozen=True, slots=True)
class Asking:
    """How one request asks.

    Attributes:
        token: What its page calls the question.
        next_token: What this page is going to call its next one.
        waits: Whether it waits for an answer that takes long.
        asks: Whether it asks at all; it does not when its question was just cancelled.
        query: The question.
    """

    token: str
    next_token: str
    waits: bool
    asks: bool
    query: QueryDict


def asking_of(request: SignedInRequest) -> Asking:
    """Read how a request asks.

    The page's own script asks for the answer and says so in headers; without scripts the
    address says `wait`, and under which name.
    """
    query = request.GET.copy()
    for name in OURS:
        query.pop(name, None)
    return Asking(
        token=request.headers.get(HEADER, request.GET.get("asking", "")),
        next_token=secrets.token_urlsafe(16),
        waits="wait" in request.GET or request.headers.get("HX-Request") == "true",
        asks="cancelled" not in request.GET,
        query=query,
    )


@require_POST
def cancel_asking(request: SignedInRequest, site: str) -> HttpResponse:
    """Cancel a question of one's own, and lead back to it where no script asks."""
    place = site_for(request.user, site)
    if not cancel(request.user.pk, place.name, request.POST.get("asking", "")):
        raise Http404
    back = request.POST.get("back", "")
    own = back.startswith(f"/s/{place.name}/") and url_has_allowed_host_and_scheme(
        back, allowed_hosts=None
    )
    if not own or request.headers.get("Sec-Fetch-Mode", "navigate") != "navigate":
        return HttpResponse(status=204)
    return redirect(f"{back}{'&' if '?' in back else '?'}cancelled=1")
