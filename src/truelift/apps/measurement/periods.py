"""Stretches of time as a form states them: some days until today, everything, or two days."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from django.http import QueryDict


PERIODS: Final = (
    ("7", "Last 7 days"),
    ("28", "Last 28 days"),
    ("90", "Last 90 days"),
    ("all", "All time"),
    ("days", "From … to …"),
)
"""What a form offers, with what it is called."""


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch of time as it was asked for.

    Attributes:
        kind: One of `PERIODS`: days until today, everything, or `since` to `until`.
        since: First day, in the site's zone; only with kind `days`.
        until: Last day, included; only with kind `days`.
    """

    kind: str = "28"
    since: str = ""
    until: str = ""

    @classmethod
    def of(cls, query: QueryDict) -> Period:
        """Read it from an address; what is missing keeps its default."""
        return cls(
            kind=query.get("period") or cls().kind,
            since=query.get("since", "").strip(),
            until=query.get("until", "").strip(),
        )

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The parameters that bring it back."""
        if self.kind != "days":
            return [("period", self.kind)]
        return [("period", self.kind), ("since", self.since), ("until", self.until)]

    def problems(self) -> list[str]:
        """Say everything that keeps it from being a stretch of time."""
        found = []
        if self.kind not in dict(PERIODS):
            found.append("The period is 7, 28, 90, all, or days with two dates.")
        if self.kind == "days":
            for label, text in (("first", self.since), ("last", self.until)):
                if day_of(text) is None:
                    found.append(f"The {label} day is a date such as 2026-11-21.")
            first, last = day_of(self.since), day_of(self.until)
            if first and last and first > last:
                found.append("The first day is after the last.")
        return found

    def bounds(self, *, now: datetime, zone: ZoneInfo) -> tuple[datetime | None, datetime | None]:
        """Give the half-open stretch; days end with today, in the site's zone."""
        if self.kind == "all":
            return None, None
        if self.kind == "days":
            first, last = day_of(self.since), day_of(self.until)
            if first is None or last is None:
                return None, None
        else:
            last = now.astimezone(zone).date()
            first = last - timedelta(days=int(self.kind) - 1)
        try:
            return midnight(first, zone), midnight(last + timedelta(days=1), zone)
        except OverflowError:
            return None, None


def before(
    since: datetime | None, until: datetime | None, *, zone: ZoneInfo
) -> tuple[datetime, datetime] | None:
    """Give the period that is as long by the site's clock and ends where this one begins."""
    if since is None or until is None:
        return None
    begins, ends = (each.astimezone(zone).replace(tzinfo=None) for each in (since, until))
    try:
        return (begins - (ends - begins)).replace(tzinfo=zone).astimezone(UTC), since
    except OverflowError:
        return None


def day_of(text: str) -> date | None:
    """Read a day; None where it is none."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """Give the first instant of a site's day."""
    return datetime.combine(day, time.min, zone).astimezone(UTC)
