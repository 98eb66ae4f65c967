"""Connecting a site: the piece to copy, and whether events have arrived."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from truelift.apps.accounts.reads import role_of
from truelift.apps.accounts.requests import SignedInRequest
from truelift.apps.accounts.roles import Role
from truelift.apps.sites.connection import connection
from truelift.apps.sites.reads import public_key_of, site_for
from truelift.apps.sites.snippets import LABELS, Way, policy_lines, recipe


@require_safe
def connect(request: SignedInRequest, site: str) -> HttpResponse:
    """Show how events come in by the chosen way, and what has come in."""
    place = site_for(request.user, site)
    chosen = request.GET.get("by", Way.PAGES)
    way = Way(chosen) if chosen in set(Way) else Way.PAGES
    origin = settings.TRUELIFT.public_url
    key = public_key_of(place)
    context = {
        "site": place,
        "way": way,
        "ways": [(each, LABELS[each], each is way) for each in Way],
        "recipe": recipe(way, origin=origin, key=key, currency=place.currency) if key else None,
        "policy": policy_lines(origin),
        "may_change": role_of(request.user, place) is Role.OWNER,
        "is_local": origin.startswith(("http://127.", "http://localhost")),
        "connection": connection(place),
    }
    return render(request, "sites/connect.html", context)


@require_safe
@never_cache
def status(request: SignedInRequest, site: str) -> HttpResponse:
    """Say again what has come in; the page asks every few seconds."""
    place = site_for(request.user, site)
    context = {"site": place, "connection": connection(place)}
    return render(request, "sites/_status.html", context)
