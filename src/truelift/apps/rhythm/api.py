"""Meetings, what was promised in them, and packs over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import Any

from django.http import Http404, HttpRequest
from ninja import Field, Router, Schema

from truelift.apps.accounts.models import User
from truelift.apps.accounts.roles import Role
from truelift.apps.experiments.domain import day_at
from truelift.apps.research.actor import Actor
from truelift.apps.rhythm import reads, services
from truelift.apps.rhythm.models import MeetingRecord
from truelift.apps.rhythm.services import When
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import site_for
from truelift.lifecycle.rhythm import Meeting


router = Router(tags=["rhythm"])

Document = dict[str, Any]


class WhenIn(Schema):
    """When a meeting stands; `version` is the one that was read, 0 before the first."""

    version: int = Field(ge=0)
    weekday: int = Field(ge=0, le=4, description="Monday is 0.")
    nth: int = Field(1, ge=1, le=4, description="Which of these weekdays in its month.")
    at: time
    owner: str = ""
    stands: bool = True


class ActionIn(Schema):
    """Something that somebody will do."""

    what: str
    owner: str = Field(description="E-mail address.")
    due: str = Field(description="ISO day.")
    topic: str = ""


class DoneIn(Schema):
    """What came of it."""

    outcome: str = ""


class HandIn(Schema):
    """To whom an action goes, and by when it is due."""

    owner: str
    due: str


class PresentIn(Schema):
    """Who is there: numbers of people of the site."""

    people: list[int]


class NotesIn(Schema):
    """Topic → what the minutes say; what is not named stays."""

    notes: dict[str, str]


class AdditionIn(Schema):
    """What is added to closed minutes."""

    text: str


@router.get("/rhythm")
def rhythm(request: HttpRequest, site: str) -> Document:
    """Say how every kind of meeting stands: when it is due, adherence, misses in a row."""
    place, now = site_for(request.user, site), datetime.now(UTC)
    today = day_at(place, now)
    found = reads.rhythms_of(place, now=now)
    return {"kinds": [reads.rhythm_document(each, today=today) for each in found]}


@router.put("/rhythm/{kind}")
def when(request: HttpRequest, site: str, kind: Meeting, given: WhenIn) -> Document:
    """Agree on when a meeting stands; those to come are moved."""
    place, now = site_for(request.user, site, needs=Role.EDITOR), datetime.now(UTC)
    wanted = When(given.weekday, given.nth, given.at, given.owner, given.stands)
    services.set_rhythm(place, kind, wanted, seen=given.version, by=_actor(request), now=now)
    today = day_at(place, now)
    found = {each.kind: each for each in reads.rhythms_of(place, now=now)}
    return reads.rhythm_document(found[kind], today=today)


@router.get("/meetings")
def meetings(request: HttpRequest, site: str, kind: Meeting | None = None) -> Document:
    """List meetings, the newest first."""
    place, now = site_for(request.user, site), datetime.now(UTC)
    today = day_at(place, now)
    rows = reads.meetings_of(place, kind=kind.value if kind else "")
    return {"meetings": [reads.meeting_summary(each, today=today) for each in rows]}


@router.get("/meetings/{kind}/{period}")
def meeting(request: HttpRequest, site: str, kind: Meeting, period: str) -> Document:
    """Give a meeting with agenda, minutes, actions and packs."""
    return _document(site_for(request.user, site), kind, period)


@router.post("/meetings/{kind}/{period}/begin")
def begin(request: HttpRequest, site: str, kind: Meeting, period: str) -> Document:
    """Begin a meeting: the time runs, and a review's figures are frozen."""
    place, now = site_for(request.user, site, needs=Role.EDITOR), datetime.now(UTC)
    services.begin(place, kind, period, by=_actor(request), now=now)
    return _document(place, kind, period)


@router.post("/meetings/{kind}/{period}/close")
def close(request: HttpRequest, site: str, kind: Meeting, period: str) -> Document:
    """Close a meeting; from then on its minutes can only be added to."""
    place, now = site_for(request.user, site, needs=Role.EDITOR), datetime.now(UTC)
    services.close(place, kind, period, by=_actor(request), now=now)
    return _document(place, kind, period)


@router.post("/meetings/{kind}/{period}/agenda")
def agenda(request: HttpRequest, site: str, kind: Meeting, period: str) -> Document:
    """Put the agenda together anew."""
    place, now = site_for(request.user, site, needs=Role.EDITOR), datetime.now(UTC)
    services.read_agenda(place, kind, period, now=now)
    return _document(place, kind, period)


@router.post("/meetings/{kind}/{period}/freeze")
def freeze(request: HttpRequest, site: str, kind: Meeting, period: str) -> Document:
    """Freeze the figures as another version of the pack."""
    place, now = site_for(request.user, site, needs=Role.EDITOR), datetime.now(UTC)
    services.freeze_pack(place, kind, period, by=_actor(request), now=now)
    return _document(place, kind, period)


@router.put("/meetings/{kind}/{period}/present")
def present(
    request: HttpRequest, site: str, kind: Meeting, period: str, given: PresentIn
) -> Document:
    """Say who is there."""
    place, now = site_for(request.user, site, needs=Role.EDITOR), datetime.now(UTC)
    services.set_present(place, kind, period, given.people, by=_actor(request), now=now)
    return _document(place, kind, period)


@router.put("/meetings/{kind}/{period}/notes")
def notes(request: HttpRequest, site: str, kind: Meeting, period: str, given: NotesIn) -> Document:
    """Write what the minutes say."""
    place, now = site_for(request.user, site, needs=Role.EDITOR), datetime.now(UTC)
    services.write_notes(place, kind, period, given.notes, by=_actor(request), now=now)
    return _document(place, kind, period)


@router.post("/meetings/{kind}/{period}/actions")
def promise(
    request: HttpRequest, site: str, kind: Meeting, period: str, given: ActionIn
) -> Document:
    """Write down what somebody will do; it stands on every agenda until it is done."""
    place, now = site_for(request.user, site, needs=Role.EDITOR), datetime.now(UTC)
    made = services.promise(
        place,
        kind,
        period,
        what=given.what,
        owner=given.owner,
        due=given.due,
        topic=given.topic,
        by=_actor(request),
        now=now,
    )
    return reads.action_document(made)


@router.post("/meetings/{kind}/{period}/additions")
def add(request: HttpRequest, site: str, kind: Meeting, period: str, given: AdditionIn) -> Document:
    """Add to the minutes of a closed meeting."""
    place, now = site_for(request.user, site, needs=Role.EDITOR), datetime.now(UTC)
    made = services.add(place, kind, period, given.text, by=_actor(request), now=now)
    return {"text": made.text, "at": made.at}


@router.get("/meetings/{kind}/{period}/packs/{version}")
def pack(request: HttpRequest, site: str, kind: Meeting, period: str, version: int) -> Document:
    """Give a frozen pack as it was stored, with its digest."""
    row = _row(site_for(request.user, site), kind, period)
    found = reads.pack_of(row, version)
    if found is None:
        raise Http404
    return {"digest": found.digest, "made_at": found.made_at, "document": found.document}


@router.get("/actions")
def actions(request: HttpRequest, site: str) -> Document:
    """List what is promised and open, the first due first."""
    place = site_for(request.user, site)
    return {"actions": [reads.action_document(each) for each in reads.open_actions(place)]}


@router.post("/actions/{number}/done")
def done(request: HttpRequest, site: str, number: int, given: DoneIn) -> Document:
    """Say that something promised is done; who promised it may, and whoever edits."""
    place, now = site_for(request.user, site), datetime.now(UTC)
    found = reads.action_of(place, number)
    if found is None:
        raise Http404
    if found.owner_id != request.user.pk:
        site_for(request.user, site, needs=Role.EDITOR)
    made = services.finish_action(place, number, outcome=given.outcome, by=_actor(request), now=now)
    return reads.action_document(made)


@router.put("/actions/{number}")
def hand_over(request: HttpRequest, site: str, number: int, given: HandIn) -> Document:
    """Give an open action to somebody else, or another day."""
    place, now = site_for(request.user, site, needs=Role.EDITOR), datetime.now(UTC)
    made = services.hand_over(
        place, number, owner=given.owner, due=given.due, by=_actor(request), now=now
    )
    return reads.action_document(made)


def _document(site: Site, kind: Meeting, period: str) -> Document:
    return reads.meeting_document(_row(site, kind, period), now=datetime.now(UTC))


def _row(site: Site, kind: Meeting, period: str) -> MeetingRecord:
    row = reads.meeting_of(site, kind.value, period)
    if row is None:
        raise Http404
    return row


def _actor(request: HttpRequest) -> Actor:
    user = request.user
    return Actor(user if isinstance(user, User) else None)
