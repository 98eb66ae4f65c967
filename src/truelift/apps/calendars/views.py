"""The feeds themselves, and the page on which people open and close them."""

from __future__ import annotations

from datetime import UTC, datetime

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import quote_etag
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from truelift.apps.accounts.requests import SignedInRequest
from truelift.apps.accounts.tokens import digest
from truelift.apps.calendars import services
from truelift.apps.calendars.services import BadCalendar, NoSuchCalendar, Opened
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import site_for
from truelift.apps.surfaces.reads import surfaces_of
from truelift.errors import Refusal


@login_not_required
@never_cache
@require_safe
def feed(request: HttpRequest, token: str) -> HttpResponse:
    """Give a feed to whoever has its address."""
    now = datetime.now(UTC)
    try:
        content = services.read(token, today=now.date(), now=now)
    except NoSuchCalendar as refusal:
        raise Http404 from refusal
    tag = quote_etag(digest(content.decode())[:32])
    unchanged = request.headers.get("If-None-Match") == tag
    answer = HttpResponse(
        b"" if unchanged else content,
        content_type="text/calendar; charset=utf-8",
        status=304 if unchanged else 200,
    )
    answer["ETag"] = tag
    answer["X-Robots-Tag"] = "noindex, nofollow"
    answer["Referrer-Policy"] = "no-referrer"
    return answer


@require_http_methods(["GET", "HEAD", "POST"])
def calendars(request: SignedInRequest, site: str) -> HttpResponse:
    """Show the feeds that a person has; open one more."""
    place = site_for(request.user, site)
    if request.method != "POST":
        return _page(request, place)
    try:
        opened = services.open_calendar(
            place,
            team=request.POST.get("team", "").strip(),
            surface=request.POST.get("surface", "").strip(),
            kind=request.POST.get("kind", ""),
            by=request.user,
            now=datetime.now(UTC),
        )
    except BadCalendar as refusal:
        return _page(request, place, refusal=refusal, status=409)
    return _page(request, place, opened=opened, status=201)


@require_POST
def revoke(request: SignedInRequest, site: str, calendar: int) -> HttpResponse:
    """Close a feed."""
    place = site_for(request.user, site)
    try:
        services.revoke(place, calendar, by=request.user, now=datetime.now(UTC))
    except NoSuchCalendar as refusal:
        raise Http404 from refusal
    return redirect("calendars:calendars", site=place.name)


def _page(
    request: SignedInRequest,
    site: Site,
    *,
    opened: Opened | None = None,
    refusal: Refusal | None = None,
    status: int = 200,
) -> HttpResponse:
    surfaces = surfaces_of(site)
    context = {
        "site": site,
        "calendars": services.calendars_of(site, reader=request.user),
        "address": opened.address if opened else "",
        "made": opened.record if opened else None,
        "refusal": refusal,
        "surfaces": [surface.name for surface in surfaces],
        "teams": sorted({surface.team for surface in surfaces if surface.team}),
        "kinds": tuple(services.KINDS.items()),
    }
    answer = render(request, "calendars/calendars.html", context, status=status)
    if opened:
        answer["Cache-Control"] = "no-store"
    return answer
