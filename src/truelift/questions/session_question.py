"""What every question about sessions says, and how a bucket's events are cut into them.

Method:
    docs/methods/sessions.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, TypedDict

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from truelift.questions.dimensions import Placeholders
from truelift.questions.document import Json, epoch_ms
from truelift.questions.forms import Context, Field, whole, yes_or_no
from truelift.questions.matching import Events
from truelift.questions.members import AS_OF, COUNTED, EVENTS, SINCE, UNTIL, ZONE, Members
from truelift.questions.metric import Amount, AmountKind, Counted
from truelift.questions.period import (
    AT_MS,
    SESSION_MARGIN,
    between,
    earlier,
    later,
    period_obstacles,
)
from truelift.questions.question import Scan
from truelift.questions.session_tally import (
    HIGH,
    LOW,
    LOW_BITS,
    Coded,
    SessionRow,
    SessionTally,
    counted_together,
    tallied,
)
from truelift.questions.table import integers, small_integers
from truelift.questions.zone import is_zone
from truelift.sequences import compiled
from truelift.sequences.sessions import (
    ELSEWHERE,
    INACTIVITY_MS,
    LONGEST_MS,
    UNSAID,
    sessions,
)


ENGAGED_MS: Final = 10_000
ENGAGED_PAGES: Final = 2

PAGE: Final = 1
_KEY: Final = 2
_FROM: Final = 4
"""Bits of the column `kind`: a page's, a key event's, and one that says where it came from."""

PAGES: Final = Events(("page_view", "screen_view"))
KEY_EVENTS: Final = Events(("purchase",))

Integers = NDArray[np.int64]
Count = Integers | NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class SessionCut:
    """A bucket's events, cut into sessions, in the order of people and time.

    Attributes:
        first: The row of each session's first event.
        last: And of its last.
        person: Whose it is.
        begins: When it begins, in epoch milliseconds.
        asked: Whether it is one of those asked about.
        counts: What `SessionTally` adds up, by the name it has there.
    """

    first: Integers
    last: Integers
    person: NDArray[np.signedinteger]
    begins: Integers
    asked: NDArray[np.bool_]
    counts: Mapping[str, Count]

    def first_known(self, column: Coded) -> Integers:
        """Give the row of each session's first event that has a value there; -1 without one."""
        return self._nearest(column, self.first, "left")

    def last_known(self, column: Coded) -> Integers:
        """Give the row of each session's last event that has a value there; -1 without one."""
        return self._nearest(column, self.last, "right")

    def _nearest(self, column: Coded, place: Integers, side: str) -> Integers:
        found = place.copy()
        # Most sessions have a value in their very first or last event.
        missing = np.flatnonzero(column.code[place] == column.nothing)
        if len(missing):
            known = np.flatnonzero(column.code != column.nothing)
            if side == "left":
                at = np.searchsorted(known, place[missing], side="left")
                there = np.append(known, len(column.code))[at]
                found[missing] = np.where(there <= self.last[missing], there, -1)
            else:
                at = np.searchsorted(known, place[missing], side="right")
                there = np.insert(known, 0, -1)[at]
                found[missing] = np.where(there >= self.first[missing], there, -1)
        return found

    def tally(self, keys: Mapping[str, Coded]) -> pa.Table:
        """Count the sessions asked about, group by group."""
        if self.asked.all():
            return tallied(person=self.person, counts=self.counts, keys=keys)
        chosen = np.flatnonzero(self.asked)
        return tallied(
            person=self.person[chosen],
            counts={name: column[chosen] for name, column in self.counts.items()},
            keys={name: key.of(chosen) for name, key in keys.items()},
        )

    def whole(self) -> SessionTally:
        """Count all sessions asked about."""
        return counted_together(self.tally({}))


@dataclass(frozen=True, slots=True)
class SessionQuestion:
    """Sessions that begin in a period, and what counts in them.

    A session ends with more than 30 minutes without an event, and after 24 hours;
    midnight does not end one.

    Attributes:
        since: Sessions that begin before this are left out.
        until: And those that begin at or after this.
        time_zone: Of the site, for days.
        key_events: What makes a session count as converted.
        revenue: Whose money is added up, in minor units of one currency; None: nobody's.
        campaign_split: A new session begins, too, with an event that names another
            campaign than the session stands under.
        as_of: Sessions that may still go on at this instant are not bounced; None: all
            sessions are over.
    """

    since: datetime | None = None
    until: datetime | None = None
    time_zone: str = "UTC"
    key_events: Events = KEY_EVENTS
    revenue: Counted | None = None
    campaign_split: bool = False
    as_of: datetime | None = None

    def scan_of(
        self,
        texts: Mapping[str, str],
        values: Placeholders,
        *,
        before: timedelta = timedelta(),
    ) -> Scan:
        """Read every event: any of them keeps a session alive.

        Args:
            texts: Name → SQL of the columns of text that the question groups by.
            values: Holds their placeholders already.
            before: Sessions so long before the period are needed as well.
        """
        kind = f"{PAGES.sql(values)}::TINYINT + {_KEY} * {self.key_events.sql(values)}::TINYINT"
        columns = dict(texts)
        if self.campaign_split:
            kind += f" + {_FROM} * (channel IS NOT NULL)::TINYINT"
            columns["named"] = (
                "CASE WHEN nullif(campaign, '') IS NOT NULL"
                " THEN to_json([source, medium, campaign])::VARCHAR END"
            )
        amount = ""
        if self.revenue is not None and self.revenue.amount is not None:
            counts = self.revenue.events.sql(values)
            number = self.revenue.amount.sql(values)
            amount = f", CASE WHEN {counts} THEN ({number})::BIGINT END AS amount"
        since = earlier(self.since, SESSION_MARGIN + before)
        until = later(self.until, timedelta(milliseconds=LONGEST_MS + 1))
        # Simultaneous events have an order only where it tells: in what a session is
        # grouped by, and where one ends. A row of numbers alone sorts several times faster.
        tie = ", ".join(["", "position", "kind DESC", *columns]) if columns else ""
        given = "".join(f", {sql} AS {name}" for name, sql in columns.items())
        return Scan(
            sql=f"""
            SELECT person, at_ms, kind{"".join(f", {name}" for name in columns)}
                {", amount" if amount else ""}
            FROM (
                SELECT person, {AT_MS} AS at_ms, ({kind})::TINYINT AS kind, position{given}{amount}
                FROM events
                WHERE {between(since, until, values)}
            )
            ORDER BY person, at_ms{tie}
            """,
            parameters=values.values,
            since=since,
            until=until,
        )

    def marks(self) -> dict[str, int] | None:
        """Give what `kind` is by an event's name; None where a name does not tell it all."""
        if self.campaign_split or self.revenue is not None:
            return None
        if self.key_events.where or not self.key_events.names:
            return None
        kinds = [(PAGE, PAGES.names), (_KEY, self.key_events.names)]
        names = {name for _, found in kinds for name in found}
        return {name: sum(bit for bit, found in kinds if name in found) for name in names}

    def totals(self, rows: pa.Table) -> SessionTally:
        """Cut one bucket's events into sessions and count those asked about, all together."""
        if not compiled.IS_THERE or self.campaign_split or self.revenue is not None:
            return self.cut(rows).whole()
        found = compiled.session_totals(
            unit=small_integers(rows, "person"),
            at_ms=integers(rows, "at_ms"),
            kind=small_integers(rows, "kind"),
            inactivity_ms=INACTIVITY_MS,
            longest_ms=LONGEST_MS,
            since_ms=None if self.since is None else epoch_ms(self.since),
            until_ms=None if self.until is None else epoch_ms(self.until),
            engaged_ms=ENGAGED_MS,
            engaged_pages=ENGAGED_PAGES,
            as_of_ms=None if self.as_of is None else epoch_ms(self.as_of),
        )
        return SessionTally(
            sessions=found.sessions,
            people=found.units,
            events=found.events,
            pages=found.pages,
            engaged=found.engaged,
            immature=found.immature,
            key_sessions=found.key_sessions,
            conversions=found.conversions,
            duration_ms=found.duration_ms,
        )

    def cut(self, rows: pa.Table) -> SessionCut:
        """Cut one bucket's events into sessions and count what is in each."""
        person, at_ms = small_integers(rows, "person"), integers(rows, "at_ms")
        kind = small_integers(rows, "kind")
        campaign = self._campaigns(rows, kind) if self.campaign_split else None
        found = sessions(unit=person, at_ms=at_ms, kind=kind, campaign=campaign)
        first, pages, conversions = found.first, found.low, found.high
        last = np.append(first[1:], len(person)) - 1 if len(first) else first
        begins, ends = at_ms[first], at_ms[last]
        duration = ends - begins
        engaged = (duration >= ENGAGED_MS) | (pages >= ENGAGED_PAGES) | (conversions > 0)
        counts: dict[str, Count] = {
            "events": last - first + 1,
            "pages": pages,
            "engaged": engaged,
            "key_sessions": conversions > 0,
            "conversions": conversions,
            "duration_ms": duration,
        }
        if self.as_of is not None:
            now = epoch_ms(self.as_of)
            goes_on = (ends + INACTIVITY_MS >= now) & (begins + LONGEST_MS >= now)
            counts["immature"] = goes_on & ~engaged
        if self.revenue is not None:
            counts |= _money(rows, first)
        asked = np.ones(len(first), dtype=bool)
        if self.since is not None:
            asked &= begins >= epoch_ms(self.since)
        if self.until is not None:
            asked &= begins < epoch_ms(self.until)
        return SessionCut(
            first=first, last=last, person=person[first], begins=begins, asked=asked, counts=counts
        )

    def obstacles_of_sessions(self) -> list[str]:
        """Say what is wrong with it."""
        found = [*self.key_events.obstacles()]
        if self.revenue is not None:
            found += [f"revenue: {reason}" for reason in self.revenue.obstacles()]
            if self.revenue.amount is None or self.revenue.amount.kind is not AmountKind.MONEY:
                found.append("revenue is not money")
        if not is_zone(self.time_zone):
            found.append(f"{self.time_zone[:60]!r} is not a time zone")
        if self.as_of is not None and self.as_of.tzinfo is None:
            found.append("`as_of` has no time zone")
        return found

    def obstacles_of_period(self) -> list[str]:
        """Say what is wrong with its period."""
        return period_obstacles(self.since, self.until)

    @property
    def currency(self) -> str | None:
        """Whose minor units revenue is in; None without revenue."""
        amount = None if self.revenue is None else self.revenue.amount
        return None if amount is None else amount.currency

    def semantics(self) -> dict[str, Json]:
        """Say how sessions are cut and what counts in them."""
        found: dict[str, Json] = {
            "inactivity_s": INACTIVITY_MS // 1000,
            "longest_s": LONGEST_MS // 1000,
            "campaign_split": self.campaign_split,
            "engaged": "10 s, 2 pages or a key event",
            "key_events": self.key_events.title,
        }
        if self.revenue is not None:
            found["revenue"] = self.revenue.events.title
        return found

    def row(self, tally: SessionTally) -> dict[str, Json]:
        """Write what was counted, with money where it was asked for."""
        return tally.document(money=self.revenue is not None)

    def rows(self, names: Sequence[str], rows: Iterable[SessionRow]) -> list[Json]:
        """Write rows of groups.

        Args:
            names: What they are grouped by.
            rows: With a value of each.
        """
        found: list[Json] = []
        for row in rows:
            entry: dict[str, Json] = {"by": dict(zip(names, row.values, strict=True))}
            if row.others:
                entry["others"] = row.others
            found.append({**entry, **self.row(row.tally)})
        return found

    def _campaigns(self, rows: pa.Table, kind: NDArray[np.signedinteger]) -> Integers:
        named = Coded.column(rows, "named")
        without = np.where(kind & _FROM, ELSEWHERE, UNSAID)
        return np.where(named.code == named.nothing, without, named.code)


def _session(row: Integers, first: Integers) -> Integers:
    """Give the session in which a row lies."""
    found: Integers = np.searchsorted(first, row, side="right") - 1
    return found


def _money(rows: pa.Table, first: Integers) -> dict[str, Integers]:
    """Add up each session's money, in two halves: no sum of absurd amounts wraps round."""
    column = rows["amount"].combine_chunks()
    paid = np.flatnonzero(column.is_valid().to_numpy(zero_copy_only=False))
    amount = column.drop_null().cast(pa.int64()).to_numpy(zero_copy_only=False)
    session = _session(paid, first)
    high, low = np.zeros(len(first), dtype=np.int64), np.zeros(len(first), dtype=np.int64)
    np.add.at(high, session, amount >> LOW_BITS)
    np.add.at(low, session, amount & ((1 << LOW_BITS) - 1))
    return {HIGH: high, LOW: low}


SMALLEST: Final = Field(
    whole(least=1, most=1_000_000), "Groups of fewer people are put together; 1."
)
SESSION_FIELDS: Final[Mapping[str, Field[object]]] = {
    "key_events": Field(EVENTS, "What makes a session count as converted."),
    "revenue": Field(COUNTED, "Whose money is added up."),
    "campaign_split": Field(yes_or_no(), "Another named campaign begins a new session; no."),
    "time_zone": ZONE,
    "since": SINCE,
    "until": UNTIL,
    "as_of": replace(AS_OF, meaning="Sessions that may still go on then are not bounced; now."),
}
"""The members that every question about sessions has."""


class SessionMembers(TypedDict):
    """The same as what `SessionQuestion` is made of."""

    since: datetime | None
    until: datetime | None
    time_zone: str
    key_events: Events
    revenue: Counted | None
    campaign_split: bool
    as_of: datetime | None


def session_members(
    given: Mapping[str, object], context: Context, *, money: bool
) -> SessionMembers:
    """Take the members that every question about sessions has.

    Args:
        given: All of its members.
        context: Of the site.
        money: Whether the key events' money is added up where the document says nothing.
    """
    members = Members(given)
    usual = replace(KEY_EVENTS, names=context.called(KEY_EVENTS.names))
    key_events = members.get("key_events", usual)
    revenue = members.maybe("revenue", Counted)
    if revenue is None and money:
        revenue = Counted(key_events)
    if revenue is not None and revenue.amount is None:
        amount = Amount(AmountKind.MONEY, currency=context.currency, trusted=context.trusted)
        revenue = replace(revenue, amount=amount)
    return SessionMembers(
        since=members.maybe("since", datetime),
        until=members.maybe("until", datetime),
        time_zone=members.get("time_zone", context.time_zone),
        key_events=key_events,
        revenue=revenue,
        campaign_split=members.get("campaign_split", False),
        as_of=members.get("as_of", context.now),
    )
