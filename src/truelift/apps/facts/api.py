"""Feeds, rows of facts and the shared metric over HTTP, through the same services."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.http import Http404, HttpRequest
from ninja import Field, Router, Schema, Status

from truelift.apps.accounts.models import User
from truelift.apps.accounts.roles import Role
from truelift.apps.experiments.domain import day_at
from truelift.apps.facts import defining, reads, services
from truelift.apps.facts.columns import FeedKind, FeedSource
from truelift.apps.facts.documents import (
    Document,
    arrival_document,
    feed_document,
    metric_document,
    version_document,
)
from truelift.apps.facts.metric_page import values_by_week
from truelift.apps.facts.sending import MOST_ROWS
from truelift.apps.facts.tracking import plan_events, plan_of, tracking_of
from truelift.apps.research.actor import Actor
from truelift.apps.sites.reads import site_for
from truelift.lifecycle.functions import Function
from truelift.lifecycle.shared_metric import MetricKind


router = Router(tags=["facts"])


class FeedIn(Schema):
    """A feed."""

    name: str = Field(max_length=40, description="Small letters, digits and hyphens.")
    kind: FeedKind
    source: FeedSource = FeedSource.API
    owner: str = Field(default="", max_length=254, description="E-mail address of a member.")
    promise_hours: int = Field(default=36, ge=1, le=24 * 366)
    lag_days: int = Field(default=0, ge=0, le=120)
    maturity_days: int = Field(default=30, ge=0, le=365)
    columns: dict[str, str] = Field(
        default_factory=dict, description="Our column → how its files call it."
    )


class RowsIn(Schema):
    """Rows of a feed; money in major units, days as ISO."""

    rows: list[dict[str, Any]] = Field(max_length=MOST_ROWS)
    whole_days: bool = Field(
        default=False, description="Rows of these days that are not given are gone."
    )


class DefinitionIn(Schema):
    """A version of the shared metric."""

    kind: MetricKind
    maturity_days: int = Field(default=30, ge=0, le=365)
    eligible: str = Field(default="", max_length=300)
    close_rate: float | None = None
    value_minor: int | None = Field(default=None, le=2**53)
    because: str = Field(max_length=500)


class TrackingPlanIn(Schema):
    """Which events a site is to send; `version` is the one that was read, 0 before the first."""

    version: int = Field(ge=0)
    events: list[str] = Field(
        default_factory=list,
        max_length=500,
        description="Names as they are sent; none: those that the site’s metrics count.",
    )


class MetricSignatureIn(Schema):
    """For which function a person signs."""

    function: Function


@router.get("/feeds")
def list_feeds(request: HttpRequest, site: str) -> Document:
    """List the feeds of a site, with what is late."""
    place = site_for(request.user, site)
    now = _now()
    return {"feeds": [feed_document(each, now=now) for each in reads.feeds_of(place)]}


@router.post("/feeds", response={201: Document})
def make_feed(request: HttpRequest, site: str, given: FeedIn) -> Status[Document]:
    """Make a feed."""
    place = site_for(request.user, site, needs=Role.EDITOR)
    fields = given.dict()
    email, owner = fields.pop("owner"), None
    if email:
        people = User.objects.filter(memberships__site=place, is_active=True)
        owner = people.filter(email__iexact=email).first()
        if owner is None:
            raise services.BadFeed({"owner": f"{email[:80]} does not belong to the site."})
    now = _now()
    made = services.make_feed(place, **fields, owner=owner, by=_actor(request), now=now)
    return Status(201, feed_document(made, now=now))


@router.delete("/feeds/{name}", response={204: None})
def end_feed(request: HttpRequest, site: str, name: str) -> Status[None]:
    """Take nothing more from a feed; what it brought counts no more."""
    place = site_for(request.user, site, needs=Role.EDITOR)
    services.end_feed(place, name, by=_actor(request), now=_now())
    return Status(204, None)


@router.post("/facts/{feed}")
def take_in(request: HttpRequest, site: str, feed: str, given: RowsIn) -> Document:
    """Take rows in. The same again changes nothing; every refused row is named with its reason."""
    place = site_for(request.user, site, needs=Role.EDITOR)
    arrival = services.take_in(
        place,
        feed,
        given.rows,
        by=_actor(request),
        now=_now(),
        door=FeedSource.API,
        whole_days=given.whole_days,
    )
    return arrival_document(arrival)


@router.get("/shared-metric")
def show_metric(request: HttpRequest, site: str) -> Document:
    """Give the shared metric as it is read, and how far it is from the ledger."""
    place = site_for(request.user, site)
    return metric_document(defining.shared_metric_of(place), defining.drift_of(place, now=_now()))


@router.get("/shared-metric/weeks")
def show_weeks(request: HttpRequest, site: str, until: date | None = None) -> Document:
    """Give the shared metric of the last 52 whole weeks; null and why where it is undefined."""
    place = site_for(request.user, site)
    metric = defining.shared_metric_of(place)
    if metric is None:
        raise Http404
    last = until or day_at(place, _now())
    found = reads.weeks(place, until=max(last, date.min + timedelta(days=800)), count=52)
    values = values_by_week(metric.definition, found)
    return {
        "called": metric.called,
        "state": metric.state.value,
        "currency": place.currency,
        "weeks": [
            {
                "starts": week.starts.isoformat(),
                "minor": value.minor,
                "why": value.why or None,
                "of": value.of,
                "sessions": week.sessions,
                "orders": week.orders,
                "revenue_minor": week.revenue_minor,
                "late_minor": week.late_minor,
                "spend_minor": week.spend_minor,
                "leads": week.leads,
            }
            for week, value in zip(found, values, strict=True)
        ],
    }


@router.post("/shared-metric", response={201: Document})
def propose(request: HttpRequest, site: str, given: DefinitionIn) -> Status[Document]:
    """Propose a version of the shared metric."""
    place = site_for(request.user, site, needs=Role.EDITOR)
    made = defining.propose(place, **given.dict(), by=_actor(request), now=_now())
    return Status(201, version_document(made))


@router.post("/shared-metric/{version}/signatures", response={201: Document})
def sign(
    request: HttpRequest, site: str, version: int, given: MetricSignatureIn
) -> Status[Document]:
    """Sign a version for marketing, sales or finance; each person signs once."""
    place = site_for(request.user, site)
    made = defining.sign(place, version, given.function.value, by=_actor(request), now=_now())
    return Status(201, version_document(made.definition))


@router.get("/tracking")
def show_tracking(request: HttpRequest, site: str) -> Document:
    """Give what was tracked by the last reading: orders by day and device, the plan, web vitals."""
    place = site_for(request.user, site)
    record = tracking_of(place)
    _, version = plan_of(place)
    return {
        "day": record.day.isoformat() if record else None,
        "plan_version": version,
        **(record.document if record else {}),
    }


@router.put("/tracking/plan")
def write_tracking_plan(request: HttpRequest, site: str, given: TrackingPlanIn) -> Document:
    """Write down which events a site is to send."""
    place = site_for(request.user, site, needs=Role.ANALYST)
    row = plan_events(place, given.events, seen=given.version, by=_actor(request), now=_now())
    return {"version": row.version, "events": row.events}


def _actor(request: HttpRequest) -> Actor:
    assert isinstance(request.user, User)  # noqa: S101 - every endpoint signs in first
    return Actor(request.user)


def _now() -> datetime:
    return datetime.now(UTC)
