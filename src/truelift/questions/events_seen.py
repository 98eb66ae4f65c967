"""Which events a site has, for choosing among them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import pyarrow as pa

from truelift.questions.dimensions import Placeholders
from truelift.questions.document import Json, instant
from truelift.questions.forms import Context, record
from truelift.questions.matching import BadQuestion
from truelift.questions.members import ROWS, SINCE, UNTIL, Members
from truelift.questions.period import AT_MS, between, period_obstacles
from truelift.questions.question import Scan
from truelift.questions.table import integers


MOST_NAMES: Final = 5_000
"""Read from a bucket at most; a site that puts ids into names has no list to choose from."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Occurrence:
    """How often an event occurs.

    Attributes:
        count: Events.
        people: Different people.
        last_ms: When it last occurred, in epoch milliseconds.
    """

    count: int
    people: int
    last_ms: int

    def __add__(self, other: Occurrence) -> Occurrence:
        """Add the occurrences of two buckets, whose people are different."""
        return Occurrence(
            count=self.count + other.count,
            people=self.people + other.people,
            last_ms=max(self.last_ms, other.last_ms),
        )


@dataclass(frozen=True, slots=True)
class EventSeen:
    """One name of the answer."""

    event: str
    count: int
    people: int
    last_at: datetime


@dataclass(frozen=True, slots=True)
class EventsSeenAnswer:
    """The names, the most frequent first."""

    question: EventsSeen
    rows: tuple[EventSeen, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Only the names, the most frequent first."""
        return tuple(row.event for row in self.rows)

    def document(self) -> dict[str, Json]:
        """Write it in the shape of `ask events --json`."""
        return {
            "question": self.question.name,
            "rows": [
                {
                    "event": row.event,
                    "count": row.count,
                    "people": row.people,
                    "last_at": instant(row.last_at),
                }
                for row in self.rows
            ],
        }


Occurrences = Mapping[str, Occurrence]


@dataclass(frozen=True, slots=True)
class EventsSeen:
    """The names of a site's events, with how often and when last.

    Attributes:
        since: No event before this.
        until: No event at or after this.
        max_rows: Names in the answer.
    """

    since: datetime | None = None
    until: datetime | None = None
    max_rows: int = 500

    def __post_init__(self) -> None:
        reasons = period_obstacles(self.since, self.until)
        if reasons:
            raise BadQuestion(question="list of events", reasons=reasons)

    @property
    def name(self) -> str:
        """The word after `truelift ask`."""
        return "events"

    def scan(self) -> Scan:
        """Read one row per name."""
        values = Placeholders()
        return Scan(
            sql=f"""
            SELECT
                event,
                count(*) AS count,
                count(DISTINCT person) AS people,
                max({AT_MS}) AS last_ms
            FROM events
            WHERE event IS NOT NULL AND {between(self.since, self.until, values)}
            GROUP BY event
            ORDER BY count DESC, event
            LIMIT {MOST_NAMES}
            """,
            parameters=values.values,
            since=self.since,
            until=self.until,
        )

    def partial(self, rows: pa.Table) -> Occurrences:
        """Take one bucket's names."""
        columns = zip(
            rows["event"].to_pylist(),
            integers(rows, "count").tolist(),
            integers(rows, "people").tolist(),
            integers(rows, "last_ms").tolist(),
            strict=True,
        )
        return {name: Occurrence(*found) for name, *found in columns}

    def merge(self, left: Occurrences, right: Occurrences) -> Occurrences:
        """Add the names of two buckets."""
        merged = dict(left)
        for name, found in right.items():
            merged[name] = merged[name] + found if name in merged else found
        return merged

    def answer(self, partial: Occurrences) -> EventsSeenAnswer:
        """Put the most frequent first."""
        ranked = sorted(partial.items(), key=lambda item: (-item[1].count, item[0]))
        return EventsSeenAnswer(
            question=self,
            rows=tuple(
                EventSeen(
                    event=name,
                    count=found.count,
                    people=found.people,
                    last_at=_EPOCH + timedelta(milliseconds=found.last_ms),
                )
                for name, found in ranked[: self.max_rows]
            ),
        )


def _events_seen(given: Mapping[str, object], _context: Context) -> EventsSeen:
    members = Members(given)
    return EventsSeen(
        since=members.maybe("since", datetime),
        until=members.maybe("until", datetime),
        max_rows=members.get("max_rows", 500),
    )


FORM: Final = record(_events_seen, {"since": SINCE, "until": UNTIL, "max_rows": ROWS})
"""How it stands in JSON."""
