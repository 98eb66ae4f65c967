"""The roadmap as a timeline; the list beside it is a view of the same."""

from __future__ import annotations

from datetime import UTC, datetime

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from truelift.apps.accounts.requests import SignedInRequest
from truelift.apps.accounts.roles import Role
from truelift.apps.experiments.domain import day_at
from truelift.apps.roadmap import colliding
from truelift.apps.roadmap.forms_timeline import TimelineForm
from truelift.apps.roadmap.presence import note_presence
from truelift.apps.roadmap.timeline_page import timeline_page
from truelift.apps.roadmap.views import covers
from truelift.apps.sites.reads import site_for


@require_safe
def roadmap(request: SignedInRequest, site: str) -> HttpResponse:
    """Draw who changes what, where and when, and what collides."""
    place, now = site_for(request.user, site), datetime.now(UTC)
    if request.GET.get("view") == "list":
        return redirect("roadmap:list", site=place.name)
    colliding.catch_up(place, now=now)
    form = TimelineForm(request.GET)
    form.is_valid()
    given = {name: each for name, each in form.cleaned_data.items() if each}
    on_paper = "print" in request.GET
    may_write = covers(request, place, Role.EDITOR)
    context = {
        "page": timeline_page(
            place,
            given,
            reader=request.user,
            now=now,
            may_move=may_write and not on_paper,
            on_paper=on_paper,
        ),
        "filters": TimelineForm(initial=request.GET.dict()),
        "narrowed": form.narrows,
        "may_write": may_write,
        "items": f"/s/{place.name}/roadmap/items/",
        "on_paper": on_paper,
        "today": day_at(place, now),
    }
    response = render(request, "roadmap/timeline.html", context)
    note_presence(request, response, place, today=day_at(place, now))
    return response
