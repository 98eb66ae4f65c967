"""Rollouts over HTTP, through the same services."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema, Status

from truelift.apps.accounts.models import User
from truelift.apps.accounts.roles import Role
from truelift.apps.lists.part import Wanted, part_of
from truelift.apps.research.actor import Actor
from truelift.apps.rollouts import services
from truelift.apps.rollouts.lists import ROLLOUTS
from truelift.apps.rollouts.reads import (
    check_document,
    counted,
    lateness_document,
    lateness_of,
    rollout_document,
    rollout_of,
    summary_document,
    valued,
)
from truelift.apps.rollouts.services import NoSuchRollout, RolloutFields
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import site_for
from truelift.lifecycle.rollout import RolloutAction


router = Router(tags=["rollouts"])

Document = dict[str, Any]


class FieldsIn(Schema):
    """What is said of a rollout; what is left out stays as it is."""

    owner: str | None = Field(default=None, max_length=254)
    due: str | None = Field(default=None, max_length=10)
    variant: str | None = Field(default=None, max_length=80)
    exposure: float | None = None
    permanent: bool | None = None
    deploy_link: str | None = Field(default=None, max_length=500)
    ticket: str | None = Field(default=None, max_length=500)
    variant_code: str | None = Field(default=None, max_length=20)
    notes: str | None = Field(default=None, max_length=2000)
    reach: float | None = None
    check_url: str | None = Field(default=None, max_length=2000)
    present: str | None = Field(default=None, max_length=4000)
    gone: str | None = Field(default=None, max_length=4000)
    version: int | None = None


class RolloutMoveIn(Schema):
    """A step to take."""

    action: RolloutAction
    reason: str = Field(default="", max_length=1000)
    version: int | None = None


class SignIn(Schema):
    """In which function somebody says that it is live for everybody."""

    function: str = Field(max_length=20)


class RolloutsWanted(Wanted):
    """Which winners; a stage, or `open`, `over`."""

    stage: str = Field(default="", max_length=20)
    who: str = Field(default="", max_length=200)
    overdue: Literal["", "on"] = ""


@router.get("/rollouts")
def list_rollouts(request: HttpRequest, site: str, wanted: Query[RolloutsWanted]) -> Document:
    """List winners with what each costs while it is not live; `next` is where they go on."""
    place = _site(request, site)
    part = part_of(ROLLOUTS, place, wanted, now=_now())
    rows = valued(place, part.records, now=_now())
    counter, leaders = counted(place, now=_now())
    rank = {pk: at for at, pk in enumerate(leaders)}
    rows = tuple(sorted(rows, key=lambda row: rank.get(row.record.pk, len(rank))))
    return {
        "next": part.next,
        "rollouts": [summary_document(row) for row in rows],
        "unrealised": {
            "value_minor": counter.value,
            "per_day_minor": counter.per_day,
            "unknown": counter.unknown,
            "currency": place.currency,
            "asked_at": counter.asked_at,
            "absent": counter.problem or None,
        },
        "warning": lateness_document(lateness_of(place, now=_now())),
    }


# Before the addresses of single rollouts, which would take its last word for a key.
@router.post("/rollouts/refresh", response={202: Document})
def refresh(request: HttpRequest, site: str) -> Status[Document]:
    """Have the figures computed anew; it is done outside of the request."""
    place = _site(request, site, needs=Role.ANALYST)
    services.ask_for_money(place, by=_actor(request), now=_now())
    return Status(202, {"site": place.name})


@router.get("/rollouts/{key}")
def show_rollout(request: HttpRequest, site: str, key: str) -> Document:
    """Show a rollout, with what stands in the way of each step."""
    return _document(request, _site(request, site), key)


@router.patch("/rollouts/{key}")
def edit(request: HttpRequest, site: str, key: str, given: FieldsIn) -> Document:
    """Change what is said of a rollout."""
    place = _site(request, site, needs=Role.EDITOR)
    fields = RolloutFields(**given.dict(exclude={"version"}))
    services.edit_rollout(place, key, fields, by=_actor(request), now=_now(), version=given.version)
    return _document(request, place, key)


@router.post("/rollouts/{key}/move")
def move(request: HttpRequest, site: str, key: str, given: RolloutMoveIn) -> Document:
    """Take one step, or say every reason why it may not be taken."""
    place = _site(request, site, needs=Role.EDITOR)
    services.move(
        place,
        key,
        given.action,
        by=_actor(request),
        now=_now(),
        reason=given.reason,
        version=given.version,
    )
    return _document(request, place, key)


@router.post("/rollouts/{key}/sign")
def sign(request: HttpRequest, site: str, key: str, given: SignIn) -> Document:
    """Say, in a function, that it is live for everybody."""
    place = _site(request, site, needs=Role.ANALYST)
    services.sign(place, key, given.function, by=_user(request), now=_now())
    return _document(request, place, key)


@router.post("/rollouts/{key}/check", response={202: Document})
def check(request: HttpRequest, site: str, key: str) -> Status[Document]:
    """Ask for a page check; a browser does it outside of the request."""
    place = _site(request, site, needs=Role.ANALYST)
    asked = services.ask_for_check(place, key, by=_actor(request), now=_now())
    return Status(202, check_document(asked))


def _document(request: HttpRequest, site: Site, key: str) -> Document:
    record = rollout_of(site, key)
    if record is None:
        raise NoSuchRollout(key=key)
    return rollout_document(record, by=_actor(request), now=_now())


def _site(request: HttpRequest, name: str, *, needs: Role = Role.VIEWER) -> Site:
    return site_for(request.user, name, needs=needs)


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # noqa: S101 - every endpoint signs in first
    return request.user


def _actor(request: HttpRequest) -> Actor:
    return Actor(_user(request))


def _now() -> datetime:
    return datetime.now(UTC)
