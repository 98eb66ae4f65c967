"""The pages of the watcher: what is watched, and what one page was like before and after."""

from __future__ import annotations

from datetime import UTC, datetime

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from truelift.apps.accounts.reads import role_of
from truelift.apps.accounts.requests import SignedInRequest
from truelift.apps.accounts.roles import Role
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import site_for
from truelift.apps.watching import services
from truelift.apps.watching.models import WatchedPageRecord
from truelift.apps.watching.page import page_page, pages_page
from truelift.apps.watching.reads import page_of
from truelift.apps.watching.services import HOURS, NoSuchPage
from truelift.errors import Refusal


@require_http_methods(["GET", "HEAD", "POST"])
def pages(request: SignedInRequest, site: str) -> HttpResponse:
    """List what is watched; watch one page more."""
    if request.method != "POST":
        return _pages(request, site_for(request.user, site))
    place = site_for(request.user, site, needs=Role.ANALYST)
    url = request.POST.get("url", "")
    try:
        made = services.watch(
            place,
            url,
            without=request.POST.get("without", "").splitlines(),
            every_hours=_hours(request),
            by=Actor(request.user),
            now=datetime.now(UTC),
        )
    except Refusal as refusal:
        return _pages(request, place, refusal=refusal, given=url, status=409)
    messages.success(request, "It is looked at now; the first look is what later ones go by.")
    return redirect("watching:page", site=place.name, number=made.pk)


@require_safe
def page(request: SignedInRequest, site: str, number: int) -> HttpResponse:
    """Show one page: what it was like, and every time it was another."""
    place = site_for(request.user, site)
    return _page(request, place, _found(place, number))


@require_POST
def change(request: SignedInRequest, site: str, number: int) -> HttpResponse:
    """Change what is left out, and how often it is looked at."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    found = _found(place, number)
    try:
        services.change_page(
            place,
            number,
            without=request.POST.get("without", "").splitlines(),
            ignored=request.POST.get("ignored", "").splitlines(),
            every_hours=_hours(request),
            by=Actor(request.user),
            now=datetime.now(UTC),
        )
    except NoSuchPage as refusal:
        raise Http404 from refusal
    except Refusal as refusal:
        return _page(request, place, found, refusal=refusal, status=409)
    return redirect("watching:page", site=place.name, number=number)


@require_POST
def look(request: SignedInRequest, site: str, number: int) -> HttpResponse:
    """Look now."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    found = _found(place, number)
    services.look_now(found, by=Actor(request.user), now=datetime.now(UTC))
    messages.success(request, "It is being looked at; come back in half a minute.")
    return redirect("watching:page", site=place.name, number=number)


@require_POST
def end(request: SignedInRequest, site: str, number: int) -> HttpResponse:
    """Look no more."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    try:
        services.end(place, number, by=Actor(request.user), now=datetime.now(UTC))
    except NoSuchPage as refusal:
        raise Http404 from refusal
    return redirect("watching:pages", site=place.name)


@require_POST
def noise(request: SignedInRequest, site: str, number: int, change: int) -> HttpResponse:
    """Say that a difference says nothing."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    found = _found(place, number)
    try:
        services.call_noise(
            place,
            number,
            change,
            note=request.POST.get("note", ""),
            by=Actor(request.user),
            now=datetime.now(UTC),
        )
    except NoSuchPage as refusal:
        raise Http404 from refusal
    except Refusal as refusal:
        return _page(request, place, found, refusal=refusal, status=409)
    return redirect("watching:page", site=place.name, number=number)


def _found(site: Site, number: int) -> WatchedPageRecord:
    found = page_of(site, number)
    if found is None:
        raise Http404
    return found


def _hours(request: SignedInRequest) -> int:
    given = request.POST.get("every_hours", "6")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 4 else 0


def _pages(
    request: SignedInRequest,
    site: Site,
    *,
    refusal: Refusal | None = None,
    given: str = "",
    status: int = 200,
) -> HttpResponse:
    context = {
        "site": site,
        "page": pages_page(site),
        "refusal": refusal,
        "given": given,
        "hours": HOURS,
        "may_write": _may_write(request, site),
    }
    return render(request, "watching/pages.html", context, status=status)


def _page(
    request: SignedInRequest,
    site: Site,
    found: WatchedPageRecord,
    *,
    refusal: Refusal | None = None,
    status: int = 200,
) -> HttpResponse:
    context = {
        "site": site,
        "page": page_page(found),
        "refusal": refusal,
        "hours": HOURS,
        "may_write": _may_write(request, site) and found.ended_at is None,
    }
    return render(request, "watching/page.html", context, status=status)


def _may_write(request: SignedInRequest, site: Site) -> bool:
    role = role_of(request.user, site)
    return role is not None and role.covers(Role.ANALYST)
