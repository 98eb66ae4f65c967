"""Signals and ideas over HTTP, through the same services as the pages; and signed webhooks."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Final, Literal

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from ninja import Field, Query, Router, Schema, Status
from ninja.errors import HttpError

from truelift.apps.accounts.models import User
from truelift.apps.accounts.roles import Role
from truelift.apps.intake import services
from truelift.apps.intake.channels import BadSignature, check_signature, hook_of
from truelift.apps.intake.fields import Arrival, IdeaFields, SignalFields
from truelift.apps.intake.models import Channel, Delivery, Way
from truelift.apps.intake.reads import (
    PAGE,
    Wanted,
    idea_document,
    idea_of,
    ideas_wanted,
    signal_document,
    signal_of,
    signals_wanted,
)
from truelift.apps.intake.services import AlreadyHere, NoSuchIdea, NoSuchSignal
from truelift.apps.lists.part import Part, newest_after
from truelift.apps.research.actor import Actor
from truelift.apps.research.reads import hypothesis_document, insight_document
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import site_for
from truelift.lifecycle.idea import IdeaAction
from truelift.lifecycle.signal import SignalAction


router = Router(tags=["intake"])

MOST_BYTES: Final = 65_536
"""Of a webhook's body."""

LONGEST: Final = 8000

Document = dict[str, Any]


class Passed(Schema):
    """Who passes something on, and what it is called where it comes from."""

    detail: str = Field(default="", max_length=LONGEST)
    surface: str = Field(default="", max_length=120)
    segment: str = Field(default="", max_length=120)
    url: str = Field(default="", max_length=500)
    team: str = Field(default="", max_length=80)
    contact: str = Field(default="", max_length=254)
    outside_id: str = Field(default="", max_length=200)


class SignalIn(Passed):
    """What somebody noticed."""

    title: str = Field(min_length=1, max_length=200)


class IdeaIn(Passed):
    """What somebody proposes, and the problem that it answers."""

    change: str = Field(min_length=1, max_length=300)
    problem: str = Field(default="", max_length=300)
    insight: str = Field(default="", max_length=20)
    signal: str = Field(default="", max_length=20)


class SignalMoveIn(Schema):
    """A step of a signal."""

    action: SignalAction
    insight: str = Field(default="", max_length=20)
    reason: str = Field(default="", max_length=500)
    until: datetime | None = None


class BulkIn(SignalMoveIn):
    """One step of several signals."""

    keys: list[str] = Field(min_length=1, max_length=500)


class IdeaMoveIn(Schema):
    """A step of an idea."""

    action: IdeaAction
    hypothesis: str = Field(default="", max_length=20)
    reason: str = Field(default="", max_length=500)


class ProblemIn(Schema):
    """What an idea answers."""

    insight: str = Field(default="", max_length=20)
    signal: str = Field(default="", max_length=20)


class Listed(Schema):
    """Which part of a list."""

    text: str = Field(default="", max_length=200)
    way: Literal["", "member", "link", "csv", "mail", "webhook", "api"] = ""
    surface: str = Field(default="", max_length=120)
    page: int = Field(default=1, ge=1, le=100_000)
    limit: int = Field(default=PAGE, ge=1, le=500)
    cursor: str = Field(default="", max_length=20)


class SignalsListed(Listed):
    """Which signals."""

    show: Literal["waiting", "snoozed", "linked", "dismissed", "all"] = "all"
    sort: Literal["due", "newest", "oldest"] = "newest"
    overdue: bool = False


class IdeasListed(Listed):
    """Which ideas."""

    show: Literal["open", "promoted", "parked", "rejected", "all"] = "all"


_PART = {"limit", "cursor"}


def _part(found: QuerySet[Any], given: Listed) -> Part:
    """Give a page by its number in the order that was asked for, or go on from a cursor."""
    if given.cursor or given.page == 1:
        follows = not given.cursor and getattr(given, "sort", "newest") != "newest"
        return newest_after(found, given.cursor, given.limit, ordered=follows)
    first = (given.page - 1) * given.limit
    return Part(tuple(found[first : first + given.limit]), None)


@router.get("/signals")
def list_signals(request: HttpRequest, site: str, given: Query[SignalsListed]) -> Document:
    """List the signals of a site, a page at a time."""
    place, now = _site(request, site), _now()
    found = signals_wanted(place, Wanted(**given.dict(exclude=_PART)), now=now)
    part = _part(found, given)
    return {
        "signals": [signal_document(each, now=now) for each in part.records],
        "count": found.count(),
        "page": given.page,
        "next": part.next,
    }


@router.post("/signals", response={201: Document})
def receive_signal(request: HttpRequest, site: str, given: SignalIn) -> Status[Document]:
    """Write down what somebody noticed; every member may."""
    place, now = _site(request, site), _now()
    arrival = Arrival(Way.API, by=_actor(request), outside_id=given.outside_id)
    made = services.receive_signal(place, _signal(given), arrival, now=now)
    return Status(201, signal_document(made, now=now))


@router.post("/signals/move")
def move_signals(request: HttpRequest, site: str, given: BulkIn) -> Document:
    """Take several signals one step, each for itself."""
    place = _site(request, site, needs=Role.ANALYST)
    done = services.move_signals(
        place,
        given.keys,
        given.action,
        by=_actor(request),
        now=_now(),
        reason=given.reason,
        until=_aware(given.until),
    )
    return {
        "done": list(done.done),
        "refused": {
            key: [{"code": each.code, "sentence": each.sentence} for each in reasons]
            for key, reasons in done.refused.items()
        },
    }


@router.get("/signals/{key}")
def show_signal(request: HttpRequest, site: str, key: str) -> Document:
    """Show a signal."""
    return _signal_document(_site(request, site), key)


@router.post("/signals/{key}/move")
def move_signal(request: HttpRequest, site: str, key: str, given: SignalMoveIn) -> Document:
    """Take a signal one step, or say every reason why not."""
    place = _site(request, site, needs=Role.ANALYST)
    services.move_signal_record(
        place,
        key,
        given.action,
        by=_actor(request),
        now=_now(),
        insight=given.insight,
        reason=given.reason,
        until=_aware(given.until),
    )
    return _signal_document(place, key)


@router.post("/signals/{key}/insight", response={201: Document})
def insight_from_signal(request: HttpRequest, site: str, key: str) -> Status[Document]:
    """Start a finding that is filled from a signal, and link them."""
    place = _site(request, site, needs=Role.ANALYST)
    made = services.insight_from_signal(place, key, by=_actor(request), now=_now())
    return Status(201, insight_document(made))


@router.delete("/signals/{key}", response={204: None})
def delete_signal(request: HttpRequest, site: str, key: str) -> Status[None]:
    """Delete a signal that nothing hangs on."""
    place = _site(request, site, needs=Role.ANALYST)
    services.delete_signal(place, key, by=_actor(request), now=_now())
    return Status(204, None)


@router.get("/ideas")
def list_ideas(request: HttpRequest, site: str, given: Query[IdeasListed]) -> Document:
    """List the ideas of a site, a page at a time, the newest first."""
    place = _site(request, site)
    found = ideas_wanted(place, Wanted(**given.dict(exclude=_PART)))
    part = _part(found, given)
    return {
        "ideas": [idea_document(each) for each in part.records],
        "count": found.count(),
        "page": given.page,
        "next": part.next,
    }


@router.post("/ideas", response={201: Document})
def receive_idea(request: HttpRequest, site: str, given: IdeaIn) -> Status[Document]:
    """Write down what somebody proposes; every member may."""
    place = _site(request, site)
    arrival = Arrival(Way.API, by=_actor(request), outside_id=given.outside_id)
    made = services.receive_idea(place, _idea(given), arrival, now=_now())
    return Status(201, idea_document(made))


@router.get("/ideas/{key}")
def show_idea(request: HttpRequest, site: str, key: str) -> Document:
    """Show an idea."""
    return _idea_document(_site(request, site), key)


@router.put("/ideas/{key}/problem")
def link_problem(request: HttpRequest, site: str, key: str, given: ProblemIn) -> Document:
    """Say which finding or signal an idea answers."""
    place = _site(request, site, needs=Role.ANALYST)
    services.link_problem(
        place, key, insight=given.insight, signal=given.signal, by=_actor(request), now=_now()
    )
    return _idea_document(place, key)


@router.post("/ideas/{key}/move")
def move_idea(request: HttpRequest, site: str, key: str, given: IdeaMoveIn) -> Document:
    """Take an idea one step, or say every reason why not."""
    place = _site(request, site, needs=Role.ANALYST)
    services.move_idea_record(
        place,
        key,
        given.action,
        by=_actor(request),
        now=_now(),
        hypothesis=given.hypothesis,
        reason=given.reason,
    )
    return _idea_document(place, key)


@router.post("/ideas/{key}/hypothesis", response={201: Document})
def hypothesis_from_idea(request: HttpRequest, site: str, key: str) -> Status[Document]:
    """Start a hypothesis that is filled from an idea, and link them."""
    place = _site(request, site, needs=Role.ANALYST)
    made = services.hypothesis_from_idea(place, key, by=_actor(request), now=_now())
    return Status(201, hypothesis_document(made))


@router.delete("/ideas/{key}", response={204: None})
def delete_idea(request: HttpRequest, site: str, key: str) -> Status[None]:
    """Delete an idea that nothing hangs on."""
    place = _site(request, site, needs=Role.ANALYST)
    services.delete_idea(place, key, by=_actor(request), now=_now())
    return Status(204, None)


@router.post("/intake/{hook}", auth=None, response={200: Document, 201: Document})
def webhook(request: HttpRequest, hook: str) -> Status[Document]:
    """Take in a signal or an idea from a signed request (Standard Webhooks).

    The body is a signal or an idea as above, with `kind`: `signal` or `idea`. The same
    `webhook-id` twice is taken once and answered with 200.
    """
    channel, now = hook_of(hook), _now()
    if channel is None:
        raise Http404
    if len(request.body) > MOST_BYTES:
        raise HttpError(413, "The body is larger than 64 KiB.")
    try:
        message_id = check_signature(channel, headers=request.headers, body=request.body, now=now)
    except BadSignature as refusal:
        raise HttpError(401, str(refusal)) from refusal
    known = Delivery.objects.filter(channel=channel, message_id=message_id).first()
    if known is not None:
        return Status(200, {"key": known.made, "already": True})
    try:
        with transaction.atomic():
            key = _taken(channel, request.body, now=now)
            Delivery.objects.create(
                channel=channel, message_id=message_id, received_at=now, made=key
            )
    except IntegrityError:
        # The same request came twice at once, and the other one won.
        known = Delivery.objects.get(channel=channel, message_id=message_id)
        return Status(200, {"key": known.made, "already": True})
    return Status(201, {"key": key, "already": False})


def _taken(channel: Channel, body: bytes, *, now: datetime) -> str:
    from pydantic import ValidationError

    try:
        given = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise HttpError(422, "The body is no JSON.") from error
    kind = given.pop("kind", "signal") if isinstance(given, dict) else None
    if kind not in ("signal", "idea"):
        raise HttpError(422, "`kind` is signal or idea.")
    try:
        if kind == "idea":
            idea = IdeaIn.model_validate(given)
            arrival = Arrival(Way.WEBHOOK, channel=channel, outside_id=idea.outside_id)
            return services.receive_idea(channel.site, _idea(idea), arrival, now=now).key
        signal = SignalIn.model_validate(given)
        arrival = Arrival(Way.WEBHOOK, channel=channel, outside_id=signal.outside_id)
        return services.receive_signal(channel.site, _signal(signal), arrival, now=now).key
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()[:20]
        )
        raise HttpError(422, f"The body does not fit: {wrong}.") from error
    except AlreadyHere as known:
        return known.key


def _site(request: HttpRequest, name: str, *, needs: Role = Role.VIEWER) -> Site:
    return site_for(request.user, name, needs=needs)


def _actor(request: HttpRequest) -> Actor:
    user = request.user
    return Actor(user if isinstance(user, User) else None)


def _now() -> datetime:
    return datetime.now(UTC)


def _aware(at: datetime | None) -> datetime | None:
    """Take a moment without a zone as UTC, as the API's documents write them."""
    return at if at is None or at.tzinfo is not None else at.replace(tzinfo=UTC)


def _signal(given: SignalIn) -> SignalFields:
    return SignalFields(**given.dict(exclude={"outside_id"}))


def _idea(given: IdeaIn) -> IdeaFields:
    return IdeaFields(**given.dict(exclude={"outside_id"}))


def _signal_document(site: Site, key: str) -> Document:
    found = signal_of(site, key)
    if found is None:
        raise NoSuchSignal(key=key[:40])
    return signal_document(found, now=_now())


def _idea_document(site: Site, key: str) -> Document:
    found = idea_of(site, key)
    if found is None:
        raise NoSuchIdea(key=key[:40])
    return idea_document(found)
