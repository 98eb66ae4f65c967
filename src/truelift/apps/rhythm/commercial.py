"""The commercial parts of a review: shared metric, metrics in conflict, warnings, late feeds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final

import numpy as np
from django.db.models import Max

from truelift.apps.alignment.reads import conflicts_of
from truelift.apps.commerce.cells import OTHERS, Grouped, counted, group
from truelift.apps.drawing.wording import (
    amount,
    lift,
    money,
    number,
    percent,
    rough_money,
    short_day,
)
from truelift.apps.facts.defining import kind_of
from truelift.apps.facts.models import ArrivalRecord
from truelift.apps.facts.reads import Traffic, stale, traffic
from truelift.apps.rhythm.sections import Figure, Line, Section, Step, of
from truelift.apps.sites.models import Site
from truelift.apps.warnings.reads import standing_of
from truelift.lifecycle.rhythm import Meeting, Topic, first_day, next_first_day
from truelift.lifecycle.vocabulary import Vocabulary, words_of
from truelift.lifecycle.warning import Severity
from truelift.stats.decomposition import PARTS, chain, intervals


MOST_SOURCES: Final = 12
"""By name; the rest stands together."""

MOST_LINES: Final = 4
"""Sources that are spoken of."""

ENOUGH_DAYS: Final = 14
"""Of the month before; fewer are no month to compare with."""

SEED: Final = 7
"""Of the draws: the same facts give the same intervals."""

_CALLED: Final = {
    "conversion_mix": "Traffic mix",
    "conversion_rate": "Conversion within sources",
    "value_mix": "Basket mix",
    "value_rate": "Basket within sources",
}


def position_of(site: Site) -> dict[str, int]:
    """Give the number of the newest arrival of each feed: what came later was not read."""
    rows = ArrivalRecord.objects.filter(feed__site=site).values_list("feed__name")
    return dict(rows.annotate(Max("pk")).order_by("feed__name"))


def stale_sentences(site: Site, *, now: datetime) -> list[str]:
    """Say which feeds are late, for the banner of a pack."""
    return [each.sentence for each in stale(site, now=now)]


def shared_metric(site: Site, *, month: date) -> Section:
    """Say what a session brought in a month, against the month before, and what moved it.

    Args:
        site: Where.
        month: Any day of the month.
    """
    first = first_day(Meeting.REVIEW, month)
    before = first_day(Meeting.REVIEW, first - timedelta(days=1))
    that = traffic(site, since=before, until=first)
    this = traffic(site, since=first, until=next_first_day(Meeting.REVIEW, first))
    now, then = _totals(this), _totals(that)
    words = words_of(kind_of(site))
    if now.per_session is None or not this.knows_orders:
        return Section(
            Topic.SHARED_METRIC,
            f"Nothing is known of {month:%B %Y}.",
            absent=f"No feed has brought sessions and {words.many} of this month.",
        )
    partly = then.days < ENOUGH_DAYS
    known, then = then.days, Totals(0, 0, 0, 0) if partly else then
    is_money = bool(now.revenue or then.revenue)
    split = _split(site, that, this) if then.orders and now.orders else None
    currency = site.currency
    # Without money, what is counted stands in its place.
    called = "Revenue per session" if is_money else f"{words.heading} per 1,000 sessions"
    here, there = (
        (each.per_session if is_money else each.conversion) or 0.0 for each in (now, then)
    )
    level = money(here, currency) if is_money else number(here * 1_000, digits=1)
    said = f"{called} {'was' if is_money else 'were'} {level} in {month:%B}."
    if there:
        change = here / there - 1
        size = lift(abs(change)).lstrip("+")
        said = (
            f"{called} {'rose' if change > 0 else 'fell'} by {size} to {level}."
            if abs(change) >= 0.0005
            else f"{called} stayed at {level}."
        )
        if split:
            said = f"{said} {split.sentence}"
    if partly and known:
        said += f" Of {before:%B} {amount(known, 'day')} {_is(known)} known: too few to compare."
    return of(
        Topic.SHARED_METRIC,
        said,
        list(split.lines) if split else [],
        figures=_figures(now, then, first=first, words=words, is_money=is_money),
        steps=split.steps if split else (),
        ends=(f"{before:%B}", f"{first:%B}") if split else ("", ""),
        basis=_BASIS if split else "",
    )


def _is(many: int) -> str:
    return "is" if many == 1 else "are"


_BASIS: Final = (
    "Shapley split of conversion and order value, each into mix and rate over source: the steps"
    " add up exactly. Bars do not begin at zero. Intervals 95%. Observational: it says where the"
    " change sits, not who caused it."
)


@dataclass(frozen=True, slots=True)
class Totals:
    """What a month comes to."""

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


def _totals(told: Traffic) -> Totals:
    return Totals(
        days=len(np.unique(told.day)),
        sessions=int(told.sessions.sum()),
        orders=int(told.orders.sum()),
        revenue=int(told.revenue_minor.sum()),
    )


def _figures(
    this: Totals, that: Totals, *, first: date, words: Vocabulary, is_money: bool
) -> tuple[Figure, ...]:
    # A part of a month has fewer sessions than a whole one; that says nothing.
    whole = this.days == (next_first_day(Meeting.REVIEW, first) - first).days
    known = bool(that.days) and whole
    counted = f"{amount(this.days, 'day')} of {first:%B}"
    orders = amount(this.orders, words.one, words.many)
    sessions = Figure(
        "sessions", "Sessions", this.sessions, "count", that.sessions if known else None
    )
    conversion = Figure("conversion", "Conversion", this.conversion, "share", that.conversion)
    if not is_money:
        was = that.orders if known else None
        return (
            replace(conversion, detail=counted),
            sessions,
            Figure("orders", words.heading, this.orders, "count", was),
        )
    worth = words.worth.capitalize()
    return (
        Figure("rps", "Revenue per session", this.per_session, "money", that.per_session, counted),
        sessions,
        replace(conversion, detail=orders),
        Figure("order-value", worth, this.order_value, "money", that.order_value),
        Figure("revenue", "Revenue, net", this.revenue, "money", that.revenue if known else None),
    )


@dataclass(frozen=True, slots=True)
class Split:
    """What moved revenue per session: by mix and rate, and by source."""

    steps: tuple[Step, ...]
    lines: tuple[Line, ...]
    sentence: str


def _split(site: Site, before: Traffic, after: Traffic) -> Split | None:
    told = counted(before, after)
    groups = group(told, [0], most=MOST_SOURCES)
    if groups is None or not told.has_money:
        return None
    found = chain(groups.sold)
    between = intervals(groups.sold, rng=np.random.default_rng(SEED))
    sums = found.parts.sum(axis=1)
    steps = tuple(
        Step(_CALLED[name], float(sums[at]), between[at].low, between[at].high)
        for at, name in enumerate(PARTS)
    )
    mix = float(sums[0] + sums[2])
    whole = between[-1]
    if whole.low <= 0 <= whole.high:
        sentence = "That may still be chance."
    elif mix * found.change > 0 and abs(mix) >= abs(found.change) / 2:
        sentence = "Most of it is who came, not what they found."
    else:
        sentence = "Most of it is what people found, not who came."
    by_source = found.parts.sum(axis=0)
    order = np.argsort(-np.abs(by_source))[:MOST_LINES]
    href = f"/s/{site.name}/drivers/"
    lines = tuple(_line(groups, int(at), href=href) for at in order)
    return Split(steps, lines if len(by_source) > 1 else (), sentence)


def _line(groups: Grouped, at: int, *, href: str) -> Line:
    """Say of a source how its share and its conversion moved."""
    sold = groups.sold
    name = "Other sources" if groups.keys[at] == (OTHERS,) else groups.keys[at][0]
    shares = [float(row[at] / row.sum()) for row in sold.sessions]
    rates = [
        float(orders[at] / sessions[at]) if sessions[at] else None
        for orders, sessions in zip(sold.orders, sold.sessions, strict=True)
    ]
    said = f"{name or 'Source unknown'}: {percent(shares[0], digits=0)} of sessions became"
    said += f" {percent(shares[1], digits=0)}"
    if rates[0] is not None and rates[1] is not None:
        said += f", conversion {percent(rates[0])} became {percent(rates[1])}"
    return Line(f"{said}.", href)


def metric_conflicts(site: Site) -> Section:
    """Say which teams' metrics get better while the shared one gets worse."""
    rows = conflicts_of(site)
    lines = [
        Line(
            row.sentence,
            f"/s/{site.name}/team-metrics/{row.metric.number}/",
            f"since {short_day(row.first_at.date())}",
            row.metric.name,
            pressing=bool(row.at_stake_minor),
        )
        for row in rows
    ]
    stake = max((row.at_stake_minor or 0 for row in rows), default=0)
    said = "No team’s metric works against the shared one."
    if rows:
        one = len(rows) == 1
        said = f"{amount(len(rows), 'metric')} {'works' if one else 'work'} against the shared one"
        said += f"; at most {rough_money(stake, site.currency)} at stake." if stake else "."
    return of(Topic.METRIC_CONFLICTS, said, lines)


def warnings(site: Site) -> Section:
    """Say which warnings stand; conflicts of metrics have a part of their own."""
    lines = [
        Line(
            row.sentence,
            f"/s/{site.name}/warnings/{row.key}/",
            f"since {short_day(row.first_seen)}",
            str(row.owner or "nobody"),
            pressing=row.severity == Severity.CRITICAL.value,
        )
        for row in standing_of(site)
    ]
    unowned = sum(each.who == "nobody" for each in lines)
    said = f"{amount(len(lines), 'warning')} {'stands' if len(lines) == 1 else 'stand'}"
    said += f", {unowned} without an owner." if unowned else "."
    return of(Topic.WARNINGS, said if lines else "No warning stands.", lines)
