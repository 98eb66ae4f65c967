"""What may be asked about facts: days by cell, spend, leads, weeks, and which feeds are late."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

import numpy as np
from django.db.models import Count, Max, Min, Q, QuerySet
from numpy.typing import NDArray

from truelift.apps.experiments.domain import day_at
from truelift.apps.facts.adding_up import maturity_of, read_traffic
from truelift.apps.facts.columns import FeedKind
from truelift.apps.facts.models import (
    CallRecord,
    CellRecord,
    DayRecord,
    FeedRecord,
    LeadRecord,
    LedgerRecord,
    OrderRecord,
    RefundRecord,
    SpendRecord,
)
from truelift.apps.facts.window import within
from truelift.apps.sites.models import Site


CALLS_LATE: Final = timedelta(days=4)
"""Days without a call after which a feed of calls does not cover a span to its end."""

Days = NDArray[np.datetime64]
Texts = NDArray[np.object_]
Whole = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Traffic:
    """Days by where visitors came from, where they landed and on what; one row for each.

    Attributes:
        day: The day at the site.
        source: Empty where the feed does not say; likewise the next three.
        campaign: With which campaign.
        landing: On which page or surface.
        device: On what.
        cell: The four as one number, which is quicker to group by.
        sessions: Eligible ones.
        orders: Orders, or what else is the goal.
        revenue_minor: At order date, net of refunds within the maturity window.
        bounces: 0 where the feed does not say; `knows_bounces` tells.
        late_minor: Refunds that came after the window; never taken off.
        knows_bounces: Whether the feed says how many sessions bounced.
        knows_orders: Whether any feed says what was bought.
    """

    day: Days
    source: Texts
    campaign: Texts
    landing: Texts
    device: Texts
    cell: Whole
    sessions: Whole
    orders: Whole
    revenue_minor: Whole
    bounces: Whole
    late_minor: Whole
    knows_bounces: bool
    knows_orders: bool

    def __len__(self) -> int:
        """How many rows there are."""
        return len(self.day)


@dataclass(frozen=True, slots=True)
class Spend:
    """What advertising cost by day, source and campaign.

    Attributes:
        day: The day at the site.
        source: As the feed calls it.
        campaign: Likewise.
        clicks: 0 where the feed does not say; `knows_clicks` tells.
        spend_minor: In minor units.
        knows_clicks: Whether any feed says how many clicks there were.
    """

    day: Days
    source: Texts
    campaign: Texts
    clicks: Whole
    spend_minor: Whole
    knows_clicks: bool

    def __len__(self) -> int:
        """How many rows there are."""
        return len(self.day)


@dataclass(frozen=True, slots=True)
class Leads:
    """Leads that came in some days, with what became of them.

    Attributes:
        lead: Their numbers.
        day: When each came.
        source: From where.
        campaign: With which campaign.
        mql_day: NaT where that has not happened; likewise the next two.
        sql_day: When sales accepted it.
        closed_day: When it was won or lost.
        won: Whether it was won; False for open ones, too.
        value_minor: 0 where nobody says.
    """

    lead: Texts
    day: Days
    source: Texts
    campaign: Texts
    mql_day: Days
    sql_day: Days
    closed_day: Days
    won: NDArray[np.bool_]
    value_minor: Whole

    def __len__(self) -> int:
        """How many leads there are."""
        return len(self.day)


@dataclass(frozen=True, slots=True)
class Week:
    """A business week of a site, Monday to Sunday; None where no feed says.

    Attributes:
        starts: Its Monday.
        days: Of how many of its days anything is known.
        sessions: Eligible ones.
        orders: Orders, or what else is the goal.
        revenue_minor: Net of refunds within the window, at order date.
        late_minor: Refunds of its orders after the window, not taken off.
        spend_minor: Of advertising.
        clicks: That were paid for.
        leads: That came.
        people: Visitors, each day's counted for itself.
        closed: Of its leads, won or lost.
        won: Of its leads.
        won_minor: What these are worth.
    """

    starts: date
    days: int
    sessions: int | None
    orders: int | None
    revenue_minor: int | None
    late_minor: int
    spend_minor: int | None
    clicks: int | None
    leads: int | None
    people: int | None
    closed: int
    won: int
    won_minor: int


@dataclass(frozen=True, slots=True)
class StaleFeed:
    """A feed that is late.

    Attributes:
        name: The feed.
        kind: What it tells of.
        owner: Who answers for it; empty for nobody.
        sentence: What is late since when, for the banner.
        since: When it last came; None for never.
    """

    name: str
    kind: FeedKind
    owner: str
    sentence: str
    since: datetime | None


def feeds_of(site: Site) -> tuple[FeedRecord, ...]:
    """List the feeds that live, by kind and name."""
    rows = FeedRecord.objects.filter(site=site, ended_at=None).select_related("owner", "site")
    order = {each: place for place, each in enumerate(FeedKind)}
    return tuple(sorted(rows, key=lambda each: (order[FeedKind(each.kind)], each.name)))


def feed_of(site: Site, name: str) -> FeedRecord | None:
    """Find a feed that lives by its name."""
    rows = FeedRecord.objects.filter(site=site, ended_at=None).select_related("owner", "site")
    return rows.filter(name=name).first()


def traffic(site: Site, *, since: date, until: date) -> Traffic:
    """Give the days of a half-open span by cell, oldest first."""
    rows = read_traffic(site).filter(day__gte=since, day__lt=until)
    found = _columns(
        rows.values_list("day", "cell_id", "sessions", "orders", "revenue_minor", "bounces"), 6
    )
    day, cell = _days(found[0]), _whole(found[1])
    sessions, bounces = _whole(found[2]), _whole(found[5])
    orders, revenue = _whole(found[3]), _whole(found[4])
    knows_bounces = any(each is not None for each in found[5])
    told = np.array([each is not None for each in found[3]], dtype=bool)
    paid = np.array([each is not None for each in found[4]], dtype=bool)

    bought = _columns(
        _live(OrderRecord.objects.all(), site, FeedKind.ORDERS, since, until).values_list(
            "day", "cell_id", "revenue_minor"
        ),
        3,
    )
    bought_on = _days(bought[0])
    # Where a day's traffic tells of orders, feeds of orders are the same orders again.
    extra_orders = (~np.isin(bought_on, day[told])).astype(np.int64)
    extra_revenue = np.where(np.isin(bought_on, day[paid]), 0, _whole(bought[2]))

    placed = _live(RefundRecord.objects.all(), site, FeedKind.REFUNDS, since, until, "order_day")
    inside = within(maturity_of(site))
    parts = placed.values_list("order_day", "cell_id", "amount_minor")
    soon, late = _columns(parts.filter(inside), 3), _columns(parts.exclude(inside), 3)

    days = np.concatenate([day, bought_on, _days(soon[0]), _days(late[0])])
    cells = np.concatenate([cell, *(_whole(each[1]) for each in (bought, soon, late))])
    sizes = (len(day), len(bought_on), len(soon[0]), len(late[0]))

    def laid(*parts: Whole | None) -> Whole:
        filled = [
            np.zeros(size, dtype=np.int64) if part is None else part
            for part, size in zip(parts, sizes, strict=True)
        ]
        return np.concatenate(filled)

    columns = [
        laid(sessions, None, None, None),
        laid(orders, extra_orders, None, None),
        laid(revenue, extra_revenue, -_whole(soon[2]), None),
        laid(bounces, None, None, None),
        laid(None, None, None, _whole(late[2])),
    ]
    days, cells, columns = _together(days, cells, columns)
    source, campaign, landing, device = _texts(cells, site)
    return Traffic(
        day=days,
        source=source,
        campaign=campaign,
        landing=landing,
        device=device,
        cell=cells,
        sessions=columns[0],
        orders=columns[1],
        revenue_minor=columns[2],
        bounces=columns[3],
        late_minor=columns[4],
        knows_bounces=knows_bounces,
        knows_orders=bool(told.any() or len(bought_on)),
    )


def spend(site: Site, *, since: date, until: date) -> Spend:
    """Give what advertising cost in a half-open span, oldest first."""
    rows = _live(SpendRecord.objects.all(), site, FeedKind.SPEND, since, until)
    found = _columns(rows.values_list("day", "cell_id", "clicks", "spend_minor"), 4)
    days, cells, columns = _together(
        _days(found[0]), _whole(found[1]), [_whole(found[2]), _whole(found[3])]
    )
    source, campaign, _, _ = _texts(cells, site)
    return Spend(
        day=days,
        source=source,
        campaign=campaign,
        clicks=columns[0],
        spend_minor=columns[1],
        knows_clicks=any(each is not None for each in found[2]),
    )


def new_customers(site: Site, *, since: date, until: date) -> dict[str, int] | None:
    """Count the customers who bought for the first time in a half-open span, by source.

    Returns:
        None where no feed of orders tells them from others.
    """
    rows = _live(OrderRecord.objects.all(), site, FeedKind.ORDERS, since, until)
    told = rows.exclude(new_customer=None).order_by().values_list("cell__source")
    found = told.annotate(new=Count("pk", filter=Q(new_customer=True)))
    counts = dict(found)
    return counts or None


def leads(site: Site, *, since: date, until: date) -> Leads:
    """Give the leads that came in a half-open span, oldest first."""
    rows = _live(LeadRecord.objects.all(), site, FeedKind.LEADS, since, until)
    found = _columns(
        rows.order_by("day", "lead").values_list(
            "lead", "day", "cell_id", "mql_day", "sql_day", "closed_day", "won", "value_minor"
        ),
        8,
    )
    source, campaign, _, _ = _texts(_whole(found[2]), site)
    return Leads(
        lead=_objects(found[0]),
        day=_days(found[1]),
        source=source,
        campaign=campaign,
        mql_day=_days(found[3]),
        sql_day=_days(found[4]),
        closed_day=_days(found[5]),
        won=np.array([bool(each) for each in found[6]], dtype=bool),
        value_minor=_whole(found[7]),
    )


def calls(site: Site, *, since: date, until: date) -> int | None:
    """Count the calls of a half-open span; None where the feeds do not cover it."""
    rows = CallRecord.objects.filter(
        feed__site=site, feed__kind=FeedKind.CALLS.value, feed__ended_at=None
    )
    told = rows.aggregate(
        first=Min("day"),
        last=Max("day"),
        many=Count("pk", filter=Q(day__gte=since, day__lt=until)),
    )
    # Nobody calls on Sundays and holidays: the last day may lie some days back.
    if not told["many"] or told["first"] > since or told["last"] < until - CALLS_LATE:
        return None
    return int(told["many"])


def weeks(site: Site, *, until: date, count: int) -> tuple[Week, ...]:
    """Give the last whole business weeks before a day, oldest first, one query for all.

    Args:
        site: Where.
        until: Weeks that end after this day has begun are left out.
        count: How many; weeks before the first fact are left out.
    """
    end = until - timedelta(days=until.weekday())
    begin = end - timedelta(days=7 * count)
    rows = {each.day: each for each in days_between(site, since=begin, until=end)}
    found: list[Week] = []
    for number in range(count):
        monday = begin + timedelta(days=7 * number)
        there = [
            rows[at] for at in (monday + timedelta(days=each) for each in range(7)) if at in rows
        ]
        if there or found:
            found.append(_week(monday, there))
    return tuple(found)


def days_between(site: Site, *, since: date, until: date) -> tuple[DayRecord, ...]:
    """Give the days of a half-open span of which anything is known, oldest first."""
    rows = DayRecord.objects.filter(site=site, day__gte=since, day__lt=until)
    return tuple(rows.order_by("day"))


def known_span(site: Site) -> tuple[date, date] | None:
    """Give the first day of which anything is known and the day after the last one."""
    found = DayRecord.objects.filter(site=site).aggregate(first=Min("day"), last=Max("day"))
    if found["first"] is None:
        return None
    return found["first"], found["last"] + timedelta(days=1)


def ledger(site: Site, *, since: date, until: date) -> tuple[LedgerRecord, ...]:
    """Give the periods of the finance ledger that lie whole in a half-open span."""
    rows = LedgerRecord.objects.filter(
        feed__site=site, feed__ended_at=None, day__gte=since, until__lte=until
    )
    return tuple(rows.order_by("day", "until"))


def stale(
    site: Site, *, now: datetime, kinds: Collection[FeedKind | str] = ()
) -> tuple[StaleFeed, ...]:
    """Name the feeds that have not kept their promise; one query.

    Args:
        site: Where.
        now: The moment.
        kinds: Only feeds of these kinds; empty: of all.
    """
    wanted = {FeedKind(each) for each in kinds} or set(FeedKind)
    return tuple(
        late
        for feed in feeds_of(site)
        if FeedKind(feed.kind) in wanted and feed.counts and (late := lateness(feed, now=now))
    )


def lateness(feed: FeedRecord, *, now: datetime) -> StaleFeed | None:
    """Say how a feed has not kept its promise; None where it has."""
    kind = FeedKind(feed.kind)
    name, promise = f"{kind.called} ({feed.name})", timedelta(hours=feed.promise_hours)
    every = _every(feed.promise_hours)
    arrived = feed.arrived_at
    if arrived is None:
        if now - feed.made_at <= promise:
            return None
        said = f"{name} has never come; it was promised {every}."
    elif now - arrived > promise:
        said = f"{name} last came {_ago(now - arrived)}; it was promised {every}."
    else:
        if kind not in _EVERY_DAY:
            return None
        due = day_at(feed.site, now - promise) - timedelta(days=1 + feed.lag_days)
        if feed.through is not None and feed.through >= due:
            return None
        if feed.through is None:
            said = f"{name} comes, and has brought no day yet."
        else:
            said = f"{name} comes, but its last day is {feed.through.day} {feed.through:%B %Y}."
    return StaleFeed(feed.name, kind, str(feed.owner or ""), said, arrived)


_EVERY_DAY: Final = frozenset({FeedKind.TRAFFIC, FeedKind.SPEND})
"""Kinds that have rows of every day; a day without a refund is a good one."""


def _every(hours: int) -> str:
    if hours % 24 == 0:
        return "every day" if hours == 24 else f"every {hours // 24} days"
    return "every hour" if hours == 1 else f"every {hours} hours"


def _ago(span: timedelta) -> str:
    hours = int(span.total_seconds() // 3600)
    if hours < 48:
        return "an hour ago" if hours <= 1 else f"{hours} hours ago"
    return f"{hours // 24} days ago"


def _week(monday: date, rows: Sequence[DayRecord]) -> Week:
    def total(name: str) -> int | None:
        known = [value for each in rows if (value := getattr(each, name)) is not None]
        return sum(known) if known else None

    revenue = total("revenue_minor")
    return Week(
        starts=monday,
        days=len(rows),
        sessions=total("sessions"),
        orders=total("orders"),
        revenue_minor=None if revenue is None else revenue - (total("refunded_minor") or 0),
        late_minor=total("late_minor") or 0,
        spend_minor=total("spend_minor"),
        clicks=total("clicks"),
        leads=total("leads"),
        people=total("people"),
        closed=total("closed") or 0,
        won=total("won") or 0,
        won_minor=total("won_minor") or 0,
    )


def _live(
    rows: QuerySet[Any], site: Site, kind: FeedKind, since: date, until: date, day: str = "day"
) -> QuerySet[Any]:
    feeds = FeedRecord.objects.filter(site=site, kind=kind.value, ended_at=None)
    span = {f"{day}__gte": since, f"{day}__lt": until}
    return rows.filter(feed__in=[*feeds.values_list("pk", flat=True)], **span)


def _columns(rows: QuerySet[Any], count: int) -> list[tuple[Any, ...]]:
    found = list(rows.iterator(chunk_size=20_000))
    return list(zip(*found, strict=True)) if found else [()] * count


def _days(given: Sequence[date | None]) -> Days:
    return np.array(given, dtype="datetime64[D]")


def _whole(given: Sequence[int | None]) -> Whole:
    return np.array([each or 0 for each in given], dtype=np.int64)


def _objects(given: Sequence[str]) -> Texts:
    made = np.empty(len(given), dtype=object)
    made[:] = given
    return made


def _together(days: Days, cells: Whole, columns: list[Whole]) -> tuple[Days, Whole, list[Whole]]:
    """Add up the rows of a day and cell, in the order of days."""
    if not len(days):
        return days, cells, columns
    order = np.lexsort((cells, days))
    days, cells = days[order], cells[order]
    new = np.concatenate(([True], (days[1:] != days[:-1]) | (cells[1:] != cells[:-1])))
    start = np.flatnonzero(new)
    added = [np.add.reduceat(each[order], start) for each in columns]
    return days[start], cells[start], added


def _texts(cells: Whole, site: Site) -> tuple[Texts, Texts, Texts, Texts]:
    """Give the words of cells, each word once in memory."""
    different, place = np.unique(cells, return_inverse=True)
    rows = CellRecord.objects.filter(site=site).values_list(
        "pk", "source", "campaign", "landing", "device"
    )
    if len(different) < 5_000:
        rows = rows.filter(pk__in=different.tolist())
    known = {pk: words for pk, *words in rows}
    words = [known[pk] for pk in different.tolist()]
    source, campaign, landing, device = (
        _objects([each[part] for each in words])[place] for part in range(4)
    )
    return source, campaign, landing, device
