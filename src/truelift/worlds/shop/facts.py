"""What the shop's advertising costs, and who answers for which of its numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from truelift.worlds.facts import Owners, Paid


PAID: Final[Mapping[str, Paid]] = {
    "google / cpc": Paid(click_minor=62),
    "instagram / paid_social": Paid(click_minor=38, clicks=1.15),
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
