"""Surfaces over HTTP, through the same services."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.http import HttpRequest
from ninja import Field, Router, Schema, Status

from truelift.apps.accounts.models import User
from truelift.apps.accounts.roles import Role
from truelift.apps.backlog.nightly import count_from_data
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import site_for
from truelift.apps.surfaces import services
from truelift.apps.surfaces.page import at_address
from truelift.apps.surfaces.reads import (
    records_of,
    surface_document,
    surface_of,
    surfaces_of,
    unclaimed_files_of,
    unclaimed_of,
)
from truelift.apps.surfaces.services import NoSuchSurface, SurfaceFields
from truelift.lifecycle.surface import surfaces_of_files


router = Router(tags=["surfaces"])

Document = dict[str, Any]
Lines = list[str]


class SurfaceIn(Schema):
    """What is said of a surface; what is left out stays as it is."""

    name: str | None = Field(default=None, max_length=120)
    path: str | None = Field(default=None, max_length=200)
    patterns: Lines | None = Field(default=None, max_length=100)
    routes: Lines | None = Field(default=None, max_length=100)
    funnel: str | None = Field(default=None, max_length=80)
    step: int | None = Field(default=None, ge=0, le=99)
    team: str | None = Field(default=None, max_length=80)
    owner: str | None = Field(default=None, max_length=254)
    cadence_days: int | None = Field(default=None, ge=0, le=3650)
    incentive: str | None = Field(default=None, max_length=80)
    code: Lines | None = Field(default=None, max_length=100)
    bundle: str | None = Field(default=None, max_length=80)
    version: int | None = None


class FilesIn(Schema):
    """Files whose surfaces are looked for."""

    paths: Lines = Field(max_length=10_000)


@router.get("/surfaces")
def list_surfaces(request: HttpRequest, site: str) -> Document:
    """List the surfaces, the busiest first, and the addresses that none of them claims."""
    place = _site(request, site)
    records = records_of(place)
    for each in records:
        each.site = place
    surfaces = [each.as_domain() for each in records]
    found = unclaimed_of(place, surfaces)
    return {
        "surfaces": [surface_document(each) for each in records],
        "unclaimed": {
            "pages": [{"path": path, "views": views} for path, views in found.pages],
            "views": found.views,
            "of_views": found.total,
            "share": found.share,
            "counted_at": found.counted_at,
        },
        "unclaimed_files": [
            {"path": path, "changes": many}
            for path, many in unclaimed_files_of(place, surfaces, now=_now())
        ],
    }


@router.post("/surfaces", response={201: Document})
def make_surface(request: HttpRequest, site: str, given: SurfaceIn) -> Status[Document]:
    """Name a surface; its traffic is counted afterwards."""
    place = _site(request, site, needs=Role.ANALYST)
    made = services.write_surface(place, _fields(given), by=_actor(request), now=_now())
    count_from_data(place, by=_user(request), now=_now())
    return Status(201, surface_document(made))


# Before the addresses of single surfaces, which would take the word for a number.
@router.get("/surfaces/at")
def find_surfaces(request: HttpRequest, site: str, url: str) -> Document:
    """Name the surfaces that an address belongs to."""
    place = _site(request, site)
    return {"url": url, "surfaces": list(at_address(url, surfaces_of(place)))}


@router.post("/surfaces/of-files")
def find_files(request: HttpRequest, site: str, given: FilesIn) -> Document:
    """Name the surfaces that files belong to, and the files that no surface claims."""
    found = surfaces_of_files(given.paths, surfaces_of(_site(request, site)))
    return {"surfaces": list(found.surfaces), "unmapped": list(found.unmapped)}


@router.get("/surfaces/{number}")
def show_surface(request: HttpRequest, site: str, number: int) -> Document:
    """Show a surface."""
    place = _site(request, site)
    found = surface_of(place, number)
    if found is None:
        raise NoSuchSurface(number=number)
    return surface_document(found)


@router.patch("/surfaces/{number}")
def edit_surface(request: HttpRequest, site: str, number: int, given: SurfaceIn) -> Document:
    """Change what is said of a surface."""
    place = _site(request, site, needs=Role.ANALYST)
    made = services.write_surface(
        place, _fields(given), by=_actor(request), now=_now(), number=number, version=given.version
    )
    return surface_document(made)


@router.delete("/surfaces/{number}", response={204: None})
def remove_surface(request: HttpRequest, site: str, number: int) -> Status[None]:
    """Forget a surface; what names it keeps the name."""
    place = _site(request, site, needs=Role.EDITOR)
    services.remove_surface(place, number, by=_actor(request), now=_now())
    return Status(204, None)


def _fields(given: SurfaceIn) -> SurfaceFields:
    lists = {"patterns", "routes", "code"}
    return SurfaceFields(
        **given.dict(exclude={"version", *lists}),
        patterns=_lines(given.patterns),
        routes=_lines(given.routes),
        code=_lines(given.code),
    )


def _lines(given: Lines | None) -> tuple[str, ...] | None:
    return None if given is None else tuple(given)


def _site(request: HttpRequest, name: str, *, needs: Role = Role.VIEWER) -> Site:
    return site_for(request.user, name, needs=needs)


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # noqa: S101 - every endpoint signs in first
    return request.user


def _actor(request: HttpRequest) -> Actor:
    return Actor(_user(request))


def _now() -> datetime:
    return datetime.now(UTC)
