"""The pages of winners."""

from __future__ import annotations

from datetime import UTC, datetime

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from truelift.apps.accounts.reads import role_of
from truelift.apps.accounts.requests import SignedInRequest
from truelift.apps.accounts.roles import Role
from truelift.apps.lists.page import file_response, file_wanted, page_of
from truelift.apps.research.actor import Actor
from truelift.apps.rollouts import services
from truelift.apps.rollouts.forms import RolloutForm
from truelift.apps.rollouts.lists import ROLLOUTS
from truelift.apps.rollouts.models import RolloutRecord
from truelift.apps.rollouts.page import rollout_page, winners_page
from truelift.apps.rollouts.reads import counted, rollout_of
from truelift.apps.rollouts.services import BadRolloutFields
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import site_for
from truelift.errors import Refusal
from truelift.lifecycle.rollout import RolloutAction


@require_safe
def listing(request: SignedInRequest, site: str) -> HttpResponse:
    """List the winners, those that wait first."""
    place, now = site_for(request.user, site), datetime.now(UTC)
    if file_wanted(request):
        return file_response(ROLLOUTS, place, request.GET.dict(), now=now)
    counter, leaders = counted(place, now=now)
    listed = page_of(
        ROLLOUTS, place, request.GET.dict(), reader=request.user, now=now, leaders=leaders
    )
    context = {
        "page": winners_page(place, listed.records, counter, now=now),
        "list": listed,
        "choose": bool(listed.steps),
        "may_ask": _covers(request, place, Role.ANALYST),
    }
    return render(request, "rollouts/list.html", context)


@require_POST
def refresh(request: SignedInRequest, site: str) -> HttpResponse:
    """Have the figures computed anew."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    services.ask_for_money(place, by=Actor(request.user), now=datetime.now(UTC))
    messages.success(request, "The figures are computed anew; it takes a moment.")
    return redirect("rollouts:list", site=place.name)


@require_safe
def detail(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Show a winner."""
    place = site_for(request.user, site)
    return _detail(request, _rollout(place, key))


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Change what is said of a winner."""
    place = site_for(request.user, site, needs=Role.EDITOR)
    record = _rollout(place, key)
    if request.method != "POST":
        return _edit(request, record, RolloutForm.of(record))
    form = RolloutForm(request.POST, record=record)
    status = 422
    if form.is_valid():
        try:
            services.edit_rollout(
                place,
                key,
                form.written(),
                by=Actor(request.user),
                now=datetime.now(UTC),
                version=form.cleaned_data["version"],
            )
        except BadRolloutFields as refusal:
            for name, what in refusal.wrong.items():
                form.add_error(name if name in form.fields else None, what)
        except Refusal as refusal:
            form.add_error(None, str(refusal))
            status = 409
        else:
            messages.success(request, f"{record.key} is kept.")
            return redirect("rollouts:detail", site=place.name, key=record.key)
    return _edit(request, record, form, status=status)


@require_POST
def move(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Take one step; a refusal is the same page with every reason."""
    place = site_for(request.user, site, needs=Role.EDITOR)
    record = _rollout(place, key)
    action = request.POST.get("action", "")
    version = request.POST.get("version", "")
    if action not in list(RolloutAction):
        raise Http404
    try:
        services.move(
            place,
            key,
            RolloutAction(action),
            by=Actor(request.user),
            now=datetime.now(UTC),
            reason=request.POST.get("reason", ""),
            version=int(version) if version.isascii() and version.isdigit() else None,
        )
    except Refusal as refusal:
        return _detail(request, _rollout(place, record.key), refusal=refusal, status=409)
    return redirect("rollouts:detail", site=place.name, key=record.key)


@require_POST
def sign(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Say, in a function, that it is live for everybody."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    record = _rollout(place, key)
    function = request.POST.get("function", "")
    try:
        services.sign(place, key, function, by=request.user, now=datetime.now(UTC))
    except Refusal as refusal:
        return _detail(request, record, refusal=refusal, status=409)
    return redirect("rollouts:detail", site=place.name, key=record.key)


@require_POST
def check(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Have a browser look at the page."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    record = _rollout(place, key)
    try:
        services.ask_for_check(place, key, by=Actor(request.user), now=datetime.now(UTC))
    except Refusal as refusal:
        return _detail(request, record, refusal=refusal, status=409)
    return redirect("rollouts:detail", site=place.name, key=record.key)


def _rollout(site: Site, key: str) -> RolloutRecord:
    found = rollout_of(site, key)
    if found is None:
        raise Http404
    return found


def _covers(request: SignedInRequest, site: Site, needs: Role) -> bool:
    role = role_of(request.user, site)
    return role is not None and role.covers(needs)


def _detail(
    request: SignedInRequest,
    record: RolloutRecord,
    *,
    refusal: Refusal | None = None,
    status: int = 200,
) -> HttpResponse:
    context = {
        "page": rollout_page(record, by=Actor(request.user), now=datetime.now(UTC)),
        "refusal": refusal,
        "reason": request.POST.get("reason", ""),
        "may_move": _covers(request, record.site, Role.EDITOR),
        "may_ask": _covers(request, record.site, Role.ANALYST),
    }
    return render(request, "rollouts/detail.html", context, status=status)


def _edit(
    request: SignedInRequest, record: RolloutRecord, form: RolloutForm, *, status: int = 200
) -> HttpResponse:
    return render(request, "rollouts/form.html", {"form": form, "record": record}, status=status)
