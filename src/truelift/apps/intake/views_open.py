"""The open form: for every team, without an account, behind an address that can be closed."""

from __future__ import annotations

from datetime import UTC, datetime

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from truelift.apps.accounts.views import tokened
from truelift.apps.intake.channels import LinkClosed, TooMany, form_of, take_turn
from truelift.apps.intake.fields import Arrival
from truelift.apps.intake.forms import IdeaForm, SignalForm
from truelift.apps.intake.models import Way
from truelift.apps.intake.services import receive_idea, receive_signal
from truelift.apps.intake.views import blame
from truelift.apps.research.fields import BadFields


@tokened
@require_http_methods(["GET", "HEAD", "POST"])
def open_form(request: HttpRequest, token: str) -> HttpResponse:
    """Take what somebody without an account noticed or proposes; shows nothing of the site."""
    now = datetime.now(UTC)
    try:
        channel = form_of(token)
    except LinkClosed as refusal:
        return render(request, "intake/closed.html", {"refusal": refusal}, status=404)
    about = "idea" if request.GET.get("about") == "idea" else "signal"
    data = request.POST if request.method == "POST" else None
    form = IdeaForm(data, stranger=True) if about == "idea" else SignalForm(data)
    context = {"form": form, "about": about, "for_site": str(channel.site), "here": request.path}
    if request.method != "POST":
        return render(request, "intake/open.html", context)
    if form.is_valid():
        arrival = Arrival(Way.LINK, channel=channel)
        try:
            take_turn(channel, address=request.META.get("REMOTE_ADDR", ""), now=now)
            if isinstance(form, IdeaForm):
                key = receive_idea(channel.site, form.written(), arrival, now=now).key
            else:
                key = receive_signal(channel.site, form.written(), arrival, now=now).key
        except TooMany as refusal:
            form.add_error(None, str(refusal))
            return render(request, "intake/open.html", context, status=429)
        except BadFields as refusal:
            blame(form, refusal)
        else:
            return render(request, "intake/thanks.html", {**context, "key": key}, status=201)
    return render(request, "intake/open.html", context, status=422)
