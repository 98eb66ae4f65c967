"""The page of a programme's policy."""

from __future__ import annotations

from datetime import UTC, datetime

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from truelift.apps.accounts.reads import role_of
from truelift.apps.accounts.requests import SignedInRequest
from truelift.apps.accounts.roles import Role
from truelift.apps.programme import services
from truelift.apps.programme.forms import PolicyForm
from truelift.apps.programme.reads import policy_of, versions_of
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import site_for
from truelift.errors import Refusal


@require_http_methods(["GET", "HEAD", "POST"])
def policy(request: SignedInRequest, site: str) -> HttpResponse:
    """Show what the programme has agreed on, and agree on the next version."""
    if request.method != "POST":
        place = site_for(request.user, site)
        return _page(request, place, PolicyForm.of(policy_of(place)))
    place = site_for(request.user, site, needs=Role.OWNER)
    before = policy_of(place)
    form = PolicyForm.of(before, request.POST)
    if not form.is_valid():
        return _page(request, place, form, status=422)
    try:
        after = services.change_policy(
            place,
            form.written(),
            by=Actor(request.user),
            now=datetime.now(UTC),
            because=form.cleaned_data["because"],
            seen=form.cleaned_data["version"],
        )
    except Refusal as refusal:
        return _page(request, place, form, refusal=refusal, status=409)
    if after.version == before.version:
        messages.info(request, "Nothing was changed, so it stays as it is.")
    else:
        messages.success(request, f"The policy is at version {after.version}.")
    return redirect("programme:policy", site=place.name)


def _page(
    request: SignedInRequest,
    site: Site,
    form: PolicyForm,
    *,
    refusal: Refusal | None = None,
    status: int = 200,
) -> HttpResponse:
    may_change = role_of(request.user, site) is Role.OWNER
    if not may_change:
        for field in form.fields.values():
            field.disabled = True
    agreed = policy_of(site)
    context = {
        "site": site,
        "form": form,
        "policy": agreed,
        "answer": _ANSWERS[agreed.research.value, agreed.organisation.value],
        "versions": versions_of(site),
        "may_change": may_change,
        "refusal": refusal,
    }
    return render(request, "programme/policy.html", context, status=status)


_ANSWERS = {
    ("experiment_led", "central"): "Test early, with one team at the gate.",
    ("experiment_led", "distributed"): "Test early, with every squad at its own gate.",
    ("research_led", "central"): "Understand first, with one team at the gate.",
    ("research_led", "distributed"): "Understand first, with every squad at its own gate.",
}
