"""Where tickets are linked, tools are connected, and tools tell what became of tickets."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from truelift.apps.accounts.requests import SignedInRequest
from truelift.apps.accounts.roles import Role
from truelift.apps.links import services
from truelift.apps.links.models import ToolKind, ToolRecord
from truelift.apps.links.reads import tools_of
from truelift.apps.links.services import BadTicket, BadTool, NoSuchTicket, NoSuchTool
from truelift.apps.links.speaking import secret_of
from truelift.apps.links.ticket import BadWebhook
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import site_for
from truelift.apps.threads.items import item_of


MOST_BYTES: Final = 2_000_000
"""Of a webhook; Jira sends whole issues."""

FIELDS: Final = (
    ("name", "Name", "How people here call it, as the repository or project.", "text"),
    (
        "api",
        "Address of its interface",
        "Jira: https://acme.atlassian.net. GitHub and Linear: empty, unless you run your own.",
        "url",
    ),
    (
        "account",
        "Account",
        "Only for Jira in the cloud: the address the token belongs to.",
        "email",
    ),
    ("token", "Token", "May read and comment on issues. Empty: nothing is asked.", "password"),
    ("secret", "Signing secret", "Only for Linear, which makes it itself.", "password"),
)


@require_POST
def link(request: SignedInRequest, site: str, kind: str, key: str) -> HttpResponse:
    """Link a ticket to an item."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    item = item_of(place, kind, key)
    if item is None:
        raise Http404
    try:
        services.link(
            place,
            kind,
            key,
            request.POST.get("url", ""),
            by=Actor(request.user),
            now=datetime.now(UTC),
        )
    except BadTicket as refusal:
        messages.error(request, str(refusal))
    return redirect(f"{item.href.partition('#')[0]}#links")


@require_POST
def unlink(request: SignedInRequest, site: str, ticket: int) -> HttpResponse:
    """Take a ticket off an item."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    try:
        gone = services.unlink(place, ticket, by=Actor(request.user), now=datetime.now(UTC))
    except NoSuchTicket as refusal:
        raise Http404 from refusal
    item = item_of(place, gone.kind, gone.key)
    return redirect(f"{item.href.partition('#')[0]}#links" if item else f"/s/{place.name}/")


@require_http_methods(["GET", "HEAD", "POST"])
def tools(request: SignedInRequest, site: str) -> HttpResponse:
    """Show the tools that a site speaks with; connect one."""
    place = site_for(request.user, site, needs=Role.OWNER)
    if request.method != "POST":
        return _tools(request, place)
    names = ("kind", *(name for name, *_ in FIELDS))
    given = {name: request.POST.get(name, "") for name in names}
    try:
        made = services.connect(place, **given, by=Actor(request.user), now=datetime.now(UTC))
    except BadTool as refusal:
        return _tools(request, place, kind=given["kind"], wrong=refusal.wrong, status=422)
    return _tools(request, place, made=made, status=201)


@require_POST
def disconnect(request: SignedInRequest, site: str, tool: int) -> HttpResponse:
    """Disconnect a tool."""
    place = site_for(request.user, site, needs=Role.OWNER)
    try:
        services.disconnect(place, tool, by=Actor(request.user), now=datetime.now(UTC))
    except NoSuchTool as refusal:
        raise Http404 from refusal
    return redirect("links:tools", site=place.name)


@csrf_exempt
@login_not_required
@require_POST
def receive(request: HttpRequest, kind: str, public_id: str) -> HttpResponse:
    """Take what a tool tells; its signature is the sign-in."""
    tool = (
        ToolRecord.objects.select_related("site")
        .filter(kind=kind, public_id=public_id, ended_at=None)
        .first()
    )
    if tool is None:
        raise Http404
    length = request.headers.get("content-length", "")
    if not length.isascii() or not length.isdigit() or len(length) > 9:
        return HttpResponse(status=411)
    if int(length) > MOST_BYTES:
        return HttpResponse(status=413)
    headers = {name.lower(): value for name, value in request.headers.items()}
    try:
        taken = services.receive(tool, headers, request.read(MOST_BYTES), now=datetime.now(UTC))
    except BadWebhook as refusal:
        return JsonResponse({"code": refusal.code, "detail": str(refusal)}, status=401)
    return JsonResponse({"taken": taken})


def _tools(
    request: SignedInRequest,
    site: Site,
    *,
    kind: str = ToolKind.GITHUB.value,
    made: ToolRecord | None = None,
    wrong: dict[str, str] | None = None,
    status: int = 200,
) -> HttpResponse:
    context = {
        "site": site,
        "tools": tools_of(site),
        "kinds": ToolKind.choices,
        "fields": FIELDS,
        "given": {"kind": kind},
        "wrong": wrong or {},
        "made": made,
        "address": address_of(made) if made else "",
        "secret": secret_of(made) if made and not made.secret else "",
    }
    return render(request, "links/tools.html", context, status=status)


def address_of(tool: ToolRecord) -> str:
    """Give the address at which a tool's webhooks arrive."""
    return f"{settings.TRUELIFT.public_url}/hooks/{tool.kind}/{tool.public_id}/"
