"""Whether what a site sends is enough: the five checks of the connect page, and the last events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

import pyarrow as pa

from truelift.questions.deductions import deductions
from truelift.questions.dimensions import Placeholders
from truelift.questions.document import Json, instant
from truelift.questions.forms import Context, Field, record, text
from truelift.questions.matching import Events
from truelift.questions.members import EVENTS, ROWS, SINCE, Members
from truelift.questions.period import AT_MS
from truelift.questions.question import Scan
from truelift.questions.sessions import PAGES


_PURCHASE: Final = "purchase"
ORDERS: Final = Events(("purchase", "Order Completed", "Purchase", "order_completed"))
"""What the usual clients call an order."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class CheckName(StrEnum):
    """The five things that funnels, revenue and experiments need."""

    PAGE = "page"
    ORDER = "order"
    VALUE = "value"
    USER = "user"
    BOTS = "bots"


class CheckStatus(StrEnum):
    """`WAITING`: nothing of it came yet. `WATCH`: it came and is not right."""

    PASSED = "passed"
    WATCH = "watch"
    WAITING = "waiting"


@dataclass(frozen=True, slots=True)
class Check:
    """One check's outcome.

    Attributes:
        name: What was looked at.
        status: Whether it is there and right.
        says: What was found, and what to do where something is missing.
    """

    name: CheckName
    status: CheckStatus
    says: str


@dataclass(frozen=True, slots=True)
class Findings:
    """What was counted among the stored events.

    Attributes:
        people_events: Events of people: not of bots, not internal.
        pages: Page and screen views among them.
        orders: Orders among them.
        orders_with_value: Orders with an amount of money.
        orders_in_currency: Orders with an amount in the site's currency.
        orders_without_currency: Orders that named none; the site's was assumed.
        orders_below_deductions: Orders whose tax or shipping exceed the revenue that they
            are to be taken off, so that it counts as it was sent.
        known: Events that name a user.
        bots: Events of robots, kept apart.
        internal: Events of the company itself, kept apart.
    """

    people_events: int = 0
    pages: int = 0
    orders: int = 0
    orders_with_value: int = 0
    orders_in_currency: int = 0
    orders_without_currency: int = 0
    orders_below_deductions: int = 0
    known: int = 0
    bots: int = 0
    internal: int = 0

    def __add__(self, other: Findings) -> Findings:
        """Add what two buckets hold."""
        names = [field.name for field in fields(self)]
        return Findings(**{name: getattr(self, name) + getattr(other, name) for name in names})


@dataclass(frozen=True, slots=True)
class ChecksAnswer:
    """The five checks, in the order of the page."""

    question: Checks
    findings: Findings
    checks: tuple[Check, ...]

    def document(self) -> dict[str, Json]:
        """Write it in the shape of `ask checks --json`."""
        return {
            "question": self.question.name,
            "rows": [
                {"check": check.name.value, "status": check.status.value, "says": check.says}
                for check in self.checks
            ],
            "findings": {f.name: getattr(self.findings, f.name) for f in fields(self.findings)},
        }


@dataclass(frozen=True, slots=True)
class Checks:
    """Hold what arrived against what is needed.

    Attributes:
        currency: The site's reporting currency.
        orders: What the site calls an order.
        since: Only events at or after this; None for all.
        deducted: Properties of an order that the site takes off its revenue.
    """

    currency: str
    orders: Events = ORDERS
    since: datetime | None = None
    deducted: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The word after `truelift ask`."""
        return "checks"

    def scan(self) -> Scan:
        """Read one row of counts, robots included."""
        values = Placeholders()
        after = f"occurred_at >= {values.add(self.since)}" if self.since else "true"
        human = "NOT is_bot AND NOT is_internal"
        order = f"{self.orders.sql(values)} AND {human}"
        currency = values.add(self.currency)
        taken = deductions(self.deducted)
        return Scan(
            sql=f"""
            SELECT
                count(*) FILTER (WHERE {human}) AS people_events,
                count(*) FILTER (WHERE {PAGES.sql(values)} AND {human}) AS pages,
                count(*) FILTER (WHERE {order}) AS orders,
                count(*) FILTER (WHERE {order} AND value_minor IS NOT NULL) AS orders_with_value,
                count(*) FILTER (
                    WHERE {order} AND value_minor IS NOT NULL AND currency = {currency}
                ) AS orders_in_currency,
                count(*) FILTER (
                    -- An import says its currency in its map, not in every row's properties.
                    WHERE {order} AND key_id IS NOT NULL
                        AND json_extract_string(properties, '/currency') IS NULL
                ) AS orders_without_currency,
                count(*) FILTER (
                    WHERE {order} AND value_minor IS NOT NULL AND NOT ({taken.fits})
                ) AS orders_below_deductions,
                count(*) FILTER (WHERE user_id IS NOT NULL AND {human}) AS known,
                count(*) FILTER (WHERE is_bot) AS bots,
                count(*) FILTER (WHERE is_internal AND NOT is_bot) AS internal
            FROM all_events
            WHERE state = 'stored' AND {after}
            ORDER BY ALL
            """,
            parameters=values.values,
            since=self.since,
        )

    def partial(self, rows: pa.Table) -> Findings:
        """Take one bucket's counts."""
        (row,) = rows.to_pylist()
        return Findings(**row)

    def merge(self, left: Findings, right: Findings) -> Findings:
        """Add two buckets' counts."""
        return left + right

    def answer(self, partial: Findings) -> ChecksAnswer:
        """Judge each check and say what to do."""
        found = partial
        checks = (
            _judged(
                CheckName.PAGE,
                found.pages > 0,
                f"{found.pages:,} page views.",
                "Open a page of your site with the snippet on it.",
            ),
            _judged(
                CheckName.ORDER,
                found.orders > 0,
                f"{found.orders:,} orders.",
                "Place a test order, or send `purchase` from your server.",
            ),
            self._value(found),
            _judged(
                CheckName.USER,
                found.known > 0,
                f"{found.known:,} events of known users.",
                "Call identify when somebody signs in, so that devices come together.",
            ),
            _bots(found),
        )
        return ChecksAnswer(question=self, findings=found, checks=checks)

    def _value(self, found: Findings) -> Check:
        name = CheckName.VALUE
        if not found.orders:
            return Check(name, CheckStatus.WAITING, "Orders will show it.")
        without = found.orders - found.orders_with_value
        if without:
            says = f"{without:,} of {found.orders:,} orders have no value: send `value`, a number."
            return Check(name, CheckStatus.WATCH, says)
        foreign = found.orders_with_value - found.orders_in_currency
        if foreign:
            says = (
                f"{foreign:,} of {found.orders:,} orders are not in {self.currency}; they stay"
                " out of money metrics until there is a rate."
            )
            return Check(name, CheckStatus.WATCH, says)
        if found.orders_below_deductions:
            says = (
                f"{found.orders_below_deductions:,} of {found.orders:,} orders have more"
                f" {' and '.join(self.deducted)} than revenue; they count as they were sent."
            )
            return Check(name, CheckStatus.WATCH, says)
        if found.orders_without_currency:
            says = (
                f"{found.orders_without_currency:,} of {found.orders:,} orders name no currency;"
                f" {self.currency} is assumed. Send `currency`."
            )
            return Check(name, CheckStatus.WATCH, says)
        says = f"All {found.orders:,} orders carry a value in {self.currency}."
        return Check(name, CheckStatus.PASSED, says)


def _judged(name: CheckName, there: bool, found: str, missing: str) -> Check:  # noqa: FBT001
    return Check(
        name,
        CheckStatus.PASSED if there else CheckStatus.WAITING,
        found if there else missing,
    )


def _bots(found: Findings) -> Check:
    everything = found.people_events + found.bots + found.internal
    if not everything:
        says = "Robots are recognised and kept apart; nothing has arrived yet."
        return Check(CheckName.BOTS, CheckStatus.WAITING, says)
    if found.bots > everything / 2:
        says = (
            f"{found.bots:,} of {everything:,} events are of robots. They are kept apart; look"
            " at who sends them."
        )
        return Check(CheckName.BOTS, CheckStatus.WATCH, says)
    says = f"{found.bots:,} of {everything:,} events are of robots, kept apart."
    return Check(CheckName.BOTS, CheckStatus.PASSED, says)


@dataclass(frozen=True, slots=True)
class RecentEvent:
    """An event as it came in.

    Attributes:
        received_at: When it arrived.
        occurred_at: When it happened.
        event: Its name; None where it could not be read.
        path: Of the page; None without one.
        reason: Why it was kept apart as unreadable; None for a stored one.
        is_bot: Whether a robot sent it.
        is_internal: Whether the company itself did.
    """

    received_at: datetime
    occurred_at: datetime
    event: str | None
    path: str | None
    reason: str | None
    is_bot: bool
    is_internal: bool


@dataclass(frozen=True, slots=True)
class RecentEventsAnswer:
    """The last events, the newest first."""

    question: RecentEvents
    rows: tuple[RecentEvent, ...]

    def document(self) -> dict[str, Json]:
        """Write it in the shape of `ask recent --json`."""
        return {
            "question": self.question.name,
            "rows": [
                {
                    "received_at": instant(row.received_at),
                    "occurred_at": instant(row.occurred_at),
                    "event": row.event,
                    "path": row.path,
                    "reason": row.reason,
                    "is_bot": row.is_bot,
                    "is_internal": row.is_internal,
                }
                for row in self.rows
            ],
        }


@dataclass(frozen=True, slots=True)
class RecentEvents:
    """The events that arrived last, also the ones that were kept apart."""

    max_rows: int = 20

    @property
    def name(self) -> str:
        """The word after `truelift ask`."""
        return "recent"

    def scan(self) -> Scan:
        """Read the newest rows."""
        values = Placeholders()
        return Scan(
            sql=f"""
            SELECT
                epoch_us(received_at) // 1000 AS received_ms,
                {AT_MS} AS at_ms,
                event,
                path,
                CASE WHEN state = 'stored' THEN NULL ELSE reason END AS reason,
                coalesce(is_bot, false) AS is_bot,
                coalesce(is_internal, false) AS is_internal
            FROM all_events
            ORDER BY received_at DESC, writer DESC, position DESC
            LIMIT {values.add(self.max_rows)}
            """,
            parameters=values.values,
        )

    def partial(self, rows: pa.Table) -> tuple[RecentEvent, ...]:
        """Take one bucket's newest rows."""
        return tuple(
            RecentEvent(
                received_at=_EPOCH + timedelta(milliseconds=row["received_ms"]),
                occurred_at=_EPOCH
                + timedelta(
                    milliseconds=row["received_ms"] if row["at_ms"] is None else row["at_ms"]
                ),
                event=row["event"],
                path=row["path"],
                reason=row["reason"],
                is_bot=row["is_bot"],
                is_internal=row["is_internal"],
            )
            for row in rows.to_pylist()
        )

    def merge(
        self, left: tuple[RecentEvent, ...], right: tuple[RecentEvent, ...]
    ) -> tuple[RecentEvent, ...]:
        """Keep the newest of both."""
        together = sorted((*left, *right), key=lambda row: row.received_at, reverse=True)
        return tuple(together[: self.max_rows])

    def answer(self, partial: tuple[RecentEvent, ...]) -> RecentEventsAnswer:
        """Give them as they are."""
        return RecentEventsAnswer(question=self, rows=partial)


def orders_of(event_names: Mapping[str, tuple[str, ...]]) -> Events:
    """Give the events that are a site's orders: the names it has for them, else the usual ones."""
    names = event_names.get(_PURCHASE)
    return Events(names) if names else ORDERS


def _checks(given: Mapping[str, object], context: Context) -> Checks:
    members = Members(given)
    return Checks(
        currency=members.get("currency", context.currency),
        orders=members.get("orders", orders_of(context.event_names)),
        since=members.maybe("since", datetime),
        deducted=context.deducted,
    )


FORM: Final = record(
    _checks,
    {
        "currency": Field(text(), "The site's when left out."),
        "orders": Field(EVENTS, "What the site calls an order."),
        "since": SINCE,
    },
)
"""How it stands in JSON."""


def _recent(given: Mapping[str, object], _context: Context) -> RecentEvents:
    return RecentEvents(max_rows=Members(given).get("max_rows", 20))


RECENT_FORM: Final = record(_recent, {"max_rows": ROWS})
"""How it stands in JSON."""
