"""What the shop's advertising costs, and who answers for which of its numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Final

import numpy as np
from typing_extensions import override

from truelift.apps.facts.reads import Traffic
from truelift.worlds.facts import Facts, Owners, Paid
from truelift.worlds.shop.parameters import LEFT_OF_SEARCH
from truelift.worlds.traffic import Floats


SEARCH: Final = "google / cpc"
SOCIAL: Final = "instagram / paid_social"

PAID: Final[Mapping[str, Paid]] = {
    SEARCH: Paid(click_minor=62),
    SOCIAL: Paid(click_minor=38, clicks=1.15),
    "newsletter / email": Paid(click_minor=4, clicks=1.02),
}
"""Source → what a click of it costs."""

OWNERS: Final = Owners(
    analyst="priya",
    spend="felix",
    refunds="nora",
    ledger="otto",
    marketing="mara",
    sales="samir",
)
"""Who answers for what."""


class ShopFacts(Facts):
    """The shop's, with what marketing did in the last week of every month of the year before.

    The budget for search was used up by then, and what was left bought the cheapest clicks that
    there were: as many visits came, a click cost less, and fewer of them bought.
    """

    @override
    def _as_lived(self, own: Traffic, source: str, days: Sequence[date]) -> Floats:
        lived = np.ones(len(days))
        last = np.array([is_last_week(day) for day in days])
        if source == SEARCH:
            lived[last] = LEFT_OF_SEARCH
        elif source == SOCIAL:
            search, social = (
                float(own.sessions[own.source == each].sum()) for each in (SEARCH, SOCIAL)
            )
            lived[last] = 1 + (1 - LEFT_OF_SEARCH) * search / max(social, 1.0)
        return lived


def is_last_week(day: date) -> bool:
    """Say whether the week of a day, from Monday on, is the one of the month's last Monday."""
    monday = day - timedelta(days=day.weekday())
    return (monday + timedelta(weeks=1)).month != monday.month
