"""Adds up the days of a site when facts come in, so that pages read one row a day."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import date
from typing import Any, Final

from django.db import transaction
from django.db.models import Aggregate, Count, Min, Q, QuerySet, Sum

from truelift.apps.facts.columns import FeedKind
from truelift.apps.facts.models import (
    DayRecord,
    FeedRecord,
    LeadRecord,
    OrderRecord,
    RefundRecord,
    SharedMetricRecord,
    SpendRecord,
    TrafficRecord,
)
from truelift.apps.facts.window import within
from truelift.apps.sites.models import Site
from truelift.lifecycle.shared_metric import read_by


USUAL_MATURITY: Final = 30
"""Days in which a refund still changes its order's day, where nobody has defined it."""

_FIELDS: Final = (
    "sessions",
    "people",
    "bounces",
    "orders",
    "revenue_minor",
    "refunded_minor",
    "late_minor",
    "returned_minor",
    "unplaced_minor",
    "clicks",
    "spend_minor",
    "leads",
    "mqls",
    "sqls",
    "won",
    "closed",
    "won_minor",
)


def maturity_of(site: Site) -> int:
    """Say for how many days a refund changes the day of its order."""
    rows = SharedMetricRecord.objects.filter(site=site).prefetch_related("signatures")
    found = read_by([each.as_domain() for each in rows])
    return found.maturity_days if found else USUAL_MATURITY


def read_traffic(site: Site) -> QuerySet[TrafficRecord]:
    """Give the rows of traffic that are read.

    They are those of the feed that was chosen, and for the days before its first one those of
    the oldest other feed: what was exported of the product that was used before.
    """
    chosen, other, first = _read_feeds(site)
    if chosen is None:
        return TrafficRecord.objects.none()
    if other is None or first is None:
        return TrafficRecord.objects.filter(feed=chosen)
    return TrafficRecord.objects.filter(Q(feed=chosen) | Q(feed=other, day__lt=first))


def _read_feeds(site: Site) -> tuple[FeedRecord | None, FeedRecord | None, date | None]:
    """Give the feed of traffic that was chosen, the one behind it, and the first day of both."""
    feeds = list(
        FeedRecord.objects.filter(site=site, kind=FeedKind.TRAFFIC.value, ended_at=None).order_by(
            "pk"
        )
    )
    chosen = next((each for each in feeds if each.counts), None)
    other = next((each for each in feeds if not each.counts), None)
    if chosen is None or other is None:
        return chosen, None, None
    rows = TrafficRecord.objects.filter(feed=chosen)
    return chosen, other, rows.aggregate(first=Min("day"))["first"]


@transaction.atomic
def add_up(site: Site, *, days: Collection[date] | None = None) -> None:
    """Add up some days of a site anew; by default all of them."""
    found: dict[date, dict[str, int | None]] = defaultdict(dict)

    def add(rows: QuerySet[Any], day: str = "day", **sums: Aggregate) -> None:
        if days is not None:
            rows = rows.filter(**{f"{day}__gte": min(days), f"{day}__lte": max(days)})
        for at, *values in rows.order_by().values_list(day).annotate(**sums):
            if at is not None and (days is None or at in days):
                found[at] |= dict(zip(sums, values, strict=True))

    def of(kind: FeedKind) -> dict[str, object]:
        return {"feed__site": site, "feed__kind": kind.value, "feed__ended_at": None}

    if days is not None and not days:
        return
    # Two feeds of a day may come at once: who is second adds up what the first has brought, too.
    Site.objects.select_for_update().get(pk=site.pk)
    _, other, first = _read_feeds(site)
    if days is not None and other is not None and first is not None and min(days) <= first:
        # The feed that is read may begin on another day now, and the one behind it end there.
        days = None
    add(
        read_traffic(site),
        the_sessions=Sum("sessions"),
        the_people=Sum("people"),
        the_bounces=Sum("bounces"),
        the_orders=Sum("orders"),
        the_revenue_minor=Sum("revenue_minor"),
    )
    add(
        OrderRecord.objects.filter(**of(FeedKind.ORDERS)),
        bought=Count("pk"),
        sold=Sum("revenue_minor"),
    )
    placed = RefundRecord.objects.filter(**of(FeedKind.REFUNDS)).exclude(order_day=None)
    inside = within(maturity_of(site))
    add(placed.filter(inside), "order_day", the_refunded_minor=Sum("amount_minor"))
    add(placed.exclude(inside), "order_day", the_late_minor=Sum("amount_minor"))
    add(
        RefundRecord.objects.filter(**of(FeedKind.REFUNDS)),
        the_returned_minor=Sum("amount_minor"),
        the_unplaced_minor=Sum("amount_minor", filter=Q(order_day=None)),
    )
    add(
        SpendRecord.objects.filter(**of(FeedKind.SPEND)),
        the_clicks=Sum("clicks"),
        the_spend_minor=Sum("spend_minor"),
    )
    add(
        LeadRecord.objects.filter(**of(FeedKind.LEADS)),
        the_leads=Count("pk"),
        the_mqls=Count("mql_day"),
        the_sqls=Count("sql_day"),
        the_won=Count("pk", filter=Q(won=True)),
        the_closed=Count("closed_day"),
        the_won_minor=Sum("value_minor", filter=Q(won=True)),
    )
    _write(site, found, days)


def _write(
    site: Site, found: dict[date, dict[str, int | None]], days: Collection[date] | None
) -> None:
    rows = DayRecord.objects.filter(site=site)
    if days is None:
        rows.delete()
    else:
        empty = [each for each in days if each not in found]
        for at in range(0, len(empty), 500):
            rows.filter(day__in=empty[at : at + 500]).delete()
    DayRecord.objects.bulk_create(
        [_day(site, day, sums) for day, sums in found.items()],
        batch_size=2_000,
        update_conflicts=True,
        unique_fields=["site", "day"],
        update_fields=list(_FIELDS),
    )


def _day(site: Site, day: date, sums: dict[str, int | None]) -> DayRecord:
    given = {name: sums.get(f"the_{name}") for name in _FIELDS}
    if given["orders"] is None:
        # Where traffic does not tell, orders themselves do.
        given["orders"] = sums.get("bought")
    if given["revenue_minor"] is None:
        given["revenue_minor"] = sums.get("sold")
    for name in _NEVER_EMPTY:
        given[name] = given[name] or 0
    return DayRecord(site=site, day=day, **given)


_NEVER_EMPTY: Final = (
    "refunded_minor",
    "late_minor",
    "returned_minor",
    "unplaced_minor",
    "mqls",
    "sqls",
    "won",
    "closed",
    "won_minor",
)
