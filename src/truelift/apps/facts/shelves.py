"""Where rows of each kind stand: the table, what makes a row the same row, what it says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from django.db import models

from truelift.apps.facts.cells import Values
from truelift.apps.facts.columns import FeedKind
from truelift.apps.facts.models import (
    CallRecord,
    LeadRecord,
    LedgerRecord,
    OrderRecord,
    RefundRecord,
    SpendRecord,
    TrafficRecord,
)


ALL_OF_A_CELL: Final = ("source", "campaign", "landing", "device")


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where rows of a kind stand.

    Attributes:
        model: The table.
        keys: With the feed, these say which row it is.
        values: Field of the table → column of the feed, for all that may change.
        cell: Whether the cell of a row is of its key or its value; empty: it has none.
        cell_field: Where it stands.
    """

    model: type[models.Model]
    keys: Mapping[str, str]
    values: Mapping[str, str]
    cell: str = ""
    cell_field: str = "cell_id"

    @property
    def key_fields(self) -> tuple[str, ...]:
        """The fields of the key."""
        return (*self.keys, *((self.cell_field,) if self.cell == "key" else ()))

    @property
    def value_fields(self) -> tuple[str, ...]:
        """The fields that may change."""
        return (*self.values, *((self.cell_field,) if self.cell == "value" else ()))


SHELVES: Final[Mapping[FeedKind, Shelf]] = {
    FeedKind.TRAFFIC: Shelf(
        TrafficRecord,
        {"day": "day"},
        {
            "sessions": "sessions",
            "people": "people",
            "bounces": "bounces",
            "orders": "orders",
            "revenue_minor": "revenue",
        },
        "key",
    ),
    FeedKind.SPEND: Shelf(
        SpendRecord, {"day": "day"}, {"clicks": "clicks", "spend_minor": "spend"}, "key"
    ),
    FeedKind.ORDERS: Shelf(
        OrderRecord,
        {"order": "order"},
        {"day": "day", "revenue_minor": "revenue", "new_customer": "new_customer"},
        "value",
    ),
    FeedKind.REFUNDS: Shelf(
        RefundRecord,
        {"refund": "refund"},
        {"order": "order", "day": "day", "said_day": "order_day", "amount_minor": "amount"},
        "value",
        "said_cell_id",
    ),
    FeedKind.LEADS: Shelf(
        LeadRecord,
        {"lead": "lead"},
        {
            "day": "day",
            "mql_day": "mql_day",
            "sql_day": "sql_day",
            "closed_day": "closed_day",
            "won": "won",
            "value_minor": "value",
        },
        "value",
    ),
    FeedKind.CALLS: Shelf(
        CallRecord, {"call": "call"}, {"day": "day", "seconds": "seconds", "lead": "lead"}, "value"
    ),
    FeedKind.LEDGER: Shelf(
        LedgerRecord, {"day": "day", "until": "until"}, {"revenue_minor": "revenue"}, ""
    ),
}

DAILY: Final = frozenset({FeedKind.TRAFFIC, FeedKind.SPEND})
"""Whose days can be brought whole: what such a day no longer has is gone."""


def place_of(values: Values) -> tuple[str, str, str, str]:
    """Give the cell of a row; what its kind does not tell is empty."""
    source, campaign, landing, device = (str(values.get(name) or "") for name in ALL_OF_A_CELL)
    return source, campaign, landing, device
