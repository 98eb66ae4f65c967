"""Insights and hypotheses over HTTP, through the same services as the pages."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

from django.http import HttpRequest
from ninja import Field, Query, Router, Schema, Status

from truelift.apps.accounts.models import User
from truelift.apps.accounts.roles import Role
from truelift.apps.lists.part import Wanted, part_of
from truelift.apps.programme.reads import policy_of
from truelift.apps.research import services
from truelift.apps.research.actor import Actor
from truelift.apps.research.earlier import earlier_work, work_of
from truelift.apps.research.fields import HypothesisFields, InsightFields, Piece
from truelift.apps.research.lists import HYPOTHESES, INSIGHTS
from truelift.apps.research.models import EvidenceKind
from truelift.apps.research.page import Checks, checks_of, checks_while_typed
from truelift.apps.research.reads import (
    hypotheses_of,
    hypothesis_document,
    hypothesis_of,
    insight_document,
    insight_of,
    insights_of,
    measured,
)
from truelift.apps.research.services import NoSuchHypothesis, NoSuchInsight
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import site_for
from truelift.lifecycle.hypothesis import WhyAgain
from truelift.lifecycle.insight import Tag


router = Router(tags=["research"])


class PieceIn(Schema):
    """One piece of evidence."""

    kind: EvidenceKind = EvidenceKind.ANALYTICS
    grade: Literal["", "A", "B", "C", "D", "E"] = ""
    text: str = Field(max_length=300, min_length=1)
    url: str = Field(default="", max_length=500)


class InsightIn(Schema):
    """What goes wrong, where, for whom, how large it is and what shows it."""

    problem: str = Field(default="", max_length=300)
    surface: str = Field(default="", max_length=120)
    segment: str = Field(default="", max_length=120)
    size: str = Field(default="", max_length=200)
    weekly_value_minor: int | None = Field(default=None, ge=0, le=10**15)
    people_per_week: int | None = Field(default=None, ge=0, le=2_000_000_000)
    tags: list[Tag] = Field(default_factory=list, max_length=10)
    cause: Literal["", "observed", "inferred"] = ""
    evidence: list[PieceIn] = Field(default_factory=list, max_length=50)


class HypothesisIn(Schema):
    """The four parts, the number to hold them to, and what supports it."""

    change: str = Field(default="", max_length=300)
    audience: str = Field(default="", max_length=200)
    outcome: str = Field(default="", max_length=300)
    reason: str = Field(default="", max_length=600)
    metric: str = Field(default="", max_length=80)
    direction: str = Field(default="", max_length=8)
    expected_lift: float | None = Field(default=None, gt=0, le=10, allow_inf_nan=False)
    insights: list[str] = Field(default_factory=list, max_length=50)
    surface: str = Field(default="", max_length=120)
    element: str = Field(default="", max_length=120)
    learnings: list[str] = Field(default_factory=list, max_length=50)
    adds_pressure: bool = False
    again: Literal["", "new_audience", "new_context", "underpowered", "other"] = ""
    again_because: str = Field(default="", max_length=500)


class ReasonIn(Schema):
    """Why a step is taken, or what shows that something still holds."""

    because: str = Field(max_length=500)


class AgainIn(Schema):
    """Why something is tried that is much like earlier work."""

    again: WhyAgain
    because: str = Field(default="", max_length=500)


class AcceptIn(Schema):
    """Why the author accepts a hypothesis where nobody else could."""

    reason: str = Field(default="", max_length=1000)


Document = dict[str, Any]


class InsightsWanted(Wanted):
    """Which insights."""

    stage: Literal["", "open", "draft", "accepted", "stale", "retired"] = ""
    segment: str = Field(default="", max_length=120)
    who: str = Field(default="", max_length=200)


class HypothesesWanted(Wanted):
    """Which hypotheses."""

    stage: Literal["", "draft", "ready_for_review", "accepted", "tested"] = ""
    finding: Literal["", "supported", "contradicted", "unresolved"] = ""
    metric: str = Field(default="", max_length=80)
    who: str = Field(default="", max_length=200)


@router.get("/insights")
def list_insights(request: HttpRequest, site: str, wanted: Query[InsightsWanted]) -> Document:
    """List the insights of a site, the newest first; `next` is the cursor of what follows."""
    place = _site(request, site)
    policy = policy_of(place)
    part = part_of(INSIGHTS, place, wanted, now=_now(), rows=insights_of(place))
    return {
        "insights": [insight_document(each, policy=policy) for each in part.records],
        "next": part.next,
    }


@router.post("/insights", response={201: Document})
def create_insight(request: HttpRequest, site: str, given: InsightIn) -> Status[Document]:
    """Write down what was found."""
    place = _site(request, site, needs=Role.ANALYST)
    made = services.create_insight(place, _insight(given), by=_actor(request), now=_now())
    return Status(201, insight_document(made))


@router.get("/insights/{key}")
def show_insight(request: HttpRequest, site: str, key: str) -> Document:
    """Show an insight."""
    return _insight_document(_site(request, site), key)


@router.put("/insights/{key}")
def edit_insight(request: HttpRequest, site: str, key: str, given: InsightIn) -> Document:
    """Rewrite a draft."""
    place = _site(request, site, needs=Role.ANALYST)
    services.edit_insight(place, key, _insight(given), by=_actor(request), now=_now())
    return _insight_document(place, key)


@router.post("/insights/{key}/accept")
def accept_insight(request: HttpRequest, site: str, key: str) -> Document:
    """Accept an insight, or say every reason why not."""
    place = _site(request, site, needs=Role.ANALYST)
    services.accept_insight(place, key, by=_actor(request), now=_now())
    return _insight_document(place, key)


@router.post("/insights/{key}/confirm")
def confirm_insight(request: HttpRequest, site: str, key: str, given: ReasonIn) -> Document:
    """Say that an insight still holds, and what shows it."""
    place = _site(request, site, needs=Role.ANALYST)
    services.confirm_insight(place, key, by=_actor(request), now=_now(), because=given.because)
    return _insight_document(place, key)


@router.post("/insights/{key}/retire")
def retire_insight(request: HttpRequest, site: str, key: str, given: ReasonIn) -> Document:
    """Put an insight away."""
    place = _site(request, site, needs=Role.ANALYST)
    services.retire_insight(place, key, by=_actor(request), now=_now(), because=given.because)
    return _insight_document(place, key)


@router.delete("/insights/{key}", response={204: None})
def delete_insight(request: HttpRequest, site: str, key: str) -> Status[None]:
    """Delete a draft that nothing rests on."""
    place = _site(request, site, needs=Role.ANALYST)
    services.delete_insight(place, key, by=_actor(request), now=_now())
    return Status(204, None)


@router.get("/hypotheses")
def list_hypotheses(request: HttpRequest, site: str, wanted: Query[HypothesesWanted]) -> Document:
    """List the hypotheses of a site, the newest first; `next` is the cursor of what follows."""
    place = _site(request, site)
    part = part_of(HYPOTHESES, place, wanted, now=_now(), rows=hypotheses_of(place))
    return {
        "hypotheses": [hypothesis_document(each) for each in part.records],
        "next": part.next,
    }


@router.post("/hypotheses", response={201: Document})
def create_hypothesis(request: HttpRequest, site: str, given: HypothesisIn) -> Status[Document]:
    """Write down what is proposed."""
    place = _site(request, site, needs=Role.ANALYST)
    made = services.create_hypothesis(place, _hypothesis(given), by=_actor(request), now=_now())
    return Status(201, hypothesis_document(made))


@router.post("/hypotheses/check")
def check_hypothesis(
    request: HttpRequest, site: str, given: HypothesisIn, of: str = ""
) -> Document:
    """Say what is weak about a hypothesis, and what there is already like it; stores nothing.

    Args:
        request: Who asks.
        site: The site.
        given: The hypothesis.
        of: The key of the one that it would replace; empty for a new one.
    """
    place = _site(request, site, needs=Role.ANALYST)
    checks = checks_while_typed(place, _hypothesis(given), now=_now(), of=hypothesis_of(place, of))
    return _checks(checks)


@router.get("/hypotheses/{key}/check")
def check_stored_hypothesis(request: HttpRequest, site: str, key: str) -> Document:
    """Say what is weak about a hypothesis of the site, and what there is already like it."""
    place = _site(request, site)
    found = hypothesis_of(place, key)
    if found is None:
        raise NoSuchHypothesis(key=key)
    work = earlier_work(place, work_of(found), now=_now(), before=found.number)
    domain = found.as_domain(alike=work.keys)
    return _checks(checks_of(place, domain, work, to_measure=measured(place))) | {
        "unanswered": list(domain.unanswered)
    }


@router.get("/hypotheses/{key}")
def show_hypothesis(request: HttpRequest, site: str, key: str) -> Document:
    """Show a hypothesis."""
    return _hypothesis_document(_site(request, site), key)


@router.put("/hypotheses/{key}")
def edit_hypothesis(request: HttpRequest, site: str, key: str, given: HypothesisIn) -> Document:
    """Rewrite a draft."""
    place = _site(request, site, needs=Role.ANALYST)
    services.edit_hypothesis(place, key, _hypothesis(given), by=_actor(request), now=_now())
    return _hypothesis_document(place, key)


@router.post("/hypotheses/{key}/submit")
def submit_hypothesis(request: HttpRequest, site: str, key: str) -> Document:
    """Give a draft to review, or say every reason why not."""
    place = _site(request, site, needs=Role.ANALYST)
    services.submit_hypothesis(place, key, by=_actor(request), now=_now())
    return _hypothesis_document(place, key)


@router.post("/hypotheses/{key}/return")
def return_hypothesis(request: HttpRequest, site: str, key: str, given: ReasonIn) -> Document:
    """Give a hypothesis back to its author."""
    place = _site(request, site, needs=Role.ANALYST)
    services.return_hypothesis(place, key, by=_actor(request), now=_now(), because=given.because)
    return _hypothesis_document(place, key)


@router.post("/hypotheses/{key}/again")
def answer_repeat(request: HttpRequest, site: str, key: str, given: AgainIn) -> Document:
    """Say why something is tried that is much like earlier work."""
    place = _site(request, site, needs=Role.ANALYST)
    services.answer_repeat(
        place, key, again=given.again, because=given.because, by=_actor(request), now=_now()
    )
    return _hypothesis_document(place, key)


@router.post("/hypotheses/{key}/accept")
def accept_hypothesis(
    request: HttpRequest, site: str, key: str, given: AcceptIn | None = None
) -> Document:
    """Accept a hypothesis, or say every reason why not."""
    place = _site(request, site, needs=Role.ANALYST)
    reason = given.reason if given else ""
    services.accept_hypothesis(place, key, by=_actor(request), now=_now(), reason=reason)
    return _hypothesis_document(place, key)


@router.delete("/hypotheses/{key}", response={204: None})
def delete_hypothesis(request: HttpRequest, site: str, key: str) -> Status[None]:
    """Delete a draft that no experiment tests."""
    place = _site(request, site, needs=Role.ANALYST)
    services.delete_hypothesis(place, key, by=_actor(request), now=_now())
    return Status(204, None)


def _site(request: HttpRequest, name: str, *, needs: Role = Role.VIEWER) -> Site:
    return site_for(request.user, name, needs=needs)


def _actor(request: HttpRequest) -> Actor:
    user = request.user
    return Actor(user if isinstance(user, User) else None)


def _now() -> datetime:
    return datetime.now(UTC)


def _insight(given: InsightIn) -> InsightFields:
    return InsightFields(
        problem=given.problem,
        surface=given.surface,
        segment=given.segment,
        size=given.size,
        weekly_value_minor=given.weekly_value_minor,
        evidence=tuple(
            Piece(kind=piece.kind.value, text=piece.text, url=piece.url, grade=piece.grade)
            for piece in given.evidence
        ),
        people_per_week=given.people_per_week,
        tags=tuple(given.tags),
        cause=given.cause,
    )


def _hypothesis(given: HypothesisIn) -> HypothesisFields:
    return HypothesisFields(
        change=given.change,
        audience=given.audience,
        outcome=given.outcome,
        reason=given.reason,
        metric=given.metric,
        direction=given.direction,
        expected_lift=given.expected_lift,
        insights=tuple(given.insights),
        surface=given.surface,
        element=given.element,
        learnings=tuple(given.learnings),
        adds_pressure=given.adds_pressure,
        again=given.again,
        again_because=given.again_because,
    )


def _checks(checks: Checks) -> Document:
    return {
        "sentence": checks.sentence,
        "questions": checks.of,
        "answered": checks.lint.answered,
        "flags": [
            {
                "code": each.code,
                "level": each.level,
                "question": each.question,
                "field": each.field,
                "sentence": each.sentence,
                "remedy": each.remedy,
            }
            for each in checks.lint.flags
        ],
        "earlier": [
            {
                "key": near.earlier.work.key,
                "score": round(near.earlier.score, 4),
                "change": near.earlier.work.change,
                "outcome": near.earlier.work.outcome,
                "ended_on": near.earlier.work.ended_on,
                "changed_since": list(near.earlier.since),
                "must_be_answered": near.earlier.counts,
                "href": near.href,
            }
            for near in checks.near
        ],
    }


def _insight_document(site: Site, key: str) -> Document:
    found = insight_of(site, key)
    if found is None:
        raise NoSuchInsight(key=key)
    return insight_document(found, policy=policy_of(site))


def _hypothesis_document(site: Site, key: str) -> Document:
    found = hypothesis_of(site, key)
    if found is None:
        raise NoSuchHypothesis(key=key)
    return hypothesis_document(found)
