"""Planning over HTTP: proposals for a quarter, and releases that touch tests."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.http import HttpRequest
from ninja import Field, Router, Schema, Status

from truelift.apps.accounts.models import User
from truelift.apps.accounts.roles import Role
from truelift.apps.research.actor import Actor
from truelift.apps.roadmap import liaison, planning
from truelift.apps.roadmap.planning import Wanted
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import site_for


router = Router(tags=["roadmap"])

Document = dict[str, Any]
MOST = 100


class CandidateIn(Schema):
    """What is to find a place; without days or value what is known holds."""

    key: str = Field(max_length=80)
    days: int | None = Field(default=None, ge=1, le=planning.LONGEST_DAYS)
    value: float | None = Field(default=None, ge=0, le=1e15)


class PlanIn(Schema):
    """A quarter, and what is to find a place in it."""

    quarter: str = Field(
        max_length=7, description="As `2026-Q3`: this one or one of the next three."
    )
    candidates: list[CandidateIn] = Field(max_length=planning.MOST_CANDIDATES)


class AcknowledgementIn(Schema):
    """What was agreed with the team."""

    note: str = Field(default="", max_length=liaison.LONGEST_NOTE)


@router.get("/roadmap/candidates")
def list_candidates(request: HttpRequest, site: str) -> Document:
    """List what waits for a place: proposed items, and experiments without days."""
    place = site_for(request.user, site)
    found = planning.choices_of(place)
    rows = [
        {"key": each.item.key, "what": each.item.what, "days": each.days, "scored": each.scored}
        for each in found
    ]
    return {"candidates": rows}


@router.get("/roadmap/plans")
def list_plans(request: HttpRequest, site: str) -> Document:
    """List the proposals, the newest first."""
    place = site_for(request.user, site)
    return {"plans": [planning.plan_document(each) for each in planning.plans_of(place)[:MOST]]}


@router.post("/roadmap/plans", response={202: Document})
def ask_for_plan(request: HttpRequest, site: str, given: PlanIn) -> Status[Document]:
    """Have days proposed for a quarter; it is worked out by the worker, and nothing moves."""
    place = site_for(request.user, site, needs=Role.EDITOR)
    wanted = [Wanted(each.key, each.days, each.value) for each in given.candidates]
    made = planning.ask_for_plan(place, given.quarter, wanted, by=_actor(request), now=_now())
    return Status(202, planning.plan_document(made))


@router.get("/roadmap/plans/{number}")
def show_plan(request: HttpRequest, site: str, number: int) -> Document:
    """Give a proposal; it is null until it is worked out."""
    return planning.plan_document(planning.plan_of(_site(request, site), number))


@router.post("/roadmap/plans/{number}/take")
def take_plan(request: HttpRequest, site: str, number: int) -> Document:
    """Move everything to its proposed days; what is refused says why, and stops nobody else."""
    place = site_for(request.user, site, needs=Role.EDITOR)
    return planning.plan_document(planning.take_plan(place, number, by=_actor(request), now=_now()))


@router.get("/roadmap/touching")
def list_touching(request: HttpRequest, site: str) -> Document:
    """List the upcoming releases that touch what is tested, and whether somebody knows."""
    place = _site(request, site)
    return {
        "releases": [
            liaison.touching_document(each) for each in liaison.touching_of(place, now=_now())
        ],
        "surfaces_without_liaison": list(liaison.unaccompanied_of(place)),
    }


@router.post("/roadmap/items/{key}/acknowledge", response={201: Document})
def acknowledge_release(
    request: HttpRequest, site: str, key: str, given: AcknowledgementIn
) -> Status[Document]:
    """Say that one knows which tests a release touches; for the liaison."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    made = liaison.acknowledge(place, key, by=_actor(request), now=_now(), note=given.note)
    return Status(201, liaison.acknowledgement_document(made))


def _site(request: HttpRequest, name: str) -> Site:
    return site_for(request.user, name)


def _actor(request: HttpRequest) -> Actor:
    assert isinstance(request.user, User)  # noqa: S101 - every endpoint signs in first
    return Actor(request.user)


def _now() -> datetime:
    return datetime.now(UTC)
