"""What drove revenue over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

from django.http import Http404, HttpRequest
from ninja import Field, Router, Schema

from truelift.apps.accounts.models import User
from truelift.apps.accounts.roles import Role
from truelift.apps.commerce import reads
from truelift.apps.commerce.models import SnapshotRecord
from truelift.apps.commerce.periods import Against
from truelift.apps.commerce.reviews import (
    LONGEST,
    newest_review,
    review,
    review_document,
    review_of,
    sign,
    surface_named,
)
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import site_for
from truelift.apps.surfaces.models import SurfaceRecord
from truelift.lifecycle.shared_metric import MetricKind


router = Router(tags=["commerce"])

Document = dict[str, Any]
Weeks = Literal[2, 4, 8]


class ReviewIn(Schema):
    """A review of what visitors of a surface expect; its sources come from the facts."""

    surface: str = Field(max_length=120)
    terms: str = Field(default="", max_length=LONGEST)
    read_before: str = Field(default="", max_length=LONGEST)
    expectation: str = Field(max_length=LONGEST)


class SignatureIn(Schema):
    """For which function a review is signed: `seo_content` or `cro_lead`."""

    function: str = Field(max_length=20)


@router.get("/drivers")
def drivers(
    request: HttpRequest,
    site: str,
    weeks: Weeks | None = None,
    against: Against = Against.BEFORE,
    snapshot: int = 0,
) -> Document:
    """Give what took revenue per session from one period to the next; parts add up exactly.

    Of the newest snapshot (of these weeks, else of as many as there are facts for), or of the
    one with this number. `drivers` is null before the first. What the fields call orders is
    what `kind` counts: `revenue` orders, `leads` leads, `activated` activations.
    """
    row = _row(request, site, weeks, against, snapshot)
    short = None if row is None else reads.explained_by(row)
    return {**_head(row), "sentence": short.sentence if short else None, **_part(row, "drivers")}


@router.get("/acquisition")
def acquisition(
    request: HttpRequest,
    site: str,
    weeks: Weeks | None = None,
    against: Against = Against.BEFORE,
    snapshot: int = 0,
) -> Document:
    """Give what each source costs and earns in both periods; undefined numbers are null."""
    row = _row(request, site, weeks, against, snapshot)
    return {**_head(row), **_part(row, "acquisition")}


@router.get("/page-or-traffic")
def page_or_traffic(
    request: HttpRequest,
    site: str,
    weeks: Weeks | None = None,
    against: Against = Against.BEFORE,
    snapshot: int = 0,
) -> Document:
    """Give of every surface whether the page or the traffic changed; observational."""
    row = _row(request, site, weeks, against, snapshot)
    return {**_head(row), "observational": True, **_part(row, "page_or_traffic")}


@router.get("/expectations")
def expectations(request: HttpRequest, site: str, surface: str) -> Document:
    """Give the newest review of what visitors of a surface expect, and what it lacks."""
    found = _surface(site_for(request.user, site), surface)
    record = newest_review(found)
    return {"surface": found.name, "review": None} if record is None else review_document(record)


@router.post("/expectations")
def review_expectation(request: HttpRequest, site: str, given: ReviewIn) -> Document:
    """Write down what visitors of a surface expect."""
    place = site_for(request.user, site, needs=Role.EDITOR)
    record = review(
        _surface(place, given.surface),
        terms=given.terms,
        read_before=given.read_before,
        expectation=given.expectation,
        by=_actor(request),
        now=datetime.now(UTC),
    )
    return review_document(record)


@router.post("/expectations/{number}/sign")
def sign_expectation(request: HttpRequest, site: str, number: int, given: SignatureIn) -> Document:
    """Sign a review for a function that the person has."""
    place = site_for(request.user, site, needs=Role.EDITOR)
    record = review_of(place, number)
    if record is None:
        raise Http404
    sign(record, given.function, by=_actor(request), now=datetime.now(UTC))
    again = review_of(place, number)
    if again is None:
        raise Http404
    return review_document(again)


def _surface(site: Site, name: str) -> SurfaceRecord:
    found = surface_named(site, name)
    if found is None:
        raise Http404
    return found


def _actor(request: HttpRequest) -> Actor:
    user = request.user
    return Actor(user if isinstance(user, User) else None)


def _row(
    request: HttpRequest, site: str, weeks: int | None, against: Against, snapshot: int
) -> SnapshotRecord | None:
    place = site_for(request.user, site)
    if not snapshot:
        return reads.latest(place, weeks=weeks, against=against)
    row = reads.snapshot_of(place, snapshot)
    if row is None:
        raise Http404
    return row


def _head(row: SnapshotRecord | None) -> Document:
    if row is None:
        return {"snapshot": None}
    return {
        "snapshot": row.pk,
        "digest": row.digest,
        "weeks": row.weeks,
        "against": row.against,
        "made_at": row.made_at,
    }


def _part(row: SnapshotRecord | None, name: str) -> Document:
    return (
        {name: None}
        if row is None
        else {
            "currency": row.document["currency"],
            "kind": row.document.get("kind", MetricKind.REVENUE),
            name: row.document[name],
        }
    )
