"""The pages of surfaces: the list, one, the form, and whose an address is."""

from __future__ import annotations

from datetime import UTC, datetime

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from truelift.apps.accounts.reads import role_of
from truelift.apps.accounts.requests import SignedInRequest
from truelift.apps.accounts.roles import Role
from truelift.apps.backlog.nightly import count_from_data
from truelift.apps.explorers.export import file_of
from truelift.apps.facts.defining import kind_of
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import BadFields
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import site_for
from truelift.apps.surfaces import services
from truelift.apps.surfaces.forms import FindForm, SurfaceForm
from truelift.apps.surfaces.models import SurfaceRecord
from truelift.apps.surfaces.page import found_page, surface_page, surfaces_page
from truelift.apps.surfaces.reads import records_of, surface_of, surfaces_of
from truelift.errors import Refusal
from truelift.lifecycle.vocabulary import words_of


@require_safe
def listing(request: SignedInRequest, site: str) -> HttpResponse:
    """List the surfaces with whose they are and what their data show."""
    place = site_for(request.user, site)
    context = {
        "page": surfaces_page(place, now=datetime.now(UTC)),
        "may_write": _may_write(request, place),
        "words": words_of(kind_of(place)),
    }
    return render(request, "surfaces/list.html", context)


@require_safe
def export(request: SignedInRequest, site: str) -> HttpResponse:
    """Give every surface as CSV."""
    place = site_for(request.user, site)
    rows = [
        {
            "surface": each.name,
            "team": each.team,
            "owner": each.owner.email if each.owner else "",
            "cadence_days": each.cadence_days,
            "incentive": each.incentive,
            "funnel": each.funnel,
            "step": each.step or None,
            "path": each.path,
            "addresses": "\n".join(each.patterns),
            "routes": "\n".join(each.routes),
            "files": "\n".join(each.code),
            "bundle": each.bundle,
            "weekly_units": each.weekly_units,
            "rate": each.rate,
            "revenue_minor": each.revenue_minor,
        }
        for each in records_of(place)
    ]
    return file_of("csv", rows, name=f"{place.name}-surfaces")


@require_http_methods(["GET", "HEAD", "POST"])
def new(request: SignedInRequest, site: str) -> HttpResponse:
    """Name a surface."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    if request.method != "POST":
        initial = {"name": request.GET.get("name", "")[:120]}
        return _form(request, place, SurfaceForm(site=place, initial=initial))
    return _written(request, place, SurfaceForm(request.POST, site=place), None)


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: SignedInRequest, site: str, number: int) -> HttpResponse:
    """Change what is said of a surface."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    record = _surface(place, number)
    if request.method != "POST":
        return _form(request, place, SurfaceForm.of(record), record)
    return _written(request, place, SurfaceForm.of(record, request.POST), record)


def _written(
    request: SignedInRequest, place: Site, form: SurfaceForm, record: SurfaceRecord | None
) -> HttpResponse:
    status, now = 422, datetime.now(UTC)
    if form.is_valid():
        try:
            made = services.write_surface(
                place,
                form.written(),
                by=Actor(request.user),
                now=now,
                number=record.pk if record else None,
                version=form.cleaned_data["version"],
            )
        except BadFields as refusal:
            for name, what in refusal.wrong.items():
                form.add_error(name if name in form.fields else None, what)
        except Refusal as refusal:
            form.add_error(None, str(refusal))
            status = 409
        else:
            if made.measured_at is None:
                count_from_data(place, by=request.user, now=now)
                messages.success(request, "It is being counted; look again in a minute.")
            else:
                messages.success(request, f"{made.name} is kept.")
            return redirect("surfaces:detail", site=place.name, number=made.pk)
    return _form(request, place, form, record, status=status)


@require_safe
def detail(request: SignedInRequest, site: str, number: int) -> HttpResponse:
    """Show a surface."""
    place = site_for(request.user, site)
    record = _surface(place, number)
    context = {
        "page": surface_page(record),
        "may_write": _may_write(request, place),
        "words": words_of(kind_of(place)),
    }
    return render(request, "surfaces/detail.html", context)


@require_POST
def remove(request: SignedInRequest, site: str, number: int) -> HttpResponse:
    """Forget a surface."""
    place = site_for(request.user, site, needs=Role.EDITOR)
    record = _surface(place, number)
    services.remove_surface(place, number, by=Actor(request.user), now=datetime.now(UTC))
    messages.success(request, f"{record.name} is no surface any more.")
    return redirect("surfaces:list", site=place.name)


@require_POST
def count(request: SignedInRequest, site: str) -> HttpResponse:
    """Have every surface counted anew, and everything scored with it."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    count_from_data(place, by=request.user, now=datetime.now(UTC))
    messages.success(request, "It is being counted; look again in a minute.")
    return redirect("surfaces:list", site=place.name)


@require_safe
def find(request: SignedInRequest, site: str) -> HttpResponse:
    """Say whose an address is, or files."""
    place = site_for(request.user, site)
    form = FindForm(request.GET)
    form.is_valid()
    paths = [each.strip() for each in form.cleaned_data.get("paths", "").splitlines()]
    page = found_page(
        form.cleaned_data.get("url", "").strip(),
        [each for each in paths if each][:1_000],
        surfaces_of(place),
    )
    shown = FindForm(initial={name: request.GET.get(name, "")[:2_000] for name in form.fields})
    return render(request, "surfaces/find.html", {"page": page, "form": shown})


def _surface(site: Site, number: int) -> SurfaceRecord:
    found = surface_of(site, number)
    if found is None:
        raise Http404
    return found


def _may_write(request: SignedInRequest, site: Site) -> bool:
    role = role_of(request.user, site)
    return role is not None and role.covers(Role.ANALYST)


def _form(
    request: SignedInRequest,
    place: Site,
    form: SurfaceForm,
    record: SurfaceRecord | None = None,
    *,
    status: int = 200,
) -> HttpResponse:
    role = role_of(request.user, place)
    context = {
        "form": form,
        "record": record,
        "may_remove": record is not None and role is not None and role.covers(Role.EDITOR),
    }
    return render(request, "surfaces/form.html", context, status=status)
