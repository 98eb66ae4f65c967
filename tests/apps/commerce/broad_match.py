"""The story of broad match as files: two periods of eight whole weeks, before and after."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Final


WEEKS: Final = 8
BEGINS: Final = date(2026, 1, 5)
"""A Monday; the second period begins eight weeks later and ends on 26 April."""

ENDS: Final = BEGINS + timedelta(weeks=2 * WEEKS)
NOW: Final = datetime(ENDS.year, ENDS.month, ENDS.day, 5, tzinfo=UTC)

AOV: Final = 60

STORY: Final = {
    "brand": ((30_000, 1_500, 0, 0.0), (30_000, 1_500, 0, 0.0)),
    "paid exact": ((40_000, 1_200, 40_000, 2.00), (12_000, 360, 12_000, 2.00)),
    "paid broad": ((10_000, 100, 10_000, 0.60), (95_000, 754, 95_000, 0.70)),
    "organic": ((20_000, 400, 0, 0.0), (20_000, 400, 0, 0.0)),
}
"""Sessions, orders, clicks and cost per click of both periods by source."""


def spread(total: int, days: int) -> list[int]:
    """Share a whole number out over days, as evenly as whole numbers go."""
    return [total * (at + 1) // days - total * at // days for at in range(days)]


def files() -> tuple[bytes, bytes]:
    """Give the traffic and the spend as CSV."""
    traffic, spend = (
        ["date,source,landing page,sessions,transactions,revenue"],
        ["date,source,clicks,cost"],
    )
    days = 7 * WEEKS
    for source, periods in STORY.items():
        for nth, (sessions, orders, clicks, each) in enumerate(periods):
            columns = (spread(sessions, days), spread(orders, days), spread(clicks, days))
            for at, (s, o, c) in enumerate(zip(*columns, strict=True)):
                day = BEGINS + timedelta(days=nth * days + at)
                traffic.append(f"{day},{source},/p/boots,{s},{o},{o * AOV}.00")
                if clicks:
                    spend.append(f"{day},{source},{c},{c * each:.2f}")
    return "\n".join(traffic).encode(), "\n".join(spend).encode()
