"""The page of a site's saved segments."""

from __future__ import annotations

from datetime import UTC, datetime

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from truelift.apps.accounts.reads import role_of
from truelift.apps.accounts.requests import SignedInRequest
from truelift.apps.accounts.roles import Role
from truelift.apps.measurement.segments_page import SegmentForm, segments_page
from truelift.apps.measurement.segments_services import BadSegment, archive_segment, save_segment
from truelift.apps.research.actor import Actor
from truelift.apps.sites.reads import site_for


@require_http_methods(["GET", "HEAD", "POST"])
def saved_segments(request: SignedInRequest, site: str) -> HttpResponse:
    """Show the segments that the site keeps, and save another."""
    needs = Role.ANALYST if request.method == "POST" else Role.VIEWER
    place = site_for(request.user, site, needs=needs)
    role = role_of(request.user, place)
    form = SegmentForm(request.POST) if request.method == "POST" else SegmentForm()
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            saved = save_segment(
                place,
                given["name"],
                given["definition"],
                by=Actor(request.user),
                now=datetime.now(UTC),
                description=given["description"],
            )
        except BadSegment as refusal:
            for name, what in refusal.wrong.items():
                form.add_error(name if name in form.fields else None, what)
        else:
            messages.success(request, f"{saved.name} is kept, version {saved.version}.")
            return redirect("measurement:saved_segments", site=place.name)
    context = {
        "page": segments_page(place),
        "form": form,
        "may_save": role is not None and role.covers(Role.ANALYST),
    }
    status = 422 if form.errors else 200
    return render(request, "measurement/saved_segments.html", context, status=status)


@require_POST
def put_away(request: SignedInRequest, site: str, name: str) -> HttpResponse:
    """Put a segment away."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    away = archive_segment(place, name, by=Actor(request.user), now=datetime.now(UTC))
    messages.success(request, f"{away.name} is put away; {away.name}@{away.version - 1} stays.")
    return redirect("measurement:saved_segments", site=place.name)
