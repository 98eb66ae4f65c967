"""The settings of a site, each section saved by itself, and its keys."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import cast

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from truelift.apps.accounts.models import Json
from truelift.apps.accounts.reads import role_of
from truelift.apps.accounts.requests import SignedInRequest
from truelift.apps.accounts.roles import Role
from truelift.apps.sites import services
from truelift.apps.sites.connection import keys_last_used
from truelift.apps.sites.defaults import SENDERS
from truelift.apps.sites.forms import SECTIONS, Section, rules_from
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import keys_of, site_for
from truelift.errors import Refusal
from truelift.lake.sites import BUILT_IN_EXPOSURES


@require_safe
def settings(request: SignedInRequest, site: str) -> HttpResponse:
    """Show everything that a site's measuring depends on, with its defaults."""
    return _page(request, site_for(request.user, site))


@require_POST
def save(request: SignedInRequest, site: str, section: str) -> HttpResponse:
    """Save one section; a refusal keeps what was entered."""
    place = site_for(request.user, site, needs=Role.OWNER)
    if section not in SECTIONS:
        raise Http404
    form = SECTIONS[section](request.POST)
    if not form.is_valid():
        return _page(request, place, entered={section: form}, status=422)
    try:
        services.change_settings(
            place,
            cast("dict[str, Json]", form.changes()),
            version=form.cleaned_data["version"],
            by=request.user,
            now=datetime.now(UTC),
        )
    except services.ChangedMeanwhile as refusal:
        # Saving again means it: the form carries the version that the person now sees.
        kept = SECTIONS[section]({**request.POST.dict(), "version": place.version})
        return _page(request, place, entered={section: kept}, refusal=refusal, status=409)
    except Refusal as refusal:
        return _page(request, place, entered={section: form}, refusal=refusal, status=409)
    messages.success(request, f"{form.heading}: saved. {form.holds}")
    return redirect(f"{reverse('sites:settings', kwargs={'site': site})}#{section}")


@require_POST
def rules(request: SignedInRequest, site: str) -> HttpResponse:
    """Save the site's own exposure rules."""
    place = site_for(request.user, site, needs=Role.OWNER)
    columns = [request.POST.getlist(name) for name in ("event", "experiment", "variant")]
    rows = list(zip(*columns, strict=False))[:50]
    version = request.POST.get("version", "")
    try:
        wanted = rules_from(rows)
    except ValidationError as error:
        return _page(request, place, rows=rows, rule_errors=error.messages, status=422)
    try:
        services.change_settings(
            place,
            {"exposure_rules": cast("Json", wanted)},
            version=int(version) if re.fullmatch(r"[0-9]{1,9}", version) else 0,
            by=request.user,
            now=datetime.now(UTC),
        )
    except Refusal as refusal:
        return _page(request, place, rows=rows, refusal=refusal, status=409)
    messages.success(request, "Exposure rules: saved. They hold for events from now on.")
    return redirect(f"{reverse('sites:settings', kwargs={'site': site})}#exposure-rules")


@require_POST
@never_cache
def add_key(request: SignedInRequest, site: str) -> HttpResponse:
    """Make a key; a secret one is shown on this page and never again."""
    place = site_for(request.user, site, needs=Role.OWNER)
    kind = request.POST.get("kind", "")
    if kind not in {"public", "secret"}:
        return _page(request, place, status=422)
    made = services.make_key(place, kind=kind, by=request.user, now=datetime.now(UTC))
    return _page(request, place, new_key=made)


@require_POST
def revoke(request: SignedInRequest, site: str, key: int) -> HttpResponse:
    """Make a key worthless."""
    place = site_for(request.user, site, needs=Role.OWNER)
    services.revoke_key(place, key, by=request.user, now=datetime.now(UTC))
    messages.success(request, f"Key k{key} does not work any more.")
    return redirect(f"{reverse('sites:settings', kwargs={'site': site})}#keys")


def _page(
    request: SignedInRequest,
    site: Site,
    *,
    entered: dict[str, Section] | None = None,
    rows: list[tuple[str, ...]] | None = None,
    status: int = 200,
    **more: object,
) -> HttpResponse:
    site.refresh_from_db()
    forms = {name: (entered or {}).get(name) or kind.of(site) for name, kind in SECTIONS.items()}
    own = [(rule["event"], rule["experiment"], rule["variant"]) for rule in site.exposure_rules]
    may_change = role_of(request.user, site) is Role.OWNER
    if not may_change:
        for form in forms.values():
            for field in form.fields.values():
                field.disabled = True
    used = keys_last_used(site, now=datetime.now(UTC))
    context = {
        "site": site,
        "sections": forms,
        "rows": [*(rows if rows is not None else own), ("", "", "")],
        "built_in": [(rule, SENDERS.get(rule.event, "")) for rule in BUILT_IN_EXPOSURES],
        "keys": [(key, used.get(key.key_id)) for key in keys_of(site)],
        "may_change": may_change,
        **more,
    }
    return render(request, "sites/settings.html", context, status=status)
