"""Briefs, approvals, guardrails, follow-ups and classes of metrics over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Field, Router, Schema, Status

from truelift.apps.accounts.models import User
from truelift.apps.accounts.roles import Role
from truelift.apps.briefs import services
from truelift.apps.briefs.measured import ask_for_figures
from truelift.apps.briefs.proxies import proxy_evidence
from truelift.apps.briefs.reads import brief_document, class_document, loop_closure
from truelift.apps.experiments.models import ExperimentRecord
from truelift.apps.experiments.reads import experiment_of
from truelift.apps.experiments.services import NoSuchExperiment
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import site_for


router = Router(tags=["briefs"])

Document = dict[str, Any]
Word = Annotated[str, Field(max_length=20)]


class BriefIn(Schema):
    """What is written into a brief; what is left out stays as it is."""

    goal: str | None = Field(default=None, max_length=500)
    audience: str | None = Field(default=None, max_length=300)
    adds_pressure: bool | None = None
    builder: str | None = Field(default=None, max_length=254)
    implementer: str | None = Field(default=None, max_length=254)
    effort_days: float | None = None
    slot: str | None = Field(default=None, max_length=120)
    decisions: dict[Word, Word] | None = None
    risks: dict[Word, bool | None] | None = None
    qa_notes: str | None = Field(default=None, max_length=2000)


class ApprovalIn(Schema):
    """What somebody agrees with."""

    what: Word
    note: str = Field(default="", max_length=500)


class GuardrailIn(Schema):
    """A guardrail of the templates."""

    guardrail: Word


class FollowUpIn(Schema):
    """What an experiment led to."""

    item: Word


class ClassIn(Schema):
    """What a metric is worth."""

    worth: Word
    guards: Word = ""
    proxy_of: str = Field(default="", max_length=80)
    because: str = Field(default="", max_length=500)


@router.get("/experiments/{key}/brief")
def show_brief(request: HttpRequest, site: str, key: str) -> Document:
    """Show what was settled around an experiment, and what each gate misses of it."""
    return _document(_record(_site(request, site), key))


@router.patch("/experiments/{key}/brief")
def write_brief(request: HttpRequest, site: str, key: str, given: BriefIn) -> Document:
    """Write into a brief what is given."""
    place = _site(request, site, needs=Role.EDITOR)
    change = services.BriefChange(**given.dict())
    services.write_brief(place, key, change, by=_actor(request), now=_now())
    return _document(_record(place, key))


@router.post("/experiments/{key}/brief/acknowledge")
def acknowledge(request: HttpRequest, site: str, key: str) -> Document:
    """Agree, as the implementer, to build the winner."""
    place = _site(request, site)
    services.acknowledge(place, key, by=_actor(request), now=_now())
    return _document(_record(place, key))


@router.post("/experiments/{key}/brief/approve", response={201: Document})
def approve(request: HttpRequest, site: str, key: str, given: ApprovalIn) -> Status[Document]:
    """Agree with one thing of an experiment, as its plan stands."""
    place = _site(request, site)
    services.approve(place, key, given.what, by=_actor(request), now=_now(), note=given.note)
    return Status(201, _document(_record(place, key)))


@router.post("/experiments/{key}/brief/guardrail", response={201: Document})
def add_guardrail(
    request: HttpRequest, site: str, key: str, given: GuardrailIn
) -> Status[Document]:
    """Put a guardrail of the templates into the plan of a draft."""
    place = _site(request, site, needs=Role.EDITOR)
    services.add_guardrail(place, key, given.guardrail, by=_actor(request), now=_now())
    return Status(201, _document(_record(place, key)))


@router.post("/experiments/{key}/brief/look", response={202: Document})
def look(request: HttpRequest, site: str, key: str) -> Status[Document]:
    """Have a worker look at how the events of the site's open experiments arrive."""
    place = _site(request, site, needs=Role.ANALYST)
    _record(place, key)
    job = ask_for_figures(place, by=_actor(request), now=_now())
    return Status(202, {"job": job.pk, "asked_at": job.asked_at})


@router.post("/experiments/{key}/follow-ups", response={201: Document})
def name_follow_up(
    request: HttpRequest, site: str, key: str, given: FollowUpIn
) -> Status[Document]:
    """Say which signal, idea or hypothesis an experiment led to."""
    place = _site(request, site, needs=Role.ANALYST)
    services.name_follow_up(place, key, given.item, by=_actor(request), now=_now())
    return Status(201, _document(_record(place, key)))


@router.get("/loop-closure")
def closure(request: HttpRequest, site: str) -> Document:
    """Say what share of the closed experiments led to a signal, an idea or a hypothesis."""
    return dict(loop_closure(_site(request, site)))


@router.put("/metrics/{key}/class")
def classify(request: HttpRequest, site: str, key: str, given: ClassIn) -> Document:
    """Say what a metric is worth, and what it watches over."""
    place = _site(request, site, needs=Role.EDITOR)
    row = services.classify_metric(
        place,
        key,
        worth=given.worth,
        guards=given.guards,
        proxy_of=given.proxy_of,
        because=given.because,
        by=_actor(request),
        now=_now(),
    )
    linked = proxy_evidence(place, key, row.proxy_of) if row.proxy_of else None
    return {**class_document(row), "evidence": linked.document() if linked else None}


def _site(request: HttpRequest, name: str, *, needs: Role = Role.VIEWER) -> Site:
    return site_for(request.user, name, needs=needs)


def _actor(request: HttpRequest) -> Actor:
    user = request.user
    return Actor(user if isinstance(user, User) else None)


def _now() -> datetime:
    return datetime.now(UTC)


def _record(site: Site, key: str) -> ExperimentRecord:
    record = experiment_of(site, key)
    if record is None:
        raise NoSuchExperiment(key=key[:80], site=site.name)
    return record


def _document(record: ExperimentRecord) -> Document:
    return brief_document(record, now=_now())
