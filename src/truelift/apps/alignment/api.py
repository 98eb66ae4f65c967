"""Team metrics, touchpoints and the commercial brief over HTTP, through the same services."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

from django.http import HttpRequest
from ninja import Field, Router, Schema, Status

from truelift.apps.accounts.models import User
from truelift.apps.accounts.roles import Role
from truelift.apps.alignment import services
from truelift.apps.alignment.nightly import compute_soon
from truelift.apps.alignment.reads import (
    alignment_of,
    conflict_document,
    conflicts_of,
    metric_document,
    metric_of,
    metrics_of,
    places_of,
)
from truelift.apps.alignment.services import MetricFields, NoBrief, NoSuchTeamMetric, Value
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.apps.sites.reads import site_for
from truelift.lifecycle.commercial_brief import Seat
from truelift.lifecycle.functions import Function
from truelift.lifecycle.team_metric import Cadence, Formula, Unit


router = Router(tags=["alignment"])

Document = dict[str, Any]


class TeamMetricIn(Schema):
    """What is said of a team's metric; what is left out stays as it is."""

    name: str | None = Field(default=None, max_length=80)
    team: Function | None = None
    owner: str | None = Field(default=None, max_length=254, description="Empty for nobody.")
    formula: Formula | None = None
    library: str | None = Field(default=None, max_length=120)
    unit: Unit | None = None
    direction: int | None = Field(default=None, description="1: more is better, -1: less is.")
    sources: list[str] | None = Field(default=None, max_length=40)
    cadence: Cadence | None = None
    target: float | None = None
    path: str | None = Field(
        default=None, max_length=300, description="To the shared metric; empty: operational."
    )
    path_href: str | None = Field(default=None, max_length=300)
    version: int | None = None


class TeamTemplateIn(Schema):
    """A team whose usual metrics are registered."""

    team: Function


class TeamValueIn(Schema):
    """A value of a day."""

    day: date
    value: float
    of: float = Field(default=1.0, description="By what it is divided.")


class TeamValuesIn(Schema):
    """Values; the same day again replaces its value."""

    values: list[TeamValueIn] = Field(max_length=4_000)


class RemitIn(Schema):
    """Teams whose surfaces the programme may change."""

    teams: list[str] = Field(max_length=40)


class CommercialBriefIn(Schema):
    """The next version of the commercial brief."""

    goal: str = Field(max_length=1_000)
    metric: str = Field(max_length=200)
    priorities: list[str] = Field(max_length=20)
    because: str = Field(default="", max_length=500)


class BriefAcknowledgementIn(Schema):
    """A team stands behind a version."""

    team: Function
    version: int


class EmptySeatIn(Schema):
    """Why there is nobody of a function; empty takes it back."""

    function: Function
    because: str = Field(default="", max_length=300)


@router.get("/team-metrics")
def list_team_metrics(request: HttpRequest, site: str) -> Document:
    """List what teams are judged by, and the conflicts that stand, the most money first."""
    place = _site(request, site)
    return {
        "metrics": [metric_document(each) for each in metrics_of(place)],
        "conflicts": [conflict_document(each) for each in conflicts_of(place)],
    }


@router.post("/team-metrics", response={201: Document})
def make_team_metric(request: HttpRequest, site: str, given: TeamMetricIn) -> Status[Document]:
    """Register a team's metric; it is computed afterwards."""
    place = _site(request, site, needs=Role.ANALYST)
    made = services.write_metric(place, _fields(given), by=_actor(request), now=_now())
    compute_soon(place, by=_user(request), now=_now())
    return Status(201, metric_document(made))


# Before the addresses of single metrics, which would take the word for a number.
@router.post("/team-metrics/templates", response={201: Document})
def load_team_template(request: HttpRequest, site: str, given: TeamTemplateIn) -> Status[Document]:
    """Register what a team is usually judged by, but what it has already."""
    place = _site(request, site, needs=Role.ANALYST)
    made = services.load_template(place, given.team, by=_actor(request), now=_now())
    return Status(201, {"metrics": [metric_document(each) for each in made]})


@router.get("/team-metrics/{number}")
def show_team_metric(request: HttpRequest, site: str, number: int) -> Document:
    """Show a metric with its weeks and its conflicts."""
    place = _site(request, site)
    found = metric_of(place, number)
    if found is None:
        raise NoSuchTeamMetric(key=f"TM-{number}")
    history = found.conflicts.select_related("metric").order_by("-first_at")[:50]
    return {**metric_document(found), "conflicts": [conflict_document(each) for each in history]}


@router.patch("/team-metrics/{number}")
def edit_team_metric(request: HttpRequest, site: str, number: int, given: TeamMetricIn) -> Document:
    """Change what is said of a metric."""
    place = _site(request, site, needs=Role.ANALYST)
    made = services.write_metric(
        place, _fields(given), by=_actor(request), now=_now(), number=number, version=given.version
    )
    compute_soon(place, by=_user(request), now=_now())
    return metric_document(made)


@router.delete("/team-metrics/{number}", response={204: None})
def end_team_metric(request: HttpRequest, site: str, number: int) -> Status[None]:
    """Take a metric out of the register; what was found of it stays."""
    place = _site(request, site, needs=Role.EDITOR)
    services.end_metric(place, number, by=_actor(request), now=_now())
    return Status(204, None)


@router.put("/team-metrics/{number}/values")
def put_team_values(request: HttpRequest, site: str, number: int, given: TeamValuesIn) -> Document:
    """Take values of a metric in that is brought in by people."""
    place = _site(request, site, needs=Role.ANALYST)
    values = [Value(each.day, each.value, each.of) for each in given.values]
    days = services.take_values(place, number, values, by=_actor(request), now=_now())
    compute_soon(place, by=_user(request), now=_now())
    return {"days": days}


@router.get("/touchpoints")
def show_touchpoints(request: HttpRequest, site: str) -> Document:
    """Give the journey with its owners, its losses a week, and the remit gap."""
    place = _site(request, site)
    found = places_of(place)
    gap = found.gap
    return {
        "touchpoints": [
            {
                "surface": each.surface,
                "team": each.team or None,
                "step": each.step or None,
                "loss_minor_per_week": each.loss_minor,
                "cadence_days": each.cadence_days,
                "incentive": each.incentive or None,
            }
            for each in found.points
        ],
        "remit": list(found.remit),
        "remit_gap": None
        if gap is None
        else {
            "share": gap.share,
            "total_minor": gap.total_minor,
            "outside_minor": gap.outside_minor,
            "outside": [each.surface for each in gap.outside],
        },
        "currency": place.currency,
        "counted_at": found.counted_at,
    }


@router.put("/remit")
def put_remit(request: HttpRequest, site: str, given: RemitIn) -> Document:
    """Say whose surfaces the programme may change."""
    place = _site(request, site, needs=Role.EDITOR)
    held = services.set_remit(place, given.teams, by=_actor(request), now=_now())
    return {"teams": list(held.teams), "version": held.version}


@router.get("/commercial-brief")
def show_commercial_brief(request: HttpRequest, site: str) -> Document:
    """Show the newest version, the eight functions, and who stands behind it."""
    return _aligned(_site(request, site))


@router.post("/commercial-brief", response={201: Document})
def write_commercial_brief(
    request: HttpRequest, site: str, given: CommercialBriefIn
) -> Status[Document]:
    """Write the next version; every team is asked anew."""
    place = _site(request, site, needs=Role.EDITOR)
    services.write_brief(place, **given.dict(), by=_actor(request), now=_now())
    return Status(201, _aligned(place))


@router.post("/commercial-brief/acknowledgements")
def acknowledge_commercial_brief(
    request: HttpRequest, site: str, given: BriefAcknowledgementIn
) -> Document:
    """Say that one's own team stands behind the newest version."""
    place = _site(request, site)
    services.acknowledge(place, given.team, version=given.version, by=_actor(request), now=_now())
    return _aligned(place)


@router.put("/commercial-brief/seats")
def put_empty_seat(request: HttpRequest, site: str, given: EmptySeatIn) -> Document:
    """Say why a programme has nobody of a function."""
    place = _site(request, site, needs=Role.EDITOR)
    services.leave_empty(place, given.function, given.because, by=_actor(request), now=_now())
    found = alignment_of(place)
    return {"seats": _seats(found.seats)}


def _aligned(place: Site) -> Document:
    found = alignment_of(place)
    if found.brief is None:
        raise NoBrief
    cover = found.coverage
    return {
        "version": found.brief.version,
        "goal": found.brief.goal,
        "metric": found.brief.metric,
        "priorities": list(found.brief.priorities),
        "because": found.brief.because or None,
        "made_at": found.brief.made_at,
        "coverage": {
            "share": cover.share,
            "acknowledged": cover.acknowledged,
            "teams": cover.teams,
            "missing": [each.value for each in cover.missing],
        },
        "seats": _seats(found.seats),
    }


def _seats(given: Sequence[Seat]) -> list[Document]:
    return [
        {
            "function": each.function.value,
            "people": list(each.people),
            "none_because": each.none_because or None,
            "acknowledged": each.acknowledged,
        }
        for each in given
    ]


def _fields(given: TeamMetricIn) -> MetricFields:
    said = given.dict(exclude={"version", "sources", "target"})
    words = {name: getattr(value, "value", value) for name, value in said.items()}
    target = given.target
    if target is None and "target" in given.model_fields_set:
        target = math.nan
    sources = None if given.sources is None else tuple(given.sources)
    return MetricFields(**words, sources=sources, target=target)


def _site(request: HttpRequest, name: str, *, needs: Role = Role.VIEWER) -> Site:
    return site_for(request.user, name, needs=needs)


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # noqa: S101 - every endpoint signs in first
    return request.user


def _actor(request: HttpRequest) -> Actor:
    return Actor(_user(request))


def _now() -> datetime:
    return datetime.now(UTC)
