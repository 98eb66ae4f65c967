"""The members of a site and what they do, over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.http import Http404, HttpRequest
from ninja import Router, Schema

from truelift.apps.accounts import services
from truelift.apps.accounts.models import User
from truelift.apps.accounts.reads import Member, members_of
from truelift.apps.accounts.roles import Role
from truelift.apps.sites.reads import site_for
from truelift.lifecycle.functions import Function


router = Router(tags=["accounts"])

Document = dict[str, Any]


class FunctionsIn(Schema):
    """What a member does, instead of what was said before."""

    functions: list[Function]


@router.get("/members")
def list_members(request: HttpRequest, site: str) -> Document:
    """List the members of a site with their roles and functions."""
    place = site_for(request.user, site)
    return {"members": [_document(each) for each in members_of(place)]}


@router.put("/members/{int:person}/functions")
def set_functions(request: HttpRequest, site: str, person: int, given: FunctionsIn) -> Document:
    """Say what a member does on the site."""
    place = site_for(request.user, site, needs=Role.OWNER)
    member = User.objects.filter(pk=person, memberships__site=place).first()
    if member is None or not isinstance(request.user, User):
        raise Http404
    services.set_functions(place, member, given.functions, by=request.user, now=datetime.now(UTC))
    return next(_document(each) for each in members_of(place) if each.user_id == person)


def _document(member: Member) -> Document:
    return {
        "person": member.user_id,
        "email": member.email,
        "name": member.name,
        "role": member.role,
        "functions": list(member.functions),
        "since": member.since,
    }
