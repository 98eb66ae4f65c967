"""The lists of experiments, decisions and learnings."""

from __future__ import annotations

from datetime import UTC, datetime

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from truelift.apps.accounts.requests import SignedInRequest
from truelift.apps.experiments.library import decisions_page, learnings_page
from truelift.apps.experiments.list_page import list_page
from truelift.apps.experiments.lists import DECISIONS, EXPERIMENTS, LEARNINGS
from truelift.apps.lists.page import file_response, file_wanted, page_of
from truelift.apps.sites.reads import site_for


@require_safe
def experiments(request: SignedInRequest, site: str) -> HttpResponse:
    """List the experiments of a site."""
    place, now = site_for(request.user, site), datetime.now(UTC)
    if file_wanted(request):
        return file_response(EXPERIMENTS, place, request.GET.dict(), now=now)
    listed = page_of(EXPERIMENTS, place, request.GET.dict(), reader=request.user, now=now)
    page = list_page(place, listed, now=now)
    context = {"page": page, "list": listed, "choose": bool(listed.steps)}
    return render(request, "experiments/list.html", context)


@require_safe
def decisions(request: SignedInRequest, site: str) -> HttpResponse:
    """Show who decided what, on which evidence."""
    place, now = site_for(request.user, site), datetime.now(UTC)
    if file_wanted(request):
        return file_response(DECISIONS, place, request.GET.dict(), now=now)
    listed = page_of(DECISIONS, place, request.GET.dict(), reader=request.user, now=now)
    context = {"page": decisions_page(place, listed), "list": listed}
    return render(request, "experiments/decisions.html", context)


@require_safe
def learnings(request: SignedInRequest, site: str) -> HttpResponse:
    """Show what was learned."""
    place, now = site_for(request.user, site), datetime.now(UTC)
    if file_wanted(request):
        return file_response(LEARNINGS, place, request.GET.dict(), now=now)
    listed = page_of(LEARNINGS, place, request.GET.dict(), reader=request.user, now=now)
    context = {"page": learnings_page(place, listed), "list": listed}
    return render(request, "experiments/learnings.html", context)
