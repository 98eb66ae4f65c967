"""How much of a site's orders and planned events is tracked, and how fast its pages are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Any, Final, cast

from django.db import transaction
from django.db.models import Count, Min, QuerySet, Sum
from django.db.models.manager import Manager

from truelift.apps.accounts.audit import record as audit
from truelift.apps.accounts.models import Json
from truelift.apps.experiments.domain import day_at, midnight_at
from truelift.apps.experiments.metrics import current_metrics
from truelift.apps.facts.columns import FeedKind, FeedSource
from truelift.apps.facts.from_lake import goal_of
from truelift.apps.facts.models import (
    FeedRecord,
    LeadRecord,
    OrderRecord,
    TrackingPlanRecord,
    TrackingRecord,
    TrafficRecord,
)
from truelift.apps.measurement.reads import lake
from truelift.apps.research.actor import Actor
from truelift.apps.sites.models import Site
from truelift.errors import Refusal
from truelift.lake.lake import NoSuchSite
from truelift.lifecycle.tracking import (
    LONGEST_NAME,
    MOST_PLANNED,
    WINDOW_DAYS,
    Counted,
    Coverage,
    Part,
    coverage,
    plan_coverage,
)
from truelift.questions.events_seen import EventsSeen
from truelift.questions.metric_library import LEAD, PURCHASE
from truelift.questions.web_vitals import CORE, WebVitals


Document = dict[str, Any]

RECENT_DAYS: Final = 7
"""What is lost now is seen in these days first."""

OLDEST_DAYS: Final = 21
"""A ground truth that ends earlier says nothing of today."""

FEWEST_VIEWS: Final = 100
"""Page views without whose readings nothing is said of web vitals."""


@dataclass(frozen=True, slots=True)
class _Truth:
    """What knows of every order, whatever a browser sends."""

    called: str
    one: str
    kind: FeedKind
    rows: Manager[Any]


_TRUTHS: Final[Mapping[str, _Truth]] = MappingProxyType(
    {
        PURCHASE: _Truth("orders", "order", FeedKind.ORDERS, OrderRecord.objects),
        LEAD: _Truth("leads", "lead", FeedKind.LEADS, LeadRecord.objects),
    }
)


class BadPlan(Refusal):
    """A tracking plan cannot be read."""

    code = "facts.bad_tracking_plan"

    def __init__(self, *, why: str) -> None:
        super().__init__(f"{why} Write one name of an event in a line.", why=why)


class PlanChanged(Refusal):
    """Somebody else changed the tracking plan after this person had read it."""

    code = "facts.tracking_plan_changed"

    def __init__(self) -> None:
        super().__init__("Somebody changed the plan meanwhile. Read it again, then change it.")


def tracking_of(site: Site) -> TrackingRecord | None:
    """Give the last reading; None before the first."""
    return TrackingRecord.objects.filter(site=site).order_by("-day").first()


def keep_tracking(site: Site, *, now: datetime) -> TrackingRecord:
    """Read what is tracked and keep it for the day; read again it replaces the day's."""
    row, _ = TrackingRecord.objects.update_or_create(
        site=site,
        day=day_at(site, now),
        defaults={"read_at": now, "document": computed(site, now=now)},
    )
    return row


def computed(site: Site, *, now: datetime) -> Document:
    """Read what is tracked, from rows and from the lake; a job's work, not a request's."""
    today = day_at(site, now)
    return {
        "orders": _orders(site, today),
        "plan": _plan(site, today),
        "vitals": _vitals(site, today),
    }


def _orders(site: Site, today: date) -> Document:
    own = FeedRecord.objects.filter(
        site=site, source=FeedSource.LAKE.value, ended_at=None, through__isnull=False
    ).first()
    truth = _TRUTHS.get(goal_of(site))
    if truth is None:
        return _unknown("activations", "nothing but the product’s own events tells of activations")
    feeds = [
        each
        for each in FeedRecord.objects.filter(site=site, kind=truth.kind.value, ended_at=None)
        if each.through is not None
    ]
    if not feeds:
        said = f"no feed tells of the {truth.called} as they are known outside of the browser"
        return _unknown(truth.called, f"{said}: make one under Feeds")
    if own is None or own.through is None:
        return _unknown(truth.called, "the site’s own events are not counted by day yet")
    ends = [each.through for each in feeds if each.through is not None]
    lag = max(each.lag_days for each in feeds)
    last = min(own.through, *ends, today - timedelta(days=1 + lag))
    if today - last > timedelta(days=OLDEST_DAYS):
        return _unknown(truth.called, f"what can be compared ends on {last.isoformat()}")
    bought = truth.rows.filter(feed__in=feeds)
    came = TrafficRecord.objects.filter(feed=own)
    begun = [
        span["first"]
        for span in (came.aggregate(first=Min("day")), bought.aggregate(first=Min("day")))
        if span["first"] is not None
    ]
    first = max([last - timedelta(days=WINDOW_DAYS - 1), *begun])
    rows = [*_counted(came, bought, first=first, last=last)]
    whole = coverage(rows)
    lately = last - timedelta(days=RECENT_DAYS - 1)
    recent = coverage(each for each in rows if each.day >= lately)
    judged = recent if recent.light is not None else whole
    return {
        "called": truth.called,
        "why": "" if whole.whole.truth else f"the feed has no {truth.one} in four weeks",
        "since": first.isoformat(),
        "until": last.isoformat(),
        **_said(whole),
        "days": [
            {"day": each.name, "tracked": each.tracked, "truth": each.truth} for each in whole.days
        ],
        "recent": {
            "since": max(first, lately if judged is recent else first).isoformat(),
            **_said(judged),
        },
    }


def _unknown(called: str, why: str) -> Document:
    return {"called": called, "why": why, "light": None, "share": None, "devices": [], "days": []}


def _counted(
    came: QuerySet[Any], bought: QuerySet[Any], *, first: date, last: date
) -> Iterable[Counted]:
    span = {"day__gte": first, "day__lte": last}
    tracked = came.filter(**span, orders__gt=0).order_by().values_list("day", "cell__device")
    for day, device, orders in tracked.annotate(sum=Sum("orders")):
        yield Counted(day, device, orders, 0)
    truth = bought.filter(**span).order_by().values_list("day", "cell__device")
    for day, device, orders in truth.annotate(sum=Count("pk")):
        yield Counted(day, device, 0, orders)


def _said(found: Coverage) -> Document:
    return {
        **_part(found.whole),
        "light": found.light,
        "worst": found.worst.name if found.worst else "",
        "devices": [_part(each) for each in found.devices],
    }


def _part(part: Part) -> Document:
    return {
        "name": part.name,
        "tracked": part.tracked,
        "truth": part.truth,
        "share": part.share,
        "light": part.light,
    }


def planned_events(site: Site) -> tuple[tuple[str, ...], bool]:
    """Give the events that are planned, and whether somebody wrote them down.

    Where nobody did, they are those that the site's metrics count.
    """
    plan = TrackingPlanRecord.objects.filter(site=site).first()
    if plan is not None and plan.events:
        return tuple(plan.events), True
    found: list[str] = []
    for metric in current_metrics(site):
        found += [*metric.steps, metric.event, metric.denominator_event]
    return tuple(dict.fromkeys(each for each in found if each)), False


def _plan(site: Site, today: date) -> Document:
    planned, written = planned_events(site)
    since = today - timedelta(days=WINDOW_DAYS)
    try:
        names = lake().ask(site.name, EventsSeen(since=midnight_at(site, since))).answer.names
    except NoSuchSite:
        names = ()
    found = plan_coverage(planned, names)
    return {
        "written": written,
        "since": since.isoformat(),
        "planned": list(found.planned),
        "missing": list(found.missing),
        "share": found.share,
    }


def _vitals(site: Site, today: date) -> Document:
    since = today - timedelta(days=WINDOW_DAYS)
    question = WebVitals(
        by=(),
        since=midnight_at(site, since),
        until=midnight_at(site, today),
        time_zone=site.time_zone,
    )
    try:
        whole = lake().ask(site.name, question).answer.whole.document()
    except NoSuchSite:
        whole = {}
    views = cast("int", whole.get("page_views", 0))
    readings = {vital.value: cast("Document", whole.get(vital.value) or {}) for vital in CORE}
    sent = {name: each for name, each in readings.items() if each.get("n")}
    why = ""
    if not sent:
        why = "no page sends its web vitals: the guide of the tracker says how"
    elif views < FEWEST_VIEWS:
        why = f"{views} page views sent web vitals in four weeks; it takes {FEWEST_VIEWS}"
    return {
        "why": why,
        "since": since.isoformat(),
        "views": views,
        "core": sent,
        "good": None if why else min(each["good"] for each in sent.values()),
    }


def plan_of(site: Site) -> tuple[TrackingPlanRecord | None, int]:
    """Give the written plan with its version; 0 before the first."""
    row = TrackingPlanRecord.objects.filter(site=site).first()
    return row, row.version if row else 0


@transaction.atomic
def plan_events(
    site: Site, events: Iterable[str], *, seen: int, by: Actor, now: datetime
) -> TrackingPlanRecord:
    """Write down which events a site is to send; none of them: those that its metrics count.

    Args:
        site: Of which site.
        events: Their names as they are sent.
        seen: The version that the person had read; 0 before the first.
        by: Who.
        now: When.

    Raises:
        BadPlan: There are too many, or one is too long.
        PlanChanged: Another version is in force.
    """
    names = list(dict.fromkeys(each.strip() for each in events if each.strip()))
    if len(names) > MOST_PLANNED:
        raise BadPlan(why=f"A plan has at most {MOST_PLANNED} events.")
    for each in names:
        if len(each) > LONGEST_NAME or not each.isprintable():
            raise BadPlan(why=f"“{each[:40]}” is no name of an event.")
    Site.objects.select_for_update().get(pk=site.pk)
    row = TrackingPlanRecord.objects.filter(site=site).first()
    before: dict[str, Json] | None = None if row is None else {"events": [*row.events]}
    if (row.version if row else 0) != seen:
        raise PlanChanged
    row = row or TrackingPlanRecord(site=site, version=0)
    row.events, row.version, row.changed_at = names, row.version + 1, now
    row.save()
    audit(
        action="tracking.planned",
        target=f"site:{site.name}",
        before=before,
        after={"events": [*names]},
        now=now,
        site=site.name,
        **by.audited,
    )
    return row
