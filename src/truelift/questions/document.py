"""What answers and questions look like as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime


Json = Mapping[str, "Json"] | Sequence["Json"] | str | int | float | bool | None


def instant(moment: datetime) -> str:
    """Write an instant as ISO 8601 in UTC, to the millisecond where it has any."""
    utc = moment.astimezone(UTC)
    timespec = "milliseconds" if utc.microsecond else "seconds"
    return utc.isoformat(timespec=timespec).replace("+00:00", "Z")


def epoch_ms(moment: datetime) -> int:
    """Count the milliseconds since 1970, cutting what is finer."""
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000
