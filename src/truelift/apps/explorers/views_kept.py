"""Saved views and annotations: their lists, and what is done to them."""

from __future__ import annotations

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_safe

from truelift.apps.accounts.reads import role_of
from truelift.apps.accounts.requests import SignedInRequest
from truelift.apps.accounts.roles import Role
from truelift.apps.explorers import reads, services
from truelift.apps.explorers.models import AnnotationKind
from truelift.apps.explorers.services import NoSuchView
from truelift.apps.measurement.periods import day_of
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import site_for
from truelift.errors import Refusal


@require_safe
def views(request: SignedInRequest, site: str) -> HttpResponse:
    """List the views that were saved."""
    place = site_for(request.user, site)
    return _views(request, place)


@require_safe
def view(request: SignedInRequest, site: str, number: int) -> HttpResponse:
    """Lead to where a saved view leads now."""
    place = site_for(request.user, site)
    found = reads.view_of(place, number, request.user)
    if found is None:
        raise NoSuchView(number=number)
    return redirect(reads.address_of(place, found))


@require_POST
def save(request: SignedInRequest, site: str) -> HttpResponse:
    """Save an explorer's address under a name."""
    place = site_for(request.user, site)
    try:
        found = services.save_view(
            place,
            explorer=request.POST.get("explorer", ""),
            query=request.POST.get("query", ""),
            name=request.POST.get("name", ""),
            shared=_may_share(request, place) and "shared" in request.POST,
            by=request.user,
            now=datetime.now(UTC),
        )
    except Refusal as refusal:
        return _views(request, place, problem=str(refusal))
    messages.success(request, f"Saved as “{found.name}”.")
    return redirect(reads.address_of(place, found))


@require_POST
def change(request: SignedInRequest, site: str, number: int) -> HttpResponse:
    """Rename a view, share it or keep it to oneself."""
    place = site_for(request.user, site)
    try:
        services.change_view(
            place,
            number,
            name=request.POST.get("name", ""),
            shared=_may_share(request, place) and "shared" in request.POST,
            by=request.user,
            now=datetime.now(UTC),
        )
    except services.BadView as refusal:
        return _views(request, place, problem=str(refusal))
    return redirect("explorers:views", site=place.name)


@require_POST
def delete(request: SignedInRequest, site: str, number: int) -> HttpResponse:
    """Delete a view."""
    place = site_for(request.user, site)
    services.delete_view(place, number, by=request.user, now=datetime.now(UTC))
    messages.success(request, "The view was deleted.")
    return redirect("explorers:views", site=place.name)


@require_safe
def noted(request: SignedInRequest, site: str) -> HttpResponse:
    """List what was noted on the time axes."""
    place = site_for(request.user, site)
    return _annotations(request, place)


@require_POST
def annotate(request: SignedInRequest, site: str) -> HttpResponse:
    """Write down what happened when."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    try:
        services.annotate(
            place,
            at=_moment(request, ZoneInfo(place.time_zone)),
            kind=request.POST.get("kind", ""),
            text=request.POST.get("text", ""),
            by=request.user,
            now=datetime.now(UTC),
        )
    except services.BadAnnotation as refusal:
        return _annotations(request, place, problem=str(refusal))
    return _back(request, place)


@require_POST
def remove(request: SignedInRequest, site: str, number: int) -> HttpResponse:
    """Take an annotation away."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    services.remove_annotation(place, number, by=request.user, now=datetime.now(UTC))
    return _back(request, place)


def _views(request: SignedInRequest, place: Site, *, problem: str = "") -> HttpResponse:
    context = {
        "kept": reads.views_of(place, request.user),
        "problem": problem,
        "may_share": _may_share(request, place),
    }
    return render(request, "explorers/views.html", context, status=422 if problem else 200)


def _annotations(request: SignedInRequest, place: Site, *, problem: str = "") -> HttpResponse:
    found = reads.annotations_of(place)
    context = {
        "annotations": found[::-1],
        "kinds": AnnotationKind.choices,
        "may_note": _may_share(request, place),
        "problem": problem,
        "typed": request.POST,
    }
    return render(request, "explorers/annotations.html", context, status=422 if problem else 200)


def _may_share(request: SignedInRequest, place: Site) -> bool:
    """What others see is an analyst's to change; a viewer's views are their own."""
    role = role_of(request.user, place)
    return role is not None and role.covers(Role.ANALYST)


def _moment(request: SignedInRequest, zone: ZoneInfo) -> datetime | None:
    """Read a day and perhaps a time of the site; a day alone is its first instant."""
    day = day_of(request.POST.get("day", ""))
    try:
        at = time.fromisoformat(request.POST.get("time", "") or "00:00")
        return (
            None
            if day is None
            else datetime.combine(day, at.replace(tzinfo=None), zone).astimezone(UTC)
        )
    except (ValueError, OverflowError):
        return None


def _back(request: SignedInRequest, place: Site) -> HttpResponse:
    """Lead to the page from which something was done, when it is one of this site."""
    here = request.POST.get("back", "")
    own = here.startswith(f"/s/{place.name}/") and url_has_allowed_host_and_scheme(
        here, allowed_hosts=None
    )
    return redirect(here if own else f"/s/{place.name}/annotations/")
