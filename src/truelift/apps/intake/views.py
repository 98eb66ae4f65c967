"""The evidence inbox and its signals."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.forms import Form
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from truelift.apps.accounts.reads import role_of
from truelift.apps.accounts.requests import SignedInRequest
from truelift.apps.accounts.roles import Role
from truelift.apps.intake import services
from truelift.apps.intake.fields import Arrival
from truelift.apps.intake.forms import DecideForm, SignalForm
from truelift.apps.intake.lists import SIGNALS
from truelift.apps.intake.models import SignalRecord, Way
from truelift.apps.intake.page import inbox_page, signal_page
from truelift.apps.intake.reads import signal_of
from truelift.apps.lists.page import file_response, file_wanted, page_of
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import BadFields
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import site_for
from truelift.errors import Refusal
from truelift.lifecycle.obstacle import MoveRefused, Obstacle
from truelift.lifecycle.signal import SignalAction


@require_safe
def inbox(request: SignedInRequest, site: str) -> HttpResponse:
    """Say which signals wait for a decision."""
    place, now = site_for(request.user, site), datetime.now(UTC)
    if file_wanted(request):
        return file_response(SIGNALS, place, request.GET.dict(), now=now)
    listed = page_of(SIGNALS, place, request.GET.dict(), reader=request.user, now=now)
    may = may_write(request, place)
    context = {
        "page": inbox_page(place, listed, now=now),
        "list": listed,
        "may_write": may,
        "choose": bool(listed.steps),
    }
    return render(request, "intake/inbox.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def new_signal(request: SignedInRequest, site: str) -> HttpResponse:
    """Write down what was noticed; every member may."""
    place = site_for(request.user, site)
    if request.method != "POST":
        initial = {
            name: request.GET.get(name, "")[:500]
            for name in ("title", "surface", "segment", "detail", "url")
        }
        return render(request, "intake/signal_form.html", {"form": SignalForm(initial=initial)})
    form = SignalForm(request.POST)
    if form.is_valid():
        arrival = Arrival(Way.MEMBER, by=Actor(request.user))
        try:
            made = services.receive_signal(place, form.written(), arrival, now=datetime.now(UTC))
        except BadFields as refusal:
            blame(form, refusal)
        else:
            messages.success(request, f"{made.key} is in the evidence inbox. Thank you.")
            return redirect("intake:signal", site=place.name, key=made.key)
    return render(request, "intake/signal_form.html", {"form": form}, status=422)


@require_safe
def signal(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Show a signal."""
    place = site_for(request.user, site)
    return _signal(request, place, _signal_or_404(place, key))


@require_POST
def move_signal(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Take a signal one step, or say every reason why not."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    found = _signal_or_404(place, key)
    form = DecideForm(request.POST)
    if not form.is_valid() or form.cleaned_data["action"] not in list(SignalAction):
        raise Http404
    given = form.cleaned_data
    try:
        services.move_signal_record(
            place,
            found.key,
            SignalAction(given["action"]),
            by=Actor(request.user),
            now=datetime.now(UTC),
            insight=given["insight"],
            reason=given["reason"],
            until=_midnight(given["until"], place),
        )
    except MoveRefused as refusal:
        return _signal(request, place, found, refused=refusal.obstacles, status=409)
    except Refusal as refusal:
        return _signal(request, place, found, said=str(refusal), status=422)
    return redirect("intake:signal", site=place.name, key=found.key)


@require_POST
def start_insight(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Start a finding that is filled from a signal."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    found = _signal_or_404(place, key)
    try:
        made = services.insight_from_signal(
            place, found.key, by=Actor(request.user), now=datetime.now(UTC)
        )
    except MoveRefused as refusal:
        return _signal(request, place, found, refused=refusal.obstacles, status=409)
    return redirect("research:insight", site=place.name, key=made.key)


@require_POST
def delete_signal(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Delete a signal that nothing hangs on."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    found = _signal_or_404(place, key)
    try:
        services.delete_signal(place, found.key, by=Actor(request.user), now=datetime.now(UTC))
    except Refusal as refusal:
        return _signal(request, place, found, said=str(refusal), status=409)
    messages.success(request, f"{found.key} is deleted.")
    return redirect("intake:inbox", site=place.name)


def may_write(request: SignedInRequest, site: Site) -> bool:
    """Say whether the person decides about signals and ideas here, or only sends them."""
    role = role_of(request.user, site)
    return role is not None and role.covers(Role.ANALYST)


def blame(form: Form, refusal: BadFields) -> None:
    """Put what a service found wrong beside the fields of a form."""
    for field, what in refusal.wrong.items():
        form.add_error(field if field in form.fields else None, what)


def _signal(
    request: SignedInRequest,
    place: Site,
    found: SignalRecord,
    *,
    refused: tuple[Obstacle, ...] = (),
    said: str = "",
    status: int = 200,
) -> HttpResponse:
    context = {
        "page": signal_page(place, found, now=datetime.now(UTC)),
        "refused": refused,
        "said": said,
        "may_write": may_write(request, place),
    }
    return render(request, "intake/signal.html", context, status=status)


def _signal_or_404(site: Site, key: str) -> SignalRecord:
    found = signal_of(site, key)
    if found is None:
        raise Http404
    return found


def _midnight(on: date | None, site: Site) -> datetime | None:
    """Give the first moment of a day at the site."""
    return None if on is None else datetime.combine(on, time(), ZoneInfo(site.time_zone))
