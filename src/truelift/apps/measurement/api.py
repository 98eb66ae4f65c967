"""Questions and saved segments over HTTP, as pages and the command line ask and save them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final, cast

from django.http import HttpRequest
from ninja import Body, Field, Router, Schema, Status

from truelift.apps.accounts.models import User
from truelift.apps.accounts.roles import Role
from truelift.apps.experiments.monitoring_hiding import refuse_early
from truelift.apps.measurement.reads import ask
from truelift.apps.measurement.running import HEADER, answering
from truelift.apps.measurement.segments_reads import (
    context_of,
    segment_document,
    segment_of,
    segments_of,
    versions_of,
)
from truelift.apps.measurement.segments_services import archive_segment, save_segment
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import site_for
from truelift.errors import Refusal
from truelift.questions.parse import parse_question
from truelift.questions.question import Question
from truelift.questions.segment_form import NoSuchSegment


router = Router(tags=["measurement"])

Document = dict[str, Any]

NAMING_PEOPLE: Final = frozenset({"funnel_people", "recent"})
"""Questions whose answers have visitors or what they sent in them."""


class SegmentIn(Schema):
    """A condition over people, under a name."""

    name: str = Field(max_length=60)
    definition: Document
    description: str = Field(default="", max_length=500)


class NamesPeople(Refusal):
    """A question whose answer names people is asked where that is written down."""

    code = "measurement.names_people"

    def __init__(self, *, question: str) -> None:
        super().__init__(
            f"The answer to {question} names people. Ask it on its page, where an owner allows it"
            " and the audit keeps who looked.",
            question=question,
        )


@router.post("/ask")
def ask_question(request: HttpRequest, site: str, question: Body[Document]) -> Document:
    """Answer a question, written as for `truelift ask --question`; docs/questions.schema.json.

    Under a name in the header `Truelift-Asking` it can be cancelled like a page's question.
    """
    place = _site(request, site)
    if (name := str(question.get("question"))) in NAMING_PEOPLE:
        raise NamesPeople(question=name)
    user = request.user
    now = _now()
    refuse_early(place, question, user if isinstance(user, User) else None, now=now)
    parsed = parse_question(question, context_of(place, now=now))
    token = request.headers.get(HEADER, "")
    with answering(user.pk if isinstance(user, User) else 0, place.name, token):
        asked = ask(place.name, cast("Question[Any, Any]", parsed))
    return {
        **asked.answer.document(),
        "lake_version": asked.lake_version,
        "journal_position": asked.journal_position,
        "unread": list(asked.unread),
        "remarks": [each.document() for each in asked.remarks],
        "took_ms": round(asked.took_ms, 1),
    }


@router.get("/segments")
def list_segments(request: HttpRequest, site: str) -> Document:
    """List the newest version of every segment of a site."""
    place = _site(request, site)
    return {"segments": [segment_document(each) for each in segments_of(place)]}


@router.post("/segments", response={201: Document})
def create_segment(request: HttpRequest, site: str, given: SegmentIn) -> Status[Document]:
    """Save a segment; with a name that is taken, its next version."""
    place = _site(request, site, needs=Role.ANALYST)
    saved = save_segment(
        place,
        given.name,
        given.definition,
        by=_actor(request),
        now=_now(),
        description=given.description,
    )
    return Status(201, segment_document(saved))


@router.get("/segments/{name}")
def show_segment(request: HttpRequest, site: str, name: str) -> Document:
    """Show a segment, by `name` or `name@version`, with the versions that it has."""
    place = _site(request, site)
    found = segment_of(place, name)
    if found is None:
        raise NoSuchSegment(segment=name)
    versions = [each.version for each in versions_of(place, found.name)]
    return {**segment_document(found), "versions": versions}


@router.post("/segments/{name}/archive")
def put_segment_away(request: HttpRequest, site: str, name: str) -> Document:
    """Put a segment away; answers that name it stay as they are."""
    place = _site(request, site, needs=Role.ANALYST)
    return segment_document(archive_segment(place, name, by=_actor(request), now=_now()))


def _site(request: HttpRequest, name: str, *, needs: Role = Role.VIEWER) -> Site:
    return site_for(request.user, name, needs=needs)


def _actor(request: HttpRequest) -> Actor:
    user = request.user
    return Actor(user if isinstance(user, User) else None)


def _now() -> datetime:
    return datetime.now(UTC)
