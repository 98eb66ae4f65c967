"""Time zones: which there are, and where their days, weeks and hours begin."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


def is_zone(name: str) -> bool:
    """Say whether this is the name of a time zone."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def day_begins(day: date, zone: str) -> datetime:
    """Give the instant at which a local day begins, in UTC."""
    return datetime.combine(day, time(), tzinfo=ZoneInfo(zone)).astimezone(UTC)


def local_day(moment: datetime, zone: str) -> date:
    """Give the local day of an instant."""
    return moment.astimezone(ZoneInfo(zone)).date()


def hour_begins(moment: datetime, zone: str) -> datetime:
    """Give the instant at which the local hour of an instant begins, in UTC."""
    local = moment.astimezone(ZoneInfo(zone))
    into = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
    return moment.astimezone(UTC) - into
