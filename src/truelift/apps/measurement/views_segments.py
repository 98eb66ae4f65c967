"""The page of a site's saved segments."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from truelift.apps.accounts.reads import role_of
from truelift.apps.accounts.requests import SignedInRequest
from truelift.apps.accounts.roles import Role
from truelift.apps.measurement import reads
from truelift.apps.measurement.models import SegmentRecord
from truelift.apps.measurement.segments_form import COMPARISONS, KINDS, MATCHES, PERIODS
from truelift.apps.measurement.segments_page import (
    Draft,
    decoded,
    drafted,
    segments_page,
    typed,
)
from truelift.apps.measurement.segments_reads import segment_of
from truelift.apps.measurement.segments_services import archive_segment, save_segment
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import site_for
from truelift.questions.dimensions import DIMENSIONS


@require_http_methods(["GET", "HEAD", "POST"])
def saved_segments(request: SignedInRequest, site: str) -> HttpResponse:
    """Show the segments that the site keeps; count the people of another, and keep it."""
    is_kept = request.method == "POST" and request.POST.get("do") != "look"
    place = site_for(request.user, site, needs=Role.ANALYST if is_kept else Role.VIEWER)
    now = reads.this_minute(datetime.now(UTC))
    if request.method == "POST":
        draft = typed(place, request.POST, now=now, is_kept=is_kept)
        if is_kept and not draft.problems:
            saved = _kept(place, draft, by=Actor(request.user))
            messages.success(request, f"{saved.name} is kept, version {saved.version}.")
            return redirect("measurement:saved_segments", site=place.name)
    else:
        draft = drafted(place, request.GET, _start(request, place), now=now)
    role = role_of(request.user, place)
    seen = reads.events_seen(place.name)
    versions = request.GET.get("versions", "")
    page = segments_page(place, seen, now=now, versions=versions)
    if versions and not page.versions:
        raise Http404
    context: dict[str, Any] = {
        "page": page,
        "draft": draft,
        "wanted": versions,
        "may_save": role is not None and role.covers(Role.ANALYST),
        "matches": MATCHES,
        "kinds": KINDS,
        "periods": PERIODS,
        "comparisons": COMPARISONS,
        "names": [each.event for each in seen],
        "dimensions": DIMENSIONS,
    }
    status = 422 if draft.problems else 200
    return render(request, "measurement/saved_segments.html", context, status=status)


@require_POST
def put_away(request: SignedInRequest, site: str, name: str) -> HttpResponse:
    """Put a segment away."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    away = archive_segment(place, name, by=Actor(request.user), now=datetime.now(UTC))
    messages.success(request, f"{away.name} is put away; {away.name}@{away.version - 1} stays.")
    return redirect("measurement:saved_segments", site=place.name)


def _start(request: SignedInRequest, place: Site) -> SegmentRecord | None:
    """Give the kept version that the address says is being changed."""
    wanted = request.GET.get("edit", "")
    found = segment_of(place, wanted) if wanted else None
    if wanted and found is None:
        raise Http404
    return found


def _kept(place: Site, draft: Draft, *, by: Actor) -> SegmentRecord:
    definition, _ = decoded(draft.text)
    return save_segment(
        place,
        draft.name,
        definition,
        by=by,
        now=datetime.now(UTC),
        description=draft.description,
    )
