"""The library, principles and drafts over HTTP, through the same services."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from ninja import Field, Router, Schema, Status

from truelift.apps.accounts.models import User
from truelift.apps.accounts.roles import Role
from truelift.apps.memory import services
from truelift.apps.memory.digest import digest_document
from truelift.apps.memory.drafting import draft, matters, records_of
from truelift.apps.memory.jobs import plan_indexing
from truelift.apps.memory.library import Wanted, look_for, shelf_document
from truelift.apps.memory.model_service import service_of
from truelift.apps.memory.models import UseState
from truelift.apps.memory.principles import (
    judged,
    principle_document,
    principle_of,
    reuse_of,
    summary_document,
    surprises_of,
)
from truelift.apps.memory.services import NoSuchPrinciple, PrincipleFields
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import site_for
from truelift.lifecycle.principle import PrincipleAction


router = Router(tags=["memory"])

Document = dict[str, Any]


class PrincipleIn(Schema):
    """A rule of thumb, and where it holds."""

    statement: str = Field(max_length=300)
    detail: str = Field(default="", max_length=1000)
    holds_for: str = Field(default="", max_length=300)
    not_for: str = Field(default="", max_length=300)
    unknown: str = Field(default="", max_length=300)
    would_change: str = Field(default="", max_length=500)
    types: list[str] = Field(default=[], max_length=30)
    elements: list[str] = Field(default=[], max_length=30)

    def written(self) -> PrincipleFields:
        """Give it as the services take it."""
        given = self.dict()
        return PrincipleFields(
            **given | {"types": tuple(given["types"]), "elements": tuple(given["elements"])}
        )


class PrincipleMoveIn(Schema):
    """A step to take."""

    action: PrincipleAction
    reason: str = Field(default="", max_length=500)


class TestIn(Schema):
    """A test that tried a principle."""

    experiment: str = Field(max_length=80)
    variant: str = Field(default="", max_length=80)
    applied: bool = True
    outside_scope: bool = False


class GuidelineIn(Schema):
    """A task that makes a principle last."""

    text: str = Field(max_length=300)
    owner: str = Field(default="", max_length=254)
    due: date | None = None
    link: str = Field(default="", max_length=500)


class SettledIn(Schema):
    """Whether a guideline task is done, and where the result is."""

    done: bool
    link: str | None = Field(default=None, max_length=500)


class UseIn(Schema):
    """Whether a surface follows a principle."""

    surface: str = Field(max_length=120)
    state: UseState


class DraftIn(Schema):
    """Of which matter drafts are made."""

    matter: str = Field(max_length=20)


@router.get("/library")
def search_library(
    request: HttpRequest,
    site: str,
    q: str = "",
    outcome: str = "",
    surface: str = "",
    element: str = "",
    audience: str = "",
    metric: str = "",
    principle: str = "",
    season: str = "",
    year: str = "",
    page: int = 1,
) -> Document:
    """Search the results of every experiment by words and facets."""
    place = _site(request, site)
    wanted = Wanted.of(
        {
            "q": q,
            "outcome": outcome,
            "surface": surface,
            "element": element,
            "audience": audience,
            "metric": metric,
            "principle": principle,
            "season": season,
            "year": year,
            "page": str(page),
        }
    )
    shelf = look_for(place, wanted)
    if shelf.left:
        plan_indexing(place, now=_now())
    return shelf_document(shelf)


@router.get("/library/what-we-know")
def digest(request: HttpRequest, site: str) -> Document:
    """Say what is known, in twenty lines."""
    return digest_document(_site(request, site))


@router.get("/library/surprises")
def list_surprises(request: HttpRequest, site: str) -> Document:
    """List the valid tests whose result was furthest from what was expected."""
    return {
        "surprises": [
            {
                "experiment": each.experiment.key,
                "name": each.experiment.name,
                "expected": each.expected,
                "value": each.value,
                "se": each.se,
                "surprise": each.surprise,
            }
            for each in surprises_of(_site(request, site))
        ]
    }


@router.get("/library/matters")
def list_matters(request: HttpRequest, site: str) -> Document:
    """List signals that speak of the same thing, and how often drafts are accepted."""
    place = _site(request, site)
    return {
        "matters": [
            {
                "key": each.key,
                "summary": each.summary,
                "words": list(each.words),
                "signals": [signal.key for signal in each.signals],
                "surface": each.surface,
                "segment": each.segment,
            }
            for each in matters(place)
        ],
        "machines": [
            {
                "machine": each.machine,
                "drafts": each.made,
                "accepted": each.accepted,
                "acceptance_rate": each.acceptance,
                "edit_rate": each.edit_rate,
            }
            for each in records_of(place)
        ],
    }


@router.post("/library/drafts", response={201: Document})
def make_drafts(request: HttpRequest, site: str, given: DraftIn) -> Status[Document]:
    """Let a machine draft a finding and a hypothesis; both wait for a person."""
    place = _site(request, site, needs=Role.ANALYST)
    made = draft(
        place,
        given.matter,
        by=_actor(request),
        now=_now(),
        service=service_of(settings.TRUELIFT),
    )
    return Status(
        201,
        {
            "insight": made.insight.key,
            "hypothesis": made.hypothesis.key,
            "drafted_by": made.insight.drafted_by,
            "drafted_from": made.insight.drafted_from,
            "problem": made.problem or None,
        },
    )


@router.get("/principles")
def list_principles(request: HttpRequest, site: str) -> Document:
    """List the principles of a site with where each stands."""
    place = _site(request, site)
    reuse = reuse_of(place)
    return {
        "principles": [summary_document(each) for each in judged(place)],
        "reuse": {"hypotheses": reuse.hypotheses, "citing": reuse.citing, "rate": reuse.rate},
    }


@router.post("/principles", response={201: Document})
def create_principle(request: HttpRequest, site: str, given: PrincipleIn) -> Status[Document]:
    """Write down a rule of thumb."""
    place = _site(request, site, needs=Role.ANALYST)
    made = services.create_principle(place, given.written(), by=_actor(request), now=_now())
    return Status(201, _document(place, made.key))


@router.get("/principles/{key}")
def show_principle(request: HttpRequest, site: str, key: str) -> Document:
    """Show a principle with its tests, its strength, and where it is used."""
    return _document(_site(request, site), key)


@router.put("/principles/{key}")
def edit_principle(request: HttpRequest, site: str, key: str, given: PrincipleIn) -> Document:
    """Rewrite a principle."""
    place = _site(request, site, needs=Role.ANALYST)
    services.edit_principle(place, key, given.written(), by=_actor(request), now=_now())
    return _document(place, key)


@router.post("/principles/{key}/move")
def move_principle(request: HttpRequest, site: str, key: str, given: PrincipleMoveIn) -> Document:
    """Accept a machine's draft, retire a principle or restore it."""
    place = _site(request, site, needs=Role.ANALYST)
    services.move_principle_record(
        place, key, given.action, by=_actor(request), now=_now(), reason=given.reason
    )
    return _document(place, key)


@router.post("/principles/{key}/tests")
def link_test(request: HttpRequest, site: str, key: str, given: TestIn) -> Document:
    """Say that a test tried a principle."""
    place = _site(request, site, needs=Role.ANALYST)
    services.link_test(
        place,
        key,
        given.experiment,
        by=_actor(request),
        now=_now(),
        variant=given.variant,
        applied=given.applied,
        outside=given.outside_scope,
    )
    return _document(place, key)


@router.post("/principles/{key}/tests/{experiment}/unlink")
def unlink_test(request: HttpRequest, site: str, key: str, experiment: str) -> Document:
    """Say that a test did not try a principle after all."""
    place = _site(request, site, needs=Role.ANALYST)
    services.unlink_test(place, key, experiment, by=_actor(request), now=_now())
    return _document(place, key)


@router.post("/principles/{key}/guidelines", response={201: Document})
def add_guideline(
    request: HttpRequest, site: str, key: str, given: GuidelineIn
) -> Status[Document]:
    """Give somebody a task that makes a principle last."""
    place = _site(request, site, needs=Role.ANALYST)
    services.add_guideline(place, key, by=_actor(request), now=_now(), **given.dict())
    return Status(201, _document(place, key))


@router.post("/principles/{key}/guidelines/{task}")
def settle_guideline(
    request: HttpRequest, site: str, key: str, task: int, given: SettledIn
) -> Document:
    """Say that a guideline task is done, or open again."""
    place = _site(request, site, needs=Role.ANALYST)
    services.settle_guideline(
        place, key, task, done=given.done, link=given.link, by=_actor(request), now=_now()
    )
    return _document(place, key)


@router.post("/principles/{key}/surfaces")
def say_use(request: HttpRequest, site: str, key: str, given: UseIn) -> Document:
    """Say whether a surface follows a principle."""
    place = _site(request, site, needs=Role.ANALYST)
    services.say_use(place, key, given.surface, given.state, by=_actor(request), now=_now())
    return _document(place, key)


def _document(site: Site, key: str) -> Document:
    record = principle_of(site, key)
    if record is None:
        raise NoSuchPrinciple(key=key)
    return principle_document(judged(site, [record])[0])


def _site(request: HttpRequest, name: str, *, needs: Role = Role.VIEWER) -> Site:
    return site_for(request.user, name, needs=needs)


def _actor(request: HttpRequest) -> Actor:
    assert isinstance(request.user, User)  # noqa: S101 - every endpoint signs in first
    return Actor(request.user)


def _now() -> datetime:
    return datetime.now(UTC)
