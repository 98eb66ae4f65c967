"""Warnings over HTTP, through the same services."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from django.http import Http404, HttpRequest
from ninja import Field, Router, Schema

from truelift.apps.accounts.models import User
from truelift.apps.accounts.roles import Role
from truelift.apps.research.actor import Actor
from truelift.apps.sites.reads import site_for
from truelift.apps.warnings import reads, services
from truelift.apps.warnings.services import MoveAsked, NoSuchWarning
from truelift.lifecycle.warning import Kind, WarningStage


router = Router(tags=["warnings"])

Document = dict[str, Any]


class WarningMoveIn(Schema):
    """Where a warning is to go."""

    to: WarningStage
    owner: str = Field(default="", max_length=254, description="Who deals with it; else you.")
    day: date | None = Field(default=None, description="Until when it is dealt with, or accepted.")
    note: str = Field(default="", max_length=1000)
    version: int | None = None


@router.get("/warnings")
def listing(request: HttpRequest, site: str, kind: Kind | None = None) -> Document:
    """List what the last night said of every kind, and every warning there ever was."""
    place = site_for(request.user, site)
    kept = reads.readings_of(place)
    return {
        "kinds": [
            reads.reading_document(each, kept.get(each))
            for each in Kind
            if kind is None or each is kind
        ],
        "warnings": [
            reads.warning_document(each)
            for each in reads.warnings_of(place)
            if kind is None or each.kind == kind.value
        ],
    }


@router.get("/warnings/{key}")
def detail(request: HttpRequest, key: str, site: str) -> Document:
    """Give one warning with its numbers, its history and its back-test."""
    place = site_for(request.user, site)
    record = reads.warning_of(place, key)
    if record is None:
        raise Http404
    return reads.detail_document(record)


@router.post("/warnings/{key}/move")
def move(request: HttpRequest, key: str, site: str, given: WarningMoveIn) -> Document:
    """Take a warning on, accept its risk for a time, or settle it."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    user = request.user
    try:
        record = services.move(
            place,
            key,
            MoveAsked(given.to, given.owner, given.day, given.note, given.version),
            by=Actor(user if isinstance(user, User) else None),
            now=datetime.now(UTC),
        )
    except NoSuchWarning as refusal:
        raise Http404 from refusal
    return reads.detail_document(record)
