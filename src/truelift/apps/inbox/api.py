"""The inbox over HTTP, through the same services."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.http import HttpRequest
from ninja import Field, Router, Schema, Status

from truelift.apps.accounts.models import User
from truelift.apps.accounts.roles import Role
from truelift.apps.inbox import hooks, services
from truelift.apps.inbox.mailing import wishes_of
from truelift.apps.inbox.reads import deliveries_of, delivery_document, hooks_of, line_document
from truelift.apps.inbox.sending import secret_of
from truelift.apps.inbox.waiting import lines_of
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import site_for
from truelift.lifecycle.notice import Severity, Topic, Wish


router = Router(tags=["inbox"])

Document = dict[str, Any]


class ActIn(Schema):
    """What to do with a line."""

    cause: str = Field(max_length=200)
    what: str = Field(max_length=10, description="`day`, `week`, `wake` or `aside`.")


class WishesIn(Schema):
    """How to hear of each topic; what is left out stays as it is."""

    alert: Wish | None = None
    decision: Wish | None = None
    mention: Wish | None = None
    work: Wish | None = None
    week: Wish | None = None


class HookIn(Schema):
    """A webhook to open."""

    name: str = Field(max_length=80)
    form: str = Field(max_length=5)
    address: str = Field(max_length=2000)
    least: Severity = Severity.WATCH


@router.get("/inbox")
def list_lines(request: HttpRequest, site: str, *, snoozed: bool = False) -> Document:
    """List what waits for the one who asks, what is worst and due first at the top."""
    place = site_for(request.user, site)
    lines = lines_of(_user(request), place, now=_now(), snoozed=snoozed)
    return {"lines": [line_document(line) for line in lines]}


@router.post("/inbox/act", response={204: None})
def act(request: HttpRequest, site: str, given: ActIn) -> Status[None]:
    """Put a line off by a day or a week, take it back, or put a notice aside."""
    place = site_for(request.user, site)
    services.act(place, given.cause, given.what, user=_user(request), now=_now())
    return Status(204, None)


@router.get("/inbox/settings")
def show_wishes(request: HttpRequest, site: str) -> Document:
    """Say how the one who asks hears of each topic."""
    place = site_for(request.user, site)
    chosen = wishes_of(_user(request), place)
    return {topic.value: wish.value for topic, wish in chosen.items()}


@router.put("/inbox/settings")
def choose(request: HttpRequest, site: str, given: WishesIn) -> Document:
    """Choose how to hear of topics."""
    place, user = site_for(request.user, site), _user(request)
    for topic in Topic:
        wish = getattr(given, topic.value)
        if wish is not None:
            services.choose(place, topic.value, wish, user=user)
    return {topic.value: wish.value for topic, wish in wishes_of(user, place).items()}


@router.get("/webhooks")
def list_hooks(request: HttpRequest, site: str) -> Document:
    """List the webhooks of a site and what was sent to them; for owners."""
    place = _owned(request, site)
    return {
        "webhooks": [
            {
                "id": each.pk,
                "name": each.name,
                "form": each.form,
                "host": each.host,
                "least": each.least,
                "made_at": each.made_at,
            }
            for each in hooks_of(place)
        ],
        "deliveries": [delivery_document(each) for each in deliveries_of(place)],
    }


@router.post("/webhooks", response={201: Document})
def open_hook(request: HttpRequest, site: str, given: HookIn) -> Status[Document]:
    """Open a webhook; its secret is said now."""
    place = _owned(request, site)
    made = hooks.open_hook(place, **given.dict(), by=Actor(_user(request)), now=_now())
    return Status(201, {"id": made.pk, "secret": secret_of(made)})


@router.post("/webhooks/{hook}/try", response={202: Document})
def try_hook(request: HttpRequest, site: str, hook: int) -> Status[Document]:
    """Send a trial message."""
    sent = hooks.try_hook(_owned(request, site), hook, now=_now())
    return Status(202, {"id": sent.message_id})


@router.delete("/webhooks/{hook}", response={204: None})
def end_hook(request: HttpRequest, site: str, hook: int) -> Status[None]:
    """End a webhook."""
    place = _owned(request, site)
    hooks.end_hook(place, hook, by=Actor(_user(request)), now=_now())
    return Status(204, None)


def _owned(request: HttpRequest, name: str) -> Site:
    return site_for(request.user, name, needs=Role.OWNER)


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # noqa: S101 - every endpoint signs in first
    return request.user


def _now() -> datetime:
    return datetime.now(UTC)
