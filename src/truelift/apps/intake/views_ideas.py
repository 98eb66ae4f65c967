"""Ideas: the list, one idea, and what it becomes."""

from __future__ import annotations

from datetime import UTC, datetime

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from truelift.apps.accounts.requests import SignedInRequest
from truelift.apps.accounts.roles import Role
from truelift.apps.intake import services
from truelift.apps.intake.fields import Arrival
from truelift.apps.intake.forms import DecideForm, IdeaForm
from truelift.apps.intake.lists import IDEAS
from truelift.apps.intake.models import IdeaRecord, Way
from truelift.apps.intake.page import idea_page, ideas_page, linkable
from truelift.apps.intake.reads import idea_of
from truelift.apps.intake.views import blame, may_write
from truelift.apps.lists.page import file_response, file_wanted, page_of
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import BadFields
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import site_for
from truelift.errors import Refusal
from truelift.lifecycle.idea import IdeaAction
from truelift.lifecycle.obstacle import MoveRefused, Obstacle


@require_safe
def ideas(request: SignedInRequest, site: str) -> HttpResponse:
    """List what is proposed."""
    place, now = site_for(request.user, site), datetime.now(UTC)
    if file_wanted(request):
        return file_response(IDEAS, place, request.GET.dict(), now=now)
    listed = page_of(IDEAS, place, request.GET.dict(), reader=request.user, now=now)
    may = may_write(request, place)
    page = ideas_page(place, listed, now=now)
    context = {"page": page, "list": listed, "may_write": may, "choose": bool(listed.steps)}
    return render(request, "intake/ideas.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def new_idea(request: SignedInRequest, site: str) -> HttpResponse:
    """Write down what is proposed; every member may."""
    place = site_for(request.user, site)
    if request.method != "POST":
        initial = {
            name: request.GET.get(name, "")[:300]
            for name in ("change", "problem", "insight", "signal", "surface", "segment")
        }
        return render(request, "intake/idea_form.html", {"form": IdeaForm(initial=initial)})
    form = IdeaForm(request.POST)
    if form.is_valid():
        arrival = Arrival(Way.MEMBER, by=Actor(request.user))
        try:
            made = services.receive_idea(place, form.written(), arrival, now=datetime.now(UTC))
        except BadFields as refusal:
            blame(form, refusal)
        else:
            messages.success(request, f"{made.key} is in the list of ideas. Thank you.")
            return redirect("intake:idea", site=place.name, key=made.key)
    return render(request, "intake/idea_form.html", {"form": form}, status=422)


@require_safe
def idea(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Show an idea."""
    place = site_for(request.user, site)
    return _idea(request, place, _idea_or_404(place, key))


@require_POST
def move_idea(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Take an idea one step, or say every reason why not."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    found = _idea_or_404(place, key)
    form = DecideForm(request.POST)
    if not form.is_valid() or form.cleaned_data["action"] not in list(IdeaAction):
        raise Http404
    given = form.cleaned_data
    try:
        services.move_idea_record(
            place,
            found.key,
            IdeaAction(given["action"]),
            by=Actor(request.user),
            now=datetime.now(UTC),
            hypothesis=given["hypothesis"],
            reason=given["reason"],
        )
    except MoveRefused as refusal:
        return _idea(request, place, found, refused=refusal.obstacles, status=409)
    except Refusal as refusal:
        return _idea(request, place, found, said=str(refusal), status=422)
    return redirect("intake:idea", site=place.name, key=found.key)


@require_POST
def link_problem(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Say which finding or signal an idea answers."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    found = _idea_or_404(place, key)
    try:
        services.link_problem(
            place,
            found.key,
            insight=request.POST.get("insight", "")[:20],
            signal=request.POST.get("signal", "")[:20],
            by=Actor(request.user),
            now=datetime.now(UTC),
        )
    except BadFields as refusal:
        return _idea(request, place, found, said=str(refusal), status=422)
    return redirect("intake:idea", site=place.name, key=found.key)


@require_POST
def start_hypothesis(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Start a hypothesis that is filled from an idea."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    found = _idea_or_404(place, key)
    try:
        made = services.hypothesis_from_idea(
            place, found.key, by=Actor(request.user), now=datetime.now(UTC)
        )
    except MoveRefused as refusal:
        return _idea(request, place, found, refused=refusal.obstacles, status=409)
    return redirect("research:hypothesis", site=place.name, key=made.key)


@require_POST
def delete_idea(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Delete an idea that nothing hangs on."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    found = _idea_or_404(place, key)
    try:
        services.delete_idea(place, found.key, by=Actor(request.user), now=datetime.now(UTC))
    except Refusal as refusal:
        return _idea(request, place, found, said=str(refusal), status=409)
    messages.success(request, f"{found.key} is deleted.")
    return redirect("intake:ideas", site=place.name)


def _idea(
    request: SignedInRequest,
    place: Site,
    found: IdeaRecord,
    *,
    refused: tuple[Obstacle, ...] = (),
    said: str = "",
    status: int = 200,
) -> HttpResponse:
    context = {
        "page": idea_page(place, found),
        "insights": linkable(place),
        "refused": refused,
        "said": said,
        "may_write": may_write(request, place),
    }
    return render(request, "intake/idea.html", context, status=status)


def _idea_or_404(site: Site, key: str) -> IdeaRecord:
    found = idea_of(site, key)
    if found is None:
        raise Http404
    return found
