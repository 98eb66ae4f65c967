"""What Rotaline's advertising costs, who answers for which numbers, and what a trial is worth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from truelift.worlds.facts import Owners, Paid
from truelift.worlds.pipeline import Numbers, Shared


_OWNERS: Final = Owners(
    analyst="zofia",
    spend="paul",
    refunds="ruth",
    ledger="ruth",
    marketing="paul",
    sales="siobhan",
)

_PAID: Final[Mapping[str, Paid]] = {
    "google / cpc": Paid(click_minor=290),
    "facebook / paid_social": Paid(click_minor=95, clicks=1.2),
}
"""Source → what a click of it costs."""

_SHARED: Final = Shared(
    kind="activated",
    maturity_days=14,
    because="Sign-ups grew for a year and payments did not.",
    value_minor=98_000,
)
"""Somebody who works by a rota stays seven months on average."""

NUMBERS: Final = Numbers(_OWNERS, _PAID, _SHARED)
