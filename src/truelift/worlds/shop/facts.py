"""What the shop's advertising costs, and who answers for which of its numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
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
    """The shop's, with what marketing did in every second week of the year before.

    It had a budget for each fortnight. The part for search was used up in a week, and what was
    left bought the cheapest clicks that there were: as many visits came, a click cost less, and
    those who came more bought nothing.
    """

    @override
    def _as_lived(self, own: Traffic, source: str, days: Sequence[date]) -> tuple[Floats, Floats]:
        visits, sales = np.ones(len(days)), np.ones(len(days))
        spent = np.array([is_second_week(day) for day in days])
        if source == SEARCH:
            visits[spent] = sales[spent] = LEFT_OF_SEARCH
        elif source == SOCIAL:
            search, social = (
                float(own.sessions[own.source == each].sum()) for each in (SEARCH, SOCIAL)
            )
            # Who clicked what cost least wanted nothing: no more orders came of it.
            visits[spent] = 1 + (1 - LEFT_OF_SEARCH) * search / max(social, 1.0)
        return visits, sales


def is_second_week(day: date) -> bool:
    """Say whether a day lies in the second week of a fortnight; weeks begin on Monday."""
    return (day.toordinal() - day.weekday()) // 7 % 2 == 1
