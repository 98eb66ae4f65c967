"""The pages of sharing: what is shared, the shared page itself, and PDFs."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.text import slugify
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from truelift.apps.accounts.reads import role_of
from truelift.apps.accounts.requests import SignedInRequest
from truelift.apps.accounts.roles import Role
from truelift.apps.drawing.wording import clock
from truelift.apps.links import shares
from truelift.apps.links.models import PrintRecord, ShareKind
from truelift.apps.links.reads import shares_of
from truelift.apps.links.shares import BadShare, NoSuchShare, Shared
from truelift.apps.links.shown import NothingToShow, shown
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import site_for
from truelift.errors import Refusal


@login_not_required
@never_cache
@require_safe
def show(request: HttpRequest, token: str) -> HttpResponse:
    """Show one thing to whoever has the address."""
    now = datetime.now(UTC)
    try:
        found = shares.behind(token, now=now)
        page = shown(found.site, ShareKind(found.kind), found.key, found.number, now=now)
    except (NoSuchShare, NothingToShow):
        answer = render(request, "links/share.html", {"refusal": str(NoSuchShare())}, status=404)
    else:
        until = clock(found.expires_at.astimezone(ZoneInfo(found.site.time_zone)))
        context = {"page": page, "of_site": str(found.site), "until": until}
        answer = render(request, "links/share.html", context)
    answer["X-Robots-Tag"] = "noindex, nofollow"
    answer["Referrer-Policy"] = "no-referrer"
    return answer


@require_http_methods(["GET", "HEAD", "POST"])
def share(request: SignedInRequest, site: str) -> HttpResponse:
    """Show what is shared; share one thing more."""
    if request.method != "POST":
        return _shares(request, site_for(request.user, site))
    place = site_for(request.user, site, needs=Role.ANALYST)
    days = request.POST.get("days", "")
    try:
        made = shares.share(
            place,
            request.POST.get("kind", ""),
            request.POST.get("key", ""),
            days=int(days) if days.isascii() and days.isdigit() and len(days) < 4 else 0,
            by=Actor(request.user),
            now=datetime.now(UTC),
        )
    except (BadShare, NothingToShow) as refusal:
        return _shares(request, place, refusal=refusal, status=409)
    return _shares(request, place, made=made, status=201)


@require_POST
def revoke(request: SignedInRequest, site: str, share: int) -> HttpResponse:
    """Show a page to nobody any more."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    try:
        shares.revoke(place, share, by=Actor(request.user), now=datetime.now(UTC))
    except NoSuchShare as refusal:
        raise Http404 from refusal
    return redirect("links:share", site=place.name)


@require_POST
def ask_print(request: SignedInRequest, site: str) -> HttpResponse:
    """Have a PDF made."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    try:
        record = shares.ask_for_print(
            place,
            request.POST.get("kind", ""),
            request.POST.get("key", ""),
            by=Actor(request.user),
            now=datetime.now(UTC),
        )
    except (BadShare, NothingToShow) as refusal:
        return _shares(request, place, refusal=refusal, status=409)
    return redirect("links:print", site=place.name, record=record.pk)


@require_safe
def print_state(request: SignedInRequest, site: str, record: int) -> HttpResponse:
    """Say whether a PDF is ready."""
    place = site_for(request.user, site)
    return render(request, "links/pdf.html", {"site": place, "record": _print(place, record)})


@require_safe
@never_cache
def pdf(request: SignedInRequest, site: str, record: int) -> HttpResponse:
    """Give a PDF."""
    found = _print(site_for(request.user, site), record)
    if not found.content:
        raise Http404
    name = f"{slugify(found.key) or 'page'}-{found.kind}.pdf"
    return HttpResponse(
        bytes(found.content),
        content_type="application/pdf",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _print(site: Site, pk: int) -> PrintRecord:
    found = PrintRecord.objects.filter(site=site, pk=pk).first()
    if found is None:
        raise Http404
    return found


def _shares(
    request: SignedInRequest,
    site: Site,
    *,
    made: Shared | None = None,
    refusal: Refusal | None = None,
    status: int = 200,
) -> HttpResponse:
    role = role_of(request.user, site)
    context = {
        "site": site,
        "shares": shares_of(site, now=datetime.now(UTC)),
        "made": made.record if made else None,
        "address": made.address if made else "",
        "refusal": refusal,
        "may_write": role is not None and role.covers(Role.ANALYST),
    }
    answer = render(request, "links/shares.html", context, status=status)
    if made:
        answer["Cache-Control"] = "no-store"
    return answer
