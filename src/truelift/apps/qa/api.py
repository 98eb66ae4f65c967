"""Hosts and quality checks over HTTP, through the same services."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.http import HttpRequest
from ninja import Field, File, Form, Router, Schema, Status
from ninja.files import UploadedFile

from truelift.apps.accounts.models import User
from truelift.apps.accounts.roles import Role
from truelift.apps.experiments.reads import experiment_of
from truelift.apps.experiments.services import NoSuchExperiment
from truelift.apps.qa.hosts import add_host, ask_for_check, hosts_of, remove_host
from truelift.apps.qa.pictures import MOST_BYTES, BadPicture
from truelift.apps.qa.plan import Address, ask_for_matrix, give_verdict, set_addresses
from truelift.apps.qa.reads import host_document, qa_document, qa_plan, run_document, run_of
from truelift.apps.qa.run import ask_for_run
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import site_for
from truelift.errors import Refusal


router = Router(tags=["qa"])

Document = dict[str, Any]


class HostIn(Schema):
    """A host that a site says is its own."""

    host: str = Field(max_length=300)


class AddressIn(Schema):
    """Where a variant can be seen."""

    variant: str = Field(max_length=80)
    url: str = Field(max_length=2000)
    steps: str = Field(default="", max_length=4000)


class AddressesIn(Schema):
    """Where every variant can be seen, and events that no visit there causes."""

    addresses: list[AddressIn] = Field(max_length=50)
    left_out: list[str] = Field(default_factory=list, max_length=30)
    left_out_because: str = Field(default="", max_length=300)


class VerdictIn(Schema):
    """What a tester saw."""

    cell: int
    variant: str = Field(max_length=80)
    passed: bool
    blocking: bool = True
    note: str = Field(default="", max_length=500)


class NoSuchRun(Refusal):
    """The experiment has no check of this number."""

    code = "qa.no_such_run"

    def __init__(self, *, key: str, number: int) -> None:
        super().__init__(f"{key} has no instrumentation check {number}.", key=key, number=number)


@router.get("/hosts")
def list_hosts(request: HttpRequest, site: str) -> Document:
    """List the hosts of a site; pages are opened on verified ones only."""
    return {"hosts": [host_document(each) for each in hosts_of(_site(request, site))]}


@router.post("/hosts", response={201: Document})
def create_host(request: HttpRequest, site: str, given: HostIn) -> Status[Document]:
    """Take down a host; put its token there, then have it checked."""
    place = _site(request, site, needs=Role.OWNER)
    made = add_host(place, given.host, by=_actor(request), now=_now())
    return Status(201, host_document(made))


@router.post("/hosts/{number}/check", response={202: Document})
def check(request: HttpRequest, site: str, number: int) -> Status[Document]:
    """Have a host checked; it is done outside of the request."""
    place = _site(request, site, needs=Role.OWNER)
    return Status(202, host_document(ask_for_check(place, number, by=_actor(request), now=_now())))


@router.delete("/hosts/{number}", response={204: None})
def delete_host(request: HttpRequest, site: str, number: int) -> Status[None]:
    """Take a host off the list."""
    place = _site(request, site, needs=Role.OWNER)
    remove_host(place, number, by=_actor(request), now=_now())
    return Status(204, None)


@router.get("/qa/{key}")
def show(request: HttpRequest, site: str, key: str) -> Document:
    """Show what is known of an experiment's quality, and what is missing."""
    return _document(_site(request, site), key)


@router.put("/qa/{key}/addresses")
def addresses(request: HttpRequest, site: str, key: str, given: AddressesIn) -> Document:
    """Say where every variant can be seen."""
    place = _site(request, site, needs=Role.ANALYST)
    set_addresses(
        place,
        key,
        [Address(each.variant, each.url, each.steps) for each in given.addresses],
        left_out=given.left_out,
        because=given.left_out_because,
        by=_actor(request),
        now=_now(),
    )
    return _document(place, key)


@router.post("/qa/{key}/matrix", response={202: Document})
def matrix(request: HttpRequest, site: str, key: str) -> Status[Document]:
    """Have the matrix built from traffic; it is done outside of the request."""
    place = _site(request, site, needs=Role.ANALYST)
    ask_for_matrix(place, key, by=_actor(request), now=_now())
    return Status(202, _document(place, key))


@router.post("/qa/{key}/verdicts", response={201: Document})
def verdicts(request: HttpRequest, site: str, key: str, given: VerdictIn) -> Status[Document]:
    """Say what a tester saw of a variant in a cell."""
    place = _site(request, site, needs=Role.ANALYST)
    give_verdict(
        place,
        key,
        cell=given.cell,
        variant=given.variant,
        passed=given.passed,
        blocking=given.blocking,
        note=given.note,
        by=_actor(request),
        now=_now(),
    )
    return Status(201, _document(place, key))


@router.post("/qa/{key}/verdicts/pictured", response={201: Document})
def pictured_verdicts(
    request: HttpRequest, site: str, key: str, given: Form[VerdictIn], picture: File[UploadedFile]
) -> Status[Document]:
    """Say the same, with a PNG or JPEG of it, as a form of several parts."""
    place = _site(request, site, needs=Role.ANALYST)
    if (picture.size or 0) > MOST_BYTES:
        raise BadPicture(reason=f"it is larger than {MOST_BYTES // 1_000_000} MB")
    give_verdict(
        place,
        key,
        cell=given.cell,
        variant=given.variant,
        passed=given.passed,
        blocking=given.blocking,
        note=given.note,
        picture=picture.read(),
        by=_actor(request),
        now=_now(),
    )
    return Status(201, _document(place, key))


@router.post("/qa/{key}/runs", response={202: Document})
def runs(request: HttpRequest, site: str, key: str) -> Status[Document]:
    """Ask for an instrumentation check; it is done outside of the request."""
    place = _site(request, site, needs=Role.ANALYST)
    return Status(202, run_document(ask_for_run(place, key, by=_actor(request), now=_now())))


@router.get("/qa/{key}/runs/{number}")
def show_run(request: HttpRequest, site: str, key: str, number: int) -> Document:
    """Show an instrumentation check, visit by visit."""
    plan = qa_plan(_site(request, site), key)
    run = run_of(plan, number) if plan else None
    if run is None:
        raise NoSuchRun(key=key[:80], number=number)
    return run_document(run)


def _document(place: Site, key: str) -> Document:
    if experiment_of(place, key) is None:
        raise NoSuchExperiment(key=key[:80], site=place.name)
    return qa_document(place, key, now=_now())


def _site(request: HttpRequest, name: str, *, needs: Role = Role.VIEWER) -> Site:
    return site_for(request.user, name, needs=needs)


def _actor(request: HttpRequest) -> Actor:
    assert isinstance(request.user, User)  # noqa: S101 - every endpoint signs in first
    return Actor(request.user)


def _now() -> datetime:
    return datetime.now(UTC)
