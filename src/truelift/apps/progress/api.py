"""A programme's figures over HTTP."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from django.http import Http404, HttpRequest
from ninja import Field, Router, Schema

from truelift.apps.accounts.models import User
from truelift.apps.accounts.roles import Role
from truelift.apps.progress import reads, services
from truelift.apps.progress.troubles import trouble_document
from truelift.apps.research.actor import Actor
from truelift.apps.sites.reads import site_for
from truelift.lifecycle.programme_causes import Reason, Trouble


router = Router(tags=["programme"])

Document = dict[str, Any]


class CauseIn(Schema):
    """Why an item is in trouble."""

    trouble: Trouble
    key: str = Field(max_length=80)
    reason: Reason
    note: str = Field(default="", max_length=500)


@router.get("/programme/metrics")
def metrics(request: HttpRequest, site: str, day: date | None = None, only: str = "") -> Document:
    """Give the figures of the last day that was kept, of another one, or of this moment.

    `only` names parts of the document, with commas; a rate is never given alone.
    """
    place = site_for(request.user, site)
    kept = reads.latest(place) if day is None else reads.figures_at(place, day)
    if kept is None and day is not None:
        raise Http404
    document = kept.document if kept else reads.computed(place, now=datetime.now(UTC))
    names = [name.strip() for name in only.split(",") if name.strip()]
    return reads.widget(document, names) if names else document


@router.get("/programme/troubles")
def troubles(request: HttpRequest, site: str) -> Document:
    """List what is stuck or came to nothing now, each with its reason."""
    place = site_for(request.user, site)
    _, found = reads.trouble_list(place, now=datetime.now(UTC))
    return {"troubles": [trouble_document(each) for each in found]}


@router.post("/programme/troubles")
def say_reason(request: HttpRequest, site: str, given: CauseIn) -> Document:
    """Say why an item is in trouble."""
    place = site_for(request.user, site, needs=Role.EDITOR)
    user = request.user
    row = services.say_reason(
        place,
        given.trouble.value,
        given.key,
        given.reason.value,
        by=Actor(user if isinstance(user, User) else None),
        now=datetime.now(UTC),
        note=given.note,
    )
    return {
        "trouble": row.trouble,
        "key": row.key,
        "reason": row.reason,
        "guessed": row.guessed,
        "made_at": row.made_at,
    }
