"""The backlog over HTTP, through the same services as the pages."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema

from truelift.apps.accounts.models import User
from truelift.apps.accounts.roles import Role
from truelift.apps.backlog import services
from truelift.apps.backlog.reads import (
    PAGE,
    Placed,
    Wanted,
    blind_to,
    item_document,
    item_of,
    placed,
    wanted_items,
)
from truelift.apps.backlog.rule import Agreed
from truelift.apps.backlog.services import NoSuchItem
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import site_for
from truelift.lifecycle.scoring_value import Concern, RiskClass


router = Router(tags=["backlog"])

Document = dict[str, Any]


class Listed(Schema):
    """Which part of the backlog."""

    kind: Literal["", "hypotheses", "ideas"] = ""
    route: Literal["", "test", "bold_test", "ship", "ladder", "research", "drop", "unknown"] = ""
    surface: str = Field(default="", max_length=120)
    text: str = Field(default="", max_length=200)
    waits: Literal["", "score", "discuss"] = ""
    sort: Literal["rank", "newest", "oldest", "leak", "traffic"] = "rank"
    page: int = Field(default=1, ge=1, le=100_000)


class ScoreIn(Schema):
    """One person's answers: name of the input and the number."""

    values: dict[str, float] = Field(min_length=1, max_length=40)
    note: str = Field(default="", max_length=500)


class FactsIn(Schema):
    """What only people know about an item."""

    defect: bool = False
    if_wins: str = Field(default="", max_length=300)
    if_loses: str = Field(default="", max_length=300)
    risk: dict[Concern, RiskClass] = Field(default_factory=dict)


class RankIn(Schema):
    """A rank against the score."""

    rank: int = Field(ge=1, le=100_000)
    reason: str = Field(min_length=1, max_length=500)


@router.get("/backlog")
def list_backlog(request: HttpRequest, site: str, given: Query[Listed]) -> Document:
    """List what competes for the next slot, a page at a time."""
    place = site_for(request.user, site)
    agreed = services.catch_up(place, now=_now())
    wanted = Wanted(**given.dict())
    first = (given.page - 1) * PAGE
    found = placed(place, agreed, wanted, first=first)
    hidden = blind_to(_actor(request).user, (each.item for each in found), agreed, site=place)
    return {
        "framework": agreed.rule.framework.value,
        "version": agreed.rule.version,
        "count": wanted_items(place, agreed, wanted).count(),
        "page": given.page,
        "items": [item_document(each, agreed, hidden=hidden) for each in found],
    }


@router.get("/backlog/{key}")
def show_item(request: HttpRequest, site: str, key: str) -> Document:
    """Show an item with its rank in the whole backlog; 0 where it does not compete."""
    place = site_for(request.user, site)
    return _document(request, place, key, services.catch_up(place, now=_now()))


@router.post("/backlog/{key}/score")
def score_item(request: HttpRequest, site: str, key: str, given: ScoreIn) -> Document:
    """Keep the person's answers about an item."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    agreed = services.catch_up(place, now=_now())
    services.submit_score(place, key, given.values, by=_actor(request), now=_now(), note=given.note)
    return _document(request, place, key, agreed)


@router.put("/backlog/{key}/facts")
def set_facts(request: HttpRequest, site: str, key: str, given: FactsIn) -> Document:
    """Say what only people know about an item."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    agreed = services.catch_up(place, now=_now())
    services.set_facts(
        place,
        key,
        defect=given.defect,
        if_wins=given.if_wins,
        if_loses=given.if_loses,
        risk={concern.value: level.value for concern, level in given.risk.items()},
        by=_actor(request),
        now=_now(),
    )
    return _document(request, place, key, agreed)


@router.put("/backlog/{key}/rank")
def give_rank(request: HttpRequest, site: str, key: str, given: RankIn) -> Document:
    """Give an item a rank against its score, with the reason."""
    place = site_for(request.user, site, needs=Role.EDITOR)
    agreed = services.catch_up(place, now=_now())
    services.give_rank(
        place,
        key,
        given.rank,
        reason=given.reason,
        rank_then=_rank(place, key, agreed) or None,
        by=_actor(request),
        now=_now(),
    )
    return _document(request, place, key, agreed)


@router.delete("/backlog/{key}/rank")
def take_rank_back(request: HttpRequest, site: str, key: str) -> Document:
    """Let the score decide again about an item."""
    place = site_for(request.user, site, needs=Role.EDITOR)
    agreed = services.catch_up(place, now=_now())
    services.take_rank_back(place, key, by=_actor(request), now=_now())
    return _document(request, place, key, agreed)


def _document(request: HttpRequest, site: Site, key: str, agreed: Agreed) -> Document:
    found = item_of(site, key)
    if found is None:
        raise NoSuchItem(key=key[:40])
    override = found.overrides.filter(withdrawn_at=None).select_related("made_by").first()
    hidden = blind_to(_actor(request).user, [found], agreed, site=site)
    return item_document(Placed(_rank(site, key, agreed), found, override), agreed, hidden=hidden)


def _rank(site: Site, key: str, agreed: Agreed) -> int:
    wanted = key.upper()
    found = placed(site, agreed, Wanted(), most=None)
    return next((each.rank for each in found if each.item.key == wanted), 0)


def _actor(request: HttpRequest) -> Actor:
    user = request.user
    return Actor(user if isinstance(user, User) else None)


def _now() -> datetime:
    return datetime.now(UTC)
