"""The pages of comparisons before and after: the list, the form, what was seen."""

from __future__ import annotations

from datetime import UTC, datetime

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from truelift.apps.accounts.reads import role_of
from truelift.apps.accounts.requests import SignedInRequest
from truelift.apps.accounts.roles import Role
from truelift.apps.experiments.domain import day_at
from truelift.apps.observations import services
from truelift.apps.observations.before_after_page import before_after_page, list_page
from truelift.apps.observations.forms import BeforeAfterForm
from truelift.apps.observations.jobs import BEFORE_AFTER
from truelift.apps.observations.models import BeforeAfter
from truelift.apps.observations.progress import progress_of
from truelift.apps.observations.reads import before_after_of, before_afters_of
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import site_for


@require_safe
def listing(request: SignedInRequest, site: str) -> HttpResponse:
    """List what was compared before and after."""
    place = site_for(request.user, site)
    context = {"page": list_page(place, before_afters_of(place)), "may_ask": _may(request, place)}
    return render(request, "observations/before_afters.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def new(request: SignedInRequest, site: str) -> HttpResponse:
    """Ask for a comparison."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    if request.method != "POST":
        initial = {"metric": request.GET.get("metric", "")[:120]}
        form = BeforeAfterForm(site=place, initial=initial)
        return render(request, "observations/before_after_form.html", {"form": form})
    form = BeforeAfterForm(request.POST, site=place)
    if form.is_valid():
        try:
            made = services.create_before_after(
                place, form.comparison(), by=Actor(request.user), now=datetime.now(UTC)
            )
        except services.BadComparison as refusal:
            for name, words in refusal.wrong.items():
                form.add_error(name if name in form.fields else None, words)
        else:
            return redirect("observations:before_after", site=place.name, number=made.number)
    return render(request, "observations/before_after_form.html", {"form": form}, status=422)


@require_safe
@never_cache
def detail(request: SignedInRequest, site: str, number: int) -> HttpResponse:
    """Show a comparison; nothing is computed for it."""
    place = site_for(request.user, site)
    record = _record(place, number)
    context = {
        "record": record,
        "page": before_after_page(place, record),
        "progress": progress_of(BEFORE_AFTER, f"before_after:{record.pk}"),
        "may_ask": _may(request, place),
        "waits": not record.text and record.until > day_at(place, datetime.now(UTC)),
    }
    return render(request, "observations/before_after.html", context)


@require_POST
@never_cache
def again(request: SignedInRequest, site: str, number: int) -> HttpResponse:
    """Have one that could not be computed tried again."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    record = _record(place, number)
    if not record.text:
        services.ask_again(record, by=Actor(request.user), now=datetime.now(UTC))
    return redirect("observations:before_after", site=place.name, number=record.number)


@require_safe
@never_cache
def progress(request: SignedInRequest, site: str, number: int) -> HttpResponse:
    """Say whether it is still computed; when it is done, have the page loaded anew."""
    place = site_for(request.user, site)
    record = _record(place, number)
    under_way = progress_of(BEFORE_AFTER, f"before_after:{record.pk}")
    if not under_way.running:
        return HttpResponse(headers={"HX-Refresh": "true"})
    return render(
        request,
        "observations/_progress.html",
        {"progress": under_way, "address": request.path},
    )


def _record(site: Site, number: int) -> BeforeAfter:
    found = before_after_of(site, number) if number < 2**31 else None
    if found is None:
        raise Http404
    return found


def _may(request: SignedInRequest, site: Site) -> bool:
    role = role_of(request.user, site)
    return role is not None and role.covers(Role.ANALYST)
