"""The page of what visitors of a surface expect: reviewed, signed."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from truelift.apps.accounts.reads import role_of
from truelift.apps.accounts.requests import SignedInRequest
from truelift.apps.accounts.roles import Role
from truelift.apps.commerce import reviews
from truelift.apps.commerce.expectation_page import expectation_page
from truelift.apps.commerce.forms import ReviewForm
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import site_for
from truelift.apps.surfaces.models import SurfaceRecord
from truelift.apps.surfaces.reads import surface_of
from truelift.errors import Refusal


@require_safe
def expectation(request: SignedInRequest, site: str, number: int) -> HttpResponse:
    """Show what visitors of a surface expect."""
    place = site_for(request.user, site)
    return _page(request, place, _surface(place, number), ReviewForm())


@require_POST
def review(request: SignedInRequest, site: str, number: int) -> HttpResponse:
    """Write down what visitors expect."""
    place = site_for(request.user, site, needs=Role.EDITOR)
    surface = _surface(place, number)
    form = ReviewForm(request.POST)
    if not form.is_valid():
        return _page(request, place, surface, form, status=422)
    try:
        reviews.review(surface, **form.cleaned_data, by=Actor(request.user), now=datetime.now(UTC))
    except Refusal as refusal:
        return _page(request, place, surface, form, refusal=refusal, status=409)
    messages.success(request, "The review is kept. It now waits to be signed.")
    return redirect("commerce:expectation", site=place.name, number=surface.pk)


@require_POST
def sign(request: SignedInRequest, site: str, number: int) -> HttpResponse:
    """Sign the review that the person read."""
    place = site_for(request.user, site, needs=Role.EDITOR)
    surface = _surface(place, number)
    given = request.POST.get("review", "")
    record = reviews.review_of(place, int(given) if given.isascii() and given.isdigit() else 0)
    if record is None or record.surface_id != surface.pk:
        raise Http404
    try:
        reviews.sign(
            record,
            request.POST.get("function", ""),
            by=Actor(request.user),
            now=datetime.now(UTC),
        )
    except Refusal as refusal:
        return _page(request, place, surface, ReviewForm(), refusal=refusal, status=409)
    messages.success(request, "It is signed.")
    return redirect("commerce:expectation", site=place.name, number=surface.pk)


def _surface(site: Site, number: int) -> SurfaceRecord:
    found = surface_of(site, number)
    if found is None:
        raise Http404
    return found


def _page(
    request: SignedInRequest,
    site: Site,
    surface: SurfaceRecord,
    form: ReviewForm,
    *,
    refusal: Refusal | None = None,
    status: int = 200,
) -> HttpResponse:
    role, now = role_of(request.user, site), datetime.now(UTC)
    may_write = role is not None and role.covers(Role.EDITOR)
    found = reviews.sources_for(site, surface.name, now=now)
    context = {
        "site": site,
        "surface": surface,
        "form": form,
        "refusal": refusal,
        "may_write": may_write,
        "page": expectation_page(
            surface.name,
            reviews.newest_review(surface),
            found,
            signs=reviews.signs_for(Actor(request.user), site) if may_write else (),
            now=now,
            zone=ZoneInfo(site.time_zone),
        ),
    }
    return render(request, "commerce/expectation.html", context, status=status)
