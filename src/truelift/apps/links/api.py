"""Tickets, tools and shared pages over HTTP, through the same services."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.http import Http404, HttpRequest
from ninja import Field, Router, Schema, Status

from truelift.apps.accounts.models import User
from truelift.apps.accounts.roles import Role
from truelift.apps.links import services, shares
from truelift.apps.links.reads import (
    share_document,
    shares_of,
    ticket_document,
    tool_document,
    tools_of,
)
from truelift.apps.links.services import tickets_at
from truelift.apps.links.speaking import secret_of
from truelift.apps.links.views import address_of
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import site_for
from truelift.apps.threads.items import item_of


router = Router(tags=["links"])

Document = dict[str, Any]


class TicketIn(Schema):
    """A ticket to link to an item."""

    kind: str = Field(max_length=20)
    key: str = Field(max_length=80)
    url: str = Field(max_length=500)


class ToolIn(Schema):
    """A tool to connect."""

    kind: str = Field(max_length=6)
    name: str = Field(max_length=80)
    api: str = Field(default="", max_length=300)
    account: str = Field(default="", max_length=254)
    token: str = Field(default="", max_length=1000)
    secret: str = Field(default="", max_length=1000)


class ShareIn(Schema):
    """One thing to share."""

    kind: str = Field(max_length=9, description="`result`, `brief` or `principle`.")
    key: str = Field(max_length=80)
    days: int = Field(default=7, description="1, 7, 30 or 90.")


@router.get("/tickets")
def list_tickets(request: HttpRequest, site: str, kind: str, key: str) -> Document:
    """List the tickets of an item."""
    place = site_for(request.user, site)
    if item_of(place, kind, key) is None:
        raise Http404
    return {"tickets": [ticket_document(each) for each in tickets_at(place, kind, key)]}


@router.post("/tickets", response={201: Document})
def link(request: HttpRequest, site: str, given: TicketIn) -> Status[Document]:
    """Link a ticket to an item; linking it again gives the link that there is."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    made = services.link(place, given.kind, given.key, given.url, by=_actor(request), now=_now())
    return Status(201, ticket_document(made))


@router.delete("/tickets/{ticket}", response={204: None})
def unlink(request: HttpRequest, site: str, ticket: int) -> Status[None]:
    """Take a ticket off an item."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    services.unlink(place, ticket, by=_actor(request), now=_now())
    return Status(204, None)


@router.get("/tools")
def list_tools(request: HttpRequest, site: str) -> Document:
    """List the tools that a site speaks with; for owners."""
    return {"tools": [tool_document(each) for each in tools_of(_owned(request, site))]}


@router.post("/tools", response={201: Document})
def connect(request: HttpRequest, site: str, given: ToolIn) -> Status[Document]:
    """Connect a tool; the address of its webhook, and the secret for it, are said now."""
    place = _owned(request, site)
    made = services.connect(place, **given.dict(), by=_actor(request), now=_now())
    secret = None if made.secret else secret_of(made)
    return Status(201, {**tool_document(made), "webhook": address_of(made), "secret": secret})


@router.delete("/tools/{tool}", response={204: None})
def disconnect(request: HttpRequest, site: str, tool: int) -> Status[None]:
    """Disconnect a tool."""
    services.disconnect(_owned(request, site), tool, by=_actor(request), now=_now())
    return Status(204, None)


@router.get("/shares")
def list_shares(request: HttpRequest, site: str) -> Document:
    """List what is shared now."""
    place = site_for(request.user, site)
    return {"shares": [share_document(each) for each in shares_of(place, now=_now())]}


@router.post("/shares", response={201: Document})
def share(request: HttpRequest, site: str, given: ShareIn) -> Status[Document]:
    """Share one thing; its address is said now."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    made = shares.share(
        place, given.kind, given.key, days=given.days, by=_actor(request), now=_now()
    )
    return Status(201, {**share_document(made.record), "address": made.address})


@router.delete("/shares/{share}", response={204: None})
def revoke(request: HttpRequest, site: str, share: int) -> Status[None]:
    """Show a page to nobody any more."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    shares.revoke(place, share, by=_actor(request), now=_now())
    return Status(204, None)


def _owned(request: HttpRequest, name: str) -> Site:
    return site_for(request.user, name, needs=Role.OWNER)


def _actor(request: HttpRequest) -> Actor:
    assert isinstance(request.user, User)  # noqa: S101 - every endpoint signs in first
    return Actor(request.user)


def _now() -> datetime:
    return datetime.now(UTC)
