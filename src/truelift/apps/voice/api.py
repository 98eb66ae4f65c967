"""Notes, calls, codes, phrases, claims and themes over HTTP; and signed webhooks of notes."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import Any, Final, Literal

from django.db import IntegrityError, transaction
from django.http import Http404, HttpRequest
from ninja import Field, Query, Router, Schema, Status
from ninja.errors import HttpError

from truelift.apps.accounts.models import User
from truelift.apps.accounts.roles import Role
from truelift.apps.intake.channels import BadSignature, check_signature, hook_of
from truelift.apps.intake.fields import Arrival
from truelift.apps.intake.models import Channel, Delivery, Way
from truelift.apps.lists.part import newest_after
from truelift.apps.research.actor import Actor
from truelift.apps.research.fields import BadFields
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import site_for
from truelift.apps.voice import calls, codes, notes, promises, themes
from truelift.apps.voice.models import CallRecord, PhraseRecord, ThemeRecord, ThemeState
from truelift.apps.voice.reads import (
    Wanted,
    call_of,
    calls_of,
    claims_of,
    figures_of,
    listeners_of,
    note_document,
    note_of,
    notes_wanted,
    phrases_of,
)
from truelift.lifecycle.functions import Function
from truelift.lifecycle.voice import USUAL_MINUTES, Answer, Question


router = Router(tags=["voice"])

MOST_BYTES: Final = 65_536
"""Of a webhook's body."""

Document = dict[str, Any]
Heard = Literal["sales", "service"]
Where = Literal["sales", "service", "ticket", "chat", "survey", "review", "user_test", "recording"]
Agreed = Literal["unknown", "inside", "public"]


class HeardIn(Schema):
    """Something that a customer said, word for word."""

    text: str = Field(min_length=1, max_length=4000)
    source: Where
    day: date | None = None
    speaker: Literal["", "prospect", "customer", "lost", "colleague"] = ""
    times: int = Field(default=1, ge=1, le=1_000_000)
    surface: str = Field(default="", max_length=120)
    segment: str = Field(default="", max_length=120)
    stage: str = Field(default="", max_length=80)
    lost: bool | None = None
    value_minor: int | None = Field(default=None, ge=0, lt=2**63)
    refund: bool | None = None
    consent: Agreed = "unknown"
    personal: bool = False
    contact: str = Field(default="", max_length=254)
    url: str = Field(default="", max_length=500)
    outside_id: str = Field(default="", max_length=200)


class NotesListed(Schema):
    """Which notes."""

    text: str = Field(default="", max_length=120)
    source: Literal[
        "", "sales", "service", "ticket", "chat", "survey", "review", "user_test", "recording"
    ] = ""
    question: Literal["", "q1", "q2", "q3"] = ""
    theme: str = Field(default="", max_length=20)
    surface: str = Field(default="", max_length=120)
    limit: int = Field(default=50, ge=1, le=500)
    cursor: str = Field(default="", max_length=20)


class CodingIn(Schema):
    """What a note is about; an empty code says that none fits."""

    code: str = Field(default="", max_length=40)
    claim: str = Field(default="", max_length=20)


class AnswerIn(Schema):
    """One row of a call."""

    question: Literal["q1", "q2", "q3"]
    text: str = Field(min_length=1, max_length=4000)
    times: int = Field(default=1, ge=1, le=1_000_000)
    segment: str = Field(default="", max_length=120)
    surface: str = Field(default="", max_length=120)


class CallIn(Schema):
    """A monthly call that begins."""

    function: Heard
    day: date


class CallRowsIn(Schema):
    """What was written down in a call so far."""

    answers: list[AnswerIn] = Field(default_factory=list, max_length=60)
    nothing_new: list[Literal["q1", "q2", "q3"]] = Field(default_factory=list, max_length=3)
    minutes: int = Field(default=USUAL_MINUTES, ge=0, le=1000)


class CodeIn(Schema):
    """One code."""

    key: str = Field(min_length=1, max_length=40)
    name: str = Field(min_length=1, max_length=80)
    family: Literal["objection", "disappointment"]
    meaning: str = Field(default="", max_length=500)


class CodebookIn(Schema):
    """The next version of the codebook."""

    codes: list[CodeIn] = Field(min_length=1, max_length=80)
    because: str = Field(default="", max_length=300)


class PhraseIn(Schema):
    """Words that moved somebody."""

    text: str = Field(min_length=1, max_length=300)
    said_by: str = Field(default="", max_length=80)
    effect: str = Field(default="", max_length=300)
    permission: Agreed = "unknown"
    note: str = Field(default="", max_length=20)


class ClaimIn(Schema):
    """Something that a page promises."""

    text: str = Field(min_length=1, max_length=300)
    url: str = Field(default="", max_length=500)
    surface: str = Field(default="", max_length=120)


class ClaimTestIn(Schema):
    """An experiment that changes a claim, or was proposed and does not."""

    experiment: str = Field(min_length=1, max_length=80)
    changes: bool = True


class ThemeIn(Schema):
    """What a person says of a machine's draft."""

    accept: bool
    name: str = Field(default="", max_length=200)


class OwnerIn(Schema):
    """Who answers for what a function hears."""

    function: Heard
    owner: str = Field(min_length=3, max_length=254)


@router.get("/voice")
def summary(request: HttpRequest, site: str) -> Document:
    """Say what was computed last night, and who listens."""
    place, now = _site(request, site), _now()
    found = figures_of(place)
    return {
        "computed_at": found.computed_at if found else None,
        "figures": found.document if found else None,
        "listeners": [
            {
                "function": each.function.value,
                "owner": each.owner.email if each.owner else None,
                "notes_28_days": each.month,
                "notes_year": each.year,
                "last": each.last,
                "silent_days": each.silent_days,
            }
            for each in listeners_of(place, now=now)
        ],
    }


@router.put("/voice/owners")
def name_owner(request: HttpRequest, site: str, given: OwnerIn) -> Document:
    """Say who answers for what sales or service hears."""
    place = _site(request, site, needs=Role.ANALYST)
    owner = User.objects.filter(memberships__site=place, email__iexact=given.owner).first()
    if owner is None:
        raise BadFields({"owner": "Nobody of that address has a role here."})
    codes.name_owner(place, Function(given.function), owner, by=_actor(request), now=_now())
    return {"function": given.function, "owner": owner.email}


@router.get("/notes")
def list_notes(request: HttpRequest, site: str, given: Query[NotesListed]) -> Document:
    """List what customers said, the newest first."""
    place = _site(request, site)
    found = notes_wanted(place, Wanted(**given.dict(exclude={"limit", "cursor"})))
    part = newest_after(found, given.cursor, given.limit)
    return {
        "notes": [note_document(each) for each in part.records],
        "count": found.count(),
        "next": part.next,
    }


@router.post("/notes", response={200: Document, 201: Document})
def receive_note(request: HttpRequest, site: str, given: HeardIn) -> Status[Document]:
    """Write down what a customer said; every member may. What is here already is answered 200."""
    place = _site(request, site)
    arrival = Arrival(Way.API, by=_actor(request), outside_id=given.outside_id)
    try:
        made = notes.receive_note(place, _fields(given), arrival, now=_now())
    except notes.NoteIsHere as known:
        return Status(200, _note(place, known.key))
    return Status(201, note_document(made))


@router.get("/notes/{key}")
def show_note(request: HttpRequest, site: str, key: str) -> Document:
    """Show a note."""
    return _note(_site(request, site), key)


@router.put("/notes/{key}/code")
def code_note(request: HttpRequest, site: str, key: str, given: CodingIn) -> Document:
    """Say what a note is about."""
    place = _site(request, site, needs=Role.ANALYST)
    claim = promises.claim_of(place, given.claim) if given.claim else None
    if given.claim and claim is None:
        raise promises.NoSuchPhrase(key=given.claim)
    made = codes.code_note(place, key, given.code, claim=claim, by=_actor(request), now=_now())
    return {"code": made.code or None, "first": made.first or None, "blind": made.blind}


@router.post("/notes/{key}/signal", response={201: Document})
def pass_on(request: HttpRequest, site: str, key: str) -> Status[Document]:
    """Make a signal of the evidence inbox of a note."""
    place = _site(request, site, needs=Role.ANALYST)
    made = notes.pass_on(place, key, by=_actor(request), now=_now())
    return Status(201, {"signal": made.key})


@router.delete("/notes/{key}", response={204: None})
def erase_note(request: HttpRequest, site: str, key: str) -> Status[None]:
    """Take the words of a note away; what was counted stays counted."""
    place = _site(request, site, needs=Role.ANALYST)
    notes.erase_note(place, key, by=_actor(request), now=_now())
    return Status(204, None)


@router.get("/voice/calls")
def list_calls(request: HttpRequest, site: str) -> Document:
    """List the monthly calls, the newest first."""
    place = _site(request, site)
    return {"calls": [_call_document(each) for each in calls_of(place)]}


@router.post("/voice/calls", response={201: Document})
def begin_call(request: HttpRequest, site: str, given: CallIn) -> Status[Document]:
    """Begin the monthly call with sales or service."""
    place = _site(request, site, needs=Role.ANALYST)
    function = Function(given.function)
    made = calls.begin_call(place, function, day=given.day, by=_actor(request), now=_now())
    return Status(201, _call_document(made))


@router.put("/voice/calls/{number}")
def keep_call(request: HttpRequest, site: str, number: int, given: CallRowsIn) -> Document:
    """Keep what was written down so far."""
    place = _site(request, site, needs=Role.ANALYST)
    answers = [
        Answer(Question(each.question), each.text, each.times, each.segment, each.surface)
        for each in given.answers
    ]
    made = calls.keep_call(
        place,
        number,
        answers,
        nothing_new=frozenset(Question(each) for each in given.nothing_new),
        minutes=given.minutes,
    )
    return _call_document(made)


@router.post("/voice/calls/{number}/close")
def close_call(request: HttpRequest, site: str, number: int) -> Document:
    """Close a call: its rows become notes; or say every reason why not."""
    place = _site(request, site, needs=Role.ANALYST)
    made, found = calls.close_call(place, number, by=_actor(request), now=_now())
    return {**_call_document(made), "notes": [each.key for each in found]}


@router.get("/voice/calls/{number}")
def show_call(request: HttpRequest, site: str, number: int) -> Document:
    """Show a call."""
    found = call_of(_site(request, site), number)
    if found is None:
        raise calls.NoSuchCall
    return _call_document(found)


@router.get("/voice/codebook")
def show_codebook(request: HttpRequest, site: str) -> Document:
    """Show the codes that hold."""
    found = codes.codebook_of(_site(request, site))
    return {"version": found.version if found else None, "codes": found.codes if found else []}


@router.post("/voice/codebook", response={201: Document})
def write_codebook(request: HttpRequest, site: str, given: CodebookIn) -> Status[Document]:
    """Write the next version of the codebook."""
    place = _site(request, site, needs=Role.ANALYST)
    made = codes.write_codebook(
        place,
        [codes.Code(**each.dict()) for each in given.codes],
        because=given.because,
        by=_actor(request),
        now=_now(),
    )
    return Status(201, {"version": made.version, "codes": made.codes})


@router.get("/voice/phrases")
def list_phrases(request: HttpRequest, site: str) -> Document:
    """List the phrases with where they are used."""
    return {"phrases": [_phrase_document(each) for each in phrases_of(_site(request, site))]}


@router.post("/voice/phrases", response={201: Document})
def add_phrase(request: HttpRequest, site: str, given: PhraseIn) -> Status[Document]:
    """Keep words that moved somebody, and find where they are used."""
    place = _site(request, site, needs=Role.ANALYST)
    note = note_of(place, given.note) if given.note else None
    if given.note and note is None:
        raise notes.NoSuchNote(key=given.note)
    made = promises.add_phrase(
        place, **given.dict(exclude={"note"}), note=note, by=_actor(request), now=_now()
    )
    return Status(201, _phrase_document(made))


@router.get("/voice/claims")
def list_claims(request: HttpRequest, site: str) -> Document:
    """List what pages promise, with the notes that say it was not kept."""
    return {
        "claims": [
            {
                "key": each.record.key,
                "text": each.record.text,
                "url": each.record.url,
                "surface": each.record.surface,
                "notes": each.notes,
                "refunds": each.refunds,
                "tests": [
                    {"experiment": one.experiment.key, "state": one.state, "guardrails": one.added}
                    for one in each.record.tests.all()
                ],
            }
            for each in claims_of(_site(request, site))
        ]
    }


@router.post("/voice/claims", response={201: Document})
def add_claim(request: HttpRequest, site: str, given: ClaimIn) -> Status[Document]:
    """Keep something that a page promises; the same again gives the one that is here."""
    place = _site(request, site, needs=Role.ANALYST)
    made = promises.add_claim(
        place, given.text, url=given.url, surface=given.surface, by=_actor(request), now=_now()
    )
    return Status(201, {"key": made.key, "text": made.text, "surface": made.surface})


@router.put("/voice/claims/{key}/tests")
def tag_test(request: HttpRequest, site: str, key: str, given: ClaimTestIn) -> Document:
    """Say that an experiment changes a claim: refunds and tickets then guard it."""
    place = _site(request, site, needs=Role.ANALYST)
    made = promises.tag_test(
        place, key, given.experiment, changes=given.changes, by=_actor(request), now=_now()
    )
    return {"experiment": given.experiment, "state": made.state, "guardrails": made.added}


@router.get("/voice/themes")
def list_themes(request: HttpRequest, site: str) -> Document:
    """List the themes with their figures; drafts are marked."""
    place = _site(request, site)
    rows = ThemeRecord.objects.filter(site=place).exclude(state=ThemeState.DISMISSED)
    return {"themes": [_theme_document(each) for each in rows.order_by("number")]}


@router.put("/voice/themes/{key}")
def decide_theme(request: HttpRequest, site: str, key: str, given: ThemeIn) -> Document:
    """Accept what a machine put together, or dismiss it."""
    place = _site(request, site, needs=Role.ANALYST)
    made = themes.decide_theme(
        place, key, accept=given.accept, name=given.name, by=_actor(request), now=_now()
    )
    return _theme_document(made)


@router.post("/intake/{hook}/notes", auth=None, response={200: Document, 201: Document})
def webhook(request: HttpRequest, hook: str) -> Status[Document]:
    """Take in a note from a signed request (Standard Webhooks), of a webhook of the ways in.

    The body is a note as above. The same `webhook-id`, `outside_id` or words of one day twice
    are taken once and answered with 200.
    """
    channel, now = hook_of(hook), _now()
    if channel is None:
        raise Http404
    if len(request.body) > MOST_BYTES:
        raise HttpError(413, "The body is larger than 64 KiB.")
    try:
        message_id = check_signature(channel, headers=request.headers, body=request.body, now=now)
    except BadSignature as refusal:
        raise HttpError(401, str(refusal)) from refusal
    known = Delivery.objects.filter(channel=channel, message_id=message_id).first()
    if known is not None:
        return Status(200, {"key": known.made, "already": True})
    try:
        with transaction.atomic():
            key, fresh = _taken(channel, request.body, now=now)
            Delivery.objects.create(
                channel=channel, message_id=message_id, received_at=now, made=key
            )
    except IntegrityError:
        # The same request came twice at once, and the other one won.
        known = Delivery.objects.get(channel=channel, message_id=message_id)
        return Status(200, {"key": known.made, "already": True})
    return Status(201 if fresh else 200, {"key": key, "already": not fresh})


def _taken(channel: Channel, body: bytes, *, now: datetime) -> tuple[str, bool]:
    from pydantic import ValidationError

    try:
        given = HeardIn.model_validate(json.loads(body))
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()[:20]
        )
        raise HttpError(422, f"The body does not fit: {wrong}.") from error
    except (ValueError, RecursionError) as error:
        raise HttpError(422, "The body is no JSON.") from error
    arrival = Arrival(Way.WEBHOOK, channel=channel, outside_id=given.outside_id)
    try:
        return notes.receive_note(channel.site, _fields(given), arrival, now=now).key, True
    except notes.NoteIsHere as known:
        return known.key, False


def _fields(given: HeardIn) -> notes.NoteFields:
    return notes.NoteFields(**given.dict(exclude={"outside_id"}))


def _site(request: HttpRequest, name: str, *, needs: Role = Role.VIEWER) -> Site:
    return site_for(request.user, name, needs=needs)


def _actor(request: HttpRequest) -> Actor:
    user = request.user
    return Actor(user if isinstance(user, User) else None)


def _now() -> datetime:
    return datetime.now(UTC)


def _note(site: Site, key: str) -> Document:
    found = note_of(site, key)
    if found is None:
        raise notes.NoSuchNote(key=key[:40])
    return note_document(found)


def _call_document(record: CallRecord) -> Document:
    call = record.as_domain()
    return {
        "number": record.number,
        "key": record.key,
        "function": record.function,
        "day": record.day,
        "minutes": record.minutes,
        "owner": record.owner.email if record.owner else None,
        "answers": [asdict(each) for each in call.answers],
        "nothing_new": record.nothing_new,
        "closed_at": record.closed_at,
    }


def _phrase_document(record: PhraseRecord) -> Document:
    return {
        "key": record.key,
        "text": record.text,
        "said_by": record.said_by,
        "effect": record.effect,
        "permission": record.permission,
        "note": record.note.key if record.note else None,
        "uses": [
            {"hypothesis": each.hypothesis.key, "where": each.where, "state": each.state}
            for each in record.uses.all()
        ],
    }


def _theme_document(record: ThemeRecord) -> Document:
    return {
        "key": record.key,
        "name": record.name,
        "words": record.words,
        "notes": [f"N-{each}" for each in record.notes],
        "state": record.state,
        "drafted_by": record.drafted_by,
        "edited": record.edited,
        "figures": record.figures or None,
    }
