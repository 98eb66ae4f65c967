"""The page of interactions: which experiments that ran at once disturbed each other."""

from __future__ import annotations

from datetime import UTC, datetime

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from truelift.apps.accounts.reads import role_of
from truelift.apps.accounts.requests import SignedInRequest
from truelift.apps.accounts.roles import Role
from truelift.apps.observations.interactions_page import interactions_page
from truelift.apps.observations.jobs import INTERACTIONS
from truelift.apps.observations.progress import progress_of
from truelift.apps.observations.reads import newest_report
from truelift.apps.observations.services import ask_for_interactions
from truelift.apps.research.actor import Actor
from truelift.apps.sites.reads import site_for


@require_safe
@never_cache
def interactions(request: SignedInRequest, site: str) -> HttpResponse:
    """Show the newest report; nothing is computed for it."""
    place = site_for(request.user, site)
    role = role_of(request.user, place)
    context = {
        "page": interactions_page(place, newest_report(place)),
        "progress": progress_of(INTERACTIONS, f"site:{place.name}"),
        "may_ask": role is not None and role.covers(Role.ANALYST),
    }
    return render(request, "observations/interactions.html", context)


@require_POST
@never_cache
def compute(request: SignedInRequest, site: str) -> HttpResponse:
    """Have it computed by the worker."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    ask_for_interactions(place, by=Actor(request.user), now=datetime.now(UTC))
    return redirect("observations:interactions", site=place.name)


@require_safe
@never_cache
def progress(request: SignedInRequest, site: str) -> HttpResponse:
    """Say whether it is still computed; when it is done, have the page loaded anew."""
    place = site_for(request.user, site)
    under_way = progress_of(INTERACTIONS, f"site:{place.name}")
    if not under_way.running:
        return HttpResponse(headers={"HX-Refresh": "true"})
    return render(
        request,
        "observations/_progress.html",
        {"progress": under_way, "address": request.path},
    )
