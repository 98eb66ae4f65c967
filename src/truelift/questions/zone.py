"""Time zones: which there are, and where their days, weeks and hours begin."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo


def is_zone(name: str) -> bool:
    """Say whether this is the name of a time zone."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def day_begins(days: int, zone: str) -> datetime:
    """Give the instant, in UTC, at which a local day begins.

    Args:
        days: The local date, as days since 1970.
        zone: Its time zone.
    """
    ordinal = min(max(_EPOCH.toordinal() + days, date.min.toordinal()), date.max.toordinal())
    local = datetime.combine(date.fromordinal(ordinal), time(), tzinfo=ZoneInfo(zone))
    try:
        return local.astimezone(UTC)
    except OverflowError:
        # The first and last days of the calendar may begin outside it.
        return local.replace(tzinfo=UTC)


def local_day(moment: datetime, zone: str) -> int:
    """Give the local date of an instant, as days since 1970."""
    try:
        local = moment.astimezone(ZoneInfo(zone))
    except OverflowError:
        local = moment
    return (local.date() - _EPOCH).days


def hour_begins(moment: datetime, zone: str) -> datetime:
    """Give the instant at which the local hour of an instant begins, in UTC."""
    try:
        local = moment.astimezone(ZoneInfo(zone))
    except OverflowError:
        local = moment
    into = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
    return moment.astimezone(UTC) - into


_EPOCH: Final = date(1970, 1, 1)
