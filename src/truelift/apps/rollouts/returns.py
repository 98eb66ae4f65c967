"""What winners that are live have brought, and what is left of it after a programme's costs.

Method:
    docs/guide/scorecard.md; docs/methods/shrinkage.md.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from truelift.apps.rollouts.models import RolloutRecord, SiteMoneyRecord
from truelift.apps.rollouts.value import Calendar, Lift, days_of, lift_of
from truelift.apps.sites.models import Site
from truelift.lifecycle.rollout import RolloutStage


LASTS: Final = timedelta(days=365)
"""So long at most a winner counts: the page it won against is gone by then (R026)."""

IN_A_YEAR: Final = 12
"""Months."""

_LIVE: Final = (RolloutStage.VERIFIED.value, RolloutStage.CLEANED_UP.value)


@dataclass(frozen=True, slots=True)
class Brought:
    """What one winner brought while it was live, in minor units; None where it is undefined."""

    value: float | None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Returns:
    """What a programme brought in the last year, in minor units.

    Attributes:
        value: Of all live winners whose lift is known, shrunken; None while there is none.
        low: Lower end of its interval.
        high: Upper end.
        winners: How many are counted.
        unknown: Live winners of which it is not known.
        waiting: Winners that are not live: they bring nothing, and are not counted.
        cost: Of the programme over the same time; None while nobody has said.
    """

    value: float | None
    low: float | None
    high: float | None
    winners: int
    unknown: int
    waiting: int
    cost: float | None

    @property
    def on_cost(self) -> float | None:
        """What is left after the costs, by the costs; None while one of both is not known."""
        if self.value is None or not self.cost:
            return None
        return self.value / self.cost - 1


def brought(
    lift: Lift,
    calendar: Calendar,
    *,
    live_on: date,
    until: date,
    reach: float = 1.0,
    half_life_days: int | None = None,
) -> Brought:
    """Say what part of the revenue since a day is due to a winner, both days included.

    The revenue has the lift in it already: of R that was earned with a lift θ on a share r of
    the sessions, r·θ/(1 + r·θ) is due to it.

    Args:
        lift: What it is likely worth.
        calendar: The site's days.
        live_on: The first day that counts.
        until: The last one; nothing counts after a year.
        reach: Share of the sessions that the change concerns.
        half_life_days: After so many days half of the lift is left; None: it lasts.
    """
    if lift.value is None:
        return Brought(None)
    last = min(until, live_on + LASTS - timedelta(days=1))

    def due(theta: float | None) -> float | None:
        if theta is None:
            return None
        if half_life_days is None:
            return calendar.between(live_on, last)[2] * _share(reach * theta)
        total = 0.0
        for day in range((last - live_on).days + 1):
            at = live_on + timedelta(days=day)
            left = reach * theta * math.exp2(-day / half_life_days)
            total += calendar.between(at, at)[2] * _share(left)
        return total

    return Brought(due(lift.value), due(lift.low), due(lift.high))


def _share(lift: float) -> float:
    return lift / (1 + lift) if lift > -1 else 0.0


def returns_of(
    site: Site,
    *,
    now: datetime,
    cost_a_month: float | None = None,
    half_life_days: int | None = None,
) -> Returns:
    """Add up what a site's winners brought in the last year; a job's work.

    Intervals are added up as those of independent tests. That effects add up is assumed.

    Args:
        site: Whose.
        now: Until when.
        cost_a_month: Of the programme, minor units.
        half_life_days: After so many days half of a lift is left; None: it lasts.
    """
    zone = ZoneInfo(site.time_zone)
    today = now.astimezone(zone).date()
    since = today - LASTS
    records = list(RolloutRecord.objects.filter(site=site, decided_at__lte=now))
    live = [
        each
        for each in records
        if each.stage in _LIVE and each.verified_at is not None and each.verified_at <= now
    ]
    money = SiteMoneyRecord.objects.filter(site=site).first()
    calendar = Calendar.of(days_of(site, since=since))
    found = (
        [Brought(None) for _ in live]
        if money is None or money.problem or not calendar.days
        else [
            brought(
                lift_of(each),
                calendar,
                live_on=max(each.verified_at.astimezone(zone).date(), since),
                until=today - timedelta(days=1),
                reach=each.reach,
                half_life_days=half_life_days,
            )
            for each in live
            if each.verified_at is not None
        ]
    )
    known = [each for each in found if each.value is not None]
    value = sum(each.value or 0.0 for each in known)
    months = min(IN_A_YEAR, max((now - site.created_at).days / 365 * IN_A_YEAR, 1.0))
    return Returns(
        value=value if known else None,
        low=value - _apart((each.value, each.low) for each in known) if known else None,
        high=value + _apart((each.high, each.value) for each in known) if known else None,
        winners=len(known),
        unknown=len(live) - len(known),
        waiting=sum(
            each.stage not in _LIVE and each.stage != RolloutStage.ABANDONED.value
            for each in records
        ),
        cost=None if cost_a_month is None else cost_a_month * months,
    )


def _apart(ends: Iterable[tuple[float | None, float | None]]) -> float:
    return math.hypot(*((upper or 0.0) - (lower or 0.0) for upper, lower in ends))
