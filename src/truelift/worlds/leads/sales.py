"""What Palletline's sales system knows of each lead on a day, and what its advertising costs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from truelift.worlds.facts import Owners, Paid
from truelift.worlds.leads.parameters import MATURES_DAYS, Leads
from truelift.worlds.leads.visits import Visits, visits_of
from truelift.worlds.pipeline import Numbers, Shared


_OWNERS: Final = Owners(
    analyst="yara",
    spend="milo",
    refunds="greta",
    ledger="greta",
    marketing="hanna",
    sales="bram",
)

_PAID: Final[Mapping[str, Paid]] = {
    "google / cpc": Paid(click_minor=410),
    "linkedin / paid_social": Paid(click_minor=560, clicks=1.12),
    "newsletter / email": Paid(click_minor=6, clicks=1.02),
}
"""Source → what a click of it costs."""

_SHARED: Final = Shared(
    kind="leads",
    maturity_days=MATURES_DAYS,
    because="Marketing counts leads, sales counts talks, finance counts neither.",
)

NUMBERS: Final = Numbers(_OWNERS, _PAID, _SHARED)

LOST_AFTER_DAYS: Final = 70
"""What sales took on and nobody bought by then is lost."""


def sales_system(leads: Leads) -> Callable[[date], list[dict[str, object]]]:
    """Give the sales system: the same leads whose events came from the site."""
    visits: Visits = visits_of(leads, np.random.default_rng(leads.seed))
    zone = ZoneInfo(leads.time_zone)
    worth = np.round(
        leads.deal * np.random.default_rng((leads.seed, 1)).lognormal(0, 0.55, len(visits)), -2
    )
    chosen = np.flatnonzero(visits.lead)

    def known_by(today: date) -> list[dict[str, object]]:
        rows = []
        for at in chosen.tolist():
            begins = datetime.fromtimestamp(int(visits.start_ms[at]) / 1000, UTC).astimezone(zone)
            day = begins.date()
            if day >= today:
                continue
            channel = leads.channels[int(visits.channel[at])]

            def on(days: float, begins: datetime = begins) -> date | None:
                found = (begins + timedelta(days=days)).date() if days >= 0 else None
                return found if found is not None and found < today else None

            mql, sql = on(float(visits.mql_days[at])), on(float(visits.sql_days[at]))
            won = on(float(visits.won_days[at]))
            lost = on(float(visits.sql_days[at]) + LOST_AFTER_DAYS) if sql and not won else None
            closed = won or lost
            row: dict[str, object] = {"lead": f"L-{at}", "day": str(day)}
            if channel.source:
                row |= {
                    "source": f"{channel.source} / {channel.medium}",
                    "campaign": channel.campaign,
                }
            row |= {
                name: str(when)
                for name, when in (("mql_day", mql), ("sql_day", sql), ("closed_day", closed))
                if when
            }
            if closed:
                row["won"] = "yes" if won else "no"
            if sql:
                row["value"] = f"{worth[at]:.2f}"
            rows.append(row)
        return rows

    return known_by
