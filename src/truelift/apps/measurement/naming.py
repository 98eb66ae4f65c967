"""What people call events and stretches of time."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from truelift.apps.drawing.wording import day


def spoken(event: str) -> str:
    """Turn an event's name into words: `add_to_cart` → `Add to cart`."""
    words = event.replace("_", " ").strip() or event
    return words[:1].upper() + words[1:]


def period_said(since: datetime | None, until: datetime | None, zone: ZoneInfo) -> str:
    """Say a half-open period by its first and last day, in the site's zone."""
    if since is None or until is None:
        return "all time"
    first = since.astimezone(zone).date()
    last = (until.astimezone(zone) - timedelta(seconds=1)).date()
    if first == last:
        return day(first)
    return f"{day(first, year=last.year)} to {day(last)}"


def lasting(seconds: int) -> str:
    """Say a length of time in its largest whole unit: 7 days, 90 minutes."""
    for size, word in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds % size == 0:
            number = seconds // size
            return f"{number} {word}{'' if number == 1 else 's'}"
    return f"{seconds} seconds"
