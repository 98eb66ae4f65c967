"""The pages of freezes."""

from __future__ import annotations

from datetime import UTC, datetime

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from truelift.apps.accounts.reads import role_of
from truelift.apps.accounts.requests import SignedInRequest
from truelift.apps.accounts.roles import Role
from truelift.apps.freezes import services
from truelift.apps.freezes.forms import FreezeForm
from truelift.apps.freezes.models import FreezeRecord
from truelift.apps.freezes.page import freeze_page, freezes_page
from truelift.apps.freezes.reads import freeze_of
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import BadFields
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import site_for
from truelift.errors import Refusal
from truelift.lifecycle.freeze import FreezeAction


@require_safe
def listing(request: SignedInRequest, site: str) -> HttpResponse:
    """Say which surfaces may be deployed, now and next."""
    place = site_for(request.user, site)
    page = freezes_page(place, now=datetime.now(UTC), over=request.GET.get("over") == "1")
    context = {"page": page, "may_write": _covers(request, place, Role.ANALYST)}
    return render(request, "freezes/list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def new(request: SignedInRequest, site: str) -> HttpResponse:
    """Propose a freeze."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    if request.method != "POST":
        return _form(request, place, FreezeForm(site=place))
    form, status = FreezeForm(request.POST, site=place), 422
    if form.is_valid():
        try:
            made = services.propose(
                place, form.written(), by=Actor(request.user), now=datetime.now(UTC)
            )
        except Refusal as refusal:
            status = _say(form, refusal)
        else:
            messages.success(request, f"{made.key} is proposed; who can agree is told.")
            return redirect("freezes:detail", site=place.name, key=made.key)
    return _form(request, place, form, status=status)


@require_safe
def detail(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Show a freeze."""
    return _detail(request, _freeze(site_for(request.user, site), key))


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Change what a proposal says, or how firm a freeze is."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    record = _freeze(place, key)
    if request.method != "POST":
        return _form(request, place, FreezeForm.of(record), record=record)
    form, status = FreezeForm(request.POST, site=place, record=record), 422
    if form.is_valid():
        try:
            services.edit_freeze(
                place,
                key,
                form.written(),
                by=Actor(request.user),
                now=datetime.now(UTC),
                version=form.cleaned_data["version"],
            )
        except Refusal as refusal:
            status = _say(form, refusal)
        else:
            messages.success(request, f"{record.key} is kept.")
            return redirect("freezes:detail", site=place.name, key=record.key)
    return _form(request, place, form, record=record, status=status)


@require_POST
def move(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Take one step; a refusal is the same page with every reason."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    record = _freeze(place, key)
    action = request.POST.get("action", "")
    version = request.POST.get("version", "")
    if action not in list(FreezeAction):
        raise Http404
    try:
        services.move(
            place,
            key,
            FreezeAction(action),
            by=Actor(request.user),
            now=datetime.now(UTC),
            reason=request.POST.get("reason", ""),
            version=int(version) if version.isascii() and version.isdigit() else None,
        )
    except Refusal as refusal:
        return _detail(request, _freeze(place, record.key), refusal=refusal, status=409)
    return redirect("freezes:detail", site=place.name, key=record.key)


@require_POST
def approve(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Say that a deploy may go ahead in spite of it."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    record = _freeze(place, key)
    hours = request.POST.get("hours", "")
    try:
        services.approve(
            place,
            key,
            request.POST.get("side", ""),
            hours=int(hours) if hours.isascii() and hours.isdigit() and len(hours) < 6 else 0,
            reason=request.POST.get("reason", ""),
            surface=request.POST.get("surface", ""),
            sha=request.POST.get("sha", ""),
            by=Actor(request.user),
            now=datetime.now(UTC),
        )
    except Refusal as refusal:
        return _detail(request, record, refusal=refusal, status=409)
    return redirect("freezes:detail", site=place.name, key=record.key)


def _freeze(site: Site, key: str) -> FreezeRecord:
    found = freeze_of(site, key)
    if found is None:
        raise Http404
    return found


def _covers(request: SignedInRequest, site: Site, needs: Role) -> bool:
    role = role_of(request.user, site)
    return role is not None and role.covers(needs)


def _say(form: FreezeForm, refusal: Refusal) -> int:
    """Put a refusal beside the fields that it is about; give the status of the answer."""
    if isinstance(refusal, BadFields):
        for name, what in refusal.wrong.items():
            form.add_error(name if name in form.fields else None, what)
        return 422
    for each in getattr(refusal, "obstacles", ()):
        form.add_error(None, f"{each.sentence} {each.remedy}")
    if not form.errors:
        form.add_error(None, str(refusal))
    return 409


def _detail(
    request: SignedInRequest,
    record: FreezeRecord,
    *,
    refusal: Refusal | None = None,
    status: int = 200,
) -> HttpResponse:
    context = {
        "page": freeze_page(record, by=Actor(request.user), now=datetime.now(UTC)),
        "refusal": refusal,
        "given": request.POST,
        "may_write": _covers(request, record.site, Role.ANALYST),
    }
    return render(request, "freezes/detail.html", context, status=status)


def _form(
    request: SignedInRequest,
    site: Site,
    form: FreezeForm,
    *,
    record: FreezeRecord | None = None,
    status: int = 200,
) -> HttpResponse:
    context = {"form": form, "record": record, "site": site}
    return render(request, "freezes/form.html", context, status=status)
