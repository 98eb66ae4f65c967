"""The roadmap as a list, its log, its conflicts, and which teams look at it."""

from __future__ import annotations

from datetime import UTC, datetime

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from truelift.apps.accounts.reads import role_of
from truelift.apps.accounts.requests import SignedInRequest
from truelift.apps.accounts.roles import Role
from truelift.apps.experiments.domain import day_at
from truelift.apps.explorers.export import file_of
from truelift.apps.research.actor import Actor
from truelift.apps.roadmap import colliding
from truelift.apps.roadmap.changes import changes_of, since_quarter
from truelift.apps.roadmap.documents import conflict_row, row_of
from truelift.apps.roadmap.forms import RoadmapFilterForm
from truelift.apps.roadmap.models import ConflictRecord, ItemChangeRecord
from truelift.apps.roadmap.page import (
    change_line,
    conflict_page,
    conflicts_page,
    roadmap_page,
)
from truelift.apps.roadmap.presence import note_presence, presence_of
from truelift.apps.roadmap.reads import items_of
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import site_for
from truelift.errors import Refusal
from truelift.lifecycle.conflict_rules import Resolution


MOST_CHANGES = 500


def covers(request: SignedInRequest, site: Site, needs: Role) -> bool:
    """Say whether a person may do there what a role may."""
    role = role_of(request.user, site)
    return role is not None and role.covers(needs)


@require_safe
def roadmap(request: SignedInRequest, site: str) -> HttpResponse:
    """Say who changes what, when, and whether they collide."""
    place, now = site_for(request.user, site), datetime.now(UTC)
    colliding.catch_up(place, now=now)
    form = RoadmapFilterForm(request.GET)
    form.is_valid()
    given = {name: each for name, each in form.cleaned_data.items() if each}
    context = {
        "page": roadmap_page(place, given, now=now),
        "filters": RoadmapFilterForm(initial=request.GET.dict()),
        "may_write": covers(request, place, Role.EDITOR),
        "narrowed": bool(set(given) - {"page"}),
    }
    response = render(request, "roadmap/roadmap.html", context)
    note_presence(request, response, place, today=day_at(place, now))
    return response


@require_safe
def export(request: SignedInRequest, site: str) -> HttpResponse:
    """Give everything that is not over as CSV."""
    place = site_for(request.user, site)
    standing: dict[str, list[str]] = {}
    for row in ConflictRecord.objects.filter(site=place, state="open"):
        for key in filter(None, (row.first, row.second)):
            standing.setdefault(key, []).append(f"{row.key} {row.rule}")
    rows = [row_of(each, conflicts=standing.get(each.key, ())) for each in items_of(place)]
    return file_of("csv", rows, name=f"{place.name}-roadmap")


@require_safe
def changes(request: SignedInRequest, site: str) -> HttpResponse:
    """List what was changed since the last quarter began, and by whom."""
    place, now = site_for(request.user, site), datetime.now(UTC)
    today = day_at(place, now)
    since = since_quarter(today)
    rows: QuerySet[ItemChangeRecord] = changes_of(place).filter(at__date__gte=since)
    context = {
        "since": since,
        "lines": [change_line(each, place, today=today) for each in rows[:MOST_CHANGES]],
        "total": rows.count(),
    }
    return render(request, "roadmap/changes.html", context)


@require_safe
def teams(request: SignedInRequest, site: str) -> HttpResponse:
    """Say which teams look at the roadmap and change it; never who."""
    place, now = site_for(request.user, site), datetime.now(UTC)
    context = {"teams": presence_of(place, today=day_at(place, now))}
    return render(request, "roadmap/teams.html", context)


@require_safe
def conflicts(request: SignedInRequest, site: str) -> HttpResponse:
    """List what collides, and what was settled."""
    place, now = site_for(request.user, site), datetime.now(UTC)
    colliding.catch_up(place, now=now)
    return render(request, "roadmap/conflicts.html", {"page": conflicts_page(place, now=now)})


@require_safe
def export_conflicts(request: SignedInRequest, site: str) -> HttpResponse:
    """Give every conflict as CSV, also those that are gone."""
    place = site_for(request.user, site)
    rows = [conflict_row(each) for each in ConflictRecord.objects.filter(site=place)]
    return file_of("csv", rows, name=f"{place.name}-conflicts")


@require_http_methods(["GET", "HEAD", "POST"])
def conflict(request: SignedInRequest, site: str, number: int) -> HttpResponse:
    """Show a conflict, and take what is done about it."""
    writes = request.method == "POST"
    place = site_for(request.user, site, needs=Role.ANALYST if writes else Role.VIEWER)
    row = colliding.conflict_of(place, number)
    if row is None:
        raise Http404
    refusal: Refusal | None = None
    if writes:
        way = request.POST.get("resolution", "")
        if way not in {each.value for each in Resolution}:
            raise Http404
        try:
            row = colliding.resolve(
                place,
                number,
                Resolution(way),
                by=Actor(request.user),
                now=datetime.now(UTC),
                plan=request.POST.get("plan", ""),
            )
        except Refusal as found:
            refusal = found
        else:
            messages.success(request, f"{row.key}: it is written down.")
            return redirect("roadmap:conflict", site=place.name, number=number)
    context = {
        "page": conflict_page(row),
        "refusal": refusal,
        "plan": request.POST.get("plan", row.plan),
        "may_write": covers(request, place, Role.ANALYST),
    }
    return render(request, "roadmap/conflict.html", context, status=409 if refusal else 200)
