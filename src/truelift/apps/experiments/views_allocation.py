"""Says on a page that the test tool draws new visitors by other weights."""

from __future__ import annotations

from datetime import UTC, datetime

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from truelift.apps.accounts.requests import SignedInRequest
from truelift.apps.accounts.roles import Role
from truelift.apps.experiments.forms_allocation import AllocationForm
from truelift.apps.experiments.phases import BadAllocation, change_allocation
from truelift.apps.experiments.reads import experiment_of
from truelift.apps.research.actor import Actor
from truelift.apps.sites.reads import site_for
from truelift.errors import Refusal


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def allocation(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Write down that the allocation changed, or say what is wrong with what was given."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    record = experiment_of(place, key)
    if record is None:
        raise Http404
    status, now = 200, datetime.now(UTC)
    form = AllocationForm(record, request.POST if request.method == "POST" else None)
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                change_allocation(
                    place,
                    record.key,
                    weights=form.weights,
                    since=form.since or now,
                    reason=form.cleaned_data["reason"],
                    by=Actor(request.user),
                    now=now,
                )
            except Refusal as refusal:
                form.add_error(None, str(refusal))
                status = 422 if isinstance(refusal, BadAllocation) else 409
            else:
                messages.success(request, "The allocation is on the record.")
                return redirect("experiments:detail", site=place.name, key=record.key)
    context = {"site": place, "record": record, "form": form}
    return render(request, "experiments/allocation.html", context, status=status)
