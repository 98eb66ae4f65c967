"""Sessions: how many, how long, how many pages, how many of them engaged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from truelift.questions.dimensions import Placeholders, text_of
from truelift.questions.document import Json, epoch_ms
from truelift.questions.forms import Context, Field, record, text
from truelift.questions.matching import BadQuestion, Events, is_text
from truelift.questions.members import EVENTS, ROWS, SINCE, UNTIL, ZONE, Members
from truelift.questions.period import AT_MS, between, earlier, later, period_obstacles
from truelift.questions.question import Scan
from truelift.questions.table import codes, integers, small_integers
from truelift.questions.zone import is_zone
from truelift.sequences.sessions import LONGEST_MS, session_starts


ENGAGED_MS: Final = 10_000
ENGAGED_PAGES: Final = 2

_KEY: Final = 2
"""Bit of a key event in the column `kind`; 1 is a page's."""

PAGES: Final = Events(("page_view", "screen_view"))
KEY_EVENTS: Final = Events(("purchase",))

SESSION_MARGIN: Final = timedelta(days=2)
"""Sessions are cut from this long before the first start asked about: a session lasts a
day at most, so by then the cuts no longer depend on where reading began, but for people
who never pause."""


class Part(StrEnum):
    """What sessions can be grouped by besides dimensions and properties."""

    ENTRY_PAGE = "entry_page"
    EXIT_PAGE = "exit_page"
    DAY = "day"


@dataclass(frozen=True, slots=True)
class SessionTally:
    """What was counted over some sessions.

    Attributes:
        sessions: How many.
        people: Different people who had one.
        events: In them.
        pages: Page and screen views in them.
        engaged: Sessions of 10 s or longer, with 2 pages or with a key event.
        key_sessions: Sessions with a key event.
        duration_ms: From first to last event, added up.
    """

    sessions: int = 0
    people: int = 0
    events: int = 0
    pages: int = 0
    engaged: int = 0
    key_sessions: int = 0
    duration_ms: int = 0

    @property
    def bounced(self) -> int:
        """Sessions that did not engage."""
        return self.sessions - self.engaged

    def __add__(self, other: SessionTally) -> SessionTally:
        """Add the sessions of two buckets, whose people are different."""
        return SessionTally(
            sessions=self.sessions + other.sessions,
            people=self.people + other.people,
            events=self.events + other.events,
            pages=self.pages + other.pages,
            engaged=self.engaged + other.engaged,
            key_sessions=self.key_sessions + other.key_sessions,
            duration_ms=self.duration_ms + other.duration_ms,
        )

    def document(self) -> dict[str, Json]:
        """Write it as a row of the answer; a rate of nothing is null."""

        def each(number: float) -> float | None:
            return number / self.sessions if self.sessions else None

        return {
            "sessions": self.sessions,
            "people": self.people,
            "events": self.events,
            "pages": self.pages,
            "engaged": self.engaged,
            "bounced": self.bounced,
            "key_sessions": self.key_sessions,
            "pages_per_session": each(self.pages),
            "duration_s": each(self.duration_ms / 1000),
            "engagement_rate": each(self.engaged),
            "bounce_rate": each(self.bounced),
            "key_rate": each(self.key_sessions),
        }


Tallies = Mapping[str | None, SessionTally]


@dataclass(frozen=True, slots=True)
class SessionRow:
    """The sessions of one group.

    Attributes:
        value: What they are grouped by; None where a session had none.
        tally: What was counted.
        others: How many more values this row holds together; 0 for one value.
    """

    value: str | None
    tally: SessionTally
    others: int = 0


@dataclass(frozen=True, slots=True)
class SessionsAnswer:
    """Sessions, in groups when they were asked by something."""

    question: Sessions
    rows: tuple[SessionRow, ...]

    def document(self) -> dict[str, Json]:
        """Write it in the shape of `ask sessions --json`."""
        question = self.question
        rows: list[Json] = []
        for row in self.rows:
            entry: dict[str, Json] = {"by": {question.by: row.value} if question.by else {}}
            if row.others:
                entry["others"] = row.others
            rows.append({**entry, **row.tally.document()})
        semantics: dict[str, Json] = {
            "inactivity_s": 1800,
            "longest_s": 86_400,
            "engaged": "10 s, 2 pages or a key event",
            "key_events": question.key_events.title,
        }
        return {"question": question.name, "semantics": semantics, "rows": rows}


@dataclass(frozen=True, slots=True)
class Sessions:
    """The sessions that begin in a period.

    A session ends with more than 30 minutes without an event, and after 24 hours;
    midnight and a new campaign do not end one.

    Attributes:
        by: A dimension or property (the session's first event that has it), or one
            of `Part`; None for all together.
        since: Sessions that begin before this are left out.
        until: And those that begin at or after this.
        time_zone: Of the site, for days.
        key_events: What makes a session count as converted.
        max_rows: Smaller groups beyond this many are put together; days never are.
    """

    by: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    time_zone: str = "UTC"
    key_events: Events = KEY_EVENTS
    max_rows: int = 100

    def __post_init__(self) -> None:
        reasons = self._obstacles()
        if reasons:
            raise BadQuestion(question="question about sessions", reasons=reasons)

    @property
    def name(self) -> str:
        """The word after `truelift ask`."""
        return "sessions"

    def scan(self) -> Scan:
        """Read every event: any of them keeps a session alive."""
        values = Placeholders()
        is_page = PAGES.sql(values)
        match self.by:
            case None:
                grouped = "NULL::VARCHAR"
            case Part.ENTRY_PAGE | Part.EXIT_PAGE:
                grouped = f"CASE WHEN {is_page} THEN path END"
            case Part.DAY:
                local = f"timezone({values.add(self.time_zone)}, occurred_at)"
                grouped = f"strftime({local}, '%Y-%m-%d')"
            case name:
                grouped = text_of(name, values)
        since = earlier(self.since, SESSION_MARGIN)
        until = later(self.until, timedelta(milliseconds=LONGEST_MS + 1))
        # Simultaneous events have an order only where it tells: in what a session is
        # grouped by. A row of numbers alone sorts several times faster.
        tie = ", position, kind DESC, grouped" if self.by else ""
        return Scan(
            sql=f"""
            SELECT person, at_ms, kind{", grouped" if self.by else ""}
            FROM (
                SELECT
                    person,
                    {AT_MS} AS at_ms,
                    ({is_page}::TINYINT + 2 * {self.key_events.sql(values)}::TINYINT)::TINYINT
                        AS kind,
                    position,
                    {grouped} AS grouped
                FROM events
                WHERE {between(since, until, values)}
            )
            ORDER BY person, at_ms{tie}
            """,
            parameters=values.values,
            since=since,
            until=until,
        )

    def partial(self, rows: pa.Table) -> Tallies:
        """Cut one bucket's events into sessions and count them."""
        person, at_ms = integers(rows, "person"), integers(rows, "at_ms")
        first = session_starts(unit=person, at_ms=at_ms)
        if not len(first):
            return {}
        last = np.append(first[1:], len(person)) - 1
        duration = at_ms[last] - at_ms[first]
        kind = small_integers(rows, "kind")
        pages = np.add.reduceat(kind & 1, first, dtype=np.int64)
        key = np.bitwise_or.reduceat(kind, first) >= _KEY
        engaged = (duration >= ENGAGED_MS) | (pages >= ENGAGED_PAGES) | key
        grouped, titles = self._groups(rows, first)
        begins = at_ms[first]
        kept = np.ones(len(first), dtype=bool)
        if self.since is not None:
            kept &= begins >= epoch_ms(self.since)
        if self.until is not None:
            kept &= begins < epoch_ms(self.until)
        groups = len(titles)
        code = grouped[kept]

        def added(column: NDArray[np.int64] | NDArray[np.bool_]) -> list[int]:
            total = np.zeros(groups, dtype=np.int64)
            np.add.at(total, code, column[kept].astype(np.int64))
            return [int(number) for number in total]

        # Sessions stand in the order of people; a stable sort by group keeps that order
        # within a group, so that a person's sessions there lie next to each other.
        order = np.argsort(code, kind="stable")
        pairs = np.stack([code[order], person[first][kept][order]])
        is_new = np.ones(len(order), dtype=bool)
        is_new[1:] = (pairs[:, 1:] != pairs[:, :-1]).any(axis=0)
        people = np.bincount(pairs[0][is_new], minlength=groups)
        tallies = zip(
            added(np.ones(len(first), dtype=np.int64)),
            [int(number) for number in people],
            added(last - first + 1),
            added(pages),
            added(engaged),
            added(key),
            added(duration),
            strict=True,
        )
        found = zip(titles, (SessionTally(*tally) for tally in tallies), strict=True)
        return {title: tally for title, tally in found if tally.sessions}

    def merge(self, left: Tallies, right: Tallies) -> Tallies:
        """Add the groups of two buckets."""
        titles = {**left, **right}
        nothing = SessionTally()
        return {t: left.get(t, nothing) + right.get(t, nothing) for t in titles}

    def answer(self, partial: Tallies) -> SessionsAnswer:
        """Put days in order, other groups by size."""
        if not self.by:
            return SessionsAnswer(self, (SessionRow(None, partial.get(None, SessionTally())),))
        if self.by == Part.DAY:
            days = sorted(partial, key=lambda day: day or "")
            return SessionsAnswer(self, tuple(SessionRow(day, partial[day]) for day in days))
        ranked = sorted(
            partial.items(), key=lambda item: (-item[1].sessions, item[0] is None, item[0] or "")
        )
        rows = [SessionRow(value, tally) for value, tally in ranked[: self.max_rows]]
        rest = ranked[self.max_rows :]
        if rest:
            together = sum((tally for _, tally in rest), SessionTally())
            rows.append(SessionRow(None, together, others=len(rest)))
        return SessionsAnswer(self, tuple(rows))

    def _groups(
        self, rows: pa.Table, first: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], list[str | None]]:
        """Give every session's group: its first event that has one, for exits its last."""
        if not self.by:
            return np.zeros(len(first), dtype=np.int64), [None]
        code, titles = codes(rows, "grouped")
        nothing = len(titles) - 1
        places = np.arange(len(code))
        if self.by == Part.EXIT_PAGE:
            place = np.maximum.reduceat(np.where(code == nothing, -1, places), first)
            known = place >= 0
        else:
            place = np.minimum.reduceat(np.where(code == nothing, len(code), places), first)
            known = place < len(code)
        return np.where(known, code[np.where(known, place, 0)], nothing), titles

    def _obstacles(self) -> list[str]:
        found = [*self.key_events.obstacles()]
        if self.by is not None and not (self.by and is_text(self.by)):
            found.append("what they are grouped by is not a name")
        if not is_zone(self.time_zone):
            found.append(f"{self.time_zone[:60]!r} is not a time zone")
        if self.max_rows < 1:
            found.append("it shows no row")
        return found + period_obstacles(self.since, self.until)


def _sessions(given: Mapping[str, object], context: Context) -> Sessions:
    members = Members(given)
    return Sessions(
        by=members.maybe("by", str),
        since=members.maybe("since", datetime),
        until=members.maybe("until", datetime),
        time_zone=members.get("time_zone", context.time_zone),
        key_events=members.get("key_events", KEY_EVENTS),
        max_rows=members.get("max_rows", 100),
    )


FORM: Final = record(
    _sessions,
    {
        "by": Field(text(), "Dimension, property, entry_page, exit_page or day."),
        "key_events": Field(EVENTS, "What makes a session count as converted."),
        "time_zone": ZONE,
        "since": SINCE,
        "until": UNTIL,
        "max_rows": ROWS,
    },
)
"""How it stands in JSON."""
