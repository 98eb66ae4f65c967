"""Interactions and comparisons before and after over HTTP, through the same services."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

from django.http import HttpRequest
from ninja import Field, Router, Schema, Status

from truelift.apps.accounts.models import User
from truelift.apps.accounts.roles import Role
from truelift.apps.observations import reads
from truelift.apps.observations.services import (
    Comparison,
    Control,
    ask_for_interactions,
    create_before_after,
)
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import site_for
from truelift.errors import Refusal


router = Router(tags=["observations"])

Document = dict[str, Any]


class NoSuchComparison(Refusal):
    """The site has no comparison before and after of this number."""

    code = "observation.no_such_comparison"

    def __init__(self, *, number: int) -> None:
        super().__init__(f"There is no comparison {number} before and after.", number=number)


class ControlIn(Schema):
    """A series that the change did not reach."""

    metric: str = Field(max_length=120)
    segment: str = Field(default="", max_length=80)


class ComparisonIn(Schema):
    """What is compared before and after a change."""

    name: str = Field(max_length=200)
    metric: str = Field(max_length=120)
    design: str = Field(max_length=40)
    changed_on: date
    segment: str = Field(default="", max_length=80)
    days_before: int = 56
    days_after: int = 28
    controls: Sequence[ControlIn] = Field(default=(), max_length=50)
    kind: str = Field(
        default="",
        max_length=20,
        description="metric_change, budget_rule or process_change: an intervention.",
    )
    owner: str = Field(default="", max_length=254)
    expected: str = Field(default="", max_length=300, description="What it should bring.")


@router.get("/interactions")
def show_interactions(request: HttpRequest, site: str) -> Document:
    """Give the newest report of interactions; null before the first."""
    report = reads.newest_report(_site(request, site))
    return {"report": None if report is None else reads.report_document(report)}


@router.post("/interactions", response={202: Document})
def compute_interactions(request: HttpRequest, site: str) -> Status[Document]:
    """Ask for a report; it is computed outside of the request."""
    place = _site(request, site, needs=Role.ANALYST)
    job = ask_for_interactions(place, by=_actor(request), now=_now())
    return Status(202, {"job": job.pk, "asked_at": job.asked_at})


@router.get("/before-after")
def list_comparisons(request: HttpRequest, site: str) -> Document:
    """List the comparisons before and after of a site, the newest first."""
    found = reads.before_afters_of(_site(request, site))
    return {"before_after": [reads.before_after_document(each) for each in found]}


@router.post("/before-after", response={202: Document})
def create_comparison(request: HttpRequest, site: str, given: ComparisonIn) -> Status[Document]:
    """Ask for a comparison; it is computed outside of the request."""
    place = _site(request, site, needs=Role.ANALYST)
    fields = given.model_dump(exclude={"controls"})
    controls = [Control(each.metric, each.segment) for each in given.controls]
    record = create_before_after(
        place, Comparison(**fields, controls=controls), by=_actor(request), now=_now()
    )
    return Status(202, reads.before_after_document(record))


@router.get("/before-after/{number}")
def show_comparison(request: HttpRequest, site: str, number: int) -> Document:
    """Give a comparison with its result; null until it is computed."""
    place = _site(request, site)
    record = reads.before_after_of(place, number) if 0 < number < 2**31 else None
    if record is None:
        raise NoSuchComparison(number=number)
    return reads.before_after_document(record, whole=True)


def _site(request: HttpRequest, name: str, *, needs: Role = Role.VIEWER) -> Site:
    return site_for(request.user, name, needs=needs)


def _actor(request: HttpRequest) -> Actor:
    user = request.user
    return Actor(user if isinstance(user, User) else None)


def _now() -> datetime:
    return datetime.now(UTC)
