"""Where people say something about an item; the thread itself stands on the item's page."""

from __future__ import annotations

from datetime import UTC, datetime

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from truelift.apps.accounts.requests import SignedInRequest
from truelift.apps.research.actor import Actor
from truelift.apps.sites.reads import site_for
from truelift.apps.threads import services
from truelift.apps.threads.items import item_of
from truelift.apps.threads.services import BadComment, NotYourComment


@require_POST
def say(request: SignedInRequest, site: str, kind: str, key: str) -> HttpResponse:
    """Keep a comment; everybody who may look may speak."""
    place = site_for(request.user, site)
    item = item_of(place, kind, key)
    if item is None:
        raise Http404
    try:
        services.say(
            place,
            kind,
            key,
            request.POST.get("text", ""),
            by=Actor(request.user),
            now=datetime.now(UTC),
        )
    except BadComment as refusal:
        messages.error(request, str(refusal))
    return redirect(f"{item.href.partition('#')[0]}#thread")


@require_POST
def withdraw(request: SignedInRequest, site: str, comment: int) -> HttpResponse:
    """Take one's own comment back."""
    place = site_for(request.user, site)
    try:
        row = services.withdraw(place, comment, by=Actor(request.user), now=datetime.now(UTC))
    except NotYourComment as refusal:
        raise Http404 from refusal
    item = item_of(place, row.kind, row.key)
    return redirect(f"{item.href.partition('#')[0]}#thread" if item else f"/s/{place.name}/")
