"""Half-open stretches of time, as questions are bounded by them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from truelift.questions.dimensions import Placeholders


AT_MS: Final = "epoch_us(occurred_at) // 1000"
"""An event's instant in milliseconds, cut; DuckDB's `epoch_ms` rounds."""

SESSION_MARGIN: Final = timedelta(days=2)
"""Sessions are cut from this long before the first start asked about: a session lasts a
day at most, so by then the cuts no longer depend on where reading began, but for people
who never pause."""


def between(since: datetime | None, until: datetime | None, values: Placeholders) -> str:
    """Give the SQL of `since <= occurred_at < until`, without the bounds that are None."""
    parts = []
    if since is not None:
        parts.append(f"occurred_at >= {values.add(since)}")
    if until is not None:
        parts.append(f"occurred_at < {values.add(until)}")
    return " AND ".join(parts) or "true"


def period_obstacles(since: datetime | None, until: datetime | None) -> list[str]:
    """Say what is wrong with a half-open period."""
    found = [
        f"`{name}` has no time zone"
        for name, moment in (("since", since), ("until", until))
        if moment is not None and moment.tzinfo is None
    ]
    if not found and since is not None and until is not None and since >= until:
        found.append("`since` is not before `until`")
    return found


def earlier(moment: datetime | None, by: timedelta) -> datetime | None:
    """Go back, to no bound at all where the calendar ends."""
    try:
        return None if moment is None else moment - by
    except OverflowError:
        return None


def later(moment: datetime | None, by: timedelta) -> datetime | None:
    """Go on, to no bound at all where the calendar ends."""
    try:
        return None if moment is None else moment + by
    except OverflowError:
        return None
