"""The pages of alerts: all of a site's, and taking one on or settling it."""

from __future__ import annotations

from datetime import UTC, datetime

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from truelift.apps.accounts.requests import SignedInRequest
from truelift.apps.accounts.roles import Role
from truelift.apps.experiments.monitoring_alerts import NoSuchAlert, change_alert
from truelift.apps.experiments.monitoring_page import alerts_page
from truelift.apps.research.actor import Actor
from truelift.apps.sites.reads import site_for
from truelift.lifecycle.monitoring import AlertStage
from truelift.lifecycle.obstacle import MoveRefused, Obstacle


@require_safe
@never_cache
def alerts(request: SignedInRequest, site: str) -> HttpResponse:
    """List what is wrong, and what was."""
    return _listed(request, site)


@require_POST
@never_cache
def change(request: SignedInRequest, site: str, number: int) -> HttpResponse:
    """Take an alert on, or settle it."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    try:
        to = AlertStage(request.POST.get("to", ""))
        row = change_alert(
            place,
            number,
            to,
            by=Actor(request.user),
            note=request.POST.get("note", ""),
            now=datetime.now(UTC),
        )
    except (ValueError, NoSuchAlert) as error:
        raise Http404 from error
    except MoveRefused as refusal:
        return _listed(request, site, refused=refusal.obstacles, status=409)
    if row.experiment is None:
        return redirect("experiments:alerts", site=site)
    return redirect("experiments:detail", site=site, key=row.experiment.key)


def _listed(
    request: SignedInRequest,
    site: str,
    *,
    refused: tuple[Obstacle, ...] = (),
    status: int = 200,
) -> HttpResponse:
    place = site_for(request.user, site)
    page = alerts_page(place, by=Actor(request.user), now=datetime.now(UTC))
    return render(
        request,
        "experiments/alerts.html",
        {"page": page, "site": place, "obstacles": refused},
        status=status,
    )
