"""The page of a programme's figures."""

from __future__ import annotations

from datetime import UTC, date, datetime

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from truelift.apps.accounts.reads import role_of
from truelift.apps.accounts.requests import SignedInRequest
from truelift.apps.accounts.roles import Role
from truelift.apps.progress import reads, services
from truelift.apps.progress.figures import Document
from truelift.apps.progress.page import progress_page
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import site_for
from truelift.errors import Refusal
from truelift.lifecycle.programme_causes import Reason


@require_safe
def progress(request: SignedInRequest, site: str) -> HttpResponse:
    """Show the figures of the last day, or of another one."""
    return _page(request, site_for(request.user, site))


@require_safe
def as_csv(request: SignedInRequest, site: str) -> HttpResponse:
    """Give the figures as a table."""
    place = site_for(request.user, site)
    document, kept = _document(request, place, now=datetime.now(UTC))
    answer = HttpResponse(reads.as_csv(document), content_type="text/csv; charset=utf-8")
    name = f"{place.name}-programme-{(kept or date.today()).isoformat()}.csv"  # noqa: DTZ011
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


@require_POST
def reason(request: SignedInRequest, site: str) -> HttpResponse:
    """Say why an item is in trouble."""
    place = site_for(request.user, site, needs=Role.EDITOR)
    given = request.POST
    try:
        services.say_reason(
            place,
            given.get("trouble", ""),
            given.get("key", ""),
            given.get("reason", ""),
            by=Actor(request.user),
            now=datetime.now(UTC),
        )
    except Refusal as refusal:
        return _page(request, place, refusal=refusal, status=409)
    messages.success(request, "It is kept.")
    return redirect("progress:page", site=place.name)


def _page(
    request: SignedInRequest, site: Site, *, refusal: Refusal | None = None, status: int = 200
) -> HttpResponse:
    now = datetime.now(UTC)
    document, kept = _document(request, site, now=now)
    _, troubles = reads.trouble_list(site, now=now)
    role = role_of(request.user, site)
    context = {
        "site": site,
        "page": progress_page(site, document, troubles, kept=kept, days=reads.days_kept(site)),
        "reasons": [(each.value, each.meaning, each.area.value) for each in Reason],
        "may_say": role is not None and role.covers(Role.EDITOR),
        "refusal": refusal,
        "asked": kept.isoformat() if kept else "",
    }
    return render(request, "progress/progress.html", context, status=status)


def _document(
    request: SignedInRequest, site: Site, *, now: datetime
) -> tuple[Document, date | None]:
    """Give the figures of the day that was asked for, else of the last one, else of this moment."""
    asked = request.GET.get("day", "")
    if asked:
        try:
            found = reads.figures_at(site, date.fromisoformat(asked))
        except ValueError:
            found = None
        if found is None:
            raise Http404
        return found.document, found.day
    last = reads.latest(site)
    return (last.document, last.day) if last else (reads.computed(site, now=now), None)
