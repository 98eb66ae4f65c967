"""Changes, what they mean for tests, and incidents over HTTP, through the same services."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

from django.http import Http404, HttpRequest
from ninja import Field, Query, Router, Schema, Status

from truelift.apps.accounts.models import User
from truelift.apps.accounts.roles import Role
from truelift.apps.changes import confounding, senders, services, spoiling
from truelift.apps.changes.documents import (
    change_document,
    contamination_document,
    incident_document,
    sender_document,
)
from truelift.apps.changes.models import ContaminationRecord
from truelift.apps.changes.reads import (
    MOST,
    change_of,
    changes_of,
    contamination_of,
    contaminations_of,
    incident_of,
    incidents_of,
    senders_of,
)
from truelift.apps.changes.told import BadChange
from truelift.apps.changes.views_receive import address_of
from truelift.apps.experiments.monitoring_hiding import hides_from
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import site_for
from truelift.lifecycle.change import Change, ChangeKind, ChangeState, Trust
from truelift.lifecycle.confounder import IncidentKind
from truelift.lifecycle.contamination import WayOut
from truelift.lifecycle.functions import Function
from truelift.lifecycle.obstacle import Obstacle


router = Router(tags=["changes"])

Document = dict[str, Any]


class ChangeIn(Schema):
    """Something that was changed for visitors."""

    source: str = Field(max_length=80, description="A word for the program that tells of it.")
    external_id: str = Field(max_length=200, description="With the source, it is taken once.")
    kind: ChangeKind = ChangeKind.UNKNOWN
    what: str = Field(default="", max_length=300)
    env: str = Field(default="production", max_length=80)
    repo: str = Field(default="", max_length=200)
    sha: str = Field(default="", max_length=80)
    paths: list[str] = Field(default_factory=list, max_length=2000)
    surfaces: list[str] = Field(default_factory=list, max_length=200)
    urls: list[str] = Field(default_factory=list, max_length=200)
    elements: list[str] = Field(default_factory=list, max_length=50)
    arms: list[str] = Field(default_factory=list, max_length=50, description="Empty: all alike.")
    planned_for: list[str] = Field(
        default_factory=list, max_length=50, description="Experiments that it belongs to."
    )
    started_at: datetime | None = None
    finished_at: datetime | None = None
    actor: str = Field(default="", max_length=200)
    url: str = Field(default="", max_length=500)


class NoteIn(Schema):
    """Why."""

    note: str = Field(max_length=500)


class PlaceIn(NoteIn):
    """Where a change was."""

    surfaces: list[str] = Field(max_length=200)


class WordIn(Schema):
    """What a change did to a test, as one function says."""

    function: Function
    verdict: Literal["fatal", "suspect", "benign"]
    reason: str = Field(max_length=1000)


class WayIn(NoteIn):
    """What is done with a test that a change has spoiled."""

    way: WayOut


class IncidentIn(Schema):
    """Something that happened while tests ran."""

    kind: IncidentKind
    what: str = Field(max_length=300)
    since: datetime
    until: datetime | None = None
    surfaces: list[str] = Field(default_factory=list, max_length=200)
    arms: list[str] = Field(default_factory=list, max_length=20)
    targeted: bool = False


class EndIn(Schema):
    """When something was over."""

    until: datetime


class SenderIn(Schema):
    """A program that tells of changes."""

    kind: str = Field(max_length=8)
    name: str = Field(max_length=80)
    secret: str = Field(default="", max_length=1000, description="Where the sender makes it.")
    surfaces: list[str] = Field(default_factory=list, max_length=200)
    change_kind: str = Field(default="", max_length=8)
    fields: str = Field(default="", max_length=4000, description="Lines: field = path.in.json")


class WantedChanges(Schema):
    """Which changes are listed."""

    kind: ChangeKind | None = None
    state: ChangeState | None = None
    surface: str = Field(default="", max_length=120)
    touched: bool = False


@router.post("/changes", response={200: Document, 201: Document})
def tell(request: HttpRequest, site: str, given: ChangeIn) -> Status[Document]:
    """Tell of a change; 201 when it is new, 200 when it was told before.

    A program signs in with a person's access token; who cannot, tells at a sender's address.
    """
    place = site_for(request.user, site, needs=Role.EDITOR)
    wrong = [
        Obstacle("change.no_time_zone", f"`{name}` has no time zone.", "Send it with its offset.")
        for name in ("started_at", "finished_at")
        if (at := getattr(given, name)) is not None and at.tzinfo is None
    ]
    if wrong:
        raise BadChange(wrong)
    change = Change(
        kind=given.kind,
        external_id=given.external_id,
        what=given.what,
        env=given.env,
        repo=given.repo,
        sha=given.sha,
        paths=tuple(given.paths),
        surfaces=tuple(given.surfaces),
        urls=tuple(given.urls),
        elements=tuple(given.elements),
        arms=tuple(given.arms),
        planned_for=tuple(given.planned_for),
        started_at=given.started_at,
        finished_at=given.finished_at,
        actor=given.actor,
        url=given.url,
    )
    made = services.record_change(
        place, change, source=given.source, trust=Trust.TOKEN, by=_actor(request), now=_now()
    )
    return Status(201 if made.new else 200, change_document(made.record))


@router.get("/changes")
def list_changes(request: HttpRequest, site: str, wanted: Query[WantedChanges]) -> Document:
    """List the newest changes; at most 200."""
    place = site_for(request.user, site)
    rows = changes_of(
        place,
        kind=wanted.kind.value if wanted.kind else "",
        state=wanted.state.value if wanted.state else "",
        surface=wanted.surface,
        touched=wanted.touched,
    ).prefetch_related("contaminations")
    return {"changes": [change_document(each) for each in rows[:MOST]]}


@router.get("/changes/{key}")
def show_change(request: HttpRequest, site: str, key: str) -> Document:
    """Give a change."""
    found = change_of(site_for(request.user, site), key)
    if found is None:
        raise Http404
    return change_document(found)


@router.post("/changes/{key}/confirm")
def confirm(request: HttpRequest, site: str, key: str, given: NoteIn) -> Document:
    """Let a proposed change count."""
    place = site_for(request.user, site, needs=Role.EDITOR)
    return change_document(
        services.confirm(place, key, note=given.note, by=_actor(request), now=_now())
    )


@router.post("/changes/{key}/dismiss")
def dismiss(request: HttpRequest, site: str, key: str, given: NoteIn) -> Document:
    """Say of a proposed change that it was none."""
    place = site_for(request.user, site, needs=Role.EDITOR)
    return change_document(
        services.dismiss(place, key, note=given.note, by=_actor(request), now=_now())
    )


@router.post("/changes/{key}/surfaces")
def put_in_place(request: HttpRequest, site: str, key: str, given: PlaceIn) -> Document:
    """Say where a change was; surfaces are only added."""
    place = site_for(request.user, site, needs=Role.EDITOR)
    return change_document(
        services.place(place, key, given.surfaces, note=given.note, by=_actor(request), now=_now())
    )


@router.get("/contaminations")
def list_contaminations(
    request: HttpRequest, site: str, experiment: str = "", change: str = ""
) -> Document:
    """List which changes touched which tests, the newest first; at most 200."""
    place = site_for(request.user, site)
    rows = contaminations_of(place, experiment=experiment, change=change)
    rows = rows.select_related("experiment__site")
    return {"contaminations": [_contamination(request, each) for each in rows[:MOST]]}


@router.get("/contaminations/{number}")
def show_contamination(request: HttpRequest, site: str, number: int) -> Document:
    """Give a contamination: who came before and after, who said what."""
    return _contamination(request, _contaminated(site_for(request.user, site), number))


@router.post("/contaminations/{number}/adjudications", response={201: Document})
def adjudicate(request: HttpRequest, site: str, number: int, given: WordIn) -> Status[Document]:
    """Say what a change did to a test; it counts when engineering and analytics have spoken."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    spoiling.adjudicate(
        place,
        number,
        function=given.function.value,
        verdict=given.verdict,
        reason=given.reason,
        by=_actor(request),
        now=_now(),
    )
    return Status(201, _contamination(request, _contaminated(place, number)))


@router.post("/contaminations/{number}/way-out")
def way_out(request: HttpRequest, site: str, number: int, given: WayIn) -> Document:
    """Repeat a spoiled test, read its clean part where that is large enough, or discard it."""
    place = site_for(request.user, site, needs=Role.EDITOR)
    spoiling.take_way_out(
        place, number, given.way.value, note=given.note, by=_actor(request), now=_now()
    )
    return _contamination(request, _contaminated(place, number))


@router.get("/incidents")
def list_incidents(request: HttpRequest, site: str) -> Document:
    """List what happened while tests ran, the newest first; at most 200."""
    place = site_for(request.user, site)
    return {"incidents": [incident_document(each) for each in incidents_of(place)[:MOST]]}


@router.post("/incidents", response={201: Document})
def record_incident(request: HttpRequest, site: str, given: IncidentIn) -> Status[Document]:
    """Write down what happened; every test of that time is weighed."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    for at in (given.since, given.until):
        if at is not None and at.tzinfo is None:
            raise confounding.BadIncident("A time has no time zone. Send it with its offset.")
    made = confounding.record_incident(place, **given.dict(), by=_actor(request), now=_now())
    return Status(201, _incident(place, made.key))


@router.post("/incidents/{key}/end")
def end_incident(request: HttpRequest, site: str, key: str, given: EndIn) -> Document:
    """Say when it was over."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    if given.until.tzinfo is None:
        raise confounding.BadIncident("The time has no time zone. Send it with its offset.")
    confounding.end_incident(place, key, until=given.until, by=_actor(request), now=_now())
    return _incident(place, key)


@router.delete("/incidents/{key}", response={204: None})
def withdraw_incident(request: HttpRequest, site: str, key: str) -> Status[None]:
    """Take one back that was none."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    confounding.withdraw_incident(place, key, by=_actor(request), now=_now())
    return Status(204, None)


@router.get("/change-senders")
def list_senders(request: HttpRequest, site: str) -> Document:
    """List the programs that tell of changes; for owners."""
    place = site_for(request.user, site, needs=Role.OWNER)
    return {"senders": [sender_document(each) for each in senders_of(place)]}


@router.post("/change-senders", response={201: Document})
def make_sender(request: HttpRequest, site: str, given: SenderIn) -> Status[Document]:
    """Make an address for a program; address and secret are said now and never again."""
    place = site_for(request.user, site, needs=Role.OWNER)
    made = senders.make_sender(place, **given.dict(), by=_actor(request), now=_now())
    said = {"address": address_of(made.address), "secret": made.secret or None}
    return Status(201, {**sender_document(made.record), **said})


@router.delete("/change-senders/{number}", response={204: None})
def end_sender(request: HttpRequest, site: str, number: int) -> Status[None]:
    """Hear a program no more."""
    place = site_for(request.user, site, needs=Role.OWNER)
    senders.end_sender(place, number, by=_actor(request), now=_now())
    return Status(204, None)


def _contaminated(place: Site, number: int) -> ContaminationRecord:
    found = contamination_of(place, number) if number < 2**31 else None
    if found is None:
        raise Http404
    return found


def _contamination(request: HttpRequest, record: ContaminationRecord) -> Document:
    hidden = hides_from(record.experiment, _actor(request).user, now=_now())
    return contamination_document(record, hidden=hidden)


def _incident(place: Site, key: str) -> Document:
    found = incident_of(place, key)
    if found is None:
        raise Http404
    return incident_document(found)


def _actor(request: HttpRequest) -> Actor:
    assert isinstance(request.user, User)  # noqa: S101 - every endpoint signs in first
    return Actor(request.user)


def _now() -> datetime:
    return datetime.now(UTC)
