"""The commercial parts of a review: shared metric, metrics in conflict, warnings, late feeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import Max

from truelift.apps.drawing.wording import amount, lift, money
from truelift.apps.facts.models import ArrivalRecord, DayRecord
from truelift.apps.facts.reads import days_between, stale
from truelift.apps.rhythm.sections import Figure, Section, Step
from truelift.apps.sites.models import Site
from truelift.lifecycle.rhythm import Meeting, Topic, first_day


def position_of(site: Site) -> dict[str, int]:
    """Give the number of the newest arrival of each feed: what came later was not read."""
    rows = ArrivalRecord.objects.filter(feed__site=site).values_list("feed__name")
    return dict(rows.annotate(Max("pk")).order_by("feed__name"))


def stale_sentences(site: Site, *, now: datetime) -> list[str]:
    """Say which feeds are late, for the banner of a pack."""
    return [each.sentence for each in stale(site, now=now)]


def shared_metric(site: Site, *, month: date, now: datetime) -> Section:
    """Say what a session brought in a month, against the month before.

    Args:
        site: Where.
        month: Any day of the month.
        now: When.
    """
    del now
    first = first_day(Meeting.REVIEW, month)
    after = first_day(Meeting.REVIEW, first + timedelta(days=32))
    before = first_day(Meeting.REVIEW, first - timedelta(days=1))
    days = days_between(site, since=before, until=after)
    this = _totals([each for each in days if each.day >= first])
    that = _totals([each for each in days if each.day < first])
    now_rps, old_rps = this.per_session, that.per_session
    if now_rps is None:
        return Section(
            Topic.SHARED_METRIC,
            f"Nothing is known of {month:%B %Y}.",
            absent="No feed has brought sessions and revenue of this month.",
        )
    currency = site.currency
    if old_rps:
        change = now_rps / old_rps - 1
        said = (
            f"Revenue per session {'rose' if change > 0 else 'fell'} by"
            f" {lift(abs(change)).lstrip('+')} to {money(now_rps, currency)} in {month:%B}."
        )
        if abs(change) < 0.0005:
            said = f"Revenue per session stayed at {money(now_rps, currency)} in {month:%B}."
    else:
        said = f"Revenue per session was {money(now_rps, currency)} in {month:%B}."
    steps = _steps(this, that)
    return Section(
        Topic.SHARED_METRIC,
        said,
        figures=_figures(this, that, f"{amount(this.days, 'day')} of {month:%B}"),
        steps=steps,
        basis="Shapley split of conversion and order value: the steps add up exactly."
        if steps
        else "",
    )


@dataclass(frozen=True, slots=True)
class Totals:
    """What the days of a month come to; days of which a part is not known are left out."""

    days: int
    sessions: int
    orders: int
    revenue: int

    @property
    def per_session(self) -> float | None:
        """Revenue per session, in minor units."""
        return self.revenue / self.sessions if self.sessions else None

    @property
    def conversion(self) -> float | None:
        """Orders per session."""
        return self.orders / self.sessions if self.sessions else None

    @property
    def order_value(self) -> float | None:
        """Revenue per order, in minor units."""
        return self.revenue / self.orders if self.orders else None


def _totals(days: Sequence[DayRecord]) -> Totals:
    known = [
        each
        for each in days
        if each.sessions is not None and each.orders is not None and each.revenue_minor is not None
    ]
    return Totals(
        days=len(known),
        sessions=sum(each.sessions or 0 for each in known),
        orders=sum(each.orders or 0 for each in known),
        revenue=sum((each.revenue_minor or 0) - each.refunded_minor for each in known),
    )


def _figures(this: Totals, that: Totals, counted: str) -> tuple[Figure, ...]:
    known = bool(that.days)
    orders = amount(this.orders, "order")
    return (
        Figure("rps", "Revenue per session", this.per_session, "money", that.per_session, counted),
        Figure("sessions", "Sessions", this.sessions, "count", that.sessions if known else None),
        Figure("conversion", "Conversion", this.conversion, "share", that.conversion, orders),
        Figure("order-value", "Order value", this.order_value, "money", that.order_value),
        Figure("revenue", "Revenue, net", this.revenue, "money", that.revenue if known else None),
    )


def _steps(this: Totals, that: Totals) -> tuple[Step, ...]:
    """Split the change per session into conversion and order value; two factors, so by halves."""
    rate, value = this.conversion, this.order_value
    old_rate, old_value = that.conversion, that.order_value
    if rate is None or value is None or old_rate is None or old_value is None:
        return ()
    return (
        Step("Conversion", (rate - old_rate) * (value + old_value) / 2),
        Step("Order value", (value - old_value) * (rate + old_rate) / 2),
    )


def metric_conflicts(site: Site, *, now: datetime) -> Section:
    """Say which teams' metrics get better while the shared one gets worse."""
    del site, now
    return Section(
        Topic.METRIC_CONFLICTS,
        "Metrics of teams are not compared yet.",
        absent="This installation does not know them yet.",
    )


def warnings(site: Site, *, now: datetime) -> Section:
    """Say which warnings stand."""
    del site, now
    return Section(
        Topic.WARNINGS,
        "Warnings are not looked for yet.",
        absent="This installation does not know them yet.",
    )
