"""Making a site."""

from __future__ import annotations

from datetime import UTC, datetime

from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from truelift.apps.accounts.requests import SignedInRequest
from truelift.apps.sites.forms import NewSiteForm
from truelift.apps.sites.services import create_site
from truelift.errors import Refusal


@require_http_methods(["GET", "HEAD", "POST"])
def new(request: SignedInRequest) -> HttpResponse:
    """Make a site and go on to connect it."""
    if not request.user.is_operator:
        raise PermissionDenied("Sites are made by the people who run this installation.")
    form = NewSiteForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made = create_site(**form.cleaned_data, by=request.user, now=datetime.now(UTC))
        except Refusal as refusal:
            form.add_error(None, str(refusal))
        else:
            return redirect("sites:connect", site=made.site.name)
    status = 422 if request.method == "POST" else 200
    return render(request, "sites/new.html", {"form": form}, status=status)
