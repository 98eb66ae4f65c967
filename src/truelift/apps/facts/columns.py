"""Which kinds of facts there are, which columns each has, and how files call them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class FeedKind(StrEnum):
    """What a feed tells of."""

    TRAFFIC = "traffic"
    ORDERS = "orders"
    REFUNDS = "refunds"
    SPEND = "spend"
    LEADS = "leads"
    CALLS = "calls"
    LEDGER = "ledger"

    @property
    def called(self) -> str:
        """The kind as it stands on a page."""
        return {
            FeedKind.TRAFFIC: "Daily traffic",
            FeedKind.SPEND: "Advertising spend",
            FeedKind.LEDGER: "Finance ledger",
        }.get(self, self.value.capitalize())


class FeedSource(StrEnum):
    """Through which door rows come."""

    LAKE = "lake"
    CSV = "csv"
    API = "api"
    WEBHOOK = "webhook"

    @property
    def called(self) -> str:
        """The door as it stands on a page."""
        return {
            FeedSource.LAKE: "own events",
            FeedSource.CSV: "files",
            FeedSource.API: "the API",
            FeedSource.WEBHOOK: "signed messages",
        }[self]


class Cell(StrEnum):
    """How a value is read."""

    TEXT = "text"
    COUNT = "count"
    MONEY = "money"
    DAY = "day"
    PERIOD = "period"
    YES_NO = "yes_no"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a kind of facts.

    Attributes:
        name: What it is called here.
        cell: How its values are read.
        required: Whether a row without it is refused.
        also: What else files call it.
        longest: Letters of a text.
        meaning: What it says, for the guide and the page.
    """

    name: str
    cell: Cell
    required: bool = False
    also: tuple[str, ...] = ()
    longest: int = 100
    meaning: str = ""


_DAY: Final = Column(
    "day",
    Cell.DAY,
    required=True,
    also=("date", "day index", "datum", "ds"),
    meaning="the day at the site",
)
_SOURCE: Final = Column(
    "source",
    Cell.TEXT,
    also=("channel", "session source", "traffic source", "platform", "network", "quelle"),
    longest=120,
    meaning="where visitors came from",
)
_CAMPAIGN: Final = Column(
    "campaign",
    Cell.TEXT,
    also=("campaign name", "session campaign", "kampagne", "match type"),
    longest=200,
    meaning="with which campaign",
)
_LANDING: Final = Column(
    "landing",
    Cell.TEXT,
    also=("landing page", "landing surface", "page", "entry page", "zielseite"),
    longest=300,
    meaning="the page or surface on which they landed",
)
_DEVICE: Final = Column(
    "device",
    Cell.TEXT,
    also=("device category", "gerät"),
    longest=40,
    meaning="desktop, phone, tablet",
)
_ORDER: Final = Column(
    "order",
    Cell.TEXT,
    required=True,
    also=("order id", "order number", "transaction id", "transaction"),
    meaning="the shop’s number of the order",
)
_REVENUE: Final = Column(
    "revenue",
    Cell.MONEY,
    also=("total revenue", "net revenue", "amount", "total", "umsatz", "conversion value"),
    meaning="money, before refunds",
)
_CURRENCY: Final = Column(
    "currency",
    Cell.TEXT,
    also=("currency code", "währung"),
    longest=3,
    meaning="refused where it is not the site’s",
)


def _needed(column: Column, *, meaning: str = "") -> Column:
    return Column(
        column.name,
        column.cell,
        required=True,
        also=column.also,
        longest=column.longest,
        meaning=meaning or column.meaning,
    )


COLUMNS: Final[Mapping[FeedKind, tuple[Column, ...]]] = {
    FeedKind.TRAFFIC: (
        _DAY,
        _SOURCE,
        _CAMPAIGN,
        _LANDING,
        _DEVICE,
        Column("sessions", Cell.COUNT, required=True, also=("visits",), meaning="eligible ones"),
        Column("people", Cell.COUNT, also=("users", "visitors", "total users"), meaning="visitors"),
        Column("bounces", Cell.COUNT, also=("bounced sessions",), meaning="sessions that bounced"),
        Column(
            "orders",
            Cell.COUNT,
            also=("transactions", "purchases", "conversions", "activations"),
            meaning="orders, or what else is the goal",
        ),
        _REVENUE,
        _CURRENCY,
    ),
    FeedKind.ORDERS: (
        _ORDER,
        _DAY,
        _needed(_REVENUE),
        _SOURCE,
        _CAMPAIGN,
        _LANDING,
        _DEVICE,
        Column(
            "new_customer",
            Cell.YES_NO,
            also=("first order", "is new customer", "new"),
            meaning="whether it was the customer’s first order",
        ),
        _CURRENCY,
    ),
    FeedKind.REFUNDS: (
        _ORDER,
        _DAY,
        Column(
            "amount",
            Cell.MONEY,
            required=True,
            also=("refund", "refunded", "refund amount", "revenue", "total"),
            meaning="what went back; a sign before it does not matter",
        ),
        Column(
            "refund",
            Cell.TEXT,
            also=("refund id", "refund number"),
            meaning="its number, where an order has several of a day",
        ),
        Column(
            "order_day",
            Cell.DAY,
            also=("order date", "ordered on", "purchase date"),
            meaning="when the order was made, where no feed of orders says it",
        ),
        _SOURCE,
        _CAMPAIGN,
        _LANDING,
        _DEVICE,
        _CURRENCY,
    ),
    FeedKind.SPEND: (
        _DAY,
        _needed(_SOURCE),
        _CAMPAIGN,
        Column("clicks", Cell.COUNT, also=("link clicks",), meaning="clicks that were paid for"),
        Column(
            "spend",
            Cell.MONEY,
            required=True,
            also=("cost", "amount spent", "kosten", "ad spend"),
            meaning="what was paid",
        ),
        _CURRENCY,
    ),
    FeedKind.LEADS: (
        Column(
            "lead",
            Cell.TEXT,
            required=True,
            also=("lead id", "id", "opportunity id"),
            meaning="its number; never a name or an address",
        ),
        _DAY,
        _SOURCE,
        _CAMPAIGN,
        Column("mql_day", Cell.DAY, also=("mql", "mql date"), meaning="marketing qualified it"),
        Column("sql_day", Cell.DAY, also=("sql", "sql date"), meaning="sales accepted it"),
        Column(
            "closed_day",
            Cell.DAY,
            also=("closed", "close date", "closed on"),
            meaning="it was won or lost",
        ),
        Column("won", Cell.YES_NO, also=("closed won", "is won", "outcome"), meaning="won or lost"),
        Column(
            "value",
            Cell.MONEY,
            also=("amount", "deal value", "revenue"),
            meaning="what it is or was worth",
        ),
        _CURRENCY,
    ),
    FeedKind.CALLS: (
        Column(
            "call",
            Cell.TEXT,
            required=True,
            also=("call id", "id"),
            meaning="its number; never that of a telephone",
        ),
        _DAY,
        _SOURCE,
        _CAMPAIGN,
        _LANDING,
        Column("seconds", Cell.COUNT, also=("duration",), meaning="how long it was"),
        Column("lead", Cell.TEXT, also=("lead id",), meaning="the lead it belongs to"),
    ),
    FeedKind.LEDGER: (
        Column(
            "period",
            Cell.PERIOD,
            required=True,
            also=("day", "month", "date", "datum", "monat"),
            meaning="a day, or a month as 2026-05",
        ),
        _needed(_REVENUE, meaning="net revenue as finance books it"),
        _CURRENCY,
    ),
}
"""The columns of every kind, in the order in which the guide lists them."""


def header(text: str) -> str:
    """Give a column's head in the form in which heads are compared."""
    return " ".join(text.replace("_", " ").replace("-", " ").lower().split())


def by_header(
    kind: FeedKind, heads: tuple[str, ...], given: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Say which head of a file is which column.

    Args:
        kind: What the file tells of.
        heads: As they stand in the file.
        given: Our column → their head, where somebody has said so; it goes before names.

    Returns:
        Our column → their head.
    """
    known = {header(each): each for each in reversed(heads)}
    found: dict[str, str] = {}
    for column in COLUMNS[kind]:
        said = (given or {}).get(column.name, "")
        names = [header(said)] if said else [header(column.name), *map(header, column.also)]
        name = next((each for each in names if each in known), None)
        # One head is one column: `amount` of a lead is not its revenue as well.
        if name is not None and known[name] not in found.values():
            found[column.name] = known[name]
    return found
