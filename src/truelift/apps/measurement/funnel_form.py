"""The funnel explorer's form: an address in, a frozen question out, every error said."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.http import QueryDict

from truelift.questions.events_seen import EventSeen
from truelift.questions.funnel import MAX_STEPS, Funnel, Step
from truelift.questions.matching import Events
from truelift.sequences.funnels import Order


WINDOWS: Final = (
    ("30m", "30 minutes"),
    ("1h", "1 hour"),
    ("1d", "1 day"),
    ("7d", "7 days"),
    ("14d", "14 days"),
    ("30d", "30 days"),
)
PERIODS: Final = (
    ("7", "Last 7 days"),
    ("28", "Last 28 days"),
    ("90", "Last 90 days"),
    ("all", "All time"),
    ("days", "From … to …"),
)
ORDERS: Final = (
    (Order.ORDERED.value, "In order"),
    (Order.STRICT.value, "In order, nothing between"),
    (Order.ANY.value, "In any order"),
)
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_WINDOW: Final = re.compile(r"^(\d{1,6})([smhd])$")


@dataclass(frozen=True, slots=True)
class FunnelForm:
    """What a person asked for, as they asked it.

    Attributes:
        steps: Names of events, in order, as typed.
        window: A number and s, m, h or d.
        order: One of `ORDERS`.
        period: One of `PERIODS`: days until today, everything, or `since` to `until`.
        since: First day, in the site's zone; only with period `days`.
        until: Last day, included; only with period `days`.
        by: Dimension or property to break down by; empty for none.
        compare: Whether the period before is shown beside it.
    """

    steps: tuple[str, ...] = ()
    window: str = "7d"
    order: str = Order.ORDERED.value
    period: str = "28"
    since: str = ""
    until: str = ""
    by: str = ""
    compare: bool = True

    @classmethod
    def of(cls, query: QueryDict) -> FunnelForm:
        """Read the form from an address; what is missing keeps its default."""
        given = cls()
        return cls(
            steps=tuple(name.strip() for name in query.getlist("step") if name.strip()),
            window=query.get("window") or given.window,
            order=query.get("order") or given.order,
            period=query.get("period") or given.period,
            since=query.get("since", "").strip(),
            until=query.get("until", "").strip(),
            by=query.get("by", "").strip(),
            compare=query.get("compare", "before") == "before",
        )

    @property
    def address(self) -> str:
        """The query that brings this form back: what a person shares."""
        pairs: list[tuple[str, str]] = [("step", step) for step in self.steps]
        pairs += [("window", self.window), ("order", self.order), ("period", self.period)]
        if self.period == "days":
            pairs += [("since", self.since), ("until", self.until)]
        if self.by:
            pairs.append(("by", self.by))
        pairs.append(("compare", "before" if self.compare else "none"))
        return urlencode(pairs)

    @property
    def window_s(self) -> int | None:
        """The window in seconds, or None where it is not one."""
        found = _WINDOW.match(self.window)
        return int(found[1]) * _SECONDS[found[2]] if found else None

    def problems(self) -> tuple[str, ...]:
        """Say everything that keeps this from being a question."""
        found = []
        if len(self.steps) < 2:
            found.append("A funnel has at least two steps.")
        if len(self.steps) > MAX_STEPS:
            found.append(f"A funnel has at most {MAX_STEPS} steps; this has {len(self.steps)}.")
        if not self.window_s:
            found.append("The window is a number and s, m, h or d: 30m, 7d.")
        if self.order not in dict(ORDERS):
            found.append("The order is ordered, strict or any.")
        if self.period not in dict(PERIODS):
            found.append("The period is 7, 28, 90, all, or days with two dates.")
        if self.period == "days":
            for label, text in (("first", self.since), ("last", self.until)):
                if _day(text) is None:
                    found.append(f"The {label} day is a date such as 2026-11-21.")
            first, last = _day(self.since), _day(self.until)
            if first and last and first > last:
                found.append("The first day is after the last.")
        return tuple(found)

    def bounds(self, *, now: datetime, zone: ZoneInfo) -> tuple[datetime | None, datetime | None]:
        """Give the half-open period that the step-1 event must fall into.

        Periods of days end with today, in the site's zone.
        """
        if self.period == "all":
            return None, None
        if self.period == "days":
            first, last = _day(self.since), _day(self.until)
            if first is None or last is None:
                return None, None
        else:
            last = now.astimezone(zone).date()
            first = last - timedelta(days=int(self.period) - 1)
        return _midnight(first, zone), _midnight(last + timedelta(days=1), zone)

    def question(self, *, now: datetime, zone: ZoneInfo) -> Funnel:
        """Turn the form into the question.

        Raises:
            BadQuestion: The steps and options contradict each other.
        """
        since, until = self.bounds(now=now, zone=zone)
        return Funnel(
            steps=tuple(Step(Events((name,))) for name in self.steps),
            window_s=self.window_s or 0,
            as_of=now,
            order=Order(self.order),
            by=self.by or None,
            since=since,
            until=until,
        )


def period_before(question: Funnel) -> Funnel | None:
    """Give the same question about the period of equal length just before, without groups."""
    if question.since is None or question.until is None:
        return None
    length = question.until - question.since
    return replace(question, since=question.since - length, until=question.since, by=None)


def default_steps(seen: Sequence[str]) -> tuple[str, ...]:
    """Propose a first funnel from the names of events that a site has.

    The steps of a shop by their usual names, where two or more of them are there;
    else page views and the event that most people do after them.
    """
    usual = (
        "view_item",
        "add_to_cart",
        "begin_checkout",
        "add_shipping_info",
        "add_payment_info",
        "purchase",
    )
    shop = tuple(name for name in usual if name in seen)
    if len(shop) >= 2:
        return shop
    others = [name for name in seen if name not in {"page_view", "identify", "group", "alias"}]
    if "page_view" in seen and others:
        return ("page_view", others[0])
    return tuple(others[:2])


def default_form(seen: Sequence[EventSeen], *, now: datetime) -> FunnelForm:
    """Propose a first funnel: the usual steps, by device, over the last 28 days or all time."""
    last = max((each.last_at for each in seen), default=None)
    recent = last is not None and now - last < timedelta(days=28)
    return FunnelForm(
        steps=default_steps([each.event for each in seen]),
        period="28" if recent else "all",
        by="device",
    )


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time.min, zone).astimezone(UTC)
