"""A programme's scorecard and maturity over HTTP."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from django.http import Http404, HttpRequest
from ninja import Field, Router, Schema

from truelift.apps.accounts.models import User
from truelift.apps.accounts.roles import Role
from truelift.apps.research.actor import Actor
from truelift.apps.scorecard import reads, services
from truelift.apps.sites.reads import site_for


router = Router(tags=["programme"])

Document = dict[str, Any]


class AnswersIn(Schema):
    """A whole questionnaire: key of a question → 0, never, to 4, always."""

    answers: dict[str, int]


class TargetsIn(Schema):
    """What a programme wants; `version` is the one that was read, 0 before the first."""

    version: int = Field(ge=0)
    targets: dict[str, tuple[float, float]] = Field(default_factory=dict)
    tests_a_quarter: int | None = None
    revenue_minor: float | None = None
    cost_minor: float | None = None
    half_life_days: int | None = None


@router.get("/programme/scorecard")
def scorecard(request: HttpRequest, site: str, day: date | None = None) -> Document:
    """Give the scorecard of the last day that was kept, or of another one."""
    place = site_for(request.user, site)
    kept = reads.latest(place) if day is None else reads.scorecard_at(place, day)
    if kept is None and day is not None:
        raise Http404
    return {"day": None} if kept is None else {"day": kept.day.isoformat(), **kept.document}


@router.post("/programme/maturity/answers")
def answer(request: HttpRequest, site: str, given: AnswersIn) -> Document:
    """Answer the questionnaire; the newest answers of a person count."""
    place = site_for(request.user, site)
    row = services.answer(place, given.answers, by=_actor(request), now=datetime.now(UTC))
    return {"made_at": row.made_at, "answers": row.answers}


@router.put("/programme/scorecard/targets")
def targets(request: HttpRequest, site: str, given: TargetsIn) -> Document:
    """Say what the programme wants to reach."""
    place = site_for(request.user, site, needs=Role.OWNER)
    wanted = services.Wanted(
        targets=given.targets,
        tests_a_quarter=given.tests_a_quarter,
        revenue_minor=given.revenue_minor,
        cost_minor=given.cost_minor,
        half_life_days=given.half_life_days,
    )
    row = services.set_targets(
        place, wanted, seen=given.version, by=_actor(request), now=datetime.now(UTC)
    )
    return {"version": row.version, "targets": row.targets}


def _actor(request: HttpRequest) -> Actor:
    user = request.user
    return Actor(user if isinstance(user, User) else None)
