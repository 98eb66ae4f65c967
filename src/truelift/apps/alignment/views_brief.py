"""The pages of touchpoints and of the commercial brief."""

from __future__ import annotations

from datetime import UTC, datetime

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from truelift.apps.accounts.reads import functions_of, role_of
from truelift.apps.accounts.requests import SignedInRequest
from truelift.apps.accounts.roles import Role
from truelift.apps.alignment import services
from truelift.apps.alignment.brief_page import brief_page
from truelift.apps.alignment.forms import BriefForm
from truelift.apps.alignment.places_page import places_page
from truelift.apps.alignment.reads import briefs_of
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import site_for
from truelift.lifecycle.functions import Function


@require_safe
def touchpoints(request: SignedInRequest, site: str) -> HttpResponse:
    """Show the journey with its owners, and what is outside the remit."""
    place = site_for(request.user, site)
    page = places_page(place)
    context = {"page": page, "may_write": _may(request, place, Role.EDITOR)}
    return render(request, "alignment/touchpoints.html", context)


@require_POST
def remit(request: SignedInRequest, site: str) -> HttpResponse:
    """Say whose surfaces the programme may change."""
    place = site_for(request.user, site, needs=Role.EDITOR)
    services.set_remit(
        place, request.POST.getlist("team"), by=Actor(request.user), now=datetime.now(UTC)
    )
    messages.success(request, "The remit is kept.")
    return redirect("alignment:touchpoints", site=place.name)


@require_safe
def brief(request: SignedInRequest, site: str) -> HttpResponse:
    """Show the newest version and who stands behind it."""
    place = site_for(request.user, site)
    context = {
        "page": brief_page(place, functions_of(request.user, place)),
        "may_write": _may(request, place, Role.EDITOR),
    }
    return render(request, "alignment/brief.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def new_brief(request: SignedInRequest, site: str) -> HttpResponse:
    """Write the next version."""
    place = site_for(request.user, site, needs=Role.EDITOR)
    newest = next(iter(briefs_of(place)), None)
    if request.method != "POST":
        initial = (
            {
                "goal": newest.goal,
                "metric": newest.metric,
                "priorities": "\n".join(newest.priorities),
            }
            if newest
            else {"metric": "Revenue per session, net of refunds"}
        )
        form = BriefForm(initial=initial)
        return render(request, "alignment/brief_form.html", {"form": form, "newest": newest})
    form = BriefForm(request.POST)
    if form.is_valid():
        given = form.cleaned_data
        try:
            services.write_brief(
                place,
                goal=given["goal"],
                metric=given["metric"],
                priorities=given["priorities"].splitlines(),
                because=given["because"],
                by=Actor(request.user),
                now=datetime.now(UTC),
            )
        except services.BadBrief as refusal:
            for name, what in refusal.wrong.items():
                form.add_error(name if name in form.fields else None, what)
        else:
            messages.success(request, "Every team is asked whether it stands behind it.")
            return redirect("alignment:brief", site=place.name)
    context = {"form": form, "newest": newest}
    return render(request, "alignment/brief_form.html", context, status=422)


@require_POST
def acknowledge(request: SignedInRequest, site: str) -> HttpResponse:
    """Say that one's team stands behind the newest version."""
    place = site_for(request.user, site)
    team = _function(request)
    version = request.POST.get("version", "")
    services.acknowledge(
        place,
        team,
        version=int(version) if version.isascii() and version.isdigit() else 0,
        by=Actor(request.user),
        now=datetime.now(UTC),
    )
    messages.success(request, f"{team.called} stands behind it.")
    return redirect("alignment:brief", site=place.name)


@require_POST
def seat(request: SignedInRequest, site: str) -> HttpResponse:
    """Say why a programme has nobody of a function."""
    place = site_for(request.user, site, needs=Role.EDITOR)
    services.leave_empty(
        place,
        _function(request),
        request.POST.get("because", ""),
        by=Actor(request.user),
        now=datetime.now(UTC),
    )
    return redirect("alignment:brief", site=place.name)


def _function(request: SignedInRequest) -> Function:
    word = request.POST.get("team", "")
    if word not in set(Function):
        raise services.BadSeat(f"It is one of {', '.join(Function)}.")
    return Function(word)


def _may(request: SignedInRequest, site: Site, needs: Role) -> bool:
    role = role_of(request.user, site)
    return role is not None and role.covers(needs)
