"""The pages of warnings: all of them, and one with its chart, history and back-test."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from truelift.apps.accounts.reads import people_of, role_of
from truelift.apps.accounts.requests import SignedInRequest
from truelift.apps.accounts.roles import Role
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import site_for
from truelift.apps.warnings import reads, services
from truelift.apps.warnings.models import WarningRecord
from truelift.apps.warnings.page import list_page, warning_page
from truelift.apps.warnings.services import MoveAsked, NoSuchWarning
from truelift.errors import Refusal
from truelift.lifecycle.warning import WarningStage


@require_safe
def listing(request: SignedInRequest, site: str) -> HttpResponse:
    """Show what the last night said of every kind, and what stands and stood."""
    place = site_for(request.user, site)
    page = list_page(place, reads.readings_of(place), reads.warnings_of(place))
    return render(request, "warnings/list.html", {"site": place, "page": page})


@require_safe
def detail(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Show one warning."""
    place = site_for(request.user, site)
    return _detail(request, place, _found(place, key))


@require_POST
def move(request: SignedInRequest, site: str, key: str) -> HttpResponse:
    """Take a warning on, accept its risk, or settle it."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    given = request.POST
    record = _found(place, key)
    if given.get("to") not in set(WarningStage):
        return _detail(request, place, record, status=409)
    to = WarningStage(given["to"])
    try:
        services.move(
            place,
            key,
            MoveAsked(
                to,
                given.get("owner", "")[:254],
                _day(given.get("day", "")),
                given.get("note", ""),
                _version(given.get("version", "")),
            ),
            by=Actor(request.user),
            now=datetime.now(UTC),
        )
    except NoSuchWarning as refusal:
        raise Http404 from refusal
    except Refusal as refusal:
        return _detail(request, place, record, refusal=refusal, given=given, status=409)
    messages.success(request, f"{record.key} is {to.called} now.")
    return redirect("warnings:detail", site=place.name, key=record.key)


def _found(site: Site, key: str) -> WarningRecord:
    record = reads.warning_of(site, key)
    if record is None:
        raise Http404
    return record


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _version(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else None


def _detail(
    request: SignedInRequest,
    site: Site,
    record: WarningRecord,
    *,
    refusal: Refusal | None = None,
    given: Mapping[str, str] | None = None,
    status: int = 200,
) -> HttpResponse:
    role = role_of(request.user, site)
    now = datetime.now(UTC)
    context = {
        "site": site,
        "page": warning_page(record, by=Actor(request.user), now=now),
        "refusal": refusal,
        "given": given or {},
        "people": people_of(site),
        "me": request.user.email,
        "may_write": role is not None and role.covers(Role.ANALYST),
    }
    return render(request, "warnings/detail.html", context, status=status)
